"""Every rule's example fires, gives what its row says, and is numerically true."""

from dataclasses import replace

import mpmath
import pytest

from derive.calculus.differentiation import DIFFERENTIATION
from derive.calculus.folding import FOLDING
from derive.calculus.rewriting import rewrite
from derive.calculus.samples import CONTEXT, PRODUCT, SAMPLES, a, i, j
from derive.calculus.simplification import SIMPLIFICATION
from derive.calculus.stability import STABILITY
from derive.derivation import Partial
from derive.primitives import exp
from derive.program import Dim, Equation, Program, Sum, anonymous, free_indices, walk
from derive.verification.equality import assert_close
from derive.verification.oracle import evaluate
from derive.verification.sampling import sample

DEFINITION = Equation("p", (i,), exp(a[i]) / Sum(exp(a[j]), j))
SCOPE = replace(CONTEXT, definitions=(DEFINITION, PRODUCT))
RULES = list(dict.fromkeys([*DIFFERENTIATION, *SIMPLIFICATION, *STABILITY]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_example_fires(rule):
    before, after = rule.example()
    assert anonymous(rule.apply(before, SCOPE)) == anonymous(after)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_example_is_true(rule):
    before, after = rule.example()
    if any(isinstance(part, Partial) for part in walk(before)):
        before, after = (rewrite(side, DIFFERENTIATION, SCOPE) for side in (before, after))
    axes = tuple(sorted(free_indices(before) | free_indices(after), key=lambda index: index.name))
    named = rule in list(FOLDING)
    inputs = tuple(array for array in SAMPLES.values() if not (named and array.name == "p"))
    definitions = (PRODUCT, DEFINITION) if named else (PRODUCT,)
    equations = (*definitions, Equation("left", axes, before), Equation("right", axes, after))
    program = Program(inputs, equations, ("left", "right"))
    for seed in range(3):
        values = evaluate(program, sample(program, seed).inputs, digits=30)
        with mpmath.workdps(30):
            assert_close(values["left"], values["right"], 1e-25, rule.name)


def test_names_are_sentences_that_differ():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(isinstance(size, Dim) for array in SAMPLES.values() for size in array.shape)
