"""The oracle: what a program means, by nested loops, in floating point or to any number of digits.

It is dumb on purpose. Every entry of every array is computed one by one from the text of its equation; nothing is
shared, hoisted or rearranged. Everything clever is compared with it. Functions are taken from their rows: their `value`
where they have one, else their `meaning`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, TypeVar

import mpmath
import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from sympy import Add, Expr, Mul, Pow

from derive.array_functions import ArrayFunction, row_of
from derive.errors import DomainError, ShapeError
from derive.primitives import primitive
from derive.program import (
    Delta,
    Dim,
    Entry,
    Equation,
    Index,
    Maximum,
    Product,
    Program,
    Reduction,
    elements,
    is_element,
    name_of,
    positions_of,
)

Arrays = dict[str, NDArray[Any]]
M = TypeVar("M", bound="Machine")


def evaluate(
    program: Program, inputs: Mapping[str, ArrayLike], digits: int | None = 50, machine: type[Machine] | None = None
) -> Arrays:
    """Every name of `program` at `inputs`: object arrays of mpmath numbers, or float64 arrays when `digits` is None.

    Another `machine` may take short cuts; the plain one takes none.

    Raises:
        ShapeError: an input is missing, or sizes disagree.
    """
    with mpmath.workdps(digits or 15), np.errstate(all="ignore"):
        return prepared(machine or Machine, program, inputs, digits).run()


def prepared(kind: Callable[..., M], program: Program, inputs: Mapping[str, ArrayLike], digits: int | None) -> M:
    """A machine of a kind for `program`, its `inputs` taken in; it runs in mpmath's working precision."""
    numbers = _Floats() if digits is None else _Digits()
    return kind(program, {name: numbers.array(value) for name, value in inputs.items()}, numbers)


def sizes_of(program: Program, inputs: Mapping[str, ArrayLike]) -> dict[Dim, int]:
    """The sizes that the shapes of `inputs` give the dimensions of `program`.

    Raises:
        ShapeError: an input is missing, has the wrong number of axes, or disagrees with another.
    """
    found: dict[Dim, tuple[int, str]] = {}
    for array in program.inputs:
        if array.name not in inputs:
            raise ShapeError(f"the input {array.name!r} is missing")
        shape = np.shape(inputs[array.name])
        if len(shape) != len(array.shape):
            raise ShapeError(f"{array} has {len(array.shape)} axes, but the shape {shape} was given")
        for size, given in zip(array.shape, shape, strict=True):
            if isinstance(size, Dim):
                known, where = found.setdefault(size, (given, array.name))
                if known != given:
                    raise ShapeError(f"{size} is {known} in {where} but {given} in {array.name}")
            elif size.is_Integer and int(size) != given:
                raise ShapeError(f"{array.name} has the fixed size {size}, but {given} was given")
    return {size: given for size, (given, _) in found.items()}


class Machine:
    """The state of an evaluation: sizes, arrays, and the positions of the indices."""

    def __init__(self, program: Program, arrays: Arrays, numbers: _Floats | _Digits) -> None:
        self.program, self.arrays, self.numbers = program, arrays, numbers
        self.sizes = sizes_of(program, arrays)
        self.at: dict[Index, int] = {}
        self.computed: dict[tuple[Any, ...], NDArray[Any]] = {}

    def run(self) -> Arrays:
        """The arrays given, and those of every equation, in their order."""
        for equation in self.program.equations:
            shape = tuple(self.size(size) for size in equation.shape)
            filled = np.empty(shape, dtype=self.numbers.dtype)
            for position in np.ndindex(*shape):
                self.at = dict(zip(equation.indices, position, strict=True))
                filled[position] = self.value(equation.value)
            self.arrays[equation.target] = self.finished(equation, filled)
        return self.arrays

    def finished(self, equation: Equation, filled: NDArray[Any]) -> NDArray[Any]:
        """The values of an equation as later ones read them."""
        return filled

    def size(self, size: Expr) -> int:
        """A size as a number."""
        value = size.xreplace({dim: sympy.Integer(n) for dim, n in self.sizes.items()})
        if not value.is_Integer and all(name_of(ref) in self.arrays for ref in elements(value)):
            return max(self.position(value), 0)
        if not value.is_Integer:
            raise ShapeError(f"the size {size} is not known: no input has it")
        return max(int(value), 0)

    def position(self, position: Expr) -> int:
        """An integer expression over indices, sizes and integer elements."""
        return self.at[position] if isinstance(position, Index) else int(self.value(position))

    def value(self, value: Expr) -> Any:
        """One number."""
        if value.is_Rational:
            return self.numbers.rational(int(value.p), int(value.q))
        if isinstance(value, Index):
            return self.numbers.rational(self.at[value], 1)
        if isinstance(value, Dim):
            return self.numbers.rational(self.size(value), 1)
        if is_element(value):
            return self.arrays[name_of(value)][tuple(map(self.position, positions_of(value)))]
        if isinstance(value, Add):
            return sum((self.value(term) for term in value.args[1:]), self.value(value.args[0]))
        if isinstance(value, Mul):
            return prod((self.value(factor) for factor in value.args[1:]), start=self.value(value.args[0]))
        if isinstance(value, Pow):
            return self.numbers.power(self.value(value.base), self.value(value.exp))
        if isinstance(value, Delta):
            left, right = value.args
            return self.numbers.rational(int(self.position(left) == self.position(right)), 1)
        if isinstance(value, Reduction):
            return self.reduction(value)
        if isinstance(value, Entry):
            return self.entry(value)
        return self.function(value)

    def entry(self, value: Entry) -> Any:
        """An entry of a function of a whole array, which is computed once."""
        row = row_of(value)
        positions = tuple(map(self.position, value.positions))
        exponent, positions = (positions[:1], positions[1:]) if row.takes_exponent else ((), positions)
        key = (value.function, value.arrays, *exponent)
        if key not in self.computed:
            (name,) = value.arrays
            self.computed[key] = self.numbers.array_function(row, self.arrays[name], *exponent)
        return self.computed[key][positions]

    def reduction(self, value: Reduction) -> Any:
        """A value folded over the positions of its bound indices."""
        entries = list(self.entries(value))
        if isinstance(value, Maximum):
            return max(entries, default=self.numbers.infinity(-1))
        if isinstance(value, Product):
            return prod(entries, start=self.numbers.rational(1, 1))
        return sum(entries, self.numbers.rational(0, 1))

    def entries(self, value: Reduction) -> Iterator[Any]:
        """The values of the body at every position of the bound indices."""
        outer = dict(self.at)
        for position in product(*(range(self.size(index.size)) for index in value.indices)):
            self.at = outer | dict(zip(value.indices, position, strict=True))
            yield self.value(value.body)
        self.at = outer

    def function(self, value: Expr) -> Any:
        """A call of a function from the table, or a constant."""
        row = primitive(value)
        if row is None:
            return self.numbers.constant(value)
        if row.value is None:
            assert row.meaning is not None
            return self.value(row.meaning(*value.args))
        return self.numbers.call(row.value, [self.value(arg) for arg in value.args])


def _array_function(row: ArrayFunction, given: NDArray[Any], *exponent: int) -> NDArray[Any]:
    """A function of a matrix in mpmath numbers; not-a-number where it is not defined."""
    size = given.shape[-1]
    shape = (size,) * row.rank
    result = np.empty(shape, dtype=object)
    if size == 0:
        result[...] = mpmath.mpf(row.name == "det")
        return result
    result[...] = mpmath.nan
    try:
        found = row.value(mpmath, mpmath.matrix(given.tolist()), *exponent)
    except (ZeroDivisionError, ValueError, ArithmeticError):
        return result
    for at, position in enumerate(np.ndindex(*shape)):
        entry = found if row.rank == 0 else found[position] if row.rank == 2 else found[at]
        entry = mpmath.mpmathify(entry)
        small = abs(entry.imag) <= abs(entry) * mpmath.mpf(10) ** (5 - mpmath.mp.dps)
        result[position] = entry.real if small else mpmath.nan
    return result


class _Floats:
    """IEEE double precision: division by zero is infinite, nothing raises."""

    dtype: Any = np.float64

    def array(self, value: ArrayLike) -> NDArray[Any]:
        return np.asarray(value, dtype=np.float64)

    def rational(self, over: int, under: int) -> Any:
        return np.float64(over) / np.float64(under)

    def infinity(self, sign: int) -> Any:
        return np.float64(sign * np.inf)

    def constant(self, value: Expr) -> Any:
        return np.float64(np.nan if value.is_extended_real is False else float(value))

    def power(self, base: Any, exponent: Any) -> Any:
        return np.power(base, exponent)

    def call(self, function: Any, args: list[Any]) -> Any:
        return np.float64(function(_NUMPY, *args))

    def array_function(self, row: ArrayFunction, given: NDArray[Any], *exponent: int) -> NDArray[Any]:
        if not np.isfinite(given).all():
            given = np.full(given.shape, np.nan)
        return _array_function(row, given, *exponent).astype(np.float64)


class _Numpy:
    """NumPy's functions under the names that rows use, which are mpmath's."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, {"atan": "arctan"}.get(name, name), None)
        return found or (lambda *args: _at_no_pole(getattr(mpmath.fp, name), *map(float, args)))


def _at_no_pole(function: Any, *args: float) -> Any:
    try:
        return np.float64(function(*args))
    except (ValueError, ZeroDivisionError, OverflowError):
        return np.float64(np.nan)


_NUMPY = _Numpy()


class _Digits:
    """mpmath numbers at the working precision; where mpmath raises, the limit that IEEE defines."""

    dtype: Any = object

    def array(self, value: ArrayLike) -> NDArray[Any]:
        given = np.asarray(value)
        found = np.empty(given.shape, dtype=object)
        for position in np.ndindex(*given.shape):
            entry = given[position]
            found[position] = entry if isinstance(entry, mpmath.mpf) else mpmath.mpf(float(entry))
        return found

    def rational(self, over: int, under: int) -> Any:
        return mpmath.mpf(over) / under

    def infinity(self, sign: int) -> Any:
        return sign * mpmath.inf

    def constant(self, value: Expr) -> Any:
        return mpmath.nan if value.is_extended_real is False else mpmath.mpf(value.evalf(mpmath.mp.dps + 5)._mpf_)

    def power(self, base: Any, exponent: Any) -> Any:
        if base == 0 and exponent < 0:
            return mpmath.inf
        return self._real(base**exponent)

    def array_function(self, row: ArrayFunction, given: NDArray[Any], *exponent: int) -> NDArray[Any]:
        return _array_function(row, given, *exponent)

    def call(self, function: Any, args: list[Any]) -> Any:
        try:
            return self._called(function, args)
        except (OverflowError, MemoryError):
            raise DomainError("a value is too large to be computed with") from None
        except (ValueError, ZeroDivisionError):  # a pole
            return mpmath.nan

    def _called(self, function: Any, args: list[Any]) -> Any:
        return self._real(mpmath.mpf(0) + function(mpmath, *args))

    def _real(self, value: Any) -> Any:
        return mpmath.nan if isinstance(value, mpmath.mpc) else value
