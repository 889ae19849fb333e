"""What is the same for a whole row of numbers, where some inputs of a formula are: a density of many x has one mean.

Calls of functions are taken out of the row; from the arithmetic around them, writers take out what they can. Results
are those where every x comes with a mean of its own, but for the order in which factors are multiplied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sympy import Expr, Pow

from codegen.costs import DIVISION, cost
from codegen.loops import Local, Loop, Nest, Statement, Store, substituted, values
from codegen.partition import names_used
from codegen.vector_math.library import PARAMETERS
from derive.primitives import primitive
from derive.program import Dim, Index, children, element, elements, fresh_name, name_of, put_in, walk


def row(body: Sequence[Statement], moving: Collection[str]) -> Loop:
    """Statements of numbers for a row of them; all but those `moving` are the same everywhere."""
    at = Index("at", Dim("count"))
    entries = {element(name): element(name, (at,)) for name in moving}
    return Loop(at, tuple(substituted(statement, entries) for statement in body))


def first_alone(nest: Nest) -> tuple[list[Local], Loop] | None:
    """A row of the first input's numbers where the others are the same everywhere, after what is done once for it.

    None where that saves next to nothing.
    """
    numbers = [statement for statement in nest.body if isinstance(statement, Local | Store)]
    if len(nest.inputs) < 2 or len(numbers) < len(nest.body):
        return None
    first, *others = [array.name for array in nest.inputs]
    outputs = [array.name for array in nest.outputs]
    once, turn = taken_out(numbers, [first], {first, *others, *outputs, *names_used(numbers)})
    alone, whole = row(turn, [first, *outputs]), row(numbers, [first, *others, *outputs])
    saves = _cost(alone) + DIVISION <= _cost(whole) or _partly_stands(alone)
    return (once, alone) if saves else None


def taken_out(
    body: Sequence[Local | Store], moving: Collection[str], used: set[str]
) -> tuple[list[Local], list[Statement]]:
    """What is computed once and what is computed for each number of a row, of whose inputs only those `moving` change.

    `used` are the names that are taken.
    """
    changing = set(moving)
    once: dict[Expr, Local] = {}
    turn: list[Statement] = []

    def stands(value: Expr) -> bool:
        return not any(name_of(part) in changing for part in elements(value))

    def calls(value: Expr) -> Iterator[Expr]:
        """The calls that stand, those that others take first."""
        for part in children(value):
            yield from calls(part)
        if primitive(value) is not None and stands(value):
            yield value

    def known() -> dict[Expr, Expr]:
        return {call: element(local.name) for call, local in once.items()}

    for statement in body:
        if isinstance(statement, Local) and stands(statement.value):
            once[element(statement.name)] = statement
            continue
        for call in calls(statement.value):
            if call not in once:
                once[call] = Local(fresh_name("once", used), put_in(call, known()))
        changing.add(statement.name if isinstance(statement, Local) else name_of(statement.element))
        turn.append(substituted(statement, known()))
    return list(once.values()), turn


def _cost(row: Loop) -> int:
    """What one number of a row costs."""
    return sum(cost(value) for statement in row.body for value in values(statement))


def _partly_stands(row: Loop) -> bool:
    """Whether what is called for each number of a row meets parameters that are the same everywhere."""
    parts = (part for statement in row.body for value in values(statement) for part in walk(value))
    calls = (children(part) for part in parts if _takes_parameters(part))
    return any(not (arg.is_number or row.index in walk(arg)) for args in calls for arg in args)


def _takes_parameters(part: Expr) -> bool:
    called = primitive(part)
    return isinstance(part, Pow) and not part.exp.is_Rational if called is None else called.c in PARAMETERS
