"""Sums and products over an index, functions with and without brackets, and expectations."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import S

from derive.handwriting.differentials import Differentials
from derive.handwriting.names import TEXTUAL, flattened, letter
from derive.handwriting.relations import COMPARISONS, RELATIONS
from derive.handwriting.tokens import Token
from derive.handwriting.tree import Applied, Beside, Expected, Extremal, Folded, Node, Truth
from derive.notation.tree import Binary, Call, Name, Number, Unary

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
FOLDS = {r"\sum": "sum", r"\prod": "prod", r"\max": "max", r"\min": "min"}


class Applications(Differentials):
    """Whatever is applied to what stands to its right."""

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

    def extremal(self) -> Node:
        """`\\arg\\min_w`, in one of its spellings, of everything that follows."""
        place = self.place
        if self.take() == r"\arg" and not self.accept(r"\min", r"\max"):
            raise self.wrong("after \\arg stands \\min or \\max")
        return self.extremal_of(place)

    def extremal_of(self, place: int) -> Node:
        if not self.accept("_"):
            raise self.wrong("the variable of arg min is missing: \\arg\\min_w")
        variable = self.inside(self.group())
        return Extremal(variable, self.sum(), at=place)

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

    def word(self) -> Node:
        """`\\operatorname{tr}(…)`, `\\mathrm{softmax}`, or a symbol set upright."""
        place = self.place
        kind = self.take()
        tokens = self.group()
        word = "".join(token.text for token in tokens)
        if word in ("argmin", "argmax") and word not in self.known.names:
            return self.extremal_of(place)
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

    def root(self) -> Node:
        place = self.place
        self.take()
        if self.token == "[":
            self.take()
            order = self.inside(self.until("]", place))
            return Binary("**", self.inside(self.group()), Binary("/", Number(S.One), order), place)
        return Call("sqrt", (self.inside(self.group()),), (), place)

    def binomial(self) -> Node:
        place = self.place
        self.take()
        above, under = self.inside(self.group()), self.inside(self.group())
        return Applied("binomial", (above, under), 0, at=place)

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
