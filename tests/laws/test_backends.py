"""Every formula, on every backend, at the sizes and in the layouts that break things, equals the oracle."""

import numpy as np
import pytest

import derive
from codegen.kernel import BACKENDS
from derive.program import Dim
from derive.verification.equality import worst_error
from derive.verification.oracle import evaluate
from derive.verification.report import TOLERANCES
from derive.verification.sampling import sample
from tests.helpers import HESSIANS, SCALAR_VALUED, SOME, first_derivative, second_derivative

CASES = [(name, backend) for name in SOME for backend in BACKENDS]


def kernels(name, backend, dtype="float64"):
    """The kernels of a formula with the programs whose value they are."""
    formula, derivative = derive.formula(name), first_derivative(name)
    yield derive.compile(formula, backend, dtype), formula.program
    yield derive.compile(derivative, backend, dtype), derivative.program


def compare(kernel, program, inputs, given, dtype="float64"):
    results = kernel(*given)
    results = results if isinstance(results, tuple) else (results,)
    expected = evaluate(program, inputs)
    for output, result in zip(program.outputs, results, strict=True):
        wanted = expected[output]
        undefined = np.vectorize(lambda x: x != x, otypes=[bool])(wanted)
        got = np.where(undefined, wanted, result)  # what divides by a size of nothing has no right answer
        assert worst_error(got, wanted, output) <= TOLERANCES[dtype], (kernel, output)


def dims(program):
    return [dim.name for dim in program.dims if isinstance(dim, Dim)]


@pytest.mark.parametrize(("name", "backend"), CASES)
@pytest.mark.parametrize("size", [0, 1, 7])
def test_sizes(name, backend, size):
    for kernel, program in kernels(name, backend):
        names = dims(program)
        if not names and size:
            continue
        for chosen in [dict.fromkeys(names, size), *({n: size} for n in names)]:
            point = sample(derive.formula(name).program, 11, chosen)
            compare(kernel, program, point.inputs, list(point.inputs.values()))


@pytest.mark.parametrize(("name", "backend"), [case for case in CASES if case[1] in ("llvm", "c")])
def test_axes_longer_than_a_vector(name, backend):
    """Loops in vectors, with turns left over, compute what NumPy does."""
    for (kernel, program), (plain, _) in zip(kernels(name, backend), kernels(name, "numpy"), strict=True):
        for long in dims(program):
            given = list(sample(derive.formula(name).program, 5, {long: 37}).inputs.values())
            found, expected = kernel(*given), plain(*given)
            pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
            for result, wanted in pairs:
                assert worst_error(result, wanted, name) <= TOLERANCES["float64"], (kernel, long)


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_strides(name, backend):
    point = sample(derive.formula(name).program, 7)
    for kernel, program in kernels(name, backend):
        for layout in (backwards, spread, columns_first):
            compare(kernel, program, point.inputs, [layout(value) for value in point.inputs.values()])


def backwards(array):
    """The same values, read from the end of memory to its beginning."""
    if not array.ndim:
        return array
    flipped = tuple(slice(None, None, -1) for _ in array.shape)
    return np.ascontiguousarray(array[flipped])[flipped]


def columns_first(array):
    """The same values, columns together."""
    return np.asfortranarray(array) if array.ndim else array


def spread(array):
    """The same values with gaps between them."""
    wide = np.full(tuple(2 * n for n in array.shape), np.nan)
    gaps = tuple(slice(None, None, 2) for _ in array.shape)
    wide[gaps] = array
    return wide[gaps]


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_single_precision(name, backend):
    point = sample(derive.formula(name).program, 3)
    for kernel, program in kernels(name, backend, "float32"):
        given = [np.asarray(value, dtype=np.float32) for value in point.inputs.values()]
        compare(kernel, program, point.inputs, given, "float32")
        results = kernel(*given)
        assert all(r.dtype == np.float32 for r in (results if isinstance(results, tuple) else (results,)))


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_leading_axes_broadcast(name, backend):
    points = [
        sample(derive.formula(name).program, seed, dict.fromkeys(dims(derive.formula(name).program), 3))
        for seed in (1, 2)
    ]
    for kernel, program in kernels(name, backend):
        stacked = [np.stack(values) for values in zip(*(p.inputs.values() for p in points), strict=True)]
        results = kernel(*stacked)
        results = results if isinstance(results, tuple) else (results,)
        for at, point in enumerate(points):
            expected = evaluate(program, point.inputs)
            for output, result in zip(program.outputs, results, strict=True):
                assert worst_error(result[at], expected[output], output) <= TOLERANCES["float64"]


@pytest.mark.parametrize("name", [name for name in SOME if name in HESSIANS])
@pytest.mark.parametrize("backend", BACKENDS)
def test_second_derivatives(name, backend):
    derivative = second_derivative(name)
    point = sample(derivative.of.program, 2)
    kernel = derive.compile(derivative, backend)
    compare(kernel, derivative.program, point.inputs, list(point.inputs.values()))


@pytest.mark.parametrize("name", [name for name in SOME if name in SCALAR_VALUED])
def test_value_and_derivative_in_one_pass(name):
    derivative = first_derivative(name)
    point = sample(derivative.of.program, 2)
    both = derive.compile(derivative, value=True)(*point.inputs.values())
    value = derive.compile(derivative.of)(*point.inputs.values())
    assert both[0] == pytest.approx(value, rel=1e-12, abs=1e-14)
    assert len(both) == 1 + len(derivative.outputs)
