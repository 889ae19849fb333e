"""Where all derivatives vanish: a system of equations, solved one unknown after another.

An equation is solved for an unknown in one of two ways: entry by entry, where no entry of the unknown meets another,
or as a linear system, where the derivative of the equation by the unknown no longer holds it. What was found goes into
the equations that remain, and into what was found before, so that the result is a program: every unknown is defined
by inputs and by unknowns before it. Several roots make several such programs.

A system that is not solved this way is refused; the equations themselves are right, and descent can still follow them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Mul, Pow, S

from derive.calculus.modes import forward
from derive.calculus.rewriting import Context
from derive.calculus.roots import Root, roots
from derive.calculus.simplification import simplified
from derive.errors import DeriveError
from derive.primitives import primitive
from derive.program import (
    Array,
    Delta,
    Entry,
    Equation,
    Index,
    Program,
    Sum,
    children,
    element,
    elements,
    fresh_index,
    fresh_name,
    inlined,
    is_element,
    name_of,
    names_in,
    rebuilt,
    symbol_names,
    walk,
    whole_arrays,
)

MOST_POINTS = 6


@dataclass(frozen=True)
class System:
    """Equations `value = 0` by the name of the unknown each is the derivative by, and what is solved so far.

    `made` are matrices and right-hand sides of linear systems, which have names because functions are taken of them;
    `spent` are the equations that have been used, each for one unknown; `matrices` names the matrix that was inverted
    for an unknown.
    """

    inputs: tuple[Array, ...]
    equations: Mapping[str, Equation]
    solved: Mapping[str, Equation] = field(default_factory=dict)
    made: tuple[Equation, ...] = ()
    powers: Mapping[str, Root] = field(default_factory=dict)
    spent: frozenset[str] = frozenset()
    matrices: Mapping[str, str] = field(default_factory=dict)

    @property
    def used(self) -> set[str]:
        """Every name and letter that is taken."""
        values = [e.value for e in (*self.equations.values(), *self.solved.values(), *self.made)]
        names = {array.name for array in self.inputs} | {e.target for e in self.made}
        sizes = {str(size) for array in self.inputs for size in array.shape}
        return names.union(sizes, *map(symbol_names, values))

    @property
    def unsolved(self) -> list[str]:
        """The unknowns that are left."""
        return [name for name in self.equations if name not in self.solved]

    def array(self, name: str) -> Array:
        """An input, known or unknown."""
        return next(array for array in self.inputs if array.name == name)

    @property
    def program(self) -> Program:
        """The solution: definitions before their use, the unknowns as outputs.

        Where nothing that is given has the sizes of an unknown, an array `like_` it, which is not read, tells them.
        """
        given = tuple(a for a in self.inputs if a.name not in self.solved)
        known = {size for array in given for size in array.shape}
        used = self.used
        unread = [a for a in self.inputs if a.name in self.solved and set(a.shape) - known]
        given += tuple(replace(array, name=fresh_name(f"like_{array.name}", used)) for array in unread)
        pending = {e.target: e for e in (*self.made, *self.solved.values())}
        ordered: list[Equation] = []
        while pending:
            ready = [name for name, e in pending.items() if not names_in(e.value) & pending.keys()]
            ordered += [pending.pop(name) for name in ready]
        return Program(given, tuple(ordered), tuple(self.solved))


def gradient_system(derived: Program, wrt: Sequence[str], outputs: Sequence[str]) -> System:
    """The system that the gradient, under the names `outputs`, vanishes."""
    equations = {}
    for name, output in zip(wrt, outputs, strict=True):
        gradient = derived.definitions[output]
        value = gradient.value
        for other in reversed(derived.equations):
            if other.target != output and other.target not in whole_arrays(value):
                value = inlined(value, {other.target: other}, frozenset(i.name for i in gradient.indices))
        equations[name] = replace(gradient, value=value)
    return System(derived.inputs, equations)


def solutions(system: System) -> tuple[System, ...]:
    """The points where all equations hold, each as a solved system; none where no way is known."""
    if not system.unsolved:
        return (_with_numbers(system),)
    for way in (_entry_by_entry, _linear):
        for equation, unknown in _pairs(system):
            found = [solved for step in way(system, equation, unknown) for solved in solutions(step)]
            if found:
                return tuple(found[:MOST_POINTS])
    return ()


def _with_numbers(system: System) -> System:
    """A solved system in which unknowns that turn out to be numbers are put in."""
    solved = dict(system.solved)
    for _ in solved:
        numbers = {name: e for name, e in solved.items() if e.value.is_number}
        solved = {
            n: replace(e, value=inlined(e.value, numbers, frozenset(i.name for i in e.indices)))
            for n, e in solved.items()
        }
    return replace(system, solved=solved)


def _pairs(system: System) -> Iterator[tuple[str, str]]:
    """Which equation is tried for which unknown: its own first."""
    pairs = (
        (equation, name) for name in system.unsolved for equation in system.equations if equation not in system.spent
    )
    for equation, name in sorted(pairs, key=lambda pair: pair[0] != pair[1]):
        target = system.equations[equation]
        fits = target.shape == system.array(name).shape
        if fits and name in names_in(target.value) and name not in whole_arrays(target.value):
            yield equation, name


def _entry_by_entry(system: System, equation: str, unknown: str) -> Iterator[System]:
    """The system with one more unknown solved, once for each root, where no entry of it meets another."""
    target = system.equations[equation]
    at = element(unknown, target.indices)
    if all(found == at for found in elements(target.value) if name_of(found) == unknown):
        context = Context(arrays={array.name: array for array in system.inputs})
        for root in roots(target.value, at, system.array(unknown).domain) or ():
            short = replace(root, value=simplified(root.value, context))
            yield _with(system, equation, Equation(unknown, target.indices, short.root), root=short)


def _with(
    system: System, equation: str, found: Equation, made: Sequence[Equation] = (), root: Root | None = None
) -> System:
    """The system with an unknown found, put in wherever it is needed to find others."""
    solved = {**system.solved, found.target: found}
    remaining = set(system.unsolved) - {found.target}
    equations = dict(system.equations)
    if found.target in names_in(found.value):
        raise DeriveError(f"{found.target} was not solved for: {found}")
    if names_in(found.value) & remaining or any(names_in(e.value) & remaining for e in made):
        plain = _with_sides_open(found, made)
        for name, other in equations.items():
            if name != equation and found.target in names_in(other.value):
                scope = frozenset(index.name for index in other.indices)
                equations[name] = replace(other, value=inlined(other.value, {found.target: plain}, scope))
    powers = {**system.powers, found.target: root} if root else system.powers
    spent = system.spent | {equation}
    matrices = {**system.matrices, **({found.target: made[0].target} if made else {})}
    return System(system.inputs, equations, solved, (*system.made, *made), powers, spent, matrices)


def _with_sides_open(found: Equation, made: Sequence[Equation]) -> Equation:
    """A solution with its right-hand side written out, and its matrix by name, since a function is taken of it."""
    value = found.value
    for side in made:
        if side.target not in whole_arrays(value):
            value = inlined(value, {side.target: side}, frozenset(index.name for index in found.indices))
    return replace(found, value=value)


# ---------------------------------------------------------------- linear systems


def _linear(system: System, equation: str, unknown: str) -> Iterator[System]:
    """An equation whose derivative by the unknown does not hold it: `A v = b`."""
    target = system.equations[equation]
    variable = system.array(unknown)
    if len(variable.shape) not in (1, 2) or any(
        primitive(part) is not None and unknown in names_in(part) for part in walk(target.value)
    ):
        return
    used = system.used
    program = Program(system.inputs, (*system.made, replace(target, target=fresh_name("g", used))), ())
    name = fresh_name("slope", used)
    derived, _ = forward(program, (program.equations[-1].target,), unknown, (name,), Context(definitions=()))
    slope = derived.definitions.get(name)
    if slope is None:
        return
    for other in reversed(derived.equations):
        if other.target != name and other.target not in whole_arrays(slope.value):
            slope = replace(slope, value=inlined(slope.value, {other.target: other}))
    found = _matrix(slope, variable)
    if found is None or unknown in names_in(slope.value):
        return
    from_left, matrix = found
    factor = _common_factor(matrix.value)
    context = Context(arrays={array.name: array for array in (*system.inputs, *map(_as_array, system.made))})
    left, right = (
        Equation(fresh_name(f"{letter}_{unknown}", used), at, simplified(_over(value, factor), context), auxiliary=True)
        for letter, at, value in (
            ("A", matrix.indices, matrix.value),
            ("b", target.indices, -_at_zero(target.value, unknown)),
        )
    )
    if names_in(left.value) & set(system.unsolved):
        return
    if isinstance(left.value, Delta):
        return  # not a system: the entries do not meet
    if right.value == 0:
        yield _with(system, equation, Equation(unknown, target.indices, S.Zero), (left,))
        return
    first, *others = target.indices
    bound = fresh_index(first if from_left else others[0], used | {i.name for i in target.indices})
    if from_left:
        body = Entry("inv", (left.target,), (first, bound)) * element(right.target, (bound, *others))
    else:
        body = element(right.target, (first, bound)) * Entry("inv", (left.target,), (bound, *others))
    yield _with(system, equation, Equation(unknown, target.indices, Sum(body, bound)), (left, right))


def _at_zero(value: Expr, name: str) -> Expr:
    """A value where an array is zero."""
    if is_element(value):
        return S.Zero if name_of(value) == name else value
    return rebuilt(value, tuple(_at_zero(part, name) for part in children(value))) if value.args else value


def _as_array(equation: Equation) -> Array:
    return Array(equation.target, equation.shape)


def _matrix(slope: Equation, variable: Array) -> tuple[bool, Equation] | None:
    """The matrix that a linear map multiplies with, and whether from the left."""
    if len(variable.shape) == 1:
        return True, slope
    row, column, along, across = slope.indices
    for from_left, kept, paired in ((True, (row, along), (column, across)), (False, (across, column), (row, along))):
        terms = [_without_delta(term, *paired) for term in Add.make_args(slope.value)]
        if all(term is not None for term in terms):
            return from_left, Equation(slope.target, kept, Add(*terms))
    return None


def _without_delta(term: Expr, left: Index, right: Index) -> Expr | None:
    """A product without the delta of two positions, when it has it and depends on them in no other way."""
    delta = Delta(left, right)
    factors = list(Mul.make_args(term))
    if delta not in factors:
        return None
    factors.remove(delta)
    rest = Mul(*factors)
    return None if {left, right} & rest.free_symbols else rest


def _common_factor(value: Expr) -> Expr:
    """What all terms have in common: a number, and sizes and scalars to the lowest of their powers.

    A fraction is a negative power, so that nothing of these stands below a fraction bar in what is left.
    """
    numbers, powers = set(), []
    for term in Add.make_args(value):
        number, factors = term.as_coeff_mul()
        pairs = [factor.as_base_exp() for factor in factors]
        numbers.add(number)
        powers.append({base: power for base, power in pairs if base.is_Symbol and power.is_Integer})
    bases = sorted({base for mine in powers for base in mine}, key=str)
    common = Mul(*(Pow(base, min(mine.get(base, S.Zero) for mine in powers)) for base in bases))
    sign = -1 if all(number < 0 for number in numbers) else 1
    return common * numbers.pop() if len(numbers) == 1 else sign * common


def _over(value: Expr, factor: Expr) -> Expr:
    return Add(*(term / factor for term in Add.make_args(value)))
