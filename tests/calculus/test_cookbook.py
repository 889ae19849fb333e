"""The Matrix Cookbook, equation by equation: derived, proved, checked numerically, and as short as the book."""

import pytest

import derive
from derive.notation.text import parse_tree
from derive.notation.tree import nodes
from derive.verification.closed_forms import proves, supports
from tests.calculus.cookbook import ROWS

NO_FORM = 60  # rows that allow so much longer a form have none with matrices alone


def derived(row):
    formula = derive.parse(row.text, **row.given)
    options = {"convention": row.structure} if row.structure else {}
    return getattr(derive, row.kind)(formula, row.wrt, **options)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_the_book_is_right(row):
    found = derived(row)
    told = (found.program, found.outputs[0], row.claim)
    assert proves(*told) == row.proved
    assert row.proved or supports(*told)
    if row.printed:
        assert not proves(found.program, found.outputs[0], row.printed)
        assert not supports(found.program, found.outputs[0], row.printed)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_numbers_agree(row):
    found = derived(row)
    found.check_mathematics(points=2).raise_if_failed()


@pytest.mark.parametrize("row", [r for r in ROWS if not {"\n", "J["} & {r.claim[:2], *r.claim}], ids=lambda r: r.number)
def test_our_form_is_as_short(row):
    if row.claim.startswith("J[") or row.longer >= NO_FORM:
        pytest.skip("the book has no matrix form either")
    (form,) = derived(row).closed_forms
    ours = sum(len(list(nodes(tree))) for tree in (form.tree, *(tree for _, tree in form.where)))
    assert ours <= len(list(nodes(parse_tree(row.claim)))) + row.longer


def test_every_equation_has_its_row():
    numbers = set()
    for row in ROWS:
        first, *more = [int(word) for word in row.number.replace(",", " ").split() if word.isdigit()] or [0]
        numbers |= {first, *more}
        if " to " in row.number:
            numbers |= set(range(first, more[0] + 1))
    assert set(range(33, 143)) <= numbers
