"""Small dense factorisations, written once in the loop language, so that native kernels stand alone.

Each function of `derive.array_functions` that a native kernel can compute has a writer here: given the name of a square
matrix, the name of the result and the size, it returns statements and the workspace they need. Nothing pivots and
nothing branches: a QR factorisation by Householder reflections serves inverse and determinant, Cholesky needs no more
than square roots, and cyclic Jacobi rotations give eigenvalues to full accuracy. A singular matrix gives infinities or
not-a-number, as division by zero does.

Sources: G. H. Golub and C. F. Van Loan, Matrix Computations (2013): algorithms 5.2.1, 4.2.1, 8.5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from sympy import Expr, Integer, Rational, S, sqrt

from codegen.loops import START, Accumulator, How, Local, Loop, Statement, Store, Update
from derive.errors import BackendUnavailable
from derive.primitives import absolute, equal, greater, less, log, sign, where
from derive.program import Array, Element, Index, element, fresh_name

Entries: TypeAlias = "Callable[..., Element]"

SWEEPS = 12  # cyclic Jacobi converges quadratically; sizes in the hundreds need fewer


@dataclass
class Writer:
    """Statements about one matrix, with names of its own."""

    source: str
    target: str
    size: Expr
    used: set[str]
    workspace: list[Array] = field(default_factory=list)

    def array(self, stem: str, rank: int = 2) -> Entries:
        """A new workspace array, as a function from positions to elements."""
        name = fresh_name(f"{self.target}_{stem}", self.used)
        self.workspace.append(Array(name, (self.size,) * rank))
        return lambda *positions: element(name, positions)

    def index(self, stem: str, size: Expr | None = None) -> Index:
        """A new loop index."""
        return Index(fresh_name(stem, self.used), self.size if size is None else size)

    def number(self, stem: str) -> str:
        """A new name for a number."""
        return fresh_name(f"{self.target}_{stem}", self.used)

    def given(self, row: Expr, column: Expr) -> Element:
        """An entry of the matrix."""
        return element(self.source, (row, column))

    def result(self, *positions: Expr) -> Element:
        """An entry of the result."""
        return element(self.target, positions)

    def total(self, name: str, value: Expr, *indices: Index, how: How = "add") -> list[Statement]:
        """A fold of `value` over `indices`, under `name`."""
        return [Accumulator(name, START[how]), over(indices, Update(name, value, how))]


def over(indices: tuple[Index, ...], *body: Statement) -> Statement:
    """`body` for every position of `indices`, the first outermost."""
    statement = body
    for index in reversed(indices):
        statement = (Loop(index, statement),)
    return statement[0]


def _scalar(name: str) -> Element:
    return element(name)


# ---------------------------------------------------------------- Householder's QR


def _reflections(w: Writer, accumulate: bool) -> tuple[list[Statement], Entries, Entries, Entries]:
    """R in the upper triangle of `r` and on `d`, and Qᵀ in `q` when it is accumulated."""
    r, d = w.array("r"), w.array("d", 1)
    q = w.array("q") if accumulate else r
    i, j = w.index("i"), w.index("j")
    body: list[Statement] = [over((i, j), Store(r(i, j), w.given(i, j)))]
    if accumulate:
        i, j = w.index("i"), w.index("j")
        body.append(over((i, j), Store(q(i, j), equal(i, j))))
    k = w.index("k")
    square, alpha, beta = w.number("square"), w.number("alpha"), w.number("beta")
    below = w.index("p", w.size - k)
    head = r(k, k)
    step: list[Statement] = w.total(square, r(k + below, k) ** 2, below)
    length = sqrt(_scalar(square))
    step += [
        Local(alpha, where(greater(head, 0), -length, length)),
        Local(beta, where(greater(_scalar(square), 0), 1 / (_scalar(square) - _scalar(alpha) * head), 0)),
        Store(d(k), _scalar(alpha)),
        Store(head, -_scalar(alpha), "add"),
    ]
    right = w.index("j", w.size - k - 1)
    step.append(_reflected(w, r, k, k + 1 + right, right, r, beta))
    if accumulate:
        column = w.index("j")
        step.append(_reflected(w, r, k, column, column, q, beta))
    body.append(over((k,), *step))
    return body, r, d, q


def _reflected(w: Writer, v: Entries, k: Index, column: Expr, loop: Index, of: Entries, beta: str) -> Statement:
    """Column after column of a matrix, reflected at the vector below `v[k, k]`."""
    length = w.number("t")
    p, again = w.index("p", w.size - k), w.index("p", w.size - k)
    return over(
        (loop,),
        *w.total(length, v(k + p, k) * of(k + p, column), p),
        over((again,), Store(of(k + again, column), -_scalar(beta) * _scalar(length) * v(k + again, k), "add")),
    )


def inverse(w: Writer) -> list[Statement]:
    """A⁻¹ = R⁻¹ Qᵀ, a column at a time, from the last row upwards."""
    body, r, d, q = _reflections(w, accumulate=True)
    column, up = w.index("j"), w.index("i")
    row = w.size - 1 - up
    total = w.number("t")
    right = w.index("p", up)
    known = w.result(row + 1 + right, column)
    solved = (q(row, column) - _scalar(total)) / d(row)
    steps = [*w.total(total, r(row, row + 1 + right) * known, right), Store(w.result(row, column), solved)]
    return [*body, over((up, column), *steps)]


def determinant(w: Writer) -> list[Statement]:
    """Every reflection has the determinant −1."""
    body, _, d, _ = _reflections(w, accumulate=False)
    i, name = w.index("i"), w.number("det")
    return [*body, *w.total(name, -d(i), i, how="mul"), Store(w.result(), _scalar(name))]


def log_determinant(w: Writer) -> list[Statement]:
    """The logarithms of the diagonal of R, which a product would over- or underflow."""
    body, _, d, _ = _reflections(w, accumulate=False)
    i, name = w.index("i"), w.number("total")
    return [*body, *w.total(name, log(absolute(d(i))), i), Store(w.result(), _scalar(name))]


# ---------------------------------------------------------------- Cholesky


def _symmetric(w: Writer, row: Expr, column: Expr) -> Expr:
    return Rational(1, 2) * (w.given(row, column) + w.given(column, row))


def _factor(w: Writer, lower: Entries) -> list[Statement]:
    """L, a column at a time."""
    i, j = w.index("i"), w.index("j")
    k = w.index("k")
    down = w.index("p", w.size - k)
    left = w.index("q", k)
    total = w.number("t")
    row = k + down
    entry = _symmetric(w, row, k) - _scalar(total)
    diagonal = w.number("root")
    above = w.index("q", k)
    return [
        over((i, j), Store(lower(i, j), S.Zero)),
        over(
            (k,),
            *w.total(diagonal, lower(k, above) ** 2, above),
            Store(lower(k, k), sqrt(_symmetric(w, k, k) - _scalar(diagonal))),
            over(
                (down,),
                *w.total(total, lower(row, left) * lower(k, left), left),
                Store(lower(row, k), where(equal(down, 0), lower(k, k), entry / lower(k, k))),
            ),
        ),
    ]


def cholesky(w: Writer) -> list[Statement]:
    """The lower factor of the symmetric part."""
    return _factor(w, w.result)


def cholesky_inverse(w: Writer) -> list[Statement]:
    """L⁻¹ by forward substitution."""
    lower = w.array("l")
    row, column = w.index("i"), w.index("j")
    left, total = w.index("p", row), w.number("t")
    entry = (equal(row, column) - _scalar(total)) / lower(row, row)
    steps = [*w.total(total, lower(row, left) * w.result(left, column), left), Store(w.result(row, column), entry)]
    return [*_factor(w, lower), over((row, column), *steps)]


# ---------------------------------------------------------------- eigenvalues


def _jacobi(w: Writer) -> tuple[list[Statement], Entries, Entries]:
    """The symmetric part turned diagonal, and the product of the rotations."""
    a, v = w.array("a"), w.array("v")
    i, j = w.index("i"), w.index("j")
    body: list[Statement] = [over((i, j), Store(a(i, j), _symmetric(w, i, j)), Store(v(i, j), equal(i, j)))]
    sweep, p = w.index("sweep", Integer(SWEEPS)), w.index("p")
    after = w.index("q", w.size - p - 1)
    q = p + 1 + after
    names = {stem: w.number(stem) for stem in ("angle", "tangent", "c", "s")}
    angle, tangent, c, s = (_scalar(name) for name in names.values())
    slope = where(less(angle, 0), -1, 1) / (absolute(angle) + sqrt(1 + angle**2))
    step: list[Statement] = [
        Local(names["angle"], (a(q, q) - a(p, p)) / (2 * a(p, q))),
        Local(names["tangent"], where(equal(a(p, q), 0), 0, slope)),
        Local(names["c"], 1 / sqrt(1 + tangent**2)),
        Local(names["s"], tangent * c),
    ]
    for turned, along_rows in ((a, False), (a, True), (v, False)):
        k, old, other = w.index("k"), w.number("old"), w.number("other")
        first, second = (turned(p, k), turned(q, k)) if along_rows else (turned(k, p), turned(k, q))
        step.append(
            over(
                (k,),
                Local(old, first),
                Local(other, second),
                Store(first, c * _scalar(old) - s * _scalar(other)),
                Store(second, s * _scalar(old) + c * _scalar(other)),
            )
        )
    body.append(over((sweep, p, after), *step))
    return body, a, v


def _ranked(w: Writer, a: Entries) -> tuple[list[Statement], Entries]:
    """How many eigenvalues come before each."""
    rank = w.array("rank", 1)
    i, j, count = w.index("i"), w.index("j"), w.number("count")
    before = less(a(j, j), a(i, i)) + equal(a(j, j), a(i, i)) * less(j, i)
    return [over((i,), *w.total(count, before, j), Store(rank(i), _scalar(count)))], rank


def eigenvalues(w: Writer) -> list[Statement]:
    """Eigenvalues, ascending."""
    body, a, _ = _jacobi(w)
    ranked, rank = _ranked(w, a)
    k, i, name = w.index("k"), w.index("i"), w.number("value")
    chosen = w.total(name, where(equal(rank(i), k), a(i, i), 0), i)
    return [*body, *ranked, over((k,), *chosen, Store(w.result(k), _scalar(name)))]


def eigenvectors(w: Writer) -> list[Statement]:
    """Eigenvectors as columns in the order of their eigenvalues; of each the entry of largest size is positive."""
    body, a, v = _jacobi(w)
    ranked, rank = _ranked(w, a)
    k, row, i, name = w.index("k"), w.index("j"), w.index("i"), w.number("entry")
    chosen = w.total(name, where(equal(rank(i), k), v(row, i), 0), i)
    body += [*ranked, over((k, row), *chosen, Store(w.result(row, k), _scalar(name)))]
    column, first, second, third = w.index("k"), w.index("i"), w.index("i"), w.index("i")
    size, turn = w.number("size"), w.number("turn")
    largest = where(equal(absolute(w.result(second, column)), _scalar(size)), sign(w.result(second, column)), 0)
    flipped = where(less(_scalar(turn), 0), -w.result(third, column), w.result(third, column))
    body.append(
        over(
            (column,),
            *w.total(size, absolute(w.result(first, column)), first, how="max"),
            *w.total(turn, largest, second),
            over((third,), Store(w.result(third, column), flipped)),
        )
    )
    return body


FACTORISATIONS: dict[str, Callable[[Writer], list[Statement]]] = {
    "inv": inverse,
    "det": determinant,
    "logdet": log_determinant,
    "cholesky": cholesky,
    "cholesky_inv": cholesky_inverse,
    "eigvalsh": eigenvalues,
    "eigvecsh": eigenvectors,
}


def factorised(
    function: str, source: str, target: str, size: Expr, used: set[str]
) -> tuple[list[Statement], list[Array]]:
    """The statements that compute `target = function(source)`, and the workspace they need.

    Raises:
        BackendUnavailable: native kernels cannot compute the function.
    """
    if function not in FACTORISATIONS:
        raise BackendUnavailable(f"native kernels do not compute {function}; use backend 'numpy'")
    writer = Writer(source, target, size, used)
    return FACTORISATIONS[function](writer), writer.workspace
