"""A formula: a program that a person can look up, and the vocabulary to write one down in.

The catalog imports this module and nothing else of `derive`: declarations (`dims`, `indices`, `arrays`, `scalars`),
domains (`positive`, `binary`, `simplex`, …), the functions of `derive.primitives`, and `Sum`. What a formula means is
its `program`; the rest of its fields are for people and for proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import sympy
from sympy import Expr, Rational, Symbol, pi, sqrt, sympify

from derive.domains import Domain, domain
from derive.errors import DeriveError
from derive.primitives import (
    absolute,
    arctan,
    cos,
    cosh,
    digamma,
    equal,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    lgamma,
    log,
    log1p,
    log_sigmoid,
    maximum,
    minimum,
    normal_cdf,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    tan,
    tanh,
    where,
    xlogy,
)
from derive.program import (
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
    check,
    children,
    is_element,
    is_name,
    name_of,
    positions_of,
    rebuilt,
)

__all__ = [
    "Delta", "Example", "Formula", "Maximum", "Product", "Rational", "Sum", "absolute", "arctan", "arrays", "binary",
    "cos", "cosh", "count", "determinant", "digamma", "dims", "equal", "erf", "erfc", "exp", "expm1", "floor",
    "greater", "greater_equal", "index_into", "indices", "inverse", "less", "less_equal", "lgamma", "log", "log1p",
    "log_determinant", "log_sigmoid", "maximum", "minimum", "nonnegative", "nonzero", "normal_cdf", "pi", "positive",
    "relu", "scalars", "sigmoid", "sign", "signs", "simplex", "sin", "softplus", "spd", "sqrt", "tan", "tanh", "unit",
    "where", "within", "xlogy",
]  # fmt: skip

Declared: TypeAlias = "Array | Symbol"
Claims: TypeAlias = "tuple[tuple[tuple[str, ...], str], ...]"


@dataclass(frozen=True, init=False)
class Example:
    """A formula worked by hand once: its inputs in order, the value there, and derivatives there by variable."""

    inputs: tuple[Any, ...]
    value: Any
    slopes: tuple[tuple[str, Any], ...]

    def __init__(self, inputs: Sequence[Any], value: Any = None, **slopes: Any) -> None:
        """Numbers, or lists of numbers; `None` for a value that is not told."""
        object.__setattr__(self, "inputs", tuple(inputs))
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "slopes", tuple(slopes.items()))


@dataclass(frozen=True, init=False)
class Formula:
    """A named program, what to differentiate it by, and what is known of its derivatives.

    `claims` maps a name, or a tuple of names, to the closed form of the derivative in it: text in the notation of
    `derive.notation`, documentation and test in one. A claim for an intermediate is about the derivative of the value
    in that intermediate. The name is the variable that holds the formula in its catalog file.
    """

    title: str
    program: Program
    wrt: tuple[str, ...]
    claims: Claims
    source: str
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    explanation: str
    worked: tuple[Example, ...] = ()
    name: str = field(default="")

    def __init__(
        self,
        title: str,
        given: Sequence[Declared] = (),
        let: Mapping[Expr, Any] | None = None,
        wrt: Sequence[Declared] = (),
        claims: Mapping[Any, str] | None = None,
        source: str = "",
        tags: Sequence[str] = (),
        aliases: Sequence[str] = (),
        explanation: str = "",
        worked: Sequence[Example] = (),
        name: str = "",
        program: Program | None = None,
    ) -> None:
        """Give `given` (inputs in order) and `let` (an equation an entry, the last is the value), or a `program`."""
        if name and not is_name(name):
            raise DeriveError(f"{name!r} cannot be the name of a formula; names are letters, digits and underscores")
        if program is None:
            program = _program(given, let or {})
        names = tuple(_name(w) for w in wrt) or tuple(a.name for a in program.inputs if not a.domain.integer)
        for wanted in names:
            program.array(wanted)
        entries = {
            "title": title,
            "program": check(program),
            "wrt": names,
            "claims": tuple((_key(k), text) for k, text in (claims or {}).items()),
            "source": source,
            "tags": tuple(tags),
            "aliases": tuple(aliases),
            "explanation": explanation,
            "worked": tuple(worked),
            "name": name,
        }
        for key, value in entries.items():
            object.__setattr__(self, key, value)

    @property
    def value(self) -> str:
        """The name of the formula's value."""
        return self.program.outputs[-1]

    def named(self, name: str) -> Formula:
        """The same formula under another name."""
        twin = object.__new__(Formula)
        for key, value in self.__dict__.items():
            object.__setattr__(twin, key, value)
        object.__setattr__(twin, "name", name)
        return twin

    def __str__(self) -> str:
        return f"{self.title}\n{self.program}"


def _key(key: Any) -> tuple[str, ...]:
    return tuple(_name(part) for part in key) if isinstance(key, tuple) else (_name(key),)


def _name(declared: Declared | str) -> str:
    return declared if isinstance(declared, str) else str(declared.name)


def _program(given: Iterable[Declared], let: Mapping[Expr, Any]) -> Program:
    inputs = tuple(d if isinstance(d, Array) else Array(d.name) for d in given)
    equations = []
    for target, value in let.items():
        if not is_element(target):
            raise DeriveError(f"the left side of an equation is a name with indices, not {target}")
        free = positions_of(target)
        if not all(isinstance(index, Index) for index in free):
            raise DeriveError(f"the left side {target} has to be indexed by plain indices")
        equations.append(Equation(name_of(target), free, in_our_words(sympify(value))))
    if not equations:
        raise DeriveError("a formula needs at least one equation")
    return Program(inputs, tuple(equations), (equations[-1].target,))


_RELATIONS: dict[type[Expr], Callable[..., Expr]] = {
    sympy.StrictGreaterThan: greater,
    sympy.GreaterThan: greater_equal,
    sympy.StrictLessThan: less,
    sympy.LessThan: less_equal,
    sympy.Equality: equal,
}


def in_our_words(value: Expr) -> Expr:
    """`value` with SymPy's relations, `Piecewise`, `Max` and `Min` written as functions of `derive.primitives`."""
    if is_element(value) or not value.args:
        return value
    if isinstance(value, sympy.Piecewise):
        *branches, last = [(in_our_words(e), c) for e, c in value.args]
        if last[1] != sympy.true:
            raise DeriveError(f"{value} has no last branch for the remaining cases; add (…, True)")
        chosen = last[0]
        for branch, condition in reversed(branches):
            chosen = where(in_our_words(condition), branch, chosen)
        return chosen
    if type(value) in _RELATIONS:
        return _RELATIONS[type(value)](*map(in_our_words, value.args))
    if isinstance(value, sympy.Max | sympy.Min):
        fold = maximum if isinstance(value, sympy.Max) else minimum
        first, *rest = sorted(map(in_our_words, value.args), key=sympy.default_sort_key)
        for other in rest:
            first = fold(first, other)
        return first
    return rebuilt(value, tuple(map(in_our_words, children(value))))


# ---------------------------------------------------------------- the vocabulary


def dims(names: str) -> tuple[Dim, ...]:
    """Make sizes: `n, d = dims("n d")`."""
    return tuple(Dim(name) for name in names.split())


def indices(**sizes: Expr | int) -> tuple[Index, ...]:
    """Make indices over sizes: `i, j = indices(i=n, j=d)`."""
    return tuple(Index(name, size) for name, size in sizes.items())


def arrays(**shapes: Expr | int | tuple[Expr | int, ...]) -> tuple[Array, ...]:
    """Make real arrays: `X, w = arrays(X=(n, d), w=d)`."""
    return tuple(Array(name, tuple(sympify(s) for s in _sizes(shape))) for name, shape in shapes.items())


def _sizes(shape: Expr | int | tuple[Expr | int, ...]) -> tuple[Expr | int, ...]:
    return shape if isinstance(shape, tuple) else (shape,)


def scalars(names: str) -> tuple[Symbol, ...]:
    """Make real numbers: `t, p = scalars("t p")`."""
    return tuple(Symbol(name, real=True) for name in names.split())


def within(text: str) -> Callable[[Declared], Array]:
    """The declaration that a name is from the domain that `text` names: `within("in {-1,1}")(y)`."""
    found = domain(text)
    return lambda declared: _restricted(declared, found)


def _restricted(declared: Declared, to: Domain) -> Array:
    return replace(declared, domain=to) if isinstance(declared, Array) else Array(declared.name, domain=to)


def index_into(size: Dim) -> Callable[[Declared], Array]:
    """The declaration that entries are positions, 0 to size - 1."""
    return within(f"index {size.name}")


@dataclass(frozen=True)
class Whole:
    """A function of a whole array, whose entries can be asked for: `inverse(S)[i, j]`."""

    function: str
    array: str

    def __getitem__(self, positions: tuple[Expr | int, ...]) -> Expr:
        """The entry at these positions."""
        return Entry(self.function, (self.array,), positions)


def inverse(of: Array) -> Whole:
    """The inverse of a square matrix, declared or defined."""
    return Whole("inv", of.name)


def determinant(of: Array) -> Expr:
    """The determinant of a square matrix."""
    return Entry("det", (of.name,))


def log_determinant(of: Array) -> Expr:
    """The logarithm of the absolute value of a determinant."""
    return Entry("logdet", (of.name,))


positive = within("positive")
count = within("natural")
spd = within("spd")
nonnegative = within("nonnegative")
nonzero = within("nonzero")
unit = within("in (0,1)")
simplex = within("simplex")
binary = within("in {0,1}")
signs = within("in {-1,1}")
