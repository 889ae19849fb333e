"""Points where two sides of a relation are compared, and what a side is worth there.

The values are the oracle's, which here remembers what it has computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from derive.domains import REAL
from derive.errors import DeriveError
from derive.handwriting.remembering import Remembering
from derive.notation.values import told
from derive.notation.writing import printed_name
from derive.program import Program
from derive.verification.equality import worst_error
from derive.verification.oracle import evaluate
from derive.verification.sampling import Sample, possible_samples

DIGITS = 70  # of the arithmetic
AGREED = 40  # digits that have to agree
CLEAR = 1e-6  # a difference that is worth showing
SMALL_TRIES = 40
WIDER = 6.0
SIZE = "size_"  # how the inputs begin that only bring a size along


def values(program: Program, at: Sample) -> list[Any]:
    """The outputs of a program at a point, in many digits."""
    found = evaluate(program, at.inputs, DIGITS, Remembering)
    return [found[name] for name in program.outputs]


def rough_values(program: Program, at: Sample) -> list[Any]:
    """The outputs of a program at a point, in double precision; inputs it reads besides those of the point are 0."""
    inputs: dict[str, Any] = {}
    for array in program.inputs:
        zero = np.zeros([at.sizes.get(str(size), 1) for size in array.shape])
        inputs[array.name] = at.inputs.get(array.name, zero)
    found = evaluate(program, inputs, None, Remembering)
    return [np.asarray(found[name], dtype=float) for name in program.outputs]


def random_points(program: Program, points: int) -> Iterator[Sample]:
    """Points of the declared domains; every third lies further out, where thresholds may be."""
    for count, drawn in enumerate(possible_samples(program, points, Remembering)):
        yield _widened(program, drawn) if count % 3 == 2 else drawn


def _widened(program: Program, drawn: Sample) -> Sample:
    """A point with free numbers further out; the point itself if the sides are no numbers there."""
    free = {array.name for array in program.inputs if array.domain is REAL}
    wide = Sample({n: v * WIDER if n in free else v for n, v in drawn.inputs.items()}, drawn.sizes)
    try:
        found = rough_values(program, wide)
    except (ArithmeticError, ValueError):
        return drawn
    return wide if all(np.isfinite(value).all() for value in found) else drawn


def differ(one: Any, other: Any) -> bool:
    """Whether two values of a side differ in the digits that have to agree."""
    return worst_error(one, other, "a side") > 10.0**-AGREED


def differing_point(program: Program, known: Sample) -> tuple[Sample, list[Any]]:
    """A point of small whole numbers where two sides clearly differ, else the one that is known; and the values."""
    for drawn in _small_points(program):
        try:
            found = values(program, drawn)
        except (DeriveError, ArithmeticError, ValueError, IndexError):
            continue
        one, other = found
        if CLEAR < worst_error(one, other, "a side") < np.inf:
            return drawn, found
    return known, values(program, known)


def place_of_difference(one: Any, other: Any) -> tuple[int, ...]:
    """Where two arrays differ most."""
    array, second = np.asarray(one), np.asarray(other)
    places = list(np.ndindex(*array.shape))
    return max(places, key=lambda p: abs(float(array[p]) - float(second[p])), default=())


def _small_points(program: Program) -> Iterator[Sample]:
    """Points of small whole numbers at small sizes, within the domains."""
    rng = np.random.default_rng(0)
    dims = [dim.name for dim in program.dims]
    for attempt in range(SMALL_TRIES):
        sizes = {name: 1 + (attempt // 10 + k) % 3 for k, name in enumerate(dims)}
        reach = 1 + attempt % 10 // 3
        inputs = {}
        for array in program.inputs:
            shape = tuple(int(size.subs({d: sizes[str(d)] for d in size.free_symbols})) for size in array.shape)
            drawn = rng.integers(-reach, reach + 1, size=shape).astype(float)
            if array.domain.nonnegative:
                drawn = np.abs(drawn) + array.domain.positive
            if not array.domain.includes(np.ravel(drawn)) or array.domain.structure:
                break
            inputs[array.name] = drawn
        else:
            yield Sample(inputs, sizes)


def in_words(drawn: Sample) -> str:
    """A point in words: `x = 1, w = [2, −1]`."""
    shown = [
        f"{printed_name(name)} = {told(np.asarray(value, dtype=float))}"
        for name, value in drawn.inputs.items()
        if not name.startswith(SIZE)
    ]
    return ", ".join(shown) or "everywhere"


def right_to_written_digits(one: Any, other: Any, decimals: int | None) -> bool:
    """Whether a rounded number is right to its decimals; where it is no number, whether it is within a hundredth."""
    with mpmath.workdps(DIGITS):
        for a, b in zip(np.ravel(one), np.ravel(other), strict=True):
            half = mpmath.mpf("0.5000001") * mpmath.mpf(10) ** -(decimals or 0)
            if not abs(a - b) <= (half if decimals is not None else abs(a) / 100):
                return False
    return True
