"""Pictures: what is drawn, and that the files stand alone."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import derive
from derive.charts import ticks
from derive.cli import main
from derive.pictures import chart_of, chart_of_descent


@pytest.mark.parametrize("name", ["sigmoid", "log", "normal_pdf", "tan", "relu", "gelu"])
def test_a_chart_is_a_picture_that_stands_alone(name):
    formula = derive.formula(name)
    chart = chart_of(formula, formula.wrt[0], {}, None)
    text = chart.svg()
    root = ET.fromstring(text)
    assert len(root.findall(".//{*}polyline")) >= 2
    assert not re.search(r"(href|src|url\()", text)
    assert "nan" not in text
    assert "inf" not in text


def test_the_slope_is_the_slope():
    value, slope = chart_of(derive.formula("sigmoid"), "x", {}, (-2.0, 2.0)).curves
    np.testing.assert_allclose(np.gradient(value.y, value.x)[1:-1], slope.y[1:-1], atol=1e-4)


def test_a_descent_in_one_number_walks_on_the_curve():
    chart = chart_of_descent(derive.descend("quadratic_bowl", {"x": 0.0}, steps=5))
    curve, walked = chart.curves
    assert walked.dots
    assert len(walked.x) == 6
    np.testing.assert_allclose(walked.y, (walked.x - 3) ** 2)
    assert curve.x.min() < 0 < 3 < curve.x.max()


@pytest.mark.parametrize(("low", "high", "first", "last"), [(-4, 4, -4, 4), (0, 0.4, 0, 0.4), (3, 1234, 500, 1000)])
def test_ticks_are_round(low, high, first, last):
    found = ticks(low, high)
    assert (found[0], found[-1]) == (first, last)


def test_the_command_writes_a_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["plot", "sigmoid"]) == 0
    assert capsys.readouterr().out == "sigmoid.svg\n"
    assert main(["plot", "rosenbrock", "--descend", "adam", "--start", '{"x": -1, "y": 1}', "-o", "path.svg"]) == 0
    assert (tmp_path / "path.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mse"], "derive: a plot is of a number over a number, but w is an array; name another variable\n"),
        (["ridge", "--wrt", "lam"], "derive: a plot over lam needs values of X, w, y: --start '{\"X\": …}'\n"),
        (
            ["sigmoid", "--range", "2", "1"],
            "derive: the range of a plot goes from a smaller to a larger number, not from 2 to 1\n",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["plot", *arguments]) == 2
    assert capsys.readouterr().err == message
