"""Verdicts on a hand derivation: every relation proved, confirmed, wrong with a counterexample, or unreadable.

An equality is proved when both sides have one normal form, and confirmed when they agree to 40 digits at random points
of the declared domains, with sizes that all differ. It is wrong when a point says so clearly. What an arrow implies may
use what was set before it. The first mistake is named; what only repeats it is marked as carried.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S, expand

from derive.calculus.matrix_reading import collected, equation_form
from derive.calculus.normal_form import same
from derive.calculus.rewriting import Context
from derive.calculus.simplification import simplified
from derive.domains import REAL
from derive.errors import DeriveError, DomainError, ParseError, ShapeError
from derive.handwriting.document import Chain, Document
from derive.handwriting.meaning import Meaning
from derive.handwriting.reading import Reader
from derive.handwriting.repairs import changed_at, repairs
from derive.handwriting.setting import Situation
from derive.handwriting.tokens import Token
from derive.handwriting.tree import Derived, Entry, Node, below
from derive.notation.index_form import from_index, on_paper
from derive.notation.text import parse_tree
from derive.notation.tree import Binary, Name, Tree, replaced
from derive.notation.typing import Typed
from derive.notation.values import told
from derive.notation.writing import printed_name, write_latex, write_unicode
from derive.program import (
    LETTERS,
    Array,
    Equation,
    Index,
    Program,
    Reduction,
    bound_indices,
    children,
    element,
    free_indices,
    fresh_name,
    inlined,
    is_element,
    live,
    name_of,
    names_in,
    positions_of,
    rebuilt,
    substitute,
    symbol_names,
    walk,
)
from derive.verification.oracle import evaluate
from derive.verification.sampling import Sample, sample

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "≤": operator.le, "≥": operator.ge, "≠": operator.ne,
}  # fmt: skip
NOWHERE = "no point was found where both sides are numbers"
STATUSES = ("proved", "confirmed", "wrong", "unreadable")
POINTS = 6
DIGITS = 40
CLEAR = 1e-9
PROVABLE, PROVABLE_OPENED = 300, 160  # nodes: longer sides are left to the points
SMALL_TRIES = 40
TEXT_NOTATION = ("@", "**", ".T")  # a side with one of these is in the notation of programs
WIDER = 6.0
SHORT = 60  # signs: a longer difference says nothing


@dataclass
class StepVerdict:
    """One relation: what was written, what was understood, and what is true of it."""

    index: int
    at: int
    relation: str
    kind: str
    written: tuple[str, str]
    understood: tuple[str, str] = ("", "")
    status: str = "unreadable"
    reason: str = ""
    counterexample: str = ""
    correction: str = ""
    slip: str = ""
    slip_at: int = -1
    difference: str = ""
    remark: str = ""
    carried: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain fields."""
        return {**vars(self), "written": list(self.written), "understood": list(self.understood)}


@dataclass(frozen=True)
class Side:
    """One side of a relation, as it is written, and what it means."""

    tokens: tuple[Token, ...]
    text: str
    node: Node | None = None
    typed: Typed | None = None
    error: DeriveError | None = None
    explicit: bool = False  # whether its partial derivatives hold fixed what depends on their variables


@dataclass
class Judge:
    """Goes through the chains of a document with everything that is known so far."""

    situation: Situation
    document: Document
    verdicts: list[StepVerdict] = field(default_factory=list)
    facts: dict[str, Equation] = field(default_factory=dict)
    premise: tuple[Typed, Typed] | None = None
    mistaken: list[tuple[Expr, Expr]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    meaning: Meaning = field(init=False)

    def run(self) -> list[StepVerdict]:
        """The verdicts on all relations, in reading order."""
        for chain in self.document.chains:
            if not chain.implied:
                self.premise = None
            self.chain(chain)
        return self.verdicts

    # ------------------------------------------------ chains

    def chain(self, chain: Chain) -> None:
        """One chain: each side is understood once, each relation judged by the sides beside it."""
        self.meaning = Meaning(self.situation.setting, self.document.text)
        sides = self.sides(chain)
        for at in range(len(chain.signs)):
            left, right = sides[at], sides[at + 1]
            if self.defines(chain, at, left, right):
                name = self.defined_name(left)
                assert name is not None
                self.record(chain, at, left, right, "def", "proved", "by definition")
                self.enter_definition(name, left, right)
                sides[at] = replace(left, typed=right.typed, error=None)
                continue
            self.judge(chain, at, sides)

    def sides(self, chain: Chain) -> list[Side]:
        known = self.situation.known
        found = []
        for at, tokens in enumerate(chain.sides):
            text = self.written(tokens)
            node = typed = error = None
            try:
                if not tokens:
                    place = chain.signs[min(at, len(chain.signs) - 1)].at
                    raise ParseError("nothing stands on this side of the relation", self.document.text, place)
                plain = any(sign in text for sign in TEXT_NOTATION)
                node = parse_tree(text) if plain else Reader(tokens, known, self.document.text).whole()
                if not (at == 0 and self.undefined(node, chain)):
                    self.meaning.begin_side()
                    typed = self.meaning.typed(node)
                    self.keep_matrices()
            except DeriveError as problem:
                error = problem
            found.append(Side(tuple(tokens), text, node, typed, error))
        return found

    def keep_matrices(self) -> None:
        """Matrices that got a name, because a function is taken of them, stay defined."""
        for made in self.meaning.made:
            self.situation.setting.definitions.setdefault(made.target, made)
            self.situation.setting.arrays.setdefault(made.target, Array(made.target, made.shape))

    def written(self, tokens: Sequence[Token]) -> str:
        if not tokens:
            return ""
        last = tokens[-1]
        return " ".join(self.document.text[tokens[0].at : last.at + len(last.text)].split())

    def undefined(self, node: Node, chain: Chain) -> bool:
        """Whether the first side of a chain is a symbol that is defined right here."""
        head = node.array if isinstance(node, Entry) else node
        name = head.name if isinstance(head, Name) else None
        if name is None or (chain.implied and name in self.situation.known.names):
            return False
        setting = self.situation.setting
        if name in setting.definitions or name in setting.functions:
            return False
        if name in self.facts:
            return False
        return chain.defines[0] or self.is_free_for_definition(name)

    def is_free_for_definition(self, name: str) -> bool:
        """Whether nothing so far has used a symbol: then an equality at its first mention defines it."""
        setting = self.situation.setting
        used = {n for e in setting.definitions.values() for n in names_in(e.value)}
        used |= {n.name for f in setting.functions.values() for n in _names(f.body)}
        return name not in used and name not in self.seen

    def defines(self, chain: Chain, at: int, left: Side, right: Side) -> bool:
        if right.typed is None:
            return False
        if chain.defines[at]:
            return self.defined_name(left) is not None
        return at == 0 and left.typed is None and left.error is None and left.node is not None

    def defined_name(self, side: Side) -> str | None:
        head = side.node.array if isinstance(side.node, Entry) else side.node
        return head.name if isinstance(head, Name) else None

    def enter_definition(self, name: str, left: Side, right: Side) -> None:
        """A symbol, or each of its entries, gets the meaning of the other side."""
        typed = right.typed
        assert typed is not None
        positions = left.node.positions if isinstance(left.node, Entry) else ()
        places = [self.meaning.named.get(p.name) if isinstance(p, Name) else None for p in positions]
        axes = (*(place for place in places if place is not None), *typed.axes)
        if len(axes) < len(places) or name in names_in(typed.value) or free_indices(typed.value) - set(axes):
            return
        setting = self.situation.setting
        setting.arrays.pop(name, None)
        setting.definitions[name] = Equation(name, axes, typed.value)
        setting.arrays[name] = Array(name, tuple(axis.size for axis in axes))
        self.situation.known.values.add(name)
        self.situation.known.ranks[name] = len(axes)
        fresh = Meaning(setting, self.document.text)
        fresh.named, fresh.used = self.meaning.named, self.meaning.used | {name}
        self.meaning = fresh

    # ------------------------------------------------ one relation

    def judge(self, chain: Chain, at: int, sides: list[Side]) -> None:
        """The verdict on one relation."""
        left, right = sides[at], sides[at + 1]
        relation = chain.relation(at)
        self.seen |= {n.name for s in (left, right) if s.node is not None for n in _names(s.node)}
        if left.typed is None and left.error is None and left.node is not None and right.typed is not None:
            left = sides[at] = self.understood_again(left)
        for side in (left, right):
            if isinstance(side.error, ParseError):
                self.record(chain, at, left, right, "eq", "unreadable", str(side.error))
                return
        if isinstance(left.error, ShapeError) and at > 0:
            self.record(chain, at, left, right, "eq", "unreadable", "the side before it has no meaning")
            return
        if left.error is not None or right.error is not None:
            error = right.error or left.error
            status = "wrong" if isinstance(error, ShapeError) else "unreadable"
            self.record(chain, at, left, right, "eq", status, str(error))
            if status == "wrong" and left.typed is not None:
                self.explain(self.verdicts[-1], left, right)
            return
        assert left.typed is not None
        assert right.typed is not None
        if relation == "≈":
            self.approximate(chain, at, left, right)
        elif relation != "=":
            self.inequality(chain, at, left, right, relation)
        elif self.is_set(chain, at, sides):
            self.record(chain, at, left, right, "given", "proved", "a condition that is set")
            self.premise = (left.typed, right.typed)
        elif chain.implied and at == 0:
            self.implication(chain, at, left, right)
        else:
            self.equality(chain, at, sides)

    def understood_again(self, side: Side) -> Side:
        try:
            assert side.node is not None
            self.meaning.begin_side()
            return replace(side, typed=self.meaning.typed(side.node))
        except DeriveError as error:
            return replace(side, error=error)

    def is_set(self, chain: Chain, at: int, sides: list[Side]) -> bool:
        """Whether an equality is a condition: a derivative set to zero, or a number before an arrow."""
        right = sides[at + 1].typed
        last = at == len(chain.signs) - 1
        if right is None or not right.value.is_number or not last:
            return False
        left = sides[at].typed
        assert left is not None
        if self.equal(left, right)[0] in ("proved", "confirmed"):
            return False
        follows = self.arrow_follows(chain)
        first = sides[0].node
        is_derivative = isinstance(first, Derived) and right.value == 0
        return bool(follows or is_derivative)

    def arrow_follows(self, chain: Chain) -> bool:
        chains = self.document.chains
        at = next(k for k, other in enumerate(chains) if other is chain)
        return at + 1 < len(chains) and chains[at + 1].implied

    def explicit_reading(self, left: Side, right: Side) -> tuple[Side, str] | None:
        """The right side where ∂ holds fixed what depends on its variable, if that makes it equal; and how it was read.

        Two customs share one sign. The other reading is tried where the chain rule is written out as a sum, and on the
        lines that go on from there.
        """
        if right.node is None or left.typed is None:
            return None
        is_sum = isinstance(right.node, Binary) and right.node.op in "+-"
        if not (is_sum or left.explicit) or not any(isinstance(part, Derived) for part in below(right.node)):
            return None
        self.meaning.begin_side()
        try:
            typed, held = self.meaning.explicitly_typed(right.node)
        except DeriveError:
            return None
        if not held or self.equal(left.typed, typed)[0] not in ("proved", "confirmed"):
            return None
        return replace(right, typed=typed, explicit=True), f"where ∂ holds {', '.join(map(printed_name, held))} fixed"

    def equality(self, chain: Chain, at: int, sides: list[Side], kind: str = "eq") -> None:
        left, right = sides[at], sides[at + 1]
        assert left.typed is not None
        assert right.typed is not None
        status, reason, point = self.equal(left.typed, right.typed)
        if status == "wrong":
            read = self.explicit_reading(left, right)
            if read is not None:
                right = sides[at + 1] = read[0]
                assert right.typed is not None
                status, reason, point = self.equal(left.typed, right.typed)
                reason += f", {read[1]}"
        if status == "wrong" and self.facts:
            one, other = (self.with_facts(side, self.facts) for side in (left.typed, right.typed))
            if self.equal(one, other)[0] in ("proved", "confirmed"):
                kind, status, reason = "implies", "proved", "it follows from what was found before"
        self.record(chain, at, left, right, kind, status, reason)
        verdict = self.verdicts[-1]
        if status == "wrong":
            pair = self.opened(left.typed), self.opened(right.typed)
            verdict.carried = any(_alike(pair, other) for other in self.mistaken)
            self.mistaken.append(pair)
            verdict.counterexample = self.smallest(left.typed, right.typed, point)
            verdict.difference = self.told_difference(left.typed, right.typed)
            self.explain(verdict, left, right, point)

    def told_difference(self, left: Typed, right: Typed) -> str:
        """What the right side has too much, where that is short."""
        try:
            excess = expand(self.aligned(left, right) - left.value)
            text = write_unicode(from_index(tidied(excess, left.axes)))
        except DeriveError:
            return ""
        return text if len(text) <= SHORT else ""

    def explain(self, verdict: StepVerdict, left: Side, right: Side, point: Sample | None = None) -> None:
        """Name the slip, and give a right-hand side that would be correct."""
        assert left.typed is not None
        verdict.correction = self.in_latex(left.typed)
        point = point or next(self.samples([left.typed], 1), None)
        if right.node is None or point is None:
            return
        target = self.rough(left.typed, point)
        named = dict(self.meaning.named)
        for slip, repaired in repairs(right.node, self.situation.setting):
            self.meaning.named = dict(named)
            self.meaning.begin_side()
            try:
                again = self.meaning.typed(repaired)
                aligned = Typed(self.aligned(left.typed, again), left.typed.axes)
                if not np.allclose(target, self.rough(aligned, point), rtol=1e-7, atol=1e-9):
                    continue
                if self.equal(left.typed, again)[0] in ("proved", "confirmed"):
                    verdict.slip = slip
                    verdict.slip_at = changed_at(right.node, repaired)
                    verdict.correction = self.in_latex(again)
                    break
            except (DeriveError, ArithmeticError, ValueError, KeyError, IndexError):
                continue
        self.meaning.named = named

    def rough(self, typed: Typed, at: Sample) -> Any:
        """The value of one side at a point, in double precision."""
        program = self.program([typed])
        inputs = {a.name: at.inputs[a.name] for a in program.inputs if a.name in at.inputs}
        for array in program.inputs:  # the sizes of what is not read
            inputs.setdefault(array.name, np.zeros([at.sizes[str(size)] for size in array.shape]))
        return np.asarray(evaluate(program, inputs, digits=None)[program.outputs[0]], dtype=float)

    def in_latex(self, typed: Typed) -> str:
        """A value as LaTeX: with matrices where it has such a form, else by indices."""
        form = self.matrix_form(typed)
        if form is not None:
            return write_latex(form, self.ranks)
        context = Context(arrays=self.situation.setting.arrays)
        try:
            return write_latex(on_paper(tidied(simplified(typed.value, context), typed.axes)))
        except DeriveError:
            return ""

    @property
    def ranks(self) -> dict[str, int]:
        return {name: len(array.shape) for name, array in self.meaning.arrays.items()}

    def matrix_form(self, typed: Typed) -> Tree | None:
        """The closed form of an array; None for numbers, and where there is none."""
        if not typed.axes or free_indices(typed.value) - set(typed.axes):
            return None
        context = Context(arrays=self.situation.setting.arrays)
        try:
            form = equation_form(Equation("value", typed.axes, simplified(typed.value, context)))
            return None if form is None else replaced(form, collected)
        except (DeriveError, RecursionError):
            return None

    def implication(self, chain: Chain, at: int, left: Side, right: Side) -> None:
        """What an arrow leads to: true as it stands, or where the condition before the arrow holds."""
        assert left.typed is not None
        assert right.typed is not None
        status, reason, point = self.equal(left.typed, right.typed)
        if status == "wrong" and self.follows(left, right):
            status, reason = "proved", "it follows from the condition before"
        elif status == "wrong" and self.premise is None and not self.facts:
            reason = "it does not follow: nothing was set before"
        self.record(chain, at, left, right, "implies", status, reason)
        verdict = self.verdicts[-1]
        if status == "wrong":
            verdict.counterexample = self.smallest(left.typed, right.typed, point)
            self.explain(verdict, left, right, point)
            return
        name = self.solved_name(left)
        if name is not None:
            axes = left.typed.axes
            places = dict(zip(right.typed.axes, axes, strict=False))
            self.facts[name] = Equation(name, axes, substitute(right.typed.value, places))

    def solved_name(self, side: Side) -> str | None:
        """The unknown that a conclusion tells, without the hat or star it may wear."""
        if not isinstance(side.node, Name):
            return None
        name = side.node.name
        for ending in ("hat", "star", "bar", "_ML", "_MLE", "_MAP"):
            plain = name.removesuffix(ending)
            if plain != name and plain in self.situation.setting.arrays:
                return plain
        return name

    def follows(self, left: Side, right: Side) -> bool:
        """Whether the conclusion makes the condition hold, or is a multiple of it, or holds by what was found."""
        assert left.typed is not None
        assert right.typed is not None
        known = dict(self.facts)
        name = self.solved_name(left)
        by_facts = self.equal(self.with_facts(left.typed, known), self.with_facts(right.typed, known))[0]
        if by_facts in ("proved", "confirmed"):
            return True
        if self.premise is None:
            return False
        first, second = self.premise
        if name is not None and name not in names_in(self.opened(right.typed)):
            known[name] = Equation(name, right.typed.axes or left.typed.axes, right.typed.value)
            status = self.equal(self.with_facts(first, known), self.with_facts(second, known))[0]
            if status in ("proved", "confirmed"):
                return True
        return self.is_multiple(self.premise, (left.typed, right.typed))

    def with_facts(self, typed: Typed, facts: dict[str, Equation]) -> Typed:
        value = self.opened(typed)
        scope = frozenset(index.name for index in free_indices(value))
        for name, equation in facts.items():
            if name in names_in(value):
                value = inlined(value, {name: equation}, scope)
        return replace(typed, value=value)

    def is_multiple(self, premise: tuple[Typed, Typed], conclusion: tuple[Typed, Typed]) -> bool:
        """Whether one difference is a constant times the other, entry by entry."""
        try:
            first, second = (self.difference(*pair) for pair in (premise, conclusion))
        except ShapeError:
            return False
        program = self.program([first, second])
        sizes = [drawn.sizes for drawn in _samples(program, 2)]
        for size in sizes:
            quotients = []
            for seed in range(2):
                try:
                    found = evaluate(program, sample(program, seed, size).inputs, digits=50)
                except DomainError:
                    return False
                one, other = (np.ravel(found[name]) for name in program.outputs)
                if one.shape != other.shape or any(abs(entry) < CLEAR for entry in one):
                    return False
                quotients += [o / p for o, p in zip(other, one, strict=True)]
            if any(abs(q - quotients[0]) > mpmath.mpf(10) ** -20 * abs(quotients[0]) for q in quotients):
                return False
            if not quotients or abs(quotients[0]) < CLEAR:
                return False
        return bool(sizes)

    def difference(self, left: Typed, right: Typed) -> Typed:
        aligned = self.aligned(left, right)
        return Typed(left.value - aligned, left.axes)

    def approximate(self, chain: Chain, at: int, left: Side, right: Side) -> None:
        """A rounded number: right to the digits that are written."""
        assert left.typed is not None
        assert right.typed is not None
        text = right.text.replace(" ", "").lstrip("-")
        decimals = len(text.partition(".")[2]) if text.replace(".", "", 1).isdigit() else None
        worst = mpmath.mpf(0)
        drawn_at = list(self.valued([left.typed, right.typed], 2))
        for _, (one, other) in drawn_at:
            with mpmath.workdps(50):
                for a, b in zip(np.ravel(one), np.ravel(other), strict=False):
                    allowed = (
                        mpmath.mpf("0.5000001") * mpmath.mpf(10) ** -decimals if decimals is not None else abs(a) / 100
                    )
                    worst = max(worst, abs(a - b) / allowed if allowed else abs(a - b))
        if not drawn_at:
            self.record(chain, at, left, right, "approx", "unreadable", NOWHERE)
        elif worst <= 1:
            self.record(chain, at, left, right, "approx", "confirmed", "right to the digits written")
        else:
            self.record(chain, at, left, right, "approx", "wrong", "not right to the digits written")
            self.verdicts[-1].correction = self.in_latex(left.typed)

    def inequality(self, chain: Chain, at: int, left: Side, right: Side, relation: str) -> None:
        """A relation of order: confirmed where it holds at every point."""
        assert left.typed is not None
        assert right.typed is not None
        holds = ORDERS[relation]
        count = 0
        for drawn, (one, other) in self.valued([left.typed, right.typed], POINTS):
            count += 1
            if not all(
                holds(a, b) for a, b in zip(np.ravel(one), np.broadcast_to(np.ravel(other), one.size), strict=True)
            ):
                self.record(chain, at, left, right, "ineq", "wrong", "it does not hold everywhere")
                self.verdicts[-1].counterexample = _point(drawn)
                return
        if count:
            self.record(chain, at, left, right, "ineq", "confirmed", f"it holds at {count} random points")
        else:
            self.record(chain, at, left, right, "ineq", "unreadable", NOWHERE)

    # ------------------------------------------------ comparing

    def opened(self, typed: Typed) -> Expr:
        return self.situation.setting.opened(typed.value)

    def aligned(self, left: Typed, right: Typed) -> Expr:
        """The right value over the axes of the left."""
        if not right.axes and right.value == 0:
            return S.Zero
        if len(left.axes) != len(right.axes):
            raise ShapeError(f"the left side has the shape {left.shape}, the right side {right.shape}")
        if any(a.size != b.size for a, b in zip(left.axes, right.axes, strict=True)):
            turned = [a.size for a in left.axes] == [b.size for b in reversed(right.axes)]
            hint = "; they are transposes of each other" if turned else ""
            raise ShapeError(f"the left side has the shape {left.shape}, the right side {right.shape}{hint}")
        return substitute(right.value, dict(zip(right.axes, left.axes, strict=True)))

    def equal(self, left: Typed, right: Typed, points: int = POINTS) -> tuple[str, str, Sample | None]:
        """Whether two sides are equal: the status, the reason, and a point where they are not."""
        if not left.axes and left.value == 0 and right.axes:
            left, right = right, left
        try:
            other = self.aligned(left, right)
        except ShapeError as error:
            return "wrong", str(error), None
        pair = left.value, other
        if self.same(pair, PROVABLE):
            return "proved", "both sides have one normal form", None
        drawn_at, point = self.difference_at([Typed(value, left.axes) for value in pair], points)
        if point is not None:
            return "wrong", "the sides differ", point
        opened = self.situation.setting.opened(left.value), self.situation.setting.opened(other)
        if opened != pair and self.same(opened, PROVABLE_OPENED):
            return "proved", "both sides have one normal form", None
        if not drawn_at:
            return "unreadable", NOWHERE, None
        return "confirmed", f"agree to {DIGITS} digits at {drawn_at} random points", None

    def same(self, pair: tuple[Expr, Expr], longest: int) -> bool:
        """Whether two values are one, or have one normal form, which is not tried for long ones."""
        one, other = pair
        if one == other:
            return True
        setting = self.situation.setting
        short = sum(1 for side in pair for _ in walk(side)) <= longest
        return short and same(one, other, self.meaning.arrays, setting.definitions)

    def difference_at(self, pair: Sequence[Typed], points: int) -> tuple[int, Sample | None]:
        """At how many points two values were compared, and the first where they differ."""
        count = 0
        for drawn, values in self.valued(pair, points):
            if _distance(*values) > mpmath.mpf(10) ** -(DIGITS - 5):
                return count + 1, drawn
            count += 1
        return count, None

    def program(self, sides: Sequence[Typed]) -> Program:
        """Values as a program: every free index becomes an axis."""
        used = set(self.meaning.arrays)
        setting = self.situation.setting
        equations = []
        free = sorted({i for side in sides for i in free_indices(side.value) - set(side.axes)}, key=lambda i: i.name)
        for side in sides:
            equations.append(Equation(fresh_name("side", used), (*free, *side.axes), side.value))
        known = {e.target for e in setting.definitions.values()}
        inputs = tuple(a for name, a in self.meaning.arrays.items() if name not in known)
        outputs = tuple(e.target for e in equations)
        whole = Program(inputs, (*setting.definitions.values(), *equations), outputs)
        needed = live(whole)
        wanted = {n for e in needed.equations for n in names_in(e.value)}
        sizes = {s for e in needed.equations for i in (*e.indices, *_indices(e.value)) for s in i.size.free_symbols}
        sizes |= {s for e in needed.equations for s in e.value.free_symbols if getattr(s, "name", "") in setting.dims}
        kept = [a for a in inputs if a.name in wanted]
        told_sizes = {s for a in kept for size in a.shape for s in size.free_symbols}
        for dim in sorted(sizes - told_sizes, key=lambda s: str(s)):
            if getattr(dim, "name", "") in setting.dims:
                kept.append(Array(fresh_name(f"size_{dim}", used), (dim,)))
        return replace(needed, inputs=tuple(kept))

    def samples(self, sides: Sequence[Typed], points: int) -> Iterator[Sample]:
        return _samples(self.program(sides), points)

    def valued(self, sides: Sequence[Typed], points: int) -> Iterator[tuple[Sample, list[Any]]]:
        """Points, and the values of the sides there."""
        program = self.program(sides)
        return ((drawn, _values(program, drawn)) for drawn in _samples(program, points))

    def smallest(self, left: Typed, right: Typed, point: Sample | None) -> str:
        """A small point where the sides differ, in whole numbers where there is one."""
        if point is None:
            return ""
        try:
            pair = [
                Typed(self.opened(left), left.axes),
                Typed(self.opened(Typed(self.aligned(left, right))), left.axes),
            ]
            program = self.program(pair)
        except ShapeError:
            return ""
        best = point
        for drawn in _small_points(program):
            try:
                values = _values(program, drawn)
            except (DeriveError, ArithmeticError, ValueError, IndexError):
                continue
            if _distance(*values) > 1e-6 and all(np.all(_finite(v)) for v in values):
                best = drawn
                break
        one, other = _values(program, best)
        place = _place(one, other)
        shown = [told(float(np.real(np.asarray(v)[place]))) for v in (one, other)]
        where = f" at {''.join(str(k + 1) for k in place)}" if place else ""
        return f"{_point(best)}: the left side is {shown[0]}{where}, the right side {shown[1]}"

    # ------------------------------------------------ records

    def record(self, chain: Chain, at: int, left: Side, right: Side, kind: str, status: str, reason: str) -> None:
        shown = tuple(self.shown(side) for side in (left, right))
        place = right.tokens[0].at if right.tokens else chain.signs[at].at
        remark = "; ".join(chain.remarks) if at == 0 else ""
        self.verdicts.append(
            StepVerdict(
                len(self.verdicts),
                place,
                chain.relation(at),
                kind,
                (left.text, right.text),
                (shown[0], shown[1]),
                status,
                reason,
                remark=remark,
            )
        )

    def shown(self, side: Side) -> str:
        """What was understood, in index notation."""
        if side.typed is None:
            return side.text
        form = self.matrix_form(side.typed)
        if form is not None:
            return write_unicode(form, self.ranks)
        try:
            return write_unicode(from_index(tidied(side.typed.value, side.typed.axes)))
        except DeriveError:
            return side.text


# ---------------------------------------------------------------- small things


def tidied(value: Expr, axes: Sequence[Index] = ()) -> Expr:
    """A value whose axes and bound indices have the letters people use."""
    ours = {*bound_indices(value), *axes}
    taken = {n for n in symbol_names(value) if not any(i.name == n for i in ours)}
    letters = (letter for letter in LETTERS if letter not in taken)
    renaming: dict[Expr, Expr] = {}
    for index in dict.fromkeys((*axes, *bound_indices(value))):
        letter = next(letters, None)
        if letter is None:
            return value
        renaming[index] = Index(letter, index.size)
    return _renamed(value, renaming)


def _renamed(value: Expr, renaming: dict[Expr, Expr]) -> Expr:
    """Every index under its new letter, bound ones too; the letters are new, so that nothing is captured."""
    if isinstance(value, Index):
        return renaming.get(value, value)
    if is_element(value):
        return element(name_of(value), tuple(_renamed(p, renaming) for p in positions_of(value)))
    if not value.args:
        return value
    if isinstance(value, Reduction):
        body = _renamed(value.body, renaming)
        return type(value)(body, *(_renamed(index, renaming) for index in value.indices))
    return rebuilt(value, tuple(_renamed(part, renaming) for part in children(value)))


def _samples(program: Program, points: int) -> Iterator[Sample]:
    """Points of the declared domains; sizes that have none are passed over."""
    found = 0
    for seed in range(points + 6):
        try:
            drawn = sample(program, seed)
        except DomainError:
            continue
        yield _widened(program, drawn) if found % 3 == 2 else drawn
        found += 1
        if found == points:
            return


def _values(program: Program, at: Sample) -> list[Any]:
    """The outputs of a program at a point, in 50 digits."""
    found = evaluate(program, at.inputs, digits=50)
    return [found[name] for name in program.outputs]


def _widened(program: Program, drawn: Sample) -> Sample:
    """A point with free numbers further out, where thresholds may lie; the point itself if the sides are no numbers."""
    free = {array.name for array in program.inputs if array.domain is REAL}
    wide = Sample({n: v * WIDER if n in free else v for n, v in drawn.inputs.items()}, drawn.sizes)
    try:
        values = evaluate(program, wide.inputs, digits=None)
    except (ArithmeticError, ValueError):
        return drawn
    return wide if all(np.isfinite(values[name]).all() for name in program.outputs) else drawn


def _names(node: Any) -> Iterator[Name]:
    return (part for part in below(node) if isinstance(part, Name))


def _indices(value: Expr) -> set[Index]:
    return {part for part in walk(value) if isinstance(part, Index)} | set(value.atoms(Index))


def _alike(pair: tuple[Expr, Expr], other: tuple[Expr, Expr]) -> bool:
    return all(expand(a - b) == 0 for a, b in zip(pair, other, strict=True))


def _finite(value: Any) -> Any:
    return np.array([bool(mpmath.isfinite(entry)) for entry in np.ravel(value)])


def _distance(one: Any, other: Any) -> Any:
    """The largest relative difference of two arrays of numbers."""
    worst = mpmath.mpf(0)
    with mpmath.workdps(50):
        for a, b in zip(np.ravel(one), np.ravel(other), strict=True):
            if not (mpmath.isfinite(a) and mpmath.isfinite(b)):
                if mpmath.isnan(a) != mpmath.isnan(b) or (mpmath.isinf(a) != mpmath.isinf(b)):
                    worst = max(worst, mpmath.mpf(1))
                continue
            worst = max(worst, abs(a - b) / (1 + max(abs(a), abs(b))))
    return worst


def _place(one: Any, other: Any) -> tuple[int, ...]:
    """Where two arrays differ most."""
    array, second = np.asarray(one), np.asarray(other)
    places = list(np.ndindex(*array.shape))
    return max(places, key=lambda p: abs(float(array[p]) - float(second[p])) if array.size else 0.0) if places else ()


def _small_points(program: Program) -> Iterator[Sample]:
    """Points of small whole numbers at small sizes, within the domains."""
    rng = np.random.default_rng(0)
    dims = [dim.name for dim in program.dims]
    for attempt in range(SMALL_TRIES):
        sizes = {name: 1 + (attempt // 10 + k) % 3 for k, name in enumerate(dims)}
        reach = 1 + attempt % 10 // 3
        inputs = {}
        for array in program.inputs:
            shape = tuple(int(size.subs({d: sizes[str(d)] for d in size.free_symbols})) for size in array.shape)
            values = rng.integers(-reach, reach + 1, size=shape).astype(float)
            if array.domain.nonnegative:
                values = np.abs(values) + array.domain.positive
            if not array.domain.includes(np.ravel(values)) or array.domain.structure:
                break
            inputs[array.name] = values
        else:
            yield Sample(inputs, sizes)


def _point(drawn: Sample) -> str:
    """A point in words."""
    shown = [
        f"{printed_name(name)} = {told(np.asarray(value, dtype=float))}"
        for name, value in drawn.inputs.items()
        if not name.startswith("size_")
    ]
    return ", ".join(shown) or "everywhere"
