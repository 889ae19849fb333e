"""A normal form that decides when two values are equal, up to the names of bound indices and the order of everything.

A value becomes a polynomial with rational coefficients over *atoms*: elements, deltas, function calls, and sums. A sum
is split until its factors hang together by its indices, so products of sums stay products, and a normaliser cancels
against itself. Functions that have a `meaning` are replaced by it, exponentials multiply by adding their arguments,
logarithms and roots of products split where the declared domains allow it. Bound indices are numbered canonically: by
refinement (what the product looks like from an index), then by trying the orders that refinement leaves open.

Two values with one normal form are equal wherever both are defined. `same` also clears denominators before it gives up.
A difference that remains proves nothing; the numerical oracle speaks then.

The form is plain tuples and numbers, because it is built in inner loops and must not depend on hashing. It is for
deciding, not for showing: nothing here goes back to SymPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import islice, pairwise, permutations, product
from math import inf
from typing import Any

import sympy
from sympy import Expr, Mul

from derive.array_functions import row_of
from derive.calculus.polynomials import (
    Atom,
    Factor,
    Frozen,
    Labels,
    Monomial,
    Number,
    Polynomial,
    added,
    connected,
    constant,
    frozen,
    height,
    label_of,
    labels_in,
    prime_powers,
    rational,
    scaled,
    single,
    sole_label,
    sort_key,
    tidied,
)
from derive.primitives import exp, greater, log, primitive, where
from derive.program import (
    Array,
    Delta,
    Dim,
    Entry,
    Equation,
    Index,
    Reduction,
    Sum,
    element,
    inlined,
    instantiated,
    is_element,
    name_of,
    positions_of,
    substitute,
)

EXPANDED_POWER = 12
TRUTHS = ("greater", "greater_equal", "less", "less_equal", "equal")  # 0 or 1, their own squares
TRIED_ORDERS = 5040


def normal_form(
    value: Expr, arrays: Mapping[str, Array] | None = None, definitions: Mapping[str, Equation] | None = None
) -> Frozen:
    """The normal form of `value`; `arrays` lends the domains that license splitting roots and logarithms."""
    return frozen(_Algebra(arrays or {}, definitions).read(value))


def same(
    left: Expr,
    right: Expr,
    arrays: Mapping[str, Array] | None = None,
    definitions: Mapping[str, Equation] | None = None,
    patience: float = inf,
) -> bool:
    """Whether `left` and `right` are proved equal; `definitions` are of the arrays that functions are taken of.

    `patience` is how many products of terms may be formed before the proof is given up.

    >>> from sympy import Symbol, exp
    >>> from derive.primitives import sigmoid
    >>> x = Symbol("x", real=True)
    >>> same(sigmoid(x) * (1 - sigmoid(x)), exp(-x) / (1 + exp(-x)) ** 2)
    True
    """
    algebra = _Algebra(arrays or {}, definitions, patience)
    try:
        difference = added(algebra.read(left), scaled(algebra.read(right), -1))
        return not algebra.cleared(difference)
    except _GivenUp:
        return False


# ---------------------------------------------------------------- the algebra


class _GivenUp(Exception):
    """A proof takes longer than it is worth."""


class _Algebra:
    """Reads values into polynomials, and computes with polynomials under the licences of the declared domains."""

    def __init__(
        self, arrays: Mapping[str, Array], definitions: Mapping[str, Equation] | None = None, patience: float = inf
    ) -> None:
        self.patience = patience
        self.positive = {name for name, array in arrays.items() if array.domain.positive}
        self.symmetric = {name for name, array in arrays.items() if array.domain.symmetric}
        self.definitions = definitions or {}
        self.arguments: dict[str, tuple[Any, bool, bool]] = {}
        self.memo: dict[Expr, Polynomial] = {}

    # ------------------------------------------------ reading

    def read(self, value: Expr) -> Polynomial:
        """The polynomial of a SymPy value."""
        if value not in self.memo:
            self.memo[value] = self._read(value)
        return self.memo[value]

    def _read(self, value: Expr) -> Polynomial:
        if value.is_Rational:
            return constant(rational(int(value.p), int(value.q)))
        if value.is_Add:
            return added(*map(self.read, value.args))
        if value.is_Mul:
            return self.multiplied(map(self.read, value.args))
        if value.is_Pow:
            return self._read_power(value.base, value.exp)
        if isinstance(value, exp):
            return self.exponential(self.read(value.args[0]))
        if isinstance(value, log):
            return self.logarithm(self.read(value.args[0]))
        if isinstance(value, Reduction):
            return self._read_reduction(value)
        return self._read_leaf(value)

    def _read_leaf(self, value: Expr) -> Polynomial:
        if value is sympy.E:
            return self.exponential(constant(1))
        if isinstance(value, Index):
            return single(label_of(value))
        if isinstance(value, Dim):
            return single(("size", value.name))
        if is_element(value):
            return self.placed(("element", name_of(value)), tuple(frozen(self.read(p)) for p in positions_of(value)))
        if isinstance(value, Entry):
            return self.entry(value)
        if isinstance(value, Delta):
            return self.delta(*(self.read(p) for p in value.args))
        row = primitive(value)
        if row is None:
            return single(("constant", str(value)))
        if isinstance(value, where) and primitive(value.args[0]) is not None:
            condition, yes, no = value.args
            return self.read(condition * yes + (1 - condition) * no)
        if row.meaning is not None:
            return self.read(row.meaning(*value.args))
        if row.name in ("less", "less_equal", "greater_equal"):
            left, right = value.args
            swapped = greater(right, left) if row.name != "less_equal" else greater(left, right)
            return self.read(swapped if row.name == "less" else 1 - swapped)
        return self.called(row.name, [self.read(a) for a in value.args])

    def called(self, name: str, arguments: Sequence[Polynomial]) -> Polynomial:
        """A call; comparisons and absolute values in one of their several spellings."""
        if name in ("greater", "equal") and len(arguments) == 2:
            arguments = [added(arguments[0], scaled(arguments[1], -1)), {}]
        if name not in ("greater", "equal", "sign", "abs") or not arguments[0]:
            return single(("call", name, tuple(map(frozen, arguments))))
        inner = frozen(arguments[0])
        lead = inner[0][1]
        size = lead
        if name == "abs":
            size = 1
        elif name == "greater" and lead < 0:
            size = -lead
        turned = name == "abs" and lead < 0
        parts = (frozen(scaled(dict(inner), -1 if turned else rational(1, size))), *map(frozen, arguments[1:]))
        return scaled(single(("call", name, parts)), 1 if name != "sign" or lead > 0 else -1)

    def entry(self, value: Entry) -> Polynomial:
        """An entry of a function of arrays; an array with a definition is told apart by that, not by its name."""
        row = row_of(value)
        if row.takes_exponent and value.positions[0].is_Integer and abs(value.positions[0]) <= EXPANDED_POWER:
            return self.read(self.chain(value))
        (name,) = value.arrays
        argument, symmetric, turned = self.argument(name)
        places = value.positions
        if turned and row.symmetric:
            places = (*places[:-2], *reversed(places[-2:]))
        head = ("entry", (value.function, argument, row.symmetric and symmetric))
        return self.placed(head, tuple(frozen(self.read(p)) for p in places))

    def chain(self, value: Entry) -> Expr:
        """A whole power of a matrix as a product of entries."""
        exponent, row, column = value.positions
        (name,) = value.arrays
        if exponent == 0:
            return Delta(row, column)
        size = next(p for p in value.positions[1:] if isinstance(p, Index)).size
        inner = [Index(f"inner {at}", size) for at in range(abs(int(exponent)) - 1)]
        stations = [row, *inner, column]
        known = self.definitions.get(name)
        factors: list[Expr] = []
        for pair in pairwise(stations):
            if exponent < 0:
                factors.append(Entry("inv", (name,), pair))
            else:
                factors.append(element(name, pair) if known is None else self.inlined(instantiated(known, pair)))
        return Sum(Mul(*factors), *inner)

    def inlined(self, value: Expr) -> Expr:
        """`value` with every definition put in."""
        for other in reversed(list(self.definitions.values())):
            value = inlined(value, {other.target: other})
        return value

    def argument(self, name: str) -> tuple[Any, bool, bool]:
        """What a matrix is, up to a transpose; whether it is symmetric, and whether the transpose is meant."""
        if name not in self.arguments:
            known = self.definitions.get(name)
            if known is None:
                self.arguments[name] = (name, name in self.symmetric, False)
            else:
                value = self.inlined(known.value)
                places = [Index(f"axis {at}", index.size) for at, index in enumerate(known.indices)]
                plain, turned = (
                    frozen(self.read(substitute(value, dict(zip(known.indices, order, strict=True)))))
                    for order in (places, places[::-1])
                )
                first = min(plain, turned, key=sort_key)
                self.arguments[name] = (first, plain == turned, first != plain)
        return self.arguments[name]

    def placed(self, head: Atom, positions: tuple[Frozen, ...]) -> Polynomial:
        """An entry at its positions, in order where the array is symmetric."""
        symmetric = head[1] in self.symmetric if head[0] == "element" else head[1][2]
        if symmetric:
            positions = (*positions[:-2], *sorted(positions[-2:], key=sort_key))
        return single((*head, positions))

    def _read_power(self, base: Expr, exponent: Expr) -> Polynomial:
        inner = self.read(base)
        if exponent.is_Rational:
            return self.power(inner, rational(int(exponent.p), int(exponent.q)))
        raised = self.read(exponent)
        if self.is_positive(inner):
            return self.exponential(self.multiply(raised, self.logarithm(inner)))
        return single(("power", frozen(inner), frozen(raised)))

    def _read_reduction(self, value: Reduction) -> Polynomial:
        apart = value.renamed_apart({i.name for i in value.free_symbols if isinstance(i, Index)})
        sizes = {label_of(index): frozen(self.read(index.size)) for index in apart.indices}
        body = self.read(apart.body)
        if isinstance(value, Sum):
            return added(*(scaled(self.summed(m, sizes), c) for m, c in body.items()))
        whole = self.canonical_sum(list(sizes.items()), [(("under", frozen(body)), 1)])
        return single(("fold", type(value).__name__, frozen(whole)))

    # ------------------------------------------------ computing

    def multiply(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """The product, like terms collected."""
        self.spend(len(left) * len(right))
        total: Polynomial = {}
        for (m1, c1), (m2, c2) in product(left.items(), right.items()):
            for monomial, coefficient in self.monomial([*m1, *m2]).items():
                total[monomial] = total.get(monomial, 0) + coefficient * c1 * c2
        return tidied(total)

    def multiplied(self, polynomials: Iterable[Polynomial]) -> Polynomial:
        """The product of several; those of one term are brought together at once."""
        factors: list[Factor] = []
        coefficient: Number = 1
        longer: list[Polynomial] = []
        for polynomial in polynomials:
            if len(polynomial) == 1:
                ((monomial, number),) = polynomial.items()
                factors.extend(monomial)
                coefficient *= number
            else:
                longer.append(polynomial)
        self.spend(1 + len(factors))
        result = scaled(self.monomial(factors), coefficient)
        for polynomial in longer:
            result = self.multiply(result, polynomial)
        return result

    def spend(self, products: int) -> None:
        """Count products of terms against the patience there is."""
        self.patience -= products
        if self.patience < 0:
            raise _GivenUp

    def monomial(self, factors: Sequence[Factor]) -> Polynomial:
        """A product of powers of atoms: powers of one atom add, exponentials become one, deltas are idempotent."""
        if len(factors) < 2:
            return {tuple(factors): 1}
        powers: dict[Atom, Number] = {}
        exponent: Polynomial = {}
        for atom, power in factors:
            if atom[0] == "exp":
                exponent = added(exponent, scaled(dict(atom[1]), power))
            else:
                powers[atom] = powers.get(atom, 0) + power
        kept: list[Factor] = []
        others: list[Polynomial] = []
        for atom, total in powers.items():
            if not total:
                continue
            power = rational(total)
            if power > 0 and (atom[0] == "delta" or (atom[0] == "call" and atom[1] in TRUTHS)):
                kept.append((atom, 1))
            elif atom[0] == "prime" and not 0 < power < 1:
                others.append(self.power_of_number(atom[1], power))
            elif atom[0] == "polynomial" and power.denominator == 1 and power > 0:
                others.append(self.power(dict(atom[1]), power))
            else:
                kept.append((atom, power))
        rest, logarithms = _split_logarithms(exponent)
        others += [self.power(argument, power) for argument, power in logarithms]
        if rest:
            kept.append((("exp", frozen(rest)), 1))
        result: Polynomial = {tuple(sorted(kept, key=sort_key)): 1}
        aligned = self._aligned(kept)
        if aligned is not None:
            result = aligned
        for other in others:
            result = self.multiply(result, other)
        return result

    def _aligned(self, factors: Sequence[Factor]) -> Polynomial | None:
        """Where a delta ties two labels, the other factors speak of the first of them only."""
        for place, (atom, _) in enumerate(factors):
            if atom[0] != "delta":
                continue
            keep, drop = sole_label(atom[1]), sole_label(atom[2])
            rest = [*factors[:place], *factors[place + 1 :]]
            if keep is not None and drop is not None and any(drop in labels_in(other) for other, _ in rest):
                return self.multiply(single(atom), self.relabelled(rest, {drop: keep}))
        return None

    def power(self, inner: Polynomial, power: Number) -> Polynomial:
        """`inner` to a rational power; sums are multiplied out for small whole powers."""
        if not inner:
            return {} if power > 0 else single(("infinite",))
        if len(inner) == 1:
            ((monomial, coefficient),) = inner.items()
            if power.denominator != 1 and not self.is_positive(inner):
                return single(("polynomial", frozen(inner)), power)
            raised = [self._raised(atom, e * power) for atom, e in monomial]
            result = self.power_of_number(coefficient, power)
            for part in raised:
                result = self.multiply(result, part)
            return result
        if power.denominator == 1 and 0 < power <= EXPANDED_POWER:
            result = inner
            for _ in range(int(power) - 1):
                result = self.multiply(result, inner)
            return result
        content, rest = self._content(inner)
        if power.denominator != 1 and not self.is_positive(content):
            return single(("polynomial", frozen(inner)), power)
        return self.multiply(self.power(content, power), single(("polynomial", frozen(rest)), power))

    def _raised(self, atom: Atom, power: Number) -> Polynomial:
        if atom[0] == "exp":
            return self.exponential(scaled(dict(atom[1]), power))
        return single(atom, 1 if atom[0] == "delta" and power > 0 else power)

    def power_of_number(self, number: Number, power: Number) -> Polynomial:
        """`number ** power`: a number where it is one, else a product of roots of primes."""
        if power.denominator == 1:
            return constant(rational(Fraction(number) ** int(power)))
        whole, roots = Fraction(1), []
        for prime, count in prime_powers(number):
            total = Fraction(count * power)
            floor = total.numerator // total.denominator
            whole *= Fraction(prime) ** floor
            if total != floor:
                roots.append((("prime", prime), total - floor))
        return {tuple(sorted(roots, key=sort_key)): rational(whole)}

    def _content(self, polynomial: Polynomial) -> tuple[Polynomial, Polynomial]:
        """The monomial that all terms share times the first coefficient, and what is left."""
        shared = {a: e for a, e in next(iter(polynomial)) if a[0] != "exp"}
        for monomial in polynomial:
            powers = dict(monomial)
            shared = {a: min(e, powers[a]) for a, e in shared.items() if a in powers}
        rest = self.multiply(polynomial, {tuple((a, -e) for a, e in shared.items()): 1}) if shared else polynomial
        lead = frozen(rest)[0][1]
        return {tuple(shared.items()): lead}, scaled(rest, rational(1, lead))

    def exponential(self, inner: Polynomial) -> Polynomial:
        """`exp(inner)`; rational multiples of a logarithm come out as powers."""
        rest, logarithms = _split_logarithms(inner)
        result = single(("exp", frozen(rest))) if rest else constant(1)
        for argument, power in logarithms:
            result = self.multiply(result, self.power(argument, power))
        return result

    def logarithm(self, inner: Polynomial) -> Polynomial:
        """`log(inner)`, split over the factors of a product that are surely positive."""
        if len(inner) != 1 or not self.is_positive(inner):
            return single(("call", "log", (frozen(inner),)))
        ((monomial, coefficient),) = inner.items()
        terms = [scaled(single(("call", "log", (frozen(constant(p)),))), c) for p, c in prime_powers(coefficient)]
        for atom, power in monomial:
            whole = dict(atom[1]) if atom[0] == "exp" else single(("call", "log", (frozen(single(atom)),)))
            terms.append(scaled(whole, power))
        return added(*terms)

    def delta(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """Kronecker's delta of two positions."""
        if left == right:
            return constant(1)
        return single(("delta", *sorted((frozen(left), frozen(right)), key=sort_key)))

    def is_positive(self, inner: Polynomial) -> bool:
        """Whether a polynomial is surely greater than zero."""
        return bool(inner) and all(c > 0 and all(self._positive_atom(a) for a, _ in m) for m, c in inner.items())

    def _positive_atom(self, atom: Atom) -> bool:
        if atom[0] == "element":
            return atom[1] in self.positive
        if atom[0] == "polynomial":
            return self.is_positive(dict(atom[1]))
        if atom[0] == "sum":
            return all(self._positive_atom(a) for a, _ in atom[2])
        return atom[0] in ("exp", "size", "prime") or atom == ("constant", "pi")

    def cleared(self, polynomial: Polynomial) -> Polynomial:
        """The polynomial times its denominators, until none is left that is a polynomial itself."""
        for _ in range(EXPANDED_POWER):
            worst: dict[Atom, Number] = {}
            for monomial in polynomial:
                for atom, power in monomial:
                    if atom[0] in ("polynomial", "sum") and power < 0:
                        worst[atom] = min(worst.get(atom, power), power)
            if not worst:
                break
            total: Polynomial = {}
            for monomial, coefficient in polynomial.items():
                part = constant(coefficient)
                left = {atom: -power for atom, power in worst.items()}
                for atom, power in monomial:
                    left[atom] = rational(left.get(atom, 0) + power)
                for atom, power in left.items():
                    part = self.multiply(part, self._opened(atom, power))
                total = added(total, part)
            polynomial = total
        return polynomial

    def _opened(self, atom: Atom, power: Number) -> Polynomial:
        if not power:
            return constant(1)
        if atom[0] == "polynomial":
            return self.power(dict(atom[1]), power)
        return self.monomial([(atom, power)])

    # ------------------------------------------------ sums

    def summed(self, monomial: Monomial, sizes: Mapping[Atom, Frozen]) -> Polynomial:
        """A monomial summed over labels: deltas contracted, free factors let out, the rest split where it is loose."""
        for label in sizes:
            for place, (atom, _) in enumerate(monomial):
                target = _contracted(atom, label)
                if target is not None:
                    rest = monomial[:place] + monomial[place + 1 :]
                    left = {other: size for other, size in sizes.items() if other != label}
                    moved = self.relabelled(rest, {label: target})
                    return added(*(scaled(self.summed(m, left), c) for m, c in moved.items()))
        for label in sizes:
            joined = self._cancelled(monomial, label)
            if joined is not None:
                left = {other: size for other, size in sizes.items() if other != label}
                return added(*(scaled(self.summed(m, left), c) for m, c in joined.items()))
        factors = [part for factor in monomial for part in _parts(factor)]
        sizes = dict(sizes)
        factors = [part for factor in factors for part in self._merged_into(factor, sizes)]
        inside = [f for f in factors if not labels_in(f[0]).isdisjoint(sizes)]
        result = self.monomial([f for f in factors if labels_in(f[0]).isdisjoint(sizes)])
        for label, size in sizes.items():
            if not any(label in labels_in(atom) for atom, _ in inside):
                result = self.multiply(result, dict(size))
        for labels, group in connected(inside, sizes):
            result = self.multiply(result, self.canonical_sum([(label, sizes[label]) for label in labels], group))
        return result

    def _cancelled(self, monomial: Monomial, label: Atom) -> Polynomial | None:
        """A product in which a matrix and its inverse meet at `label` alone, with the identity in their place."""
        meeting = [factor for factor in monomial if label in labels_in(factor[0])]
        if len(meeting) != 2 or any(power != 1 for _, power in meeting):
            return None
        kinds = {atom[0]: atom for atom, _ in meeting}
        matrix, inverse = kinds.get("element"), kinds.get("entry")
        if matrix is None or inverse is None or inverse[1][:2] != ("inv", matrix[1]):
            return None
        (a, b), (c, d) = matrix[2], inverse[2]
        ends = [(a, d, b, c), (c, b, d, a)]
        if matrix[1] in self.symmetric:
            ends += [(a, c, b, d), (b, d, a, c)]
        for first, last, left, right in ends:
            if left == right and sole_label(left) == label:
                others = [factor for factor in monomial if factor not in meeting]
                return self.multiply(self.delta(dict(first), dict(last)), {tuple(others): 1})
        return None

    def _merged_into(self, factor: Factor, sizes: dict[Atom, Frozen]) -> list[Factor]:
        """A sum under a sum becomes one sum: its factors, with its labels added to `sizes` under new names."""
        atom, power = factor
        if atom[0] != "sum" or power.denominator != 1 or power < 0 or labels_in(atom).isdisjoint(sizes):
            return [factor]
        level = height(atom)
        merged: list[Factor] = []
        for _ in range(int(power)):
            fresh = {
                ("bound", level, place): ("index", f"merged {len(sizes) + place}") for place in range(len(atom[1]))
            }
            ((body, _),) = self.relabelled(atom[2], fresh).items()
            sizes |= dict(zip(fresh.values(), atom[1], strict=True))
            merged.extend(body)
        return merged

    def canonical_sum(self, labels: list[tuple[Atom, Frozen]], factors: Sequence[Factor]) -> Polynomial:
        """The sum over `labels` of a product, numbered so that the result does not depend on the labels' names."""
        level = 1 + max((height(atom) for atom, _ in factors), default=0)
        best: tuple[str, Polynomial] | None = None
        for order in self._orders(labels, factors):
            numbering = {label: ("bound", level, place) for place, (label, _) in enumerate(order)}
            sizes = tuple(size for _, size in order)
            total: Polynomial = {}
            for body, coefficient in self.relabelled(factors, numbering).items():
                total = added(total, scaled(single(("sum", sizes, body)), coefficient))
            key = repr(frozen(total))
            if best is None or key < best[0]:
                best = (key, total)
        assert best is not None
        return best[1]

    def _orders(
        self, labels: list[tuple[Atom, Frozen]], factors: Sequence[Factor]
    ) -> Iterable[tuple[tuple[Atom, Frozen], ...]]:
        """The orders of labels that refinement cannot tell apart."""
        if len(labels) == 1:
            return [tuple(labels)]
        classes: dict[str, list[tuple[Atom, Frozen]]] = {}
        for here, size in labels:
            marks: dict[Atom, Atom] = {other: ("bound", "other", repr(s)) for other, s in labels}
            marks[here] = ("bound", "here", repr(size))
            classes.setdefault(repr(frozen(self.relabelled(factors, marks))), []).append((here, size))
        ranked = [permutations(classes[key]) for key in sorted(classes)]
        return (tuple(e for group in choice for e in group) for choice in islice(product(*ranked), TRIED_ORDERS))

    # ------------------------------------------------ relabelling

    def relabelled(self, factors: Iterable[Factor], labels: Labels) -> Polynomial:
        """A product with labels replaced, everything put back in its normal form."""
        return self.multiplied(self._relabelled_atom(atom, power, labels) for atom, power in factors)

    def _relabelled_value(self, value: Frozen, labels: Labels) -> Polynomial:
        if labels_in(value).isdisjoint(labels):
            return dict(value)
        return added(*(scaled(self.relabelled(monomial, labels), c) for monomial, c in value))

    def _relabelled_atom(self, atom: Atom, power: Number, labels: Labels) -> Polynomial:
        if labels_in(atom).isdisjoint(labels):
            return single(atom, power)
        kind = atom[0]

        def moved(part: Frozen) -> Polynomial:
            return self._relabelled_value(part, labels)

        if kind in ("index", "bound"):
            return single(labels[atom], power)
        if kind == "exp":
            return self.exponential(scaled(moved(atom[1]), power))
        if kind == "polynomial":
            return self.power(moved(atom[1]), power)
        if kind == "delta":
            return self.delta(moved(atom[1]), moved(atom[2]))
        if kind == "sum":
            level = height(atom)
            inner = [(("bound", level, place), size) for place, size in enumerate(atom[1])]
            hidden = {label: ("index", f"inner {level} {place}") for place, (label, _) in enumerate(inner)}
            loose = self.relabelled(atom[2], hidden)
            apart = [(hidden[label], frozen(moved(size))) for label, size in inner]
            total = added(*(scaled(self.summed_as_is(m, apart, labels), c) for m, c in loose.items()))
            return self.power(total, power)
        if kind in ("element", "entry"):
            return self.power(self.placed(atom[:2], tuple(frozen(moved(part)) for part in atom[2])), power)
        if kind == "call":
            return self._recalled(atom[:2], tuple(frozen(moved(part)) for part in atom[2]), power)
        return single((kind, *(frozen(moved(p)) if isinstance(p, tuple) else p for p in atom[1:])), power)

    def summed_as_is(self, monomial: Monomial, sizes: list[tuple[Atom, Frozen]], labels: Labels) -> Polynomial:
        """A sum that is already split, with labels outside it replaced."""
        moved = self.relabelled(monomial, labels)
        return added(*(scaled(self.canonical_sum(sizes, body), c) for body, c in moved.items()))

    def _recalled(self, head: Atom, parts: tuple[Frozen, ...], power: Number) -> Polynomial:
        if head == ("call", "log"):
            return self.power(self.logarithm(dict(parts[0])), power)
        if head[0] == "call" and head[1] in ("greater", "equal", "sign", "abs"):
            return self.power(self.called(head[1], [dict(part) for part in parts]), power)
        return single((*head, parts), power)


def _split_logarithms(exponent: Polynomial) -> tuple[Polynomial, list[tuple[Polynomial, Number]]]:
    """An exponent without its rational multiples of logarithms; and those, as arguments with their multiples."""
    rest: Polynomial = {}
    logarithms: list[tuple[Polynomial, Number]] = []
    for monomial, coefficient in exponent.items():
        if len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0][:2] == ("call", "log"):
            logarithms.append((dict(monomial[0][0][2][0]), coefficient))
        else:
            rest[monomial] = coefficient
    return rest, logarithms


def _parts(factor: Factor) -> list[Factor]:
    """An exponential of a sum as factors, one a term, so that each can leave a sum it does not depend on."""
    atom, power = factor
    if atom[0] != "exp":
        return [factor]
    return [(("exp", (term,)), power) for term in atom[1]]


def _contracted(atom: Atom, label: Atom) -> Atom | None:
    """The label that a delta ties `label` to, when the atom is such a delta."""
    if atom[0] != "delta":
        return None
    left, right = sole_label(atom[1]), sole_label(atom[2])
    if left == label:
        return right
    return left if right == label else None
