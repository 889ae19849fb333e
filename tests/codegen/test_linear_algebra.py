"""Functions of whole matrices in kernels: sizes, strides, threads, and matrices without an inverse."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import derive
from codegen.kernel import BACKENDS

SPD = {"logdet(S)", "trace(inv(S) @ A)", "sum(cholesky(S) * A)", "sum(eigvalsh(S)**3)", "x @ solve(S, x)", "det(S / 9)"}


def spd(rng, size):
    root = rng.normal(size=(size, size)) / size**0.5
    return root @ root.T + np.eye(size)


@pytest.mark.parametrize("text", sorted(SPD))
@pytest.mark.parametrize("size", [0, 1, 2, 7, 31, 32, 60])
def test_backends_agree(text, size):
    """From 32 rows on LLVM's kernels call LAPACK; all others are computed by loops of our own."""
    rng = np.random.default_rng(size)
    formula = derive.parse(text, S="n n spd", A="n n", x="n")
    arrays = spd(rng, size), rng.normal(size=(size, size)), rng.normal(size=size)
    wanted = [derive.compile(asked, "numpy")(*arrays) for asked in (formula, derive.grad(formula, "S"))]
    for backend in BACKENDS[1:]:
        for asked, value in zip((formula, derive.grad(formula, "S")), wanted, strict=True):
            np.testing.assert_allclose(derive.compile(asked, backend)(*arrays), value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [3, 40])
def test_strides_and_batches(backend, size):
    rng = np.random.default_rng(1)
    kernel = derive.compile(derive.parse("inv(A)", A="n n"), backend)
    matrices = rng.normal(size=(2, size, size)) + 4 * np.eye(size)
    wanted = np.linalg.inv(matrices)
    np.testing.assert_allclose(kernel(matrices), wanted)
    np.testing.assert_allclose(kernel(np.swapaxes(matrices, -1, -2)), np.swapaxes(wanted, -1, -2))
    np.testing.assert_allclose(kernel(matrices[:, ::-1, ::-1]), wanted[:, ::-1, ::-1])
    np.testing.assert_allclose(kernel(np.asfortranarray(matrices[0])), wanted[0])
    single = derive.compile(derive.parse("inv(A)", A="n n"), backend, "float32")(matrices)
    np.testing.assert_allclose(single, wanted, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_singular_matrix_is_no_number_and_no_error(backend):
    kernel = derive.compile(derive.parse("inv(A)", A="n n"), backend)
    both = kernel(np.array([np.zeros((2, 2)), np.eye(2)]))
    assert not np.isfinite(both[0]).any()
    np.testing.assert_allclose(both[1], np.eye(2))
    assert derive.compile(derive.parse("det(A)", A="n n"), backend)(np.zeros((2, 2))) == 0
    assert np.isnan(derive.compile(derive.parse("cholesky(A)", A="n n"), backend)(-np.eye(2))).any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [5, 40])
def test_many_threads(backend, size):
    rng = np.random.default_rng(2)
    kernel = derive.compile(derive.grad(derive.parse("logdet(S)", S="n n spd"), "S"), backend)
    matrices = [spd(rng, size) for _ in range(16)]
    with ThreadPoolExecutor(4) as pool:
        for matrix, found in zip(matrices, pool.map(kernel, matrices), strict=True):
            np.testing.assert_allclose(found, np.linalg.inv(matrix), rtol=1e-8, atol=1e-10)


def test_a_badly_scaled_matrix():
    """Householder reflections need no pivots, and rotations find small eigenvalues beside large ones."""
    matrix = np.array([[1e-20, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 3.0, 1e-8]])
    for backend in ("c", "llvm"):
        kernel = derive.compile(derive.parse("inv(A)", A="n n"), backend)
        np.testing.assert_allclose(kernel(matrix) @ matrix, np.eye(3), atol=1e-7)
        values = derive.compile(derive.parse("eigvalsh(A)", A="n n"), backend)(np.diag([1e-12, 5.0, 1e6]))
        np.testing.assert_allclose(values, [1e-12, 5.0, 1e6], rtol=1e-14)
