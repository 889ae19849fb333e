"""A derivation in every kind of file: text, LaTeX, Markdown, HTML, JSON, and PDF where TeX is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from derive.derivative import Derivative
from derive.errors import BackendUnavailable, DomainError
from derive.explaining import latex, markdown, text
from derive.explaining.explanation import Block, Explanation, Label, Line, Written
from derive.notation.writing import PLAIN, Style, write_text, write_unicode

ENDINGS = {".txt": "text", ".md": "markdown", ".tex": "document", ".html": "html", ".htm": "html", ".json": "json"}
SECONDS = 120


@dataclass(frozen=True)
class How:
    """How a derivation is told: how much of it, by which route, in whose notation."""

    detail: str = "normal"
    via: str = "index"
    style: Style = PLAIN
    from_one: bool = False


def written(of: Derivative, kind: str, how: How, faint: Callable[[str], str] = str) -> str:
    """The derivation as a text of one kind: "terminal", "text", "latex", "document", "markdown", "html" or "json"."""
    if kind == "html":
        return of.html(how.detail, how.via, how.style)
    if kind == "json":
        return json.dumps(document(of, how), ensure_ascii=False, indent=2) + "\n"
    explanation = of.explain(how.detail, how.via)
    if kind == "latex":
        return latex.chains(explanation, how.style) + "\n"
    if kind == "document":
        return latex.document(explanation, how.style)
    if kind == "markdown":
        return markdown.markdown(explanation, how.style)
    style = replace(how.style, marked=kind == "terminal")
    return text.text(explanation, style, how.from_one, faint) + "\n"


def save(of: Derivative, path: Path, how: How) -> None:
    """Write a file of the kind that its ending names.

    Raises:
        DomainError: the ending names no kind of file.
        BackendUnavailable: a PDF is asked for, and no TeX is installed.
    """
    if path.suffix == ".pdf":
        _save_pdf(written(of, "document", how), path)
        return
    if path.suffix not in ENDINGS:
        known = ", ".join([*ENDINGS, ".pdf"])
        raise DomainError(f"{path.name}: a derivation is written as {known}, not as {path.suffix or 'nothing'}")
    path.write_text(written(of, ENDINGS[path.suffix], how), encoding="utf-8")


def _save_pdf(source: str, path: Path) -> None:
    """Run the TeX that is there in a folder of its own."""
    program = next((p for p in ("tectonic", "pdflatex") if shutil.which(p)), None)
    if program is None:
        raise BackendUnavailable(
            f"{path.name}: a PDF needs tectonic or pdflatex; install one of them, or write .tex or .html instead"
        )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "derivation.tex").write_text(source, encoding="utf-8")
        flags = ["-interaction=nonstopmode", "-halt-on-error"] if program == "pdflatex" else []
        ran = subprocess.run(
            [program, *flags, "derivation.tex"],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        made = Path(folder) / "derivation.pdf"
        if ran.returncode or not made.exists():
            said = next((line for line in ran.stdout.splitlines() if line.startswith("!")), "no reason given")
            raise BackendUnavailable(f"{path.name}: {program} failed: {said}")
        shutil.copyfile(made, path)


def document(of: Derivative, how: How) -> dict[str, Any]:
    """The explanation as plain values: every line in text notation, Unicode and LaTeX, with its reasons."""
    told = of.explain(how.detail, how.via)
    return {
        "title": told.title,
        "asked": told.asked,
        "given": _block(told.given, told, how.style)["lines"],
        "blocks": [_block(block, told, how.style) for block in told.blocks],
        "result": _block(told.result, told, how.style)["lines"],
        "checks": list(told.checks),
        "source": told.source,
    }


def _block(block: Block, told: Explanation, style: Style) -> dict[str, Any]:
    return {"heading": block.heading, "lines": [_line(line, told, style) for line in block.lines]}


def _line(line: Line, told: Explanation, style: Style) -> dict[str, Any]:
    left, right = latex.sides(line, told, style)
    plain = line.left.plain if isinstance(line.left, Label) else _unicode(line.left, told, style) if line.left else ""
    return {
        "left": plain,
        "right": _unicode(line.right, told, style),
        "text": write_text(line.right.plain),
        "latex": f"{left} = {right}",
        "reasons": list(line.reasons),
    }


def _unicode(side: Written, told: Explanation, style: Style) -> str:
    return write_unicode(side.plain, told.ranks, style)
