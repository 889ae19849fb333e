"""How things are timed: interleaved, so that a machine whose speed drifts drifts for all, and by medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Subject = Callable[[], object]


def medians(subjects: Mapping[str, Subject], rounds: int = 15) -> dict[str, float]:
    """The median seconds of each subject, all run in turn, round by round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for counted in range(-1, rounds):
        for name, subject in subjects.items():
            start = time.perf_counter()
            subject()
            if counted >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in seconds.items()}


def milliseconds(seconds: float) -> str:
    """Seconds as readable milliseconds."""
    return f"{seconds * 1e3:.3g} ms"


def verdict(met: bool) -> str:
    """Whether a goal is met."""
    return "met" if met else "NOT met"
