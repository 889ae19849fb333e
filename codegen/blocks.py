"""Blocks of rows: where they come from, and how a kernel runs over them in the memory of one.

Totals are added with a second number that keeps what rounding loses (Neumaier's sum), in float64 whatever the kernel
computes in, so that many small blocks are as accurate as a few large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codegen import progress as bar
from codegen.streaming import Stream, Total
from derive.errors import BackendUnavailable, DeriveError, ShapeError, nearest
from derive.program import Array, Dim, Maximum, Program, Sum

ROWS = 65_536
Block: TypeAlias = "Mapping[str, ArrayLike] | Sequence[ArrayLike] | NDArray[Any]"
Run: TypeAlias = "Callable[..., Any]"


# ---------------------------------------------------------------- where blocks come from


@dataclass(frozen=True)
class Slices:
    """Whole arrays, cut into blocks of rows each time they are read; memory-mapped ones are read as they are cut."""

    arrays: Mapping[str, NDArray[Any]]
    rows: int

    def __post_init__(self) -> None:
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ShapeError(f"the arrays differ in their rows: {', '.join(f'{n}: {k}' for n, k in lengths.items())}")

    def __len__(self) -> int:
        return -(-max((len(array) for array in self.arrays.values()), default=0) // self.rows)

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        for at in range(0, len(self) * self.rows, self.rows):
            yield {name: array[at : at + self.rows] for name, array in self.arrays.items()}


@dataclass(frozen=True)
class Columns:
    """Columns of a Parquet file in blocks of rows: one column is a vector, several are the columns of a matrix."""

    path: Path
    columns: Mapping[str, str | Sequence[str]]
    rows: int

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        try:
            parquet = import_module("pyarrow.parquet")
        except ImportError:
            raise BackendUnavailable("reading Parquet needs pyarrow: python -m pip install pyarrow") from None
        named = [[c] if isinstance(c, str) else list(c) for c in self.columns.values()]
        wanted = list(dict.fromkeys(column for columns in named for column in columns))
        with parquet.ParquetFile(self.path) as file:
            known = file.schema_arrow.names
            for column in wanted:
                if column not in known:
                    raise DeriveError(f"{self.path} has no column {column!r}{nearest(column, known)}")
            for batch in file.iter_batches(self.rows, columns=wanted):
                read = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in wanted}
                yield {
                    name: read[c] if isinstance(c, str) else np.column_stack([read[each] for each in c])
                    for name, c in self.columns.items()
                }


def blocks(file: str | Path | None = None, /, *, rows: int = ROWS, **arrays: Any) -> Slices | Columns:
    """Blocks of `rows` rows of arrays, of `.npy` files (memory-mapped), or of columns of a Parquet `file`.

    They can be read as often as a kernel needs. Columns are named by a text, or by a list for a matrix.

    Raises:
        ShapeError: the arrays differ in their rows.

    >>> [block["x"].tolist() for block in blocks(x=[1, 2, 3], rows=2)]
    [[1, 2], [3]]
    """
    if rows < 1:
        raise ShapeError(f"a block has at least one row, not {rows}")
    if not arrays:
        raise DeriveError("name what the blocks hold, such as blocks(X=..., y=...)")
    if file is not None:
        return Columns(Path(file), arrays, rows)
    opened = {n: np.load(a, mmap_mode="r") if isinstance(a, str | Path) else a for n, a in arrays.items()}
    return Slices({name: _rows(name, array) for name, array in opened.items()}, rows)


def _rows(name: str, value: Any) -> NDArray[Any]:
    found = value if isinstance(value, np.ndarray) else np.asarray(value)
    if not found.ndim:
        raise ShapeError(f"{name} is a number and has no rows; give it whole, by name")
    return found


# ---------------------------------------------------------------- running over them


@dataclass(frozen=True)
class Streamer:
    """A stream with its programs compiled: one kernel for each block program, one for what follows from the totals."""

    name: str
    stream: Stream
    kernels: Mapping[int, tuple[Run | None, Run | None]]
    finish: Run

    @classmethod
    def of(cls, name: str, stream: Stream, make: Callable[[Program, str, bool], Run]) -> Streamer:
        """Compile a stream; `make` compiles a program under a name, exactly (in float64) or as the kernel is."""
        kernels = {
            at: (
                make(one.prepared, f"{name}_prepare{at}", True) if one.prepared else None,
                make(one.block, f"{name}_block{at}", False) if one.block else None,
            )
            for at, one in enumerate(stream.passes)
        }
        return cls(name, stream, kernels, make(stream.finish, f"{name}_finish", True))

    def __call__(self, source: Iterable[Block], fixed: Mapping[str, ArrayLike], progress: bool | None) -> list[Any]:
        """The outputs for all blocks of `source` together."""
        reader = _Reader(self.name, self.stream, fixed)
        if len(self.stream.passes) > 1 and iter(source) is source:
            told = self.stream.passes[1].totals[0].told
            raise DeriveError(
                f"{self.name}: {told} needs a pass over the rows of its own, after the first; "
                "give blocks that can be read again, such as a list or derive.blocks(...), not an iterator"
            )
        known: dict[str, Any] = dict(fixed)
        for at, one in enumerate(self.stream.passes):
            prepare, run = self.kernels[at]
            if prepare is not None and one.prepared is not None:
                known |= _results(prepare, one.prepared, known)
            sums = {total.name: _Fold(total) for total in one.totals}
            told = f"blocks of {self.name}" + (f", pass {at + 1}" if len(self.stream.passes) > 1 else "")
            for block, before in reader.read(source, told, progress):
                if run is not None and one.block is not None:
                    found = _results(run, one.block, known | block | {self.stream.start: float(before)})
                    for name, fold in sums.items():
                        fold.add(found[name])
            known |= {name: fold.value() for name, fold in sums.items()}
            known |= {self.stream.sizes[dim]: float(size) for dim, size in reader.sizes().items()}
        finished = _results(self.finish, self.stream.finish, known)
        return [finished[name] for name in self.stream.finish.outputs]


def _results(run: Run, program: Program, known: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a program by name."""
    found = run(**{array.name: known[array.name] for array in program.inputs})
    return dict(zip(program.outputs, found if len(program.outputs) > 1 else (found,), strict=True))


class _Fold:
    """A running total over blocks."""

    def __init__(self, total: Total) -> None:
        self.fold = total.fold
        self.total: Any = None
        self.lost: Any = 0.0

    def add(self, part: Any) -> None:
        """One block more."""
        part = np.asarray(part, dtype=np.float64)
        if self.total is None:
            self.total = part
        elif self.fold is not Sum:
            self.total = (np.maximum if self.fold is Maximum else np.multiply)(self.total, part)
        else:
            with np.errstate(all="ignore"):
                both = self.total + part
                large = np.abs(self.total) >= np.abs(part)
                self.lost += np.where(large, (self.total - both) + part, (part - both) + self.total)
            self.total = both

    def value(self) -> Any:
        """The total so far."""
        whole = self.total + self.lost
        return np.where(np.isfinite(self.total), whole, self.total)


class _Reader:
    """Reads blocks, and holds every one to the names and sizes of those before it."""

    def __init__(self, name: str, stream: Stream, fixed: Mapping[str, ArrayLike]) -> None:
        self.name, self.stream = name, stream
        self.known: dict[Dim, tuple[int, str]] = {}
        self.count: int | None = None
        for array in stream.streamed:
            if array.name in fixed:
                raise DeriveError(f"{name}: {array} has the axis {stream.over} and belongs into the blocks")
        missing = [array.name for array in stream.fixed if array.name not in fixed]
        if missing:
            raise DeriveError(
                f"{name} is missing {', '.join(missing)}: what has no axis {stream.over} is given whole, by name"
            )
        for array in stream.fixed:
            self.measure(array, fixed[array.name], array.name)

    def read(self, source: Iterable[Block], told: str, progress: bool | None) -> Iterator[tuple[dict[str, Any], int]]:
        """Each block by name, with the number of rows before it."""
        rows, at = 0, 0
        total = len(source) if isinstance(source, Sized) else None
        for at, block in enumerate(source, 1):
            bar.draw(at - 1, total, told, progress)
            named = self.named(block, at)
            here = {
                self.measure(array, named[array.name], f"{array.name} of block {at}") for array in self.stream.streamed
            }
            if len(here) > 1:
                shapes = ", ".join(f"{name}: {np.shape(value)}" for name, value in named.items())
                raise ShapeError(f"{self.name}: the arrays of block {at} differ in {self.stream.over}: {shapes}")
            yield named, rows
            rows += here.pop()
        bar.wipe(progress)
        if not at:
            again = "" if self.count is None else " the second time: give blocks that can be read again"
            raise DeriveError(f"{self.name} was given no blocks{again}")
        if self.count not in (None, rows):
            raise ShapeError(f"{self.name} read {self.count} rows the first time, and {rows} then")
        self.count = rows

    def named(self, block: Block, at: int) -> dict[str, Any]:
        """The arrays of a block by their names."""
        names = [array.name for array in self.stream.streamed]
        if isinstance(block, Mapping):
            if set(block) != set(names):
                wrong = next((name for name in block if name not in names), None)
                which = (
                    f"holds {wrong!r}{nearest(wrong, names)}"
                    if wrong
                    else f"lacks {', '.join(set(names) - set(block))}"
                )
                raise DeriveError(f"{self.name}: block {at} {which}; blocks hold {', '.join(names)}")
            return dict(block)
        if len(names) == 1 and not isinstance(block, tuple):
            return {names[0]: block}
        if not isinstance(block, Sequence) or len(block) != len(names):
            have = f"{len(block)} arrays" if isinstance(block, Sequence) else type(block).__name__
            raise DeriveError(
                f"{self.name}: block {at} has to be a tuple of {', '.join(names)}, or a mapping; given {have}"
            )
        return dict(zip(names, block, strict=True))

    def measure(self, array: Array, value: ArrayLike, where: str) -> int:
        """Hold an array to the sizes that are known; returns how many rows it has."""
        shape, rows = np.shape(value), 0
        if len(shape) != len(array.shape):
            raise ShapeError(f"{self.name}: {where} has {len(shape)} axes, and {array} has {len(array.shape)}")
        for size, length in zip(array.shape, shape, strict=True):
            if size == self.stream.over:
                rows = length
            elif isinstance(size, Dim):
                have, there = self.known.setdefault(size, (length, where))
                if have != length:
                    raise ShapeError(f"{self.name}: {size} is {have} in {there} but {length} in {where}")
        return rows

    def sizes(self) -> dict[Dim, int]:
        """How large each dimension is as a whole."""
        return {self.stream.over: self.count or 0} | {dim: length for dim, (length, _) in self.known.items()}
