"""Derivatives by central differences in 50-digit arithmetic.

With so many digits the step can be tiny and cancellation does not count, so what is left is the truth: the error of a
central difference is the third derivative times the step squared. Every quotient is taken at two steps; where they
disagree there is a kink or a pole, and that is said instead of a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from derive.errors import NotDifferentiable
from derive.program import Program
from derive.verification.oracle import evaluate

Arrays = Mapping[str, NDArray[Any]]


def derivative(program: Program, output: str, wrt: str, inputs: Arrays, digits: int = 50) -> NDArray[Any]:
    """The derivative of `output` by the input `wrt`: an array of mpmath numbers, output axes first.

    Raises:
        NotDifferentiable: the quotients of two step sizes disagree.
    """
    with mpmath.workdps(digits):
        coarse = _quotients(program, output, wrt, inputs, mpmath.mpf(10) ** (-digits // 4))
        fine = _quotients(program, output, wrt, inputs, mpmath.mpf(10) ** (-digits // 3))
        _agreed(coarse, fine, f"the derivative of {output} by {wrt}", digits)
        return fine


def _quotients(program: Program, output: str, wrt: str, inputs: Arrays, step: Any) -> NDArray[Any]:
    def value(point: NDArray[Any]) -> NDArray[Any]:
        return evaluate(program, {**inputs, wrt: point}, mpmath.mp.dps)[output]

    return _along_entries(value, np.asarray(inputs[wrt]), step)


def _along_entries(value: Callable[[NDArray[Any]], NDArray[Any]], point: NDArray[Any], step: Any) -> NDArray[Any]:
    exact = np.empty(point.shape, dtype=object)
    for position in np.ndindex(*point.shape):
        exact[position] = mpmath.mpf(float(point[position]))
    columns = []
    for position in np.ndindex(*point.shape):
        ahead, behind = exact.copy(), exact.copy()
        ahead[position] += step
        behind[position] -= step
        columns.append((value(ahead) - value(behind)) / (2 * step))
    shape = np.shape(columns[0]) if columns else np.shape(value(exact))
    result = np.empty((*shape, *point.shape), dtype=object)
    for position, column in zip(np.ndindex(*point.shape), columns, strict=True):
        result[(..., *position)] = column
    return result


def _agreed(coarse: NDArray[Any], fine: NDArray[Any], what: str, digits: int) -> None:
    scale = max((abs(entry) for entry in fine.flat), default=mpmath.mpf(0)) + 1
    for position in np.ndindex(*fine.shape):
        if not abs(coarse[position] - fine[position]) <= scale * mpmath.mpf(10) ** (-digits // 5):
            place = list(position) or "its value"
            raise NotDifferentiable(
                f"{what} has no limit at {place}: the quotients are {mpmath.nstr(coarse[position], 8)} "
                f"and {mpmath.nstr(fine[position], 8)} at two steps"
            )
