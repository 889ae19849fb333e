"""A derivative: its program, its closed forms, the steps that led to it, and its check.

Everything about it is made from one program when it is asked for. A closed form is shown only after it has been proved
to say what the program computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from codegen.kernel import BACKENDS
from derive.calculus.matrix_form import MatrixForm, matrix_forms
from derive.calculus.modes import foldable, forward, reverse
from derive.calculus.normal_form import same
from derive.calculus.rewriting import Context
from derive.compilation import compile_kernel
from derive.derivation import Derivation, Step
from derive.errors import CheckFailed, ShapeError
from derive.formulas import Formula
from derive.notation.index_form import from_index
from derive.notation.tree import Tree
from derive.notation.typing import to_program
from derive.notation.writing import write_latex, write_text, write_unicode
from derive.program import (
    Element,
    Equation,
    Program,
    element,
    fresh_name,
    inlined,
    live,
    merged,
    name_of,
    positions_of,
    substitute,
)
from derive.verification.equality import worst_error
from derive.verification.oracle import evaluate
from derive.verification.report import DERIVATIVE_TOLERANCE, Check, Report, check_derivative, check_kernel, samples

PREFIX = {"gradient": "grad", "jacobian": "jac", "hessian": "hess"}
ENDING = {"gradient": "grad", "jacobian": "jacobian", "hessian": "hessian"}
POINTS = 3


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

    # ------------------------------------------------ what was derived

    @property
    def name(self) -> str:
        """The name of the derivative, and of its kernels: `mse_grad`."""
        return f"{self.of.name or 'formula'}_{ENDING[self.kind]}"

    @property
    def prefix(self) -> str:
        """What the names of the results begin with."""
        return PREFIX[self.kind]

    @cached_property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The names each result is the derivative by."""
        if self.kind == "hessian":
            return tuple((a, b) for a in self.wrt for b in self.wrt)
        return tuple((name,) for name in self.wrt)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of the results: `grad_w`, `hess_w`, `hess_w_b`."""
        single, used = len(self.wrt) == 1, set(self.of.program.arrays)
        ends = (block[0] if single else "_".join(block) for block in self.blocks)
        return tuple(fresh_name(f"{self.prefix}_{end}", used) for end in ends)

    @cached_property
    def _derived(self) -> tuple[Program, Derivation]:
        """The program of the derivative as kernels and readers see it, and how it was found."""
        free = frozenset(a.name for a in self.of.program.inputs if a.name not in self.wrt or a.domain.symmetric)
        return _derive(self, Context(constraints=free))

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
        program, _ = _derive(self, Context())
        title = f"{self.kind.capitalize()} of {self.of.title} by {', '.join(self.wrt)}"
        return Formula(title, program=program, wrt=self.wrt, name=self.name)

    # ------------------------------------------------ closed forms

    @cached_property
    def closed_forms(self) -> tuple[MatrixForm | None, ...]:
        """The matrix form of each result, where there is one; each is compared with the index form."""
        given = frozenset(self.of.program.definitions)
        return tuple(_confirmed(form, self.program) for form in matrix_forms(self.program, self.outputs, given))

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
        block = [write_unicode(from_index(element(name))) for name in self.blocks[self.outputs.index(output)]]
        if self.kind == "gradient":
            return f"∇_{block[0]}"
        if self.kind == "jacobian":
            return f"∂{write_unicode(from_index(element(self.of.value)))}/∂{block[0]}"
        return f"∇²_{block[0]}" if len(self.wrt) == 1 else f"∂²/∂{block[0]}∂{block[1]}"

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
        block = [write_latex(from_index(element(name))) for name in self.blocks[self.outputs.index(output)]]
        if self.kind == "gradient":
            return rf"\nabla_{{{block[0]}}}"
        if self.kind == "jacobian":
            return rf"\frac{{\partial {write_latex(from_index(element(self.of.value)))}}}{{\partial {block[0]}}}"
        below = rf"\partial {block[0]} \, \partial {block[1]}"
        return rf"\nabla^2_{{{block[0]}}}" if len(self.wrt) == 1 else rf"\frac{{\partial^2}}{{{below}}}"

    def __str__(self) -> str:
        shown = [form for form in self.closed_forms if form is not None]
        lines = self._lines(shown) if shown else []
        for name, form in zip(self.outputs, self.closed_forms, strict=True):
            if form is None:
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
            "kind": self.kind,
            "wrt": list(self.wrt),
            "outputs": list(self.outputs),
            "matrix_form": [write_text(form.tree) if form else None for form in self.closed_forms],
            "where": [{n: write_text(t) for n, t in form.where} if form else {} for form in self.closed_forms],
            "index_form": {str(e.element): write_text(from_index(e.value)) for e in self._new_equations()},
            "unicode": str(self),
            "latex": self._closed_latex(),
            "steps": [step.to_dict() for step in self.steps],
        }

    # ------------------------------------------------ checks

    def check(self, backends: Sequence[str] = BACKENDS, points: int = POINTS) -> Report:
        """The derivative against central differences in 50 digits, and a kernel of each backend against the oracle."""
        report = self.check_mathematics(points)
        drawn = samples(self.of.program, points)
        checks = []
        for backend in backends:
            kernel = compile_kernel(self, backend)
            checks.append(check_kernel(self.program, backend, kernel, drawn))
        return report + Report(tuple(checks))

    def check_mathematics(self, points: int = POINTS) -> Report:
        """The derivative against central differences in 50 digits, and the entry's claims against the derivative."""
        drawn = samples(self.of.program, points)
        if self.kind != "hessian":
            targets = [(name, self.of.value, block[0]) for name, block in zip(self.outputs, self.blocks, strict=True)]
            report = check_derivative(self.of.program, self.program, targets, drawn)
        else:
            gradient = replace(self, kind="gradient")
            first = dict(zip(self.wrt, gradient.outputs, strict=True))
            pairs = zip(self.outputs, self.blocks, strict=True)
            targets = [(name, first[block[0]], block[1]) for name, block in pairs]
            report = check_derivative(gradient.formula.program, self.formula.program, targets, drawn)
        return report + Report(tuple(self._claim_checks()))

    def _claim_checks(self) -> list[Check]:
        """The entry's claims about these derivatives, each proved by its normal form."""
        claims = dict(self.of.claims)
        found = []
        for name, block in zip(self.outputs, self.blocks, strict=True):
            if block in claims:
                ok = proves(self.program, name, claims[block])
                detail = "" if ok else f"the claim {claims[block]!r} about {self.heading(name)} could not be proved"
                found.append(Check(f"claim: {claims[block]}", "normal form", ok, 0.0, 1, detail))
        return found


def _derive(derivative: Derivative, context: Context) -> tuple[Program, Derivation]:
    """The program and the derivation of a derivative."""
    program, kind = derivative.of.program, derivative.kind
    if kind == "gradient":
        return reverse(program, derivative.wrt, derivative.outputs, context)
    if kind == "jacobian":
        parts = [
            forward(program, (derivative.of.value,), name, (output,), context)
            for name, output in zip(derivative.wrt, derivative.outputs, strict=True)
        ]
        return _joined(program, parts, derivative.outputs)
    first = tuple(f"grad_{name}" for name in derivative.wrt)
    gradient, found = reverse(program, derivative.wrt, first, Context())
    again = replace(context, definitions=foldable(program))
    parts = [(gradient, found)]
    for (row, column), output in zip(derivative.blocks, derivative.outputs, strict=True):
        parts.append(forward(gradient, (f"grad_{row}",), column, (output,), again))
    return _joined(program, parts, derivative.outputs)


def _joined(
    program: Program, parts: Sequence[tuple[Program, Derivation]], outputs: tuple[str, ...]
) -> tuple[Program, Derivation]:
    """Several derived programs, with their derivations, as one."""
    steps = tuple(step for _, found in parts for step in found.steps)
    return merged([part for part, _ in parts], outputs), Derivation(program, steps)


def _confirmed(form: MatrixForm | None, program: Program) -> MatrixForm | None:
    """A matrix form that says what the index form says: proved, or else compared by the oracle.

    Raises:
        CheckFailed: it does not; a wrong closed form is never shown.
    """
    if form is None:
        return None
    names = dict(form.where)
    arrays = [array for name, array in program.arrays.items() if name != form.name]
    free = fresh_name("closed_form", set(program.arrays))
    definitions = {n: to_program(t, arrays, free).equations[-1] for n, t in names.items()}
    *made, told = to_program(form.tree, arrays, form.name).equations
    if not _equals(program, form.name, told, definitions, made) and not _agrees(program, told, made):
        text = write_text(form.tree)
        raise CheckFailed(f"the matrix form {text} of {form.name} does not agree with its index form; please report it")
    return form


def _agrees(program: Program, told: Equation, made: Sequence[Equation]) -> bool:
    """Whether `told` has the value of the equation of its name, at random points in 50 digits."""
    name = fresh_name("told", set(program.arrays))
    again = Equation(name, told.indices, told.value)
    whole = Program(program.inputs, (*program.equations, *made, again), (told.target, name))
    both = live(whole)
    for point in samples(both, POINTS):
        values = evaluate(both, point.inputs)
        if worst_error(values[name], values[told.target], told.target) > DERIVATIVE_TOLERANCE:
            return False
    return True


def proves(program: Program, name: str, claim: str) -> bool:
    """Whether the closed form `claim` is proved to be what `program` computes under `name`."""
    arrays = [array for other, array in program.arrays.items() if other != name]
    missing = [a for a in program.inputs if a not in arrays]
    *made, told = to_program(claim, [*arrays, *missing], name, program.array(name).shape).equations
    return _equals(program, name, told, {}, made)


def _equals(
    program: Program, name: str, told: Equation, definitions: Mapping[str, Equation], made: Sequence[Equation]
) -> bool:
    """Whether `told` has the normal form of the equation of `name`, all intermediates put in."""
    own = program.definitions[name]
    if told.shape != own.shape:
        raise ShapeError(f"{name} has the shape {own.shape}, but {told.value} has {told.shape}")
    left = substitute(told.value, dict(zip(told.indices, own.indices, strict=True)))
    right = own.value
    for other in reversed(made):
        left = inlined(left, {other.target: other})
    for other in reversed(program.equations):
        if other.target != name:
            left = inlined(left, {other.target: definitions.get(other.target, other)})
            right = inlined(right, {other.target: other})
    named = {e.target: e for e in (*program.equations, *made) if e.target != name}
    return left == right or same(left, right, program.arrays, named)
