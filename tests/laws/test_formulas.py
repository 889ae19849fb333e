"""What holds for every formula of the catalog, without a test being written for it."""

from itertools import pairwise

import pytest

import derive
from derive.derivation import Partial
from derive.errors import CheckFailed
from derive.program import Equation, Program, check, free_indices, positions_of, walk
from derive.verification.equality import assert_close
from derive.verification.oracle import evaluate
from derive.verification.sampling import sample
from tests.helpers import HESSIANS, NAMES, SCALAR_VALUED, SOME, first_derivative, second_derivative


@pytest.mark.parametrize("name", NAMES)
def test_entry(name):
    formula = derive.formula(name)
    check(formula.program)
    assert formula.name == name
    assert formula.title
    assert formula.source
    assert formula.tags
    assert formula.explanation.endswith(".")
    assert all(derive.formula(alias).name == name for alias in formula.aliases)


@pytest.mark.parametrize("name", NAMES)
def test_derivative_equals_finite_differences_and_claims_are_proved(name):
    formula = derive.formula(name)
    inputs = [array.name for array in formula.program.inputs]
    claimed = [key[0] for key, _ in formula.claims if len(key) == 1 and key[0] in inputs]
    wrt = tuple(dict.fromkeys([*formula.wrt, *claimed]))
    derivative = derive.grad(formula, wrt) if name in SCALAR_VALUED else derive.jacobian(formula, wrt)
    report = derivative.check(points=1)
    report.raise_if_failed()
    assert sum(check.subject.startswith("claim") for check in report.checks) == len(claimed)


@pytest.mark.parametrize("name", HESSIANS)
def test_second_derivative_equals_finite_differences_and_claims_are_proved(name):
    report = second_derivative(name).check_mathematics(points=1)
    report.raise_if_failed()
    pairs = [key for key, _ in derive.formula(name).claims if len(key) == 2]
    assert sum(check.subject.startswith("claim") for check in report.checks) == len(pairs)


@pytest.mark.parametrize("name", SCALAR_VALUED)
def test_claims_about_intermediates_are_proved(name):
    formula = derive.formula(name)
    for (target,), text in ((key, text) for key, text in formula.claims if key[0] in formula.program.definitions):
        rest = Program(
            (*formula.program.inputs, *(formula.program.arrays[e.target] for e in before(formula.program, target))),
            tuple(after(formula.program, target)),
            formula.program.outputs,
        )
        opened = derive.Formula(formula.title, program=rest, wrt=[target], claims={target: text}, name=name)
        derive.grad(opened).check_mathematics(points=1).raise_if_failed()


def before(program, target):
    """The equations up to that of `target`, whose names become inputs."""
    place = [e.target for e in program.equations].index(target)
    return program.equations[: place + 1]


def after(program, target):
    place = [e.target for e in program.equations].index(target)
    return program.equations[place + 1 :]


@pytest.mark.parametrize("name", HESSIANS)
def test_hessian_is_symmetric(name):
    derivative = second_derivative(name)
    point = sample(derivative.of.program, 5)
    values = evaluate(derivative.program, point.inputs, digits=30)
    for output, (row, column) in zip(derivative.outputs, derivative.blocks, strict=True):
        other = derivative.outputs[derivative.blocks.index((column, row))]
        axes = len(derivative.of.program.array(row).shape)
        turned = values[output].transpose(*range(axes, values[output].ndim), *range(axes))
        assert_close(values[other], turned, 1e-20, f"{output} and {other}")


@pytest.mark.parametrize("name", NAMES)
def test_shown_steps_lead_from_the_question_to_the_result(name):
    derivative = first_derivative(name)
    for output in derivative.outputs:
        equation = derivative.program.definitions[output]
        mine = [s for s in derivative.steps if str(s.target).split("[")[0] == output]
        assert mine, output
        for earlier, later in pairwise(mine[1:]):
            assert earlier.after == later.before
        assert mine[-1].after == equation.value
        assert all(step.rule for step in mine)


@pytest.mark.parametrize("name", SOME)
def test_every_step_is_an_equality(name):
    derivative = first_derivative(name)
    point = sample(derivative.of.program, 3)
    free = derive.jacobian(derivative.of, derivative.wrt) if name not in SCALAR_VALUED else derivative
    known = [*free.program.equations]
    for step in derivative.steps:
        if any(isinstance(part, Partial) for side in (step.before, step.after) for part in walk(side)):
            continue
        if str(step.target) == str(step.before):
            continue
        axes = tuple(sorted(free_indices(step.before) | free_indices(step.after), key=lambda i: str(i.name)))
        sides = (Equation("left_side", axes, step.before), Equation("right_side", axes, step.after))
        program = Program(derivative.of.program.inputs, (*known, *sides), ("left_side", "right_side"))
        try:
            check(program)
        except derive.DeriveError:
            continue  # speaks of an intermediate that was put in later
        values = evaluate(program, point.inputs, digits=30)
        assert_close(values["left_side"], values["right_side"], 1e-25, step.why)
        assert positions_of(step.target) or not axes or step.target.is_Symbol


def test_most_formulas_claim_what_their_derivative_is():
    assert sum(bool(derive.formula(name).claims) for name in NAMES) > 0.75 * len(NAMES)


def test_a_wrong_claim_is_caught():
    mse = derive.formula("mse")
    wrong = derive.Formula("wrong", program=mse.program, wrt=["w"], claims={"w": "X.T @ (X @ w - y)"}, name="wrong")
    with pytest.raises(CheckFailed, match=r"^the claim 'X.T @ \(X @ w - y\)' about ∇_w could not be proved$"):
        derive.grad(wrong).check_mathematics(points=1).raise_if_failed()
