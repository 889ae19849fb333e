"""Names for what would be computed twice when rules see through names.

A rule may put `σ(−z)` where `1 − a` stood, with `a = σ(z)`. Before the rules run, the argument of such a call gets a
name when it adds over an index, so that the sum is done once; after them, what only one reader is left for goes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from derive.calculus.cancellation import DIFFERENCES
from derive.program import (
    Equation,
    Program,
    Reduction,
    fresh_name,
    inlined,
    names_in,
    symbol_names,
    walk,
)

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


def with_arguments_back(equations: Sequence[Equation], known: set[str]) -> tuple[Equation, ...]:
    """The equations, with a named argument put back where only one reads it."""
    readers = Counter(name for equation in equations for name in names_in(equation.value))
    once = {e.target: e for e in equations if e.target not in known and readers[e.target] == 1}
    if not once:
        return tuple(equations)
    kept = (equation for equation in equations if equation.target not in once)
    return tuple(replace(equation, value=inlined(equation.value, once)) for equation in kept)
