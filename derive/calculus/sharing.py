"""Names for what would be computed twice when rules see through names.

A rule may put `σ(−z)` where `1 − a` stood, with `a = σ(z)`. Before the rules run, the argument of such a call gets a
name when it adds over an index, so that the sum is done once; after them, a costly call gets an equation of its own
when it stands in a loop that it does not depend on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sympy import Expr

from derive.calculus.cancellation import DIFFERENCES
from derive.primitives import erf, erfc, normal_cdf, normal_pdf, sigmoid, tanh
from derive.program import (
    Equation,
    Index,
    Program,
    Reduction,
    children,
    element,
    free_indices,
    fresh_name,
    inlined,
    is_element,
    names_in,
    rebuilt,
    substitute,
    symbol_names,
    walk,
)

COSTLY = (sigmoid, tanh, erf, erfc, normal_cdf, normal_pdf)
SEEN = tuple({row.function for row in DIFFERENCES})  # the functions that are seen through names


def with_arguments_named(program: Program) -> Iterator[Equation]:
    """The equations; where one is a function of a sum over an index, the sum gets a name, so that it is done once."""
    used = set(program.arrays) | {symbol for e in program.equations for symbol in symbol_names(e.value)}
    for equation in program.equations:
        call = equation.value
        if isinstance(call, SEEN) and any(isinstance(part, Reduction) for part in walk(call)):
            inner = Equation(fresh_name(f"{equation.target}_argument", used), equation.indices, call.args[0], True)
            yield inner
            yield replace(equation, value=call.func(inner.element))
        else:
            yield equation


def with_calls_apart(equations: Sequence[Equation], known: set[str]) -> Iterator[Equation]:
    """The equations; a costly function that stands in a loop it does not depend on gets an equation of its own."""
    used = known | {symbol for e in equations for symbol in (e.target, *symbol_names(e.value))}
    names: dict[Expr, str] = {}
    new: list[Equation] = []

    def apart(value: Expr, loops: int) -> Expr:
        axes = tuple(sorted(free_indices(value), key=lambda axis: str(axis.name)))
        if isinstance(value, COSTLY) and len(axes) < loops:
            key = substitute(value, {axis: Index(f"_{at}", axis.size) for at, axis in enumerate(axes)})
            if key not in names:
                names[key] = fresh_name(f"{type(value).__name__}_value", used)
                new.append(Equation(names[key], axes, value, True))
            return element(names[key], axes)
        if not value.args or is_element(value):
            return value
        inner = loops + len(value.indices) if isinstance(value, Reduction) else loops
        return rebuilt(value, tuple(apart(part, inner) for part in children(value)))

    for equation in equations:
        changed = apart(equation.value, len(equation.indices))
        yield from new
        new.clear()
        yield replace(equation, value=changed)


def with_arguments_back(equations: Sequence[Equation], known: set[str]) -> tuple[Equation, ...]:
    """The equations, with a named argument put back where only one reads it."""
    readers = Counter(name for equation in equations for name in names_in(equation.value))
    once = {e.target: e for e in equations if e.target not in known and readers[e.target] == 1}
    if not once:
        return tuple(equations)
    kept = (equation for equation in equations if equation.target not in once)
    return tuple(replace(equation, value=inlined(equation.value, once)) for equation in kept)
