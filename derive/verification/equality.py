"""When two arrays of numbers are the same, and what to say when they are not."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from numpy.typing import ArrayLike, NDArray

from derive.errors import CheckFailed

DIGITS = 60
FLOOR = 1e-3  # an array whose entries are all smaller is compared absolutely: rounding does not shrink with them


def worst_error(got: ArrayLike, expected: NDArray[Any], what: str) -> float:
    """The largest difference of two arrays, relative to the largest expected entry.

    Not-a-number and infinities agree with themselves only.

    Raises:
        CheckFailed: the shapes differ.
    """
    found = np.asarray(got)
    if found.shape != expected.shape:
        raise CheckFailed(f"{what}: the shape is {found.shape}, expected {expected.shape}")
    return max((error for error, _ in _errors(found, expected)), default=0.0)


def assert_close(got: ArrayLike, expected: NDArray[Any], tolerance: float, what: str) -> float:
    """The worst error, when it is below `tolerance`.

    Raises:
        CheckFailed: it is not; the message names the worst entry and both values.
    """
    worst = worst_error(got, expected, what)
    if worst <= tolerance:
        return worst
    found = np.asarray(got)
    _, position = max(_errors(found, expected))
    given, wanted = found[position], expected[position]
    place = f" at {list(position)}" if position else ""
    raise CheckFailed(
        f"{what}{place}: got {mpmath.nstr(mpmath.mpf(given), 17)}, expected {mpmath.nstr(mpmath.mpf(wanted), 17)} "
        f"(error {worst:.2g}, allowed {tolerance:.2g})"
    )


def _errors(found: NDArray[Any], expected: NDArray[Any]) -> list[tuple[float, tuple[int, ...]]]:
    """The error of every entry with its place, computed in more digits than either side has."""
    with mpmath.workdps(DIGITS):
        finite = [abs(entry) for entry in expected.flat if mpmath.isfinite(entry)]
        scale = max([*finite, mpmath.mpf(FLOOR)])
        return [(_error(found[p], expected[p], scale), p) for p in np.ndindex(*expected.shape)]


def _error(given: Any, wanted: Any, scale: Any) -> float:
    given, wanted = mpmath.mpf(given), mpmath.mpf(wanted)
    if mpmath.isfinite(given) and mpmath.isfinite(wanted):
        return float(abs(given - wanted) / scale)
    same = given == wanted or (mpmath.isnan(given) and mpmath.isnan(wanted))
    return 0.0 if same else float("inf")
