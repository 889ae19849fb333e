"""Explanations: golden texts, what each detail tells, and that every page can be written for every kind of formula."""

import json
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

import derive
from derive.cli import main
from derive.explaining import latex, markdown, page, text
from derive.explaining.explanation import Label, chains
from derive.explaining.reasons import in_latex
from derive.notation.mathml import mathml
from derive.notation.writing import Style
from tests.helpers import NAMES, SOME, first_derivative

GOLDEN = Path(__file__).parent / "golden"
TOLD = (
    "mse", "sigmoid", "softmax", "bce_with_logits", "mlp_sigmoid", "ridge", "chain_rule_example", "gp_nll",
    "normal_nll", "entropy",
)  # fmt: skip
EVERY = NAMES if os.environ.get("DERIVE_SOAK") else SOME


@pytest.mark.parametrize("name", TOLD)
def test_golden_texts(name):
    """Written by `DERIVE_GOLDEN=1 python -m pytest tests/explaining`, and read by a person before they are kept."""
    found = text.text(first_derivative(name).explanation()) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("DERIVE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["mse", "sigmoid", "softmax", "bce_with_logits"])
def test_a_normal_explanation_has_the_length_of_a_textbook(name):
    told = first_derivative(name).explanation("normal")
    assert 4 <= sum(len(block.lines) for block in told.blocks) <= 9


@pytest.mark.parametrize("name", EVERY)
def test_a_shorter_explanation_has_lines_of_the_longer_one(name):
    steps = first_derivative(name).steps
    brief, normal, full = (chains(steps, detail) for detail in ("brief", "normal", "full"))
    assert sum(len(chain.lines) for chain in full) == len(steps)
    for short, long in pairwise((brief, normal, full)):
        for one, other in zip(short, long, strict=True):
            assert {line.value for line in one.lines} <= {line.value for line in other.lines}
            assert one.lines[-1].value == other.lines[-1].value
            assert all(line.reasons for line in one.lines)


@pytest.mark.parametrize("name", EVERY)
def test_every_page_can_be_written(name):
    told = first_derivative(name).explanation("full")
    assert text.text(told).startswith(told.title)
    assert latex.document(told).endswith("\\end{document}\n")
    assert "```math" in markdown.markdown(told)
    assert page.page(told, None, {}).count("<math") >= len(told.given.lines)


@pytest.mark.parametrize("name", EVERY)
def test_braces_and_brackets_of_latex_are_balanced(name):
    found = latex.document(first_derivative(name).explanation("full"))
    assert found.count("{") - found.count("\\{") == found.count("}") - found.count("\\}")
    assert len(re.findall(r"\\left(?![a-z])", found)) == len(re.findall(r"\\right(?![a-z])", found))
    assert "^{-1}^" not in found


def test_the_route_by_matrices():
    told = derive.grad("mse").explanation(via="matrix")
    lines = [line for line in text.text(told).split("asked")[1].splitlines() if "=" in line]
    assert [re.split(r"\s{3,}", line.strip())[0] for line in lines] == [
        "ŷ = X w",
        "L = (1/n) ‖ŷ − y‖²",
        "dŷ = X dw",
        "dL = (2/n) (ŷ − y)ᵀ dŷ",
        "dL = (2/n) (X w − y)ᵀ X dw",
        "= ((2/n) Xᵀ (X w − y))ᵀ dw",
        "∇_w = (2/n) Xᵀ (X w − y)",
        "∇_w = (2/n) Xᵀ (X w − y)",
    ]


@pytest.mark.parametrize("name", ["mse", "ridge", "gp_nll", "trace_product", "softmax", "mlp_sigmoid"])
def test_both_routes_come_to_the_same(name):
    found = first_derivative(name)
    by_index, by_matrix = (found.explanation(via=via) for via in ("index", "matrix"))
    assert by_index.result == by_matrix.result
    read_off = [line for block in by_matrix.blocks for line in block.lines if isinstance(line.left, Label)]
    assert [line.right.plain for line in read_off] == [form.tree for form in found.closed_forms]


def test_what_has_no_route_by_matrices_says_so():
    with pytest.raises(derive.DeriveError) as told:
        derive.grad("polynomial_regression").explanation(via="matrix")
    assert str(told.value) == (
        "there is no route by matrices: the gradient of polynomial_regression has no matrix form; explain it by indices"
    )


def test_the_notation_is_the_readers():
    told = derive.grad("normal_logpdf").explanation()
    style = Style(symbols={"sigma": r"\varsigma"})
    formulas = re.sub(r"\\text\{.*\}", "", latex.chains(told, style))
    assert r"\varsigma" in formulas
    assert r"\sigma" not in formulas
    ridge = derive.grad("ridge").explanation()
    result = ridge.result
    for transpose, sign in (("top", r"\mathbf{X}^\top"), ("T", r"\mathbf{X}^T"), ("prime", r"\mathbf{X}'")):
        assert sign in latex.display(result, ridge, Style(transpose=transpose))


def test_positions_are_counted_from_one_on_paper():
    told = derive.grad("polynomial_regression").explanation()
    assert r"\sum_{p=1}^{m} a_{p} x_{i}^{p - 1}" in latex.display(told.given, told)
    assert "Σ_(p<m) a_p x_i^p" in text.text(told) or "Σ_p a_p x_i^p" in text.text(told)


def test_changes_are_marked():
    found = page.page(derive.grad("sigmoid").explanation("full"), None, {})
    assert '<mrow class="changed">' in found
    assert "\ue000" not in text.text(derive.grad("sigmoid").explanation("full"))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("chain rule through ŷ", r"chain rule through $\hat{y}$"),
        ("power rule: (fᶜ)′ = c fᶜ⁻¹ f′", r"power rule: (f$^{c}$)$'$ = c f$^{c-1}$ f$'$"),
        ("the derivative of z₁ by x", r"the derivative of z$_{1}$ by x"),
        ("100 % of a_b", r"100 \% of a\_b"),
    ],
)
def test_reasons_in_latex(reason, expected):
    assert in_latex(reason) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x^{2}", "<math><msup><mi>x</mi><mn>2</mn></msup></math>"),
        (r"\frac{1}{n}", "<math><mfrac><mn>1</mn><mi>n</mi></mfrac></math>"),
        (
            r"\sum_{i=1}^{n} x_{i}",
            "<math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
            "<msub><mi>x</mi><mi>i</mi></msub></math>",
        ),
    ],
)
def test_mathml(formula, expected):
    assert mathml(formula) == expected


@pytest.mark.parametrize("formula", [r"\unknown{x}", r"\left(x", "{x", r"\frac{1}"])
def test_mathml_refuses_what_it_does_not_know(formula):
    with pytest.raises(derive.DeriveError):
        mathml(formula)


# ---------------------------------------------------------------- files and pages


@pytest.mark.parametrize("ending", ["txt", "md", "tex", "html", "json"])
def test_files_by_their_ending(ending, tmp_path, capsys):
    path = tmp_path / f"mse.{ending}"
    assert main(["explain", "mse", "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    starts = {"txt": "Mean", "md": "# Mean", "tex": r"\documentclass", "html": "<!doctype html>", "json": "{"}
    assert path.read_text(encoding="utf-8").startswith(starts[ending])


def test_json_has_every_line(capsys):
    assert main(["explain", "sigmoid", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["asked"] == "the gradient of s by x"
    assert [line["text"] for line in document["blocks"][0]["lines"]][-1] == "sigmoid(x) * (1 - sigmoid(x))"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["explain", "mse", "-o", "mse.docx"],
            "derive: mse.docx: a derivation is written as .txt, .md, .tex, .html, .htm, .json, .pdf, not as .docx\n",
        ),
        (
            ["explain", "mse", "--symbols", "sigma"],
            "derive: --symbols takes NAME=SIGN, such as sigma=\\varsigma, not 'sigma'\n",
        ),
        (
            ["rules", "chian rule"],
            "derive: no rule is called 'chian rule'; did you mean 'chain rule'?; `derive rules` lists them\n",
        ),
    ],
)
def test_bad_questions(arguments, message, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == message


def test_rules_have_pages(capsys):
    assert main(["rules"]) == 0
    assert "  a delta under a sum picks one term\n" in capsys.readouterr().out
    assert main(["rules", "a delta under a sum picks one term"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "a delta under a sum picks one term",
        "  table     deltas and sums",
        "  example   Σ_j a_j δ_ij  =  a_i",
    ]
    assert lines[3].startswith("  used in   ")


def test_a_graph_shows_values_and_adjoints(tmp_path, capsys):
    path = tmp_path / "mlp.svg"
    assert main(["show", "mlp_relu", "--graph", "-o", str(path)]) == 0
    picture = path.read_text(encoding="utf-8")
    assert "ŷ = σ(z₂)" in picture
    assert "δ_z₂ = ŷ − y" in picture
    assert picture.count("<rect") == len(derive.formula("mlp_relu").program.arrays)


def test_notebooks_show_formulas():
    found = derive.grad("sigmoid")
    assert found._repr_latex_().startswith(r"\begin{align*}")
    assert "<math" in found._repr_html_()


CHROMIUM = next((p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), None)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("name", ["sigmoid", "mse"])
def test_the_page_in_a_browser(name, tmp_path):
    """No console error, no request that leaves the page, formulas laid out."""
    path = tmp_path / "page.html"
    path.write_text(derive.grad(name).html(), encoding="utf-8")
    assert not re.search(r'(?:src|href)="', path.read_text(encoding="utf-8"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={tmp_path}/p"]
    ran = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=60, check=False
    )
    assert "CONSOLE" not in ran.stderr
    assert ran.stdout.count("<math") >= 6


@pytest.mark.skipif(not (os.environ.get("DERIVE_SOAK") and shutil.which("pdflatex")), reason="a soak test with a TeX")
def test_the_whole_catalog_compiles(tmp_path):
    bodies = []
    for name in NAMES:
        whole = latex.document(first_derivative(name).explanation())
        bodies.append(whole.partition(r"\begin{document}")[2].partition(r"\end{document}")[0])
    preamble = "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\\allowdisplaybreaks\n\\begin{document}\n"
    (tmp_path / "whole.tex").write_text(preamble + "\n".join(bodies) + "\\end{document}\n", encoding="utf-8")
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "whole.tex"], cwd=tmp_path, capture_output=True, text=True,
        errors="replace", timeout=600, check=False,
    )  # fmt: skip
    assert not [line for line in ran.stdout.splitlines() if line.startswith("!")]


KATEX = """
const katex = require("katex"), lines = require("fs").readFileSync(0, "utf8").split("\\u0000");
const bad = lines.filter(line => {
    try { katex.renderToString(line, {displayMode: true, strict: false}); return false; } catch { return true; }
});
console.log(JSON.stringify(bad));
"""


def has_katex():
    """Whether Node is installed and finds KaTeX, where `NODE_PATH` says."""
    node = shutil.which("node")
    return (
        bool(node)
        and subprocess.run([node, "-e", "require('katex')"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not (os.environ.get("DERIVE_SOAK") and has_katex()), reason="a soak test with Node and KaTeX")
def test_the_whole_catalog_in_katex():
    displays = [latex.chains(first_derivative(name).explanation()) for name in NAMES]
    ran = subprocess.run(
        ["node", "-e", KATEX], input="\0".join(displays), capture_output=True, text=True, timeout=600, check=True
    )
    assert json.loads(ran.stdout) == []
