"""The typed tree that text is parsed into and that every writer writes.

`*` is elementwise with NumPy's broadcasting, `@` is the matrix product, and names are whole arrays; `Subscript` and
`Reduce` speak of single elements instead. A tree knows nothing of shapes: `derive.notation.typing` gives it its meaning
as a program. `at` is the column in the text a node came from; it does not count when trees are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sympy import Expr


@dataclass(frozen=True)
class Number:
    """A rational number."""

    value: Expr
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Name:
    """An array, a scalar, a size, or an index."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Unary:
    """A sign: `-x`."""

    op: str
    arg: Tree
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """One of `+ - * / ** @`, or a comparison."""

    op: str
    left: Tree
    right: Tree
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of the notation; `options` are its keyword arguments."""

    function: str
    args: tuple[Tree, ...]
    options: tuple[tuple[str, Tree], ...] = ()
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Word:
    """A quoted word, as `norm(A, 'fro')` takes one."""

    text: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Transpose:
    """`x.T`: the axes of a matrix exchanged."""

    arg: Tree
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Subscript:
    """An element: `X[i, j]`."""

    name: str
    positions: tuple[Tree, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class At:
    """An element of what has no name: `inv(A)[i, j]`."""

    array: Tree
    positions: tuple[Tree, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Reduce:
    """`sum`, `prod` or `max` over named indices.

    An index that stands along no axis has its range in `below`, and is written `r < n`. On paper, where positions are
    counted from 1, `limits` has the last position of every index.
    """

    kind: str
    body: Tree
    indices: tuple[str, ...]
    below: tuple[tuple[str, Tree], ...] = ()
    limits: tuple[tuple[str, Tree], ...] = field(default=(), compare=False)
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Foreign:
    """A node of another notation, which only that notation's own scope understands."""

    at: int = field(default=0, compare=False, kw_only=True)


Tree: TypeAlias = "Number | Name | Unary | Binary | Call | Word | Transpose | Subscript | At | Reduce | Foreign"
COMPARISONS = {">": "greater", ">=": "greater_equal", "<": "less", "<=": "less_equal", "==": "equal"}


def parts(tree: Tree) -> tuple[Tree, ...]:
    """The trees directly below a node."""
    if isinstance(tree, Unary | Transpose):
        return (tree.arg,)
    if isinstance(tree, Binary):
        return (tree.left, tree.right)
    if isinstance(tree, Call):
        return (*tree.args, *(value for _, value in tree.options))
    if isinstance(tree, Subscript):
        return tree.positions
    if isinstance(tree, At):
        return (tree.array, *tree.positions)
    return (tree.body,) if isinstance(tree, Reduce) else ()


def nodes(tree: Tree) -> Iterator[Tree]:
    """A tree and everything below it."""
    yield tree
    for part in parts(tree):
        yield from nodes(part)


def replaced(tree: Tree, change: Callable[[Tree], Tree]) -> Tree:
    """A tree with `change` applied to every node, parts before wholes."""
    if isinstance(tree, Unary | Transpose):
        tree = replace(tree, arg=replaced(tree.arg, change))
    elif isinstance(tree, Binary):
        tree = replace(tree, left=replaced(tree.left, change), right=replaced(tree.right, change))
    elif isinstance(tree, Call):
        tree = replace(tree, args=tuple(replaced(arg, change) for arg in tree.args))
    elif isinstance(tree, Reduce):
        tree = replace(tree, body=replaced(tree.body, change))
    return change(tree)
