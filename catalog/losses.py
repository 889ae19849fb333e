"""Losses: how far predictions are from what was observed; the mean over n samples."""

from derive.formulas import Formula, Sum, arrays, binary, dims, exp, indices, log, scalars, simplex, unit

n, d, k = dims("n d k")
i, j, a, b = indices(i=n, j=d, a=k, b=k)
X, w, y, yhat, z, p = arrays(X=(n, d), w=d, y=n, yhat=n, z=n, p=n)
Y, Z = arrays(Y=(n, k), Z=(n, k))
(L,) = scalars("L")

mse = Formula(
    "Mean squared error of a linear model",
    given=[X, w, y],
    let={
        yhat[i]: Sum(X[i, j] * w[j], j),
        L: Sum((yhat[i] - y[i]) ** 2, i) / n,
    },
    wrt=[w],
    claims={
        w: "(2/n) * X.T @ (X @ w - y)",
        X: "(2/n) * outer(X @ w - y, w)",
        y: "-(2/n) * (X @ w - y)",
        (w, w): "(2/n) * X.T @ X",
    },
    source="Bishop, Pattern Recognition and Machine Learning (2006), section 3.1.1",
    tags=("regression", "convex"),
    explanation="The average squared distance between a linear model's predictions and the observations.",
)

squared_error = Formula(
    "Mean squared error of predictions",
    given=[y, yhat],
    let={L: Sum((y[i] - yhat[i]) ** 2, i) / n},
    wrt=[yhat, y],
    claims={yhat: "(2/n) * (yhat - y)", y: "-(2/n) * (yhat - y)", (yhat, yhat): "(2/n) * eye(n)"},
    aliases=("mean_squared_error",),
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 2.4",
    tags=("regression", "convex"),
    explanation="The average squared difference between predictions and observations.",
)

bce = Formula(
    "Binary cross-entropy of probabilities",
    given=[binary(y), unit(p)],
    let={L: -Sum(y[i] * log(p[i]) + (1 - y[i]) * log(1 - p[i]), i) / n},
    wrt=[p],
    claims={p: "(1/n) * (p - y) / (p * (1 - p))"},
    aliases=("binary_cross_entropy", "log_loss"),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90",
    tags=("classification",),
    explanation="Charges the logarithm of the probability that was given to what really happened.",
)

bce_with_logits = Formula(
    "Binary cross-entropy of logits",
    given=[binary(y), z],
    let={L: Sum(log(1 + exp(z[i])) - y[i] * z[i], i) / n},
    wrt=[z],
    claims={z: "(1/n) * (sigmoid(z) - y)", (z, z): "(1/n) * diag(sigmoid(z) * (1 - sigmoid(z)))"},
    aliases=("binary_cross_entropy_with_logits",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.2",
    tags=("classification", "convex"),
    explanation="Binary cross-entropy with the sigmoid built in, so that nothing overflows.",
)

softmax_cross_entropy = Formula(
    "Cross-entropy of softmax",
    given=[simplex(Y), Z],
    let={L: Sum(Y[i, a] * (log(Sum(exp(Z[i, b]), b)) - Z[i, a]), i, a) / n},
    wrt=[Z],
    claims={Z: "(1/n) * (softmax(Z) - Y)"},
    aliases=("cross_entropy_loss", "softmax_loss"),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108 and 4.109",
    tags=("classification", "convex"),
    explanation="Charges the logarithm of the probability that softmax gives to the true classes.",
)
