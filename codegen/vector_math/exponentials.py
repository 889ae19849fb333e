"""The exponential and what is made of it: exp, expm1, tanh, sinh, cosh.

`x = k log 2 + r` with a whole k and |r| ≤ ½ log 2 (Cody and Waite: the product of k with the leading part of log 2 is
exact), then `eˣ = 2ᵏ eʳ`. The power of two is built from bits.
"""

from __future__ import annotations

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
from codegen.vector_math.formats import FORMATS, Format

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
        kept = format.mantissa + 1 - format.bias.bit_length() - 2
        high = mp.floor(mp.log(2) * 2**kept) / mp.mpf(2) ** kept
        largest = mp.log(mp.mpf(2) ** (format.bias + 1) * (1 - mp.mpf(2) ** -(format.mantissa + 2)))
        digits = mp.mpf(2) ** (format.mantissa - format.bias.bit_length() + 1)
        return _Constants(
            log2_e=float(1 / mp.log(2)),
            high=float(high),
            low=float(mp.log(2) - high),
            largest=float(mp.floor(largest * digits) / digits),
            smallest=float(-(format.bias + format.mantissa + 1) * mp.log(2)),
            lifted=float(-(format.bias - 3) * mp.log(2)),
        )


CONSTANTS = {dtype: _constants(format) for dtype, format in FORMATS.items()}


def exp(x: Value) -> Value:
    """The exponential of x; results below the normal numbers are right, too."""
    own = CONSTANTS[x.format.dtype]
    clamped = where(x < own.smallest, own.smallest, x).named("clamped")
    shifted, r, _ = _reduced(clamped)
    q = polynomial(r, COEFFICIENTS["exp"][x.format.dtype]).named("q")
    small = (x < own.lifted).named("small")
    whole = (1 + multiply_add(r * r, q, r)).named("whole")
    exponent = (bits(shifted) << x.format.mantissa) + where(small, LIFT << x.format.mantissa, 0, x.format.integer)
    scaled = from_bits(bits(whole) + exponent) * where(small, 2.0**-LIFT, 1)
    return where(x <= own.largest, scaled, x * float("inf"))


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


def _expm1(x: Value) -> tuple[Value, Value]:
    """`2ᵏ eʳ − 1` added up from the largest part, which is exact, to the smallest; and what the additions lost."""
    shifted, r, lost = _reduced(x)
    tail = multiply_add(r * r, polynomial(r, COEFFICIENTS["exp"][x.format.dtype]).named("q"), lost).named("tail")
    half = from_bits((bits(shifted) << x.format.mantissa) + x.format.power_of_two(-1)).named("half")
    leading = multiply_add(half, r, half - 0.5).named("leading")
    total = multiply_add(half, tail, leading).named("total")
    first = multiply_add(half, r, (half - 0.5) - leading)
    return (2 * total).named("u"), 2 * (first + multiply_add(half, tail, leading - total))


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    """The number whose low bits are k, the remainder r, and what r lost in rounding."""
    own = CONSTANTS[x.format.dtype]
    shifted = multiply_add(x, own.log2_e, x.format.shifter).named("shifted")
    k = (shifted - x.format.shifter).named("k")
    high = multiply_add(k, -own.high, x).named("high")
    low = (k * own.low).named("low")
    r = (high - low).named("r")
    return shifted, r, (high - r) - low
