"""Derivatives by variables whose entries are tied together, in conventions that have names.

A gradient by a symmetric matrix can mean two things, and books differ. Every convention here is a linear map of the
gradient by free entries:

- `entries`: every entry is a variable of its own. This is what frameworks compute, and the default.
- `structured`: entries that the structure ties together are one variable (The Matrix Cookbook, equation 138).
- `tangent`: the part of the gradient along the set the variable lives in, which is what a descent step may use
  (P.-A. Absil, R. Mahony, R. Sepulchre, Optimization Algorithms on Matrix Manifolds, 2008, chapter 3).

A row gives the sentence that is shown as the reason, and the map: it is handed the gradient and the variable, both as
functions from positions to values, and the positions of the entry that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sympy import Expr, Rational

from derive.domains import Domain
from derive.errors import DomainError, nearest
from derive.primitives import greater_equal
from derive.program import Array, Delta, Equation, Index, Program, Sum, element, fresh_index, instantiated, symbol_names

CONVENTIONS = ("entries", "structured", "tangent")
At: TypeAlias = "Callable[..., Expr]"
Map: TypeAlias = "Callable[[At, At, tuple[Index, ...], Callable[[Index], Index]], Expr]"


@dataclass(frozen=True)
class Structured:
    """How one structure is respected in one convention."""

    reason: str
    entry: Map


def _half(first: Expr, second: Expr) -> Expr:
    return Rational(1, 2) * (first + second)


def _both(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    i, j = at
    return g(i, j) + g(j, i) - Delta(i, j) * g(i, j)


def _even(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    i, j = at
    return _half(g(i, j), g(j, i))


def _on_diagonal(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    i, j = at
    return Delta(i, j) * g(i, j)


def _below(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    i, j = at
    return greater_equal(i, j) * g(i, j)


def _without_mean(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    *rows, last = at
    other = fresh(last)
    return g(*at) - Sum(g(*rows, other), other) / last.size


def _without_radial(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    (i,) = at
    other = fresh(i)
    return g(i) - x(i) * Sum(x(other) * g(other), other)


def _along_rotations(g: At, x: At, at: tuple[Index, ...], fresh: Callable[[Index], Index]) -> Expr:
    """G − X (XᵀG + GᵀX)/2."""
    i, j = at
    k, r = fresh(j), fresh(i)
    return g(i, j) - Sum(x(i, k) * Sum(_half(x(r, k) * g(r, j), g(r, k) * x(r, j)), r), k)


_TIED = Structured("an entry and its mirror image are one variable: G + Gᵀ − G ∘ I", _both)
_EVEN = Structured("the symmetric part of the gradient: (G + Gᵀ)/2", _even)
_DIAGONAL = Structured("only the diagonal may change: G ∘ I", _on_diagonal)
_LOWER = Structured("only the lower triangle may change", _below)
STRUCTURES: dict[tuple[str, str], Structured] = {
    ("symmetric", "structured"): _TIED,
    ("symmetric", "tangent"): _EVEN,
    ("spd", "structured"): _TIED,
    ("spd", "tangent"): _EVEN,
    ("diagonal", "structured"): _DIAGONAL,
    ("diagonal", "tangent"): _DIAGONAL,
    ("lower triangular", "structured"): _LOWER,
    ("lower triangular", "tangent"): _LOWER,
    ("simplex", "tangent"): Structured("changes sum to zero: g − mean(g)", _without_mean),
    ("unit norm", "tangent"): Structured("changes are orthogonal to the vector: g − x (xᵀg)", _without_radial),
    ("orthogonal", "tangent"): Structured("changes are rotations: G − X (XᵀG + GᵀX)/2", _along_rotations),
}


def structured(domain: Domain, convention: str) -> Structured | None:
    """How the gradient by a variable of `domain` is read; None where its entries are free.

    Raises:
        DomainError: there is no such convention, or the structure has none of that name.
    """
    if convention not in CONVENTIONS:
        raise DomainError(f"no convention is called {convention!r}{nearest(convention, CONVENTIONS)}")
    if convention == "entries" or not domain.structure:
        return None
    row = STRUCTURES.get((domain.structure, convention))
    if row is None and any(structure == domain.structure for structure, _ in STRUCTURES):
        known = [name for structure, name in STRUCTURES if structure == domain.structure]
        raise DomainError(
            f"a derivative by a variable declared {domain} has no {convention!r} form; ask for {known[0]!r}"
        )
    return row


def applied(row: Structured, gradient: Equation, variable: Array) -> Expr:
    """The value of the gradient's equation with a convention applied to it."""
    used = symbol_names(gradient.value) | {index.name for index in gradient.indices}

    def fresh(like: Index) -> Index:
        return fresh_index(like, used)

    def g(*positions: Expr) -> Expr:
        return instantiated(gradient, positions)

    def x(*positions: Expr) -> Expr:
        return element(variable.name, positions)

    return row.entry(g, x, gradient.indices, fresh)


def projection(row: Structured, variable: Array, indices: Sequence[Index]) -> Program:
    """The convention as a program of its own: it takes a gradient called `g`, and the variable."""
    given = Array("g", variable.shape)
    free = Equation("g", tuple(indices), element("g", tuple(indices)))
    return Program((given, variable), (Equation("mapped", free.indices, applied(row, free, variable)),), ("mapped",))
