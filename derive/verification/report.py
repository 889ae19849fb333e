"""Checks and what came of them.

A derivative is right when the oracle's value of the derived program equals central differences of the program it was
derived from; a kernel is right when it equals the oracle's value of its own program. Both at random sizes and points
of the declared domains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derive.errors import CheckFailed, DeriveError
from derive.program import Program
from derive.verification.equality import assert_close
from derive.verification.finite_differences import derivative
from derive.verification.oracle import evaluate
from derive.verification.sampling import Sample
from derive.verification.taylor import remainder_order

DERIVATIVE_TOLERANCE = 1e-20
ORDER = 1.9
TOLERANCES = {"float64": 1e-11, "float32": 1e-3}

Kernel: TypeAlias = "Callable[..., Any]"
Target: TypeAlias = "tuple[str, str, str]"  # the derived name, what it is the derivative of, by what


@dataclass(frozen=True)
class Check:
    """One comparison: of what, with what, and how it went."""

    subject: str
    against: str
    ok: bool
    worst_error: float
    points: int
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The check as plain fields."""
        return dict(vars(self))


@dataclass(frozen=True)
class Report:
    """Checks, and whether all of them passed."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    def __add__(self, other: Report) -> Report:
        return Report(self.checks + other.checks)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain fields."""
        return {"ok": self.ok, "checks": [check.to_dict() for check in self.checks]}

    def sentences(self) -> tuple[str, ...]:
        """What was checked, in words; the failures alone where there are any."""
        if not self.ok:
            return tuple(check.detail for check in self.checks if not check.ok)
        differences = [check for check in self.checks if check.against.startswith("central")]
        worst = max((check.worst_error for check in differences), default=0.0)
        points = max((check.points for check in differences), default=0)
        told = [f"agrees with central differences in 50 digits at {points} random points (worst error {worst:.0e})"]
        orders = {check.against for check in self.checks if check.subject.startswith("the remainder")}
        told += [f"Taylor remainder: {', '.join(sorted(orders))}"] if orders else []
        claims = sum(check.subject.startswith("claim") for check in self.checks)
        told += [f"the known closed form{'s are' if claims > 1 else ' is'} proved equal"] if claims else []
        return tuple(told)

    def raise_if_failed(self) -> None:
        """Raise `CheckFailed` with the first failure, if there is one."""
        for check in self.checks:
            if not check.ok:
                raise CheckFailed(check.detail)

    def __str__(self) -> str:
        rows = [(c.subject, c.against, "ok" if c.ok else "FAILED", f"{c.worst_error:.1e}") for c in self.checks]
        widths = [max((len(row[k]) for row in rows), default=0) for k in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        details = [f"  {check.detail}" for check in self.checks if not check.ok]
        return "\n".join(line.rstrip() for line in [*lines, *details])


def at_zero(point: Sample, names: Sequence[str]) -> Sample:
    """A point at which some inputs are zero."""
    return replace(point, inputs=point.inputs | {name: np.zeros_like(point.inputs[name]) for name in names})


def check_derivative(
    original: Program,
    derived: Program,
    targets: Sequence[Target],
    points: Sequence[Sample],
    maps: Mapping[str, Program] | None = None,
) -> Report:
    """Compare names of `derived` with central differences of names of `original` in 50-digit arithmetic.

    `maps` are programs that take the plain derivative `g` to what a convention makes of it.
    """
    found = (_derivative_check(original, derived, t, points, (maps or {}).get(t[0])) for t in targets)
    return Report(tuple(found))


def check_remainder(original: Program, derived: Program, targets: Sequence[Target], points: Sequence[Sample]) -> Report:
    """The order in which the Taylor remainder vanishes with each derivative: 2 when it is right."""
    return Report(tuple(_remainder_check(original, derived, target, points) for target in targets))


def _remainder_check(original: Program, derived: Program, target: Target, points: Sequence[Sample]) -> Check:
    name, output, wrt = target
    orders: list[float] = []

    def compare(point: Sample) -> float:
        if not np.size(point.inputs[wrt]):
            return 0.0
        found = evaluate(derived, point.inputs)[name]
        orders.append(remainder_order(original, output, wrt, point.inputs, found))
        if orders[-1] < ORDER:
            raise CheckFailed(f"the remainder of {output} along {wrt} vanishes in order {orders[-1]:.2f}, not 2")
        return 0.0

    check = _checked(f"the remainder of {output} along {wrt}", "order 2", points, compare)
    least = min(orders, default=float("inf"))
    return replace(check, against="the value is linear" if np.isinf(least) else f"order {least:.2f}")


def _derivative_check(
    original: Program, derived: Program, target: Target, points: Sequence[Sample], convention: Program | None
) -> Check:
    name, output, wrt = target
    what = f"the derivative of {output} by {wrt}"

    def compare(point: Sample) -> float:
        expected = derivative(original, output, wrt, point.inputs)
        if convention is not None:
            expected = evaluate(convention, {"g": expected, wrt: point.inputs[wrt]})["mapped"]
        return assert_close(evaluate(derived, point.inputs)[name], expected, DERIVATIVE_TOLERANCE, what)

    return _checked(what, "central differences in 50 digits", points, compare)


def check_kernel(
    program: Program, label: str, kernel: Kernel, points: Sequence[Sample], dtype: str = "float64"
) -> Check:
    """Compare a kernel of `program` with the oracle."""

    def compare(point: Sample) -> float:
        results = kernel(*(_cast(value, dtype) for value in point.inputs.values()))
        outputs = results if isinstance(results, tuple) else (results,)
        wanted = evaluate(program, point.inputs)
        return max(
            assert_close(got, wanted[name], TOLERANCES[dtype], f"the {label} kernel of {name}")
            for got, name in zip(outputs, program.outputs, strict=True)
        )

    return _checked(f"the {label} kernel", "the oracle in 50 digits", points, compare)


def _cast(value: NDArray[Any], dtype: str) -> NDArray[Any]:
    return value if value.dtype.kind in "iu" else value.astype(np.dtype(dtype))


def _checked(subject: str, against: str, points: Sequence[Sample], compare: Callable[[Sample], float]) -> Check:
    worst = 0.0
    for point in points:
        try:
            worst = max(worst, compare(point))
        except DeriveError as error:
            sizes = ", ".join(f"{name} = {size}" for name, size in point.sizes.items())
            return Check(
                subject, against, False, float("inf"), len(points), f"{error}" + (f"; {sizes}" if sizes else "")
            )
    return Check(subject, against, True, worst, len(points))
