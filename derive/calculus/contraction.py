"""Deltas and sums: the rules that turn a raw derivative in index notation into a short one.

A delta under a sum over its index picks one term; what does not depend on an index leaves its sum; a sum of a constant
is a multiple. Ranges are known from the sizes of the indices, so nothing here needs an assumption about them.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import combinations

from sympy import Add, Expr, Integer, Mul, Pow, Rational, S

from derive.calculus.normal_form import normal_form
from derive.calculus.polynomials import Frozen
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import A, a, b, c, g, i, j, k, n, p
from derive.domains import Domain
from derive.program import (
    Array,
    Delta,
    Entry,
    Equation,
    Index,
    Maximum,
    Product,
    Sum,
    anonymous,
    free_indices,
    is_element,
    name_of,
    positions_of,
    substitute,
    walk,
)

CONTRACTION = Table("deltas and sums")
rule = CONTRACTION.rule
FEW_TERMS = 12
LONG_TERM = 120


def _split(body: Expr) -> tuple[Expr, ...]:
    return body.args if isinstance(body, Mul) else (body,)


def _partner(delta: Expr, bound: tuple[Index, ...]) -> tuple[Index, Expr] | None:
    """A bound index that `delta` ties to another position of the same range, and that position."""
    for index, other in (delta.args, delta.args[::-1]):
        if index in bound and index not in free_indices(other):
            if isinstance(other, Index) and other.size == index.size:
                return index, other
            if isinstance(other, Integer) and isinstance(index.size, Integer) and 0 <= other < index.size:
                return index, other
            pair = digits(other)
            if pair is not None and pair[0].size * pair[1].size == index.size:
                return index, other
    return None


def digits(position: Expr) -> tuple[Index, Index] | None:
    """The i and k of a position i p + k, where k runs over p: two digits that say where an entry of A ⊗ B stands."""
    terms = position.args if isinstance(position, Add) and len(position.args) == 2 else ()
    for low, high in (terms, terms[::-1]) if terms else ():
        if isinstance(low, Index):
            first = high / low.size
            if isinstance(first, Index):
                return first, low
    return None


@rule(
    "two numbers are equal where their digits are",
    Delta,
    example=lambda: (Delta(i * n + j, k * n + g), Delta(i, k) * Delta(j, g)),
    minor=True,
)
def equaldigits(delta: Expr, context: Context) -> Expr | None:
    first, second = (digits(position) for position in delta.args)
    if first is None or second is None or first[1].size != second[1].size:
        return None
    return Delta(first[0], second[0]) * Delta(first[1], second[1])


def _tied(value: Expr, bound: tuple[Index, ...]) -> bool:
    return any(isinstance(part, Delta) and _partner(part, bound) for part in walk(value) if not isinstance(part, Sum))


@rule(
    "a delta under a sum picks one term",
    Sum,
    example=lambda: (Sum(Delta(i, j) * a[j], j), a[i]),
)
def contract_delta(total: Expr, context: Context) -> Expr | None:
    factors = _split(total.body)
    for place, factor in enumerate(factors):
        partner = _partner(factor, total.indices) if isinstance(factor, Delta) else None
        if partner:
            index, other = partner
            rest = Mul(*factors[:place], *factors[place + 1 :])
            left = tuple(other_index for other_index in total.indices if other_index != index)
            return Sum(substitute(rest, {index: other}), *left)
    return None


@rule(
    "a sum of terms is the sum of their sums",
    Sum,
    example=lambda: (
        Sum(a[j] * (Delta(i, j) - b[j]), j),
        Sum(a[j] * Delta(i, j), j) + Sum(-a[j] * b[j], j),
    ),
    minor=True,
)
def split_sum(total: Expr, context: Context) -> Expr | None:
    body = total.body
    if isinstance(body, Add):
        if not any(_tied(term, total.indices) for term in body.args):
            return None
        return Add(*(Sum(term, *total.indices) for term in body.args))
    for factor in _split(body):
        if isinstance(factor, Add) and _tied(factor, total.indices):
            rest = Mul(*(other for other in _split(body) if other is not factor))
            return Add(*(Sum(rest * term, *total.indices) for term in factor.args))
    return None


@rule(
    "what does not depend on the index leaves the sum",
    Sum,
    example=lambda: (Sum(c * a[j] * b[i], j), c * b[i] * Sum(a[j], j)),
    minor=True,
)
def factor_out_of_sum(total: Expr, context: Context) -> Expr | None:
    number, rest = total.body.primitive() if isinstance(total.body, Add) else (S.One, total.body)
    if number != 1:
        return number * Sum(rest, *total.indices)
    factors = _split(total.body)
    bound = set(total.indices)
    loose = [f for f in factors if bound.isdisjoint(free_indices(f))]
    if loose and len(loose) < len(factors):
        return Mul(*loose, Sum(Mul(*(f for f in factors if f not in loose)), *total.indices))
    return None


@rule(
    "a factor is summed over its own indices only",
    Sum,
    example=lambda: (Sum(a[i] * A[i, j] * b[j], i, j), Sum(a[i] * Sum(A[i, j] * b[j], j), i)),
    minor=True,
)
def sum_inside(total: Expr, context: Context) -> Expr | None:
    factors = _split(total.body)
    for index in total.indices[::-1] if len(total.indices) > 1 else ():
        inside = [f for f in factors if index in free_indices(f)]
        if inside and len(inside) < len(factors):
            rest = (f for f in factors if f not in inside)
            others = (other for other in total.indices if other != index)
            return Sum(Mul(*rest, Sum(Mul(*inside), index)), *others)
    return None


@rule(
    "equal sums are collected",
    Add,
    example=lambda: (c * Sum(a[i], i) + 2 * c * Sum(a[j], j), 3 * c * Sum(a[i], i)),
)
def collect_equal_sums(value: Expr, context: Context) -> Expr | None:
    groups: dict[Expr, list[tuple[Expr, Expr]]] = {}
    for number, rest in (term.as_coeff_Mul() for term in value.args):
        groups.setdefault(anonymous(rest), []).append((number, rest))
    if len(groups) < len(value.args):
        return Add(*(Add(*(number for number, _ in group)) * group[0][1] for group in groups.values()))
    for first, second in combinations(value.args, 2) if len(value.args) <= FEW_TERMS else ():
        ratio = _ratio(first, second, context)
        if ratio is not None:
            return value - first - second + (1 + ratio) * first
    return None


@rule(
    "terms whose sums are equal are collected",
    Sum,
    example=lambda: (
        Sum(a[i] * Sum(A[i, j] * b[j], j) + b[i] * Sum(A[j, i] * a[j], j), i),
        2 * Sum(a[i] * Sum(A[i, j] * b[j], j), i),
    ),
)
def collect_terms_of_sum(total: Expr, context: Context) -> Expr | None:
    terms = Add.make_args(total.body)
    for first, second in combinations(terms, 2) if len(terms) <= FEW_TERMS else ():
        one = Sum(first, *total.indices)
        ratio = _ratio(one, Sum(second, *total.indices), context)
        if ratio is not None:
            return Sum(total.body - first - second, *total.indices) + (1 + ratio) * one
    return None


def _ratio(first: Expr, second: Expr, context: Context) -> Expr | None:
    """The number by which `second` is a multiple of `first`, when their normal forms show one."""
    if _names(first) != _names(second) or not is_multilinear(first):
        return None
    licensed = tuple((a.name, a.domain) for a in context.arrays.values() if a.name in context.constraints)
    one, other = (_normal(term, licensed, context.definitions or ()) for term in (first, second))
    if len(one) != len(other) or [m for m, _ in one] != [m for m, _ in other]:
        return None
    ratios = {c2 / c1 for (_, c1), (_, c2) in zip(one, other, strict=True)}
    return Rational(ratios.pop()) if len(ratios) == 1 else None


@lru_cache(maxsize=65536)
def _names(term: Expr) -> Counter[str]:
    """What a term reads, and how often."""
    counted = Counter(name_of(part) for part in walk(term) if is_element(part))
    counted.update(f"{part.function} {part.arrays}" for part in walk(term) if isinstance(part, Entry))
    return counted


@lru_cache(maxsize=4096)
def is_multilinear(term: Expr) -> bool:
    """Whether a term is made of sums and products alone, and not too many: then its normal form takes no time."""
    parts = list(walk(term))
    return len(parts) <= LONG_TERM and not any(p.is_Function or isinstance(p, Maximum | Product) for p in parts)


@lru_cache(maxsize=4096)
def _normal(term: Expr, domains: tuple[tuple[str, Domain], ...], definitions: tuple[Equation, ...]) -> Frozen:
    arrays = {name: Array(name, domain=domain) for name, domain in domains}
    return normal_form(term, arrays, {e.target: e for e in definitions})


@rule(
    "a constant summed n times is n times the constant",
    Sum,
    example=lambda: (Sum(c, i), n * c),
)
def sum_of_constant(total: Expr, context: Context) -> Expr | None:
    used = free_indices(total.body)
    idle = [index for index in total.indices if index not in used]
    if not idle:
        return None
    return Mul(*(index.size for index in idle), Sum(total.body, *(x for x in total.indices if x not in idle)))


@rule(
    "the entries of a simplex sum to one",
    Sum,
    example=lambda: (Sum(p[k], k), Integer(1)),
    licence="a declared simplex that is not differentiated by",
)
def simplex_sum(total: Expr, context: Context) -> Expr | None:
    body = total.body
    if not is_element(body) or name_of(body) not in context.constraints:
        return None
    if context.domain(body).structure != "simplex":
        return None
    *others, last = positions_of(body)
    if last not in total.indices or any(last in free_indices(other) for other in others):
        return None
    return Sum(Integer(1), *(index for index in total.indices if index != last))


@rule(
    "a delta is its own square",
    Pow,
    example=lambda: (Delta(i, j) ** 2, Delta(i, j)),
    minor=True,
)
def delta_power(power: Expr, context: Context) -> Expr | None:
    if isinstance(power.base, Delta) and power.exp.is_Integer and power.exp > 0:
        return power.base
    return None


@rule(
    "where a delta is not zero its positions are equal",
    Mul,
    example=lambda: (Delta(i, j) * A[j, k] * a[i], Delta(i, j) * A[i, k] * a[i]),
    minor=True,
)
def align_with_delta(value: Expr, context: Context) -> Expr | None:
    for delta in value.args:
        if isinstance(delta, Delta):
            keep, drop = delta.args
            if not (isinstance(keep, Index) and isinstance(drop, Index) and keep.size == drop.size):
                continue
            rest = Mul(*(factor for factor in value.args if factor is not delta))
            if drop in free_indices(rest):
                return delta * substitute(rest, {drop: keep})
    return None
