"""Which slip was made: the repair of a wrong side, near what is written, that is proved right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sympy import Expr, Integer

from derive.errors import DeriveError, ShapeError
from derive.handwriting.comparison import Comparison
from derive.handwriting.meaning import Meaning
from derive.handwriting.points import place_of_difference
from derive.handwriting.repairs import changed_at, repairs
from derive.handwriting.tree import Derived, Node, below
from derive.notation.typing import Typed
from derive.program import substitute
from derive.verification.sampling import Sample

MOST, FEWEST = 120, 30
PATIENCE = 6000  # nodes that are looked at: of a long formula fewer repairs are tried
DERIVATIVE = 150  # nodes that a derivative counts for, since it is worked out for each repair


@dataclass(frozen=True)
class Slip:
    """What kind of slip it is, where in the text it stands if not in the whole side, and the side without it."""

    kind: str
    at: int | None
    repaired: Typed


def find_slip(left: Typed, wrong: Node, read: Typed | None, point: Sample, meaning: Meaning) -> Slip | None:
    """The first repair of the wrong right side that equals the left; None when no known slip explains it.

    A repair is first looked at roughly, at one point and in the entry where the sides differ most as they were `read`;
    the few that pass are compared in full.
    """
    comparison = Comparison(meaning)
    place, target = _worst_entry(left, read, point, comparison)
    named = dict(meaning.named)
    size = sum(DERIVATIVE if isinstance(part, Derived) else 1 for part in below(wrong))
    most = max(FEWEST, min(MOST, PATIENCE // size))
    try:
        for kind, repaired in repairs(wrong, meaning.setting, most):
            meaning.named = dict(named)
            try:
                again = meaning.side(repaired)
                aligned = Typed(comparison.aligned(left, again), left.axes)
                entry = Typed(substitute(aligned.value, place))
                if not np.allclose(target, comparison.rough(entry, point), rtol=1e-7, atol=1e-9):
                    continue
                if comparison.equal(left, again).right:
                    whole = type(wrong) is not type(repaired) or wrong in vars(repaired).values()
                    return Slip(kind, None if whole else changed_at(wrong, repaired), again)
            except (DeriveError, ArithmeticError, ValueError, KeyError, IndexError):
                continue
    finally:
        meaning.named = named
    return None


def _worst_entry(
    left: Typed, read: Typed | None, point: Sample, comparison: Comparison
) -> tuple[dict[Expr, Expr], float]:
    """Where two sides differ most at a point, and the left value there; its largest entry if the right has none."""
    target = comparison.rough(left, point)
    try:
        if read is None:
            raise ShapeError("the right side has no meaning")
        other = comparison.rough(Typed(comparison.aligned(left, read), left.axes), point)
        at = place_of_difference(target, np.broadcast_to(other, target.shape))
    except (DeriveError, ArithmeticError, ValueError, IndexError):
        at = place_of_difference(target, np.zeros(target.shape))
    indices = comparison.program([left]).equations[-1].indices
    return {index: Integer(k) for index, k in zip(indices, at, strict=True)}, float(target[at])
