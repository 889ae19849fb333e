"""What a chain says: every side read and understood under the names known so far, and what it defines.

A symbol is defined by the first equality that mentions it, unless something has used it before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from derive.errors import DeriveError, ParseError
from derive.handwriting.arithmetic import Unsized
from derive.handwriting.document import Chain, Document
from derive.handwriting.meaning import Meaning
from derive.handwriting.reading import Reader
from derive.handwriting.situation import Situation
from derive.handwriting.tokens import Token
from derive.handwriting.tree import Entry, Extremal, Node, below, limits
from derive.notation.text import parse_tree
from derive.notation.tree import Name
from derive.notation.typing import Typed
from derive.program import Array, Equation, free_indices, names_in

TEXT_NOTATION = ("@", "**", ".T")  # a side with one of these is in the notation of programs


@dataclass(frozen=True)
class Side:
    """One side of a relation, as it is written, and what it means."""

    tokens: tuple[Token, ...]
    text: str
    node: Node | None = None
    typed: Typed | None = None
    error: DeriveError | None = None
    explicit: bool = False  # whether its partial derivatives hold fixed what depends on their variables

    @property
    def value(self) -> Typed:
        """What a side means that was understood."""
        assert self.typed is not None, self.text
        return self.typed


@dataclass
class Understanding:
    """Goes through the chains of a document with everything that is known so far."""

    situation: Situation
    document: Document
    facts: dict[str, Equation] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    meaning: Meaning = field(init=False)

    def begin_chain(self) -> None:
        """Start another chain: the letters of the one before may mean something else."""
        self.meaning = Meaning(self.situation.setting, self.document.text)

    def sides(self, chain: Chain) -> Iterator[Side]:
        """The sides of a chain from left to right, each as it is understood."""
        before: Typed | None = None
        for at, tokens in enumerate(chain.sides):
            text = self.written(tokens)
            node = typed = error = None
            try:
                if not tokens:
                    place = chain.signs[min(at, len(chain.signs) - 1)].at
                    raise ParseError("nothing stands on this side of the relation", self.document.text, place)
                node = self.tree(tokens, text)
                if isinstance(node, Extremal):
                    self.side(node.body, None)
                elif not (at == 0 and self.undefined(node, chain)):
                    typed = self.side(node, before)
                    self.keep_matrices()
            except DeriveError as problem:
                error = problem
            yield Side(tuple(tokens), text, node, typed, error)
            before = typed

    def tree(self, tokens: Sequence[Token], text: str) -> Node:
        """What is written on a side, in LaTeX or in the notation of programs."""
        plain = any(sign in text for sign in TEXT_NOTATION)
        node = parse_tree(text) if plain else Reader(tokens, self.situation.known, self.document.text).whole()
        self.situation.setting.limits |= limits(node)
        return node

    def side(self, node: Node, before: Typed | None) -> Typed:
        """What a side means; an identity or a vector of ones alone is as large as the side before it."""
        try:
            return self.meaning.side(node)
        except Unsized:
            if before is None or not before.axes:
                raise
            self.meaning.begin_side()
            return self.meaning.hinted(node, before.axes[0].size)

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
        used |= {n.name for f in setting.functions.values() for n in names_below(f.body)}
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

    def see(self, *sides: Side) -> None:
        """Remember the symbols of some sides: what defines them later defines nothing."""
        self.seen |= {name.name for side in sides if side.node is not None for name in names_below(side.node)}

    def understood_again(self, side: Side) -> Side:
        try:
            assert side.node is not None
            return replace(side, typed=self.meaning.side(side.node))
        except DeriveError as error:
            return replace(side, error=error)


def names_below(node: Any) -> Iterator[Name]:
    """The names in a tree, or in a part of one."""
    return (part for part in below(node) if isinstance(part, Name))
