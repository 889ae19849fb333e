"""The text notation: NumPy as people write it, read through Python's own grammar and a whitelist.

Nothing is ever evaluated. Text is bounded in length and depth before Python's parser sees it, numbers in their digits;
what the grammar does not allow is a `ParseError` that points at its column.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import dedent

import sympy
from sympy import Rational

from derive.array_functions import ARRAY_FUNCTIONS as ARRAY_FUNCTION_ROWS
from derive.domains import ALIASES, DOMAINS, REAL, domain
from derive.errors import ParseError, nearest
from derive.notation.tree import At, Binary, Call, Name, Number, Reduce, Subscript, Transpose, Tree, Unary, Word
from derive.primitives import BY_NAME
from derive.program import Array, Dim

MAX_LENGTH = 10_000
MAX_DEPTH = 60
MAX_DIGITS = 40
MAX_TERMS = 250
CONSTANTS = {"pi": sympy.pi, "e": sympy.E}  # unless the formula uses the name itself
ARRAY_FUNCTIONS = (
    "sum", "mean", "max", "min", "norm", "dot", "outer", "trace", "diag", "eye", "ones", "zeros", "einsum", "softmax",
    "log_softmax", "logsumexp", "delta", "prod", "cumsum", "kron", "solve", "pinv", *ARRAY_FUNCTION_ROWS,
)  # fmt: skip
ELEMENTWISE = tuple(BY_NAME)
FUNCTIONS = (*ELEMENTWISE, "sqrt", "log2", "square", "swish", *ARRAY_FUNCTIONS)
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
}


@dataclass(frozen=True)
class Line:
    """One line of text: what it defines (empty for the value), at which indices, and as what."""

    target: str
    indices: tuple[str, ...]
    tree: Tree


def parse_tree(text: str) -> Tree:
    """The tree of a single expression.

    >>> from derive.notation.writing import write_text
    >>> write_text(parse_tree("2*X.T@(X@w - y)/n"))
    '2 * X.T @ (X @ w - y) / n'
    """
    lines = parse_lines(text)
    if len(lines) != 1 or lines[0].target:
        raise ParseError(f"one expression was expected, not {len(lines)} lines or a definition: {text[:60]!r}")
    return lines[0].tree


def parse_lines(text: str) -> tuple[Line, ...]:
    """The lines of a text: definitions `name = expression`, and the value last.

    Raises:
        ParseError: the text is not in the notation; the message points at the column.
    """
    reader = _Reader(text)
    statements = reader.module()
    if not statements:
        raise ParseError("an expression was expected, but the text is empty")
    return tuple(reader.line(statement, last=statement is statements[-1]) for statement in statements)


class _Reader:
    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise ParseError(f"the text has {len(text)} characters; at most {MAX_LENGTH} are read")
        self.text = text = dedent(text).strip()
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.lines = text.splitlines()

    def module(self) -> list[ast.stmt]:
        self.bound_depth()
        try:
            with warnings.catch_warnings(action="ignore"):  # what looks odd to Python is refused or read below
                return ast.parse(self.text).body
        except SyntaxError as error:
            column = min((error.offset or 1) - 1, len(self.text))
            raise ParseError(f"this cannot be read: {error.msg}", self.text, column) from None
        except (MemoryError, RecursionError):
            raise ParseError("the expression is nested too deeply") from None
        except ValueError as error:
            raise ParseError(f"this cannot be read: {error}") from None

    def bound_depth(self) -> None:
        depth = 0
        for column, character in enumerate(self.text):
            depth += (character in "([{") - (character in ")]}")
            if depth > MAX_DEPTH:
                raise ParseError(f"brackets are nested more than {MAX_DEPTH} deep", self.text, column)

    def at(self, node: ast.expr | ast.stmt) -> int:
        """Where a node stands in the text, in characters."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        return self.starts[node.lineno - 1] + len(line.encode()[: node.col_offset].decode(errors="ignore"))

    def refused(self, node: ast.expr | ast.stmt, problem: str) -> ParseError:
        return ParseError(problem, self.text, self.at(node))

    def line(self, statement: ast.stmt, last: bool) -> Line:
        if isinstance(statement, ast.Expr):
            if not last:
                raise self.refused(statement, "only the last line may be a value; the others define names: name = …")
            return Line("", (), self.tree(statement.value, 0))
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            value = self.tree(statement.value, 0)
            if isinstance(target, ast.Name):
                return Line(target.id, (), value)
            found = self.tree(target, 0) if isinstance(target, ast.Subscript) else None
            if isinstance(found, Subscript) and all(isinstance(p, Name) for p in found.positions):
                return Line(found.name, tuple(p.name for p in found.positions if isinstance(p, Name)), value)
        raise self.refused(statement, "an expression or a definition `name = expression` was expected")

    def tree(self, node: ast.expr, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise self.refused(node, f"the expression is nested more than {MAX_DEPTH} deep")
        at = self.at(node)
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.Name):
            return Name(node.id, at)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.tree(node.operand, depth + 1)
            return Unary("-", inner, at) if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return self.binary(node, depth)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
            left, right = self.tree(node.left, depth + 1), self.tree(node.comparators[0], depth + 1)
            return Binary(OPERATORS[type(node.ops[0])], left, right, at)
        if isinstance(node, ast.Attribute):
            if node.attr == "T":
                return Transpose(self.tree(node.value, depth + 1), at)
            raise self.refused(node, f"the only attribute of an array is .T, not .{node.attr}")
        if isinstance(node, ast.Subscript):
            return self.subscript(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        raise self.refused(node, f"{_kind(node)} is not part of the notation")

    def binary(self, node: ast.BinOp, depth: int) -> Tree:
        """A binary operation; long chains of one level are walked, not recursed into."""
        chain: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and type(left.op) in OPERATORS:
            chain.append(left)
            left = left.left
        if len(chain) > MAX_TERMS:
            raise self.refused(node, f"a chain of operators has at most {MAX_TERMS} of them")
        tree = self.tree(left, depth + 1)
        for link in reversed(chain):
            tree = Binary(OPERATORS[type(link.op)], tree, self.tree(link.right, depth + 1), self.operator_at(link))
        return tree

    def operator_at(self, node: ast.BinOp) -> int:
        """The column of the operator between two operands."""
        end = self.starts[(node.left.end_lineno or 1) - 1] + (node.left.end_col_offset or 0)
        sign = OPERATORS[type(node.op)]
        return max(self.text.find(sign, end), 0)

    def constant(self, node: ast.Constant) -> Tree:
        written = ast.get_source_segment(self.text, node) or ""
        if isinstance(node.value, str):
            return Word(node.value, self.at(node))
        if isinstance(node.value, bool | complex | bytes) or node.value is None or node.value is ...:
            raise self.refused(node, f"{written or node.value!r} is not a number of the notation")
        if len(written) > MAX_DIGITS or not 1e-300 < abs(node.value or 1) < 1e300:
            raise self.refused(node, f"numbers have at most {MAX_DIGITS} digits, and lie between 1e-300 and 1e300")
        exact = written.replace("_", "") if isinstance(node.value, float) else node.value
        return Number(Rational(exact), self.at(node))

    def subscript(self, node: ast.Subscript, depth: int) -> Tree:
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        positions = tuple(self.tree(part, depth + 1) for part in inner)
        if not isinstance(node.value, ast.Name):
            return At(self.tree(node.value, depth + 1), positions, self.at(node))
        return Subscript(node.value.id, positions, self.at(node))

    def call(self, node: ast.Call, depth: int) -> Tree:
        if not isinstance(node.func, ast.Name):
            raise self.refused(node.func, "only functions of the notation can be called")
        name = node.func.id
        if name not in FUNCTIONS:
            raise self.refused(node, f"unknown function {name!r}{nearest(name, FUNCTIONS)}")
        args = tuple(self.tree(arg, depth + 1) for arg in node.args)
        if any(word.arg is None for word in node.keywords):
            raise self.refused(node, "`**` is not part of the notation here")
        options = tuple((str(word.arg), self.tree(word.value, depth + 1)) for word in node.keywords)
        reducing = name in ("sum", "mean", "prod", "max") and len(args) > 1
        if reducing and all(isinstance(arg, Name) or _is_range(arg) for arg in args[1:]):
            plain = (arg.left if isinstance(arg, Binary) else arg for arg in args[1:])
            names = tuple(arg.name for arg in plain if isinstance(arg, Name))
            below = tuple(
                (arg.left.name, arg.right) for arg in args[1:] if isinstance(arg, Binary) and isinstance(arg.left, Name)
            )
            return Reduce(name, args[0], names, below, at=self.at(node))
        return Call(name, args, options, self.at(node))


def _is_range(tree: Tree) -> bool:
    """Whether a tree says over which numbers an index runs: `r < n`."""
    return isinstance(tree, Binary) and tree.op == "<" and isinstance(tree.left, Name)


def _kind(node: ast.expr) -> str:
    kinds = {ast.Lambda: "a lambda", ast.Dict: "a dictionary", ast.List: "a list", ast.Tuple: "a tuple"}
    return kinds.get(type(node), f"a {type(node).__name__.lower()}")


# ---------------------------------------------------------------- declarations


def array_from(name: str, words: str) -> Array:
    """The array that `"n d spd"` declares: sizes, then a domain.

    >>> str(array_from("p", "k simplex"))
    'p: k, simplex'
    """
    if not isinstance(words, str):
        raise ParseError(f"{name} is declared by its sizes and domain, such as 'n d positive', not by {words!r}")
    parts = words.split()
    sizes = 0
    while sizes < len(parts) and _is_size(parts, sizes):
        if get_close_matches(parts[sizes], _FIRST_WORDS, cutoff=0.8):
            domain(parts[sizes])  # a misspelt domain, not a size
        sizes += 1
    shape = tuple(sympy.Integer(part) if part.isdigit() else Dim(part) for part in parts[:sizes])
    phrase = " ".join(parts[sizes:])
    return Array(name, shape, domain(phrase) if phrase else REAL)


def _is_size(parts: Sequence[str], at: int) -> bool:
    """Whether a word is a size: a number, or a name that does not begin a domain."""
    word = parts[at]
    return word.isdigit() or (word.isidentifier() and word not in _FIRST_WORDS)


_FIRST_WORDS = frozenset(phrase.split()[0] for phrase in (*DOMAINS, *ALIASES, "index k") if phrase)


def declarations(text: str) -> tuple[Array, ...]:
    """The arrays that `"X: n d, w: d, y: n in {0,1}"` declares.

    Raises:
        ParseError: a part is not `name: sizes domain`.
    """
    found = []
    for part in _split_outside_braces(text):
        name, colon, words = part.partition(":")
        if not colon or not name.strip().isidentifier():
            raise ParseError(f"a declaration is `name: sizes domain`, not {part.strip()!r}")
        found.append(array_from(name.strip(), words.replace("scalar", "")))
    return tuple(found)


def _split_outside_braces(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for column, character in enumerate(text):
        depth += (character in "{(") - (character in "})")
        if character == "," and not depth:
            parts.append(text[start:column])
            start = column + 1
    return [part for part in [*parts, text[start:]] if part.strip()]
