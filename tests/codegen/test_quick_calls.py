"""Calls that do not pass through NumPy: the same results, the same words, nothing kept and nothing lost."""

import ctypes
import gc
import inspect
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import derive
from codegen import quick_calls
from codegen.kernel import Kernel, QuickKernel
from codegen.ufunc import Control
from derive.errors import DeriveError

pytestmark = pytest.mark.skipif(not quick_calls.available(), reason="objects look different here")
rng = np.random.default_rng(3)
FORMULAS = {
    "sigmoid": {},
    "normal_pdf": {},
    "mse": {"n": 7, "d": 3},
    "mlp_sigmoid": {"d": 3, "h": 4},
    "softmax": {"k": 5},
    "kl_multivariate_normal": {"d": 3},
    "rotation_2d": {},
    "rnn_unrolled": {"d": 4, "k": 2},
}


def kernels(name, dtype="float64"):
    """A kernel of the formula, and of its gradient with its value."""
    formula = derive.formula(name)
    found = [derive.compile(formula, dtype=dtype)]
    if not formula.program.array(formula.value).shape:
        found.append(derive.compile(derive.grad(formula), value=True, dtype=dtype))
    return found


def arguments(kernel, sizes):
    """Arrays for a kernel, positive definite where they are square."""
    found = []
    for array in kernel.signature.inputs:
        shape = tuple(sizes.get(str(size), 0) or int(size) for size in array.shape)
        value = rng.uniform(0.1, 0.9, size=shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            value = value @ value.T + np.eye(shape[0])
        found.append(value.astype(kernel.dtype) if shape else np.dtype(kernel.dtype).type(value))
    return found


def slowly(kernel, *given, **named):
    return Kernel.__call__(kernel, *given, **named)


def told(function, given):
    """What comes of a call: results, or words."""
    try:
        return function(*given)
    except DeriveError as error:
        return f"{type(error).__name__}: {error}"


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(found, str):
        assert found == expected
        return
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for one, other in pairs:
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FORMULAS)
def test_results_are_those_of_numpy_to_the_last_bit(name, dtype):
    for kernel in kernels(name, dtype):
        assert isinstance(kernel, QuickKernel)
        given = arguments(kernel, FORMULAS[name])
        assert_same(kernel(*given), slowly(kernel, *given))


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.tolist(),
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(">f8"),
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.longdouble),
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if np.ndim(a) else np.array(a),
        lambda a: np.broadcast_to(a, (2, *np.shape(a))),
        lambda a: a.view(np.recarray) if np.ndim(a) else float(a),
        lambda a: np.ma.masked_array(a),
    ],
)
@pytest.mark.parametrize("name", ["sigmoid", "normal_pdf", "mse"])
def test_other_arguments_mean_what_they_mean_to_numpy(name, change):
    for kernel in kernels(name):
        plain = arguments(kernel, FORMULAS[name])
        for at in range(len(plain)):
            given = [change(np.asarray(value)) if place == at else value for place, value in enumerate(plain)]
            assert_same(told(kernel, given), told(Kernel.__call__, [kernel, *given]))


def test_numbers_of_python_and_arrays_without_axes():
    _, slope = kernels("normal_pdf")
    for given in ((0.5, 0.25, 2.0), (np.float64(0.5), 0.25, 2), (np.array(0.5), 0.25, 2.0)):
        assert_same(slope(*given), slowly(slope, *given))
    row, empty = np.linspace(0, 1, 6).reshape(2, 3), np.empty((0, 4))
    for given in ((row, 0.25, 2.0), (row, row.copy(), row + 1), (row, row[0], 2.0), (empty, 0.5, 1.0)):
        assert_same(slope(*given), slowly(slope, *given))


def test_results_with_more_axes_than_sizes():
    kernel = derive.compile(derive.jacobian(derive.parse("exp(A @ A)", A="n n")))
    given = rng.uniform(size=(3, 3))
    assert kernel(given).shape == (3, 3, 3, 3)
    assert_same(kernel(given), slowly(kernel, given))


def test_axes_without_entries():
    for kernel in kernels("mse"):
        given = np.empty((3, 0)), np.empty(0), np.ones(3)
        assert_same(kernel(*given), slowly(kernel, *given))


def test_names_and_out_go_the_other_way():
    kernel = derive.compile(derive.grad("mse"))
    X, w, y = rng.normal(size=(400, 3)), rng.normal(size=3), rng.normal(size=400)
    out = np.empty(3)
    assert kernel(X, w, y, out=out) is out
    np.testing.assert_array_equal(kernel(y=y, X=X, w=w), out)
    np.testing.assert_array_equal(kernel(X, w, y), out)


@pytest.mark.parametrize(
    "given", [(), (np.ones((2, 3)),), (np.ones((2, 3)), np.ones(2), np.ones(2)), (np.ones(3), np.ones(3), np.ones(3))]
)
def test_the_words_are_the_same(given):
    kernel = derive.compile(derive.grad("mse"))
    with pytest.raises(DeriveError) as slow:
        slowly(kernel, *given)
    with pytest.raises(DeriveError) as quick:
        kernel(*given)
    assert str(quick.value) == str(slow.value)


def test_nothing_is_kept_and_nothing_is_lost():
    kernel = derive.compile(derive.grad("mlp_sigmoid"), value=True)
    given = arguments(kernel, FORMULAS["mlp_sigmoid"])
    kept = [*given, given[0].dtype, np.ndarray, np.float64, type(kernel(*given))]
    before = [sys.getrefcount(one) for one in kept]
    for _ in range(1000):
        result = kernel(*given)
    assert [sys.getrefcount(part) for part in result] == [3] * len(result)  # the tuple, the loop, the call
    del result
    assert all(abs(sys.getrefcount(one) - count) < 20 for one, count in zip(kept, before, strict=True))


def test_other_threads_run_meanwhile():
    """Many numbers in several threads, each with results of its own."""
    kernel = derive.compile(derive.grad("mse"), threads=1)
    X, w, y = rng.normal(size=(4000, 5)), rng.normal(size=5), rng.normal(size=4000)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda scale: kernel(X, scale * w, y), np.arange(200) / 100))
    for scale, one in zip(np.arange(200) / 100, found, strict=True):
        np.testing.assert_array_equal(one, slowly(kernel, X, scale * w, y))


def test_a_kernel_that_nobody_holds_goes():
    kernel = derive.compile(derive.grad("sigmoid"))
    call, seen = kernel._call, weakref.ref(kernel)
    assert call(0.5) == kernel(0.5)
    del kernel
    gc.collect()
    assert call(0.25) == seen()(0.25)  # the call holds what it needs
    del call
    gc.collect()
    assert seen() is None


def test_where_a_loop_finds_no_memory_the_other_way_has_the_words():
    kernel = derive.compile(derive.grad("sigmoid"))
    control = Control(0, 1)

    @ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
    def fails(args, dimensions, steps, data):
        ctypes.cast(data, ctypes.POINTER(ctypes.c_int32))[0] = 1

    address = ctypes.cast(fails, ctypes.c_void_p).value
    asked = []
    call = quick_calls.quick_call(
        kernel.loop.call, address, kernel.signature, "float64", control, lambda *a: asked.append(a), tuple
    )
    assert call(np.ones(3)) is None
    assert len(asked) == 1
    assert control.failed == 0


def test_what_a_kernel_takes_can_be_asked():
    kernel = derive.compile(derive.grad("sigmoid"))
    assert str(inspect.signature(kernel)) == str(inspect.signature(Kernel.__call__)).replace("self, ", "")
    assert callable(kernel)
