"""What several tests ask of the catalog."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derive
from derive.derivative import Derivative
from derive.formulas import Formula


def parts_of(results: Any) -> list[NDArray[Any]]:
    """The arrays of what a kernel returns."""
    return [np.asarray(part) for part in (results if isinstance(results, tuple) else (results,))]


def is_scalar(formula: Formula) -> bool:
    return not formula.program.array(formula.value).shape


@cache
def first_derivative(name: str) -> Derivative:
    """The gradient of a scalar formula, the Jacobian of another."""
    formula = derive.formula(name)
    return derive.grad(formula) if is_scalar(formula) else derive.jacobian(formula)


@cache
def second_derivative(name: str) -> Derivative:
    return derive.hessian(derive.formula(name))


NAMES = derive.names()
SCALAR_VALUED = tuple(name for name in NAMES if is_scalar(derive.formula(name)))
HESSIANS = tuple(name for name in SCALAR_VALUED if len(derive.formula(name).wrt) <= 3)

# Formulas of every kind, for the laws about layouts, sizes and steps, which take their time.
KINDS = {
    "quadratic_form",
    "chain_rule_example",
    "sigmoid",
    "tanh",
    "relu",
    "softplus",
    "softmax",
    "logsumexp",
    "mse",
    "squared_error",
    "bce",
    "bce_with_logits",
    "softmax_cross_entropy",
    "ridge",
    "logistic_regression",
    "mlp_sigmoid",
    "mlp_relu",
    "normal_pdf",
    "normal_logpdf",
    "bayes_theorem",
    "bayes_binary",
    "normal_nll",
    "entropy",
    "kl_divergence",
}
SOME = tuple(name for at, name in enumerate(NAMES) if name in KINDS or at % 12 == 5)
