"""SymPy's lambdify: the derivative of a scalar expression, printed as NumPy with common parts named."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np
import sympy

PACKAGE = "sympy"

x, mu, y, n = sympy.symbols("x mu y n", real=True)
sigma, p, q, v = sympy.symbols("sigma p q v", positive=True)
density = sympy.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * sympy.sqrt(2 * sympy.pi))
loss = ((y - mu) ** 2 / (2 * v) + sympy.log(v) / 2) / n
EXPRESSIONS = {
    "sigmoid": ((x,), [sympy.diff(1 / (1 + sympy.exp(-x)), x)]),
    "normal_pdf": ((x, mu, sigma), [density, sympy.diff(density, x)]),
    "tanh": ((x,), [sympy.diff(sympy.tanh(x), x)]),
    "softplus": ((x,), [sympy.diff(sympy.log(1 + sympy.exp(x)), x)]),
    "gelu": ((x,), [sympy.diff(x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2, x)]),
    "entropy": ((p,), [sympy.diff(-p * sympy.log(p), p)]),
    "kl_divergence": ((p, q), [sympy.diff(p * sympy.log(p / q), p)]),
    "gaussian_nll": ((y, mu, v, n), [sympy.diff(loss, mu), sympy.diff(loss, v)]),
}
if find_spec("scipy") is None:  # NumPy alone has no error function
    del EXPRESSIONS["gelu"]


@cache
def _lambdified(name):
    symbols, values = EXPRESSIONS[name]
    return sympy.lambdify(symbols, values[0] if len(values) == 1 else values, cse=True)


def __getattr__(name):
    if name not in EXPRESSIONS:
        raise AttributeError(name)
    return _lambdified(name)


def bring(value):
    return value


def ready(function, arrays):
    given = [*arrays, len(arrays[0])] if function is _lambdified("gaussian_nll") else arrays

    def run():
        with np.errstate(all="ignore"):
            return function(*given)

    return run


def take(part):
    return part
