"""Numba: loops by hand, everything fused, in parallel where there are threads.

Sums may be reordered; infinities and not-a-number stay what they are.
"""

from __future__ import annotations

import os
from functools import cache
from math import erf, exp, log, log1p, sqrt
from math import tanh as hyperbolic

import numba
import numpy as np
from numba import prange

PACKAGE = "numba"
THREADS = int(os.environ.get("NUMBA_NUM_THREADS", "1"))
FAST = {"reassoc", "contract", "arcp", "nsz"}


@cache
def _compiled(function):
    return numba.njit(parallel=THREADS > 1, fastmath=FAST, error_model="numpy")(function)


def bring(value):
    return value


def ready(function, arrays):
    compiled = _compiled(function)
    return lambda: compiled(*arrays)


def take(part):
    return part


def sigmoid(x):
    one, out = x.dtype.type(1), np.empty_like(x)
    for i in prange(len(x)):
        e = exp(-abs(x[i]))
        out[i] = e / ((one + e) * (one + e))
    return out


def normal_pdf(x, mu, sigma):
    kind = x.dtype.type
    scale, half = kind(1 / (sigma * sqrt(2 * np.pi))), kind(0.5)
    p, s = np.empty_like(x), np.empty_like(x)
    for i in prange(len(x)):
        t = (x[i] - mu) / sigma
        p[i] = scale * exp(-half * t * t)
        s[i] = -t / sigma * p[i]
    return p, s


def tanh(x):
    one, out = x.dtype.type(1), np.empty_like(x)
    for i in prange(len(x)):
        t = hyperbolic(x[i])
        out[i] = one - t * t
    return out


def softplus(x):
    one, out = x.dtype.type(1), np.empty_like(x)
    for i in prange(len(x)):
        out[i] = one / (one + exp(-x[i]))
    return out


def gelu(x):
    kind, out = x.dtype.type, np.empty_like(x)
    half, root, scale = kind(0.5), kind(sqrt(0.5)), kind(1 / sqrt(2 * np.pi))
    for i in prange(len(x)):
        out[i] = half + half * erf(root * x[i]) + scale * x[i] * exp(-half * x[i] * x[i])
    return out


def entropy(p):
    one, out = p.dtype.type(1), np.empty_like(p)
    for i in prange(len(p)):
        out[i] = -log(p[i]) - one
    return out


def kl_divergence(p, q):
    one, out = p.dtype.type(1), np.empty_like(p)
    for i in prange(len(p)):
        out[i] = log(p[i] / q[i]) + one
    return out


def gaussian_nll(y, mu, v):
    n = len(y)
    one, half, scale = v.dtype.type(1), v.dtype.type(0.5 / n), v.dtype.type(1 / n)
    by_mu, by_v = np.empty_like(v), np.empty_like(v)
    for i in prange(n):
        r = one / v[i]
        m = (mu[i] - y[i]) * r
        by_mu[i] = m * scale
        by_v[i] = (r - m * m) * half
    return by_mu, by_v


def softmax_cross_entropy(Y, Z):
    n, k = Z.shape
    scale, out, loss = Z.dtype.type(1 / n), np.empty_like(Z), 0.0
    for i in prange(n):
        top = Z[i, 0]
        for j in range(1, k):
            top = max(top, Z[i, j])
        total = Z.dtype.type(0)
        for j in range(k):
            e = exp(Z[i, j] - top)
            out[i, j] = e
            total += e
        logs, mine = log(total) + top, Z.dtype.type(0)
        inverse = scale / total
        for j in range(k):
            mine += (logs - Z[i, j]) * Y[i, j]
            out[i, j] = out[i, j] * inverse - Y[i, j] * scale
        loss += mine
    return loss / n, out


def rbf(a, b, gamma):
    n, d = a.shape
    out, two = np.empty_like(a), a.dtype.type(2)
    for i in prange(n):
        s = a.dtype.type(0)
        for j in range(d):
            t = a[i, j] - b[j]
            s += t * t
        v = -two * gamma * exp(-gamma * s)
        for j in range(d):
            out[i, j] = v * (a[i, j] - b[j])
    return out


def mse(X, w, y):
    n, d = X.shape
    scale, g = X.dtype.type(2 / n), np.zeros_like(w)
    for i in prange(n):
        r = -y[i]
        for j in range(d):
            r += X[i, j] * w[j]
        g += (r * scale) * X[i]
    return g


tiny_mse = mse


def poisson_regression(X, w, y):
    n, d = X.shape
    scale, g = X.dtype.type(1 / n), np.zeros_like(w)
    for i in prange(n):
        z = X.dtype.type(0)
        for j in range(d):
            z += X[i, j] * w[j]
        g += ((exp(z) - y[i]) * scale) * X[i]
    return g


def logistic_regression(X, w, b, y):
    n, d = X.shape
    one, scale, g, loss, bias = X.dtype.type(1), X.dtype.type(1 / n), np.zeros_like(w), 0.0, 0.0
    for i in prange(n):
        z = b
        for j in range(d):
            z += X[i, j] * w[j]
        e = exp(-abs(z))
        loss += max(z, X.dtype.type(0)) - y[i] * z + log1p(e)
        delta = ((one if z >= 0 else e) / (one + e) - y[i]) * scale
        bias += delta
        g += delta * X[i]
    return loss / n, g, bias


def tiny_mlp(x, y, W1, b1, W2, b2):
    h, d = W1.shape
    kind = x.dtype.type
    one, z2, a = kind(1), b2, np.empty_like(b1)
    for i in range(h):
        z = b1[i]
        for j in range(d):
            z += W1[i, j] * x[j]
        a[i] = one / (one + exp(-z))
        z2 += W2[i] * a[i]
    delta = one / (one + exp(-z2)) - y
    by_W1, by_b1, by_W2 = np.empty_like(W1), np.empty_like(b1), np.empty_like(W2)
    for i in range(h):
        by_b1[i] = delta * W2[i] * a[i] * (one - a[i])
        by_W2[i] = delta * a[i]
        for j in range(d):
            by_W1[i, j] = by_b1[i] * x[j]
    return by_W1, by_b1, by_W2, delta


def quadratic_hessian(A, x):
    n, out, tile = len(A), np.empty_like(A), 32
    for block in prange((n + tile - 1) // tile):
        for left in range(0, n, tile):
            for i in range(block * tile, min(n, (block + 1) * tile)):
                for j in range(left, min(n, left + tile)):
                    out[i, j] = A[i, j] + A[j, i]
    return out


def logsumexp_hessian(z):
    k = len(z)
    p = np.exp(z - z.max())
    p /= p.sum()
    H = np.empty((k, k), z.dtype)
    for i in prange(k):
        for j in range(k):
            H[i, j] = -p[i] * p[j]
        H[i, i] += p[i]
    return H


def factorisation_hessian(A, U, V):
    m, r = U.shape
    G, H = V.dtype.type(2) * (V.T @ V), np.zeros((m, r, m, r), A.dtype)
    for i in prange(m):
        for j in range(r):
            for k in range(r):
                H[i, j, i, k] = G[j, k]
    return H
