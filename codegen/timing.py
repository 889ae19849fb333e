"""How things are timed: interleaved, so that a machine whose speed drifts drifts for all, and by medians.

What the machine itself can do (copy, read, multiply matrices) is timed among the subjects, in the same rounds, so that
a ratio to a limit compares like with like. Nothing here promises absolute times.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

Subject = Callable[[], object]
SHORTEST = 500e-6  # seconds a sample should take, so that neither the clock nor whoever ran before counts
ALONE = 100_000  # numbers that one thread is done with before another has begun
FEWEST = 3  # rounds, however long they take


def medians(subjects: Mapping[str, Subject], rounds: int = 15, seconds: float | None = None) -> dict[str, float]:
    """The median seconds of each subject, all run in turn, round by round, after one round that is not counted.

    With `seconds`, rounds stop when they have taken that long together, but not before a few. Short subjects are run
    several times a round.
    """
    repeats = {name: _repeats(subject) for name, subject in subjects.items()}
    found: dict[str, list[float]] = {name: [] for name in subjects}
    with _undisturbed():
        begun = time.perf_counter()
        for at in range(rounds):
            if seconds is not None and at >= FEWEST and time.perf_counter() - begun > seconds:
                break
            for name, subject in subjects.items():
                times = range(repeats[name])
                start = time.perf_counter()
                for _ in times:
                    subject()
                found[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(each) for name, each in found.items()}


def _once(subject: Subject) -> float:
    start = time.perf_counter()
    subject()
    return time.perf_counter() - start


def _repeats(subject: Subject) -> int:
    """How often a subject is run for one sample, found by runs that do not count."""
    first = _once(subject)
    shortest = first if first > 0.01 else min(_once(subject) for _ in range(3))
    return max(1, min(5000, int(SHORTEST / max(shortest, 1e-8))))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the garbage collector, whose pauses fall on whoever runs at the time."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# ---------------------------------------------------------------- what the machine can do


def copying(read: int, written: int, threads: int = 1) -> Subject:
    """Reads and writes as many bytes as a kernel that takes and gives them, into memory that is there already."""
    common = min(read, written)
    source, target = np.ones(max(common // 8, 1)), np.empty(max(common // 8, 1))
    rest = reading(read - common, threads) if read > common else _filling(written - common, threads)
    copied = _shared(lambda part: np.copyto(target[part], source[part]), len(source), threads)

    def run() -> None:
        copied()
        rest()

    return run


def reading(size: int, threads: int = 1) -> Subject:
    """Reads `size` bytes once: the search for the largest entry waits for nothing but memory."""
    values = np.ones(max(size // 8, 1))
    return _shared(lambda part: values[part].max(), len(values), threads)


def _filling(size: int, threads: int) -> Subject:
    target = np.empty(max(size // 8, 1))
    return _shared(lambda part: target[part].fill(0.0), len(target), threads)


def _shared(work: Callable[[slice], object], length: int, threads: int) -> Subject:
    """Work on a range, cut for so many threads where that pays."""
    if threads == 1 or length < ALONE:
        return lambda: work(slice(0, length))
    pool = ThreadPoolExecutor(threads)
    cuts = [length * at // threads for at in range(threads + 1)]
    parts = [slice(start, stop) for start, stop in pairwise(cuts)]
    return lambda: list(pool.map(work, parts))


def multiplying(shapes: list[tuple[int, int, int]], dtype: DTypeLike) -> Subject:
    """Products of matrices alone: one of (n, k) by (k, m) for each (n, k, m)."""
    pairs = [(np.ones((n, k), dtype), np.ones((k, m), dtype), np.empty((n, m), dtype)) for n, k, m in shapes]

    def multiplied() -> None:
        for left, right, out in pairs:
            np.matmul(left, right, out=out)

    return multiplied


# ---------------------------------------------------------------- how it is told


def milliseconds(seconds: float) -> str:
    """Seconds as readable milliseconds."""
    return f"{seconds * 1e3:.3g} ms"


def spoken(seconds: float) -> str:
    """Seconds in the unit that fits them.

    >>> spoken(4.2e-7), spoken(0.0321), spoken(2.0)
    ('420 ns', '32.1 ms', '2 s')
    """
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e9:.3g} ns"


def verdict(met: bool) -> str:
    """Whether a goal is met."""
    return "met" if met else "NOT met"
