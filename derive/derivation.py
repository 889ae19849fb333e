"""A derivation: what was given, and the steps that lead from it to the result.

Whoever changes a value by a rule writes a step: the engine while it differentiates, or a reader of handwriting. A step
speaks of one name at a time. `before` and `after` are whole values; `old` and `new` are the part that changed. The
invariant: `before` and `after` are equal wherever both are defined, and a line starts where the last one ended.

Values on the way may hold `Partial`: a derivative that is not worked out yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Symbol

from derive.program import Element, Program

THROUGH = "chain rule through"  # how the reason begins of a step that sums what flows back through equations


class Partial(Expr):
    """The derivative of a value by an element, not yet worked out; names after these two are held fixed."""

    is_real = True
    is_commutative = True

    @property
    def value(self) -> Expr:
        """What is differentiated."""
        return self.args[0]

    @property
    def variable(self) -> Element:
        """The element it is differentiated by."""
        return self.args[1]

    @property
    def held(self) -> tuple[Symbol, ...]:
        """The names that are held fixed although they depend on the variable; told on paper, where it matters."""
        return self.args[2:]

    def by_same(self, value: Expr) -> Expr:
        """The derivative of another value by the same element."""
        return Partial(value, self.variable)


@dataclass(frozen=True)
class Step:
    """One equality and its reason: `target = before = after`, because `rule`."""

    target: Element
    before: Expr
    after: Expr
    rule: str
    note: str = ""
    old: Expr | None = None
    new: Expr | None = None

    @property
    def lhs(self) -> Expr:
        """The value before the step."""
        return self.before

    @property
    def rhs(self) -> Expr:
        """The value after the step."""
        return self.after

    @property
    def why(self) -> str:
        """The reason, with its particulars."""
        return f"{self.rule}: {self.note}" if self.note else self.rule

    def to_dict(self) -> dict[str, Any]:
        """The step as plain text fields."""
        texts = {"target": self.target, "before": self.before, "after": self.after}
        return {key: str(value) for key, value in texts.items()} | {"rule": self.rule, "note": self.note}

    def __str__(self) -> str:
        return f"{self.target} = {self.before}\n  = {self.after}    [{self.why}]"


@dataclass(frozen=True)
class Derivation:
    """The program a derivation starts from, and its steps in order."""

    given: Program
    steps: tuple[Step, ...] = ()

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)
