"""Stationary points in closed form, each with the kind of point it is; whatever is shown has been checked."""

import numpy as np
import pytest

import derive
from derive.stationary_point import StationaryPoints

# what is given, what is solved for, the lines of each point, and how each line about its kind begins
CASES = [
    (
        "normal_nll",
        None,
        [["μ = (1/n) Σ_i x_i", "σ² = (1/n) Σ_i (x_i − μ)²", "σ = √((1/n) Σ_i (x_i − μ)²)"]],
        ["a minimum"],
    ),
    ("bernoulli_nll", None, [["p = (1/n) Σ_i x_i"]], ["a minimum"]),
    ("poisson_sample_nll", None, [["rate = (1/n) Σ_i x_i"]], ["a global minimum"]),
    ("exponential_nll", None, [["rate = n/(Σ_i x_i)"]], ["a global minimum"]),
    ("ridge", None, [["w = (n λ I + Xᵀ X)⁻¹ Xᵀ y", "  where n λ I + Xᵀ X is invertible"]], ["a global minimum"]),
    ("mse", None, [["w = (Xᵀ X)⁻¹ Xᵀ y", "  where Xᵀ X is invertible"]], ["a global minimum"]),
    ("lagrangian_example", None, [["x = 1/2", "y = 1/2", "λ = −1"]], ["a constrained minimum"]),
    (
        "lagrangian_equality",
        None,
        [["λ = −(A Aᵀ)⁻¹ b", "  where A Aᵀ is invertible", "x = −Aᵀ λ"]],
        ["a constrained minimum"],
    ),
    ("rosenbrock", "x y", [["x = a", "y = x²"]], ["a minimum"]),
    ("saddle", None, [["x = 0", "y = 0"]], ["a saddle point"]),
    ("quotient_rule_example", None, [["x = 1"], ["x = −1"]], ["a maximum", "a minimum"]),
    (("x**4/4 - x**2/2", "x: "), None, [["x = 0"], ["x = 1"], ["x = −1"]], ["a maximum", "a minimum", "a minimum"]),
    (("x**2 - 4*x + exp(2*y) - 2*y", "x: , y: "), None, [["x = 2", "y = 0"]], ["a minimum"]),
    (("sum(exp(t) - x*t)", "x: n positive, t: "), "t", [["t = log((1/n) Σ_i x_i)"]], ["a global minimum"]),
    (("softplus(t) - y*t", "t: , y: in (0,1)"), "t", [["t = log(y/(1 − y))"]], ["a global minimum"]),
    (
        ("-sum(c*log(p)) + lam*(sum(p) - 1)", "c: k positive, p: k positive, lam: "),
        "p lam",
        [["λ = Σ_l c_l", "p = (1/λ) c"]],
        ["a constrained minimum"],
    ),
    (
        ("sum((X @ W - Y)**2)", "X: n d, W: d m, Y: n m"),
        "W",
        [["W = (Xᵀ X)⁻¹ Xᵀ Y", "  where Xᵀ X is invertible"]],
        ["a minimum"],
    ),
    (
        ("sum((W @ X - Y)**2) + lam*sum(W**2)", "W: m d, X: d n, Y: m n, lam: positive"),
        "W",
        [["W = Y Xᵀ (λ I + X Xᵀ)⁻¹", "  where λ I + X Xᵀ is invertible"]],
        ["a minimum"],
    ),
    (("x @ A @ x/2 - b @ x", "A: n n spd, x: n, b: n"), "x", [["x = A⁻¹ b"]], ["a global minimum"]),
]


def points_of(question: object, wrt: str | None) -> StationaryPoints:
    return derive.solve(derive.parse(*question) if isinstance(question, tuple) else question, wrt)


@pytest.mark.parametrize(("question", "wrt", "lines", "kinds"), CASES)
def test_points_and_their_kinds(question, wrt, lines, kinds):
    found = points_of(question, wrt)
    assert [point.lines() for point in found.points] == lines
    for point, kind in zip(found.points, kinds, strict=True):
        assert found.second_order(point).startswith(kind)


@pytest.mark.parametrize("name", ["logistic_regression", "himmelblau", "pca_lagrangian", "l1_norm"])
def test_what_has_no_closed_form_says_so(name):
    text = str(derive.solve(name))
    assert text.startswith("stationary where\n")
    assert text.endswith("no closed form of the solution was found; `derive descend` follows the gradient to it")


def test_a_system_without_a_single_solution_is_not_given_one():
    """Where every x equal to z is a solution, none of them is told."""
    assert not derive.solve(derive.parse("sum((x - z)**2)", x="n", z="n")).points


def test_a_solution_runs():
    rng = np.random.default_rng(1)
    X, y, lam = rng.normal(size=(9, 3)), rng.normal(size=9), 0.3
    point = derive.solve("ridge").points[0]
    w = derive.compile(point.formula)(X, y, lam)
    np.testing.assert_allclose(derive.compile(derive.grad("ridge"))(X, w, y, lam), 0, atol=1e-12)


def test_tied_and_whole_entries_are_refused():
    with pytest.raises(derive.DomainError) as told:
        derive.solve("entropy")
    assert str(told.value) == (
        "p cannot be solved for: its entries are tied together (simplex); write the constraint into the formula with a "
        "multiplier, such as lam * (sum(p) - 1), on real entries"
    )
