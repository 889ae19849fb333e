"""The two floating types and the numbers that belong to them.

A value of a format is `1.m × 2^e`, stored as sign, biased exponent and the bits of m; every constant below follows
from the widths of those two fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mpmath import mp

Kind: TypeAlias = Literal["f64", "f32", "i64", "i32", "i1"]


@dataclass(frozen=True)
class Format:
    """A binary floating type of IEEE 754."""

    dtype: str
    real: Kind
    integer: Kind
    mantissa: int
    bias: int

    @property
    def shifter(self) -> float:
        """Added to a small number, it leaves the nearest integer in the lowest bits of the sum."""
        return 1.5 * 2.0**self.mantissa

    @property
    def one(self) -> int:
        """The bits of 1."""
        return self.bias << self.mantissa

    @property
    def smallest_normal(self) -> float:
        """Below it numbers lose digits."""
        return 2.0 ** (1 - self.bias)

    @property
    def mantissa_mask(self) -> int:
        """The bits of m."""
        return (1 << self.mantissa) - 1

    @property
    def all_bits(self) -> int:
        """A mask that keeps every bit."""
        return (1 << (self.mantissa + self.bias.bit_length() + 2)) - 1

    @property
    def leading_mask(self) -> int:
        """A mask that keeps the leading half of the digits: a product of two such numbers is exact."""
        return self.all_bits - ((1 << (self.mantissa + 2) // 2) - 1)

    def power_of_two(self, exponent: int) -> int:
        """The bits of a power of two."""
        return (self.bias + exponent) << self.mantissa


DOUBLE = Format("float64", "f64", "i64", 52, 1023)
SINGLE = Format("float32", "f32", "i32", 23, 127)
FORMATS = {format.dtype: format for format in (DOUBLE, SINGLE)}
BY_KIND = {format.real: format for format in FORMATS.values()}


def in_parts(exact: Any, digits: int) -> tuple[float, float]:
    """A constant cut to a number of binary digits, and what is missing; `exact` has more digits than both."""
    with mp.workdps(60):
        unit = mp.mpf(2) ** (mp.frexp(exact)[1] - digits)
        head = mp.floor(exact / unit) * unit
        return float(head), float(exact - head)


def exactly(value: Any) -> Any:
    """The value of a function without arguments, with 60 digits."""
    with mp.workdps(60):
        return value()
