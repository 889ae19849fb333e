"""Explanations as plain text: a column of equalities, and the reasons beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from derive.explaining.explanation import Block, Explanation, Label, Line, Written
from derive.explaining.reasons import joined
from derive.notation.writing import PLAIN, Style, write_unicode

WIDE = 64
WIDEST = 140
Paint = Callable[[str], str]


def chains(explanation: Explanation, style: Style = PLAIN) -> str:
    """The chains of equalities alone."""
    return "\n".join("\n".join(_block(block, explanation, style, False, str)) for block in explanation.blocks)


def text(explanation: Explanation, style: Style = PLAIN, from_one: bool = False, faint: Paint = str) -> str:
    """The whole explanation; `faint` paints the reasons."""
    lines = [explanation.title]
    if explanation.about:
        lines.append(f"  {explanation.about}")
    for block in explanation.every_block():
        if block is explanation.result:
            lines += ["", "so"]
        elif block is explanation.given:
            lines += ["", "given"]
        else:
            lines += ["", *([block.heading] if block.heading else [])]
        lines += [f"  {line}" for line in _block(block, explanation, style, from_one, faint)]
        if block is explanation.given:
            lines += ["", f"asked: {explanation.asked}"]
    if explanation.checks:
        lines += ["", "checked", *(f"  {sentence}" for sentence in explanation.checks)]
    return "\n".join(lines)


def _block(block: Block, explanation: Explanation, style: Style, from_one: bool, faint: Paint) -> Iterator[str]:
    rows = [_row(line, explanation, style, from_one) for line in block.lines]
    indent = max((len(left) for left, _, _ in rows if left), default=0) if len(rows) == 1 else 0
    short = [left for left, _, _ in rows if 0 < len(left) <= 16]
    indent = max(indent, max(map(len, short), default=0))
    formulas = [f"{left.rjust(indent)} = {right}" for left, right, _ in rows]
    column = max((_width(formula) for formula in formulas if _width(formula) <= WIDE), default=0)
    for formula, (_, _, reason) in zip(formulas, rows, strict=True):
        if not reason:
            yield formula
        elif _width(formula) <= WIDE and column + 3 + len(reason) <= WIDEST:
            yield f"{formula}{' ' * (column - _width(formula) + 3)}{faint(reason)}"
        else:
            yield formula
            yield f"{' ' * (indent + 3)}{faint(reason)}"


def _row(line: Line, explanation: Explanation, style: Style, from_one: bool) -> tuple[str, str, str]:
    def write(side: Written) -> str:
        return write_unicode(side.paper if from_one else side.plain, explanation.ranks, style)

    left = line.left.plain if isinstance(line.left, Label) else write(line.left) if line.left else ""
    return left, write(line.right), joined(line.reasons)


def _width(text_: str) -> int:
    """How many columns a text takes; marks and accents that combine take none."""
    return sum(not ("\ue000" <= c <= "\ue001" or "\u0300" <= c <= "\u036f") for c in text_)
