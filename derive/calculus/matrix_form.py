"""Closed forms with vectors and matrices: which names they mention, and each of them read.

How one equation is read is told in `derive.calculus.matrix_reading`; here it is decided which intermediates are put in
where they are used, and which keep their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, Pow

from derive.calculus.matrix_reading import equation_form
from derive.notation.tree import Name, Tree
from derive.program import Dim, Equation, Program, elements, inlined, live, name_of, walk


@dataclass(frozen=True)
class MatrixForm:
    """The closed form of a name, and the closed forms of the intermediates it mentions."""

    name: str
    tree: Tree
    where: tuple[tuple[str, Tree], ...] = ()


def matrix_forms(program: Program, outputs: Sequence[str], given: frozenset[str]) -> tuple[MatrixForm | None, ...]:
    """The closed form of each output; None for one that has none, or needs an intermediate that has none.

    `given` are the names somebody wrote down; of these only those stay out of sight that are linear and read once, by
    a derivative. Names the engine made are put in where they are read once, and otherwise shown, as a network's deltas.
    """
    short = live(program, tuple(outputs))
    kept = {e.target: e for e in short.equations}
    for name in [e.target for e in short.equations if e.target not in outputs]:
        readers = [e.target for e in kept.values() for ref in elements(e.value) if name_of(ref) == name]
        if len(readers) != 1:
            continue
        reader = kept[readers[0]]
        if name in given and (reader.target in given or not _is_linear(kept[name].value)):
            continue
        merged = Equation(reader.target, reader.indices, inlined(reader.value, {name: kept[name]}))
        if equation_form(merged) is not None or equation_form(reader) is None:
            kept[reader.target] = merged
            del kept[name]
    whole = Program(program.inputs, tuple(kept.values()), tuple(outputs))
    trees = {name: equation_form(equation) for name, equation in kept.items()}
    return tuple(_with_definitions(output, trees, whole) for output in outputs)


def _with_definitions(output: str, trees: Mapping[str, Tree | None], program: Program) -> MatrixForm | None:
    """The form of an output and of everything it mentions."""
    if output not in trees:
        return MatrixForm(output, Name(output))
    lines: list[tuple[str, Tree]] = []
    for equation in live(program, (output,)).equations:
        tree = trees[equation.target]
        if tree is None:
            return None
        lines.append((equation.target, tree))
    return MatrixForm(output, lines[-1][1], tuple(lines[:-1]))


def _is_linear(value: Expr) -> bool:
    """Whether a value is made of sums and products alone, divided by nothing but sizes."""
    return not any(part.is_Function or (isinstance(part, Pow) and not _is_plain_power(part)) for part in walk(value))


def _is_plain_power(power: Pow) -> bool:
    base, exponent = power.args
    return bool(exponent.is_Integer) and (exponent > 0 or isinstance(base, Dim))
