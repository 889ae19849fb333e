"""Which innermost loops can be computed several turns at once, as neighbours in a vector.

Turns can be neighbours when each writes entries of its own, all of them in rows along the loop's index, and when what
they share are sums, products and maxima. They read rows, entries at a fixed distance from each other, and what is the
same for all of them; and they call functions that exist for vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from sympy import Expr

from codegen.loops import Local, Loop, Statement, Store, Update, values
from codegen.spelling import COMPARISONS
from codegen.vector_math.library import BOUNDED, FUNCTIONS
from derive.primitives import primitive
from derive.program import Delta, Element, Index, element, elements, is_element, name_of, positions_of, walk

INSTRUCTIONS = {"sqrt", "floor", "fabs", "max", "min", "/", "?:", *COMPARISONS}
CHAINS = 8  # sums that run at once, so that none waits for itself


def can_be_neighbours(loop: Loop) -> bool:
    """Whether the turns of a loop can be neighbours."""
    folded: set[str] = set()
    stored: dict[str, Expr] = {}
    for statement in loop.body:
        target = folded_in(statement, loop.index)
        if target is not None:
            folded.add(name_of(target))
        elif isinstance(statement, Store):
            at = positions_of(statement.element)
            if not at or not _is_row(at, loop.index) or stored.setdefault(name_of(statement.element), at[-1]) != at[-1]:
                return False
        elif not isinstance(statement, Local):
            return False
    parts = [part for statement in loop.body for value in values(statement) for part in walk(value)]
    return not folded & stored.keys() and all(_has_neighbours(part, loop.index, stored, folded) for part in parts)


def copies_of(loop: Loop) -> int:
    """How many vectors of turns run at once."""
    sums = sum(folded_in(statement, loop.index) is not None for statement in loop.body)
    if sums:
        return next(copies for copies in (4, 2, 1) if copies == 1 or copies * sums <= CHAINS)
    return 2 if any(isinstance(s, Store) and s.how != "set" for s in loop.body) else 1


def folded_in(statement: Statement, index: Index) -> Element | None:
    """The accumulator, or the entry of an array, that all turns fold into."""
    if isinstance(statement, Update) and statement.how != "set":
        return element(statement.name)
    if isinstance(statement, Store) and statement.how != "set" and is_fixed(statement.element, index):
        return statement.element
    return None


def touched(loop: Loop) -> dict[Element, None]:
    """The entries that a turn writes or reads."""
    return {entry: None for statement in loop.body for entry in _touched(statement)}


def stored_apart(loop: Loop) -> set[str]:
    """The arrays of which no two entries that a turn writes or reads can be one and the same."""
    entries: dict[str, list[Element]] = {}
    for entry in touched(loop):
        entries.setdefault(name_of(entry), []).append(entry)
    return {name for name, found in entries.items() if all(_apart(*pair) for pair in combinations(found, 2))}


def is_fixed(entry: Element, index: Index) -> bool:
    """Whether an entry is the same for every position of an index."""
    return all(step_of(position, index) == 0 for position in positions_of(entry))


def step_of(position: Expr, index: Index) -> int | None:
    """By how much a position grows with an index, 0 or 1; None where it is something else."""
    if isinstance(position, Index):
        return int(position == index)
    if index not in walk(position):
        return 0
    return 1 if index not in walk(position - index) else None


def _touched(statement: Statement) -> Iterator[Element]:
    if isinstance(statement, Store):
        yield statement.element
    for value in values(statement):
        yield from elements(value)


def _apart(one: Element, other: Element) -> bool:
    """Whether two entries of an array differ for sure."""
    steps = [left - right for left, right in zip(positions_of(one), positions_of(other), strict=True)]
    return any(step.is_Integer and step != 0 for step in steps)


def _has_neighbours(part: Expr, index: Index, stored: dict[str, Expr], folded: set[str]) -> bool:
    """Whether a value can be computed for neighbouring positions of an index at once."""
    if isinstance(part, Delta):
        return all(step_of(position, index) is not None for position in part.args)
    row = primitive(part)
    if row is not None:
        return row.approximate or row.c in FUNCTIONS or row.c in BOUNDED or row.c in INSTRUCTIONS
    if not is_element(part):
        return True
    name, positions = name_of(part), positions_of(part)
    if name in stored:
        return bool(positions) and positions[-1] == stored[name] and _is_row(positions, index)
    return name not in folded and all(step_of(position, index) is not None for position in positions)


def _is_row(positions: Sequence[Expr], index: Index) -> bool:
    """Whether an entry's neighbours along an index lie side by side in memory."""
    return step_of(positions[-1], index) == 1 and all(step_of(position, index) == 0 for position in positions[:-1])
