"""What handwriting means: every node of its trees as a typed value in index notation.

This is the scope of the text notation with the habits of paper: positions are counted from 1, factors side by side are
whichever product their shapes say, vectors stand or lie, and a derivative is worked out by forward mode through
everything that is defined. What is declared and defined stands in a `Setting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Integer, Mul, Pow, S, binomial, expand, pi, sqrt

from derive.calculus.modes import along, forward
from derive.calculus.rewriting import Context
from derive.calculus.roots import powers
from derive.errors import ParseError, ShapeError, nearest
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
from derive.notation.tree import Binary, Call, Name, Number, Transpose, Tree, Unary, Word
from derive.notation.typing import MAX_EXPONENT, Scope, Typed
from derive.notation.writing import printed_name
from derive.primitives import BY_NAME, exp, log, where
from derive.program import (
    Array,
    Delta,
    Dim,
    Equation,
    Index,
    Maximum,
    Product,
    Program,
    Sum,
    children,
    element,
    elements,
    free_indices,
    fresh_index,
    fresh_name,
    inlined,
    is_element,
    live,
    name_of,
    names_in,
    rebuilt,
    substitute,
    whole_arrays,
)

MAX_MOMENT = 6


class Unsized(ParseError):
    """An identity or a vector of ones that does not say how large it is."""


CONSTANTS = {"pi": pi}


@dataclass(frozen=True)
class Function:
    """A function that was defined: its parameters and the tree of its value."""

    parameters: tuple[str, ...]
    body: Node


@dataclass
class Setting:
    """What is declared and defined around a derivation."""

    arrays: dict[str, Array] = field(default_factory=dict)
    dims: dict[str, Dim] = field(default_factory=dict)
    indices: dict[str, Expr] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    definitions: dict[str, Equation] = field(default_factory=dict)
    moving: dict[str, dict[str, str]] = field(default_factory=dict)  # variable -> {array: its derivative}
    inferred: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> list[Array]:
        """The names nobody defined."""
        return [array for name, array in self.arrays.items() if name not in self.definitions]

    def opened(self, value: Expr, but: Sequence[str] = ()) -> Expr:
        """`value` with definitions put in, those of `but` and matrices under a function excepted."""
        for name in reversed(self.definitions):
            if name not in but and name in names_in(value) and name not in whole_arrays(value):
                scope = frozenset(index.name for index in free_indices(value))
                value = inlined(value, {name: self.definitions[name]}, scope)
        return value


class Meaning(Scope):
    """The names in scope while one formula after the other is understood."""

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
        self.explicit = False  # whether ∂ is by a variable where it stands, with all that depends on it held fixed
        self.held: dict[str, None] = {}  # what was held fixed in this way

    def wrong(self, problem: str, at: int) -> ShapeError:
        return ShapeError(str(ParseError(problem, self.latex, at)))

    def unreadable(self, problem: str, at: int) -> ParseError:
        return ParseError(problem, self.latex, at)

    # ------------------------------------------------ nodes

    def side(self, tree: Node) -> Typed:
        """What a side of a relation means.

        π is the number where it is declared as an array whose entries stand beside it, or where only that fits.
        """
        self.begin_side()
        self.formula = tree
        weights = self.arrays.get("pi")
        if weights is None or not weights.shape:
            return self.typed(tree)
        self.circle = any(isinstance(part, Entry) and part.array == Name("pi") for part in below(tree))
        try:
            return self.typed(tree)
        except ShapeError:
            if self.circle:
                raise
            self.circle = True
            return self.typed(tree)
        finally:
            self.circle = False

    def begin_side(self) -> None:
        """Start another side of a relation: letters for axes and bound indices may be used again."""
        self.used = {*self.arrays, *self.dims, *self.named, *self.setting.indices}

    def explicitly_typed(self, tree: Node) -> tuple[Typed, tuple[str, ...]]:
        """A side where ∂ is by a variable where it stands, and what that holds fixed."""
        self.explicit, self.held = True, {}
        try:
            return self.typed(tree), tuple(self.held)
        finally:
            self.explicit = False

    def typed(self, tree: Node) -> Typed:
        if isinstance(tree, Name):
            return self.name(tree)
        if isinstance(tree, Unary):
            inner = self.typed(tree.arg)
            return replace(inner, value=-inner.value)
        if isinstance(tree, Transpose):
            return self.transposed(self.typed(tree.arg))
        if isinstance(tree, Beside):
            return self.beside(tree)
        if isinstance(tree, Binary) and tree.op in ("+", "-", "*", "/", "**"):
            return self.binary(tree)
        if isinstance(tree, Entry):
            return self.entry(tree)
        if isinstance(tree, Folded):
            return self.folded(tree)
        if isinstance(tree, Applied):
            return self.applied(tree)
        if isinstance(tree, Derived):
            return self.derived(tree)
        if isinstance(tree, Evaluated):
            return self.evaluated(tree)
        if isinstance(tree, Expected):
            return self.expected(tree)
        if isinstance(tree, Choice):
            return self.choice(tree)
        if isinstance(tree, Truth):
            return self.truth(tree)
        if isinstance(tree, Call) and tree.function == "delta":
            return self.delta(tree)
        if isinstance(tree, Call) and tree.function == "inverse":
            return self.inverse(tree)
        if isinstance(tree, Call) and tree.function == "abs" and len(self.typed(tree.args[0]).axes) == 2:
            return super().typed(Call("det", tree.args, (), tree.at))
        return super().typed(tree)

    def name(self, tree: Name) -> Typed:
        name = tree.name
        if name in self.locals:
            return self.locals[name]
        if name in self.folding and name in self.named:
            return Typed(self.named[name] + self.lows.get(name, S.One))
        if name in self.arrays and not (self.circle and name == "pi"):
            axes = tuple(self.index(size) for size in self.arrays[name].shape)
            return Typed(element(name, axes), axes)
        if name in self.named:
            return Typed(self.named[name] + self.lows.get(name, S.One))
        if name in self.setting.indices:
            self.named[name] = Index(name, self.setting.indices[name])
            self.used.add(name)
            return Typed(self.named[name] + 1)
        if name in self.dims:
            return Typed(self.dims[name])
        if name in CONSTANTS:
            return Typed(CONSTANTS[name])
        function = self.setting.functions.get(name)
        if function is not None and all(p in self.setting.arrays for p in function.parameters):
            return self.user_function(Applied(name, tuple(map(Name, function.parameters)), at=tree.at))
        if name == "softmax" or function is not None:
            raise self.unreadable(f"the function {name} needs its argument in brackets", tree.at)
        mean = self.arrays.get(name.removesuffix("bar"))
        if name.endswith("bar") and mean is not None and len(mean.shape) == 1:
            self.setting.inferred[name] = f"the mean of {mean.name}"
            axis = self.index(mean.shape[0])
            return Typed(Sum(element(mean.name, (axis,)), axis) / mean.shape[0])
        if not any(array.shape for array in self.arrays.values()) or name.startswith("P_"):
            self.arrays[name] = self.setting.arrays[name] = Array(name)
            self.setting.inferred[name] = "a number"
            self.used.add(name)
            return Typed(element(name))
        known = [*self.arrays, *self.dims, *self.named]
        raise self.unreadable(
            f"{name!r} is not declared{nearest(name, known)}; add a line such as  % given {name}: n", tree.at
        )

    def transposed(self, value: Typed) -> Typed:
        if len(value.axes) == 1:
            return replace(value, row=not value.row)
        return replace(value, axes=value.axes[::-1])

    # ------------------------------------------------ arithmetic

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

    # ------------------------------------------------ positions and sums

    def position(self, tree: Node, size: Expr) -> Expr:
        """A position along an axis of this size, counted from 0."""
        counts = isinstance(tree, Name) and (tree.name in self.folding or tree.name in self.named)
        if isinstance(tree, Name) and (counts or not self.may_count(tree.name)):
            name = tree.name
            declared = self.setting.indices.get(name)
            if name not in self.named and (name in self.folding or name not in self.dims):
                if declared is not None and declared != size:
                    raise self.wrong(f"the index {name} runs to {declared}, but this axis has {size} entries", tree.at)
                self.named[name] = Index(name, size)
                self.used.add(name)
            if name in self.named:
                index = self.named[name]
                if index.size != size and self.lows.get(name, S.One) == 1:
                    raise self.wrong(
                        f"the index {name} runs to {index.size}, but this axis has {size} entries", tree.at
                    )
                return index + self.lows.get(name, S.One) - 1
        return self.typed(tree).value - 1

    def counted(self, tree: Node) -> Expr:
        """A position by itself, counted from 1: an index, whatever else is called like it."""
        if isinstance(tree, Name) and tree.name in self.named and not self.may_count(tree.name):
            return self.named[tree.name] + self.lows.get(tree.name, S.One)
        return self.typed(tree).value

    def delta(self, tree: Call) -> Typed:
        """Kronecker's delta; an index that only it has runs as far as the other side does."""
        for one, other in (tree.args, tree.args[::-1]):
            if isinstance(one, Name) and not self.is_known(one.name):
                size = self.size_along(one.name) or self.reach(other)
                if size is not None:
                    self.named[one.name] = Index(one.name, size)
                    self.used.add(one.name)
        left, right = (self.counted(argument) for argument in tree.args)
        return Typed(Delta(left, right))

    def size_along(self, name: str) -> Expr | None:
        """The size of an axis along which a name counts somewhere in the side at hand."""
        for part in below(self.formula) if self.formula is not None else ():
            if isinstance(part, Entry) and isinstance(part.array, Name) and part.array.name in self.arrays:
                for position, size in zip(part.positions, self.arrays[part.array.name].shape, strict=False):
                    if isinstance(position, Name) and position.name == name:
                        return size
        return None

    def reach(self, position: Node) -> Expr | None:
        """The largest value of a sum of indices and numbers; None for anything else."""
        value = self.counted(position)
        indices = sorted(free_indices(value), key=lambda index: index.name)
        last = value.xreplace({index: index.size - 1 for index in indices})
        grows = all(value.coeff(index) == 1 for index in indices)
        return last if indices and grows and not elements(value) else None

    def may_count(self, name: str) -> bool:
        """Whether a name stands for a whole number, so that what is called like it can be a position."""
        array = self.arrays.get(name)
        return name in self.locals or (array is not None and not array.shape and array.domain.integer)

    def entry(self, tree: Entry) -> Typed:
        if isinstance(tree.array, Name) and tree.array.name not in {*self.arrays, *self.locals}:
            return self.inferred_entry(tree)
        circle, self.circle = self.circle, False
        inner = self.typed(tree.array)
        self.circle = circle
        given, axes = len(tree.positions), inner.axes
        if given > len(axes):
            said = "a number" if not axes else f"an array of {len(axes)} axes"
            raise self.wrong(f"this is {said}, and takes no {given} indices", tree.at)
        places = [self.position(p, axis.size) for p, axis in zip(tree.positions, axes, strict=False)]
        value = substitute(inner.value, dict(zip(axes, places, strict=False)))
        return Typed(value, axes[given:])

    def inferred_entry(self, tree: Entry) -> Typed:
        """An entry of an array nobody declared, whose sizes its known indices tell."""
        assert isinstance(tree.array, Name)
        name, sizes = tree.array.name, []
        whole = self.arrays.get(name.upper())
        if len(name) == 1 and name.islower() and whole is not None and len(whole.shape) == 2:
            self.setting.inferred[name] = f"the rows of {whole.name}"
            return self.entry(replace(tree, array=Name(whole.name, tree.array.at)))
        for position in tree.positions:
            index = self.named.get(position.name) if isinstance(position, Name) else None
            size = (
                index.size if index else self.setting.indices.get(position.name) if isinstance(position, Name) else None
            )
            if size is None:
                raise self.unreadable(
                    f"{name!r} is not declared{nearest(name, self.arrays)}; add a line such as  % given {name}: n",
                    tree.at,
                )
            sizes.append(size)
        self.arrays[name] = self.setting.arrays[name] = Array(name, tuple(sizes))
        self.setting.inferred[name] = " ".join(map(str, sizes))
        return self.entry(tree)

    def folded(self, tree: Folded) -> Typed:
        """A sum, product, maximum or minimum over an index."""
        name = tree.index
        outer, low_outer = self.named.pop(name, None), self.lows.pop(name, None)
        if tree.high is not None:
            if isinstance(tree.high, Name) and not self.is_known(tree.high.name):
                self.declare_size(tree.high.name)
            low = self.typed(tree.low).value if tree.low is not None else S.One
            high = self.typed(tree.high).value
            size = expand(high - low + 1)
            if size.is_Integer and not 0 <= size <= 10_000:
                raise self.unreadable(f"a sum over {size} terms is not read", tree.at)
            self.named[name] = Index(name, size)
            self.lows[name] = low
        elif tree.low is not None:
            raise self.unreadable(f"the {tree.kind} over {name} has no upper limit", tree.at)
        elif name in self.setting.indices:
            self.named[name] = Index(name, self.setting.indices[name])
        self.used.add(name)
        shadowed, folding = self.locals.pop(name, None), self.folding
        self.folding = folding | {name}
        body = self.typed(tree.body)
        if tree.condition is not None:
            if tree.kind != "sum":
                raise self.unreadable("only sums take a condition", tree.at)
            body = replace(body, value=body.value * self.typed(tree.condition).value)
        self.folding = folding
        index = self.named.pop(name, None)
        self.lows.pop(name, None)
        if shadowed is not None:
            self.locals[name] = shadowed
        if outer is not None:
            self.named[name] = outer
        if low_outer is not None:
            self.lows[name] = low_outer
        if index is None:
            raise self.unreadable(f"nothing under this {tree.kind} has the index {name}; give it limits", tree.at)
        apart = fresh_index(index, self.used)
        self.used.add(apart.name)
        value = substitute(body.value, {index: apart})
        if tree.kind == "min":
            return replace(body, value=-Maximum(-value, apart))
        fold = {"sum": Sum, "prod": Product, "max": Maximum}[tree.kind]
        if apart not in free_indices(value):
            value = value * apart.size if tree.kind == "sum" else value**apart.size if tree.kind == "prod" else value
            return replace(body, value=value)
        return replace(body, value=fold(value, apart))

    def declare_size(self, name: str) -> None:
        """Take a name that nobody declared for a size, as the upper limit of a sum is one."""
        self.dims[name] = self.setting.dims[name] = Dim(name)
        self.setting.inferred[name] = "a size"
        self.used.add(name)

    # ------------------------------------------------ functions

    def applied(self, tree: Applied) -> Typed:
        name, args = tree.name, tree.args
        if name in self.setting.functions:
            return self.user_function(tree)
        if tree.primes:
            return self.primed(tree)
        if name == "transposed":
            inner = self.typed(args[0])
            if not inner.axes:
                raise self.unreadable("a prime belongs to a function, or to a vector or matrix", tree.at)
            return self.transposed(inner)
        if name == "total":
            inner = self.typed(args[0])
            if not inner.axes:
                raise self.unreadable("the index of the sum is missing", tree.at)
            return Typed(Sum(inner.value, *inner.axes))
        if name in ("eye", "ones"):
            return self.sized(tree)
        if name == "entrywise_power":
            return self.raised(self.typed(args[0]), self.typed(args[1]), tree.at)
        if name.startswith("norm_"):
            return self.length(tree)
        if name == "normal_density":
            return self.normal_density(tree)
        if name == "divergence":
            return self.divergence(tree)
        if name == "binomial":
            above, under = (self.typed(argument).value for argument in args)
            if above.is_Integer and under.is_Integer:
                return Typed(binomial(above, under))
            raise self.unreadable("a binomial coefficient is read of numbers only", tree.at)
        if name == "logit":
            inner = self.typed(args[0])
            return replace(inner, value=log(inner.value / (1 - inner.value)))
        if name in ("max", "min") and len(args) == 2:
            called = "maximum" if name == "max" else "minimum"
            return super().typed(Call(called, args, (), tree.at))
        if name in BY_NAME or name in ("sqrt", "trace", "diag", "det", "softmax", "logsumexp", "logdet", "norm"):
            inner = super().typed(Call(name, args, (), tree.at))
            return replace(inner, row=len(inner.axes) == 1 and self.typed(args[0]).row)
        raise self.unreadable(f"the function {name!r} is not known; define it in a line before", tree.at)

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

    def user_function(self, tree: Applied) -> Typed:
        function = self.setting.functions[tree.name]
        if tree.primes:
            return self.primed(tree)
        if tree.name in self.entered:
            raise self.unreadable(f"the function {tree.name} is defined by itself", tree.at)
        if len(tree.args) != len(function.parameters):
            raise self.unreadable(
                f"{tree.name} takes {len(function.parameters)} arguments, not {len(tree.args)}", tree.at
            )
        values = dict(zip(function.parameters, map(self.typed, tree.args), strict=True))
        wide = {name for name, value in values.items() if value.axes and not self.takes_arrays(name)}
        outer, self.entered = self.entered, self.entered | {tree.name}
        try:
            if not wide:
                return self.with_locals(values, function.body)
            return self.entrywise(values, wide, function.body, tree.at)
        finally:
            self.entered = outer

    def takes_arrays(self, parameter: str) -> bool:
        """Whether a parameter is called like a declared array, and so stands for a whole one."""
        return parameter in self.setting.arrays and bool(self.setting.arrays[parameter].shape)

    def entrywise(self, values: Mapping[str, Typed], wide: set[str], body: Node, at: int) -> Typed:
        """A function of numbers applied to every entry of arrays."""
        used = {*self.used, *self.arrays}
        dummies = {name: fresh_name("u", used) for name in sorted(wide)}
        self.arrays |= {dummy: Array(dummy) for dummy in dummies.values()}
        inner = self.with_locals({**values, **{name: Typed(element(dummy)) for name, dummy in dummies.items()}}, body)
        for dummy in dummies.values():
            del self.arrays[dummy]

        def applied(*exprs: Expr) -> Expr:
            return substitute(inner.value, dict(zip(map(element, dummies.values()), exprs, strict=True)))

        arguments = [values[name] for name in dummies]
        return replace(self.elementwise(applied, arguments, at, "a function"), row=arguments[0].row)

    def with_locals(self, names: Mapping[str, Typed], body: Node) -> Typed:
        """A body where some names have values of their own."""
        outer = dict(self.locals)
        hidden = {name: self.named.pop(name) for name in names if name in self.named}
        self.locals |= names
        try:
            result = self.typed(body)
        finally:
            self.locals = outer
            self.named |= hidden
        return result

    def primed(self, tree: Applied) -> Typed:
        """A derivative of a function of one number, at an argument."""
        if len(tree.args) != 1:
            raise self.unreadable(f"{tree.name} with a prime needs one argument in brackets", tree.at)
        used = {*self.used, *self.arrays}
        name = fresh_name("u", used)
        dummy = element(name)
        self.arrays[name] = Array(name)
        inner = Applied(tree.name, (Name(name),), 0, at=tree.at)
        value = self.typed(inner).value
        for _ in range(tree.primes):
            value = self.slope(value, (), Array(name))[0]
        del self.arrays[name]
        argument = self.typed(tree.args[0])
        return replace(argument, value=substitute(value, {dummy: argument.value}))

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

    def normal_density(self, tree: Applied) -> Typed:
        if len(tree.args) != 3:
            raise self.unreadable("\\mathcal{N} takes a value, a mean and a variance", tree.at)
        value, mean, variance = (self.typed(argument).value for argument in tree.args)
        return Typed(exp(-((value - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance))

    def divergence(self, tree: Applied) -> Typed:
        first, second = (argument.name for argument in tree.args if isinstance(argument, Name))
        if first in self.arrays and second in self.arrays:
            p, q = (self.typed(argument) for argument in tree.args)
            both = self.elementwise(lambda a, b: a * log(a / b), [p, q], tree.at, "a divergence")
            return Typed(Sum(both.value, *both.axes))
        variable = "x"
        ratio = Binary("/", Applied(first, (Name(variable),)), Applied(second, (Name(variable),)))
        return self.typed(Expected(variable, first, Applied("log", (ratio,)), at=tree.at))

    def expected(self, tree: Expected) -> Typed:
        """A mean: over the positions of an index, or of a polynomial under a normal density."""
        function = self.setting.functions.get(tree.density)
        over = self.setting.indices.get(tree.variable)
        if over is not None and (function or tree.density in self.arrays):
            weight: Node = Applied(tree.density, (Name(tree.variable),), 0, at=tree.at)
            if function is None:
                weight = Entry(Name(tree.density), (Name(tree.variable),), at=tree.at)
            return self.typed(Folded("sum", Beside(weight, tree.body), tree.variable, None, None, None, at=tree.at))
        if function is None or not isinstance(function.body, Applied) or function.body.name != "normal_density":
            raise self.unreadable(f"the density {tree.density!r} is not known as normal, nor over an index", tree.at)
        _, mean_tree, variance_tree = function.body.args
        mean, variance = self.typed(mean_tree).value, self.typed(variance_tree).value
        name = fresh_name(tree.variable, {*self.used, *self.arrays})
        self.arrays[name] = Array(name)
        body = self.with_locals({tree.variable: Typed(element(name))}, tree.body)
        del self.arrays[name]
        collected = powers(expand(_plain_logs(body.value)), element(name))
        if collected is None or not all(p.is_Integer and 0 <= p <= MAX_MOMENT for p in collected):
            raise self.unreadable("only means of polynomials under a normal density are read", tree.at)
        return Typed(Add(*(part * _moment(mean, variance, int(power)) for power, part in collected.items())))

    def choice(self, tree: Choice) -> Typed:
        *firsts, (last, _) = tree.branches
        result = self.typed(last)
        for value, condition in reversed(firsts):
            if condition is None:
                raise self.unreadable("only the last case has no condition", tree.at)
            holds = self.typed(condition).value
            chosen = self.typed(value)
            if holds.has(Delta):
                result = self.elementwise(
                    lambda a, b, h=holds: h * a + (1 - h) * b,
                    [chosen, result],
                    tree.at,
                    "cases",
                )
            else:
                result = self.elementwise(
                    lambda a, b, h=holds: where(h, a, b),
                    [chosen, result],
                    tree.at,
                    "cases",
                )
        return result

    def truth(self, tree: Truth) -> Typed:
        for one, other in ((tree.left, tree.right), (tree.right, tree.left)):
            known = self.named.get(other.name) if isinstance(other, Name) else None
            if known is not None and isinstance(one, Name) and not self.is_known(one.name):
                self.named[one.name] = Index(one.name, known.size)
                self.used.add(one.name)
        if tree.op in ("equal", "unequal"):
            left, right = self.typed(tree.left), self.typed(tree.right)
            positions = not elements(left.value) and not elements(right.value)
            if positions and (left.value.atoms(Index) or right.value.atoms(Index)):
                same = Delta(left.value, right.value)
                return Typed(same if tree.op == "equal" else 1 - same)
            if tree.op == "unequal":
                return Typed(1 - BY_NAME["equal"].function(left.value, right.value))
        return self.elementwise(
            BY_NAME[tree.op].function, [self.typed(tree.left), self.typed(tree.right)], tree.at, "a comparison"
        )

    def is_known(self, name: str) -> bool:
        return name in {*self.locals, *self.named, *self.arrays, *self.dims, *self.setting.indices}

    # ------------------------------------------------ derivatives

    def derived(self, tree: Derived) -> Typed:
        value = self.typed(tree.value)
        for name in tree.held:
            if name not in self.arrays:
                raise self.unreadable(f"{printed_name(name)} is held fixed, but is not known", tree.at)
        for variable in tree.variables:
            value = self.by(value, variable, tree)
        return value

    def evaluated(self, tree: Evaluated) -> Typed:
        """A value with others put in for some names, also where definitions mention them."""
        typed = self.typed(tree.value)
        value = self.setting.opened(typed.value)
        points: dict[str, Equation] = {}
        for name, point in zip(tree.names, tree.values, strict=True):
            if not isinstance(name, Name) or name.name not in self.arrays:
                raise self.unreadable("only for a name something is put in", tree.at)
            own, put = self.typed(name), self.typed(point)
            if put.axes and put.shape != own.shape:
                raise self.wrong(f"{name.name} has the shape {own.shape}, what is put in {put.shape}", tree.at)
            along = dict(zip(put.axes, own.axes, strict=False))
            points[name.name] = Equation(name.name, own.axes, substitute(put.value, along))
        if any(name in whole_arrays(value) for name in points):
            raise self.unreadable("something is put in under a function of a matrix", tree.at)
        scope = frozenset(index.name for index in free_indices(value))
        return replace(typed, value=inlined(value, points, scope))

    def by(self, value: Typed, variable: Node, tree: Derived) -> Typed:
        """The derivative of a value by one variable: its axes come after those of the value."""
        at = tree.at
        name, positions = self.variable(variable, at)
        if name in self.setting.moving:
            return replace(value, value=self.along(value, self.setting.moving[name]))
        array = self.arrays[name]
        held = frozenset(tree.held)
        if self.explicit and tree.partial and not held:
            value, held = self.explicitly(value, name)
        slope, axes = self.slope(value.value, value.axes, array, held)
        if positions is None:
            if not array.shape:
                return replace(value, value=slope)
            return Typed(slope, (*value.axes, *axes))
        if len(positions) != len(array.shape):
            raise self.wrong(f"{name} takes {len(array.shape)} indices, not {len(positions)}", at)
        places = [self.position(p, size) for p, size in zip(positions, array.shape, strict=True)]
        return replace(value, value=substitute(slope, dict(zip(axes, places, strict=True))))

    def variable(self, tree: Node, at: int) -> tuple[str, tuple[Node, ...] | None]:
        if isinstance(tree, Transpose):
            tree = tree.arg
        if isinstance(tree, Entry) and isinstance(tree.array, Name) and tree.array.name in self.arrays:
            return tree.array.name, tree.positions
        if isinstance(tree, Name):
            if tree.name in self.locals:
                value = self.locals[tree.name].value
                if is_element(value) and name_of(value) in self.arrays:
                    return name_of(value), None
            if tree.name in self.setting.moving:
                return tree.name, None
            self.name(tree)
            if tree.name in self.arrays:
                return tree.name, None
        raise self.unreadable("a derivative is by a name, or an entry of one", at)

    def explicitly(self, value: Typed, variable: str) -> tuple[Typed, frozenset[str]]:
        """A value, or what defines it, and the names in it that are held fixed while the variable moves."""
        known = self.setting.definitions
        if is_element(value.value) and name_of(value.value) in known:
            name = name_of(value.value)
            value = replace(value, value=inlined(value.value, {name: known[name]}))
        held = frozenset(names_in(value.value) & known.keys()) - {variable}
        self.held |= dict.fromkeys(sorted(held))
        return value, held

    def _program(self, value: Expr, axes: tuple[Index, ...], but: Set[str]) -> tuple[Program, tuple[Index, ...]]:
        """A value, with definitions open but for some names, as a program whose last equation it is."""
        opened = self.setting.opened(value, tuple(but))
        free = tuple(sorted(free_indices(opened) - set(axes), key=lambda index: index.name))
        name = fresh_name("value", {*self.used, *self.arrays})
        made = [e for e in (*self.setting.definitions.values(), *self.made) if e.target not in but]
        known = {e.target for e in made}
        inputs = tuple(array for array in self.arrays.values() if array.name not in known)
        whole = Program(inputs, (*made, Equation(name, (*free, *axes), opened)), (name,))
        return live(whole), (*free, *axes)

    def slope(
        self, value: Expr, axes: tuple[Index, ...], by: Array, held: Set[str] = frozenset()
    ) -> tuple[Expr, tuple[Index, ...]]:
        """The derivative of a value by a whole array while others are held fixed, and the axes it gains."""
        program, indices = self._program(value, axes, {by.name, *held})
        key = program, by.name
        if key not in self.slopes:
            name = fresh_name("slope", {*self.used, *self.arrays})
            derived, _ = forward(program, program.outputs, by.name, (name,), Context(definitions=()))
            self.slopes[key] = self._inlined(derived, name, program)
        equation = self.slopes[key]
        gained = equation.indices[len(indices) :]
        fresh = tuple(self.index(axis.size) for axis in gained)
        places = dict(zip(equation.indices, (*indices, *fresh), strict=True))
        return substitute(equation.value, places), fresh

    def along(self, value: Typed, moving: Mapping[str, str]) -> Expr:
        """The derivative of a value by a number that some arrays depend on."""
        program, indices = self._program(value.value, value.axes, frozenset())
        name = fresh_name("slope", {*self.used, *self.arrays})
        directions = {array: self.arrays[direction] for array, direction in moving.items()}
        inputs = tuple(a for a in program.inputs if a.name not in set(moving.values()))
        derived, _ = along(
            replace(program, inputs=inputs), program.outputs, directions, (name,), Context(definitions=())
        )
        equation = self._inlined(derived, name, program)
        return substitute(equation.value, dict(zip(equation.indices, indices, strict=True)))

    def _inlined(self, derived: Program, name: str, program: Program) -> Equation:
        """The equation of a derivative, with every helper of forward mode put in; matrices keep their names."""
        equation = derived.definitions[name]
        for other in reversed(derived.equations):
            if other.target != name and other.target in names_in(equation.value):
                if other.target in whole_arrays(equation.value):
                    if other.target not in {*self.arrays}:
                        self.made.append(other)
                        self.arrays[other.target] = Array(other.target, other.shape)
                    continue
                scope = frozenset(index.name for index in equation.indices)
                equation = replace(equation, value=inlined(equation.value, {other.target: other}, scope))
        return equation


def _moment(mean: Expr, variance: Expr, power: int) -> Expr:
    """E x^k of a normal distribution, by its recursion."""
    if power == 0:
        return S.One
    if power == 1:
        return mean
    return mean * _moment(mean, variance, power - 1) + (power - 1) * variance * _moment(mean, variance, power - 2)


def _plain_logs(value: Expr) -> Expr:
    """`value` with logarithms of products, powers and exponentials taken apart; their arguments are positive."""
    if is_element(value) or not value.args:
        return value
    parts = tuple(map(_plain_logs, children(value)))
    value = rebuilt(value, parts)
    if not isinstance(value, log):
        return value
    inner = value.args[0]
    if isinstance(inner, Mul):
        return Add(*(_plain_logs(log(factor)) for factor in inner.args))
    if isinstance(inner, exp):
        return inner.args[0]
    if isinstance(inner, Pow) and not inner.exp.has(Index):
        return inner.exp * _plain_logs(log(inner.base))
    return value
