"""The language: a formula is a list of equations in index notation.

Grammar::

    Program   ::= Program(inputs: Array*, equations: Equation*, outputs: name*)
    Array     ::= Array(name, shape: size*, domain)
    Equation  ::= Equation(target: name, indices: Index*, value)
    value     ::= number | size | Index                    sizes and indices are numbers too
                | element                                  x, w[j], X[i, j], x[i + k]
                | value + value | value * value | value ** value
                | function(value, ...)                     one row of derive.primitives
                | Sum(value, Index*) | Maximum(value, Index*) | Product(value, Index*)
                | Delta(integer value, integer value)      1 where equal, else 0
                | Entry(function, name*, integer value*)   of an array function: one row of derive.array_functions
    element   ::= scalar name | name[integer value, ...]
    size      ::= Dim | whole number | sizes combined by +, -, *

Values are SymPy scalars. An index knows its size and runs from 0 to size - 1; a reduction binds its indices.
Invariants, which `check` holds: every name is defined once and before its use; the free indices of a value are
the indices of its target; elements have as many indices as their array has axes; a bound index is not bound
again inside its own scope. `substitute` never captures a bound index (SymPy's `subs` and `xreplace` do).

What a program means is told by `derive.verification.oracle`, what it looks like by `derive.notation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from keyword import iskeyword
from operator import is_
from typing import Any, TypeAlias

from sympy import Add, Basic, Expr, Function, Indexed, IndexedBase, Integer, Mul, Pow, S, Symbol, Tuple, sympify
from sympy.core.cache import cacheit
from sympy.core.sorting import default_sort_key
from sympy.core.symbol import Str

from derive.domains import REAL, Domain
from derive.errors import DeriveError, ShapeError, nearest

Element: TypeAlias = Expr  # an Indexed, or the Symbol of a scalar


LETTERS = "ijklmpqrsabcdefgh"  # what indices are called, in order of preference


class Dim(Symbol):
    """A size with a name: a whole number, not negative."""

    def __new__(cls, name: str) -> Dim:
        """Name a size."""
        return _counting(cls, name)

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.name,), {}


class Index(Symbol):
    """A name for a position along an axis of `size` entries, counted from 0."""

    __slots__ = ("size",)
    size: Expr

    def __new__(cls, name: str, size: Expr | int) -> Index:
        """Name a position along an axis of `size` entries."""
        return _counting(cls, name, sympify(size))

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*Symbol._hashable_content(self), self.size)

    def __getnewargs_ex__(self) -> tuple[tuple[str, Expr], dict[str, Any]]:
        return (self.name, self.size), {}


@cacheit  # type: ignore[untyped-decorator]
def _counting(kind: type[Any], name: str, size: Expr | None = None) -> Any:
    """A size or an index: the same one each time, so that comparing two of them costs nothing."""
    symbol = Symbol.__xnew__(kind, name, integer=True, nonnegative=True)
    if size is not None:
        symbol.size = size
    return symbol


class Reduction(Expr):
    """A value folded over every position of its bound indices; nested reductions of one kind are one reduction."""

    is_real = True
    is_commutative = True

    def __new__(cls, body: Expr | float, *indices: Index) -> Expr:
        """Bind `indices` in `body`."""
        body = sympify(body)
        taken = {index.name for index in indices}
        if len(taken) < len(indices):
            raise DeriveError(f"{cls.__name__} binds an index twice: {', '.join(i.name for i in indices)}")
        if isinstance(body, cls):
            inner = body.renamed_apart(taken)
            body, indices = inner.body, (*indices, *inner.indices)
        if not indices or (body is S.Zero and cls is Sum):
            return body
        return Expr.__new__(cls, body, *indices)

    @property
    def body(self) -> Expr:
        """The value under the reduction."""
        return self.args[0]

    @property
    def indices(self) -> tuple[Index, ...]:
        """The bound indices."""
        return self.args[1:]

    @property
    def free_symbols(self) -> set[Symbol]:
        """The symbols of the body that are not bound here."""
        return self.body.free_symbols - set(self.indices)

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({', '.join(printer._print(a) for a in self.args)})"

    def renamed_apart(self, taken: Iterable[str]) -> Reduction:
        """The same reduction, its bound indices renamed where their names are among `taken`."""
        avoid = set(taken)
        if not any(index.name in avoid for index in self.indices):
            return self
        used = avoid | symbol_names(self.body)
        renaming: dict[Expr, Expr] = {}
        for index in self.indices:
            if index.name in avoid:
                renaming[index] = fresh_index(index, used)
        return type(self)(substitute(self.body, renaming), *(renaming.get(i, i) for i in self.indices))


class Sum(Reduction):
    """The sum of a value over its indices; 0 over an empty range."""


class Maximum(Reduction):
    """The largest value over its indices; minus infinity over an empty range."""


class Product(Reduction):
    """The product of a value over its indices; 1 over an empty range."""


class Delta(Expr):
    """Kronecker's delta: 1 where two positions are equal, else 0."""

    is_integer = True
    is_nonnegative = True
    is_commutative = True

    def __new__(cls, left: Expr | int, right: Expr | int) -> Expr:
        """Compare two positions; decided at once when their difference is a number."""
        left, right = sympify(left), sympify(right)
        difference = left - right
        if difference.is_Number:
            return S.One if difference == 0 else S.Zero
        return Expr.__new__(cls, *sorted((left, right), key=default_sort_key))


class Entry(Expr):
    """One entry of an array-valued function of whole arrays, which are named: `inv(A)[i, j]`."""

    is_real = True
    is_commutative = True

    def __new__(cls, function: str, arrays: Iterable[str], positions: Iterable[Expr | int] = ()) -> Entry:
        """The entry of `function(*arrays)` at `positions`."""
        found: Entry = Expr.__new__(
            cls, Str(function), Tuple(*(Str(name) for name in arrays)), *(sympify(p) for p in positions)
        )
        return found

    @property
    def function(self) -> str:
        """The name of the function."""
        return str(self.args[0].name)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays it is taken of."""
        return tuple(str(name.name) for name in self.args[1])

    @property
    def positions(self) -> tuple[Expr, ...]:
        """Which entry it is."""
        return tuple(self.args[2:])

    def at(self, *positions: Expr) -> Entry:
        """Another entry of the same array."""
        return Entry(self.function, self.arrays, positions)

    def _sympystr(self, printer: Any) -> str:
        places = ", ".join(printer._print(p) for p in self.positions)
        return f"{self.function}({', '.join(self.arrays)})" + (f"[{places}]" if places else "")


@dataclass(frozen=True)
class Array:
    """A named array of real numbers: its sizes and the set its entries are taken from."""

    name: str
    shape: tuple[Expr, ...] = ()
    domain: Domain = REAL

    def __getitem__(self, indices: Expr | int | tuple[Expr | int, ...]) -> Element:
        """The element at `indices`."""
        positions = indices if isinstance(indices, tuple) else (indices,)
        if len(positions) != len(self.shape):
            raise ShapeError(
                f"{self.name} has {len(self.shape)} axes, but {self.name}{list(positions)} gives {len(positions)}"
            )
        return element(self.name, positions)

    def __str__(self) -> str:
        words = " ".join(str(size) for size in self.shape)
        return f"{self.name}: {words or 'scalar'}" + ("" if self.domain is REAL else f", {self.domain}")


@dataclass(frozen=True)
class Equation:
    """`target[indices] = value`, for every position of the indices.

    An `auxiliary` equation gives a name to what nobody named, such as the matrix that an inverse is taken of.
    """

    target: str
    indices: tuple[Index, ...]
    value: Expr
    auxiliary: bool = field(default=False, compare=False)

    @property
    def element(self) -> Element:
        """The left-hand side."""
        return element(self.target, self.indices)

    @property
    def shape(self) -> tuple[Expr, ...]:
        """The sizes of the target."""
        return tuple(index.size for index in self.indices)

    def __str__(self) -> str:
        return f"{self.element} = {self.value}"


@dataclass(frozen=True)
class Program:
    """Inputs, equations in the order of their evaluation, and the names that are the result."""

    inputs: tuple[Array, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[str, ...]

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Every name of the program, inputs first."""
        named = {array.name: array for array in self.inputs}
        for equation in self.equations:
            named[equation.target] = Array(equation.target, equation.shape)
        return named

    @cached_property
    def definitions(self) -> dict[str, Equation]:
        """The equation of every name that is not an input."""
        return {equation.target: equation for equation in self.equations}

    @cached_property
    def dims(self) -> tuple[Dim, ...]:
        """The symbolic sizes, in the order in which the inputs (then the equations) mention them."""
        sizes = [size for array in self.arrays.values() for size in array.shape]
        sizes += [i.size for e in self.equations for i in bound_indices(e.value)]
        sizes += [e.value for e in self.equations]
        found: dict[Dim, None] = {}
        for size in sizes:
            named = (s for s in size.free_symbols if isinstance(s, Dim))
            found.update(dict.fromkeys(sorted(named, key=lambda s: s.name)))
        return tuple(found)

    def array(self, name: str) -> Array:
        """The array called `name`; `ShapeError` names the near ones when there is none."""
        if name not in self.arrays:
            raise ShapeError(f"no {name!r} here{nearest(name, self.arrays)}; the names are {', '.join(self.arrays)}")
        return self.arrays[name]

    def __str__(self) -> str:
        return "\n".join(
            [*(str(array) for array in self.inputs), *(str(e) for e in self.equations), "-> " + ", ".join(self.outputs)]
        )


# ---------------------------------------------------------------- elements and indices


@lru_cache(maxsize=4096)
def _base(name: str) -> IndexedBase:
    return IndexedBase(name, real=True)


@lru_cache(maxsize=65536)
def element(name: str, indices: tuple[Expr | int, ...] = ()) -> Element:
    """`name[indices]`, or the symbol of a scalar."""
    return Indexed(_base(name), *indices) if indices else Symbol(name, real=True)


def is_name(text: str) -> bool:
    """Whether a text can be the name of an array, a size or a formula in every notation and backend."""
    return text.isidentifier() and text.isascii() and not iskeyword(text)


def is_element(expr: Expr) -> bool:
    """Whether `expr` stands for a number held in an array or a scalar name."""
    return isinstance(expr, Indexed) or type(expr) is Symbol


def name_of(ref: Element) -> str:
    """The array an element belongs to."""
    return str(ref.base.label.name if isinstance(ref, Indexed) else ref.name)


def positions_of(ref: Element) -> tuple[Expr, ...]:
    """The indices of an element; empty for a scalar."""
    return tuple(ref.indices) if isinstance(ref, Indexed) else ()


def children(expr: Expr) -> tuple[Expr, ...]:
    """The parts of a value that are values: not the name of an element, not the indices a reduction binds."""
    if isinstance(expr, Indexed):
        return tuple(expr.indices)
    if isinstance(expr, Reduction):
        return (expr.body,)
    if isinstance(expr, Entry):
        return expr.positions
    return tuple(expr.args)


def rebuilt(expr: Expr, parts: tuple[Expr, ...]) -> Expr:
    """`expr` with its `children` replaced by `parts`; `expr` itself where they are the same."""
    if all(map(is_, parts, children(expr))):
        return expr
    if isinstance(expr, Indexed):
        return element(name_of(expr), parts)
    if isinstance(expr, Reduction):
        return type(expr)(*parts, *expr.indices)
    if isinstance(expr, Entry):
        return expr.at(*parts)
    return expr.func(*parts)


def walk(expr: Expr) -> Iterator[Expr]:
    """Every value inside `expr`, itself first, the positions of elements too."""
    left = [expr]
    while left:
        part = left.pop()
        yield part
        if part.args:
            left.extend(reversed(children(part)))


def elements(expr: Expr) -> dict[Element, None]:
    """The elements that `expr` reads, in the order met."""
    return dict.fromkeys(_elements(expr))


@lru_cache(maxsize=65536)
def _elements(expr: Expr) -> tuple[Element, ...]:
    return tuple(part for part in walk(expr) if is_element(part))


@lru_cache(maxsize=65536)
def names_in(expr: Expr) -> frozenset[str]:
    """The names of the arrays and scalars that `expr` reads."""
    return frozenset(name_of(ref) for ref in elements(expr)) | whole_arrays(expr)


@lru_cache(maxsize=65536)
def whole_arrays(expr: Expr) -> frozenset[str]:
    """The names of the arrays that `expr` takes functions of."""
    return frozenset(name for part in walk(expr) if isinstance(part, Entry) for name in part.arrays)


def bound_indices(expr: Expr) -> dict[Index, None]:
    """The indices bound anywhere inside `expr`, in the order met."""
    return {i: None for part in walk(expr) if isinstance(part, Reduction) for i in part.indices}


@lru_cache(maxsize=65536)
def free_indices(expr: Expr) -> frozenset[Index]:
    """The indices of `expr` that no reduction binds."""
    if isinstance(expr, Index):
        return frozenset((expr,))
    found: frozenset[Index] = frozenset().union(*(free_indices(part) for part in children(expr)))
    return found - set(expr.indices) if isinstance(expr, Reduction) else found


def symbol_names(expr: Expr) -> set[str]:
    """Every name inside `expr`, bound indices too."""
    return set(_symbol_names(expr))


@lru_cache(maxsize=65536)
def _symbol_names(expr: Basic) -> frozenset[str]:
    """The names, those of indices that are bound and of arrays too."""
    if isinstance(expr, Symbol):
        return frozenset((expr.name,))
    return frozenset().union(*map(_symbol_names, expr.args))


def fresh_name(stem: str, used: set[str]) -> str:
    """A name not in `used`, made from `stem` by numbering; it is added to `used`."""
    root = stem.rstrip("0123456789") or stem
    name, count = stem, 0
    while name in used:
        count += 1
        name = f"{root}{count}"
    used.add(name)
    return name


def fresh_index(like: Index, used: set[str]) -> Index:
    """An index over the same size under a letter not in `used`; the letter is added to `used`."""
    start = LETTERS.find(like.name) + 1
    free = (letter for letter in LETTERS[start:] + LETTERS[:start] if letter not in used)
    return Index(fresh_name(next(free, like.name), used), like.size)


def substitute(expr: Expr, mapping: Mapping[Expr, Expr]) -> Expr:
    """`expr` with elements, indices or sizes replaced; bound indices are renamed rather than captured."""
    if not mapping:
        return expr
    if expr in mapping:
        return mapping[expr]
    if isinstance(expr, Reduction):
        inner = {old: new for old, new in mapping.items() if old not in expr.indices}
        if not inner:
            return expr
        involved = {s.name for side in (*inner, *inner.values()) for s in side.free_symbols if isinstance(s, Symbol)}
        apart = expr.renamed_apart(involved)
        sized = tuple(Index(i.name, _resized(i.size, inner)) for i in apart.indices)
        renaming = {old: new for old, new in zip(apart.indices, sized, strict=True) if old != new}
        return type(apart)(substitute(apart.body, {**inner, **renaming}), *sized)
    if not expr.args:
        return expr
    return rebuilt(expr, tuple(substitute(part, mapping) for part in children(expr)))


def put_in(expr: Expr, mapping: Mapping[Expr, Expr]) -> Expr:
    """`expr`, which has no reductions, with elements or indices replaced and nothing evaluated anew but positions.

    What comes out is to be computed as it stands, not to be compared with other values: terms stay where they were.
    """
    made = dict(mapping)

    def put(part: Expr) -> Expr:
        if not part.args:
            return made.get(part, part)
        if part not in made:
            made[part] = substitute(part, mapping) if isinstance(part, Indexed) else inside(part)
        return made[part]

    def inside(part: Expr) -> Expr:
        old = children(part)
        parts = tuple(map(put, old))
        if all(map(is_, parts, old)):
            return part
        if isinstance(part, Add | Mul):
            return part.func._from_args(parts, is_commutative=True)
        return part.func(*parts, evaluate=False) if isinstance(part, Pow | Function) else rebuilt(part, parts)

    return put(expr)


def form(expr: Expr, places: Mapping[Expr, int]) -> Hashable:
    """What an expression without reductions looks like where some indices are known by their places only."""
    if expr in places:
        return places[expr]
    if not expr.args:
        return expr
    if isinstance(expr, Indexed):
        return name_of(expr), *(form(position, places) for position in expr.indices)
    parts = [form(part, places) for part in children(expr)]
    if isinstance(expr, Add | Mul):
        return expr.func, frozenset(Counter(parts).items())
    return (expr.func, *(expr.args[:2] if isinstance(expr, Entry) else ()), *parts)


def _resized(size: Expr, mapping: Mapping[Expr, Expr]) -> Expr:
    return substitute(size, mapping) if size.free_symbols & mapping.keys() else size


def instantiated(equation: Equation, positions: tuple[Expr, ...]) -> Expr:
    """The value of `equation` at `positions`."""
    return substitute(equation.value, dict(zip(equation.indices, positions, strict=True)))


def renamed_apart(value: Expr, taken: frozenset[str]) -> Expr:
    """`value` with every bound index renamed that has a meaning already: among `taken`, or bound further out."""
    if not value.args or isinstance(value, Indexed):
        return value
    if isinstance(value, Reduction):
        value = value.renamed_apart(taken)
        if isinstance(value, Reduction):
            taken = taken | {index.name for index in value.indices}
    return rebuilt(value, tuple(renamed_apart(part, taken) for part in children(value)))


def inlined(value: Expr, definitions: Mapping[str, Equation], scope: frozenset[str] = frozenset()) -> Expr:
    """`value` with the names in `definitions` replaced by what they stand for, each at its own positions."""
    if is_element(value):
        definition = definitions.get(name_of(value))
        return value if definition is None else renamed_apart(instantiated(definition, positions_of(value)), scope)
    if not value.args:
        return value
    if isinstance(value, Reduction):
        scope = scope | {index.name for index in value.indices}
    return rebuilt(value, tuple(inlined(part, definitions, scope) for part in children(value)))


@lru_cache(maxsize=16384)
def anonymous(value: Expr, depth: int = 0) -> Expr:
    """`value` with bound indices named by their depth, so that sums that differ only in them look equal."""
    if isinstance(value, Reduction):
        names = [Index(f"_{depth + at}", index.size) for at, index in enumerate(value.indices)]
        body = substitute(value.body, dict(zip(value.indices, names, strict=True)))
        return type(value)(anonymous(body, depth + len(names)), *names)
    if not value.args or isinstance(value, Indexed):
        return value
    return rebuilt(value, tuple(anonymous(part, depth) for part in children(value)))


def replaced_inputs(equation: Equation, names: Mapping[str, str]) -> Equation:
    """An equation that reads other arrays: `names` maps the old ones to the new."""
    return replace(equation, value=_renamed(equation.value, names))


def _renamed(value: Expr, names: Mapping[str, str]) -> Expr:
    parts = tuple(_renamed(part, names) for part in children(value))
    if is_element(value):
        return element(names.get(name_of(value), name_of(value)), parts)
    if isinstance(value, Entry):
        return Entry(value.function, (names.get(name, name) for name in value.arrays), parts)
    return rebuilt(value, parts) if value.args else value


def map_values(program: Program, function: Callable[[Expr], Expr]) -> Program:
    """`program` with `function` applied to the value of every equation."""
    return replace(program, equations=tuple(replace(e, value=function(e.value)) for e in program.equations))


def live(program: Program, outputs: tuple[str, ...] | None = None) -> Program:
    """The part of `program` that its outputs (or the `outputs` given) need; inputs all stay."""
    wanted = set(outputs or program.outputs)
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        if equation.target in wanted:
            kept.append(equation)
            wanted |= names_in(equation.value)
    return Program(program.inputs, tuple(reversed(kept)), outputs or program.outputs)


def merged(programs: Sequence[Program], outputs: tuple[str, ...]) -> Program:
    """Programs over the same inputs as one; a name that several define is taken from the first."""
    equations: dict[str, Equation] = {}
    for program in programs:
        for equation in program.equations:
            equations.setdefault(equation.target, equation)
    return live(Program(programs[0].inputs, tuple(equations.values()), outputs))


# ---------------------------------------------------------------- the checker


def check(program: Program) -> Program:
    """`program` itself when it is well formed; otherwise a `DeriveError` that names the equation and the fault."""
    defined: dict[str, Array] = {}
    sizes = {dim.name for dim in program.dims}
    for array in program.inputs:
        _define(array.name, array, defined, sizes)
    for equation in program.equations:
        where = f"in {equation.element} = …"
        _check_value(equation.value, defined, where, frozenset(index.name for index in equation.indices))
        loose = free_indices(equation.value) - set(equation.indices)
        if loose:
            names = ", ".join(sorted(i.name for i in loose))
            raise ShapeError(f"{where}: index {names} is free on the right, but not on the left and not summed")
        if len(set(equation.indices)) < len(equation.indices):
            raise ShapeError(f"{where}: an index stands twice on the left")
        _define(equation.target, Array(equation.target, equation.shape), defined, sizes)
    for name in program.outputs:
        if name not in defined:
            raise DeriveError(f"the output {name!r} is not defined{nearest(name, defined)}")
    return program


def _define(name: str, array: Array, defined: dict[str, Array], sizes: set[str]) -> None:
    if not is_name(name):
        raise DeriveError(f"{name!r} cannot be a name; names are letters, digits and underscores, no Python keywords")
    if name in defined:
        raise DeriveError(f"{name!r} is defined twice")
    if name in sizes:
        raise DeriveError(f"{name!r} is both a size and an array; rename one of them")
    defined[name] = array


def _check_value(expr: Expr, defined: Mapping[str, Array], where: str, taken: frozenset[str]) -> None:
    if is_element(expr):
        name, positions = name_of(expr), positions_of(expr)
        if name not in defined:
            raise DeriveError(f"{where}: {name!r} is used before it is defined{nearest(name, defined)}")
        shape = defined[name].shape
        if len(shape) != len(positions):
            raise ShapeError(f"{where}: {name} has {len(shape)} axes, but {expr} gives {len(positions)}")
        for axis, (position, size) in enumerate(zip(positions, shape, strict=True)):
            if isinstance(position, Index) and position.size != size:
                raise ShapeError(
                    f"{where}: axis {axis} of {name} has size {size}, but index {position} runs over {position.size}"
                )
            if isinstance(position, Integer) and isinstance(size, Integer) and not 0 <= position < size:
                raise ShapeError(f"{where}: {expr} is outside axis {axis} of {name}, which has size {size}")
    elif isinstance(expr, Reduction):
        names = frozenset(index.name for index in expr.indices)
        if names & taken:
            raise DeriveError(f"{where}: index {min(names & taken)} is bound where it has a meaning already")
        taken = taken | names
    elif isinstance(expr, Entry):
        for name in expr.arrays:
            if name not in defined:
                raise DeriveError(f"{where}: {name!r} is used before it is defined{nearest(name, defined)}")
    for part in children(expr):
        _check_value(part, defined, where, taken)
