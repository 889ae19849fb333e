"""Functions of whole arrays: one row each, and everything the project knows of such a function stands in its row.

An inverse, a determinant, an eigenvalue is never written out in the entries of its matrix: it is a function of the
whole matrix with a derivative rule, and a kernel computes it with a factorisation. `derive.primitives` is the same
table for functions of numbers.

The derivative of an entry is given as its coefficients: entry `e` of `f(A)` changes by the sum over k and l of
`derivative(e, k, l)` times the change of `A[k, l]`. Functions of a symmetric matrix (`cholesky`, `eigvalsh`) are
functions of the symmetric part of what they are given, so that every entry is a free variable of theirs.

Sources: K. B. Petersen and M. S. Pedersen, The Matrix Cookbook (2012), chapters 2 and 9; M. Giles, Collected matrix
derivative results for forward and reverse mode algorithmic differentiation (2008); I. Murray, Differentiation of the
Cholesky decomposition (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sympy import Expr, Integer, Rational, S

from derive.primitives import absolute, greater, log
from derive.program import Delta, Entry, Index, Sum, fresh_index, symbol_names

Coefficient: TypeAlias = "Callable[[Entry, Index, Index], Expr]"


@dataclass(frozen=True)
class ArrayFunction:
    """One function of a square matrix.

    `axes` says what the result's axes are: `"ij"` those of the matrix, `"i"` one of them, `""` none. `derivative` gives
    the coefficients of the derivative of an entry, `trace_derivative` the function whose transpose is the derivative of
    the trace. `value(mp, matrix)` computes the whole result with mpmath; a power takes its exponent, too.
    `scaled(entry, c, n)` is the entry of `f(c A)` for a number c and n rows, in terms of that of `f(A)`.
    `symmetric` says that f(Aᵀ) is f(A)ᵀ, so that a symmetric matrix has a symmetric result. `licence` is what the
    matrix has to be.
    """

    name: str
    axes: str
    derivative: Coefficient | None
    value: Callable[..., Any]
    licence: str = ""
    symmetric: bool = False
    trace_derivative: Callable[[Entry], Expr] | None = None
    reason: str = ""
    numpy: str = ""
    unicode: str = ""
    latex: str = ""
    takes_exponent: bool = False
    scaled: Callable[..., Expr] | None = None

    @property
    def rank(self) -> int:
        """How many axes the result has."""
        return len(self.axes)


ARRAY_FUNCTIONS: dict[str, ArrayFunction] = {}


def _row(name: str, axes: str, derivative: Coefficient | None = None, **columns: Any) -> None:
    columns.setdefault("unicode", f"{name}({{0}})")
    columns.setdefault("latex", rf"\operatorname{{{{{name}}}}}\left({{0}}\right)")
    ARRAY_FUNCTIONS[name] = ArrayFunction(name, axes, derivative, **columns)


def row_of(entry: Entry) -> ArrayFunction:
    """The row of the function that an entry is of."""
    return ARRAY_FUNCTIONS[entry.function]


def of(function: str, entry: Entry, *positions: Expr) -> Entry:
    """An entry of another function of the same matrix."""
    return Entry(function, entry.arrays, positions)


def _another(like: Index, *beside: Expr) -> Index:
    """A bound index over the same range, under a letter of its own."""
    used = set().union(*(symbol_names(value) for value in beside))
    return fresh_index(like, used | {like.name})


# ---------------------------------------------------------------- inverse and determinant


def _inverse(entry: Entry, k: Index, l: Index) -> Expr:
    i, j = entry.positions
    return -entry.at(i, k) * entry.at(l, j)


_row(
    "inv",
    "ij",
    _inverse,
    value=lambda mp, a: mp.inverse(a),
    licence="the matrix is invertible",
    reason="derivative of an inverse: dA⁻¹ = −A⁻¹ dA A⁻¹",
    scaled=lambda entry, c, n: entry / c,
    symmetric=True,
    numpy="np.linalg.inv({0})",
    unicode="{0}⁻¹",
    latex="{0}^{{-1}}",
)
_row(
    "det",
    "",
    lambda entry, k, l: entry * of("inv", entry, l, k),
    value=lambda mp, a: mp.det(a),
    licence="the matrix is invertible",
    reason="derivative of a determinant: d det A = det A tr(A⁻¹ dA)",
    scaled=lambda entry, c, n: c**n * entry,
    numpy="np.linalg.det({0})",
    latex=r"\det\left({0}\right)",
)
_row(
    "logdet",
    "",
    lambda entry, k, l: of("inv", entry, l, k),
    value=lambda mp, a: mp.log(abs(mp.det(a))),
    licence="the matrix is invertible",
    reason="derivative of a log-determinant: d log|det A| = tr(A⁻¹ dA)",
    scaled=lambda entry, c, n: n * log(absolute(c)) + entry,
    numpy="np.linalg.slogdet({0})[1]",
    unicode="log|det({0})|",
    latex=r"\log\left|\det\left({0}\right)\right|",
)

# ---------------------------------------------------------------- powers and matrix functions


def _power(entry: Entry, k: Index, l: Index) -> Expr:
    """The sum over r < n of Xʳ[i, k] Xⁿ⁻¹⁻ʳ[l, j]."""
    n, i, j = entry.positions
    if isinstance(n, Integer):
        terms = (entry.at(Integer(r), i, k) * entry.at(n - 1 - r, l, j) for r in range(int(n)))
        return sum(terms, S.Zero)
    r = _another(Index("r", n), i, j, k, l, n)
    return Sum(entry.at(r, i, k) * entry.at(n - 1 - r, l, j), r)


def _power_value(mp: Any, a: Any, n: int) -> Any:
    result = mp.eye(a.rows)
    for _ in range(abs(n)):
        result = result * (a if n > 0 else mp.inverse(a))
    return result


_row(
    "matrix_power",
    "ij",
    _power,
    value=_power_value,
    symmetric=True,
    reason="product rule for a power: dXⁿ = Σ Xʳ dX Xⁿ⁻¹⁻ʳ",
    takes_exponent=True,
    scaled=lambda entry, c, n, exponent: c**exponent * entry,
    unicode="{0}^{1}",
    latex="{0}^{{{1}}}",
)


def _function(name: str, trace_derivative: Callable[[Entry], Expr], value: Callable[..., Any], unicode: str) -> None:
    _row(
        name,
        "ij",
        value=value,
        symmetric=True,
        trace_derivative=trace_derivative,
        reason="the derivative of tr f(X) is f′(X)ᵀ",
        unicode=f"{unicode}({{0}})",
        latex=rf"\{unicode}\left({{0}}\right)",
    )


_function("expm", lambda e: of("expm", e, *e.positions), lambda mp, a: mp.expm(a), "exp")
_function("logm", lambda e: of("inv", e, *e.positions), lambda mp, a: mp.logm(a), "log")
_function("sinm", lambda e: of("cosm", e, *e.positions), lambda mp, a: mp.sinm(a), "sin")
_function("cosm", lambda e: -of("sinm", e, *e.positions), lambda mp, a: mp.cosm(a), "cos")

# ---------------------------------------------------------------- factorisations of a symmetric matrix


def _half(first: Expr, second: Expr) -> Expr:
    """The mean of two values, which differ by what is done to the two triangles of a matrix."""
    return Rational(1, 2) * (first + second)


def _lower(p: Expr, j: Expr) -> Expr:
    """1 below the diagonal, 1/2 on it, 0 above."""
    return greater(p, j) + Delta(p, j) / 2


def _cholesky(entry: Entry, k: Index, l: Index) -> Expr:
    i, j = entry.positions
    p = _another(k, i, j, k, l)

    def inverse(row: Expr, column: Expr) -> Entry:
        return of("cholesky_inv", entry, row, column)

    both = _half(inverse(p, k) * inverse(j, l), inverse(p, l) * inverse(j, k))
    return Sum(entry.at(i, p) * _lower(p, j) * both, p)


def _cholesky_inverse(entry: Entry, k: Index, l: Index) -> Expr:
    i, j = entry.positions
    p = _another(k, i, j, k, l)
    both = _half(entry.at(i, k) * entry.at(p, l), entry.at(i, l) * entry.at(p, k))
    return Sum(-_lower(i, p) * both * entry.at(p, j), p)


def _symmetric_part(a: Any) -> Any:
    return (a + a.T) / 2


_LOWER = "np.linalg.cholesky(({0} + np.swapaxes({0}, -1, -2)) / 2)"
_row(
    "cholesky",
    "ij",
    _cholesky,
    value=lambda mp, a: mp.cholesky(_symmetric_part(a)),
    licence="the matrix is symmetric and positive definite",
    reason="derivative of a Cholesky factor: dL = L Φ(L⁻¹ dA L⁻ᵀ)",
    numpy=_LOWER,
    unicode="chol({0})",
)
_row(
    "cholesky_inv",
    "ij",
    _cholesky_inverse,
    value=lambda mp, a: mp.inverse(mp.cholesky(_symmetric_part(a))),
    licence="the matrix is symmetric and positive definite",
    reason="derivative of the inverse of a Cholesky factor: dL⁻¹ = −Φ(L⁻¹ dA L⁻ᵀ) L⁻¹",
    numpy=f"np.linalg.inv({_LOWER})",
    unicode="chol({0})⁻¹",
    latex=r"\operatorname{{chol}}\left({0}\right)^{{-1}}",
)


def _eigenvectors(mp: Any, a: Any) -> Any:
    """Eigenvectors as columns, eigenvalues ascending; of each the entry of largest size is positive."""
    _, q = mp.eigsy(_symmetric_part(a))
    for column in range(q.cols):
        largest = max((q[row, column] for row in range(q.rows)), key=abs, default=1)
        for row in range(q.rows):
            q[row, column] = q[row, column] if largest > 0 else -q[row, column]
    return q


def _vector_of_eigenvectors(entry: Entry, k: Index, l: Index) -> Expr:
    """The sum over p ≠ m of V[i, p] V[k, p] V[l, m] / (λ[m] − λ[p]), for changes of the symmetric part."""
    i, m = entry.positions
    p = _another(k, i, m, k, l)
    gap = of("eigvalsh", entry, m) - of("eigvalsh", entry, p) + Delta(p, m)
    both = _half(entry.at(k, p) * entry.at(l, m), entry.at(l, p) * entry.at(k, m))
    return Sum((1 - Delta(p, m)) / gap * entry.at(i, p) * both, p)


_row(
    "eigvalsh",
    "i",
    lambda entry, k, l: of("eigvecsh", entry, k, *entry.positions) * of("eigvecsh", entry, l, *entry.positions),
    value=lambda mp, a: mp.eigsy(_symmetric_part(a), eigvals_only=True),
    licence="the eigenvalues are distinct",
    reason="derivative of an eigenvalue: dλ = vᵀ dA v",
    numpy="np.linalg.eigvalsh(({0} + np.swapaxes({0}, -1, -2)) / 2)",
    unicode="λ({0})",
    latex=r"\lambda\left({0}\right)",
)
_row(
    "eigvecsh",
    "ij",
    _vector_of_eigenvectors,
    value=_eigenvectors,
    licence="the eigenvalues are distinct",
    reason="derivative of an eigenvector: dv = (λI − A)⁺ dA v",
    numpy="_eigenvectors(({0} + np.swapaxes({0}, -1, -2)) / 2)",
    unicode="V({0})",
    latex=r"V\left({0}\right)",
)
