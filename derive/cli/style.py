"""Colour, where a terminal is looking and `NO_COLOR` does not forbid it."""

from __future__ import annotations

import os
from typing import TextIO

from derive.notation.signs import CHANGED

coloured = False


def choose(stream: TextIO) -> None:
    """Decide whether what goes to `stream` is coloured."""
    global coloured
    coloured = stream.isatty() and "NO_COLOR" not in os.environ


def bold(text: str) -> str:
    """Text that stands out."""
    return _styled(text, "1")


def green(text: str) -> str:
    """Text that says that all is well."""
    return _styled(text, "32")


def red(text: str) -> str:
    """Text that says that something is wrong."""
    return _styled(text, "31")


def dim(text: str) -> str:
    """Text that stands back."""
    return _styled(text, "2")


def changed(text: str) -> str:
    """Text with the parts that changed in colour, or as plain as the rest."""
    start, end = ("\033[36m", "\033[39m") if coloured else ("", "")
    return text.replace(CHANGED[0], start).replace(CHANGED[1], end)


def _styled(text: str, code: str) -> str:
    return "\n".join(f"\033[{code}m{line}\033[0m" for line in text.splitlines()) if coloured else text
