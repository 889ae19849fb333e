"""One traversal that writes trees, and the three hands it writes in: notation text, Unicode, LaTeX.

A hand says how each kind of node looks; the traversal decides on brackets, and on what juxtaposition, `⊙` and
transposes mean, for which it has to know the rank of every name. Notation text reads back to the same tree.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Expr

from derive.array_functions import ARRAY_FUNCTIONS, ArrayFunction
from derive.notation import signs
from derive.notation.signs import CHANGED
from derive.notation.tree import (
    At,
    Binary,
    Call,
    Name,
    Number,
    Reduce,
    Subscript,
    Transpose,
    Tree,
    Unary,
    Word,
    replaced,
)
from derive.primitives import BY_NAME

COMPARE, SUM, NEGATION, PRODUCT, FRACTION, POWER, ATOM = range(7)
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT, "**": POWER}
SCALAR_VALUED = {"dot", "trace", "norm", "logsumexp"}
REDUCING = {"sum", "mean", "max", "min", "prod"}
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
GREEK = {name: sign for name, sign in signs.GREEK.items() if name.islower() and not name.startswith("var")}
GREEK |= {"lam": "λ", "eps": "ε", "epsilon": "ε"}  # names of programs: `lambda` is a word of Python
del GREEK["lambda"]
LATEX_GREEK = {"lam": r"\lambda", "eps": r"\epsilon", "ell": r"\ell"}

Ranks = Mapping[str, int]


TRANSPOSES = {"top": ("ᵀ", r"^\top"), "T": ("ᵀ", "^T"), "prime": ("′", "'")}


@dataclass(frozen=True)
class Style:
    """The reader's notation: symbols of their own for names, how a transpose is marked, whether to mark changes."""

    symbols: Mapping[str, str] = field(default_factory=dict)
    transpose: str = "top"
    marked: bool = False


PLAIN = Style()


def write_text(tree: Tree) -> str:
    """A tree in the text notation; parsing it gives the tree back."""
    return _Text({}).write(replaced(tree, bare))


def write_unicode(tree: Tree, ranks: Ranks | None = None, style: Style = PLAIN) -> str:
    """A tree as one line of Unicode; `ranks` tells vectors and matrices from scalars."""
    return _Unicode(ranks or {}, style).write(tree if style.marked else replaced(tree, bare))


def write_latex(tree: Tree, ranks: Ranks | None = None, style: Style = PLAIN) -> str:
    """A tree as LaTeX; `ranks` tells vectors and matrices from scalars."""
    return _Latex(ranks or {}, style).write(tree if style.marked else replaced(tree, bare))


def printed_name(name: str) -> str:
    """A name as one writes it: `yhat` is ŷ, `W1` is W₁."""
    return write_unicode(Name(name))


def bare(tree: Tree) -> Tree:
    """A part without the mark that it changed."""
    return tree.args[0] if isinstance(tree, Call) and tree.function == "marked" else tree


def rank(tree: Tree, ranks: Ranks) -> int:
    """How many axes the value of a tree has."""
    if isinstance(tree, Name):
        return ranks.get(tree.name, 0)
    if isinstance(tree, Unary | Transpose):
        return rank(tree.arg, ranks)
    if isinstance(tree, Binary):
        left, right = rank(tree.left, ranks), rank(tree.right, ranks)
        return max(left + right - 2, 0) if tree.op == "@" else max(left, right)
    if isinstance(tree, Reduce):
        return rank(tree.body, ranks)
    if isinstance(tree, Call):
        inner = [rank(arg, ranks) for arg in tree.args] or [0]
        if tree.function in ("outer", "eye", "kron"):
            return 2
        if tree.function in ARRAY_FUNCTIONS:
            return ARRAY_FUNCTIONS[tree.function].rank
        if tree.function == "diag":
            return 3 - inner[0]
        if tree.function in ("ones", "zeros"):
            return len(inner)
        if tree.function in SCALAR_VALUED or (tree.function in REDUCING and not tree.options):
            return 0
        return max(inner) - (tree.function in REDUCING)
    return 0


class _Hand:
    """The traversal; what a node looks like is left to the subclasses."""

    def __init__(self, ranks: Ranks, style: Style = PLAIN) -> None:
        self.ranks, self.style = ranks, style

    def write(self, tree: Tree, above: int = 0) -> str:
        text, level = self.piece(tree)
        return self.bracket(text) if level < above else text

    def bracket(self, text: str) -> str:
        return f"({text})"

    def piece(self, tree: Tree) -> tuple[str, int]:
        """The text of a node, and how tightly it holds together."""
        if isinstance(tree, Number):
            return self.number(tree)
        if isinstance(tree, Name):
            return self.name(tree.name), ATOM
        if isinstance(tree, Unary):
            return "-" + self.write(tree.arg, PRODUCT), NEGATION
        if isinstance(tree, Binary):
            return self.binary(tree)
        if isinstance(tree, Transpose):
            return self.transpose(tree), ATOM
        if isinstance(tree, Subscript):
            return self.subscript(tree.name, [self.position(p) for p in tree.positions]), ATOM
        if isinstance(tree, At):
            return self.entry(tree.array, [self.position(p) for p in tree.positions]), ATOM
        if isinstance(tree, Reduce):
            return self.reduce(tree)
        if isinstance(tree, Word):
            return repr(tree.text), ATOM
        assert isinstance(tree, Call), tree
        return self.call(tree)

    def position(self, tree: Tree) -> str:
        """An index, which is a number whatever else is called like it."""
        return type(self)({}, self.style).write(tree)

    def number(self, tree: Number) -> tuple[str, int]:
        value = tree.value
        if value.is_Rational and value.q != 1:
            return f"{value.p}/{value.q}", PRODUCT
        return _decimal(value), ATOM

    def binary(self, tree: Binary) -> tuple[str, int]:
        if tree.op not in LEVELS:
            return f"{self.write(tree.left, SUM)} {tree.op} {self.write(tree.right, SUM)}", COMPARE
        level = LEVELS[tree.op]
        if tree.op == "**":
            return self.power(tree), POWER
        if tree.op in "+-":
            return f"{self.write(tree.left, SUM)} {tree.op} {self.write(tree.right, SUM + (tree.op == '-'))}", SUM
        if tree.op == "/":
            return self.fraction(tree)
        return self.times(tree), level

    def name(self, name: str) -> str:
        raise NotImplementedError

    def transpose(self, tree: Transpose) -> str:
        raise NotImplementedError

    def subscript(self, name: str, positions: Sequence[str]) -> str:
        raise NotImplementedError

    def entry(self, array: Tree, positions: Sequence[str]) -> str:
        raise NotImplementedError

    def reduce(self, tree: Reduce) -> tuple[str, int]:
        raise NotImplementedError

    def power(self, tree: Binary) -> str:
        raise NotImplementedError

    def fraction(self, tree: Binary) -> tuple[str, int]:
        raise NotImplementedError

    def times(self, tree: Binary) -> str:
        raise NotImplementedError

    def call(self, tree: Call) -> tuple[str, int]:
        raise NotImplementedError


def _decimal(value: Expr) -> str:
    """A number as its digits; one that is not exact in six of them."""
    return f"{float(value):.6g}" if value.is_Float else str(value)


def _first_factor(tree: Tree) -> Tree:
    while isinstance(tree, Binary) and tree.op in "*/@":
        tree = tree.left
    return tree


class _Text(_Hand):
    """The text notation."""

    def piece(self, tree: Tree) -> tuple[str, int]:
        if isinstance(tree, Unary) and isinstance(_first_factor(tree.arg), Unary):
            return f"-({self.write(tree.arg)})", NEGATION  # a second sign would join the first factor
        return super().piece(tree)

    def name(self, name: str) -> str:
        return name

    def transpose(self, tree: Transpose) -> str:
        text = self.write(tree.arg, ATOM)
        return f"({text}).T" if isinstance(tree.arg, Number) else f"{text}.T"

    def subscript(self, name: str, positions: Sequence[str]) -> str:
        return f"{name}[{', '.join(positions)}]"

    def entry(self, array: Tree, positions: Sequence[str]) -> str:
        return f"{self.write(array, ATOM)}[{', '.join(positions)}]"

    def reduce(self, tree: Reduce) -> tuple[str, int]:
        below = dict(tree.below)
        names = [f"{name} < {self.write(below[name], SUM)}" if name in below else name for name in tree.indices]
        return f"{tree.kind}({self.write(tree.body)}, {', '.join(names)})", ATOM

    def power(self, tree: Binary) -> str:
        return f"{self.write(tree.left, ATOM)}**{self.write(tree.right, POWER)}"

    def fraction(self, tree: Binary) -> tuple[str, int]:
        return f"{self.first(tree.left)} / {self.write(tree.right, FRACTION)}", PRODUCT

    def first(self, tree: Tree) -> str:
        """The first factor: its sign needs no bracket."""
        return self.write(tree, NEGATION if isinstance(tree, Unary) else PRODUCT)

    def times(self, tree: Binary) -> str:
        return f"{self.first(tree.left)} {tree.op} {self.write(tree.right, FRACTION)}"

    def call(self, tree: Call) -> tuple[str, int]:
        words = [self.write(arg) for arg in tree.args]
        words += [f"{key}={self.write(value)}" for key, value in tree.options]
        return f"{tree.function}({', '.join(words)})", ATOM


class _Printed(_Hand):
    """What Unicode and LaTeX have in common: juxtaposition, transposes of vectors, named matrices."""

    elementwise: str
    minus, dot = "−", "·"

    def piece(self, tree: Tree) -> tuple[str, int]:
        if isinstance(tree, Unary):
            return self.minus + self.write(tree.arg, PRODUCT), NEGATION
        return super().piece(tree)

    def binary(self, tree: Binary) -> tuple[str, int]:
        if tree.op == "-":
            return f"{self.write(tree.left, SUM)} {self.minus} {self.write(tree.right, NEGATION)}", SUM
        if tree.op not in LEVELS:
            signs = {">=": self.at_least, "<=": self.at_most, "==": "="}
            sign = signs.get(tree.op, tree.op)
            return f"[{self.write(tree.left, SUM)} {sign} {self.write(tree.right, SUM)}]", ATOM
        return super().binary(tree)

    at_least, at_most, squared = "≥", "≤", "²"

    def times(self, tree: Binary) -> str:
        left = self.write(tree.left, ATOM if _open_end(tree.left) else PRODUCT)
        left_rank, right_rank = rank(tree.left, self.ranks), rank(tree.right, self.ranks)
        beside = tree.op == "@" and left_rank == 2 and isinstance(tree.right, Call) and tree.right.function == "outer"
        right = self.write(tree.right, PRODUCT if beside or self.loose(tree) else FRACTION)
        if tree.op == "*" and left_rank and right_rank:
            return f"{left} {self.elementwise} {right}"
        if tree.op == "@" and left_rank == 1 and tree.left == tree.right:
            return f"{self.norm(self.write(tree.left))}{self.squared}"
        if tree.op == "@" and left_rank == 1 and not self.is_row(tree.left):
            return f"{self.transposed(self.write(tree.left, ATOM))} {right}"
        if tree.op == "*" and _is_fraction(tree.left):
            left = self.coefficient(tree.left)
        return self.juxtaposed(left, right, tree)

    def is_row(self, tree: Tree) -> bool:
        """Whether a product of rank one begins with a vector, which is transposed already."""
        return isinstance(tree, Binary) and tree.op == "@" and rank(tree.left, self.ranks) == 1

    def loose(self, tree: Binary) -> bool:
        """Whether the right factor needs no bracket: what a number multiplies, and sums at the end."""
        right = bare(tree.right)
        if isinstance(right, Reduce) or (isinstance(right, Call) and right.function == "sum"):
            return True
        if tree.op != "*" or rank(tree.left, self.ranks):
            return False
        return isinstance(right, Call) or (isinstance(right, Binary) and not self.hadamard(right))

    def hadamard(self, tree: Binary) -> bool:
        """Whether a product is elementwise."""
        return tree.op == "*" and bool(rank(tree.left, self.ranks) and rank(tree.right, self.ranks))

    def juxtaposed(self, left: str, right: str, tree: Binary) -> str:
        return (
            f"{left} {self.dot} {right}"
            if right[:1].isdigit() and rank(tree.right, self.ranks) == 0
            else f"{left} {right}"
        )

    def coefficient(self, tree: Tree) -> str:
        return f"({self.write(tree)})"

    def transposed(self, text: str) -> str:
        raise NotImplementedError

    def transpose(self, tree: Transpose) -> str:
        if isinstance(tree.arg, Transpose):
            return self.write(tree.arg.arg, ATOM)
        if isinstance(tree.arg, Call) and tree.arg.function == "inv":
            return self.raised(tree.arg.args[0], self.inverse_transposed)
        return self.transposed(self.write(tree.arg, ATOM))

    inverse, inverse_transposed, kronecker, trace = "⁻¹", "⁻ᵀ", "⊗", "tr"
    one = "1"  # a vector of ones

    def raised(self, tree: Tree, exponent: str) -> str:
        """A matrix with something above it."""
        return self.write(tree, ATOM) + exponent

    def exponent(self, tree: Tree) -> str:
        raise NotImplementedError

    def array_function(self, row: ArrayFunction, words: Sequence[str]) -> str:
        raise NotImplementedError

    def call(self, tree: Call) -> tuple[str, int]:
        words = [self.write(arg) for arg in tree.args]
        if tree.function == "marked":
            text, level = self.piece(tree.args[0])
            return self.marked(text) if self.style.marked else text, level
        if tree.function == "outer":
            left, right = (self.write(arg, level) for arg, level in zip(tree.args, (FRACTION, ATOM), strict=True))
            return f"{left} {self.transposed(right)}", PRODUCT
        if tree.function == "inv":
            return self.raised(tree.args[0], self.inverse), ATOM
        if tree.function == "matrix_power":
            return self.raised(tree.args[0], self.exponent(tree.args[1])), POWER
        if tree.function in ARRAY_FUNCTIONS:
            return self.array_function(ARRAY_FUNCTIONS[tree.function], words), ATOM
        if tree.function == "trace":
            return f"{self.trace}{self.bracket(words[0])}", ATOM
        if tree.function == "kron":
            return f"{self.write(tree.args[0], ATOM)} {self.kronecker} {self.write(tree.args[1], ATOM)}", PRODUCT
        if tree.function == "eye":
            return "I", ATOM
        if tree.function == "ones":
            whole = len(words) == 1
            return self.one if whole else f"{self.one} {self.transposed(self.one)}", ATOM if whole else PRODUCT
        if tree.function == "zeros":
            return "0", ATOM
        if tree.function == "delta":
            return self.subscript("delta", [self.position(arg) for arg in tree.args]), ATOM
        if tree.function == "norm" and len(words) == 1:
            return self.norm(words[0]), ATOM
        if tree.function == "partial":
            return self.partial(*tree.args), PRODUCT
        if tree.function == "sum" and not tree.options:
            return f"{self.sum_sign} {self.write(tree.args[0], FRACTION)}", PRODUCT
        return self.function(tree, words)

    sum_sign = "Σ"

    def marked(self, text: str) -> str:
        """A part that changed."""
        raise NotImplementedError

    def norm(self, text: str) -> str:
        """The length of a vector."""
        return f"‖{text}‖"

    def partial(self, value: Tree, variable: Tree, *held: Tree) -> str:
        """A derivative that is not worked out yet, and what is held fixed."""
        if isinstance(value, Name | Subscript):
            return f"∂{self.write(value)}/∂{self.write(variable)}"
        fixed = f"|_{','.join(map(self.write, held))}" if held else ""
        return f"∂/∂{self.write(variable)}{fixed} {self.bracket(self.write(value))}"

    def function(self, tree: Call, words: list[str]) -> tuple[str, int]:
        raise NotImplementedError


def split_name(name: str) -> tuple[str, bool, str]:
    """A name as its letters, whether it wears a hat, and what is written below it."""
    stem, _, below = name.partition("_")
    letters = stem.rstrip("0123456789")
    digits = stem[len(letters) :]
    hat = len(letters) > 3 and letters.endswith("hat")
    return letters[:-3] if hat else letters, hat, "_".join(part for part in (digits, below) if part)


def _open_end(tree: Tree) -> bool:
    """Whether a product ends in a sum, which would swallow what follows."""
    tree = bare(tree)
    if isinstance(tree, Binary) and tree.op in "*@":
        return _open_end(tree.right)
    return isinstance(tree, Reduce) or (isinstance(tree, Call) and tree.function in ("sum", "partial"))


def _is_fraction(tree: Tree) -> bool:
    tree = bare(tree)
    if isinstance(tree, Number):
        return bool(tree.value.is_Rational) and not tree.value.is_Integer
    return isinstance(tree, Binary) and tree.op == "/"


class _Unicode(_Printed):
    """One line of Unicode."""

    elementwise = "⊙"

    def marked(self, text: str) -> str:
        return CHANGED[0] + text + CHANGED[1]

    def name(self, name: str) -> str:
        if name in self.style.symbols:
            return self.style.symbols[name]
        letters, hat, below = split_name(name)
        letters = GREEK.get(letters, letters)
        if hat:
            letters = unicodedata.normalize("NFC", letters + "\u0302")
        if not below:
            return letters
        if below.isdigit():
            return letters + below.translate(SUBSCRIPTS)
        return f"{letters}_{self.name(below)}" if len(letters) == 1 else name

    def transposed(self, text: str) -> str:
        return text + TRANSPOSES[self.style.transpose][0]

    def subscript(self, name: str, positions: Sequence[str]) -> str:
        if any(" " in p for p in positions):
            return f"{self.name(name)}_{{{', '.join(positions)}}}"
        joint = "" if all(len(p) == 1 for p in positions) else ","
        return f"{self.name(name)}_{joint.join(positions)}"

    def entry(self, array: Tree, positions: Sequence[str]) -> str:
        joint = "" if all(len(p) == 1 for p in positions) else ","
        return f"({self.write(array)})_{joint.join(positions)}"

    def exponent(self, tree: Tree) -> str:
        text = self.write(tree)
        plain = text.translate(SUPERSCRIPTS)
        return plain if isinstance(tree, Number) else f"^{text}" if len(text) == 1 else f"^({text})"

    def array_function(self, row: ArrayFunction, words: Sequence[str]) -> str:
        return row.unicode.format(*words)

    def reduce(self, tree: Reduce) -> tuple[str, int]:
        sign = {"sum": "Σ", "prod": "Π", "max": "max"}[tree.kind]
        below = {name: self.write(size, SUM) for name, size in tree.below}
        names = [f"{name}<{below[name]}" if name in below else name for name in tree.indices]
        under = "".join(names) if not below else f"({', '.join(names)})"
        return f"{sign}_{under} {self.write(tree.body, PRODUCT)}", PRODUCT

    def power(self, tree: Binary) -> str:
        exponent = self.write(tree.right, ATOM)
        if rank(tree.left, self.ranks) == 2:
            return f"{self.write(tree.left, ATOM)}^{self.elementwise}{exponent}"
        if isinstance(tree.right, Number) and tree.right.value.is_Integer:
            return self.write(tree.left, ATOM) + exponent.translate(SUPERSCRIPTS)
        return f"{self.write(tree.left, ATOM)}^{exponent}"

    def fraction(self, tree: Binary) -> tuple[str, int]:
        return f"{self.write(tree.left, PRODUCT)}/{self.write(tree.right, POWER)}", PRODUCT

    def function(self, tree: Call, words: list[str]) -> tuple[str, int]:
        if tree.function == "sqrt":
            return f"√{self.write(tree.args[0], ATOM)}", ATOM
        row = BY_NAME.get(tree.function)
        return (row.unicode.format(*words) if row else f"{tree.function}({', '.join(words)})"), ATOM


class _Latex(_Printed):
    """LaTeX for `amsmath`."""

    elementwise = r"\odot"
    minus, dot = "-", r"\cdot"
    at_least, at_most, squared = r"\ge", r"\le", "^2"
    sum_sign = r"\sum"
    inverse, inverse_transposed, kronecker, trace = "^{-1}", r"^{-\top}", r"\otimes", r"\operatorname{tr}"
    one = r"\mathbf{1}"

    def entry(self, array: Tree, positions: Sequence[str]) -> str:
        joint = "" if all(len(p) == 1 for p in positions) else ","
        return rf"\left({self.write(array)}\right)_{{{joint.join(positions)}}}"

    def exponent(self, tree: Tree) -> str:
        return f"^{{{self.write(tree)}}}"

    def array_function(self, row: ArrayFunction, words: Sequence[str]) -> str:
        return row.latex.format(*words)

    def norm(self, text: str) -> str:
        return rf"\left\|{text}\right\|"

    def partial(self, value: Tree, variable: Tree, *held: Tree) -> str:
        below = rf"\partial {self.write(variable)}"
        if isinstance(value, Name | Subscript):
            return rf"\frac{{\partial {self.write(value)}}}{{{below}}}"
        sign = rf"\frac{{\partial}}{{{below}}}"
        if held:
            sign = rf"\left.{sign}\right|_{{{','.join(map(self.write, held))}}}"
        return rf"{sign} {self.bracket(self.write(value))}"

    def bracket(self, text: str) -> str:
        return rf"\left({text}\right)"

    def marked(self, text: str) -> str:
        return rf"\underline{{{text}}}"

    def name(self, name: str) -> str:
        stem, below = self.parts(name, bold=bool(self.ranks.get(name)))
        return f"{stem}_{{{below}}}" if below else stem

    def parts(self, name: str, bold: bool = False) -> tuple[str, str]:
        """A name without what is written below it, and that; whole vectors and matrices are bold."""
        if name in self.style.symbols:
            return self.style.symbols[name], ""
        letters, hat, below = split_name(name)
        text = LATEX_GREEK.get(letters) or (rf"\{letters}" if letters in GREEK else letters)
        if len(letters) > 1 and letters not in GREEK:
            text = rf"\mathrm{{{letters}}}"
        if bold:
            text = rf"\boldsymbol{{{text}}}" if letters in GREEK else rf"\mathbf{{{letters}}}"
        if below[:1].isdigit():
            below = below.replace("_", ",")
        elif below:
            stem, more = self.parts(below, bold)
            below = f"{stem}_{{{more}}}" if more else stem
        return rf"\hat{{{text}}}" if hat else text, below

    def number(self, tree: Number) -> tuple[str, int]:
        value = tree.value
        if value.is_Rational and value.q != 1:
            return rf"\frac{{{value.p}}}{{{value.q}}}", ATOM
        return _decimal(value), ATOM

    def transposed(self, text: str) -> str:
        return text + TRANSPOSES[self.style.transpose][1]

    def subscript(self, name: str, positions: Sequence[str]) -> str:
        joint = "" if all(len(p) == 1 for p in positions) else ","
        stem, own = self.parts(name)
        return f"{stem}_{{{own + ',' if own else ''}{joint.join(positions)}}}"

    def reduce(self, tree: Reduce) -> tuple[str, int]:
        sign = {"sum": r"\sum", "prod": r"\prod", "max": r"\max"}[tree.kind]
        if tree.limits and tree.kind != "max":
            signs = [rf"{sign}_{{{name}=1}}^{{{self.write(last)}}}" for name, last in tree.limits]
            return f"{' '.join(signs)} {self.write(tree.body, PRODUCT)}", PRODUCT
        below = {name: self.write(size, SUM) for name, size in tree.below}
        names = [f"{name} < {below[name]}" if name in below else name for name in tree.indices]
        return rf"{sign}_{{{','.join(names)}}} {self.write(tree.body, PRODUCT)}", PRODUCT

    def power(self, tree: Binary) -> str:
        elementwise = rf"{self.elementwise} " if rank(tree.left, self.ranks) == 2 else ""
        return f"{self.write(tree.left, ATOM)}^{{{elementwise}{self.write(tree.right)}}}"

    def fraction(self, tree: Binary) -> tuple[str, int]:
        return rf"\frac{{{self.write(tree.left)}}}{{{self.write(tree.right)}}}", FRACTION

    def coefficient(self, tree: Tree) -> str:
        return self.write(tree)

    def function(self, tree: Call, words: list[str]) -> tuple[str, int]:
        if tree.function == "sqrt":
            return rf"\sqrt{{{words[0]}}}", ATOM
        row = BY_NAME.get(tree.function)
        if tree.function == "where":
            words = [re.sub(r"^(?:\\left)?\[([^\[\]]*?)(?:\\right)?\]$", r"\1", words[0]), *words[1:]]
        if row:
            return row.latex.format(*words), ATOM
        called = tree.function.replace("_", r"\_")
        return rf"\operatorname{{{called}}}\left({', '.join(words)}\right)", ATOM
