"""Which slip was made: the repair of a wrong side, near what is written, that is proved right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derive.errors import DeriveError
from derive.handwriting.comparison import Comparison
from derive.handwriting.meaning import Meaning
from derive.handwriting.repairs import changed_at, repairs
from derive.handwriting.tree import Node, below
from derive.notation.typing import Typed
from derive.verification.sampling import Sample

MOST, FEWEST = 120, 30
PATIENCE = 6000  # nodes that are looked at: of a long formula fewer repairs are tried


@dataclass(frozen=True)
class Slip:
    """What kind of slip it is, where in the text it stands if not in the whole side, and the side without it."""

    kind: str
    at: int | None
    repaired: Typed


def find_slip(left: Typed, wrong: Node, point: Sample, meaning: Meaning) -> Slip | None:
    """The first repair of the wrong right side that equals the left; None when no known slip explains it.

    A repair is first looked at roughly at one point, and the few that pass are compared in full.
    """
    comparison = Comparison(meaning)
    target = comparison.rough(left, point)
    named = dict(meaning.named)
    most = max(FEWEST, min(MOST, PATIENCE // sum(1 for _ in below(wrong))))
    try:
        for kind, repaired in repairs(wrong, meaning.setting, most):
            meaning.named = dict(named)
            try:
                again = meaning.side(repaired)
                aligned = Typed(comparison.aligned(left, again), left.axes)
                if not np.allclose(target, comparison.rough(aligned, point), rtol=1e-7, atol=1e-9):
                    continue
                if comparison.equal(left, again).right:
                    whole = type(wrong) is not type(repaired) or wrong in vars(repaired).values()
                    return Slip(kind, None if whole else changed_at(wrong, repaired), again)
            except (DeriveError, ArithmeticError, ValueError, KeyError, IndexError):
                continue
    finally:
        meaning.named = named
    return None
