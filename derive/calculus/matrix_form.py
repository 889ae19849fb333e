"""Closed forms with vectors and matrices: which names they mention, and each of them read.

How one equation is read is told in `derive.calculus.matrix_reading`; here it is decided which intermediates are put in
where they are used, and which keep their names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, Pow

from derive.array_functions import ARRAY_FUNCTIONS
from derive.calculus.matrix_reading import collected, equation_form, transposed
from derive.calculus.matrix_rules import symmetric
from derive.calculus.rewriting import Context
from derive.notation.tree import Binary, Call, Name, Transpose, Tree, replaced
from derive.program import Dim, Equation, Program, elements, inlined, live, name_of, walk, whole_arrays


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
    functional = {name for e in short.equations for name in whole_arrays(e.value)}
    for name in [e.target for e in short.equations if e.target not in {*outputs, *functional}]:
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
    read = {name: equation_form(equation) for name, equation in kept.items()}
    trees = _settled(read, program)
    return tuple(_with_definitions(output, trees, whole) for output in outputs)


def _settled(read: Mapping[str, Tree | None], program: Program) -> dict[str, Tree | None]:
    """The forms as they are shown: symmetric matrices without transposes, auxiliary names put in, plain brackets."""
    named = frozenset(array.name for array in program.inputs)
    context = Context(arrays=program.arrays, definitions=program.equations, constraints=named)
    taken = {name for equation in program.equations for name in whole_arrays(equation.value)}
    square = {a.name for a in program.arrays.values() if len(a.shape) == 2 and (a.domain.symmetric or a.name in taken)}
    even = {name for name in square if symmetric(name, context)}
    trees: dict[str, Tree | None] = {}
    auxiliary: dict[str, Tree] = {}
    for equation in program.equations:
        tree = read.get(equation.target)
        if tree is not None:
            tree = replaced(tree, lambda node: _without_transpose(node, even))
            tree = replaced(tree, lambda node: auxiliary.get(node.name, node) if isinstance(node, Name) else node)
            tree = replaced(replaced(tree, _plain_product), lambda node: _without_transpose(node, even))
            tree = replaced(tree, collected)
            if equation.auxiliary:
                auxiliary[equation.target] = tree
        if equation.target in read:
            trees[equation.target] = tree
    return trees


def _without_transpose(tree: Tree, even: Collection[str]) -> Tree:
    inner = tree.arg if isinstance(tree, Transpose) else None
    if isinstance(inner, Name) and inner.name in even:
        return inner
    row = ARRAY_FUNCTIONS.get(inner.function) if isinstance(inner, Call) else None
    if row is not None and row.symmetric and isinstance(inner, Call):
        matrix = inner.args[0]
        return inner if isinstance(matrix, Name) and matrix.name in even else tree
    return tree


def _plain_product(tree: Tree) -> Tree:
    """A product read from left to right; an outer product of products with the two vectors side by side."""
    if isinstance(tree, Binary) and tree.op == "@" and isinstance(tree.right, Binary) and tree.right.op == "@":
        return Binary("@", _plain_product(Binary("@", tree.left, tree.right.left)), tree.right.right)
    if isinstance(tree, Call) and tree.function == "outer":
        left, right = tree.args
        if isinstance(left, Binary) and left.op == "@":
            return _plain_product(Binary("@", left.left, _plain_product(Call("outer", (left.right, right)))))
        if isinstance(right, Binary) and right.op == "@":
            return Binary("@", _plain_product(Call("outer", (left, right.right))), transposed(right.left))
    return tree


def _with_definitions(output: str, trees: Mapping[str, Tree | None], program: Program) -> MatrixForm | None:
    """The form of an output and of everything it mentions."""
    if output not in trees:
        return MatrixForm(output, Name(output))
    lines: list[tuple[str, Tree]] = []
    for equation in live(program, (output,)).equations:
        tree = trees[equation.target]
        if tree is None:
            return None
        if equation.auxiliary and equation.target != output:
            continue
        lines.append((equation.target, tree))
    return MatrixForm(output, lines[-1][1], tuple(lines[:-1]))


def _is_linear(value: Expr) -> bool:
    """Whether a value is made of sums and products alone, divided by nothing but sizes."""
    return not any(part.is_Function or (isinstance(part, Pow) and not _is_plain_power(part)) for part in walk(value))


def _is_plain_power(power: Pow) -> bool:
    base, exponent = power.args
    return bool(exponent.is_Integer) and (exponent > 0 or isinstance(base, Dim))
