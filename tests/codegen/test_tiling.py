"""Rows taken four at a time: those left over at the end, functions of four rows in one vector, rows asked for ahead."""

import numpy as np
import pytest

import derive

FUNCTIONS_BETWEEN = ["poisson_regression", "logistic_regression", "svm_primal", "perceptron", "log_barrier"]
FUNCTIONS_BETWEEN += ["softmax_regression", "skipgram_negative_sampling"]  # which add to sums there
FOUR_AT_A_TIME = ["mse", "ridge", "autoencoder", *FUNCTIONS_BETWEEN]
LAYERS = ["mlp_sigmoid", "mlp_forward", "deep_mlp", "autoencoder"]  # whose products with vectors are routines
rng = np.random.default_rng(5)


def kernel(name, **how):
    return derive.compile(derive.grad(name), value=True, threads=1, **how)


def inputs_of(made, rows):
    """Numbers of the sizes of a kernel, so many rows of each matrix first."""
    sizes = {}
    for array in made.signature.inputs:
        for size in array.shape:
            sizes.setdefault(str(size), rows if not sizes else 2 + len(sizes))
    return [
        rng.uniform(0.1, 0.9, size=tuple(sizes[str(size)] for size in array.shape)) for array in made.signature.inputs
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*FOUR_AT_A_TIME, *LAYERS[:-1]])
def test_rows_that_are_left_over_count_as_much(name, dtype):
    made, plain = kernel(name, dtype=dtype), kernel(name, backend="numpy")
    for rows in (1, 3, 4, 5, 8, 11, 64, 1030):
        given = inputs_of(made, rows)
        for found, expected in zip(made(*given), plain(*given), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11 if dtype == "float64" else 2e-4, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS_BETWEEN)
def test_functions_between_the_loops_of_a_row_are_called_for_four_rows_together(name):
    assert "alloca [4 x double]" in kernel(name).source
    assert "alloca [4 x double]" not in kernel("mse").source


def test_short_rows_of_a_large_matrix_are_asked_for_ahead():
    made, plain = kernel("mse"), kernel("mse", backend="numpy")
    assert "call void @llvm.prefetch.p0" in made.source
    for shape in ((9_001, 17), (501, 600)):  # rows that are asked for, and rows that go on long enough
        given = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[0])
        for found, expected in zip(made(*given), plain(*given), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_what_has_no_rows_asks_for_nothing():
    assert "prefetch" not in derive.compile(derive.grad("sigmoid")).source
