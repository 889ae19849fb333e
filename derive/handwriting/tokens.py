"""LaTeX as tokens, each with its place; what only sets type is dropped, what is too long is refused at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from derive.errors import ParseError
from derive.notation.signs import GREEK

MAX_LENGTH = 100_000
MAX_TOKENS = 20_000
MAX_DEPTH = 80
MAX_DIGITS = 100

BAR = r"\right|"  # the bar at the end of a value, before what is put in or held fixed
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
INVISIBLE = {
    r"\left", r"\right", r"\big", r"\Big", r"\bigg", r"\Bigg", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr", r"\biggl",
    r"\biggr", r"\Biggl", r"\Biggr", r"\middle", r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad",
    r"\displaystyle", r"\textstyle", r"\limits", r"\nolimits", r"\nonumber", r"\notag", "~", r"\allowbreak",
    r"\thinspace",
}  # fmt: skip
BARS = {r"\big", r"\Big", r"\bigg", r"\Bigg", r"\bigr", r"\Bigr", r"\biggr", r"\Biggr"}
LOOKALIKES = {sign: f"\\{name}" for name, sign in GREEK.items()} | {
    "−": "-", "–": "-", "·": r"\cdot", "×": r"\times", "∇": r"\nabla", "∂": r"\partial", "Σ": r"\sum", "∑": r"\sum",
    "∏": r"\prod", "≈": r"\approx", "≤": r"\le", "≥": r"\ge", "⊙": r"\odot", "∘": r"\circ", "⇒": r"\implies",
    "ᵀ": "", "′": "'", "ε": r"\epsilon",
}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A piece of LaTeX and where it begins."""

    text: str
    at: int


def tokens(latex: str) -> list[Token]:
    """The tokens of a text.

    Raises:
        ParseError: the text is too long, too deeply nested, has unbalanced braces, or signs that are no mathematics.
    """
    if len(latex) > MAX_LENGTH:
        raise ParseError(f"the text has {len(latex)} characters; at most {MAX_LENGTH} are read")
    found: list[Token] = []
    depth, opened = 0, []
    sized, sized_at = "", 0  # the command before a bracket that says how large it is
    lefts: list[str] = []
    for match in TOKEN.finditer(latex):
        text, at = match[0], match.start()
        if text.isspace():
            continue
        if text in INVISIBLE:
            sized, sized_at = text, at
            continue
        sized, size = "", sized
        if size == r"\left":
            at = sized_at
            lefts.append(text)
            if text == ".":
                text = r"\left."
        elif size == r"\right":
            opening = lefts.pop() if lefts else ""
            if text == ".":
                continue
            if text == "|" and opening == ".":
                text = BAR
        elif text == "|" and size in BARS and latex[match.end() :].lstrip()[:1] == "_":
            text = BAR
        if text == "%":
            raise ParseError("a percent sign starts a comment in LaTeX; write \\%", latex, at)
        text = LOOKALIKES.get(text, text)
        if not text:
            raise ParseError(f"{match[0]!r} is not LaTeX; write ^\\top", latex, at)
        if len(text) == 1 and not text.isascii():
            raise ParseError(f"{text!r} is not a sign of LaTeX", latex, at)
        if text[0].isdigit() and len(text) > MAX_DIGITS:
            raise ParseError(f"numbers have at most {MAX_DIGITS} digits", latex, at)
        if not text.isprintable():
            raise ParseError("this is not text", latex, at)
        if text == "{":
            depth += 1
            opened.append(at)
            if depth > MAX_DEPTH:
                raise ParseError(f"braces are nested more than {MAX_DEPTH} deep", latex, at)
        elif text == "}":
            if not opened:
                raise ParseError("this brace closes nothing", latex, at)
            depth -= 1
            opened.pop()
        found.append(Token(text, at))
        if len(found) > MAX_TOKENS:
            raise ParseError(f"the text has more than {MAX_TOKENS} signs", latex, at)
    if opened:
        raise ParseError("this brace is not closed", latex, opened[-1])
    return found
