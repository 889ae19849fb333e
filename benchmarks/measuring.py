"""One cell of the table: a workload at a size in a precision, with every subject timed in the same rounds."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

import derive
from benchmarks.peers import Peer
from benchmarks.workloads import Inputs, Size, Workload, measured_in
from codegen.kernel import Kernel
from codegen.signature import Loop
from codegen.timing import Subject, copying, medians, multiplying, reading
from codegen.ufunc import Control, make_ufunc

Role: TypeAlias = Literal["ours", "peer", "limit", "objective"]
TINY = 4096  # bytes; what takes less is called for the price of a call
CACHE = 32e6  # bytes; what moves more is called out of cache


@dataclass(frozen=True)
class Timed:
    """A subject's median seconds, and how far its worst entry is from the truth.

    The error of an elementwise workload is in units in the last place; of another it is relative to the largest entry.
    """

    name: str
    role: Role
    seconds: float
    error: float | None = None


@dataclass(frozen=True)
class Cell:
    """What was measured of a workload at a size in a precision."""

    workload: Workload
    size: Size
    dtype: str
    bytes: int
    timed: tuple[Timed, ...]
    failed: tuple[tuple[str, str], ...] = ()  # peers that raised, and what

    def of(self, role: Role) -> list[Timed]:
        """The subjects in a role, the fastest first."""
        return sorted((t for t in self.timed if t.role == role), key=lambda t: t.seconds)

    def named(self, name: str) -> Timed | None:
        """The subject of this name."""
        return next((t for t in self.timed if t.name == name), None)

    @property
    def ours(self) -> Timed:
        """The fastest of ours."""
        return self.of("ours")[0]

    @property
    def lead(self) -> float | None:
        """How many times faster than the best peer."""
        peers = self.of("peer")
        return peers[0].seconds / self.ours.seconds if peers else None

    @property
    def beyond(self) -> float | None:
        """Our time in times of the limit."""
        limits = self.of("limit")
        return self.ours.seconds / limits[0].seconds if limits else None

    @property
    def out_of_cache(self) -> bool:
        """Whether the arrays together are larger than a core's caches."""
        return self.bytes > CACHE

    def where(self) -> str:
        """The workload, size and precision in a few words."""
        return f"{self.workload.title()} {'×'.join(map(str, self.size))} {self.dtype}"

    def to_dict(self) -> dict[str, Any]:
        """The cell as plain values."""
        return {
            "workload": self.workload.name,
            "kind": self.workload.kind,
            "published": self.workload.published,
            "size": list(self.size),
            "dtype": self.dtype,
            "bytes": self.bytes,
            "faster_than_best_peer": self.lead,
            "times_of_limit": self.beyond,
            "subjects": [asdict(t) for t in self.timed],
            "failed": dict(self.failed),
        }


@dataclass(frozen=True)
class Variant:
    """A way to ask for our kernel: by options of `derive.compile`, and into new arrays or those that are there.

    `plain` calls the NumPy function inside, which says less of what is wrong with its arguments.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    into: bool = False
    plain: bool = False


def variants(threads: int) -> tuple[Variant, ...]:
    """Our kernels on so many threads, as far as kernels know of threads."""
    known = "threads" in inspect.signature(derive.compile).parameters
    counts = sorted({1, threads}) if known else [1]
    found = []
    for count in counts:
        options = (("threads", count),) if known else ()
        told = f" {count} threads" if count > 1 else ""
        found += [Variant(f"derive{told}", options), Variant(f"derive{told} out=", options, into=True)]
    return tuple(found)


def measure(
    workload: Workload, size: Size, dtype: str, peers: list[Peer], threads: int = 1, seconds: float = 1.0
) -> Cell:
    """Time everybody at one size."""
    drawn = workload.draw(*size)
    inputs = measured_in(drawn, dtype)
    truth = listed(workload.truth(*measured_in(inputs, "longdouble").values()))
    subjects: dict[str, tuple[Role, Subject]] = {}
    errors: dict[str, float] = {}
    failed: list[tuple[str, str]] = []

    def enter(name: str, role: Role, subject: Subject, take: Callable[[Any], list[Any]] = listed) -> None:
        errors[name] = worst(take(subject()), truth, dtype, workload.kind == "elementwise")
        subjects[name] = role, subject

    read = sum(np.asarray(value).nbytes for value in inputs.values())
    plain = [Variant("derive .ufunc", plain=True)] if read < TINY else []
    for variant in (*variants(threads), *plain):
        enter(variant.name, "ours", called(workload, variant, dtype, inputs))
    for peer in peers:
        if peer.computes(workload.name):
            try:
                enter(peer.name, "peer", peer.subject(workload.name, inputs), peer.take)
            except Exception as error:  # whatever goes wrong in a library is part of what is told
                failed.append((peer.name, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"))
    written = sum(part.size * np.dtype(dtype).itemsize for part in truth)
    if workload.limit:
        subjects[limit_name(workload)] = "limit", limit(workload, size, dtype, read, written, threads)
    if workload.objective is not None:
        value = derive.compile(workload.asked().of, dtype=dtype)
        arrays = ordered(value, inputs)
        by_hand = workload.objective
        subjects["derive, objective alone"] = "objective", lambda: value(*arrays)
        subjects["numpy, objective alone"] = "objective", lambda: by_hand(*inputs.values())
    found = medians({name: subject for name, (_, subject) in subjects.items()}, rounds=200, seconds=seconds)
    timed = tuple(Timed(name, role, found[name], errors.get(name)) for name, (role, _) in subjects.items())
    return Cell(workload, size, dtype, read + written, timed, tuple(failed))


def ordered(kernel: Kernel, inputs: Inputs) -> list[Any]:
    """The inputs in the order of a kernel."""
    return [inputs[array.name] for array in kernel.signature.inputs]


def called(workload: Workload, variant: Variant, dtype: str, inputs: Inputs) -> Subject:
    """Our kernel on the inputs."""
    kernel = derive.compile(workload.asked(), dtype=dtype, value=workload.value, **dict(variant.options))
    arrays = ordered(kernel, inputs)
    if variant.plain:
        return lambda: kernel.ufunc(*arrays)
    if not variant.into:
        return lambda: kernel(*arrays)
    made = kernel(*arrays)
    out = tuple(np.array(part) for part in listed(made))
    target = out if len(out) > 1 else out[0]
    return lambda: kernel(*arrays, out=target)


def limit_name(workload: Workload) -> str:
    """What the limit is called."""
    return f"limit: {workload.limit}" if isinstance(workload.limit, str) else "limit: matrix products"


def limit(workload: Workload, size: Size, dtype: str, read: int, written: int, threads: int) -> Subject:
    """What the machine does at best."""
    if workload.limit == "copy":
        return copying(read, written, threads)
    if workload.limit == "read":
        return reading(read, threads)
    if workload.limit == "call":
        return calling(workload, dtype)
    if isinstance(workload.limit, str):
        raise ValueError(f"{workload.name}: no limit is called {workload.limit!r}")
    return multiplying(workload.limit(*size), dtype)


def calling(workload: Workload, dtype: str) -> Subject:
    """An empty function that NumPy calls as it calls our kernel."""
    kernel = derive.compile(workload.asked(), dtype=dtype, value=workload.value)
    arrays = [np.asarray(value, dtype) for value in ordered(kernel, workload.draw(*workload.sizes[0]))]
    nothing = ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p).value
    assert nothing is not None
    empty = make_ufunc(Loop(nothing, None), kernel.signature, "nothing", dtype, "", Control(0, 1))
    return lambda: empty(*arrays)


def listed(result: Any) -> list[Any]:
    """The arrays of a result."""
    return [np.asarray(part) for part in (result if isinstance(result, tuple | list) else (result,))]


def worst(found: list[Any], truth: list[Any], dtype: str, by_entry: bool) -> float:
    """The largest error of any entry: in units in the last place, or relative to the largest entry of its array."""
    errors = [0.0]
    for mine, true in zip(found, truth, strict=True):
        if mine.shape != true.shape:
            raise ValueError(f"a result has the shape {mine.shape}, not {true.shape}")
        if not true.size:
            continue
        apart = np.abs(mine.astype(true.dtype) - true)
        scale = np.abs(np.spacing(true.astype(dtype))) if by_entry else np.max(np.abs(true))
        with np.errstate(all="ignore"):
            unknown = np.isnan(true)
            errors.append(float(np.max(np.where((apart == 0) | unknown, 0, apart / scale))))
    return float("nan") if any(np.isnan(errors)) else max(errors)
