"""Values that were understood, written again: with matrices where they have such a form, else by indices."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, expand

from derive.calculus.matrix_reading import collected, equation_form
from derive.calculus.rewriting import Context
from derive.calculus.simplification import simplified
from derive.errors import DeriveError
from derive.handwriting.comparison import Comparison
from derive.handwriting.meaning import Meaning
from derive.notation.index_form import from_index, on_paper
from derive.notation.tree import Name, Tree, replaced
from derive.notation.typing import Typed
from derive.notation.writing import write_latex, write_unicode
from derive.program import (
    LETTERS,
    Equation,
    Index,
    Reduction,
    bound_indices,
    children,
    element,
    free_indices,
    is_element,
    name_of,
    positions_of,
    rebuilt,
    symbol_names,
)

SHORT = 60  # signs: a longer difference says nothing


def in_normal_notation(typed: Typed, meaning: Meaning) -> str:
    """What was understood, as a line of Unicode; empty where there is no notation for it."""
    form = _matrix_form(typed, meaning)
    if form is not None:
        return write_unicode(form, _ranks(meaning))
    try:
        return write_unicode(from_index(_tidied(typed.value, typed.axes)))
    except DeriveError:
        return ""


def in_latex(typed: Typed, meaning: Meaning) -> str:
    """A value as LaTeX; empty where there is no notation for it."""
    form = _matrix_form(typed, meaning)
    if form is not None:
        return write_latex(form, _ranks(meaning))
    context = Context(arrays=meaning.setting.arrays)
    try:
        return write_latex(on_paper(_tidied(simplified(typed.value, context), typed.axes)))
    except DeriveError:
        return ""


def excess(left: Typed, right: Typed, meaning: Meaning) -> str:
    """What the right side has too much, where that is short."""
    try:
        difference = expand(-Comparison(meaning).difference(left, right).value)
        text = write_unicode(from_index(_tidied(difference, left.axes)))
    except DeriveError:
        return ""
    return text if len(text) <= SHORT else ""


def _ranks(meaning: Meaning) -> dict[str, int]:
    return {name: len(array.shape) for name, array in meaning.arrays.items()}


def _matrix_form(typed: Typed, meaning: Meaning) -> Tree | None:
    """The closed form of an array; None for numbers, and where there is none."""
    if not typed.axes or free_indices(typed.value) - set(typed.axes):
        return None
    context = Context(arrays=meaning.setting.arrays)
    try:
        form = equation_form(Equation("value", typed.axes, simplified(typed.value, context)))
        return None if form is None else _with_matrices(replaced(form, collected), meaning)
    except (DeriveError, RecursionError):
        return None


def _with_matrices(form: Tree, meaning: Meaning) -> Tree:
    """A form in which matrices that only got a name because a function is taken of them stand as they are written."""

    def change(tree: Tree) -> Tree:
        made = meaning.setting.definitions.get(tree.name) if isinstance(tree, Name) else None
        if made is None or not made.auxiliary:
            return tree
        return _matrix_form(Typed(made.value, made.indices), meaning) or tree

    return replaced(form, change)


def _tidied(value: Expr, axes: Sequence[Index] = ()) -> Expr:
    """A value whose axes and bound indices have the letters people use."""
    ours = {*bound_indices(value), *axes}
    taken = {n for n in symbol_names(value) if not any(i.name == n for i in ours)}
    taken |= {s.name for index in ours for s in index.size.free_symbols}
    letters = (letter for letter in LETTERS if letter not in taken)
    renaming: dict[Expr, Expr] = {}
    for index in dict.fromkeys((*axes, *bound_indices(value))):
        letter = next(letters, None)
        if letter is None:
            return value
        renaming[index] = Index(letter, index.size)
    return _renamed(value, renaming)


def _renamed(value: Expr, renaming: dict[Expr, Expr]) -> Expr:
    """Every index under its new letter, bound ones too; the letters are new, so that nothing is captured."""
    if isinstance(value, Index):
        return renaming.get(value, value)
    if is_element(value):
        return element(name_of(value), tuple(_renamed(p, renaming) for p in positions_of(value)))
    if not value.args:
        return value
    if isinstance(value, Reduction):
        body = _renamed(value.body, renaming)
        return type(value)(body, *(_renamed(index, renaming) for index in value.indices))
    return rebuilt(value, tuple(_renamed(part, renaming) for part in children(value)))
