r"""What `\arg\min_w L = v` says that can be checked: the gradient of L by w vanishes at v.

That the place is a minimum, and the only one, is not looked at; the verdict says so.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import S

from derive.errors import ParseError
from derive.handwriting.comparison import Comparison, Found
from derive.handwriting.tree import Derived, Evaluated, Extremal, Node
from derive.notation.typing import Typed

VANISHES = "the gradient vanishes there; that it is an extremum is not checked"


def stationary(extremal: Extremal, value: Node, comparison: Comparison) -> Found:
    """Whether the gradient of what is made extremal vanishes at a value.

    Raises:
        DeriveError: a side is not understood.
    """
    if isinstance(value, Extremal):
        raise ParseError("two places are compared that nobody has worked out", comparison.meaning.latex, value.at)
    gradient = Derived(extremal.body, (extremal.variable,), at=extremal.at)
    slope = comparison.meaning.side(Evaluated(gradient, (extremal.variable,), (value,), at=extremal.at))
    found = comparison.equal(slope, Typed(S.Zero))
    return replace(found, reason=VANISHES if found.right else "the gradient does not vanish there")
