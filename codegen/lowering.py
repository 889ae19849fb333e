"""A program as a list of tasks: each fills one array by a single expression, or by folding one over indices.

Three passes, each a function of its own: functions that a backend does not know are replaced by what their rows say
they compute; every reduction inside an expression becomes a task over exactly the indices it depends on, so that what
does not depend on a loop is not computed in it; reductions that differ only in the names of their indices are computed
once. What order the loops take, and which run together, is decided in `codegen.schedule`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, Mul

from codegen.loops import How
from derive.errors import BackendUnavailable
from derive.primitives import Primitive, primitive
from derive.program import (
    Index,
    Maximum,
    Program,
    Reduction,
    Sum,
    anonymous,
    children,
    element,
    free_indices,
    fresh_name,
    is_element,
    live,
    map_values,
    rebuilt,
    renamed_apart,
    symbol_names,
)


@dataclass(frozen=True)
class Task:
    """`target[indices] = value`, or the fold of `value` over `bound` by adding or taking the larger."""

    target: str
    indices: tuple[Index, ...]
    value: Expr
    bound: tuple[Index, ...] = ()
    how: How = "set"


def tasks(program: Program, known: Callable[[Primitive], bool]) -> tuple[Task, ...]:
    """The tasks of `program` in an order in which they can run; `known` tells which functions have a name there."""
    needed = map_values(live(program), lambda value: spelled_out(value, known))
    lowering = _Lowering(needed)
    for equation in needed.equations:
        apart = renamed_apart(equation.value, frozenset(index.name for index in equation.indices))
        apart = _factor_inside(apart)
        if isinstance(apart, Reduction):
            body = lowering.without_reductions(apart.body)
            lowering.add(Task(equation.target, equation.indices, body, apart.indices, _how(apart)))
        else:
            lowering.add(Task(equation.target, equation.indices, lowering.without_reductions(apart)))
    return tuple(lowering.done)


def _factor_inside(value: Expr) -> Expr:
    """A multiple of a sum as the sum of multiples: what scales the result scales each term before it is added."""
    sums = [factor for factor in Mul.make_args(value) if isinstance(factor, Sum)]
    if not isinstance(value, Mul) or len(sums) != 1:
        return value
    rest = Mul(*(factor for factor in value.args if factor is not sums[0]))
    return Sum(rest * sums[0].body, *sums[0].indices)


def _how(reduction: Reduction) -> How:
    return "max" if isinstance(reduction, Maximum) else "add"


def spelled_out(value: Expr, known: Callable[[Primitive], bool]) -> Expr:
    """`value` with functions that are not known replaced by what they compute."""
    if not value.args or is_element(value):
        return value
    parts = tuple(spelled_out(part, known) for part in children(value))
    row = primitive(value)
    if row is not None and not known(row):
        if row.lowered is None:
            raise BackendUnavailable(f"{row.name} has no name here and no meaning in other functions")
        return spelled_out(row.lowered(*parts), known)
    return rebuilt(value, parts)


class _Lowering:
    def __init__(self, program: Program) -> None:
        self.done: list[Task] = []
        self.known: dict[Expr, Expr] = {}
        self.used = set(program.arrays) | {dim.name for dim in program.dims}
        for equation in program.equations:
            self.used |= symbol_names(equation.value) | {index.name for index in equation.indices}

    def add(self, task: Task) -> None:
        self.done.append(task)

    def without_reductions(self, value: Expr) -> Expr:
        """`value` with each reduction replaced by an element of a task of its own."""
        if not value.args or is_element(value):
            return value
        if not isinstance(value, Reduction):
            return rebuilt(value, tuple(self.without_reductions(part) for part in children(value)))
        key = anonymous(value)
        if key not in self.known:
            axes = tuple(sorted(free_indices(value), key=lambda index: str(index.name)))
            name = fresh_name("t1", self.used)
            apart = value.renamed_apart({index.name for index in axes})
            self.add(Task(name, axes, self.without_reductions(apart.body), apart.indices, _how(value)))
            self.known[key] = element(name, axes)
        return self.known[key]
