"""What a tree means: every part gets a shape, and the whole becomes a program in index notation.

Broadcasting aligns axes from the right, as NumPy's does; sizes have to be equal, or an axis missing. What does not fit
is a `ShapeError` that points at the operator and tells both shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sympy import Add, Expr, I, Indexed, Integer, Mul, Pow, S, log, nan, oo, sqrt, zoo

from derive.array_functions import ARRAY_FUNCTIONS
from derive.errors import ParseError, ShapeError, nearest
from derive.notation.text import CONSTANTS, ELEMENTWISE, Line, parse_lines
from derive.notation.tree import (
    COMPARISONS,
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
    nodes,
)
from derive.primitives import BY_NAME, absolute, exp, less_equal, silu
from derive.program import (
    LETTERS,
    Array,
    Delta,
    Dim,
    Entry,
    Equation,
    Index,
    Maximum,
    Product,
    Program,
    Sum,
    anonymous,
    check,
    element,
    free_indices,
    fresh_name,
    is_element,
    name_of,
    positions_of,
    substitute,
    walk,
)

MAX_EXPONENT = 1000
MAX_MATRIX_EXPONENT = 64


@dataclass(frozen=True)
class Typed:
    """A value at each position of its axes."""

    value: Expr
    axes: tuple[Index, ...] = ()
    row: bool = False  # a vector that lies down; only handwriting tells rows from columns

    @property
    def shape(self) -> str:
        """The sizes of the axes, as text."""
        return f"({', '.join(str(axis.size) for axis in self.axes)})"


def to_program(
    source: str | Tree, arrays: Sequence[Array], output: str = "value", shape: Sequence[Expr] = ()
) -> Program:
    """The program that a text, or a tree, computes from `arrays`; its value is called `output`.

    Where the value is written with indices, `shape` may tell the sizes of those that stand along no axis.

    Raises:
        ParseError: the text is not in the notation, or mentions an unknown name.
        ShapeError: shapes do not fit; the message points at the operator and tells both.

    >>> from derive.notation.text import declarations
    >>> print(to_program("X @ w", declarations("X: n d, w: d")).equations[0])
    value[i] = Sum(X[i, j]*w[j], j)
    """
    text = source if isinstance(source, str) else ""
    lines = parse_lines(source) if isinstance(source, str) else (Line("", (), source),)
    scope = Scope(arrays, text, {line.target for line in lines} | {output})
    equations: list[Equation] = []
    for line in lines:
        scope.begin(line, shape if line is lines[-1] else ())
        typed = scope.typed(line.tree)
        equations += scope.made
        scope.made = []
        name = line.target or output
        named = tuple(scope.named[i] for i in line.indices if i in scope.named)
        axes = (*named, *typed.axes)
        equations.append(Equation(name, axes, typed.value, auxiliary=not line.target))
        scope.arrays[name] = Array(name, tuple(axis.size for axis in axes))
    return check(Program(tuple(arrays), tuple(equations), (equations[-1].target,)))


class Scope:
    """The names in scope while one line after the other is typed."""

    def __init__(self, arrays: Sequence[Array], text: str, targets: Iterable[str] = ()) -> None:
        self.targets = set(targets)
        self.made: list[Equation] = []
        self.matrices: dict[Expr, str] = {}
        self.arrays = {array.name: array for array in arrays}
        self.dims = {s.name: s for a in arrays for size in a.shape for s in size.free_symbols if isinstance(s, Dim)}
        self.text = text
        self.used: set[str] = set()
        self.named: dict[str, Index] = {}
        self.letters: dict[str, Index] = {}
        self.loose: list[At] = []

    def begin(self, line: Line, shape: Sequence[Expr]) -> None:
        """Start a line: index letters may be used again, its own index names are reserved."""
        self.used = {*self.arrays, *self.dims, *line.indices}
        self.named = {}
        self.letters = {name: Index(name, size) for name, size in zip(line.indices, shape, strict=False)}
        self.letters |= dict(self.plain_positions(line.tree))
        self.letters |= dict(self.sliding_positions(line))
        self.loose = [node for node in nodes(line.tree) if isinstance(node, At)]

    def plain_positions(self, tree: Tree) -> Iterator[tuple[str, Index]]:
        """The names that stand alone in some position, as indices over that axis."""
        for part in nodes(tree):
            if isinstance(part, Subscript) and part.name in self.arrays:
                for position, size in zip(part.positions, self.arrays[part.name].shape, strict=False):
                    if isinstance(position, Name):
                        yield position.name, Index(position.name, size)

    def index(self, size: Expr) -> Index:
        """An index over `size` under a new letter."""
        free = (letter for letter in LETTERS if letter not in self.used)
        return Index(fresh_name(next(free, "i"), self.used), size)

    def wrong(self, problem: str, at: int) -> ShapeError:
        return ShapeError(str(ParseError(problem, self.text, at)) if self.text else problem)

    def sliding_positions(self, line: Line) -> Iterator[tuple[str, Index]]:
        """The indices on the left that slide along an axis, as the i of `y[i] = sum(w[k] * x[i + k], k)`.

        They run as far as every position stays inside.
        """
        for part in nodes(line.tree):
            if isinstance(part, Subscript) and part.name in self.arrays:
                for position, size in zip(part.positions, self.arrays[part.name].shape, strict=False):
                    names = _summed(position)
                    loose = [name for name in names if name in line.indices and name not in self.letters]
                    others = [self.letters[name].size for name in names if name in self.letters]
                    if len(loose) == 1 and len(others) == len(names) - 1:
                        yield loose[0], Index(loose[0], size - Add(*(other - 1 for other in others)))

    # ------------------------------------------------ nodes

    def typed(self, tree: Tree) -> Typed:
        if isinstance(tree, Number):
            return Typed(tree.value)
        if isinstance(tree, Name):
            return self.name(tree)
        if isinstance(tree, Unary):
            inner = self.typed(tree.arg)
            return Typed(-inner.value, inner.axes)
        if isinstance(tree, Binary):
            left, right = self.typed(tree.left), self.typed(tree.right)
            if tree.op == "@":
                return self.matmul(left, right, tree.at)
            operation = _OPERATIONS.get(tree.op) or BY_NAME[COMPARISONS[tree.op]].function
            return self.elementwise(operation, [left, right], tree.at, tree.op)
        if isinstance(tree, Transpose):
            inner = self.typed(tree.arg)
            return Typed(inner.value, inner.axes[::-1])
        if isinstance(tree, Subscript):
            return self.subscript(tree)
        if isinstance(tree, At):
            return self.at(tree)
        if isinstance(tree, Reduce):
            return self.reduce(tree)
        if isinstance(tree, Word):
            raise ParseError(f"the word {tree.text!r} has no place here", self.text, tree.at)
        assert isinstance(tree, Call), tree
        return self.call(tree)

    def name(self, tree: Name) -> Typed:
        if tree.name in self.arrays:
            axes = tuple(self.index(size) for size in self.arrays[tree.name].shape)
            return Typed(element(tree.name, axes), axes)
        if tree.name in self.dims:
            return Typed(self.dims[tree.name])
        if tree.name in self.named:
            return Typed(self.named[tree.name])
        if tree.name in CONSTANTS:
            return Typed(CONSTANTS[tree.name])
        if tree.name in self.letters:
            self.used.add(tree.name)
            return Typed(self.named.setdefault(tree.name, self.letters[tree.name]))
        for entry in self.loose:
            for place, position in enumerate(entry.positions):
                if position == tree:
                    axes = self.typed(entry.array).axes
                    self.used.add(tree.name)
                    return Typed(self.named.setdefault(tree.name, Index(tree.name, axes[place].size)))
        known = [*self.arrays, *self.dims, *self.named]
        raise ParseError(f"unknown name {tree.name!r}{nearest(tree.name, known)}", self.text, tree.at)

    def subscript(self, tree: Subscript) -> Typed:
        array = self.arrays.get(tree.name)
        if array is None:
            raise ParseError(f"unknown name {tree.name!r}{nearest(tree.name, self.arrays)}", self.text, tree.at)
        if len(array.shape) != len(tree.positions):
            shape = " ".join(map(str, array.shape)) or "scalar"
            given = len(tree.positions)
            raise self.wrong(f"{tree.name} ({shape}) takes {len(array.shape)} indices, not {given}", tree.at)
        return Typed(element(tree.name, self.positions(tree.positions, array.shape)))

    def positions(self, trees: Sequence[Tree], shape: Sequence[Expr]) -> tuple[Expr, ...]:
        """Positions along axes; a name that stands alone is an index over its axis."""
        found = []
        for part, size in zip(trees, shape, strict=True):
            if isinstance(part, Name) and part.name not in self.arrays and part.name not in self.named:
                self.used.add(part.name)
                self.named[part.name] = Index(part.name, size)
            found.append(self.typed(part).value)
        return tuple(found)

    def at(self, tree: At) -> Typed:
        """An entry of an array without a name."""
        inner = self.typed(tree.array)
        if len(inner.axes) != len(tree.positions):
            raise self.wrong(f"the shape {inner.shape} does not take {len(tree.positions)} indices", tree.at)
        places = self.positions(tree.positions, [axis.size for axis in inner.axes])
        return Typed(substitute(inner.value, dict(zip(inner.axes, places, strict=True))))

    def reduce(self, tree: Reduce) -> Typed:
        outer = {name: self.named.pop(name) for name in tree.indices if name in self.named}
        for name, size in tree.below:
            self.used.add(name)
            self.named[name] = Index(name, self.whole(self.typed(size), tree.at))
        inner = self.typed(tree.body)
        missing = [name for name in tree.indices if name not in self.named]
        if missing:
            raise ParseError(f"the index {missing[0]!r} does not occur under the {tree.kind}", self.text, tree.at)
        bound = [self.named.pop(name) for name in tree.indices]
        self.named.update(outer)
        if tree.kind == "mean":
            return Typed(Sum(inner.value, *bound) / Mul(*(index.size for index in bound)), inner.axes)
        return Typed({"sum": Sum, "prod": Product, "max": Maximum}[tree.kind](inner.value, *bound), inner.axes)

    # ------------------------------------------------ shapes

    def aligned(self, values: Sequence[Typed], at: int, what: str) -> tuple[list[Expr], tuple[Index, ...]]:
        """The values over common axes, matched from the right."""
        longest = max(values, key=lambda value: len(value.axes))
        exprs = []
        for value in values:
            pairs = list(zip(reversed(value.axes), reversed(longest.axes), strict=False))
            if any(mine.size != other.size for mine, other in pairs):
                raise self.wrong(f"shapes {value.shape} and {longest.shape} do not fit under {what}", at)
            exprs.append(substitute(value.value, {mine: other for mine, other in pairs if mine != other}))
        return exprs, longest.axes

    def elementwise(self, operation: Callable[..., Expr], values: Sequence[Typed], at: int, what: str) -> Typed:
        exprs, axes = self.aligned(values, at, what)
        if what == "**" and exprs[1].is_number and abs(exprs[1]) > MAX_EXPONENT:
            raise ParseError(f"exponents are at most {MAX_EXPONENT}", self.text, at)
        value = operation(*exprs)
        if value.has(zoo, nan, oo, I):
            raise ParseError(f"this is no real number: {what} of {', '.join(map(str, exprs))}", self.text, at)
        return Typed(value, axes)

    def matmul(self, left: Typed, right: Typed, at: int) -> Typed:
        if not left.axes or not right.axes or max(len(left.axes), len(right.axes)) > 2:
            raise self.wrong(f"@ multiplies vectors and matrices, not shapes {left.shape} and {right.shape}", at)
        inner, other = left.axes[-1], right.axes[0]
        if inner.size != other.size:
            raise self.wrong(
                f"shapes {left.shape} and {right.shape} do not fit under @: {inner.size} is not {other.size}", at
            )
        product = left.value * substitute(right.value, {other: inner})
        return Typed(Sum(product, inner), left.axes[:-1] + right.axes[1:])

    # ------------------------------------------------ functions

    def call(self, tree: Call) -> Typed:
        if tree.function in _ARRAY_CALLS:
            return _ARRAY_CALLS[tree.function](self, tree)
        operation = _EXTRA.get(tree.function) or BY_NAME[tree.function].function
        wanted = 1 if tree.function in _EXTRA else BY_NAME[tree.function].arity
        self.arity(tree, wanted)
        return self.elementwise(operation, [self.typed(arg) for arg in tree.args], tree.at, tree.function)

    def arity(self, tree: Call, *allowed: int) -> None:
        if len(tree.args) not in allowed or (tree.options and tree.function in ELEMENTWISE):
            counts = " or ".join(map(str, allowed))
            raise ParseError(f"{tree.function} takes {counts} arguments, not {len(tree.args)}", self.text, tree.at)

    def vector(self, tree: Call, value: Typed, rank: int = 1) -> Typed:
        if len(value.axes) != rank:
            kind = {1: "a vector", 2: "a matrix"}[rank]
            raise self.wrong(f"{tree.function} takes {kind}, not the shape {value.shape}", tree.at)
        return value

    def square(self, tree: Call, value: Typed) -> Typed:
        self.vector(tree, value, rank=2)
        if value.axes[0].size != value.axes[1].size:
            raise self.wrong(f"{tree.function} takes a square matrix, not the shape {value.shape}", tree.at)
        return value

    def matrix(self, value: Typed, at: int) -> tuple[str, bool]:
        """The name of a matrix, given to it when it has none; and whether it is the transpose that is meant."""
        if isinstance(value.value, Indexed) and set(positions_of(value.value)) == set(value.axes):
            return name_of(value.value), positions_of(value.value) != value.axes
        if free_indices(value.value) - set(value.axes):
            raise self.wrong("a function of a matrix cannot stand under a named index", at)
        places = [Index(f"axis {k}", axis.size) for k, axis in enumerate(value.axes)]
        key = anonymous(substitute(value.value, dict(zip(value.axes, places, strict=True))))
        if key not in self.matrices:
            taken = {*self.arrays, *self.dims, *self.targets, *self.used}
            name = fresh_name("M", taken)
            self.matrices[key] = name
            self.made.append(Equation(name, value.axes, value.value, auxiliary=True))
            self.arrays[name] = Array(name, tuple(axis.size for axis in value.axes))
            self.used.add(name)
        return self.matrices[key], False

    def array_function(self, tree: Call, value: Typed, exponent: tuple[Expr, ...] = ()) -> Typed:
        """A function of a whole matrix."""
        row = ARRAY_FUNCTIONS[tree.function]
        factor, rest = _scalar_part(value)
        if factor != 1 and row.scaled is not None:
            inner = self.array_function(tree, Typed(rest, value.axes), exponent)
            return Typed(row.scaled(inner.value, factor, value.axes[0].size, *exponent), inner.axes)
        name, turned = self.matrix(self.square(tree, value), tree.at)
        axes = tuple(self.index(value.axes[0].size) for _ in row.axes)
        places = axes[::-1] if turned and row.symmetric else axes
        return Typed(Entry(row.name, (name,), (*exponent, *places)), axes)

    def whole(self, value: Typed, at: int) -> Expr:
        """A whole number: of sizes, indices, and scalars that are declared natural."""
        for part in walk(value.value):
            integer = part.is_Integer or isinstance(part, Dim | Index | Add | Mul | Pow)
            known = self.arrays.get(name_of(part)) if is_element(part) else None
            if (not integer and not (known and known.domain.integer)) or value.axes:
                problem = "a whole number was expected: of numbers, sizes, indices, and scalars declared natural"
                raise ParseError(problem, self.text, at)
        return value.value

    def size(self, tree: Tree) -> Expr:
        """A size: a number, a dimension, or what is worked out from them."""
        value = self.typed(tree)
        parts = (value.value.is_Integer, isinstance(value.value, Dim | Add | Mul))
        if value.axes or not any(parts) or any(is_element(p) or isinstance(p, Index) for p in walk(value.value)):
            raise ParseError("a size was expected: a dimension's name or a whole number", self.text, tree.at)
        return value.value

    def reduced_axes(self, tree: Call, value: Typed) -> tuple[Index, ...]:
        """The axes that `axis=` names; all of them without it."""
        option = dict(tree.options).get("axis")
        if option is None:
            return value.axes
        number = option.arg if isinstance(option, Unary) else option
        if not isinstance(number, Number) or not number.value.is_Integer:
            raise ParseError("axis= takes a whole number", self.text, tree.at)
        axis = int(number.value) * (-1 if isinstance(option, Unary) else 1)
        if not -len(value.axes) <= axis < len(value.axes):
            raise self.wrong(f"axis {axis} is not an axis of the shape {value.shape}", tree.at)
        return (value.axes[axis],)


def _summed(position: Tree) -> list[str]:
    """The names of a position such as i + k; empty where it is anything else."""
    if isinstance(position, Name):
        return [position.name]
    if isinstance(position, Binary) and position.op == "+":
        left, right = _summed(position.left), _summed(position.right)
        return [*left, *right] if left and right else []
    return []


def _scalar_part(value: Typed) -> tuple[Expr, Expr]:
    """The factors of a matrix that depend on neither axis, and the rest."""
    factors = Mul.make_args(value.value)
    scalars = [factor for factor in factors if free_indices(factor).isdisjoint(value.axes)]
    if not scalars or len(scalars) == len(factors):
        return S.One, value.value
    return Mul(*scalars), Mul(*(factor for factor in factors if factor not in scalars))


_OPERATIONS: dict[str, Callable[..., Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
_EXTRA: dict[str, Callable[..., Expr]] = {
    "sqrt": sqrt,
    "log2": lambda x: log(x) / log(2),
    "square": lambda x: x**2,
    "swish": silu,
}


def _reduction(kind: str) -> Callable[[Scope, Call], Typed]:
    def reduction(scope: Scope, tree: Call) -> Typed:
        scope.arity(tree, 1)
        inner = scope.typed(tree.args[0])
        over = scope.reduced_axes(tree, inner)
        left = tuple(axis for axis in inner.axes if axis not in over)
        if kind == "max":
            return Typed(Maximum(inner.value, *over), left)
        if kind == "min":
            return Typed(-Maximum(-inner.value, *over), left)
        if kind == "prod":
            return Typed(Product(inner.value, *over), left)
        total = Sum(inner.value, *over)
        for axis in over if kind == "mean" else ():
            total = total / axis.size
        return Typed(total, left)

    return reduction


def _dot(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 2)
    return scope.matmul(scope.typed(tree.args[0]), scope.typed(tree.args[1]), tree.at)


def _array_function(scope: Scope, tree: Call) -> Typed:
    if not ARRAY_FUNCTIONS[tree.function].takes_exponent:
        scope.arity(tree, 1)
        return scope.array_function(tree, scope.typed(tree.args[0]))
    scope.arity(tree, 2)
    exponent = scope.whole(scope.typed(tree.args[1]), tree.at)
    if exponent.is_Integer and abs(exponent) > MAX_MATRIX_EXPONENT:
        what = f"exponents of matrices are at most {MAX_MATRIX_EXPONENT}; one that is declared natural may be any"
        raise ParseError(what, scope.text, tree.at)
    return scope.array_function(tree, scope.typed(tree.args[0]), (exponent,))


def _solve(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 2)
    matrix, right = scope.typed(tree.args[0]), scope.typed(tree.args[1])
    inverse = scope.array_function(replace(tree, function="inv"), scope.square(tree, matrix))
    return scope.matmul(inverse, right, tree.at)


def _pinv(scope: Scope, tree: Call) -> Typed:
    """(XᵀX)⁻¹Xᵀ, which is the pseudo-inverse of a matrix of full column rank."""
    scope.arity(tree, 1)
    gram = Call("inv", (Binary("@", Transpose(tree.args[0]), tree.args[0]),), at=tree.at)
    return scope.typed(Binary("@", gram, Transpose(tree.args[0]), at=tree.at))


def _kron(scope: Scope, tree: Call) -> Typed:
    """The entry at (i p + k, j q + l) is A[i, j] B[k, l]."""
    scope.arity(tree, 2)
    left, right = (scope.vector(tree, scope.typed(arg), rank=2) for arg in tree.args)
    axes = tuple(scope.index(a.size * b.size) for a, b in zip(left.axes, right.axes, strict=True))
    places = [a * b.size + b for a, b in zip(left.axes, right.axes, strict=True)]
    tied = [Delta(axis, place) for axis, place in zip(axes, places, strict=True)]
    return Typed(Sum(tied[0] * tied[1] * left.value * right.value, *left.axes, *right.axes), axes)


def _cumsum(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 1)
    inner = scope.typed(tree.args[0])
    over = scope.reduced_axes(tree, inner)
    if len(over) != 1:
        raise scope.wrong(f"cumsum of the shape {inner.shape} needs axis=", tree.at)
    (axis,) = over
    earlier = scope.index(axis.size)
    return Typed(Sum(less_equal(earlier, axis) * substitute(inner.value, {axis: earlier}), earlier), inner.axes)


def _outer(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 2)
    left, right = (scope.vector(tree, scope.typed(arg)) for arg in tree.args)
    return Typed(left.value * right.value, left.axes + right.axes)


def _diag(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 1)
    inner = scope.typed(tree.args[0])
    if len(inner.axes) == 2:
        row, column = inner.axes
        if row.size != column.size:
            raise scope.wrong(f"diag takes a square matrix, not the shape {inner.shape}", tree.at)
        return Typed(substitute(inner.value, {column: row}), (row,))
    (row,) = scope.vector(tree, inner).axes
    column = scope.index(row.size)
    return Typed(Delta(row, column) * inner.value, (row, column))


def _trace(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 1)
    scope.vector(tree, scope.typed(tree.args[0]), rank=2)
    diagonal = _diag(scope, tree)
    return Typed(Sum(diagonal.value, *diagonal.axes))


def _eye(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 1)
    size = scope.size(tree.args[0])
    row, column = scope.index(size), scope.index(size)
    return Typed(Delta(row, column), (row, column))


def _filled(value: int) -> Callable[[Scope, Call], Typed]:
    def filled(scope: Scope, tree: Call) -> Typed:
        scope.arity(tree, 1, 2)
        return Typed(Integer(value), tuple(scope.index(scope.size(arg)) for arg in tree.args))

    return filled


def _norm(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 1, 2)
    inner = scope.typed(tree.args[0])
    kind = tree.args[1] if len(tree.args) == 2 else Number(S(2))
    if not isinstance(kind, Word | Name | Number):
        raise ParseError("the second argument of norm is 1, 2, inf, 'fro' or 'nuc'", scope.text, tree.at)
    word = kind.text if isinstance(kind, Word) else kind.name if isinstance(kind, Name) else str(kind.value)
    if len(inner.axes) == 2:
        return _matrix_norm(scope, tree, inner, word)
    if word == "inf" and len(inner.axes) == 1:
        return Typed(Maximum(absolute(inner.value), *inner.axes))
    if isinstance(kind, Number) and kind.value in (1, 2) and len(inner.axes) == 1:
        if kind.value == 1:
            return Typed(Sum(absolute(inner.value), *inner.axes))
        return Typed(sqrt(Sum(inner.value**2, *inner.axes)))
    kinds = "a vector and 1, 2 or inf, or a matrix and 'fro', 'nuc', 1, 2 or inf"
    raise scope.wrong(f"norm takes {kinds}, not the shape {inner.shape} and {word}", tree.at)


def _matrix_norm(scope: Scope, tree: Call, inner: Typed, kind: str) -> Typed:
    """A norm of a matrix; those of its singular values are taken from the eigenvalues of XᵀX."""
    if kind == "fro" or len(tree.args) == 1:
        return Typed(sqrt(Sum(inner.value**2, *inner.axes)))
    if kind in ("1", "inf"):
        row, column = inner.axes[:: 1 if kind == "1" else -1]
        return Typed(Maximum(Sum(absolute(inner.value), row), column))
    if kind in ("2", "nuc"):
        row, column = inner.axes
        other = scope.index(column.size)
        gram = Typed(Sum(inner.value * substitute(inner.value, {column: other}), row), (column, other))
        squares = scope.array_function(replace(tree, function="eigvalsh"), gram)
        if kind == "2":
            return Typed(sqrt(Maximum(squares.value, *squares.axes)))
        return Typed(Sum(sqrt(squares.value), *squares.axes))
    raise scope.wrong(f"the norms of a matrix are 'fro', 'nuc', 1, 2 and inf, not {kind!r}", tree.at)


def _softmax_parts(scope: Scope, tree: Call) -> tuple[Typed, Expr, Index]:
    """The argument, the sum of its exponentials over its last axis, and that axis."""
    scope.arity(tree, 1)
    inner = scope.typed(tree.args[0])
    if not inner.axes:
        raise scope.wrong(f"{tree.function} takes a vector or a matrix, not a scalar", tree.at)
    last = inner.axes[-1]
    other = scope.index(last.size)
    return inner, Sum(exp(substitute(inner.value, {last: other})), other), last


def _softmax(scope: Scope, tree: Call) -> Typed:
    inner, total, _ = _softmax_parts(scope, tree)
    return Typed(exp(inner.value) / total, inner.axes)


def _log_softmax(scope: Scope, tree: Call) -> Typed:
    inner, total, _ = _softmax_parts(scope, tree)
    return Typed(inner.value - log(total), inner.axes)


def _logsumexp(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 1)
    inner = scope.typed(tree.args[0])
    over = scope.reduced_axes(tree, inner)
    return Typed(log(Sum(exp(inner.value), *over)), tuple(axis for axis in inner.axes if axis not in over))


def _delta(scope: Scope, tree: Call) -> Typed:
    scope.arity(tree, 2)
    left, right = (scope.typed(arg).value for arg in tree.args)
    return Typed(Delta(left, right))


def _einsum(scope: Scope, tree: Call) -> Typed:
    pattern = tree.args[0] if tree.args else None
    if not isinstance(pattern, Word) or "->" not in pattern.text:
        raise ParseError('einsum takes a pattern first: einsum("ij,j->i", X, w)', scope.text, tree.at)
    left, right = pattern.text.replace(" ", "").split("->")
    operands = [scope.typed(arg) for arg in tree.args[1:]]
    words = left.split(",")
    if len(words) != len(operands) or any(len(w) != len(o.axes) for w, o in zip(words, operands, strict=False)):
        shapes = " and ".join(operand.shape for operand in operands)
        raise scope.wrong(f"the pattern {pattern.text!r} does not fit the shapes {shapes}", tree.at)
    letters: dict[str, Index] = {}
    product: Expr = S.One
    for word, operand in zip(words, operands, strict=True):
        for letter, axis in zip(word, operand.axes, strict=True):
            if letters.setdefault(letter, axis).size != axis.size:
                raise scope.wrong(f"{letter} is both {letters[letter].size} and {axis.size}", tree.at)
        renamed = {axis: letters[letter] for letter, axis in zip(word, operand.axes, strict=True)}
        product = product * substitute(operand.value, renamed)
    if not set(right) <= set(letters) or len(set(right)) < len(right):
        raise ParseError(f"the result {right!r} has to consist of letters of {left!r}, once each", scope.text, tree.at)
    return Typed(
        Sum(product, *(index for letter, index in letters.items() if letter not in right)),
        tuple(letters[letter] for letter in right),
    )


_ARRAY_CALLS: dict[str, Callable[[Scope, Call], Typed]] = {
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "max": _reduction("max"),
    "min": _reduction("min"),
    "prod": _reduction("prod"),
    "cumsum": _cumsum,
    "kron": _kron,
    "solve": _solve,
    "pinv": _pinv,
    **dict.fromkeys(ARRAY_FUNCTIONS, _array_function),
    "dot": _dot,
    "outer": _outer,
    "diag": _diag,
    "trace": _trace,
    "eye": _eye,
    "ones": _filled(1),
    "zeros": _filled(0),
    "norm": _norm,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "delta": _delta,
    "einsum": _einsum,
}
