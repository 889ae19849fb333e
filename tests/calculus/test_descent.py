"""Descents: where they go, how they end, and that they are the steps of the catalog."""

import json

import numpy as np
import pytest

import derive
from derive.cli import main
from derive.descent import METHODS, NEWTON
from derive.errors import DomainError


@pytest.mark.parametrize(
    ("rate", "last", "verdict"), [(0.1, 1.464, "descends"), (0.5, 3.0, "converges"), (1.1, 8.184, "diverges")]
)
def test_the_bowl_with_three_rates(rate, last, verdict):
    found = derive.descend("quadratic_bowl", {"x": 0.0}, rate=rate, steps=3)
    assert found.path[-1]["x"] == pytest.approx(last)
    assert found.verdict == verdict


def test_a_step_is_that_of_the_catalog():
    found = derive.descend("paraboloid", {"x": 3.0, "y": 4.0}, steps=1)
    step = derive.compile(derive.formula("gradient_descent_step"))([3.0, 4.0], [6.0, 8.0], 0.1)
    np.testing.assert_allclose([found.path[1]["x"], found.path[1]["y"]], step)


@pytest.mark.parametrize("method", [*METHODS, NEWTON])
def test_every_method_descends(method):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    start = {"X": X, "w": np.zeros(3), "y": X @ [1.0, -2.0, 0.5]}
    found = derive.descend("mse", start, method=method, rate=0.05, steps=400)
    assert found.values[-1] < 1e-3 * found.values[0]
    np.testing.assert_allclose(found.path[-1]["w"], [1.0, -2.0, 0.5], atol=0.05)


def test_newton_needs_one_step_for_a_quadratic():
    found = derive.descend("quadratic_two_variables", {"x": 5.0, "y": -3.0}, method="newton", steps=1)
    assert found.path[-1]["x"] == pytest.approx(0)
    assert found.path[-1]["y"] == pytest.approx(0)


def test_what_cannot_be_descended():
    with pytest.raises(DomainError) as problem:
        derive.descend("mse", method="adma")
    known = "gradient, momentum, nesterov, rmsprop, adam, newton"
    said = f"no method is called 'adma'; did you mean 'adam'?; there are {known}"
    assert str(problem.value) == said


@pytest.mark.parametrize("value", ["a", ["a", "b"], None, [[1.0], [1.0, 2.0]]])
def test_a_start_is_made_of_numbers(value):
    with pytest.raises(DomainError) as problem:
        derive.descend("mse", {"w": value})
    assert str(problem.value) == f"w has to hold real numbers, given {value!r}"


def test_command(capsys):
    assert main(["descend", "quadratic_bowl", "--start", '{"x": 0}', "--lr", "0.1", "--steps", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"][-1] == {"x": pytest.approx(1.464)}
    assert main(["descend", "quadratic_bowl", "--start", "x=0"]) == 2
    assert "--start takes JSON" in capsys.readouterr().err
