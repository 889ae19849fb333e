"""Text to trees and back, trees to programs, and three ways to write them."""

import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Integer, Rational

from derive.errors import DeriveError, ParseError, ShapeError
from derive.formulas import exp, sigmoid, sqrt
from derive.notation.index_form import from_index
from derive.notation.text import array_from, declarations, parse_lines, parse_tree
from derive.notation.tree import Binary, Call, Name, Number, Reduce, Subscript, Transpose, Unary
from derive.notation.typing import to_program
from derive.notation.writing import write_latex, write_text, write_unicode
from derive.program import Array, Delta, Sum, element
from derive.verification.oracle import evaluate

ARRAYS = declarations("X: n d, A: n n, w: d, y: n, z: n, lam: nonneg, p: n simplex")
RANKS = {array.name: len(array.shape) for array in ARRAYS}

VALUES = {
    "X @ w - y": lambda v: v["X"] @ v["w"] - v["y"],
    "(2/n) * X.T @ (X @ w - y)": lambda v: 2 / len(v["y"]) * v["X"].T @ (v["X"] @ v["w"] - v["y"]),
    "y @ A @ y": lambda v: v["y"] @ v["A"] @ v["y"],
    "outer(y, w)": lambda v: np.outer(v["y"], v["w"]),
    "diag(y)": lambda v: np.diag(v["y"]),
    "diag(A)": lambda v: np.diag(v["A"]),
    "trace(A)": lambda v: np.trace(v["A"]),
    "sum(X, axis=0)": lambda v: v["X"].sum(axis=0),
    "sum(X, axis=-1)": lambda v: v["X"].sum(axis=-1),
    "mean(X)": lambda v: v["X"].mean(),
    "max(y)": lambda v: v["y"].max(),
    "min(X, axis=1)": lambda v: v["X"].min(axis=1),
    "norm(y)": lambda v: np.linalg.norm(v["y"]),
    "norm(y, 1)": lambda v: np.abs(v["y"]).sum(),
    "norm(A, 'fro')": lambda v: np.linalg.norm(v["A"]),
    "X * w": lambda v: v["X"] * v["w"],
    "where(y > 0, y, -z)": lambda v: np.where(v["y"] > 0, v["y"], -v["z"]),
    "maximum(y, 0) + (y > z)": lambda v: np.maximum(v["y"], 0) + (v["y"] > v["z"]),
    "softmax(X)": lambda v: np.exp(v["X"]) / np.exp(v["X"]).sum(axis=-1, keepdims=True),
    "logsumexp(y)": lambda v: np.log(np.exp(v["y"]).sum()),
    "log_softmax(y)": lambda v: v["y"] - np.log(np.exp(v["y"]).sum()),
    'einsum("ij,j->i", X, w)': lambda v: v["X"] @ v["w"],
    'einsum("ii->i", A)': lambda v: np.diag(v["A"]),
    "sum(X[i, j] * w[j], i, j)": lambda v: (v["X"] @ v["w"]).sum(),
    "dot(y, z) ** 2 / 4": lambda v: (v["y"] @ v["z"]) ** 2 / 4,
    "0.125 * eye(n) @ y": lambda v: 0.125 * v["y"],
    "ones(n, d) @ w": lambda v: np.full(len(v["y"]), v["w"].sum()),
    "r = X @ w - y\nr @ r / n": lambda v: np.mean((v["X"] @ v["w"] - v["y"]) ** 2),
    "log2(p) + square(y) + sqrt(p) - pi": lambda v: np.log2(v["p"]) + v["y"] ** 2 + np.sqrt(v["p"]) - np.pi,
}


@pytest.mark.parametrize("text", VALUES)
def test_text_means_what_numpy_means(text):
    rng = np.random.default_rng(3)
    sizes = {"n": 4, "d": 3}
    values = {a.name: rng.uniform(0.1, 1, [sizes[str(s)] for s in a.shape]) for a in ARRAYS}
    program = to_program(text, ARRAYS)
    got = evaluate(program, values, digits=None)[program.outputs[0]]
    np.testing.assert_allclose(got, VALUES[text](values), rtol=1e-12)


WRITTEN = {
    "(2/n) * X.T @ (X @ w - y)": ("(2/n) Xᵀ (X w − y)", r"\frac{2}{n} X^\top \left(X w - y\right)"),
    "sigmoid(y) * (1 - sigmoid(y))": (
        "σ(y) ⊙ (1 − σ(y))",
        r"\sigma\left(y\right) \odot \left(1 - \sigma\left(y\right)\right)",
    ),
    "diag(p) - outer(p, p)": ("diag(p) − p pᵀ", r"\operatorname{diag}\left(p\right) - p p^\top"),
    "y @ A @ z": ("yᵀ A z", r"y^\top A z"),
    "y @ y": ("‖y‖²", r"\left\|y\right\|^2"),
    "2 * lam * w": ("2 λ w", r"2 \lambda w"),
    "-(y - z)": ("−(y − z)", r"-\left(y - z\right)"),
    "y - (z - y)": ("y − (z − y)", r"y - \left(z - y\right)"),
    "lam ** 2 / (1 + lam)": ("λ²/(1 + λ)", r"\frac{\lambda^{2}}{1 + \lambda}"),
    "sum(y * z)": ("Σ (y ⊙ z)", r"\sum \left(y \odot z\right)"),
    "(y > z) * y": ("[y > z] ⊙ y", r"[y > z] \odot y"),
    "sum(X[i, j] * w[j], j)": ("Σ_j X_ij w_j", r"\sum_{j} X_{ij} w_{j}"),
    "sqrt(lam + 1)": ("√(λ + 1)", r"\sqrt{\lambda + 1}"),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_written(text):
    tree = parse_tree(text)
    unicode, latex = WRITTEN[text]
    assert write_unicode(tree, RANKS) == unicode
    assert re.sub(r"\\(?:mathbf|boldsymbol)\{(\\?\w+)\}", r"\1", write_latex(tree, RANKS)) == latex


def test_index_form_is_in_textbook_order():
    x, n = element("x"), ARRAYS[0].shape[0]
    i, j = (array_from("v", "n").shape[0],) * 2
    assert write_unicode(from_index(2 * x - 6)) == "2 (x − 3)"
    assert write_unicode(from_index(-x + 1)) == "1 − x"
    assert write_unicode(from_index(x**2 * 3 + 2 * x)) == "3 x² + 2 x"
    assert write_unicode(from_index(2 * (x - 1) * (x + 1) / n)) == "(2/n) (x + 1) (x − 1)"
    assert write_unicode(from_index(1 / (1 + exp(-x)))) == "1/(1 + exp(−x))"
    assert write_unicode(from_index(exp(x) / sqrt(2) / sqrt(Rational(9)))) == "exp(x)/√18"
    assert write_unicode(from_index(sigmoid(x) * (1 - sigmoid(x)))) == "σ(x) (1 − σ(x))"
    assert i == j


def test_names():
    names = ["yhat", "lam", "W1", "z_1", "delta_z1", "sigma", "b2", "evidence"]
    assert [write_unicode(Name(name)) for name in names] == ["ŷ", "λ", "W₁", "z₁", "δ_z₁", "σ", "b₂", "evidence"]
    latex = [r"\hat{y}", r"\lambda", "W_{1}", "z_{1}", r"\delta_{z_{1}}", r"\sigma", "b_{2}", r"\mathrm{evidence}"]
    assert [write_latex(Name(name)) for name in names] == latex
    assert write_latex(Subscript("W1", (Name("i"), Name("j")))) == "W_{1,ij}"
    assert write_unicode(from_index(Delta(*to_program("eye(n)", ARRAYS).equations[0].indices))) == "δ_ij"


# ---------------------------------------------------------------- printing and reading back

LEAVES = st.one_of(
    st.integers(0, 99).map(lambda n: Number(Integer(n))),
    st.sampled_from(["X", "w", "y", "lam"]).map(Name),
    st.just(Subscript("X", (Name("i"), Name("j")))),
)


def grown(trees):
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "/", "@", "**"]), trees, trees).map(lambda t: Binary(*t)),
        st.tuples(st.sampled_from([">", "<=", "=="]), trees, trees).map(lambda t: Binary(*t)),
        trees.map(lambda t: Unary("-", t)),
        trees.map(Transpose),
        st.tuples(st.sampled_from(["exp", "sum", "diag", "sigmoid"]), trees).map(lambda t: Call(t[0], (t[1],))),
        trees.map(lambda t: Reduce("sum", t, ("i", "j"))),
        trees.map(lambda t: Call("sum", (t,), (("axis", Number(Integer(0))),))),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(LEAVES, grown, max_leaves=12))
def test_print_then_parse_is_the_identity(tree):
    read = parse_tree(write_text(tree))  # a minus sign before a product belongs to its first factor once it is read
    assert parse_tree(write_text(read)) == read


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="Xwyn ()[]+-*/@.,=<>'\"0123456789 lambdeval_:\n", max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(DeriveError):
        to_program(text, ARRAYS)


SIGMOIDS = "; did you mean 'sigmoid' or 'log_sigmoid' or 'sinm'"
WRONG = [
    ("X @ q", ParseError, "unknown name 'q'\n  X @ q\n      ^"),
    ("X @ lamb", ParseError, "unknown name 'lamb'; did you mean 'lam'?\n  X @ lamb\n      ^"),
    ("X @ y", ShapeError, "shapes (n, d) and (n) do not fit under @: d is not n\n  X @ y\n    ^"),
    ("w + y", ShapeError, "shapes (n) and (d) do not fit under +\n  w + y\n    ^"),
    ("lam @ y", ShapeError, "@ multiplies vectors and matrices, not shapes () and (n)\n  lam @ y\n      ^"),
    (
        "sigmod(y)",
        ParseError,
        f"unknown function 'sigmod'{SIGMOIDS}?\n  sigmod(y)\n  ^",
    ),
    ("__import__('os')", ParseError, "unknown function '__import__'\n  __import__('os')\n  ^"),
    ("y.shape", ParseError, "the only attribute of an array is .T, not .shape\n  y.shape\n  ^"),
    ("y if lam else z", ParseError, "a ifexp is not part of the notation\n  y if lam else z\n  ^"),
    ("lambda: 1", ParseError, "a lambda is not part of the notation\n  lambda: 1\n  ^"),
    ("exp(y, z)", ParseError, "exp takes 1 arguments, not 2\n  exp(y, z)\n  ^"),
    ("X[i]", ShapeError, "X (n d) takes 2 indices, not 1\n  X[i]\n  ^"),
    ("sum(y[i], j)", ParseError, "the index 'j' does not occur under the sum\n  sum(y[i], j)\n  ^"),
    ("sum(X, axis=2)", ShapeError, "axis 2 is not an axis of the shape (n, d)\n  sum(X, axis=2)\n  ^"),
    ("", ParseError, "an expression was expected, but the text is empty"),
    ("y\nz", ParseError, "only the last line may be a value; the others define names: name = …\n  y\n  ^"),
    ("import os", ParseError, "an expression or a definition `name = expression` was expected\n  import os\n  ^"),
    ("y / 0", ParseError, "this is no real number: / of y[i], 0\n  y / 0\n    ^"),
    ("log(-1) * lam", ParseError, "this is no real number: log of -1\n  log(-1) * lam\n  ^"),
    ("9**9**9", ParseError, "exponents are at most 1000\n  9**9**9\n   ^"),
    ("lam**(10**5)", ParseError, "exponents are at most 1000\n  lam**(10**5)\n     ^"),
    ("9" * 50, ParseError, "numbers have at most 40 digits, and lie between 1e-300 and 1e300\n  " + "9" * 50 + "\n  ^"),
]


@pytest.mark.parametrize(("text", "kind", "message"), WRONG, ids=[text[:30] for text, _, _ in WRONG])
def test_errors(text, kind, message):
    with pytest.raises(DeriveError) as raised:
        to_program(text, ARRAYS)
    assert type(raised.value) is kind
    assert str(raised.value) == message


def test_huge_input_is_refused_at_once():
    with pytest.raises(ParseError, match=r"^the text has 20000 characters; at most 10000 are read$"):
        parse_tree("y" * 20000)
    with pytest.raises(ParseError, match=r"^brackets are nested more than 60 deep"):
        parse_tree("(" * 1000 + "y" + ")" * 1000)
    with pytest.raises(ParseError, match=r"^the expression is nested (more than 60 deep|too deeply)"):
        parse_tree("-" * 1000 + "y")
    with pytest.raises(ParseError, match=r"^(a chain of operators has at most|the expression is nested too)"):
        parse_tree("+".join(["y"] * 3000))
    assert to_program("+".join(["y"] * 200), ARRAYS).equations


def test_numbers_are_exact():
    texts = {
        "0.1": Rational(1, 10),
        "1e-3": Rational(1, 1000),
        "1_000": Integer(1000),
        "0x10": Integer(16),
        ".5": Rational(1, 2),
    }
    assert {text: parse_tree(text).value for text in texts} == texts


def test_declarations():
    found = declarations("X: n d, c: n index k, S: d d spd, b: scalar, t: in {0, 1}, v: 2, q: k simplex, l: nonneg")
    assert [str(array) for array in found] == [
        "X: n d",
        "c: n, index k",
        "S: d d, spd",
        "b: scalar",
        "t: scalar, in {0,1}",
        "v: 2",
        "q: k, simplex",
        "l: scalar, nonnegative",
    ]
    for text, message in {
        "X n d": "a declaration is `name: sizes domain`, not 'X n d'",
        "y: n positiv": "unknown domain 'positiv'",
    }.items():
        with pytest.raises(ParseError) as raised:
            declarations(text)
        assert str(raised.value).startswith(message)


def test_lines_and_targets():
    lines = parse_lines("r[i] = y[i] - z[i]\nsum(r[i]**2, i)")
    assert [(line.target, line.indices) for line in lines] == [("r", ("i",)), ("", ())]
    program = to_program("r[i] = y[i] - z[i]\nsum(r[i]**2, i)", ARRAYS)
    assert str(program.equations[0].value) == "y[i] - z[i]"
    assert isinstance(program.equations[1].value, Sum)
    assert all(isinstance(array, Array) for array in program.inputs)
