"""What is measured: formulas, what is asked of them, sizes, inputs, and the truth.

A workload is one row. Its `draw` names the inputs as the formula does, in the order in which the functions of peers
take them (`benchmarks/peers/*.py`, each function under the name of its workload). Its `truth` is textbook NumPy, run in
extended precision. Its `limit` is what the machine cannot beat: copying or reading the same bytes, or the matrix
products alone; of a call on tiny inputs it is NumPy's own: an empty function under the same signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import mpmath
import numpy as np

import derive
from benchmarks.mixture import gmm, mixture_gradient, mixture_objective, mixture_parts
from derive.derivative import Derivative
from derive.formulas import Formula

LOOKED_AT = 2000  # entries whose truth is worked out one by one
Inputs: TypeAlias = "dict[str, Any]"
Size: TypeAlias = "tuple[int, ...]"
Limit: TypeAlias = "str | Callable[..., list[tuple[int, int, int]]]"


@dataclass(frozen=True)
class Workload:
    """One thing that is computed: how it is asked for, and at which sizes with which inputs.

    `limit` is "copy", "read", "call", nothing, or what tells the shapes (n, k, m) of the matrix products at a size.
    """

    name: str
    kind: str  # elementwise, rows, regression, hessian, network or call
    asked: Callable[[], Formula | Derivative]
    draw: Callable[..., Inputs]
    truth: Callable[..., Any]
    sizes: tuple[Size, ...]
    limit: Limit = ""
    value: bool = False
    cheap: bool = False  # so cheap that it should run at the speed of memory
    published: str = ""  # the paper whose table it stands in
    objective: Callable[..., Any] | None = None  # the value by hand, where its time matters beside the gradient's

    def title(self) -> str:
        """The name, as it is printed."""
        return self.name.replace("_", " ")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# ---------------------------------------------------------------- inputs


def numbers(n: int) -> Inputs:
    return {"x": rng().normal(size=n)}


def normals(n: int) -> Inputs:
    return {"x": rng().normal(size=n), "mu": np.float64(0.25), "sigma": np.float64(1.5)}


def probabilities(n: int) -> Inputs:
    return {"p": _simplex(n)}


def two_distributions(n: int) -> Inputs:
    return {"p": _simplex(n), "q": _simplex(n)[::-1].copy()}


def _simplex(*shape: int) -> Any:
    drawn = rng().exponential(size=shape) + 1e-3
    return drawn / drawn.sum(axis=-1, keepdims=True)


def points(n: int, d: int) -> Inputs:
    return {"a": rng().normal(size=(n, d)), "b": rng().normal(size=d), "gamma": np.float64(0.5 / d)}


def predicted(n: int) -> Inputs:
    drawn = rng().normal(size=(3, n))
    return {"y": drawn[0], "mu": drawn[1], "v": drawn[2] ** 2 + 0.1}


def scores(n: int, k: int) -> Inputs:
    return {"Y": _simplex(n, k), "Z": rng().normal(size=(n, k))}


def regression(n: int, d: int) -> Inputs:
    r = rng()
    return {"X": r.normal(size=(n, d)), "w": r.normal(size=d) / d**0.5, "y": r.normal(size=n)}


def counts(n: int, d: int) -> Inputs:
    drawn = regression(n, d)
    return drawn | {"y": rng().poisson(2.0, n).astype(float)}


def labels(n: int, d: int) -> Inputs:
    r = rng()
    X, w = r.normal(size=(n, d)), r.normal(size=d) / d**0.5
    return {"X": X, "w": w, "b": np.float64(0.1), "y": r.integers(0, 2, n).astype(float)}


def classes(n: int, d: int, k: int) -> Inputs:
    r = rng()
    return {
        "X": r.normal(size=(n, d)),
        "W": r.normal(size=(d, k)) / d**0.5,
        "b": r.normal(size=k),
        "Y": _simplex(n, k),
    }


def network(n: int, d: int, h: int) -> Inputs:
    r = rng()
    return {
        "X": r.normal(size=(n, d)),
        "y": r.integers(0, 2, n).astype(float),
        "W1": r.normal(size=(h, d)) / d**0.5,
        "b1": r.normal(size=h),
        "W2": r.normal(size=h) / h**0.5,
        "b2": np.float64(0.1),
    }


def one_sample(d: int, h: int) -> Inputs:
    drawn = network(1, d, h)
    return {"x": drawn.pop("X")[0], "y": np.float64(drawn.pop("y")[0])} | drawn


def form(d: int) -> Inputs:
    return {"A": rng().normal(size=(d, d)), "x": rng().normal(size=d)}


def vector(k: int) -> Inputs:
    return {"z": rng().normal(size=k)}


def factors(m: int, n: int, r: int) -> Inputs:
    g = rng()
    return {"A": g.normal(size=(m, n)), "U": g.normal(size=(m, r)), "V": g.normal(size=(n, r))}


# ---------------------------------------------------------------- the truth


def sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_slope(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return e / (1 + e) ** 2


def normal_pdf_and_slope(x: Any, mu: Any, sigma: Any) -> Any:
    density = np.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi * np.ones((), x.dtype)))
    return density, -(x - mu) / sigma**2 * density


def gelu_slope(x: Any) -> Any:
    """Φ(x) + x φ(x), which NumPy has not, with 30 digits; of the first entries, and not-a-number beyond."""
    value = np.full(x.shape, np.nan, x.dtype)
    with mpmath.workdps(30):
        for at, entry in enumerate(x[:LOOKED_AT].tolist()):
            exact = mpmath.mpf(float(entry))
            value[at] = np.longdouble(mpmath.nstr(mpmath.ncdf(exact) + exact * mpmath.npdf(exact), 25))
    return value


def rbf_gradient(a: Any, b: Any, gamma: Any) -> Any:
    v = np.exp(-gamma * ((a - b) ** 2).sum(axis=1))
    return -2 * gamma * (a - b) * v[:, None]


def gaussian_nll_gradients(y: Any, mu: Any, v: Any) -> Any:
    n = len(y)
    return (mu - y) / (n * v), (1 / v - ((y - mu) / v) ** 2) / (2 * n)


def softmax(Z: Any) -> Any:
    e = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(Y: Any, Z: Any) -> Any:
    shifted = Z - Z.max(axis=1, keepdims=True)
    logs = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return ((logs - shifted) * Y).sum() / len(Y), (softmax(Z) - Y) / len(Y)


def mse_gradient(X: Any, w: Any, y: Any) -> Any:
    return 2 * X.T @ (X @ w - y) / len(y)


def poisson_gradient(X: Any, w: Any, y: Any) -> Any:
    return X.T @ (np.exp(X @ w) - y) / len(y)


def logistic(X: Any, w: Any, b: Any, y: Any) -> Any:
    z = X @ w + b
    loss = (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).mean()
    delta = (sigmoid(z) - y) / len(y)
    return loss, X.T @ delta, delta.sum()


def softmax_layer(X: Any, W: Any, b: Any, Y: Any) -> Any:
    loss, delta = cross_entropy(Y, X @ W + b)
    return loss, X.T @ delta, delta.sum(axis=0)


def logistic_hessian(X: Any, w: Any, b: Any, y: Any) -> Any:
    s = sigmoid_slope(X @ w + b) / len(y)
    return X.T @ (s[:, None] * X)


def mlp(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    a = sigmoid(X @ W1.T + b1)
    z = a @ W2 + b2
    loss = (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).mean()
    delta = (sigmoid(z) - y) / len(y)
    back = delta[:, None] * W2 * a * (1 - a)
    return loss, back.T @ X, back.sum(axis=0), a.T @ delta, delta.sum()


def mlp_one_sample(x: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    return mlp(x[None], np.array([y]), W1, b1, W2, b2)[1:]


def softmax_covariance(z: Any) -> Any:
    p = softmax(z)
    return np.diag(p) - np.outer(p, p)


def factorisation_hessian(A: Any, U: Any, V: Any) -> Any:
    return 2 * np.einsum("ij,kl->ikjl", np.eye(len(U), dtype=A.dtype), V.T @ V)


def mlp_products(n: int, d: int, h: int) -> list[tuple[int, int, int]]:
    """Forward through the hidden layer, and back to its weights; vectors do not count."""
    return [(n, d, h), (h, n, d)]


def mixture_products(n: int, d: int, k: int) -> list[tuple[int, int, int]]:
    """Whitening for each component, and back to its matrix."""
    return [(n, d, d), (d, n, d)] * k


def gram(n: int, d: int) -> list[tuple[int, int, int]]:
    return [(d, n, d)]


# ---------------------------------------------------------------- the rows

LINE = ((1,), (1_000,), (100_000,), (10_000_000,))
TABLES = ((1_000, 16), (200_000, 64), (20_000, 1024))
SAMPLES = ((1_000, 10), (100_000, 10), (2_000, 1000))
LAUE = "Laue et al., NeurIPS 2018"

WORKLOADS = (
    Workload(
        "sigmoid", "elementwise", lambda: derive.grad("sigmoid"), numbers, sigmoid_slope, LINE, "copy", cheap=True
    ),
    Workload(
        "normal_pdf",
        "elementwise",
        lambda: derive.grad("normal_pdf", "x"),
        normals,
        normal_pdf_and_slope,
        LINE,
        "copy",
        value=True,
        cheap=True,
    ),
    Workload("tanh", "elementwise", lambda: derive.grad("tanh"), numbers, lambda x: 1 / np.cosh(x) ** 2, LINE, "copy"),
    Workload("softplus", "elementwise", lambda: derive.grad("softplus"), numbers, sigmoid, LINE, "copy"),
    Workload("gelu", "elementwise", lambda: derive.grad("gelu"), numbers, gelu_slope, LINE, "copy"),
    Workload(
        "entropy",
        "rows",
        lambda: derive.grad("entropy"),
        probabilities,
        lambda p: -np.log(p) - 1,
        LINE,
        "copy",
        cheap=True,
    ),
    Workload(
        "kl_divergence",
        "rows",
        lambda: derive.grad("kl_divergence", "p"),
        two_distributions,
        lambda p, q: np.log(p / q) + 1,
        LINE,
        "copy",
    ),
    Workload(
        "gaussian_nll",
        "rows",
        lambda: derive.grad("gaussian_nll"),
        predicted,
        gaussian_nll_gradients,
        LINE,
        "copy",
        cheap=True,
    ),
    Workload(
        "softmax_cross_entropy",
        "rows",
        lambda: derive.grad("softmax_cross_entropy"),
        scores,
        cross_entropy,
        SAMPLES,
        "copy",
        value=True,
    ),
    Workload(
        "rbf",
        "rows",
        lambda: derive.grad("rbf_kernel", "a"),
        points,
        rbf_gradient,
        ((1_000, 16), (100_000, 16)),
        "copy",
    ),
    Workload("mse", "regression", lambda: derive.grad("mse"), regression, mse_gradient, TABLES, "read"),
    Workload(
        "poisson_regression",
        "regression",
        lambda: derive.grad("poisson_regression"),
        counts,
        poisson_gradient,
        TABLES,
        "read",
    ),
    Workload(
        "logistic_regression",
        "regression",
        lambda: derive.grad("logistic_regression"),
        labels,
        logistic,
        TABLES,
        "read",
        value=True,
    ),
    Workload(
        "softmax_regression",
        "regression",
        lambda: derive.grad("softmax_regression"),
        classes,
        softmax_layer,
        ((1_000, 16, 3), (50_000, 64, 10)),
        "read",
        value=True,
    ),
    Workload(
        "mlp_batch",
        "network",
        lambda: derive.grad("mlp_batch"),
        network,
        mlp,
        ((64, 32, 32), (1_000, 128, 128), (4_000, 256, 256)),
        mlp_products,
        value=True,
    ),
    Workload("tiny_mse", "call", lambda: derive.grad("mse"), regression, mse_gradient, ((10, 3),), "call"),
    Workload(
        "tiny_mlp",
        "call",
        lambda: derive.grad("mlp_sigmoid", "W1 b1 W2 b2"),
        one_sample,
        mlp_one_sample,
        ((4, 8),),
        "call",
    ),
    Workload(
        "quadratic_hessian",
        "hessian",
        lambda: derive.hessian("quadratic_form", "x"),
        form,
        lambda A, x: A + A.T,
        ((256,), (2_048,)),
        "copy",
        published="tensorgrad; " + LAUE,
    ),
    Workload(
        "logistic_hessian",
        "hessian",
        lambda: derive.hessian("logistic_regression", "w"),
        labels,
        logistic_hessian,
        ((2_048, 256), (20_000, 64)),
        gram,
        published="tensorgrad; " + LAUE,
    ),
    Workload(
        "logsumexp_hessian",
        "hessian",
        lambda: derive.hessian("logsumexp"),
        vector,
        softmax_covariance,
        ((256,), (2_048,)),
        "copy",
        published="tensorgrad",
    ),
    Workload(
        "factorisation_hessian",
        "hessian",
        lambda: derive.hessian("low_rank_factorization", "U"),
        factors,
        factorisation_hessian,
        ((50, 50, 5), (200, 200, 5)),
        "copy",
        published=LAUE,
    ),
    Workload(
        "gmm",
        "network",
        lambda: derive.grad(gmm(), "alphas means q L"),
        mixture_parts,
        mixture_gradient,
        ((1_000, 2, 5), (1_000, 10, 25), (2_500, 20, 25)),
        mixture_products,
        value=True,
        published="ADBench",
        objective=mixture_objective,
    ),
)


def find(words: list[str]) -> tuple[Workload, ...]:
    """The workloads whose name, kind or paper holds one of these words; all when there are none."""
    return tuple(
        w
        for w in WORKLOADS
        if not words or any(word.lower() in f"{w.name} {w.kind} {w.published}".lower() for word in words)
    )


def measured_in(inputs: Mapping[str, Any], dtype: str) -> Inputs:
    """The inputs in a precision, but positions as they are."""
    return {name: np.asarray(value, dtype=dtype)[()] for name, value in inputs.items()}
