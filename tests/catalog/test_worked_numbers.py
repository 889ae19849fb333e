"""The numbers people compute by hand when they meet these formulas for the first time."""

from math import exp, log, sqrt

import numpy as np
import pytest

import catalog
import derive
from derive.worked_example import numbers, worked_lines

WORKED = [(name, example) for name in derive.names() for example in derive.formula(name).worked]


@pytest.mark.parametrize(("name", "example"), WORKED)
def test_values_and_slopes_worked_by_hand(name, example):
    formula, inputs = derive.formula(name), [numbers(value) for value in example.inputs]
    if example.value is not None:
        got = derive.compile(formula)(*inputs)
        np.testing.assert_allclose(got, numbers(example.value), rtol=1e-9, atol=1e-12)
    for wrt, slope in example.slopes:
        got = derive.compile(derive.grad(formula, wrt))(*inputs)
        np.testing.assert_allclose(got, numbers(slope), rtol=1e-12, atol=1e-12)


def test_there_are_worked_examples_in_every_subject():
    assert {subject for subject, names in catalog.groups().items() if set(names) & {n for n, _ in WORKED}} == set(
        catalog.SUBJECTS
    )
    assert len(WORKED) >= 60


def test_numbers_are_put_in():
    assert worked_lines(derive.formula("bayes_binary"), derive.formula("bayes_binary").worked[0]) == [
        "prior = 0.01, sensitivity = 0.99, false_positive_rate = 0.05",
        "e = 0.01 · 0.99 + 0.05 (1 − 0.01) = 0.0594",
        "posterior = 0.01 · 0.99/0.0594 = 0.166667",
    ]
    assert worked_lines(derive.formula("square"), derive.formula("square").worked[0]) == [
        "x = −2",
        "y = (−2)² = 4",
        "∂y/∂x = 2 (−2) = −4",
    ]
    assert worked_lines(derive.formula("dot"), derive.formula("dot").worked[0]) == [
        "a = [1, 2, 3], b = [4, 5, 6]",
        "v = 1 · 4 + 2 · 5 + 3 · 6 = 32",
        "∂v/∂a = [4, 5, 6]",
    ]


def test_log_and_exp_undo_each_other():
    for x in (0.1, 1.0, 7.5):
        assert derive.compile(derive.formula("log"))(exp(x)) == pytest.approx(x)


def test_the_gradient_of_squared_error_vanishes_at_the_normal_equations():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    w = derive.compile(derive.formula("least_squares_solution"))(X, y)
    np.testing.assert_allclose(derive.compile(derive.grad("mse"))(X, w, y), 0, atol=1e-12)


def test_eigenvectors_are_stationary_points():
    """The top eigenvector of the covariance of five points makes the gradient of the Lagrangian vanish."""
    X = np.array([[2.0, 1.0], [3.0, 4.0], [5.0, 0.0], [7.0, 6.0], [9.0, 2.0]])
    C = derive.compile(derive.formula("covariance"))(X)
    values, vectors = np.linalg.eigh(C)
    gradient = derive.compile(derive.grad("pca_lagrangian"))(C, vectors[:, -1], values[-1])
    np.testing.assert_allclose(gradient.grad_w, 0, atol=1e-12)
    assert gradient.grad_lam == pytest.approx(0, abs=1e-12)


def test_one_hidden_rectifier_by_hand():
    """The four derivatives of a network of one hidden unit on one sample."""
    found = derive.compile(derive.grad("mlp_relu"))([2.0], 1.0, [[0.5]], [0.1], [0.3], -0.2)
    hidden = 0.5 * 2 + 0.1
    error = 1 / (1 + exp(-(0.3 * hidden - 0.2))) - 1
    assert found.grad_W2 == pytest.approx(error * hidden)
    assert found.grad_b2 == pytest.approx(error)
    assert found.grad_W1[0, 0] == pytest.approx(error * 0.3 * 2)
    assert found.grad_b1 == pytest.approx(error * 0.3)


def test_entropy_and_surprise():
    assert derive.compile(derive.formula("self_information"))(1 / 8) == pytest.approx(3)
    assert -derive.compile(derive.formula("bernoulli_logpmf"))(1, 0.5) == pytest.approx(log(2))
    assert derive.compile(derive.formula("standard_error"))(2.0, 4.0) == pytest.approx(2 / sqrt(4))
