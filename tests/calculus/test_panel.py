"""Thirty everyday losses: gradient and Hessian derived, checked in 50 digits, and run on every backend."""

import pytest

import derive
from codegen.kernel import BACKENDS

R = {"X": "n d", "w": "d", "y": "n"}
PANEL = {
    "least squares": ("norm(X @ w - y)**2", R),
    "mean squared error": ("mean((X @ w - y)**2)", R),
    "ridge": ("norm(X @ w - y)**2 + lam * norm(w)**2", R | {"lam": "positive"}),
    "lasso": ("norm(X @ w - y)**2 / 2 + lam * norm(w, 1)", R | {"lam": "positive"}),
    "elastic net": ("mean((X @ w - y)**2) + a * norm(w, 1) + b * w @ w", R | {"a": "positive", "b": "positive"}),
    "huber": ("sum(where(abs(X @ w - y) < 1, (X @ w - y)**2 / 2, abs(X @ w - y) - 1/2))", R),
    "log-cosh": ("mean(log((exp(X @ w - y) + exp(y - X @ w)) / 2))", R),
    "quantile": ("mean(maximum(q * (y - X @ w), (q - 1) * (y - X @ w)))", R | {"q": "in (0,1)"}),
    "logistic": ("mean(softplus(X @ w) - y * (X @ w))", R | {"y": "n in {0,1}"}),
    "hinge": ("mean(maximum(0, 1 - y * (X @ w)))", R | {"y": "n in {-1,1}"}),
    "squared hinge": ("mean(maximum(0, 1 - y * (X @ w))**2)", R | {"y": "n in {-1,1}"}),
    "exponential": ("mean(exp(-y * (X @ w)))", R | {"y": "n in {-1,1}"}),
    "poisson": ("mean(exp(X @ w) - y * (X @ w))", R | {"y": "n positive"}),
    "cross-entropy": ("-sum(t * log_softmax(z))", {"z": "k", "t": "k simplex"}),
    "cross-entropy by class": ("-mean(log_softmax(z)[i, c[i]], i)", {"z": "n k", "c": "n index k"}),
    "log-sum-exp": ("logsumexp(A @ x)", {"x": "n", "A": "m n"}),
    "kl divergence": ("sum(q * log(q / p))", {"p": "k simplex", "q": "k simplex"}),
    "entropy": ("-sum(p * log(p))", {"p": "k simplex"}),
    "jensen-shannon": ("sum(p * log(2*p/(p + q)) + q * log(2*q/(p + q))) / 2", {"p": "k simplex", "q": "k simplex"}),
    "log-determinant": ("logdet(S)", {"S": "n n spd"}),
    "gaussian nll": ("logdet(S) + (x - m) @ inv(S) @ (x - m)", {"S": "n n spd", "x": "n", "m": "n"}),
    "gaussian process": (
        "y @ solve(K + s**2 * eye(n), y) + logdet(K + s**2 * eye(n))",
        {"K": "n n spd", "s": "", "y": "n"},
    ),
    "rbf kernel": ("exp(-norm(x - z)**2 / (2 * l**2))", {"x": "d", "z": "d", "l": "positive"}),
    "rayleigh": ("(x @ A @ x) / (x @ x)", {"x": "n", "A": "n n symmetric"}),
    "cosine": ("(x @ y) / (norm(x) * norm(y))", {"x": "n", "y": "n"}),
    "matrix factorisation": ("norm(U @ V.T - M, 'fro')**2", {"U": "n k", "V": "m k", "M": "n m"}),
    "trace quadratic": ("trace(X.T @ A @ X)", {"X": "n d", "A": "n n"}),
    "nuclear norm": ("norm(X, 'nuc')", {"X": "3 2"}),
    "spectral norm": ("norm(X, 2)", {"X": "3 2"}),
    "two layers": ("mean((tanh(X @ A) @ b - y)**2)", {"A": "d h", "X": "n d", "b": "h", "y": "n"}),
    "masked squares": ("sum(where(m > 0, (x - y)**2, 0))", {"x": "n", "y": "n", "m": "n"}),
    "smoothing": ("norm(D @ x)**2 + norm(x - y)**2", {"x": "n", "D": "m n", "y": "n"}),
}
NO_HESSIAN = {"nuclear norm", "spectral norm"}  # right, but they take eigenvectors of eigenvectors


@pytest.mark.parametrize("name", PANEL)
def test_gradient(name):
    text, given = PANEL[name]
    wrt = "w" if "w" in given else next(iter(given))
    derive.grad(derive.parse(text, **given), wrt).check(BACKENDS, points=2).raise_if_failed()


@pytest.mark.parametrize("name", [name for name in PANEL if name not in NO_HESSIAN])
def test_hessian(name):
    text, given = PANEL[name]
    wrt = "w" if "w" in given else next(iter(given))
    derive.hessian(derive.parse(text, **given), wrt).check(BACKENDS, points=1).raise_if_failed()
