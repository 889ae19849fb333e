"""PyTensor: symbolic losses and their gradients, compiled once for each precision."""

from __future__ import annotations

import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pytensor
    import pytensor.tensor as pt

PACKAGE = "pytensor"
_compiled: dict = {}


def bring(value):
    return np.asarray(value)


def ready(function, arrays):
    key = function, arrays[0].dtype
    if key not in _compiled:
        with pytensor.config.change_flags(floatX=str(arrays[0].dtype)):
            variables = [pt.tensor(dtype=value.dtype, shape=(None,) * value.ndim) for value in arrays]
            _compiled[key] = pytensor.function(variables, function(*variables), on_unused_input="ignore")
            _compiled[key].trust_input = True
    compiled = _compiled[key]
    return lambda: compiled(*arrays)


def take(part):
    return part


def _slope(value, x):
    return pytensor.grad(value.sum(), x)


def sigmoid(x):
    return _slope(pt.sigmoid(x), x)


def tanh(x):
    return _slope(pt.tanh(x), x)


def softplus(x):
    return _slope(pt.softplus(x), x)


def gelu(x):
    return _slope(x * (1 + pt.erf(x / 2**0.5)) / 2, x)


def normal_pdf(x, mu, sigma):
    value = pt.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * (2 * 3.141592653589793) ** 0.5)
    return [value, _slope(value, x)]


def entropy(p):
    return _slope(-p * pt.log(p), p)


def kl_divergence(p, q):
    return _slope(p * pt.log(p / q), p)


def gaussian_nll(y, mu, v):
    return pytensor.grad(((y - mu) ** 2 / (2 * v) + pt.log(v) / 2).mean(), [mu, v])


def _cross_entropy(Y, Z):
    return -(Y * pt.special.log_softmax(Z, axis=1)).sum() / Y.shape[0]


def softmax_cross_entropy(Y, Z):
    loss = _cross_entropy(Y, Z)
    return [loss, pytensor.grad(loss, Z)]


def rbf(a, b, gamma):
    return _slope(pt.exp(-gamma * ((a - b) ** 2).sum(axis=1)), a)


def mse(X, w, y):
    return _slope(((X @ w - y) ** 2).mean(), w)


tiny_mse = mse


def poisson_regression(X, w, y):
    z = X @ w
    return _slope((pt.exp(z) - y * z).mean(), w)


def logistic_regression(X, w, b, y):
    z = X @ w + b
    loss = (pt.softplus(z) - y * z).mean()
    return [loss, *pytensor.grad(loss, [w, b])]


def softmax_regression(X, W, b, Y):
    loss = _cross_entropy(Y, X @ W + b)
    return [loss, *pytensor.grad(loss, [W, b])]


def mlp_batch(X, y, W1, b1, W2, b2):
    z = pt.sigmoid(X @ W1.T + b1) @ W2 + b2
    loss = (pt.softplus(z) - y * z).mean()
    return [loss, *pytensor.grad(loss, [W1, b1, W2, b2])]


def tiny_mlp(x, y, W1, b1, W2, b2):
    z = W2 @ pt.sigmoid(W1 @ x + b1) + b2
    return pytensor.grad(pt.softplus(z) - y * z, [W1, b1, W2, b2])
