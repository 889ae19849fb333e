"""A formula of one sample, made one of many: named inputs get a first axis, and so does what depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Expr

from derive.errors import DeriveError, ShapeError, nearest
from derive.program import (
    LETTERS,
    Array,
    Dim,
    Entry,
    Equation,
    Index,
    Program,
    Sum,
    check,
    children,
    element,
    fresh_name,
    is_element,
    name_of,
    names_in,
    rebuilt,
    symbol_names,
)

REDUCTIONS = ("mean", "sum", "none")


def batched(program: Program, over: Sequence[str], dim: str, reduce: str) -> Program:
    """`program` for `dim` samples of the inputs `over`, its value averaged, added up, or kept for each sample.

    Raises:
        DeriveError: a name in `over` is no input, the name of the size is taken, or `reduce` is unknown.
        ShapeError: a function of a whole matrix would have to be taken of each sample's matrix.
    """
    names = [array.name for array in program.inputs]
    for name in over:
        if name not in names:
            raise DeriveError(f"{name!r} is not an input{nearest(name, names)}; they are {', '.join(names)}")
    if reduce not in REDUCTIONS:
        raise DeriveError(f"reduce is one of {', '.join(REDUCTIONS)}, not {reduce!r}{nearest(reduce, REDUCTIONS)}")
    used = {*program.arrays, *(d.name for d in program.dims)}
    if dim in used:
        raise DeriveError(f"{dim!r} is taken; give the number of samples another name")
    for equation in program.equations:
        used |= symbol_names(equation.value) | {index.name for index in equation.indices}
    used.add(dim)
    letter = fresh_name(next((x for x in LETTERS if x not in used), "s"), used)
    sample = Index(letter, Dim(dim))
    many = set(over)
    equations: list[Equation] = []
    for equation in program.equations:
        if many.isdisjoint(names_in(equation.value)):
            equations.append(equation)
            continue
        value = _sampled(equation.value, many, sample)
        many.add(equation.target)
        equations.append(replace(equation, indices=(sample, *equation.indices), value=value))
    inputs = tuple(_longer(array, sample) if array.name in over else array for array in program.inputs)
    value = program.outputs[-1]
    if reduce == "none" or value not in many:
        return check(Program(inputs, tuple(equations), (value,)))
    axes = equations[-1].indices[1:] if equations[-1].target == value else ()
    total: Expr = Sum(element(value, (sample, *axes)), sample)
    whole = Equation(fresh_name(f"{reduce}_{value}", used), axes, total / sample.size if reduce == "mean" else total)
    return check(Program(inputs, (*equations, whole), (whole.target,)))


def _longer(array: Array, sample: Index) -> Array:
    return replace(array, shape=(sample.size, *array.shape))


def _sampled(value: Expr, many: set[str], sample: Index) -> Expr:
    """`value` at one sample: what there are many of is read at its position."""
    if isinstance(value, Entry) and not many.isdisjoint(value.arrays):
        raise ShapeError(f"{value.function} of each sample's matrix cannot be batched; batch what comes after it")
    parts = tuple(_sampled(part, many, sample) for part in children(value))
    if is_element(value):
        return element(name_of(value), (sample, *parts) if name_of(value) in many else parts)
    return rebuilt(value, parts) if value.args else value
