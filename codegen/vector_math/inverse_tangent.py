"""The inverse tangent.

`atan x` is 0, π/4 or π/2 and the inverse tangent of x, (x − 1)/(x + 1) or −1/x, of which the nearest to zero is taken;
that is at most tan π/8, and a polynomial in its square does.
"""

from __future__ import annotations

import numpy as np
from mpmath import mp

from codegen.vector_math.arithmetic import Value, copy_sign, multiply_add, polynomial, where
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.formats import exactly, in_parts

NEAR = float(np.tan(np.pi / 8))
FAR = 1 / NEAR
QUARTER = exactly(lambda: mp.pi / 4)


def atan(x: Value) -> Value:
    """The angle between −π/2 and π/2 whose tangent is x."""
    size = abs(x).named("size")
    near, far = (size < NEAR).named("near"), (size > FAR).named("far")
    quarter, quarter_lost = in_parts(QUARTER, x.format.mantissa + 1)
    half, half_lost = in_parts(2 * QUARTER, x.format.mantissa + 1)
    above = where(near, size, where(far, -1, size - 1))
    below = where(near, 1, where(far, size, size + 1))
    base = where(near, 0, where(far, half, quarter))
    t = (above / below).named("t")
    turned = quarter_lost - t * (0.5 - 0.5 * t) * (size - (below - 1))  # for 1/(x + 1) is (1 − t)/2
    lost = where(near, 0, where(far, half_lost, turned)).named("lost")
    square = (t * t).named("square")
    angle = polynomial(square, COEFFICIENTS["atan"][x.format.dtype])
    return copy_sign(base + (t + multiply_add(t * square, angle, lost)), x)
