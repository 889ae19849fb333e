"""What is declared and defined around a derivation."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace

from sympy import Expr

from derive.handwriting.tree import Node
from derive.program import Array, Dim, Equation, free_indices, inlined, names_in, whole_arrays


@dataclass(frozen=True)
class Function:
    """A function that was defined: its parameters and the tree of its value."""

    parameters: tuple[str, ...]
    body: Node


@dataclass
class Setting:
    """What is declared and defined around a derivation."""

    arrays: dict[str, Array] = field(default_factory=dict)
    dims: dict[str, Dim] = field(default_factory=dict)
    indices: dict[str, Expr] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    definitions: dict[str, Equation] = field(default_factory=dict)
    moving: dict[str, dict[str, str]] = field(default_factory=dict)  # variable -> {array: its derivative}
    inferred: dict[str, str] = field(default_factory=dict)
    guessed: set[str] = field(default_factory=set)  # inferred arrays whose sizes nothing has confirmed
    wide: set[str] = field(default_factory=set)  # names that stand where only arrays do
    limits: set[str] = field(default_factory=set)  # names up to which something counts
    unread: set[str] = field(default_factory=set)  # names whose definitions could not be read

    def copy(self) -> Setting:
        """A setting of its own that starts with the same."""
        return replace(self, **{part.name: copy(getattr(self, part.name)) for part in fields(self)})

    @property
    def inputs(self) -> list[Array]:
        """The names nobody defined."""
        return [array for name, array in self.arrays.items() if name not in self.definitions]

    def opened(self, value: Expr, but: Sequence[str] = ()) -> Expr:
        """`value` with definitions put in, those of `but` and matrices under a function excepted."""
        for name in reversed(self.definitions):
            if name not in but and name in names_in(value) and name not in whole_arrays(value):
                scope = frozenset(index.name for index in free_indices(value))
                value = inlined(value, {name: self.definitions[name]}, scope)
        return value
