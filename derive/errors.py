"""Everything that can go wrong and whose fault it is.

One family, `DeriveError`: a message says what was given, what was expected, where, and what to do.
The command line prints that message as one line and exits with status 2; it never shows a traceback of this family.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class DeriveError(Exception):
    """The root of every error this project raises on purpose."""


class ShapeError(DeriveError):
    """Shapes, sizes or strides that do not fit together."""


class DomainError(DeriveError):
    """A value outside the set its name was declared over, or a number type that cannot be used."""


class UnknownFormula(DeriveError):
    """A name that is not in the catalog."""


class NotDifferentiable(DeriveError):
    """A derivative that does not exist, or for which no rule is known: refused, never zero."""


class BackendUnavailable(DeriveError):
    """A backend, compiler or cache folder that cannot be used on this machine; the message names the remedy."""


class CacheUnavailable(BackendUnavailable):
    """The folder in which what was built is kept cannot be used, so that no backend can build."""


class CheckFailed(DeriveError):
    """Two ways to compute one thing disagree; the message names the worst place and both values."""


class ParseError(DeriveError):
    """Text that is not in the notation; the message points at the column."""

    def __init__(self, problem: str, text: str = "", column: int | None = None) -> None:
        """`column` counts from 0 into `text`; without it the message has no caret."""
        self.problem, self.text, self.column = problem, text, column
        super().__init__(problem if column is None else f"{problem}\n{_pointed(text, column)}")


def _pointed(text: str, column: int) -> str:
    """The line of `text` that holds `column`, with a caret under it, cut to a readable width."""
    start = text.rfind("\n", 0, column) + 1
    end = text.find("\n", column)
    line, at = text[start : end if end >= 0 else len(text)], column - start
    if at > 60:
        line, at = "…" + line[at - 40 :], 41
    if len(line) > 100:
        line = line[:99] + "…"
    return f"  {line}\n  {' ' * at}^"


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """`; did you mean 'a' or 'b'?` for the known names closest to `name`, or nothing."""
    near = get_close_matches(name, list(known), n=count, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
