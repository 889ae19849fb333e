"""One walk over a scalar expression that every native backend shares.

It decides what is computed: which products become quotients, which powers multiplications or square roots, how a sum
begins. A backend says what each operation looks like. Values are of one floating type; comparisons are of a type of
their own until they are used as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Generic, TypeVar

from sympy import Add, Expr, Integer, Mul, Pow, Rational, S

from derive.errors import BackendUnavailable
from derive.primitives import primitive
from derive.program import Delta, Dim, Index, free_indices, is_element

T = TypeVar("T")
COMPARISONS = {">", ">=", "<", "<=", "=="}
MULTIPLIED_OUT = 8


def is_multiplied_out(exponent: Expr) -> bool:
    """Whether a power needs multiplications, a division and a square root only."""
    if not exponent.is_Rational:
        return False
    return bool(abs(exponent) == Rational(1, 2) or (exponent.is_Integer and abs(exponent) <= MULTIPLIED_OUT))


class Speller(Generic[T]):
    """The walk; subclasses spell the operations."""

    def spell(self, value: Expr) -> T:
        """One number."""
        if value.is_Rational:
            return self.number(Fraction(int(value.p), int(value.q)))
        if value is S.NegativeInfinity:
            return self.negative_infinity()
        if isinstance(value, Index | Dim):
            return self.real(self.integer(value))
        if is_element(value):
            return self.load(value)
        if isinstance(value, Add):
            return self.sum(value)
        if isinstance(value, Mul):
            return self.product(value)
        if isinstance(value, Pow):
            return self.power(value)
        if isinstance(value, Delta):
            return self.select(self.same_position(*value.args), self.number(Fraction(1)), self.number(Fraction(0)))
        if not value.args:
            return self.constant(value)
        return self.call(value)

    def sum(self, value: Add) -> T:
        """Terms added from left to right, negative ones subtracted."""
        terms = sorted(value.args, key=lambda term: bool(term.as_coeff_Mul()[0].is_negative))
        total = self.spell(terms[0])
        for term in terms[1:]:
            if term.as_coeff_Mul()[0].is_negative:
                total = self.binary("-", total, self.spell(-term))
            else:
                total = self.binary("+", total, self.spell(term))
        return total

    def product(self, value: Mul) -> T:
        """Factors multiplied, what depends on no index first so that it is computed once; one quotient for the rest.

        A delta chooses: what it switches off may be infinite.
        """
        delta = next((factor for factor in value.args if isinstance(factor, Delta)), None)
        if delta is not None:
            others = self.spell(Mul(*(factor for factor in value.args if factor is not delta)))
            return self.select(self.same_position(*delta.args), others, self.number(Fraction(0)))
        number, rest = value.as_coeff_Mul()
        above: list[Expr] = []
        below: list[Expr] = []
        for factor in sorted(Mul.make_args(rest), key=lambda factor: len(free_indices(factor))):
            base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
            if power.is_Rational and power < 0:
                below.append(Pow(base, -power))
            else:
                above.append(factor)
        size = abs(number)
        sizes = [factor for factor in below if isinstance(factor, Dim)]
        if sizes and len(sizes) < len(above) + len(below):
            below = [factor for factor in below if factor not in sizes]
            front = self.quotient([Integer(size.p)], [Integer(size.q), *sizes] if size.q != 1 else sizes)
            spelled = self.times([front, *map(self.spell, above)])
            spelled = self.binary("/", spelled, self.times([self.spell(f) for f in below])) if below else spelled
        elif below:
            over = [Integer(size.p), *above] if size.p != 1 or not above else above
            spelled = self.quotient(over, [Integer(size.q), *below] if size.q != 1 else below)
        else:
            spelled = self.quotient([size, *above] if size != 1 or not above else above, [])
        return self.negative(spelled) if number.is_negative else spelled

    def quotient(self, above: Sequence[Expr], below: Sequence[Expr]) -> T:
        """The product of what is above divided by that of what is below."""
        spelled = self.times([self.spell(factor) for factor in above or [S.One]])
        return self.binary("/", spelled, self.times([self.spell(f) for f in below])) if below else spelled

    def times(self, factors: Sequence[T]) -> T:
        """A product from left to right."""
        total = factors[0]
        for factor in factors[1:]:
            total = self.binary("*", total, factor)
        return total

    def power(self, value: Pow) -> T:
        """A power by multiplication where the exponent is a small whole number, by square roots where it is halves."""
        base, exponent = value.args
        if exponent.is_Rational and exponent < 0:
            return self.binary("/", self.number(Fraction(1)), self.spell(Pow(base, -exponent)))
        if exponent.is_Integer and exponent <= MULTIPLIED_OUT:
            return self.repeated(self.shared(self.spell(base)), int(exponent))
        if exponent == Rational(1, 2):
            return self.function("sqrt", [self.spell(base)])
        return self.function("pow", [self.spell(base), self.spell(exponent)])

    def repeated(self, base: T, times: int) -> T:
        """A whole power by squaring."""
        if times == 1:
            return base
        half = self.shared(self.repeated(base, times // 2))
        square = self.binary("*", half, half)
        return square if times % 2 == 0 else self.binary("*", square, base)

    def call(self, value: Expr) -> T:
        """A function of the table."""
        row = primitive(value)
        if row is not None and row.approximate:
            return self.series(row.name, [self.spell(arg) for arg in value.args])
        if row is None or not row.c:
            raise BackendUnavailable(f"no native backend can compute {value}")
        if row.c == "?:":
            condition, yes, no = value.args
            return self.select(self.condition(condition), self.spell(yes), self.spell(no))
        if row.c in COMPARISONS:
            return self.select(self.condition(value), self.number(Fraction(1)), self.number(Fraction(0)))
        args = [self.spell(arg) for arg in value.args]
        if row.c == "/":
            return self.binary("/", *args)
        if row.c in ("max", "min"):
            return self.extreme(row.c, self.shared(args[0]), self.shared(args[1]))
        return self.function(row.c, args)

    def condition(self, value: Expr) -> T:
        """A truth value: a comparison, or whether a number is not zero."""
        row = primitive(value)
        if row is not None and row.c in COMPARISONS:
            return self.compare(row.c, *(self.spell(arg) for arg in value.args))
        return self.compare("!=", self.spell(value), self.number(Fraction(0)))

    # ------------------------------------------------ what a backend spells

    def shared(self, value: T) -> T:
        """The value in a form that can be used twice."""
        return value

    def number(self, value: Fraction) -> T:
        """A rational constant."""
        raise NotImplementedError

    def constant(self, value: Expr) -> T:
        """Another constant, such as pi."""
        raise NotImplementedError

    def series(self, name: str, args: list[T]) -> T:
        """A function of many terms, which was not spelled out."""
        raise NotImplementedError

    def negative_infinity(self) -> T:
        """Minus infinity."""
        raise NotImplementedError

    def integer(self, value: Expr) -> T:
        """An integer expression over indices and sizes."""
        raise NotImplementedError

    def real(self, value: T) -> T:
        """An integer as a number."""
        raise NotImplementedError

    def load(self, value: Expr) -> T:
        """An element, or a local."""
        raise NotImplementedError

    def binary(self, sign: str, left: T, right: T) -> T:
        """One of the four operations."""
        raise NotImplementedError

    def negative(self, value: T) -> T:
        """The value with its sign changed."""
        raise NotImplementedError

    def compare(self, sign: str, left: T, right: T) -> T:
        """A comparison of numbers."""
        raise NotImplementedError

    def same_position(self, left: Expr, right: Expr) -> T:
        """Whether two positions are equal."""
        raise NotImplementedError

    def select(self, condition: T, yes: T, no: T) -> T:
        """One of two numbers."""
        raise NotImplementedError

    def extreme(self, which: str, left: T, right: T) -> T:
        """The larger or smaller of two numbers; not a number if one of them is."""
        raise NotImplementedError

    def function(self, name: str, args: list[T]) -> T:
        """A call of the C library."""
        raise NotImplementedError
