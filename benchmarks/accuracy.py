"""Elementwise derivatives over everything a number can be, against the oracle in many digits.

The points are dense where functions bend, and go out to the ends of the exponent's range on both sides of zero: errors
hide in tails, where a difference cancels, underflows or overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from benchmarks.measuring import Variant, called, listed
from benchmarks.peers import Peer
from benchmarks.workloads import Inputs, Workload
from derive.verification.oracle import evaluate

DIGITS = 1200  # of 1 - tanh(x)**2 at x = 700, the first 600 cancel
GOAL = 2.0  # units in the last place


@dataclass(frozen=True)
class Accuracy:
    """The worst error of a subject over the domain, in units in the last place, and where it is."""

    workload: str
    dtype: str
    name: str
    ours: bool
    ulp: float
    at: float
    wrong: int  # points where the error is above a thousand units

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dict(vars(self)) | {"ulp": self.ulp if np.isfinite(self.ulp) else None}


def over_domain(dtype: str) -> Any:
    """Points from one end of the number line to the other."""
    info = np.finfo(dtype)
    middle = np.linspace(0, 50, 301)
    far = np.geomspace(50, 800, 60)
    ends = 2.0 ** np.arange(info.minexp - info.nmant, info.maxexp, 41, dtype=np.float64)
    half = np.unique(np.concatenate([middle, far, ends]).astype(dtype))
    return np.concatenate([-half[::-1], half])


def accuracies(workload: Workload, dtype: str, peers: list[Peer]) -> list[Accuracy]:
    """How accurate everybody is on one workload."""
    x = over_domain(dtype)
    others = {name: value for name, value in workload.draw(1).items() if name != "x"}
    inputs: Inputs = {"x": x, **{name: value.astype(dtype) for name, value in others.items()}}
    truth = _truth(workload, inputs)
    results = {"derive": listed(called(workload, Variant("derive"), dtype, inputs)())}
    with np.errstate(all="ignore"):
        for peer in peers:
            if peer.computes(workload.name):
                results[peer.name] = peer.take(peer.subject(workload.name, inputs)())
    found = []
    for name, parts in results.items():
        errors = np.max([_units(part, true, dtype) for part, true in zip(parts, truth, strict=True)], axis=0)
        at = int(np.argmax(errors))
        wrong = int((errors > 1000).sum())
        found.append(Accuracy(workload.name, dtype, name, name == "derive", float(errors[at]), float(x[at]), wrong))
    return found


def _truth(workload: Workload, inputs: Inputs) -> list[Any]:
    """What the equations say, point by point."""
    asked = workload.asked()
    names = [asked.of.value, *asked.outputs] if workload.value else list(asked.outputs)
    columns: list[list[Any]] = [[] for _ in names]
    known = {name: value for name, value in inputs.items() if name != "x"}
    programs = [asked.of.program, asked.program]
    for x in inputs["x"]:
        for column, name in zip(columns, names, strict=True):
            program = next(p for p in programs if name in p.arrays)
            given = {array.name: float(x) if array.name == "x" else known[array.name] for array in program.inputs}
            column.append(evaluate(program, given, DIGITS)[name][()])
    return columns


def _units(found: Any, truth: list[Any], dtype: str) -> Any:
    """Errors in units in the last place of the true values; infinite where something is not a number."""
    errors = []
    with mpmath.workdps(40):
        for mine, true in zip(found, truth, strict=True):
            rounded = np.asarray(float(true)).astype(dtype)
            if not np.isfinite(mine):
                errors.append(0.0 if rounded == mine else np.inf)
            elif not np.isfinite(rounded):
                errors.append(np.inf)
            else:
                errors.append(float(abs(mpmath.mpf(float(mine)) - true) / abs(float(np.spacing(rounded)))))
    return np.array(errors)
