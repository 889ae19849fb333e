"""What expressions and loops cost, roughly: enough to tell whether threads are worth waking, and to print a plan."""

from __future__ import annotations

from functools import cache

from sympy import Add, Expr, Mul, Pow

from codegen.known_functions import series
from derive.primitives import primitive
from derive.program import Index, children, is_element, walk

ADDITION, DIVISION, FUNCTION = 1, 8, 64  # in units of a vectorised addition


def operations(value: Expr) -> int:
    """The additions, multiplications, divisions and function calls in an expression."""
    return sum(_own(part)[0] for part in walk(value))


def cost(value: Expr) -> int:
    """The time of an expression in units of a vectorised addition, the memory it reads included.

    What stands still while the innermost loops run is computed once, and does not count.
    """
    moves, still, moving = _times(value)
    return 1 + (moving if moves else still)


def _times(value: Expr) -> tuple[bool, int, int]:
    """Whether a value depends on an index, and the times of what in it does not and of what does."""
    parts = [_times(part) for part in children(value)]
    moves = isinstance(value, Index) or any(part[0] for part in parts)
    still, moving = (sum(part[at] for part in parts) for at in (1, 2))
    own = _own(value)[1] + (is_element(value) and bool(value.args))
    return moves, still + own * (not moves), moving + own * moves


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
    row = primitive(part)
    if row is None:
        return 0, 0
    return _of_series(row.name) if row.approximate else (1, FUNCTION)


@cache
def _of_series(name: str) -> tuple[int, int]:
    """How many operations a function of many terms is, and how long they take."""
    parts = [_own(part) for part in walk(series(name))]
    return sum(count for count, _ in parts), sum(time for _, time in parts)
