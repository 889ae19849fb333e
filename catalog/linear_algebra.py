"""Linear algebra: products, forms and norms."""

from derive.formulas import Formula, Sum, arrays, dims, indices, scalars

(n,) = dims("n")
i, j = indices(i=n, j=n)
A, x = arrays(A=(n, n), x=n)
(q,) = scalars("q")

quadratic_form = Formula(
    "Quadratic form",
    given=[A, x],
    let={q: Sum(x[i] * A[i, j] * x[j], i, j)},
    wrt=[A, x],
    claims={x: "(A + A.T) @ x", A: "outer(x, x)", (x, x): "A + A.T"},
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 81",
    tags=("matrix", "second order"),
    explanation="A number that grows with the square of x, weighed by the matrix A; A need not be symmetric.",
)
