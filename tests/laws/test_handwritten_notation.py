"""What is written in LaTeX, in whatever notation, is read as what it means, or refused: never as something else.

Random formulas are printed twice: as text, which has one reading, and as LaTeX in a notation drawn at random (whole
arrays or entries, fractions or slashes, dots or none, four kinds of brackets, bold or not, five transposes …). Both are
evaluated by the oracle at a random point. `DERIVE_SOAK=5000 python -m pytest` on this file tries more of them.
"""

import os
import random
from dataclasses import dataclass

import numpy as np
import pytest

from derive.errors import DeriveError
from derive.handwriting.meaning import Meaning
from derive.handwriting.reading import Reader
from derive.handwriting.situation import Situation
from derive.handwriting.tokens import tokens
from derive.notation.text import declarations
from derive.notation.typing import to_program
from derive.program import Equation, Program
from derive.verification.oracle import evaluate
from derive.verification.sampling import sample

COUNT = int(os.environ.get("DERIVE_SOAK", "400"))
GIVEN = "X: n d, w: d, v: d, y: n, yhat: n, A: n n, b: positive, lam: positive, mu: "
REFUSED = 0.02  # the share that may be refused

LETTERS = "ijklpqrstg"
PAPER = {"yhat": r"\hat{y}", "lam": r"\lambda", "mu": r"\mu"}
SIZES = {"n": "n", "d": "d", "X": "nd", "A": "nn", "s": ""}
LEAVES = {
    "s": ["b", "lam", "mu", "2", "3", "0.5"], "n": ["y", "yhat"], "d": ["w", "v"], "X": ["X"], "A": ["A"],
}  # fmt: skip
ELEMENTWISE = ["tanh", "sin", "exp", "sigmoid"]
# What each kind can be made of: the operation, and the kinds of its arguments.
GRAMMAR = {
    "s": [
        ("+", "ss"), ("-", "ss"), ("*", "ss"), ("/", "ss"), ("square", "s"), ("negative", "s"), ("tanh", "s"),
        ("sin", "s"), ("exp", "s"), ("sigmoid", "s"), ("log", "s"), ("sqrt", "s"), ("dot", "nn"), ("dot", "dd"),
        ("sum", "n"), ("sum", "d"), ("norm", "n"), ("norm", "d"), ("form", "nAn"), ("form", "nXd"), ("trace", "A"),
        ("mean", "n"), ("total", "X"), ("product", "n"),
    ],
    "n": [
        ("@", "Xd"), ("@", "An"), ("T@", "An"), ("+", "nn"), ("-", "nn"), ("had", "nn"), ("*", "sn"), ("over", "ns"),
        *((f, "n") for f in ELEMENTWISE),
    ],
    "d": [
        ("T@", "Xn"), ("+", "dd"), ("-", "dd"), ("had", "dd"), ("*", "sd"), ("over", "ds"),
        *((f, "d") for f in ELEMENTWISE),
    ],
    "X": [("@@", "AX"), ("outer", "nd"), ("+", "XX"), ("-", "XX"), ("*", "sX")],
    "A": [("T", "A"), ("gram", "XX"), ("outer", "nn"), ("+", "AA"), ("*", "sA"), ("@@", "AA")],
}  # fmt: skip
TEXT = {
    "+": "({} + {})", "-": "({} - {})", "*": "({} * {})", "/": "({} / (1 + ({})**2))", "square": "({})**2",
    "negative": "(-{})", "log": "log(1 + ({})**2)", "sqrt": "sqrt(1 + ({})**2)", "dot": "({} @ {})", "sum": "sum({})",
    "norm": "({} @ {})", "form": "({} @ {} @ {})", "trace": "trace({})", "mean": "mean({})", "total": "sum({})",
    "product": "prod({})", "@": "({} @ {})", "T@": "({}.T @ {})", "had": "({} * {})", "over": "({} / (1 + ({})**2))",
    "@@": "({} @ {})", "outer": "outer({}, {})", "T": "{}.T", "gram": "({} @ {}.T)",
}  # fmt: skip
SUM, PRODUCT, ATOM = range(3)


@dataclass(frozen=True)
class Formula:
    """An operation on formulas, or a leaf, and what kind of thing it is."""

    kind: str
    operation: str
    parts: tuple = ()

    def text(self):
        """It in the text notation."""
        if not self.parts:
            return self.operation
        inner = [part.text() for part in self.parts]
        if self.operation == "norm":
            inner *= 2
        return TEXT.get(self.operation, self.operation + "({})").format(*inner)


def drawn(rng, kind, depth):
    """A random formula of a kind."""
    if not depth or rng.random() < 0.15:
        return Formula(kind, rng.choice(LEAVES[kind]))
    operation, kinds = rng.choice(GRAMMAR[kind])
    return Formula(kind, operation, tuple(drawn(rng, part, depth - 1) for part in kinds))


class Hand:
    """Writes formulas as LaTeX; every choice is drawn at random, a few habits once for the whole formula."""

    def __init__(self, rng):
        self.rng = rng
        self.bold = rng.choice(["{}", "{}", r"\mathbf{{{}}}", r"\boldsymbol{{{}}}", r"\vec{{{}}}"])
        self.transpose = rng.choice([r"^\top", "^T", r"^{\top}", "^{T}", r"^\intercal", "'"])
        self.letters = iter(LETTERS + LETTERS.upper().replace("X", "").replace("A", "").replace("I", ""))

    def one(self, *choices):
        """One way among several."""
        return self.rng.choice(choices)

    def bracket(self, text):
        """Something in brackets."""
        return self.one(r"\left({}\right)", "({})", r"\bigl({}\bigr)", "[{}]", r"\left[ {} \right]").format(text)

    def at(self, written, level):
        """What was written, in brackets where it does not hold together well enough."""
        text, own = written
        return self.bracket(text) if own < level else text

    def name(self, name, bold):
        """A letter."""
        plain = PAPER.get(name, name)
        if bold and name == "yhat":
            return self.bold.format(plain) if "vec" not in self.bold else plain
        return self.bold.format(plain) if bold else plain

    def below(self, *indices):
        """Indices."""
        joint = self.one("", ",", " ") if len(indices) > 1 else ""
        return f"_{indices[0]}" if len(indices) == 1 and self.one(True, False) else f"_{{{joint.join(indices)}}}"

    def times(self, left, right):
        """A product of numbers."""
        left, right = self.at(left, PRODUCT), self.at(right, ATOM)
        dot = r" \cdot "
        sign = dot if right[0].isdigit() else self.one(" ", dot, r" \times ", r"\,")
        return left + sign + right, PRODUCT

    def fraction(self, above, below):
        """A fraction in one of its forms."""
        form = self.one(r"\frac{{{}}}{{{}}}", r"\dfrac{{{}}}{{{}}}", r"{{{} \over {}}}", "/")
        if form == "/":
            return f"{self.at(above, ATOM)}{self.one('/', ' / ')}{self.at(below, ATOM)}", SUM
        return form.format(above[0], below[0]), ATOM

    def plus(self, left, sign, right):
        """A sum or difference."""
        sign = "−" if sign == "-" and self.rng.random() < 0.1 else sign
        return f"{left[0]} {sign} {self.at(right, PRODUCT)}", SUM

    def square(self, written):
        """A square."""
        return f"{self.at(written, ATOM)}{self.one('^2', '^{2}')}", PRODUCT

    def called(self, function, written):
        """A function of something."""
        text = written[0]
        if function == "exp":
            if self.one(True, False):
                return f"e^{{{text}}}", PRODUCT
            return self.one(r"\exp", r"\mathrm{exp}", r"\operatorname{exp}") + self.parenthesis(text), ATOM
        if function == "sigmoid":
            return self.one(r"\sigma", r"\operatorname{sigmoid}") + self.parenthesis(text), ATOM
        if function == "log":
            return self.one(r"\log", r"\ln") + self.parenthesis(text), ATOM
        return "\\" + function + self.parenthesis(text), ATOM

    def parenthesis(self, text):
        """The brackets of an argument."""
        return self.one(r"\left({}\right)", "({})", r"\big({}\big)").format(text)

    def summed(self, sign, index, size, body):
        """A sum or product over an index."""
        limits = self.one(f"_{{{index}=1}}^{{{size}}}", f"_{{{index}=1}}^{size}", f"_{index}", f"_{{{index}}}")
        beside = self.one("", r"\limits")
        return rf"\{sign}{beside}{limits} {self.at(body, PRODUCT)}", SUM

    def one_plus_square(self, written):
        """`1 + s^2`, which is positive."""
        return self.plus(("1", ATOM), "+", self.square(written))

    # ------------------------------------------------ numbers

    def number(self, formula):
        """A number."""
        operation, parts = formula.operation, formula.parts
        if not parts:
            return self.leaf(formula), ATOM
        if operation in ("+", "-"):
            return self.plus(self.number(parts[0]), operation, self.number(parts[1]))
        if operation == "*":
            return self.times(*map(self.number, parts))
        if operation == "/":
            return self.fraction(self.number(parts[0]), self.one_plus_square(self.number(parts[1])))
        if operation == "square":
            return self.square(self.number(parts[0]))
        if operation == "negative":
            return f"-{self.at(self.number(parts[0]), PRODUCT)}", SUM
        if operation == "log":
            return self.called("log", self.one_plus_square(self.number(parts[0])))
        if operation == "sqrt":
            return rf"\sqrt{{{self.one_plus_square(self.number(parts[0]))[0]}}}", ATOM
        if operation in ELEMENTWISE:
            return self.called(operation, self.number(parts[0]))
        return self.folded(formula)

    def leaf(self, formula):
        """A letter or a number."""
        if formula.operation == "0.5":
            return self.one(r"\frac{1}{2}", r"\frac12", "0.5", r"\tfrac{1}{2}")
        return self.name(formula.operation, False)

    def folded(self, formula):
        """A number made of arrays: by indices, or with whole arrays."""
        operation, parts = formula.operation, formula.parts
        by_index = self.one(True, False)
        sizes = SIZES[parts[0].kind]
        if operation == "total" or (operation in ("sum", "mean", "product") and (by_index or operation == "product")):
            indices = [next(self.letters) for _ in sizes]
            body = self.entry(parts[0], *indices)
            for index, size in reversed(list(zip(indices, sizes, strict=True))):
                body = self.summed("prod" if operation == "product" else "sum", index, size, body)
            return self.times(self.fraction(("1", ATOM), ("n", ATOM)), body) if operation == "mean" else body
        if operation == "trace":
            index = next(self.letters)
            if by_index:
                return self.summed("sum", index, "n", self.entry(parts[0], index, index))
            word = self.one(r"\operatorname{tr}", r"\mathrm{tr}", r"\text{tr}", r"\operatorname{Tr}")
            return word + self.parenthesis(self.array(parts[0])[0]), ATOM
        if by_index:
            return self.form_by_index(formula)
        if operation == "norm":
            bars = self.one((r"\|", r"\|"), (r"\left\|", r"\right\|"), (r"\lVert ", r"\rVert"))
            text = f"{bars[0]}{self.array(parts[0])[0]}{bars[1]}"
            return f"{text}{self.one('^2', '_2^2', '^{2}', '_{2}^{2}')}", PRODUCT
        if operation == "dot" and self.one(True, False):
            return rf"\langle {self.array(parts[0])[0]}, {self.array(parts[1])[0]} \rangle", ATOM
        if operation in ("sum", "mean"):
            ones = self.one(r"\mathbf{1}", r"\mathbf 1") + self.transpose
            total = (f"{ones} {self.at(self.array(parts[0]), ATOM)}", PRODUCT)
            return self.times(self.fraction(("1", ATOM), ("n", ATOM)), total) if operation == "mean" else total
        rows = f"{self.at(self.array(parts[0]), ATOM)}{self.transpose}"
        return " ".join([rows, *(self.at(self.array(part), ATOM) for part in parts[1:])]), PRODUCT

    def form_by_index(self, formula):
        """A product of a row, perhaps a matrix, and a column."""
        parts = formula.parts * 2 if formula.operation == "norm" else formula.parts
        first, last = parts[0], parts[-1]
        index = next(self.letters)
        if formula.operation == "norm" and self.one(True, False):
            return self.summed("sum", index, SIZES[first.kind], self.square(self.entry(first, index)))
        other = next(self.letters) if len(parts) == 3 else index
        body = self.entry(first, index)
        if len(parts) == 3:
            body = self.times(body, self.entry(parts[1], index, other))
        body = self.times(body, self.entry(last, other))
        if len(parts) == 3:
            body = self.summed("sum", other, SIZES[last.kind], body)
        return self.summed("sum", index, SIZES[first.kind], body)

    # ------------------------------------------------ whole arrays

    def array(self, formula):
        """A whole vector or matrix."""
        operation, parts = formula.operation, formula.parts
        if not parts:
            return self.name(formula.operation, True), ATOM
        if operation in ("+", "-"):
            return self.plus(self.array(parts[0]), operation, self.array(parts[1]))
        if operation == "had":
            sides = [self.at(self.array(part), ATOM) for part in parts]
            return self.one(r"{} \odot {}", r"{} \circ {}").format(*sides), SUM
        if operation == "*":
            return f"{self.at(self.number(parts[0]), ATOM)} {self.at(self.array(parts[1]), ATOM)}", PRODUCT
        if operation == "over":
            return self.fraction(self.array(parts[0]), self.one_plus_square(self.number(parts[1])))
        if operation in ELEMENTWISE:
            text = self.called(operation, self.array(parts[0]))
            return text if not text[0].startswith("e^") else (r"\exp" + self.parenthesis(self.array(parts[0])[0]), ATOM)
        sides = [self.at(self.array(part), ATOM) for part in parts]
        turned = {"T@": 0, "T": 0, "outer": 1, "gram": 1}.get(operation)
        if turned is not None:
            sides[turned] += self.transpose
        return " ".join(sides), ATOM if operation == "T" and not parts[0].parts else PRODUCT

    # ------------------------------------------------ entries

    def entry(self, formula, *indices):
        """One entry of a vector or matrix: of the whole in brackets, or worked out by indices."""
        operation, parts = formula.operation, formula.parts
        if not parts:
            return self.name(operation, False) + self.below(*indices), ATOM
        if self.rng.random() < 0.2:
            return f"({self.array(formula)[0]}){self.below(*indices)}", ATOM
        if operation in ("+", "-"):
            return self.plus(self.entry(parts[0], *indices), operation, self.entry(parts[1], *indices))
        if operation == "had":
            return self.times(self.entry(parts[0], *indices), self.entry(parts[1], *indices))
        if operation == "*":
            return self.times(self.number(parts[0]), self.entry(parts[1], *indices))
        if operation == "over":
            return self.fraction(self.entry(parts[0], *indices), self.one_plus_square(self.number(parts[1])))
        if operation in ELEMENTWISE:
            return self.called(operation, self.entry(parts[0], *indices))
        if operation == "T":
            return self.entry(parts[0], *reversed(indices))
        if operation == "outer":
            return self.times(self.entry(parts[0], indices[0]), self.entry(parts[1], indices[1]))
        over = next(self.letters)
        first = (over, indices[0]) if operation == "T@" else (indices[0], over)
        second = {"@@": (over, indices[-1]), "gram": (indices[-1], over)}.get(operation, (over,))
        size = SIZES[parts[0].kind][0 if operation == "T@" else 1]
        body = self.times(self.entry(parts[0], *first), self.entry(parts[1], *second))
        return self.summed("sum", over, size, body)


def written(seed):
    """A random formula as text and as LaTeX."""
    rng = random.Random(seed)
    while True:
        formula = drawn(rng, "s", rng.choice([2, 3]))
        try:
            return formula.text(), Hand(rng).number(formula)[0]
        except StopIteration:  # more sums than letters
            continue


def read(latex):
    """What was understood, as a program."""
    situation = Situation()
    situation.declare_text(GIVEN)
    meaning = Meaning(situation.setting, latex)
    typed = meaning.typed(Reader(tokens(latex), situation.known, latex).whole())
    equation = Equation("value", typed.axes, typed.value)
    return Program(tuple(declarations(GIVEN)), (*meaning.made, equation), ("value",))


def difference(text, latex):
    """How far what was read is from what was meant, at a random point."""
    meant = to_program(text, declarations(GIVEN))
    found = read(latex)
    at = sample(meant, 1).inputs
    values = [np.asarray(evaluate(program, at, digits=None)["value"], dtype=float) for program in (meant, found)]
    return abs(values[0] - values[1]) / (1 + abs(values[0]))


def test_every_notation_is_read_as_it_is_meant():
    refused = []
    for seed in range(COUNT):
        text, latex = written(seed)
        try:
            assert difference(text, latex) < 1e-9, f"{seed}: {latex}  is meant as  {text}"
        except DeriveError as problem:
            refused.append(f"{seed}: {latex}: {problem}")
    assert len(refused) <= REFUSED * COUNT, "\n".join(refused)


@pytest.mark.parametrize("seed", range(40))
def test_a_side_and_its_text_are_one_program(seed):
    """The reader of text is a second witness: both readers come to values of one normal form or of one value."""
    text, latex = written(10_000 + seed)
    try:
        assert difference(text, latex) < 1e-9
    except DeriveError:
        pytest.skip("refused")
