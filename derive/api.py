"""The public functions: a formula in, its derivative, its derivation and its kernels out.

This is the roof over `derive`, `codegen` and `catalog`; it holds no mathematics. A `Derivative` is what every question gives
back. Everything about it (closed forms, steps, checks, kernels) is made from one program, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import catalog
from codegen import kernel as kernels
from codegen.kernel import Kernel
from derive.calculus.matrix_form import MatrixForm, matrix_form
from derive.calculus.modes import foldable, forward, reverse
from derive.calculus.rewriting import Context
from derive.calculus.stability import stabilised
from derive.derivation import Derivation, Step
from derive.errors import DeriveError, nearest
from derive.formula import Formula
from derive.notation.index_form import from_index
from derive.notation.text import declarations, to_program, write_text
from derive.notation.unicode import write_unicode
from derive.program import Array, Equation, Program, live
from derive.verification.report import Report, check_kernels

Question: TypeAlias = "Formula | str"

KINDS = {"gradient": "grad", "jacobian": "jac", "hessian": "hess"}
POINTS = 3


def formula(name: str) -> Formula:
    """The catalog's formula of this name or alias.

    Raises:
        UnknownFormula: there is none; the nearest names are offered.

    >>> formula("mse").title
    'Mean squared error of a linear model'
    """
    return catalog.find(name)


def names() -> tuple[str, ...]:
    """The names of the catalog, in its order."""
    return catalog.names()
