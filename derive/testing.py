"""For test suites of courses and papers: a derivation is tested like code.

>>> from derive.testing import assert_derivation
>>> assert_derivation("examples/mse.tex")  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

from derive.hand import verify_file


def assert_derivation(path: str | Path, given: str = "") -> None:
    """Raise an `AssertionError` that tells the first step of a file that is wrong, or could not be read."""
    found = verify_file(Path(path), given)
    if not found.steps:
        raise AssertionError(f"{path}: no relation was found in this text")
    if not found.ok:
        raise AssertionError(f"{path}:\n{found}")
