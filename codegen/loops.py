"""The loop language that programs are lowered to, and that the native backends spell.

Grammar::

    Nest      ::= Nest(name, sizes, inputs, outputs, workspace, body: Statement*)
    Statement ::= Loop(index, body: Statement*)
                | Local(name, value)                      a number that does not change
                | Accumulator(name, initial)              a number that does
                | Update(name, value, how)                name = name + value, name * value, or the larger
                | Store(element, value, how)              the same for an element of an array, or plain assignment
                | Factorise(function, ...)                a function of a whole matrix, by loops or by LAPACK
                | Multiply(target, scale, left, right)    a product of two matrices, by loops or by BLAS

Values are SymPy scalars without reductions: elements, locals, indices, sizes, arithmetic, and functions that C knows.
Workspace arrays are the intermediates that loops could not be fused around; they are dense and row-major.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from sympy import Expr, S

from derive.program import Array, Dim, Element, Index, element, name_of, positions_of, put_in, substitute, walk

How: TypeAlias = Literal["set", "add", "mul", "max"]


@dataclass(frozen=True)
class Loop:
    """The body for every position of an index, in order."""

    index: Index
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Local:
    """A named number."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Accumulator:
    """A named number that updates change."""

    name: str
    initial: Expr


@dataclass(frozen=True)
class Update:
    """A change of an accumulator."""

    name: str
    value: Expr
    how: How


@dataclass(frozen=True)
class Store:
    """A change of an element of an output or of a workspace array."""

    element: Element
    value: Expr
    how: How = "set"


@dataclass(frozen=True)
class Factorise:
    """`target = function(source)` for a square matrix: by `body`, or where there is LAPACK and the size is worth it.

    The `spare` arrays are what the body works in.
    """

    function: str
    source: str
    target: str
    size: Expr
    spare: tuple[str, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Side:
    """One matrix of a product as it lies in memory, and whether its axes are the other way round there."""

    name: str
    transposed: bool


@dataclass(frozen=True)
class Multiply:
    """`target = scale · left · right`: by `body`, or where there is BLAS and the sizes are worth it.

    The sizes are the rows and columns of the target, and what is summed over. Of a symmetric target half is computed.
    """

    target: str
    scale: Expr
    left: Side
    right: Side
    sizes: tuple[Expr, Expr, Expr]
    symmetric: bool
    body: tuple[Statement, ...]


Statement: TypeAlias = "Loop | Local | Accumulator | Update | Store | Factorise | Multiply"


@dataclass(frozen=True)
class Nest:
    """A whole kernel: what it takes, what it writes, what it needs beside, and its statements."""

    name: str
    sizes: tuple[Dim, ...]
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    workspace: tuple[Array, ...]
    body: tuple[Statement, ...]

    def names(self) -> list[str]:
        """Every name in the nest, sizes and arrays first, each once."""
        arrays = (array.name for array in (*self.inputs, *self.outputs, *self.workspace))
        return list(dict.fromkeys([*(size.name for size in self.sizes), *arrays, *_names(self.body)]))

    def __str__(self) -> str:
        return "\n".join(_lines(self.body, 0))


START: dict[How, Expr] = {"add": S.Zero, "mul": S.One, "max": S.NegativeInfinity}
SIGNS: dict[How, str] = {"set": "=", "add": "+=", "mul": "*=", "max": "max="}


def everything(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement, those inside loops too, in the order of the text."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop | Factorise | Multiply):
            yield from everything(statement.body)


def innermost(body: Sequence[Statement]) -> int:
    """How many loops have no others inside."""
    return sum(max(1, innermost(statement.body)) for statement in body if isinstance(statement, Loop))


def values(statement: Statement) -> tuple[Expr, ...]:
    """The expressions a statement computes, the positions it stores at among them; not those of its body."""
    if isinstance(statement, Loop | Factorise):
        return ()
    if isinstance(statement, Multiply):
        return (statement.scale,)
    if isinstance(statement, Accumulator):
        return (statement.initial,)
    return (statement.value, *positions_of(statement.element)) if isinstance(statement, Store) else (statement.value,)


def substituted(statement: Statement, mapping: Mapping[Expr, Expr]) -> Statement:
    """A statement with values in place of others, in its body too."""
    if isinstance(statement, Loop):
        return replace(statement, body=tuple(substituted(inner, mapping) for inner in statement.body))
    if isinstance(statement, Factorise | Multiply):
        return statement
    if isinstance(statement, Accumulator):
        return replace(statement, initial=put_in(statement.initial, mapping))
    value = put_in(statement.value, mapping)
    if isinstance(statement, Store):
        return replace(statement, element=substitute(statement.element, mapping), value=value)
    return replace(statement, value=value)


def cleared(statement: Statement, shapes: Mapping[str, tuple[Expr, ...]]) -> tuple[Element, tuple[Expr, ...]] | None:
    """The first entry and the sizes of what loops fill with zeros, where it is a stretch of memory."""
    indices: list[Index] = []
    while isinstance(statement, Loop) and len(statement.body) == 1:
        indices.append(statement.index)
        statement = statement.body[0]
    if not indices or not isinstance(statement, Store) or statement.how != "set" or statement.value != 0:
        return None
    name, positions, count = name_of(statement.element), positions_of(statement.element), len(indices)
    sizes = tuple(index.size for index in indices)
    before, inside = positions[:-count], positions[-count:]
    if inside != tuple(indices) or shapes.get(name, ())[-count:] != sizes:
        return None
    if any(index in walk(position) for position in before for index in indices):
        return None
    return element(name, (*before, *(S.Zero for _ in indices))), sizes


def _names(body: tuple[Statement, ...]) -> Iterator[str]:
    """What loops and locals are called."""
    for statement in everything(body):
        if isinstance(statement, Loop):
            yield statement.index.name
        elif isinstance(statement, Local | Accumulator):
            yield statement.name


def _lines(body: tuple[Statement, ...], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for statement in body:
        if isinstance(statement, Loop):
            yield f"{pad}for {statement.index} < {statement.index.size}:"
            yield from _lines(statement.body, depth + 1)
        elif isinstance(statement, Factorise):
            yield f"{pad}{statement.target} = {statement.function}({statement.source})"
            yield from _lines(statement.body, depth + 1)
        elif isinstance(statement, Multiply):
            both = statement.left, statement.right
            sides = " @ ".join(f"{side.name}{'.T' if side.transposed else ''}" for side in both)
            scale = "" if statement.scale == 1 else f"{statement.scale} * "
            yield f"{pad}{statement.target} = {scale}{sides}"
            yield from _lines(statement.body, depth + 1)
        elif isinstance(statement, Local):
            yield f"{pad}{statement.name} := {statement.value}"
        elif isinstance(statement, Accumulator):
            yield f"{pad}{statement.name} = {statement.initial}"
        elif isinstance(statement, Update):
            yield f"{pad}{statement.name} {SIGNS[statement.how]} {statement.value}"
        else:
            yield f"{pad}{statement.element} {SIGNS[statement.how]} {statement.value}"
