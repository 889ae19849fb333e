"""Several turns of a loop run side by side, so that what they have in common is loaded once.

A row of a matrix meets the same vector as the next row. Taking four rows at a time loads the vector once for all four,
keeps four sums running, and visits the result of a transposed product once instead of four times. Only loops whose
turns do not depend on each other (see `codegen.partition`) may be tiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Integer, Symbol

from codegen.loops import Accumulator, Factorise, Local, Loop, Multiply, Statement, Store, Update, everything, values
from codegen.partition import Parts
from derive.primitives import primitive
from derive.program import Delta, Element, Index, element, elements, name_of, positions_of, substitute, walk

ROWS = 4
CALLS = 2  # more functions than this keep a processor busy by themselves


def tiled(parts: Parts) -> tuple[Statement, ...] | None:
    """The body for `ROWS` turns at once, its index standing for the first; None where nothing would be gained."""
    body = parts.loop.body
    if not _gains(parts.loop):
        return None
    own = {s.name for s in everything(body) if isinstance(s, Local | Accumulator)}
    own |= {array.name for array in parts.private}
    return _jammed([_turn(body, parts.loop.index, at, own) for at in range(ROWS)])


def numbered(name: str, at: int) -> str:
    """What belongs to one of the turns alone is called by its number there; no name of a program has a point."""
    return f"{name}.{at}"


def _gains(loop: Loop) -> bool:
    """Whether inner loops read rows of the turn: their sums wait for each other less where several run at once."""
    inner = [statement for statement in loop.body if isinstance(statement, Loop)]
    if not inner or any(isinstance(s, Loop) for loop_ in inner for s in loop_.body):
        return False
    parts = [part for s in everything(loop.body) for value in values(s) for part in walk(value)]
    if any(isinstance(part, Delta) for part in parts) or sum(primitive(part) is not None for part in parts) > CALLS:
        return False
    rows = {name_of(e) for s in everything(loop.body) for v in values(s) for e in elements(v) if _is_row(e, loop.index)}
    return bool(rows)


def _is_row(ref: Expr, index: Index) -> bool:
    positions = positions_of(ref)
    return len(positions) > 1 and positions[0] == index


def _turn(body: Sequence[Statement], index: Index, at: int, own: set[str]) -> tuple[Statement, ...]:
    """The body of the turn that is `at` places after the first, with its own locals."""
    mapping: dict[Expr, Expr] = {index: index + Integer(at)} if at else {}
    mapping |= {Symbol(name, real=True): Symbol(numbered(name, at), real=True) for name in own}
    arrays = {e: element(numbered(name_of(e), at), positions_of(e)) for e in _elements(body) if name_of(e) in own}
    return tuple(_renamed(statement, arrays | mapping, own, at) for statement in body)


def _elements(body: Sequence[Statement]) -> dict[Element, None]:
    """The entries that statements read or write."""
    found: dict[Element, None] = {}
    for statement in everything(tuple(body)):
        for value in values(statement):
            found |= elements(value)
        if isinstance(statement, Store):
            found[statement.element] = None
    return found


def _renamed(statement: Statement, mapping: Mapping[Expr, Expr], own: set[str], at: int) -> Statement:
    if isinstance(statement, Loop):
        return replace(statement, body=tuple(_renamed(s, mapping, own, at) for s in statement.body))
    if isinstance(statement, Factorise | Multiply):
        return statement
    if isinstance(statement, Accumulator):
        return replace(statement, name=numbered(statement.name, at), initial=substitute(statement.initial, mapping))
    value = substitute(statement.value, mapping)
    if isinstance(statement, Store):
        name = name_of(statement.element)
        places = tuple(substitute(place, mapping) for place in positions_of(statement.element))
        return replace(statement, element=element(numbered(name, at) if name in own else name, places), value=value)
    if isinstance(statement, Update) and statement.name not in own:
        return replace(statement, value=value)
    return replace(statement, name=numbered(statement.name, at), value=value)


def _jammed(turns: Sequence[Sequence[Statement]]) -> tuple[Statement, ...]:
    """Equal statements of all turns one after the other, with one loop where each turn has one."""
    found: list[Statement] = []
    for side_by_side in zip(*turns, strict=True):
        first = side_by_side[0]
        if isinstance(first, Loop):
            found.append(replace(first, body=_jammed([s.body for s in side_by_side if isinstance(s, Loop)])))
        else:
            found.extend(side_by_side)
    return tuple(found)
