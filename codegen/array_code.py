"""Array code: a program as statements over whole arrays, for the backends that are Python text.

Arrays keep any leading axes they come with; the axes that a formula speaks of are the last ones. Every part of an
expression knows the indices its axes stand for, and where parts meet they are lined up by inserting axes. A sum of a
product becomes an `einsum`. How an elementwise expression is written is left to a subclass: NumPy's operators, or a
text for numexpr.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import Add, Expr, Mul, Pow, Rational, S

from codegen.lowering import Factor, Task, Work, tasks
from codegen.signature import Signature, signature
from derive.array_functions import ARRAY_FUNCTIONS
from derive.errors import BackendUnavailable, DeriveError
from derive.primitives import Primitive, primitive
from derive.program import Delta, Dim, Index, Program, elements, free_indices, is_element, name_of, positions_of, walk

SUM, PRODUCT, UNARY, POWER, ATOM = range(5)
LETTERS = "ijklmnopqrstuvwxyzabcdefgh"
LARGEST = 2**53  # whole numbers beyond this are written as floating point
COMPARISONS = (">", ">=", "<", "<=", "==")


@dataclass(frozen=True)
class Part:
    """Text of an array, the indices of its trailing axes, and how tightly the text holds together.

    A `constant` is a number whatever the inputs' leading axes are, so it never needs axes to be lined up.
    """

    text: str
    axes: tuple[Index, ...] = ()
    level: int = ATOM
    constant: bool = False

    def at(self, level: int) -> str:
        """The text, in brackets where it would fall apart."""
        return f"({self.text})" if self.level < level else self.text


EACH = '''def _each(function, a, rank):
    """A function of each matrix; not-a-number where it is not defined."""
    try:
        return function(a)
    except np.linalg.LinAlgError:
        found = np.full(a.shape[:-2] + a.shape[-1:] * rank, np.nan, a.dtype)
        if a.ndim > 2:
            for at, matrix in enumerate(a):
                found[at] = _each(function, matrix, rank)
        return found'''
GRID = '''def _grid(lead, rank):
    """Positions along leading axes, in front of `rank` others."""
    return np.ogrid[(*map(slice, lead), *(slice(1),) * rank)][: len(lead)] if lead else ()'''
GATHER = '''def _gather(a, rank, places):
    """Entries at positions over `rank` axes, for each position of the leading axes."""
    return a[(*_grid(a.shape[: a.ndim - len(places)], rank), *places)]'''
SCATTER = '''def _scatter(shape, rank, places, values):
    """Values over `rank` axes added at positions of arrays of this shape, for each position of the leading axes."""
    lead = values.shape[: values.ndim - rank]
    total = np.zeros(lead + shape, values.dtype)
    np.add.at(total, (*_grid(lead, rank), *places), values)
    return total'''
EIGENVECTORS = '''def _eigenvectors(a):
    """Eigenvectors as columns; of each the entry of largest size is positive."""
    v = np.linalg.eigh(a)[1]
    if not v.shape[-1]:
        return v
    largest = np.take_along_axis(v, np.argmax(np.abs(v), axis=-2)[..., None, :], -2)
    return np.where(largest < 0, -v, v)'''


def _count(size: Expr) -> str:
    """A size; one that is worked out is never below zero."""
    return str(size) if isinstance(size, Dim) or size.is_Integer else f"max({size}, 0)"


class ArrayCode:
    """The statements of one function."""

    imports = "import numpy as np"

    def __init__(self, program: Program, name: str, dtype: str) -> None:
        clash = {"np", "ne"}.intersection(program.arrays)
        if clash:
            raise DeriveError(f"an array called {min(clash)} would hide the module of that name; rename it")
        self.program, self.name, self.dtype = program, name, dtype
        self.signature: Signature = signature(program)
        self.scope: tuple[Index, ...] = ()

    def knows(self, row: Primitive) -> bool:
        """Whether a function can be called by name."""
        return bool(row.numpy)

    # ------------------------------------------------ the function

    def text(self) -> str:
        """The whole module: imports and the function."""
        inputs = [array.name for array in self.program.inputs]
        lines = [f'"""{line}' if at == 0 else line for at, line in enumerate(str(self.program).splitlines())]
        work = tasks(self.program, self.knows)
        body = [*lines, '"""', *self.sizes(), *map(self.assignment, work)]
        outputs = ", ".join(map(self.output, self.program.outputs))
        body.append(f"return {outputs}")
        indented = "\n".join(f"    {line}" for line in "\n".join(body).splitlines())
        helpers = "".join(f"\n\n{text}" for text in self.helpers(work))
        return f"{self.imports}\n{helpers}\n\ndef {self.name}({', '.join(inputs)}):\n{indented}\n"

    def sizes(self) -> list[str]:
        """Inputs as arrays, and the sizes read off them."""
        lines, known = [], set[Dim]()
        for array in self.program.inputs:
            lines.append(f"{array.name} = np.asarray({array.name})")
        for array in self.program.inputs:
            for axis, size in enumerate(array.shape):
                if isinstance(size, Dim) and size not in known:
                    known.add(size)
                    lines.append(f"{size} = {array.name}.shape[{axis - len(array.shape)}]")
        return lines

    def output(self, name: str) -> str:
        """The value that is returned under a name."""
        return name

    def helpers(self, work: Sequence[Work]) -> list[str]:
        """Functions that the text needs beside NumPy's."""
        functions = {task.function for task in work if isinstance(task, Factor)}
        helpers = [EACH] * bool(functions) + [EIGENVECTORS] * ("eigvecsh" in functions)
        gathers = any(
            is_element(place)
            for equation in self.program.equations
            for ref in elements(equation.value)
            for place in positions_of(ref)
        )
        scatters = any(isinstance(task, Task) and task.places for task in work)
        rows = {primitive(part) for task in work if isinstance(task, Task) for part in walk(task.value)}
        helpers += [row.helper for row in sorted(filter(None, rows), key=lambda row: row.name) if row.helper]
        return helpers + [GRID] * (gathers or scatters) + [GATHER] * gathers + [SCATTER] * scatters

    def factor(self, task: Factor) -> str:
        """A function of a matrix, from LAPACK through NumPy."""
        row = ARRAY_FUNCTIONS[task.function]
        if not row.numpy:
            raise BackendUnavailable(f"no backend computes {task.function}; its derivative can be shown, not run")
        call = row.numpy.format("a")
        return f"{task.target} = _each(lambda a: {call}, {task.source}, {row.rank})"

    def assignment(self, task: Work) -> str:
        """One statement for one task."""
        if isinstance(task, Factor):
            return self.factor(task)
        if task.places:
            return self.scatter(task)
        self.scope = (*task.indices, *task.bound)
        part = self.folded(task) if task.bound else self.value(task.value)
        return f"{task.target} = {self.complete(part, task.indices).text}"

    def scatter(self, task: Task) -> str:
        """Values added at places that are worked out."""
        self.scope = task.bound
        value = self.complete(self.value(task.value), task.bound)
        places = [self.lined_up(self.position(place), task.bound) for place in task.places]
        sizes = ", ".join(_count(index.size) for index in task.indices)
        listed = ", ".join(place.text for place in places)
        return f"{task.target} = _scatter(({sizes},), {len(task.bound)}, ({listed},), {value.text})"

    def complete(self, part: Part, indices: tuple[Index, ...]) -> Part:
        """A part over all its target's indices, axes it does not depend on filled in."""
        if part.axes == indices:
            return part
        sizes = ", ".join(_count(index.size) for index in indices)
        lined = self.lined_up(part, indices)
        return Part(f"{lined.at(PRODUCT)} * np.ones(({sizes},){self.typed()})", indices, PRODUCT)

    def typed(self) -> str:
        """The keyword that keeps a new array in single precision."""
        return ", dtype=np.float32" if self.dtype == "float32" else ""

    # ------------------------------------------------ sums

    def folded(self, task: Task) -> Part:
        """A value folded over the bound indices of a task."""
        if task.how == "add":
            return self.summed(task)
        inner = self.complete(self.value(task.value), self.scope)
        axes = tuple(range(-len(task.bound), 0))
        if task.how == "mul":
            return Part(f"np.prod({inner.text}, axis={axes})", task.indices)
        return Part(f"np.max({inner.text}, axis={axes}, initial=-np.inf)", task.indices)

    def summed(self, task: Task) -> Part:
        """A sum: an einsum of factors, or NumPy's sum of one array."""
        number, rest = task.value.as_coeff_Mul()
        outside: list[Expr] = [number] if number != 1 else []
        groups: dict[tuple[Index, ...], list[Expr]] = {}
        for factor in Mul.make_args(rest):
            axes = self.ordered(free_indices(factor))
            (groups.setdefault(axes, []) if axes else outside).append(factor)
        missing = [i for i in task.bound if not any(i in axes for axes in groups)]
        outside += [index.size for index in missing]
        bound = tuple(index for index in task.bound if index not in missing)
        operands = [self.operand(factors, alone=len(groups) == 1) for factors in groups.values()]
        if not operands:
            return self.value(Mul(*outside))
        total = self.einsum(operands, bound)
        return self.product([self.value(Mul(*outside)), total]) if outside else total

    def operand(self, factors: Sequence[Expr], alone: bool) -> Part:
        """Factors over the same indices as one array; a plain array keeps its axes where an einsum can name them."""
        positions = positions_of(factors[0])
        plain = all(isinstance(p, Index) for p in positions) and len(set(positions)) == len(positions)
        if len(factors) == 1 and is_element(factors[0]) and plain and not alone:
            return Part(name_of(factors[0]), positions)
        return self.value(Mul(*factors))

    def letters(self) -> dict[Index, str]:
        """What the statement's indices are called in an einsum: as in the formula, where one letter will do."""
        names = [index.name for index in self.scope]
        if all(len(name) == 1 and name.isascii() for name in names) and len(set(names)) == len(names):
            return dict(zip(self.scope, names, strict=True))
        return dict(zip(self.scope, LETTERS, strict=False))

    def einsum(self, operands: Sequence[Part], bound: tuple[Index, ...]) -> Part:
        """The product of operands summed over `bound`."""
        kept = self.ordered({index for part in operands for index in part.axes} - set(bound))
        if len(operands) == 1:
            axes = tuple(operands[0].axes.index(i) - len(operands[0].axes) for i in bound)
            axis = axes[0] if len(axes) == 1 else axes
            return Part(f"np.sum({operands[0].text}, axis={axis})", kept) if bound else operands[0]
        letters = self.letters()
        words = ["..." + "".join(letters[i] for i in part.axes) for part in operands]
        pattern = f"{','.join(words)}->...{''.join(letters[i] for i in kept)}"
        more = ", optimize=True" if len(operands) > 2 else ""
        return Part(f'np.einsum("{pattern}", {", ".join(part.text for part in operands)}{more})', kept)

    # ------------------------------------------------ axes

    def ordered(self, indices: set[Index] | frozenset[Index]) -> tuple[Index, ...]:
        """Indices in the order of the statement's axes."""
        return tuple(index for index in self.scope if index in indices)

    def lined_up(self, part: Part, axes: tuple[Index, ...]) -> Part:
        """A part with an axis for each of `axes`, of length one where it has none."""
        if part.axes == axes or part.constant:
            return part
        places = ", ".join(":" if index in part.axes else "None" for index in axes)
        return Part(f"{part.at(ATOM)}[..., {places}]", axes)

    def together(self, parts: Sequence[Part]) -> tuple[list[Part], tuple[Index, ...]]:
        """Parts over the same axes."""
        axes = self.ordered({index for part in parts for index in part.axes})
        return [self.lined_up(part, axes) for part in parts], axes

    # ------------------------------------------------ values

    def value(self, value: Expr) -> Part:
        """An elementwise expression."""
        if value.is_Rational:
            return self.number(value)
        if isinstance(value, Index):
            return Part(f"np.arange({_count(value.size)})", (value,))
        if isinstance(value, Dim):
            return Part(f"np.{self.dtype}({value})", constant=True)
        if is_element(value):
            return self.element(value)
        if isinstance(value, Add):
            return self.sum(value)
        if isinstance(value, Mul):
            return self.product_of(value)
        if isinstance(value, Pow):
            return self.power(value)
        if isinstance(value, Delta):
            return self.delta(value)
        if not value.args:
            return self.named_constant(value)
        return self.call(value)

    def named_constant(self, value: Expr) -> Part:
        """A constant such as pi."""
        return Part("np.pi" if value is sympy.pi else repr(float(value)), constant=True)

    def number(self, value: Expr) -> Part:
        """A rational number."""
        if abs(value) > LARGEST:
            return Part(repr(float(value)), level=ATOM if value >= 0 else UNARY, constant=True)
        if value.is_Integer:
            return Part(str(value), level=ATOM if value >= 0 else UNARY, constant=True)
        return Part(f"{value.p} / {value.q}", level=PRODUCT if value > 0 else SUM, constant=True)

    def element(self, ref: Expr) -> Part:
        """An input or intermediate with its axes in the statement's order."""
        name, positions = name_of(ref), positions_of(ref)
        if not all(isinstance(p, Index) for p in positions):
            parts, axes = self.together([self.position(p) for p in positions])
            listed = ", ".join(part.text for part in parts)
            if any(is_element(part) for p in positions for part in walk(p)):
                return Part(f"_gather({name}, {len(axes)}, ({listed},))", axes)
            return Part(f"{name}[..., {listed}]", axes)
        axes = self.ordered(frozenset(positions))
        if axes == positions:
            return Part(name, axes)
        if len(axes) == len(positions) == 2:
            return Part(f"np.swapaxes({name}, -2, -1)", axes)
        letters = self.letters()
        have, want = ("".join(letters[i] for i in order) for order in (positions, axes))
        return Part(f'np.einsum("...{have}->...{want}", {name})', axes)

    def position(self, position: Expr) -> Part:
        """An integer expression over indices, as an array of positions."""
        if isinstance(position, Index):
            return Part(f"np.arange({_count(position.size)})", (position,))
        if position.is_Integer or isinstance(position, Dim):
            return Part(str(position), constant=True)
        if is_element(position):
            found = ArrayCode.element(self, position)
            whole = self.program.array(name_of(position)).domain.below
            return found if whole else Part(f"{found.at(ATOM)}.astype(np.int64)", found.axes)
        if not (position.is_Add or position.is_Mul):
            raise BackendUnavailable(f"the position {position} is not linear in its indices")
        parts, axes = self.together([self.position(part) for part in position.args])
        sign, level = (" + ", SUM) if position.is_Add else (" * ", PRODUCT)
        return Part(sign.join(part.at(level) for part in parts), axes, level)

    def delta(self, value: Delta) -> Part:
        """An identity matrix, or a comparison of positions."""
        left, right = value.args
        if isinstance(left, Index) and isinstance(right, Index) and left.size == right.size:
            return Part(f"np.eye({_count(left.size)}{self.typed()})", self.ordered({left, right}))
        parts, axes = self.together([self.position(left), self.position(right)])
        return Part(f"np.equal({parts[0].text}, {parts[1].text}).astype(np.{self.dtype})", axes)

    def sum(self, value: Add) -> Part:
        """Terms added, negative ones subtracted."""
        terms = sorted(value.args, key=lambda term: bool(term.as_coeff_Mul()[0].is_negative))
        negative = [bool(term.as_coeff_Mul()[0].is_negative) for term in terms]
        parts, axes = self.together([self.value(-t if n else t) for t, n in zip(terms, negative, strict=True)])
        text = f"-{parts[0].at(UNARY)}" if negative[0] else parts[0].text
        for part, minus in zip(parts[1:], negative[1:], strict=True):
            text += f" {'-' if minus else '+'} {part.at(PRODUCT)}"
        return Part(text, axes, SUM, all(part.constant for part in parts))

    def product_of(self, value: Mul) -> Part:
        """Factors under one fraction bar."""
        number, rest = value.as_coeff_Mul()
        above: list[Expr] = [abs(number)] if abs(number) != 1 else []
        below: list[Expr] = []
        for factor in sorted(Mul.make_args(rest), key=lambda f: len(free_indices(f))):
            base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
            if power.is_Rational and power < 0:
                below.append(Pow(base, -power))
            else:
                above.append(factor)
        part = self.product([self.value(factor) for factor in above or [S.One]])
        if below:
            part = self.quotient(part, self.product([self.value(factor) for factor in below]))
        return Part(f"-{part.at(UNARY)}", part.axes, UNARY, part.constant) if number.is_negative else part

    def product(self, parts: Sequence[Part]) -> Part:
        """Parts multiplied."""
        lined, axes = self.together(parts)
        if len(lined) == 1:
            return lined[0]
        first, *others = lined
        text = " * ".join([first.at(PRODUCT), *(part.at(UNARY) for part in others)])
        return Part(text, axes, PRODUCT, all(part.constant for part in parts))

    def quotient(self, above: Part, below: Part) -> Part:
        """One part divided by another."""
        (above, below), axes = self.together([above, below])
        return Part(f"{above.at(PRODUCT)} / {below.at(UNARY)}", axes, PRODUCT, above.constant and below.constant)

    def power(self, value: Pow) -> Part:
        """A power; negative ones stand under a fraction bar."""
        base, exponent = value.args
        if exponent.is_Rational and exponent < 0:
            return self.quotient(self.number(S.One), self.value(Pow(base, -exponent)))
        if exponent == Rational(1, 2):
            return self.root(self.value(base))
        power = Part(str(exponent), constant=True) if exponent.is_Integer else self.value(exponent)
        (left, right), axes = self.together([self.value(base), power])
        return Part(f"{left.at(ATOM)}**{right.at(ATOM)}", axes, POWER, left.constant and right.constant)

    def root(self, part: Part) -> Part:
        """A square root."""
        return Part(f"np.sqrt({part.text})", part.axes, constant=part.constant)

    def call(self, value: Expr) -> Part:
        """A function of the table."""
        row = primitive(value)
        if row is None or not self.knows(row):
            raise BackendUnavailable(f"no array code for {value}")
        if row.c == "?:":
            parts, axes = self.together([self.condition(value.args[0]), *(self.value(a) for a in value.args[1:])])
            return Part(self.template(row).format(*(part.text for part in parts)), axes)
        parts, axes = self.together([self.value(arg) for arg in value.args])
        text = self.template(row).format(*(part.text for part in parts))
        part = Part(text, axes, constant=all(part.constant for part in parts))
        return self.truth(part) if row.c in COMPARISONS else part

    def condition(self, value: Expr) -> Part:
        """A truth value: a comparison as it is, or whether a number is not zero."""
        row = primitive(value)
        if row is None or row.c not in COMPARISONS:
            part = self.value(value)
            return Part(f"{part.at(POWER)} != 0", part.axes, SUM)
        parts, axes = self.together([self.value(arg) for arg in value.args])
        return Part(self.template(row).format(*(part.text for part in parts)), axes)

    def template(self, row: Primitive) -> str:
        """How a function is called."""
        return row.numpy

    def truth(self, part: Part) -> Part:
        """A truth value as a number."""
        return Part(f"{part.text}.astype(np.{self.dtype})", part.axes)
