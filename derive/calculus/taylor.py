"""Taylor polynomials: the value and its derivatives at a point, divided by factorials.

Every derivative is found by the rules of this package, one after the other; at the point, functions of numbers are
worked out exactly where SymPy can. (B. Taylor, Methodus incrementorum directa et inversa, 1715.)
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Integer, factorial

from derive.calculus.modes import reverse
from derive.calculus.rewriting import Context
from derive.errors import DeriveError, ShapeError
from derive.primitives import primitive
from derive.program import Program, children, element, fresh_name, inlined, is_element, rebuilt, substitute

MAX_ORDER = 20
DECIDED = {
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
}


def taylor_coefficients(program: Program, wrt: str, at: Expr, order: int) -> tuple[Expr, ...]:
    """The coefficients of `(wrt - at)**k` for k from 0 to `order`, as exact values; other inputs stay as they are.

    Raises:
        ShapeError: the value or the variable is an array.
        DeriveError: the order is below 0 or above 20.
        NotDifferentiable: a derivative has no rule.
    """
    for name in (wrt, program.outputs[-1]):
        if program.array(name).shape:
            raise ShapeError(f"a Taylor polynomial is of a number in a number, but {name} is an array")
    if not 0 <= order <= MAX_ORDER:
        raise DeriveError(f"the order of a Taylor polynomial is from 0 to {MAX_ORDER}, not {order}")
    found: list[Expr] = []
    for k in range(order + 1):
        found.append(_at(program, wrt, at) / factorial(k))
        if k < order:
            name = fresh_name(f"d{k + 1}", set(program.arrays))
            program, _ = reverse(program, (wrt,), (name,), Context())
    return tuple(found)


def polynomial(coefficients: Sequence[Expr], wrt: str, at: Expr) -> Expr:
    """The sum of the terms, in powers of the distance from the point."""
    distance = element(wrt) - at
    total: Expr = sum((c * distance**k for k, c in enumerate(coefficients)), Integer(0))
    return total


def _at(program: Program, wrt: str, at: Expr) -> Expr:
    """The value of a program where one input is a number."""
    value = program.definitions[program.outputs[-1]].value
    for equation in reversed(program.equations):
        value = inlined(value, {equation.target: equation})
    return exact(substitute(value, {element(wrt): at}))


def exact(value: Expr) -> Expr:
    """`value` with functions of numbers worked out, where they have a meaning in functions SymPy knows."""
    if not value.args or is_element(value):
        return value
    parts = tuple(map(exact, children(value)))
    row = primitive(value)
    if row is not None and parts and all(part.is_number for part in parts):
        if row.name in DECIDED:
            return Integer(bool(DECIDED[row.name](*parts)))
        if row.name == "where":
            return parts[1] if parts[0] != 0 else parts[2]
        if row.name in ("maximum", "minimum"):
            chosen: Expr = max(parts) if row.name == "maximum" else min(parts)
            return chosen
        if row.meaning is not None and row.function.__module__ == "derive.primitives":
            return exact(row.meaning(*parts))
    return rebuilt(value, parts)
