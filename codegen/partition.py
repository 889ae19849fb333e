"""Which loops may be cut into parts that run one by one, in any order, or at the same time.

A loop of a nest can be cut when its turns meet only in sums, products and maxima: everything else they write belongs to
one turn. Each part then folds into a room of its own, and the rooms are folded together, two by two, in an order that
depends on sizes alone. So a result is the same to the last bit however many threads worked on it, and the error of a
long sum grows with the logarithm of the number of parts and with the length of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sympy import Expr

from codegen.loops import (
    Accumulator,
    Factorise,
    How,
    Local,
    Loop,
    Multiply,
    Nest,
    Statement,
    Store,
    Update,
    everything,
    values,
)
from derive.primitives import primitive
from derive.program import Array, Dim, is_element, name_of, names_in, positions_of, walk


@dataclass(frozen=True)
class Fold:
    """What the turns of a loop fold together: an array or, with no axes, a number."""

    name: str
    shape: tuple[Expr, ...]
    how: How


@dataclass(frozen=True)
class Parts:
    """A loop that may be cut, with what its turns fold and the intermediate arrays that each turn has to itself."""

    loop: Loop
    folds: tuple[Fold, ...]
    private: tuple[Array, ...]


def parted(nest: Nest) -> tuple[Statement | Parts, ...]:
    """The body of a nest with the outermost loops that may be cut marked as such."""
    return tuple(_parts(nest, statement) or statement for statement in nest.body)


def names_used(body: Sequence[Statement]) -> frozenset[str]:
    """The arrays, locals and sizes that statements read or write."""
    found: set[str] = set()
    for statement in everything(tuple(body)):
        for value in values(statement):
            found |= _named(value)
        if isinstance(statement, Loop):
            found |= _named(statement.index.size)
        elif isinstance(statement, Store):
            found.add(name_of(statement.element))
        elif isinstance(statement, Factorise):
            found |= {statement.source, statement.target}
        elif isinstance(statement, Multiply):
            found |= {statement.target, statement.left.name, statement.right.name}
        else:
            found.add(statement.name)
    return frozenset(found)


@lru_cache(maxsize=65536)
def _named(value: Expr) -> frozenset[str]:
    """The arrays, locals and sizes in a value."""
    return names_in(value) | {part.name for part in walk(value) if isinstance(part, Dim)}


def _parts(nest: Nest, loop: Statement) -> Parts | None:
    """The parts of a loop, or None where its turns depend on each other or there is little to do in one."""
    if not isinstance(loop, Loop) or not isinstance(loop.index.size, Dim):
        return None
    inside = list(everything(loop.body))
    if any(isinstance(statement, Factorise | Multiply) for statement in inside):
        return None
    own = {s.name for s in inside if isinstance(s, Local | Accumulator)}
    workspace = {array.name: array for array in nest.workspace}
    elsewhere = names_used([statement for statement in nest.body if statement is not loop])
    shapes = {array.name: array.shape for array in (*nest.outputs, *nest.workspace)}
    folds: dict[str, Fold] = {}
    private: dict[str, Array] = {}
    turns: set[str] = set()
    for statement in inside:
        if isinstance(statement, Update) and statement.name not in own:
            fold = Fold(statement.name, (), statement.how)
        elif isinstance(statement, Store):
            name = name_of(statement.element)
            if loop.index in positions_of(statement.element):
                turns.add(name)
                continue
            if name in workspace and name not in elsewhere:
                private[name] = workspace[name]
                continue
            fold = Fold(name, shapes[name], statement.how)
        else:
            continue
        if fold.how == "set" or folds.setdefault(fold.name, fold) != fold:
            return None
    read = {name for statement in inside for value in values(statement) for name in names_in(value)}
    if folds.keys() & (read | turns) or private.keys() & turns or not _apart(loop, turns, inside):
        return None
    if not folds and not any(_is_heavy(statement) for statement in inside):
        return None
    return Parts(loop, tuple(folds.values()), tuple(private.values()))


def _is_heavy(statement: Statement) -> bool:
    """Whether a loop around a statement does more than move memory."""
    return isinstance(statement, Loop) or any(primitive(p) is not None for v in values(statement) for p in walk(v))


def _apart(loop: Loop, written: set[str], inside: Sequence[Statement]) -> bool:
    """Whether what is written by turns is written, and read, only at the positions of the own turn."""
    places: dict[str, set[int]] = {}
    for statement in inside:
        if isinstance(statement, Store) and name_of(statement.element) in written:
            found = {at for at, p in enumerate(positions_of(statement.element)) if p == loop.index}
            places[name_of(statement.element)] = places.get(name_of(statement.element), found) & found
    for statement in inside:
        for value in values(statement):
            for part in walk(value):
                if is_element(part) and name_of(part) in places:
                    positions = positions_of(part)
                    places[name_of(part)] &= {at for at, p in enumerate(positions) if p == loop.index}
    return all(places.values())
