"""Programs over more rows than memory holds: passes over blocks of rows, and what follows from their totals.

A sum over all rows is the sum of what each block adds to it, and likewise for products and maxima; whatever else a
program computes without the axis of the rows follows from such totals. So a program is taken apart: for each pass, a
program of one block that gives its totals; after the passes, a program of the totals that gives the outputs.

How many passes there are follows from what the totals read. The number of rows, and every total, is known after the
pass that counts it; a total over rows that needs them (the squares around a mean) belongs to the next pass. Factors
that are the same for all rows are moved out of totals first, for the number of rows most often stands in one: the
mean of squares takes one pass, not two. Nothing is expanded to save a pass: sums of squares less the square of a sum
would be cheap, and wrong in the last digits.

Refused: outputs that keep the axis, rows that are compared with one another or with their neighbours, and functions
of whole matrices that have the axis. How blocks are read, and totals added, is told by `codegen.blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sympy import Add, Expr, Integer, Mul, Pow, S, Symbol

from derive.errors import DeriveError, ShapeError, nearest
from derive.program import (
    Array,
    Delta,
    Dim,
    Entry,
    Equation,
    Index,
    Program,
    Reduction,
    Sum,
    anonymous,
    children,
    element,
    free_indices,
    fresh_name,
    is_element,
    live,
    name_of,
    names_in,
    positions_of,
    rebuilt,
    symbol_names,
)


@dataclass(frozen=True)
class Total:
    """A name of a block's program whose values over all blocks are folded; `told` says what it is a total of."""

    name: str
    fold: type[Reduction]
    told: str


@dataclass(frozen=True)
class Pass:
    """What is worked out before the rows are read again, and what each block gives.

    `prepared` reads whole arrays and earlier totals only. A pass without totals does no more than count the rows.
    """

    prepared: Program | None
    block: Program | None
    totals: tuple[Total, ...]


@dataclass(frozen=True)
class Stream:
    """A program as passes over blocks of the rows that `over` counts, and the outputs as a program of their totals.

    `streamed` are the inputs that blocks hold. The programs take, beside the inputs of the whole and the results of
    those before them, numbers under the names of `sizes` (how large each dimension is as a whole), and `start`, the
    number of rows before a block.
    """

    over: Dim
    streamed: tuple[Array, ...]
    fixed: tuple[Array, ...]
    sizes: dict[Dim, str]
    start: str
    passes: tuple[Pass, ...]
    finish: Program


def row_axis(program: Program, fixed: Iterable[str], over: str | None = None) -> Dim:
    """The size that counts rows: the one called `over`, or that of the leading axes of all that is not `fixed`.

    Raises:
        DeriveError: no input has such an axis, or the inputs do not agree on one.
    """
    named = {array.name for array in program.inputs}
    for name in fixed:
        if name not in named:
            raise DeriveError(f"there is no input {name!r}{nearest(name, named)}; the inputs are {', '.join(named)}")
    inputs = [array for array in program.inputs if array.name not in set(fixed)]
    if over is not None:
        known = {str(size): size for array in program.inputs for size in array.shape if isinstance(size, Dim)}
        if over not in known:
            raise ShapeError(f"no input has an axis {over!r}{nearest(over, known)}; the sizes are {', '.join(known)}")
        return known[over]
    leading = {array.shape[0] if array.shape else S.One for array in inputs}
    shared = leading.pop() if len(leading) == 1 else None
    if not isinstance(shared, Dim):
        given = "; ".join(map(str, inputs)) or "nothing"
        raise ShapeError(
            f"the inputs in blocks ({given}) do not share a leading axis; give the others whole, by name, or say over="
        )
    return shared


def streamed(program: Program, over: Dim) -> Stream:
    """`program` as passes over blocks of the rows that `over` counts.

    Raises:
        DeriveError: an output keeps the axis, or some quantity cannot be had from totals; the message names it.
    """
    return _Taken(live(program), over).stream()


class _Taken:
    """A program as it is taken apart, equation by equation.

    Every name has a level: the number of passes that must be over before it can be computed. The equations in `rows`
    have the axis, without the factors in `scales`; those in `whole` do not, and speak of totals instead of rows.
    """

    def __init__(self, program: Program, over: Dim) -> None:
        self.program, self.over = program, over
        self.used = set(program.arrays) | {dim.name for dim in program.dims}
        for equation in program.equations:
            self.used |= symbol_names(equation.value) | {index.name for index in equation.indices}
        self.sizes = {dim: fresh_name(f"{dim}_whole", self.used) for dim in program.dims}
        self.start = fresh_name("rows_before", self.used)
        self.levels: dict[str, int] = {}
        self.rows: dict[str, Equation] = {}
        self.scales: dict[str, Expr] = {}
        self.whole: dict[str, Equation] = {}
        self.totals: dict[Expr, tuple[Total, Equation]] = {}
        self.streamed = tuple(array for array in program.inputs if over in array.shape)
        self.fixed = tuple(array for array in program.inputs if over not in array.shape)

    def stream(self) -> Stream:
        """The passes, and what follows them."""
        for array in self.program.inputs:
            self.checked_input(array)
        for name in self.program.outputs:
            if self.over in self.program.array(name).shape:
                raise DeriveError(
                    f"{name} keeps the axis {self.over}: it has an entry for every row, and no total over blocks has"
                )
        for equation in self.program.equations:
            self.take(equation)
        finish = self.over_totals(self.program.outputs)
        last = max([1, *(self.levels.get(name, 0) for name in self.program.outputs)])
        needed = {array.name for array in finish.inputs}
        passes: list[Pass] = []
        for number in range(last, 0, -1):
            passes.append(self.one_pass(number, needed))
            for part in (passes[-1].prepared, passes[-1].block):
                needed |= {array.name for array in part.inputs} if part else set()
        passes.reverse()
        return Stream(self.over, self.streamed, self.fixed, self.sizes, self.start, tuple(passes), finish)

    def checked_input(self, array: Array) -> None:
        if array.shape.count(self.over) > 1:
            raise DeriveError(f"{array} has the axis {self.over} twice: a block of rows would need all others, too")
        if array.domain.below == str(self.over):
            raise DeriveError(f"{array.name} holds positions of rows, which may lie in other blocks")

    # ------------------------------------------------ equations

    def take(self, equation: Equation) -> None:
        """Sort one equation among those of rows and those of totals."""
        mine = [index for index in equation.indices if self.over in index.size.free_symbols]
        if len(mine) > 1 or any(index.size != self.over for index in mine):
            raise DeriveError(f"{equation.target} compares rows with one another, which may lie in other blocks")
        value = self.folded(equation.value, equation.target)
        if mine:
            scale, rest = _scaled(value, lambda part: self.level(part) > 0 and not free_indices(part))
            self.rows[equation.target] = replace(equation, value=self.placed(rest, equation.target))
            self.scales[equation.target] = scale
            value = rest
        else:
            self.whole[equation.target] = replace(equation, value=value)
        self.levels[equation.target] = self.level(value)

    def folded(self, value: Expr, target: str) -> Expr:
        """`value` with every reduction over rows replaced by a total, and rows by what is left of them."""
        if is_element(value):
            self.check_positions(value, target)
            return self.scales.get(name_of(value), S.One) * value
        if not value.args:
            return value
        if isinstance(value, Delta) and any(index.size == self.over for index in free_indices(value)):
            raise DeriveError(f"{target} compares rows with one another: {value}")
        parts = tuple(self.folded(part, target) for part in children(value))
        if isinstance(value, Reduction):
            rows = [index for index in value.indices if self.over in index.size.free_symbols]
            if rows:
                return self.total(type(value), parts[0], value.indices, target)
        return rebuilt(value, parts)

    def check_positions(self, ref: Expr, target: str) -> None:
        """Rows are read at their own position, or the reading crosses the borders of blocks."""
        for position, size in zip(positions_of(ref), self.program.array(name_of(ref)).shape, strict=True):
            beyond = size == self.over and not (isinstance(position, Index) and position.size == size)
            if beyond or any(self.over in index.size.free_symbols - {index.size} for index in free_indices(position)):
                raise DeriveError(f"{target} reads {ref}, a row that may lie in another block")

    # ------------------------------------------------ totals

    def total(self, fold: type[Reduction], body: Expr, bound: tuple[Index, ...], target: str) -> Expr:
        """A reduction over rows (and maybe more) by way of totals, in as few passes as can be."""
        rows = [index for index in bound if self.over in index.size.free_symbols]
        others = [i for i in free_indices(body) if i not in bound and self.over in i.size.free_symbols]
        if len(rows) > 1 or others or rows[0].size != self.over:
            raise DeriveError(f"{target} compares rows with one another, in {fold(body, *bound)}")
        if fold is not Sum:
            return self.named(fold, body, bound, target)
        scale, rest = self.apart(body, bound)
        if self.level(rest) and len(bound) > 1:  # what is the same for all rows may differ along the other indices
            by_row, left = self.apart(body, (rows[0],))
            if self.level(left) < self.level(rest):
                inner = self.named(Sum, left, (rows[0],), target)
                return Sum(by_row * inner, *(index for index in bound if index not in rows))
        if self.level(rest) and isinstance(rest, Add):
            terms = [self.apart(term, bound) for term in rest.args]
            counted = all(not names_in(factor) for factor, _ in terms)  # by the number of rows alone: no cancellation
            if counted and max(self.level(term) for _, term in terms) < self.level(rest):
                return scale * Add(*(factor * self.named(Sum, term, bound, target) for factor, term in terms))
        return scale * self.named(Sum, rest, bound, target)

    def apart(self, body: Expr, bound: Iterable[Index]) -> tuple[Expr, Expr]:
        """The factor of `body` that waits for a pass and is the same for all of `bound`, and what is left."""
        taken = set(bound)
        return _scaled(body, lambda part: self.level(part) > 0 and not free_indices(part) & taken)

    def named(self, fold: type[Reduction], body: Expr, bound: tuple[Index, ...], target: str) -> Expr:
        """The element of a total; totals that differ only in the names of their indices are one."""
        value = fold(body, *bound)
        axes = tuple(sorted(free_indices(value), key=lambda index: str(index.name)))
        key = anonymous(value)
        if key not in self.totals:
            for index in axes:
                if not isinstance(index.size, Dim | Integer):
                    raise DeriveError(f"{target} needs {value}, a total with {index.size} entries for {index}")
            name = fresh_name(f"total_{target}", self.used)
            level = 1 + self.level(body)
            self.levels[name] = level
            equation = Equation(name, axes, self.placed(value, target))
            self.totals[key] = Total(name, fold, f"{value}, in {target},"), equation
        return element(self.totals[key][0].name, axes)

    def level(self, value: Expr) -> int:
        """How many passes must be over before a value can be computed."""
        if value == self.over:
            return 1
        if is_element(value):
            return self.levels.get(name_of(value), 0)
        inside = self.levels.get
        whole = [inside(name, 0) for name in value.arrays] if isinstance(value, Entry) else []
        return max([0, *whole, *(self.level(part) for part in children(value))])

    def placed(self, value: Expr, target: str) -> Expr:
        """`value` in a block: a row's number counts from the first block, and the number of rows is an input."""
        if value == self.over:
            return _number(self.sizes[self.over])
        if isinstance(value, Index):
            return value + _number(self.start) if value.size == self.over else value
        if is_element(value) or not value.args:
            return value
        return rebuilt(value, tuple(self.placed(part, target) for part in children(value)))

    # ------------------------------------------------ programs

    def one_pass(self, number: int, needed: set[str]) -> Pass:
        """What is done in the pass of this number, when `needed` is asked of it."""
        found = [(t, e) for t, e in self.totals.values() if self.levels[t.name] == number and t.name in needed]
        if not found:
            return Pass(None, None, ())
        totals = tuple(total for total, _ in found)
        outputs = tuple(total.name for total in totals)
        equations = (*self.rows.values(), *(equation for _, equation in found))
        block = live(Program((), equations, outputs))
        read = {name for equation in block.equations for name in names_in(equation.value)}
        before = tuple(name for name in self.whole if name in read)
        prepared = self.over_totals(before) if before else None
        made = [self.program.array(name) for name in before]
        made += [Array(name) for name in (self.sizes[self.over], self.start) if name in read]
        made += [Array(e.target, e.shape) for _, e in self.totals.values() if e.target in read]
        return Pass(prepared, replace(block, inputs=(*self.program.inputs, *made)), totals)

    def over_totals(self, outputs: tuple[str, ...]) -> Program:
        """The program of these names, from whole inputs, totals, and sizes as numbers."""
        given: list[Array] = list(self.fixed)
        used = live(Program((), tuple(self.whole.values()), outputs))
        numbers = {dim: _number(name) for dim, name in self.sizes.items()}
        equations = tuple(replace(e, value=_with_numbers(e.value, numbers)) for e in used.equations)
        read = {name for equation in equations for name in names_in(equation.value)}
        given += [Array(e.target, e.shape) for _, e in self.totals.values() if e.target in read]
        given += [Array(name) for name in self.sizes.values() if name in read]
        return Program(tuple(given), equations, outputs)


def _number(name: str) -> Symbol:
    found: Symbol = element(name)
    return found


def _with_numbers(value: Expr, numbers: dict[Dim, Symbol]) -> Expr:
    """`value` with sizes read as numbers; the ranges of indices stay what they are."""
    if isinstance(value, Dim):
        return numbers[value]
    if is_element(value) or not value.args:
        return value
    return rebuilt(value, tuple(_with_numbers(part, numbers) for part in children(value)))


def _scaled(value: Expr, movable: Callable[[Expr], bool]) -> tuple[Expr, Expr]:
    """A factor made of `movable` parts, and what is left: their product is `value`."""
    if movable(value):
        return value, S.One
    if isinstance(value, Mul):
        pairs = [_scaled(factor, movable) for factor in value.args]
        return Mul(*(scale for scale, _ in pairs)), Mul(*(rest for _, rest in pairs))
    if isinstance(value, Pow) and value.exp.is_Integer:
        scale, rest = _scaled(value.base, movable)
        return scale**value.exp, rest**value.exp
    if isinstance(value, Sum):
        bound = set(value.indices)
        scale, rest = _scaled(value.body, lambda part: movable(part) and not free_indices(part) & bound)
        return scale, Sum(rest, *value.indices)
    if isinstance(value, Add):
        pairs = [_scaled(term, movable) for term in value.args]
        if len({scale for scale, _ in pairs}) == 1:
            return pairs[0][0], Add(*(rest for _, rest in pairs))
    return S.One, value
