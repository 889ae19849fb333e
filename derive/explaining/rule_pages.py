"""The rules, as pages to read: statement, licence, example, and where the catalog uses them."""

from __future__ import annotations

from collections.abc import Sequence

from derive.calculus.rewriting import Rule
from derive.errors import UnknownFormula, nearest
from derive.explaining.explanation import RULES, TABLES
from derive.notation.index_form import from_index
from derive.notation.writing import write_unicode

FEW = 12


def listed() -> dict[str, list[str]]:
    """The names of the rules of each table."""
    return {table.title: [rule.name for rule in table] for table in TABLES}


def find(words: str) -> list[Rule]:
    """The rules whose names hold these words.

    Raises:
        UnknownFormula: there is none; the nearest names are offered.
    """
    sought = words.casefold()
    found = [rule for name, (rule, _) in RULES.items() if name.casefold() == sought]
    found = found or [rule for name, (rule, _) in RULES.items() if sought in name.casefold()]
    if not found:
        raise UnknownFormula(f"no rule is called {words!r}{nearest(words, RULES)}; `derive rules` lists them")
    return found


def page(rule: Rule, users: Sequence[str]) -> str:
    """What there is to know of one rule."""
    before, after = (write_unicode(from_index(side)) for side in rule.example())
    lines = [rule.name, f"  table     {RULES[rule.name][1].title}", f"  example   {before}  =  {after}"]
    if rule.licence:
        lines.append(f"  licence   {rule.licence}")
    if rule.gain:
        point = ", ".join(f"{name} = {value}" for name, value in rule.gain.items())
        lines.append(f"  gain      at {point} floating point loses the left side, and keeps the right side")
    if users:
        more = f" and {len(users) - FEW} more" if len(users) > FEW else ""
        lines.append(f"  used in   {', '.join(users[:FEW])}{more}")
    return "\n".join(lines)
