"""The error function and its complement.

Near zero `erf x = x + x P(x²)`. Further out `erfc x = e^(−x²) Q(q)/(1 + 2x)` with `q = (x − 4)/(x + 4)`, where x² is
kept in two parts and what the factors lose in rounding is made good at the end. In single precision the same is
computed with double.
"""

from __future__ import annotations

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

CENTRE = 4
LAST = 27.25  # from here on erfc is nearer to 0 than to the smallest number


def erf(x: Value) -> Value:
    """The error function."""
    wide = widened(x).named("wide")
    size = abs(wide).named("size")
    far = 1 - _tail(where(size < 1, 1, where(size > 6, 6, size)).named("far"))
    near = multiply_add(size, _small(size), size)
    return copy_sign(narrowed(where(size < 1, near, far), x.kind), x)


def erfc(x: Value) -> Value:
    """One less the error function, without cancellation."""
    wide = widened(x).named("wide")
    size = abs(wide).named("size")
    tail = _tail(where(size < 0.5, 0.5, where(size > LAST, LAST, size)).named("far")).named("complement")
    near = (1 - wide) - wide * _small(size)
    return narrowed(where(size < 0.5, near, where(wide < 0, 2 - tail, where(size > LAST, 0, tail))), x.kind)


def _small(size: Value) -> Value:
    """`erf(x)/x − 1` up to 1."""
    return polynomial((size * size).named("square"), COEFFICIENTS["erf"]["float64"])


def _tail(x: Value) -> Value:
    """`erfc x` between ½ and `LAST`."""
    q = ((x - CENTRE) / (x + CENTRE)).named("centred")
    change = polynomial(q, COEFFICIENTS["erfc"]["float64"]).named("change")
    near_one = (1.25 + change).named("near_one")
    below = (1 + 2 * x).named("below")

    def factor(digits: Value, lost: Value) -> Value:
        """The quotient, and the first order of what its three parts lost."""
        quotient = (digits * near_one / below).named("quotient")
        error = lost / digits + ((change - (near_one - 1.25)) / near_one - (1 - (below - 2 * x)) / below)
        return multiply_add(quotient, error, quotient)

    head = leading(x).named("head")
    return exp_of_sum(-head * head, (head - x) * (head + x), factor)
