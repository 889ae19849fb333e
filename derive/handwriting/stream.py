"""The tokens of one formula and the place the reader has come to; what all levels of the descent share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from derive.errors import ParseError
from derive.handwriting.names import DEPTH, Known
from derive.handwriting.relations import RELATIONS
from derive.handwriting.tokens import BAR, Token
from derive.handwriting.tree import Applied, Node

NO_FACTOR = {
    "+", "-", ")", "]", "}", r"\}", ",", ";", ":", "&", r"\\", r"\end", r"\mid", r"\pm", r"\mp", r"\rfloor",
    "^", "_", r"\rangle", r"\to", r"\in", BAR,
}  # fmt: skip
DEEPEST = 60


class Stream(ABC):
    """Tokens that are taken one after the other, and groups of them that are read by themselves."""

    def __init__(self, tokens: Sequence[Token], known: Known, latex: str, bound: frozenset[str] = frozenset()) -> None:
        self.tokens, self.known, self.latex = list(tokens), known, latex
        self.bound = bound  # the letters that sums around here count with
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> str:
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    @property
    def place(self) -> int:
        if self.at < len(self.tokens):
            return self.tokens[self.at].at
        return self.tokens[-1].at + len(self.tokens[-1].text) if self.tokens else 0

    def wrong(self, problem: str, at: int | None = None) -> ParseError:
        return ParseError(problem, self.latex, self.place if at is None else at)

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise self.wrong("the formula ends here, but something is missing")
        self.at += 1
        return self.tokens[self.at - 1].text

    def accept(self, *texts: str) -> bool:
        if self.token in texts and self.token:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if self.token != text:
            shown = repr(self.token) if self.token else "the end"
            raise self.wrong(f"expected {text!r} here, found {shown}")
        self.at += 1

    def group(self) -> list[Token]:
        """The tokens of a group in braces, or one token."""
        if not self.accept("{"):
            text, at = self.take(), self.tokens[self.at - 1].at
            if text.isdigit() and len(text) > 1:  # without braces, TeX takes one digit
                self.tokens[self.at - 1 : self.at] = [Token(text[0], at), Token(text[1:], at + 1)]
            return [self.tokens[self.at - 1]]
        start, depth = self.at, 1
        while depth:
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token, 0)
        return self.tokens[start : self.at - 1]

    def until(self, closing: str, place: int) -> list[Token]:
        """The tokens up to the bracket that closes; brackets inside are balanced."""
        start, depth = self.at, 0
        openings = {")": "(", "]": "[", r"\}": r"\{", r"\rangle": r"\langle"}
        while self.at < len(self.tokens):
            token = self.take()
            if token == closing and depth == 0:
                return self.tokens[start : self.at - 1]
            if token == openings.get(closing):
                depth += 1
            elif token == closing:
                depth -= 1
        raise self.wrong("this bracket is not closed", place)

    # ------------------------------------------------ what the levels of the descent ask of one another

    @abstractmethod
    def sum(self) -> Node:
        """Terms with signs between them."""

    @abstractmethod
    def product(self) -> Node:
        """Factors side by side."""

    @abstractmethod
    def factor(self) -> Node:
        """An atom with its powers, transposes, primes and indices."""

    @abstractmethod
    def atom(self) -> Node:
        """A number, a symbol, or what brackets or a command hold together."""

    def inside(self, tokens: Sequence[Token], counting: frozenset[str] = frozenset()) -> Node:
        """The tree of a group, in which some more letters count."""
        inner = type(self)(tokens, self.known, self.latex, self.bound | counting)
        inner.depth = self.depth + 1
        inner.check_depth()
        if not tokens:
            raise self.wrong("nothing stands in these braces")
        return inner.whole()

    def check_depth(self) -> None:
        if self.depth > DEEPEST:
            raise self.wrong("the formula is nested too deeply")

    def whole(self) -> Node:
        """Everything there is."""
        tree = self.sum()
        if self.at < len(self.tokens):
            raise self.wrong(f"{self.token!r} is not expected here")
        return tree

    def begins_factor(self) -> bool:
        token = self.token
        return bool(token) and token not in NO_FACTOR and token not in RELATIONS

    def arguments(self) -> tuple[Node, ...]:
        """Arguments in brackets, separated by commas, semicolons or bars."""
        opening, place = self.token, self.place
        self.take()
        inner = self.until({"(": ")", "[": "]", r"\{": r"\}"}[opening], place)
        separators = {",", ";", r"\mid"} | {bar for bar in ("|", r"\|") if not _paired(inner, bar)}
        pieces: list[list[Token]] = [[]]
        depth = 0
        for token in inner:
            depth += DEPTH.get(token.text, 0)
            if depth == 0 and token.text in separators:
                pieces.append([])
            else:
                pieces[-1].append(token)
        return tuple(self.inside(piece) for piece in pieces)

    def applied(self, name: str, place: int, primes: int = 0) -> Node:
        return Applied(name, self.arguments(), primes, at=place)


def _paired(tokens: Sequence[Token], bar: str) -> bool:
    return sum(token.text == bar for token in tokens) % 2 == 0
