"""Parameters that are the same for a whole row: the numbers of where they are written out, in all kinds of calls."""

import re

import numpy as np
import pytest

import derive
from codegen import kernel as kernels
from derive.verification.sampling import sample
from tests.helpers import first_derivative, parts_of

rng = np.random.default_rng(5)


def _takes_several_numbers(name: str) -> bool:
    inputs = list(derive.formula(name).program.inputs)
    return len(inputs) > 1 and not any(array.shape or array.domain.below for array in inputs)


NAMES = [name for name in derive.names() if _takes_several_numbers(name)]


CLOSE = {"float64": 1e-14, "float32": 1e-5}


def _bits(results) -> list[bytes]:
    return [part.tobytes() for part in parts_of(results)]


def _rows(name: str, count: int, dtype: str) -> list[np.ndarray]:
    """Numbers that the formula takes, `count` of each input."""
    drawn = [sample(derive.formula(name).program, seed).inputs.values() for seed in range(3)]
    return [rng.choice(np.array(numbers, dtype), count) for numbers in zip(*drawn, strict=True)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_is_as_good_as_a_row_of_it(name, dtype):
    derivative = first_derivative(name)
    made = derive.compile(derivative, dtype=dtype, value=True, threads=2)
    for count in (1, 7, 33, 600):
        row, *others = _rows(name, count, dtype)
        numbers = [one[0] for one in others]
        written_out = [np.full(count, number) for number in numbers]
        for one, other in zip(parts_of(made(row, *numbers)), parts_of(made(row, *written_out)), strict=True):
            np.testing.assert_allclose(one, other, rtol=CLOSE[dtype], atol=CLOSE[dtype])


@pytest.mark.parametrize("name", ["beta_logpdf", "normal_pdf", "student_t_logpdf", "z_score"])
def test_calls_of_all_kinds(name):
    made = derive.compile(derive.formula(name), threads=2)
    row, *others = _rows(name, 3000, "float64")
    numbers = [one[0] for one in others]
    expected = made(row, *numbers)
    np.testing.assert_allclose(expected, made(row, *(np.full(3000, number) for number in numbers)), rtol=1e-14)
    spread, out = np.repeat(row, 2)[::2], np.zeros(6000)
    assert not spread.flags.c_contiguous
    assert _bits(made(spread, *numbers)) == _bits(expected)
    assert _bits(made(row, *(np.full(1, number) for number in numbers))) == _bits(expected)
    made(row, *numbers, out=out[::2])
    assert out[::2].tobytes() == expected.tobytes()
    assert not out[1::2].any()
    assert made(row[:0], *numbers).shape == (0,)
    square = row.reshape(50, 60)
    assert _bits(made(square, *numbers)) == _bits(expected)
    assert _bits(made(square.T, *numbers)) == _bits(expected.reshape(50, 60).T.copy())
    assert np.isnan(made(row, *[np.nan] * len(numbers))).all()


def test_only_the_first_input_may_move():
    made = derive.compile(derive.formula("z_score"))
    x, mu, sigma = rng.normal(size=20), rng.normal(size=20), np.float64(1.5)
    np.testing.assert_allclose(made(x, mu, sigma), (x - mu) / sigma, rtol=1e-15)
    np.testing.assert_allclose(made(x[0], mu, sigma), (x[0] - mu) / sigma, rtol=1e-15)
    np.testing.assert_allclose(made(x[0], mu[0], np.full(20, sigma)), (x[0] - mu[0]) / sigma, rtol=1e-15)


def test_what_is_the_same_is_called_once():
    program = derive.parse("x * lgamma(a) + log(x) * exp(lgamma(a) * b)", "x: , a: , b:").program
    made = kernels.compile_program(program, name="once", backend="llvm")
    _, alone = made.source.split("@call.first(", 1)
    body, _ = alone.split("\n}", 1)
    assert body.count("@lgamma(") == 1
    before, _ = body.split("phi", 1)
    assert "@lgamma(" in before
    assert "@exp" in before


def test_nothing_is_written_twice_where_little_is_saved():
    assert "@call.first" not in derive.compile(derive.formula("saddle")).source
    assert "@call.first" not in derive.compile(derive.formula("sigmoid")).source


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["power", "normal density", "normal density and slope"])
def test_functions_in_halves_give_the_same_bits(name, dtype):
    question, value = {
        "power": (derive.parse("x**a", "x: , a:"), False),
        "normal density": (derive.formula("normal_pdf"), False),
        "normal density and slope": (derive.grad("normal_pdf", "x"), True),
    }[name]
    made = derive.compile(question, dtype=dtype, value=value, threads=1)
    assert re.search(r"@\w+_for_\w+_ready\(", made.source)
    row = np.concatenate([rng.uniform(0.01, 4, 300), [0, 1, 1e30, 1e-30, np.inf, np.nan]]).astype(dtype)
    for parameters in ([0.5, 2.5], [1e-20, 1e-12], [-2, 1e12], [3, 1]):
        numbers = [np.dtype(dtype).type(number) for number in parameters[: len(made.signature.inputs) - 1]]
        written_out = [np.full_like(row, number) for number in numbers]
        assert _bits(made(row, *numbers)) == _bits(made(row, *written_out))
