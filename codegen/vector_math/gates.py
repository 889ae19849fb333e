"""The sigmoid linear unit `x σ(x)` and its derivative `σ(x) (1 + x σ(−x))`, from one exponential of −|x|.

On the left, where the values fade out, x is put to the digits of the exponential before its power of two, so that
nothing is rounded twice below the normal numbers. Around its zero the derivative is a polynomial times the distance
from it, for there its two terms cancel. On the right it is one less what it is on the left.
"""

from __future__ import annotations

from mpmath import mp

from codegen.vector_math.arithmetic import Value, multiply_add, narrowed, polynomial, where, widened
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.error_function import within
from codegen.vector_math.exponentials import CONSTANTS, exp_of_sum
from codegen.vector_math.formats import exactly, in_parts

BEYOND = 7  # so far beyond the last exponential that is not 0, x eˣ is 0 too
ZERO, ZERO_LOST = in_parts(exactly(lambda: mp.findroot(lambda s: 1 + mp.exp(-s) - s, 1.28)), 53)
NEAR, FAR = 0.75, 2.25  # between these the derivative on the left is written around its zero
MIDDLE, STEEP = 1.5, 0.1875


def silu(x: Value) -> Value:
    """The number times the sigmoid function of it."""
    last = BEYOND - CONSTANTS[x.format.dtype].smallest
    size = abs(x).named("size")
    near = where(size > last, last, size).named("near")
    e = exp_of_sum(-near, None, None).named("e")
    faded = exp_of_sum(-near, None, lambda digits, lost: multiply_add(digits, near, lost * near)).named("faded")
    return where(x < 0, -faded, x) / (1 + e)


def silu_slope(x: Value) -> Value:
    """The derivative of the number times the sigmoid function of it."""
    wide = widened(x).named("wide")
    size = within(abs(wide), 0, BEYOND - CONSTANTS[wide.format.dtype].smallest).named("size")
    e = exp_of_sum(-size, None, None).named("e")
    base = (1 - size).named("base")
    above = (base + e).named("above")
    above_lost = ((1 - base) - size) + (e - (above - base))

    def factor(digits: Value, lost: Value) -> Value:
        return multiply_add(digits, above, multiply_add(lost, above, digits * above_lost))

    faded = exp_of_sum(-size, None, factor).named("faded")
    far = faded / multiply_add(e, 2 + e, 1).named("square_of_more")
    cancels = where(size > NEAR, size, FAR) < FAR
    left = where(cancels, _around_zero(within(size, NEAR, FAR)), far).named("left")
    return narrowed(where(wide < 0, left, 1 - left), x.kind)


def _around_zero(size: Value) -> Value:
    """The derivative at −s as its zero less s, times 3/16 and a polynomial in 3/2 − s."""
    v = (MIDDLE - size).named("v")
    distance = (ZERO - size).named("distance")
    distance_lost = ((ZERO - distance) - size) + ZERO_LOST
    steep = (STEEP + polynomial(v, COEFFICIENTS["silu_slope"]["float64"])).named("steep")
    return multiply_add(distance, steep, distance_lost * steep)
