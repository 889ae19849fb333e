"""Symbols with what decorates them: what is part of a name, what is an index, what is an argument.

What a letter means depends on what is declared, which `Known` tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.handwriting.names import ACCENTS, FONTS, SCRIPTS, flattened, joined, letter, parted
from derive.handwriting.stream import Stream
from derive.handwriting.tokens import Token
from derive.handwriting.tree import Applied, Entry, Node
from derive.notation.tree import Call, Name, Transpose

SPECIAL = {
    "sigma": "sigmoid", "Phi": "normal_cdf", "Gamma": "gamma", "psi": "digamma", "varphi": "normal_pdf",
    "psi1": "trigamma", "psi2": "tetragamma", "psi3": "pentagamma", "psi4": "hexagamma",
}  # fmt: skip
ONES = (r"\mathbf", r"\boldsymbol", r"\bm", r"\vec")
LONGEST_POSITION = 4


class Symbols(Stream):
    """Names, entries and applications of functions that were declared."""

    def symbol(self) -> Node:
        """A letter with what decorates it, and then what the declared names make of it."""
        place = self.place
        if self.token in ONES:
            start = self.at
            self.take()
            if [token.text for token in self.group()] == ["1"]:
                return Applied("ones", (), 0, at=place)
            self.at = start
        stem = self.stem()
        return self.finished(stem, place)

    def stem(self) -> str:
        token = self.take()
        if token in FONTS:
            return self.stem_of(self.group())
        if token in ACCENTS:
            return self.stem_of(self.group()) + ACCENTS[token]
        if token in SCRIPTS:
            return self.stem_of(self.group()) + SCRIPTS[token]
        name = letter(token)
        if name is None:
            self.at -= 1
            raise self.wrong(f"{token!r} is not read here")
        return name

    def stem_of(self, tokens: list[Token]) -> str:
        inner = type(self)(tokens, self.known, self.latex)
        name = inner.stem()
        if inner.at < len(tokens):
            rest = flattened(tokens[inner.at :])
            return name + rest if rest.isalnum() and len(tokens) <= 12 else name
        return name

    def finished(self, stem: str, place: int) -> Node:
        """A symbol with its index, superscript in brackets, primes and arguments, as far as declarations say."""
        node_name = stem
        positions: tuple[Node, ...] = ()
        start = self.at
        while True:
            if self.token == "_" and not positions:
                self.take()
                node_name, positions = self.indexed(node_name, self.group())
            elif self.token == "^" and self.decorates():
                self.take()
                tokens = self.group()
                inner = [t for t in tokens if t.text not in "()[]{}"]
                flat = flattened(inner)
                whole = joined(node_name, flat)
                if (
                    whole in self.known.names
                    or flat in ("star",)
                    or (flat.isdigit() and node_name not in self.known.names)
                ):
                    node_name = whole
                else:
                    positions = (*self.positions(inner), *positions)
            elif self.token == "(" and f"{node_name}" in self.known.values and self.call_of_value(node_name):
                self.arguments()
            else:
                break
        primes = 0
        while self.token == "'" or (
            self.token == "^" and [t.text for t in self.tokens[self.at + 1 : self.at + 2]] == [r"\prime"]
        ):
            primes += 1
            self.take()
            if self.tokens[self.at - 1].text == "^":
                self.take()
        is_function = node_name in self.known.functions
        if primes == 1 and self.known.ranks.get(node_name) and not is_function and not positions:
            return Transpose(Name(node_name, place), place)
        special = bool(primes)
        if node_name in SPECIAL and node_name not in self.known.names and (primes or self.token in ("(", "[", r"\{")):
            node_name, special = SPECIAL[node_name], True
        if is_function or special or (node_name == "P" and self.token == "(" and "P" not in self.known.names):
            if self.token in ("(", "[", r"\{"):
                if node_name == "P" and not is_function:
                    return self.probability(place)
                if node_name == "Ncal":
                    return self.applied("normal_density", place)
                if node_name.startswith("D_KL"):
                    return self.divergence(place)
                return Applied(node_name, self.arguments(), primes, at=place)
            if primes:
                return Applied(node_name, (), primes, at=place)
        if node_name == "Ncal" and self.token == "(":
            return self.applied("normal_density", place)
        if node_name.startswith("D_KL") and self.token == "(":
            return self.divergence(place)
        if node_name == "delta" and len(positions) == 2 and not self.known.ranks.get("delta"):
            return Call("delta", positions, (), place)
        if node_name == "I" and "I" not in self.known.names:
            return Applied("eye", (), 0, at=place)
        if node_name == "Ical" and "Ical" not in self.known.names:
            raise self.wrong("\\mathcal{I} is not declared", place)
        if not positions and self.at == start and stem == "E" and self.token == "[" and "E" not in self.known.names:
            raise self.wrong("say over what the mean is taken: \\mathbb{E}_{x \\sim p}[…]", place)
        name = Name(node_name, place)
        return Entry(name, positions, at=place) if positions else name

    def indexed(self, stem: str, tokens: list[Token]) -> tuple[str, tuple[Node, ...]]:
        """What is below a symbol: part of its name, its positions, or first the one and then the other."""
        pieces = parted(tokens)
        for count in range(len(pieces), 0, -1):
            whole = joined(stem, "_".join(flattened(piece) for piece in pieces[:count]))
            if whole in self.known.names:
                rest = [token for piece in pieces[count:] for token in (Token(",", 0), *piece)][1:]
                return whole, self.positions(rest) if rest else ()
        own = self.known.ranks.get(stem)
        if stem == "delta" and own == 0 and len(pieces) > 1:
            return self.below_delta(tokens, pieces)
        if own is not None and len(pieces) > 1 and len(self.pieces(tokens)) != own and flattened(pieces[0]).isdigit():
            rest = [token for piece in pieces[1:] for token in (Token(",", 0), *piece)][1:]
            return joined(stem, flattened(pieces[0])), self.positions(rest)
        if stem in self.known.names or self.is_index(tokens) or (stem == "delta" and self.is_kronecker(tokens)):
            return stem, self.positions(tokens)
        while len(pieces) > 1 and self.is_index(pieces[-1]):
            *pieces, last = pieces
            if not self.is_index(pieces[-1]):
                return joined(stem, "_".join(map(flattened, pieces))), self.positions(last)
        return joined(stem, flattened(tokens)), ()

    def below_delta(self, tokens: list[Token], pieces: list[list[Token]]) -> tuple[str, tuple[Node, ...]]:
        """What is below a delta that is a number by itself: two positions, or a name and positions."""
        if self.is_kronecker(tokens):
            return "delta", self.positions(tokens)
        cut = max(1, next((at for at, piece in enumerate(pieces) if self.is_index(piece)), len(pieces)))
        rest = [token for piece in pieces[cut:] for token in (Token(",", 0), *piece)][1:]
        return joined("delta", "_".join(map(flattened, pieces[:cut]))), self.positions(rest) if rest else ()

    def is_kronecker(self, tokens: list[Token]) -> bool:
        """Whether two positions stand below a delta, and not the name of what it is the derivative by."""
        pieces = self.pieces(tokens)
        values = self.known.values - self.known.sizes - self.bound
        return len(pieces) == 2 and flattened(pieces[0]) not in values

    def pieces(self, tokens: Sequence[Token]) -> list[list[Token]]:
        """The positions that stand below: `ij` are two, `i,j` too, `i+1` is one."""
        found = parted(list(tokens))
        if len(found) == 1 and len(found[0]) > 1 and all(letter(t.text) or t.text.isdigit() for t in found[0]):
            return [[token] for token in found[0]]
        return found

    def call_of_value(self, name: str) -> bool:
        """Whether brackets after a value tell what it depends on, as in `J(w)`: then nothing else stands in them."""
        depends = self.known.depends.get(name)
        if not depends:
            return False
        start = self.at
        self.take()
        inner = self.until(")", self.place)
        self.at = start
        return flattened([t for t in inner if t.text != ","]) == depends

    def decorates(self) -> bool:
        """Whether what stands above a symbol is part of its name or an index: `(i)`, `[2]`, `*`."""
        texts = [token.text for token in self.tokens[self.at + 1 : self.at + 8]]
        if texts[:1] == ["*"] or texts[:2] == ["{", "*"]:
            return True
        return texts[:2] in (["{", "("], ["{", "["]) and self.closes_at_once(texts)

    def closes_at_once(self, texts: list[str]) -> bool:
        closing = {"(": ")", "[": "]"}[texts[1]]
        return closing in texts and texts.index(closing) + 1 < len(texts) and texts[texts.index(closing) + 1] == "}"

    def is_index(self, tokens: Sequence[Token]) -> bool:
        """Whether what stands below an undeclared symbol counts: known indices, or letters that count elsewhere."""
        names = [letter(t.text) for t in tokens if t.text not in ",{}"]
        if any(n is None or n[:1].isupper() or n in self.known.values - self.known.sizes for n in names):
            return False
        return 0 < len(names) <= LONGEST_POSITION

    def positions(self, tokens: Sequence[Token]) -> tuple[Node, ...]:
        """What is below: `ij` are two positions, `i,j` too, `i+1` is one, `y_i` is one."""
        return tuple(self.one_position(piece) for piece in self.pieces(tokens))

    def one_position(self, piece: Sequence[Token]) -> Node:
        name = letter(piece[0].text) if len(piece) == 1 else None
        return self.inside(piece, frozenset("e")) if name is None else Name(name, piece[0].at)

    def symbol_name(self, tokens: Sequence[Token]) -> str:
        node = type(self)(tokens, self.known, self.latex).atom()
        if not isinstance(node, Name):
            raise self.wrong("a name was expected", tokens[0].at if tokens else None)
        return node.name

    def probability(self, place: int) -> Node:
        """`P(A \\mid B)` as one quantity, by the way it is written."""
        start = self.at
        self.take()
        inner = self.until(")", place)
        words = "_".join(flattened([t]) or "given" for t in inner if t.text != ",")
        name = "P_" + words.replace("mid", "given")
        if self.at <= start:
            raise self.wrong("this bracket is not closed", place)
        return Name(name, place)

    def divergence(self, place: int) -> Node:
        """`D_{KL}(p \\| q)` between two densities."""
        self.take()
        inner = self.until(")", place)
        texts = [t.text for t in inner]
        cut = next((at for at, text in enumerate(texts) if text in (r"\|", "|", ",", r"\parallel", r"\mid")), None)
        if cut is None:
            raise self.wrong("a divergence is between two densities: D_{KL}(p \\| q)", place)
        rest = inner[cut + 1 :]
        if rest and rest[0].text == "|":
            rest = rest[1:]
        names = [self.symbol_name(part) for part in (inner[:cut], rest)]
        return Applied("divergence", tuple(Name(name, place) for name in names), 0, at=place)
