"""Sine and cosine up to `LAST`; beyond, where hundreds of digits of π are needed, kernels call the C library.

`x = k π/2 + r` with a whole k and |r| ≤ π/4. The constant π/2 is cut in so few digits that its parts times k are exact,
and the remainder is kept as a sum of two numbers. Single precision is computed with double, where two parts are enough.
"""

from __future__ import annotations

from mpmath import mp

from codegen.vector_math.arithmetic import (
    Value,
    bits,
    from_bits,
    multiply_add,
    narrowed,
    polynomial,
    where,
    widened,
)
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.formats import exactly, in_parts

LAST = 2.0**20
DIGITS = 32  # of a part; k has the other 21
TWO_OVER_PI = 2 / float(mp.pi)


def _parts(count: int) -> tuple[float, ...]:
    rest, found = exactly(lambda: mp.pi / 2), []
    for _ in range(count):
        found.append(in_parts(rest, DIGITS)[0])
        rest = exactly(lambda taken=found[-1], of=rest: of - taken)
    return (*found, float(rest))


PARTS = {"f64": _parts(3), "f32": _parts(1)}


def sin(x: Value) -> Value:
    """The sine."""
    size = 2.0 ** -(x.format.mantissa // 2 + 2)
    return where(abs(x) < size, x, _of_quarters(x, 0))


def cos(x: Value) -> Value:
    """The cosine."""
    return _of_quarters(x, 1)


def is_near(x: Value) -> Value:
    """Whether x is where `sin` and `cos` are right."""
    return abs(x) < LAST


def _of_quarters(x: Value, ahead: int) -> Value:
    """The sine of x and a number of quarter turns."""
    wide = widened(x).named("wide")
    shifted = multiply_add(wide, TWO_OVER_PI, wide.format.shifter).named("shifted")
    k = (shifted - wide.format.shifter).named("k")
    first, *middle, last = PARTS[x.kind]
    r, low = multiply_add(k, -first, wide).named("first"), None
    for part in middle:
        r, low = _less(r, (k * part).named("part"), low)
    r, low = _less(r, (k * last).named("part"), low)

    z = (r * r).named("z")
    sine = r + multiply_add(r * z, polynomial(z, COEFFICIENTS["sin"]["float64"]), low)
    half = (0.5 * z).named("half")
    near_one = (1 - half).named("near_one")
    fourth = multiply_add(z * z, polynomial(z, COEFFICIENTS["cos"]["float64"]), (1 - near_one) - half)
    cosine = near_one + (fourth - r * low)

    turned = (bits(shifted) + ahead).named("turned")
    value = where((turned & 1) == 0, sine, cosine).named("value")
    return narrowed(from_bits(bits(value) + ((turned & 2) << 62)), x.kind)


def _less(x: Value, taken: Value, low: Value | None) -> tuple[Value, Value]:
    """`x − taken` and what that loses, added to what was lost before (Knuth's sum, for numbers of any size)."""
    result = (x - taken).named("r")
    back = (result - x).named("back")
    lost = (x - (result - back)) - (taken + back)
    return result, lost if low is None else low + lost
