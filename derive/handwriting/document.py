"""A hand derivation as chains of equalities: displays, rows, relations and remarks, each with its place.

A row that begins with a relation goes on with the chain above it. An arrow of implication ends a chain and begins one
that follows from it. What stands in prose around displays is not read; declarations come in `% given` lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from derive.errors import ParseError
from derive.handwriting.names import DEPTH
from derive.handwriting.relations import RELATIONS, relations
from derive.handwriting.tokens import Token, tokens

ENVIRONMENTS = {
    "align", "align*", "aligned", "equation", "equation*", "gather", "gather*", "gathered", "split", "multline",
    "multline*", "displaymath", "eqnarray", "eqnarray*", "flalign", "flalign*", "alignat", "alignat*", "dmath",
}  # fmt: skip
ARROWS = {r"\implies", r"\Rightarrow", r"\Longrightarrow", r"\therefore", r"\iff", r"\Leftrightarrow"}
REMARKS = {r"\text", r"\textrm", r"\intertext", r"\mbox", r"\shortintertext", r"\tag", r"\label", r"\quad"}
OPENING = re.compile(
    r"\$\$|\\\[|```math\n|\\begin\{(?P<name>" + "|".join(re.escape(e) for e in sorted(ENVIRONMENTS)) + r")\}"
)
CLOSINGS = {"$$": "$$", r"\[": r"\]", "```math\n": "```"}
GIVEN = re.compile(r"^[ \t]*%[ \t]*given:?[ \t]+(.*)$", re.MULTILINE)
DEFINED = re.compile(r"^[ \t]*%[ \t]*define:?[ \t]+(.*)$", re.MULTILINE)
COMMENT = re.compile(r"(?<!\\)%[^\n]*")
LONGEST_FILE = 400_000
MOST_RELATIONS = 400  # of one display


@dataclass
class Chain:
    """Sides with relations between them; `implied` where an arrow leads to it."""

    sides: list[list[Token]] = field(default_factory=list)
    signs: list[Token] = field(default_factory=list)
    defines: list[bool] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    implied: bool = False

    def relation(self, at: int) -> str:
        """The sign before side `at + 1`."""
        return RELATIONS[self.signs[at].text]


@dataclass(frozen=True)
class Document:
    """A text and the chains in it; what it declares and defines itself."""

    text: str
    chains: tuple[Chain, ...]
    given: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()


def document(text: str, prose: bool = False) -> Document:
    """The chains of a text; without displays it is a formula itself, unless it is `prose`.

    Raises:
        ParseError: braces do not balance, or the text, or a display in it, is longer than is read.
    """
    if len(text) > LONGEST_FILE:
        raise ParseError(f"the text has {len(text)} characters; at most {LONGEST_FILE} are read")
    text = text.replace("\r\n", "\n")
    given, defined = tuple(GIVEN.findall(text)), tuple(DEFINED.findall(text))
    plain = COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    found: list[Chain] = []
    for start, display in _displays(plain, prose):
        known = len(found)
        _read(tokens_at(plain, start, display), found)
        signs = [sign for chain in found[known:] for sign in chain.signs]
        if len(signs) > MOST_RELATIONS:
            problem = f"a display has at most {MOST_RELATIONS} relations; part it into several"
            raise ParseError(problem, text, signs[MOST_RELATIONS].at)
    return Document(text, tuple(chain for chain in found if len(chain.sides) > 1), given, defined)


def notebook(source: str) -> str:
    """The text of the Markdown cells of a notebook.

    Raises:
        ParseError: it is no notebook.
    """
    try:
        cells = json.loads(source)["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    except (ValueError, KeyError, TypeError):
        raise ParseError("this is not a notebook: it has no cells") from None


def tokens_at(text: str, start: int, piece: str) -> list[Token]:
    """The tokens of a piece, with places in the whole text."""
    try:
        return [Token(token.text, token.at + start) for token in tokens(piece)]
    except ParseError as error:
        column = error.column if error.column is not None else 0
        raise ParseError(error.problem, text, start + column) from None


def _displays(text: str, prose: bool) -> Iterator[tuple[int, str]]:
    """The displayed formulas; a text without any is one itself, unless it is prose."""
    found = False
    at, missing = 0, set()
    while (match := OPENING.search(text, at)) is not None:
        name = match["name"]
        closing = rf"\end{{{name}}}" if name else CLOSINGS[match[0]]
        end = -1 if closing in missing else text.find(closing, match.end())
        if end < 0:
            missing.add(closing)
            at = match.end()
            continue
        found = True
        at = end + len(closing)
        start, stop = (match.start(), at) if name else (match.end(), end)
        yield start, text[start:stop]
    if not found and not prose:
        yield 0, text


def _read(piece: list[Token], found: list[Chain]) -> None:
    """Add the chains of one display."""
    fresh = True
    for row in _rows(_without_environments(piece)):
        plain, remarks = _without_remarks(row)
        if not plain:
            continue
        for at, (part, implied) in enumerate(_statements(plain)):
            part = _trimmed(part)
            if not part:
                if implied and found:
                    found.append(Chain(implied=True))
                continue
            goes_on = part[0].text in RELATIONS or _is_definition(part, 0)
            carries = part[0].text in ("+", "-", r"\cdot", r"\times") and not list(relations(part))
            if found and not found[-1].sides and found[-1].implied and not implied:
                implied = True
                found.pop()
            if (goes_on or carries) and found and not implied and not (fresh and at == 0 and not goes_on):
                chain = found[-1]
                if carries and not goes_on:
                    chain.sides[-1] += part
                    chain.remarks += remarks
                    continue
            else:
                chain = Chain(implied=implied)
                found.append(chain)
            _extend(chain, part)
            chain.remarks += remarks
            fresh = False


def _is_definition(part: Sequence[Token], at: int) -> bool:
    """Whether `:=` stands here."""
    return at + 1 < len(part) and part[at].text == ":" and part[at + 1].text == "="


def _extend(chain: Chain, part: list[Token]) -> None:
    """Add the sides and relations of a statement to a chain."""
    side: list[Token] = []
    goes_on = bool(chain.sides)  # then the first relation joins the side above
    marks = set(relations(part))
    for at, token in enumerate(part):
        if at in marks:
            defines = bool(side) and side[-1].text == ":"
            if defines:
                side.pop()
            if side or not goes_on:
                chain.sides.append(side)
            goes_on = False
            chain.signs.append(token)
            chain.defines.append(defines)
            side = []
        else:
            side.append(token)
    chain.sides.append(_trimmed(side))


def _without_environments(piece: list[Token]) -> list[Token]:
    """The tokens without the environments around them; cases and their like stay."""
    found: list[Token] = []
    at = 0
    while at < len(piece):
        token = piece[at]
        if token.text in (r"\begin", r"\end") and at + 1 < len(piece) and piece[at + 1].text == "{":
            stop = at + 2
            while stop < len(piece) and piece[stop].text != "}":
                stop += 1
            name = "".join(t.text for t in piece[at + 2 : stop])
            if name in ENVIRONMENTS:
                at = stop + 1
                continue
        found.append(token)
        at += 1
    return found


def _rows(piece: list[Token]) -> Iterator[list[Token]]:
    """Rows: what stands between double backslashes, outside of environments and braces."""
    row: list[Token] = []
    depth = 0
    for token in piece:
        depth += {"{": 1, r"\begin": 1, "}": -1, r"\end": -1}.get(token.text, 0)
        if depth == 0 and token.text == r"\\":
            yield row
            row = []
        elif depth > 0 or token.text != "&":
            row.append(token)
    yield row


def _without_remarks(row: list[Token]) -> tuple[list[Token], list[str]]:
    """A row without `\\text{…}` and labels that stand beside the formula, and the words in them."""
    found: list[Token] = []
    remarks: list[str] = []
    at = depth = 0
    while at < len(row):
        token = row[at]
        if depth == 0 and token.text in REMARKS and at + 1 < len(row) and row[at + 1].text == "{":
            stop, inner = at + 2, 1
            while stop < len(row) and inner:
                inner += {"{": 1, "}": -1}.get(row[stop].text, 0)
                stop += 1
            words = _sentence(row[at + 2 : stop - 1])
            if _is_function_word(words, row[stop : stop + 1]):
                found += row[at:stop]
            else:
                remarks.append(words)
            at = stop
            continue
        depth += {"{": 1, r"\begin": 1, "}": -1, r"\end": -1}.get(token.text, 0)
        found.append(token)
        at += 1
    return found, remarks


def _sentence(words: Sequence[Token]) -> str:
    """Words as they are written, with one blank wherever there is some."""
    pieces: list[str] = []
    for at, token in enumerate(words):
        before = words[at - 1] if at else None
        pieces.append(" " * (before is not None and before.at + len(before.text) < token.at) + token.text)
    return "".join(pieces)


def _is_function_word(words: str, following: list[Token]) -> bool:
    return words.isalpha() and bool(following) and following[0].text in ("(", "[", "_", "^", r"\{")


def _statements(row: list[Token]) -> Iterator[tuple[list[Token], bool]]:
    """Statements of a row, and whether an arrow leads to each; commas part them where each has a relation."""
    part: list[Token] = []
    implied = False
    depth = 0
    for token in row:
        depth += DEPTH.get(token.text, 0)
        if depth == 0 and token.text in ARROWS:
            if part:
                yield from _parted(part, implied)
            part, implied = [], True
        else:
            part.append(token)
    if part or implied:
        yield from _parted(part, implied) if part else iter([(part, implied)])


def _parted(part: list[Token], implied: bool) -> Iterator[tuple[list[Token], bool]]:
    """A statement at its commas, when there is a relation on both sides of each."""
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in part:
        depth += DEPTH.get(token.text, 0)
        if depth == 0 and token.text in (",", ";"):
            pieces.append([])
        else:
            pieces[-1].append(token)
    if len(pieces) > 1 and all(list(relations(piece)) for piece in pieces if piece):
        for piece in pieces:
            yield piece, implied
    else:
        yield part, implied


def _trimmed(part: list[Token]) -> list[Token]:
    """A statement without the stops of the sentence it stands in."""
    while part and part[-1].text in (",", ".", ";"):
        part = part[:-1]
    return part
