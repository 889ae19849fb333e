"""The logarithm of x and of 1 + x.

`x = 2ᵏ m` with m between √½ and √2, and `log m = f − (½f² − s (½f² + s² P(s²)))` with `f = m − 1` and `s = f/(2 + f)`,
whose largest part is exact; after the C library of FreeBSD (Ng, 1993).
"""

from __future__ import annotations

import struct

from mpmath import mp

from codegen.vector_math.arithmetic import Value, bits, from_bits, literal, multiply_add, polynomial, where
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.exponentials import CONSTANTS
from codegen.vector_math.formats import DOUBLE, FORMATS, Format

RAISED = 64  # by how many powers of two a number below the normal ones is raised


def _bits_of_root(format: Format) -> int:
    code = ("<d", "<Q") if format is DOUBLE else ("<f", "<I")
    found: int = struct.unpack(code[1], struct.pack(code[0], float(mp.sqrt(0.5))))[0]
    return found


ROOTS = {dtype: _bits_of_root(format) for dtype, format in FORMATS.items()}


def log(x: Value) -> Value:
    """The natural logarithm; −∞ at zero, not a number below."""
    k, f = parts(x)
    return at_the_ends(x, 0, _log_of_parts(k, f, literal(0, x.kind)))


def log1p(x: Value) -> Value:
    """`log(1 + x)`, exact for small x: what `1 + x` loses in rounding is added again, divided by it."""
    rounded = (1 + x).named("rounded")
    exponent, m = split(rounded)
    k, f = whole_number(exponent).named("k"), (m - 1).named("f")
    lost = where(x < 1, x - (rounded - 1), 1 - (rounded - x)).named("lost")
    scale = from_bits((2 * x.format.bias - exponent) << x.format.mantissa).named("scale")
    inverse = where(x < 2.0 ** (x.format.mantissa + 2), scale, 0) * multiply_add(f, f - 1, 1)
    value = at_the_ends(x, -1, _log_of_parts(k, f, (lost * inverse).named("low")))
    return where(abs(x) < 2.0 ** -(x.format.mantissa + 2), x, value)


def parts(x: Value) -> tuple[Value, Value]:
    """The k and f of a positive number."""
    small = (x < x.format.smallest_normal).named("tiny")
    raised = (x * where(small, 2.0**RAISED, 1)).named("raised")
    exponent, m = split(raised)
    return (whole_number(exponent) - where(small, RAISED, 0)).named("k"), (m - 1).named("f")


def split(x: Value) -> tuple[Value, Value]:
    """The biased exponent k as an integer, and m, such that `x = 2^(k − bias) m` with m between √½ and √2."""
    format = x.format
    root = ROOTS[format.dtype]
    moved = (bits(x) + (format.one - root)).named("moved")
    m = from_bits((moved & format.mantissa_mask) + root).named("m")
    return (moved >> format.mantissa).named("exponent"), m


def whole_number(exponent: Value) -> Value:
    """A biased exponent as a number: its bits are put below those of a power of two, which is taken away again."""
    format = exponent.format
    base = format.power_of_two(format.mantissa)
    return from_bits(exponent | base) - (2.0**format.mantissa + format.bias)


def at_the_ends(x: Value, pole: float, value: Value) -> Value:
    """`value` for finite x above the pole; −∞ at the pole, not a number below, ∞ at ∞."""
    outside = where(x == pole, float("-inf"), where(x < pole, float("nan"), x)).named("outside")
    return where((x > pole) & (x < float("inf")), value, outside)


def _log_of_parts(k: Value, f: Value, low: Value) -> Value:
    """`k log 2 + log(1 + f) + low`, the small parts first."""
    own = CONSTANTS[f.format.dtype]
    s = (f / (2 + f)).named("s")
    z = (s * s).named("z")
    half = (0.5 * f * f).named("half")
    tail = polynomial(z, COEFFICIENTS["log"][f.format.dtype]).named("tail")
    small = multiply_add(s, multiply_add(z, tail, half), multiply_add(k, own.low, low)).named("small")
    return multiply_add(k, own.high, f - (half - small))
