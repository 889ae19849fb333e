"""The functions kernels carry with them: accurate over all numbers, exact at the ends, and really vectorised."""

import os
import re
import shutil
from itertools import product

import numpy as np
import pytest

from codegen import llvm_compiler
from codegen.kernel import BACKENDS, DTYPES, compile_program
from codegen.vector_math import derivation
from codegen.vector_math.arithmetic import in_order, multiply_add, parameter, polynomial
from codegen.vector_math.coefficients import COEFFICIENTS
from codegen.vector_math.library import BOUNDED, FUNCTIONS, Routine, routine
from codegen.vector_math.numpy_interpreter import run
from derive import accuracy
from derive.primitives import BY_NAME
from derive.program import Array, Equation, Program, element
from derive.verification.oracle import evaluate

NATIVE = [name for name in accuracy.NATIVE if name != "c" or shutil.which("cc")]
COUNT = 100_000 if os.environ.get("DERIVE_SOAK") else 250
NAMES = {"atan": "arctan"}  # what the table of primitives calls them
OF_THREE = ["normal_density", "normal_slope"]
CARRIED = [NAMES.get(name, name) for name in [*FUNCTIONS, *BOUNDED] if name not in OF_THREE]
COMPOSED = ["sigmoid"]
INFINITY, NAN = float("inf"), float("nan")
ENDS = {
    "exp": [(0.0, 1), (-0.0, 1), (INFINITY, INFINITY), (-INFINITY, 0), (800, INFINITY), (-800, 0)],
    "expm1": [(0.0, 0), (-0.0, -0.0), (INFINITY, INFINITY), (-INFINITY, -1), (800, INFINITY), (-800, -1)],
    "log": [(0.0, -INFINITY), (-0.0, -INFINITY), (1, 0), (-1, NAN), (INFINITY, INFINITY), (-INFINITY, NAN)],
    "log1p": [(0.0, 0), (-0.0, -0.0), (-1, -INFINITY), (-2, NAN), (INFINITY, INFINITY), (-INFINITY, NAN)],
    "sinh": [(0.0, 0), (-0.0, -0.0), (INFINITY, INFINITY), (-INFINITY, -INFINITY), (800, INFINITY)],
    "cosh": [(0.0, 1), (-0.0, 1), (INFINITY, INFINITY), (-INFINITY, INFINITY), (800, INFINITY)],
    "tanh": [(0.0, 0), (-0.0, -0.0), (INFINITY, 1), (-INFINITY, -1), (800, 1), (-800, -1)],
    "arctan": [(0.0, 0), (-0.0, -0.0), (INFINITY, np.pi / 2), (-INFINITY, -np.pi / 2)],
    "erf": [(0.0, 0), (-0.0, -0.0), (INFINITY, 1), (-INFINITY, -1), (800, 1)],
    "erfc": [(0.0, 1), (-0.0, 1), (INFINITY, 0), (-INFINITY, 2), (800, 0), (-800, 2)],
    "sin": [(0.0, 0), (-0.0, -0.0), (INFINITY, NAN), (-INFINITY, NAN)],
    "cos": [(0.0, 1), (-0.0, 1), (INFINITY, NAN), (-INFINITY, NAN)],
    "normal_cdf": [(0.0, 0.5), (INFINITY, 1), (-INFINITY, 0), (800, 1), (-800, 0)],
    "normal_pdf": [(INFINITY, 0), (-INFINITY, 0), (800, 0), (-800, 0)],
    "gelu_slope": [(0.0, 0.5), (INFINITY, 1), (-INFINITY, -0.0), (800, 1)],
    "gelu": [(0.0, 0), (-0.0, -0.0), (INFINITY, INFINITY), (-INFINITY, -0.0), (800, 800), (-800, -0.0)],
    "silu": [(0.0, 0), (-0.0, -0.0), (INFINITY, INFINITY), (-INFINITY, -0.0), (800, 800), (-800, -0.0)],
    "silu_slope": [(0.0, 0.5), (INFINITY, 1), (-INFINITY, -0.0), (800, 1)],
    "log_cosh": [(0.0, 0), (-0.0, 0), (INFINITY, INFINITY), (-INFINITY, INFINITY)],
    "tanh_slope": [(0.0, 1), (INFINITY, 0), (-INFINITY, 0), (800, 0), (-800, 0)],
    "logistic_pdf": [(0.0, 0.25), (INFINITY, 0), (-INFINITY, 0), (800, 0), (-800, 0)],
    "sigmoid": [(0.0, 0.5), (INFINITY, 1), (-INFINITY, 0), (800, 1), (-800, 0)],
    "softplus": [(INFINITY, INFINITY), (-INFINITY, 0), (800, 800)],
    "log_sigmoid": [(INFINITY, 0), (-INFINITY, -INFINITY), (-800, -800)],
}
INCREASING = ["exp", "expm1", "log", "log1p", "sinh", "tanh", "arctan", "erf", "normal_cdf", "sigmoid", "softplus"]
BEYOND = {f"{name}_beyond{size}" for name in BOUNDED for size in ("", "_2", "_4", "_8", "_16")}
BEYOND |= {name + suffix for name in BOUNDED for suffix in ("", "f")}
JOINTS = [0.5, 0.6931471805599453, 1.0, 0.41421356237309503, 2.414213562373095, 0.7071067811865476, 1.4142135623730951]
JOINTS += [k * 0.34657359027997264 for k in (1, 3, 5, 7)]


def bit_equal(got, wanted):
    both_nan = np.isnan(got) & np.isnan(wanted)
    return both_nan | ((got == wanted) & (np.signbit(got) == np.signbit(wanted)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CARRIED + COMPOSED)
def test_accuracy(name, dtype):
    for found in accuracy.accuracy(name, NATIVE, dtype, COUNT, seed=3):
        assert found.worst <= accuracy.LIMIT, found
        assert found.points > 0.9 * COUNT


@pytest.mark.parametrize("backend", [*NATIVE, "interpreter"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_THREE)
def test_accuracy_of_densities(name, dtype, backend):
    """The distance from the mean and its quotient by the spread are inexact; the exponent multiplies what they lost."""
    random = np.random.default_rng(11)
    mu, sigma = random.normal(size=COUNT), np.exp(random.uniform(-8, 8, COUNT))
    given = [array.astype(dtype) for array in (mu + sigma * random.uniform(-38.5, 38.5, COUNT), mu, sigma)]
    letters = [Array(letter) for letter in ("x", "mu", "sigma")]
    value = BY_NAME[name].function(*(element(letter.name) for letter in letters))
    program = Program(tuple(letters), (Equation("f", (), value),), ("f",))
    if backend == "interpreter":
        found = run(routine(name, dtype), *given)
    else:
        found = compile_program(program, name="density", backend=backend, dtype=dtype)(*given)
    for result, *point in zip(found, *given, strict=True):
        inputs = dict(zip(("x", "mu", "sigma"), map(float, point), strict=True))
        exact = evaluate(program, inputs, 60)["f"][()]
        assert accuracy.units(float(result), exact, dtype) <= accuracy.LIMIT, inputs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in [*FUNCTIONS, *BOUNDED] if name not in OF_THREE])
def test_accuracy_where_products_are_rounded_first(name, dtype):
    """The interpreter rounds every `multiply_add` twice, as a processor without the instruction does."""
    known = NAMES.get(name, name)
    given = accuracy.sample(2 if name == "pow" else 1, dtype, 200, seed=5)
    for point, result in zip(zip(*given, strict=True), run(routine(name, dtype), *given), strict=True):
        exact = accuracy.exact_value(known, [float(value) for value in point])
        if exact is not None:
            assert accuracy.units(float(result), exact, dtype) <= accuracy.LIMIT, point


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENDS)
def test_ends(name, dtype, backend):
    x, wanted = np.array([*ENDS[name], (NAN, NAN)], dtype).T
    got = accuracy.kernel(name, backend, dtype)(x)
    assert bit_equal(got, wanted).all(), (x, got, wanted)


def test_every_function_has_its_ends():
    assert set(CARRIED) - {"pow"} <= set(ENDS)


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("name", ["expm1", "log1p", "sin", "sinh", "tanh", "arctan"])
def test_the_smallest_numbers_are_kept(name, backend):
    for dtype in DTYPES:
        x = np.array([1, -1, 3, -7], dtype) * np.finfo(dtype).smallest_subnormal
        assert bit_equal(accuracy.kernel(name, backend, dtype)(x), x).all()


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_at_the_ends(dtype, backend):
    """All that C says of `pow`, as NumPy's says it, too."""
    big = 2.0 ** np.finfo(dtype).nmant
    values = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, INFINITY, NAN, float(np.finfo(dtype).max), big + 1, 2 * big + 2, 7.0]
    values += [float(np.finfo(dtype).smallest_subnormal), 1 / 3]
    signed = [sign * value for value in values for sign in (1, -1)]
    x, y = np.array(list(product(signed, signed)), dtype).T
    with np.errstate(all="ignore"):
        wanted = np.power(x, y)
    got = accuracy.kernel("pow", backend, dtype)(x, y)
    with np.errstate(all="ignore"):
        close = (np.abs(got - wanted) <= 2 * np.spacing(np.abs(wanted))) & (np.signbit(got) == np.signbit(wanted))
    wrong = ~(bit_equal(got, wanted) | close)
    assert not wrong.any(), list(zip(x[wrong], y[wrong], got[wrong], wanted[wrong], strict=True))


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INCREASING)
def test_hardly_a_step_back_where_pieces_meet(name, dtype, backend):
    """Neighbouring numbers across a joint give results in order, but for the last unit."""
    for joint in JOINTS:
        x = np.array([joint], dtype)
        for _ in range(32):
            x = np.concatenate([np.nextafter(x[:1], x.dtype.type(0)), x])
            x = np.concatenate([x, np.nextafter(x[-1:], x.dtype.type(9))])
        value = accuracy.kernel(name, backend, dtype)(x)
        assert (np.diff(value) >= -np.spacing(np.abs(value[1:]))).all(), (name, joint)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CARRIED)
def test_loops_are_vectorised(name, dtype):
    """In LLVM's optimised text the loop holds vectors, and no call but of intrinsics that are instructions."""
    if not re.match("x86_64|arm64|aarch64", llvm_compiler.version().split()[1]):
        pytest.skip("known of two processors only")
    text = llvm_compiler.optimised(accuracy.kernel(name, "llvm", dtype).source)
    assert re.search(r"<\d+ x (double|float)> @llvm.masked.load|load <\d+ x (double|float)>", text)
    called = set(re.findall(r"call [^@]*@([\w.]+)", text))
    ours = re.compile(r"llvm\.|derive_|part\d+(\.run\d+)?$")
    assert not {name for name in called if not ours.match(name)} - {*BEYOND}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDED)
def test_far_numbers_among_near_ones(name, dtype):
    """A vector may hold numbers that the C library has to see beside those that it need not."""
    x = np.where(np.arange(97) % 5 < 2, np.linspace(-3, 3, 97), 1e7 + np.arange(97)).astype(dtype)
    np.testing.assert_allclose(accuracy.kernel(name, "llvm", dtype)(x), getattr(np, name)(x.astype(float)), rtol=1e-6)
    both = np.array([accuracy.kernel(name, "llvm", dtype)(value) for value in x[:, None]])[:, 0]
    assert bit_equal(accuracy.kernel(name, "llvm", dtype)(x), both).all()


def test_coefficients_are_what_the_derivation_gives():
    assert {row.name for row in derivation.APPROXIMATIONS} == set(COEFFICIENTS)
    for row in derivation.APPROXIMATIONS:
        for dtype in row.degrees:
            found, error = derivation.derived(row, derivation.FORMATS[dtype])
            assert found == COEFFICIENTS[row.name][dtype], row.name
            assert error < 2.0 ** (-54 if dtype == "float64" else -25)


def test_the_vocabulary():
    """Long polynomials are divided, and the interpreter computes them."""
    x = parameter("x", "f64")
    value = multiply_add(polynomial(x, [float(k) for k in range(1, 15)]), x, 0.5)
    assert sum(part.operation == "polynomial" for part in in_order(value)) > 1
    at = np.array([0.5, -0.25, 0.0])
    expected = np.polynomial.Polynomial([0.5, *range(1, 15)])(at)
    np.testing.assert_allclose(run(Routine("p", "", (x,), value), at), expected, rtol=1e-15)


def test_other_backends_have_names_for_all():
    """What native kernels carry, NumPy and numexpr compute in their own way."""
    for name in set(CARRIED) - {"pow"}:
        for backend in set(BACKENDS) - set(accuracy.NATIVE):
            assert accuracy.kernel(name, backend, "float64")(np.array([0.5])).shape == (1,)
