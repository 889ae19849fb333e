"""What was derived: the question, the program of the answer, and the steps that led to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from derive.calculus.questions import KINDS, Asked, Kind
from derive.calculus.rewriting import Context
from derive.derivation import Derivation, Step
from derive.formulas import Formula
from derive.program import Program, fresh_name


@dataclass(frozen=True)
class Derived:
    """A question about a formula, and its answer as a program; nothing is shown or checked here."""

    of: Formula
    kind: str
    wrt: tuple[str, ...]
    convention: str = "entries"

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
