"""Rules that keep floating point honest: applied after differentiation, before a kernel is lowered.

Each row is an identity of real numbers whose right side neither overflows nor cancels where the left side does. The
mathematics that is shown stays the textbook's; only kernels see these forms. What the functions introduced here
(`softplus`, `log1p`, `xlogy`, …) compute, and how, stands in their rows in `derive.primitives`.

The table is made of three: `cancellation`, `exponentials`, and here functions, norms and logarithms by their names.
When nothing of it applies any more, the table of `fusion` follows: what it joins could no longer be taken apart.
A row's `gain` is a point where the left side is lost and the right side is kept; a law holds every row to it. An
equation may be seen through from those after it; `sharing` sees to it that nothing is computed more often for that.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Add, Expr, Mul, Pow, S, sqrt

from derive.calculus.algebra import powers, product_of
from derive.calculus.cancellation import CANCELLATION, called, definition, without
from derive.calculus.exponentials import EXPONENTIALS, is_positive
from derive.calculus.fusion import FUSION
from derive.calculus.recognition import RECOGNITION
from derive.calculus.rewriting import Context, Table, rewrite
from derive.calculus.samples import a, p, q, u, x, y
from derive.calculus.samples import i as index
from derive.calculus.sharing import with_arguments_back, with_arguments_named
from derive.primitives import (
    RANGE,
    cosh,
    exp,
    gamma,
    inverse_mills,
    lgamma,
    log,
    log1p,
    log_cosh,
    log_normal_cdf,
    log_sigmoid,
    mean_shortfall,
    normal_cdf,
    normal_pdf,
    quotient,
    range_root,
    sigmoid,
    softplus,
    xlogy,
)
from derive.program import Dim, Equation, Program, Sum, is_element

STABILITY = Table("numerical stability", RECOGNITION, CANCELLATION, EXPONENTIALS)
rule = STABILITY.rule


def _two_terms(value: Expr, constant: int) -> Expr | None:
    """The other term of a sum of two whose one term is `constant`."""
    if isinstance(value, Add) and len(value.args) == 2 and constant in value.args:
        return value.args[1] if value.args[0] == constant else value.args[0]
    return None


@rule(
    "log(1 + eᵘ) is softplus(u), which does not overflow",
    log,
    example=lambda: (log(1 + exp(x)), softplus(x)),
    gain={"x": 800.0},
)
def log_of_one_plus_exp(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value.args[0], 1)
    return softplus(other.args[0]) if isinstance(other, exp) else None


@rule(
    "log σ(u) as one function, which does not underflow",
    log,
    example=lambda: (log(sigmoid(x)), log_sigmoid(x)),
    gain={"x": -800.0},
)
def log_of_sigmoid(value: Expr, context: Context) -> Expr | None:
    call = called(value.args[0], sigmoid, context)
    return log_sigmoid(call.args[0]) if call is not None else None


@rule(
    "log cosh u as one function, which does not overflow",
    log,
    example=lambda: (log(cosh(x)), log_cosh(x)),
    gain={"x": 800.0},
)
def log_of_cosh(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    return log_cosh(inner.args[0]) if isinstance(inner, cosh) else None


@rule(
    "log Φ(u) as one function, which does not underflow",
    log,
    example=lambda: (log(normal_cdf(x)), log_normal_cdf(x)),
    gain={"x": -40.0},
)
def log_of_normal_cdf(value: Expr, context: Context) -> Expr | None:
    call = called(value.args[0], normal_cdf, context)
    return log_normal_cdf(call.args[0]) if call is not None else None


@rule(
    "log Γ(u) as one function, which does not overflow",
    log,
    example=lambda: (log(gamma(u)), lgamma(u)),
    licence="the argument is positive",
    gain={"u": 200.0},
)
def log_of_gamma(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    if isinstance(inner, gamma) and is_element(inner.args[0]) and context.domain(inner.args[0]).positive:
        return lgamma(inner.args[0])
    return None


@rule(
    "log(1 + u) as one function, exact for small u",
    log,
    example=lambda: (log(1 - p[index]), log1p(-p[index])),
    gain={"p": [1e-20, 1e-20]},
)
def log_one_plus(value: Expr, context: Context) -> Expr | None:
    other = _two_terms(value.args[0], 1)
    return None if other is None or isinstance(other, exp) else log1p(other)


@rule(
    "φ(u)/Φ(u) as one function, which the tail does not turn into 0/0",
    Mul,
    example=lambda: (normal_pdf(x) / normal_cdf(x), inverse_mills(x)),
    gain={"x": -40.0},
)
def ratio_of_normals(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for below, power in factors.items():
        call = called(below, normal_cdf, context) if power.is_Integer and power < 0 else None
        above = normal_pdf(*call.args) if call is not None else below
        if above != below and factors.get(above, S.Zero).is_Integer and factors.get(above, S.Zero) > 0:
            return value * below / above * inverse_mills(*above.args)
    return None


@rule(
    "(a φ(u) + b Φ(u))/Φ(u) term by term",
    Mul,
    example=lambda: (
        (y * normal_pdf(x) + u * normal_cdf(x)) / normal_cdf(x),
        y * normal_pdf(x) / normal_cdf(x) + u,
    ),
    gain={"x": -40.0},
)
def sum_over_normal(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for below, power in factors.items():
        call = called(below, normal_cdf, context) if power.is_Integer and power < 0 else None
        if call is None:
            continue
        both = {normal_pdf(*call.args), normal_cdf(*call.args), below}
        for terms in value.args:
            if isinstance(terms, Add) and all(not both.isdisjoint(powers(term)) for term in terms.args):
                shared = {base: number + (base == below) for base, number in factors.items() if base != terms}
                return product_of(shared) * Add(*(term / below for term in terms.args))
    return None


@rule(
    "u + φ(u)/Φ(u) as one function, which does not cancel in the tail",
    Add,
    example=lambda: (x + inverse_mills(x), mean_shortfall(x)),
    gain={"x": -1e9},
)
def shortfall(value: Expr, context: Context) -> Expr | None:
    for term in value.args:
        for base in (part for part in powers(term) if isinstance(part, inverse_mills)):
            scale = without(term, base)
            if scale * base == term and scale * base.args[0] in value.args:
                rest = (part for part in value.args if part not in (term, scale * base.args[0]))
                return Add(*rest, scale * mean_shortfall(*base.args))
    return None


@rule(
    "log(a/(a + b)) is −log1p(b/a), exact for small b",
    log,
    example=lambda: (log(u / (u + q[index])), -log1p(q[index] / u)),
    licence="a and b are positive",
    gain={"u": 1.0, "q": [1e-20, 1e-20]},
)
def log_of_share(value: Expr, context: Context) -> Expr | None:
    factors = powers(value.args[0])
    for below, power in factors.items():
        whole = below if isinstance(below, Add) else definition(below, context)
        if power != -1 or not isinstance(whole, Add) or not is_positive(whole, context):
            continue
        part = without(value.args[0], below)
        if len(Add.make_args(whole - part)) <= len(whole.args) and is_positive(part, context):
            return -log1p((whole - part) / part)
    return None


@rule(
    "√Σu² by squares of u as it is, enlarged and reduced, of which one neither overflows nor vanishes",
    Pow,
    example=lambda: (
        sqrt(Sum(a[index] ** 2, index)),
        range_root(
            Sum(a[index] ** 2, index),
            Sum(quotient(a[index], 1 / RANGE) ** 2, index),
            Sum(quotient(a[index], RANGE) ** 2, index),
        ),
    ),
    gain={"a": [3e-200, 4e-200]},
)
def root_of_squares(value: Expr, context: Context) -> Expr | None:
    total, power = value.args
    enlarged, reduced = (_squares_over(total, unit) for unit in (1 / RANGE, RANGE))
    if not power.is_Rational or power.q != 2 or enlarged is None or reduced is None:
        return None
    return range_root(total, enlarged, reduced) ** (2 * power)


def _squares_over(value: Expr, unit: Expr) -> Expr | None:
    """A positive multiple of a sum of squares over an index, each square taken of a quotient by `unit`."""
    number, rest = value.as_coeff_Mul()
    factors = powers(rest)
    sums = [base for base, power in factors.items() if isinstance(base, Sum) and power == 1]
    if len(sums) != 1 or number <= 0 or not all(isinstance(base, Dim) for base in factors if base != sums[0]):
        return None
    (total,) = sums
    number_inside, square = total.body.as_coeff_Mul()
    root = square.base if isinstance(square, Pow) and square.exp == 2 else None
    if root is None or number_inside <= 0:
        return None
    return value / total * Sum(number_inside * quotient(root, unit) ** 2, *total.indices)


@rule(
    "0 log 0 is 0",
    Mul,
    example=lambda: (p[index] * log(p[index]), xlogy(p[index], p[index])),
    licence="the factor is declared nonnegative",
    gain={"p": [0.0, 1.0]},
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
    done: list[Equation] = []
    for equation in with_arguments_named(program):
        context = Context(arrays=program.arrays, definitions=tuple(done))
        done.append(replace(equation, value=rewrite(equation.value, STABILITY, context)))
    for at, equation in enumerate(done):
        context = Context(arrays=program.arrays, definitions=tuple(done[:at]))
        done[at] = replace(equation, value=rewrite(equation.value, FUSION, context))
    known = set(program.arrays)
    return replace(program, equations=with_arguments_back(done, known))
