"""The one engine that changes expressions, and what a rule is.

A rule is a row: a name that can be shown as the reason, the kinds of value it looks at, an example, the licence it
needs, and a partial function from a value to a better one; `None` means that it does not apply. A table is a list of
rules. `rewrite` applies a table from the leaves upwards until nothing applies, and whoever hands it a `trace` gets
every application in the order it was made.

Rules do not know where they stand. What they may know of the surroundings (domains of the names, definitions to fold
back to) comes in a `Context`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from sympy import Expr, Indexed

from derive.domains import REAL, Domain
from derive.program import Array, Element, Equation, children, name_of, names_in, rebuilt

MAX_APPLICATIONS = 100_000


@dataclass(frozen=True)
class Context:
    """What a rule may know: the arrays in scope, definitions to fold back to, and what is being differentiated by.

    `tangents` maps the names that depend on the variable to the names of their derivatives (forward mode);
    `constraints` are the names whose domain's equalities (a simplex sums to one) may be used.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    definitions: tuple[Equation, ...] = ()
    tangents: Mapping[str, str] = field(default_factory=dict)
    constraints: frozenset[str] = frozenset()

    @cached_property
    def definitions_reading(self) -> dict[str, tuple[Equation, ...]]:
        """The definitions by one name that each of them reads."""
        found: dict[str, tuple[Equation, ...]] = {}
        for definition in self.definitions:
            name = min(names_in(definition.value), default="")
            found[name] = (*found.get(name, ()), definition)
        return found

    def domain(self, ref: Element) -> Domain:
        """The domain of an element; the reals when its array is not known here."""
        array = self.arrays.get(name_of(ref))
        return array.domain if array else REAL


Action: TypeAlias = "Callable[[Expr, Context], Expr | None]"
Example: TypeAlias = "Callable[[], tuple[Expr, Expr]]"  # before and after, built when asked for


@dataclass(frozen=True)
class Rule:
    """One row of a table of rules."""

    name: str
    apply: Action
    heads: tuple[type, ...]
    example: Example
    licence: str = ""
    note: Callable[[Expr], str] | None = None


class Table:
    """Rules in the order they are tried, found by the kind of value they look at."""

    def __init__(self, title: str, *parts: Table) -> None:
        self.title = title
        self.rules: list[Rule] = [rule for part in parts for rule in part.rules]
        self._by_head: dict[type, tuple[Rule, ...]] = {}

    def rule(
        self,
        name: str,
        *heads: type,
        example: Example,
        licence: str = "",
        note: Callable[[Expr], str] | None = None,
    ) -> Callable[[Action], Action]:
        """Enter a function as the last row of the table."""

        def enter(action: Action) -> Action:
            self.rules.append(Rule(name, action, heads, example, licence, note))
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
    """A rule that was applied: what it met and what it made."""

    rule: Rule
    old: Expr
    new: Expr

    @property
    def note(self) -> str:
        """The particulars of this application."""
        return self.rule.note(self.old) if self.rule.note else ""


def rewrite(value: Expr, table: Table, context: Context, trace: list[Application] | None = None) -> Expr:
    """`value` with the rules of `table` applied until none applies, parts before wholes."""
    return _Rewriting(table, context, trace if trace is not None else []).run(value)


class _Rewriting:
    def __init__(self, table: Table, context: Context, trace: list[Application]) -> None:
        self.table, self.context, self.trace = table, context, trace
        self.known: dict[Expr, tuple[Expr, list[Application]]] = {}

    def run(self, value: Expr) -> Expr:
        if value in self.known:
            result, how = self.known[value]
            self.trace.extend(how)
            return result
        start = len(self.trace)
        result = self._fresh(value)
        self.known[value] = result, self.trace[start:]
        return result

    def _fresh(self, value: Expr) -> Expr:
        result = value
        if result.args and not isinstance(result, Indexed):
            old_parts = children(result)
            parts = tuple(map(self.run, old_parts))
            if any(new is not old for new, old in zip(parts, old_parts, strict=True)):
                result = rebuilt(result, parts)
                if result in self.known:
                    return self.run(result)
        for rule in self.table.for_value(result):
            new = rule.apply(result, self.context)
            if new is not None and new != result:
                if len(self.trace) > MAX_APPLICATIONS:
                    raise RecursionError(f"the rules of {self.table.title!r} do not come to an end on {value}")
                self.trace.append(Application(rule, result, new))
                return self.run(new)
        return result


def replay(start: Expr, trace: Iterable[Application]) -> Iterator[tuple[Expr, Application]]:
    """The whole value after each application in turn; what changes nothing any more is left out."""
    value = start
    for application in trace:
        changed = replaced(value, application.old, application.new)
        if changed != value:
            value = changed
            yield value, application


def replaced(value: Expr, old: Expr, new: Expr) -> Expr:
    """`value` with every part that equals `old` replaced."""
    if value == old:
        return new
    if not value.args or isinstance(value, Indexed):
        return value
    old_parts = children(value)
    parts = tuple(replaced(part, old, new) for part in old_parts)
    return value if all(a is b for a, b in zip(parts, old_parts, strict=True)) else rebuilt(value, parts)
