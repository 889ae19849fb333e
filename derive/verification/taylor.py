"""The order of the Taylor remainder: a test of a derivative without a step to choose.

Where J is the derivative of f at x, the remainder f(x + h d) − f(x) − h J d shrinks as h². A wrong derivative leaves
order 1, a kink order 1 as well but in some directions only, and cancellation no order at all; 50-digit arithmetic
excludes the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from derive.program import Program
from derive.verification.oracle import evaluate

Arrays = Mapping[str, NDArray[Any]]


def remainder_order(
    program: Program, output: str, wrt: str, inputs: Arrays, derivative: NDArray[Any], seed: int = 0, digits: int = 50
) -> float:
    """The order in which the remainder of `output` vanishes along a random direction of `wrt`; infinite when it is 0.

    `derivative` has the axes of `output` first, then those of `wrt`.
    """
    with mpmath.workdps(digits):
        point = _exact(inputs[wrt])
        direction = _exact(np.random.default_rng(seed).uniform(0.5, 1.5, point.shape).round(3))
        slope = _applied(derivative, direction)
        start = evaluate(program, inputs, digits)[output]
        sizes = [_size(program, output, {**inputs}, wrt, point, direction, slope, start, h) for h in _steps(digits)]
        coarse, fine = sizes
        if fine == 0:
            return float("inf")
        return float(mpmath.log(coarse / fine, 2))


def _steps(digits: int) -> tuple[Any, Any]:
    step = mpmath.mpf(10) ** (-digits // 5)
    return step, step / 2


def _exact(values: Any) -> NDArray[Any]:
    given = np.asarray(values)
    found = np.empty(given.shape, dtype=object)
    for at in np.ndindex(*given.shape):
        found[at] = mpmath.mpf(float(given[at]))
    return found


def _applied(derivative: NDArray[Any], direction: NDArray[Any]) -> NDArray[Any]:
    """The derivative contracted with a direction."""
    count = derivative.ndim - direction.ndim
    result = np.empty(derivative.shape[:count], dtype=object)
    for at in np.ndindex(*result.shape):
        result[at] = mpmath.fsum(derivative[at + place] * direction[place] for place in np.ndindex(*direction.shape))
    return result


def _size(
    program: Program,
    output: str,
    inputs: dict[str, Any],
    wrt: str,
    point: NDArray[Any],
    direction: NDArray[Any],
    slope: NDArray[Any],
    start: NDArray[Any],
    step: Any,
) -> Any:
    """The largest entry of the remainder at one step; rounding counts as nothing."""
    moved = evaluate(program, {**inputs, wrt: point + step * direction}, mpmath.mp.dps)[output]
    worst = mpmath.mpf(0)
    for at in np.ndindex(*start.shape):
        rest = abs(moved[at] - start[at] - step * slope[at])
        noise = mpmath.mpf(10) ** (4 - mpmath.mp.dps) * (1 + abs(start[at]))
        worst = max(worst, rest if rest > noise else mpmath.mpf(0))
    return worst
