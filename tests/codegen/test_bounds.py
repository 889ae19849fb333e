"""Kernels never read outside their arrays, whatever the sizes of a call are."""

import numpy as np
import pytest

import derive
from codegen.bounds import bounds
from codegen.kernel import BACKENDS
from derive.errors import BackendUnavailable, ShapeError

FIXED = derive.parse("v[0] * v[2]", v="n")
WINDOW = derive.parse("sum(w[k] * x[i + k] * y[i], i, k)", w="m", x="n", y="p")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fixed_position_needs_an_axis_that_has_it(backend):
    kernel = derive.compile(FIXED, backend)
    assert kernel([2.0, 3.0, 4.0]) == 8
    for size in (0, 1, 2):
        with pytest.raises(ShapeError) as problem:
            kernel(np.ones(size))
        position = 0 if size == 0 else 2
        needed = position + 1
        assert str(problem.value) == f"formula reads v[{position}], which needs {needed} <= n; given n = {size}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_window_has_to_fit(backend):
    kernel = derive.compile(WINDOW, backend)
    assert kernel([1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 1.0]) == 6
    assert kernel(np.ones(0), np.ones(0), np.ones(5)) == 0, "nothing is read"
    with pytest.raises(ShapeError) as problem:
        kernel(np.ones(3), np.ones(3), np.ones(2))
    said = "formula reads x[i + k], which needs m + p <= n + 1; given m = 3, n = 3, p = 2"
    assert str(problem.value) == said


def test_what_no_size_can_mend_is_refused_at_once():
    with pytest.raises(ShapeError) as problem:
        bounds(derive.parse("sum(x[-i - 1], i) * v[i] * 0 + x[-1]", x="n", v="n").program)
    assert str(problem.value).startswith("x[-1] reads positions -1 to -1 of x")


def test_a_position_that_is_not_linear_is_refused():
    with pytest.raises(BackendUnavailable) as problem:
        bounds(derive.parse("sum(x[i * i] * v[i], i)", x="n", v="n").program)
    assert "is not linear in indices and sizes" in str(problem.value)
