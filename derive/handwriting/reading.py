"""A formula in LaTeX as a tree, by recursive descent, with the place of every node.

What a letter means depends on what is declared: `f(x)` is an application where f is a function and a product where it
is a number, `W_1` is a name where that is declared and an entry where W is. The reader asks `Known` for that and for
nothing else; shapes are none of its business.

A sum reaches over the products to its right, and over further terms that mention its index.

The descent has a class for each level, from the tokens up: symbols, brackets, differentials, applications, and here the
sums, products and factors that all of them are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sympy import Rational, S

from derive.handwriting.applications import FOLDS, FUNCTIONS, Applications
from derive.handwriting.names import TEXTUAL
from derive.handwriting.tokens import BAR
from derive.handwriting.tree import Applied, Beside, Entry, Folded, Node, below
from derive.notation.tree import Binary, Call, Name, Number, Subscript, Transpose, Unary


class Reader(Applications):
    """Recursive descent over the tokens of one side of a relation."""

    # ------------------------------------------------ sums and products

    def sum(self) -> Node:
        """Terms with signs between them."""
        self.depth += 1
        self.check_depth()
        place = self.place
        total = self.signed()
        while self.token in ("+", "-", r"\pm"):
            place, sign = self.place, self.take()
            if sign == r"\pm":
                raise self.wrong("a formula with two signs is two formulas; write one", place)
            total = self.added(total, sign, self.product(), place)
        self.depth -= 1
        return total

    def signed(self) -> Node:
        place = self.place
        if self.accept("-"):
            return Unary("-", self.product(), place)
        self.accept("+")
        return self.product()

    def added(self, total: Node, sign: str, term: Node, place: int) -> Node:
        """A term added: to the sum at the end of what stands before it, where it mentions that sum's index."""
        reached = _open_sum(total)
        if reached is not None and reached.index in _loose(term):
            return _with_open_sum(total, replace(reached, body=Binary(sign, reached.body, term, place)))
        return Binary(sign, total, term, place)

    def product(self) -> Node:
        """Factors side by side."""
        place = self.place
        result = self.factor()
        while True:
            place = self.place
            if self.accept(r"\cdot", r"\times", "*", r"\ast"):
                result = Beside(result, self.signed_factor(), True, at=place)
            elif self.accept(r"\odot", r"\circ"):
                result = Binary("*", result, self.factor(), place)
            elif self.accept("/", r"\div"):
                result = Binary("/", result, self.factor(), place)
            elif self.accept(r"\otimes"):
                result = Call("kron", (result, self.factor()), (), place)
            elif self.begins_factor():
                result = Beside(result, self.factor(), False, at=place)
            else:
                return result

    def signed_factor(self) -> Node:
        place = self.place
        return Unary("-", self.factor(), place) if self.accept("-") else self.factor()

    # ------------------------------------------------ factors

    def factor(self) -> Node:
        """An atom with its powers, transposes, primes and indices."""
        place = self.place
        node = self.atom()
        while True:
            if self.token == "^":
                node = self.raised(node)
            elif self.token == "'":
                self.take()
                node = Applied("transposed", (node,), 0, at=place)
            elif self.token == "_" and not isinstance(node, Name | Number | Subscript):
                self.take()
                node = Entry(node, self.positions(self.group()), at=place)
            elif self.token == BAR:
                node = self.at_bar(node)
            elif self.token == "!":
                self.take()
                node = Call("gamma", (Binary("+", node, Number(S.One), place),), (), place)
            else:
                return node

    def raised(self, base: Node) -> Node:
        """What stands above: a transpose, an inverse, or a power."""
        place = self.place
        self.expect("^")
        above = self.group()
        texts = [token.text for token in above]
        name = base.name if isinstance(base, Name) else ""
        if texts in (["T"], [r"\top"], [r"\intercal"], [r"\mathsf", "{", "T", "}"], [r"\prime"]) and not (
            texts == ["T"] and "T" in self.known.values and self.known.ranks.get(name, 0) == 0 and name
        ):
            return Transpose(base, place)
        if texts == ["-", "1"]:
            return Call("inverse", (base,), (), place)
        if texts in (["-", "T"], ["-", r"\top"]):
            return Transpose(Call("inverse", (base,), (), place), place)
        if texts[:1] in ([r"\odot"], [r"\circ"]):
            return Applied("entrywise_power", (base, self.inside(above[1:])), 0, at=place)
        return Binary("**", base, self.inside(above), place)

    def atom(self) -> Node:
        token, place = self.token, self.place
        if not token:
            raise self.wrong("the formula ends here, but something is missing")
        if token[0].isdigit():
            self.take()
            number = Number(Rational(token), place)
            if self.accept(r"\%"):
                return Binary("/", number, Number(Rational(100), place), place)
            return number
        if token == "{":
            return self.braces()
        if token in ("(", "["):
            return self.bracket(token)
        if token == r"\{":
            return self.bracket(token)
        if token in ("|", r"\lvert", r"\vert"):
            return self.between(token, {"|": "|", r"\lvert": r"\rvert", r"\vert": r"\vert"}[token], "abs")
        if token in (r"\|", r"\lVert", r"\Vert"):
            return self.norm(token)
        if token == r"\langle":
            return self.inner_product()
        if token == r"\left.":
            return self.before_bar()
        if token == r"\lfloor":
            return self.between(token, r"\rfloor", "floor")
        handler = self.command(token)
        if handler is not None:
            return handler()
        if token in (r"\ldots", r"\dots", r"\cdots", r"\vdots"):
            raise self.wrong("an ellipsis leaves open what is meant; write the sum or the entries out")
        return self.symbol()

    def command(self, token: str) -> Callable[[], Node] | None:
        table: dict[str, Callable[[], Node]] = {
            r"\frac": self.fraction, r"\dfrac": self.fraction, r"\tfrac": self.fraction, r"\nabla": self.nabla,
            r"\partial": self.partial_sign, r"\begin": self.environment, r"\binom": self.binomial,
            r"\mathbb": self.blackboard, r"\sqrt": self.root, r"\infty": self.infinite, r"\lim": self.limit,
            r"\int": self.limit, r"\arg": self.extremal, r"\argmin": self.extremal, r"\argmax": self.extremal,
        }  # fmt: skip
        if token in FOLDS:
            return self.fold
        if token in table:
            return table[token]
        if token in FUNCTIONS and token != r"\sqrt":
            return self.function
        if token in TEXTUAL:
            return self.word
        if token == "e" and "e" not in self.known.names:
            following = self.tokens[self.at + 1].text if self.at + 1 < len(self.tokens) else ""
            if "e" in self.bound and following == "^":
                raise self.wrong("e counts the terms of a sum here; write \\exp, or count with another letter")
            return None if "e" in self.bound else self.exponential
        return None

    def infinite(self) -> Node:
        raise self.wrong("infinity is not a number here; write a finite formula")

    def limit(self) -> Node:
        raise self.wrong(f"{self.token} is not read; limits and integrals have no finite form here")

    def exponential(self) -> Node:
        place = self.place
        self.take()
        if self.accept("^"):
            return Call("exp", (self.inside(self.group()),), (), place)
        return Call("exp", (Number(S.One),), (), place)


# ---------------------------------------------------------------- sums that reach on


def _open_sum(node: Node) -> Folded | None:
    """The sum at the very end of a formula, which more terms may belong to."""
    while True:
        if isinstance(node, Folded):
            inner = _open_sum(node.body)
            return inner or node
        if (isinstance(node, Binary) and node.op in "+-*") or isinstance(node, Beside):
            node = node.right
        elif isinstance(node, Unary):
            node = node.arg
        else:
            return None


def _with_open_sum(node: Node, new: Folded) -> Node:
    """The formula with the sum at its end replaced."""
    if isinstance(node, Folded):
        return replace(node, body=_with_open_sum(node.body, new)) if _open_sum(node.body) is not None else new
    if isinstance(node, Unary):
        return replace(node, arg=_with_open_sum(node.arg, new))
    assert isinstance(node, Binary | Beside)
    return replace(node, right=_with_open_sum(node.right, new))


def _loose(node: Node) -> set[str]:
    """The names in positions that no sum inside binds."""
    bound = {part.index for part in below(node) if isinstance(part, Folded)}
    return {
        name.name
        for part in below(node)
        if isinstance(part, Entry)
        for position in part.positions
        for name in below(position)
        if isinstance(name, Name)
    } - bound
