"""Linear algebra in the text notation: what it means, how it reads back, and what is refused."""

import time

import pytest

import derive
from derive.errors import DeriveError, ParseError
from derive.notation.index_form import from_index
from derive.notation.text import parse_tree
from derive.notation.typing import to_program
from derive.notation.writing import write_latex, write_text, write_unicode
from derive.program import anonymous

GIVEN = {"X": "n d", "A": "n n", "S": "n n spd", "x": "n", "w": "d", "c": "n index d", "p": "natural"}
TEXTS = [
    "logdet(S) + x @ inv(S) @ x",
    "det(X.T @ X)",
    "sum(solve(A, X @ w) * x)",
    "sum(eigvalsh(S)**2)",
    "sum(cholesky(S) @ x)",
    "x @ matrix_power(A, 3) @ x",
    "x @ matrix_power(A, p) @ x",
    "trace(expm(A))",
    "sum(inv(A)[i, j] * x[j], i, j)",
    "sum(X[i, c[i]] * x[i], i)",
    "prod(1 + x**2)",
    "sum(kron(A, X))",
    "norm(X, 'nuc')",
    "norm(X, 2) + norm(X, 1) + norm(X, inf) + norm(x, inf)",
    "sum(cumsum(x) * x)",
    "sum(pinv(X) @ x)",
    "mean(X[i, c[i]], i)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_form_reads_back(text):
    """Text to program to index form, and back, is the identity; so it is for the derivative."""
    formula = derive.parse(text, **GIVEN)
    programs = [formula.program]
    wrt = "S" if "(S)" in text else "A" if "A" in text else "X" if "X" in text else "x"
    programs.append(derive.grad(formula, wrt).program)
    for program in programs:
        for equation in program.equations:
            tree = from_index(equation.value)
            written = write_text(tree)
            assert write_text(parse_tree(written)) == written
            arrays = [array for name, array in program.arrays.items() if name != equation.target]
            target = "again" + (f"[{', '.join(i.name for i in equation.indices)}]" if equation.indices else "")
            *_, again = to_program(f"{target} = {written}", arrays, shape=equation.shape).equations
            assert anonymous(again.value) == anonymous(equation.value)
            assert write_unicode(tree)
            assert write_latex(tree)


WRONG = [
    ("inv(X)", "inv takes a square matrix, not the shape (n, d)\n  inv(X)\n  ^"),
    ("det(x)", "det takes a matrix, not the shape (n)\n  det(x)\n  ^"),
    ("X @ x", "shapes (n, d) and (n) do not fit under @: d is not n\n  X @ x\n    ^"),
    ("solve(A, w)", "shapes (n, n) and (d) do not fit under @: n is not d\n  solve(A, w)\n  ^"),
    ("matrix_power(A, x)", None),
    ("matrix_power(A, 0.5)", None),
    (
        "matrix_power(A, 1000)",
        "exponents of matrices are at most 64; one that is declared natural may be any\n  matrix_power(A, 1000)\n  ^",
    ),
    ("norm(A, 'max')", "the norms of a matrix are 'fro', 'nuc', 1, 2 and inf, not 'max'\n  norm(A, 'max')\n  ^"),
    ("logdte(S)", "unknown function 'logdte'; did you mean 'logdet' or 'log' or 'logm'?\n  logdte(S)\n  ^"),
    ("A.inv", "the only attribute of an array is .T, not .inv\n  A.inv\n  ^"),
    ("__import__('os').system('ls')", None),
    ("inv(A)[i]", "the shape (n, n) does not take 1 indices\n  inv(A)[i]\n  ^"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text for text, _ in WRONG])
def test_what_is_refused(text, said):
    with pytest.raises(DeriveError) as problem:
        derive.parse(text, **GIVEN)
    if said is not None:
        assert str(problem.value) == said
    assert len(str(problem.value).splitlines()) == 3


@pytest.mark.parametrize(
    "text",
    ["x" * 10_001, "inv(" * 1000 + "A" + ")" * 1000, "A" + "@A" * 3000, "(" * 9000, "A[" * 500, "-" * 5000 + "x"],
    ids=["long", "deep", "chain", "open", "subscripts", "signs"],
)
def test_hostile_text_ends_quickly(text):
    start = time.perf_counter()
    with pytest.raises(ParseError):
        derive.parse(text, **GIVEN)
    assert time.perf_counter() - start < 2


def test_no_derivative_and_no_zero():
    """What has no rule is refused by name, never zero."""
    formula = derive.parse("sum(expm(X))", X="n n")
    with pytest.raises(derive.NotDifferentiable) as problem:
        str(derive.grad(formula, "X"))
    assert str(problem.value).startswith("no rule differentiates expm(X)[")
