r"""One name for every way a symbol is written: `\hat{\mathbf y}`, `\hat y` and `yhat` are the same.

Which names are declared, and as what, `Known` tells.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field, fields, replace

from derive.handwriting.tokens import Token
from derive.notation.signs import GREEK

OURS = {"lambda": "lam", "epsilon": "eps"}
FONTS = {r"\mathbf", r"\boldsymbol", r"\bm", r"\mathrm", r"\mathit", r"\vec", r"\mathsf", r"\textbf", r"\pmb"}
ACCENTS = {r"\hat": "hat", r"\widehat": "hat", r"\bar": "bar", r"\overline": "bar", r"\tilde": "tilde", r"\dot": "dot"}
DEPTH = {
    "{": 1, "(": 1, "[": 1, r"\{": 1, r"\langle": 1, r"\begin": 1,
    "}": -1, ")": -1, "]": -1, r"\}": -1, r"\rangle": -1, r"\end": -1,
}  # fmt: skip
TEXTUAL = {r"\operatorname", r"\operatorname*", r"\mathrm", r"\text", r"\textrm", r"\textit", r"\mbox"}
SCRIPTS = {r"\mathcal": "cal", r"\mathscr": "scr", r"\mathbb": "bb"}


@dataclass
class Known:
    """What is declared: names that are values, functions and what they take, indices, and letters in use as sizes."""

    values: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    indices: set[str] = field(default_factory=set)
    ranks: dict[str, int] = field(default_factory=dict)
    depends: dict[str, str] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)

    def copy(self) -> Known:
        """What is known here, to be added to by itself."""
        return replace(self, **{part.name: copy(getattr(self, part.name)) for part in fields(self)})

    @property
    def names(self) -> set[str]:
        """Everything with a name."""
        return self.values | self.functions | self.indices


def letter(token: str) -> str | None:
    """The name of a single letter or a Greek one; None for anything else."""
    if len(token) == 1 and token.isalpha():
        return token
    if token[:1] == "\\" and token[1:] in GREEK:
        return OURS.get(token[1:], token[1:])
    return None


def joined(stem: str, below: str) -> str:
    """A name with what is written below it: `W` and `1` are `W1`, `x` and `t` are `x_t`."""
    return stem + below if below.isdigit() else f"{stem}_{below}"


def flattened(tokens: list[Token]) -> str:
    """What is written below a symbol as part of a name: `t+1` is `tp1`, an accented y is `yhat`, `z_1` is `z1`."""
    words = {"+": "p", "-": "m", ",": "_", "*": "star"}
    pieces: list[str] = []
    accent = ""
    for at, token in enumerate(tokens):
        text = token.text
        if text in ACCENTS:
            accent = ACCENTS[text]
            continue
        if text in "{}()[]" or text in FONTS or text in (r"\text", r"\mathrm"):
            continue
        if text == "_":
            after = next((t.text for t in tokens[at + 1 :] if t.text != "{"), "")
            pieces.append("" if after.isdigit() else "_")
            continue
        pieces.append((words.get(text) or letter(text) or re.sub(r"\W", "", text)) + accent)
        accent = ""
    return "".join(pieces)


def parted(tokens: list[Token]) -> list[list[Token]]:
    """What stands between commas, outside of brackets."""
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += DEPTH.get(token.text, 0)
        if token.text == "," and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces
