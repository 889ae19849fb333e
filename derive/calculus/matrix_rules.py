"""Rules for functions of whole matrices: inverses that cancel, powers that add, eigenvectors that are orthonormal.

A product under sums is looked at as a chain of links: `X[i, j]`, `inv(X)[i, j]` and `matrix_power(X)[n, i, j]` are
powers of one matrix between two indices. Where two links of one matrix meet at an index that nothing else depends on,
they become one. A symmetric matrix, declared or found to be one, may be walked in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sympy import Add, Expr, Indexed, Mul, S

from derive.array_functions import row_of
from derive.calculus.contraction import is_multilinear
from derive.calculus.normal_form import same
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import S as SPD
from derive.calculus.samples import b, i, j, k
from derive.domains import Domain
from derive.program import (
    Array,
    Delta,
    Entry,
    Equation,
    Index,
    Sum,
    element,
    free_indices,
    fresh_index,
    inlined,
    name_of,
    positions_of,
    substitute,
    symbol_names,
    walk,
)

MATRIX_RULES = Table("functions of matrices")
rule = MATRIX_RULES.rule


# ---------------------------------------------------------------- chains


@dataclass(frozen=True)
class Link:
    """A power of a named matrix from one index to another."""

    name: str
    power: Expr
    row: Expr
    column: Expr

    @property
    def value(self) -> Expr:
        """The link as an entry."""
        if self.power == 0:
            return Delta(self.row, self.column)
        if self.power == 1:
            return element(self.name, (self.row, self.column))
        if self.power == -1:
            return Entry("inv", (self.name,), (self.row, self.column))
        return Entry("matrix_power", (self.name,), (self.power, self.row, self.column))

    def turned(self) -> Link:
        """The same entry of a symmetric matrix, read the other way."""
        return Link(self.name, self.power, self.column, self.row)


def link(value: Expr, context: Context) -> Link | None:
    """A factor as a link of a chain."""
    if isinstance(value, Indexed) and len(positions_of(value)) == 2:
        return Link(name_of(value), S.One, *positions_of(value))
    if isinstance(value, Entry) and value.function == "inv":
        (name,) = value.arrays
        known = context.definition(name)
        if known is not None and isinstance(known.value, Entry) and known.value.function == "matrix_power":
            power, *axes = known.value.positions
            if tuple(axes) == known.indices:
                return Link(known.value.arrays[0], -power, *value.positions)
        return Link(name, S.NegativeOne, *value.positions)
    if isinstance(value, Entry) and value.function == "matrix_power":
        return Link(value.arrays[0], *value.positions)
    return None


def flattened(value: Expr) -> tuple[list[Expr], list[Index]]:
    """The factors of a product, or of a sum of one, with the sums among them opened, and all bound indices."""
    factors: list[Expr] = []
    bound = list(value.indices) if isinstance(value, Sum) else []
    used = symbol_names(value)
    waiting = list(Mul.make_args(value.body if isinstance(value, Sum) else value))
    while waiting:
        factor = waiting.pop(0)
        if isinstance(factor, Sum):
            fresh: dict[Expr, Expr] = {}
            for index in factor.indices:
                fresh[index] = fresh_index(index, used)
            bound += [index for index in fresh.values() if isinstance(index, Index)]
            waiting = [*Mul.make_args(substitute(factor.body, fresh)), *waiting]
        else:
            factors.append(factor)
    return factors, bound


def symmetric(name: str, context: Context) -> bool:
    """Whether a matrix may be read both ways: declared, or plainly so by its definition."""
    array = context.arrays.get(name)
    if array is not None and array.domain.symmetric:
        return name in context.constraints
    known = context.definition(name)
    if known is None or len(known.indices) != 2 or known.indices[0].size != known.indices[1].size:
        return False
    arrays = tuple((a.name, a.domain) for a in context.arrays.values() if a.name in context.constraints)
    return _equals_its_transpose(known, context.definitions or (), arrays)


@lru_cache(maxsize=4096)
def _equals_its_transpose(
    known: Equation, definitions: tuple[Equation, ...], domains: tuple[tuple[str, Domain], ...]
) -> bool:
    """Whether a definition has one normal form in both directions."""
    row, column = known.indices
    value = known.value
    for other in reversed(definitions):
        if other.target != known.target:
            value = inlined(value, {other.target: other})
    if not is_multilinear(value):
        return False
    turned = substitute(value, {row: column, column: row})
    arrays = {name: Array(name, domain=domain) for name, domain in domains}
    return same(value, turned, arrays, {e.target: e for e in definitions})


def _name(value: Expr) -> str:
    return value.arrays[0] if isinstance(value, Entry) else name_of(value)


def _positions(value: Expr) -> tuple[Expr, Expr] | None:
    """The two positions of an entry of a matrix, or of a function of it that keeps symmetry."""
    if isinstance(value, Indexed) and len(positions_of(value)) == 2:
        return positions_of(value)[0], positions_of(value)[1]
    if isinstance(value, Entry) and row_of(value).symmetric:
        return value.positions[-2], value.positions[-1]
    return None


def _placed(value: Expr, row: Expr, column: Expr) -> Expr:
    if isinstance(value, Entry):
        return value.at(*value.positions[:-2], row, column)
    return element(name_of(value), (row, column))


# ---------------------------------------------------------------- links that meet


def _met(total: Expr, context: Context, cancels: bool) -> Expr | None:
    """A sum in which two links of one matrix are made one; those that cancel, or the others."""
    if not any(isinstance(part, Entry) for part in walk(total.body)):
        return None
    factors, bound = flattened(total)
    joined = _joined(factors, bound, context, cancels)
    return None if joined is None else Sum(Mul(*joined[0]), *joined[1])


def _joined(
    factors: Sequence[Expr], bound: Sequence[Index], context: Context, cancels: bool
) -> tuple[list[Expr], list[Index]] | None:
    for meeting in bound:
        at = [place for place, factor in enumerate(factors) if meeting in free_indices(factor)]
        if len(at) != 2:
            continue
        first, second = (link(factors[place], context) for place in at)
        one = _one(first, second, meeting, context)
        if one is None or (one.power == 0) != cancels:
            continue
        rest = [factor for place, factor in enumerate(factors) if place not in at]
        return [*rest, one.value], [index for index in bound if index != meeting]
    return None


def _one(
    first: Link | None, second: Link | None, meeting: Index, context: Context, squares: bool = False
) -> Link | None:
    """Two links of one matrix that meet at an index as one link; two plain entries stay a product."""
    if first is None or second is None or first.name != second.name:
        return None
    if first.power == second.power == 1 and not squares:
        return None
    both_ways = symmetric(first.name, context)
    for left in (first, first.turned()) if both_ways else (first,):
        for right in (second, second.turned()) if both_ways else (second,):
            for before, after in ((left, right), (right, left)):
                if before.column == after.row == meeting and meeting not in (before.row, after.column):
                    return Link(first.name, before.power + after.power, before.row, after.column)
    return None


@rule(
    "a matrix times its inverse is the identity",
    Sum,
    example=lambda: (
        Sum(Entry("inv", ("S",), (i, j)) * SPD[j, k] * b[k], j, k),
        Sum(Delta(i, k) * b[k], k),
    ),
    licence="the matrix is invertible",
)
def inverse_cancels(total: Expr, context: Context) -> Expr | None:
    return _met(total, context, cancels=True)


@rule(
    "powers of one matrix are multiplied by adding their exponents",
    Sum,
    example=lambda: (
        Sum(SPD[i, j] * Entry("matrix_power", ("S",), (2, j, k)), j),
        Entry("matrix_power", ("S",), (3, i, k)),
    ),
)
def powers_add(total: Expr, context: Context) -> Expr | None:
    return _met(total, context, cancels=False)


@rule(
    "the inverse of a product is the product of the inverses, and cancels",
    Sum,
    example=lambda: (
        Sum(Entry("inv", ("Q",), (i, j)) * SPD[j, k], j),
        Entry("inv", ("R",), (i, k)),
    ),
    licence="the factors are square, and their product is invertible",
)
def inverse_of_product(total: Expr, context: Context) -> Expr | None:
    factors, bound = flattened(total)
    for place, factor in enumerate(factors):
        if not (isinstance(factor, Entry) and factor.function == "inv"):
            continue
        opened = _inverted_chain(factor, {name for f in factors for name in symbol_names(f)}, context)
        if opened is None:
            continue
        now, inner = [*factors[:place], *opened[0], *factors[place + 1 :]], [*bound, *opened[1]]
        while (shorter := _joined(now, inner, context, cancels=True)) is not None:
            now, inner = _without_deltas(*shorter)
        if len(now) < len(factors):
            return Sum(Mul(*now), *inner)
    return None


def _without_deltas(factors: Sequence[Expr], bound: Sequence[Index]) -> tuple[list[Expr], list[Index]]:
    """A product in which every delta of a bound index has picked its term."""
    now, left = list(factors), list(bound)
    for factor in factors:
        if isinstance(factor, Delta):
            for index, other in (factor.args, factor.args[::-1]):
                if index in left:
                    now = [substitute(f, {index: other}) for f in now if f != factor]
                    left.remove(index)
                    break
    return now, left


def _inverted_chain(entry: Entry, used: set[str], context: Context) -> tuple[list[Expr], list[Index]] | None:
    """The inverse of a named product of square matrices as the product of their inverses in reverse order."""
    known = context.definition(entry.arrays[0])
    if known is None or not isinstance(known.value, Sum):
        return None
    factors, bound = flattened(known.value)
    size = known.indices[0].size
    if any(index.size != size for index in (*bound, *known.indices)):
        return None
    row, last = known.indices
    here: Expr = row
    chain: list[tuple[Link, bool]] = []
    left = list(factors)
    while left:
        found = next((f for f in left if isinstance(f, Indexed) and here in positions_of(f)), None)
        one = link(found, context) if found is not None else None
        if one is None or one.row == one.column:
            return None
        left.remove(found)
        forwards = one.row == here
        chain.append((one, forwards))
        here = one.column if forwards else one.row
    if here != last:
        return None
    taken = set(used)
    start, end = entry.positions
    steps = [fresh_index(Index("p", size), taken) for _ in chain[1:]]
    stations = [start, *steps, end]
    result = []
    for (one, forwards), (before, after) in zip(reversed(chain), pairwise(stations), strict=True):
        first, second = (before, after) if forwards else (after, before)
        result.append(Entry("inv", (one.name,), (first, second)))
    return result, steps


# ---------------------------------------------------------------- single entries


@rule(
    "the power 0 of a matrix is the identity, the power 1 the matrix",
    Entry,
    example=lambda: (Entry("matrix_power", ("S",), (1, i, j)), SPD[i, j]),
)
def small_power(entry: Expr, context: Context) -> Expr | None:
    if entry.function == "matrix_power" and entry.positions[0] in (0, 1, -1):
        return Link(entry.arrays[0], *entry.positions).value
    return None


@rule(
    "eigenvectors are orthonormal",
    Sum,
    example=lambda: (
        Sum(Entry("eigvecsh", ("S",), (i, j)) * Entry("eigvecsh", ("S",), (i, k)), i),
        Delta(j, k),
    ),
)
def orthonormal(total: Expr, context: Context) -> Expr | None:
    factors, bound = flattened(total)
    for meeting in bound:
        at = [place for place, factor in enumerate(factors) if meeting in free_indices(factor)]
        pair = [factors[place] for place in at]
        if len(pair) == 1 and pair[0].is_Pow and pair[0].exp == 2:
            pair = [pair[0].base] * 2
        if len(pair) != 2 or not all(isinstance(f, Entry) and f.function == "eigvecsh" for f in pair):
            continue
        if pair[0].arrays != pair[1].arrays:
            continue
        for axis in (0, 1):
            if pair[0].positions[axis] == pair[1].positions[axis] == meeting:
                others = Delta(pair[0].positions[1 - axis], pair[1].positions[1 - axis])
                rest = (factor for place, factor in enumerate(factors) if place not in at)
                return Sum(others * Mul(*rest), *(index for index in bound if index != meeting))
    return None


@rule(
    "a symmetric matrix is its own transpose",
    Sum,
    example=lambda: (Sum(SPD[j, i] * b[j], j), Sum(SPD[i, j] * b[j], j)),
    licence="declared symmetric, or symmetric by its definition",
)
def own_transpose(value: Expr, context: Context) -> Expr | None:
    for part in Mul.make_args(value.body):
        pair = _positions(part)
        if pair is None or pair[0] not in value.indices or pair[1] in value.indices:
            continue
        if symmetric(_name(part), context):
            return Sum(substitute(value.body, {part: _placed(part, pair[1], pair[0])}), *value.indices)
    return None


@rule(
    "a matrix times itself is its square, beside other powers of it",
    Add,
    example=lambda: (
        Entry("matrix_power", ("S",), (3, i, k)) + Sum(SPD[i, j] * SPD[j, k], j),
        Entry("matrix_power", ("S",), (3, i, k)) + Entry("matrix_power", ("S",), (2, i, k)),
    ),
)
def square_beside_powers(value: Expr, context: Context) -> Expr | None:
    powers = {part.arrays[0] for part in walk(value) if isinstance(part, Entry) and part.function == "matrix_power"}
    for term in value.args if powers else ():
        number, total = term.as_coeff_Mul()
        if isinstance(total, Sum) and len(total.indices) == 1:
            pair = [link(factor, context) for factor in Mul.make_args(total.body)]
            if len(pair) == 2 and all(one is not None and one.name in powers and one.power == 1 for one in pair):
                joined = _one(pair[0], pair[1], total.indices[0], context, squares=True)
                if joined is not None:
                    return value - term + number * joined.value
    return None
