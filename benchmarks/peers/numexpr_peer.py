"""numexpr: one text for each array that comes out; what mixes axes is not for it."""

from __future__ import annotations

import numexpr
import numpy as np

PACKAGE = "numexpr"
ROOT = float(np.sqrt(2 * np.pi))


def bring(value):
    return np.asarray(value)


def ready(function, arrays):
    return lambda: function(*arrays)


def take(part):
    return part


def _evaluated(text, **arrays):
    dtype = next(iter(arrays.values())).dtype.type
    numbers = {"half": dtype(0.5), "one": dtype(1), "two": dtype(2), "root": dtype(ROOT)}
    return numexpr.evaluate(text, {**numbers, **arrays}, truediv=True)


def sigmoid(x):
    return _evaluated("exp(-abs(x)) / (one + exp(-abs(x)))**2", x=x)


def normal_pdf(x, mu, sigma):
    p = _evaluated("exp(-half * ((x - mu) / sigma)**2) / (sigma * root)", x=x, mu=mu, sigma=sigma)
    return p, _evaluated("(mu - x) / (sigma * sigma) * p", x=x, mu=mu, sigma=sigma, p=p)


def tanh(x):
    return _evaluated("one - tanh(x)**2", x=x)


def softplus(x):
    return _evaluated("one / (one + exp(-x))", x=x)


def entropy(p):
    return _evaluated("-log(p) - one", p=p)


def kl_divergence(p, q):
    return _evaluated("log(p / q) + one", p=p, q=q)


def gaussian_nll(y, mu, v):
    n = np.asarray(len(y), v.dtype)
    m = _evaluated("(mu - y) / (v * n)", y=y, mu=mu, v=v, n=n)
    return m, _evaluated("(one / v - ((mu - y) / v)**2) * half / n", y=y, mu=mu, v=v, n=n)
