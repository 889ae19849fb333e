"""`derive bench`: kernels beside what other libraries make of the same formula, as a table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from codegen.timing import spoken
from derive import api
from derive.cli.style import bold, dim
from derive.comparison import Compared, Timed, compared
from derive.derivative import Derivative
from derive.errors import DeriveError
from derive.formulas import Formula

FEW = ("sigmoid", "normal_pdf", "softmax", "softmax_cross_entropy", "mse", "logistic_regression")


def bench(options: argparse.Namespace) -> int:
    """Time formulas and their first derivatives, and print a table as it grows."""
    found = []
    sizes = [_sizes(text) for text in options.sizes]
    for formula in _formulas(options):
        for derivative in (None, _derivative(formula, options.wrt)):
            for one in compared(formula, derivative, sizes, options.dtype, options.seconds):
                found.append(one.to_dict())
                if not options.json:
                    print("\n".join(_lines(one, derivative)), flush=True)
    if options.json:
        print(json.dumps({"dtype": options.dtype, "measured": found}, ensure_ascii=False, indent=2))
    return 0


def _formulas(options: argparse.Namespace) -> Iterator[Formula]:
    for name in options.names or FEW:
        yield api.parse(name, options.given) if options.given else api.resolve(name)


def _derivative(formula: Formula, wrt: str | None) -> Derivative:
    ask = api.jacobian if formula.program.array(formula.value).shape else api.grad
    return ask(formula, wrt)


def _sizes(text: str) -> dict[str, int]:
    """Sizes as they are typed: n=1000,d=16."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, sign, number = part.partition("=")
        if not sign or not number.isdigit():
            raise DeriveError(f"--sizes takes sizes such as n=1000,d=16, not {text!r}")
        found[name.strip()] = int(number)
    return found


def _lines(one: Compared, derivative: Derivative | None) -> list[str]:
    """One size as lines: whoever is fastest first."""
    what = "value" if derivative is None else f"{derivative.row.name} by {', '.join(derivative.wrt)}"
    sizes = ", ".join(f"{name} = {size}" for name, size in one.sizes.items())
    peers = [timed.seconds for timed in one.timed if not timed.ours]
    lines = [bold(f"{one.formula}, {what}, {sizes}")]
    for timed in sorted(one.timed, key=lambda timed: timed.seconds):
        lines.append(_line(timed, one, min(peers, default=None)))
    lines += [dim(f"  {'copying the same bytes':22} {spoken(one.copy):>9}")]
    return lines + [dim(f"  {name:22} failed: {why}") for name, why in one.failed.items()]


def _line(timed: Timed, one: Compared, best: float | None) -> str:
    parts: list[Any] = [f"  {timed.name:22} {spoken(timed.seconds):>9}", f"{timed.seconds / one.copy:8.1f} × copy"]
    parts.append(f"{best / timed.seconds:8.2f} × best peer" if timed.ours and best else " " * 20)
    parts.append("" if timed.apart is None else f"off by {timed.apart:.0e}")
    return "  ".join(parts).rstrip()
