"""A symbolic-to-numeric derivation engine: formula, derivation and kernel from one record.

>>> import derive
>>> print(derive.grad("mse"))
∇_w = (2/n) Xᵀ (X w − y)

What stands here is loaded when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codegen.blocks import blocks
    from derive.api import (
        batch,
        compile,
        descend,
        emit,
        formula,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        names,
        parse,
        plan,
        solve,
        taylor,
        verify,
        vjp,
    )
    from derive.derivation import Derivation, Step
    from derive.derivative import Derivative
    from derive.errors import (
        BackendUnavailable,
        CheckFailed,
        DeriveError,
        DomainError,
        NotDifferentiable,
        ParseError,
        ShapeError,
        UnknownFormula,
    )
    from derive.formulas import Formula

__version__ = "0.1.0"
__all__ = [
    "BackendUnavailable",
    "CheckFailed",
    "Derivation",
    "Derivative",
    "DeriveError",
    "DomainError",
    "Formula",
    "NotDifferentiable",
    "ParseError",
    "ShapeError",
    "Step",
    "UnknownFormula",
    "batch",
    "blocks",
    "compile",
    "descend",
    "emit",
    "formula",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "names",
    "parse",
    "plan",
    "solve",
    "taylor",
    "verify",
    "vjp",
]

_HOMES = {
    "Formula": "derive.formulas",
    "Derivation": "derive.derivation",
    "Step": "derive.derivation",
    "blocks": "codegen.blocks",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that holds it."""
    if name not in __all__:
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    for home in (_HOMES.get(name), "derive.errors", "derive.api"):
        if home and hasattr(module := import_module(home), name):
            return getattr(module, name)
    raise AttributeError(f"module 'derive' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
