"""Polynomials over atoms, as plain tuples and numbers: what the normal form is made of.

An atom is a tuple that begins with its kind: an element, a call, a sum, a delta, an index. A monomial is a sorted tuple
of atoms with their powers, a polynomial a dictionary from monomials to coefficients; frozen, it is a sorted tuple and
can be part of an atom itself. Indices appear as labels: `("index", name)` while they are free or being read, and
`("bound", level, place)` once a sum has numbered them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import sympy

from derive.program import Index

Atom: TypeAlias = "tuple[Any, ...]"
Number: TypeAlias = "int | Fraction"
Factor: TypeAlias = "tuple[Atom, Number]"
Monomial: TypeAlias = "tuple[Factor, ...]"
Polynomial: TypeAlias = "dict[Monomial, Number]"
Frozen: TypeAlias = "tuple[tuple[Monomial, Number], ...]"
Labels: TypeAlias = "Mapping[Atom, Atom]"


def rational(over: Number, under: Number = 1) -> Number:
    """A quotient, as an integer where it is whole."""
    if under == 1 and isinstance(over, int):
        return over
    quotient = Fraction(over) / under
    return quotient.numerator if quotient.denominator == 1 else quotient


# ---------------------------------------------------------------- polynomials as dictionaries


def constant(value: Number) -> Polynomial:
    """A number as a polynomial."""
    return {(): value} if value else {}


def single(atom: Atom, power: Number = 1) -> Polynomial:
    """One atom to a power as a polynomial."""
    return {((atom, power),): 1}


def frozen(polynomial: Polynomial) -> Frozen:
    """A polynomial that can be part of an atom."""
    return tuple(sorted(polynomial.items(), key=lambda term: sort_key(term[0])))


@lru_cache(maxsize=65536)
def sort_key(part: Any) -> str:
    """What things are sorted by: tuples of several shapes have no order of their own."""
    return repr(part)


def added(*polynomials: Polynomial) -> Polynomial:
    """The sum, like terms collected."""
    total: Polynomial = {}
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.items():
            total[monomial] = total.get(monomial, 0) + coefficient
    return tidied(total)


def tidied(polynomial: Polynomial) -> Polynomial:
    """The terms that are not zero, with whole coefficients as integers."""
    return {m: c if isinstance(c, int) else rational(c) for m, c in polynomial.items() if c}


def scaled(polynomial: Polynomial, factor: Number) -> Polynomial:
    """A multiple."""
    if factor == 1:
        return polynomial
    return {m: rational(c * factor) for m, c in polynomial.items()} if factor else {}


def prime_powers(number: Number) -> list[tuple[int, int]]:
    """A positive rational number as primes with their powers."""
    found = {int(p): int(c) for p, c in sympy.factorint(number.numerator).items()}
    for prime, count in sympy.factorint(number.denominator).items():
        found[int(prime)] = found.get(int(prime), 0) - int(count)
    return sorted((p, c) for p, c in found.items() if p != 1)


# ---------------------------------------------------------------- labels of indices


def label_of(index: Index) -> Atom:
    """The label of an index that is free, or being read."""
    return ("index", index.name)


@lru_cache(maxsize=65536)
def labels_in(part: Any) -> frozenset[Atom]:
    """The labels inside a part of a polynomial."""
    if not isinstance(part, tuple):
        return frozenset()
    if part and part[0] in ("index", "bound"):
        return frozenset((part,))
    return frozenset().union(*map(labels_in, part))


@lru_cache(maxsize=65536)
def height(part: Any) -> int:
    """How deeply sums are nested; the level at which the next sum around it numbers its labels."""
    if not isinstance(part, tuple):
        return 0
    return max((height(inner) for inner in part), default=0) + (bool(part) and part[0] == "sum")


def sole_label(position: Frozen) -> Atom | None:
    """The label that a position consists of, if it is nothing else."""
    if len(position) == 1:
        monomial, coefficient = position[0]
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0][0] in ("index", "bound"):
            return monomial[0][0]
    return None


def connected(factors: Iterable[Factor], labels: Iterable[Atom]) -> list[tuple[list[Atom], list[Factor]]]:
    """Groups of factors that share labels, directly or through one another."""
    groups: list[tuple[list[Atom], list[Factor]]] = []
    for factor in factors:
        mine = [label for label in labels if label in labels_in(factor[0])]
        touching = [group for group in groups if any(label in group[0] for label in mine)]
        groups = [group for group in groups if group not in touching]
        joined = dict.fromkeys([*mine, *(label for group in touching for label in group[0])])
        groups.append((list(joined), [factor, *(f for group in touching for f in group[1])]))
    return groups
