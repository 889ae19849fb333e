"""Pictures of derivatives and of descents."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from derive.charts import Chart, Curve, over_a_number
from derive.derivative import Derivative
from derive.descent import Descent
from derive.formulas import Formula
from derive.notation.writing import printed_name


def chart_of(formula: Formula, wrt: str, given: Mapping[str, ArrayLike], reach: tuple[float, float] | None) -> Chart:
    """The chart of a scalar formula and its derivative over one of its numbers.

    Raises:
        ShapeError: the value or the variable is an array.
        DomainError: another input has no value, or the range is empty.
    """
    return over_a_number(formula, wrt, given, reach, Derivative(formula, "grad", (wrt,)))


def chart_of_descent(found: Descent) -> Chart:
    """The path of a descent: on the curve of the formula where one number changes, and otherwise the value by steps."""
    names = list(found.path[0])
    if len(names) == 1 and not found.path[0][names[0]].shape:
        x = np.array([float(point[names[0]]) for point in found.path])
        span = max(float(np.ptp(x)), 1.0)
        fixed = {n: v for n, v in found.given.items() if n != names[0]}
        curve = chart_of(found.of, names[0], fixed, (float(x.min()) - span / 2, float(x.max()) + span / 2))
        walked = Curve(f"{found.method}, rate {found.rate:g}", x, np.array(found.values), dots=True)
        return Chart(curve.title, curve.across, (curve.curves[0], walked))
    steps = np.arange(len(found.values), dtype=float)
    name = printed_name(found.of.value)
    return Chart(
        found.of.title,
        "step",
        (Curve(f"{name}, {found.method}, rate {found.rate:g}", steps, np.array(found.values), dots=len(steps) <= 60),),
    )
