"""The arithmetic of handwriting: which product factors side by side are, powers, transposes, identities and ones.

Numbers, columns, rows and matrices are told apart by their axes and by whether a vector lies down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sympy import Expr, Integer, S

from derive.errors import ParseError, ShapeError
from derive.handwriting.setting import Setting
from derive.handwriting.tree import Applied, Beside, Derived, Node
from derive.notation.tree import Binary, Call, Number, Tree, Word
from derive.notation.typing import MAX_EXPONENT, Scope, Typed
from derive.program import Delta, Equation, Program


class Unsized(ParseError):
    """An identity or a vector of ones that does not say how large it is."""


class Undeclared(ParseError):
    """A name that nobody declared or defined."""

    column: int

    def __init__(self, name: str, hint: str, text: str, column: int, rank: int | None = None) -> None:
        """`name` as it is known, and a hint at one like it; where it stands, and how many positions it has there."""
        self.name, self.hint, self.rank = name, hint, rank
        super().__init__(f"{name!r} is not declared{hint}", text, column)


class Arithmetic(Scope):
    """The names in scope, and how typed values are put together."""

    def __init__(self, setting: Setting, latex: str) -> None:
        super().__init__(list(setting.arrays.values()), latex, ())
        self.setting, self.latex = setting, latex
        self.dims |= setting.dims
        self.used = {*self.arrays, *self.dims}
        self.locals: dict[str, Typed] = {}
        self.lows: dict[str, Expr] = {}
        self.folding: frozenset[str] = frozenset()
        self.hint: Expr | None = None
        self.formula: Node | None = None  # the side that is being understood
        self.entered: frozenset[str] = frozenset()
        self.slopes: dict[tuple[Program, str], Equation] = {}  # what was worked out, since repairs ask for it again
        self.circle = False  # whether π is the number, though an array is called like it
        self.strict = False  # whether arrays of different ranks have no sum and no elementwise product
        self.explicit = False  # whether ∂ is by a variable where it stands, with all that depends on it held fixed
        self.held: dict[str, None] = {}  # what was held fixed in this way

    def wrong(self, problem: str, at: int) -> ShapeError:
        return ShapeError(str(ParseError(problem, self.latex, at)))

    def unreadable(self, problem: str, at: int) -> ParseError:
        return ParseError(problem, self.latex, at)

    def begin_side(self) -> None:
        """Start another side of a relation: letters for axes and bound indices may be used again."""
        self.used = {*self.arrays, *self.dims, *self.named, *self.setting.indices}

    def elementwise(self, operation: Callable[..., Expr], values: Sequence[Typed], at: int, what: str) -> Typed:
        if self.strict and len({len(value.axes) for value in values} - {0}) > 1:
            raise self.wrong(f"{what} of arrays with different numbers of axes", at)
        return super().elementwise(operation, values, at, what)

    def transposed(self, value: Typed) -> Typed:
        if len(value.axes) == 1:
            return replace(value, row=not value.row)
        return replace(value, axes=value.axes[::-1])

    def beside(self, tree: Beside) -> Typed:
        left, right = self.both(tree.left, tree.right)
        ranks = len(left.axes), len(right.axes)
        if 0 in ranks:
            row = left.row or right.row
            return replace(self.elementwise(lambda a, b: a * b, [left, right], tree.at, "a product"), row=row)
        if ranks == (1, 1):
            if (left.row and not right.row) or (tree.dotted and left.row == right.row):
                return self.matmul(left, right, tree.at)
            if right.row and not left.row:
                return Typed(left.value * right.value, (*left.axes, *right.axes))
            kind = "rows" if left.row else "columns"
            raise self.wrong(f"two {kind} stand side by side; one has to be transposed", tree.at)
        if ranks == (1, 2) and not left.row and not isinstance(tree.left, Derived):
            raise self.wrong("a column stands to the left of a matrix; it has to be transposed", tree.at)
        if ranks == (2, 1) and right.row:
            raise self.wrong("a row stands to the right of a matrix; it has to be transposed", tree.at)
        result = self.matmul(left, right, tree.at)
        return replace(result, row=ranks == (1, 2) and left.row)

    def binary(self, tree: Binary) -> Typed:
        left, right = self.both(tree.left, tree.right)
        if tree.op == "**":
            return self.power(tree, left, right)
        if tree.op == "*":
            return self.elementwise(lambda a, b: a * b, [left, right], tree.at, "an elementwise product")
        if tree.op == "/":
            if len(right.axes) > 1 and not left.axes:
                raise self.wrong("a number is divided by a matrix", tree.at)
            if right.value == 0:
                raise self.unreadable("a division by zero", tree.at)
            result = self.elementwise(lambda a, b: a / b, [left, right], tree.at, "a fraction")
            return replace(result, row=left.row or (right.row and not left.axes))
        if right.value == 0 and not right.axes:
            return left
        if left.value == 0 and not left.axes:
            return right if tree.op == "+" else replace(right, value=-right.value)
        if self.strict and bool(left.axes) != bool(right.axes) and not (left.value.is_number or right.value.is_number):
            raise self.wrong("a sum of a number and an array", tree.at)
        sign = 1 if tree.op == "+" else -1
        result = self.elementwise(lambda a, b: a + sign * b, [left, right], tree.at, "a sum")
        return replace(result, row=left.row or right.row)

    def power(self, tree: Binary, base: Typed, exponent: Typed) -> Typed:
        """A power of a number or of every entry of a vector; of a matrix, its product with itself."""
        if len(base.axes) == 2 and not exponent.axes:
            number = exponent.value
            if not number.is_Integer or base.axes[0].size != base.axes[1].size:
                raise self.wrong("a power of a matrix needs a square matrix and a whole exponent", tree.at)
            self.check_exponent(number, tree.at)
            return super().typed(Call("matrix_power", (tree.left, Number(number)), (), tree.at))
        return self.raised(base, exponent, tree.at)

    def raised(self, base: Typed, exponent: Typed, at: int) -> Typed:
        """A power of every entry."""
        if exponent.axes:
            raise self.unreadable("an exponent is a number", at)
        self.check_exponent(exponent.value, at)
        if base.value == 0 and exponent.value.is_negative:
            raise self.unreadable("a division by zero", at)
        return replace(base, value=base.value**exponent.value)

    def check_exponent(self, number: Expr, at: int) -> None:
        if number.is_number and abs(number) > MAX_EXPONENT:
            raise self.unreadable(f"exponents are at most {MAX_EXPONENT}", at)

    def inverse(self, tree: Call) -> Typed:
        inner = self.typed(tree.args[0])
        if not inner.axes:
            return Typed(1 / inner.value)
        return super().typed(Call("inv", tree.args, (), tree.at))

    def sized(self, tree: Applied) -> Typed:
        """An identity matrix or a vector of ones, as large as what stands beside it."""
        if self.hint is None:
            what = "the identity matrix" if tree.name == "eye" else "a vector of ones"
            raise Unsized(f"nothing beside {what} tells its size; declare it", self.latex, tree.at)
        if tree.name == "ones":
            return Typed(S.One, (self.index(self.hint),))
        row, column = self.index(self.hint), self.index(self.hint)
        return Typed(Delta(row, column), (row, column))

    def both(self, left: Node, right: Node) -> tuple[Typed, Typed]:
        """Two neighbours; one without a size of its own takes it from the other."""
        try:
            first = self.typed(left)
        except Unsized:
            second = self.typed(right)
            if not second.axes:
                raise
            return self.hinted(left, second.axes[0].size), second
        try:
            return first, self.typed(right)
        except Unsized:
            if not first.axes:
                raise
            return first, self.hinted(right, first.axes[-1].size)

    def hinted(self, tree: Node, size: Expr) -> Typed:
        outer, self.hint = self.hint, size
        try:
            return self.typed(tree)
        finally:
            self.hint = outer

    def length(self, tree: Applied) -> Typed:
        kind = tree.name.removeprefix("norm_")
        inner = self.typed(tree.args[0])
        options: tuple[Tree, ...] = ()
        if len(inner.axes) == 2:
            if kind not in ("F", "2"):
                raise self.unreadable(f"the norm {kind} of a matrix is not read", tree.at)
            options = (Word("fro"),)
        elif kind in ("1", "2"):
            options = (Number(Integer(kind)),) if kind == "1" else ()
        elif kind not in ("F",):
            raise self.unreadable(f"the norm {kind} is not read; there are 1, 2 and F", tree.at)
        if not inner.axes:
            return super().typed(Call("abs", tree.args, (), tree.at))
        return super().typed(Call("norm", (*tree.args, *options), (), tree.at))
