"""Networks: layers and what flows back through them."""

from derive.formulas import Formula, Sum, arrays, binary, dims, indices, log, relu, scalars, sigmoid

d, h = dims("d h")
i, j = indices(i=h, j=d)
x, W1, b1, W2, z1, a1 = arrays(x=d, W1=(h, d), b1=h, W2=h, z1=h, a1=h)
y, b2, z2, yhat, L = scalars("y b2 z2 yhat L")

mlp_sigmoid = Formula(
    "Two-layer network, sigmoid units, binary cross-entropy",
    given=[x, binary(y), W1, b1, W2, b2],
    let={
        z1[i]: Sum(W1[i, j] * x[j], j) + b1[i],
        a1[i]: sigmoid(z1[i]),
        z2: Sum(W2[i] * a1[i], i) + b2,
        yhat: sigmoid(z2),
        L: -(y * log(yhat) + (1 - y) * log(1 - yhat)),
    },
    wrt=[W1, b1, W2, b2, x],
    claims={
        z2: "yhat - y",
        W2: "(yhat - y) * a1",
        b2: "yhat - y",
        a1: "(yhat - y) * W2",
        z1: "(yhat - y) * W2 * a1 * (1 - a1)",
        W1: "outer((yhat - y) * W2 * a1 * (1 - a1), x)",
        b1: "(yhat - y) * W2 * a1 * (1 - a1)",
        x: "W1.T @ ((yhat - y) * W2 * a1 * (1 - a1))",
    },
    aliases=("two_layer_mlp",),
    source="Rumelhart, Hinton and Williams, Learning representations by back-propagating errors (1986)",
    tags=("network", "backpropagation"),
    explanation="The smallest network that shows backpropagation: an error at the output, handed back layer by layer.",
)

mlp_relu = Formula(
    "Two-layer network, rectified units, binary cross-entropy",
    given=[x, binary(y), W1, b1, W2, b2],
    let={
        z1[i]: Sum(W1[i, j] * x[j], j) + b1[i],
        a1[i]: relu(z1[i]),
        z2: Sum(W2[i] * a1[i], i) + b2,
        yhat: sigmoid(z2),
        L: -(y * log(yhat) + (1 - y) * log(1 - yhat)),
    },
    wrt=[W1, b1, W2, b2, x],
    claims={
        z2: "yhat - y",
        W2: "(yhat - y) * a1",
        b2: "yhat - y",
        z1: "(yhat - y) * W2 * (z1 > 0)",
        W1: "outer((yhat - y) * W2 * (z1 > 0), x)",
        b1: "(yhat - y) * W2 * (z1 > 0)",
        x: "W1.T @ ((yhat - y) * W2 * (z1 > 0))",
    },
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.5",
    tags=("network", "backpropagation", "kink"),
    explanation="A network whose hidden units pass the error on where they are active and stop it elsewhere.",
)
