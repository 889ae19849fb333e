"""Where the coefficients come from: minimax polynomials by Remez's exchange, computed with many digits.

Each row of `APPROXIMATIONS` is a smooth function on an interval and the weight of its error in the result. The
exchange is repeated with the coefficient that matters most rounded to the format, until all are, so that the others
make up for the rounding. `python -m codegen.vector_math.derivation` prints `codegen/vector_math/coefficients.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import mpmath
import numpy as np
from mpmath import mp

from codegen.vector_math.formats import DOUBLE, FORMATS, Format

Real: TypeAlias = Any  # mpmath's numbers have no types
DIGITS = 60
GRID = 24  # points looked at between neighbouring alternation points
ROUNDS = 12
SETTLED = 1.01  # the exchange ends when the largest error is this close to the levelled one


@dataclass(frozen=True)
class Approximation:
    """`function` on `interval` by polynomials whose degree is `degrees[dtype]`; `weight(v)` scales the error."""

    name: str
    function: Callable[[Real], Real]
    weight: Callable[[Real], Real]
    interval: Callable[[], tuple[Real, Real]]
    degrees: dict[str, int]


def _expm1_tail(r: Real) -> Real:
    return (mp.expm1(r) - r) / r**2


def _log_tail(z: Real) -> Real:
    """`(log((1+s)/(1−s)) − 2s)/s³` in z = s²."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / s**3


APPROXIMATIONS = (
    Approximation(
        "exp",
        _expm1_tail,
        lambda r: r**2 / mp.exp(r),
        lambda: (-mp.log(2) * mp.mpf("0.5001"), mp.log(2) * mp.mpf("0.5001")),
        {"float64": 10, "float32": 4},
    ),
    Approximation(
        "log",
        _log_tail,
        lambda z: z,
        lambda: (mp.mpf(0), ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.0001")),
        {"float64": 6, "float32": 2},
    ),
)


def derived(approximation: Approximation, format: Format) -> tuple[tuple[float, ...], float]:
    """The coefficients from the constant on, each a number of `format`, and the largest weighted error."""
    with mp.workdps(DIGITS):
        low, high = approximation.interval()
        degree = approximation.degrees[format.dtype]
        fixed: dict[int, Real] = {}
        coefficients, error = _exchanged(approximation, low, high, degree, fixed)
        while len(fixed) <= degree:
            at = min(power for power in range(degree + 1) if power not in fixed)
            fixed[at] = _rounded(coefficients[at], format)
            coefficients, error = _exchanged(approximation, low, high, degree, fixed)
        return tuple(float(c) for c in coefficients), float(error)


def _rounded(value: Real, format: Format) -> Real:
    return mp.mpf(float(value)) if format is DOUBLE else mp.mpf(float(np.float32(float(value))))


def _exchanged(
    row: Approximation, low: Real, high: Real, degree: int, fixed: dict[int, Real]
) -> tuple[list[Real], Real]:
    """The best polynomial with the `fixed` coefficients, and its error, by Remez's exchange."""
    free = [power for power in range(degree + 1) if power not in fixed]
    count = len(free) + 1
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mp.cos(mp.pi * (mp.mpf(2 * k + 1) / (2 * count))) for k in range(count)]
    points = [v if abs(v) > half / count**2 else half / count for v in points]  # weights may vanish at zero
    grid = _grid(low, high, max(degree + 2, 8) * GRID)
    targets = [(v, row.function(v), row.weight(v)) for v in grid]
    rest = [(v, f - sum(c * v**p for p, c in fixed.items()), w) for v, f, w in targets]
    best: tuple[list[Real], Real] | None = None
    for _ in range(ROUNDS):
        solved, level = _levelled(row, points, free, fixed)
        errors = [w * (f - sum(c * v**p for p, c in solved.items())) for v, f, w in rest]
        largest = max(abs(e) for e in errors)
        coefficients = [fixed.get(power, solved.get(power, mp.mpf(0))) for power in range(degree + 1)]
        if best is None or largest < best[1]:
            best = coefficients, largest
        if not free or largest <= SETTLED * abs(level):
            break
        points = _alternation(grid, errors, count)
    assert best is not None
    return best


def _grid(low: Real, high: Real, count: int) -> list[Real]:
    """Chebyshev's points with the ends, none of them zero, where functions have removable gaps."""
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mp.cos(mp.pi * k / count) for k in range(count + 1)]
    return [v if abs(v) > mp.mpf(10) ** -12 else half * mp.mpf(10) ** -6 for v in points]


def _levelled(
    row: Approximation, points: Sequence[Real], free: Sequence[int], fixed: dict[int, Real]
) -> tuple[dict[int, Real], Real]:
    """The polynomial whose weighted errors at `points` are equal in size and alternate in sign."""
    matrix, right = mp.matrix(len(points)), mp.matrix(len(points), 1)
    for at, v in enumerate(points):
        weight = row.weight(v)
        for column, power in enumerate(free):
            matrix[at, column] = weight * v**power
        matrix[at, len(free)] = (-1) ** at
        right[at] = weight * (row.function(v) - sum(c * v**p for p, c in fixed.items()))
    solution = mpmath.lu_solve(matrix, right)
    return dict(zip(free, solution, strict=False)), solution[len(free)]


def _alternation(grid: Sequence[Real], errors: Sequence[Real], count: int) -> list[Real]:
    """The extrema of the error, one for each run of one sign; the smallest are dropped from the ends."""
    runs: list[tuple[Real, Real]] = []
    for v, error in zip(grid, errors, strict=True):
        if runs and (runs[-1][1] > 0) == (error > 0):
            if abs(error) > abs(runs[-1][1]):
                runs[-1] = v, error
        else:
            runs.append((v, error))
    while len(runs) > count:
        runs.pop(0 if abs(runs[0][1]) < abs(runs[-1][1]) else -1)
    points = [v for v, _ in runs]
    while len(points) < count:  # the grid missed an alternation: look between the points that are furthest apart
        gap, k = max((b - a, k) for k, (a, b) in enumerate(pairwise(points)))
        points.insert(k + 1, points[k] + gap / 2)
    return points


def text() -> str:
    """The source of `codegen.vector_math.coefficients`."""
    lines = [
        '"""Coefficients, constant first; printed by `codegen.vector_math.derivation`, and not edited by hand."""',
        "",
    ]
    lines.append("COEFFICIENTS: dict[str, dict[str, tuple[float, ...]]] = {")
    for row in APPROXIMATIONS:
        lines.append(f'    "{row.name}": {{')
        for dtype in row.degrees:
            found, error = derived(row, FORMATS[dtype])
            lines.append(f'        "{dtype}": (  # error 2^{float(mp.log(error, 2)):.1f}')
            lines += [f"            {c!r}," for c in found]
            lines.append("        ),")
        lines.append("    },")
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    print(text(), end="")
