"""A program as a list of tasks: each fills one array by a single expression, or by folding one over indices.

Functions that a backend does not know are replaced by what their rows say they compute. Every reduction inside an
expression becomes a task over exactly the indices it depends on, and so does every call of a function that needs fewer
indices than its task, so that what does not depend on a loop is not computed in it. Tasks that differ only in the names
of their indices are computed once. What order the loops take, and which run together, is decided in `codegen.schedule`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sympy import Add, Expr, Integer, Mul, Pow

from codegen.bounds import always_inside
from codegen.known_functions import spelled_out
from codegen.loops import How
from derive.array_functions import ARRAY_FUNCTIONS
from derive.errors import BackendUnavailable
from derive.primitives import NOTHING, Primitive, exp, primitive, where
from derive.program import (
    Delta,
    Entry,
    Index,
    Maximum,
    Product,
    Program,
    Reduction,
    Sum,
    anonymous,
    children,
    element,
    form,
    free_indices,
    fresh_index,
    fresh_name,
    is_element,
    live,
    map_values,
    name_of,
    rebuilt,
    renamed_apart,
    substitute,
    symbol_names,
    walk,
)


@dataclass(frozen=True)
class Task:
    """`target[indices] = value`, or the fold of `value` over `bound` by adding or taking the larger.

    With `places`, `value` is added to `target[places]` for every position of `bound`: a scatter. The target's own
    indices say its shape then; those that are places themselves are bound, too.
    """

    target: str
    indices: tuple[Index, ...]
    value: Expr
    bound: tuple[Index, ...] = ()
    how: How = "set"
    places: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Factor:
    """`target = function(source)`, for a function of a whole square matrix of `size` rows."""

    target: str
    function: str
    source: str
    size: Expr

    @property
    def shape(self) -> tuple[Expr, ...]:
        """The sizes of the result."""
        return (self.size,) * ARRAY_FUNCTIONS[self.function].rank


Work: TypeAlias = "Task | Factor"


def tasks(program: Program, known: Callable[[Primitive], bool]) -> tuple[Work, ...]:
    """The tasks of `program` in an order in which they can run; `known` tells which functions have a name there."""
    needed = map_values(live(program), lambda value: spelled_out(value, known))
    lowering = _Lowering(needed)
    for equation in needed.equations:
        apart = renamed_apart(equation.value, frozenset(index.name for index in equation.indices))
        apart = _factored(_factor_inside(_with_scatters_open(apart)))
        lowering.scope = list(equation.indices)
        if isinstance(apart, Reduction):
            lowering.scope += apart.indices
            body = lowering.without_reductions(apart.body)
            lowering.add(Task(equation.target, equation.indices, body, apart.indices, _how(apart)))
        else:
            lowering.add(Task(equation.target, equation.indices, lowering.without_reductions(apart)))
    return tuple(lowering.hoisted())


def _with_scatters_open(value: Expr) -> Expr:
    """`value` with nested sums made one where an inner delta speaks of a position that is worked out."""
    if not isinstance(value, Sum | Mul) or not any(isinstance(p, Delta) and _is_worked_out(p) for p in walk(value)):
        return value
    used = symbol_names(value)
    factors: list[Expr] = []
    bound: list[Index] = []
    waiting = [value]
    while waiting:
        factor = waiting.pop()
        if isinstance(factor, Mul):
            waiting += factor.args
        elif isinstance(factor, Sum) and any(isinstance(p, Delta) and _is_worked_out(p) for p in walk(factor)):
            fresh: dict[Expr, Expr] = {index: fresh_index(index, used) for index in factor.indices}
            bound += [index for index in fresh.values() if isinstance(index, Index)]
            waiting.append(substitute(factor.body, fresh))
        else:
            factors.append(factor)
    return Sum(Mul(*factors), *bound)


def _unmasked(factor: Expr) -> Iterator[Expr]:
    """A factor, or the deltas that switch off an exponential and the exponential that is switched off."""
    inner = factor.args[0] if isinstance(factor, exp) else None
    if isinstance(inner, where) and isinstance(inner.args[0], Delta) and inner.args[2] == NOTHING:
        yield inner.args[0]
        yield from _unmasked(exp(inner.args[1]))
    else:
        yield factor


def _is_worked_out(delta: Expr) -> bool:
    return any(isinstance(side, Add) or is_element(side) for side in delta.args)


def _factor_inside(value: Expr) -> Expr:
    """A multiple of a sum as the sum of multiples: what scales the result scales each term before it is added."""
    sums = [factor for factor in Mul.make_args(value) if isinstance(factor, Sum)]
    if not isinstance(value, Mul) or len(sums) != 1:
        return value
    rest = Mul(*(factor for factor in value.args if factor is not sums[0]))
    return Sum(rest * sums[0].body, *sums[0].indices)


def _factored(value: Expr) -> Expr:
    """A sum without the factors that its indices do not touch, where it then depends on fewer indices."""
    if not isinstance(value, Sum):
        return value
    bound = frozenset(value.indices)
    outside = [factor for factor in Mul.make_args(value.body) if not free_indices(factor) & bound]
    inside = Mul(*(factor for factor in Mul.make_args(value.body) if factor not in outside))
    if free_indices(inside) - bound == free_indices(value) or any(
        isinstance(f, Delta) and _is_worked_out(f) for f in outside
    ):
        return value
    return Mul(*outside, Sum(inside, *value.indices))


def _how(reduction: Reduction) -> How:
    return "max" if isinstance(reduction, Maximum) else "mul" if isinstance(reduction, Product) else "add"


def _placeless(value: Expr, axes: Sequence[Index]) -> Hashable:
    """A value with its indices called by their places, so that two that differ only in letters are equal."""
    places: dict[Expr, int] = {axis: at for at, axis in enumerate(axes)}
    return (tuple(axis.size for axis in axes), form(value, places)) if places else value


def in_order(indices: Iterable[Index], scope: Sequence[Index]) -> tuple[Index, ...]:
    """Indices in the order of the loops around them, so that loops meet arrays the way they lie in memory."""
    places = {index: at for at, index in enumerate(scope)}
    return tuple(sorted(indices, key=lambda index: (places.get(index, len(places)), str(index.name))))


class _Lowering:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.done: list[Work] = []
        self.known: dict[Hashable, Expr] = {}
        self.scope: list[Index] = []
        self.filled: dict[str, Task] = {}
        self.shared: frozenset[Hashable] = frozenset()  # calls that several tasks make
        self.rows: dict[Hashable, str] = {}  # where costly values are that have a task of their own
        self.heads: set[type] = set()  # what these are at the top
        self.costly: dict[Expr, bool] = {}
        self.used = set(program.arrays) | {dim.name for dim in program.dims}
        for equation in program.equations:
            self.used |= symbol_names(equation.value) | {index.name for index in equation.indices}

    def add(self, task: Work) -> None:
        self.done.append(self.scattered(task) if isinstance(task, Task) else task)

    def hoisted(self) -> Iterator[Work]:
        """The tasks, with what is costly and does not depend on all indices of a task as tasks of their own."""
        self.filled = {task.target: task for task in self.done if isinstance(task, Task)}
        self.shared = self.called_twice()
        for task in self.done:
            if not isinstance(task, Task):
                yield task
                continue
            before: list[Work] = []
            loops = task.bound if task.places else (*task.indices, *task.bound)
            value = self.without_costly(task.value, loops, before)
            yield from before
            yield replace(task, value=value)

    def without_costly(self, value: Expr, loops: tuple[Index, ...], before: list[Work]) -> Expr:
        """`value` with costly parts that need fewer loops replaced by elements; their tasks go to `before`."""
        if not value.args or is_element(value):
            return value
        axes = in_order(free_indices(value) & frozenset(loops), loops)
        if not self.is_costly(value):
            return value
        whole = len(axes) == len(loops)
        key = None if whole and type(value) not in self.heads else _placeless(value, axes)
        if whole and (key is None or (key not in self.rows and key not in self.shared)):
            parts = self.gathered(value, loops) if isinstance(value, Mul) else children(value)
            return rebuilt(value, tuple(self.without_costly(part, loops, before) for part in parts))
        if key not in self.rows:
            self.rows[key] = fresh_name("t1", self.used)
            self.heads.add(type(value))
            before.append(Task(self.rows[key], axes, value))
        return element(self.rows[key], axes)

    def called_twice(self) -> frozenset[Hashable]:
        """Calls that more than one task makes, of numbers and over several indices: they are kept, not made again.

        Over a single index they are made again, which costs less than an array that may not fit into a cache.
        """
        callers: dict[Hashable, set[str]] = {}
        for task in (task for task in self.filled.values() if not task.places):
            loops = (*task.indices, *task.bound)
            for part in (part for part in walk(task.value) if primitive(part) is not None):
                axes = in_order(free_indices(part) & frozenset(loops), loops)
                if len(axes) != 1:
                    callers.setdefault(_placeless(part, axes), set()).add(task.target)
                    self.heads.add(type(part))
        return frozenset(key for key, tasks in callers.items() if len(tasks) > 1)

    def is_costly(self, value: Expr) -> bool:
        """Whether a value calls a function, or divides by a sum that is at least 1; other divisions stay exact."""
        if value not in self.costly:
            parts = () if is_element(value) else children(value)
            here = primitive(value) is not None or self.divides_safely(value)
            self.costly[value] = here or any(map(self.is_costly, parts))
        return self.costly[value]

    def divides_safely(self, value: Expr) -> bool:
        """Whether a value divides by a sum of exponentials whose largest is 1, which neither over- nor underflows."""
        if not (isinstance(value, Pow) and value.args[1] in (-1, -2) and is_element(value.args[0])):
            return False
        total = self.filled.get(name_of(value.args[0]))
        if total is None or total.how != "add" or not isinstance(total.value, exp):
            return False
        shifts = (self.filled.get(name_of(-term)) for term in Add.make_args(total.value.args[0]) if is_element(-term))
        return any(shift is not None and shift.how == "max" for shift in shifts)

    def gathered(self, product: Expr, loops: tuple[Index, ...]) -> tuple[Expr, ...]:
        """The factors of a product, the costly ones that need the same few loops as one."""
        groups: dict[object, list[Expr]] = {}
        for at, factor in enumerate(product.args):
            needed = free_indices(factor) & frozenset(loops)
            groups.setdefault(needed if len(needed) < len(loops) and self.is_costly(factor) else at, []).append(factor)
        return tuple(Mul(*group) for group in groups.values())

    def scattered(self, task: Task) -> Task:
        """What a delta makes zero but at one place as additions there: a sum, or the blocks of a block diagonal."""
        if task.how not in ("add", "set") or (task.how == "add" and not task.bound):
            return task
        places: dict[Index, Expr] = {}
        factors = [part for factor in Mul.make_args(task.value) for part in _unmasked(factor)]
        for factor in [f for f in factors if isinstance(f, Delta)]:
            for index, place in (factor.args, factor.args[::-1]):
                if index in task.indices and index not in places and self.is_place(place, index, task):
                    rest = [f for f in factors if f is not factor]
                    if not any(index in free_indices(f) for f in (place, *rest)) and place not in places:
                        places[index], factors = place, rest
                        break
        if not places:
            return task
        left = tuple(index for index in task.indices if index not in places)
        at = tuple(places.get(index, index) for index in task.indices)
        return Task(task.target, task.indices, Mul(*factors), (*left, *task.bound), "add", at)

    def is_place(self, place: Expr, index: Index, task: Task) -> bool:
        """Whether a position is worked out, or another of the target, and surely inside the axis of `index`."""
        if task.how == "set":
            return place in task.indices and place.size == index.size
        if is_element(place):
            return self.program.array(name_of(place)).domain.below == str(index.size)
        return isinstance(place, Add) and always_inside(place, index.size)

    def without_reductions(self, value: Expr) -> Expr:
        """`value` with each reduction replaced by an element of a task of its own."""
        if not value.args or is_element(value):
            return value
        if isinstance(value, Entry):
            return self.entry(value)
        value = _factored(value)
        if not isinstance(value, Reduction):
            return rebuilt(value, tuple(self.without_reductions(part) for part in children(value)))
        key = anonymous(value)
        if key not in self.known:
            axes = in_order(free_indices(value), self.scope)
            name = fresh_name("t1", self.used)
            apart = value.renamed_apart({index.name for index in self.scope})
            self.scope += apart.indices
            self.add(Task(name, axes, self.without_reductions(apart.body), apart.indices, _how(value)))
            self.known[key] = element(name, axes)
        return self.known[key]

    def entry(self, value: Entry) -> Expr:
        """An entry of a function of a matrix, which is computed once, as a whole."""
        if value.function == "matrix_power":
            return self.power(value)
        (source,) = value.arrays
        key = Entry(value.function, value.arrays)
        if key not in self.known:
            name = fresh_name("t1", self.used)
            self.add(Factor(name, value.function, source, self.program.array(source).shape[0]))
            self.known[key] = element(name, ())
        return element(name_of(self.known[key]), value.positions)

    def power(self, value: Entry) -> Expr:
        """An entry of a whole power, by repeated multiplication."""
        exponent, row, column = value.positions
        (source,) = value.arrays
        if not exponent.is_Integer:
            raise BackendUnavailable(f"a kernel needs the exponent of {value} as a number")
        if exponent == 0:
            return Delta(row, column)
        if exponent == 1:
            return element(source, (row, column))
        if exponent < 0:
            key = Entry("inv", value.arrays, (row, column))
            inverse = name_of(self.entry(key))
            return self.multiplied(inverse, -int(exponent), row, column, source)
        return self.multiplied(source, int(exponent), row, column, source)

    def multiplied(self, name: str, times: int, row: Expr, column: Expr, like: str) -> Expr:
        """An entry of a product of one matrix with itself, halved until it is the matrix."""
        if times == 1:
            return element(name, (row, column))
        key = Entry("matrix_power", (name,), (Integer(times),))
        if key not in self.known:
            size = self.program.array(like).shape[0]
            used: set[str] = set()
            i, j, k = (Index(fresh_name(letter, used), size) for letter in "ijk")
            half = times // 2
            product = self.multiplied(name, half, i, k, like) * self.multiplied(name, times - half, k, j, like)
            target = fresh_name("t1", self.used)
            self.add(Task(target, (i, j), product, (k,), "add"))
            self.known[key] = element(target, ())
        return element(name_of(self.known[key]), (row, column))
