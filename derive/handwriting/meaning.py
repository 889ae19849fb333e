"""What handwriting means: every node of its trees as a typed value in index notation.

This is the scope of the text notation with the habits of paper: positions are counted from 1, factors side by side are
whichever product their shapes say, vectors stand or lie, and a derivative is worked out by forward mode through
everything that is defined. What is declared and defined stands in a `Setting`.

It is built in levels: arithmetic, counting, differentiation, and here names, functions and densities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Add, Expr, Mul, Pow, S, binomial, expand, pi, sqrt

from derive.calculus.roots import powers
from derive.errors import ShapeError, nearest
from derive.handwriting.arithmetic import Undeclared
from derive.handwriting.differentiation import Differentiation
from derive.handwriting.tree import (
    Applied,
    Beside,
    Choice,
    Derived,
    Entry,
    Evaluated,
    Expected,
    Extremal,
    Folded,
    Node,
    Truth,
    below,
)
from derive.notation.tree import Binary, Call, Name, Transpose, Unary
from derive.notation.typing import Typed
from derive.primitives import BY_NAME, exp, log
from derive.program import Array, Index, Sum, children, element, fresh_name, is_element, rebuilt, substitute

MAX_MOMENT = 6
CONSTANTS = {"pi": pi}


class Meaning(Differentiation):
    """The names in scope while one formula after the other is understood."""

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
        if isinstance(tree, Extremal):
            raise self.unreadable("arg min stands alone on its side of a relation", tree.at)
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
        if name in self.setting.unread:
            raise self.unreadable(f"what {name} stands for was not read; put right the line that defines it", tree.at)
        if name in self.setting.limits:
            self.declare_size(name)
            return Typed(self.dims[name])
        numbers = not any(array.shape for array in self.arrays.values()) and name not in self.setting.wide
        if numbers or name.startswith("P_"):
            self.arrays[name] = self.setting.arrays[name] = Array(name)
            self.setting.inferred[name] = "a number"
            self.used.add(name)
            return Typed(element(name))
        hint = nearest(name, [*self.arrays, *self.dims, *self.named])
        raise Undeclared(name, hint, self.latex, tree.at)

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

    # ------------------------------------------------ densities

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
