"""What was measured, in words: a block of lines for a cell, a line for everything else."""

from __future__ import annotations

from benchmarks.accuracy import Accuracy
from benchmarks.measuring import Cell, Timed
from benchmarks.workloads import Workload
from codegen.timing import spoken


def listed(workload: Workload) -> str:
    """A workload with its sizes."""
    sizes = ", ".join("×".join(map(str, size)) for size in workload.sizes)
    return f"{workload.name:22} {workload.kind:12} {sizes}{f'  ({workload.published})' if workload.published else ''}"


def block(cell: Cell) -> str:
    """A line for each subject, the fastest of each role first."""
    lines = [cell.where()]
    lines += [_line(timed, cell) for role in ("ours", "peer", "limit", "objective") for timed in cell.of(role)]
    return "\n".join([*lines, *(f"  {name:26} failed: {why}" for name, why in cell.failed)])


def _line(timed: Timed, cell: Cell) -> str:
    best, bound = (min((t.seconds for t in cell.of(role)), default=None) for role in ("peer", "limit"))
    ratios = f"{best / timed.seconds:8.2f} × best peer" if best and timed.role == "ours" else " " * 20
    ratios += f"{timed.seconds / bound:9.2f} × limit" if bound and timed.role in ("ours", "peer") else " " * 17
    error = ""
    if timed.error is not None:
        error = _units(timed.error) if cell.workload.kind == "elementwise" else f"{timed.error:.0e}"
    return f"  {timed.name:26} {spoken(timed.seconds):>9} {ratios}   {error}".rstrip()


def accuracy(found: Accuracy) -> str:
    """The worst error of a subject over the whole domain."""
    worst = f"{_units(found.ulp)} at x = {found.at:.3g}, {found.wrong} wrong"
    return f"accuracy of {found.workload} {found.dtype}, {found.name}: {worst}"


def _units(error: float) -> str:
    return f"{error:.2f} ulp" if error < 1e4 else f"{error:.1e} ulp"
