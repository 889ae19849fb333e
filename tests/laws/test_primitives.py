"""Every function's row is true: its derivatives, its meaning, its stable form, its range and its kinks."""

import mpmath
import numpy as np
import pytest
import sympy

from derive.errors import NotDifferentiable
from derive.notation.index_form import from_index
from derive.notation.text import parse_tree
from derive.notation.writing import write_latex, write_text, write_unicode
from derive.primitives import POLYGAMMAS, PRIMITIVES
from derive.program import Array, Equation, Program, element, walk
from derive.verification.equality import assert_close
from derive.verification.finite_differences import derivative
from derive.verification.oracle import evaluate

ROWS = list(PRIMITIVES.values())
WITH_KINKS = [row for row in ROWS if row.kinks(*[sympy.S.One] * row.arity)]
POINTS = (0.75, 1.25, 0.5, 2.5, 0.125)
LETTERS = "uvw"


def program_of(row, value):
    arguments = [element(letter) for letter in LETTERS[: row.arity]]
    return Program(tuple(Array(str(a)) for a in arguments), (Equation("value", (), value(*arguments)),), ("value",))


def points(row):
    for start in range(3):
        yield {letter: np.float64(POINTS[start + at]) for at, letter in enumerate(LETTERS[: row.arity])}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_derivatives(row):
    program = program_of(row, row.function)
    for at in range(row.arity):
        if row.name == POLYGAMMAS[-1]:
            with pytest.raises(NotDifferentiable):
                program_of(row, row.derivatives[at])
            continue
        slope = program_of(row, row.derivatives[at])
        for point in points(row):
            expected = derivative(program, "value", LETTERS[at], point)
            assert_close(evaluate(slope, point)["value"], expected, 1e-20, f"{row.name}, argument {at}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_other_forms_agree(row):
    expected = program_of(row, row.function)
    for form in filter(None, (row.meaning, row.stable)):
        for point in points(row):
            wanted = evaluate(expected, point)["value"]
            assert_close(
                evaluate(program_of(row, lambda *a, f=form: sympy.sympify(f(*a))), point)["value"],
                wanted,
                1e-14 if form is row.stable and row.approximate else 1e-40,
                row.name,
            )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_range(row):
    for point in points(row):
        value = evaluate(program_of(row, row.function), point)["value"][()]
        low, high = row.range
        assert low <= value <= high


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.kinks(*[sympy.S.One] * row.arity)], ids=lambda row: row.name
)
def test_kinks_are_where_smoothness_ends(row):
    arguments = [element(letter) for letter in LETTERS[: row.arity]]
    for kink in row.kinks(*arguments):
        assert kink.subs(dict.fromkeys(arguments, 0)) == 0


@pytest.mark.parametrize("row", [row for row in ROWS if row.stable], ids=lambda row: row.name)
def test_stable_forms_stay_finite(row):
    for size in (-800.0, -40.0, -1e-12, 0.0, 40.0, 800.0):
        point = {letter: np.float64(size) for letter in LETTERS[: row.arity]}
        exact = evaluate(program_of(row, row.function), point)["value"][()]
        if not mpmath.isfinite(exact):
            continue
        value = evaluate(program_of(row, lambda *a: sympy.sympify(row.stable(*a))), point, digits=None)["value"][()]
        assert abs(value - float(exact)) <= (3e-15 if row.approximate else 1e-15) * max(abs(float(exact)), 1e-290)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_hand_can_write_it(row):
    tree = from_index(row.function(*(element(letter) for letter in LETTERS[: row.arity])))
    assert parse_tree(write_text(tree)) == tree
    for text in (write_unicode(tree), write_latex(tree)):
        assert all(letter in text for letter in LETTERS[: row.arity])
        assert "{0}" not in text
        assert text.count("{") == text.count("}")


def test_calls_are_never_evaluated_on_construction():
    x = element("x")
    for row in ROWS:
        if row.function.__module__ == "derive.primitives":
            call = row.function(*[x] * row.arity)
            assert next(iter(walk(call))).func is row.function
