"""Loops in vectors: which they are, and what they compute with registers of all sizes, with masks and without."""

import re

import numpy as np
import pytest

import derive
from codegen import kernel as kernels
from codegen import llvm_backend
from codegen.llvm_text import Registers
from codegen.loops import Accumulator, Local, Loop, Store, Update
from codegen.side_by_side import can_be_neighbours, copies_of, stored_apart
from derive.primitives import BY_NAME
from derive.program import Dim, Index, element
from derive.verification.sampling import sample
from tests.helpers import first_derivative

REGISTERS = [Registers(16), Registers(16, fused=True), Registers(32), Registers(32, masks=True, fused=True)]
REGISTERS += [Registers(64, masks=True, fused=True)]
SIZES = [1, 2, 7, 8, 9, 16, 31, 33, 70]
rng = np.random.default_rng(11)

FORMULAS = {
    "sum": ("sum(x * y)", "x: n, y: n"),
    "two sums": ("sum(x * y) / sum(x)", "x: n, y: n"),
    "largest": ("max(x)", "x: n"),
    "product": ("prod(1 + x / 10)", "x: n"),
    "row and column": ("A @ x + A.T @ y", "A: n n, x: n, y: n"),
    "far functions": ("sum(sin(134217728 * x) + cos(x))", "x: n"),
    "positions": ("sum(r * x[r], r < n)", "x: n"),
    "branch": ("where(x > 0.5, exp(x), x)", "x: n"),
    "series": ("sum(digamma(x)) * log_normal_cdf(y[0]) + sum(trigamma(x + y))", "x: n, y: n"),
    "library": ("sum(lgamma(1 + x))", "x: n"),
}


CATALOG = ["conv1d", "embedding_lookup", "gcn_layer", "gru_cell", "huber", "logsumexp", "matrix_factorization"]
CATALOG += ["max_pool", "polynomial_regression", "self_attention", "softmax", "softmax_cross_entropy_sparse"]
CATALOG += ["svm_primal"]


@pytest.mark.parametrize("registers", REGISTERS, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FORMULAS)
def test_vectors_of_all_sizes(name, dtype, registers, monkeypatch):
    monkeypatch.setattr(llvm_backend, "registers", lambda: registers)
    program = derive.parse(*FORMULAS[name]).program
    made = kernels.compile_program(program, name="vectors", backend="llvm", dtype=dtype, threads=1)
    plain = kernels.compile_program(program, name="plain", backend="numpy")
    for size in SIZES:
        given = [rng.integers(6, 58, size=(size,) * len(array.shape)) / 64 for array in made.signature.inputs]
        close = {"rtol": 1e-12, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-4, "atol": 1e-4}
        np.testing.assert_allclose(made(*given), plain(*given), **close)


@pytest.mark.parametrize("registers", REGISTERS, ids=str)
@pytest.mark.parametrize("name", CATALOG)
def test_derivatives_of_the_catalog(name, registers, monkeypatch, tmp_path):
    monkeypatch.setattr(llvm_backend, "registers", lambda: registers)
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path))  # where texts for other registers are kept
    derivative = first_derivative(name)
    made, plain = derive.compile(derivative, threads=1), derive.compile(derivative, backend="numpy")
    for size in (None, 1, 19):
        sizes = {dim.name: size for dim in derivative.program.dims if isinstance(dim, Dim) and size}
        given = sample(derive.formula(name).program, 3, sizes).inputs.values()
        found, expected = made(*given), plain(*given)
        for one, other in zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]:
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_which_loops():
    n = Dim("n")
    i, k = Index("i", n), Index("k", n)
    x, y, s = (element(name) for name in "xys")

    def entry(name, *positions):
        return element(name, positions)

    added = Update("s", entry("x", i) * entry("y", i), "add")
    assert can_be_neighbours(Loop(i, (added,)))
    assert can_be_neighbours(Loop(i, (Local("t", entry("x", i)), Store(entry("y", k, i), element("t") * s))))
    assert can_be_neighbours(Loop(i, (Store(entry("y", k), entry("x", i, k), "add"),)))  # gathered, into one entry
    assert can_be_neighbours(Loop(i, (Store(entry("y", i), entry("y", i) + entry("x", k)),)))
    assert not can_be_neighbours(Loop(i, (Loop(k, (added,)),)))
    assert not can_be_neighbours(Loop(i, (Store(entry("y", i, k), entry("x", i)),)))  # its neighbours lie apart
    assert not can_be_neighbours(
        Loop(i, (Store(entry("y", i + 1), entry("y", i)),))
    )  # one turn reads what another wrote
    assert not can_be_neighbours(Loop(i, (added, Local("t", s))))  # reads a sum while it runs
    assert not can_be_neighbours(Loop(i, (Store(entry("y", entry("x", i)), entry("x", i), "add"),)))  # places may meet
    assert not can_be_neighbours(Loop(i, (Update("s", BY_NAME["lgamma"].function(entry("x", i)), "add"),)))
    assert not can_be_neighbours(Loop(i, (Accumulator("t", x), added)))
    assert not can_be_neighbours(Loop(i, (Update("s", entry("x", 2 * i) + y, "add"),)))


def test_how_many_run_at_once():
    i = Index("i", Dim("n"))

    def sums(count):
        return Loop(i, tuple(Update(f"s{at}", element("x", (i,)), "add") for at in range(count)))

    assert [copies_of(sums(count)) for count in (1, 2, 3, 4, 9)] == [4, 4, 2, 2, 1]
    assert copies_of(Loop(i, (Store(element("y", (i,)), element("x", (i,))),))) == 1


def test_entries_that_may_be_one():
    n = Dim("n")
    i, k, j = Index("i", n), Index("k", n), Index("j", n)

    def stores(*rows):
        return Loop(i, tuple(Store(element("y", (row, i)), element("x", (i,)), "add") for row in rows))

    assert stored_apart(stores(k)) == stored_apart(stores(k, k + 1, k + 2)) == {"x", "y"}
    assert stored_apart(stores(k, j)) == {"x"}


@pytest.mark.parametrize("registers", REGISTERS, ids=str)
def test_the_text(registers, monkeypatch):
    """Vectors as long as a register, masks only where there are masks, and what stands still ahead of the loop."""
    monkeypatch.setattr(llvm_backend, "registers", lambda: registers)
    program = derive.parse("sum(x * y) / n", "x: n, y: n").program
    text = kernels.emit(program, name="dot", backend="llvm", whole=True)
    assert set(re.findall(r"load <(\d+) x double>", text)) == {str(registers.width // 8)}
    assert ("@llvm.masked.load" in text) == registers.masks
    assert "fdiv double" in text
    assert "fdiv <" not in text


@pytest.mark.parametrize("registers", [Registers(16, fused=True), Registers(64, masks=True, fused=True)], ids=str)
def test_quotients_with_a_divisor_in_common(registers, monkeypatch):
    """Three by one divisor share its inverse and have the bits of divisions, at the ends of the numbers too."""
    monkeypatch.setattr(llvm_backend, "registers", lambda: registers)
    program = derive.parse("where(c > 0, a / b, where(c < 0, c / b, (a + c) / b))", "a: n, b: n, c: n").program
    made = kernels.compile_program(program, name="quotients", backend="llvm", threads=1)
    assert "@divided_of" in made.source
    ends = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1.7e308, 3])
    pairs = [column.ravel() for column in np.meshgrid(ends, ends)]
    sizes = (np.ldexp(rng.normal(size=50_000), rng.integers(-500, 500, 50_000)) for _ in range(2))
    for a, b in (pairs, tuple(sizes)):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(made(a, b, np.ones_like(a)), a / b)
