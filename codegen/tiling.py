"""Several turns of a loop run side by side, so that what they have in common is loaded once.

A row of a matrix meets the same vector as the next row. Taking four rows at a time loads the vector once for all four,
keeps four sums running, and visits the result of a transposed product once instead of four times. Only loops whose
turns do not depend on each other (see `codegen.partition`) may be tiled.

Where a turn calls functions between its inner loops, four copies of that would be computed one number at a time. It
becomes a short loop over the turns instead, which runs in vectors; what comes to it and leaves it lies in small arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Integer, Symbol

from codegen.loops import Accumulator, Local, Loop, Statement, Store, Update, everything, substituted, values
from codegen.partition import Parts, names_used
from derive.primitives import primitive
from derive.program import Array, Delta, Element, Index, element, elements, name_of, positions_of, walk

ROWS = 4
CALLS = 2  # more functions than this keep a processor busy by themselves
TURN = "turn"  # the index of a loop over the turns that run side by side


@dataclass(frozen=True)
class Tile:
    """The body of several turns at once, and the small arrays with an entry for each of them."""

    body: tuple[Statement, ...]
    held: tuple[Array, ...] = ()


def tiled(parts: Parts) -> Tile | None:
    """The body for `ROWS` turns at once, its index standing for the first; None where nothing would be gained."""
    loop, body = parts.loop, parts.loop.body
    if not _gains(loop):
        return None
    own = {s.name for s in everything(body) if isinstance(s, Local | Accumulator)}
    own |= {array.name for array in parts.private}
    inside = sum(_calls(s.body) for s in body if isinstance(s, Loop))
    if inside > CALLS:
        return None
    found = _in_vectors(loop, own, {array.name for array in parts.private}) if _calls(body) > inside else None
    if found is None and _calls(body) <= CALLS:
        found = Tile(_jammed([_turn(body, loop.index, at, own) for at in range(ROWS)]))
    return found


def _in_vectors(loop: Loop, own: set[str], private: set[str]) -> Tile | None:
    """The turns side by side, with loops over them where functions are called."""
    found: list[Statement] = []
    held: dict[str, Array] = {}
    turn = Index(TURN, Integer(ROWS))
    before: set[str] = set()
    pieces = _pieces(loop.body)
    for at, piece in enumerate(pieces):
        names = {s.name for s in piece if isinstance(s, Local | Accumulator)}
        if isinstance(piece[0], Loop) or not _calls(piece):
            found += _jammed([_turn(piece, loop.index, k, own) for k in range(ROWS)])
            before |= names
            continue
        used = names_used(piece)
        if used & private or any(isinstance(s, Accumulator | Update) and s.name in own for s in piece):
            return None
        later = frozenset().union(*map(names_used, pieces[at + 1 :]))
        coming, leaving = sorted(before & used), sorted(names & later)
        held |= {name: Array(numbered(name, TURN), (Integer(ROWS),)) for name in (*coming, *leaving)}
        for name in coming:
            found += [Store(_held(name, Integer(k)), element(numbered(name, k))) for k in range(ROWS)]
        mapping: dict[Expr, Expr] = {Symbol(name, real=True): _held(name, turn) for name in coming}
        mapping |= {element(name): _held(name, turn) for name in coming}
        mapping[loop.index] = loop.index + turn
        body = [substituted(statement, mapping) for statement in piece]
        found.append(Loop(turn, (*body, *(Store(_held(name, turn), element(name)) for name in leaving))))
        for name in leaving:
            found += [Local(numbered(name, k), _held(name, Integer(k))) for k in range(ROWS)]
        before |= names
    return Tile(tuple(found), tuple(held.values()))


def _pieces(body: Sequence[Statement]) -> list[list[Statement]]:
    """Statements in runs that are together inside loops, together accumulators, or together neither."""
    kinds = [next((kind for kind in (Loop, Accumulator) if isinstance(s, kind)), Local) for s in body]
    found: list[list[Statement]] = []
    for at, statement in enumerate(body):
        if at and kinds[at] is kinds[at - 1]:
            found[-1].append(statement)
        else:
            found.append([statement])
    return found


def _held(name: str, turn: Expr) -> Element:
    """What a turn holds under a name."""
    return element(numbered(name, TURN), (turn,))


def _calls(body: Sequence[Statement]) -> int:
    """How many functions statements call."""
    parts = (part for s in everything(tuple(body)) for value in values(s) for part in walk(value))
    return sum(primitive(part) is not None for part in parts)


def numbered(name: str, at: int | str) -> str:
    """What belongs to one of the turns alone is called by its number there; no name of a program has a point."""
    return f"{name}.{at}"


def _gains(loop: Loop) -> bool:
    """Whether inner loops sum what they read in rows of the turn, or read columns: several turns share what they load.

    Then sums wait for each other less, what is added to is visited less often, and a line of memory serves several.
    """
    inner = [statement for statement in loop.body if isinstance(statement, Loop)]
    if not inner or any(isinstance(s, Loop) for loop_ in inner for s in loop_.body):
        return False
    if any(isinstance(part, Delta) for s in everything(loop.body) for value in values(s) for part in walk(value)):
        return False
    body = tuple(s for loop_ in inner for s in loop_.body)
    sums = any(isinstance(s, Update) or (isinstance(s, Store) and s.how != "set") for s in body)
    columns = any(loop.index in positions_of(e)[1:] for e in entries(body))
    return bool(rows_read(loop)) and (sums or columns)


def rows_read(loop: Loop) -> set[str]:
    """The arrays of which a turn of the loop reads a row."""
    read = (e for s in everything(loop.body) for value in values(s) for e in elements(value))
    return {name_of(e) for e in read if _is_row(e, loop.index)}


def _is_row(ref: Expr, index: Index) -> bool:
    positions = positions_of(ref)
    return len(positions) > 1 and positions[0] == index


def _turn(body: Sequence[Statement], index: Index, at: int, own: set[str]) -> tuple[Statement, ...]:
    """The body of the turn that is `at` places after the first, with its own locals."""
    mapping: dict[Expr, Expr] = {index: index + Integer(at)} if at else {}
    mapping |= {Symbol(name, real=True): Symbol(numbered(name, at), real=True) for name in own}
    arrays = {e: element(numbered(name_of(e), at), positions_of(e)) for e in entries(body) if name_of(e) in own}
    return tuple(_renamed(statement, arrays | mapping, own, at) for statement in body)


def entries(body: Sequence[Statement]) -> dict[Element, None]:
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
    found = substituted(statement, mapping)
    if isinstance(found, Local | Accumulator) or (isinstance(found, Update) and found.name in own):
        return replace(found, name=numbered(found.name, at))
    if isinstance(found, Store) and (name := name_of(found.element)) in own:
        return replace(found, element=element(numbered(name, at), positions_of(found.element)))
    return found


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
