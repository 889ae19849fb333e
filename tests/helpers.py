"""What several tests ask of the catalog."""

from functools import cache

import derive
from derive.derivative import Derivative
from derive.formulas import Formula


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
