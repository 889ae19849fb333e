"""The language's own laws: substitution without capture, the checker's words."""

import pickle

import pytest
from sympy import exp

import derive
from derive.errors import DeriveError, ShapeError
from derive.formulas import Formula, Sum, arrays, dims, indices, scalars
from derive.program import Delta, Index, Program, anonymous, check, element, free_indices, inlined, live, substitute

n, d = dims("n d")
i, j, k = indices(i=n, j=n, k=d)
X, w, a = arrays(X=(n, d), w=d, a=n)
x, v = scalars("x v")


def test_substitution_does_not_capture():
    value = Sum(a[j] * x, j)
    result = substitute(value, {x: a[j]})
    assert free_indices(result) == {j}
    assert result.indices[0] != j


def test_a_renamed_index_is_not_taken_for_one_that_is_replaced():
    k_n, l_n = Index("k", n), Index("l", n)
    value = Sum(a[i] ** 2, i) * Delta(k_n, l_n)
    assert anonymous(substitute(value, {k_n: i, l_n: j})) == anonymous(Sum(a[i] ** 2, i) * Delta(i, j))


def test_substitution_leaves_bound_indices_alone():
    assert substitute(Sum(a[j], j), {j: i}) == Sum(a[j], j)


def test_nested_sums_are_one_sum():
    assert Sum(Sum(X[i, k], k), i) == Sum(X[i, k], i, k)
    clash = Sum(Sum(a[i], i) * 1, i)
    assert len(set(clash.indices)) == 2


def test_inlining_reads_each_element_at_its_own_place():
    definition = {"y": derive.formula("mse").program.definitions["yhat"]}
    assert str(inlined(Sum(element("y", (i,)) ** 2, i), definition)).startswith("Sum(Sum(")


def test_deltas():
    assert Delta(i, i) == 1
    assert Delta(i, i + 1) == 0
    assert Delta(i, j) == Delta(j, i)
    assert Delta(0, 1) == 0


def test_live_drops_what_nobody_reads():
    program = derive.formula("mlp_sigmoid").program
    assert [e.target for e in live(program, ("a1",)).equations] == ["z1", "a1"]


def test_pickles():
    program = derive.formula("softmax_cross_entropy").program
    assert pickle.loads(pickle.dumps(program)) == program
    assert pickle.loads(pickle.dumps(Index("i", n))) == Index("i", n)


WRONG = [
    (
        lambda: Formula("f", given=[a], let={v: exp(a[i])}),
        ShapeError,
        "in v = …: index i is free on the right, but not on the left and not summed",
    ),
    (
        lambda: Formula("f", given=[a], let={v: Sum(X[i, k], i, k)}),
        DeriveError,
        "in v = …: 'X' is used before it is defined",
    ),
    (lambda: Formula("f", given=[x], let={v: x, x: v}), DeriveError, "'x' is defined twice"),
    (
        lambda: Formula("f", given=[X], let={v: Sum(X[k, i], i, k)}),
        ShapeError,
        "in v = …: axis 0 of X has size n, but index k runs over d",
    ),
    (lambda: a[i, j], ShapeError, "a has 1 axes, but a[i, j] gives 2"),
    (lambda: Formula("f", given=[a], let={}), DeriveError, "a formula needs at least one equation"),
    (
        lambda: Formula("f", given=[x], let={x + 1: x}),
        DeriveError,
        "the left side of an equation is a name with indices, not x + 1",
    ),
    (
        lambda: Formula("f", given=arrays(**{"lambda": n}), let={v: x}),
        DeriveError,
        "'lambda' cannot be a name; names are letters, digits and underscores, no Python keywords",
    ),
    (
        lambda: Formula("f", given=[x], let={v: x}, name="my formula"),
        DeriveError,
        "'my formula' cannot be the name of a formula; names are letters, digits and underscores",
    ),
    (
        lambda: derive.compile(Formula("f", given=arrays(np=n), let={v: Sum(element("np", (i,)), i)}), "numpy"),
        DeriveError,
        "an array called np would hide the module of that name; rename it",
    ),
    (
        lambda: check(Program((), (), ("L",))),
        DeriveError,
        "the output 'L' is not defined",
    ),
]


@pytest.mark.parametrize(("make", "kind", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_errors(make, kind, message):
    with pytest.raises(DeriveError) as raised:
        make()
    assert type(raised.value) is kind
    assert str(raised.value) == message
