"""NumPy by hand: temporaries reused with `out=`, products left to BLAS, SciPy for the error function."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from benchmarks.mixture import mixture_gradient as gmm

PACKAGE = "numpy"
__all__ = ["gmm"]


def bring(value):
    return value


def ready(function, arrays):
    return lambda: function(*arrays)


def take(part):
    return part


def sigmoid(x):
    e = np.abs(x)
    np.negative(e, out=e)
    np.exp(e, out=e)
    d = e + 1
    d *= d
    e /= d
    return e


def normal_pdf(x, mu, sigma):
    t = x - mu
    t /= sigma
    p = t * t
    p *= -0.5
    np.exp(p, out=p)
    p *= 1 / (sigma * np.sqrt(2 * np.pi))
    t *= p
    t *= -1 / sigma
    return p, t


def tanh(x):
    t = np.tanh(x)
    t *= t
    return np.subtract(1, t, out=t)


def softplus(x):
    e = np.negative(x)
    np.exp(e, out=e)
    e += 1
    return np.reciprocal(e, out=e)


def gelu(x):
    p = x * x
    p *= -0.5
    np.exp(p, out=p)
    p *= x
    p *= 1 / np.sqrt(2 * np.pi)
    c = x * np.sqrt(0.5)
    erf(c, out=c)
    c *= 0.5
    c += 0.5
    c += p
    return c


def entropy(p):
    t = np.log(p)
    np.negative(t, out=t)
    t -= 1
    return t


def kl_divergence(p, q):
    t = p / q
    np.log(t, out=t)
    t += 1
    return t


def gaussian_nll(y, mu, v):
    r = 1 / v
    m = mu - y
    m *= r
    s = m * m
    np.subtract(r, s, out=s)
    s *= 0.5 / len(y)
    m /= len(y)
    return m, s


def softmax_cross_entropy(Y, Z):
    e = Z - Z.max(axis=1, keepdims=True)
    loss = -np.vdot(Y, e)
    np.exp(e, out=e)
    total = e.sum(axis=1, keepdims=True)
    loss += np.vdot(Y.sum(axis=1), np.log(total))
    e /= total
    e -= Y
    e /= len(Y)
    return loss / len(Y), e


def rbf(a, b, gamma):
    t = a - b
    v = np.einsum("ij,ij->i", t, t)
    v *= -gamma
    np.exp(v, out=v)
    v *= -2 * gamma
    t *= v[:, None]
    return t


def mse(X, w, y):
    r = X @ w
    r -= y
    r *= 2 / len(y)
    return r @ X


def poisson_regression(X, w, y):
    r = X @ w
    np.exp(r, out=r)
    r -= y
    r /= len(y)
    return r @ X


def _sigmoid(z):
    e = np.negative(z)
    np.exp(e, out=e)
    e += 1
    return np.reciprocal(e, out=e)


def _logistic_loss(z, y):
    return (np.logaddexp(0, z).sum() - np.dot(y, z)) / len(y)


def logistic_regression(X, w, b, y):
    z = X @ w
    z += b
    delta = _sigmoid(z)
    delta -= y
    delta /= len(y)
    return _logistic_loss(z, y), delta @ X, delta.sum()


def softmax_regression(X, W, b, Y):
    Z = X @ W
    Z += b
    loss, delta = softmax_cross_entropy(Y, Z)
    return loss, X.T @ delta, delta.sum(axis=0)


def mlp_batch(X, y, W1, b1, W2, b2):
    A = X @ W1.T
    A += b1
    np.negative(A, out=A)
    np.exp(A, out=A)
    A += 1
    np.reciprocal(A, out=A)
    z = A @ W2
    z += b2
    delta = _sigmoid(z)
    delta -= y
    delta /= len(y)
    by_W2 = delta @ A
    back = A * A
    np.subtract(A, back, out=back)
    back *= W2
    back *= delta[:, None]
    return _logistic_loss(z, y), back.T @ X, back.sum(axis=0), by_W2, delta.sum()


tiny_mse = mse


def tiny_mlp(x, y, W1, b1, W2, b2):
    a = 1 / (1 + np.exp(-(W1 @ x + b1)))
    delta = 1 / (1 + np.exp(-(W2 @ a + b2))) - y
    back = delta * W2 * a * (1 - a)
    return np.multiply.outer(back, x), back, delta * a, delta


def quadratic_hessian(A, x):
    return A + A.T


def logistic_hessian(X, w, b, y):
    s = _sigmoid(X @ w + b)
    s *= 1 - s
    s /= len(y)
    rows = X * np.sqrt(s)[:, None]
    return rows.T @ rows  # NumPy hands a product of a matrix with itself to syrk


def logsumexp_hessian(z):
    p = np.exp(z - z.max())
    p /= p.sum()
    H = np.multiply.outer(-p, p)
    H.flat[:: len(p) + 1] += p
    return H


def factorisation_hessian(A, U, V):
    m, r = U.shape
    H = np.zeros((m, r, m, r), A.dtype)
    rows = np.arange(m)
    H[rows, :, rows, :] = 2 * (V.T @ V)
    return H
