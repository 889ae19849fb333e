"""Gathers, windows and masks: what is read at positions that are worked out, differentiated and run everywhere."""

import numpy as np
import pytest

import derive
from codegen.kernel import BACKENDS
from derive.errors import DomainError

WINDOW = "y[i] = sum(w[k] * x[i + k], k)\n"
CASES = [
    ("sum(z[i, c[i]], i)", {"z": "n k", "c": "n index k"}, "z"),
    ("sum((E[c[i], j] * w[j] - y[i, j])**2, i, j)", {"E": "v d", "c": "n index v", "w": "d", "y": "n d"}, "E"),
    ("-mean(log_softmax(z)[i, c[i]], i)", {"z": "n k", "c": "n index k"}, "z"),
    ("sum((sum(w[k] * x[i + k], k) - y[i])**2, i)", {"w": "3", "x": "10", "y": "8"}, "w x"),
    (WINDOW + "sum(tanh(y))", {"w": "m", "x": "n"}, "w x"),
    (WINDOW + "sum((y - t)**2)", {"w": "3", "x": "7", "t": "5"}, "w x"),
    ("sum(where(x > 0, x, a * x) * m)", {"x": "n", "a": "", "m": "n in {0,1}"}, "x a"),
    ("sum(cumsum(x) * a)", {"x": "n", "a": "n"}, "x a"),
    ("prod(x)", {"x": "n"}, "x"),
    ("max(x) * norm(x, inf)", {"x": "n"}, "x"),
]


@pytest.mark.parametrize(("text", "given", "wrt"), CASES)
@pytest.mark.parametrize("kind", ["grad", "hessian"])
def test_derivatives_on_every_backend(text, given, wrt, kind):
    report = getattr(derive, kind)(derive.parse(text, **given), wrt).check(points=2)
    report.raise_if_failed()
    assert not [check for check in report.checks if check.against.startswith("not available")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_window_has_a_size_of_its_own(backend):
    formula = derive.parse(WINDOW + "y", w="m", x="n")
    kernel = derive.compile(formula, backend)
    np.testing.assert_allclose(kernel([1.0, 2.0], [1.0, 2.0, 3.0, 4.0]), [5, 8, 11])
    assert kernel([1.0, 2.0], np.ones((3, 4))).shape == (3, 3)
    assert kernel(np.ones(4), np.ones(2)).shape == (0,)
    band = derive.compile(derive.jacobian(formula, "x"), backend)([1.0, 2.0], np.ones(4))
    np.testing.assert_array_equal(band, [[1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]])


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_of_positions(backend):
    """Leading axes broadcast over positions, too."""
    formula = derive.parse("sum(z[i, c[i]] * w[i], i)", z="n k", c="n index k", w="n")
    rng = np.random.default_rng(1)
    z, c, w = rng.normal(size=(4, 3, 2)), rng.integers(0, 2, (4, 3)), rng.normal(size=3)
    wanted = (np.take_along_axis(z, c[..., None], -1)[..., 0] * w).sum(-1)
    np.testing.assert_allclose(derive.compile(formula, backend)(z, c, w), wanted)
    found = derive.compile(derive.grad(formula, "z"), backend)(z, c, w)
    np.testing.assert_allclose((found * z).sum((-1, -2)), wanted)
    with pytest.raises(DomainError) as problem:
        derive.compile(formula, backend)(z, c + 1, w)
    assert str(problem.value) == "c holds positions from 0 to 1, but ranges from 1 to 2"


def test_an_embedding_gradient_is_a_scatter():
    """Rows are added where the positions point; nothing loops over the whole table for each of them."""
    formula = derive.parse("sum((E[c[i], j] - y[i, j])**2, i, j)", E="v d", c="n index v", y="n d")
    text = derive.emit(derive.grad(formula, "E"), "c")
    assert "grad_E[(ptrdiff_t)c[j]*d + l] +=" in text
    assert "np.add.at" in derive.emit(derive.grad(formula, "E"), "numpy")
