"""The error function and its complement, and the normal distribution's density and distribution function.

The two of the normal distribution take the same exponential, so that a compiler computes it once where both are needed.
The derivative of x Φ(x) is a function of its own, for around its zero the two parts cancel.

Near zero `erf x = x + x P(x²)`. Further out `erfc x = e^(−x²) Q(q)/(1 + 2x)` with `q = (x − 4)/(x + 4)`, where x² is
kept in two parts and what the factors lose in rounding is made good at the end. In single precision the same is
computed with double.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpmath import mp

from codegen.vector_math.arithmetic import (
    Value,
    copy_sign,
    leading,
    literal,
    lost_in_product,
    multiply_add,
    narrowed,
    polynomial,
    where,
    widened,
)
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.exponentials import exp_of_sum, lifted_exp_of_sum
from codegen.vector_math.formats import exactly, in_parts
from codegen.vector_math.quotients import divisor_scale

CENTRE = 4
LAST = 27.25  # from here on erfc is nearer to 0 than to the smallest number
LAST_NORMAL = 38.6  # and the normal distribution here, density and all
ROOT_OF_HALF = 0.5**0.5
ROOT_HEAD, ROOT_TAIL = in_parts(exactly(lambda: mp.sqrt(0.5)), 26)
ZERO, ZERO_LOST = in_parts(exactly(lambda: mp.findroot(lambda s: mp.ncdf(-s) - s * mp.npdf(s), 0.75)), 53)
NEAR_ZERO = 1.5  # up to here the derivative of x Φ(x) on the left is written around its zero
LAST_SLOPE = 38.7  # and from here on the derivative of x Φ(x) on the left
PEAK_HEAD, PEAK_TAIL = in_parts(exactly(lambda: 1 / mp.sqrt(2 * mp.pi)), 26)
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
    _, less, lost = _over_root_of_two(size)
    tail = _tail(less, 0.5 * head, 0.5 * low, 0.5, lost).named("complement")
    scaled = (wide * ROOT_OF_HALF).named("scaled")
    near = 0.5 + 0.5 * multiply_add(scaled, _small(scaled), scaled)
    value = where(size < ROOT_OF_HALF, near, where(wide < 0, tail, 1 - tail))
    return narrowed(where(wide < -LAST_NORMAL, 0, value), x.kind)


def _over_root_of_two(size: Value) -> tuple[Value, Value, Value]:
    """A size from `ROOT_OF_HALF` on, it divided by √2, and what that lost in rounding."""
    far = where(size < ROOT_OF_HALF, ROOT_OF_HALF, size).named("far")
    less = (far * ROOT_OF_HALF).named("less")
    lost = (leading(far) * ROOT_HEAD - less) + (leading(far) * ROOT_TAIL + (far - leading(far)) * ROOT_OF_HALF)
    return far, less, lost


def gelu(x: Value) -> Value:
    """The number times the distribution function of the standard normal distribution, rounded when it is all there."""
    wide = widened(x).named("wide")
    size = within(abs(wide), 0, LAST_SLOPE).named("size")
    head, low = _square(size)
    far, less, lost = _over_root_of_two(size)
    tail = _tail(less, 0.5 * head, 0.5 * low, 0.5 * far, lost).named("part")
    scaled = (wide * ROOT_OF_HALF).named("scaled")
    half = (0.5 * wide).named("half")
    near = multiply_add(half, multiply_add(scaled, _small(scaled), scaled), half)
    value = where(size < ROOT_OF_HALF, near, where(wide < 0, tail, wide - tail))
    return narrowed(copy_sign(where(wide < -LAST_SLOPE, 0, value), wide), x.kind)


def normal_pdf(x: Value) -> Value:
    """The density of the standard normal distribution: `exp(−x²/2)/√(2π)` with the exact square of x."""
    wide = widened(x).named("wide")
    size = within(abs(wide), 0, LAST_NORMAL).named("size")
    head, low = _square(size)

    return narrowed(exp_of_sum(0.5 * head, 0.5 * low, _times_peak), x.kind)


def _times_peak(digits: Value, lost: Value) -> Value:
    """The digits times `1/√(2π)`."""
    return multiply_add(digits, PEAK, multiply_add(lost, PEAK, digits * PEAK_LOST))


def normal_density(x: Value, mu: Value, sigma: Value) -> Value:
    """The density of a normal distribution: that of `u = (x − μ)/σ`, which is kept in two parts, divided by σ."""
    u, u_lost, beyond, below = _standardised(x, mu, sigma)
    peak, lift = lifted_exp_of_sum(*_half_square(u, u_lost), _times_peak)
    density, lost = below.dividing(peak)
    return narrowed(where(beyond, 0, (density + lost) * (below.scale * lift)), x.kind)


def normal_slope(x: Value, mu: Value, sigma: Value) -> Value:
    """The derivative of a normal density: `−u φ(u)/σ²`, rounded below the normal numbers when it is all there."""
    u, u_lost, beyond, below = _standardised(x, mu, sigma)
    times = (u * -PEAK).named("times")
    times_lost = lost_in_product(u, literal(-PEAK, u.kind), times) - multiply_add(u, PEAK_LOST, u_lost * PEAK)

    def factor(digits: Value, lost: Value) -> Value:
        return multiply_add(digits, times, multiply_add(lost, times, digits * times_lost))

    peak, lift = lifted_exp_of_sum(*_half_square(u, u_lost), factor)
    once, once_lost = below.dividing(peak)
    twice, twice_lost = below.dividing(once, once_lost)
    slope = (twice + twice_lost).named("slope")
    finite = where(slope == slope, slope, twice).named("finite")
    return narrowed(where(beyond, 0, finite * below.scale * (below.scale * lift)), x.kind)


@dataclass(frozen=True)
class _Divisor:
    """A number to divide by, scaled to where it has an inverse, and that inverse in two parts."""

    number: Value
    scale: Value
    inverse: Value
    inverse_lost: Value

    def dividing(self, x: Value, lost: Value | None = None) -> tuple[Value, Value]:
        """A number, which may come in two parts, divided by the scaled divisor, in two parts."""
        quotient = (x * self.inverse).named("quotient")
        below = multiply_add(x, self.inverse_lost, lost_in_product(x, self.inverse, quotient))
        return quotient, below if lost is None else multiply_add(lost, self.inverse, below)


def _divisor(x: Value) -> _Divisor:
    scale = divisor_scale(x).named("scale")
    number = (x * scale).named("number")
    inverse = (1 / number).named("inverse")
    one = (number * inverse).named("one")
    return _Divisor(number, scale, inverse, ((1 - one) - lost_in_product(number, inverse, one)) * inverse)


def _standardised(x: Value, mu: Value, sigma: Value) -> tuple[Value, Value, Value, _Divisor]:
    """`u = (x − μ)/σ`, what it lost in rounding, whether it is too far out to tell from infinity, and σ."""
    wide, mean, spread = (widened(value) for value in (x, mu, sigma))
    below = _divisor(spread)
    distance = (wide - mean).named("distance")
    moved = (distance - wide).named("moved")
    distance_lost = (wide - (distance - moved)) - (mean + moved)
    scaled = (distance * below.scale).named("scaled")
    u = (scaled * below.inverse).named("u")
    product = (u * below.number).named("product")
    rest = (scaled - product) - lost_in_product(u, below.number, product)
    u_lost = multiply_add(distance_lost, below.scale, rest) * below.inverse
    beyond = (abs(u) >= LAST_SLOPE).named("beyond")
    return where(beyond, LAST_SLOPE, u).named("near"), where(beyond, 0, u_lost).named("u_lost"), beyond, below


def _half_square(u: Value, u_lost: Value) -> tuple[Value, Value]:
    """`−(u + v)²/2` in two parts, for a small v."""
    head, low = _square(u)
    return 0.5 * head, multiply_add(-u, u_lost, 0.5 * low)


def gelu_slope(x: Value) -> Value:
    """The derivative of x Φ(x), `Φ(x) + x φ(x)`: on the left by its zero, or by the tail; one less it on the right."""
    wide = widened(x).named("wide")
    size = within(abs(wide), 0, LAST_SLOPE).named("size")
    far = where(size < NEAR_ZERO, NEAR_ZERO, size).named("far")
    share = (0.5 * _scaled_tail(far * ROOT_OF_HALF)).named("share")
    above = (leading(far) * PEAK_HEAD).named("above")
    slope = (share - above).named("slope")
    slope_lost = (share - (slope + above)) - (leading(far) * PEAK_TAIL + (far - leading(far)) * PEAK)

    def factor(digits: Value, lost: Value) -> Value:
        """The share beyond less the density's, which counts for more."""
        return multiply_add(digits, slope, multiply_add(lost, slope, digits * slope_lost))

    head, low = _square(far)
    tail = exp_of_sum(0.5 * head, 0.5 * low, factor)
    left = where(size < NEAR_ZERO, _around_zero(size), tail).named("left")
    return narrowed(where(wide < 0, left, 1 - left), x.kind)


def _around_zero(size: Value) -> Value:
    """`Φ(−s) − s φ(s)` as its zero less s, times a polynomial in 3/2 − s; with the first order of what both lose."""
    v = (NEAR_ZERO - size).named("v")
    distance = (ZERO - size).named("distance")
    square = (v * v).named("square")
    even, odd = (polynomial(square, COEFFICIENTS["gelu_slope"]["float64"][start::2]) for start in (0, 1))
    odd_part = (odd.named("odd") * v).named("odd_part")
    steep = (even.named("even") + odd_part).named("steep")
    steep_lost = _lost_in_sum(even, odd_part, steep) + odd * ((NEAR_ZERO - v) - size)
    distance_lost = ((ZERO - distance) - size) + ZERO_LOST
    return multiply_add(distance, steep, multiply_add(distance, steep_lost, distance_lost * steep))


def _lost_in_sum(a: Value, b: Value, total: Value) -> Value:
    """What a sum lost in rounding (Knuth)."""
    moved = (total - a).named("moved")
    return (a - (total - moved)) + (b - moved)


def _scaled_tail(x: Value) -> Value:
    """`exp(x²) erfc x`."""
    q = ((x - CENTRE) / (x + CENTRE)).named("centred")
    return (1.25 + polynomial(q, COEFFICIENTS["erfc"]["float64"]).named("change")) / (1 + 2 * x)


def within(x: Value, low: float, high: float) -> Value:
    """The number, or the nearer end where it is outside; what is not a number stays so."""
    return where(x < low, low, where(x > high, high, x))


def _small(x: Value) -> Value:
    """`erf(x)/x − 1` up to 1."""
    return polynomial((x * x).named("square"), COEFFICIENTS["erf"]["float64"])


def _square(x: Value) -> tuple[Value, Value]:
    """`−x²` in two parts."""
    head = (-x * x).named("head")
    return head, lost_in_product(-x, x, head).named("low")


def _tail(x: Value, exponent: Value, low: Value, share: Value | float, x_lost: Value | None = None) -> Value:
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
