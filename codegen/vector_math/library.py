"""The functions that kernels carry with them instead of calling the C library, by their C names.

A function is entered in one row: what it is called, and how it is computed. Those of `BOUNDED` are right near zero only
and call the C library beyond. C compilers do not vectorise a loop around such a call, and so C calls the library for
all numbers. `PARTS` are no functions of formulas but of what backends do with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from codegen.vector_math.arithmetic import Value, parameter
from codegen.vector_math.error_function import (
    erf,
    erfc,
    gelu,
    gelu_slope,
    normal_cdf,
    normal_density,
    normal_pdf,
    normal_slope,
)
from codegen.vector_math.exponentials import cosh, exp, expm1, logistic_pdf, sinh, tanh, tanh_slope
from codegen.vector_math.formats import FORMATS
from codegen.vector_math.gates import silu, silu_slope
from codegen.vector_math.inverse_tangent import atan
from codegen.vector_math.logarithms import log, log1p
from codegen.vector_math.powers import power
from codegen.vector_math.quotients import divided, divisor_scale
from codegen.vector_math.softplus import log_cosh, log_sigmoid, softplus
from codegen.vector_math.trigonometry import cos, is_near, sin

FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "atan": atan,
    "erf": erf,
    "erfc": erfc,
    "normal_cdf": normal_cdf,
    "normal_pdf": normal_pdf,
    "normal_density": normal_density,
    "normal_slope": normal_slope,
    "gelu": gelu,
    "gelu_slope": gelu_slope,
    "silu": silu,
    "silu_slope": silu_slope,
    "tanh_slope": tanh_slope,
    "logistic_pdf": logistic_pdf,
    "softplus": softplus,
    "log_cosh": log_cosh,
    "log_sigmoid": log_sigmoid,
    "pow": power,
}
BOUNDED: dict[str, tuple[Callable[[Value], Value], Callable[[Value], Value]]] = {
    "sin": (sin, is_near),
    "cos": (cos, is_near),
}
PARTS: dict[str, Callable[..., Value]] = {"divisor_scale": divisor_scale, "divided": divided}
PARAMETERS = {
    "pow": ("x", "y"),
    "divided": ("x", "divisor", "inverse"),
    "normal_density": ("x", "mu", "sigma"),
    "normal_slope": ("x", "mu", "sigma"),
}
SUFFIX = "_of"


@dataclass(frozen=True, eq=False)
class Routine:
    """A function as a graph of operations from its parameters to its result, which is right where `near` holds."""

    name: str
    doc: str
    parameters: tuple[Value, ...]
    result: Value
    near: Value | None = None


def called(name: str, lanes: int = 1) -> str:
    """What kernels call their copy of a function, for one number (`exp_of`) or for several at once (`exp_of_8`)."""
    return name + SUFFIX + (f"_{lanes}" if lanes > 1 else "")


@cache
def routine(name: str, dtype: str) -> Routine:
    """The function `name` for numbers of `dtype`."""
    function, bound = BOUNDED.get(name) or ({**FUNCTIONS, **PARTS}[name], None)
    parameters = tuple(parameter(letter, FORMATS[dtype].real) for letter in PARAMETERS.get(name, ("x",)))
    doc = (function.__doc__ or "").splitlines()[0]
    return Routine(name, doc, parameters, function(*parameters), bound(*parameters) if bound else None)
