"""Quotients with a divisor in common: one division, and a multiplication with two corrections for each.

`q = a r` with `r = 1/b` is wrong in the last digits; `q + r (a − q b)` is the quotient, rounded once or next to that
(Markstein, 1990). A divisor so small or large that its inverse is none is scaled before, and the quotient afterwards.
Where the correction is not a number `a r` is the quotient already: infinite, or not a number itself.

A division keeps a processor's divider busy for as long as some thirty multiplications take, which go on beside it: this
is for loops that do little else.
"""

from __future__ import annotations

from codegen.vector_math.arithmetic import Value, multiply_add, where

SCALES = {"f64": 64, "f32": 32}  # powers of two


def divisor_scale(x: Value) -> Value:
    """The power of two that brings a divisor to where its inverse keeps all digits; 1 nearly everywhere."""
    size, exponent = abs(x), SCALES[x.kind]
    safe = 2.0 ** (x.format.bias + 1 - exponent)
    return where(size < 1 / safe, 2.0**exponent, where(size > safe, 2.0**-exponent, 1))


def divided(x: Value, divisor: Value, inverse: Value) -> Value:
    """The number times the inverse of a divisor, corrected."""
    near = (x * inverse).named("near")
    lost = multiply_add(-near, divisor, x).named("lost")
    better = multiply_add(lost, inverse, near).named("better")
    return where(better == better, better, near)
