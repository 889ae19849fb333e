"""A derivative: its program, its closed forms, the steps that led to it, and its check.

Everything about it is made from one program when it is asked for. A closed form is shown only after it has been proved
to say what the program computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from codegen.kernel import BACKENDS
from derive.calculus.curvature import Curvature, argument
from derive.calculus.kronecker_form import Piece, written
from derive.calculus.matrix_form import MatrixForm, matrix_forms
from derive.calculus.matrix_reading import collected, negated, transposed
from derive.calculus.questions import KINDS, Asked, Kind
from derive.calculus.rewriting import Context
from derive.calculus.structure import projection, structured
from derive.compilation import compile_kernel
from derive.derivation import Derivation, Step
from derive.errors import BackendUnavailable, DeriveError, DomainError, nearest
from derive.formulas import Formula
from derive.notation.index_form import from_index
from derive.notation.tree import Transpose, Tree
from derive.notation.writing import write_latex, write_text, write_unicode
from derive.program import (
    Element,
    Equation,
    Program,
    element,
    fresh_name,
    live,
    name_of,
    positions_of,
)
from derive.verification.bending import most_negative
from derive.verification.closed_forms import compressed, confirmed, proves
from derive.verification.report import (
    Check,
    Report,
    at_zero,
    check_derivative,
    check_kernel,
    check_remainder,
    samples,
)
from derive.verification.sampling import Sample

POINTS = 3
CURVATURE_POINTS = 20
LAYOUTS = {
    "gradient": "the value's axes first, then the variable's, and a gradient has the axes of its variable",
    "numerator": "the value's axes first, and the gradient of a number is a row, the transpose of ours",
    "denominator": "the variable's axes first, so that a Jacobian is the transpose of ours",
}


class ClosedForm(str):
    """A closed form as a line of Unicode for each result, which also knows its LaTeX."""

    __slots__ = ("latex",)
    latex: str

    def __new__(cls, text: str, latex: str) -> ClosedForm:
        """Keep both ways to write it."""
        form = super().__new__(cls, text)
        form.latex = latex
        return form

    def _repr_latex_(self) -> str:
        return self.latex


def _aligned(lines: Sequence[str]) -> str:
    """Lines of LaTeX, aligned at their first `&`."""
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


@dataclass(frozen=True)
class Derivative:
    """A derivative of a formula: its program, its closed forms, the steps that led to it, and its check."""

    of: Formula
    kind: str
    wrt: tuple[str, ...]
    convention: str = "entries"

    # ------------------------------------------------ what was derived

    @property
    def row(self) -> Kind:
        """What there is to know of this kind of derivative."""
        return KINDS[self.kind]

    @property
    def name(self) -> str:
        """The name of the derivative, and of its kernels: `mse_grad`."""
        return f"{self.of.name or 'formula'}_{self.row.ending}"

    @cached_property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The names each result is the derivative by."""
        return self.row.blocks(self.wrt)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of the results: `grad_w`, `hess_w`, `hess_w_b`."""
        single, used = len(self.wrt) == 1, set(self.of.program.arrays)
        ends = (block[0] if single else "_".join(block) for block in self.blocks)
        return tuple(fresh_name(f"{self.row.prefix}_{end}", used) for end in ends)

    @cached_property
    def _asked(self) -> Asked:
        return Asked(self.of.program, self.wrt, self.outputs, self.convention)

    @cached_property
    def _derived(self) -> tuple[Program, Derivation]:
        """The program of the derivative as kernels and readers see it, and how it was found."""
        free = frozenset(a.name for a in self.of.program.inputs if a.name not in self.wrt or a.domain.symmetric)
        return self.row.derive(self._asked, Context(constraints=free))

    @property
    def program(self) -> Program:
        """The equations of the derivative."""
        return self._derived[0]

    @property
    def derivation(self) -> Derivation:
        """How the derivative was found."""
        return self._derived[1]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation: each step has `.lhs`, `.rhs`, `.rule`, `.why`."""
        return self.derivation.steps

    @cached_property
    def formula(self) -> Formula:
        """The derivative as a formula: differentiate it again, compile it.

        It is written for free entries: no sum-to-one of a simplex has been used in it.
        """
        program, _ = self.row.derive(replace(self._asked, convention="entries"), Context())
        title = f"{self.row.name.capitalize()} of {self.of.title} by {', '.join(self.wrt)}"
        return Formula(title, program=program, wrt=self.wrt, name=self.name)

    # ------------------------------------------------ closed forms

    @cached_property
    def closed_forms(self) -> tuple[MatrixForm | None, ...]:
        """The matrix form of each result, where there is one; each is compared with the index form."""
        given = frozenset(self.of.program.definitions)
        return tuple(confirmed(form, self.program) for form in matrix_forms(self.program, self.outputs, given))

    @cached_property
    def compressed(self) -> tuple[tuple[Piece, ...] | None, ...]:
        """The second derivatives by matrices as sums of Kronecker products, with the rows of the variable in a line."""
        return tuple(
            compressed(self.program.definitions[name], self.program) if name in self.program.definitions else None
            for name in self.outputs
        )

    @property
    def matrix_form(self) -> ClosedForm | None:
        """The closed form with vectors and matrices, a line for each result; None when some result has none."""
        if any(form is None for form in self.closed_forms):
            return None
        return ClosedForm("\n".join(self._lines(self.closed_forms)), self._closed_latex())

    @property
    def index_form(self) -> ClosedForm:
        """The closed form in index notation: one line for each equation."""
        trees = [(e.element, from_index(e.value)) for e in self._new_equations()]
        lines = [f"{self._left(left)} = {write_unicode(tree)}" for left, tree in trees]
        return ClosedForm("\n".join(lines), _aligned([f"{self._left_latex(e)} &= {write_latex(t)}" for e, t in trees]))

    def _new_equations(self) -> list[Equation]:
        return [e for e in self.program.equations if self._is_new(e)]

    def _is_new(self, equation: Equation) -> bool:
        """Whether nobody wrote an equation down before."""
        return (equation.auxiliary and equation.target != self.of.value) or (
            equation.target not in self.of.program.definitions
        )

    def _left(self, target: Element) -> str:
        """A left-hand side on paper: `(∇_w)_j`, `δ_z_i`."""
        name, positions = name_of(target), positions_of(target)
        if name not in self.outputs:
            return write_unicode(from_index(target))
        heading = self.heading(name)
        return f"({heading})_{''.join(map(str, positions))}" if positions else heading

    def _left_latex(self, target: Element) -> str:
        name, positions = name_of(target), positions_of(target)
        if name not in self.outputs:
            return write_latex(from_index(target))
        heading = self._latex_heading(name)
        return rf"\left({heading}\right)_{{{''.join(map(str, positions))}}}" if positions else heading

    def _lines(self, forms: Sequence[MatrixForm | None]) -> list[str]:
        """`heading = form`, and under `where` what the forms mention, each name once."""
        shown: dict[str, Tree] = {}
        lines = []
        for form in forms:
            assert form is not None
            lines.append(f"{self.heading(form.name)} = {write_unicode(form.tree, self.ranks)}")
            shown.update(form.where)
        where = [f"{write_unicode(from_index(element(n)))} = {write_unicode(t, self.ranks)}" for n, t in shown.items()]
        if not where:
            return lines
        if len(lines) == 1 and len(where) == 1:
            return [f"{lines[0]}   where {where[0]}"]
        return [*lines, "where", *(f"  {line}" for line in where)]

    @cached_property
    def ranks(self) -> dict[str, int]:
        """How many axes each name has."""
        return {name: len(array.shape) for name, array in self.program.arrays.items()}

    def heading(self, output: str) -> str:
        """How a result is called on paper: `∇_w`, `∂p/∂z`, `∇²_w`."""
        return self._headed(output, self.row.heading, self.row.mixed, write_unicode)

    def _headed(self, output: str, template: str, mixed: str, write: Callable[[Tree], str]) -> str:
        block = [write(from_index(element(name))) for name in self.blocks[self.outputs.index(output)]]
        chosen = mixed if mixed and len(self.wrt) > 1 else template
        return chosen.format(value=write(from_index(element(self.of.value))), first=block[0], second=block[-1])

    def _closed_latex(self) -> str:
        lines = []
        for name, form in zip(self.outputs, self.closed_forms, strict=True):
            tree = form.tree if form else from_index(self.program.definitions[name].value)
            lines.append(f"{self._latex_heading(name)} &= {write_latex(tree, self.ranks)}")
        return _aligned(lines)

    def latex(self) -> str:
        """The derivation as LaTeX: one equality a line, with its reason."""
        lines = []
        for step, opens in self._opening():
            left = self._left_latex(step.target) if opens else ""
            lines.append(rf"{left} &= {write_latex(from_index(step.after))} && \text{{{step.rule}}}")
        return _aligned(lines)

    def explained(self) -> str:
        """The derivation as text: one equality a line, with its reason, under the name it is about."""
        lines: list[str] = []
        for step, opens in self._opening():
            lines += [self._left(step.target)] if opens else []
            lines.append(f"  = {write_unicode(from_index(step.after))}    [{step.why}]")
        return "\n".join(lines)

    def _opening(self) -> Iterator[tuple[Step, bool]]:
        """The steps, and whether each is the first about its name."""
        about: Element | None = None
        for step in self.steps:
            yield step, step.target != about
            about = step.target

    def _latex_heading(self, output: str) -> str:
        return self._headed(output, self.row.latex, self.row.mixed_latex, write_latex)

    def __str__(self) -> str:
        shown = [form for form in self.closed_forms if form is not None]
        lines = self._lines(shown) if shown else []
        for name, form in zip(self.outputs, self.closed_forms, strict=True):
            pieces = self.compressed[self.outputs.index(name)]
            if form is None and pieces is not None:
                lines.append(f"{self.heading(name)} = {written(pieces, self.ranks)}   (row after row)")
            elif form is None:
                lines += [
                    f"{self._left(e.element)} = {write_unicode(from_index(e.value))}" for e in self._needed_by(name)
                ]
        return "\n".join(lines)

    def _needed_by(self, output: str) -> list[Equation]:
        """The equations behind a result that somebody did not write down before."""
        needed = live(self.program, (output,)).equations
        return [e for e in needed if self._is_new(e)]

    def _repr_latex_(self) -> str:
        return self._closed_latex()

    def to_dict(self) -> dict[str, Any]:
        """Everything that is shown, as plain values."""
        return {
            "formula": self.of.name,
            "title": self.of.title,
            "kind": self.row.name,
            "wrt": list(self.wrt),
            "outputs": list(self.outputs),
            "matrix_form": [write_text(form.tree) if form else None for form in self.closed_forms],
            "where": [{n: write_text(t) for n, t in form.where} if form else {} for form in self.closed_forms],
            "index_form": {str(e.element): write_text(from_index(e.value)) for e in self._new_equations()},
            "unicode": str(self),
            "latex": self._closed_latex(),
            "steps": [step.to_dict() for step in self.steps],
        }

    # ------------------------------------------------ layout and curvature

    def in_layout(self, layout: str) -> str:
        """The closed forms in another layout, and what that changes.

        "gradient" is ours: a derivative has the axes of the value first, then those of the variable, and a gradient the
        axes of its variable. "denominator" has the variable's axes first; "numerator" writes gradients as rows.

        Raises:
            DomainError: there is no such layout.
        """
        if layout not in LAYOUTS:
            raise DomainError(
                f"no layout is called {layout!r}{nearest(layout, LAYOUTS)}; there are {', '.join(LAYOUTS)}"
            )
        scalar = self.kind in ("grad", "hvp")
        turns = {"gradient": False, "numerator": scalar, "denominator": self.kind == "jacobian"}[layout]
        if not turns:
            return f"{self}\n({layout} layout: as in ours, {LAYOUTS['gradient']})"
        lines = []
        for form in self.closed_forms:
            if form is None:
                return f"{self}\n({layout} layout: {LAYOUTS[layout]}; there is no matrix form to write that way)"
            vector = len(self.program.array(form.name).shape) == 1
            tree = Transpose(form.tree) if vector else transposed(form.tree)
            heading = f"({self.heading(form.name)})ᵀ" if scalar else self.heading(form.name)
            lines.append(f"{heading} = {write_unicode(tree, self.ranks)}")
        return "\n".join([*lines, f"({layout} layout: {LAYOUTS[layout]})"])

    def curvature(self) -> Curvature:
        """Whether the formula is convex in its variables jointly: proved, refuted by a direction, or unknown.

        Raises:
            DeriveError: this is no Hessian.
        """
        if self.kind != "hessian":
            raise DeriveError(f"curvature is told by a Hessian, not by a {self.row.name}; ask hessian(…).curvature()")
        if len(self.wrt) == 1 and self.closed_forms[0] is not None:
            form = self.closed_forms[0]
            domains = {array.name: array.domain for array in self.program.inputs}
            why = argument(form.tree, domains, self.ranks, dict(form.where))
            if why:
                return Curvature("convex", why)
            against = argument(collected(negated(form.tree)), domains, self.ranks, dict(form.where))
            if against:
                return Curvature("concave", against)
        for point in samples(self.program, CURVATURE_POINTS):
            bend = most_negative(self.program, self.outputs, self.wrt, point)
            if bend is not None:
                return Curvature("not convex", bend)
        return Curvature("unknown", f"no direction of negative curvature at {CURVATURE_POINTS} random points")

    # ------------------------------------------------ checks

    def check(self, backends: Sequence[str] = BACKENDS, points: int = POINTS) -> Report:
        """The derivative against central differences in 50 digits, and a kernel of each backend against the oracle."""
        report = self.check_mathematics(points)
        drawn = samples(self.program, points)
        return report + Report(tuple(self._kernel_check(backend, drawn) for backend in backends))

    def _kernel_check(self, backend: str, drawn: Sequence[Sample]) -> Check:
        try:
            kernel = compile_kernel(self, backend)
        except BackendUnavailable as error:
            return Check(f"the {backend} kernel", f"not available: {error}", True, 0.0, 0)
        return check_kernel(self.program, backend, kernel, drawn)

    def check_mathematics(self, points: int = POINTS) -> Report:
        """The derivative against central differences in 50 digits, and the entry's claims against the derivative."""
        asked = self.row.reference(self._asked)
        drawn = [at_zero(point, asked.at_zero) for point in samples(asked.program, points)]
        targets = [(name, *target) for name, target in zip(self.outputs, asked.targets, strict=True)]
        report = check_derivative(asked.program, self.program, targets, drawn, self._conventions())
        if self.convention == "entries":
            report += check_remainder(asked.program, self.program, targets, drawn)
        return report + Report(tuple(self._claim_checks()))

    def _conventions(self) -> dict[str, Program]:
        """For each result whose variable has structure: the map from the plain gradient to it."""
        maps = {}
        for name, wrt in zip(self.outputs, self.wrt, strict=False):
            variable = self.of.program.array(wrt)
            row = structured(variable.domain, self.convention) if self.kind == "grad" else None
            if row is not None:
                maps[name] = projection(row, variable, self.program.definitions[name].indices)
        return maps

    @property
    def _with_all_names(self) -> Program:
        """The program of the derivative, with all that the formula defines."""
        known = set(self.of.program.definitions)
        new = (equation for equation in self.program.equations if equation.target not in known)
        return replace(self.program, equations=(*self.of.program.equations, *new))

    def _claim_checks(self) -> list[Check]:
        """The entry's claims about these derivatives, each proved by its normal form."""
        claims = dict(self.of.claims) if self.row.claimed and self.convention == "entries" else {}
        found = []
        for name, block in zip(self.outputs, self.blocks, strict=True):
            if block in claims:
                ok = proves(self._with_all_names, name, claims[block])
                detail = "" if ok else f"the claim {claims[block]!r} about {self.heading(name)} could not be proved"
                found.append(Check(f"claim: {claims[block]}", "normal form", ok, 0.0, 1, detail))
        return found
