"""A symbolic-to-numeric derivation engine: formula, derivation and kernel from one record.

>>> import derive
>>> print(derive.grad("mse"))
∇_w = (2/n) Xᵀ (X w − y)
"""

from derive.api import Derivative, compile, emit, formula, grad, hessian, jacobian, names, parse
from derive.derivation import Derivation, Step
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
from derive.formula import Formula

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
    "compile",
    "emit",
    "formula",
    "grad",
    "hessian",
    "jacobian",
    "names",
    "parse",
]
