"""What nobody declared: found where only one declaration can be read, asked for else, and never guessed."""

import pytest

from derive.errors import DeriveError
from derive.hand import verified
from derive.handwriting.inference import kind
from derive.notation.text import declarations
from tests.handwriting.cases import ASKED, CASES, INFERRED

READ = {"proved", "confirmed", "wrong"}


@pytest.mark.parametrize(("given", "text", "inferred"), INFERRED)
def test_what_only_one_declaration_fits_is_declared(given, text, inferred):
    found = verified(text, given)
    assert found.ok, found
    assert [line for line in found.inferred if "; " in line] == inferred


@pytest.mark.parametrize(("given", "text", "message"), ASKED)
def test_what_has_several_readings_is_asked_for(given, text, message):
    found = verified(text, given)
    assert found.steps[0].status == "unreadable"
    assert found.steps[0].reason.splitlines()[0].startswith(message)


def test_what_was_not_read_is_not_asked_for_again():
    definition, use = verified(r"L = \|Xw-y\|^2 \\ \nabla_w L = 2 X^\top (Xw-y)").steps
    assert definition.reason.startswith("'X' is not declared")
    assert use.reason.startswith("what L stands for was not read; put right the line that defines it")


def test_a_definition_beside_the_text_tells_as_much():
    found = verified(r"\nabla_w L = 2 X^\top (Xw-y)", "X: n d, y: n", [r"L = \|Xw-y\|^2"])
    assert found.ok
    assert found.inferred == ("w: vector, d; inferred from Xw",)
    with pytest.raises(DeriveError, match=r"'z' is not declared, and may be a number or a vector \(d\); add a line"):
        verified("L = 1", "X: n d", [r"L = X z"])


def test_a_letter_up_to_which_is_counted_is_a_size_before_the_sum_too():
    found = verified(r"\frac{1}{N} \sum_{i=1}^N x_i = \frac{1}{N} \sum_{j=1}^N x_j")
    assert found.ok
    assert found.inferred == ("N: a size", "x: N")


def test_a_declaration_that_is_no_text():
    with pytest.raises(DeriveError, match=r"^X is declared by its sizes and domain, such as 'n d positive', not by 3$"):
        verified("X = X", arrays={"X": 3})


def test_the_mistake_that_is_looked_for_tells_nothing():
    found = verified(r"L = \|Xw-y\|^2 \\ \nabla_w L = 2 X (Xw-y)", "X: n d, y: n")
    assert [step.status for step in found.steps] == ["proved", "wrong"]
    assert found.steps[1].slip == "transpose"


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_declaration_that_is_left_out_is_found_again_or_asked_for(case):
    _, given, definitions, text, _, _ = case
    parts = [part for part in given.split(",") if part.strip()]
    for at, left_out in enumerate(declarations(given) if given else ()):
        try:
            found = verified(text, ",".join(parts[:at] + parts[at + 1 :]), definitions)
        except DeriveError:
            continue
        said = dict(line.split(": ", 1) for line in found.inferred)
        if left_out.name in said and any(step.status in READ for step in found.steps):
            shape = " ".join(map(str, left_out.shape))
            assert said[left_out.name].partition(";")[0] in (kind(left_out), shape or "a number")
