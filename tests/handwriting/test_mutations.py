"""Slips in derivations of the catalog: every wrong line is called wrong, and no right one.

The truth is the oracle's: a line with a slip is right when it is worth the same at random points. `DERIVE_SOAK=1` goes
through the whole catalog, with every slip on every line.
"""

import os
import random

import numpy as np
import pytest

from derive.errors import DeriveError
from derive.explaining import latex
from derive.handwriting.comparison import RIGHT, Comparison
from derive.handwriting.document import document
from derive.handwriting.meaning import Meaning
from derive.handwriting.points import random_points
from derive.handwriting.reading import Reader
from derive.handwriting.situation import Situation
from derive.handwriting.tokens import tokens
from derive.handwriting.verdicts import Judge
from derive.verification.oracle import evaluate
from derive.verification.sampling import kinks
from tests.handwriting.emitted import emitted
from tests.handwriting.mutations import mutations
from tests.helpers import NAMES, SOME

SOAK = bool(os.environ.get("DERIVE_SOAK"))
LINES, SLIPS, LONGEST = 2, 4, 240
POINTS = 9
BRANCHES = 10  # times as many points where a condition decides what a side is worth


def understood(name):
    """The situation after a derivation was read, and its lines, each with what it says the value is equal to."""
    given, definitions, lines = emitted(name)
    situation = Situation()
    situation.declare_text(given)
    for definition in definitions:
        situation.define(definition)
    text = latex.aligned(f"{left} &= {right}" for left, right in lines)
    verdicts = Judge(situation, document(text)).run()
    assert not [verdict for verdict in verdicts if verdict.status == "wrong"], verdicts
    before = ""
    pairs = []
    for (left, right), verdict in zip(lines, verdicts, strict=True):
        if verdict.status in RIGHT and verdict.kind == "eq":
            pairs.append((left or before, right))
        before = right
    return situation, pairs


def same_value(situation, one, other):
    """Whether two formulas are worth the same at random points; two of other shapes are not."""
    text = f"{one} = {other}"
    meaning = Meaning(situation.setting, text)
    sides = []
    for formula in (one, other):
        meaning.begin_side()
        sides.append(meaning.typed(Reader(tokens(formula), situation.known, text).whole()))
    if [axis.size for axis in sides[0].axes] != [axis.size for axis in sides[1].axes]:
        return False
    program = Comparison(meaning).program(sides)
    for point in random_points(program, POINTS * (BRANCHES if kinks(program) else 1)):
        values = evaluate(program, point.inputs, digits=30)
        first, second = (np.asarray(values[name], dtype=float) for name in program.outputs)
        if not np.allclose(first, second, rtol=1e-10, atol=1e-12):
            return False
    return True


def told(situation, left, right):
    """The verdict on one line."""
    (verdict,) = Judge(situation, document(f"{left} = {right}")).run()
    return verdict.status


@pytest.mark.parametrize("name", NAMES if SOAK else SOME[::4])
def test_slips_are_caught(name):
    try:
        situation, pairs = understood(name)
    except DeriveError:
        pytest.skip("a definition this reader does not know")
    rng = random.Random(name)
    pairs = [pair for pair in pairs if len(pair[1]) <= LONGEST]
    for left, right in pairs if SOAK else rng.sample(pairs, min(LINES, len(pairs))):
        slips = list(mutations(right))
        for kind, slipped in slips if SOAK else rng.sample(slips, min(SLIPS, len(slips))):
            try:
                status = told(situation, left, slipped)
                right_all_the_same = same_value(situation, right, slipped)
            except (DeriveError, IndexError):  # an index may run outside
                continue
            if status != "unreadable":
                assert (status in RIGHT) == right_all_the_same, (kind, left, slipped)
