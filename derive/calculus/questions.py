"""What can be asked of a formula: gradient, Jacobian, Hessian, and their products with vectors.

One row for each kind of question: what its result is called, how it is headed on paper, and the function that derives
its program. Products with vectors add inputs to the program: a direction `v` for each variable, or a cotangent `u` of
the value; they never build the array they are products with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from derive.calculus.modes import along, foldable, forward, reverse, steps_of
from derive.calculus.rewriting import Application, Context
from derive.calculus.simplification import simplified
from derive.calculus.structure import applied, structured
from derive.derivation import Derivation, Step
from derive.program import (
    Array,
    Equation,
    Index,
    Program,
    Sum,
    check,
    element,
    fresh_name,
    live,
    merged,
    renamed_apart,
    replaced_inputs,
)

Found: TypeAlias = "tuple[Program, Derivation]"
Blocks: TypeAlias = "tuple[tuple[str, ...], ...]"


@dataclass(frozen=True)
class Asked:
    """A question: of what, by which inputs, under which names the results go, and in which convention."""

    program: Program
    wrt: tuple[str, ...]
    outputs: tuple[str, ...]
    convention: str = "entries"

    @property
    def value(self) -> str:
        """What is differentiated."""
        return self.program.outputs[-1]

    @property
    def used(self) -> set[str]:
        """The names that are taken."""
        return {*self.program.arrays, *(dim.name for dim in self.program.dims)}

    def directions(self) -> dict[str, Array]:
        """A direction for each variable: `v`, or `v_w` and `v_b`."""
        used, single = self.used, len(self.wrt) == 1
        arrays = (self.program.array(name) for name in self.wrt)
        return {a.name: Array(fresh_name("v" if single else f"v_{a.name}", used), a.shape) for a in arrays}

    def cotangent(self) -> Array:
        """A weight for each entry of the value."""
        return Array(fresh_name("u", self.used), self.program.array(self.value).shape)


@dataclass(frozen=True)
class Kind:
    """One kind of question.

    `heading` is a template with `{value}`, `{first}`, `{second}` for a single variable, `mixed` one for several.
    `reference` gives a program whose plain derivative, by the variable named, is what the result has to be.
    """

    name: str
    ending: str
    prefix: str
    about: str
    heading: str
    latex: str
    derive: Callable[[Asked, Context], Found]
    reference: Callable[[Asked], Reference]
    blocks: Callable[[tuple[str, ...]], Blocks] = lambda wrt: tuple((name,) for name in wrt)
    mixed: str = ""
    mixed_latex: str = ""
    claimed: bool = True  # whether what is known of a formula's derivatives speaks of these


@dataclass(frozen=True)
class Reference:
    """A program and, for each result, which output of it is differentiated by which input; `at_zero` are set to 0."""

    program: Program
    targets: tuple[tuple[str, str], ...]
    at_zero: tuple[str, ...] = ()


# ---------------------------------------------------------------- plain derivatives


def gradient(asked: Asked, context: Context) -> Found:
    """Reverse mode; then the convention, where a variable has structure."""
    program, derivation = reverse(asked.program, asked.wrt, asked.outputs, context)
    steps = list(derivation.steps)
    equations = {e.target: e for e in program.equations}
    for name, output in zip(asked.wrt, asked.outputs, strict=True):
        variable = asked.program.array(name)
        row = structured(variable.domain, asked.convention)
        if row is not None:
            plain = equations[output]
            start = renamed_apart(applied(row, plain, variable), frozenset(i.name for i in plain.indices))
            scope = replace(context, arrays=program.arrays, definitions=foldable(asked.program))
            trace: list[Application] = []
            short = simplified(start, scope, trace)
            steps += [Step(plain.element, plain.value, start, row.reason), *steps_of(plain.element, trace)]
            equations[output] = replace(plain, value=short)
    return check(replace(program, equations=tuple(equations.values()))), Derivation(asked.program, tuple(steps))


def jacobian(asked: Asked, context: Context) -> Found:
    """Forward mode, a variable at a time."""
    pairs = zip(asked.wrt, asked.outputs, strict=True)
    return joined(asked, [forward(asked.program, (asked.value,), name, (output,), context) for name, output in pairs])


def hessian(asked: Asked, context: Context) -> Found:
    """Forward mode over reverse mode."""
    first = _gradient_names(asked)
    derived, found = _with_all_names(asked, first)
    again = replace(context, definitions=foldable(asked.program))
    pairs = [(row, column) for row in first for column in asked.wrt]
    parts = [(derived, found)]
    for (row, column), output in zip(pairs, asked.outputs, strict=True):
        parts.append(forward(derived, (row,), column, (output,), again))
    return joined(asked, parts)


def _with_all_names(asked: Asked, names: tuple[str, ...]) -> Found:
    """The gradient's program with every equation of the formula, since any of them may be folded back to."""
    derived, found = reverse(asked.program, asked.wrt, names, Context())
    known = set(asked.program.definitions)
    new = (equation for equation in derived.equations if equation.target not in known)
    return replace(derived, equations=(*asked.program.equations, *new)), found


def _gradient_names(asked: Asked) -> tuple[str, ...]:
    used = asked.used | set(asked.outputs)
    return tuple(fresh_name(f"grad_{name}", used) for name in asked.wrt)


# ---------------------------------------------------------------- products with vectors


def jvp(asked: Asked, context: Context) -> Found:
    """Forward mode along a direction."""
    return along(asked.program, (asked.value,), asked.directions(), asked.outputs, context)


def vjp(asked: Asked, context: Context) -> Found:
    """Reverse mode from a cotangent."""
    weighted = _weighted(asked)
    program, found = reverse(weighted, asked.wrt, asked.outputs, context)
    return program, Derivation(asked.program, found.steps)


def hvp(asked: Asked, context: Context) -> Found:
    """Forward mode along a direction, over reverse mode."""
    first = _gradient_names(asked)
    derived, found = _with_all_names(asked, first)
    again = replace(context, definitions=foldable(asked.program))
    program, then = along(derived, first, asked.directions(), asked.outputs, again)
    return program, Derivation(asked.program, found.steps + then.steps)


def _weighted(asked: Asked) -> Program:
    """The value's entries, each times its cotangent, added up."""
    weights = asked.cotangent()
    shape = asked.program.array(asked.value).shape
    used = asked.used | {weights.name}
    axes = tuple(Index(fresh_name(letter, used), size) for letter, size in zip("ijklmpqr", shape, strict=False))
    name = fresh_name("weighted", used)
    total = Sum(element(weights.name, axes) * element(asked.value, axes), *axes)
    inputs = (*asked.program.inputs, weights)
    return Program(inputs, (*asked.program.equations, Equation(name, (), total, auxiliary=True)), (name,))


def joined(asked: Asked, parts: Sequence[Found]) -> Found:
    """Several derived programs, with their derivations, as one."""
    steps = tuple(step for _, found in parts for step in found.steps)
    return merged([part for part, _ in parts], asked.outputs), Derivation(asked.program, steps)


# ---------------------------------------------------------------- what the results have to be


def _plainly(asked: Asked) -> Reference:
    return Reference(asked.program, tuple((asked.value, name) for name in asked.wrt))


def _of_gradient(asked: Asked) -> Reference:
    first = _gradient_names(asked)
    derived, _ = reverse(asked.program, asked.wrt, first, Context())
    return Reference(derived, tuple((row, column) for row in first for column in asked.wrt))


def _of_weighted(asked: Asked) -> Reference:
    weighted = _weighted(asked)
    return Reference(weighted, tuple((weighted.outputs[0], name) for name in asked.wrt))


def _moved(program: Program, directions: dict[str, Array], outputs: Sequence[str]) -> Reference:
    """The program at `x + t v`; its derivative by t, where t is 0, is its derivative along v."""
    used = {*program.arrays, *(dim.name for dim in program.dims), *(v.name for v in directions.values())}
    time = fresh_name("t", used)
    moved, equations = {}, []
    for name, direction in directions.items():
        axes = tuple(Index(fresh_name("i", used), size) for size in direction.shape)
        moved[name] = fresh_name(f"{name}_moved", used)
        at = element(name, axes) + element(time) * element(direction.name, axes)
        equations.append(Equation(moved[name], axes, at))
    inputs = (*program.inputs, *directions.values(), Array(time))
    changed = tuple(replaced_inputs(equation, moved) for equation in program.equations)
    whole = live(Program(inputs, (*equations, *changed), tuple(outputs)))
    return Reference(whole, tuple((output, time) for output in outputs), (time,))


def _along_value(asked: Asked) -> Reference:
    return _moved(asked.program, asked.directions(), (asked.value,))


def _along_gradient(asked: Asked) -> Reference:
    first = _gradient_names(asked)
    derived, _ = reverse(asked.program, asked.wrt, first, Context())
    return _moved(derived, asked.directions(), first)


# ---------------------------------------------------------------- the table

KINDS: dict[str, Kind] = {
    row.ending: row
    for row in (
        Kind(
            "gradient",
            "grad",
            "grad",
            "closed form of the gradient",
            "∇_{first}",
            r"\nabla_{{{first}}}",
            gradient,
            _plainly,
        ),
        Kind(
            "jacobian",
            "jacobian",
            "jac",
            "closed form of the Jacobian",
            "∂{value}/∂{first}",
            r"\frac{{\partial {value}}}{{\partial {first}}}",
            jacobian,
            _plainly,
        ),
        Kind(
            "hessian",
            "hessian",
            "hess",
            "closed form of the second derivatives",
            "∇²_{first}",
            r"\nabla^2_{{{first}}}",
            hessian,
            _of_gradient,
            blocks=lambda wrt: tuple((a, b) for a in wrt for b in wrt),
            mixed="∂²/∂{first}∂{second}",
            mixed_latex=r"\frac{{\partial^2}}{{\partial {first} \, \partial {second}}}",
        ),
        Kind(
            "jvp",
            "jvp",
            "jvp",
            "derivative of the value along a direction v",
            "D{value}[v]",
            r"\mathrm{{D}} {value}[v]",
            jvp,
            _along_value,
            blocks=lambda wrt: (wrt,),
            claimed=False,
        ),
        Kind(
            "vjp",
            "vjp",
            "vjp",
            "product of a cotangent u with the Jacobian",
            "uᵀ ∂{value}/∂{first}",
            r"u^\top \frac{{\partial {value}}}{{\partial {first}}}",
            vjp,
            _of_weighted,
            claimed=False,
        ),
        Kind(
            "hvp",
            "hvp",
            "hvp",
            "product of the Hessian with a direction v",
            "∇²_{first} v",
            r"\nabla^2_{{{first}}} v",
            hvp,
            _along_gradient,
            claimed=False,
            mixed="(∇² v)_{first}",
            mixed_latex=r"\left(\nabla^2 v\right)_{{{first}}}",
        ),
    )
}
