"""Reverse and forward mode over the equations of a program.

Reverse mode walks the equations backwards and writes one adjoint equation for every name between the value and the
variables; its cost grows linearly with the number of equations. Forward mode walks them forwards and writes one tangent
equation for every name that depends on the variable. Both work equation by equation, so intermediate values keep their
names, and both record every rule they used.

An adjoint that is used once is put in where it is used; one that is used several times keeps its name, as a
network's deltas do on paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, S

from derive.calculus.differentiation import DIFFERENTIATION, unresolved
from derive.calculus.rewriting import Application, Context, rewrite
from derive.calculus.simplification import simplified
from derive.derivation import THROUGH, Derivation, Partial, Step
from derive.errors import DeriveError, ShapeError
from derive.notation.writing import printed_name
from derive.program import (
    LETTERS,
    Array,
    Element,
    Entry,
    Equation,
    Index,
    Program,
    Sum,
    check,
    element,
    elements,
    free_indices,
    fresh_index,
    fresh_name,
    inlined,
    instantiated,
    is_element,
    live,
    name_of,
    names_in,
    positions_of,
    renamed_apart,
    substitute,
    symbol_names,
    walk,
)


@dataclass
class _Work:
    """A derivation in the making."""

    program: Program
    context: Context
    steps: list[Step] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Collect the names that are taken."""
        self.used |= set(self.program.arrays) | {dim.name for dim in self.program.dims}
        for equation in self.program.equations:
            self.used |= symbol_names(equation.value) | {index.name for index in equation.indices}

    def indices_for(self, shape: Sequence[Expr]) -> tuple[Index, ...]:
        """New indices over `shape`, under letters the program does not use."""
        found = []
        for size in shape:
            free = (letter for letter in LETTERS if letter not in self.used)
            found.append(Index(fresh_name(next(free, "i"), self.used), size))
        return tuple(found)

    def derive(self, target: Element, meaning: Expr, start: Expr, reason: str, context: Context | None = None) -> Expr:
        """`start` differentiated and simplified, each rule recorded as a step about `target`, which means `meaning`."""
        context = context or self.context
        trace: list[Application] = []
        raw = rewrite(start, DIFFERENTIATION, context, trace)
        unresolved(raw)
        result = simplified(raw, context, trace)
        self.steps.append(Step(target, meaning, start, reason))
        self.record(target, trace)
        return self.settled(target, result)

    def simplify(self, target: Element, start: Expr) -> Expr:
        """`start` simplified, each rule recorded as a step about `target`."""
        trace: list[Application] = []
        result = simplified(start, self.context, trace)
        self.record(target, trace)
        return self.settled(target, result)

    def settled(self, target: Element, value: Expr) -> Expr:
        """A result in which no letter has two meanings."""
        names = {*self.program.arrays, *(dim.name for dim in self.program.dims)}
        apart = renamed_apart(value, frozenset(index.name for index in free_indices(target)) | names)
        if apart != value:
            self.steps.append(Step(target, value, apart, "a bound index takes another letter"))
        return apart

    def record(self, target: Element, trace: list[Application]) -> None:
        """Write the applications of a trace down as steps."""
        self.steps += steps_of(target, trace)


def steps_of(target: Element, trace: Sequence[Application]) -> list[Step]:
    """The applications of a trace as steps about `target`."""
    return [Step(target, made.before, made.after, made.rule.name, made.note, made.old, made.new) for made in trace]


def _scope(program: Program, context: Context) -> Context:
    """What rules may know of `program`; without given definitions, its equations are folded back to."""
    return replace(
        context,
        arrays=program.arrays,
        definitions=foldable(program) if context.definitions is None else context.definitions,
    )


def foldable(program: Program) -> tuple[Equation, ...]:
    """The equations worth folding back to: all but a value that is one call of plain elements."""
    last = program.definitions.get(program.outputs[-1])
    return tuple(e for e in program.equations if e is not last or not (e.auxiliary or _plain_call(e.value)))


def _plain_call(value: Expr) -> bool:
    return isinstance(value, Entry) or (
        bool(value.is_Function) and all(is_element(a) or a.is_Number for a in value.args)
    )


def dependent(program: Program, sources: Sequence[str]) -> list[str]:
    """The names that depend on `sources`, in the order of their equations."""
    known = set(sources)
    found = []
    for equation in program.equations:
        if not known.isdisjoint(names_in(equation.value)):
            known.add(equation.target)
            found.append(equation.target)
    return found


# ---------------------------------------------------------------- reverse mode


def reverse(program: Program, wrt: Sequence[str], names: Sequence[str], context: Context) -> tuple[Program, Derivation]:
    """The program of the gradient of a scalar value: `names[k]` is its derivative by `wrt[k]`.

    Raises:
        ShapeError: the value is not a scalar.
        NotDifferentiable: a derivative has no rule.
    """
    value = program.outputs[-1]
    if program.array(value).shape:
        shape = ", ".join(map(str, program.array(value).shape))
        raise ShapeError(f"a gradient needs a scalar value, but {value} has the shape ({shape}); ask for the jacobian")
    work = _Work(program, _scope(program, context))
    return _Reverse(work, wrt, names).run()


class _Reverse:
    def __init__(self, work: _Work, wrt: Sequence[str], names: Sequence[str]) -> None:
        self.work, self.program = work, work.program
        self.value = work.program.outputs[-1]
        self.results = dict(zip(wrt, names, strict=True))
        needed = {e.target for e in live(self.program).equations}
        self.active = [name for name in dependent(self.program, wrt) if name in needed]
        carrying = {*self.active, self.value}
        self.readers: dict[str, list[Equation]] = {}
        for equation in self.program.equations:
            if equation.target in carrying:
                for name in names_in(equation.value):
                    self.readers.setdefault(name, []).append(equation)
        self.varying = {*self.active, *self.results}
        self.adjoints: dict[str, Equation] = {}
        self.inlined: set[str] = set()
        self.followers: dict[str, frozenset[str]] = {}

    def run(self) -> tuple[Program, Derivation]:
        for name in [*reversed(self.active), *self.results]:
            if name != self.value:
                self.adjoint(name)
        for variable in self.results:
            self.output(variable)
        kept = [e for e in self.adjoints.values() if e.target not in self.inlined]
        outputs = tuple(self.results.values())
        whole = Program(self.program.inputs, (*self.program.equations, *kept), outputs)
        return check(live(whole)), Derivation(self.program, tuple(self.work.steps))

    def adjoint(self, name: str) -> None:
        """Write the equation of the derivative of the value by `name`."""
        at = self.positions(name)
        target_name = self.results.get(name) or fresh_name(f"delta_{name}", self.work.used)
        target = element(target_name, at)
        terms = [self.contribution(e, element(name, at)) for e in self.consumers(name)]
        start = renamed_apart(Add(*terms), frozenset(index.name for index in at))
        if len(terms) == 1 and isinstance(terms[0], Partial):
            reason = f"the derivative of {printed_name(self.value)} by {printed_name(name)}"
        else:
            through = " and ".join(printed_name(e.target) for e in self.consumers(name))
            reason = f"{THROUGH} {through}" if terms else "the value does not depend on it"
        value = element(self.value, self.program.definitions[self.value].indices)
        result = self.work.derive(target, Partial(value, element(name, at)), start, reason)
        self.adjoints[name] = Equation(target_name, at, result)
        if name not in self.results and self.worth_inlining(name, result):
            self.inlined.add(target_name)

    def positions(self, name: str) -> tuple[Index, ...]:
        """The letters under which a derivative by `name` is written: those `name` itself is written with."""
        if name in self.program.definitions:
            return self.program.definitions[name].indices
        for equation in self.program.equations:
            for ref in elements(equation.value):
                at = positions_of(ref)
                if name_of(ref) == name and all(isinstance(p, Index) for p in at) and len(set(at)) == len(at):
                    return at
        return self.work.indices_for(self.program.array(name).shape)

    def consumers(self, name: str) -> list[Equation]:
        """The equations through which the value depends on `name`."""
        return self.readers.get(name, [])

    def contribution(self, equation: Equation, variable: Element) -> Expr:
        """What flows back to `variable` through one equation."""
        if equation.target == self.value:
            return Partial(self.explicit(equation.value, variable), variable)
        adjoint = self.adjoints.get(equation.target)
        if adjoint is None or adjoint.value == 0:
            return S.Zero
        fresh = equation.indices
        if not {index.name for index in fresh}.isdisjoint(index.name for index in free_indices(variable)):
            used = symbol_names(equation.value) | symbol_names(variable) | {index.name for index in fresh}
            fresh = tuple(fresh_index(index, used) for index in fresh)
        arriving = instantiated(adjoint, fresh) if adjoint.target in self.inlined else element(adjoint.target, fresh)
        local = substitute(equation.value, dict(zip(equation.indices, fresh, strict=True)))
        return Sum(arriving * Partial(self.explicit(local, variable), variable), *fresh)

    def explicit(self, value: Expr, variable: Element) -> Expr:
        """The terms that name the variable, where others depend on it too: those are other paths of the chain rule."""
        name = name_of(variable)
        if name not in self.followers:
            self.followers[name] = frozenset(dependent(self.program, (name,)))
        terms = Add.make_args(value)
        others = [term for term in terms if name not in names_in(term)]
        if not any(names_in(term) & self.followers[name] for term in others):
            return value
        return Add(*(term for term in terms if name in names_in(term)))

    def worth_inlining(self, name: str, result: Expr) -> bool:
        """Whether an adjoint is so short, or so seldom used, that it needs no name."""
        if is_element(result) or not names_in(result):
            return True
        return sum(n in self.varying for n in names_in(self.program.definitions[name].value)) <= 1

    def output(self, variable: str) -> None:
        """A variable the value does not depend on still has a derivative: zero, everywhere."""
        if variable not in self.adjoints:
            array = self.program.array(variable)
            self.adjoints[variable] = Equation(self.results[variable], self.work.indices_for(array.shape), S.Zero)


# ---------------------------------------------------------------- forward mode


def forward(
    program: Program, outputs: Sequence[str], wrt: str, names: Sequence[str], context: Context
) -> tuple[Program, Derivation]:
    """The program of the Jacobians of `outputs` by one variable: output axes first, then the variable's."""
    if wrt in outputs:
        raise DeriveError(f"the derivative of {wrt} by itself was asked for")
    work = _Work(program, _scope(program, context))
    at = work.indices_for(program.array(wrt).shape)
    return _Forward(work, element(wrt, at), dict(zip(outputs, names, strict=True))).run((wrt,), {})


def along(
    program: Program, outputs: Sequence[str], directions: Mapping[str, Array], names: Sequence[str], context: Context
) -> tuple[Program, Derivation]:
    """The program of the derivatives of `outputs` along `directions`, which are inputs of it."""
    whole = replace(program, inputs=(*program.inputs, *directions.values()))
    work = _Work(whole, _scope(whole, context))
    moving = element(fresh_name("t", work.used))
    tangents = {name: direction.name for name, direction in directions.items()}
    found = _Forward(work, moving, dict(zip(outputs, names, strict=True)))
    return found.run(tuple(directions), tangents)


def differentials(program: Program, directions: Mapping[str, Array], context: Context) -> tuple[Program, Derivation]:
    """The differential of every equation, in terms of the differentials before it: `dL` from `dyhat` from `dw`."""
    whole = replace(program, inputs=(*program.inputs, *directions.values()))
    work = _Work(whole, _scope(whole, context))
    moving = element(fresh_name("t", work.used))
    tangents = {name: direction.name for name, direction in directions.items()}
    needed = {e.target for e in live(program).equations}.intersection(dependent(program, tuple(directions)))
    results = {e.target: fresh_name(f"d{e.target}", work.used) for e in program.equations if e.target in needed}
    return _Forward(work, moving, results, plain=True).run(tuple(directions), tangents)


class _Forward:
    """One tangent equation for every name that depends on the variables; `plain` ones keep all their names."""

    def __init__(self, work: _Work, variable: Element, results: dict[str, str], plain: bool = False) -> None:
        self.work, self.program = work, work.program
        self.variable, self.results, self.plain = variable, results, plain
        self.at = tuple(p for p in positions_of(variable) if isinstance(p, Index))

    def run(self, wrt: Sequence[str], tangents: dict[str, str]) -> tuple[Program, Derivation]:
        tangents = dict(tangents)
        outputs = tuple(self.results)
        needed = {e.target for e in live(self.program, outputs).equations}.intersection(dependent(self.program, wrt))
        written: list[Equation] = []
        for equation in (e for e in self.program.equations if e.target in needed):
            written.append(self.tangent(equation, tangents, written))
            tangents[equation.target] = written[-1].target
        for output in outputs:
            if output not in tangents:
                shape = self.program.array(output).shape
                written.append(Equation(self.results[output], (*self.work.indices_for(shape), *self.at), S.Zero))
        names = tuple(self.results.values())
        kept = written if self.plain else _without_single_uses(written, names, self.work)
        whole = Program(self.program.inputs, (*self.program.equations, *kept), names)
        return check(live(whole)), Derivation(self.program, tuple(self.work.steps))

    def tangent(self, equation: Equation, tangents: dict[str, str], written: Sequence[Equation]) -> Equation:
        """The equation of the derivative of one name."""
        work, variable = self.work, name_of(self.variable)
        name = self.results.get(equation.target) or fresh_name(f"d{equation.target}_d{variable}", work.used)
        local = replace(work.context, tangents=dict(tangents))
        target = element(name, (*equation.indices, *self.at))
        apart = renamed_apart(equation.value, frozenset(index.name for index in self.at))
        reason = f"the derivative of {printed_name(equation.target)} by {printed_name(variable)}"
        meaning = Partial(equation.element, self.variable)
        value = work.derive(target, meaning, Partial(apart, self.variable), reason, local)
        if not self.plain:
            value = _inlined(value, written, work, target)
        return Equation(name, (*equation.indices, *self.at), value)


def _short(value: Expr) -> bool:
    """A tangent that is an element, a number, or a delta times one: shorter than any name for it."""
    return not any(isinstance(part, Sum | Add) or part.is_Function for part in walk(value))


def _inlined(value: Expr, written: Sequence[Equation], work: _Work, target: Element) -> Expr:
    """`value` with short tangents put in place of their names."""
    short = {e.target: e for e in written if _short(e.value)}
    return _with_values(value, short, work, target)


def _with_values(value: Expr, known: dict[str, Equation], work: _Work, target: Element) -> Expr:
    names = [name for name in known if name in names_in(value)]
    if not names:
        return value
    replaced = inlined(value, known, frozenset(index.name for index in free_indices(target)))
    work.steps.append(Step(target, value, replaced, "put in what is known", " and ".join(map(printed_name, names))))
    return work.simplify(target, replaced)


def _without_single_uses(written: Sequence[Equation], outputs: tuple[str, ...], work: _Work) -> list[Equation]:
    """Tangents that are read once are put in where they are read."""
    kept = {e.target: e for e in written}
    for name in [e.target for e in written if e.target not in outputs and not _short(e.value)]:
        places = [e.target for e in kept.values() for ref in elements(e.value) if name_of(ref) == name]
        if len(places) == 1:
            reader = kept[places[0]]
            value = _with_values(reader.value, {name: kept.pop(name)}, work, reader.element)
            kept[reader.target] = replace(reader, value=value)
    return list(kept.values())
