"""The inverse tangent.

`atan x` is 0, π/4 or π/2 and the inverse tangent of x, (x − 1)/(x + 1) or −1/x, of which the nearest to zero is taken;
that is at most tan π/8, and a polynomial in its square does.
"""

from __future__ import annotations

import numpy as np
from mpmath import mp

from codegen.vector_math.arithmetic import NUMPY_TYPES, Value, copy_sign, multiply_add, polynomial, where
from codegen.vector_math.coefficients import COEFFICIENTS

NEAR = float(np.tan(np.pi / 8))
FAR = 1 / NEAR


def atan(x: Value) -> Value:
    """The angle between −π/2 and π/2 whose tangent is x."""
    size = abs(x).named("size")
    near, far = (size < NEAR).named("near"), (size > FAR).named("far")
    quarter, quarter_lost = _in_two(1, x)
    half, half_lost = _in_two(2, x)
    above = where(near, size, where(far, -1, size - 1))
    below = where(near, 1, where(far, size, size + 1))
    base = where(near, 0, where(far, half, quarter))
    lost = where(near, 0, where(far, half_lost, quarter_lost))
    t = (above / below).named("t")
    square = (t * t).named("square")
    angle = polynomial(square, COEFFICIENTS["atan"][x.format.dtype])
    return copy_sign(base + (t + multiply_add(t * square, angle, lost)), x)


def _in_two(quarters: int, x: Value) -> tuple[float, float]:
    """A number of quarters of π as a number of the type of x, and what that lost."""
    with mp.workdps(60):
        exact = quarters * mp.pi / 4
        high = float(NUMPY_TYPES[x.kind](float(exact)))
        return high, float(exact - high)
