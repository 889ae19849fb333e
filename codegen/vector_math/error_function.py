"""The error function and its complement, and the normal distribution's density and distribution function.

The two of the normal distribution take the same exponential, so that a compiler computes it once where both are needed.

Near zero `erf x = x + x P(x²)`. Further out `erfc x = e^(−x²) Q(q)/(1 + 2x)` with `q = (x − 4)/(x + 4)`, where x² is
kept in two parts and what the factors lose in rounding is made good at the end. In single precision the same is
computed with double.
"""

from __future__ import annotations

from mpmath import mp

from codegen.vector_math.arithmetic import (
    Value,
    copy_sign,
    leading,
    multiply_add,
    narrowed,
    polynomial,
    where,
    widened,
)
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.exponentials import exp_of_sum
from codegen.vector_math.formats import exactly, in_parts

CENTRE = 4
LAST = 27.25  # from here on erfc is nearer to 0 than to the smallest number
LAST_NORMAL = 38.6  # and the normal distribution here, density and all
ROOT_OF_HALF = 0.5**0.5
ROOT_HEAD, ROOT_TAIL = in_parts(exactly(lambda: mp.sqrt(0.5)), 26)
PEAK, PEAK_LOST = in_parts(exactly(lambda: 1 / mp.sqrt(2 * mp.pi)), 53)


def erf(x: Value) -> Value:
    """The error function."""
    wide = widened(x).named("wide")
    size = abs(wide).named("size")
    far = within(size, 1, 6).named("far")
    tail = _tail(far, *_square(far), 1)
    near = multiply_add(size, _small(size), size)
    return copy_sign(narrowed(where(size < 1, near, 1 - tail), x.kind), x)


def erfc(x: Value) -> Value:
    """One less the error function, without cancellation."""
    wide = widened(x).named("wide")
    size = abs(wide).named("size")
    far = within(size, 0.5, LAST).named("far")
    tail = _tail(far, *_square(far), 1).named("complement")
    near = (1 - wide) - wide * _small(size)
    value = where(size < 0.5, near, where(wide < 0, 2 - tail, tail))
    return narrowed(where(wide > LAST, 0, value), x.kind)


def normal_cdf(x: Value) -> Value:
    """The distribution function of the standard normal distribution: `½ erfc(−x/√2)` with the exact square of x."""
    wide = widened(x).named("wide")
    size = within(abs(wide), 0, LAST_NORMAL).named("size")
    head, low = _square(size)
    far = where(size < ROOT_OF_HALF, ROOT_OF_HALF, size).named("far")
    less = (far * ROOT_OF_HALF).named("less")
    lost = (leading(far) * ROOT_HEAD - less) + (leading(far) * ROOT_TAIL + (far - leading(far)) * ROOT_OF_HALF)
    tail = _tail(less, 0.5 * head, 0.5 * low, 0.5, lost).named("complement")
    scaled = (wide * ROOT_OF_HALF).named("scaled")
    near = 0.5 + 0.5 * multiply_add(scaled, _small(scaled), scaled)
    value = where(size < ROOT_OF_HALF, near, where(wide < 0, tail, 1 - tail))
    return narrowed(where(wide < -LAST_NORMAL, 0, value), x.kind)


def normal_pdf(x: Value) -> Value:
    """The density of the standard normal distribution: `exp(−x²/2)/√(2π)` with the exact square of x."""
    wide = widened(x).named("wide")
    size = within(abs(wide), 0, LAST_NORMAL).named("size")
    head, low = _square(size)

    def factor(digits: Value, lost: Value) -> Value:
        return multiply_add(digits, PEAK, multiply_add(lost, PEAK, digits * PEAK_LOST))

    return narrowed(exp_of_sum(0.5 * head, 0.5 * low, factor), x.kind)


def within(x: Value, low: float, high: float) -> Value:
    """The number, or the nearer end where it is outside; what is not a number stays so."""
    return where(x < low, low, where(x > high, high, x))


def _small(x: Value) -> Value:
    """`erf(x)/x − 1` up to 1."""
    return polynomial((x * x).named("square"), COEFFICIENTS["erf"]["float64"])


def _square(x: Value) -> tuple[Value, Value]:
    """`−x²` in two parts, the first of them exact."""
    head = leading(x).named("head")
    return -head * head, (head - x) * (head + x)


def _tail(x: Value, exponent: Value, low: Value, share: float, x_lost: Value | None = None) -> Value:
    """A share of `erfc x` between ½ and `LAST`, given `−x²` in two parts and what x lost in rounding."""
    q = ((x - CENTRE) / (x + CENTRE)).named("centred")
    change = polynomial(q, COEFFICIENTS["erfc"]["float64"]).named("change")
    near_one = (1.25 + change).named("near_one")
    below = (1 + 2 * x).named("below")

    def factor(digits: Value, lost: Value) -> Value:
        """The quotient, and the first order of what its three parts lost."""
        quotient = (share * digits * near_one / below).named("quotient")
        above_lost = share * multiply_add(lost, near_one, (change - (near_one - 1.25)) * digits)
        below_lost = 1 - (below - 2 * x)
        if x_lost is not None:
            below_lost = below_lost + 2 * x_lost
        return quotient + (above_lost - quotient * below_lost) / below

    return exp_of_sum(exponent, low, factor)
