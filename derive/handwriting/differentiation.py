"""Derivatives of what was understood, by forward mode through everything that is defined."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from sympy import Expr

from derive.calculus.modes import along, forward
from derive.calculus.rewriting import Context
from derive.handwriting.counting import Counting
from derive.handwriting.tree import Applied, Derived, Entry, Evaluated, Node
from derive.notation.tree import Name, Transpose
from derive.notation.typing import Typed
from derive.notation.writing import printed_name
from derive.program import (
    Array,
    Equation,
    Index,
    Program,
    element,
    free_indices,
    fresh_name,
    inlined,
    is_element,
    live,
    name_of,
    names_in,
    substitute,
    whole_arrays,
)


class Differentiation(Counting):
    """Derivatives, total or with something held fixed, and values with others put in."""

    def derived(self, tree: Derived) -> Typed:
        value = self.typed(tree.value)
        for name in tree.held:
            if name not in self.arrays:
                raise self.unreadable(f"{printed_name(name)} is held fixed, but is not known", tree.at)
        for variable in tree.variables:
            value = self.by(value, variable, tree)
        return value

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
            self.typed(tree)
            if tree.name in self.arrays:
                return tree.name, None
        raise self.unreadable("a derivative is by a name, or an entry of one", at)

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

    def explicitly_typed(self, tree: Node) -> tuple[Typed, tuple[str, ...]]:
        """A side where ∂ is by a variable where it stands, and what that holds fixed."""
        self.explicit, self.held = True, {}
        try:
            return self.typed(tree), tuple(self.held)
        finally:
            self.explicit = False

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
