"""MathML from the LaTeX that this package writes, so that a page shows formulas with nothing but a browser.

This reads our own dialect and no other: what `derive.notation.writing` can emit. Anything else is refused, so that a
new command there shows up here as an error in the tests, never as a formula that misses a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape

from derive.errors import DeriveError
from derive.notation.signs import GREEK

TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)

IDENTIFIERS: Mapping[str, str] = {**GREEK, "infty": "∞", "partial": "∂", "nabla": "∇"}
OPERATORS: Mapping[str, str] = {
    "odot": "⊙", "otimes": "⊗", "cdot": "⋅", "ge": "≥", "le": "≤", "ne": "≠", "top": "⊤", "approx": "≈", "to": "→",
    "in": "∈", "quad": "\u2003", ",": "\u2009", ";": "\u2005", " ": "\u00a0", "ldots": "…",
}  # fmt: skip
NAMED = {
    "log", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "exp", "det", "max", "min", "ln", "operatorname",
}  # fmt: skip
LARGE: Mapping[str, str] = {"sum": "∑", "prod": "∏", "max": "max", "min": "min"}
FENCES: Mapping[str, str] = {
    "|": "|", r"\|": "‖", r"\lfloor": "⌊", r"\rfloor": "⌋", "(": "(", ")": ")", "[": "[", "]": "]", ".": "", r"\{": "{",
    r"\}": "}",
}  # fmt: skip


def mathml(latex: str, large: bool = False) -> str:
    """A formula as a `math` element; a `large` one has the fractions and sums of a display.

    Raises:
        DeriveError: the formula has a command that our own writer does not use.

    >>> mathml("x^2")
    '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    reader = _Reader(latex)
    row = reader.row()
    if reader.token is not None:
        raise DeriveError(f"no MathML for {reader.token!r} in {latex!r}")
    display = ' displaystyle="true"' if large else ""
    return f"<math{display}>{''.join(row)}</math>"


class _Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.tokens = [t for t in TOKEN.findall(latex) if not t.isspace()]
        self.at = 0

    @property
    def token(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        token = self.token
        if token is None:
            raise DeriveError(f"{self.latex!r} ends too early")
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise DeriveError(f"expected {token!r} in {self.latex!r}")

    def row(self, *ends: str) -> list[str]:
        """Elements up to one of the tokens `ends`, which is left there."""
        found: list[str] = []
        while self.token is not None and self.token not in {*ends, "}", r"\right", "&", r"\\", r"\end"}:
            found.append(self.scripted())
        return found

    def scripted(self) -> str:
        """An atom with what is written above and below it."""
        large = LARGE.get((self.token or "")[1:]) if (self.token or "").startswith("\\") else None
        base = self.atom()
        below = above = ""
        while self.token in ("_", "^", "'"):
            sign = self.take()
            if sign == "'":
                above += "<mo>′</mo>"
            elif sign == "_":
                below = self.argument()
            else:
                above += self.argument()
        if large and (below or above):
            if below and above:
                return f"<munderover>{base}{below}{above}</munderover>"
            return f"<munder>{base}{below}</munder>" if below else f"<mover>{base}{above}</mover>"
        if below and above:
            return f"<msubsup>{base}{below}{above}</msubsup>"
        if below:
            return f"<msub>{base}{below}</msub>"
        return f"<msup>{base}{above}</msup>" if above else base

    def argument(self) -> str:
        """A group in braces, or one atom, as one element."""
        if self.token == "{":
            return self.group()
        return self.atom()

    def group(self) -> str:
        self.expect("{")
        inside = self.row()
        self.expect("}")
        return inside[0] if len(inside) == 1 else f"<mrow>{''.join(inside)}</mrow>"

    def words(self) -> str:
        """The text in braces after a command, as it is."""
        self.expect("{")
        found, depth = [], 1
        while depth:
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if depth:
                found.append(token[1:] if token.startswith("\\") and len(token) == 2 else token)
        return "".join(found)

    def atom(self) -> str:
        token = self.take()
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha() and len(token) == 1:
            return f"<mi>{token}</mi>"
        if token == "{":
            self.at -= 1
            return self.group()
        if token.startswith("\\") and len(token) > 1:
            return self.command(token[1:])
        if token in "+-=<>()[],|/:;!*.":
            return f"<mo>{escape('−' if token == '-' else token)}</mo>"
        raise DeriveError(f"no MathML for {token!r} in {self.latex!r}")

    def command(self, name: str) -> str:
        if name in LARGE:
            return f"<mo>{LARGE[name]}</mo>"
        if name in IDENTIFIERS:
            return f"<mi>{IDENTIFIERS[name]}</mi>"
        if name in OPERATORS:
            return f"<mo>{OPERATORS[name]}</mo>"
        if name in NAMED:
            word = self.words() if name == "operatorname" else name
            return f"<mi>{escape(word)}</mi><mo>&#x2061;</mo>" if self.token != "_" else f"<mi>{escape(word)}</mi>"
        handler = getattr(self, f"read_{name}", None)
        if handler is None:
            raise DeriveError(f"no MathML for \\{name} in {self.latex!r}")
        return str(handler())

    def read_frac(self) -> str:
        return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"

    def read_sqrt(self) -> str:
        return f"<msqrt>{self.argument()}</msqrt>"

    def read_hat(self) -> str:
        return f'<mover accent="true">{self.argument()}<mo>^</mo></mover>'

    def read_underline(self) -> str:
        return f'<mrow class="changed">{self.argument()}</mrow>'

    def read_mathrm(self) -> str:
        return f"<mi>{escape(self.words())}</mi>"

    def read_mathbf(self) -> str:
        return f'<mi class="bold">{escape(self.words())}</mi>'

    def read_boldsymbol(self) -> str:
        return f'<mrow class="bold">{self.argument()}</mrow>'

    def read_text(self) -> str:
        return f"<mtext>{escape(self.words())}</mtext>"

    def read_left(self) -> str:
        opening = self.fence()
        inside = "".join(self.row())
        self.expect(r"\right")
        closing = self.fence()
        return f"<mrow>{opening}{inside}{closing}</mrow>"

    def fence(self) -> str:
        token = self.take()
        if token not in FENCES:
            raise DeriveError(f"no MathML for the bracket {token!r} in {self.latex!r}")
        return f'<mo stretchy="true" fence="true">{FENCES[token]}</mo>' if FENCES[token] else ""

    def read_lfloor(self) -> str:
        return "<mo>⌊</mo>"

    def read_rfloor(self) -> str:
        return "<mo>⌋</mo>"

    def read_begin(self) -> str:
        kind = self.words()
        if kind != "cases":
            raise DeriveError(f"no MathML for the environment {kind!r} in {self.latex!r}")
        rows = "".join(f"<mtr>{''.join(cells)}</mtr>" for cells in self.rows())
        return f'<mrow><mo stretchy="true" fence="true">{{</mo><mtable columnalign="left left">{rows}</mtable></mrow>'

    def rows(self) -> Iterator[list[str]]:
        """The rows of an environment, up to its end."""
        cells: list[str] = []
        while True:
            cells.append(f"<mtd>{''.join(self.row())}</mtd>")
            token = self.take()
            if token == "&":
                continue
            yield cells
            cells = []
            if token == r"\end":
                self.words()
                return
