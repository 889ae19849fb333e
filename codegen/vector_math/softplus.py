"""Softplus and the logarithm of the sigmoid function, which share `e⁻|x|` with the sigmoid function itself.

What is left is `log(1 + e)` for e between 0 and 1, which needs neither a power of two taken out nor ends looked after:
with `s = e/(2 + e)` it is `e − (½e² − s (½e² + s² P(s²)))`.
"""

from __future__ import annotations

from codegen.vector_math.arithmetic import Value, multiply_add, polynomial, where
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.exponentials import exp


def softplus(x: Value) -> Value:
    """The logarithm of 1 + exp(x), which does not overflow."""
    return where(x > 0, x, 0) + _log_of_one_more(exp(-abs(x)))


def log_sigmoid(x: Value) -> Value:
    """The logarithm of the sigmoid function, which does not underflow."""
    return where(x < 0, x, 0) - _log_of_one_more(exp(-abs(x)))


def _log_of_one_more(e: Value) -> Value:
    e.named("e")
    s = (e / (2 + e)).named("s")
    z = (s * s).named("z")
    half = (0.5 * e * e).named("half")
    tail = polynomial(z, COEFFICIENTS["softplus"][e.format.dtype]).named("tail")
    return e - (half - s * multiply_add(z, tail, half))
