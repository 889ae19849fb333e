"""Convexity by the form of the Hessian, compressed Hessians, layouts, and batches."""

import numpy as np
import pytest

import derive
from derive.errors import DeriveError, DomainError, ShapeError

VERDICTS = [
    ("(X @ w - y) @ (X @ w - y)", {"w": "d", "X": "n d", "y": "n"}, "convex: Xᵀ X is a square AᵀA"),
    ("x @ A @ x", {"x": "n", "A": "n n spd"}, "convex: A is declared positive definite"),
    ("sum(exp(x))", {"x": "n"}, "convex: diag(exp(x)) has no negative entry"),
    ("-sum(log(x))", {"x": "n positive"}, "convex: diag(1/x²) has no negative entry"),
    ("sum(log(x))", {"x": "n positive"}, "concave: diag(1/x²) has no negative entry"),
    ("softplus(x)", {"x": ""}, "convex: σ(x) (1 − σ(x)) ≥ 0"),
    (
        "(x @ x)**2 + x @ x",
        {"x": "n"},
        "convex: a sum: I is positive definite; x xᵀ is the square of a vector",
    ),
    ("sum(softplus(X @ w))", {"w": "d", "X": "n d"}, None),
    (
        "logsumexp(x)",
        {"x": "n"},
        "convex: diag(softmax(x)) − softmax(x) softmax(x)ᵀ is the covariance of a draw from softmax(x)",
    ),
]


@pytest.mark.parametrize(("text", "given", "said"), VERDICTS)
def test_what_the_form_proves(text, given, said):
    hessian = derive.hessian(derive.parse(text, **given), next(iter(given)))
    found = hessian.curvature()
    assert found.verdict in ("convex", "concave")
    if said is not None:
        assert str(found) == said
    hessian.check_mathematics(points=1).raise_if_failed()


def test_a_direction_of_negative_curvature_is_one():
    found = derive.hessian(derive.parse("sum(x**3)", x="2"), "x").curvature()
    assert found.verdict == "not convex"
    assert found.why.startswith("along [")


def test_what_is_not_known_is_not_claimed():
    assert derive.hessian(derive.parse("norm(x)", x="n"), "x").curvature().verdict == "unknown"
    # convex on symmetric matrices, though not in all directions
    assert derive.hessian(derive.parse("-logdet(S)", S="n n spd"), "S").curvature().verdict == "unknown"
    with pytest.raises(DeriveError) as problem:
        derive.grad("mse").curvature()
    assert str(problem.value) == "curvature is told by a Hessian, not by a gradient; ask hessian(…).curvature()"


COMPRESSED = [
    ("norm(U @ V.T - M, 'fro')**2", {"U": "n k", "V": "m k", "M": "n m"}, "∇²_U = 2 (I ⊗ (Vᵀ V))   (row after row)"),
    ("trace(X.T @ A @ X @ B)", {"X": "n m", "A": "n n", "B": "m m"}, "∇²_X = A ⊗ Bᵀ + Aᵀ ⊗ B   (row after row)"),
    ("trace(X @ X)", {"X": "n n"}, "∇²_X = 2 (I ⊗ I) K   (row after row)"),
    ("logdet(X)", {"X": "n n"}, "∇²_X = −(X⁻ᵀ ⊗ X⁻¹) K   (row after row)"),
    ("(a @ X @ b)**2", {"X": "n m", "a": "n", "b": "m"}, "∇²_X = 2 ((a aᵀ) ⊗ (b bᵀ))   (row after row)"),
]


@pytest.mark.parametrize(("text", "given", "shown"), COMPRESSED)
def test_hessians_by_matrices(text, given, shown):
    found = derive.hessian(derive.parse(text, **given), next(iter(given)))
    assert str(found) == shown
    found.check_mathematics(points=1).raise_if_failed()


def test_a_kronecker_product_is_what_it_says():
    formula = derive.parse("trace(X.T @ A @ X @ B)", X="n m", A="n n", B="m m")
    rng = np.random.default_rng(0)
    X, A, B = rng.normal(size=(3, 2)), rng.normal(size=(3, 3)), rng.normal(size=(2, 2))
    full = derive.compile(derive.hessian(formula, "X"))(X, A, B).reshape(6, 6)
    np.testing.assert_allclose(full, np.kron(A, B.T) + np.kron(A.T, B))


def test_layouts():
    gradient = derive.grad(derive.parse("a @ X @ b", X="n m", a="n", b="m"), "X")
    assert gradient.in_layout("numerator").splitlines()[0] == "(∇_X)ᵀ = b aᵀ"
    assert gradient.in_layout("denominator").splitlines()[0] == "∇_X = a bᵀ"
    jacobian = derive.jacobian(derive.parse("A @ x", A="m n", x="n"), "x")
    assert jacobian.in_layout("denominator") == (
        "∂value/∂x = Aᵀ\n(denominator layout: the variable's axes first, so that a Jacobian is the transpose of ours)"
    )
    with pytest.raises(DomainError) as problem:
        gradient.in_layout("rows")
    assert str(problem.value) == "no layout is called 'rows'; there are gradient, numerator, denominator"


def test_batches():
    one = derive.parse("(x @ w - y)**2", x="d", w="d", y="")
    many = derive.batch(one, over=("x", "y"), dim="m", reduce="mean")
    assert str(derive.grad(many, "w")) == "∇_w = (2/m) xᵀ (x w − y)"
    derive.grad(many, "w").check(points=1).raise_if_failed()
    rng = np.random.default_rng(0)
    x, w, y = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=4)
    for reduce, wanted in (("mean", np.mean), ("sum", np.sum), ("none", np.asarray)):
        kernel = derive.compile(derive.batch(one, over="x y", reduce=reduce))
        np.testing.assert_allclose(kernel(x, w, y), wanted((x @ w - y) ** 2))
    network = derive.batch("mlp_sigmoid", over="x y")
    derive.grad(network).check_mathematics(points=1).raise_if_failed()


def test_what_cannot_be_batched():
    one = derive.parse("logdet(S) + m @ x", S="n n spd", x="n", m="n")
    with pytest.raises(ShapeError) as problem:
        derive.batch(one, over="S", dim="k")
    assert str(problem.value) == "logdet of each sample's matrix cannot be batched; batch what comes after it"
    with pytest.raises(DeriveError) as problem:
        derive.batch(one, over="x")
    assert str(problem.value) == "'m' is taken; give the number of samples another name"
    with pytest.raises(DeriveError) as problem:
        derive.batch(one, over="z", dim="k")
    assert str(problem.value) == "'z' is not an input; they are S, x, m"
