"""The sets that names are declared over.

A domain is three things at once: where samples are drawn, a licence for rules, and a word of documentation.
Every row of `DOMAINS` says all three; the text forms (`"positive"`, `"in {0,1}"`, `"index k"`) are read by `domain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from derive.errors import ParseError, nearest


@dataclass(frozen=True)
class Domain:
    """A set of arrays: an interval for each entry, perhaps finitely many values, perhaps a structure of the whole.

    `open_` says that the ends of the interval are excluded. `values` lists a finite set. `below` names the dimension
    that bounds an integer index. `structure` is a word for a property of the array as a whole, such as `"simplex"`.
    """

    name: str
    lower: float = -inf
    upper: float = inf
    open_: bool = False
    values: tuple[int, ...] = ()
    integer: bool = False
    nonzero: bool = False
    below: str = ""
    structure: str = ""

    @property
    def positive(self) -> bool:
        """Every entry is greater than zero."""
        return self.lower > 0 or (self.lower == 0 and (self.open_ or self.nonzero))

    @property
    def nonnegative(self) -> bool:
        """No entry is below zero."""
        return self.lower >= 0

    @property
    def nonzero_everywhere(self) -> bool:
        """No entry is zero."""
        return self.nonzero or self.positive

    @property
    def square(self) -> bool:
        """The array is a square matrix."""
        return self.symmetric or self.structure in ("invertible", "orthogonal", "lower triangular")

    @property
    def invertible(self) -> bool:
        """The array is a matrix that has an inverse."""
        return self.structure in ("spd", "invertible", "orthogonal")

    @property
    def tied(self) -> bool:
        """An equality ties entries together, so that they cannot be moved one by one."""
        return self.structure in ("simplex", "orthogonal", "unit norm", "diagonal", "lower triangular")

    def includes(self, entries: NDArray[np.float64]) -> bool:
        """Whether all entries lie in the interval, and are among the values where these are finite in number."""
        inside = (entries > self.lower) & (entries < self.upper)
        if not self.open_:
            inside |= (entries == self.lower) | (entries == self.upper)
        if self.values:
            inside &= np.isin(entries, self.values)
        return bool(inside.all()) and not (self.nonzero and bool((entries == 0).any()))

    @property
    def symmetric(self) -> bool:
        """The array is a matrix that equals its transpose."""
        return self.structure in ("symmetric", "spd", "diagonal")

    def __str__(self) -> str:
        return self.name


REAL = Domain("real")
DOMAINS = {
    row.name: row
    for row in (
        REAL,
        Domain("positive", lower=0, open_=True),
        Domain("nonnegative", lower=0),
        Domain("nonzero", nonzero=True),
        Domain("probability", lower=0, upper=1),
        Domain("in (0,1)", lower=0, upper=1, open_=True),
        Domain("in (-1,1)", lower=-1, upper=1, open_=True),
        Domain("simplex", lower=0, upper=1, open_=True, structure="simplex"),
        Domain("in {0,1}", lower=0, upper=1, values=(0, 1), integer=True),
        Domain("in {-1,1}", lower=-1, upper=1, values=(-1, 1), integer=True, nonzero=True),
        Domain("integer", integer=True),
        Domain("natural", lower=0, integer=True),
        Domain("symmetric", structure="symmetric"),
        Domain("spd", structure="spd"),
        Domain("invertible", structure="invertible"),
        Domain("full column rank", structure="full column rank"),
        Domain("orthogonal", structure="orthogonal"),
        Domain("diagonal", structure="diagonal"),
        Domain("lower triangular", structure="lower triangular"),
        Domain("unit norm", structure="unit norm"),
    )
}
ALIASES = {"nonneg": "nonnegative", "prob": "in (0,1)", "": "real"}


def domain(text: str) -> Domain:
    """The domain that a word or phrase names.

    >>> domain("in {0, 1}").values
    (0, 1)
    >>> domain("index k").below
    'k'
    """
    phrase = re.sub(r"\s*,\s*|(?<=[{(])\s+|\s+(?=[})])", lambda gap: gap[0].strip(), " ".join(text.split()))
    phrase = ALIASES.get(phrase, phrase)
    if phrase in DOMAINS:
        return DOMAINS[phrase]
    if match := re.fullmatch(r"index ([A-Za-z]\w*|\d+)", phrase):
        return Domain(phrase, lower=0, integer=True, below=match[1])
    raise ParseError(f"unknown domain {text!r}{nearest(phrase, [*DOMAINS, *ALIASES])}")
