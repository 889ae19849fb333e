"""The catalog: formulas people look up, one file a subject, found by name or alias.

A formula's name is the variable that holds it. The index is read off the sources, so that a subject is imported only
when one of its formulas is asked for, and a new formula needs no second entry anywhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from derive.errors import UnknownFormula, nearest
from derive.formulas import Formula

SUBJECTS = (
    "linear_algebra",
    "calculus",
    "activations",
    "losses",
    "models",
    "networks",
    "distributions",
    "probability",
    "information",
    "optimization",
    "signal",
)


@dataclass(frozen=True)
class Entry:
    """Where a formula stands, and what else it is called."""

    name: str
    subject: str
    aliases: tuple[str, ...]


@cache
def entries() -> dict[str, Entry]:
    """Every formula by name, in the catalog's order."""
    return {entry.name: entry for subject in SUBJECTS for entry in _scan(subject)}


_DEFINITION = re.compile(r"^(\w+) = Formula\(\n(.*?)^\)$", re.MULTILINE | re.DOTALL)
_ALIASES = re.compile(r"^    aliases=(\(.*?\)),$", re.MULTILINE | re.DOTALL)


def _scan(subject: str) -> Iterator[Entry]:
    """The assignments `name = Formula(…)` of a subject's source, as the formatter lays them out."""
    source = (Path(__file__).parent / f"{subject}.py").read_text(encoding="utf-8")
    for definition in _DEFINITION.finditer(source):
        found = _ALIASES.search(definition[2])
        yield Entry(definition[1], subject, tuple(ast.literal_eval(found[1])) if found else ())


def names() -> tuple[str, ...]:
    """The names of all formulas, in the catalog's order."""
    return tuple(entries())


def groups() -> dict[str, tuple[str, ...]]:
    """The names of the formulas of each subject."""
    return {s: tuple(e.name for e in entries().values() if e.subject == s) for s in SUBJECTS}


def tagged(tag: str) -> tuple[str, ...]:
    """The names of the formulas that carry a tag; a subject is a tag of its formulas."""
    return tuple(e.name for e in entries().values() if tag == e.subject or tag in find(e.name).tags)


def find(name: str) -> Formula:
    """The formula of this name or alias; case, spaces and hyphens do not matter.

    Raises:
        UnknownFormula: there is none; the nearest names are offered.
    """
    entry = _by_any_name().get(_key(name))
    if entry is None:
        known = [*entries(), *(alias for e in entries().values() for alias in e.aliases)]
        raise UnknownFormula(f"no formula is called {name!r}{nearest(_key(name), known)}")
    return _load(entry)


def _key(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


@cache
def _by_any_name() -> dict[str, Entry]:
    found = {_key(alias): entry for entry in entries().values() for alias in entry.aliases}
    return found | {_key(name): entry for name, entry in entries().items()}


@cache
def _load(entry: Entry) -> Formula:
    formula: Formula = getattr(import_module(f"catalog.{entry.subject}"), entry.name)
    return formula.named(entry.name)
