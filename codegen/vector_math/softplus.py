"""Softplus and the logarithm of the sigmoid function, which share `e⁻|x|` with the sigmoid function itself.

What is left is `log(1 + e)` for e between 0 and 1, which needs neither a power of two taken out nor ends looked after:
with `s = e/(2 + e)` it is `e − (½e² − s (½e² + s² P(s²)))`.
"""

from __future__ import annotations

from mpmath import mp

from codegen.vector_math.arithmetic import Value, multiply_add, polynomial, where
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.exponentials import exp
from codegen.vector_math.formats import FORMATS, exactly, in_parts

LOGS_OF_2 = {dtype: in_parts(exactly(lambda: mp.log(2)), form.mantissa + 1) for dtype, form in FORMATS.items()}


def softplus(x: Value) -> Value:
    """The logarithm of 1 + exp(x), which does not overflow."""
    return where(x > 0, x, 0) + _log_of_one_more(exp(-abs(x)))


def log_sigmoid(x: Value) -> Value:
    """The logarithm of the sigmoid function, which does not underflow."""
    return where(x < 0, x, 0) - _log_of_one_more(exp(-abs(x)))


def log_cosh(x: Value) -> Value:
    """The logarithm of cosh: `|x| − log 2 + log(1 + e⁻²|x|)`; up to 1 a polynomial in x²."""
    size = abs(x).named("size")
    square = (x * x).named("square")
    near = square * multiply_add(square, polynomial(square, COEFFICIENTS["log_cosh"][x.format.dtype]), 0.5)
    log_2, lost = LOGS_OF_2[x.format.dtype]
    far = (size - log_2) + (_log_of_one_more(exp(-2 * size)) - lost)
    return where(size < 1, near, far)


def _log_of_one_more(e: Value) -> Value:
    e.named("e")
    s = (e / (2 + e)).named("s")
    z = (s * s).named("z")
    half = (0.5 * e * e).named("half")
    tail = polynomial(z, COEFFICIENTS["softplus"][e.format.dtype]).named("tail")
    return e - (half - s * multiply_add(z, tail, half))
