"""Kernels of the catalog's formulas, compiled when they are imported: `from derive.kernels import mse, mse_grad`.

The name of a formula gives its value; with `_grad`, `_jacobian`, `_hessian`, `_jvp`, `_vjp` or `_hvp` behind it, that
derivative.
"""

from __future__ import annotations

from codegen.kernel import Kernel
from derive import api
from derive.calculus.questions import KINDS
from derive.errors import UnknownFormula

_DERIVATIVES = {f"_{kind}": getattr(api, kind) for kind in KINDS}


def __getattr__(name: str) -> Kernel:
    """The kernel of this name; Python asks here when it is imported or first used."""
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        if name in api.names():
            return api.compile(name)
        for ending, derivative in _DERIVATIVES.items():
            if name.endswith(ending):
                return api.compile(derivative(name.removesuffix(ending)))
        return api.compile(name)
    except UnknownFormula as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return [f"{name}{ending}" for name in api.names() for ending in ("", *_DERIVATIVES)]
