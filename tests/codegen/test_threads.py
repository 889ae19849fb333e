"""Threads: the same bits however many there are, and clear words where a number of them makes no sense."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import derive
from codegen import threads
from derive.errors import DomainError
from tests.helpers import parts_of

rng = np.random.default_rng(0)
ROWS = 60_000
CASES = {
    "sigmoid": lambda: {"x": rng.normal(size=1_000_003)},
    "normal_pdf": lambda: {"x": rng.normal(size=300_001), "mu": 0.5, "sigma": 2.0},
    "mse": lambda: {"X": rng.normal(size=(ROWS, 17)), "w": rng.normal(size=17), "y": rng.normal(size=ROWS)},
    "logistic_regression": lambda: {
        "X": rng.normal(size=(ROWS, 17)),
        "w": rng.normal(size=17),
        "b": 0.1,
        "y": rng.uniform(size=ROWS),
    },
    "entropy": lambda: {"p": rng.dirichlet(np.ones(200_001))},
    "softmax_cross_entropy": lambda: {"Y": rng.dirichlet(np.ones(9), ROWS), "Z": rng.normal(size=(ROWS, 9))},
    "l2_norm": lambda: {"x": rng.normal(size=3_000_001)},
    "mlp_forward": lambda: {
        "x": rng.normal(size=90),
        "W1": rng.normal(size=(ROWS, 90)),
        "b1": rng.normal(size=ROWS),
        "W2": rng.normal(size=ROWS) / 100,
        "b2": 0.2,
    },
    "softmax_cross_entropy_sparse": lambda: {"c": rng.integers(0, 9, size=ROWS), "Z": rng.normal(size=(ROWS, 9))},
}


def kernels(name, **how):
    formula = derive.formula(name)
    scalar = not formula.program.array(formula.value).shape
    return [derive.compile(asked, **how) for asked in (formula, *([derive.grad(formula)] if scalar else []))]


@pytest.mark.parametrize("name", CASES)
def test_the_number_of_threads_changes_no_bit(name):
    given = CASES[name]()
    counted = (kernels(name, threads=count) for count in (1, 2, 3, 7))
    for one, *others, plain in zip(*counted, kernels(name, backend="numpy"), strict=True):
        inputs = [given[array.name] for array in one.signature.inputs]
        expected = parts_of(one(*inputs))
        for other in others:
            for mine, first in zip(parts_of(other(*inputs)), expected, strict=True):
                np.testing.assert_array_equal(mine, first)
        for mine, truth in zip(expected, parts_of(plain(*inputs)), strict=True):
            np.testing.assert_allclose(mine, truth, rtol=1e-9, atol=1e-12)


def test_batches_are_spread_too():
    X, w, y = rng.normal(size=(40_000, 20, 5)), rng.normal(size=5), rng.normal(size=(40_000, 20))
    one, more = (derive.compile(derive.grad("mse"), threads=count) for count in (1, 3))
    np.testing.assert_array_equal(one(X, w, y), more(X, w, y))
    np.testing.assert_array_equal(one(X, w, y)[123], one(X[123], w, y[123]))
    np.testing.assert_array_equal(one(X[:, ::2], w, y[:, ::2]), more(X[:, ::2].copy(), w, y[:, ::2].copy()))


def test_sums_do_not_lose_digits_with_their_length():
    x = np.full(4_000_000, 0.1, dtype=np.float32)
    total = derive.compile(derive.parse("sum(x)", x="n"), dtype="float32")(x)
    assert abs(total / (0.1 * len(x)) - 1) < 3e-6


def test_callers_share_the_pool():
    kernel = derive.compile(derive.grad("sigmoid"))
    x = rng.normal(size=400_000)
    expected = kernel(x)
    with ThreadPoolExecutor(6) as pool:
        for found in pool.map(lambda _: kernel(x), range(30)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_a_pool_of_its_own():
    script = """
import os, numpy as np, derive
kernel = derive.compile(derive.grad("sigmoid"), threads=3)
x = np.linspace(-5, 5, 2_000_000)
expected = kernel(x)
child = os.fork()
if not child:
    os._exit(0 if (kernel(x) == expected).all() else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "two"])
def test_a_number_of_threads_that_makes_no_sense(count):
    with pytest.raises(DomainError) as caught:
        derive.compile("sigmoid", threads=count)
    told = f"threads is how many threads a kernel may use, a whole number from 1; given {count!r}"
    assert str(caught.value) == told


def test_the_environment_says_how_many(monkeypatch):
    threads.default.cache_clear()
    monkeypatch.setenv("DERIVE_THREADS", "5")
    assert threads.default() == 5
    threads.default.cache_clear()
    monkeypatch.setenv("DERIVE_THREADS", "many")
    with pytest.raises(DomainError, match="DERIVE_THREADS is how many threads a kernel may use"):
        threads.default()
    threads.default.cache_clear()
