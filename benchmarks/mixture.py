"""ADBench's mixture of Gaussians: its objective as a formula, and its gradient written by hand.

A component c has a weight alpha, a mean, and a root Q of its inverse covariance: a lower triangular matrix whose
diagonal is exp(q) and whose other entries are those of L below the diagonal (`below` is one there). A Wishart prior
with gamma = 1 and m = 0 bounds the covariances. Terms that follow from the sizes alone are left out of the objective.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from derive.formulas import Formula, Sum, arrays, dims, exp, indices, log, scalars

ACCEPTED = 1e-8  # how far ADBench lets a gradient be from the one by hand


def gmm() -> Formula:
    """The logarithm of the posterior: the likelihood of the points, and the prior."""
    n, d, k = dims("n d k")
    i, a, b, c = indices(i=n, a=d, b=d, c=k)
    X, alphas, means, q = arrays(X=(n, d), alphas=k, means=(k, d), q=(k, d))
    L, below, R, score = arrays(L=(k, d, d), below=(d, d), R=(n, k, d), score=(n, k))
    (value,) = scalars("value")
    return Formula(
        "ADBench: Gaussian mixture with a Wishart prior",
        given=[X, alphas, means, q, L, below],
        let={
            R[i, c, a]: exp(q[c, a]) * (X[i, a] - means[c, a])
            + Sum(L[c, a, b] * below[a, b] * (X[i, b] - means[c, b]), b),
            score[i, c]: alphas[c] + Sum(q[c, a], a) - Sum(R[i, c, a] ** 2, a) / 2,
            value: Sum(log(Sum(exp(score[i, c]), c)), i)
            - n * log(Sum(exp(alphas[c]), c))
            + Sum(exp(2 * q[c, a]), c, a) / 2
            + Sum((L[c, a, b] * below[a, b]) ** 2, c, a, b) / 2,
        },
        wrt=[alphas, means, q, L],
        name="gmm",
    )


def mixture_parts(n: int, d: int, k: int) -> dict[str, Any]:
    """Random points and parameters."""
    r = np.random.default_rng(0)
    below = np.tril(np.ones((d, d)), -1)
    return {
        "X": r.normal(size=(n, d)),
        "alphas": r.normal(size=k),
        "means": r.normal(size=(k, d)),
        "q": 0.3 * r.normal(size=(k, d)),
        "L": 0.3 * r.normal(size=(k, d, d)) * below,
        "below": below,
    }


def _responsibilities(X: Any, alphas: Any, means: Any, q: Any, roots: Any) -> Any:
    """For each component the points moved and whitened; the value; whose each point is."""
    apart = [X - mean for mean in means]
    whitened = [moved @ root.T + moved * np.exp(scale) for moved, root, scale in zip(apart, roots, q, strict=True)]
    score = np.stack(
        [a + b.sum() - (w**2).sum(axis=1) / 2 for a, b, w in zip(alphas, q, whitened, strict=True)], axis=1
    )
    top = score.max(axis=1, keepdims=True)
    e = np.exp(score - top)
    total = e.sum(axis=1, keepdims=True)
    weights = np.exp(alphas - alphas.max())
    value = (np.log(total) + top).sum() - len(X) * (np.log(weights.sum()) + alphas.max())
    value += np.exp(2 * q).sum() / 2 + (roots**2).sum() / 2
    return apart, whitened, value, e / total, weights / weights.sum()


def mixture_objective(X: Any, alphas: Any, means: Any, q: Any, L: Any, below: Any) -> Any:
    """The objective alone."""
    return _responsibilities(X, alphas, means, q, L * below)[2]


def mixture_gradient(X: Any, alphas: Any, means: Any, q: Any, L: Any, below: Any) -> Any:
    """The objective and its four gradients, component by component."""
    roots = L * below
    apart, whitened, value, p, weights = _responsibilities(X, alphas, means, q, roots)
    by_alphas = p.sum(axis=0) - len(X) * weights
    by_means, by_q, by_L = np.empty_like(means), np.empty_like(q), np.empty_like(L)
    for c, (root, scale) in enumerate(zip(roots, np.exp(q), strict=True)):
        pulled = p[:, c, None] * whitened[c]
        by_means[c] = pulled.sum(axis=0) @ root + pulled.sum(axis=0) * scale
        by_q[c] = p[:, c].sum() - (pulled * apart[c]).sum(axis=0) * scale + scale**2
        by_L[c] = (root - pulled.T @ apart[c]) * below
    return value, by_alphas, by_means, by_q, by_L
