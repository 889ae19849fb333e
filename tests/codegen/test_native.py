"""The generated C and LLVM: what people read, what compilers say of it, and where it writes."""

import ctypes
import dataclasses
import platform
import re
import shutil
import subprocess
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

import derive
from codegen.c_backend import BACKEND, FLAGS
from codegen.c_names import identifier
from codegen.kernel import compile_program
from codegen.lowering import tasks
from codegen.schedule import scheduled
from derive.calculus.stability import stabilised
from derive.formulas import Formula, Sum, arrays, dims, indices, maximum, scalars
from tests.helpers import SOME, first_derivative

GOLDEN = Path(__file__).parent / "golden"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")


@pytest.mark.parametrize(("name", "derivative"), [("mse", True), ("softmax", True), ("sigmoid", True)])
def test_golden_c(name, derivative, request):
    asked = first_derivative(name)
    text = BACKEND.emit_function(stabilised(asked.program), asked.name, "float64")
    path = GOLDEN / f"{asked.name}.c"
    assert text == path.read_text(encoding="utf-8")


def test_mse_gradient_reads_its_samples_once():
    nest = str(scheduled(first_derivative("mse").program, "mse_grad"))
    assert nest.count("for i < n") == 1
    assert "work" not in BACKEND.emit_function(first_derivative("mse").program, "mse_grad", "float64")


def test_the_normaliser_of_softmax_is_computed_once():
    work = tasks(stabilised(first_derivative("softmax").program), lambda row: bool(row.c))
    assert [task.how for task in work].count("add") == 1
    assert [task.how for task in work].count("max") == 1


def test_loops_that_are_alike_are_one_function():
    """Two samples, each with the same loops, which differ in names alone."""
    source = derive.compile(derive.grad("welch_t_statistic")).source
    called = re.findall(r"call void @(part\d+)\(", source)
    assert len(called) == 4
    assert len(set(called)) == len(re.findall(r"define internal void @part\d+\(", source)) == 2


@pytest.mark.parametrize("backend", ["llvm", "c"])
def test_polygammas_left_of_zero(backend):
    """Close to a pole the angle of the reflection is a difference, which is exact where whole turns leave first."""
    if backend == "c" and not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    x = np.array([-40.25, -26.757085828343314, -23.001596806387226, -3.0000001, -0.5, -1e-3, 1e-3, 7.5, 1e8])
    for order, name in enumerate(("digamma", "trigamma", "tetragamma")):
        exact = [float(mp.psi(order, mp.mpf(at))) for at in x]
        found = derive.compile(derive.parse(f"{name}(x)", "x: n"), backend=backend)(x)
        np.testing.assert_allclose(found, exact, rtol=2e-14)


@needs_compiler
@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiles_without_a_warning(name, dtype, tmp_path):
    text = BACKEND.emit(stabilised(first_derivative(name).program), name, dtype)
    source = tmp_path / "kernel.c"
    source.write_text(text, encoding="utf-8")
    subprocess.run(["cc", *STRICT, "-c", "-o", str(tmp_path / "kernel.o"), str(source)], check=True)


@needs_compiler
@pytest.mark.parametrize("flags", [[], ["-O3", "-fopenmp-simd"]])
def test_kernels_follow_one_another_in_one_file(flags, tmp_path):
    """What they share is defined once, and what differs between precisions has two names."""
    texts = []
    for name in ("softmax", "gelu", "softmax_cross_entropy"):
        asked = first_derivative(name)
        for dtype in ("float64", "float32"):
            program = stabilised(asked.program)
            texts.append(BACKEND.emit_function(program, f"{asked.name}_{dtype}_alone", dtype))
            texts.append(BACKEND.emit(program, f"{asked.name}_{dtype}", dtype))
    (tmp_path / "kernels.c").write_text("\n".join(texts), encoding="utf-8")
    subprocess.run(["cc", *STRICT, *flags, "-c", "-o", str(tmp_path / "o"), str(tmp_path / "kernels.c")], check=True)


@needs_compiler
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "mse", "softmax_cross_entropy"])
def test_loops_are_vectorised(name, tmp_path):
    """GCC tells which loops it could make take several numbers at a time; others are not asked."""
    version = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout
    if "Free Software Foundation" not in version or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("asks GCC")
    asked = first_derivative(name)
    text = BACKEND.emit(stabilised(asked.program), asked.name, "float64")
    (tmp_path / "kernel.c").write_text(text, encoding="utf-8")
    flags = [*FLAGS, "-fopt-info-vec-optimized", "-o", str(tmp_path / "kernel.so"), str(tmp_path / "kernel.c")]
    said = subprocess.run(["cc", *flags], capture_output=True, text=True, check=True).stderr
    vectorised = {int(line.split(":")[1]) for line in said.splitlines() if "loop vectorized" in line}
    asked_for = [at for at, line in enumerate(text.splitlines(), 1) if "#pragma omp simd" in line]
    assert asked_for
    assert all(vectorised & {at + 1, at + 2} for at in asked_for)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@needs_compiler
def test_numbers_lie_as_they_like(dtype):
    """Dense, repeated, strided, backwards and in place: more of them than are brought together at once."""
    kernel = derive.compile(derive.parse("exp(-x*y) + sigmoid(x)*x", x="", y=""), "c", dtype=dtype)
    room = np.linspace(-2, 2, 2 * 1300, dtype=dtype)
    wanted = kernel(room[::2].copy(), np.full(1300, 0.5, dtype))
    out = np.full(2 * 1300, 7.25, dtype)
    for x in (room[::2].copy(), room[::2], room[::-1][1::2][::-1]):
        np.testing.assert_array_equal(kernel(x, np.full((), 0.5, dtype)), wanted)
    kernel(room[::2], np.full((), 0.5, dtype), out=out[::2])
    np.testing.assert_array_equal(out[::2], wanted)
    assert (out[1::2] == 7.25).all()
    again = room[::2].copy()
    kernel(again, np.full((), 0.5, dtype), out=again)
    np.testing.assert_array_equal(again, wanted)


@needs_compiler
def test_the_function_stands_alone(tmp_path):
    """What `derive code --backend c` prints is used by a C program that knows nothing else."""
    asked = first_derivative("mse")
    function = BACKEND.emit_function(stabilised(asked.program), "mse_grad", "float64")
    main = """
#include <stdio.h>
int main(void) {
    double X[] = {1, 2, 3, 4, 5, 6}, w[] = {1, -1}, y[] = {0, 0, 1}, g[2];
    mse_grad(3, 2, X, w, y, g);
    printf("%.17g %.17g\\n", g[0], g[1]);
    return 0;
}
"""
    (tmp_path / "main.c").write_text(function + main, encoding="utf-8")
    subprocess.run(["cc", "-std=c99", "-o", str(tmp_path / "main"), str(tmp_path / "main.c"), "-lm"], check=True)
    printed = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout
    X, w, y = np.arange(1.0, 7).reshape(3, 2), np.array([1.0, -1]), np.array([0.0, 0, 1])
    np.testing.assert_allclose([float(word) for word in printed.split()], 2 / 3 * X.T @ (X @ w - y))


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("backend", ["c", "llvm"])
@needs_compiler
def test_nothing_is_written_outside(name, backend):
    """Outputs are surrounded by guard values that have to survive."""
    asked = first_derivative(name)
    kernel = derive.compile(asked, backend)
    sizes = {dim.name: 3 for dim in asked.program.dims}
    shapes = [tuple(sizes.get(str(s), 0) or int(s) for s in array.shape) for array in kernel.signature.inputs]
    inputs = [np.full(shape, 0.5) for shape in shapes]
    guarded = []
    for array in kernel.signature.outputs:
        shape = tuple(int(s.subs(dict.fromkeys(asked.program.dims, 3))) for s in array.shape)
        room = np.full(int(np.prod(shape)) + 8, 7.25)
        guarded.append((room, room[4 : 4 + int(np.prod(shape))].reshape(shape)))
    kernel(*inputs, out=tuple(view for _, view in guarded))
    for room, _ in guarded:
        assert (room[:4] == 7.25).all()
        assert (room[-4:] == 7.25).all()


NASTY = [
    ("printf", "double", "double_"), ("main", "work", "dense"), ("gamma", "X", "X_0"), ("malloc", "X_at", "X"),
    ("struct", "max_of", "a"), ("free", "INT_MAX", "size_t"), ("kernel", "kernel_loop", "kernel_strided"),
    ("sqrtf", "__x", "x_"), ("exp", "steps", "data"),
]  # fmt: skip


@pytest.mark.parametrize("backend", ["c", "llvm"])
@pytest.mark.parametrize(("kernel", "first", "second"), NASTY)
def test_names_that_c_has_for_itself(backend, kernel, first, second):
    (n,) = dims("n")
    (i,) = indices(i=n)
    a, b = arrays(**{first: n, second: n})
    value, exp = scalars("int exp")
    let = {value: exp * Sum(a[i] * maximum(b[i], 0), i)}
    asked = derive.compile(Formula("clash", given=[a, b, exp], let=let, name=kernel), backend)
    assert asked([1.0, 2.0], [3.0, 4.0], 2.0) == 22
    assert asked(np.arange(4.0)[::2], [3.0, 4.0], 2.0) == 16


def test_no_two_names_become_one():
    used: set[str] = set()
    names = ["double", "double_", "double__", "double_2", "x", "_x", "__x"]
    assert len({identifier(name, used) for name in names}) == len(names)


@pytest.mark.parametrize("backend", ["numpy", "numexpr", "c", "llvm"])
def test_positions(backend):
    """Indices as numbers, fixed entries, windows, diagonals and transposes."""
    n, m = dims("n m")
    i, k, j = indices(i=n, k=2, j=n)
    w, l = indices(w=3, l=n)
    A, B, x, v, y, z, s, t = arrays(A=(n, n), B=(n, m), x=5, v=2, y=n, z=n, s=3, t=n)
    formula = Formula(
        "positions",
        given=[A, B, x, v],
        let={
            y[i]: Sum(v[k] * k, k) + v[0] * i,
            z[i]: A[i, i] + Sum(A[j, i] * j, j),
            s[w]: Sum(v[k] * x[w + k], k),
            t[l]: l,
        },
        name="positions",
    )
    program = dataclasses.replace(formula.program, outputs=("y", "z", "s", "t"))
    a, x5, v2 = np.arange(9.0).reshape(3, 3), np.arange(5.0) ** 2, np.array([2.0, 5.0])
    results = compile_program(program, name="positions", backend=backend)(a, np.zeros((3, 2)), x5, v2)
    np.testing.assert_allclose(results[0], 5 + 2 * np.arange(3))
    np.testing.assert_allclose(results[1], np.diag(a) + np.arange(3) @ a)
    np.testing.assert_allclose(results[2], 2 * x5[:3] + 5 * x5[1:4])
    np.testing.assert_allclose(results[3], np.arange(3))


def test_source_has_no_fast_math_and_no_allocation_in_the_function():
    text = BACKEND.emit(stabilised(first_derivative("softmax").program), "softmax_jacobian", "float64")
    function, loop = text.split("/* What NumPy calls")
    assert "malloc" not in function
    assert "malloc" in loop
    assert re.search(r"work: room for k numbers", function)


def test_loop_tells_when_memory_ran_out():
    """A request for more memory than there is sets the flag and touches nothing."""
    kernel = derive.compile(first_derivative("softmax"), "llvm")
    loop = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(kernel.loop.address)
    out = np.full(4, 7.25)
    args = (ctypes.c_void_p * 2)(out.ctypes.data, out.ctypes.data)
    dimensions, steps = (ctypes.c_ssize_t * 2)(1, 1 << 59), (ctypes.c_ssize_t * 5)(8, 8, 8, 8, 8)
    failed = ctypes.c_int32(0)
    loop(args, dimensions, steps, ctypes.addressof(failed))
    assert failed.value == 1
    assert (out == 7.25).all()


@pytest.mark.parametrize("backend", ["c", "llvm"])
@pytest.mark.parametrize(
    ("text", "given", "wrt"),
    [
        ("norm(U @ V.T - M, 'fro')**2", {"U": "n k", "V": "m k", "M": "n m"}, "U"),
        ("sum(exp(u) * sum(U**2, axis=1))", {"U": "n k", "u": "n"}, "U"),
        ("sum(softplus(x))", {"x": "n"}, "x"),
    ],
)
def test_blocks_on_a_diagonal_are_written_around_zeros(text, given, wrt, backend):
    hessian = derive.hessian(derive.parse(text, **given), wrt)
    sizes = {"n": 5, "m": 4, "k": 3}
    rng = np.random.default_rng(8)
    inputs = {name: rng.normal(size=tuple(sizes[size] for size in shape.split())) for name, shape in given.items()}
    inputs |= {"u": np.full(5, 700.0)} if "u" in inputs else {}  # a product with zero has to be zero all the same
    made = derive.compile(hessian, backend=backend)
    used = [inputs[array.name] for array in made.signature.inputs]
    expected = derive.compile(hessian, backend="numpy")(*used)
    np.testing.assert_allclose(made(*used), expected, rtol=1e-12)
    assert np.count_nonzero(expected) < expected.size / 2
