"""Fractions, derivatives in every notation, and values at a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derive.handwriting.brackets import Brackets
from derive.handwriting.names import flattened, letter, parted
from derive.handwriting.tokens import BAR, Token
from derive.handwriting.tree import Beside, Derived, Entry, Evaluated, Node
from derive.notation.tree import Binary

HIGHEST_ORDER = 4
DIFFERENTIALS = {"d", r"\partial", r"\delta"}


class Differentials(Brackets):
    """Derivatives by their variables, what they hold fixed, and what is put in behind a bar."""

    def fraction(self) -> Node:
        """A fraction, or a derivative in Leibniz's notation."""
        place = self.place
        self.take()
        above, under = self.group(), self.group()
        derivative = self.leibniz(above, under, place)
        if derivative is not None:
            return derivative
        return Binary("/", self.inside(above), self.inside(under), place)

    def leibniz(self, above: list[Token], under: list[Token], place: int) -> Node | None:
        """A derivative, when both lines begin with the same sign for a differential."""
        above, under = _plain_d(above), _plain_d(under)
        if not above or not under or above[0].text not in DIFFERENTIALS or under[0].text != above[0].text:
            return None
        if under[1:2] and under[1].text in ("_", "^"):
            return None
        sign = above[0].text
        order, rest = _order(above[1:])
        variables = self.differentials(under, sign)
        if variables is None or not variables:
            return None
        if sign in ("d", r"\delta") and letter(sign) in self.known.names and not rest and len(under) < 2:
            return None
        if len(variables) != order:
            raise self.wrong(f"the derivative is of order {order} above and {len(variables)} below", place)
        value = self.inside(rest) if rest else self.operand(bracket_alone=True)
        return Derived(value, variables, sign != "d", at=place)

    def operand(self, bracket_alone: bool) -> Node:
        """What a differential operator is applied to: the bracket after it, or the factors beside it on the right."""
        if not self.begins_factor():
            raise self.wrong("nothing stands to the right of this derivative")
        if bracket_alone and self.token in ("(", "[", r"\{"):
            return self.factor()
        result = self.factor()
        while self.begins_factor() and self.token not in (r"\cdot", r"\times", "*", "/", r"\odot", r"\circ"):
            result = Beside(result, self.factor(), False, at=self.place)
        return result

    def differentials(self, under: list[Token], sign: str) -> tuple[Node, ...] | None:
        """The variables below: `\\partial x \\partial y`, `dx^2`."""
        found: list[Node] = []
        reader = type(self)(under, self.known, self.latex)
        while reader.at < len(reader.tokens):
            if not reader.accept(sign):
                return None
            variable = reader.atom()
            while reader.token == "_":
                reader.take()
                variable = Entry(variable, reader.positions(reader.group()), at=reader.place)
            times = 1
            if reader.accept("^"):
                above = reader.group()
                if len(above) == 1 and above[0].text.isdigit():
                    times = int(above[0].text)
                elif [t.text for t in above] in (["T"], [r"\top"]):
                    pass  # the numerator layout; what it changes is told where shapes are compared
                else:
                    return None
            found += [variable] * min(times, 9)
        return tuple(found)

    def derivative_follows(self) -> bool:
        if self.token not in (r"\frac", r"\dfrac", r"\tfrac"):
            return False
        start = self.at
        self.take()
        above, under = _plain_d(self.group()), _plain_d(self.group())
        self.at = start
        return bool(above and under and above[0].text in DIFFERENTIALS and under[0].text == above[0].text)

    def nabla(self) -> Node:
        place = self.place
        self.take()
        order = 1
        if self.accept("^"):
            order = self.order()
        if not self.accept("_"):
            raise self.wrong("a nabla needs the variable below it: \\nabla_w")
        variable = self.inside(self.group())
        if self.accept("^"):
            order = self.order()
        return Derived(self.operand(bracket_alone=False), (variable,) * order, at=place)

    def order(self) -> int:
        """How often a nabla is applied."""
        word = flattened(self.group())
        if not word.isdigit() or not 1 <= int(word) <= HIGHEST_ORDER:
            raise self.wrong("above a nabla stands how often it is applied, such as 2")
        return int(word)

    def partial_sign(self) -> Node:
        place = self.place
        self.take()
        if not self.accept("_"):
            raise self.wrong("a partial sign needs its variable: \\partial_{w} or a fraction")
        variable = self.inside(self.group())
        return Derived(self.operand(bracket_alone=True), (variable,), True, at=place)

    def before_bar(self) -> Node:
        """What stands between an invisible bracket and a bar; a bare operator takes what follows the bar."""
        place = self.place
        self.take()
        start, depth = self.at, 0
        while self.at < len(self.tokens):
            token = self.take()
            if token == r"\left.":
                depth += 1
            elif token == BAR:
                if depth == 0:
                    break
                depth -= 1
        else:
            raise self.wrong("the bar that belongs to this invisible bracket is missing", place)
        inner = self.tokens[start : self.at - 1]
        if not _is_operator(inner):
            self.at -= 1
            return self.inside(inner)
        if not self.accept("_"):
            raise self.wrong("what is held fixed stands below the bar")
        held = tuple(self.symbol_name(part) for part in parted(self.group()))
        self.tokens[: self.at] = inner
        self.at = 0
        derivative = self.fraction()
        if not isinstance(derivative, Derived):
            raise self.wrong("only a derivative holds something fixed", place)
        return replace(derivative, held=held)

    def at_bar(self, value: Node) -> Node:
        """A value at a point, `|_{w = 0}`; or a derivative that holds names fixed, `|_{u}`."""
        place = self.place
        self.expect(BAR)
        if not self.accept("_"):
            raise self.wrong("below this bar stands what is put in, such as w = 0")
        names: list[Node] = []
        values: list[Node] = []
        held: list[str] = []
        for part in parted(self.group()):
            marks = [at for at, token in enumerate(part) if token.text == "="]
            if marks:
                names.append(self.inside(part[: marks[0]]))
                values.append(self.inside(part[marks[0] + 1 :]))
            else:
                held.append(self.symbol_name(part))
        if held and (names or not isinstance(value, Derived)):
            raise self.wrong("below this bar stands what is put in, such as w = 0", place)
        if isinstance(value, Derived) and held:
            return replace(value, held=tuple(held))
        return Evaluated(value, tuple(names), tuple(values), at=place)


def _plain_d(tokens: list[Token]) -> list[Token]:
    """Tokens with an upright d as a plain one."""
    if (
        len(tokens) >= 4
        and tokens[0].text in (r"\mathrm", r"\text")
        and [t.text for t in tokens[1:4]] == ["{", "d", "}"]
    ):
        return _plain_d([Token("d", tokens[0].at), *tokens[4:]])
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        if tokens[at].text == r"\mathrm" and [t.text for t in tokens[at + 1 : at + 4]] == ["{", "d", "}"]:
            found.append(Token("d", tokens[at].at))
            at += 4
        else:
            found.append(tokens[at])
            at += 1
    return found


def _order(tokens: list[Token]) -> tuple[int, list[Token]]:
    """The order of a derivative above the bar, and what is differentiated."""
    if tokens and tokens[0].text == "^":
        if len(tokens) > 1 and tokens[1].text.isdigit():
            return int(tokens[1].text[:1]), tokens[2:]
        if len(tokens) > 3 and tokens[1].text == "{" and tokens[2].text.isdigit():
            return int(tokens[2].text[:1]), tokens[4:]
    return 1, tokens


def _is_operator(tokens: Sequence[Token]) -> bool:
    """Whether this is a derivative that nothing is put under yet: `\\frac{\\partial}{\\partial x}`."""
    texts = [token.text for token in tokens]
    return texts[:1] in ([r"\frac"], [r"\dfrac"], [r"\tfrac"]) and texts[1:4] == ["{", r"\partial", "}"]
