"""Whether two sides are equal: proved by one normal form, confirmed at random points, or not.

An equality is proved when both sides have one normal form, and confirmed when they agree to 40 digits at random points
of the declared domains, with sizes that all differ. It is wrong when a point says so clearly.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from derive.calculus.normal_form import same
from derive.errors import DomainError, ShapeError
from derive.handwriting.meaning import Meaning
from derive.handwriting.points import (
    AGREED,
    DIGITS,
    SIZE,
    differ,
    differing_point,
    in_words,
    place_of_difference,
    random_points,
    right_to_written_digits,
    rough_values,
    values,
)
from derive.handwriting.remembering import Remembering
from derive.notation.typing import Typed
from derive.notation.values import told
from derive.program import (
    Array,
    Dim,
    Equation,
    Index,
    Program,
    free_indices,
    fresh_name,
    inlined,
    live,
    names_in,
    substitute,
    walk,
)
from derive.verification.oracle import evaluate
from derive.verification.sampling import Sample, kinks, sample

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "≤": operator.le, "≥": operator.ge, "≠": operator.ne,
}  # fmt: skip
RIGHT = ("proved", "confirmed")
NOWHERE = "no point was found where both sides are numbers"
POINTS = 6
CASES = 4  # times as many points where a condition decides what a side is worth
CLEAR = 1e-9
PROVABLE, PROVABLE_OPENED = 300, 160  # nodes: longer sides are left to the points
PATIENCE = 3000  # products of terms, after which a proof is given up and left to the points too


@dataclass(frozen=True)
class Found:
    """What came of a comparison: the status, the reason, and a point where the sides differ."""

    status: str
    reason: str
    point: Sample | None = None

    @property
    def right(self) -> bool:
        """Whether the sides are equal as far as anybody can tell."""
        return self.status in RIGHT


class Comparison:
    """Compares what is written under one meaning of the names."""

    def __init__(self, meaning: Meaning) -> None:
        self.meaning, self.setting = meaning, meaning.setting

    # ------------------------------------------------ shapes

    def opened(self, typed: Typed) -> Expr:
        """A value with its definitions put in."""
        return self.setting.opened(typed.value)

    def with_facts(self, typed: Typed, facts: Mapping[str, Equation]) -> Typed:
        """A side with what was found before put in for its unknowns."""
        value = self.opened(typed)
        scope = frozenset(index.name for index in free_indices(value))
        for name, equation in facts.items():
            if name in names_in(value):
                value = inlined(value, {name: equation}, scope)
        return replace(typed, value=value)

    def aligned(self, left: Typed, right: Typed) -> Expr:
        """The right value over the axes of the left.

        Raises:
            ShapeError: the shapes differ.
        """
        if not right.axes and right.value == 0:
            return S.Zero
        if len(left.axes) != len(right.axes):
            raise ShapeError(f"the left side has the shape {left.shape}, the right side {right.shape}")
        if any(a.size != b.size for a, b in zip(left.axes, right.axes, strict=True)):
            turned = [a.size for a in left.axes] == [b.size for b in reversed(right.axes)]
            hint = "; they are transposes of each other" if turned else ""
            raise ShapeError(f"the left side has the shape {left.shape}, the right side {right.shape}{hint}")
        return substitute(right.value, dict(zip(right.axes, left.axes, strict=True)))

    def difference(self, left: Typed, right: Typed) -> Typed:
        """What the left side has more than the right."""
        return Typed(left.value - self.aligned(left, right), left.axes)

    # ------------------------------------------------ equality

    def equal(self, left: Typed, right: Typed, points: int = POINTS) -> Found:
        """Whether two sides are equal."""
        if not left.axes and left.value == 0 and right.axes:
            left, right = right, left
        try:
            other = self.aligned(left, right)
        except ShapeError as error:
            return Found("wrong", str(error))
        pair = left.value, other
        if self.same(pair, PROVABLE):
            return Found("proved", "both sides have one normal form")
        compared, point = self.first_difference([Typed(value, left.axes) for value in pair], points)
        if point is not None:
            return Found("wrong", "the sides differ", point)
        opened = self.setting.opened(left.value), self.setting.opened(other)
        if opened != pair and self.same(opened, PROVABLE_OPENED):
            return Found("proved", "both sides have one normal form")
        if not compared:
            return Found("unreadable", NOWHERE)
        return Found("confirmed", f"agree to {AGREED} digits at {compared} random points")

    def same(self, pair: tuple[Expr, Expr], longest: int) -> bool:
        """Whether two values are one, or have one normal form, which is not tried for long ones."""
        one, other = pair
        if one == other:
            return True
        short = sum(1 for side in pair for _ in walk(side)) <= longest
        return short and same(one, other, self.meaning.arrays, self.setting.definitions, PATIENCE)

    def first_difference(self, pair: Sequence[Typed], points: int) -> tuple[int, Sample | None]:
        """At how many points two values were compared, more where there are cases, and the first where they differ."""
        count = 0
        if kinks(self.program(pair)) is not None:
            points *= CASES
        for drawn, found in self.valued(pair, points):
            count += 1
            if differ(*found):
                return count, drawn
        return count, None

    # ------------------------------------------------ other relations

    def ordered(self, left: Typed, right: Typed, relation: str) -> Found:
        """Whether a relation of order holds wherever it was tried; a number is compared with every entry."""
        if right.axes:
            right = Typed(self.aligned(left, right), left.axes)
        count = 0
        for drawn, (one, other) in self.valued([left, right], POINTS):
            count += 1
            flat = np.ravel(one)
            pairs = zip(flat, np.broadcast_to(np.ravel(other), flat.size), strict=True)
            if not all(ORDERS[relation](a, b) for a, b in pairs):
                return Found("wrong", "it does not hold everywhere", drawn)
        return Found("confirmed", f"it holds at {count} random points") if count else Found("unreadable", NOWHERE)

    def rounded(self, left: Typed, right: Typed, decimals: int | None) -> Found:
        """Whether a rounded number is right to the digits that are written."""
        aligned = Typed(self.aligned(left, right), left.axes)
        drawn = [found for _, found in self.valued([left, aligned], 2)]
        if not drawn:
            return Found("unreadable", NOWHERE)
        if all(right_to_written_digits(one, other, decimals) for one, other in drawn):
            return Found("confirmed", "right to the digits written")
        return Found("wrong", "not right to the digits written")

    def is_combination(self, premises: Sequence[tuple[Typed, Typed]], conclusion: tuple[Typed, Typed]) -> bool:
        """Whether a difference is a sum of constant multiples of others, entry by entry."""
        try:
            differences = [self.difference(*pair) for pair in (*premises, conclusion)]
        except ShapeError:
            return False
        if not premises or len({difference.shape for difference in differences}) > 1:
            return False
        program = self.program(differences)
        sizes = [drawn.sizes for drawn in random_points(program, 2)]
        return bool(sizes) and all(self.combined(program, size) for size in sizes)

    def combined(self, program: Program, sizes: Mapping[str, int]) -> bool:
        """Whether the last output is one combination of the others at several points of one size."""
        rows: list[list[Any]] = []
        count = len(program.outputs) - 1
        for seed in range(count + 2):
            try:
                found = evaluate(program, sample(program, seed, sizes).inputs, DIGITS, Remembering)
            except DomainError:
                return False
            flat = [np.ravel(found[name]) for name in program.outputs]
            if len({one.shape for one in flat}) > 1:
                return False
            rows += [list(entries) for entries in zip(*flat, strict=True)]
        with mpmath.workdps(DIGITS):
            known = mpmath.matrix([row[:count] for row in rows])
            wanted = mpmath.matrix([row[count] for row in rows])
            try:
                weights = mpmath.lu_solve(known, wanted)
            except ZeroDivisionError:  # the premises depend on one another
                return False
            scale = max(abs(entry) for entry in wanted)
            left_over = max(abs(entry) for entry in known * weights - wanted)
        return bool(scale > CLEAR and left_over < mpmath.mpf(10) ** -20 * scale)

    # ------------------------------------------------ points

    def program(self, sides: Sequence[Typed]) -> Program:
        """Values as a program: every free index becomes an axis."""
        used = set(self.meaning.arrays)
        equations = []
        free = sorted({i for side in sides for i in free_indices(side.value) - set(side.axes)}, key=lambda i: i.name)
        for side in sides:
            equations.append(Equation(fresh_name("side", used), (*free, *side.axes), side.value))
        definitions = self.setting.definitions
        inputs = tuple(a for name, a in self.meaning.arrays.items() if name not in definitions)
        needed = live(Program(inputs, (*definitions.values(), *equations), tuple(e.target for e in equations)))
        wanted = {name for e in needed.equations for name in names_in(e.value)}
        sizes = {s for e in needed.equations for i in (*e.indices, *_indices(e.value)) for s in i.size.free_symbols}
        sizes |= {s for e in needed.equations for s in e.value.free_symbols}
        kept = [array for array in inputs if array.name in wanted]
        brought = {s for array in kept for size in array.shape for s in size.free_symbols}
        for dim in sorted((s for s in sizes - brought if isinstance(s, Dim) and s.name in self.setting.dims), key=str):
            kept.append(Array(fresh_name(f"{SIZE}{dim}", used), (dim,)))
        return replace(needed, inputs=tuple(kept))

    def points(self, sides: Sequence[Typed], points: int) -> Iterator[Sample]:
        """Random points of what the sides read."""
        return random_points(self.program(sides), points)

    def valued(self, sides: Sequence[Typed], points: int) -> Iterator[tuple[Sample, list[Any]]]:
        """Points, and the values of the sides there."""
        program = self.program(sides)
        return ((drawn, values(program, drawn)) for drawn in random_points(program, points))

    def rough(self, typed: Typed, at: Sample) -> Any:
        """The value of one side at a point, in double precision."""
        return rough_values(self.program([typed]), at)[0]

    def counterexample(self, left: Typed, right: Typed, point: Sample | None) -> str:
        """A small point where the sides differ, in whole numbers where there is one, and both values there."""
        if point is None:
            return ""
        try:
            at, (one, other), where = self.small_difference(left, right, point)
        except ShapeError:
            return ""
        return f"{at}: the left side is {one}{where}, the right side {other}"

    def small_difference(self, left: Typed, right: Typed, point: Sample) -> tuple[str, list[str], str]:
        """A small point where the sides differ, in words; both values there; and at which entry.

        Raises:
            ShapeError: the sides have different shapes.
        """
        other = Typed(self.aligned(left, right), left.axes)
        program = self.program([Typed(self.opened(side), left.axes) for side in (left, other)])
        at, found = differing_point(program, point)
        place = place_of_difference(*found)
        shown = [told(float(np.real(np.asarray(value)[place]))) for value in found]
        return in_words(at), shown, f" at {''.join(str(k + 1) for k in place)}" if place else ""


def _indices(value: Expr) -> set[Index]:
    return {part for part in walk(value) if isinstance(part, Index)} | set(value.atoms(Index))
