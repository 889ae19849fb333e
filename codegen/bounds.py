"""Positions that are worked out, such as x[i + k], and the sizes for which they lie inside their axes.

A plain index runs over its axis and needs no thought. Any other position has to be linear, so its smallest and largest
values are known from the sizes of its indices. What follows from the program alone is settled here, once; what depends
on the sizes of a call is left as an inequality, which the kernel decides before native code runs.

A condition such as `where(i > 0, x[i - 1], 0)` guards nothing: native code may read both branches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, S

from derive.errors import BackendUnavailable, ShapeError
from derive.program import (
    Dim,
    Index,
    Program,
    element,
    elements,
    free_indices,
    is_element,
    live,
    name_of,
    positions_of,
    substitute,
)


@dataclass(frozen=True)
class Linear:
    """A whole number plus whole multiples of sizes."""

    constant: int
    terms: tuple[tuple[str, int], ...]

    def at(self, sizes: Mapping[str, int]) -> int:
        """The value for these sizes."""
        return self.constant + sum(factor * sizes[name] for name, factor in self.terms)


@dataclass(frozen=True)
class Bound:
    """What the sizes have to fulfil for `element` to exist: `room` is not negative, or one of its `ranges` is empty."""

    element: str
    room: Linear
    ranges: tuple[Linear, ...]

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether the element exists wherever it is read.

        >>> Bound("x[i + 1]", Linear(-1, (("n", 1), ("m", -1))), (Linear(0, (("m", 1),)),)).holds({"n": 4, "m": 3})
        True
        """
        return self.room.at(sizes) >= 0 or any(size.at(sizes) <= 0 for size in self.ranges)

    @property
    def names(self) -> frozenset[str]:
        """The sizes it speaks of."""
        return frozenset(name for part in (self.room, *self.ranges) for name, _ in part.terms)

    @classmethod
    def restored(cls, fields: Mapping[str, Any]) -> Bound:
        """The bound that `dataclasses.asdict` took apart."""
        room, *ranges = (
            Linear(part["constant"], tuple((name, factor) for name, factor in part["terms"]))
            for part in (fields["room"], *fields["ranges"])
        )
        return cls(fields["element"], room, tuple(ranges))

    def __str__(self) -> str:
        """The inequality, with nothing negative in it.

        >>> print(Bound("x[i + 1]", Linear(-1, (("n", 1), ("m", -1))), ()))
        m + 1 <= n
        """
        parts = [*self.room.terms, ("", self.room.constant)]
        smaller, larger = (
            [_multiple(name, sign * factor) for name, factor in parts if sign * factor > 0] for sign in (-1, 1)
        )
        return f"{' + '.join(smaller) or '0'} <= {' + '.join(larger) or '0'}"


def bounds(program: Program) -> tuple[Bound, ...]:
    """The inequalities between sizes that the elements of `program` need and that do not hold for all sizes.

    Raises:
        ShapeError: an element is outside its array whatever the sizes are.
        BackendUnavailable: a position is not linear in indices and sizes.
    """
    found: dict[Bound, None] = {}
    for equation in live(program).equations:
        for ref in elements(equation.value):
            for position, size in zip(positions_of(ref), program.array(name_of(ref)).shape, strict=True):
                if is_element(position) and program.array(name_of(position)).domain.below == str(size):
                    continue  # the kernel looks at the positions it is given
                if not (isinstance(position, Index) and position.size == size):
                    found.update(dict.fromkeys(_needed(ref, position, size)))
    return tuple(found)


def always_inside(position: Expr, size: Expr) -> bool:
    """Whether a linear position lies inside an axis for all sizes; false where that is not known."""
    try:
        return not _needed(element("x", (position,)), position, size)
    except (ShapeError, BackendUnavailable):
        return False


def _needed(ref: Expr, position: Expr, size: Expr) -> list[Bound]:
    """What keeps a position between 0 and `size` - 1."""
    _linear(position, ref)
    indices = sorted(free_indices(position), key=lambda index: str(index.name))
    slopes = {index: position.coeff(index) for index in indices}
    lowest = substitute(position, {i: S.Zero if slope > 0 else i.size - 1 for i, slope in slopes.items()})
    highest = substitute(position, {i: i.size - 1 if slope > 0 else S.Zero for i, slope in slopes.items()})
    ranges = tuple(_linear(index.size, ref) for index in indices)
    both = [Bound(str(ref), _linear(room, ref), ranges) for room in (lowest, size - 1 - highest)]
    least = {str(index.size): 1 for index in indices if isinstance(index.size, Dim)}
    for bound in both:
        factors = [factor for _, factor in bound.room.terms]
        if all(factor <= 0 for factor in factors) and _at_least(bound.room, least) < 0:
            raise ShapeError(
                f"{ref} reads positions {lowest} to {highest} of {name_of(ref)}, but there they go from 0 to {size - 1}"
            )
    return [bound for bound in both if not _always(bound.room, least)]


def _always(room: Linear, least: Mapping[str, int]) -> bool:
    return all(factor >= 0 for _, factor in room.terms) and _at_least(room, least) >= 0


def _at_least(room: Linear, least: Mapping[str, int]) -> int:
    """The value at the smallest sizes for which the element is read at all."""
    return room.at({name: least.get(name, 0) for name, _ in room.terms})


def _linear(value: Expr, ref: Expr) -> Linear:
    """The multiples in a linear expression over sizes and indices."""
    parts = value.as_coefficients_dict()
    constant = parts.pop(S.One, S.Zero)
    whole = all(isinstance(number, Integer) for number in (constant, *parts.values()))
    if not whole or not all(isinstance(symbol, Dim | Index) for symbol in parts):
        raise BackendUnavailable(f"in {ref}, {value} is not linear in indices and sizes, and no backend can follow it")
    named = sorted((str(symbol.name), int(factor)) for symbol, factor in parts.items())
    return Linear(int(constant), tuple(named))


def _multiple(name: str, factor: int) -> str:
    """A multiple as it is written; without a name, the number itself."""
    if not name:
        return str(factor)
    return name if factor == 1 else f"{factor} {name}"
