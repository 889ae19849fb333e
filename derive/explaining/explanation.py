"""What an explanation says, before anybody writes it: given, asked, chains of equalities with reasons, result, checks.

Everything comes from the steps the engine took, so that an explanation cannot disagree with its result. How much is
told is a choice of steps, never a change of them: a line of a shorter explanation is a later line of the longer one,
and its reasons are the rules in between that a textbook would name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sympy import Expr

from derive.calculus.differentiation import DIFFERENTIATION
from derive.calculus.fusion import FUSION
from derive.calculus.rewriting import Rule, Table
from derive.calculus.simplification import SIMPLIFICATION
from derive.calculus.stability import STABILITY
from derive.derivation import THROUGH, Partial, Step
from derive.notation.index_form import from_index, on_paper
from derive.notation.tree import Call, Tree, nodes, parts, replaced
from derive.program import Element, Program, children, element, is_element, name_of, names_in, rebuilt

TABLES = (DIFFERENTIATION, *SIMPLIFICATION.parts, STABILITY, FUSION)
RULES: Mapping[str, tuple[Rule, Table]] = {rule.name: (rule, table) for table in TABLES for rule in table}
DETAILS = ("brief", "normal", "full")
MANY_BLOCKS = 3


@dataclass(frozen=True)
class Told:
    """One equality of a chain: the value it comes to, and why."""

    value: Expr
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """The equalities about one name; `meaning` is the derivative that the name stands for."""

    target: Element
    meaning: Expr | None
    lines: tuple[Told, ...]

    @property
    def is_summed_up(self) -> bool:
        """Whether it sums what flows back through equations: then a derivative is by what stands there alone."""
        return self.lines[0].reasons[0].startswith(THROUGH)


@dataclass(frozen=True)
class Label:
    """What stands left of an equality, where it is a heading such as ∇_w."""

    plain: str
    paper: str


@dataclass(frozen=True)
class Written:
    """A formula as a tree, with positions counted from 0 as programs do, and from 1 as on paper."""

    plain: Tree
    paper: Tree

    @classmethod
    def of(cls, value: Expr) -> Written:
        """A value in index notation."""
        return cls(from_index(value), on_paper(value))

    def marked_against(self, before: Written | None) -> Written:
        """The same formula with what changed marked."""
        if before is None:
            return self
        return Written(with_changes_marked(before.plain, self.plain), with_changes_marked(before.paper, self.paper))


@dataclass(frozen=True)
class Line:
    """A line on paper: a left side where a chain begins, a right side, and the reasons."""

    left: Written | Label | None
    right: Written
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """Lines that belong together, under a heading."""

    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Explanation:
    """A derivation ready to be written down.

    `given` are the equations of the formula, `asked` a sentence, `blocks` the chains of equalities, `result` the closed
    forms, and `checks` what was checked and how. `ranks` tells vectors and matrices from numbers.
    """

    title: str
    about: str
    given: Block
    asked: str
    blocks: tuple[Block, ...]
    result: Block
    checks: tuple[str, ...]
    ranks: Mapping[str, int] = field(default_factory=dict)
    source: str = ""

    def every_block(self) -> Iterator[Block]:
        """All blocks, in reading order."""
        yield self.given
        yield from self.blocks
        yield self.result


# ---------------------------------------------------------------- which steps are told


def chains(steps: Sequence[Step], detail: str) -> tuple[Chain, ...]:
    """The steps as chains of equalities, one for each name, as long as `detail` asks for."""
    groups = [(target, list(group)) for target, group in groupby(steps, key=lambda step: step.target)]
    short = detail == "normal" and len(groups) > MANY_BLOCKS
    return tuple(_chain(target, group, "short" if short else detail) for target, group in groups)


def _chain(target: Element, steps: Sequence[Step], detail: str) -> Chain:
    opening, *rest = steps
    meaning = opening.before if opening.before != target else None
    first = Told(opening.after, (opening.why,))
    if detail == "full":
        return Chain(target, meaning, (first, *(Told(step.after, (step.why,)) for step in rest)))
    if not rest:
        return Chain(target, meaning, (first,))
    if detail == "brief":
        return Chain(target, meaning, (Told(rest[-1].after, (opening.why,)),))
    if detail == "short":
        return Chain(target, meaning, (first, Told(rest[-1].after, said(rest))))
    return Chain(target, meaning, (first, *(Told(group[-1].after, said(group)) for group in _grouped(rest))))


def _grouped(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps gathered into lines: a line ends before the next rule that a textbook would name."""
    groups: list[list[Step]] = [[]]
    for step in steps:
        named = [made for made in groups[-1] if not _is_minor(made)]
        worked_out = bool(groups[-1]) and _differentiates(groups[-1][-1]) and not _differentiates(step)
        if worked_out or (named and not _is_minor(step) and _kind(step) != _kind(named[-1])):
            groups.append([])
        groups[-1].append(step)
    return [group for group in groups if group]


def _is_minor(step: Step) -> bool:
    found = RULES.get(step.rule)
    return found is not None and found[0].minor


def _differentiates(step: Step) -> bool:
    found = RULES.get(step.rule)
    return found is not None and found[1] is DIFFERENTIATION


def _kind(step: Step) -> str:
    """What makes two steps one line: the same rule of differentiation, or the same table of rules afterwards."""
    found = RULES.get(step.rule)
    if found is None or found[1] is DIFFERENTIATION:
        return step.why
    return found[1].title


def said(steps: Iterable[Step]) -> tuple[str, ...]:
    """The reasons of a line: the rules that a textbook would name, or the last one where there are only small ones."""
    steps = list(steps)
    named = [step.why for step in steps if not _is_minor(step)]
    return tuple(dict.fromkeys(named)) or (steps[-1].why,)


# ---------------------------------------------------------------- what is held fixed


def with_held_names(value: Expr, program: Program) -> Expr:
    """A value of a chain that is summed up, whose derivatives tell what they hold fixed.

    The derivative of a value that mixes a variable with names that depend on it is by the variable where it stands:
    the names take their share in other terms of the sum. A reader could not know that from the sign.
    """
    depend: dict[str, frozenset[str]] = {}
    for equation in program.equations:
        names = names_in(equation.value)
        depend[equation.target] = names.union(*(depend.get(name, frozenset()) for name in names))

    def told(part: Expr) -> Expr:
        if is_element(part) or not part.args:
            return part
        if isinstance(part, Partial):
            variable, names = name_of(part.variable), names_in(part.value)
            held = sorted(name for name in names if variable in depend.get(name, ()))
            mixed = variable in names and not is_element(part.value)
            return Partial(part.value, part.variable, *map(element, held)) if mixed else part
        return rebuilt(part, tuple(map(told, children(part))))

    return told(value)


# ---------------------------------------------------------------- what changed


def with_changes_marked(before: Tree, after: Tree) -> Tree:
    """`after` with the smallest part marked that holds everything that `before` does not have."""
    known = set(nodes(before))
    changed = after
    if changed in known:
        return after
    while True:
        new = [part for part in parts(changed) if part not in known]
        if len(new) != 1:
            break
        changed = new[0]
    if changed == after:
        return after
    done = False

    def mark(node: Tree) -> Tree:
        nonlocal done
        if node == changed and not done:
            done = True
            return Call("marked", (node,))
        return node

    return replaced(after, mark)
