"""Closed forms compared with what a program computes: proved by normal forms, or else by the oracle."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Mul, S

from derive.calculus.kronecker_form import PAIRS, Piece, kronecker_form
from derive.calculus.matrix_form import MatrixForm
from derive.calculus.normal_form import same
from derive.errors import CheckFailed, ShapeError
from derive.notation.tree import Tree
from derive.notation.typing import to_program
from derive.notation.writing import write_text
from derive.program import Array, Equation, Program, fresh_name, inlined, live, names_in, substitute
from derive.verification.equality import worst_error
from derive.verification.oracle import evaluate
from derive.verification.report import DERIVATIVE_TOLERANCE
from derive.verification.sampling import samples

POINTS = 3


def confirmed(form: MatrixForm | None, program: Program) -> MatrixForm | None:
    """A matrix form that says what the index form says.

    Raises:
        CheckFailed: it does not; a wrong closed form is never shown.
    """
    if form is not None and not agrees(form, program):
        text = write_text(form.tree)
        raise CheckFailed(f"the matrix form {text} of {form.name} does not agree with its index form; please report it")
    return form


def proved(form: MatrixForm, program: Program) -> bool:
    """Whether the matrix form, and each definition it mentions, has the normal form of the index form."""
    told, made, definitions = _told(form, program)
    pairs = [*definitions.items(), (form.name, told)]
    return all(_equals(program, name, said, made, frozenset(definitions)) for name, said in pairs)


def agrees(form: MatrixForm, program: Program) -> bool:
    """Whether the matrix form is proved, or has the index form's values at random points in 50 digits."""
    told, made, _ = _told(form, program)
    return proved(form, program) or _same_values(program, told, made)


def compressed(equation: Equation, program: Program) -> tuple[Piece, ...] | None:
    """The Kronecker products an equation with four axes consists of, compared with it.

    Raises:
        CheckFailed: they have other values; a wrong form is never shown.
    """
    pieces = kronecker_form(equation)
    if pieces is None:
        return None
    arrays = [array for name, array in program.arrays.items() if name != equation.target]
    made: list[Equation] = []
    total: Expr = S.Zero
    for piece in pieces:
        values = []
        for tree, pair in zip((piece.scale, piece.left, piece.right), ((), *PAIRS[piece.kind]), strict=True):
            *more, told = to_program(tree, [*arrays, *(Array(e.target, e.shape) for e in made)], "part").equations
            made += more
            values.append(substitute(told.value, {told.indices[k]: equation.indices[at] for k, at in enumerate(pair)}))
        total += Mul(*values)
    if not _same_values(program, Equation(equation.target, equation.indices, total), made):
        raise CheckFailed(
            f"the Kronecker form of {equation.target} does not agree with its index form; please report it"
        )
    return pieces


def proves(program: Program, name: str, claim: str | Tree) -> bool:
    """Whether the closed form `claim` is proved to be what `program` computes under `name`."""
    told, made = _claimed(program, name, claim)
    mentioned = names_in(told.value) & program.definitions.keys()
    return _equals(program, name, told, made, mentioned) or _equals(program, name, told, made, frozenset())


def supports(program: Program, name: str, claim: str | Tree) -> bool:
    """Whether the closed form `claim` has the values that `program` computes under `name`, at random points."""
    told, made = _claimed(program, name, claim)
    return _same_values(program, Equation(name, told.indices, told.value), made)


def _claimed(program: Program, name: str, claim: str | Tree) -> tuple[Equation, list[Equation]]:
    arrays = [array for other, array in program.arrays.items() if other != name]
    missing = [a for a in program.inputs if a not in arrays]
    *made, told = to_program(claim, [*arrays, *missing], name, program.array(name).shape).equations
    return told, made


def _told(form: MatrixForm, program: Program) -> tuple[Equation, list[Equation], dict[str, Equation]]:
    """What a matrix form says, as equations."""
    arrays = [array for name, array in program.arrays.items() if name != form.name]
    free = fresh_name("closed_form", set(program.arrays))
    definitions = {n: to_program(t, arrays, free).equations[-1] for n, t in form.where}
    *made, told = to_program(form.tree, arrays, form.name).equations
    return told, made, definitions


def _same_values(program: Program, told: Equation, made: Sequence[Equation]) -> bool:
    name = fresh_name("told", set(program.arrays))
    again = Equation(name, told.indices, told.value)
    both = live(Program(program.inputs, (*program.equations, *made, again), (told.target, name)))
    for point in samples(both, POINTS):
        values = evaluate(both, point.inputs)
        if worst_error(values[name], values[told.target], told.target) > DERIVATIVE_TOLERANCE:
            return False
    return True


def _equals(program: Program, name: str, told: Equation, made: Sequence[Equation], kept: frozenset[str]) -> bool:
    """Whether `told` has the normal form of the equation of `name`, all intermediates but those `kept` put in."""
    own = program.definitions[name]
    if told.shape != own.shape:
        raise ShapeError(f"{name} has the shape {own.shape}, but {told.value} has {told.shape}")
    left = substitute(told.value, dict(zip(told.indices, own.indices, strict=True)))
    right = own.value
    for other in reversed(made):
        left = inlined(left, {other.target: other})
    for other in reversed(program.equations):
        if other.target not in {name, *kept}:
            left, right = inlined(left, {other.target: other}), inlined(right, {other.target: other})
    named = {e.target: e for e in (*program.equations, *made) if e.target != name}
    return left == right or same(left, right, program.arrays, named)
