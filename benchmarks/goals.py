"""The goals, each judged by what was measured in this run and by nothing else.

A goal is a sentence with a test over cells (or over what else was measured). Where a run measured nothing that it
speaks of, it is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.accuracy import GOAL as UNITS
from benchmarks.accuracy import Accuracy
from benchmarks.derivation import Figure
from benchmarks.measuring import Cell
from benchmarks.mixture import ACCEPTED
from codegen.timing import spoken, verdict

GENTLE_PEERS = ("jax", "torch")


@dataclass(frozen=True)
class Judged:
    """A goal and how it stands; `met` is None where nothing was measured."""

    goal: int
    statement: str
    met: bool | None
    told: str

    def __str__(self) -> str:
        if self.met is None:
            return f"goal {self.goal}  not measured  {self.statement}"
        return f"goal {self.goal}  {verdict(self.met):12} {self.statement}: {self.told}"


def judged(cells: list[Cell], accuracies: list[Accuracy], figures: list[Figure]) -> list[Judged]:
    """Every goal."""
    entrywise = [c for c in cells if c.workload.kind in ("elementwise", "rows")]
    regressions = [c for c in cells if c.workload.kind == "regression"]
    hessians = [c for c in cells if c.workload.kind == "hessian"]
    networks = [c for c in cells if c.workload.name == "mlp_batch"]
    tiny = [c for c in cells if c.workload.kind == "call" or c.size == (1,)]
    published = [c for c in cells if c.workload.published]
    found = [
        at_least(1, "elementwise and row-wise: 3 times the best peer out of cache", out(entrywise), lead, 3.0),
        at_most(
            1,
            "cheap elementwise: within 1.5 times the copy limit out of cache",
            out(c for c in entrywise if c.workload.cheap),
            beyond,
            1.5,
        ),
        at_least(1, "elementwise and row-wise: never slower than a peer", entrywise, lead, 1.0),
        at_most(2, "regression gradients: within 1.2 times the time to read X", out(regressions), beyond, 1.2),
        at_least(2, "regression gradients: never slower than a peer", regressions, lead, 1.0),
        at_least(2, "Hessians: 2 times JAX and PyTorch", hessians, gentle_lead, 2.0),
        at_most(3, "networks: within 1.25 times the matrix products alone", largest(networks), beyond, 1.25),
        within(4, "tiny calls: at most 1 µs", tiny, 1e-6),
    ]
    for number in (5, 6):
        found += [Judged(f.goal, f.what, f.met, f.told) for f in figures if f.goal == number]
    found.append(accurate(accuracies))
    found.append(at_least(8, "published tables: never slower than a peer", published, lead, 1.0))
    found += acceptance(cells)
    return found


# ---------------------------------------------------------------- what a cell is judged by

Ratio = Callable[[Cell], float | None]


def lead(cell: Cell) -> float | None:
    return cell.lead


def beyond(cell: Cell) -> float | None:
    return cell.beyond


def gentle_lead(cell: Cell) -> float | None:
    """How many times faster than those peers that the goal names."""
    times = [t.seconds for t in cell.of("peer") if t.name in GENTLE_PEERS]
    return min(times) / cell.ours.seconds if times else None


def out(cells: Iterable[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.out_of_cache]


def largest(cells: list[Cell]) -> list[Cell]:
    most = max((cell.bytes for cell in cells if cell.dtype == "float64"), default=0)
    return [cell for cell in cells if cell.bytes >= most / 2]


def at_least(goal: int, statement: str, cells: Iterable[Cell], ratio: Ratio, wanted: float) -> Judged:
    known = [(found, cell) for cell in cells if (found := ratio(cell)) is not None]
    if not known:
        return Judged(goal, statement, None, "")
    worst, cell = min(known, key=lambda pair: pair[0])
    return Judged(
        goal, statement, worst >= wanted, f"{counted(known, lambda r: r >= wanted)}, least {worst:.2f} ({cell.where()})"
    )


def at_most(goal: int, statement: str, cells: Iterable[Cell], ratio: Ratio, wanted: float) -> Judged:
    known = [(found, cell) for cell in cells if (found := ratio(cell)) is not None]
    if not known:
        return Judged(goal, statement, None, "")
    worst, cell = max(known, key=lambda pair: pair[0])
    return Judged(
        goal, statement, worst <= wanted, f"{counted(known, lambda r: r <= wanted)}, most {worst:.2f} ({cell.where()})"
    )


def counted(known: list[tuple[float, Cell]], holds: Callable[[float], bool]) -> str:
    return f"{sum(holds(ratio) for ratio, _ in known)} of {len(known)}"


def within(goal: int, statement: str, cells: list[Cell], seconds: float) -> Judged:
    if not cells:
        return Judged(goal, statement, None, "")
    slowest = max(cells, key=lambda cell: cell.ours.seconds)
    fine = sum(cell.ours.seconds <= seconds for cell in cells)
    told = f"{fine} of {len(cells)}, slowest {spoken(slowest.ours.seconds)} ({slowest.where()})"
    return Judged(goal, statement, slowest.ours.seconds <= seconds, told)


def accurate(accuracies: list[Accuracy]) -> Judged:
    statement = f"elementwise kernels: within {UNITS:g} units in the last place over the whole domain"
    ours = [a for a in accuracies if a.ours]
    if not ours:
        return Judged(7, statement, None, "")
    worst = max(ours, key=lambda a: a.ulp)
    fine = sum(a.ulp <= UNITS for a in ours)
    told = f"{fine} of {len(ours)}, worst {worst.ulp:.3g} ({worst.workload} {worst.dtype} at x = {worst.at:.3g})"
    return Judged(7, statement, worst.ulp <= UNITS, told)


def acceptance(cells: list[Cell]) -> list[Judged]:
    """ADBench: the gradient agrees with the one by hand, and costs few objectives."""
    found = []
    for cell in (c for c in cells if c.workload.objective is not None and c.dtype == "float64"):
        error = max(t.error or 0.0 for t in cell.of("ours"))
        alone = cell.named("derive, objective alone")
        by_hand, objective = cell.named("numpy"), cell.named("numpy, objective alone")
        ratios = [f"{cell.ours.seconds / alone.seconds:.2f} objectives"] if alone else []
        ratios += [f"by hand {by_hand.seconds / objective.seconds:.2f}"] if by_hand and objective else []
        statement = f"ADBench's acceptance test: {cell.where()} within {ACCEPTED:g} of the gradient by hand"
        found.append(Judged(8, statement, error <= ACCEPTED, f"{error:.0e}; a gradient costs {', '.join(ratios)}"))
    return found
