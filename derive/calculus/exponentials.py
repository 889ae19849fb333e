"""Exponentials and powers that overflow or vanish on the way to a result that does neither.

A ratio of sums of exponentials is the same when every exponent is taken relative to the largest one; the logarithm
of a product is the sum of the logarithms; a power with any exponent is an exponential, and goes into the one beside it.
What is under a sum may be weighted, and may be masked by a comparison.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S

from derive.calculus.algebra import powers, product_of
from derive.calculus.cancellation import definition, without
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import a, c, i, j, k, q, u, x, y
from derive.primitives import (
    NOTHING,
    cosh,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log_sigmoid,
    sigmoid,
    where,
)
from derive.program import Delta, Maximum, Sum, is_element, name_of

EXPONENTIALS = Table("numerical stability: exponentials")
rule = EXPONENTIALS.rule

COMPARISONS = (greater, greater_equal, less, less_equal, equal, Delta)


def is_positive(value: Expr, context: Context) -> bool:
    """Whether a value is greater than zero wherever it is defined, as far as can be seen at a glance."""
    if value.is_number:
        return bool(value.is_positive)
    if is_element(value):
        known = context.definition(name_of(value))
        return context.domain(value).positive or (known is not None and is_positive(known.value, context))
    if isinstance(value, exp | sigmoid | cosh):
        return True
    if isinstance(value, Add) and len(value.args) == 2 and value.args[0].is_Number and is_element(-value.args[1]):
        domain = context.domain(-value.args[1])
        return bool(domain.upper < value.args[0] or (domain.upper == value.args[0] and domain.open_))
    if isinstance(value, Add):
        signs = [is_positive(term, context) or _is_square(term) for term in value.args]
        return all(signs) and any(is_positive(term, context) for term in value.args)
    if isinstance(value, Mul):
        return all(is_positive(factor, context) for factor in value.args)
    if isinstance(value, Pow):
        return is_positive(value.base, context)
    return isinstance(value, Sum) and is_positive(value.body, context)


def _is_square(value: Expr) -> bool:
    number, rest = value.as_coeff_Mul()
    return bool(number > 0) and all(power.is_Integer and power % 2 == 0 for power in powers(rest).values())


@rule(
    "what a condition switches off is not computed too large first",
    Mul,
    example=lambda: (greater(y, x) * exp(x), exp(where(greater(y, x), x, NOTHING))),
    gain={"x": 800.0, "y": 1.0},
)
def masked_exponential(value: Expr, context: Context) -> Expr | None:
    above = next((factor for factor in value.args if isinstance(factor, exp)), None)
    if above is None:
        return None
    exponent = above.args[0]
    for factor in value.args:
        if isinstance(factor, COMPARISONS):
            return without(value, factor, above) * exp(where(factor, exponent, NOTHING))
        if isinstance(1 - factor, COMPARISONS):
            return without(value, factor, above) * exp(where(1 - factor, NOTHING, exponent))
    return None


@rule(
    "powers of one number are one power, so that none of them is zero and another infinite",
    Mul,
    example=lambda: (sigmoid(x) * sigmoid(x) ** (y - 1), exp(y * log_sigmoid(x))),
    gain={"x": -800.0, "y": 0.0},
)
def one_power(value: Expr, context: Context) -> Expr | None:
    bases = [_base_and_power(factor) for factor in value.args]
    several = {base for at, (base, _) in enumerate(bases) if any(base == other for other, _ in bases[:at])}
    together = [base for base in several if is_positive(base, context)]
    if not together:
        return None
    rest = (factor for factor, (base, _) in zip(value.args, bases, strict=True) if base not in together)
    return Mul(*rest, *(_power_of(base, Add(*(power for b, power in bases if b == base))) for base in together))


def _base_and_power(factor: Expr) -> tuple[Expr, Expr]:
    """A factor as a power; the exponential of a multiple of log σ(u) as one of σ(u)."""
    if isinstance(factor, exp):
        for part in Mul.make_args(factor.args[0]):
            if isinstance(part, log_sigmoid):
                return sigmoid(*part.args), factor.args[0] / part
    base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
    return base, power


def _power_of(base: Expr, power: Expr) -> Expr:
    return exp(power * log_sigmoid(*base.args)) if isinstance(base, sigmoid) and not power.is_Rational else base**power


@rule(
    "σ(u) to any power is the exponential of a multiple of log σ(u), which σ near 1 does not round",
    Pow,
    example=lambda: (sigmoid(x) ** y, exp(y * log_sigmoid(x))),
    gain={"x": 20.0, "y": 1e11},
)
def power_of_sigmoid(value: Expr, context: Context) -> Expr | None:
    return _power_of(*value.args) if isinstance(value.base, sigmoid) and not value.exp.is_Rational else None


# ---------------------------------------------------------------- the largest exponent taken out


def _exponent(body: Expr, context: Context) -> Expr | None:
    """The exponent of a product's exponentials and powers of positive numbers, when it has any."""
    terms = [
        term
        for base, power in powers(body).items()
        if (term := base.args[0] * power if isinstance(base, exp) else _power(base, power, context)) is not None
    ]
    return Add(*terms) if terms else None


def _power(base: Expr, power: Expr, context: Context) -> Expr | None:
    """A power of a positive number as an exponent; None for those that are multiplied out."""
    if power.is_Rational or not is_positive(base, context):
        return None
    return power * log(base)


def _rest(body: Expr, context: Context) -> Expr:
    """The factors that `_exponent` leaves."""
    return product_of(
        {
            base: power
            for base, power in powers(body).items()
            if not isinstance(base, exp) and _power(base, power, context) is None
        }
    )


def _is_shifted(exponent: Expr) -> bool:
    return any(isinstance(-term, Maximum) for term in Add.make_args(exponent))


def _open_sum(value: Expr, context: Context) -> Expr | None:
    """The exponent under a sum of exponentials whose largest is still to be taken out."""
    exponent = _exponent(value.body, context) if isinstance(value, Sum) else None
    return None if exponent is None or _is_shifted(exponent) else exponent


def _shifted(total: Expr, exponent: Expr, largest: Expr, context: Context) -> Expr:
    """A sum with its exponents relative to the largest."""
    inner = largest.renamed_apart({index.name for index in total.indices})
    return Sum(_rest(total.body, context) * exp(exponent - inner), *total.indices)


def _relative(value: Expr, largest: Expr, context: Context) -> Expr | None:
    """A sum of exponentials, or a bracket with one in each of its terms, relative to the largest exponential."""
    if isinstance(value, Add):
        terms = [_relative(term, largest, context) for term in value.args]
        return None if any(term is None for term in terms) else Add(*terms)
    exponent = _open_sum(value, context)
    if exponent is not None:
        return _shifted(value, exponent, largest, context)
    sums = [factor for factor in Mul.make_args(value) if _open_sum(factor, context) is not None]
    exponent = _exponent(value, context)
    if len(sums) == 1 and exponent is None:
        inside = _relative(sums[0], largest, context)
        return None if inside is None else without(value, sums[0]) * inside
    alone = not sums and exponent is not None and not isinstance(value, exp)
    single = isinstance(value, exp) or alone
    return _rest(value, context) * exp(exponent - largest) if single and not _is_shifted(exponent) else None


@rule(
    "log Σ eᵘ with the largest exponent taken out, which does not overflow",
    log,
    example=lambda: (
        log(Sum(exp(a[i]), i)),
        Maximum(a[j], j) + log(Sum(exp(a[i] - Maximum(a[j], j)), i)),
    ),
    gain={"a": [1000.0, 1000.0]},
)
def log_sum_exp(value: Expr, context: Context) -> Expr | None:
    total = value.args[0]
    exponent = _open_sum(total, context)
    if exponent is None:
        return None
    largest = Maximum(exponent, *total.indices)
    return largest + log(_shifted(total, exponent, largest, context))


@rule(
    "eᵛ / Σ eᵘ with the largest exponent taken out of both, which does not overflow",
    Mul,
    example=lambda: (
        exp(a[k]) / Sum(exp(a[i]), i),
        exp(a[k] - Maximum(a[i], i)) / Sum(exp(a[i] - Maximum(a[j], j)), i),
    ),
    gain={"a": [1000.0, 1000.0]},
)
def shifted_softmax(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for below, power in factors.items():
        exponent = _open_sum(below, context) if power.is_Integer and power < 0 else None
        if exponent is None:
            continue
        largest = Maximum(exponent, *below.indices)
        changed, times = _shifted(below, exponent, largest, context) ** power, -power
        others = {base: number for base, number in factors.items() if base is not below}
        for base, number in list(others.items()):
            inside = _relative(base, largest, context) if number.is_Integer and 0 < number <= times else None
            if inside is not None:
                changed *= inside**number
                times -= number
                del others[base]
        rest = product_of(others)
        above = _exponent(rest, context)
        if times == 0:
            return changed * rest
        if above is not None:
            return changed * _rest(rest, context) * exp(above - times * largest)
    return None


@rule(
    "a power beside an exponential goes into it, so that neither overflows",
    Mul,
    example=lambda: (u**y * exp(x), exp(x + y * log(u))),
    licence="the base is positive",
    gain={"u": 10.0, "y": 400.0, "x": -900.0},
)
def power_into_exponential(value: Expr, context: Context) -> Expr | None:
    exponentials = [factor for factor in value.args if isinstance(factor, exp)]
    if not exponentials:
        return None
    for terms in value.args:
        if isinstance(terms, Add) and all(_exponent(term, context) is not None for term in terms.args):
            return without(value, terms, *exponentials) * Add(*(Mul(*exponentials, term) for term in terms.args))
    if all(_power(base, power, context) is None for base, power in powers(value).items()):
        return None
    return _rest(value, context) * exp(_exponent(value, context))


# ---------------------------------------------------------------- logarithms of products


@rule(
    "log(eᵘ v) is u + log v, which neither overflows nor vanishes",
    log,
    example=lambda: (log(y**2 * exp(x)), x + log(y**2)),
    gain={"x": 800.0, "y": 2.0},
)
def log_of_exponential(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    meant = inner if isinstance(inner, Mul) else _softmax(inner, context)
    factors = Mul.make_args(meant) if meant is not None else ()
    exponentials = [factor for factor in factors if isinstance(factor, exp)]
    if not exponentials or meant is None:
        return None
    rest = without(meant, *exponentials)
    return Add(*(factor.args[0] for factor in exponentials)) + (log(rest) if rest != 1 else 0)


def _softmax(value: Expr, context: Context) -> Expr | None:
    """The product of an exponential with others that a name stands for, with the sums it needs."""
    return definition(value, context, with_sums=True)


@rule(
    "log(1/v) is −log v",
    log,
    example=lambda: (log(1 / u), -log(u)),
    gain={"u": 1e-310},
)
def log_of_reciprocal(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    if isinstance(inner, Pow) and inner.exp.is_Rational and inner.exp < 0:
        return -log(inner.base ** (-inner.exp))
    return None


@rule(
    "the logarithm of a product is the sum of the logarithms, whose factors may be of any size",
    log,
    example=lambda: (log(c**2 * u**2 * q[i] / 3).subs(c, 1), log(S.One / 3) + 2 * log(u) + log(q[i])),
    licence="the factors are positive",
    gain={"u": 1e-200, "q": [1.0, 1.0]},
)
def log_of_product(value: Expr, context: Context) -> Expr | None:
    number, rest = value.args[0].as_coeff_Mul()
    factors = powers(rest)
    simple = all(abs(power) == 1 for power in factors.values()) and len(factors) <= 2
    near_one = sum(isinstance(base, Add) and S.One in base.args for base in factors)
    if (simple and near_one < 2) or not all(is_positive(base, context) for base in factors):
        return None
    constant = {base: power for base, power in factors.items() if not base.free_symbols}
    apart = [power * log(base) for base, power in factors.items() if base not in constant]
    front = number * product_of(constant)
    return Add(log(front) if front != 1 else S.Zero, *apart) if apart else None
