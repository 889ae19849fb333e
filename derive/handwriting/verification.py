"""What came of verifying a hand derivation, as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from derive.errors import CheckFailed
from derive.handwriting.verdicts import StepVerdict

MARKS = {"proved": "✓", "confirmed": "✓", "wrong": "✗", "unreadable": "?"}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem 1rem;color:#1c2430;"
    "background:#fff}li{margin:.6rem 0;padding:.5rem .8rem;border-left:4px solid #94a3b8;list-style:none;"
    "background:#f6f8fa;overflow-x:auto}ol{padding:0}code{font:14px ui-monospace,monospace;white-space:pre-wrap}"
    ".proved,.confirmed{border-color:#16a34a}.wrong{border-color:#dc2626;background:#fef2f2}"
    "mark{background:none;color:inherit;text-decoration:underline wavy #dc2626;text-underline-offset:.25em}"
    ".unreadable{border-color:#d97706}small{color:#5b6675}"
    "@media (prefers-color-scheme:dark){body{color:#e6e9ee;background:#12161d}li{background:#1a202a}"
    ".wrong{background:#2a1616}small{color:#9aa5b4}}"
)


@dataclass(frozen=True)
class Verification:
    """The verdicts on a derivation, in reading order, and what was inferred to read it."""

    text: str
    steps: tuple[StepVerdict, ...]
    inferred: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every relation was read, and none is wrong."""
        return all(step.status in ("proved", "confirmed") for step in self.steps)

    @property
    def first_wrong(self) -> int | None:
        """The index of the first wrong step; None when there is none."""
        return next((step.index for step in self.steps if step.status == "wrong"), None)

    @property
    def unreadable(self) -> tuple[StepVerdict, ...]:
        """The steps that could not be read."""
        return tuple(step for step in self.steps if step.status == "unreadable")

    def raise_if_wrong(self) -> None:
        """Raise `CheckFailed` with the first step that is wrong or was not read."""
        for step in self.steps:
            if step.status in ("wrong", "unreadable"):
                raise CheckFailed("\n".join(self.lines(step)))

    def fixed(self) -> str:
        """The derivation with the first wrong right-hand side of every chain put right."""
        text = self.text
        for step in sorted(self.steps, key=lambda s: -s.at):
            if step.status == "wrong" and step.correction and not step.carried:
                end = step.at + len(self.source_of(step))
                text = text[: step.at] + step.correction + text[end:]
        return text

    def source_of(self, step: StepVerdict) -> str:
        """The right-hand side of a step, as it stands in the text."""
        words = step.written[1].split()
        at, end = step.at, step.at
        for word in words:
            end = self.text.index(word, end) + len(word)
        return self.text[at:end]

    def lines(self, step: StepVerdict) -> list[str]:
        """One step in a few lines."""
        left, right = step.written
        shown = f"{left} {step.relation} {right}" if step.index == 0 or self.opens(step) else f"{step.relation} {right}"
        found = [f"{MARKS[step.status]} {step.index:2}  {step.status:<10}  {shown}"]
        before, failing, _ = self.parted(step)
        if failing:
            found.append(" " * (18 + len(shown) - len(right) + len(before)) + "^" * len(failing))
        return found + [f"{' ' * 18}{line}" for line in self.details(step)]

    def parted(self, step: StepVerdict) -> tuple[str, str, str]:
        """The right-hand side of a step as it is shown: before the failing term, the term, and after it."""
        right = step.written[1]
        start, end = step.failing
        if step.status != "wrong" or start < step.at:
            return right, "", ""
        before = len(" ".join(self.text[step.at : start].split()))
        before += start > step.at and self.text[start - 1].isspace()
        stop = before + len(" ".join(self.text[start:end].split()))
        return right[:before], right[before:stop], right[stop:]

    def details(self, step: StepVerdict) -> list[str]:
        """What is to be said of a step: how it was understood, and what is wrong with it."""
        found: list[str] = []
        if step.status in ("wrong", "unreadable"):
            first, *rest = step.reason.splitlines() or [""]
            found += [("carried from an earlier step: " if step.carried else "") + first, *rest]
        if step.status != "unreadable" and step.understood != step.written:
            found.append(f"understood: {step.understood[0]} {step.relation} {step.understood[1]}")
        if step.remark:
            found.append(f"the reason stated: {step.remark}")
        if step.counterexample:
            found.append(f"for example {step.counterexample}")
        if step.difference:
            found.append(f"the right side has too much: {step.difference}")
        if step.slip:
            found.append(f"the slip: {step.slip}")
        if step.correction:
            found.append(f"correct would be: {step.correction}")
        return found

    def opens(self, step: StepVerdict) -> bool:
        """Whether a step begins a chain."""
        before = self.steps[step.index - 1]
        return before.written[1] != step.written[0]

    def __str__(self) -> str:
        found = [line for step in self.steps for line in self.lines(step)]
        found += [line for line in self.inferred if "; " in line]
        short = [line for line in self.inferred if "; " not in line]
        if short:
            found.append(f"inferred: {'; '.join(short)}")
        counts = {status: sum(s.status == status for s in self.steps) for status in MARKS}
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        found.append(f"{len(self.steps)} steps: {told}" if self.steps else "no relation was found in this text")
        if self.first_wrong is not None:
            found.append(f"the first wrong step is {self.first_wrong}")
        return "\n".join(found)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "ok": self.ok,
            "first_wrong": self.first_wrong,
            "inferred": list(self.inferred),
            "steps": [step.to_dict() for step in self.steps],
        }

    def html(self) -> str:
        """The derivation as a page, each step marked."""
        items = []
        for step in self.steps:
            said = [step.reason] if step.status in ("proved", "confirmed") else []
            details = "".join(f"<br><small>{escape(line)}</small>" for line in (*said, *self.details(step)))
            before, failing, after = map(escape, self.parted(step))
            marked = f"<mark>{failing}</mark>" if failing else ""
            shown = f"{escape(f'{step.written[0]} {step.relation} ')}{before}{marked}{after}"
            items.append(
                f'<li class="{step.status}"><b>{step.index} {step.status}</b> <code>{shown}</code>{details}</li>'
            )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Verified derivation</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{STYLE}</style></head><body><h1>Verified derivation</h1><ol>{''.join(items)}</ol></body></html>\n"
        )

    def _repr_html_(self) -> str:
        return self.html()
