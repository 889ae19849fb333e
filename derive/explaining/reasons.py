"""Reasons in words: as they are in plain text, and in LaTeX, where signs of formulas need their commands."""

from __future__ import annotations

import re
import unicodedata

from derive.notation.writing import GREEK, LATEX_GREEK, SUBSCRIPTS, SUPERSCRIPTS

ABOVE = {chr(raised): chr(plain) for plain, raised in SUPERSCRIPTS.items()} | {"ᶜ": "c", "ᵍ": "g", "ᵘ": "u", "ᵛ": "v"}
BELOW = {chr(lowered): chr(plain) for plain, lowered in SUBSCRIPTS.items()}
RAISED, LOWERED = (re.compile(f"[{''.join(signs)}]+") for signs in (ABOVE, BELOW))
FORMULA = re.compile(r"(\$[^$]*\$)")
SIGNS = {
    "′": "'", "−": "-", "Σ": r"\sum", "√": r"\surd", "≥": r"\ge", "≤": r"\le", "∇": r"\nabla", "⊙": r"\odot",
    "Φ": r"\Phi", "Γ": r"\Gamma", "∂": r"\partial", "‖": r"\|", "·": r"\cdot", "ψ": r"\psi", "φ": r"\varphi",
}  # fmt: skip
LETTERS = {sign: LATEX_GREEK.get(name, rf"\{name}") for name, sign in GREEK.items()}
ESCAPED = {
    "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "^": r"\^{}", "{": r"\{", "}": r"\}", "$": r"\$", "…": r"\ldots{}",
}  # fmt: skip


def joined(reasons: tuple[str, ...]) -> str:
    """Several reasons as one remark."""
    return "; ".join(reasons)


def in_latex(reason: str) -> str:
    r"""A reason for `\text{…}`: letters stay, signs become formulas.

    >>> in_latex("chain rule through ŷ")
    'chain rule through $\\hat{y}$'
    """
    text = unicodedata.normalize("NFC", reason)
    text = RAISED.sub(lambda run: f"$^{{{''.join(ABOVE[sign] for sign in run[0])}}}$", text)
    text = LOWERED.sub(lambda run: f"$_{{{''.join(BELOW[sign] for sign in run[0])}}}$", text)
    pieces = FORMULA.split(text)
    return "".join(piece if at % 2 else "".join(map(_sign, piece)) for at, piece in enumerate(pieces)).replace("$$", "")


def _sign(sign: str) -> str:
    if sign == "ᵀ":
        return r"$^{\top}$"
    if sign in SIGNS or sign in LETTERS:
        return f"${SIGNS.get(sign) or LETTERS[sign]}$"
    if sign.isascii():
        return ESCAPED.get(sign, sign)
    apart = unicodedata.normalize("NFD", sign)
    if apart[1:] == "\u0302":
        return rf"$\hat{{{apart[0]}}}$"
    if sign == "\u0302":
        return ""
    return sign
