"""Losses: how far predictions are from what was observed; the mean over n samples."""

from derive.formulas import (
    Delta,
    Example,
    Formula,
    Sum,
    absolute,
    arrays,
    binary,
    cosh,
    dims,
    equal,
    exp,
    index_into,
    indices,
    less_equal,
    log,
    maximum,
    nonnegative,
    nonzero,
    positive,
    scalars,
    sigmoid,
    signs,
    simplex,
    sqrt,
    unit,
    where,
)

n, d, k = dims("n d k")
i, j, a, b, g, h = indices(i=n, j=d, a=k, b=k, g=n, h=d)
X, w, y, yhat, z, p = arrays(X=(n, d), w=d, y=n, yhat=n, z=n, p=n)
Y, Z, P, Q, M, q = arrays(Y=(n, k), Z=(n, k), P=(n, k), Q=(n, k), M=(n, k), q=(n, k))
r, f, mu, v, m, weight, c = arrays(r=n, f=n, mu=n, v=n, m=n, a=n, c=n)
one, two, three = arrays(a=d, b=d, p=d)
fourth = arrays(q=d)[0]
L, delta, tau, eps, alpha, gamma, margin, label, t, cosine, A, B = scalars(
    "L delta tau eps alpha gamma margin y t v A B"
)
bias = scalars("b")[0]

ESL = "Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009)"
PRML = "Bishop, Pattern Recognition and Machine Learning (2006)"

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
    worked=[
        Example(([1], [0.99]), 0.01005033585),
        Example(([1], [0.5]), 0.69314718056),
        Example(([1], [0.01]), 4.60517018599),
    ],
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

mse_bias = Formula(
    "Mean squared error of a linear model with an intercept",
    given=[X, w, bias, y],
    let={
        yhat[i]: Sum(X[i, j] * w[j], j) + bias,
        L: Sum((yhat[i] - y[i]) ** 2, i) / n,
    },
    wrt=[w, bias],
    claims={w: "(2/n) * X.T @ (X @ w + b - y)", bias: "(2/n) * sum(X @ w + b - y)"},
    source=f"{ESL}, section 3.2",
    tags=("regression", "convex"),
    explanation="The average squared error of a straight fit that need not go through the origin.",
)

rmse = Formula(
    "Root of the mean squared error",
    given=[y, yhat],
    let={L: sqrt(Sum((y[i] - yhat[i]) ** 2, i) / n)},
    wrt=[yhat],
    claims={yhat: "(yhat - y) / (n * sqrt((y - yhat) @ (y - yhat) / n))"},
    aliases=("root_mean_squared_error",),
    source=f"{ESL}, section 7.2",
    tags=("regression",),
    explanation="The typical error, in the units of what is predicted.",
)

mae = Formula(
    "Mean absolute error",
    given=[y, yhat],
    let={L: Sum(absolute(y[i] - yhat[i]), i) / n},
    wrt=[yhat],
    claims={yhat: "(1/n) * sign(yhat - y)"},
    aliases=("mean_absolute_error", "l1_loss"),
    source=f"{ESL}, section 2.4",
    tags=("regression", "kink", "convex"),
    explanation="The average size of the error; the median makes it smallest.",
)

huber = Formula(
    "Huber's loss",
    given=[y, yhat, positive(delta)],
    let={
        r[i]: yhat[i] - y[i],
        L: Sum(where(less_equal(absolute(r[i]), delta), r[i] ** 2 / 2, delta * (absolute(r[i]) - delta / 2)), i) / n,
    },
    wrt=[yhat],
    claims={"yhat": "where(abs(y - yhat) <= delta, yhat - y, delta * sign(yhat - y)) / n"},
    source="Huber, Robust estimation of a location parameter (1964)",
    tags=("regression", "robust", "convex"),
    explanation="Squares for small errors, absolute values for large ones, which then cannot dominate.",
)

log_cosh = Formula(
    "Logarithm of the hyperbolic cosine of the error",
    given=[y, yhat],
    let={L: Sum(log(cosh(yhat[i] - y[i])), i) / n},
    wrt=[yhat],
    claims={yhat: "(1/n) * tanh(yhat - y)"},
    source=f"{ESL}, section 10.6",
    tags=("regression", "robust", "convex"),
    explanation="A smooth loss between squares and absolute values.",
)

quantile = Formula(
    "Quantile loss",
    given=[y, yhat, unit(tau)],
    let={
        r[i]: y[i] - yhat[i],
        L: Sum(tau * maximum(r[i], 0) + (1 - tau) * maximum(-r[i], 0), i) / n,
    },
    wrt=[yhat],
    claims={yhat: "(1/n) * ((1 - tau) * (0 > y - yhat) - tau * (y - yhat > 0))"},
    aliases=("pinball",),
    source="Koenker and Bassett, Regression quantiles (1978)",
    tags=("regression", "kink", "convex"),
    explanation="Charges errors on the two sides differently; the τ-quantile makes it smallest.",
)

hinge = Formula(
    "Hinge loss",
    given=[signs(y), f],
    let={L: Sum(maximum(1 - y[i] * f[i], 0), i) / n},
    wrt=[f],
    claims={f: "-(1/n) * y * (1 - y * f > 0)"},
    aliases=("svm_loss",),
    source=f"{ESL}, eq. 12.25",
    tags=("classification", "kink", "convex"),
    explanation="Nothing to pay beyond the margin, and a straight line before it.",
)

squared_hinge = Formula(
    "Squared hinge loss",
    given=[signs(y), f],
    let={L: Sum(maximum(1 - y[i] * f[i], 0) ** 2, i) / n},
    wrt=[f],
    claims={f: "-(2/n) * y * maximum(1 - y * f, 0) * (1 - y * f > 0)"},
    source=f"{ESL}, section 12.3.2",
    tags=("classification", "convex"),
    explanation="The hinge without its corner.",
)

logistic = Formula(
    "Logistic loss",
    given=[signs(y), f],
    let={L: Sum(log(1 + exp(-y[i] * f[i])), i) / n},
    wrt=[f],
    claims={f: "-(1/n) * y * sigmoid(-y * f)"},
    aliases=("logistic_loss",),
    source=f"{ESL}, section 10.6",
    tags=("classification", "convex"),
    explanation="Binary cross-entropy for labels -1 and 1.",
)

categorical_cross_entropy = Formula(
    "Cross-entropy of probabilities",
    given=[simplex(Y), simplex(P)],
    let={L: -Sum(Y[i, a] * log(P[i, a]), i, a) / n},
    wrt=[P],
    claims={P: "-(1/n) * Y / P"},
    source=f"{PRML}, eq. 4.108",
    tags=("classification",),
    explanation="Charges the logarithm of the probability given to the right class.",
)

sparse = index_into(k)(c)
softmax_cross_entropy_sparse = Formula(
    "Cross-entropy of scores, with the class as a number",
    given=[sparse, Z],
    let={L: Sum(log(Sum(exp(Z[i, b]), b)) - Z[i, c[i]], i) / n},
    wrt=[Z],
    claims={},
    aliases=("sparse_cross_entropy", "sparse_categorical_cross_entropy"),
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.2.2.3",
    tags=("classification", "convex"),
    explanation="Softmax and cross-entropy in one, for labels that say which column is right.",
)

label_smoothing_cross_entropy = Formula(
    "Cross-entropy with smoothed labels",
    given=[sparse, Z, unit(eps)],
    let={
        q[i, a]: (1 - eps) * Delta(a, c[i]) + eps / k,
        L: Sum(q[i, a] * (log(Sum(exp(Z[i, b]), b)) - Z[i, a]), i, a) / n,
    },
    wrt=[Z],
    claims={},
    source="Szegedy et al., Rethinking the Inception architecture (2016), section 7",
    tags=("classification", "convex"),
    explanation="Leaves a little probability for the other classes, so that scores stay finite.",
)

focal = Formula(
    "Focal loss",
    given=[binary(y), z, unit(alpha), nonnegative(gamma)],
    let={
        m[i]: (2 * y[i] - 1) * z[i],
        weight[i]: alpha * y[i] + (1 - alpha) * (1 - y[i]),
        L: Sum(weight[i] * sigmoid(-m[i]) ** gamma * log(1 + exp(-m[i])), i) / n,
    },
    wrt=[z],
    claims={},
    source="Lin, Goyal, Girshick, He and Dollár, Focal loss for dense object detection (2017), eq. 5",
    tags=("classification",),
    explanation="Cross-entropy that turns away from what is already classified well.",
)

poisson_nll = Formula(
    "Poisson loss of log-rates",
    given=[nonnegative(y), z],
    let={L: Sum(exp(z[i]) - y[i] * z[i], i) / n},
    wrt=[z],
    claims={z: "(1/n) * (exp(z) - y)", (z, z): "(1/n) * diag(exp(z))"},
    aliases=("poisson_loss",),
    source=f"{ESL}, section 4.4",
    tags=("regression", "convex"),
    explanation="For counts: the negative log-likelihood without the part that does not depend on the rate.",
)

gaussian_nll = Formula(
    "Gaussian loss with predicted variances",
    given=[y, mu, positive(v)],
    let={L: Sum((log(v[i]) + (y[i] - mu[i]) ** 2 / v[i]) / 2, i) / n},
    wrt=[mu, v],
    claims={mu: "(1/n) * (mu - y) / v", v: "(1/n) * (1/v - (y - mu)**2 / v**2) / 2"},
    source="Nix and Weigend, Estimating the mean and variance of the target probability distribution (1994)",
    tags=("regression", "probability"),
    explanation="A regression that also says how sure it is.",
)

kl_div = Formula(
    "Mean Kullback-Leibler divergence of rows",
    given=[simplex(P), simplex(Q)],
    let={L: Sum(P[i, a] * log(P[i, a] / Q[i, a]), i, a) / n},
    wrt=[P, Q],
    claims={P: "(1/n) * (log(P / Q) + 1)", Q: "-(1/n) * P / Q"},
    source=f"{PRML}, eq. 1.113",
    tags=("probability",),
    explanation="How many more nats a code for Q needs for samples of P.",
)

js_div = Formula(
    "Mean Jensen-Shannon divergence of rows",
    given=[simplex(P), simplex(Q)],
    let={
        M[i, a]: (P[i, a] + Q[i, a]) / 2,
        L: Sum(P[i, a] * log(P[i, a] / M[i, a]) + Q[i, a] * log(Q[i, a] / M[i, a]), i, a) / (2 * n),
    },
    wrt=[P, Q],
    claims={P: "(1/(2*n)) * log(P / M)", Q: "(1/(2*n)) * log(Q / M)"},
    source="Lin, Divergence measures based on the Shannon entropy (1991)",
    tags=("probability",),
    explanation="A symmetric divergence: both distributions compared with their mean.",
)

cosine_embedding = Formula(
    "Cosine embedding loss",
    given=[nonzero(one), nonzero(two), signs(label), margin],
    let={
        cosine: Sum(one[j] * two[j], j) / (sqrt(Sum(one[j] ** 2, j)) * sqrt(Sum(two[j] ** 2, j))),
        L: where(equal(label, 1), 1 - cosine, maximum(cosine - margin, 0)),
    },
    wrt=[one, two],
    claims={},
    source="Bromley et al., Signature verification using a siamese time delay neural network (1993)",
    tags=("metric learning", "kink"),
    explanation="Pulls pairs that belong together into one direction, and pushes others apart to a margin.",
)

contrastive = Formula(
    "Contrastive loss",
    given=[one, two, binary(label), positive(margin)],
    let={
        t: sqrt(Sum((one[j] - two[j]) ** 2, j)),
        L: label * t**2 + (1 - label) * maximum(margin - t, 0) ** 2,
    },
    wrt=[one, two],
    claims={
        one: "2 * (y - (1 - y) * maximum(margin - t, 0) * (margin - t > 0) / t) * (a - b)",
        two: "-2 * (y - (1 - y) * maximum(margin - t, 0) * (margin - t > 0) / t) * (a - b)",
    },
    source="Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping (2006), eq. 4",
    tags=("metric learning",),
    explanation="Distance between what is the same is paid for, and nearness of what is not.",
)

triplet = Formula(
    "Triplet loss",
    given=[one, three, fourth, margin],
    let={
        L: maximum(Sum((one[j] - three[j]) ** 2, j) - Sum((one[j] - fourth[j]) ** 2, j) + margin, 0),
    },
    wrt=[one, three, fourth],
    claims={
        "a": "2 * greater((a - p) @ (a - p) + margin - (a - q) @ (a - q), 0) * (q - p)",
        "p": "2 * greater((a - p) @ (a - p) + margin - (a - q) @ (a - q), 0) * (p - a)",
        "q": "2 * greater((a - p) @ (a - p) + margin - (a - q) @ (a - q), 0) * (a - q)",
    },
    source="Schroff, Kalenichenko and Philbin, FaceNet (2015), eq. 2",
    tags=("metric learning", "kink"),
    explanation="An anchor has to be nearer to its like than to the other, by a margin.",
)

Qd, Kd, S = arrays(Q=(n, d), K=(n, d), S=(n, n))
info_nce = Formula(
    "Contrastive loss over a batch",
    given=[Qd, Kd, positive(tau)],
    let={
        S[i, g]: Sum(Qd[i, j] * Kd[g, j], j) / tau,
        L: Sum(log(Sum(exp(S[i, g]), g)) - S[i, i], i) / n,
    },
    wrt=[Qd, Kd],
    claims={
        Qd: "(1/(n*tau)) * (softmax(S) - eye(n)) @ K",
        Kd: "(1/(n*tau)) * (softmax(S) - eye(n)).T @ Q",
    },
    aliases=("ntxent", "contrastive_predictive_coding"),
    source="van den Oord, Li and Vinyals, Representation learning with contrastive predictive coding (2018), eq. 4",
    tags=("metric learning", "representation"),
    explanation="Every row has to pick its own partner among all partners of the batch.",
)

dice = Formula(
    "Dice loss",
    given=[binary(y), unit(p)],
    let={L: 1 - 2 * Sum(y[i] * p[i], i) / (Sum(y[i], i) + Sum(p[i], i))},
    wrt=[p],
    claims={p: "-2 * (y * (sum(y) + sum(p)) - y @ p) / (sum(y) + sum(p))**2"},
    aliases=("soft_dice",),
    source="Milletari, Navab and Ahmadi, V-Net (2016), section 3",
    tags=("segmentation",),
    explanation="One minus twice the overlap over the sizes; it does not care how large the background is.",
)
