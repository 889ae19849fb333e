"""The one engine that changes expressions, and what a rule is.

A rule is a row: a name that can be shown as the reason, the kinds of value it looks at, an example, the licence it
needs, and a partial function from a value to a better one; `None` means that it does not apply. A table is a list of
rules. `rewrite` applies a table from the leaves upwards until nothing applies, and whoever hands it a `trace` gets
every application in the order it was made.

Rules do not know where they stand. What they may know of the surroundings (domains of the names, definitions to fold
back to) comes in a `Context`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from sympy import Expr, Indexed

from derive.domains import REAL, Domain
from derive.program import Array, Element, Equation, children, name_of, names_in, rebuilt

MAX_APPLICATIONS = 10_000


@dataclass(frozen=True)
class Context:
    """What a rule may know: the arrays in scope, definitions to fold back to, and what is being differentiated by.

    Without `definitions` a program's own equations are folded back to.
    `tangents` maps the names that depend on the variable to the names of their derivatives (forward mode);
    `constraints` are the names whose domain's equalities (a simplex sums to one) may be used.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    definitions: tuple[Equation, ...] | None = None
    tangents: Mapping[str, str] = field(default_factory=dict)
    constraints: frozenset[str] = frozenset()

    @cached_property
    def definitions_reading(self) -> dict[str, tuple[Equation, ...]]:
        """The definitions by one name that each of them reads."""
        found: dict[str, tuple[Equation, ...]] = {}
        for definition in self.definitions or ():
            name = min(names_in(definition.value), default="")
            found[name] = (*found.get(name, ()), definition)
        return found

    def definition(self, name: str) -> Equation | None:
        """The equation of a name, when it is known here."""
        return next((equation for equation in self.definitions or () if equation.target == name), None)

    def domain(self, ref: Element) -> Domain:
        """The domain of an element; the reals when its array is not known here."""
        array = self.arrays.get(name_of(ref))
        return array.domain if array else REAL


Action: TypeAlias = "Callable[[Expr, Context], Expr | None]"
Example: TypeAlias = "Callable[[], tuple[Expr, Expr]]"  # before and after, built when asked for


@dataclass(frozen=True)
class Rule:
    """One row of a table of rules.

    `gain` is a point, by names of the example, at which floating point loses the example's left side and keeps its
    right side: what a rule for the sake of numbers is worth.
    """

    name: str
    apply: Action
    heads: tuple[type, ...]
    example: Example
    licence: str = ""
    note: Callable[[Expr], str] | None = None
    minor: bool = False  # bookkeeping, which a textbook does not show as a step of its own
    gain: Mapping[str, float | Sequence[float]] | None = field(default=None, compare=False)


class Table:
    """Rules in the order they are tried, found by the kind of value they look at."""

    def __init__(self, title: str, *parts: Table) -> None:
        self.title = title
        self.parts = parts
        self.rules: list[Rule] = [rule for part in parts for rule in part.rules]
        self._by_head: dict[type, tuple[Rule, ...]] = {}

    def rule(
        self,
        name: str,
        *heads: type,
        example: Example,
        licence: str = "",
        note: Callable[[Expr], str] | None = None,
        minor: bool = False,
        gain: Mapping[str, float | Sequence[float]] | None = None,
    ) -> Callable[[Action], Action]:
        """Enter a function as the last row of the table."""

        def enter(action: Action) -> Action:
            self.rules.append(Rule(name, action, heads, example, licence, note, minor, gain))
            self._by_head.clear()
            return action

        return enter

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def for_value(self, value: Expr) -> tuple[Rule, ...]:
        """The rules that look at values like this one."""
        head = type(value)
        if head not in self._by_head:
            self._by_head[head] = tuple(rule for rule in self.rules if issubclass(head, rule.heads))
        return self._by_head[head]


@dataclass(frozen=True)
class Application:
    """A rule that was applied: the part it met, what it made of it, and the whole value before and after."""

    rule: Rule
    old: Expr
    new: Expr
    before: Expr
    after: Expr

    @property
    def note(self) -> str:
        """The particulars of this application."""
        return self.rule.note(self.old) if self.rule.note else ""


def rewrite(value: Expr, table: Table, context: Context, trace: list[Application] | None = None) -> Expr:
    """`value` with the rules of `table` applied until none applies, parts before wholes."""
    return _Rewriting(table, context).run(value, trace if trace is not None else [])


class _Rewriting:
    """One rule at a time, in the whole value: what the trace says is what happened."""

    def __init__(self, table: Table, context: Context) -> None:
        self.table, self.context = table, context
        self.normal: set[Expr] = set()
        self.last: tuple[Rule, Expr, Expr] | None = None

    def run(self, value: Expr, trace: list[Application]) -> Expr:
        start = len(trace)
        seen = {value: start}
        for _ in range(MAX_APPLICATIONS):
            after = self.step(value)
            if after is None:
                return value
            assert self.last is not None
            if after in seen:  # two rules undo each other: the round trip is forgotten
                del trace[seen[after] :]
                return after
            trace.append(Application(*self.last, value, after))
            seen[after] = len(trace)
            value = after
        raise RecursionError(f"the rules of {self.table.title!r} do not come to an end on {value}")

    def step(self, value: Expr) -> Expr | None:
        """The value after the first rule that applies, parts before wholes; None when none does."""
        if value in self.normal:
            return None
        parts = () if isinstance(value, Indexed) else children(value)
        for at, part in enumerate(parts):
            changed = self.step(part)
            if changed is not None:
                return rebuilt(value, (*parts[:at], changed, *parts[at + 1 :]))
        for rule in self.table.for_value(value):
            new = rule.apply(value, self.context)
            if new is not None and new != value:
                self.last = rule, value, new
                return new
        self.normal.add(value)
        return None
