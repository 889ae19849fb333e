"""Every rule's example fires, gives what its row says, and is numerically true."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from codegen.kernel import compile_program
from codegen.known_functions import spelled_out
from derive.accuracy import LIMIT, units
from derive.calculus.differentiation import DIFFERENTIATION
from derive.calculus.folding import FOLDING
from derive.calculus.fusion import FUSION
from derive.calculus.recognition import RECOGNITION
from derive.calculus.rewriting import rewrite
from derive.calculus.samples import CONTEXT, PRODUCT, SAMPLES, a, i, j
from derive.calculus.simplification import SIMPLIFICATION
from derive.calculus.stability import STABILITY
from derive.derivation import Partial
from derive.primitives import exp
from derive.program import Dim, Equation, Program, Sum, anonymous, free_indices, walk
from derive.verification.conditioning import exact
from derive.verification.equality import assert_close
from derive.verification.oracle import evaluate
from derive.verification.sampling import sample

DEFINITION = Equation("p", (i,), exp(a[i]) / Sum(exp(a[j]), j))
SCOPE = replace(CONTEXT, definitions=(DEFINITION, PRODUCT))
RULES = list(dict.fromkeys([*DIFFERENTIATION, *SIMPLIFICATION, *STABILITY, *FUSION]))
LOST, KEPT = 1e-6, 1e-12  # relative errors


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


def computed(value, inputs):
    """A value in floating point as a kernel computes it, and in so many digits that nothing is lost."""
    spelled = spelled_out(value, lambda row: bool(row.numpy))
    axes = tuple(sorted(free_indices(value), key=lambda index: index.name))
    programs = (Program(tuple(SAMPLES.values()), (Equation("v", axes, v),), ("v",)) for v in (spelled, value))
    in_floats, in_digits = programs
    return evaluate(in_floats, inputs, digits=None)["v"], exact(in_digits, inputs)[0]["v"]


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.gain and rule not in list(FUSION)], ids=lambda rule: rule.name
)
def test_gain(rule):
    before, after = rule.example()
    sizes = {"n": 2}
    inputs = sample(Program(tuple(SAMPLES.values()), (), ()), 0, sizes).inputs
    inputs |= {name: np.array(value) for name, value in rule.gain.items()}
    plain, _ = computed(before, inputs)
    ruled, truth = computed(rewrite(after, STABILITY, SCOPE), inputs)
    wanted = np.array(truth.tolist(), dtype=np.float64)
    with np.errstate(all="ignore"):
        lost = np.abs(plain - wanted) / np.abs(wanted)
        kept = np.abs(ruled - wanted) / np.where(wanted == 0, 1, np.abs(wanted))
    assert not (lost < LOST).any()
    assert (kept < KEPT).all()


def test_every_stability_rule_tells_its_gain():
    assert all(rule.gain for rule in [*STABILITY, *FUSION] if rule not in list(RECOGNITION))


@pytest.mark.parametrize("rule", list(FUSION), ids=lambda rule: rule.name)
def test_what_is_fused_rounds_less(rule):
    """Near the point of a row's gain its right side is within the limit, and nearer the truth than its left."""
    before, after = rule.example()
    arrays = tuple(SAMPLES[name] for name in rule.gain)
    point = {name: value * (1 + 1e-3 * np.arange(60 if name == "x" else 1)) for name, value in rule.gain.items()}
    programs = [Program(arrays, (Equation("v", (), value),), ("v",)) for value in (before, after)]
    left, right = (compile_program(program, name="side", backend="llvm")(**point) for program in programs)
    exact = [
        evaluate(programs[1], {name: values[at % len(values)] for name, values in point.items()}, 400)["v"][()]
        for at in range(60)
    ]
    plain, fused = (
        max(units(value, true, "float64") for value, true in zip(side, exact, strict=True)) for side in (left, right)
    )
    assert fused <= LIMIT
    assert fused < plain


def test_names_are_sentences_that_differ():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(isinstance(size, Dim) for array in SAMPLES.values() for size in array.shape)
