"""Which sums of products are products of matrices, so that they can go to BLAS.

`C[i, j] = a Σₖ f(i, k) g(k, j)` is one whatever `f` and `g` are: where they are more than an entry of a matrix they are
filled into one first, which costs a pass over it and saves a factor of its length. Where `f` and `g` are the same up to
weights of `k`, as in every Gram matrix and in the Hessian of every generalised linear model, the result is symmetric
and half of it is enough. Weights that are not negative go to both sides by their roots: then a matrix meets itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sympy import Add, Expr, Mul, Pow, S, sqrt

from codegen.loops import Side
from codegen.lowering import Task, Work
from derive.primitives import primitive
from derive.program import (
    Delta,
    Index,
    element,
    elements,
    form,
    free_indices,
    fresh_name,
    is_element,
    name_of,
    positions_of,
    walk,
)


@dataclass(frozen=True)
class MatrixProduct:
    """`task` as a product of two matrices, `scale` times their rows and columns over the index it sums."""

    task: Task
    scale: Expr
    left: Side
    right: Side
    symmetric: bool

    @property
    def target(self) -> str:
        """What it fills."""
        return self.task.target

    @property
    def sizes(self) -> tuple[Expr, Expr, Expr]:
        """Rows and columns of the result, and what is summed over; a vector is one column."""
        row, *column = self.task.indices
        return row.size, column[0].size if column else S.One, self.task.bound[0].size


def with_products(work: Iterable[Work], used: set[str]) -> Iterator[Work | MatrixProduct]:
    """The tasks, those that are products of matrices as such, with tasks that fill their sides before them."""
    known: dict[str, Expr] = {}
    for task in work:
        found = _product(task, used, known) if isinstance(task, Task) else None
        if isinstance(task, Task) and task.how == "set" and not task.places:
            known[task.target] = task.value
        if found is None:
            yield task
        else:
            yield from found


def _product(task: Task, used: set[str], known: Mapping[str, Expr]) -> list[Task | MatrixProduct] | None:
    if task.how != "add" or task.places or len(task.bound) != 1 or len(task.indices) != 2:
        return None
    row, column, inner = *task.indices, *task.bound
    if row == column or _has_delta(task.value):
        return None
    sides = _by_indices(task.value)
    here, there = frozenset((row, inner)), frozenset((inner, column))
    if not {here, there} <= sides.keys() or frozenset(task.indices) in sides or frozenset((*here, *there)) in sides:
        return None
    left = Mul(*sides[here], *sides.get(frozenset((row,)), ()))
    right = Mul(*sides[there], *sides.get(frozenset((column,)), ()))
    weights = Mul(*sides.get(frozenset((inner,)), ()))
    symmetric = row.size == column.size and form(left, {row: 0, inner: 1}) == form(right, {column: 0, inner: 1})
    fills: list[Task | MatrixProduct] = []
    if symmetric and weights != 1 and _is_nonnegative(weights, known):
        root = fresh_name("t1", used)
        fills.append(Task(root, (inner,), sqrt(weights)))
        first = _side(left * element(root, (inner,)), (row, inner), used, fills)
        second = Side(first.name, not first.transposed)
    else:
        first = _side(left, (row, inner), used, fills)
        second = _side(right * weights, (inner, column), used, fills)
    scale = Mul(*sides.get(frozenset(), ()))
    entries = (
        element(side.name, axes[::-1] if side.transposed else axes)
        for side, axes in ((first, (row, inner)), (second, (inner, column)))
    )
    return [*fills, MatrixProduct(replace(task, value=Mul(scale, *entries)), scale, first, second, symmetric)]


def matrix_by_vector(task: Task, used: set[str]) -> list[Task | MatrixProduct] | None:
    """A task as a product of a matrix that is there and a vector.

    A task that fills the vector comes before it, if there is none, and one that scales the result after it.
    """
    if task.how != "add" or task.places or len(task.bound) != 1 or len(task.indices) != 1:
        return None
    row, inner = *task.indices, *task.bound
    sides = _by_indices(task.value)
    both, vector = (sides.pop(frozenset(axes), []) for axes in ((row, inner), (inner,)))
    scale, outside = (Mul(*sides.pop(frozenset(axes), [])) for axes in ((), (row,)))
    if sides or not vector or len(both) != 1 or not is_element(both[0]) or _has_delta(task.value):
        return None
    axes = positions_of(both[0])
    if axes not in ((row, inner), (inner, row)) or row == inner:
        return None
    found: list[Task | MatrixProduct] = []
    other = Mul(*vector)
    if not (is_element(other) and positions_of(other) == (inner,)):
        found.append(Task(fresh_name("t1", used), (inner,), other))
        other = element(found[0].target, (inner,))
    target = task.target if outside == 1 else fresh_name("t1", used)
    sum_ = replace(task, target=target, value=Mul(scale, both[0], other))
    matrix = Side(name_of(both[0]), axes != (row, inner))
    found.append(MatrixProduct(sum_, scale, matrix, Side(name_of(other), False), False))
    if outside != 1:
        found.append(Task(task.target, (row,), Mul(outside, element(target, (row,)))))
    return found


def _by_indices(product: Expr) -> dict[frozenset[Index], list[Expr]]:
    """The factors of a product by the indices they depend on."""
    sides: dict[frozenset[Index], list[Expr]] = {}
    for factor in Mul.make_args(product):
        sides.setdefault(free_indices(factor), []).append(factor)
    return sides


def _has_delta(value: Expr) -> bool:
    return any(isinstance(part, Delta) for part in walk(value))


def _is_nonnegative(value: Expr, known: Mapping[str, Expr]) -> bool:
    """Whether a weight is seen to be zero or more, so that it has a root that goes to both sides."""
    if value.is_number:
        return bool(value >= 0)
    if is_element(value):
        return name_of(value) in known and _is_nonnegative(known[name_of(value)], known)
    row = primitive(value)
    if row is not None:
        return row.range[0] >= 0
    if isinstance(value, Pow):
        return bool(value.exp.is_Integer and (value.exp % 2 == 0 or _is_nonnegative(value.base, known)))
    return isinstance(value, Mul | Add) and all(_is_nonnegative(part, known) for part in value.args)


def _side(value: Expr, axes: tuple[Index, Index], used: set[str], fills: list[Task | MatrixProduct]) -> Side:
    """An entry as the matrix it is from; anything else as a matrix that is filled with it."""
    if is_element(value) and positions_of(value) in (axes, axes[::-1]):
        return Side(name_of(value), positions_of(value) != axes)
    entries = (positions_of(ref) for ref in elements(value))
    order = next((p for p in entries if p in (axes, axes[::-1])), axes)
    name = fresh_name("t1", used)
    fills.append(Task(name, order, value))
    return Side(name, order != axes)
