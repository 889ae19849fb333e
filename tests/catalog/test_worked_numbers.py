"""The numbers people compute by hand when they meet these formulas for the first time."""

from math import cos, e, exp, log, pi, sin, sqrt

import numpy as np
import pytest

import derive

A2, B2 = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
DIE = [1 / 6] * 6

VALUES = [
    ("axpy", (1, [1, 2, 3], [4, 5, 6]), [5, 7, 9]),
    ("axpy", (3, [1, 2], [0, 0]), [3, 6]),
    ("dot", ([1, 2, 3], [4, 5, 6]), 32),
    ("l2_norm", ([3, 4],), 5),
    ("vector_angle", ([3, 4],), 0.927295218001612),
    ("linear_prediction", ([5.9, 160, 25], [0.5, 0.3, 0.2], 0), 55.95),
    ("linear_layer", ([5.9, 160, 25], [[0.5, 0.3, 0.2]], [0]), [55.95]),
    ("matmul", (A2, B2), [[19, 22], [43, 50]]),
    ("matvec", ([[2, 0], [0, 1]], [3, 5]), [6, 5]),
    ("affine_scalar", (5, 3, 7), 22),
    ("affine_scalar_inverse", (22, 3, 7), 5),
    ("affine_scalar", (4, 2, 3), 11),
    ("square", (-2,), 4),
    ("difference_quotient", (3, 0.01), 6.01),
    ("exp_base", (2, np.arange(1, 11)), 2.0 ** np.arange(1, 11)),
    ("log_base", (8, 2), 3),
    ("log", (e,), 1),
    ("chain_rule_example", (0,), 32),
    ("quadratic_two_variables", (3, 4), 61),
    ("paraboloid", (3, 4), 25),
    ("shifted_square", (3,), 0),
    ("polar_to_cartesian", (1, pi / 2), [0, 1]),
    ("pythagorean_identity", (1.234,), 1),
    ("sigmoid", (0,), 0.5),
    ("bce", ([1], [0.99]), 0.01005033585),
    ("bce", ([1], [0.5]), 0.69314718056),
    ("bce", ([1], [0.01]), 4.60517018599),
    ("logsumexp", ([1000, 1000],), 1000.69314718056),
    ("bayes_binary", (0.01, 0.99, 0.05), 1 / 6),
    ("bayes_binary", (0.3, 0.8, 0.1), 24 / 31),
    ("bayes_theorem", (0.8, 0.3, 0.31), 24 / 31),
    ("total_probability", ([0.8, 0.1], [0.3, 0.7]), 0.31),
    ("entropy_bits", ([0.5, 0.5],), 1),
    ("binary_entropy_bits", (0.5,), 1),
    ("binary_entropy_bits", (0.99,), 0.0807931358959),
    ("expectation_discrete", (range(1, 7), DIE), 3.5),
    ("variance_discrete", (range(1, 7), DIE), 35 / 12),
    ("normal_interval_probability", (1,), 0.682689492137),
    ("normal_interval_probability", (2,), 0.954499736104),
    ("normal_interval_probability", (3,), 0.997300203937),
    ("positional_encoding_sin", (0, 5, 8), 0),
    ("positional_encoding_cos", (0, 5, 8), 1),
    ("positional_encoding_sin", (1, 0, 4), sin(1)),  # not 0.0001, as is printed sometimes: the exponent is 0
    ("positional_encoding_cos", (1, 0, 4), cos(1)),
    ("positional_encoding_sin", (1, 1, 4), 0.00999983333417),
    ("positional_encoding_sin", (1, 255, 512), 0.000103663292608),
    ("gradient_descent_step", ([3, 4], [6, 8], 0.1), [2.4, 3.2]),
    ("quadratic_bowl_gd_iterate", (0, 0.1, 3), 1.464),
    ("quadratic_bowl_gd_iterate", (0, 0.5, 3), 3),
    ("quadratic_bowl_gd_iterate", (0, 1.1, 3), 8.184),
    ("step_decay_continuous", (5, 1, 0.1, 10), 0.316227766017),
    ("step_decay", (5, 1, 0.1, 10), 1),
    ("cosine_decay", (50, 0.2, 100), 0.1),
    ("unit_circle", (3 * pi / 2,), [0, -1]),
    ("rope_pair", ([1, 0], 1, pi / 2), [0, 1]),
]

SLOPES = [
    ("dot", "a", ([1, 2, 3], [4, 5, 6]), [4, 5, 6]),
    ("l2_norm", "x", ([3, 4],), [0.6, 0.8]),
    ("square", "x", (3,), 6),
    ("square", "x", (0,), 0),
    ("square", "x", (-2,), -4),
    ("chain_rule_example", "x", (0,), 240),
    ("chain_rule_example", "x", (1,), 9375),
    ("quadratic_two_variables", "x", (3, 4), 18),
    ("quadratic_two_variables", "y", (3, 4), 17),
    ("paraboloid", "x", (3, 4), 6),
    ("paraboloid", "y", (3, 4), 8),
    ("shifted_square", "x", (3,), 0),
    ("sigmoid", "x", (0,), 0.25),
    ("relu", "x", (-1,), 0),
    ("relu", "x", (0,), 0),
    ("relu", "x", (2,), 1),
]


@pytest.mark.parametrize(("name", "inputs", "value"), VALUES)
def test_values(name, inputs, value):
    np.testing.assert_allclose(derive.compile(derive.formula(name))(*inputs), value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "wrt", "inputs", "slope"), SLOPES)
def test_slopes(name, wrt, inputs, slope):
    np.testing.assert_allclose(derive.compile(derive.grad(name, wrt))(*inputs), slope, rtol=1e-12, atol=1e-12)


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
