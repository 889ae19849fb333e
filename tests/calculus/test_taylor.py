"""Taylor polynomials: known series, and the order in which they leave the function."""

import mpmath
import numpy as np
import pytest

import derive
from derive.errors import DeriveError, ShapeError
from derive.verification.oracle import evaluate

KNOWN = [
    ("exp", "0", 4, "y ≈ 1 + x + (1/2) x² + (1/6) x³ + (1/24) x⁴"),
    ("sin", "0", 5, "y ≈ x − (1/6) x³ + (1/120) x⁵"),
    ("cos", "0", 4, "y ≈ 1 − (1/2) x² + (1/24) x⁴"),
    ("sigmoid", "0", 3, "s ≈ 1/2 + (1/4) x − (1/48) x³"),
    ("tanh", "0", 5, "t ≈ x − (1/3) x³ + (2/15) x⁵"),
    ("log", "1", 3, "y ≈ x − 1 − (1/2) (x − 1)² + (1/3) (x − 1)³"),
    ("softplus", "0", 2, "f ≈ log(2) + (1/2) x + (1/8) x²"),
    ("relu", "2", 2, "r ≈ 2 + x − 2"),
    ("constant", "0", 3, "f ≈ c"),
]


@pytest.mark.parametrize(("name", "at", "order", "text"), KNOWN)
def test_known_series(name, at, order, text):
    assert str(derive.taylor(name, at=at, order=order)) == text


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "silu", "mish", "logit", "composition", "arctan", "exp_base"])
@pytest.mark.parametrize("order", [1, 3])
def test_the_remainder_has_the_next_order(name, order):
    formula = derive.formula(name)
    wrt = formula.wrt[0]
    at = 0.25
    series = derive.taylor(formula, wrt, at, order).formula.program
    inputs = {array.name: np.float64(1.5) for array in formula.program.inputs}
    errors = []
    with mpmath.workdps(50):
        for step in (mpmath.mpf("1e-6"), mpmath.mpf("5e-7")):
            point = inputs | {wrt: np.array(mpmath.mpf(at) + step, dtype=object)}
            left, right = (evaluate(p, point, 50)[p.outputs[-1]][()] for p in (formula.program, series))
            errors.append(abs(left - right))
        assert mpmath.log(errors[0] / errors[1], 2) > order + 0.9


def test_what_has_no_series():
    with pytest.raises(ShapeError) as problem:
        derive.taylor("softmax")
    assert str(problem.value) == "a Taylor polynomial is of a number in a number, but z is an array"
    with pytest.raises(DeriveError) as problem:
        derive.taylor("sigmoid", order=99)
    assert str(problem.value) == "the order of a Taylor polynomial is from 0 to 20, not 99"
