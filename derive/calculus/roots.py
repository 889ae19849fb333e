"""One equation `value = 0` solved for one element: by collecting its powers, or by undoing the functions around it.

The unknown is an element, the same wherever it occurs; whoever asks about an array asks entry by entry. A root is told
as a power of the unknown, because a variance is found before a standard deviation is. What cannot be solved this way is
refused with None, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import sympy
from sympy import Add, Expr, Mul, Pow, Rational, S, sqrt

from derive.domains import Domain
from derive.primitives import exp, expm1, log, primitive, sigmoid, softplus, tanh
from derive.program import Element, Sum, elements, free_indices, substitute, walk

Powers: TypeAlias = "dict[Expr, Expr]"
HIGHEST = 6

INVERSES: Mapping[str, Callable[[Expr], Expr]] = {
    exp.__name__: log,
    log.__name__: exp,
    sigmoid.__name__: lambda y: log(y / (1 - y)),
    softplus.__name__: lambda y: log(expm1(y)),
    tanh.__name__: lambda y: log((1 + y) / (1 - y)) / 2,
}


@dataclass(frozen=True)
class Root:
    """`unknown**power = value`, and the root itself: `sign * value**(1/power)`."""

    value: Expr
    power: int = 1
    sign: int = 1

    @property
    def root(self) -> Expr:
        """The unknown."""
        return self.sign * (self.value if self.power == 1 else Pow(self.value, Rational(1, self.power)))


def roots(value: Expr, unknown: Element, domain: Domain) -> tuple[Root, ...] | None:
    """The roots of `value = 0` in `unknown`, those of its domain; None where this module knows no way."""
    value = _without_fractions(value, unknown)
    collected = powers(value, unknown)
    found = _undone(value, unknown, domain) if collected is None else _of_powers(collected, domain)
    if found is None:
        return None
    return tuple(r for r in found if not (domain.positive and r.sign < 0) and not r.value.has(sympy.I, sympy.zoo))


def powers(value: Expr, unknown: Element) -> Powers | None:
    """`value` as a sum of powers of `unknown` with coefficients free of it; None where it is none."""
    if unknown not in elements(value):
        return {S.Zero: value}
    if value == unknown:
        return {S.One: S.One}
    if isinstance(value, Add):
        terms = [powers(term, unknown) for term in value.args]
        return None if None in terms else _added([term for term in terms if term is not None])
    if isinstance(value, Mul):
        factors = [powers(factor, unknown) for factor in value.args]
        return None if None in factors else _multiplied([factor for factor in factors if factor is not None])
    if isinstance(value, Pow):
        return _raised(powers(value.base, unknown), value.exp)
    if isinstance(value, Sum):
        inner = powers(value.body, unknown)
        return None if inner is None else {power: summed(part, value) for power, part in inner.items()}
    return None


def summed(body: Expr, like: Sum) -> Expr:
    """The sum of `body` over the indices of another sum, with what does not depend on them in front."""
    if isinstance(body, Add):
        return Add(*(summed(term, like) for term in body.args))
    outside = [factor for factor in Mul.make_args(body) if not free_indices(factor) & set(like.indices)]
    inside = Mul(*(factor for factor in Mul.make_args(body) if factor not in outside))
    bound = [index for index in like.indices if index in free_indices(inside)]
    count = Mul(*(index.size for index in like.indices if index not in bound))
    return Mul(*outside, count, Sum(inside, *bound))


def _added(terms: list[Powers]) -> Powers:
    total: Powers = {}
    for term in terms:
        for power, part in term.items():
            total[power] = total.get(power, S.Zero) + part
    return {power: part for power, part in total.items() if part != 0}


def _multiplied(factors: list[Powers]) -> Powers:
    pairs = product(*(factor.items() for factor in factors))
    return _added([{Add(*(p for p, _ in chosen)): Mul(*(part for _, part in chosen))} for chosen in pairs])


def _raised(base: Powers | None, exponent: Expr) -> Powers | None:
    if base is None or not exponent.is_Integer:
        return None
    if len(base) == 1:
        ((power, part),) = base.items()
        return {power * exponent: Pow(part, exponent)}
    return _multiplied([base] * int(exponent)) if 0 < exponent <= HIGHEST else None


def _without_fractions(value: Expr, unknown: Element) -> Expr:
    """`value` times what its terms divide by, where the unknown stands under a fraction bar among other things."""
    below: dict[Expr, int] = {}
    for term in Add.make_args(value):
        for factor in Mul.make_args(term):
            base, power = factor.as_base_exp()
            if power.is_Integer and power < 0 and base != unknown and unknown in elements(base):
                below[base] = max(below.get(base, 0), -int(power))
    bar = Mul(*(Pow(base, count) for base, count in below.items()))
    return Add(*(term * bar for term in Add.make_args(value))) if below else value


def _of_powers(collected: Powers, domain: Domain) -> list[Root] | None:
    """The roots of a polynomial: of two terms, of three in arithmetic progression, or with numbers as coefficients."""
    lowest = min(collected, default=S.Zero)
    shifted = {power - lowest: part for power, part in sorted(collected.items(), key=lambda item: item[0])}
    if len(shifted) < 2 and lowest <= 0:
        return None  # no unknown is left, or it stands below a constant
    zero = [Root(S.Zero)] if lowest > 0 and not domain.positive else []
    if len(shifted) == 1:
        return zero or None
    if any(not power.is_Integer for power in shifted):
        return None
    if len(shifted) == 2:
        (_, last), (power, first) = shifted.items()
        value = _quotient(-last, first)
        signs = (1, -1) if power % 2 == 0 else (1,)
        return zero + [Root(value, int(power), sign) for sign in signs]
    if len(shifted) == 3:
        (_, last), (middle_power, middle), (power, first) = shifted.items()
        if power == 2 * middle_power:
            spread = sqrt(middle**2 - 4 * first * last)
            values = [_quotient(-middle + sign * spread, 2 * first) for sign in (1, -1)]
            signs = (1, -1) if middle_power % 2 == 0 else (1,)
            found = [Root(value, int(middle_power), sign) for value in values for sign in signs]
            kept = [r for r in found if not (r.value.is_number and middle_power % 2 == 0 and r.value < 0)]
            return zero + [r for r in kept if not (domain.positive and r.value.is_number and r.value <= 0)]
    if all(part.is_Rational for part in shifted.values()):
        t = sympy.Symbol("t")
        exact = sympy.roots(Add(*(part * t**power for power, part in shifted.items())), t)
        if sum(exact.values()) == max(shifted):
            return zero + [Root(r) for r in exact if r.is_real and not (domain.positive and r <= 0)]
    return None


def _quotient(above: Expr, below: Expr) -> Expr:
    """A fraction, each term of a sum above divided for itself where that is shorter."""
    bottom = Mul.make_args(below)
    if isinstance(above, Add) and all(set(Mul.make_args(term)) & set(bottom) for term in above.args):
        return Add(*(term / below for term in above.args))
    return above / below


def _undone(value: Expr, unknown: Element, domain: Domain) -> list[Root] | None:
    """The roots where the unknown stands in one function only, which has an inverse."""
    around = {part for part in walk(value) if primitive(part) is not None and unknown in elements(part)}
    outermost = [part for part in around if not any(part != other and part in set(walk(other)) for other in around)]
    if len(outermost) != 1 or type(outermost[0]).__name__ not in INVERSES:
        return None
    (call,) = outermost
    stand_in = sympy.Symbol("_stand_in", real=True)
    collected = powers(substitute(value, {call: stand_in}), stand_in)
    if collected is None or unknown in {e for part in collected.values() for e in elements(part)}:
        return None
    inner = _of_powers(collected, domain)
    if inner is None or (any(root.value == 0 for root in inner) and type(call) is exp):
        return None
    undo = INVERSES[type(call).__name__]
    found: list[Root] = []
    for root in inner:
        more = roots(call.args[0] - undo(root.root), unknown, domain)
        if more is None:
            return None
        found += more
    return found
