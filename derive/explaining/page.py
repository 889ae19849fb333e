"""Explanations as a page that stands alone: MathML, no script but for copying, nothing fetched from anywhere.

The page follows the reader's light or dark theme and fits a telephone. Each chain of equalities shows the lines a
textbook would, and unfolds to every rule that was applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape

from derive.explaining import latex as latex_writer
from derive.explaining.explanation import Block, Explanation
from derive.explaining.reasons import joined
from derive.notation.mathml import mathml
from derive.notation.writing import PLAIN, Style

STYLE = """
.derive{--ink:#1c2430;--soft:#5b6675;--line:#d9dee6;--ground:#fff;--panel:#f6f8fa;--mark:#fff1b8;--link:#1d4ed8;
color:var(--ink);background:var(--ground);font:16px/1.55 system-ui,sans-serif}
@media (prefers-color-scheme:dark){.derive{--ink:#e6e9ee;--soft:#9aa5b4;--line:#313a47;--ground:#12161d;--panel:#1a202a;
--mark:#5a4a12;--link:#8ab4ff}}
.derive h1{font-size:1.5rem;line-height:1.25;margin:0 0 .3rem}
.derive h2{font-size:1rem;margin:1.8rem 0 .5rem;color:var(--soft);font-weight:600}
.derive p{margin:.3rem 0}
.derive .soft{color:var(--soft)}
.derive .scroll{overflow-x:auto;overflow-y:hidden}
.derive table{border-collapse:collapse}
.derive td{padding:.28rem .4rem;vertical-align:baseline}
.derive td.left{text-align:right;white-space:nowrap}
.derive td.sign{padding-inline:0}
.derive td.right{white-space:nowrap}
.derive td.why{color:var(--soft);font-size:.875rem;padding-left:1.6rem;min-width:11rem}
.derive math{font-size:1.08em}
.derive .changed{background:var(--mark);border-radius:3px}
.derive .bold{font-weight:bold}
.derive .result{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
.derive details{margin:.35rem 0 1.1rem}
.derive summary{cursor:pointer;color:var(--link);font-size:.875rem}
.derive pre{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.8rem;overflow-x:auto;
font:13px/1.45 ui-monospace,monospace}
.derive button{font:inherit;font-size:.875rem;color:var(--link);background:none;border:1px solid var(--line);
border-radius:6px;padding:.25rem .7rem;cursor:pointer}
.derive svg{max-width:min(100%,40rem);height:auto}
"""
WHOLE = "html,body{margin:0}body.derive{min-height:100vh}main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}"
NARROW = (
    "@media (max-width:40rem){.derive td.why{display:block;padding:0 .4rem .5rem 1.6rem}"
    ".derive tr{display:block}.derive td{display:inline-block}}"
)
COPY = (
    "document.getElementById('copy').onclick=e=>navigator.clipboard.writeText("
    "document.getElementById('latex').textContent).then(()=>e.target.textContent='copied')"
)


def page(
    explanation: Explanation,
    full: Explanation | None,
    codes: Mapping[str, str],
    picture: str = "",
    style: Style = PLAIN,
) -> str:
    """A whole document; `full` is the same derivation in every rule, `codes` are sources by backend."""
    whole = latex_writer.chains(explanation, style)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(explanation.title)}</title>",
        f"<style>{STYLE}{WHOLE}{NARROW}</style></head>",
        '<body class="derive"><main>',
        _body(explanation, full, style),
    ]
    if picture:
        parts += ["<h2>Picture</h2>", picture]
    if codes:
        parts.append("<h2>Code</h2>")
        for name, source in codes.items():
            parts.append(f"<details><summary>{escape(name)}</summary><pre>{escape(source)}</pre></details>")
    parts += [
        '<p><button id="copy" type="button">copy LaTeX</button></p>',
        f'<details><summary>LaTeX</summary><pre id="latex">{escape(whole)}</pre></details>',
        f"</main><script>{COPY}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def fragment(explanation: Explanation) -> str:
    """The explanation for a notebook's cell."""
    return f'<style>{STYLE}</style><div class="derive">{_body(explanation, None, PLAIN)}</div>'


def _body(explanation: Explanation, full: Explanation | None, style: Style) -> str:
    style = replace(style, marked=True)
    parts = [f"<h1>{escape(explanation.title)}</h1>"]
    if explanation.about:
        parts.append(f'<p class="soft">{escape(explanation.about)}</p>')
    parts += ["<h2>Given</h2>", _table(explanation.given, explanation, style)]
    parts += [f"<h2>Asked: {escape(explanation.asked)}</h2>"]
    unfolded = full.blocks if full is not None and len(full.blocks) == len(explanation.blocks) else ()
    for at, block in enumerate(explanation.blocks):
        if block.heading:
            parts.append(f"<h2>{escape(block.heading)}</h2>")
        parts.append(_table(block, explanation, style))
        if unfolded and full is not None and len(unfolded[at].lines) > len(block.lines):
            parts.append(
                f"<details><summary>every rule, {len(unfolded[at].lines)} lines</summary>"
                f"{_table(unfolded[at], full, style)}</details>"
            )
    parts += ["<h2>Result</h2>", f'<div class="result">{_table(explanation.result, explanation, style)}</div>']
    if explanation.checks:
        parts.append("<h2>Checked</h2>")
        parts += [f"<p>{escape(sentence)}</p>" for sentence in explanation.checks]
    if explanation.source:
        parts.append(f'<p class="soft">{escape(explanation.source)}</p>')
    return "\n".join(parts)


def _table(block: Block, explanation: Explanation, style: Style) -> str:
    rows = []
    for line in block.lines:
        left, right = latex_writer.sides(line, explanation, style)
        left_cell, right_cell = (mathml(side, large=True) if side else "" for side in (left, right))
        why = escape(joined(line.reasons))
        rows.append(
            f'<tr><td class="left">{left_cell}</td><td class="sign">=</td><td class="right">{right_cell}</td>'
            f'<td class="why">{why}</td></tr>'
        )
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'
