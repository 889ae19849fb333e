"""Algebra that makes a value shorter: brackets, fractions, common factors, roots.

Rewritings that could be undone by others (multiply out, factor out, common denominator) are taken only when the result
is shorter by `cost`, so the table comes to an end. Sums and deltas are for `derive.calculus.contraction`.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from sympy import Add, Expr, Mul, Pow, Rational, S

from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import a, c, i, u, x, y
from derive.primitives import absolute, equal, greater, greater_equal, less, less_equal, sigmoid, where
from derive.program import Delta, Entry, Index, Reduction, Sum, is_element, names_in

ALGEBRA = Table("algebra")
rule = ALGEBRA.rule

MANY_TERMS = 64


def cost(value: Expr) -> int:
    """How long a value is to read: operations, leaves, fraction bars; sums and functions count more."""
    if is_element(value) or isinstance(value, Index):
        return 2
    if value.is_Number:
        return 0 if value == 1 else 1
    if isinstance(value, Add):
        return sum(map(cost, value.args)) + len(value.args) - 1
    if isinstance(value, Mul | Pow):
        return _product_cost(value)
    if isinstance(value, Reduction):
        return 3 + cost(value.body)
    if isinstance(value, Delta):
        return 2
    if isinstance(value, Entry):
        return 3
    return 1 + sum(map(cost, value.args)) if value.args else 1


def _product_cost(value: Expr) -> int:
    """A product reads as its factors with one fraction bar over all that is below; a minus sign is one more."""
    total, count, bar = 0, 0, 0
    for factor in Mul.make_args(value):
        if factor == -1:
            total += 1
            continue
        base, power = factor.args if isinstance(factor, Pow) else (factor, S.One)
        if power.is_Rational and power < 0:
            power, bar = -power, 2
        total += cost(base) + (0 if power == 1 else 1 + cost(power))
        count += 1
    return total + max(count - 1, 0) + bar


def powers(value: Expr) -> dict[Expr, Expr]:
    """The factors of a product as bases with their exponents."""
    return dict(_powers(value))


@lru_cache(maxsize=65536)
def _powers(value: Expr) -> tuple[tuple[Expr, Expr], ...]:
    found: dict[Expr, Expr] = {}
    for factor in Mul.make_args(value):
        base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
        found[base] = found[base] + power if base in found else power
    return tuple(found.items())


def product_of(factors: dict[Expr, Expr]) -> Expr:
    """The product that `powers` takes apart."""
    return Mul(*(base**power for base, power in factors.items()))


def _shorter(candidate: Expr, value: Expr) -> Expr | None:
    return candidate if cost(candidate) < cost(value) else None


def multiplied_out(value: Expr) -> Expr:
    """Products of sums written term by term, outermost brackets only; like terms are collected."""
    if isinstance(value, Add):
        return Add(*map(multiplied_out, value.args))
    if isinstance(value, Pow) and isinstance(value.base, Add) and value.exp.is_Integer and 1 < value.exp <= 3:
        return multiplied_out(Mul(*([value.base] * int(value.exp)), evaluate=False))
    if not isinstance(value, Mul):
        return value
    terms: list[Expr] = [S.One]
    for factor in value.args:
        opened = multiplied_out(factor) if isinstance(factor, Pow) else factor
        pieces = Add.make_args(opened)
        if len(terms) * len(pieces) > MANY_TERMS:
            return value
        terms = [term * piece for term in terms for piece in pieces]
    return Add(*terms)


@rule(
    "multiply out",
    Mul,
    Add,
    example=lambda: (y * (1 - x) - x * (1 - y), y - x),
    licence="the result is shorter",
)
def multiply_out(value: Expr, context: Context) -> Expr | None:
    if not any(isinstance(part, Add) for term in Add.make_args(value) for part in Mul.make_args(term)):
        return None
    return _shorter(multiplied_out(value), value)


@rule(
    "bring to a common denominator",
    Add,
    example=lambda: (y / x - (1 - y) / (1 - x), (y - x) / (x * (1 - x))),
    licence="the result is shorter",
)
def common_denominator(value: Expr, context: Context) -> Expr | None:
    terms = [powers(term) for term in value.args]
    needed: dict[Expr, Expr] = {}
    for term in terms:
        for base, power in term.items():
            if power.is_Integer and power < 0 and not base.is_Number:
                needed[base] = max(needed.get(base, S.Zero), -power)
    if not needed:
        return None
    raised = []
    for term in terms:
        lifted = dict(term)
        for base, power in needed.items():
            lifted[base] = lifted.get(base, S.Zero) + power
        raised.append(product_of(lifted))
    numerator = multiplied_out(Add(*raised))
    return _shorter(numerator * product_of({base: -power for base, power in needed.items()}), value)


@rule(
    "factor out what the terms share",
    Add,
    example=lambda: (x * y - c * x, x * (y - c)),
    licence="the result is shorter",
)
def factor_out(value: Expr, context: Context) -> Expr | None:
    terms = [powers(term) for term in value.args]
    shared = {b: e for b, e in terms[0].items() if e.is_Rational and not b.is_Number}
    for term in terms[1:]:
        both = (b for b in shared if b in term and term[b].is_Rational and (term[b] > 0) == (shared[b] > 0))
        shared = {b: min(shared[b], term[b], key=abs) for b in both}
    if not shared:
        return None
    common = product_of(shared)
    rest = Add(*(term / common for term in value.args))
    return _shorter(common * rest, value) if common * rest != value else None


@rule(
    "a minus sign goes into the bracket",
    Mul,
    example=lambda: (-c * (x - y), c * (y - x)),
    licence="the result is shorter",
    minor=True,
)
def sign_into_bracket(value: Expr, context: Context) -> Expr | None:
    number, _ = value.as_coeff_Mul()
    if number >= 0:
        return None
    for factor in value.args:
        if isinstance(factor, Add):
            if any(_has_alike(other, factor) for other in value.args if other is not factor):
                continue  # (x − m)_i (x − m)_j keep their order
            turned = Add(*(-term for term in factor.args))
            return _shorter(Mul(-1, turned, *(part for part in value.args if part is not factor)), value)
    return None


@rule(
    "brackets of one kind are written one way",
    Mul,
    example=lambda: ((x - y) * Sum((y - x) * a[i], i), Mul(-1, x - y, Sum((x - y) * a[i], i))),
    minor=True,
)
def one_way(value: Expr, context: Context) -> Expr | None:
    for at, first in enumerate(value.args):
        for bracket in _brackets(first):
            for place, second in enumerate(value.args[at + 1 :], start=at + 1):
                turned = _turned(second, bracket)
                if turned is not None:
                    return Mul(-1, turned, *(f for k, f in enumerate(value.args) if k != place))
    return None


def _brackets(value: Expr) -> list[Expr]:
    """The sums of terms that are factors of a product, be it under a sum."""
    if isinstance(value, Mul):
        return [bracket for factor in value.args for bracket in _brackets(factor)]
    if isinstance(value, Sum):
        return _brackets(value.body)
    return [value] if isinstance(value, Add) else []


def _turned(value: Expr, wanted: Expr) -> Expr | None:
    """`value` with its sign changed, by turning round a bracket under a sum that is the opposite of `wanted`."""
    if isinstance(value, Sum):
        for factor in Mul.make_args(value.body):
            if isinstance(factor, Add) and factor.free_symbols and _alike(Add(*(-t for t in factor.args)), wanted):
                rest = (other for other in Mul.make_args(value.body) if other is not factor)
                return Sum(Mul(Add(*(-t for t in factor.args)), *rest), *value.indices)
    return None


def _has_alike(value: Expr, wanted: Expr) -> bool:
    """Whether a product has a bracket that reads as `wanted` does, be it under a sum."""
    if isinstance(value, Mul):
        return any(_has_alike(factor, wanted) for factor in value.args)
    if isinstance(value, Sum):
        return _has_alike(value.body, wanted)
    return isinstance(value, Add) and _alike(value, wanted)


def _alike(first: Expr, second: Expr) -> bool:
    """Whether two sums are made of the same names with the same signs."""
    return Counter(map(_signature, first.args)) == Counter(map(_signature, second.args))


def _signature(term: Expr) -> tuple[bool, frozenset[str]]:
    number, rest = term.as_coeff_Mul()
    return bool(number.is_negative), names_in(rest)


@rule(
    "a common number leaves the bracket",
    Mul,
    example=lambda: (y * (2 * x - 4) / c, 2 * y * (x - 2) / c),
    minor=True,
)
def number_out_of_bracket(value: Expr, context: Context) -> Expr | None:
    if sum(not factor.is_Number for factor in value.args) < 2:
        return None
    for factor in value.args:
        if isinstance(factor, Add):
            number, rest = factor.primitive()
            if all(term.as_coeff_Mul()[0] < 0 for term in rest.args):
                number, rest = -number, Add(*(-term for term in rest.args))
            if number != 1:
                return Mul(number, *(rest if part is factor else part for part in value.args))
    return None


@rule(
    "σ(−u) = 1 − σ(u)",
    Mul,
    example=lambda: (sigmoid(x) * sigmoid(-x), sigmoid(x) * (1 - sigmoid(x))),
)
def reflected_sigmoid(value: Expr, context: Context) -> Expr | None:
    calls = [base for base in powers(value) if isinstance(base, sigmoid)]
    for call in calls:
        mirror = next((other for other in calls if other.args[0] == -call.args[0]), None)
        if mirror is not None:
            turned = mirror if is_negative(mirror.args[0]) else call
            kept = call if turned is mirror else mirror
            power = powers(value)[turned]
            return value * turned ** (-power) * (1 - kept) ** power
    return None


def is_negative(value: Expr) -> bool:
    """Whether a value is written with a minus sign in front."""
    return bool(value.could_extract_minus_sign())


@rule(
    "a choice between 1 and 0 is the condition itself",
    where,
    example=lambda: (where(greater(x, y), 1, 0), greater(x, y)),
    minor=True,
)
def choice_of_one(value: Expr, context: Context) -> Expr | None:
    condition, yes, no = value.args
    if type(condition) in (greater, greater_equal, less, less_equal, equal) and {yes, no} == {S.One, S.Zero}:
        return condition if yes == 1 else 1 - condition
    return None


@rule(
    "the square root of a square is the absolute value",
    Pow,
    example=lambda: (Pow(x**2, Rational(1, 2), evaluate=False), absolute(x)),
)
def root_of_square(value: Expr, context: Context) -> Expr | None:
    if value.exp == Rational(1, 2) and isinstance(value.base, Pow) and value.base.exp == 2:
        return absolute(value.base.base)
    return None


@rule(
    "the absolute value of a positive number is itself",
    absolute,
    example=lambda: (absolute(u), u),
    licence="declared nonnegative",
)
def absolute_of_positive(value: Expr, context: Context) -> Expr | None:
    inner = value.args[0]
    return inner if is_element(inner) and context.domain(inner).nonnegative else None
