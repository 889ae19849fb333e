"""Which loops run together, in which order, and what then needs no array.

Tasks that loop over the same size are fused along it when every value one of them reads from another is complete by
then: the producer keeps the fused index and the consumer reads at exactly that index. The data axis of a loss is the
typical case: prediction, residual and gradient run in one pass over the samples. Inside a fused loop the rest of the
tasks is scheduled in the same way. An intermediate that lives only inside a fused loop loses that axis; when no axis is
left it is a local variable.

The order of loops puts the index that steps through memory innermost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sympy import Expr, S, Symbol

from codegen.factorisations import factorised
from codegen.known_functions import in_known_functions, named_in_c, named_in_llvm, spelled_out
from codegen.loops import START, Accumulator, Factorise, Local, Loop, Multiply, Nest, Side, Statement, Store, Update
from codegen.lowering import Factor, Task, Work, tasks
from codegen.products import MatrixProduct, matrix_by_vector, with_products
from derive.primitives import primitive
from derive.program import (
    Array,
    Index,
    Program,
    element,
    elements,
    fresh_index,
    is_element,
    name_of,
    names_in,
    positions_of,
    put_in,
    substitute,
    walk,
)

Planned: TypeAlias = "Work | MatrixProduct"


@dataclass(frozen=True)
class Placed:
    """A task on its way into loops: which of its loops are left, outermost first, and which axes it stores.

    `shared` says that somebody outside the loop it stands in reads its result, so that no axis may be dropped.
    """

    task: Task
    left: tuple[Index, ...]
    stored: tuple[Index, ...]
    shared: bool = False


def scheduled(program: Program, name: str, shared: bool = False) -> Nest:
    """The loops of `program`; with `shared`, what kernels have in common stands alone.

    That is products of matrices, for a backend that has BLAS, and functions of many terms.
    """
    known = named_in_llvm if shared else named_in_c
    separate = _apart(tasks(program, known), program)
    outputs = tuple(program.array(output) for output in program.outputs)
    planner = _Planner(frozenset(program.outputs))
    shapes = {array.name: array.shape for array in program.arrays.values()}
    used = {*shapes, *(dim.name for dim in program.dims)}
    used |= {name for task in separate for name in _names(task)}
    work = _with_products(separate, used) if shared else list[Planned](separate)
    body: list[Statement] = []
    spare: list[Array] = []
    for segment in _segments(work):
        if isinstance(segment, Task):
            body += _scatter(segment)
            if segment.target not in program.outputs:
                spare.append(Array(segment.target, tuple(index.size for index in segment.indices)))
        elif isinstance(segment, Factor):
            statements, more = factorised(segment.function, segment.source, segment.target, segment.size, used)
            loops = tuple(map(in_known_functions, statements))
            names = tuple(array.name for array in more)
            body.append(Factorise(segment.function, segment.source, segment.target, segment.size, names, loops))
            spare += [*more, Array(segment.target, segment.shape)]
        elif isinstance(segment, MatrixProduct):
            loops = tuple(planner.plan([_placed(segment.task, True)]))
            scale = spelled_out(segment.scale, known)
            body.append(
                Multiply(segment.target, scale, segment.left, segment.right, segment.sizes, segment.symmetric, loops)
            )
        else:
            inside = {task.target for task in segment}
            needed = {n for task in work if task.target not in inside for n in _read(task)}
            body += planner.plan([_placed(task, task.target in needed) for task in segment])
    spare += (Array(target, tuple(i.size for i in axes)) for target, axes in planner.arrays.items())
    return Nest(name, program.dims, program.inputs, outputs, tuple(spare), tuple(planner.renamed(body)))


def _with_products(separate: Sequence[Work], used: set[str]) -> list[Planned]:
    """The tasks, those that are products of matrices as such, and of a matrix and a vector where little is lost."""
    work = list(with_products(separate, used))
    alone: set[str] = set()
    for segment in _segments(work):
        for group in _groups([_placed(task) for task in segment]) if isinstance(segment, list) else ():
            alone |= _alone([placed.task for placed in group], used)
    planned: list[Planned] = []
    for item in work:
        found = matrix_by_vector(item, used) if isinstance(item, Task) and item.target in alone else None
        planned += found or [item]
    return planned


def _alone(together: Sequence[Task], used: set[str]) -> set[str]:
    """The products of a matrix and a vector among tasks of one loop that may run before it.

    A pass that sums over rows and over columns stays whole: a residual and its gradient meet a row together.
    """
    sides: dict[str, Side] = {}
    for task in together:
        for part in matrix_by_vector(task, set(used)) or ():
            if isinstance(part, MatrixProduct):
                sides[task.target] = part.left
    sums = [task for task in together if task.how != "set"]
    return {
        target
        for target, side in sides.items()
        if not any(side.name in _read(task) and sides.get(task.target) != side for task in sums)
    }


def _placed(task: Task, shared: bool = False) -> Placed:
    """A task with all of its loops before it."""
    return Placed(task, loop_order(task), task.indices, shared)


def _scatter(task: Task) -> list[Statement]:
    """An array of zeros, and additions at the places of a task."""
    cleared: Statement = Store(element(task.target, task.indices), S.Zero)
    for index in reversed(task.indices):
        cleared = Loop(index, (cleared,))
    added: Statement = Store(element(task.target, task.places), task.value, "add")
    for index in reversed(loop_order(replace(task, indices=()))):
        added = Loop(index, (added,))
    return [cleared, added]


def _segments(work: Sequence[Planned]) -> Iterator[Factor | MatrixProduct | Task | list[Task]]:
    """Tasks that may run together, and what runs alone, as soon as it can."""
    waiting = list(work)
    while waiting:
        held: set[str] = set()
        later: list[Planned] = []
        for item in waiting:
            if _runs_alone(item) and not held & _read(item):
                yield item
            else:
                later.append(item)
                held.add(item.target)
        together, waiting, held = [], [], set()
        for item in later:
            if isinstance(item, Task) and not _runs_alone(item) and not held & _read(item):
                together.append(item)
            else:
                waiting.append(item)
                held.add(item.target)
        if together:
            yield together


def _runs_alone(item: Planned) -> bool:
    """Whether something is never fused with others."""
    return not isinstance(item, Task) or bool(item.places)


def _read(task: Planned) -> frozenset[str]:
    if isinstance(task, Factor):
        return frozenset((task.source,))
    if isinstance(task, MatrixProduct):
        return _read(task.task)
    return names_in(task.value).union(*(names_in(place) for place in task.places))


def _names(task: Work) -> list[str]:
    return [task.target] if isinstance(task, Factor) else [task.target, *(i.name for i in (*task.indices, *task.bound))]


def _apart(work: Sequence[Work], program: Program) -> list[Work]:
    """The tasks with loop indices that no two of them share."""
    used = {*program.arrays, *(dim.name for dim in program.dims), *(task.target for task in work)}
    apart: list[Work] = []
    for task in work:
        if isinstance(task, Factor):
            apart.append(task)
            continue
        used_here = used | {index.name for index in (*task.indices, *task.bound)}
        names: dict[Expr, Expr] = {}
        for index in dict.fromkeys((*task.indices, *task.bound)):
            names[index] = index if index.name not in used else fresh_index(index, used_here)
            used.add(names[index].name)
        moved = tuple(names[i] for i in task.indices), tuple(names[i] for i in task.bound)
        places = tuple(substitute(place, names) for place in task.places)
        value = put_in(task.value, names)
        apart.append(replace(task, indices=moved[0], bound=moved[1], value=value, places=places))
    return apart


def loop_order(task: Task) -> tuple[Index, ...]:
    """The loops of a task, the one that steps through memory innermost; without a fold, as its target lies."""
    if not task.bound:
        return task.indices
    score = dict.fromkeys((*task.indices, *task.bound), 0)
    accesses = [positions_of(ref) for ref in elements(task.value)]
    for positions in [*accesses, task.indices]:
        for place, position in enumerate(positions):
            if position in score and len(positions) > 1:
                score[position] += 1 if place == len(positions) - 1 else -1
    order = list(score)
    return tuple(sorted(score, key=lambda index: (score[index], order.index(index))))


class _Planner:
    def __init__(self, outputs: frozenset[str]) -> None:
        self.outputs = outputs
        self.arrays: dict[str, tuple[Index, ...]] = {}
        self.locals: set[str] = set()
        self.dropped: dict[str, tuple[int, ...]] = {}
        self.started: set[str] = set()

    # ------------------------------------------------ grouping

    def plan(self, placed: Sequence[Placed]) -> list[Statement]:
        """The statements for tasks in their order, fused where that is right."""
        statements: list[Statement] = []
        groups = _groups(placed)
        for at, group in enumerate(groups):
            readers = [p for other in groups[at + 1 :] for p in other]
            statements += self.group(group, readers)
        return statements

    def group(self, group: list[Placed], later: list[Placed]) -> list[Statement]:
        first = group[0]
        if not first.left:
            return [statement for placed in group for statement in self.single(placed)]
        outer = first.left[0]
        before: list[Statement] = []
        inner: list[Placed] = []
        for placed in group:
            renaming: dict[Expr, Expr] = {placed.left[0]: outer}
            task = placed.task
            reduces = placed.left[0] in task.bound
            if reduces:
                before += self.initialised(placed)
            shared = placed.shared or any(task.target in names_in(p.task.value) for p in later)
            private = not shared and task.target not in self.outputs
            stored = tuple(outer if i == placed.left[0] else i for i in placed.stored)
            if private and not reduces and outer in stored:
                stored = tuple(i for i in stored if i != outer)
            moved = replace(
                task,
                value=put_in(task.value, renaming),
                indices=tuple(outer if i == placed.left[0] else i for i in task.indices),
                bound=tuple(i for i in task.bound if i != placed.left[0]),
            )
            inner.append(Placed(moved, placed.left[1:], stored, shared))
        return [*before, Loop(outer, tuple(self.plan(inner)))]

    # ------------------------------------------------ single tasks

    def initialised(self, placed: Placed) -> list[Statement]:
        """The start of a fold whose outermost loop is about to be opened; the fold goes on inside."""
        task = placed.task
        return [] if task.target in self.started else self._start(placed)

    def _start(self, placed: Placed) -> list[Statement]:
        task = placed.task
        self.started.add(task.target)
        start = START[task.how]
        if not placed.stored and task.target not in self.outputs:
            self.locals.add(task.target)
            return [Accumulator(task.target, start)]
        self._keep(placed)
        body: Statement = Store(element(task.target, placed.stored), start)
        free = [index for index in placed.left if index in placed.stored]
        for index in reversed(free):
            body = Loop(index, (body,))
        return [body]

    def _keep(self, placed: Placed) -> None:
        task = placed.task
        if task.target not in self.outputs:
            self.arrays[task.target] = placed.stored
        self.dropped[task.target] = tuple(at for at, i in enumerate(task.indices) if i not in placed.stored)

    def single(self, placed: Placed) -> list[Statement]:
        """The innermost statement of a task."""
        task = placed.task
        if task.how != "set":
            before = [] if task.target in self.started else self._start(placed)
            if task.target in self.locals:
                return [*before, Update(task.target, task.value, task.how)]
            return [*before, Store(element(task.target, placed.stored), task.value, task.how)]
        if not placed.stored and task.target not in self.outputs:
            self.locals.add(task.target)
            return [Local(task.target, task.value)]
        self._keep(placed)
        return [Store(element(task.target, placed.stored), task.value)]

    # ------------------------------------------------ reading what lost axes

    def renamed(self, statements: Sequence[Statement]) -> list[Statement]:
        """The statements with every read of an intermediate in the form it is stored in."""
        return [self._renamed(statement) for statement in statements]

    def _renamed(self, statement: Statement) -> Statement:
        if isinstance(statement, Loop):
            return replace(statement, body=tuple(self.renamed(statement.body)))
        if isinstance(statement, Accumulator | Factorise):
            return statement  # factorisations read whole arrays
        if isinstance(statement, Multiply):
            return replace(statement, scale=self.read(statement.scale), body=tuple(self.renamed(statement.body)))
        return replace(statement, value=self.read(statement.value))

    def read(self, value: Expr) -> Expr:
        """A value whose elements of intermediates are the stored ones."""
        mapping = {}
        for ref in (part for part in walk(value) if is_element(part)):
            name = name_of(ref)
            if name in self.locals:
                mapping[ref] = Symbol(name, real=True)
            elif gone := self.dropped.get(name, ()):
                mapping[ref] = element(name, tuple(p for at, p in enumerate(positions_of(ref)) if at not in gone))
        return put_in(value, mapping)


def _groups(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Tasks gathered into fused loops: each joins the first group it may, after everything it reads."""
    groups: list[list[Placed]] = []
    home: dict[str, int] = {}
    for item in placed:
        read = names_in(item.task.value)
        earliest = max((home[name] for name in read if name in home), default=0)
        for at in range(earliest, len(groups)):
            if _may_join(item, groups[at]):
                groups[at].append(item)
                home[item.task.target] = at
                break
        else:
            groups.append([item])
            home[item.task.target] = len(groups) - 1
    return groups


def _may_join(item: Placed, group: list[Placed]) -> bool:
    """Whether a task may run in the same outermost loop as a group."""
    lead = group[0]
    if not item.left or not lead.left:
        return not item.left and not lead.left
    if item.left[0].size != lead.left[0].size:
        return False
    if len(item.left) > 1 and all(len(other.left) == 1 for other in group) and any(map(_calls, group)):
        return False  # numbers that functions give run in vectors, before loops that use them
    return all(_pointwise(other, item) for other in group if other.task.target in names_in(item.task.value))


def _calls(placed: Placed) -> bool:
    """Whether a task calls functions."""
    return any(primitive(part) is not None for part in walk(placed.task.value))


def _pointwise(producer: Placed, consumer: Placed) -> bool:
    """Whether the consumer reads only what the producer has finished at the same position of the outermost loop."""
    mine, theirs = producer.left[0], consumer.left[0]
    if mine not in producer.task.indices:
        return False
    place = producer.task.indices.index(mine)
    reads = [ref for ref in elements(consumer.task.value) if name_of(ref) == producer.task.target]
    return all(positions_of(ref)[place] == theirs for ref in reads)
