"""What expressions and loops cost, roughly: enough to tell whether threads are worth waking, and to print a plan."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow

from derive.primitives import primitive
from derive.program import free_indices, is_element, walk

ADDITION, DIVISION, FUNCTION = 1, 8, 64  # in units of a vectorised addition


def operations(value: Expr) -> int:
    """The additions, multiplications, divisions and function calls in an expression."""
    return sum(_own(part)[0] for part in walk(value))


def cost(value: Expr) -> int:
    """The time of an expression in units of a vectorised addition, the memory it reads included.

    What stands still while the innermost loops run is computed once, and does not count.
    """
    moving = (part for part in walk(value) if free_indices(part) or not free_indices(value))
    return 1 + sum(_own(part)[1] + (is_element(part) and bool(part.args)) for part in moving)


def _own(part: Expr) -> tuple[int, int]:
    """How many operations a node is by itself, and how long they take."""
    if isinstance(part, Add | Mul):
        count = len(part.args) - 1
        return count, count * ADDITION
    if isinstance(part, Pow):
        exponent = part.args[1]
        if exponent.is_Integer:
            return max(1, abs(int(exponent)).bit_length()), ADDITION if exponent > 0 else DIVISION
        return 1, FUNCTION
    return (1, FUNCTION) if primitive(part) is not None else (0, 0)
