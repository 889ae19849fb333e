r"""Verifying hand derivations: a text in, a verdict on every relation out.

Declarations come as text (`given="X: n d, w: d"`), as keyword arguments, in their JSON form, or in the text itself as
lines `% given X: n d` and `% define \\hat y = X w`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from derive.errors import DeriveError, ParseError
from derive.handwriting.document import document, notebook
from derive.handwriting.inference import defined
from derive.handwriting.situation import Situation
from derive.handwriting.verdicts import Judge
from derive.handwriting.verification import Verification
from derive.notation.text import array_from

ENDINGS = {".tex", ".md", ".ipynb", ".txt"}
PROSE = {".md", ".ipynb"}  # texts around displays, which need not hold any


def verified(
    text: str,
    given: str | Mapping[str, Any] = "",
    definitions: Sequence[str] = (),
    arrays: Mapping[str, str] | None = None,
    prose: bool = False,
) -> Verification:
    """The verdicts on a text; without displays it is a formula itself, unless it is `prose`.

    Raises:
        ParseError: the text, a declaration or a definition cannot be read; the message points at the place.
    """
    whole = document(text, prose)
    situation = Situation()
    if isinstance(given, str):
        for part in (given, *whole.given):
            situation.declare_text(part)
    else:
        situation.declare_context(given)
        for part in whole.given:
            situation.declare_text(part)
    for name, words in (arrays or {}).items():
        situation.declare(array_from(name, words))
    situation = defined(situation, (*definitions, *whole.definitions), whole)
    if not isinstance(given, str):
        situation.declare_unknown_functions(given)
    steps = Judge(situation, whole).run()
    inferred = tuple(f"{name}: {what}" for name, what in situation.setting.inferred.items())
    return Verification(whole.text, tuple(steps), inferred)


def read(path: Path) -> str:
    """The mathematics of a file: a text, or the Markdown cells of a notebook.

    Raises:
        ParseError: it is not text.
    """
    data = path.read_bytes()
    if b"\0" in data:
        raise ParseError(f"{path.name} is not a text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"{path.name} is not a text: byte {error.start} is no UTF-8") from None
    return notebook(text) if path.suffix == ".ipynb" else text


def verify_file(path: Path, given: str = "", definitions: Sequence[str] = ()) -> Verification:
    """The verdicts on a file."""
    return verified(read(path), given, definitions, prose=path.suffix in PROSE)


def graded(folder: Path) -> list[Path]:
    """The files in a folder that may hold derivations, in the order of their names.

    Raises:
        DeriveError: there is none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS and path.is_file())
    if not found:
        raise DeriveError(f"no {', '.join(sorted(ENDINGS))} file in {folder}")
    return found
