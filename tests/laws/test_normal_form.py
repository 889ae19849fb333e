"""The normal form does not depend on how a value was written down."""

import random

import pytest
from sympy import Add, Mul, Rational, sqrt

from derive.calculus.normal_form import normal_form, same
from derive.calculus.samples import SAMPLES, A, B, a, b, c, i, j, k, l, n, p, q, u, x, y
from derive.formulas import exp, log, log_sigmoid, sigmoid, softplus, tanh
from derive.program import Delta, Index, Maximum, Reduction, Sum, children, rebuilt, substitute
from tests.helpers import SOME, first_derivative

EQUAL = [
    (1 / (1 + exp(-x)), exp(x) / (1 + exp(x))),
    (tanh(x), 2 * sigmoid(2 * x) - 1),
    (sigmoid(-x), 1 - sigmoid(x)),
    (softplus(x), log(1 + exp(x))),
    (log_sigmoid(x), -softplus(-x)),
    (Sum(Delta(i, j) * a[j], j), a[i]),
    (Sum(A[i, j] * a[i] * a[j], i, j), Sum(A[k, i] * a[i] * a[k], i, k)),
    (Sum(A[i, j] * a[j], j) ** 2, Sum(A[i, k] * A[i, j] * a[k] * a[j], j, k)),
    (exp(a[i]) / Sum(exp(a[j]), j), exp(a[i] - x) / Sum(exp(a[k] - x), k)),
    (Sum(exp(a[i]) / Sum(exp(a[j]), j), i), Rational(1)),
    (Sum((a[i] - x) ** 2, i), Sum(a[j] ** 2, j) - 2 * x * Sum(a[k], k) + n * x**2),
    (Sum(Sum(A[i, j], i) ** 2, j), Sum(A[k, j] * A[i, j], j, k, i)),
    (-(y / x - (1 - y) / (1 - x)) * x * (1 - x), x - y),
    (1 / (x - y), -1 / (y - x)),
    (Sum(1 / (a[i] - b[j]), i, j), -Sum(1 / (b[j] - a[i]), i, j)),
    (Sum(A[i, j] * A[j, k] * A[k, i], i, j, k), Sum(A[j, k] * A[k, i] * A[i, j], k, i, j)),
    (log(p[i] * q[i]), log(p[i]) + log(q[i])),
    (log(p[i] / q[i]), log(p[i]) - log(q[i])),
    (u**x * u**y, u ** (x + y)),
    (x * u ** (x - 1), x * u**x / u),
    (sqrt(u * q[i]), sqrt(u) * sqrt(q[i])),
    (Delta(i, j) * a[i], Delta(i, j) * a[j]),
    (Delta(i, j) ** 2, Delta(i, j)),
    (Sum(B[i, l], l, i), Sum(Sum(B[j, l], j), l)),
    (Maximum(a[i], i) * 2, 2 * Maximum(a[k], k)),
    ((x + y) ** 3, x**3 + 3 * x**2 * y + 3 * x * y**2 + y**3),
]
DIFFERENT = [
    (x, y),
    (a[i], a[j]),
    (A[i, j], A[j, i]),
    (Sum(A[i, j], i), Sum(A[j, i], i)),
    (log(x * y), log(x) + log(y)),
    (sqrt(x**2 * y), x * sqrt(y)),
    (Sum(a[i] * b[i], i), Sum(a[i], i) * Sum(b[j], j)),
    (sigmoid(x), tanh(x)),
    (Delta(i, j) * a[i], a[i]),
    (Sum(c, i), c),
]


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=str)
def test_equal(left, right):
    assert same(left, right, SAMPLES)


@pytest.mark.parametrize(("left", "right"), DIFFERENT, ids=str)
def test_different(left, right):
    assert not same(left, right, SAMPLES)


def shuffled(value, rng, used):
    """The same value with its parts in another order and its bound indices under other names."""
    if isinstance(value, Reduction):
        order = list(value.indices)
        rng.shuffle(order)
        names = {}
        for index in order:
            used.append(index)
            names[index] = Index(f"r{rng.randrange(10**6)}_{len(used)}", index.size)
        body = shuffled(substitute(value.body, names), rng, used)
        return type(value)(body, *(names[index] for index in order))
    if not value.args:
        return value
    parts = [shuffled(part, rng, used) for part in children(value)]
    if isinstance(value, Add | Mul):
        rng.shuffle(parts)
    return rebuilt(value, tuple(parts))


@pytest.mark.parametrize("seed", range(5))
def test_confluence(seed):
    rng = random.Random(seed)
    for left, right in EQUAL:
        for side in (left, right):
            assert normal_form(shuffled(side, rng, []), SAMPLES) == normal_form(side, SAMPLES)


@pytest.mark.parametrize("name", SOME)
def test_confluence_on_the_catalog(name):
    rng = random.Random(name)
    program = first_derivative(name).program
    for equation in program.equations:
        expected = normal_form(equation.value, program.arrays)
        assert normal_form(shuffled(equation.value, rng, []), program.arrays) == expected
