"""Kernels beside NumPy written by hand, interleaved in one process.

Run with `python -m benchmarks.kernels`. Each row tells how many times faster the kernel of a gradient is than NumPy,
and how far the two are apart, relative to the largest entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import derive
from benchmarks.timing import medians, milliseconds

rng = np.random.default_rng(0)
Arrays = tuple[Any, ...]


def sigmoid_slope(x: Any) -> Any:
    """Stable sigmoid' by hand."""
    e = np.exp(-np.abs(x))
    return e / (1 + e) ** 2


def mse_gradient(X: Any, w: Any, y: Any) -> Any:
    """The gradient with two products."""
    return 2 / len(y) * (X.T @ (X @ w - y))


def softmax_cross_entropy_gradient(Y: Any, Z: Any) -> Any:
    """Softmax with its shift, minus the targets."""
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True) - Y) / len(Y)


def regression(n: int, d: int) -> Arrays:
    return rng.normal(size=(n, d)), rng.normal(size=d), rng.normal(size=n)


def targets(n: int, k: int) -> Arrays:
    return rng.dirichlet(np.ones(k), n), rng.normal(size=(n, k))


SIGMOID = (8, 1_000, 100_000, 10_000_000)
REGRESSION = ((10, 3), (1000, 16), (200_000, 64), (20_000, 1024))
CLASSES = ((10, 3), (1000, 10), (100_000, 10), (2000, 1000))


def main() -> None:
    """Print the table."""
    print(f"{'gradient of':22} {'size':>12} {'NumPy':>11} {'llvm':>11} {'times faster':>13} {'difference':>11}")
    for n in SIGMOID:
        row("sigmoid", str(n), sigmoid_slope, (rng.normal(size=n),))
    for n, d in REGRESSION:
        row("mse", f"{n}×{d}", mse_gradient, regression(n, d))
    for n, k in CLASSES:
        row("softmax_cross_entropy", f"{n}×{k}", softmax_cross_entropy_gradient, targets(n, k))


def row(name: str, size: str, by_hand: Callable[..., Any], inputs: Arrays) -> None:
    """Time one gradient at one size, and print the line."""
    kernel = derive.compile(derive.grad(name))
    found = medians({"numpy": lambda: by_hand(*inputs), "llvm": lambda: kernel(*inputs)}, rounds=9)
    expected = by_hand(*inputs)
    difference = np.max(np.abs(kernel(*inputs) - expected)) / np.max(np.abs(expected))
    times = f"{milliseconds(found['numpy']):>11} {milliseconds(found['llvm']):>11}"
    print(f"{name:22} {size:>12} {times} {found['numpy'] / found['llvm']:13.1f} {difference:11.0e}")


if __name__ == "__main__":
    main()
