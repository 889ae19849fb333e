r"""What `\arg\min_w L = v` says that can be checked: the gradient of L by w vanishes at v.

That the place is a minimum, and the only one, is not looked at; the verdict says so.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import S

from derive.calculus.matrix_form import matrix_forms
from derive.calculus.rewriting import Context
from derive.calculus.simplification import simplified
from derive.calculus.stationary import System, solutions
from derive.errors import DeriveError, ParseError
from derive.handwriting.comparison import Comparison, Found
from derive.handwriting.points import AGREED, random_points, values
from derive.handwriting.tree import Derived, Evaluated, Extremal, Node
from derive.notation.index_form import on_paper
from derive.notation.tree import Name
from derive.notation.typing import Typed
from derive.notation.writing import write_latex
from derive.program import Equation, Program, names_in, whole_arrays

VANISHES = "the gradient vanishes there; that it is an extremum is not checked"
POINTS = 2


def stationary(extremal: Extremal, value: Node, comparison: Comparison) -> tuple[Found, str]:
    """Whether the gradient of what is made extremal vanishes at a value; where it does not, a small point as witness.

    Raises:
        DeriveError: a side is not understood.
    """
    if isinstance(value, Extremal):
        raise ParseError("two places are compared that nobody has worked out", comparison.meaning.latex, value.at)
    gradient = Derived(extremal.body, (extremal.variable,), at=extremal.at)
    slope = comparison.meaning.side(Evaluated(gradient, (extremal.variable,), (value,), at=extremal.at))
    found = comparison.equal(slope, Typed(S.Zero))
    if found.right:
        return replace(found, reason=VANISHES), ""
    if found.point is None:
        return found, ""
    at, (value_there, _), where = comparison.small_difference(slope, Typed(S.Zero), found.point)
    return replace(found, reason="the gradient does not vanish there"), f"{at}: the gradient is {value_there}{where}"


def place(extremal: Extremal, comparison: Comparison) -> str:
    """Where the gradient does vanish, as LaTeX; empty where that is not one place that can be written down."""
    if not isinstance(extremal.variable, Name):
        return ""
    name = extremal.variable.name
    try:
        slope = comparison.meaning.side(Derived(extremal.body, (extremal.variable,), at=extremal.at))
        value = simplified(comparison.opened(slope), Context(arrays=comparison.setting.arrays))
        if whole_arrays(value):
            return ""
        inputs = tuple(array for array in comparison.setting.inputs if array.name in {name, *names_in(value)})
        gradient = Equation(f"slope_{name}", slope.axes, value)
        found = [system.program for system in solutions(System(inputs, {name: gradient}))]
        return _written(found[0], name) if len(found) == 1 and _vanishes(gradient, found[0]) else ""
    except (DeriveError, ArithmeticError, RecursionError):
        return ""


def _vanishes(gradient: Equation, solved: Program) -> bool:
    """Whether a gradient vanishes where a program says, at random values of what is given."""
    whole = Program(solved.inputs, (*solved.equations, gradient), (gradient.target,))
    found = [values(whole, drawn)[0] for drawn in random_points(whole, POINTS)]
    return bool(found) and all(abs(entry) < 10.0**-AGREED for one in found for entry in one.flat)


def _written(solved: Program, name: str) -> str:
    """An unknown that was found, as a formula of what is given."""
    equation = solved.definitions[name]
    if not equation.indices:
        return write_latex(on_paper(equation.value))
    (form,) = matrix_forms(solved, (name,), frozenset(solved.outputs))
    if form is None or form.where:
        return ""
    return write_latex(form.tree, {n: len(array.shape) for n, array in solved.arrays.items()})
