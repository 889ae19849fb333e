"""Where the coefficients come from: minimax polynomials by Remez's exchange, computed with many digits.

Each row of `APPROXIMATIONS` is a smooth function on an interval and the weight of its error in the result. Functions
are arranged so that the leading part of the result is exact and the rounding of coefficients hardly counts; the error
that is printed includes it. `python -m codegen.vector_math.derivation` prints `codegen/vector_math/coefficients.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import mpmath
import numpy as np
from mpmath import mp

from codegen.vector_math.formats import DOUBLE, FORMATS, Format

Real: TypeAlias = Any  # mpmath's numbers have no types
Sample: TypeAlias = tuple[Real, Real, Real]  # a point, the function there, and the weight of an error there
DIGITS = 60
GRID = 24  # points looked at between neighbouring alternation points
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


def _odd(function: Callable[[Real], Real]) -> Callable[[Real], Real]:
    """`f(x)/x − 1` in z = x²."""
    return lambda z: function(mp.sqrt(z)) / mp.sqrt(z) - 1


def _over_cube(function: Callable[[Real], Real]) -> Callable[[Real], Real]:
    """`(f(x) − x)/x³` in z = x²."""
    return lambda z: _odd(function)(z) / z


def _normal_tail(q: Real) -> Real:
    """`(1 + 2x) exp(x²) erfc(x) − 5/4` in q = (x − 4)/(x + 4), which hardly changes."""
    x = 4 * (1 + q) / (1 - q)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x) - mp.mpf(5) / 4


def _gelu_slope(v: Real) -> Real:
    """`(Φ(−s) − s φ(s))/(s₀ − s)` in v = 3/2 − s, with the zero s₀."""
    s, zero = mp.mpf("1.5") - v, mp.findroot(lambda s: mp.ncdf(-s) - s * mp.npdf(s), 0.75)
    return (mp.ncdf(-s) - s * mp.npdf(s)) / (zero - s)


def _silu_slope(v: Real) -> Real:
    """The derivative of x σ(x) at −s over s₀ − s in v = 3/2 − s, with the zero s₀."""
    s, zero = mp.mpf("1.5") - v, mp.findroot(lambda s: 1 + mp.exp(-s) - s, 1.28)
    e = mp.exp(-s)
    return e * (1 + e - s) / (1 + e) ** 2 / (zero - s)


def _log_cosh(z: Real) -> Real:
    """`(log cosh x − x²/2)/x⁴` in z = x²."""
    return (mp.log(mp.cosh(mp.sqrt(z))) - z / 2) / z**2


def _centred(x: float) -> Real:
    return (mp.mpf(x) - 4) / (mp.mpf(x) + 4)


APPROXIMATIONS = (
    Approximation(
        "exp",
        _expm1_tail,
        lambda r: r**2 / mp.exp(r),
        lambda: (-mp.log(2) * mp.mpf("0.5001"), mp.log(2) * mp.mpf("0.5001")),
        {"float64": 9, "float32": 4},
    ),
    Approximation(
        "log",
        _log_tail,
        lambda z: z,
        lambda: (mp.mpf(0), ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.0001")),
        {"float64": 6, "float32": 2},
    ),
    Approximation(
        "softplus",
        _log_tail,
        lambda z: z,
        lambda: (mp.mpf(0), mp.mpf(1) / 9),
        {"float64": 10, "float32": 4},
    ),
    Approximation(
        "pow",
        lambda z: (_log_tail(z) - mp.mpf(2) / 3) / z,
        lambda z: z**2,
        lambda: (mp.mpf(0), ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.0001")),
        {"float64": 7},
    ),
    Approximation(
        "sinh",
        _over_cube(mp.sinh),
        lambda z: z * mp.sqrt(z) / mp.sinh(mp.sqrt(z)),
        lambda: (mp.mpf(0), mp.mpf(1)),
        {"float64": 6, "float32": 2},
    ),
    Approximation(
        "atan",
        _over_cube(mp.atan),
        lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z)),
        lambda: (mp.mpf(0), mp.tan(mp.pi / 8) ** 2 * mp.mpf("1.0001")),
        {"float64": 10, "float32": 4},
    ),
    Approximation(
        "sin",
        _over_cube(mp.sin),
        lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)),
        lambda: (mp.mpf(0), (mp.pi / 4) ** 2 * mp.mpf("1.001")),
        {"float64": 5},
    ),
    Approximation(
        "cos",
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2,
        lambda: (mp.mpf(0), (mp.pi / 4) ** 2 * mp.mpf("1.001")),
        {"float64": 5},
    ),
    Approximation(
        "erf",
        _odd(mp.erf),
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
        lambda: (mp.mpf(0), mp.mpf(1)),
        {"float64": 11},
    ),
    Approximation(
        "erfc",
        _normal_tail,
        lambda q: 1,
        lambda: (_centred(0.499), _centred(27.26)),
        {"float64": 21},
    ),
    Approximation(
        "gelu_slope",
        _gelu_slope,
        lambda v: 1 / _gelu_slope(v),
        lambda: (mp.mpf("-1e-4"), mp.mpf("1.5001")),
        {"float64": 18},
    ),
    Approximation(
        "silu_slope",
        lambda v: _silu_slope(v) - mp.mpf(3) / 16,
        lambda v: 1 / _silu_slope(v),
        lambda: (mp.mpf("-0.7501"), mp.mpf("0.7501")),
        {"float64": 20},
    ),
    Approximation(
        "log_cosh",
        _log_cosh,
        lambda z: z**2 / mp.log(mp.cosh(mp.sqrt(z))),
        lambda: (mp.mpf(0), mp.mpf(1)),
        {"float64": 13, "float32": 5},
    ),
)


def derived(approximation: Approximation, format: Format) -> tuple[tuple[float, ...], float]:
    """The coefficients from the constant on, each a number of `format`, and the largest weighted error."""
    with mp.workdps(DIGITS):
        low, high = approximation.interval()
        degree = approximation.degrees[format.dtype]
        grid = [
            (v, approximation.function(v), approximation.weight(v)) for v in _grid(low, high, max(degree + 2, 8) * GRID)
        ]
        rounded = [_rounded(c, format) for c in _best(grid, degree)]
        return tuple(float(c) for c in rounded), float(max(map(abs, _errors(grid, rounded))))


def _rounded(value: Real, format: Format) -> Real:
    return mp.mpf(float(value)) if format is DOUBLE else mp.mpf(float(np.float32(float(value))))


def _errors(grid: Sequence[Sample], coefficients: Sequence[Real]) -> list[Real]:
    return [weight * (target - mp.polyval(coefficients[::-1], v)) for v, target, weight in grid]


def _best(grid: Sequence[Sample], degree: int) -> list[Real]:
    """The polynomial whose largest weighted error is smallest, by Remez's exchange."""
    count = degree + 2
    points = [grid[(2 * k + 1) * (len(grid) - 1) // (2 * count)] for k in range(count)]
    while True:
        coefficients, level = _levelled(points, degree)
        errors = _errors(grid, coefficients)
        if max(map(abs, errors)) <= SETTLED * abs(level):
            return coefficients
        points = _alternation(grid, errors, count)


def _grid(low: Real, high: Real, count: int) -> list[Real]:
    """Chebyshev's points with the ends, none of them zero, where functions have removable gaps."""
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mp.cos(mp.pi * k / count) for k in range(count + 1)]
    return [v if abs(v) > mp.mpf(10) ** -12 else half * mp.mpf(10) ** -6 for v in points]


def _levelled(points: Sequence[Sample], degree: int) -> tuple[list[Real], Real]:
    """The polynomial whose weighted errors at `points` are equal in size and alternate in sign."""
    matrix, right = mp.matrix(len(points)), mp.matrix(len(points), 1)
    for at, (v, target, weight) in enumerate(points):
        for power in range(degree + 1):
            matrix[at, power] = weight * v**power
        matrix[at, degree + 1] = (-1) ** at
        right[at] = weight * target
    *coefficients, level = mpmath.lu_solve(matrix, right)
    return coefficients, level


def _alternation(grid: Sequence[Sample], errors: Sequence[Real], count: int) -> list[Sample]:
    """The samples of largest error, one for each run of one sign; the smallest are dropped from the ends."""
    runs: list[int] = []
    for at, error in enumerate(errors):
        if runs and (errors[runs[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = at
        else:
            runs.append(at)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    if len(runs) < count:
        raise ArithmeticError(f"the error alternates {len(runs)} times where it should {count} times; refine the grid")
    return [grid[at] for at in runs]


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
