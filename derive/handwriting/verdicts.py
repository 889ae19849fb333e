"""Verdicts on a hand derivation: every relation proved, confirmed, wrong with a counterexample, or unreadable.

Chains are gone through in reading order with everything that is known so far. What an arrow implies may use what was
set before it. The first mistake is named; what only repeats it is marked as carried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Expr, expand

from derive.errors import DeriveError, ParseError, ShapeError
from derive.handwriting.comparison import Comparison, Found
from derive.handwriting.document import Chain
from derive.handwriting.extrema import place, stationary
from derive.handwriting.inference import Inferring
from derive.handwriting.names import DEPTH
from derive.handwriting.points import in_words
from derive.handwriting.sides import Side, names_below
from derive.handwriting.slips import find_slip
from derive.handwriting.tokens import Token
from derive.handwriting.tree import Derived, Extremal, below
from derive.handwriting.wording import excess, in_latex, in_normal_notation
from derive.notation.tree import Binary, Name
from derive.notation.typing import Typed
from derive.notation.writing import printed_name
from derive.program import Equation, names_in, substitute
from derive.verification.sampling import Sample

STATUSES = ("proved", "confirmed", "wrong", "unreadable")


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
    failing: tuple[int, int] = (-1, -1)  # where the failing term stands in the text
    difference: str = ""
    remark: str = ""
    carried: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain fields."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}


@dataclass
class Judge(Inferring):
    """Goes through the chains of a document with everything that is known so far."""

    verdicts: list[StepVerdict] = field(default_factory=list)
    premises: list[tuple[Typed, Typed]] = field(default_factory=list)
    mistaken: list[tuple[Expr, Expr]] = field(default_factory=list)
    shown: dict[Typed, str] = field(default_factory=dict)

    @property
    def comparison(self) -> Comparison:
        """What compares sides under the names as they are known now."""
        return Comparison(self.meaning)

    def run(self) -> list[StepVerdict]:
        """The verdicts on all relations, in reading order."""
        for chain in self.document.chains:
            if not chain.implied and not self.is_condition():
                self.premises = []
            self.chain(chain)
        return self.verdicts

    def is_condition(self) -> bool:
        """Whether the last relation was a condition, to which the next chain may add another."""
        return bool(self.verdicts) and self.verdicts[-1].kind == "given"

    # ------------------------------------------------ chains

    def chain(self, chain: Chain) -> None:
        """One chain: each side is understood once, each relation judged by the sides beside it."""
        sides = self.understood(chain)
        for at in range(len(chain.signs)):
            left, right = sides[at], sides[at + 1]
            if isinstance(left.node, Extremal) or isinstance(right.node, Extremal):
                self.extremum(chain, at, left, right)
                continue
            if self.defines(chain, at, left, right):
                name = self.defined_name(left)
                assert name is not None
                self.record(chain, at, left, right, "def", "proved", "by definition")
                self.enter_definition(name, left, right)
                sides[at] = replace(left, typed=right.typed, error=None)
                continue
            self.judge(chain, at, sides)

    # ------------------------------------------------ one relation

    def judge(self, chain: Chain, at: int, sides: list[Side]) -> None:
        """The verdict on one relation; what cannot be compared is not readable."""
        count = len(self.verdicts)
        try:
            self.judge_understood(chain, at, sides)
        except (DeriveError, ArithmeticError, RecursionError) as problem:
            del self.verdicts[count:]
            self.record(chain, at, sides[at], sides[at + 1], "eq", "unreadable", str(problem) or "it is too large")

    def judge_understood(self, chain: Chain, at: int, sides: list[Side]) -> None:
        """The verdict on one relation, as far as its sides were understood."""
        left, right = sides[at], sides[at + 1]
        relation = chain.relation(at)
        self.see(left, right)
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
            guessed = self.guessed(left, right)
            status = "wrong" if isinstance(error, ShapeError) and not guessed else "unreadable"
            self.record(chain, at, left, right, "eq", status, f"{error}{guessed}")
            if status == "wrong" and left.typed is not None:
                self.explain(self.verdicts[-1], left, right)
            return
        if relation == "≈":
            self.approximate(chain, at, left, right)
        elif relation != "=":
            self.inequality(chain, at, left, right, relation)
        elif self.is_set(chain, at, sides):
            self.record(chain, at, left, right, "given", "proved", "a condition that is set")
            self.premises.append((left.value, right.value))
        elif chain.implied and at == 0:
            self.implication(chain, at, left, right)
        else:
            self.equality(chain, at, sides)

    def extremum(self, chain: Chain, at: int, left: Side, right: Side) -> None:
        """Where something is smallest or largest: a name for the place, or a value where its gradient vanishes."""
        one, other = (left, right) if isinstance(left.node, Extremal) else (right, left)
        assert isinstance(one.node, Extremal)
        if isinstance(other.node, Name) and (other.typed is None or other.node == one.node.variable):
            self.record(chain, at, left, right, "def", "proved", "by definition")
            return
        try:
            if one.error is not None or other.error is not None or other.node is None:
                raise one.error or other.error or ParseError("nothing stands here", self.document.text, one.node.at)
            found, witness = stationary(one.node, other.node, self.comparison)
        except (DeriveError, ArithmeticError, RecursionError) as error:
            found, witness = Found("wrong" if isinstance(error, ShapeError) else "unreadable", str(error)), ""
        self.record(chain, at, left, right, "eq", found.status, found.reason)
        self.verdicts[-1].counterexample = witness
        if found.status == "wrong" and one is left:
            self.verdicts[-1].failing = span(right.tokens)
            self.verdicts[-1].correction = place(one.node, self.comparison)

    def guessed(self, *sides: Side) -> str:
        """What to declare where shapes do not fit and one was only inferred; empty where all are declared."""
        setting = self.situation.setting
        names = {name.name for side in sides if side.node is not None for name in names_below(side.node)}
        guesses = sorted(names & setting.guessed)
        shapes = [name for name in guesses if setting.arrays[name].shape]
        return "".join(f"; {name} is not declared: add a line  % given {name}: …" for name in shapes)

    def is_set(self, chain: Chain, at: int, sides: list[Side]) -> bool:
        """Whether an equality is a condition: a derivative set to zero, or a number before an arrow."""
        right = sides[at + 1].typed
        last = at == len(chain.signs) - 1
        if right is None or not right.value.is_number or not last or any(names_below(sides[at + 1].node)):
            return False
        left = sides[at].typed
        assert left is not None
        if self.comparison.equal(left, right).right:
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
        if not held or not self.comparison.equal(left.value, typed).right:
            return None
        return replace(right, typed=typed, explicit=True), f"where ∂ holds {', '.join(map(printed_name, held))} fixed"

    def equality(self, chain: Chain, at: int, sides: list[Side], kind: str = "eq") -> None:
        left, right = sides[at], sides[at + 1]
        found = self.comparison.equal(left.value, right.value)
        if found.status == "wrong":
            read = self.explicit_reading(left, right)
            if read is not None:
                right = sides[at + 1] = read[0]
                found = self.comparison.equal(left.value, right.value)
                found = replace(found, reason=f"{found.reason}, {read[1]}")
        if found.status == "wrong" and chain.implied and self.follows(left, right):
            kind, found = "implies", Found("proved", "it follows from the condition before")
        elif found.status == "wrong" and self.facts:
            one, other = (self.comparison.with_facts(side, self.facts) for side in (left.value, right.value))
            if self.comparison.equal(one, other).right:
                kind, found = "implies", Found("proved", "it follows from what was found before")
        if found.status == "wrong" and found.point is None and self.guessed(left, right):
            found = Found("unreadable", found.reason + self.guessed(left, right))
        self.record(chain, at, left, right, kind, found.status, found.reason)
        verdict = self.verdicts[-1]
        if found.status == "wrong":
            pair = self.comparison.opened(left.value), self.comparison.opened(right.value)
            verdict.carried = any(_alike(pair, other) for other in self.mistaken)
            self.mistaken.append(pair)
            verdict.counterexample = self.comparison.counterexample(left.value, right.value, found.point)
            verdict.difference = excess(left.value, right.value, self.meaning)
            self.explain(verdict, left, right, found.point)

    def explain(self, verdict: StepVerdict, left: Side, right: Side, point: Sample | None = None) -> None:
        """Name the slip, and give a right-hand side that would be correct."""
        verdict.correction = in_latex(left.value, self.meaning)
        verdict.failing = span(right.tokens)
        point = point or next(self.comparison.points([left.value], 1), None)
        if right.node is None or point is None:
            return
        slip = find_slip(left.value, right.node, right.typed, point, self.meaning)
        if slip is not None:
            verdict.slip = slip.kind
            verdict.failing = span(right.tokens if slip.at is None else term_at(right.tokens, slip.at))
            verdict.correction = in_latex(slip.repaired, self.meaning)

    def implication(self, chain: Chain, at: int, left: Side, right: Side) -> None:
        """What an arrow leads to: true as it stands, or where the condition before the arrow holds."""
        found = self.comparison.equal(left.value, right.value)
        if found.status == "wrong" and self.follows(left, right):
            found = Found("proved", "it follows from the condition before")
        elif found.status == "wrong" and not self.premises and not self.facts:
            found = replace(found, reason="it does not follow: nothing was set before")
        self.record(chain, at, left, right, "implies", found.status, found.reason)
        verdict = self.verdicts[-1]
        if found.status == "wrong":
            verdict.counterexample = self.comparison.counterexample(left.value, right.value, found.point)
            self.explain(verdict, left, right, found.point)
            return
        name = self.solved_name(left)
        if name is not None:
            axes = left.value.axes
            places = dict(zip(right.value.axes, axes, strict=False))
            self.facts[name] = Equation(name, axes, substitute(right.value.value, places))

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
        compare = self.comparison
        known = dict(self.facts)
        name = self.solved_name(left)
        if compare.equal(compare.with_facts(left.value, known), compare.with_facts(right.value, known)).right:
            return True
        fits = len(right.value.axes) in (0, len(left.value.axes))
        if name is not None and fits and name not in names_in(compare.opened(right.value)):
            known[name] = Equation(name, right.value.axes or left.value.axes, right.value.value)
            for first, second in self.premises:
                if compare.equal(compare.with_facts(first, known), compare.with_facts(second, known)).right:
                    return True
        return compare.is_combination(self.premises, (left.value, right.value))

    def approximate(self, chain: Chain, at: int, left: Side, right: Side) -> None:
        """A rounded number: right to the digits that are written."""
        text = right.text.replace(" ", "").lstrip("-")
        decimals = len(text.partition(".")[2]) if text.replace(".", "", 1).isdigit() else None
        found = self.comparison.rounded(left.value, right.value, decimals)
        self.record(chain, at, left, right, "approx", found.status, found.reason)
        if found.status == "wrong":
            self.verdicts[-1].correction = in_latex(left.value, self.meaning)

    def inequality(self, chain: Chain, at: int, left: Side, right: Side, relation: str) -> None:
        """A relation of order: confirmed where it holds at every point."""
        found = self.comparison.ordered(left.value, right.value, relation)
        self.record(chain, at, left, right, "ineq", found.status, found.reason)
        if found.point is not None:
            self.verdicts[-1].counterexample = in_words(found.point)

    # ------------------------------------------------ records

    def record(self, chain: Chain, at: int, left: Side, right: Side, kind: str, status: str, reason: str) -> None:
        shown = tuple(self.told(side) for side in (left, right))
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

    def told(self, side: Side) -> str:
        """What was understood, in normal notation."""
        if side.typed is None:
            return side.text
        if side.typed not in self.shown:
            self.shown[side.typed] = in_normal_notation(side.typed, self.meaning)
        return self.shown[side.typed] or side.text


# ---------------------------------------------------------------- small things


def span(tokens: Sequence[Token]) -> tuple[int, int]:
    """Where tokens begin and end in the text."""
    return (tokens[0].at, tokens[-1].at + len(tokens[-1].text)) if tokens else (-1, -1)


def term_at(tokens: Sequence[Token], at: int) -> list[Token]:
    """The term that holds a place in the text, in the innermost brackets around it."""
    terms: list[list[Token]] = [[]]
    for token in tokens:
        depth = DEPTH.get(token.text, 0)
        ends = depth < 0 < len(terms) - 1
        if ends or (terms[-1] and token.text in ("+", "-")):
            term = terms.pop()
            if term and term[0].at <= at < token.at:
                return term
            if not ends:
                terms.append([])
        terms[-1].append(token)
        if depth > 0:
            terms.append([])
    return terms[-1]


def _alike(pair: tuple[Expr, Expr], other: tuple[Expr, Expr]) -> bool:
    return all(expand(a - b) == 0 for a, b in zip(pair, other, strict=True))
