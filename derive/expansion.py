"""A Taylor polynomial as people read it: terms in rising powers of the distance from a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Expr

from derive.calculus.taylor import polynomial
from derive.formulas import Formula
from derive.notation.index_form import from_index
from derive.notation.tree import Tree
from derive.notation.writing import printed_name, write_latex, write_text, write_unicode
from derive.program import Equation, Program, element


@dataclass(frozen=True)
class Taylor:
    """The Taylor polynomial of a formula: its variable, the point, and a coefficient for each power."""

    of: Formula
    wrt: str
    at: Expr
    coefficients: tuple[Expr, ...]

    @cached_property
    def formula(self) -> Formula:
        """The polynomial as a formula: evaluate it, differentiate it, compile it."""
        value = polynomial(self.coefficients, self.wrt, self.at)
        program = Program(self.of.program.inputs, (Equation(self.of.value, (), value),), (self.of.value,))
        title = f"Taylor polynomial of order {len(self.coefficients) - 1} of {self.of.title}"
        return Formula(title, program=program, wrt=(self.wrt,), name=f"{self.of.name or 'formula'}_taylor")

    def _written(self, write: Callable[[Tree], str], minus: str) -> str:
        """Terms in rising powers; SymPy's own order would start with the highest."""
        distance = element(self.wrt) - self.at
        text = ""
        for power, coefficient in enumerate(self.coefficients):
            if coefficient == 0:
                continue
            term = write(from_index(coefficient * distance**power))
            negative = term.startswith(minus)
            joint = f" {minus} " if negative else " + "
            text += (joint if text else minus if negative else "") + (term[len(minus) :] if negative else term)
        return text or "0"

    def __str__(self) -> str:
        return f"{printed_name(self.of.value)} ≈ {self._written(write_unicode, '−')}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {write_latex(from_index(element(self.of.value)))} \approx {self.latex}$"

    @property
    def latex(self) -> str:
        """The polynomial in LaTeX."""
        return self._written(write_latex, "-")

    def to_dict(self) -> dict[str, Any]:
        """What is shown, as plain values."""
        return {
            "formula": self.of.name,
            "wrt": self.wrt,
            "at": write_text(from_index(self.at)),
            "coefficients": [write_text(from_index(c)) for c in self.coefficients],
            "unicode": str(self),
            "latex": self.latex,
        }
