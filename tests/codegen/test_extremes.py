"""Kernels at the ends of floating point: what is finite stays finite, what is tiny is not lost."""

import mpmath
import numpy as np
import pytest

import derive
from codegen.kernel import BACKENDS
from derive.verification.oracle import evaluate
from derive.verification.sampling import sample

POINTS = (-800.0, -745.0, -100.0, -40.0, -36.0, -1e-9, 0.0, 1e-9, 20.0, 36.0, 40.0, 710.0, 800.0)
VECTORS = ([1000.0, 1000.0], [-1000.0, -1000.5, -1003.0], [0.0, 800.0], [-800.0, 800.0, 0.0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "relu"])
def test_activations(name, backend):
    for asked in (derive.formula(name), derive.grad(name)):
        kernel = derive.compile(asked, backend)
        program = asked.program
        for point in POINTS:
            exact = evaluate(program, {"x": np.float64(point)}, digits=1000)[program.outputs[0]][()]
            got = float(kernel(point))
            assert np.isfinite(got), (name, point)
            assert abs(got - exact) <= 1e-14 * abs(exact) + mpmath.mpf("1e-307"), (name, point, got)


@pytest.mark.parametrize("backend", BACKENDS)
def test_softmax_and_logsumexp(backend):
    softmax, logsumexp = derive.compile("softmax", backend), derive.compile("logsumexp", backend)
    gradient = derive.compile(derive.grad("logsumexp"), backend)
    hessian = derive.compile(derive.hessian("logsumexp"), backend)
    for z in VECTORS:
        shifted = np.exp(np.array(z) - max(z))
        np.testing.assert_allclose(softmax(z), shifted / shifted.sum(), rtol=1e-14)
        p = shifted / shifted.sum()
        np.testing.assert_allclose(gradient(z), p, rtol=1e-14)
        np.testing.assert_allclose(hessian(z), np.diag(p) - np.outer(p, p), rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(logsumexp(z), max(z) + np.log(shifted.sum()), rtol=1e-14)
    assert logsumexp([1000.0, 1000.0]) == pytest.approx(1000.693147, abs=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_at_the_border(backend):
    bce = derive.compile("bce_with_logits", backend)
    assert bce([1.0], [800.0]) == 0
    assert bce([0.0], [-50.0]) == pytest.approx(1.9287498479639178e-22, rel=1e-14)
    assert bce([0.0], [800.0]) == 800
    entropy = derive.compile("entropy", backend)
    assert entropy([0.0, 1.0]) == 0
    assert entropy([0.5, 0.5]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["l2_norm", "frobenius_norm", "euclidean_distance", "rmse"])
def test_norms_scale_with_their_vectors(name, backend):
    formula = derive.formula(name)
    value, gradient = derive.compile(formula, backend), derive.compile(derive.grad(formula), backend)
    inputs = sample(formula.program, 0).inputs
    with np.errstate(all="ignore"):
        for scale in (2.0**-700, 2.0**700):
            scaled = {key: array * scale for key, array in inputs.items()}
            np.testing.assert_allclose(value(**scaled), value(**inputs) * scale, rtol=1e-15)
            np.testing.assert_allclose(gradient(**scaled), gradient(**inputs), rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_names_are_seen_through(backend):
    """The loss of a network whose probability is all but certain, and the error that goes back from it."""
    inputs = sample(derive.formula("mlp_sigmoid").program, 0).inputs
    loss = derive.compile("mlp_sigmoid", backend)
    error = derive.compile(derive.grad("mlp_sigmoid", "b2"), backend)
    given = {"y": 1.0, "W2": np.zeros(len(inputs["W2"])), "b2": 50.0}
    assert loss(**inputs | given) == pytest.approx(1.9287498479639178e-22, rel=1e-14)
    assert error(**inputs | given) == pytest.approx(-1.9287498479639178e-22, rel=1e-14)
    assert loss(**inputs | given | {"y": 0.0, "b2": 800.0}) == 800


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_switched_off_does_not_overflow(backend):
    gradient = derive.compile(derive.grad("selu"), backend)
    assert gradient(800.0) == pytest.approx(1.0507009873554805, rel=1e-15)
