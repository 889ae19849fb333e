"""A formula with numbers put in: each equation as a line of arithmetic, and what it comes to.

Sums over few positions are written out; arrays are told by their values. What a line comes to is worked out by the
oracle, so that a worked example cannot disagree with the formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Add, Expr, Float, Integer, Mul

from derive.derivative import Derivative
from derive.formulas import Example, Formula
from derive.notation.index_form import from_index
from derive.notation.tree import Name, Number, Subscript, Tree, Unary, replaced
from derive.notation.values import told
from derive.notation.writing import printed_name, write_unicode
from derive.program import (
    Dim,
    Equation,
    Product,
    Program,
    Reduction,
    Sum,
    children,
    is_element,
    rebuilt,
    substitute,
)
from derive.verification.oracle import evaluate, sizes_of

FEW_TERMS = 4
LONGEST = 100


def worked_lines(formula: Formula, example: Example) -> list[str]:
    """The lines of one example: what is given, every equation in numbers, and the slopes that are known."""
    names = [array.name for array in formula.program.inputs]
    inputs = {name: numbers(value) for name, value in zip(names, example.inputs, strict=True)}
    given = ", ".join(f"{printed_name(name)} = {told(inputs[name])}" for name in names)
    lines = [given]
    if example.value is not None:
        lines += _in_numbers(formula.program, inputs, [e.target for e in formula.program.equations])
    for name, _ in example.slopes:
        derivative = Derivative(formula, "grad", (name,))
        (line,) = _in_numbers(derivative.program, inputs, derivative.outputs)
        lines.append(
            line.replace(
                printed_name(derivative.outputs[0]), f"∂{printed_name(formula.value)}/∂{printed_name(name)}", 1
            )
        )
    return lines


def numbers(value: Any) -> NDArray[np.float64]:
    """A number or nested lists of numbers, SymPy's too, as an array."""
    return np.array(np.vectorize(float)(np.array(value, dtype=object)), dtype=np.float64)


def _in_numbers(program: Program, inputs: Mapping[str, NDArray[Any]], wanted: Sequence[str]) -> list[str]:
    """`name = arithmetic = value` for each name wanted; without the arithmetic where it says nothing or is long."""
    values = evaluate(program, inputs, digits=None)
    sizes: dict[Expr, Expr] = {Dim(dim.name): Integer(size) for dim, size in sizes_of(program, inputs).items()}
    lines = []
    for name in wanted:
        equation = program.definitions[name]
        arithmetic = None if equation.indices else _arithmetic(equation, values, sizes)
        last = told(values[name])
        middle = f" = {arithmetic}" if arithmetic not in (None, last) else ""
        lines.append(f"{printed_name(name)}{middle} = {last}")
    return lines


def _arithmetic(equation: Equation, values: Mapping[str, NDArray[Any]], sizes: Mapping[Expr, Expr]) -> str | None:
    """The right-hand side with numbers for names; None where sums are too long to write out."""
    opened = _opened(equation.value, sizes)
    if opened is None:
        return None
    text = write_unicode(replaced(from_index(substitute(opened, dict(sizes))), lambda node: _number_at(node, values)))
    return text if len(text) <= LONGEST else None


def _opened(value: Expr, sizes: Mapping[Expr, Expr]) -> Expr | None:
    """`value` with sums and products over few positions written out."""
    if is_element(value) or not value.args:
        return value
    if isinstance(value, Reduction):
        index, *others = value.indices
        size = substitute(index.size, dict(sizes))
        if type(value) not in (Sum, Product) or not size.is_Integer or not 0 < size <= FEW_TERMS:
            return None
        body = type(value)(value.body, *others)
        terms = [_opened(substitute(body, {index: Integer(k)}), sizes) for k in range(int(size))]
        if None in terms:
            return None
        return (Add if isinstance(value, Sum) else Mul)(*terms)
    parts = [_opened(part, sizes) for part in children(value)]
    return None if None in parts else rebuilt(value, tuple(part for part in parts if part is not None))


def _number_at(node: Tree, values: Mapping[str, NDArray[Any]]) -> Tree:
    """A name or an element as the number it is."""
    if isinstance(node, Name) and node.name in values:
        found = values[node.name]
    elif isinstance(node, Subscript):
        at = [int(position.value) for position in node.positions if isinstance(position, Number)]
        if len(at) < len(node.positions):
            return node
        found = values[node.name][tuple(at)]
    else:
        return node
    number = float(found)
    size = Number(Integer(round(abs(number))) if number == round(number) else Float(abs(number)))
    return Unary("-", size) if number < 0 else size
