"""Networks: layers, cells, attention, and what flows back through them."""

from derive.formulas import (
    Delta,
    Example,
    Formula,
    Maximum,
    Sum,
    arrays,
    binary,
    count,
    dims,
    erf,
    exp,
    greater_equal,
    index_into,
    indices,
    log,
    nonnegative,
    pi,
    positive,
    relu,
    scalars,
    sigmoid,
    simplex,
    sin,
    sqrt,
    tanh,
    unit,
)
from derive.formulas import cos as cosine

d, h, k, m, n, v, p, q, o, c = dims("d h k m n v p q o c")
i, j, l, r, s, t, u, e, b, g = indices(i=h, j=d, l=d, r=k, s=k, t=m, u=m, e=n, b=n, g=h)
x, W1, b1, W2, z1, a1 = arrays(x=d, W1=(h, d), b1=h, W2=h, z1=h, a1=h)
y, b2, z2, yhat, L, a, z, w0 = scalars("y b2 z2 yhat L a z w")

GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning (2016)"

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

w = arrays(w=d)[0]
b0 = scalars("b")[0]
neuron = Formula(
    "Artificial neuron",
    given=[x, w, b0],
    let={z: Sum(w[j] * x[j], j) + b0, a: sigmoid(z)},
    wrt=[x, w, b0],
    claims={x: "a * (1 - a) * w", w: "a * (1 - a) * x", b0: "a * (1 - a)"},
    aliases=("perceptron_sigmoid", "artificial_neuron"),
    source=f"{GOODFELLOW}, section 6.2",
    tags=("layer",),
    explanation="A weighted sum, squashed.",
)

W, bh, zh, ah = arrays(W=(h, d), b=h, z=h, a=h)
linear_layer = Formula(
    "Linear layer",
    given=[x, W, bh],
    let={zh[i]: Sum(W[i, j] * x[j], j) + bh[i]},
    wrt=[x, W, bh],
    claims={x: "W", W: "J[i, k, l] = delta(i, k) * x[l]", bh: "eye(h)"},
    aliases=("dense", "affine", "fully_connected"),
    source=f"{GOODFELLOW}, section 6.1",
    tags=("layer",),
    explanation="Every output is a weighted sum of all inputs plus a constant.",
    worked=[
        Example(([5.9, 160, 25], [[0.5, 0.3, 0.2]], [0]), [55.95]),
    ],
)

Wr, br, zr = arrays(W=(d, h), b=h, z=h)
linear_layer_row = Formula(
    "Linear layer for row vectors",
    given=[x, Wr, br],
    let={zr[i]: Sum(x[j] * Wr[j, i], j) + br[i]},
    wrt=[x, Wr, br],
    claims={x: "W.T", Wr: "J[j, k, l] = delta(j, l) * x[k]", br: "eye(h)"},
    aliases=("dense_row",),
    source=f"{GOODFELLOW}, section 6.1",
    tags=("layer",),
    explanation="The same layer for people who write samples as rows.",
)

X, Z = arrays(X=(n, d), Z=(n, h))
linear_layer_batch = Formula(
    "Linear layer for a batch",
    given=[X, W, bh],
    let={Z[e, i]: Sum(X[e, j] * W[i, j], j) + bh[i]},
    wrt=[X, W, bh],
    claims={W: "J[a, i, k, l] = delta(i, k) * X[a, l]"},
    aliases=("dense_batch",),
    source=f"{GOODFELLOW}, section 6.5.4",
    tags=("layer", "batch"),
    explanation="One sample in each row, the same weights for all.",
)

dense_sigmoid = Formula(
    "Layer of sigmoid units",
    given=[x, W, bh],
    let={zh[i]: Sum(W[i, j] * x[j], j) + bh[i], ah[i]: sigmoid(zh[i])},
    wrt=[x, W, bh],
    claims={x: "diag(a * (1 - a)) @ W", bh: "diag(a * (1 - a))"},
    aliases=("sigmoid_layer",),
    source=f"{GOODFELLOW}, section 6.3.2",
    tags=("layer",),
    explanation="A linear layer and a sigmoid for each of its outputs.",
)

mlp_forward = Formula(
    "Prediction of a two-layer network",
    given=[x, W1, b1, W2, b2],
    let={
        z1[i]: Sum(W1[i, j] * x[j], j) + b1[i],
        a1[i]: sigmoid(z1[i]),
        z2: Sum(W2[i] * a1[i], i) + b2,
        yhat: sigmoid(z2),
    },
    wrt=[x, W1, b1, W2, b2],
    claims={W2: "yhat * (1 - yhat) * a1", b2: "yhat * (1 - yhat)"},
    aliases=("mlp_predict",),
    source=f"{GOODFELLOW}, section 6.1",
    tags=("network",),
    explanation="A probability from two layers of sums and sigmoids.",
)

Wk, bk, zk, cls = arrays(W2=(k, h), b2=k, z2=k, c=())
cls = scalars("c")[0]
mlp_softmax = Formula(
    "Two-layer network for several classes",
    given=[x, index_into(k)(cls), W1, b1, Wk, bk],
    let={
        z1[i]: Sum(W1[i, j] * x[j], j) + b1[i],
        a1[i]: tanh(z1[i]),
        zk[r]: Sum(Wk[r, i] * a1[i], i) + bk[r],
        L: log(Sum(exp(zk[s]), s)) - zk[cls],
    },
    wrt=[W1, b1, Wk, bk, x],
    claims={},
    source=f"{GOODFELLOW}, section 6.2.2.3",
    tags=("network", "backpropagation", "classification"),
    explanation="Hidden units feed a softmax, and its error flows back to them.",
)

yn, Zn, An, zn, pn = arrays(y=n, Z=(n, h), A=(n, h), z=n, p=n)
mlp_batch = Formula(
    "Two-layer network on a batch",
    given=[X, binary(yn), W1, b1, W2, b2],
    let={
        Zn[e, i]: Sum(W1[i, j] * X[e, j], j) + b1[i],
        An[e, i]: sigmoid(Zn[e, i]),
        zn[e]: Sum(W2[i] * An[e, i], i) + b2,
        pn[e]: sigmoid(zn[e]),
        L: -Sum(yn[e] * log(pn[e]) + (1 - yn[e]) * log(1 - pn[e]), e) / n,
    },
    wrt=[W1, b1, W2, b2],
    claims={W2: "A.T @ (p - y) / n", b2: "sum(p - y) / n"},
    source=f"{GOODFELLOW}, section 6.5.4",
    tags=("network", "backpropagation", "batch"),
    explanation="The same error signal for every sample, averaged.",
)

mlp_regression = Formula(
    "Two-layer network for a number",
    given=[x, y, W1, b1, W2, b2],
    let={
        a1[i]: tanh(Sum(W1[i, j] * x[j], j) + b1[i]),
        yhat: Sum(W2[i] * a1[i], i) + b2,
        L: (yhat - y) ** 2,
    },
    wrt=[W1, b1, W2, b2, x],
    claims={
        W2: "2 * (yhat - y) * a1",
        b2: "2 * (yhat - y)",
        W1: "outer(2 * (yhat - y) * W2 * (1 - a1**2), x)",
        b1: "2 * (yhat - y) * W2 * (1 - a1**2)",
    },
    source="Bishop, Pattern Recognition and Machine Learning (2006), section 5.3.2",
    tags=("network", "backpropagation", "regression"),
    explanation="Hidden hyperbolic tangents and a linear output.",
)

V2, c2, a2, V3, c3, a3, V4 = arrays(W2=(k, h), b2=k, a2=k, W3=(m, k), b3=m, a3=m, W4=m)
b4 = scalars("b4")[0]
deep_mlp = Formula(
    "Network of four layers",
    given=[x, y, W1, b1, V2, c2, V3, c3, V4, b4],
    let={
        a1[i]: tanh(Sum(W1[i, j] * x[j], j) + b1[i]),
        a2[r]: tanh(Sum(V2[r, i] * a1[i], i) + c2[r]),
        a3[t]: tanh(Sum(V3[t, r] * a2[r], r) + c3[t]),
        yhat: Sum(V4[t] * a3[t], t) + b4,
        L: (yhat - y) ** 2 / 2,
    },
    wrt=[W1, b1, V2, c2, V3, c3, V4, b4, x],
    claims={V4: "(yhat - y) * a3", b4: "yhat - y", c3: "(yhat - y) * W4 * (1 - a3**2)"},
    source=f"{GOODFELLOW}, algorithm 6.4",
    tags=("network", "backpropagation"),
    explanation="An error at the output and the same step back, layer after layer.",
)

D2, d2, xhat, rd = arrays(W2=(d, h), b2=d, xhat=d, r=d)
autoencoder = Formula(
    "Autoencoder",
    given=[x, W1, b1, D2, d2],
    let={
        ah[i]: sigmoid(Sum(W1[i, j] * x[j], j) + b1[i]),
        xhat[l]: Sum(D2[l, i] * ah[i], i) + d2[l],
        L: Sum((xhat[l] - x[l]) ** 2, l),
    },
    wrt=[W1, b1, D2, d2, x],
    claims={D2: "outer(2 * (xhat - x), a)", d2: "2 * (xhat - x)"},
    aliases=("encoder_decoder",),
    source=f"{GOODFELLOW}, section 14.1",
    tags=("network", "dimension reduction"),
    explanation="A network that has to give back its input through a narrow middle.",
)

yd = arrays(y=d)[0]
residual_block = Formula(
    "Residual block",
    given=[x, W1, b1, D2, d2],
    let={
        ah[i]: relu(Sum(W1[i, j] * x[j], j) + b1[i]),
        yd[l]: x[l] + Sum(D2[l, i] * ah[i], i) + d2[l],
    },
    wrt=[x, W1, b1, D2, d2],
    claims={d2: "eye(d)"},
    aliases=("skip_connection",),
    source="He, Zhang, Ren and Sun, Deep residual learning for image recognition (2016), eq. 1",
    tags=("layer",),
    explanation="The input passes by, and a small network adds a correction.",
)

feed_forward_gelu = Formula(
    "Feed-forward block of a transformer",
    given=[x, W1, b1, D2, d2],
    let={
        zh[i]: Sum(W1[i, j] * x[j], j) + b1[i],
        ah[i]: zh[i] * (1 + erf(zh[i] / sqrt(2))) / 2,
        yd[l]: Sum(D2[l, i] * ah[i], i) + d2[l],
    },
    wrt=[x, W1, b1, D2, d2],
    claims={d2: "eye(d)"},
    aliases=("transformer_ffn",),
    source="Vaswani et al., Attention is all you need (2017), section 3.3",
    tags=("layer", "transformer"),
    explanation="Two linear layers with a smooth rectifier between them, for each position on its own.",
)

Vg, yh, uh = arrays(V=(h, d), y=h, u=h)
swiglu_layer = Formula(
    "Gated linear layer with a swish gate",
    given=[x, W, Vg],
    let={
        zh[i]: Sum(W[i, j] * x[j], j),
        uh[i]: Sum(Vg[i, j] * x[j], j),
        yh[i]: zh[i] * sigmoid(zh[i]) * uh[i],
    },
    wrt=[x, W, Vg],
    claims={"x": "diag(y * (1 - sigmoid(z)) + u * sigmoid(z)) @ W + diag(z * sigmoid(z)) @ V"},
    source="Shazeer, GLU variants improve transformer (2020), eq. 5",
    tags=("layer", "transformer"),
    explanation="One linear layer decides how much of the other passes.",
)

omega = scalars("omega")[0]
siren_layer = Formula(
    "Layer of sine units",
    given=[x, W, bh, omega],
    let={zh[i]: Sum(W[i, j] * x[j], j) + bh[i], yh[i]: sin(omega * zh[i])},
    wrt=[x, W, bh],
    claims={x: "omega * diag(cos(omega * z)) @ W", bh: "omega * diag(cos(omega * z))"},
    aliases=("sine_activation_layer",),
    source="Sitzmann et al., Implicit neural representations with periodic activation functions (2020), eq. 4",
    tags=("layer",),
    explanation="Waves of a linear layer, for signals with fine detail.",
)

mask = arrays(mask=d)[0]
p0 = scalars("p")[0]
dropout = Formula(
    "Dropout",
    given=[x, binary(mask), unit(p0)],
    let={yd[l]: mask[l] * x[l] / (1 - p0)},
    wrt=[x],
    claims={x: "diag(mask / (1 - p))"},
    aliases=("inverted_dropout",),
    source="Srivastava et al., Dropout (2014), section 10",
    tags=("layer", "regularisation"),
    explanation="Switches units off at random and makes up for it by scaling the others.",
)

E, cn, Yn = arrays(E=(v, d), c=n, Y=(n, d))
embedding_lookup = Formula(
    "Embedding lookup",
    given=[E, index_into(v)(cn)],
    let={Yn[e, j]: E[cn[e], j]},
    wrt=[E],
    claims={},
    aliases=("embedding",),
    source="Mikolov et al., Efficient estimation of word representations in vector space (2013)",
    tags=("layer", "embedding"),
    explanation="Each number picks its row of a table; only those rows learn.",
)

yp = arrays(y=d)[0]
mean_pooling = Formula(
    "Mean pooling",
    given=[X],
    let={yp[j]: Sum(X[e, j], e) / n},
    wrt=[X],
    claims={},
    aliases=("global_average_pooling",),
    source="Lin, Chen and Yan, Network in network (2014), section 3.2",
    tags=("layer",),
    explanation="The average over all positions.",
)

xs = arrays(x=n)[0]
ymax = scalars("y")[0]
max_pool = Formula(
    "Max pooling",
    given=[xs],
    let={ymax: Maximum(xs[e], e)},
    wrt=[xs],
    claims={xs: "x == y"},
    aliases=("global_max_pooling",),
    source=f"{GOODFELLOW}, section 9.3",
    tags=("layer", "kink"),
    explanation="The strongest response, wherever it is.",
)

kernel = arrays(w=m)[0]
window = indices(i=n - m + 1)[0]
yw = arrays(y=n - m + 1)[0]
conv1d = Formula(
    "Convolution in one dimension",
    given=[xs, kernel],
    let={yw[window]: Sum(kernel[t] * xs[window + t], t)},
    wrt=[xs, kernel],
    claims={kernel: "J[i, k] = x[i + k]"},
    aliases=("cross_correlation_1d",),
    source=f"{GOODFELLOW}, eq. 9.6",
    tags=("layer", "convolution"),
    explanation="The same weights slide along the signal.",
)

image, K2 = arrays(X=(n, m), K=(p, q))
iy, jx, ka, kb = indices(i=n - p + 1, j=m - q + 1, a=p, b=q)
Yc = arrays(Y=(n - p + 1, m - q + 1))[0]
conv2d = Formula(
    "Convolution in two dimensions",
    given=[image, K2],
    let={Yc[iy, jx]: Sum(K2[ka, kb] * image[iy + ka, jx + kb], ka, kb)},
    wrt=[image, K2],
    claims={K2: "J[i, j, k, l] = X[i + k, j + l]"},
    aliases=("cross_correlation_2d",),
    source=f"{GOODFELLOW}, eq. 9.6",
    tags=("layer", "convolution"),
    explanation="A small pattern slides over an image.",
)

planes, Kc, bo = arrays(X=(c, n, m), K=(o, c, p, q), b=o)
out, channel = indices(o=o, c=c)
out, channel = indices(r=o, s=c)
Yo = arrays(Y=(o, n - p + 1, m - q + 1))[0]
conv2d_channels = Formula(
    "Convolution with channels",
    given=[planes, Kc, bo],
    let={Yo[out, iy, jx]: Sum(Kc[out, channel, ka, kb] * planes[channel, iy + ka, jx + kb], channel, ka, kb) + bo[out]},
    wrt=[planes, Kc, bo],
    claims={},
    source=f"{GOODFELLOW}, eq. 9.7",
    tags=("layer", "convolution"),
    explanation="Every output plane looks at all input planes.",
)

Qm, Km, Vm, S, A, O = arrays(Q=(n, d), K=(m, d), V=(m, v), S=(n, m), A=(n, m), O=(n, v))
col = indices(r=v)[0]
attention_weights = Formula(
    "Attention weights",
    given=[Qm, Km],
    let={
        S[e, t]: Sum(Qm[e, j] * Km[t, j], j) / sqrt(d),
        A[e, t]: exp(S[e, t]) / Sum(exp(S[e, u]), u),
    },
    wrt=[Qm, Km],
    claims={},
    source="Vaswani et al., Attention is all you need (2017), eq. 1",
    tags=("attention", "transformer"),
    explanation="Each query spreads one unit of attention over all keys.",
)

attention = Formula(
    "Attention",
    given=[Qm, Km, Vm],
    let={
        S[e, t]: Sum(Qm[e, j] * Km[t, j], j) / sqrt(d),
        A[e, t]: exp(S[e, t]) / Sum(exp(S[e, u]), u),
        O[e, col]: Sum(A[e, t] * Vm[t, col], t),
    },
    wrt=[Qm, Km, Vm],
    claims={Vm: "J[i, r, j, l] = A[i, j] * delta(r, l)"},
    aliases=("scaled_dot_product_attention",),
    source="Vaswani et al., Attention is all you need (2017), eq. 1",
    tags=("attention", "transformer"),
    explanation="A weighted mean of values, with weights that say how well query and key agree.",
)

Kn, Vn, Sn, Anm, On = arrays(K=(n, d), V=(n, v), S=(n, n), A=(n, n), O=(n, v))
causal_attention = Formula(
    "Attention to the past only",
    given=[Qm, Kn, Vn],
    let={
        Sn[e, b]: Sum(Qm[e, j] * Kn[b, j], j) / sqrt(d),
        Anm[e, b]: greater_equal(e, b)
        * exp(Sn[e, b])
        / Sum(greater_equal(e, indices(l=n)[0]) * exp(Sn[e, indices(l=n)[0]]), indices(l=n)[0]),
        On[e, col]: Sum(Anm[e, b] * Vn[b, col], b),
    },
    wrt=[Qm, Kn, Vn],
    claims={},
    aliases=("masked_attention",),
    source="Vaswani et al., Attention is all you need (2017), section 3.2.3",
    tags=("attention", "transformer"),
    explanation="No position sees what comes after it.",
)

Wq, Wkk, Wv, Qs, Ks, Vs, As, Os = arrays(
    Wq=(d, k), Wk=(d, k), Wv=(d, v), Q=(n, k), K=(n, k), V=(n, v), A=(n, n), O=(n, v)
)
self_attention = Formula(
    "Self-attention",
    given=[X, Wq, Wkk, Wv],
    let={
        Qs[e, r]: Sum(X[e, j] * Wq[j, r], j),
        Ks[e, r]: Sum(X[e, j] * Wkk[j, r], j),
        Vs[e, col]: Sum(X[e, j] * Wv[j, col], j),
        Sn[e, b]: Sum(Qs[e, r] * Ks[b, r], r) / sqrt(k),
        As[e, b]: exp(Sn[e, b]) / Sum(exp(Sn[e, indices(l=n)[0]]), indices(l=n)[0]),
        Os[e, col]: Sum(As[e, b] * Vs[b, col], b),
    },
    wrt=[X, Wq, Wkk, Wv],
    claims={},
    source="Vaswani et al., Attention is all you need (2017), section 3.2",
    tags=("attention", "transformer"),
    explanation="Queries, keys and values all come from the same sequence.",
)

gamma, beta, xh = arrays(gamma=d, beta=d, xh=d)
mean, var, eps, q0 = scalars("mean var eps q")
layer_norm = Formula(
    "Layer normalisation",
    given=[x, gamma, beta, positive(eps)],
    let={
        mean: Sum(x[j], j) / d,
        var: Sum((x[j] - mean) ** 2, j) / d,
        xh[l]: (x[l] - mean) / sqrt(var + eps),
        yd[l]: gamma[l] * xh[l] + beta[l],
    },
    wrt=[x, gamma, beta],
    claims={gamma: "diag(xh)", beta: "eye(d)"},
    source="Ba, Kiros and Hinton, Layer normalization (2016), eq. 3",
    tags=("normalisation", "transformer"),
    explanation="Each sample is shifted to mean zero and scaled to spread one, then stretched as was learned.",
)

rms_norm = Formula(
    "Root-mean-square normalisation",
    given=[x, gamma, positive(eps)],
    let={q0: Sum(x[j] ** 2, j) / d + eps, yd[l]: gamma[l] * x[l] / sqrt(q0)},
    wrt=[x, gamma],
    claims={gamma: "diag(x) / sqrt(q)"},
    source="Zhang and Sennrich, Root mean square layer normalization (2019), eq. 4",
    tags=("normalisation", "transformer"),
    explanation="Layer normalisation without the shift.",
)

mj, vj, Xh, Yb = arrays(mean=d, var=d, Xh=(n, d), Y=(n, d))
batch_norm = Formula(
    "Batch normalisation",
    given=[X, gamma, beta, positive(eps)],
    let={
        mj[j]: Sum(X[e, j], e) / n,
        vj[j]: Sum((X[e, j] - mj[j]) ** 2, e) / n,
        Xh[e, j]: (X[e, j] - mj[j]) / sqrt(vj[j] + eps),
        Yb[e, j]: gamma[j] * Xh[e, j] + beta[j],
    },
    wrt=[X, gamma, beta],
    claims={},
    source="Ioffe and Szegedy, Batch normalization (2015), algorithm 1",
    tags=("normalisation", "batch"),
    explanation="Each feature is normalised over the batch.",
)

hk, Uk, Wkd, bkk, h2 = arrays(h=k, U=(k, k), W=(k, d), b=k, h2=k)
rnn_cell = Formula(
    "Recurrent cell",
    given=[x, hk, Wkd, Uk, bkk],
    let={h2[r]: tanh(Sum(Wkd[r, j] * x[j], j) + Sum(Uk[r, s] * hk[s], s) + bkk[r])},
    wrt=[x, hk, Wkd, Uk, bkk],
    claims={x: "diag(1 - h2**2) @ W", hk: "diag(1 - h2**2) @ U", bkk: "diag(1 - h2**2)"},
    aliases=("elman_cell",),
    source="Elman, Finding structure in time (1990)",
    tags=("recurrent",),
    explanation="The new state is a squashed mixture of the input and the old state.",
)

Xt = arrays(X=(3, d))[0]
states = arrays(s1=k, s2=k, s3=k)


def _next(before, at):
    return tanh(Sum(Wkd[r, j] * Xt[at, j], j) + Sum(Uk[r, s] * before[s], s) + bkk[r])


rnn_unrolled = Formula(
    "Recurrent network over three steps",
    given=[Xt, hk, Wkd, Uk, bkk],
    let={states[0][r]: _next(hk, 0), states[1][r]: _next(states[0], 1), states[2][r]: _next(states[1], 2)},
    wrt=[hk, Wkd, Uk, bkk],
    claims={},
    aliases=("bptt",),
    source="Werbos, Backpropagation through time (1990)",
    tags=("recurrent", "backpropagation"),
    explanation="The same cell at every step, so that errors flow back through time.",
)

gates = {}
for _gate in "zrnifog":
    gates[_gate] = arrays(**{f"W{_gate}": (k, d), f"U{_gate}": (k, k), f"b{_gate}": k, f"{_gate}g": k})


def _gate_sum(gate, state):
    weights, recurrent, bias, _ = gates[gate]
    return Sum(weights[r, j] * x[j], j) + Sum(recurrent[r, s] * state(s), s) + bias[r]


def _old(at):
    return hk[at]


update, reset, fresh = gates["z"][3], gates["r"][3], gates["n"][3]
gru_cell = Formula(
    "Gated recurrent unit",
    given=[x, hk, *gates["z"][:3], *gates["r"][:3], *gates["n"][:3]],
    let={
        update[r]: sigmoid(_gate_sum("z", _old)),
        reset[r]: sigmoid(_gate_sum("r", _old)),
        fresh[r]: tanh(_gate_sum("n", lambda at: reset[at] * hk[at])),
        h2[r]: (1 - update[r]) * fresh[r] + update[r] * hk[r],
    },
    wrt=[x, hk],
    claims={},
    source="Cho et al., Learning phrase representations using RNN encoder-decoder (2014), eq. 5 to 8",
    tags=("recurrent",),
    explanation="Gates decide what of the old state is kept and what is written anew.",
)

inp, forget, outg, cand = (gates[gate][3] for gate in "ifog")
ck, cell = arrays(c=k, c2=k)
_lstm_inputs = [x, hk, ck, *gates["i"][:3], *gates["f"][:3]]
lstm_cell = Formula(
    "Long short-term memory cell",
    given=[*_lstm_inputs, *gates["o"][:3], *gates["g"][:3]],
    let={
        inp[r]: sigmoid(_gate_sum("i", _old)),
        forget[r]: sigmoid(_gate_sum("f", _old)),
        outg[r]: sigmoid(_gate_sum("o", _old)),
        cand[r]: tanh(_gate_sum("g", _old)),
        cell[r]: forget[r] * ck[r] + inp[r] * cand[r],
        h2[r]: outg[r] * tanh(cell[r]),
    },
    wrt=[x, hk, ck],
    claims={"c": "diag(fg * og * (1 - tanh(c2)**2))"},
    source="Hochreiter and Schmidhuber, Long short-term memory (1997); Gers, Schmidhuber and Cummins (2000)",
    tags=("recurrent",),
    explanation="A memory that is written, kept and read through gates, so that errors survive many steps.",
)

lstm_cell_state = Formula(
    "Memory of a long short-term memory cell",
    given=[*_lstm_inputs, *gates["g"][:3]],
    let={
        inp[r]: sigmoid(_gate_sum("i", _old)),
        forget[r]: sigmoid(_gate_sum("f", _old)),
        cand[r]: tanh(_gate_sum("g", _old)),
        cell[r]: forget[r] * ck[r] + inp[r] * cand[r],
    },
    wrt=[x, hk, ck],
    claims={ck: "diag(fg)"},
    source="Hochreiter and Schmidhuber, Long short-term memory (1997); Gers, Schmidhuber and Cummins (2000)",
    tags=("recurrent",),
    explanation="Old memory times the forget gate, plus what the input gate lets in.",
)

graph, B, D, M, Zg, H = arrays(A=(n, n), B=(n, n), D=n, M=(n, n), Z=(n, k), H=(n, k))
Wg = arrays(W=(d, k))[0]
gcn_layer = Formula(
    "Graph convolution",
    given=[binary(graph), X, Wg],
    let={
        B[e, b]: graph[e, b] + Delta(e, b),
        D[e]: Sum(B[e, b], b),
        M[e, b]: B[e, b] / sqrt(D[e] * D[b]),
        Zg[e, r]: Sum(M[e, b] * Sum(X[b, j] * Wg[j, r], j), b),
        H[e, r]: relu(Zg[e, r]),
    },
    wrt=[X, Wg],
    claims={},
    aliases=("graph_convolution",),
    source="Kipf and Welling, Semi-supervised classification with graph convolutional networks (2017), eq. 2",
    tags=("graph", "layer"),
    explanation="Every node averages its neighbours and itself, then a linear layer follows.",
)

graph_dirichlet_energy = Formula(
    "Dirichlet energy of a graph",
    given=[nonnegative(graph), X],
    let={L: Sum(graph[e, b] * Sum((X[e, j] - X[b, j]) ** 2, j), e, b) / 2},
    wrt=[X],
    claims={"X": "(diag(A @ ones(n)) + diag(A.T @ ones(n)) - A - A.T) @ X"},
    aliases=("laplacian_quadratic_form",),
    source="Chung, Spectral Graph Theory (1997), section 1.2",
    tags=("graph",),
    explanation="Small when neighbours have similar features.",
)

mu, logvar, noise, zl = arrays(mu=k, logvar=k, noise=k, z=k)
vae_kl = Formula(
    "Divergence of a variational autoencoder",
    given=[mu, logvar],
    let={L: Sum(exp(logvar[r]) + mu[r] ** 2 - 1 - logvar[r], r) / 2},
    wrt=[mu, logvar],
    claims={mu: "mu", logvar: "(exp(logvar) - 1) / 2", (mu, mu): "eye(k)"},
    source="Kingma and Welling, Auto-encoding variational Bayes (2014), appendix B",
    tags=("generative", "probability"),
    explanation="How far the code of a sample is from a standard normal cloud.",
)

vae_reparameterization = Formula(
    "Reparameterised sample",
    given=[mu, logvar, noise],
    let={zl[r]: mu[r] + exp(logvar[r] / 2) * noise[r]},
    wrt=[mu, logvar],
    claims={mu: "eye(k)", logvar: "diag(noise * exp(logvar / 2)) / 2"},
    source="Kingma and Welling, Auto-encoding variational Bayes (2014), section 2.4",
    tags=("generative", "probability"),
    explanation="The randomness comes from outside, so that a derivative passes through the sample.",
)

Wd, bd, xv = arrays(W=(d, k), b=d, xhat=d)
elbo = scalars("ELBO")[0]
vae_elbo = Formula(
    "Lower bound of a variational autoencoder",
    given=[x, mu, logvar, noise, Wd, bd],
    let={
        zl[r]: mu[r] + exp(logvar[r] / 2) * noise[r],
        xv[j]: Sum(Wd[j, r] * zl[r], r) + bd[j],
        elbo: -Sum((x[j] - xv[j]) ** 2, j) / 2
        - d * log(2 * pi) / 2
        - Sum(exp(logvar[r]) + mu[r] ** 2 - 1 - logvar[r], r) / 2,
    },
    wrt=[mu, logvar, Wd, bd],
    claims={bd: "x - xhat", Wd: "outer(x - xhat, z)", mu: "W.T @ (x - xhat) - mu"},
    source="Kingma and Welling, Auto-encoding variational Bayes (2014), eq. 10",
    tags=("generative", "probability"),
    explanation="Fit of the decoder minus the divergence of the code; one sample, unit variance.",
)

log_var = arrays(log_var=k)[0]
vae_elbo_gaussian = Formula(
    "Lower bound of a variational autoencoder, from its parts",
    given=[x, xv, mu, log_var],
    let={
        elbo: -Sum((x[j] - xv[j]) ** 2, j) / 2 - Sum(exp(log_var[r]) + mu[r] ** 2 - 1 - log_var[r], r) / 2,
    },
    wrt=[xv, mu, log_var],
    claims={xv: "x - xhat", mu: "-mu", log_var: "(1 - exp(log_var)) / 2"},
    source="Kingma and Welling, Auto-encoding variational Bayes (2014), eq. 10",
    tags=("generative", "probability"),
    explanation="Squared error of the reconstruction plus the divergence of the code, with the sign turned.",
)

x0, nd, xt = arrays(x0=d, noise=d, xt=d)
ab = scalars("alpha_bar")[0]
ddpm_forward = Formula(
    "Forward step of a diffusion model",
    given=[x0, nd, unit(ab)],
    let={xt[j]: sqrt(ab) * x0[j] + sqrt(1 - ab) * nd[j]},
    wrt=[x0, nd, ab],
    claims={x0: "sqrt(alpha_bar) * eye(d)", nd: "sqrt(1 - alpha_bar) * eye(d)"},
    aliases=("diffusion_forward",),
    source="Ho, Jain and Abbeel, Denoising diffusion probabilistic models (2020), eq. 4",
    tags=("generative", "diffusion"),
    explanation="A picture and noise, mixed so that the variance stays one.",
)

Wdd, bdd, err = arrays(W=(d, d), b=d, e=d)
ddpm_loss = Formula(
    "Loss of a diffusion model with a linear predictor",
    given=[x0, nd, unit(ab), Wdd, bdd],
    let={
        xt[j]: sqrt(ab) * x0[j] + sqrt(1 - ab) * nd[j],
        err[l]: nd[l] - Sum(Wdd[l, j] * xt[j], j) - bdd[l],
        L: Sum(err[l] ** 2, l),
    },
    wrt=[Wdd, bdd, x0],
    claims={Wdd: "-2 * outer(e, xt)", bdd: "-2 * e", x0: "-2 * sqrt(alpha_bar) * W.T @ e"},
    aliases=("simple_diffusion_loss",),
    source="Ho, Jain and Abbeel, Denoising diffusion probabilistic models (2020), eq. 14",
    tags=("generative", "diffusion"),
    explanation="The network has to tell which noise was mixed in.",
)

al, prev, abar = scalars("alpha alpha_bar_prev ab")
md = arrays(m=d)[0]
ddpm_posterior_mean = Formula(
    "Mean of the backward step of a diffusion model",
    given=[xt, x0, unit(al), unit(prev)],
    let={
        abar: al * prev,
        md[j]: sqrt(prev) * (1 - al) / (1 - abar) * x0[j] + sqrt(al) * (1 - prev) / (1 - abar) * xt[j],
    },
    wrt=[xt, x0],
    claims={
        xt: "sqrt(alpha) * (1 - alpha_bar_prev) / (1 - ab) * eye(d)",
        x0: "sqrt(alpha_bar_prev) * (1 - alpha) / (1 - ab) * eye(d)",
    },
    source="Ho, Jain and Abbeel, Denoising diffusion probabilistic models (2020), eq. 7",
    tags=("generative", "diffusion"),
    explanation="Where a noisy picture came from, if its clean version is known.",
)

score = arrays(score=d)[0]
sigma = scalars("sigma")[0]
denoising_score_matching = Formula(
    "Denoising score matching",
    given=[score, nd, positive(sigma)],
    let={L: Sum((score[j] + nd[j] / sigma) ** 2, j) / 2},
    wrt=[score],
    claims={score: "score + noise / sigma", (score, score): "eye(d)"},
    source="Vincent, A connection between score matching and denoising autoencoders (2011), eq. 12",
    tags=("generative", "diffusion"),
    explanation="The score should point from the noisy sample back to the clean one.",
)

pos, fi, dd = scalars("pos i d")
positional_encoding_sin = Formula(
    "Positional encoding, even entries",
    given=[pos, count(fi), positive(dd)],
    let={y: sin(pos / 10000 ** (2 * fi / dd))},
    wrt=[pos],
    claims={pos: "cos(pos / 10000**(2*i/d)) / 10000**(2*i/d)"},
    source="Vaswani et al., Attention is all you need (2017), section 3.5",
    tags=("transformer",),
    explanation="A clock hand for every frequency tells where in the sequence a word stands.",
    worked=[
        Example((0, 5, 8), 0),
        Example((1, 0, 4), sin(1)),  # not 0.0001, as is printed sometimes: the exponent is 0
        Example((1, 1, 4), 0.00999983333417),
        Example((1, 255, 512), 0.000103663292608),
    ],
)

positional_encoding_cos = Formula(
    "Positional encoding, odd entries",
    given=[pos, count(fi), positive(dd)],
    let={y: cosine(pos / 10000 ** (2 * fi / dd))},
    wrt=[pos],
    claims={pos: "-sin(pos / 10000**(2*i/d)) / 10000**(2*i/d)"},
    source="Vaswani et al., Attention is all you need (2017), section 3.5",
    tags=("transformer",),
    explanation="The other coordinate of the same clock hand.",
    worked=[
        Example((0, 5, 8), 1),
        Example((1, 0, 4), cosine(1)),
    ],
)

plan, cost_ = arrays(P=(n, m), C=(n, m))
sinkhorn_objective = Formula(
    "Entropic optimal transport",
    given=[positive(plan), cost_, positive(eps)],
    let={L: Sum(plan[e, t] * cost_[e, t], e, t) + eps * Sum(plan[e, t] * (log(plan[e, t]) - 1), e, t)},
    wrt=[plan, cost_],
    claims={plan: "C + eps * log(P)", cost_: "P"},
    aliases=("entropic_optimal_transport",),
    source="Cuturi, Sinkhorn distances (2013), eq. 2",
    tags=("optimal transport", "convex"),
    explanation="The cost of moving mass, with a reward for spreading it.",
)

fn_, gm, an, bm = arrays(f=n, g=m, a=n, b=m)
sinkhorn_dual = Formula(
    "Dual of entropic optimal transport",
    given=[fn_, gm, simplex(an), simplex(bm), cost_, positive(eps)],
    let={
        L: Sum(fn_[e] * an[e], e) + Sum(gm[t] * bm[t], t) - eps * Sum(exp((fn_[e] + gm[t] - cost_[e, t]) / eps), e, t),
    },
    wrt=[fn_, gm],
    claims={},
    source="Peyré and Cuturi, Computational Optimal Transport (2019), eq. 4.30",
    tags=("optimal transport", "concave"),
    explanation="Prices at both ends; where the gradient vanishes the plan has the right sums.",
)

mu1, s1, mu2, s2 = scalars("mu1 sigma1 mu2 sigma2")
wasserstein2_normal = Formula(
    "Squared Wasserstein distance of two normal distributions",
    given=[mu1, positive(s1), mu2, positive(s2)],
    let={L: (mu1 - mu2) ** 2 + (s1 - s2) ** 2},
    wrt=[mu1, s1, mu2, s2],
    claims={mu1: "2 * (mu1 - mu2)", s1: "2 * (sigma1 - sigma2)", mu2: "2 * (mu2 - mu1)", s2: "2 * (sigma2 - sigma1)"},
    source="Peyré and Cuturi, Computational Optimal Transport (2019), remark 2.31",
    tags=("optimal transport", "probability"),
    explanation="How much work it takes to move one bell curve onto the other.",
)

theta, act = arrays(theta=k)[0], scalars("a")[0]
reward, baseline, disc = scalars("reward baseline gamma")
policy_gradient_objective = Formula(
    "Policy gradient objective",
    given=[theta, index_into(k)(act), reward, baseline],
    let={L: (reward - baseline) * (theta[act] - log(Sum(exp(theta[r]), r)))},
    wrt=[theta],
    claims={},
    aliases=("reinforce",),
    source="Williams, Simple statistical gradient-following algorithms (1992)",
    tags=("reinforcement learning",),
    explanation="Actions that did better than expected become more likely.",
)

xn_ = arrays(x_next=d)[0]
td_error = Formula(
    "Temporal difference error",
    given=[w, x, xn_, reward, unit(disc)],
    let={L: reward + disc * Sum(w[j] * xn_[j], j) - Sum(w[j] * x[j], j)},
    wrt=[w],
    claims={w: "gamma * x_next - x"},
    source="Sutton and Barto, Reinforcement Learning (2018), eq. 6.5",
    tags=("reinforcement learning",),
    explanation="By how much the next state is better than was predicted.",
)
