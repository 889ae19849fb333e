"""Models: what is fitted, with the objective it is fitted by."""

from derive.formulas import (
    Delta,
    Example,
    Formula,
    Maximum,
    Sum,
    absolute,
    arrays,
    binary,
    dims,
    exp,
    indices,
    inverse,
    log,
    log_determinant,
    maximum,
    nonnegative,
    nonzero,
    pi,
    positive,
    scalars,
    signs,
    simplex,
    spd,
)

n, d, k, m = dims("n d k m")
i, j, l, a, c, g, power, mm = indices(i=n, j=d, l=d, a=k, c=k, g=n, p=m, r=m)
X, w, y, yhat, z, xd, am, s = arrays(X=(n, d), w=d, y=n, yhat=n, z=n, x=d, a=m, s=n)
W, bk, Y, Z = arrays(W=(d, k), b=k, Y=(n, k), Z=(n, k))
xn = arrays(x=n)[0]
b, lam, L = scalars("b lam L")

ESL = "Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009)"
PRML = "Bishop, Pattern Recognition and Machine Learning (2006)"

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

linear_prediction = Formula(
    "Linear model",
    given=[xd, w, b],
    let={scalars("z")[0]: Sum(w[j] * xd[j], j) + b},
    wrt=[w, b, xd],
    claims={w: "x", b: "1", xd: "w"},
    aliases=("linear_model",),
    source=f"{ESL}, eq. 2.1",
    tags=("regression",),
    explanation="A weighted sum of the features plus a constant: what a neuron computes before its activation.",
    worked=[
        Example(([5.9, 160, 25], [0.5, 0.3, 0.2], 0), 55.95),
    ],
)

linear_regression = Formula(
    "Half the mean squared error of a linear model with an intercept",
    given=[X, w, b, y],
    let={yhat[i]: Sum(X[i, j] * w[j], j) + b, L: Sum((yhat[i] - y[i]) ** 2, i) / (2 * n)},
    wrt=[w, b],
    claims={w: "(1/n) * X.T @ (X @ w + b - y)", b: "(1/n) * sum(X @ w + b - y)", (w, w): "(1/n) * X.T @ X"},
    source=f"{PRML}, eq. 3.12",
    tags=("regression", "convex"),
    explanation="The half cancels the two of the derivative.",
)

polynomial_regression = Formula(
    "Polynomial regression",
    given=[xn, am, y],
    let={yhat[i]: Sum(am[power] * xn[i] ** power, power), L: Sum((yhat[i] - y[i]) ** 2, i) / n},
    wrt=[am],
    claims={},
    source=f"{PRML}, eq. 1.2",
    tags=("regression", "convex"),
    explanation="A curve that is linear in its coefficients, so that the fit is a linear problem.",
)

weighted_least_squares = Formula(
    "Weighted least squares",
    given=[X, w, y, positive(s)],
    let={L: Sum(s[i] * (Sum(X[i, j] * w[j], j) - y[i]) ** 2, i)},
    wrt=[w],
    claims={w: "2 * X.T @ diag(s) @ (X @ w - y)", (w, w): "2 * X.T @ diag(s) @ X"},
    aliases=("wls",),
    source=f"{ESL}, exercise 2.6",
    tags=("regression", "convex"),
    explanation="Samples that are trusted more weigh more.",
)

lasso = Formula(
    "Lasso",
    given=[X, w, y, nonnegative(lam)],
    let={
        yhat[i]: Sum(X[i, j] * w[j], j),
        L: Sum((yhat[i] - y[i]) ** 2, i) / n + lam * Sum(absolute(w[l]), l),
    },
    wrt=[w],
    claims={w: "(2/n) * X.T @ (X @ w - y) + lam * sign(w)"},
    source=f"{ESL}, eq. 3.52",
    tags=("regression", "kink", "convex"),
    explanation="A charge for the size of weights that makes many of them exactly zero.",
)

lam1, lam2 = scalars("lam1 lam2")
elastic_net = Formula(
    "Elastic net",
    given=[X, w, y, nonnegative(lam1), nonnegative(lam2)],
    let={
        yhat[i]: Sum(X[i, j] * w[j], j),
        L: Sum((yhat[i] - y[i]) ** 2, i) / n + lam1 * Sum(absolute(w[l]), l) + lam2 * Sum(w[l] ** 2, l),
    },
    wrt=[w],
    claims={w: "(2/n) * X.T @ (X @ w - y) + lam1 * sign(w) + 2 * lam2 * w"},
    source="Zou and Hastie, Regularization and variable selection via the elastic net (2005), eq. 3",
    tags=("regression", "kink", "convex"),
    explanation="Lasso and ridge at once: few weights, and none of them large.",
)

softmax_regression = Formula(
    "Softmax regression",
    given=[X, W, bk, simplex(Y)],
    let={
        Z[i, a]: Sum(X[i, j] * W[j, a], j) + bk[a],
        L: Sum(Y[i, a] * (log(Sum(exp(Z[i, c]), c)) - Z[i, a]), i, a) / n,
    },
    wrt=[W, bk],
    claims={W: "(1/n) * X.T @ (softmax(Z) - Y)", bk: "(1/n) * sum(softmax(Z) - Y, axis=0)"},
    aliases=("multinomial_logistic_regression",),
    source=f"{PRML}, eq. 4.109",
    tags=("classification", "convex"),
    explanation="Logistic regression for more than two classes.",
)

poisson_regression = Formula(
    "Poisson regression",
    given=[X, w, nonnegative(y)],
    let={z[i]: Sum(X[i, j] * w[j], j), L: Sum(exp(z[i]) - y[i] * z[i], i) / n},
    wrt=[w],
    claims={w: "(1/n) * X.T @ (exp(z) - y)", (w, w): "(1/n) * X.T @ diag(exp(z)) @ X"},
    source="McCullagh and Nelder, Generalized Linear Models (1989), chapter 6",
    tags=("regression", "convex"),
    explanation="For counts: the logarithm of the rate is linear in the features.",
)

f = arrays(f=n)[0]
perceptron = Formula(
    "Perceptron criterion",
    given=[X, w, b, signs(y)],
    let={f[i]: Sum(X[i, j] * w[j], j) + b, L: Sum(maximum(-y[i] * f[i], 0), i) / n},
    wrt=[w, b],
    claims={w: "-(1/n) * X.T @ (y * (-y * f > 0))", b: "-(1/n) * sum(y * (-y * f > 0))"},
    source=f"{PRML}, eq. 4.54",
    tags=("classification", "kink", "convex"),
    explanation="Only samples on the wrong side pull at the weights.",
)

Csvm = scalars("C")[0]
svm_primal = Formula(
    "Support vector machine, primal",
    given=[X, w, b, signs(y), positive(Csvm)],
    let={
        f[i]: Sum(X[i, j] * w[j], j) + b,
        L: Sum(w[l] ** 2, l) / 2 + Csvm * Sum(maximum(1 - y[i] * f[i], 0), i),
    },
    wrt=[w, b],
    claims={w: "w - C * X.T @ (y * (1 - y * f > 0))", b: "-C * sum(y * (1 - y * f > 0))"},
    aliases=("soft_margin_svm",),
    source=f"{ESL}, eq. 12.25",
    tags=("classification", "kink", "convex"),
    explanation="A wide margin against few violations of it.",
)

alpha, K = arrays(alpha=n, K=(n, n))
svm_dual = Formula(
    "Support vector machine, dual",
    given=[nonnegative(alpha), signs(y), K],
    let={L: Sum(alpha[i], i) - Sum(alpha[i] * alpha[g] * y[i] * y[g] * K[i, g], i, g) / 2},
    wrt=[alpha],
    claims={alpha: "1 - (1/2) * y * ((K + K.T) @ (alpha * y))"},
    source=f"{ESL}, eq. 12.13",
    tags=("classification", "kernel"),
    explanation="The same machine in terms of samples: it sees them through the kernel only.",
)

xq, lamm, Qn, cn, Amn, bm = arrays(x=n, lam=m, Q=(n, n), c=n, A=(m, n), b=m)
lagrangian_quadratic = Formula(
    "Lagrangian of an equality-constrained quadratic program",
    given=[xq, lamm, Qn, cn, Amn, bm],
    let={
        L: Sum(xq[i] * Qn[i, g] * xq[g], i, g) / 2
        + Sum(cn[i] * xq[i], i)
        + Sum(lamm[mm] * (Sum(Amn[mm, i] * xq[i], i) - bm[mm]), mm),
    },
    wrt=[xq, lamm],
    claims={xq: "(1/2) * (Q + Q.T) @ x + c + A.T @ lam", lamm: "A @ x - b"},
    source="Nocedal and Wright, Numerical Optimization (2006), section 16.1",
    tags=("optimization", "constraints"),
    explanation="Its stationary points satisfy the conditions of Karush, Kuhn and Tucker.",
)

xe, lame, Ae = arrays(x=d, lam=m, A=(m, d))
lagrangian_equality = Formula(
    "Lagrangian of the shortest solution of a linear system",
    given=[xe, lame, Ae, bm],
    let={L: Sum(xe[j] ** 2, j) / 2 + Sum(lame[mm] * (Sum(Ae[mm, j] * xe[j], j) - bm[mm]), mm)},
    wrt=[xe, lame],
    claims={xe: "x + A.T @ lam", lame: "A @ x - b"},
    source="Boyd and Vandenberghe, Convex Optimization (2004), section 5.1",
    tags=("optimization", "constraints"),
    explanation="Half the squared length of x, with a price on leaving A x = b.",
)

Bd, Sd = arrays(B=(d, d), S=(d, d))
v = scalars("v")[0]
fisher_criterion = Formula(
    "Fisher's criterion",
    given=[nonzero(w), Bd, spd(Sd)],
    let={v: Sum(w[j] * Bd[j, l] * w[l], j, l) / Sum(w[j] * Sd[j, l] * w[l], j, l)},
    wrt=[w],
    claims={w: "((B + B.T) @ w - 2 * (w @ B @ w) / (w @ S @ w) * (S @ w)) / (w @ S @ w)"},
    aliases=("generalized_rayleigh_quotient", "lda_criterion"),
    source=f"{PRML}, eq. 4.26",
    tags=("classification", "eigenvalue"),
    explanation="Spread between classes against spread within them, along a direction.",
)

mu, tt = arrays(mu=d, t=n)
pca_objective = Formula(
    "Variance along a direction",
    given=[X, w],
    let={
        mu[j]: Sum(X[i, j], i) / n,
        tt[i]: Sum((X[i, j] - mu[j]) * w[j], j),
        L: Sum(tt[i] ** 2, i) / n,
    },
    wrt=[w, X],
    claims={},
    aliases=("projected_variance",),
    source=f"{PRML}, eq. 12.2",
    tags=("dimension reduction",),
    explanation="Over unit vectors it is largest for the first principal component.",
)

Cd = arrays(C=(d, d))[0]
pca_lagrangian = Formula(
    "Lagrangian of principal component analysis",
    given=[Cd, w, lam],
    let={L: Sum(w[j] * Cd[j, l] * w[l], j, l) - lam * (Sum(w[j] ** 2, j) - 1)},
    wrt=[w, lam],
    claims={w: "(C + C.T) @ w - 2 * lam * w", lam: "1 - w @ w"},
    source=f"{PRML}, eq. 12.4",
    tags=("dimension reduction", "eigenvalue", "constraints"),
    explanation="Its stationary points are the eigenvectors of the covariance, its multipliers the eigenvalues.",
)

Rnm, Mnm, U, V, E = arrays(R=(n, m), M=(n, m), U=(n, k), V=(m, k), E=(n, m))
matrix_factorization = Formula(
    "Matrix factorisation with missing entries",
    given=[Rnm, binary(Mnm), U, V, nonnegative(lam)],
    let={
        E[i, mm]: Rnm[i, mm] - Sum(U[i, a] * V[mm, a], a),
        L: Sum(Mnm[i, mm] * E[i, mm] ** 2, i, mm) + lam * (Sum(U[i, a] ** 2, i, a) + Sum(V[mm, a] ** 2, mm, a)),
    },
    wrt=[U, V],
    claims={U: "-2 * (M * E) @ V + 2 * lam * U", V: "-2 * (M * E).T @ U + 2 * lam * V"},
    source="Koren, Bell and Volinsky, Matrix factorization techniques for recommender systems (2009), eq. 2",
    tags=("recommendation", "dimension reduction"),
    explanation="Tastes and qualities, found from the ratings that are known.",
)

centres = arrays(C=(k, d))[0]
kmeans_objective = Formula(
    "Objective of k-means",
    given=[X, centres],
    let={L: Sum(-Maximum(-Sum((X[i, j] - centres[a, j]) ** 2, j), a), i)},
    wrt=[centres, X],
    claims={},
    source=f"{PRML}, eq. 9.1",
    tags=("clustering",),
    explanation="Squared distances to the nearest centre.",
)

wk, muk, vk, Lik = arrays(w=k, mu=(k, d), v=k, S=(n, k))
gmm_nll = Formula(
    "Mixture of round Gaussians, mean negative log-likelihood",
    given=[X, simplex(wk), muk, positive(vk)],
    let={
        Lik[i, a]: log(wk[a]) - d * log(2 * pi * vk[a]) / 2 - Sum((X[i, j] - muk[a, j]) ** 2, j) / (2 * vk[a]),
        L: -Sum(log(Sum(exp(Lik[i, a]), a)), i) / n,
    },
    wrt=[muk, vk, wk],
    claims={},
    aliases=("gaussian_mixture_nll",),
    source=f"{PRML}, eq. 9.14",
    tags=("clustering", "probability"),
    explanation="Every sample belongs to every cluster a little: soft k-means.",
)

Pnn, Yd, Unn = arrays(P=(n, n), Y=(n, d), U=(n, n))
Ztotal = scalars("Z")[0]
tsne_kl = Formula(
    "Objective of t-SNE",
    given=[positive(Pnn), Yd],
    let={
        Unn[i, g]: 1 / (1 + Sum((Yd[i, j] - Yd[g, j]) ** 2, j)),
        Ztotal: Sum((1 - Delta(i, g)) * Unn[i, g], i, g),
        L: Sum((1 - Delta(i, g)) * Pnn[i, g] * log(Pnn[i, g] * Ztotal / Unn[i, g]), i, g),
    },
    wrt=[Yd],
    claims={},
    source="van der Maaten and Hinton, Visualizing data using t-SNE (2008), eq. 5",
    tags=("dimension reduction",),
    explanation="Neighbours in many dimensions should stay neighbours in two.",
)

vd, ud, Nmd = arrays(v=d, u=d, N=(m, d))
skipgram_negative_sampling = Formula(
    "Skip-gram with negative sampling",
    given=[vd, ud, Nmd],
    let={L: log(1 + exp(-Sum(ud[j] * vd[j], j))) + Sum(log(1 + exp(Sum(Nmd[mm, j] * vd[j], j))), mm)},
    wrt=[vd, ud, Nmd],
    claims={
        vd: "-sigmoid(-(u @ v)) * u + N.T @ sigmoid(N @ v)",
        ud: "-sigmoid(-(u @ v)) * v",
        Nmd: "outer(sigmoid(N @ v), v)",
    },
    aliases=("word2vec",),
    source="Mikolov et al., Distributed representations of words and phrases (2013), eq. 4",
    tags=("embedding",),
    explanation="A word should predict its neighbours and not words drawn at random.",
)

aa, bb, gamma = *arrays(a=d, b=d), scalars("gamma")[0]
rbf_kernel = Formula(
    "Gaussian kernel",
    given=[aa, bb, positive(gamma)],
    let={v: exp(-gamma * Sum((aa[j] - bb[j]) ** 2, j))},
    wrt=[aa, bb, gamma],
    claims={
        aa: "-2 * gamma * exp(-gamma * ((a - b) @ (a - b))) * (a - b)",
        bb: "2 * gamma * exp(-gamma * ((a - b) @ (a - b))) * (a - b)",
    },
    aliases=("gaussian_kernel", "squared_exponential_kernel"),
    source="Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. 4.9",
    tags=("kernel",),
    explanation="Similarity that falls off with the square of the distance.",
)

Knn, yg = arrays(K=(n, n), y=n)
gp_nll = Formula(
    "Negative log-likelihood of a Gaussian process",
    given=[yg, spd(Knn)],
    let={
        L: Sum(yg[i] * inverse(Knn)[i, g] * yg[g], i, g) / 2 + log_determinant(Knn) / 2 + n * log(2 * pi) / 2,
    },
    wrt=[yg, Knn],
    claims={yg: "inv(K) @ y", Knn: "(1/2) * (inv(K) - outer(inv(K) @ y, inv(K) @ y))"},
    aliases=("gaussian_process_nll",),
    source="Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. 2.30",
    tags=("probability", "kernel", "matrix"),
    explanation="Data fit plus a charge for a kernel that could explain anything.",
)
