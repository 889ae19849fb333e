"""Stationary points: the equations that all derivatives vanish, their solution, and what kind of point it is.

A solution is compared with the equations before it is shown: the gradient at it, in 50-digit arithmetic, at random
values of what is given. What kind of point it is follows from the curvature of the formula where that is proved, and
otherwise from the Hessian at random points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.calculus.matrix_form import MatrixForm, matrix_forms
from derive.calculus.stationary import System, gradient_system, solutions
from derive.derivative import Derivative
from derive.errors import CheckFailed, DomainError
from derive.formulas import Formula
from derive.notation.index_form import from_index
from derive.notation.tree import Name
from derive.notation.writing import write_latex, write_text, write_unicode
from derive.program import Equation, Program, element, live
from derive.verification.bending import joint_hessian
from derive.verification.closed_forms import confirmed
from derive.verification.oracle import evaluate
from derive.verification.sampling import Sample, samples

POINTS = 3
VANISHES = 1e-30
FLAT = 1e-9
SINGULAR = 1e8


@dataclass(frozen=True)
class Point:
    """One stationary point: a program from what is given to the unknowns, and what kind of point it is."""

    of: Formula
    wrt: tuple[str, ...]
    system: System

    @property
    def program(self) -> Program:
        """The unknowns, defined by what is given."""
        return self.system.program

    @cached_property
    def formula(self) -> Formula:
        """The solution as a formula, whose value is the last unknown found: evaluate it, differentiate it."""
        given = tuple(a.name for a in self.program.inputs)
        return Formula(
            f"Stationary point of {self.of.title}", program=self.program, wrt=given, name=f"{self.of.name}_stationary"
        )

    @cached_property
    def closed_forms(self) -> dict[str, MatrixForm]:
        """The matrix form of each unknown that is an array and has one."""
        wanted = [name for name in self.program.outputs if not self.program.definitions[name].value.is_number]
        forms = matrix_forms(self.program, wanted, frozenset(self.program.outputs))
        return {form.name: form for form in (confirmed(f, self.program) for f in forms) if form is not None}

    def lies_in_its_domain(self, at: Sample) -> bool:
        """Whether the unknowns are numbers of their domains at these givens, and the matrices in them invertible."""
        values = evaluate(self.program, at.inputs, digits=None)
        if any(np.linalg.cond(values[name]) > SINGULAR for name in self.system.matrices.values()):
            return False
        unknowns = (self.of.program.array(name) for name in self.wrt)
        return all(np.isfinite(values[a.name]).all() and a.domain.includes(values[a.name]) for a in unknowns)

    @property
    def ranks(self) -> dict[str, int]:
        """How many axes each name has."""
        return {name: len(array.shape) for name, array in self.program.arrays.items()}

    def lines(self, write: Any = write_unicode) -> list[str]:
        """The solution: one equality for each unknown, the power of it first where a root is taken."""
        found = []
        for equation in self.program.equations:
            name = equation.target
            if equation.auxiliary:
                continue
            root = self.system.powers.get(name)
            if root is not None and root.power != 1 and not root.value.is_number:
                left = write(from_index(element(name, equation.indices) ** root.power))
                found.append(f"{left} = {write(from_index(root.value))}")
            form = self.closed_forms.get(name)
            if equation.value.is_number:
                found.append(f"{write(from_index(element(name)))} = {write(from_index(equation.value))}")
                found += self._conditions(equation, write)
            elif form is not None and equation.indices:
                found.append(f"{write(from_index(element(name)))} = {write(form.tree, self.ranks)}")
                found += self._conditions(equation, write)
            else:
                found.append(f"{write(from_index(equation.element))} = {write(from_index(equation.value))}")
        return found

    def _conditions(self, equation: Equation, write: Any) -> list[str]:
        """What has to be invertible for a linear system to have one solution."""
        found = []
        name = self.system.matrices.get(equation.target)
        for form in matrix_forms(self.program, (name,), frozenset()) if name else ():
            known = self.program.arrays.get(form.tree.name) if form and isinstance(form.tree, Name) else None
            if form is not None and not (known and known.domain.invertible):
                found.append(f"  where {write(form.tree, self.ranks)} is invertible")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The solution as text."""
        return {e.target: write_text(from_index(e.value)) for e in self.program.equations}


@dataclass(frozen=True)
class StationaryPoints:
    """Where the derivatives of a formula vanish: the equations, and the points where a closed form was found."""

    of: Formula
    wrt: tuple[str, ...]

    @cached_property
    def gradient(self) -> Derivative:
        """The gradient that has to vanish."""
        return Derivative(self.of, "grad", self.wrt)

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """The points with a closed form, each compared with the equations; none where no way to solve them is known."""
        derived = self.gradient
        found = solutions(gradient_system(derived.program, self.wrt, derived.outputs))
        points = tuple(Point(self.of, self.wrt, system) for system in found)
        return tuple(point for point in points if self._exists(point))

    def _exists(self, point: Point) -> bool:
        """Whether the point is one: for random givens it lies in its domain, and the gradient vanishes there.

        Raises:
            CheckFailed: the gradient does not vanish; a wrong solution is never shown.
        """
        whole = self._at(point, self.gradient)
        try:
            drawn = samples(whole, POINTS)
        except DomainError:
            return False
        for one in drawn:
            if not point.lies_in_its_domain(one):
                continue
            values = evaluate(whole, one.inputs)
            for name in self.gradient.outputs:
                if any(abs(entry) > VANISHES for entry in np.ravel(values[name])):
                    raise CheckFailed(
                        f"the solution {'; '.join(point.lines())} does not make {name} vanish; please report it"
                    )
        return any(point.lies_in_its_domain(one) for one in drawn)

    def _at(self, point: Point, derivative: Derivative) -> Program:
        """A derivative at a point, as a program of what is given."""
        return Program(
            point.program.inputs,
            (*point.program.equations, *live(derivative.program, derivative.outputs).equations),
            derivative.outputs,
        )

    # ------------------------------------------------ the second order

    def second_order(self, point: Point) -> str:
        """What kind of point it is, and why."""
        hessian = Derivative(self.of, "hessian", self.wrt)
        curvature = hessian.curvature() if len(self.wrt) == 1 else None
        if curvature is not None and curvature.verdict in ("convex", "concave"):
            kind = "minimum" if curvature.verdict == "convex" else "maximum"
            return f"a global {kind}: the formula is {curvature}"
        whole = self._at(point, hessian)
        inside = [one for one in samples(whole, POINTS) if point.lies_in_its_domain(one)]
        bends = [self._signs(hessian, whole, one) for one in inside[: POINTS if point.program.inputs else 1]]
        return _kind(bends, constrained=bool(self._multipliers(hessian)))

    def _multipliers(self, hessian: Derivative) -> list[str]:
        """Unknowns the formula is linear in: Lagrange multipliers, when there are other unknowns."""
        blocks = dict(zip(hessian.blocks, hessian.outputs, strict=True))
        flat = [n for n in self.wrt if hessian.program.definitions[blocks[n, n]].value == 0]
        return flat if len(flat) < len(self.wrt) else []

    def _signs(self, hessian: Derivative, whole: Program, at: Sample) -> NDArray[np.float64]:
        """The eigenvalues of the Hessian at a point, along the directions that keep the constraints."""
        values = evaluate(whole, at.inputs, digits=None)
        inputs = {name: np.asarray(values[name]) for name in self.wrt}
        full = joint_hessian(values, hessian.outputs, [value.size for value in inputs.values()])
        multipliers = self._multipliers(hessian)
        if not multipliers:
            return np.linalg.eigvalsh(full).astype(np.float64)
        sizes = np.concatenate([np.full(inputs[n].size, n in multipliers) for n in self.wrt])
        constraints = full[sizes][:, ~sizes]
        _, values_, directions = np.linalg.svd(constraints)
        free = directions[int((values_ > FLAT).sum()) :]
        return np.linalg.eigvalsh(free @ full[~sizes][:, ~sizes] @ free.T).astype(np.float64)

    # ------------------------------------------------ shown

    def equations(self, latex: bool = False) -> list[str]:
        """The equations that hold at a stationary point: one for each unknown."""
        derived, write = self.gradient, write_latex if latex else write_unicode
        lines = []
        for name, form in zip(derived.outputs, derived.closed_forms, strict=True):
            if form is not None:
                lines.append(f"{write(form.tree, derived.ranks)} = 0")
                lines += [f"  where {write(from_index(element(n)))} = {write(t, derived.ranks)}" for n, t in form.where]
            else:
                lines.append(f"{write(from_index(derived.program.definitions[name].value))} = 0")
        return lines

    def __str__(self) -> str:
        lines = ["stationary where", *(f"  {line}" for line in self.equations())]
        for at, point in enumerate(self.points):
            lines += ["so" if at == 0 else "or", *(f"  {line}" for line in point.lines())]
            lines.append(f"  {self.second_order(point)}")
        if not self.points:
            lines.append("no closed form of the solution was found; `derive descend` follows the gradient to it")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything that is shown, as plain values."""
        return {
            "formula": self.of.name,
            "wrt": list(self.wrt),
            "equations": self.equations(),
            "points": [
                point.to_dict()
                | {"unicode": point.lines(), "latex": point.lines(write_latex), "kind": self.second_order(point)}
                for point in self.points
            ],
        }


def _kind(bends: Sequence[NDArray[np.float64]], constrained: bool) -> str:
    """The kind of a point by the curvatures found at random givens."""
    where = "along the constraints " if constrained else ""
    kinds = {_one(bend) for bend in bends}
    kind = kinds.pop() if len(kinds) == 1 else "depends on what is given"
    said = {
        "minimum": f"a {'constrained ' if constrained else ''}minimum: the Hessian is positive definite {where}there",
        "maximum": f"a {'constrained ' if constrained else ''}maximum: the Hessian is negative definite {where}there",
        "saddle": f"a saddle point: the Hessian has eigenvalues of both signs {where}there",
        "flat": f"flat to second order: the Hessian is singular {where}there, so it does not decide",
        "depends on what is given": "a minimum, a maximum or a saddle, depending on what is given",
    }[kind]
    return f"{said} (at {len(bends)} random points)" if len(bends) > 1 else said


def _one(bend: NDArray[np.float64]) -> str:
    scale = FLAT * (1 + abs(bend).max(initial=0.0))
    if (bend > scale).all():
        return "minimum"
    if (bend < -scale).all():
        return "maximum"
    return "saddle" if (bend > scale).any() and (bend < -scale).any() else "flat"
