"""Modules in pieces: every function in one place, called where it is, and the same numbers to the last bit."""

import re
import threading

import pytest

import derive
from codegen import llvm_backend, llvm_compiler, threads
from codegen.llvm_pieces import LINES, pieces
from derive.verification.sampling import sample
from tests.helpers import first_derivative, parts_of

LONG = ["attention", "gmm_nll", "gru_cell", "lstm_cell", "rnn_unrolled", "self_attention", "softmax_regression"]
DEFINED = re.compile(r"^define (internal )?[^@\n]*@([\w.]+)\(", re.MULTILINE)
DECLARED = re.compile(r"^declare [^@\n]*@([\w.]+)\(", re.MULTILINE)


def _text(name: str) -> str:
    return derive.compile(first_derivative(name)).source


@pytest.mark.parametrize("most", [2, 3, 5, 64])
@pytest.mark.parametrize("name", LONG)
def test_every_name_is_known_where_it_is_used(name, most):
    whole = _text(name)
    found = pieces(whole, most)
    assert 2 <= len(found) <= most
    owners = {}
    for piece in found:
        defined = {function: internal for internal, function in DEFINED.findall(piece)}
        constants = set(re.findall(r"^@(\w+) =", piece, re.MULTILINE))
        assert set(re.findall(r"@([\w.]+)", piece)) <= defined.keys() | set(DECLARED.findall(piece)) | constants
        owners |= {function: piece for function, internal in defined.items() if not internal}
        for function in DECLARED.findall(piece):
            if function in {name for _, name in DEFINED.findall(whole)}:
                assert piece is found[0], "only the first piece calls another"
    everywhere = [function for piece in found for _, function in DEFINED.findall(piece) if function.startswith("part")]
    assert sorted(everywhere) == sorted(name for _, name in DEFINED.findall(whole) if name.startswith("part"))
    assert set(DECLARED.findall(found[0])) - set(DECLARED.findall(whole)) <= owners.keys()


@pytest.mark.parametrize("name", LONG)
def test_pieces_are_of_about_one_length(name):
    longest = max(_text(name).split("\n\n"), key=lambda function: function.count("\n")).count("\n")
    first, second = (piece.count("\n") for piece in pieces(_text(name), 2))
    assert abs(first - second) <= max(longest, LINES)


def test_a_short_module_is_left_whole():
    text = _text("mse")
    assert pieces(_text("sigmoid"), 8) == [_text("sigmoid")]
    assert pieces(text, 1) == [text]


@pytest.mark.parametrize("name", LONG)
def test_pieces_compute_the_same_bits(name, monkeypatch, tmp_path):
    derivative = first_derivative(name)
    given = list(sample(derive.formula(name).program, 3).inputs.values())
    found, made = [], []

    def compiled(text: str) -> list[bytes]:
        files = llvm_compiler.machine_code(text)
        if "_loop(" in text:  # not what kernels share
            made.append(len(files))
        return files

    monkeypatch.setattr(llvm_backend, "machine_code", compiled)
    for most in (1, 2, 5):
        monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path / str(most)))
        monkeypatch.setattr(threads, "default", lambda most=most: most)
        results = derive.compile(derivative, threads=1)(*given)
        found.append([part.tobytes() for part in parts_of(results)])
    assert found[0] == found[1] == found[2]
    assert made[:2] == [1, 2]
    assert made[2] >= 2


def test_several_threads_compile_at_once():
    text = _text("gmm_nll")
    alone = llvm_compiler.machine_code(text)
    found = {}
    workers = [
        threading.Thread(target=lambda at=at: found.update({at: llvm_compiler.machine_code(text)})) for at in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [found[at] for at in range(4)] == [alone] * 4
