"""PyTorch: losses differentiated by torch.func and compiled; where the compiler fails, run as they are.

A compiled function meets sizes in turn: after the second one the compiler writes code for any size.
"""

from __future__ import annotations

import os
import warnings

import torch
from torch.func import grad, grad_and_value, hessian, vmap
from torch.nn import functional as F

PACKAGE = "torch"
COMPILES = os.environ.get("BENCH_TORCH_COMPILE", "1") == "1"
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
_compiled: dict = {}


def bring(value):
    return torch.as_tensor(value)


def ready(function, arrays):
    if COMPILES and function not in _compiled:
        _compiled[function] = torch.compile(function)
    compiled = _compiled.get(function, function)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled(*arrays)
    except Exception:  # whatever the compiler's own packages raise
        compiled = _compiled[function] = function
    return lambda: compiled(*arrays)


def take(part):
    return part.detach().numpy()


def _slopes(function):
    return vmap(grad(function))


def _pdf(x, mu, sigma):
    return torch.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * (2 * torch.pi) ** 0.5)


def _with_value(loss, wrt):
    both = grad_and_value(loss, wrt)

    def flat(*arrays):
        gradients, value = both(*arrays)
        return (value, *gradients)

    return flat


sigmoid = _slopes(torch.sigmoid)
tanh = _slopes(torch.tanh)
softplus = _slopes(F.softplus)
gelu = _slopes(F.gelu)
entropy = grad(lambda p: -torch.special.xlogy(p, p).sum())
kl_divergence = grad(lambda p, q: (p * torch.log(p / q)).sum())
gaussian_nll = grad(lambda y, mu, v: ((y - mu) ** 2 / (2 * v) + torch.log(v) / 2).mean(), (1, 2))
rbf = vmap(grad(lambda a, b, gamma: torch.exp(-gamma * ((a - b) ** 2).sum())), (0, None, None))
mse = tiny_mse = grad(lambda X, w, y: ((X @ w - y) ** 2).mean(), 1)
quadratic_hessian = hessian(lambda A, x: x @ A @ x, 1)
logsumexp_hessian = hessian(lambda z: torch.logsumexp(z, 0))


def normal_pdf(x, mu, sigma):
    slope, value = vmap(grad_and_value(_pdf), (0, None, None))(x, mu, sigma)
    return value, slope


def _poisson(X, w, y):
    z = X @ w
    return (torch.exp(z) - y * z).mean()


def _cross_entropy(Y, Z):
    return -(Y * torch.log_softmax(Z, 1)).sum() / len(Y)


def _logistic(X, w, b, y):
    z = X @ w + b
    return (F.softplus(z) - y * z).mean()


def _mlp(X, y, W1, b1, W2, b2):
    z = torch.sigmoid(X @ W1.T + b1) @ W2 + b2
    return (F.softplus(z) - y * z).mean()


poisson_regression = grad(_poisson, 1)
logistic_hessian = hessian(_logistic, 1)
tiny_mlp = grad(_mlp, (2, 3, 4, 5))
factorisation_hessian = hessian(lambda A, U, V: ((A - U @ V.T) ** 2).sum(), 1)
softmax_cross_entropy = _with_value(_cross_entropy, (1,))
logistic_regression = _with_value(_logistic, (1, 2))
softmax_regression = _with_value(lambda X, W, b, Y: _cross_entropy(Y, X @ W + b), (1, 2))
mlp_batch = _with_value(_mlp, (2, 3, 4, 5))


def _gmm(X, alphas, means, q, L, below):
    Q = L * below + torch.diag_embed(torch.exp(q))
    R = torch.einsum("cab,icb->ica", Q, X[:, None, :] - means)
    score = alphas + q.sum(1) - (R**2).sum(2) / 2
    prior = (torch.exp(2 * q).sum() + ((L * below) ** 2).sum()) / 2
    return torch.logsumexp(score, 1).sum() - len(X) * torch.logsumexp(alphas, 0) + prior


gmm = _with_value(_gmm, (1, 2, 3, 4))
