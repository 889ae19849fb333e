"""Hand derivations: every verdict on the shared cases, slips, corrections, files, and bad input."""

import csv
import io
import json
import os
import re
from pathlib import Path

import pytest

import derive
from derive.cli import main
from derive.explaining import latex
from derive.hand import verified
from derive.handwriting.meaning import Meaning
from derive.handwriting.reading import Reader
from derive.handwriting.remembering import Remembering
from derive.handwriting.situation import Situation
from derive.handwriting.tokens import tokens
from derive.testing import assert_derivation
from derive.verification.equality import worst_error
from derive.verification.oracle import evaluate
from derive.verification.sampling import sample
from tests.handwriting.cases import BROKEN, CASES, UNREADABLE
from tests.handwriting.emitted import emitted
from tests.helpers import NAMES, SOME, first_derivative

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
RIGHT = ("proved", "confirmed")
SOAK = bool(os.environ.get("DERIVE_SOAK"))
EVERY = NAMES if SOAK else SOME
MSE = r"""% given X: n d, w: d, y: n
\begin{align*}
\nabla_w \frac{1}{n}\|Xw-y\|^2 &= \frac{2}{n} X^\top (Xw - y) \\
&= \frac{2}{n} \left(X^\top X w + X^\top y\right)
\end{align*}
"""


@pytest.mark.parametrize(
    ("title", "given", "definitions", "text", "verdicts", "slip"), CASES, ids=[c[0] for c in CASES]
)
def test_verdicts(title, given, definitions, text, verdicts, slip):
    found = verified(text, given, definitions)
    assert (
        "".join("w" if s.status == "wrong" else "p" if s.status in RIGHT else "u" for s in found.steps) == verdicts
    ), found
    wrong = [step for step in found.steps if step.status == "wrong"]
    if slip:
        assert wrong[0].slip == slip
    assert all(step.correction for step in wrong)


@pytest.mark.parametrize(
    ("title", "given", "definitions", "text", "verdicts", "slip"), CASES, ids=[c[0] for c in CASES]
)
def test_a_correction_is_correct(title, given, definitions, text, verdicts, slip):
    found = verified(text, given, definitions)
    if found.first_wrong is not None and r"\approx" not in text and r"\implies" not in text:
        assert verified(found.fixed(), given, definitions).first_wrong is None


@pytest.mark.parametrize(
    ("title", "given", "definitions", "text"),
    [case[:4] for case in CASES if set(case[4]) == {"p"} and case[3].count("=") == 1 and ">" not in case[3]],
)
@pytest.mark.parametrize("mistake", ["-({})", "2({})", "({}) + 1", "({})^2 + 3"])
def test_mistakes_are_caught(title, given, definitions, text, mistake):
    left, right = text.split("=")
    if "cases" in text or "\\begin" in text or ":" in left:
        pytest.skip("the right-hand side ends inside an environment")
    try:
        found = verified(f"{left} = {mistake.format(right)}", given, definitions)
    except derive.DeriveError:
        return
    assert not found.ok


@pytest.mark.parametrize(("text", "problem"), UNREADABLE)
def test_what_cannot_be_read_says_why(text, problem):
    (first, *_) = verified(text, "x: n, mu: ").unreadable
    assert first.reason.startswith(problem)


@pytest.mark.parametrize(("text", "problem"), BROKEN)
def test_broken_text_is_refused_at_once(text, problem):
    with pytest.raises(derive.ParseError) as told:
        verified(text)
    assert str(told.value).startswith(problem)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_text_that_breaks_off_is_answered(case):
    _, given, definitions, text, *_ = case
    refusals = []
    for share in (0.3, 0.6, 0.9):
        cut = int(len(text) * share)
        for broken in (text[:cut], text[:cut] + text[cut + 2 :], text[:cut] + "= ^" + text[cut:]):
            try:
                assert str(verified(broken, given, definitions))
            except derive.DeriveError as told:
                refusals.append(str(told))
    assert all("\n" in told for told in refusals)  # the place is shown


def test_numbers_are_inferred_where_nothing_is_an_array():
    assert derive.verify("(a+b)^2 = a^2 + 2ab + b^2").inferred == ("a: a number", "b: a number")


def test_line_ends_of_windows_and_remarks():
    found = verified(MSE.replace("\n", "\r\n").replace(r" \\", r" && \text{(by the chain rule)} \\"))
    assert [step.status for step in found.steps] == ["proved", "wrong"]


def test_what_is_printed():
    lines = str(verified(MSE)).splitlines()
    assert lines[0] == r"✓  0  proved      \nabla_w \frac{1}{n}\|Xw-y\|^2 = \frac{2}{n} X^\top (Xw - y)"
    assert lines[1].strip() == "understood: (2/n) Xᵀ (X w − y) = (2/n) Xᵀ (X w − y)"
    assert lines[2] == r"✗  1  wrong       = \frac{2}{n} \left(X^\top X w + X^\top y\right)"
    assert lines[2][len(lines[3].rstrip()) - len("+ X^\\top y") : len(lines[3].rstrip())] == "+ X^\\top y"
    assert lines[3].strip() == "^" * len("+ X^\\top y")
    assert "understood: (2/n) Xᵀ (X w − y) = (2/n) (Xᵀ X w + Xᵀ y)" in lines[5]
    assert lines[-3].strip().startswith("correct would be: ")
    assert lines[-2:] == ["2 steps: 1 proved, 1 wrong", "the first wrong step is 1"]


def test_the_reason_that_was_written_is_kept():
    found = verified(r"(x+1)^2 &= x^2 + 2x + 1 && \text{(by the binomial theorem)}")
    assert found.steps[0].remark == "(by the binomial theorem)"
    assert "the reason stated: (by the binomial theorem)" in str(found)
    assert "the reason stated: (by the binomial theorem)" in found.html()


def test_the_json_form_of_context():
    context = {
        "n": {"kind": "dimension"},
        "x_i": {"kind": "vector", "shape": ["d"], "domain": "real"},
        "w": {"kind": "vector", "shape": ["d"], "domain": "real"},
        "d": {"kind": "dimension"},
        "i": {"kind": "index", "domain": "1..n"},
    }
    found = derive.verify(r"\nabla_w \sum_{i=1}^n w^\top x_i = \sum_{i=1}^n x_i", context)
    assert found.ok
    assert found.steps[0].index == 0


def test_where_something_is_largest_its_gradient_vanishes():
    text = r"m^* = \operatorname*{arg\,max}_m -\sum_i (x_i - m)^2 = \frac{1}{%s} \sum_i x_i"
    assert verified(text % "n", "x: n, m: ").ok
    wrong = verified(text % "2n", "x: n, m: ").steps[1]
    assert (wrong.status, wrong.reason) == ("wrong", "the gradient does not vanish there")
    assert wrong.counterexample
    (two,) = verified(r"\arg\min_m m^2 = \arg\min_m 2 m^2", "m: ").steps
    assert two.reason.startswith("two places are compared that nobody has worked out")


def test_shapes_of_gradients():
    (step,) = verified(r"\nabla_w \|Xw\|^2 = 2 X X^\top w", "X: n d, w: d").steps
    assert step.status == "wrong"
    assert "do not fit" in step.reason


# ---------------------------------------------------------------- files and commands


def test_files_and_commands(tmp_path, capsys):
    wrong, right = tmp_path / "wrong.tex", tmp_path / "right.md"
    wrong.write_text(MSE, encoding="utf-8")
    right.write_text("Then\n\n```math\n(a-b)^2 = a^2 - 2ab + b^2\n```\n", encoding="utf-8")
    assert main(["verify", str(wrong)]) == 1
    assert "the first wrong step is 1" in capsys.readouterr().out
    assert main(["verify", str(right), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    assert main(["verify", str(wrong), "--fix"]) == 1
    fixed = capsys.readouterr().out
    assert verified(fixed).ok
    assert main(["verify", str(wrong), "--html", str(tmp_path / "page.html")]) == 1
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'class="wrong"' in page
    assert "<mark>+ X^\\top y</mark>" in page
    capsys.readouterr()
    assert main(["grade", str(tmp_path)]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["ok"], row["first_wrong"]) for row in rows] == [("True", ""), ("False", "1")]
    assert_derivation(right)
    with pytest.raises(AssertionError, match="the first wrong step is 1"):
        assert_derivation(wrong)


def test_many_files_at_once_as_a_hook_gives_them(tmp_path, capsys):
    texts = {"right.tex": r"\[ x + x = 2x \]", "wrong.tex": r"\[ x + x = x \]", "notes.md": "Nothing to see: 1 = 2.\n"}
    paths = {name: str(tmp_path / name) for name in texts}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (hook,) = re.findall("entry: derive (.*)", HOOKS.read_text(encoding="utf-8"))
    assert main([*hook.split(), paths["right.tex"], paths["notes.md"]]) == 0
    assert "no relation was found in this text" in capsys.readouterr().out
    assert main(["verify", *paths.values()]) == 1
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line in paths.values()] == list(paths.values())
    (tmp_path / "right.tex").write_bytes(b"\0")
    assert main(["verify", paths["right.tex"], paths["notes.md"]]) == 2
    assert capsys.readouterr().err == "derive: right.tex is not a text\n"
    assert main(["verify", *paths.values(), "--fix"]) == 2
    message = "derive: --json, --html and --fix take one file at a time; `derive grade` makes a table of many\n"
    assert capsys.readouterr().err == message


def test_notebooks(tmp_path, capsys):
    cells = [{"cell_type": "markdown", "source": ["$$x + x ", "= 2x$$"]}, {"cell_type": "code", "source": ["1"]}]
    path = tmp_path / "notes.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert main(["verify", str(path)]) == 0
    path.write_text("{}", encoding="utf-8")
    assert main(["verify", str(path)]) == 2
    assert capsys.readouterr().err == "derive: this is not a notebook: it has no cells\n"


def test_binary_files_are_refused(tmp_path, capsys):
    path = tmp_path / "picture.tex"
    path.write_bytes(b"\x89PNG\0\0")
    assert main(["verify", str(path)]) == 2
    assert capsys.readouterr().err == "derive: picture.tex is not a text\n"


SCALAR = [
    r"\frac{x^2 + 1}{x - 2}", r"2x(x-1)^2", r"\sqrt{x^2 + y^2}", r"\sin x \cos y", r"\sin^2 x", r"\frac{1}{2}x y^3",
    r"e^{-\frac{x^2}{2}}", r"\exp(x) - \exp(-x)", r"\ln(1 + y^2)", r"(x+y)(x-y)", r"\tan(x) + \tanh(y)", r"x^{y}",
]  # fmt: skip


@pytest.mark.parametrize("text", SCALAR)
def test_another_reader_agrees_on_numbers(text):
    """latex2sympy2-extended, where it is installed, is the witness for what it can read."""
    witness = pytest.importorskip("latex2sympy2_extended")
    theirs = witness.latex2sympy(text)
    setting = Situation()
    setting.declare_text("x: positive, y: positive")
    ours = Meaning(setting.setting, text).typed(Reader(tokens(text), setting.known, text).whole()).value
    at = {"x": 0.7, "y": 1.3}
    values = [float(side.subs({s: at[s.name] for s in side.free_symbols}).evalf()) for side in (theirs, ours.doit())]
    assert values[0] == pytest.approx(values[1])


@pytest.mark.parametrize("name", SOME)
def test_remembering_changes_no_value(name):
    program = first_derivative(name).program
    at = sample(program, 3)
    plain, remembering = (evaluate(program, at.inputs, machine=machine) for machine in (None, Remembering))
    for output in program.outputs:
        assert worst_error(remembering[output], plain[output], output) < 1e-45


# ---------------------------------------------------------------- the loop closes

LONG = {"deep_mlp", "rnn_unrolled", "self_attention", "conv2d_channels"}


@pytest.mark.parametrize("name", [name for name in EVERY if SOAK or name not in LONG])
def test_what_the_engine_writes_is_read_back_and_verified(name):
    given, definitions, lines = emitted(name)
    told = verified(latex.aligned(f"{left} &= {right}" for left, right in lines), given, definitions)
    assert told.ok, told
