"""Functions that people have names for, recognised where they are written out.

A formula may define the sigmoid as `1/(1 + exp(-x))`; its derivative is then made of exponentials, and these rows give
the names back. They serve twice: results read as a textbook has them, and kernels compute the named function, which
neither overflows nor cancels.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S

from derive.calculus.algebra import is_negative, powers
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import x
from derive.primitives import cosh, exp, sigmoid, sinh, tanh

RECOGNITION = Table("functions with names")
rule = RECOGNITION.rule


def _exponents(value: Expr) -> list[tuple[Expr, Expr]]:
    """The factors of a product that are exponentials, each with its exponent."""
    return [(factor, factor.args[0]) for factor in Mul.make_args(value) if isinstance(factor, exp)]


def _one_plus_exp(value: Expr) -> Expr | None:
    """The `u` of `1 + exp(u)`."""
    if isinstance(value, Add) and len(value.args) == 2 and S.One in value.args:
        other = value.args[1] if value.args[0] == 1 else value.args[0]
        if isinstance(other, exp):
            return other.args[0]
    return None


@rule(
    "1/(1 + e⁻ᵘ) is the sigmoid σ(u)",
    Pow,
    example=lambda: (1 / (1 + exp(-x)), sigmoid(x)),
)
def recognise_sigmoid(value: Expr, context: Context) -> Expr | None:
    inner = _one_plus_exp(value.base)
    if inner is None or not value.exp.is_Rational or value.exp >= 0:
        return None
    return sigmoid(-inner) ** (-value.exp)


@rule(
    "eᵘ σ(−u) = σ(u)",
    Mul,
    example=lambda: (exp(x) * sigmoid(-x), sigmoid(x)),
)
def exp_times_sigmoid(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for factor, exponent in _exponents(value):
        for base, power in factors.items():
            if isinstance(base, sigmoid) and base.args[0] == -exponent and power.is_Rational and power >= 1:
                return value / factor / base * sigmoid(exponent)
    return None


@rule(
    "sinh u / cosh u is tanh u",
    Mul,
    example=lambda: (sinh(x) / cosh(x), tanh(x)),
)
def recognise_quotient(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for base, power in factors.items():
        above = sinh(base.args[0]) if isinstance(base, cosh) and power.is_Integer and power < 0 else None
        times = min(-power, factors.get(above, S.Zero)) if above is not None else S.Zero
        if times > 0:
            return value * (base / above) ** times * tanh(base.args[0]) ** times
    return None


@rule(
    "(eᵘ − e⁻ᵘ)/(eᵘ + e⁻ᵘ) is tanh u",
    Mul,
    example=lambda: ((exp(x) - exp(-x)) / (exp(x) + exp(-x)), tanh(x)),
)
def recognise_tanh(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for below, power in factors.items():
        if not (isinstance(below, Add) and power.is_Integer and power < 0 and len(below.args) == 2):
            continue
        first, second = below.args
        if not (isinstance(first, exp) and isinstance(second, exp) and first.args[0] == -second.args[0]):
            continue
        plus = second if is_negative(first.args[0]) else first
        minus = first if plus is second else second
        above, sign = plus - minus, S.One
        if -above in factors:
            above, sign = -above, S.NegativeOne
        times = min(-power, factors.get(above, S.Zero))
        if times > 0:
            return value * (below / above) ** times * (sign * tanh(plus.args[0])) ** times
    return None
