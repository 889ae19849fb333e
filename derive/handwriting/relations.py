"""The signs that stand between two sides of a statement, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derive.handwriting.names import DEPTH
from derive.handwriting.tokens import Token

RELATIONS = {
    "=": "=", r"\approx": "≈", r"\simeq": "≈", "<": "<", ">": ">", r"\le": "≤", r"\leq": "≤", r"\ge": "≥", r"\geq": "≥",
    r"\equiv": "=", r"\lt": "<", r"\gt": ">", r"\neq": "≠", r"\ne": "≠",
}  # fmt: skip
COMPARISONS = {"=": "equal", "<": "less", ">": "greater", "≤": "less_equal", "≥": "greater_equal", "≠": "unequal"}


def relations(tokens: Sequence[Token]) -> Iterator[int]:
    """Where relations stand outside of all brackets."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += DEPTH.get(token.text, 0)
        if depth == 0 and token.text in RELATIONS:
            yield at
