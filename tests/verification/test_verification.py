"""The oracle, the samples and the differences: they have to be right before anything else can be."""

import mpmath
import numpy as np
import pytest

import derive
from derive.domains import DOMAINS, domain
from derive.errors import CheckFailed, DomainError, NotDifferentiable, ParseError, ShapeError
from derive.formulas import Formula, Maximum, Sum, absolute, arrays, dims, indices, log, scalars
from derive.program import Array, Dim
from derive.verification.equality import assert_close
from derive.verification.finite_differences import derivative
from derive.verification.oracle import evaluate
from derive.verification.sampling import draw, sample

n, d = dims("n d")
i, j = indices(i=n, j=d)
X, a = arrays(X=(n, d), a=n)
x, v = scalars("x v")


def test_oracle_in_floats_and_in_digits():
    formula = derive.formula("logsumexp")
    point = {"z": np.array([1.0, 2.0, 3.0])}
    floats = evaluate(formula.program, point, digits=None)["v"]
    assert floats == pytest.approx(np.log(np.exp([1, 2, 3]).sum()))
    exact = evaluate(formula.program, point, digits=40)["v"][()]
    assert mpmath.nstr(exact, 30) == "3.40760596444438030448291990455"


def test_oracle_knows_infinities():
    program = Formula("f", given=[x], let={v: 1 / x + log(x)}).program
    assert np.isnan(evaluate(program, {"x": 0.0}, digits=None)["v"])
    assert mpmath.isnan(evaluate(program, {"x": 0.0})["v"][()])
    only = Formula("g", given=[x], let={v: -1 / x}).program
    assert evaluate(only, {"x": 0.0})["v"][()] == -mpmath.inf


def test_empty_sums_and_maxima():
    program = Formula("f", given=[a], let={x: Sum(a[i], i), v: Maximum(a[i], i)}).program
    values = evaluate(program, {"a": np.zeros(0)})
    assert values["x"][()] == 0
    assert values["v"][()] == -mpmath.inf


def test_oracle_refuses_what_does_not_fit():
    program = derive.formula("mse").program
    with pytest.raises(ShapeError, match=r"^d is 3 in X but 2 in w$"):
        evaluate(program, {"X": np.zeros((2, 3)), "w": np.zeros(2), "y": np.zeros(2)})
    with pytest.raises(ShapeError, match=r"^the input 'y' is missing$"):
        evaluate(program, {"X": np.zeros((2, 3)), "w": np.zeros(3)})
    with pytest.raises(ShapeError, match=r"^w: d has 1 axes, but the shape \(\) was given$"):
        evaluate(program, {"X": np.zeros((2, 3)), "w": 1.0, "y": np.zeros(2)})


def test_differences_find_the_derivative():
    program = Formula("f", given=[x], let={v: x**3}).program
    found = derivative(program, "v", "x", {"x": np.float64(2)})
    assert abs(found[()] - 12) < 1e-30


def test_differences_refuse_a_kink():
    program = Formula("f", given=[x], let={v: absolute(x) * (1 + x) + log(x**2 + 1) * absolute(x - 1)}).program
    derivative(program, "v", "x", {"x": np.float64(0.5)})
    steep = Formula("f", given=[x], let={v: absolute(x) ** (x / x / 2)}).program
    with pytest.raises(NotDifferentiable):
        derivative(Formula("f", given=[x], let={v: 1 / x}).program, "v", "x", {"x": np.float64(0)})
    assert steep


@pytest.mark.parametrize("name", [*DOMAINS, "index k", "in { 0 , 1 }", "nonneg", "prob"])
def test_samples_lie_in_their_domain(name):
    found = domain(name)
    square = found.square
    shape = (Dim("k"), Dim("k")) if square else (Dim("m"), Dim("k"))
    values = draw(Array("a", shape, found), {"k": 4, "m": 6}, np.random.default_rng(0))
    assert values.shape == ((4, 4) if square else (6, 4))
    assert (values >= found.lower).all()
    assert (values <= found.upper).all()
    if found.open_:
        assert ((values > found.lower) & (values < found.upper)).all()
    if found.nonzero:
        assert values.all()
    if found.structure == "simplex":
        assert (values.sum(axis=-1) == 1).all()
    if found.structure == "spd":
        assert (np.linalg.eigvalsh(values) > 0.5).all()
    if found.structure in ("symmetric", "spd"):
        assert (values == values.T).all()
    if found.structure == "full column rank":
        assert np.linalg.matrix_rank(values) == 4
    if found.below:
        assert (values < 4).all()
    if found.integer and not found.below:
        assert (values == values.round()).all()
    if found is DOMAINS["positive"]:
        assert (values.astype(np.float32) == values).all()


def test_sizes_differ_so_that_a_transpose_cannot_hide():
    for seed in range(10):
        sizes = sample(derive.formula("mlp_sigmoid").program, seed).sizes
        assert len(set(sizes.values())) == len(sizes)


def test_samples_stay_away_from_kinks():
    for seed in range(20):
        assert abs(sample(derive.formula("relu").program, seed).inputs["x"]) > 0.02


def test_no_point_away_from_a_kink():
    message = "at none of 200 random points is the value a number, away from kinks; declare the domains it needs"
    with pytest.raises(DomainError, match=f"^{message}$"):
        sample(Formula("f", given=[x], let={v: absolute(x - x**2 / (x + 1e-9))}).program, 0)


def test_points_where_the_value_is_not_a_number_are_not_samples():
    program = derive.parse("sqrt(x - 1)", x="").program
    assert all(sample(program, seed).inputs["x"] >= 1 for seed in range(5))


def test_unknown_domain():
    with pytest.raises(ParseError, match=r"^unknown domain 'positve'; did you mean 'positive'"):
        domain("positve")


def test_failures_name_the_worst_entry():
    with pytest.raises(CheckFailed) as raised:
        assert_close(np.array([1.0, 2.5]), np.array([mpmath.mpf(1), mpmath.mpf(2)]), 1e-6, "thing")
    assert str(raised.value) == "thing at [1]: got 2.5, expected 2.0 (error 0.25, allowed 1e-06)"
    with pytest.raises(CheckFailed, match=r"^thing: the shape is \(1,\), expected \(2,\)$"):
        assert_close(np.zeros(1), np.zeros(2), 1e-6, "thing")


def test_a_wrong_kernel_is_caught():
    derivative_ = derive.grad("mse")
    report = derivative_.check(backends=("numpy",), points=1)
    assert report.ok
    assert "the numpy kernel" in str(report)
