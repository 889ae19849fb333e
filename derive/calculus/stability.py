"""Rules that keep floating point honest: applied after differentiation, before a kernel is lowered.

Each row is an identity of real numbers whose right side neither overflows nor cancels where the left side does. The
mathematics that is shown stays the textbook's; only kernels see these forms. What the functions introduced here
(`softplus`, `log1p`, `xlogy`, …) compute, and how, stands in their rows in `derive.primitives`.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul

from derive.calculus.algebra import powers
from derive.calculus.recognition import RECOGNITION
from derive.calculus.rewriting import Context, Table, rewrite
from derive.calculus.samples import a, i, j, k, p, u, x
from derive.primitives import (
    cosh,
    exp,
    expm1,
    gamma,
    lgamma,
    log,
    log1p,
    log_cosh,
    log_normal_cdf,
    log_sigmoid,
    normal_cdf,
    sigmoid,
    softplus,
    tanh,
    xlogy,
)
from derive.program import Maximum, Program, Sum, is_element, map_values

STABILITY = Table("numerical stability", RECOGNITION)
rule = STABILITY.rule


def _two_terms(value: Expr, constant: int) -> Expr | None:
    """The other term of a sum of two whose one term is `constant`."""
    if isinstance(value, Add) and len(value.args) == 2 and constant in value.args:
        return value.args[1] if value.args[0] == constant else value.args[0]
    return None


@rule(
    "1 − σ(u) is σ(−u), which does not cancel",
    Add,
    example=lambda: (1 - sigmoid(x), sigmoid(-x)),
)
def reflected_sigmoid(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value, 1)
    if other is not None and isinstance(-other, sigmoid):
        return sigmoid(-(-other).args[0])
    other = _two_terms(value, -1)
    return -sigmoid(-other.args[0]) if isinstance(other, sigmoid) else None


@rule(
    "1 − tanh² u is 4 σ(2u) σ(−2u), which does not cancel",
    Add,
    example=lambda: (1 - tanh(x) ** 2, 4 * sigmoid(2 * x) * sigmoid(-2 * x)),
)
def squared_tanh(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value, 1)
    base, power = (-other).as_base_exp() if other is not None else (None, None)
    if isinstance(base, tanh) and power == 2:
        inner = 2 * base.args[0]
        return 4 * sigmoid(inner) * sigmoid(-inner)
    return None


@rule(
    "log(1 + eᵘ) is softplus(u), which does not overflow",
    log,
    example=lambda: (log(1 + exp(x)), softplus(x)),
)
def log_of_one_plus_exp(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value.args[0], 1)
    return softplus(other.args[0]) if isinstance(other, exp) else None


@rule(
    "log σ(u) as one function, which does not underflow",
    log,
    example=lambda: (log(sigmoid(x)), log_sigmoid(x)),
)
def log_of_sigmoid(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    return log_sigmoid(inner.args[0]) if isinstance(inner, sigmoid) else None


@rule(
    "log Σ eᵘ with the largest exponent taken out, which does not overflow",
    log,
    example=lambda: (
        log(Sum(exp(a[i]), i)),
        Maximum(a[j], j) + log(Sum(exp(a[i] - Maximum(a[j], j)), i)),
    ),
)
def log_sum_exp(value: Expr, context: Context) -> Expr | None:
    total = value.args[0]
    if not (isinstance(total, Sum) and isinstance(total.body, exp)) or _shifted(total):
        return None
    largest = Maximum(total.body.args[0], *total.indices)
    return largest + log(_shifted_sum(total, largest))


def _shifted(total: Expr) -> bool:
    return any(isinstance(-term, Maximum) for term in Add.make_args(total.body.args[0]))


def _shifted_sum(total: Expr, largest: Expr) -> Expr:
    inner = largest.renamed_apart({index.name for index in total.indices})
    return Sum(exp(total.body.args[0] - inner), *total.indices)


@rule(
    "eᵛ / Σ eᵘ with the largest exponent taken out of both, which does not overflow",
    Mul,
    example=lambda: (
        exp(a[k]) / Sum(exp(a[i]), i),
        exp(a[k] - Maximum(a[i], i)) / Sum(exp(a[i] - Maximum(a[j], j)), i),
    ),
)
def shifted_softmax(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    above = next((base for base in factors if isinstance(base, exp)), None)
    if above is None:
        return None
    for base, power in factors.items():
        if isinstance(base, Sum) and isinstance(base.body, exp) and power.is_Rational and power < 0:
            if _shifted(base):
                continue
            largest = Maximum(base.body.args[0], *base.indices)
            rest = value / above * base ** (-power)
            return rest * exp(above.args[0] + power * largest) * _shifted_sum(base, largest) ** power
    return None


@rule(
    "log cosh u as one function, which does not overflow",
    log,
    example=lambda: (log(cosh(x)), log_cosh(x)),
)
def log_of_cosh(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    return log_cosh(inner.args[0]) if isinstance(inner, cosh) else None


@rule(
    "log Φ(u) as one function, which does not underflow",
    log,
    example=lambda: (log(normal_cdf(x)), log_normal_cdf(x)),
)
def log_of_normal_cdf(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    return log_normal_cdf(inner.args[0]) if isinstance(inner, normal_cdf) else None


@rule(
    "log Γ(u) as one function, which does not overflow",
    log,
    example=lambda: (log(gamma(u)), lgamma(u)),
    licence="the argument is positive",
)
def log_of_gamma(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    if isinstance(inner, gamma) and is_element(inner.args[0]) and context.domain(inner.args[0]).positive:
        return lgamma(inner.args[0])
    return None


@rule(
    "log(1 + u) as one function, exact for small u",
    log,
    example=lambda: (log(1 - p[i]), log1p(-p[i])),
)
def log_one_plus(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value.args[0], 1)
    return None if other is None or isinstance(other, exp) else log1p(other)


@rule(
    "eᵘ − 1 as one function, exact for small u",
    Add,
    example=lambda: (exp(x) - 1, expm1(x)),
)
def exp_minus_one(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value, -1)
    return expm1(other.args[0]) if isinstance(other, exp) else None


@rule(
    "0 log 0 is 0",
    Mul,
    example=lambda: (p[i] * log(p[i]), xlogy(p[i], p[i])),
    licence="the factor is declared nonnegative",
)
def weighted_logarithm(value: Expr, context: Context) -> Expr | None:
    for call in value.args:
        if isinstance(call, log):
            for weight in value.args:
                if is_element(weight) and context.domain(weight).nonnegative and not context.domain(weight).values:
                    return value / call / weight * xlogy(weight, call.args[0])
    return None


def stabilised(program: Program) -> Program:
    """`program` in the form that kernels compute."""
    context = Context(arrays=program.arrays)
    return map_values(program, lambda value: rewrite(value, STABILITY, context))
