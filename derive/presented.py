"""What was derived, on paper: closed forms, headings, and the explanation in chains of equalities.

A closed form is shown only after it has been proved, or confirmed by the oracle, to say what the program computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from derive.calculus.kronecker_form import Piece, written
from derive.calculus.matrix_form import MatrixForm, matrix_forms
from derive.calculus.modes import along, differentials
from derive.calculus.rewriting import Context
from derive.derivation import Step
from derive.derived import Derived
from derive.errors import DeriveError, DomainError, ShapeError, nearest
from derive.explaining.explanation import (
    DETAILS,
    Block,
    Explanation,
    Label,
    Line,
    Written,
    chains,
    said,
    with_held_names,
)
from derive.explaining.latex import aligned
from derive.notation.index_form import from_index, on_paper
from derive.notation.tree import Binary, Call, Name, Transpose, Tree
from derive.notation.writing import printed_name, write_latex, write_unicode
from derive.program import Array, Element, Equation, Program, element, fresh_name, live, name_of, positions_of
from derive.verification.closed_forms import compressed, confirmed, proves, supports

ROUTES = ("index", "matrix")
PROVABLE = 8  # equations: a deep network written out in one piece is compared by the oracle instead


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


@dataclass(frozen=True)
class Presented(Derived):
    """A derivative as it is written down."""

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
        return ClosedForm("\n".join(self._lines(self.closed_forms)), self.closed_latex())

    @property
    def index_form(self) -> ClosedForm:
        """The closed form in index notation: one line for each equation."""
        equations = self._new_equations()
        lines = [f"{self._left(e.element)} = {write_unicode(from_index(e.value))}" for e in equations]
        latex = [f"{self._left_latex(e.element)} &= {write_latex(on_paper(e.value))}" for e in equations]
        return ClosedForm("\n".join(lines), aligned(latex))

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
        where = [f"{printed_name(n)} = {write_unicode(t, self.ranks)}" for n, t in shown.items()]
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

    def closed_latex(self) -> str:
        """The closed forms as one display."""
        lines = []
        for name, form in zip(self.outputs, self.closed_forms, strict=True):
            tree = form.tree if form else on_paper(self.program.definitions[name].value)
            lines.append(f"{self._latex_heading(name)} &= {write_latex(tree, self.ranks)}")
        return aligned(lines)

    def _latex_heading(self, output: str) -> str:
        return self._headed(output, self.row.latex, self.row.mixed_latex, lambda tree: write_latex(tree, self.ranks))

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

    # ------------------------------------------------ the explanation

    def explanation(self, detail: str = "normal", via: str = "index", checks: tuple[str, ...] = ()) -> Explanation:
        """The derivation as chains of equalities, by indices or by differentials of matrices.

        Raises:
            DomainError: there is no such detail or route.
            DeriveError: the result has no matrix form, so that there is no route by matrices.
        """
        for given, known, what in ((detail, DETAILS, "detail"), (via, ROUTES, "route")):
            if given not in known:
                raise DomainError(f"no {what} is called {given!r}{nearest(given, known)}; there are {', '.join(known)}")
        equations = tuple(Line(Written.of(e.element), Written.of(e.value)) for e in self.of.program.equations)
        names = [printed_name(name) for name in (self.of.value, *self.wrt)]
        ranks = dict(self.ranks)
        blocks = self._by_indices(detail) if via == "index" else self._by_differentials(ranks)
        return Explanation(
            title=self.of.title,
            about=self.of.explanation,
            given=Block("given", equations),
            asked=f"the {self.row.name} of {names[0]} by {' and '.join(names[1:])}",
            blocks=blocks,
            result=Block("result", tuple(self._result_lines())),
            checks=checks,
            ranks=ranks,
            source=self.of.source,
        )

    def label(self, output: str) -> Label:
        """How a result is called on paper."""
        return Label(self.heading(output), self._latex_heading(output))

    def _by_indices(self, detail: str) -> tuple[Block, ...]:
        blocks = []
        for chain in chains(self.steps, detail):
            is_result = name_of(chain.target) in self.outputs
            meaning = Written.of(chain.meaning) if chain.meaning is not None else None
            left: Written | Label = Written.of(chain.target)
            lines = []
            if is_result:
                left = meaning or Label(self._left(chain.target), self._left_latex(chain.target))
            elif meaning is not None:
                lines.append(Line(left, meaning, ("a name for it",)))
            before: Written | None = None
            for told in chain.lines:
                value = with_held_names(told.value, self.of.program) if chain.is_summed_up else told.value
                now = Written.of(value)
                lines.append(Line(None if lines else left, now.marked_against(before), told.reasons))
                before = now
            blocks.append(Block("", tuple(lines)))
        return tuple(blocks)

    def _result_lines(self) -> Iterator[Line]:
        """The closed forms, and what they mention."""
        where: dict[str, Tree] = {}
        for name, form in zip(self.outputs, self.closed_forms, strict=True):
            if form is not None:
                yield Line(self.label(name), Written(form.tree, form.tree))
                where.update(form.where)
                continue
            for equation in self._needed_by(name):
                left = Label(self._left(equation.element), self._left_latex(equation.element))
                yield Line(left, Written.of(equation.value))
        for name, tree in where.items():
            yield Line(Written.of(element(name)), Written(tree, tree))

    def _by_differentials(self, ranks: dict[str, int]) -> tuple[Block, ...]:
        """The route by matrices: the differential of every equation, put together, and the derivative read off.

        The axes of the differentials are entered into `ranks`.
        """
        if any(form is None for form in self.closed_forms) or self.kind not in ("grad", "jacobian"):
            raise DeriveError(
                f"there is no route by matrices: the {self.row.name} of {self.of.name or 'the formula'} "
                "has no matrix form; explain it by indices"
            )
        blocks = [Block("in matrices", tuple(self._matrix_lines(self.of.program, list(self.of.program.definitions))))]
        for at, wrt in enumerate(self.wrt):
            variable = self.of.program.array(wrt)
            moving = Array(fresh_name(f"d{wrt}", set(self.of.program.arrays)), variable.shape)
            told, steps = differentials(self.of.program, {wrt: moving}, Context())
            reasons: dict[str, list[Step]] = {}
            for step in steps:
                reasons.setdefault(name_of(step.target), []).append(step)
            ranks |= {name: len(array.shape) for name, array in told.arrays.items()}
            moved = [e.target for e in told.equations if e.target in reasons]
            lines = [
                replace(
                    line,
                    reasons=(f"the differential of {printed_name(name.removeprefix('d'))}", *said(reasons[name][1:])),
                )
                for name, line in zip(moved, self._matrix_lines(told, moved), strict=True)
            ]
            blocks.append(Block(f"differentials, as {wrt} moves", tuple(lines)))
            blocks.append(Block("", tuple(self._read_off(at, wrt, moving))))
        return tuple(blocks)

    def _matrix_lines(self, program: Program, names: Sequence[str]) -> Iterator[Line]:
        """Equations of a program in matrix form; by indices where they have none."""
        for name in names:
            whole = replace(program, outputs=(name,))
            (form,) = matrix_forms(whole, (name,), frozenset(program.arrays))
            equation = program.definitions[name]
            try:
                form = confirmed(form, live(whole))
            except ShapeError:  # an array that is called like a constant, as a mixture's weights pi
                form = None
            if form is not None:
                yield Line(Written.of(element(name)), Written(form.tree, form.tree))
            else:
                yield Line(Written.of(equation.element), Written.of(equation.value))

    def _read_off(self, at: int, wrt: str, moving: Array) -> Iterator[Line]:
        """The differential of the value in one piece, as the product of the derivative with the differential."""
        value = self.of.value
        name = fresh_name(f"d{value}", set(self.of.program.arrays) | {moving.name})
        program, _ = along(self.of.program, (value,), {wrt: moving}, (name,), Context())
        form = self.closed_forms[at]
        assert form is not None
        (whole,) = matrix_forms(program, (name,), frozenset(self.of.program.definitions))
        product = _paired(form.tree, Name(moving.name), len(moving.shape), self.kind)
        left: Written | None = Written.of(element(name))
        if whole is not None and confirmed(whole, program) is not None and whole.tree != product:
            yield Line(left, Written(whole.tree, whole.tree), ("the differentials put together",))
            left = None
        if self._says(program, name, product):
            yield Line(left, Written(product, product), (_pairing(len(moving.shape), self.kind),))
        reason = "what stands beside the differential is the derivative"
        yield Line(self.label(self.outputs[at]), Written(form.tree, form.tree), (reason,))

    def _says(self, program: Program, name: str, tree: Tree) -> bool:
        whole = Program(program.inputs, (*self._all_equations(program),), (name,))
        short = len(whole.equations) <= PROVABLE
        return (short and proves(whole, name, tree)) or supports(whole, name, tree)

    def _all_equations(self, program: Program) -> Iterator[Equation]:
        known = dict(self.of.program.definitions)
        yield from self.of.program.equations
        for equation in (*self.program.equations, *program.equations):
            if equation.target not in {*known, *self.outputs}:
                known[equation.target] = equation
                yield equation


def _paired(derivative: Tree, moving: Tree, rank: int, kind: str) -> Tree:
    """The product of a derivative with a differential."""
    if kind == "jacobian":
        return Binary("@" if rank == 1 else "*", derivative, moving)
    if rank == 2:
        return Call("trace", (Binary("@", Transpose(derivative), moving),))
    return Binary("@" if rank == 1 else "*", derivative, moving)


def _pairing(rank: int, kind: str) -> str:
    if kind == "jacobian" or rank == 0:
        return "a factor times the differential"
    return "as an inner product tr(∇ᵀ dW) with the differential" if rank == 2 else "as an inner product ∇ᵀ dw"
