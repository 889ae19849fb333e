"""What handwriting needs beyond the trees of the notation: derivatives, applications, sums with limits, means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from derive.notation.tree import Foreign, Name, Tree

Node: TypeAlias = Tree


@dataclass(frozen=True)
class Beside(Foreign):
    """Two factors side by side, or with a dot between: which product it is, their shapes say."""

    left: Node
    right: Node
    dotted: bool = False


@dataclass(frozen=True)
class Derived(Foreign):
    """A derivative by one variable after the other; `partial` where it is written with a round d.

    `held` are names that stay fixed although they depend on the variables.
    """

    value: Node
    variables: tuple[Node, ...]
    partial: bool = False
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluated(Foreign):
    """A value with others put in for names: what stands before a bar, and `w = 0` below it."""

    value: Node
    names: tuple[Node, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True)
class Applied(Foreign):
    """A function of arguments; `primes` counts derivatives, `power` is what stands between name and argument."""

    name: str
    args: tuple[Node, ...]
    primes: int = 0


@dataclass(frozen=True)
class Folded(Foreign):
    """A sum, product, maximum or minimum over an index with limits or a condition."""

    kind: str
    body: Node
    index: str
    low: Node | None = None
    high: Node | None = None
    condition: Node | None = None


@dataclass(frozen=True)
class Extremal(Foreign):
    """Where a value is smallest, or largest: `arg min` over a variable."""

    variable: Node
    body: Node


@dataclass(frozen=True)
class Expected(Foreign):
    """The mean of a body over a random variable with a density."""

    variable: str
    density: str
    body: Node


@dataclass(frozen=True)
class Entry(Foreign):
    """An entry of something in brackets, or of a name: `(A x)_k`, `W_{ij}`."""

    array: Node
    positions: tuple[Node, ...]


@dataclass(frozen=True)
class Choice(Foreign):
    """Cases: values with their conditions; the last may have none."""

    branches: tuple[tuple[Node, Node | None], ...]


@dataclass(frozen=True)
class Truth(Foreign):
    """A statement as a number: 1 where it holds."""

    op: str
    left: Node
    right: Node


def below(node: Any) -> Iterator[Any]:
    """A node and everything below it, whatever its kind."""
    yield node
    for part in fields(node):
        yield from _inside(getattr(node, part.name))


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for inner in value:
            yield from _inside(inner)
    elif hasattr(value, "__dataclass_fields__"):
        yield from below(value)


def limits(node: Any) -> set[str]:
    """The names that stand above sums: sizes, whatever else is called so."""
    return {part.high.name for part in below(node) if isinstance(part, Folded) and isinstance(part.high, Name)}
