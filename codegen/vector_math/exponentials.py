"""The exponential and what is made of it: exp, expm1, tanh, sinh, cosh, the density of the logistic distribution.

`x = k log 2 + r` with a whole k and |r| ≤ ½ log 2 (Cody and Waite: the product of k with the leading part of log 2 is
exact), then `eˣ = 2ᵏ eʳ`. The power of two is built from bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mpmath import mp

from codegen.vector_math.arithmetic import (
    Value,
    bits,
    copy_sign,
    from_bits,
    multiply_add,
    polynomial,
    where,
)
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.formats import FORMATS, Format, in_parts

LIFT = 64  # exponents are raised by this much while a result below the normal numbers is put together


@dataclass(frozen=True)
class _Constants:
    """What depends on the format: log 2 in two parts, and where exp leaves the range of finite numbers."""

    log2_e: float
    high: float
    low: float
    largest: float
    smallest: float
    lifted: float


def _constants(format: Format) -> _Constants:
    with mp.workdps(60):
        digits = format.mantissa + 1 - format.bias.bit_length() - 2
        high, low = in_parts(mp.log(2), digits)
        largest = mp.log(mp.mpf(2) ** (format.bias + 1) * (1 - mp.mpf(2) ** -(format.mantissa + 2)))
        return _Constants(
            log2_e=float(1 / mp.log(2)),
            high=high,
            low=low,
            largest=in_parts(largest, format.mantissa + 1)[0],
            smallest=float(-(format.bias + format.mantissa + 1) * mp.log(2)),
            lifted=float(-(format.bias - 13) * mp.log(2)),
        )


CONSTANTS = {dtype: _constants(format) for dtype, format in FORMATS.items()}


def exp(x: Value) -> Value:
    """The exponential of x; results below the normal numbers are right, too."""
    own = CONSTANTS[x.format.dtype]
    clamped = where(x < own.smallest, own.smallest, x).named("clamped")
    scaled = exp_of_sum(clamped, None, None)
    return where(x <= own.largest, scaled, x * float("inf"))


def exp_of_sum(x: Value, low: Value | None, factor: Callable[[Value, Value], Value] | None) -> Value:
    """`exp(x + low)` for an x in range, its digits changed by `factor(digits, lost)` before 2ᵏ is put to them."""
    lifted, lift = lifted_exp_of_sum(x, low, factor)
    return (lifted * lift).named("scaled")


def lifted_exp_of_sum(
    x: Value, low: Value | None, factor: Callable[[Value, Value], Value] | None
) -> tuple[Value, Value]:
    """The same with all its digits, and a power of two to multiply it by in the end, below the normal numbers."""
    own = CONSTANTS[x.format.dtype]
    shifted, r, _ = _reduced(x, low)
    q = polynomial(r, COEFFICIENTS["exp"][x.format.dtype]).named("q")
    grown = multiply_add(r * r, q, r).named("grown")
    digits = (1 + grown).named("digits")
    if factor is not None:
        digits = factor(digits, grown - (digits - 1)).named("product")
    small = (x < own.lifted).named("small")
    raised = where(small, LIFT << x.format.mantissa, 0, x.format.integer)
    exponent = ((bits(shifted) << x.format.mantissa) + raised).named("exponent")
    return from_bits(bits(digits) + exponent), where(small, 2.0**-LIFT, 1)


def expm1(x: Value) -> Value:
    """`eˣ − 1`, exact for small x."""
    own = CONSTANTS[x.format.dtype]
    floor = -(x.format.mantissa + 3) * 0.7
    value, _ = _expm1(where(x < floor, floor, x).named("clamped"))
    value = where(abs(x) < 2.0 ** -(x.format.mantissa + 2), x, value)
    return where(x <= own.largest, value, x * float("inf"))


def tanh(x: Value) -> Value:
    """`−u/(2 + u)` for `u = e⁻²ˣ − 1` and the size of x, with what was lost in rounding, and the sign put back."""
    last = (x.format.mantissa + 3) * 0.35  # from here on the nearest number is 1
    size = abs(x).named("size")
    u, lost = _expm1(-2 * where(size > last, last, size))
    below = (2 + u).named("below")
    ratio = (-u / below).named("ratio")
    error = (lost + ratio * (lost + (u - (below - 2)))).named("error")
    corrected = multiply_add(-error, 0.5 + 0.5 * ratio, ratio)
    return where(size < 2.0 ** -(x.format.mantissa // 2 + 2), x, copy_sign(corrected, x))


def sinh(x: Value) -> Value:
    """Half the difference of `eˣ` and `e⁻ˣ`; up to 1 a polynomial."""
    size = abs(x).named("size")
    quarter = _quarter(size)
    large = 2 * (quarter - 0.0625 / quarter)
    square = (x * x).named("square")
    small = multiply_add(size * square, polynomial(square, COEFFICIENTS["sinh"][x.format.dtype]), size)
    value = where(size < 1, small, large)
    return copy_sign(where(size < CONSTANTS[x.format.dtype].largest + 1, value, size * float("inf")), x)


def cosh(x: Value) -> Value:
    """Half the sum of `eˣ` and `e⁻ˣ`."""
    size = abs(x).named("size")
    quarter = _quarter(size)
    value = 2 * (quarter + 0.0625 / quarter)
    return where(size < CONSTANTS[x.format.dtype].largest + 1, value, size * float("inf"))


def logistic_pdf(x: Value) -> Value:
    """The density of the logistic distribution: `e/(1 + e)²` for `e = e⁻|x|`, the square rounded once."""
    e = exp(-abs(x)).named("e")
    return e / multiply_add(e, 2 + e, 1).named("square_of_more")


def tanh_slope(x: Value) -> Value:
    """The derivative of tanh: `4e/(1 + e)²` for `e = e⁻²|x|`; four times e has more digits below the normal numbers."""
    least = CONSTANTS[x.format.dtype].smallest - 2
    exponent = -2 * abs(x)
    clamped = where(exponent < least, least, exponent).named("clamped")
    four = exp_of_sum(clamped, None, lambda digits, lost: digits * 4).named("four")
    e = (four * 0.25).named("e")
    slope = (four / multiply_add(e, 2 + e, 1).named("square_of_more")).named("slope")
    return multiply_add(slope, (1 - e) * _lost_of_exp(clamped), slope)


def _lost_of_exp(x: Value) -> Value:
    """By which part of itself the exponential of x is too small, roughly, as its digits were rounded."""
    _, r, _ = _reduced(x, None)
    grown = multiply_add(r * r, polynomial(r, COEFFICIENTS["exp"][x.format.dtype]).named("q"), r).named("grown")
    return (grown - ((1 + grown).named("digits") - 1)) * (1 - grown)


def _quarter(x: Value) -> Value:
    """A quarter of `eˣ`, which is finite where half of it still is."""
    shifted, r, _ = _reduced(x, None)
    q = polynomial(r, COEFFICIENTS["exp"][x.format.dtype]).named("q")
    scale = from_bits((bits(shifted) << x.format.mantissa) + x.format.power_of_two(-2))
    return (scale * (1 + multiply_add(r * r, q, r))).named("quarter")


def _expm1(x: Value) -> tuple[Value, Value]:
    """`2ᵏ eʳ − 1` added up from the largest part, which is exact, to the smallest; and what the additions lost."""
    shifted, r, lost = _reduced(x, None)
    tail = multiply_add(r * r, polynomial(r, COEFFICIENTS["exp"][x.format.dtype]).named("q"), lost).named("tail")
    half = from_bits((bits(shifted) << x.format.mantissa) + x.format.power_of_two(-1)).named("half")
    leading = multiply_add(half, r, half - 0.5).named("leading")
    total = multiply_add(half, tail, leading).named("total")
    first = multiply_add(half, r, (half - 0.5) - leading)
    return (2 * total).named("u"), 2 * (first + multiply_add(half, tail, leading - total))


def _reduced(x: Value, low: Value | None) -> tuple[Value, Value, Value]:
    """The number whose low bits are k, the remainder r of `x + low`, and what r lost in rounding."""
    own = CONSTANTS[x.format.dtype]
    shifted = multiply_add(x, own.log2_e, x.format.shifter).named("shifted")
    k = (shifted - x.format.shifter).named("k")
    high = multiply_add(k, -own.high, x).named("high")
    rest = (k * own.low if low is None else multiply_add(k, own.low, -low)).named("rest")
    r = (high - rest).named("r")
    return shifted, r, (high - r) - rest
