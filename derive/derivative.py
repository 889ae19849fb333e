"""A derivative: its program, its closed forms, the steps that led to it, and its check.

Everything about it is made from one program when it is asked for. What was derived stands in `derive.derived`, how it
is written in `derive.presented`; here it is judged: curvature, checks, and the pages that tell of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from codegen.kernel import BACKENDS
from derive import charts
from derive.calculus.curvature import Curvature, argument
from derive.calculus.matrix_reading import collected, negated, transposed
from derive.calculus.structure import projection, structured
from derive.compilation import compile_kernel, emit_source
from derive.errors import BackendUnavailable, DeriveError, DomainError, nearest
from derive.explaining import latex as latex_writer
from derive.explaining import page, text
from derive.explaining.explanation import Explanation
from derive.notation.index_form import from_index
from derive.notation.tree import Transpose
from derive.notation.writing import PLAIN, Style, write_text, write_unicode
from derive.presented import Presented
from derive.program import Program
from derive.verification.bending import most_negative
from derive.verification.closed_forms import proves
from derive.verification.report import (
    Check,
    Report,
    at_zero,
    check_derivative,
    check_kernel,
    check_remainder,
)
from derive.verification.sampling import Sample, samples

POINTS = 3
CURVATURE_POINTS = 20
LAYOUTS = {
    "gradient": "the value's axes first, then the variable's, and a gradient has the axes of its variable",
    "numerator": "the value's axes first, and the gradient of a number is a row, the transpose of ours",
    "denominator": "the variable's axes first, so that a Jacobian is the transpose of ours",
}


@dataclass(frozen=True)
class Derivative(Presented):
    """A derivative of a formula: its program, its closed forms, the steps that led to it, and its check."""

    # ------------------------------------------------ pages

    def explain(self, detail: str = "normal", via: str = "index") -> Explanation:
        """The derivation ready to be written down, with what was checked.

        `detail` is "brief", "normal" (as a textbook would) or "full" (every rule); `via` is "index" (sums and deltas)
        or "matrix" (differentials).
        """
        return self.explanation(detail, via, self.check_mathematics().sentences())

    def latex(self, detail: str = "normal") -> str:
        """The derivation as LaTeX: one equality a line, with its reason."""
        return latex_writer.chains(self.explanation(detail))

    def explained(self) -> str:
        """The derivation as text: one equality a line, with its reason, under the name it is about."""
        return text.chains(self.explanation("full"))

    def html(self, detail: str = "normal", via: str = "index", style: Style = PLAIN) -> str:
        """The derivation as a page that stands alone: formulas in MathML, steps that unfold, generated code.

        A formula of one number is drawn beside its derivative.
        """
        try:
            codes = {name: emit_source(self, name) for name in ("numpy", "c")}
        except DeriveError as error:  # a function that has no kernels
            codes = {"no kernel": str(error)}
        full = self.explanation("full") if via == "index" else None
        return page.page(self.explain(detail, via), full, codes, self._picture(), style)

    def _picture(self) -> str:
        """The formula and its derivative, where they are a number over a number."""
        (first, *more), domains = self.wrt, [array.domain for array in self.of.program.inputs]
        shapes = [array.shape for array in (*self.of.program.inputs, self.of.program.array(self.of.value))]
        if self.kind != "grad" or more or any(shapes) or any(domain.integer for domain in domains):
            return ""
        return charts.over_a_number(self.of, first, {}, None, self).svg()

    def _repr_latex_(self) -> str:
        return self.closed_latex()

    def _repr_html_(self) -> str:
        return page.fragment(self.explanation("normal"))

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
            "latex": self.closed_latex(),
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
