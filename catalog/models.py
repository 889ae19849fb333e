"""Models: what is fitted, with the objective it is fitted by."""

from derive.formulas import Formula, Sum, arrays, binary, dims, exp, indices, log, nonnegative, scalars

n, d = dims("n d")
i, j, l = indices(i=n, j=d, l=d)
X, w, y, yhat, z = arrays(X=(n, d), w=d, y=n, yhat=n, z=n)
b, lam, L = scalars("b lam L")

ridge = Formula(
    "Ridge regression",
    given=[X, w, y, nonnegative(lam)],
    let={
        yhat[i]: Sum(X[i, j] * w[j], j),
        L: Sum((yhat[i] - y[i]) ** 2, i) / n + lam * Sum(w[l] ** 2, l),
    },
    wrt=[w],
    claims={w: "(2/n) * X.T @ (X @ w - y) + 2 * lam * w", (w, w): "(2/n) * X.T @ X + 2 * lam * eye(d)"},
    aliases=("ridge_regression", "tikhonov"),
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 3.4.1",
    tags=("regression", "convex"),
    explanation="Least squares with a charge for large weights, which keeps them small.",
)

logistic_regression = Formula(
    "Logistic regression",
    given=[X, w, b, binary(y)],
    let={
        z[i]: Sum(X[i, j] * w[j], j) + b,
        L: Sum(log(1 + exp(z[i])) - y[i] * z[i], i) / n,
    },
    wrt=[w, b],
    claims={
        w: "(1/n) * X.T @ (sigmoid(z) - y)",
        b: "(1/n) * sum(sigmoid(z) - y)",
        (w, w): "(1/n) * X.T @ diag(sigmoid(z) * (1 - sigmoid(z))) @ X",
        (b, b): "(1/n) * sum(sigmoid(z) * (1 - sigmoid(z)))",
    },
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.91 and 4.97",
    tags=("classification", "convex"),
    explanation="The probability of one of two classes is the sigmoid of a weighted sum.",
)
