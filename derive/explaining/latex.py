"""Explanations as LaTeX: displays that compile with `amsmath`, in KaTeX and in MathJax."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from derive.explaining.explanation import Block, Explanation, Label, Line, Written
from derive.explaining.reasons import in_latex, joined
from derive.notation.writing import PLAIN, Style, write_latex


def aligned(lines: Iterable[str]) -> str:
    """Lines of LaTeX, aligned at their first `&`."""
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def chains(explanation: Explanation, style: Style = PLAIN) -> str:
    """The chains of equalities and the result, as one display."""
    lines = [text for block in explanation.blocks for text in block_lines(block, explanation, style)]
    return aligned(lines)


def display(block: Block, explanation: Explanation, style: Style = PLAIN) -> str:
    """One block as a display."""
    return aligned(block_lines(block, explanation, style))


def block_lines(block: Block, explanation: Explanation, style: Style) -> Iterator[str]:
    """The lines of a block: left side, right side, reason."""
    for line in block.lines:
        left, right = sides(line, explanation, style)
        reason = in_latex(joined(line.reasons))
        yield f"{left} &= {right}" + (rf" && \text{{{reason}}}" if reason else "")


def sides(line: Line, explanation: Explanation, style: Style = PLAIN) -> tuple[str, str]:
    """Both sides of an equality."""

    def write(side: Written) -> str:
        return write_latex(side.paper, explanation.ranks, style)

    left = line.left.paper if isinstance(line.left, Label) else write(line.left) if line.left else ""
    return left, write(line.right)


def document(explanation: Explanation, style: Style = PLAIN) -> str:
    """A whole document with everything an explanation says."""
    parts = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb}",
        r"\allowdisplaybreaks",
        r"\begin{document}",
        rf"\section*{{{in_latex(explanation.title)}}}",
        in_latex(explanation.about),
        r"\paragraph{Given}",
        display(explanation.given, explanation, style),
        rf"\paragraph{{Asked}} {in_latex(explanation.asked)}.",
        r"\paragraph{Derivation}",
    ]
    for block in explanation.blocks:
        parts += [in_latex(block.heading), display(block, explanation, style)]
    parts += [r"\paragraph{Result}", display(explanation.result, explanation, style)]
    if explanation.checks:
        parts.append(rf"\paragraph{{Checked}} {in_latex('; '.join(explanation.checks))}.")
    parts.append(r"\end{document}")
    return "\n".join(part for part in parts if part) + "\n"
