"""A formula in LaTeX as a tree, by recursive descent, with the place of every node.

What a letter means depends on what is declared: `f(x)` is an application where f is a function and a product where it
is a number, `W_1` is a name where that is declared and an entry where W is. The reader asks `Known` for that and for
nothing else; shapes are none of its business.

A sum reaches over the products to its right, and over further terms that mention its index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from sympy import Rational, S

from derive.errors import ParseError
from derive.handwriting.names import ACCENTS, DEPTH, FONTS, SCRIPTS, flattened, joined, letter, parted
from derive.handwriting.tokens import BAR, Token
from derive.handwriting.tree import (
    Applied,
    Beside,
    Choice,
    Derived,
    Entry,
    Evaluated,
    Expected,
    Folded,
    Node,
    Truth,
    below,
)
from derive.notation.tree import Binary, Call, Name, Number, Subscript, Transpose, Unary

FUNCTIONS = {
    r"\log": "log", r"\ln": "log", r"\exp": "exp", r"\sin": "sin", r"\cos": "cos", r"\tan": "tan", r"\tanh": "tanh",
    r"\sinh": "sinh", r"\cosh": "cosh", r"\arctan": "arctan", r"\det": "det", r"\sqrt": "sqrt", r"\erf": "erf",
}  # fmt: skip
WORDS = {
    "tr": "trace", "Tr": "trace", "trace": "trace", "diag": "diag", "Diag": "diag", "softmax": "softmax", "log": "log",
    "sigmoid": "sigmoid", "relu": "relu", "ReLU": "relu", "sign": "sign", "sgn": "sign", "exp": "exp", "erf": "erf",
    "softplus": "softplus", "tanh": "tanh", "logsumexp": "logsumexp", "det": "det", "ln": "log", "vec": "vec",
    "logit": "logit", "max": "max", "min": "min", "E": "E", "I": "eye", "gelu": "gelu", "logdet": "logdet",
    "erfc": "erfc",
}  # fmt: skip
RELATIONS = {
    "=": "=", r"\approx": "≈", r"\simeq": "≈", "<": "<", ">": ">", r"\le": "≤", r"\leq": "≤", r"\ge": "≥", r"\geq": "≥",
    r"\equiv": "=", r"\lt": "<", r"\gt": ">", r"\neq": "≠", r"\ne": "≠",
}  # fmt: skip
COMPARISONS = {"=": "equal", "<": "less", ">": "greater", "≤": "less_equal", "≥": "greater_equal", "≠": "unequal"}
FOLDS = {r"\sum": "sum", r"\prod": "prod", r"\max": "max", r"\min": "min"}
SPECIAL = {
    "sigma": "sigmoid", "Phi": "normal_cdf", "Gamma": "gamma", "psi": "digamma", "varphi": "normal_pdf",
    "psi1": "trigamma", "psi2": "tetragamma", "psi3": "pentagamma", "psi4": "hexagamma",
}  # fmt: skip
ONES = (r"\mathbf", r"\boldsymbol", r"\bm", r"\vec")
TEXTUAL = {r"\operatorname", r"\operatorname*", r"\mathrm", r"\text", r"\textrm", r"\textit", r"\mbox"}
UPRIGHT = {r"\operatorname", r"\operatorname*", r"\mathrm"}
CONNECTIVES = {"if", "for", "when", "where", "otherwise", "else"}
LONGEST_POSITION = 4
HIGHEST_ORDER = 4
NO_FACTOR = {
    "+", "-", ")", "]", "}", r"\}", ",", ";", ":", "&", r"\\", r"\end", r"\mid", r"\pm", r"\mp", r"\rfloor",
    "^", "_", r"\rangle", r"\to", r"\in", BAR,
}  # fmt: skip
DIFFERENTIALS = {"d", r"\partial", r"\delta"}


@dataclass
class Known:
    """What is declared: names that are values, functions and what they take, indices, and letters in use as sizes."""

    values: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    indices: set[str] = field(default_factory=set)
    ranks: dict[str, int] = field(default_factory=dict)
    depends: dict[str, str] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        """Everything with a name."""
        return self.values | self.functions | self.indices


class Reader:
    """Recursive descent over the tokens of one side of a relation."""

    def __init__(self, tokens: Sequence[Token], known: Known, latex: str, bound: frozenset[str] = frozenset()) -> None:
        self.tokens, self.known, self.latex = list(tokens), known, latex
        self.bound = bound  # the letters that sums around here count with
        self.at = 0
        self.depth = 0

    # ------------------------------------------------ tokens

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

    def inside(self, tokens: Sequence[Token], counting: frozenset[str] = frozenset()) -> Node:
        """The tree of a group, in which some more letters count."""
        inner = Reader(tokens, self.known, self.latex, self.bound | counting)
        inner.depth = self.depth + 1
        if inner.depth > 60:
            raise self.wrong("the formula is nested too deeply")
        if not tokens:
            raise self.wrong("nothing stands in these braces")
        return inner.whole()

    def whole(self) -> Node:
        """Everything there is."""
        tree = self.sum()
        if self.at < len(self.tokens):
            raise self.wrong(f"{self.token!r} is not expected here")
        return tree

    # ------------------------------------------------ sums and products

    def sum(self) -> Node:
        """Terms with signs between them."""
        self.depth += 1
        if self.depth > 60:
            raise self.wrong("the formula is nested too deeply")
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

    def begins_factor(self) -> bool:
        token = self.token
        return bool(token) and token not in NO_FACTOR and token not in RELATIONS

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
            r"\int": self.limit,
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

    # ------------------------------------------------ what is put in, or held fixed

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

    # ------------------------------------------------ fractions and derivatives

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
        reader = Reader(under, self.known, self.latex)
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

    # ------------------------------------------------ sums, functions, expectations

    def fold(self) -> Node:
        """A sum, product or maximum: with limits, a bare index, a condition; or a maximum of arguments."""
        place, kind = self.place, FOLDS[self.take()]
        lower: list[Token] | None = None
        upper: Node | None = None
        while self.token in ("_", "^"):
            if self.take() == "_":
                lower = self.group()
            else:
                upper = self.inside(self.group())
        if lower is None:
            if kind in ("max", "min") and self.token in ("(", r"\{"):
                return self.applied(kind, place)
            if kind == "sum" and self.begins_factor():
                return Applied("total", (self.operand_of_sum(),), 0, at=place)
            raise self.wrong(f"the index of the {kind} is missing")
        names, low, condition = self.limits(lower)
        outer, self.bound = self.bound, self.bound.union(names)
        body = self.operand_of_sum()
        self.bound = outer
        for name in reversed(names):
            body = Folded(kind, body, name, low, upper, condition, at=place)
            condition = None
        return body

    def operand_of_sum(self) -> Node:
        if not self.begins_factor() and self.token != "-":
            raise self.wrong("nothing stands under this sum")
        place = self.place
        if self.accept("-"):
            return Unary("-", self.product(), place)
        return self.product()

    def limits(self, lower: list[Token]) -> tuple[list[str], Node | None, Node | None]:
        """The indices of a sum, where they start, and a condition on them."""
        texts = [token.text for token in lower]
        for at, text in enumerate(texts):
            if text in RELATIONS:
                names = self.index_names(lower[:at])
                right = self.inside(lower[at + 1 :])
                if text == "=":
                    return names, right, None
                sign = COMPARISONS[RELATIONS[text]]
                return names[:1], None, Truth(sign, Name(names[0], lower[0].at), right, at=lower[at].at)
            if text == r"\in":
                raise self.wrong("a sum over a set is not read; give the index its limits", lower[at].at)
        return self.index_names(lower), None, None

    def index_names(self, tokens: Sequence[Token]) -> list[str]:
        names = []
        for token in tokens:
            name = letter(token.text)
            if token.text == ",":
                continue
            if name is None:
                raise self.wrong("an index is a letter", token.at)
            names.append(name)
        if not names:
            raise self.wrong("the index is missing")
        return names

    def function(self) -> Node:
        """A function with a name of LaTeX's own, its power, and its argument with or without brackets."""
        place = self.place
        name = FUNCTIONS[self.take()]
        return self.called(name, place)

    def called(self, name: str, place: int) -> Node:
        primes, power = 0, None
        while self.token in ("'", "^", "_"):
            if self.accept("'"):
                primes += 1
            elif self.accept("_"):
                base = self.inside(self.group())
                argument = self.argument()
                node: Node = Binary(
                    "/", Applied(name, (argument,), 0, at=place), Applied(name, (base,), 0, at=place), place
                )
                return node if power is None else Binary("**", node, power, place)
            else:
                self.take()
                power = self.inside(self.group())
        args = self.arguments() if self.token in ("(", "[", r"\{") else (self.argument(),)
        node = Applied(name, args, primes, at=place)
        return node if power is None else Binary("**", node, power, place)

    def argument(self) -> Node:
        """The argument of a function without brackets: what stands close to it, up to the next function or sign."""
        if self.token in ("(", "[", r"\{"):
            return self.bracket(self.token)
        place = self.place
        if self.token == "-":
            self.take()
            return Unary("-", self.argument(), place)
        if self.token in FOLDS:
            return self.fold()
        result = self.factor()
        while self.begins_factor() and self.token not in FUNCTIONS and self.token not in FOLDS:
            if self.token in (
                "(",
                "[",
                r"\{",
                r"\cdot",
                r"\times",
                "/",
                r"\odot",
                r"\circ",
                r"\nabla",
                "*",
                r"\mathbb",
            ):
                break
            if self.token in TEXTUAL or self.derivative_follows():
                break
            result = Beside(result, self.factor(), False, at=self.place)
        return result

    def derivative_follows(self) -> bool:
        if self.token not in (r"\frac", r"\dfrac", r"\tfrac"):
            return False
        start = self.at
        self.take()
        above, under = _plain_d(self.group()), _plain_d(self.group())
        self.at = start
        return bool(above and under and above[0].text in DIFFERENTIALS and under[0].text == above[0].text)

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

    def word(self) -> Node:
        """`\\operatorname{tr}(…)`, `\\mathrm{softmax}`, or a symbol set upright."""
        place = self.place
        kind = self.take()
        tokens = self.group()
        word = "".join(token.text for token in tokens)
        start = self.at
        if self.accept("_") and word.isidentifier():
            whole, _ = self.indexed(word, self.group())
            self.at = start
            if whole in self.known.names:
                return self.finished(word, place)
        self.at = start
        if word in WORDS and word not in self.known.names and (len(word) > 1 or self.token in ("(", "[", "_", "^")):
            return self.called_word(WORDS[word], place)
        if kind in (r"\mathrm",) and len(tokens) == 1:
            return self.finished(letter(tokens[0].text) or word, place)
        if word.isidentifier() and word in self.known.names:
            return self.finished(word, place)
        if word.isidentifier():
            if self.token == "(":
                raise self.wrong(f"the function {word!r} is not known", place)
            return self.finished(word, place)
        raise self.wrong(f"{word!r} is not known here", place)

    def called_word(self, name: str, place: int) -> Node:
        if name == "eye":
            return Applied("eye", (), 0, at=place)
        if name == "E":
            return self.expectation(place)
        return self.called(name, place)

    def blackboard(self) -> Node:
        place = self.place
        self.take()
        word = flattened(self.group())
        if word == "E":
            return self.expectation(place)
        if word in ("1", "I"):
            if self.accept("_"):
                return self.condition(self.group())
            if self.token in ("[", "(", r"\{"):
                opening = self.token
                self.take()
                return self.condition(self.until({"[": "]", "(": ")", r"\{": r"\}"}[opening], place))
        raise self.wrong(f"\\mathbb{{{word}}} is not read here", place)

    def expectation(self, place: int) -> Node:
        """`E_{x \\sim p}[…]`."""
        if not self.accept("_"):
            raise self.wrong("say over what the mean is taken: \\mathbb{E}_{x \\sim p}[…]")
        below_ = self.group()
        texts = [token.text for token in below_]
        if r"\sim" not in texts:
            raise self.wrong("say over what the mean is taken: \\mathbb{E}_{x \\sim p}[…]", below_[0].at)
        cut = texts.index(r"\sim")
        variable = flattened(below_[:cut])
        density = self.symbol_name(below_[cut + 1 :])
        if self.token not in ("[", "(", r"\{"):
            raise self.wrong("what the mean is taken of stands in brackets")
        opening = self.token
        start = self.place
        self.take()
        body = self.inside(self.until({"[": "]", "(": ")", r"\{": r"\}"}[opening], start))
        return Expected(variable, density, body, at=place)

    def symbol_name(self, tokens: Sequence[Token]) -> str:
        node = Reader(tokens, self.known, self.latex).atom()
        if not isinstance(node, Name):
            raise self.wrong("a name was expected", tokens[0].at if tokens else None)
        return node.name

    def binomial(self) -> Node:
        place = self.place
        self.take()
        above, under = self.inside(self.group()), self.inside(self.group())
        return Applied("binomial", (above, under), 0, at=place)

    def root(self) -> Node:
        place = self.place
        self.take()
        if self.token == "[":
            self.take()
            order = self.inside(self.until("]", place))
            return Binary("**", self.inside(self.group()), Binary("/", Number(S.One), order), place)
        return Call("sqrt", (self.inside(self.group()),), (), place)

    # ------------------------------------------------ symbols

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
        inner = Reader(tokens, self.known, self.latex)
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


# ---------------------------------------------------------------- pieces


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


def _paired(tokens: Sequence[Token], bar: str) -> bool:
    return sum(token.text == bar for token in tokens) % 2 == 0


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


def relations(tokens: Sequence[Token]) -> Iterator[int]:
    """Where relations stand outside of all brackets."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += DEPTH.get(token.text, 0)
        if depth == 0 and token.text in RELATIONS:
            yield at
