"""The command line: what is printed, what is refused, and with which status."""

import json
import os
import subprocess
import sys

import pytest

from derive.cli import main

GRAD_MSE = """\
mse — Mean squared error of a linear model
  The average squared distance between a linear model's predictions and the observations.
  inputs   X: n d; w: d; y: n
  value    L = (1/n) Σ_i (ŷ_i − y_i)²
  where    ŷ_i = Σ_j X_ij w_j

  ∇_w = (2/n) Xᵀ (X w − y)

  index form
    (∇_w)_j = (2/n) Σ_i X_ij (ŷ_i − y_i)

  checked  agrees with central differences in 50 digits at 3 random points (worst error 2e-34)
           Taylor remainder: order 2.00
           the known closed form is proved equal
"""


def run(*arguments, **environment):
    """A command in a process of its own: its status, output and errors."""
    ran = subprocess.run(
        [sys.executable, "-m", "derive.cli", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_grad_mse():
    assert run("grad", "mse") == (0, GRAD_MSE, "")


def test_an_answer_is_remembered(capsys):
    for _ in range(2):
        assert main(["grad", "mse"]) == 0
        assert capsys.readouterr().out == GRAD_MSE


def test_text_instead_of_a_name(capsys):
    assert main(["grad", "mean((X @ w - y)**2)", "--given", "X: n d, w: d, y: n", "--wrt", "w"]) == 0
    assert "∇_w = (2/n) Xᵀ (X w − y)" in capsys.readouterr().out


def test_list(capsys):
    assert main(["list"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["mse", "Mean squared error of a linear model"] in lines
    assert main(["list", "--tag", "network", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)["networks"]][:2] == [
        "mlp_sigmoid",
        "mlp_relu",
    ]


def test_show(capsys):
    assert main(["show", "bayes", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == "bayes_theorem"
    assert shown["equations"] == ["posterior = likelihood * prior / evidence"]


@pytest.mark.parametrize("command", ["grad", "hessian", "jacobian"])
def test_json_is_one_document(command, capsys):
    assert main([command, "sigmoid", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["check"]["ok"]
    assert found["wrt"] == ["x"]


def test_steps(capsys):
    assert main(["grad", "chain_rule_example", "--steps"]) == 0
    assert "= 15 u⁴                          an element depends on itself alone\n" in capsys.readouterr().out


def test_code(capsys, tmp_path):
    assert main(["code", "sigmoid", "--grad", "--backend", "c"]) == 0
    assert "void sigmoid_grad(double x, double *restrict grad_x)" in capsys.readouterr().out
    assert main(["code", "mse", "--grad", "X", "--value", "-o", str(tmp_path / "new")]) == 0
    written = tmp_path / "new" / "mse_grad.py"
    assert capsys.readouterr().out == f"{written}\n"
    scope = {}
    exec(written.read_text(encoding="utf-8"), scope)
    value, gradient = scope["mse_grad_value"]([[1.0, 2.0]], [1.0, 1.0], [0.0])
    assert value == 9
    assert gradient.tolist() == [[6.0, 6.0]]


def test_check_of_functions(capsys):
    assert main(["check", "--ulp", "exp", "--points", "50", "--backend", "llvm"]) == 0
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["function", "dtype", "backend"],
        ["exp", "float64", "llvm"],
        ["exp", "float32", "llvm"],
    ]
    assert main(["check", "--ulp", "log", "--points", "50", "--backend", "llvm", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert all(row["worst"] <= found["limit"] and row["points"] == 50 for row in found["functions"])
    assert main(["check", "--ulp", "expp"]) == 2
    assert "did you mean 'exp'" in capsys.readouterr().err


def test_check(capsys):
    assert main(["check", "softmax", "bayes"]) == 0
    table = capsys.readouterr().out
    assert table.splitlines()[0].split() == ["derivative", "claims", "numpy", "numexpr", "c", "llvm"]
    assert "FAILED" not in table
    assert main(["check", "mse", "--backend", "numpy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["formulas"]["mse"]["numpy"]["ok"]


def test_doctor(capsys):
    assert main(["doctor"]) == 0
    assert "backend llvm" in capsys.readouterr().out


REFUSED = [
    (("grad", "mze"), "derive: no formula is called 'mze'; did you mean 'mse' or 'mae' or 'rmse'?\n"),
    (("show", "zzz"), "derive: no formula is called 'zzz'\n"),
    (("check", "--ulp", "exp", "nosuch"), "derive: no function is called 'nosuch'; did you mean 'cosh'?\n"),
    (
        ("grad", "softmax"),
        "derive: a gradient needs a scalar value, but p has the shape (k); ask for the jacobian\n",
    ),
    (("grad", "mse", "--wrt", "q"), "derive: 'q' is not an input of mse; they are X, w, y\n"),
    (
        ("grad", "X @ w", "--given", "X: n d, w: n"),
        "derive: shapes (n, d) and (n) do not fit under @: d is not n\n  X @ w\n    ^\n",
    ),
    (("list", "--tag", "nowhere"), "derive: no formula has the tag 'nowhere'; the tags are "),
    (
        ("code", "mse", "--backend", "fortran"),
        "derive: no backend is called 'fortran'; there are numpy, numexpr, c, llvm\n",
    ),
    (("code", "mse", "--value"), "derive: --value asks for the value beside a derivative; add --grad"),
    (("check",), "derive: name the formulas to check, or say --all\n"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_refused_with_one_line(arguments, message, capsys):
    assert main(list(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(message)
    assert printed.out == ""
    assert "Traceback" not in printed.err


def test_missing_compiler():
    status, out, err = run("check", "mse", "--backend", "c", CC="no-such-compiler")
    assert (status, out) == (2, "")
    assert err == "derive: the C compiler CC=no-such-compiler is not there; set CC to one that is, or unset it\n"


def test_unwritable_cache(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("kept")
    status, out, err = run("grad", "mse", DERIVE_CACHE_DIR=str(blocked))
    assert (status, out) == (2, "")
    assert err == (
        f"derive: the cache folder {blocked} cannot be used (File exists); "
        "set DERIVE_CACHE_DIR to a folder of your own that can be written to\n"
    )
    assert blocked.read_text() == "kept"


def test_output_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("kept")
    status, out, err = run("code", "mse", "-o", str(tmp_path / "file" / "deeper"))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m derive.cli list --json | head -c 1"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, env=os.environ, check=False)
    assert ran.stderr == ""


def test_a_terminal_without_unicode():
    status, out, err = run("grad", "sigmoid", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (status, err) == (0, "")
    assert "?_x = ?(x) (1 ? ?(x))" in out


def test_plain_in_a_pipe():
    assert "\033[" not in run("grad", "sigmoid")[1]
