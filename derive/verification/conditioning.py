"""True values at the ends of floating point, and how far a kernel may be from them.

Two questions that the oracle leaves open. How many digits does a value need? `exact` watches every sum while it is
computed, and every logarithm near zero, and takes more digits until nothing that cancels, or is lost beside a larger
term, can be seen in the result.
And how well can it be known? `spread` moves every real input by one rounding, and likewise constants such as π, sums
over an index (as adding term by term would), names whose equations have such sums, and the logarithms of powers with
any exponent; it tells how far the true value goes, and no algorithm is blamed for that. Inputs that are whole
numbers stay where they are, and so does every name that is computed entry by entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sympy import Add, Expr, Pow

from derive.domains import Domain
from derive.primitives import log
from derive.program import Entry, Equation, Program, Reduction, Sum, is_element, walk
from derive.verification.oracle import Arrays, Machine, prepared

START, MOST, GUARD = 60, 1000, 30  # digits: the first try, the last one, and what a result keeps
MATRIX = 300  # digits for functions of whole matrices, whose sums are not seen
BITS = 3.32  # of a digit
ROUNDING = mpmath.mpf(2) ** -53
DRAWS = 6


class _Watched(Machine):
    """An evaluation that notes the digits its sums need, and rounds its sums when it is given a generator."""

    rng: np.random.Generator | None = None
    needed = 0.0

    def finished(self, equation: Equation, filled: NDArray[Any]) -> NDArray[Any]:
        """The values of an equation, rounded when they come of adding over an index."""
        if self.rng is None or not any(isinstance(part, Sum) for part in walk(equation.value)):
            return filled
        return _rounded(filled, self.rng.uniform(-1, 1, filled.shape))

    def value(self, value: Expr) -> Any:
        if isinstance(value, Add):
            terms = [self.value(term) for term in value.args]
            return self._watched(terms, sum(terms[1:], terms[0]))
        found = super().value(value)
        if isinstance(value, log) and not (value.args[0].is_Rational or is_element(value.args[0])):
            near_one = MOST * BITS if found == 0 else -mpmath.mag(found)  # what is one, or nearly, may be rounded to it
            self.needed = max(self.needed, float(near_one) / BITS + GUARD)
        if self.rng is not None and isinstance(value, Pow) and not value.exp.is_Rational and found > 0:
            return found * (1 + self._some() * ROUNDING * abs(mpmath.log(found)))
        if self.rng is not None and value.is_number and not value.is_Rational:
            return found * (1 + self._some() * ROUNDING)
        return found

    def reduction(self, value: Reduction) -> Any:
        if not isinstance(value, Sum):
            return super().reduction(value)
        terms = list(self.entries(value))
        total = self._watched(terms, sum(terms, self.numbers.rational(0, 1)))
        if self.rng is None:
            return total
        return total + self._some() * ROUNDING * sum(map(abs, terms))

    def _some(self) -> float:
        return 0.0 if self.rng is None else self.rng.uniform(-1, 1)

    def entry(self, value: Entry) -> Any:
        self.needed = max(self.needed, MATRIX)
        return super().entry(value)

    def _watched(self, terms: list[Any], total: Any) -> Any:
        sizes = [mpmath.mag(term) for term in (*terms, total) if term and mpmath.isfinite(term)]
        lost = mpmath.inf if total == 0 and len(sizes) > 1 else max(sizes, default=0) - min(sizes, default=0)
        self.needed = max(self.needed, float(min(lost, MOST * BITS)) / BITS + GUARD)
        return total


def exact(program: Program, inputs: Mapping[str, ArrayLike]) -> tuple[Arrays, int]:
    """Every name of `program` at `inputs`, and the number of digits that this took."""
    digits = START
    while True:
        with mpmath.workdps(digits):
            machine = prepared(_Watched, program, inputs, digits)
            found = machine.run()
        if machine.needed <= digits or digits == MOST:
            return found, digits
        digits = int(min(max(machine.needed, 2 * digits), MOST))


def spread(program: Program, inputs: Mapping[str, ArrayLike], truth: Arrays, digits: int) -> Arrays:
    """How far each output moves when inputs and what is added up are off by one rounding."""
    found: Arrays = {}
    for seed in range(DRAWS):
        with mpmath.workdps(digits):
            machine = prepared(_Watched, program, inputs, digits)
            machine.rng = np.random.default_rng(seed)
            for array in program.inputs:
                machine.arrays[array.name] = _moved(machine.arrays[array.name], array.domain, machine.rng)
            values = machine.run()
            for name in program.outputs:
                distance = np.asarray(np.abs(values[name] - truth[name]), dtype=object)
                found[name] = np.asarray(np.maximum(found.get(name, distance), distance), dtype=object)
    return found


def _moved(given: Any, domain: Domain, rng: np.random.Generator) -> Any:
    """Entries up to one rounding away, unless they are whole numbers by declaration."""
    if domain.integer:
        return given
    parts = rng.uniform(-1, 1, given.shape)
    if domain.symmetric:
        parts = np.tril(parts) + np.swapaxes(np.tril(parts, -1), -1, -2)
    return _rounded(given, parts)


def _rounded(given: Any, parts: Any) -> Any:
    """Entries moved by parts of a rounding."""
    return np.asarray(given + given * parts * ROUNDING, dtype=object)
