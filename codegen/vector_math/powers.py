"""Powers: `xʸ = exp(y log x)` with a logarithm of twice the digits.

The logarithm is a sum of two numbers, and so is every product on the way to it. In single precision the same is
computed with double, where one number is enough.
"""

from __future__ import annotations

from mpmath import mp

from codegen.vector_math.arithmetic import (
    Value,
    copy_sign,
    literal,
    lost_in_product,
    multiply_add,
    narrowed,
    polynomial,
    round_to_integer,
    where,
    widened,
)
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.exponentials import CONSTANTS, exp, exp_of_sum
from codegen.vector_math.formats import exactly, in_parts
from codegen.vector_math.logarithms import log, parts

TWO_THIRDS, TWO_THIRDS_LOST = in_parts(exactly(lambda: mp.mpf(2) / 3), 53)
HUGE = 2.0**120  # as an exponent as good as infinity, and no product with a logarithm overflows


def power(x: Value, y: Value) -> Value:
    """The power of x to y, with all that C says of zeros, infinities and signs."""
    size = abs(x).named("size")
    exponent = where(abs(y) > HUGE, copy_sign(literal(HUGE, y.kind), y), y).named("exponent")
    if x.kind == "f32":
        inside = narrowed(exp(widened(exponent) * log(widened(size))), x.kind).named("inside")
    else:
        inside = _exp_of_product(size, exponent).named("inside")
    outside = where(y < 0, 1 / size, where(y > 0, size, y)).named("outside")
    value = where((size > 0) & (size < float("inf")), inside, outside).named("value")
    half = (exponent * 0.5).named("half")
    broken = (round_to_integer(exponent) != exponent).named("broken")
    odd = (round_to_integer(half) != half).named("odd")
    signed = where(odd, copy_sign(value, x), value)
    real = where(broken, where((x < 0) & (x > float("-inf")), float("nan"), value), signed)
    return where((x == 1) | (y == 0), 1, real)


def _exp_of_product(x: Value, y: Value) -> Value:
    """`exp(y log x)` for a positive x."""
    own = CONSTANTS[x.format.dtype]
    high, low = _log(x)
    product = (y * high).named("product")
    rest = multiply_add(y, low, lost_in_product(y, high, product)).named("rest")
    exponent = (product + rest).named("total")
    lost = where(exponent < own.smallest, 0, (product - exponent) + rest)
    clamped = where(exponent < own.smallest, own.smallest, exponent).named("clamped")
    result = exp_of_sum(clamped, lost, None)
    return where(exponent <= own.largest, result, exponent * float("inf"))


def _log(x: Value) -> tuple[Value, Value]:
    """The logarithm as a sum of two numbers, right to some 64 bits.

    With `s = f/(2 + f)` it is `k log 2 + 2s + s³ (2/3 + t)`.
    """
    own = CONSTANTS[x.format.dtype]
    k, f = parts(x)
    below = (2 + f).named("below")
    inverse = (1 / below).named("inverse")
    s = (f * inverse).named("s")
    too_much = multiply_add(s, f - (below - 2), lost_in_product(s, below, f)).named("too_much")
    s_tail = (-inverse * too_much).named("s_tail")

    z = (s * s).named("z")
    z_tail = multiply_add(2 * s, s_tail, lost_in_product(s, s, z)).named("z_tail")
    t = (z * polynomial(z, COEFFICIENTS["pow"]["float64"])).named("t")
    c = (TWO_THIRDS + t).named("c")
    c_tail = ((TWO_THIRDS - c) + t + TWO_THIRDS_LOST).named("c_tail")
    w = (z * c).named("w")
    w_tail = multiply_add(z, c_tail, multiply_add(z_tail, c, lost_in_product(z, c, w))).named("w_tail")
    cube = (s * w).named("cube")
    cube_tail = multiply_add(s, w_tail, multiply_add(s_tail, w, lost_in_product(s, w, cube)))

    twice = (2 * s).named("twice")
    fraction = (twice + cube).named("fraction")
    fraction_tail = (twice - fraction) + cube
    whole = (k * own.high).named("whole")
    high = (whole + fraction).named("log_high")
    low = ((whole - high) + fraction) + (fraction_tail + multiply_add(k, own.low, 2 * s_tail + cube_tail))
    return high, low.named("log_low")
