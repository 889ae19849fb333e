"""Explanations as Markdown with formulas, as GitHub shows them."""

from __future__ import annotations

from derive.explaining.explanation import Block, Explanation
from derive.explaining.latex import display
from derive.notation.writing import PLAIN, Style


def markdown(explanation: Explanation, style: Style = PLAIN) -> str:
    """The whole explanation."""
    parts = [f"# {explanation.title}", explanation.about, "**Given**", _math(explanation.given, explanation, style)]
    parts += [f"**Asked**: {explanation.asked}", "**Derivation**"]
    for block in explanation.blocks:
        parts += [block.heading, _math(block, explanation, style)]
    parts += ["**Result**", _math(explanation.result, explanation, style)]
    if explanation.checks:
        parts += ["**Checked**", "\n".join(f"- {sentence}" for sentence in explanation.checks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _math(block: Block, explanation: Explanation, style: Style) -> str:
    return f"```math\n{display(block, explanation, style)}\n```"
