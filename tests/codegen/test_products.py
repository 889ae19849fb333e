"""Products of matrices: which sums are recognised, and that BLAS and loops agree."""

import ctypes

import numpy as np
import pytest

import derive
from codegen import blas
from codegen.loops import Multiply, everything
from codegen.schedule import scheduled
from derive.calculus.stability import stabilised

rng = np.random.default_rng(0)


def products(asked):
    nest = scheduled(stabilised(asked.program), "kernel", shared=True)
    return [statement for statement in everything(nest.body) if isinstance(statement, Multiply)]


@pytest.mark.parametrize(
    ("text", "given", "symmetric"),
    [
        ("A @ B", {"A": "m k", "B": "k n"}, [False]),
        ("A.T @ A", {"A": "m k"}, [True]),
        ("einsum('ij,i,ik->jk', A, s, A)", {"A": "m k", "s": "m"}, [True]),
        ("einsum('ij,i,ik->jk', A, exp(s), A)", {"A": "m k", "s": "m"}, [True]),
        ("einsum('ij,i,ik->jk', A, exp(s)**2 + sigmoid(s), A) / 3", {"A": "m k", "s": "m"}, [True]),
        ("A @ A.T", {"A": "m k"}, [True]),
        ("A @ B @ A.T", {"A": "m k", "B": "k k"}, [False, False]),
        ("c * (A @ B.T) / 7 + A @ B.T", {"A": "m k", "B": "n k", "c": ""}, [False]),
        ("A @ x", {"A": "m k", "x": "k"}, [False]),
        ("A.T @ x / 3", {"A": "k m", "x": "k"}, [False]),
        ("A @ (exp(x) * y)", {"A": "m k", "x": "k", "y": "k"}, [False]),
        ("tanh(y) * (A @ x) / 3", {"A": "m k", "x": "k", "y": "m"}, [False]),
        ("tanh(A @ x) @ A", {"A": "m k", "x": "k"}, []),
        ("outer(x, y)", {"x": "m", "y": "n"}, []),
        ("exp(A) @ (2 * B)", {"A": "m k", "B": "k n"}, [False]),
    ],
)
def test_what_is_recognised_and_computed(text, given, symmetric):
    formula = derive.parse(text, **given)
    assert [product.symmetric for product in products(formula)] == symmetric
    native, plain = derive.compile(formula), derive.compile(formula, backend="numpy")
    for size in ({"m": 3, "k": 2, "n": 4}, {"m": 130, "k": 260, "n": 70}):
        arrays = {
            array.name: rng.normal(size=tuple(size[str(s)] for s in array.shape)) for array in formula.program.inputs
        }
        np.testing.assert_allclose(native(**arrays), plain(**arrays), rtol=1e-9, atol=1e-10)
        turned = {name: np.array(value, order="F") for name, value in arrays.items()}
        np.testing.assert_array_equal(native(**turned), native(**arrays))


def test_weights_that_are_not_negative_go_to_both_sides():
    given = {"A": "m k", "s": "m"}
    (root,) = products(derive.parse("einsum('ij,i,ik->jk', A, exp(s), A)", **given))
    assert root.left.name == root.right.name
    (signed,) = products(derive.parse("einsum('ij,i,ik->jk', A, sin(s), A)", **given))
    assert signed.left.name != signed.right.name


def test_a_symmetric_result_is_symmetric_to_the_last_bit():
    X = rng.normal(size=(300, 150))
    gram = derive.compile(derive.parse("X.T @ X", X="n d"))(X)
    np.testing.assert_array_equal(gram, gram.T)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_product_of_numpy_stands_in_for_blas(dtype, monkeypatch):
    """What machine code calls where there is no SciPy is a function of the same form."""
    kind = {"float64": ctypes.c_double, "float32": ctypes.c_float}[dtype]
    gemm = blas._gemm(kind)
    for left_turned in (False, True):
        for right_turned in (False, True):
            A, B, C = (np.asfortranarray(rng.normal(size=s).astype(dtype)) for s in ((4, 3), (3, 5), (4, 5)))
            left, right = (np.asfortranarray(m.T) if t else m for m, t in ((A, left_turned), (B, right_turned)))
            letters = [ctypes.c_char(b"T" if turned else b"N") for turned in (left_turned, right_turned)]
            sizes = [ctypes.c_int(n) for n in (4, 5, 3)]
            steps = [ctypes.c_int(m.shape[0]) for m in (left, right, C)]
            numbers = [kind(2.0), kind(0.0)]
            order = [*letters, *sizes, numbers[0], left, steps[0], right, steps[1], numbers[1], C, steps[2]]
            gemm(*(at.ctypes.data if isinstance(at, np.ndarray) else ctypes.addressof(at) for at in order))
            np.testing.assert_allclose(C, 2 * A @ B, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_product_of_a_matrix_and_itself_of_numpy_stands_in_too(dtype, turned):
    kind = {"float64": ctypes.c_double, "float32": ctypes.c_float}[dtype]
    A, C = np.asfortranarray(rng.normal(size=(4, 3)).astype(dtype)), np.zeros((4, 4), dtype, order="F")
    side = np.asfortranarray(A.T) if turned else A
    letters = [ctypes.c_char(b"L"), ctypes.c_char(b"T" if turned else b"N")]
    sizes = [ctypes.c_int(n) for n in (4, 3, side.shape[0], 4)]
    numbers = [kind(2.0), kind(0.0)]
    order = [*letters, *sizes[:2], numbers[0], side, sizes[2], numbers[1], C, sizes[3]]
    blas._syrk(kind)(*(at.ctypes.data if isinstance(at, np.ndarray) else ctypes.addressof(at) for at in order))
    np.testing.assert_allclose(C, 2 * A @ A.T, rtol=1e-5)
