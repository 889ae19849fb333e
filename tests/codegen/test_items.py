"""Formulas of vectors at many positions of the outer axes: several at a time give what one by one gives."""

import subprocess
import sys

import numpy as np
import pytest

import derive
from codegen.tiling import ROWS
from tests.helpers import parts_of

rng = np.random.default_rng(23)

QUESTIONS = {
    "rbf": lambda: derive.grad("rbf_kernel", "a"),
    "all of rbf": lambda: derive.grad("rbf_kernel"),
    "logsumexp": lambda: derive.formula("logsumexp"),
    "softmax": lambda: derive.formula("softmax"),
    "norm": lambda: derive.grad("l2_norm"),
    "variance": lambda: derive.grad("sample_variance"),
    "triplet": lambda: derive.grad("triplet"),
    "workspace": lambda: derive.grad("softmax_entropy"),
    "more workspace": lambda: derive.formula("correlation"),
    "two sums": lambda: derive.parse("exp(x - max(x)) / sum(exp(x - max(x))) * sum(x * y)", "x: n, y: n"),
}
COUNTS = [1, 2, ROWS - 1, ROWS, ROWS + 1, 11, 100]


def _batches(made, count: int, size: int) -> list[np.ndarray]:
    """Rows for each input that is a vector, a number each for the others."""
    return [rng.uniform(0.5, 2, (count, *(size for _ in array.shape))) for array in made.signature.inputs]


def _one_by_one(made, given: list[np.ndarray]) -> list[np.ndarray]:
    rows = [parts_of(made(*row)) for row in zip(*given, strict=True)]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def _assert_same(found, expected, dtype="float64") -> None:
    close = 1e-13 if dtype == "float64" else 1e-4
    for one, other in zip(parts_of(found), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=close, atol=close)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_rows(name, dtype):
    made = derive.compile(QUESTIONS[name](), dtype=dtype, threads=1)
    assert "@call.several(" in made.source
    for size in (2, 3, 8, 17, 100, 600):
        for count in COUNTS:
            given = [array.astype(dtype) for array in _batches(made, count, size)]
            _assert_same(made(*given), _one_by_one(made, given), dtype)


@pytest.mark.parametrize("name", QUESTIONS)
def test_rows_of_all_kinds(name):
    made = derive.compile(QUESTIONS[name](), threads=1)
    given = _batches(made, 24, 9)
    expected = _one_by_one(made, given)
    backwards = [array[::-1] for array in given]
    _assert_same(made(*backwards), [part[::-1] for part in expected])
    spread = [np.repeat(array, 3, axis=0)[::3] for array in given]
    _assert_same(made(*spread), expected)
    turned = [np.asfortranarray(array) for array in given]
    _assert_same(made(*turned), expected)
    folded = [array.reshape(4, 6, *array.shape[1:]) for array in given]
    _assert_same(made(*folded), [part.reshape(4, 6, *part.shape[1:]) for part in expected])
    first = [given[0], *(array[0] for array in given[1:])]
    _assert_same(made(*first), _one_by_one(made, [given[0], *(np.stack([a[0]] * 24) for a in given[1:])]))
    out = tuple(np.zeros((48, *part.shape[1:])) for part in expected)
    places = tuple(part[::2] for part in out)
    made(*given, out=places if len(places) > 1 else places[0])
    _assert_same(places, expected)
    assert not any(part[1::2].any() for part in out)


def test_rows_that_are_written_over():
    made = derive.compile(QUESTIONS["rbf"](), threads=1)
    a, b, gamma = rng.normal(size=(50, 12)), rng.normal(size=12), 0.1
    expected = made(a.copy(), b, gamma)
    made(a, b, gamma, out=a)
    np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_bits_on_several_threads(name):
    given = _batches(derive.compile(QUESTIONS[name]()), 3001, 16)
    found = [parts_of(derive.compile(QUESTIONS[name](), threads=threads)(*given)) for threads in (1, 2, 3)]
    for one, two, three in zip(*found, strict=True):
        assert one.tobytes() == two.tobytes() == three.tobytes()


def test_long_nests_are_written_once():
    assert "@call.several(" not in derive.compile(derive.grad("correlation")).source
    assert "@call.several(" not in derive.compile(derive.grad("entropy")).source


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded as Linux counts it")
def test_long_rows_take_no_room_for_others():
    script = """
import resource
import numpy as np
import derive

size = 20_000_000
made = derive.compile(derive.grad("softmax_entropy"), threads=1)
made(np.ones(3))
x, out = np.ones(size), np.zeros(size)
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * x.nbytes, taken + 2 * x.nbytes))
made(x, out=out)
print(abs(out).max() < 1e-12)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.stdout == "True\n", found.stderr
