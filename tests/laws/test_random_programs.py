"""Random well-typed formulas: gradients equal finite differences, kernels the oracle, closed forms the index form.

`DERIVE_SOAK=2000 python -m pytest tests/laws/test_random_programs.py` tries more of them.
"""

import os
import random

import pytest

import derive

COUNT = int(os.environ.get("DERIVE_SOAK", "100"))
GIVEN = "X: n d, w: d, y: n, A: n n, S: n n spd, c: n index d, b: positive, p: n simplex"

# What each type can be made of; `s` is a scalar, `n` and `d` are vectors, `X` is n by d, `A` is n by n,
# `S` is positive definite.
GRAMMAR = {
    "s": (
        ["b", "2", "0.5", "b**2", "1/b"],
        [
            "sum({n})",
            "({n} @ {n})",
            "({s} + {s})",
            "({s} - {s})",
            "({s} * {s})",
            "tanh(0.25*{s})",
            "exp(0.25*{s})",
            "sin({s})",
            "sigmoid({s})",
            "mean({X})",
            "logsumexp({n})",
            "logsumexp({d})",
            "({s}/(1 + ({s})**2))",
            "trace({A})",
            "sqrt(1 + ({s})**2)",
            "norm(1 + {n}**2)",
            "logdet({S})",
            "({n} @ inv({S}) @ {n})",
            "trace(inv({S}) @ {A})",
            "sum(X[i, c[i]] * y[i], i)",
            "sum(eigvalsh(S)**2)",
            "sum(matrix_power({A}, 3))",
            "prod(1 + y**2)",
            "max(sin({n}))",
        ],
    ),
    "n": (
        ["y", "p"],
        [
            "(X @ {d})",
            "tanh({n})",
            "sin({n})",
            "sigmoid({n})",
            "softplus({n})",
            "softmax({n})",
            "({n} + {n})",
            "({n} - {n})",
            "({n} * {n})",
            "({s} * {n})",
            "({A} @ {n})",
            "({n} / (1 + {n}**2))",
            "sum({X}, axis=1)",
            "diag({A})",
            "solve({S}, {n})",
            "cumsum({n})",
            "(cholesky(S) @ {n})",
            "where({n} > 0.1, {n}, sin({n}))",
        ],
    ),
    "d": (["w"], ["(X.T @ {n})", "tanh({d})", "softmax({d})", "({d} * {d})", "({s} * {d})", "sum({X}, axis=0)"]),
    "X": (
        ["X"],
        ["outer({n}, {d})", "tanh({X})", "({A} @ {X})", "({X} + {X})", "({X} * {X})", "softmax({X})", "({X} * {d})"],
    ),
    "A": (["A"], ["({X} @ {X}.T)", "diag({n})", "({A} + {A}.T)", "outer({n}, {n})", "inv({S})"]),
    "S": (["S"], ["(2*eye(n) + tanh({A}) @ tanh({A}).T)", "(S + diag(sigmoid({n})))"]),
}


def written(rng, kind, depth):
    """A random text of a type."""
    leaves, rules = GRAMMAR[kind]
    if not depth or rng.random() < 0.1:
        return rng.choice(leaves)
    text = rng.choice(rules)
    while "{" in text:
        at = text.index("{")
        text = text[:at] + written(rng, text[at + 1], depth - 1) + text[at + 3 :]
    return text


def cases(seed, depth):
    rng = random.Random(seed)
    return [(written(rng, "s", depth), rng.choice(["w", "y", "X", "A", "S", "b", "p"])) for _ in range(COUNT)]


@pytest.mark.parametrize(("text", "wrt"), cases(2026, 3))
def test_gradient(text, wrt):
    derivative = derive.grad(derive.parse(text, GIVEN), wrt)
    derivative.check(points=1).raise_if_failed()
    assert str(derivative)
    assert derivative.latex()


@pytest.mark.parametrize(("text", "wrt"), cases(11, 2))
def test_hessian(text, wrt):
    derivative = derive.hessian(derive.parse(text, GIVEN), wrt)
    derivative.check(backends=("llvm", "numpy"), points=1).raise_if_failed()
    assert str(derivative)
