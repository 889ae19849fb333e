"""Linear algebra: vectors, matrices, and what is measured on them."""

from derive.formulas import (
    Delta,
    Example,
    Formula,
    Maximum,
    Sum,
    absolute,
    arctan,
    arrays,
    cos,
    determinant,
    dims,
    indices,
    inverse,
    log_determinant,
    nonzero,
    positive,
    scalars,
    sin,
    spd,
    sqrt,
    within,
)

n, d, m, r, k = dims("n d m r k")
i, j, l, q, s = indices(i=d, j=d, l=d, q=d, s=d)
row, column, inner = indices(i=m, j=n, l=r)
a, b, x, y, z, u = arrays(a=d, b=d, x=d, y=d, z=d, u=d)
alpha, na, nb, theta, v, t, c, lam, R = scalars("alpha na nb theta v t c lam R")

COOKBOOK = "Petersen and Pedersen, The Matrix Cookbook (2012)"
STRANG = "Strang, Introduction to Linear Algebra (2016)"
GOLUB = "Golub and Van Loan, Matrix Computations (2013)"

axpy = Formula(
    "Scaled sum of two vectors",
    given=[alpha, x, y],
    let={z[i]: alpha * x[i] + y[i]},
    wrt=[alpha, x, y],
    claims={alpha: "x", x: "alpha * eye(d)", y: "eye(d)"},
    aliases=("scaled_sum", "vector_addition"),
    source=f"{STRANG}, section 1.1",
    tags=("vector",),
    explanation="One vector is stretched and laid end to end with another.",
    worked=[
        Example((1, [1, 2, 3], [4, 5, 6]), [5, 7, 9]),
        Example((3, [1, 2], [0, 0]), [3, 6]),
    ],
)

dot = Formula(
    "Dot product",
    given=[a, b],
    let={v: Sum(a[i] * b[i], i)},
    wrt=[a, b],
    claims={a: "b", b: "a", (a, b): "eye(d)"},
    aliases=("inner_product", "dot_product"),
    source=f"{STRANG}, section 1.2",
    tags=("vector",),
    explanation="Entries multiplied pairwise and added: how far two vectors point the same way, times their lengths.",
    worked=[
        Example(([1, 2, 3], [4, 5, 6]), 32, a=[4, 5, 6]),
    ],
)

dot_geometric = Formula(
    "Dot product from lengths and angle",
    given=[positive(na), positive(nb), theta],
    let={v: na * nb * cos(theta)},
    wrt=[na, nb, theta],
    claims={na: "nb * cos(theta)", nb: "na * cos(theta)", theta: "-na * nb * sin(theta)"},
    source=f"{STRANG}, section 1.2",
    tags=("vector", "geometry"),
    explanation="Two lengths times the cosine of the angle between them; zero when they are perpendicular.",
)

l1_norm = Formula(
    "Sum of absolute values",
    given=[x],
    let={v: Sum(absolute(x[i]), i)},
    wrt=[x],
    claims={x: "sign(x)"},
    aliases=("manhattan_norm", "taxicab_norm"),
    source=f"{GOLUB}, section 2.2",
    tags=("norm", "kink", "convex"),
    explanation="The length of a walk along the axes.",
)

l2_norm = Formula(
    "Euclidean length",
    given=[nonzero(x)],
    let={v: sqrt(Sum(x[i] ** 2, i))},
    wrt=[x],
    claims={x: "x / norm(x)"},
    aliases=("euclidean_norm", "magnitude"),
    source=f"{COOKBOOK}, eq. 129",
    tags=("norm", "convex"),
    explanation="The length of the straight line; its gradient is the unit vector.",
    worked=[
        Example(([3, 4],), 5, x=[0.6, 0.8]),
    ],
)

squared_l2_norm = Formula(
    "Squared Euclidean length",
    given=[x],
    let={v: Sum(x[i] ** 2, i)},
    wrt=[x],
    claims={x: "2 * x", (x, x): "2 * eye(d)"},
    source=f"{COOKBOOK}, eq. 131",
    tags=("norm", "convex"),
    explanation="The sum of squares, smooth everywhere.",
)

linf_norm = Formula(
    "Largest absolute value",
    given=[x],
    let={v: Maximum(absolute(x[i]), i)},
    wrt=[x],
    claims={x: "(abs(x) == v) * sign(x)"},
    aliases=("max_norm", "chebyshev_norm"),
    source=f"{GOLUB}, section 2.2",
    tags=("norm", "kink", "convex"),
    explanation="Only the largest entry counts.",
)

euclidean_distance = Formula(
    "Distance between two points",
    given=[a, b],
    let={v: sqrt(Sum((a[i] - b[i]) ** 2, i))},
    wrt=[a, b],
    claims={a: "(a - b) / norm(a - b)", b: "(b - a) / norm(a - b)"},
    source=f"{COOKBOOK}, eq. 129",
    tags=("distance", "convex"),
    explanation="The length of the difference.",
)

cosine_similarity = Formula(
    "Cosine of the angle between two vectors",
    given=[nonzero(a), nonzero(b)],
    let={v: Sum(a[i] * b[i], i) / (sqrt(Sum(a[i] ** 2, i)) * sqrt(Sum(b[i] ** 2, i)))},
    wrt=[a, b],
    claims={
        a: "b / (norm(a) * norm(b)) - (a @ b) / (norm(a) * norm(b)) * a / norm(a)**2",
        b: "a / (norm(a) * norm(b)) - (a @ b) / (norm(a) * norm(b)) * b / norm(b)**2",
    },
    source="Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 6.3",
    tags=("similarity",),
    explanation="1 for the same direction, 0 for a right angle, -1 for opposite directions, whatever the lengths.",
)

vector2 = arrays(v=2)[0]
vector_angle = Formula(
    "Direction of a vector in the plane",
    given=[positive(vector2)],
    let={theta: arctan(vector2[1] / vector2[0])},
    wrt=[vector2],
    claims={},
    aliases=("direction",),
    source=f"{STRANG}, section 1.2",
    tags=("geometry",),
    explanation="The angle to the first axis in radians; as written it is right to the right of the second axis only.",
    worked=[
        Example(([3, 4],), 0.927295218001612),
    ],
)

projection = Formula(
    "Projection of one vector on another",
    given=[a, nonzero(b)],
    let={t: Sum(a[j] * b[j], j) / Sum(b[j] ** 2, j), u[i]: t * b[i]},
    wrt=[a, b],
    claims={
        a: "outer(b, b) / (b @ b)",
        b: "(a @ b) / (b @ b) * eye(d) + outer(b, a - 2 * (a @ b) / (b @ b) * b) / (b @ b)",
    },
    source=f"{STRANG}, section 4.2",
    tags=("vector", "geometry"),
    explanation="The shadow of a on the line through b.",
)

Amn, xn, ym = arrays(A=(m, n), x=n, y=m)
matvec = Formula(
    "Matrix times vector",
    given=[Amn, xn],
    let={ym[row]: Sum(Amn[row, column] * xn[column], column)},
    wrt=[Amn, xn],
    claims={xn: "A"},
    aliases=("matrix_vector_product", "linear_map"),
    source=f"{STRANG}, section 1.3",
    tags=("matrix",),
    explanation="A combination of the columns of A, weighed by the entries of x.",
    worked=[
        Example(([[2, 0], [0, 1]], [3, 5]), [6, 5]),
    ],
)

Bnr, Cmr = arrays(B=(n, r), C=(m, r))
matmul = Formula(
    "Matrix product",
    given=[Amn, Bnr],
    let={Cmr[row, inner]: Sum(Amn[row, column] * Bnr[column, inner], column)},
    wrt=[Amn, Bnr],
    claims={Amn: "J[i, j, k, l] = delta(i, k) * B[l, j]", Bnr: "J[i, j, k, l] = A[i, k] * delta(j, l)"},
    aliases=("matrix_product",),
    source=f"{STRANG}, section 2.4",
    tags=("matrix",),
    explanation="One linear map after the other; the order matters.",
    worked=[
        Example(([[1, 2], [3, 4]], [[5, 6], [7, 8]]), [[19, 22], [43, 50]]),
    ],
)

am, bn, Cmn = arrays(a=m, b=n, C=(m, n))
outer_product = Formula(
    "Outer product",
    given=[am, bn],
    let={Cmn[row, column]: am[row] * bn[column]},
    wrt=[am, bn],
    claims={am: "J[i, j, k] = delta(i, k) * b[j]", bn: "J[i, j, k] = a[i] * delta(j, k)"},
    source=f"{STRANG}, section 2.4",
    tags=("matrix",),
    explanation="Every entry of one vector times every entry of the other: a matrix of rank one.",
)

Bmd, Anm, xd = arrays(B=(m, d), A=(n, m), x=d)
p1, p2 = indices(i=n, k=m)
yn = arrays(y=n)[0]
linear_map_composition = Formula(
    "One linear map after another",
    given=[Anm, Bmd, xd],
    let={yn[p1]: Sum(Anm[p1, p2] * Sum(Bmd[p2, j] * xd[j], j), p2)},
    wrt=[Anm, Bmd, xd],
    claims={xd: "A @ B"},
    source=f"{STRANG}, section 8.1",
    tags=("matrix",),
    explanation="Applying B and then A is applying the product A B.",
)

A, Q = arrays(A=(d, d), Q=(d, d))
quadratic_form = Formula(
    "Quadratic form",
    given=[A, x],
    let={scalars("q")[0]: Sum(x[i] * A[i, j] * x[j], i, j)},
    wrt=[A, x],
    claims={x: "(A + A.T) @ x", A: "outer(x, x)", (x, x): "A + A.T"},
    source=f"{COOKBOOK}, eq. 81",
    tags=("matrix", "second order"),
    explanation="A number that grows with the square of x, weighed by the matrix A; A need not be symmetric.",
)

rayleigh_quotient = Formula(
    "Rayleigh quotient",
    given=[A, nonzero(x)],
    let={v: Sum(x[i] * A[i, j] * x[j], i, j) / Sum(x[i] ** 2, i)},
    wrt=[A, x],
    claims={
        x: "((A + A.T) @ x - 2 * (x @ A @ x) / (x @ x) * x) / (x @ x)",
        A: "outer(x, x) / (x @ x)",
    },
    source=f"{GOLUB}, section 8.2.3",
    tags=("matrix", "eigenvalue"),
    explanation="For a symmetric matrix its stationary points are the eigenvectors, its values there the eigenvalues.",
)

vd, res = arrays(v=d, r=d)
eigen_residual = Formula(
    "How far a pair is from being an eigenpair",
    given=[A, vd, lam],
    let={res[i]: Sum(A[i, j] * vd[j], j) - lam * vd[i], scalars("L")[0]: Sum(res[i] ** 2, i)},
    wrt=[A, vd, lam],
    claims={
        vd: "2 * (A - lam * eye(d)).T @ (A @ v - lam * v)",
        lam: "-2 * v @ (A @ v - lam * v)",
        A: "2 * outer(A @ v - lam * v, v)",
    },
    source=f"{GOLUB}, section 7.1",
    tags=("matrix", "eigenvalue"),
    explanation="Zero exactly when A only stretches v, by the factor λ.",
)

a0, b0, c0 = scalars("a b c")
symmetric_eigenvalue_2x2 = Formula(
    "Larger eigenvalue of a symmetric matrix with two rows",
    given=[a0, b0, c0],
    let={R: sqrt(((a0 - c0) / 2) ** 2 + b0**2), v: (a0 + c0) / 2 + R},
    wrt=[a0, b0, c0],
    claims={a0: "1/2 + (a - c) / (4*R)", b0: "b / R", c0: "1/2 - (a - c) / (4*R)"},
    source=f"{STRANG}, section 6.4",
    tags=("eigenvalue", "scalar"),
    explanation="Half the trace plus half the gap between the eigenvalues of the matrix with rows (a, b) and (b, c).",
)

X, mu, C = arrays(X=(n, d), mu=d, C=(d, d))
sample, other = indices(i=n, r=n)
covariance = Formula(
    "Covariance matrix",
    given=[X],
    let={
        mu[j]: Sum(X[sample, j], sample) / n,
        C[j, l]: Sum((X[sample, j] - mu[j]) * (X[sample, l] - mu[l]), sample) / n,
    },
    wrt=[X],
    claims={
        X: "J[j, k, a, b] = (1/n) * (delta(b, j) * (X[a, k] - mu[k]) + delta(b, k) * (X[a, j] - mu[j]))",
    },
    aliases=("covariance_matrix",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 12.3",
    tags=("statistics", "matrix"),
    explanation="How the columns of centred data vary together; it divides by n.",
)

u2 = arrays(u=2)[0]
two = indices(i=2)[0]
rotation_2d = Formula(
    "Rotation of the plane",
    given=[theta, vector2],
    let={
        u2[two]: Delta(two, 0) * (cos(theta) * vector2[0] - sin(theta) * vector2[1])
        + Delta(two, 1) * (sin(theta) * vector2[0] + cos(theta) * vector2[1]),
    },
    wrt=[theta, vector2],
    claims={},
    source=f"{STRANG}, section 8.2",
    tags=("geometry",),
    explanation="Turns a vector by an angle and keeps its length.",
)

k0 = scalars("k")[0]
shear_2d = Formula(
    "Shear of the plane",
    given=[k0, vector2],
    let={u2[two]: Delta(two, 0) * (vector2[0] + k0 * vector2[1]) + Delta(two, 1) * vector2[1]},
    wrt=[k0, vector2],
    claims={},
    source=f"{STRANG}, section 8.2",
    tags=("geometry",),
    explanation="Pushes the first coordinate in proportion to the second; areas stay.",
)

w, yobs, fit = arrays(w=d, y=n, yhat=n)
L = scalars("L")[0]
least_squares = Formula(
    "Sum of squared residuals",
    given=[X, w, yobs],
    let={fit[sample]: Sum(X[sample, j] * w[j], j), L: Sum((fit[sample] - yobs[sample]) ** 2, sample)},
    wrt=[w, X, yobs],
    claims={
        w: "2 * X.T @ (X @ w - y)",
        X: "2 * outer(X @ w - y, w)",
        yobs: "-2 * (X @ w - y)",
        (w, w): "2 * X.T @ X",
    },
    aliases=("residual_sum_of_squares", "rss"),
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 3.2",
    tags=("regression", "convex"),
    explanation="The squared length of what a linear model leaves unexplained.",
)

G = arrays(G=(d, d))[0]
least_squares_solution = Formula(
    "Solution of the normal equations",
    given=[within("full column rank")(X), yobs],
    let={
        G[j, l]: Sum(X[sample, j] * X[sample, l], sample),
        w[j]: Sum(inverse(G)[j, l] * Sum(X[sample, l] * yobs[sample], sample), l),
    },
    wrt=[yobs, X],
    claims={
        yobs: "inv(X.T @ X) @ X.T",
    },
    aliases=("normal_equation", "normal_equations"),
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 3.6",
    tags=("regression", "matrix"),
    explanation="The weights for which the residual is at right angles to every column of X.",
)

Bnm = arrays(B=(n, m))[0]
trace_product = Formula(
    "Trace of a product",
    given=[Amn, Bnm],
    let={v: Sum(Amn[row, column] * Bnm[column, row], row, column)},
    wrt=[Amn, Bnm],
    claims={Amn: "B.T", Bnm: "A.T"},
    source=f"{COOKBOOK}, eq. 100",
    tags=("matrix",),
    explanation="The inner product of one matrix with the transpose of the other.",
)

Ann = arrays(A=(n, n))[0]
det = Formula(
    "Determinant",
    given=[Ann],
    let={v: determinant(Ann)},
    wrt=[Ann],
    claims={Ann: "det(A) * inv(A).T"},
    aliases=("determinant",),
    source=f"{COOKBOOK}, eq. 49",
    tags=("matrix",),
    explanation="By which factor a linear map changes volumes, negative where it turns space inside out.",
)

S = arrays(S=(n, n))[0]
logdet = Formula(
    "Logarithm of a determinant",
    given=[spd(S)],
    let={v: log_determinant(S)},
    wrt=[S],
    claims={S: "inv(S)"},
    aliases=("log_determinant",),
    source=f"{COOKBOOK}, eq. 57",
    tags=("matrix", "concave"),
    explanation="The log-volume of an ellipsoid; it appears in every Gaussian likelihood.",
)

invertible = within("invertible")
Y = arrays(Y=(n, n))[0]
g1, g2, g3 = indices(i=n, j=n, k=n)
inverse_matrix = inverse(Ann)
matrix_inverse_entry = inverse_matrix[g1, g2]
inverse = Formula(
    "Inverse of a matrix",
    given=[invertible(Ann)],
    let={Y[g1, g2]: matrix_inverse_entry},
    wrt=[Ann],
    claims={Ann: "J[i, j, k, l] = -inv(A)[i, k] * inv(A)[l, j]"},
    aliases=("matrix_inverse",),
    source=f"{COOKBOOK}, eq. 60",
    tags=("matrix",),
    explanation="The map that takes back what A does.",
)

xs, bs = arrays(x=n, b=n)
linear_solve = Formula(
    "Solution of a linear system",
    given=[invertible(Ann), bs],
    let={xs[g1]: Sum(inverse_matrix[g1, g3] * bs[g3], g3)},
    wrt=[Ann, bs],
    claims={bs: "inv(A)", Ann: "J[i, k, l] = -inv(A)[i, k] * sum(inv(A)[l, j] * b[j], j)"},
    aliases=("solve",),
    source=f"{GOLUB}, section 3.1",
    tags=("matrix",),
    explanation="The x for which A x is b.",
)

inverse_quadratic_form = Formula(
    "Squared Mahalanobis distance",
    given=[spd(S), xs],
    let={v: Sum(xs[g1] * type(inverse_matrix)("inv", "S")[g1, g2] * xs[g2], g1, g2)},
    wrt=[S, xs],
    claims={xs: "2 * inv(S) @ x", S: "-outer(inv(S) @ x, inv(S) @ x)"},
    aliases=("squared_mahalanobis",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 2.44",
    tags=("matrix", "distance"),
    explanation="Distance in units of the spread in each direction.",
)

frobenius_norm = Formula(
    "Frobenius norm",
    given=[nonzero(Amn)],
    let={v: sqrt(Sum(Amn[row, column] ** 2, row, column))},
    wrt=[Amn],
    claims={Amn: "A / norm(A, 'fro')"},
    source=f"{COOKBOOK}, eq. 132",
    tags=("norm", "matrix", "convex"),
    explanation="The Euclidean length of all entries of a matrix.",
)

W = arrays(W=(d, k))[0]
E = arrays(R=(n, d))[0]
comp = indices(r=k)[0]
pca_reconstruction_error = Formula(
    "Reconstruction error of a linear autoencoder",
    given=[X, W],
    let={
        E[sample, j]: X[sample, j] - Sum(X[sample, l] * Sum(W[l, comp] * W[j, comp], comp), l),
        L: Sum(E[sample, j] ** 2, sample, j) / n,
    },
    wrt=[W, X],
    claims={
        W: "-(2/n) * (X.T @ R + R.T @ X) @ W",
        X: "(2/n) * R @ (eye(d) - W @ W.T)",
    },
    aliases=("pca_reconstruction",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), section 12.1.2",
    tags=("dimension reduction",),
    explanation="What is lost when data are squeezed through k directions; the best W spans the principal components.",
)

U, V, En, Anx = arrays(U=(m, r), V=(n, r), E=(m, n), A=(m, n))
low_rank_factorization = Formula(
    "Low-rank approximation of a matrix",
    given=[Anx, U, V],
    let={
        En[row, column]: Anx[row, column] - Sum(U[row, inner] * V[column, inner], inner),
        L: Sum(En[row, column] ** 2, row, column),
    },
    wrt=[U, V, Anx],
    claims={U: "-2 * E @ V", V: "-2 * E.T @ U", Anx: "2 * E"},
    source=f"{GOLUB}, section 2.4",
    tags=("dimension reduction", "matrix"),
    explanation="A big matrix written as the product of a tall and a wide one, as well as it goes.",
)

nearest_x, nearest_z = arrays(x=d, z=d)
knn_distance = Formula(
    "Squared distance to a neighbour",
    given=[nearest_x, nearest_z],
    let={v: Sum((nearest_x[i] - nearest_z[i]) ** 2, i)},
    wrt=[nearest_x, nearest_z],
    claims={nearest_x: "2 * (x - z)", nearest_z: "2 * (z - x)"},
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 13.3",
    tags=("distance",),
    explanation="What nearest neighbours are ranked by; no square root is needed for the order.",
)

explained_variance = Formula(
    "Share of direction in the variance of data",
    given=[X, nonzero(w)],
    let={
        mu[j]: Sum(X[sample, j], sample) / n,
        v: Sum(Sum((X[sample, j] - mu[j]) * w[j], j) ** 2, sample) / n / Sum(w[j] ** 2, j),
    },
    wrt=[w],
    claims={},
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 12.3",
    tags=("dimension reduction",),
    explanation="The variance of the data along a direction; the first principal component makes it largest.",
)
