"""`derive bench`: what it measures is right; how long it takes is nobody's promise."""

import json

import numpy as np
import pytest

import derive
from codegen.timing import copying, medians, multiplying, reading, spoken
from derive.cli import main
from derive.comparison import compared

QUESTIONS = ["sigmoid", "normal_pdf", "gelu", "softmax", "mse", "gp_nll", "softmax_cross_entropy_sparse"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_everybody_computes_the_same(name):
    formula = derive.formula(name)
    first = derive.jacobian if formula.program.array(formula.value).shape else derive.grad
    small = {str(dim): 5 for dim in formula.program.dims} or {"entries": 5}
    for derivative in (None, first(formula)):
        (one,) = compared(formula, derivative, [small], seconds=0.0)
        assert not one.failed
        assert {"numpy kernel", "llvm kernel"} <= {timed.name for timed in one.timed}
        for timed in one.timed:
            assert timed.apart < 1e-12, timed.name
            assert timed.seconds > 0


def test_a_number_over_numbers_has_sympy_for_a_peer():
    (one,) = compared(derive.formula("normal_pdf"), derive.grad("normal_pdf"), [{"entries": 3}], seconds=0.0)
    assert "lambdify" in {timed.name for timed in one.timed}
    (one,) = compared(derive.formula("mse"), None, [{"n": 3}], seconds=0.0)
    assert "lambdify" not in {timed.name for timed in one.timed}
    assert one.sizes == {"n": 3, "d": 16}


def test_the_command(capsys):
    assert main(["bench", "mse", "--sizes", "n=7,d=2", "n=9", "--seconds", "0", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert [(one["question"], one["sizes"]) for one in measured] == [
        (question, sizes) for question in ("value", "grad") for sizes in ({"n": 7, "d": 2}, {"n": 9, "d": 16})
    ]
    assert main(["bench", "x @ x", "--given", "x: n", "--sizes", "n=4", "--seconds", "0"]) == 0
    printed = capsys.readouterr().out
    assert "formula, gradient by x, n = 4" in printed
    assert "× copy" in printed


@pytest.mark.parametrize(
    ("words", "why"),
    [(["mse", "--sizes", "1000"], "n=1000,d=16"), (["mse", "--sizes", "m=3"], "has no size 'm'; its sizes are n, d")],
)
def test_sizes_that_cannot_be_used(words, why, capsys):
    assert main(["bench", *words]) == 2
    assert why in capsys.readouterr().err


def test_a_cache_that_cannot_be_used(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path / "file"))
    assert main(["bench", "sigmoid"]) == 2
    told = f"derive: the cache folder {tmp_path / 'file'} cannot be used (File exists); "
    assert capsys.readouterr().err == f"{told}set DERIVE_CACHE_DIR to a folder of your own that can be written to\n"


def test_medians_run_everybody_as_often_as_they_say():
    calls = {"a": 0, "b": 0}

    def counted(name):
        def run():
            calls[name] += 1
            sum(range(20_000))

        return run

    found = medians({name: counted(name) for name in calls}, rounds=4)
    assert found.keys() == calls.keys()
    assert all(count >= 5 for count in calls.values())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("read", "written"), [(80, 80), (0, 80), (2_000_000, 8), (8, 2_000_000)])
def test_limits_run_at_every_size(read, written, threads):
    copying(read, written, threads)()
    reading(read, threads)()
    multiplying([(2, 3, 4)], np.float32)()


def test_times_are_spoken_in_the_unit_that_fits():
    assert [spoken(s) for s in (4.2e-7, 1e-6, 0.0321, 2.0)] == ["420 ns", "1 µs", "32.1 ms", "2 s"]
