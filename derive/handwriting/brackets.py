"""What holds a formula together: brackets, bars, norms, inner products, cases, and statements in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from derive.handwriting.names import DEPTH, TEXTUAL, flattened, parted
from derive.handwriting.relations import COMPARISONS, RELATIONS, relations
from derive.handwriting.symbols import Symbols
from derive.handwriting.tokens import Token
from derive.handwriting.tree import Applied, Beside, Choice, Node, Truth, below
from derive.notation.tree import Binary, Call

UPRIGHT = {r"\operatorname", r"\operatorname*", r"\mathrm"}
CONNECTIVES = {"if", "for", "when", "where", "otherwise", "else"}


class Brackets(Symbols):
    """Groups, and statements that count as the number 1 or 0."""

    def braces(self) -> Node:
        """A group: it may hold an old-style fraction."""
        inner = self.group()
        depth = 0
        for at, token in enumerate(inner):
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            if token.text == r"\over" and depth == 0:
                above, under = self.inside(inner[:at]), self.inside(inner[at + 1 :])
                return Binary("/", above, under, token.at)
        return self.inside(inner)

    def bracket(self, opening: str) -> Node:
        closing = {"(": ")", "[": "]", r"\{": r"\}"}[opening]
        place = self.place
        self.take()
        inner = self.until(closing, place)
        truth = self.statement(inner) if opening == "[" else None
        return truth if truth is not None else self.inside(inner)

    def statement(self, inner: Sequence[Token]) -> Node | None:
        """Relations between formulas as the number 1 or 0: `x > 0`, `0 < x \\le 1`."""
        marks = list(relations(inner))
        sides = [inner[a + 1 : b] for a, b in pairwise((-1, *marks, len(inner)))]
        found: Node | None = None
        for at, (left, right) in zip(marks, pairwise(sides), strict=True):
            sign = COMPARISONS[RELATIONS[inner[at].text]]
            truth = Truth(sign, self.inside(left), self.inside(right), at=inner[at].at)
            found = truth if found is None else Beside(found, truth, at=inner[at].at)
        return found

    def between(self, opening: str, closing: str, function: str) -> Node:
        place = self.place
        self.take()
        start = self.at
        depth = 0
        while self.at < len(self.tokens):
            token = self.take()
            depth += DEPTH.get(token, 0)
            if token == closing and depth == 0:
                return Call(function, (self.inside(self.tokens[start : self.at - 1]),), (), place)
        raise self.wrong(f"{opening!r} is not closed", place)

    def inner_product(self) -> Node:
        place = self.place
        self.take()
        pieces = parted(self.until(r"\rangle", place))
        if len(pieces) != 2:
            raise self.wrong("an inner product has two sides: \\langle x, y \\rangle", place)
        return Beside(self.inside(pieces[0]), self.inside(pieces[1]), True, at=place)

    def norm(self, opening: str) -> Node:
        place = self.place
        closing = {r"\|": r"\|", r"\lVert": r"\rVert", r"\Vert": r"\Vert"}[opening]
        inner = self.between(opening, closing, "norm")
        assert isinstance(inner, Call)
        kind = "2"
        if self.accept("_"):
            kind = flattened(self.group()) or "2"
        return Applied(f"norm_{kind}", inner.args, 0, at=place)

    def environment(self) -> Node:
        place = self.place
        self.take()
        kind = flattened(self.group())
        if kind not in ("cases", "dcases"):
            raise self.wrong(f"the environment {kind!r} is not read here", place)
        rows: list[list[list[Token]]] = [[[]]]
        depth = 0
        while True:
            token = self.take()
            if token == r"\end" and depth == 0:
                self.group()
                break
            depth += {"{": 1, r"\begin": 1, "}": -1, r"\end": -1}.get(token, 0)
            if token == "&" and depth == 0:
                rows[-1].append([])
            elif token == r"\\" and depth == 0:
                rows.append([[]])
            else:
                rows[-1][-1].append(self.tokens[self.at - 1])
        branches = []
        for cells in rows:
            if not cells[0]:
                continue
            condition = _without_words(cells[1]) if len(cells) > 1 else []
            value = self.inside(_without_comma(cells[0]))
            branches.append((value, self.condition(condition) if condition else None))
        return Choice(tuple(branches), at=place)

    def condition(self, inner: Sequence[Token]) -> Node:
        inner = _without_comma(list(inner))
        truth = self.statement(inner)
        if truth is None and inner and inner[0].text in ("[", "("):
            node = self.inside(inner)
            truth = node if any(isinstance(part, Truth) for part in below(node)) else None
        if truth is None:
            raise self.wrong("a condition compares two formulas", inner[0].at if inner else None)
        return truth


def _without_words(tokens: Sequence[Token]) -> list[Token]:
    """A condition without `\\text{if}` and the like; empty for `otherwise`. What is set upright may be a name."""
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        stop = next((k for k in range(at, len(tokens)) if tokens[k].text == "}"), len(tokens))
        word = "".join(token.text for token in tokens[at + 2 : stop])
        if tokens[at].text in TEXTUAL and (tokens[at].text not in UPRIGHT or word in CONNECTIVES):
            at = stop + 1
        else:
            found.append(tokens[at])
            at += 1
    return found


def _without_comma(tokens: list[Token]) -> list[Token]:
    while tokens and tokens[-1].text in (",", ".", ";"):
        tokens = tokens[:-1]
    return tokens
