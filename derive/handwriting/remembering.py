"""The oracle with short cuts: what it has computed it remembers, and what a delta decides it does not compute.

Every expression becomes a function of the machine once, with its short cuts chosen: a function or a sum is computed
once for each place of its free indices, a product with a delta that is zero is zero, and a sum over an index that a
delta ties to others has one term. What a node is worth stays the plain oracle's business, and a law holds both equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from operator import add, mul
from typing import Any, TypeAlias, TypeVar

from sympy import Add, Expr, Function, Integer, Mul, Pow

from derive.errors import ShapeError
from derive.notation.writing import printed_name
from derive.program import (
    Delta,
    Dim,
    Index,
    Reduction,
    Sum,
    elements,
    free_indices,
    is_element,
    name_of,
    positions_of,
)
from derive.verification.oracle import Machine

EXPRESSIONS = 32768  # that are kept as functions

T = TypeVar("T")
Value: TypeAlias = "Callable[[Remembering], Any]"
Place: TypeAlias = "Callable[[Remembering], int]"


class Remembering(Machine):
    """The oracle's machine, which computes each function and sum once for each place of its free indices."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: dict[tuple[Any, ...], Any] = {}
        self.zero, self.one = (self.numbers.rational(number, 1) for number in (0, 1))
        self.counts: dict[Expr, int] = {}
        self.functions: dict[tuple[Any, int], tuple[Expr, Any]] = {}

    def made(self, make: Callable[[Any], T], value: Expr) -> T:
        """What an expression was made into; the same object is found again without looking into it."""
        key = make, id(value)
        if key not in self.functions:
            self.functions[key] = value, make(value)
        found: T = self.functions[key][1]
        return found

    def value(self, value: Expr) -> Any:
        """One number, by the function that its expression became."""
        return self.made(_value, value)(self)

    def position(self, position: Expr) -> int:
        """A position, in whole numbers as far as it goes."""
        return self.made(_place, position)(self)

    def size(self, size: Expr) -> int:
        """A size as a number, which is the same everywhere unless an element tells it."""
        if elements(size):
            return super().size(size)
        if size not in self.counts:
            self.counts[size] = super().size(size)
        return self.counts[size]

    def plain(self, value: Expr) -> Any:
        """One number, as the plain oracle computes it."""
        return super().value(value)

    def entries(self, value: Reduction) -> Iterator[Any]:
        """The values of the body wherever no delta makes it zero."""
        loose, decided, body = self.made(_plan, value)
        outer = self.at
        for position in product(*[range(self.size(index.size)) for index in loose]):
            self.at = outer | dict(zip(loose, position, strict=True))
            for index, place in decided:
                self.at[index] = there = place(self)
                if not 0 <= there < self.size(index.size):
                    break
            else:
                yield body(self)
        self.at = outer


# ---------------------------------------------------------------- values


@lru_cache(maxsize=EXPRESSIONS)
def _value(value: Expr) -> Value:
    """A value as a function of the machine."""
    if is_element(value):
        return _element(name_of(value), tuple(map(_place, positions_of(value))))
    if isinstance(value, Delta):
        here = _holds(value)
        return lambda machine: machine.one if here(machine) else machine.zero
    if isinstance(value, Mul):
        return _product(value)
    if isinstance(value, Add):
        return _remembered(value, _folded(add, [_value(term) for term in value.args]))
    if isinstance(value, Pow):
        base, exponent = _value(value.base), _value(value.exp)
        return _remembered(value, lambda machine: machine.numbers.power(base(machine), exponent(machine)))
    compute: Value = lambda machine: machine.plain(value)  # noqa: E731
    return _remembered(value, compute) if isinstance(value, Reduction | Function) or not value.args else compute


def _remembered(value: Expr, compute: Value) -> Value:
    """A function that keeps what it found for each place of the free indices of its value."""
    places = tuple(free_indices(value))

    def known(machine: Remembering) -> Any:
        at = machine.at
        key = (compute, *[at[index] for index in places])
        found = machine.known.get(key)
        if found is None:
            found = machine.known[key] = compute(machine)
        return found

    return known


def _element(name: str, places: Sequence[Place]) -> Value:
    """An entry of an array, which has to lie inside of it."""

    def entry(machine: Remembering) -> Any:
        position = tuple([place(machine) for place in places])
        try:
            if min(position, default=0) >= 0:
                return machine.arrays[name][position]
        except IndexError:
            pass
        where = ", ".join(str(at + 1) for at in position)
        raise ShapeError(f"an index runs outside: {printed_name(name)} has no entry at {where}")

    return entry


def _folded(operation: Callable[[Any, Any], Any], parts: Sequence[Value]) -> Value:
    first, *others = parts

    def fold(machine: Remembering) -> Any:
        total = first(machine)
        for part in others:
            total = operation(total, part(machine))
        return total

    return fold


def _product(value: Mul) -> Value:
    """Factors one after the other, unless a delta among them is zero."""
    deltas = [_holds(factor) for factor in value.args if isinstance(factor, Delta)]
    others = [_value(factor) for factor in value.args if not isinstance(factor, Delta)]
    if not deltas:
        return _folded(mul, others)
    rest = _folded(mul, others) if others else lambda machine: machine.one
    return lambda machine: rest(machine) if all(holds(machine) for holds in deltas) else machine.zero


@lru_cache(maxsize=EXPRESSIONS)
def _plan(value: Reduction) -> tuple[tuple[Index, ...], list[tuple[Index, Place]], Value]:
    """The indices to go through, those that a delta under a sum then decides, and the body."""
    decided: dict[Expr, Expr] = {}
    for factor in Mul.make_args(value.body) if isinstance(value, Sum) else ():
        for index in value.indices if isinstance(factor, Delta) else ():
            other = _solved(factor.xreplace(decided), index)
            if other is not None:
                decided = {known: place.xreplace({index: other}) for known, place in decided.items()} | {index: other}
                break
    loose = tuple(index for index in value.indices if index not in decided)
    return loose, [(index, _place(place)) for index, place in decided.items()], _value(value.body)


def _solved(delta: Expr, index: Index) -> Expr | None:
    """Where an index has to be for a delta to hold; None where that is no sum of other indices and sizes."""
    if not isinstance(delta, Delta):
        return None
    left, right = delta.args
    rest = left - right
    factor = rest.coeff(index)
    if factor not in (1, -1) or elements(rest):
        return None
    other = index - factor * rest
    return None if index in other.free_symbols else other


# ---------------------------------------------------------------- places


@lru_cache(maxsize=EXPRESSIONS)
def _place(position: Expr) -> Place:
    """A position as a function of the machine."""
    if isinstance(position, Index):
        return lambda machine: machine.at[position]
    if isinstance(position, Integer):
        number = int(position)
        return lambda machine: number
    if isinstance(position, Dim):
        return lambda machine: machine.size(position)
    if isinstance(position, Add | Mul):
        return _folded(add if isinstance(position, Add) else mul, [_place(part) for part in position.args])
    value = _value(position)
    return lambda machine: int(value(machine))


def _holds(delta: Delta) -> Callable[[Remembering], bool]:
    left, right = (_place(side) for side in delta.args)
    return lambda machine: left(machine) == right(machine)
