"""What a kernel will do, before it does it: passes over memory, operations, bytes, and what was fused.

A pass is an outermost loop, or a call of BLAS or LAPACK. Within a pass an array counts once, however often its entries
are used: rows that a pass comes back to are still in cache. Operations count a function call as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

from sympy import Expr, Integer, S, expand

from codegen.costs import operations
from codegen.items import several_items
from codegen.loops import (
    Accumulator,
    Factorise,
    Local,
    Loop,
    Multiply,
    Nest,
    Statement,
    Store,
    Update,
    everything,
    values,
)
from codegen.partition import Parts, names_used, parted
from codegen.schedule import scheduled
from codegen.standing import first_alone
from codegen.tiling import ROWS, Tile, tiled
from derive.errors import BackendUnavailable
from derive.program import Array, Program, name_of, names_in

NATIVE = ("c", "llvm")
WIDTHS = {"float64": 8, "float32": 4}


@dataclass(frozen=True)
class Pass:
    """One walk over memory: what runs, what it computes, reads and writes, and what it costs."""

    runs: str
    computes: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    operations: Expr
    bytes: Expr
    threads: str


@dataclass(frozen=True)
class Plan:
    """The passes of a kernel, in order, the workspace they need, in bytes, and what is made of broadcasting."""

    name: str
    passes: tuple[Pass, ...]
    workspace: Expr
    broadcast: str = ""

    @property
    def operations(self) -> Expr:
        """The operations of all passes."""
        return _total(p.operations for p in self.passes)

    @property
    def bytes(self) -> Expr:
        """The bytes that all passes move."""
        return _total(p.bytes for p in self.passes)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values; sizes stay symbols."""
        passes = [
            {
                "runs": p.runs,
                "computes": list(p.computes),
                "reads": list(p.reads),
                "writes": list(p.writes),
                "operations": str(p.operations),
                "bytes": str(p.bytes),
                "threads": p.threads,
            }
            for p in self.passes
        ]
        totals = {"operations": str(self.operations), "bytes": str(self.bytes), "workspace": str(self.workspace)}
        return {"name": self.name, "passes": passes, **totals, "broadcast": self.broadcast}

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.passes)} pass{'es' * (len(self.passes) != 1)} over memory"]
        for at, one in enumerate(self.passes, start=1):
            fused = f"  fused: {', '.join(one.computes)}" if len(one.computes) > 1 else f"  {', '.join(one.computes)}"
            lines += ["", f"{at}. {one.runs}", f" {fused}"]
            lines.append(f"   reads {', '.join(one.reads) or 'nothing'}; writes {', '.join(one.writes) or 'nothing'}")
            lines.append(f"   {_text(one.operations)} operations, {_text(one.bytes)} bytes")
            if one.threads:
                lines.append(f"   {one.threads}")
        lines += ["", f"in all {_text(self.operations)} operations, {_text(self.bytes)} bytes"]
        lines.append(f"workspace {_text(self.workspace)} bytes" if self.workspace != 0 else "no workspace")
        lines += [self.broadcast] if self.broadcast else []
        return "\n".join(lines)


def planned(program: Program, *, name: str, backend: str, dtype: str = "float64") -> Plan:
    """What a kernel of a native backend will do: its passes over memory, operations and bytes.

    Raises:
        BackendUnavailable: the backend is not one that runs loops of our own.
    """
    if backend not in NATIVE:
        natives = " or ".join(NATIVE)
        raise BackendUnavailable(f"a plan is of loops, and backend {backend!r} has none of its own; ask for {natives}")
    native = backend == "llvm"
    return plan(scheduled(program, name, shared=native), dtype, threads=native)


def plan(nest: Nest, dtype: str, threads: bool) -> Plan:
    """The plan of a nest; with `threads`, of a backend that cuts loops into parts."""
    width = WIDTHS[dtype]
    arrays = {array.name: array for array in (*nest.inputs, *nest.outputs, *nest.workspace)}
    outer = list(parted(nest)) if threads else list(nest.body)
    passes = [_whole(nest, arrays, width)] if not any(_is_pass(s) for s in nest.body) else []
    for statement in outer:
        cut = statement if isinstance(statement, Parts) else None
        body = statement.loop if isinstance(statement, Parts) else statement
        if _is_pass(body):
            passes.append(_pass(body, cut, arrays, width))
    workspace = _total(width * prod(array.shape, start=S.One) for array in nest.workspace)
    return Plan(nest.name, tuple(passes), workspace, _broadcast(nest) if threads else "")


def _broadcast(nest: Nest) -> str:
    """What a kernel makes of rows: of a formula's numbers, or of positions of the outer axes."""
    if not any(map(_is_pass, nest.body)):
        others = " and ".join(array.name for array in nest.inputs[1:])
        return f"numbers with the same {others} share what depends on nothing else" if first_alone(nest) else ""
    found = several_items(nest)
    return f"leading axes: {_tile(found[1])}" if found else ""


def _tile(tile: Tile) -> str:
    return f"{ROWS} rows at a time{' with one call of functions' if tile.held else ''}"


def _is_pass(statement: Statement) -> bool:
    return isinstance(statement, Loop | Factorise | Multiply)


def _whole(nest: Nest, arrays: dict[str, Array], width: int) -> Pass:
    """The one pass of a formula of numbers, over what NumPy hands over."""
    count = _total(_operations(s) for s in nest.body)
    names = tuple(array.name for array in nest.inputs), tuple(array.name for array in nest.outputs)
    size = Integer(width * (len(nest.inputs) + len(nest.outputs)))
    return Pass("for each number", names[1], *names, count, size, "the numbers are cut into parts for threads")


def _pass(statement: Statement, cut: Parts | None, arrays: dict[str, Array], width: int) -> Pass:
    if isinstance(statement, Factorise):
        size = statement.size
        runs = f"{statement.function}({statement.source}) by LAPACK, or loops where it is small"
        moved = _bytes((statement.source, statement.target), arrays, width)
        return Pass(runs, (statement.target,), (statement.source,), (statement.target,), size**3, moved, "")
    if isinstance(statement, Multiply):
        rows, columns, inner = statement.sizes
        sources = tuple(dict.fromkeys((statement.left.name, statement.right.name)))
        sides = " @ ".join(f"{s.name}{'.T' * s.transposed}" for s in (statement.left, statement.right))
        half = ", half of it, since it is symmetric" if statement.symmetric else ""
        count = expand((1 if statement.symmetric else 2) * rows * columns * inner)
        moved = _bytes(dict.fromkeys((*sources, statement.target)), arrays, width)
        how = "loops that kernels share" if columns == 1 else "BLAS, or loops where it is small"
        runs = f"{sides} by {how}{half}"
        return Pass(runs, (statement.target,), sources, (statement.target,), count, moved, "")
    assert isinstance(statement, Loop)
    inside = list(everything(statement.body))
    stored = dict.fromkeys(name_of(s.element) for s in inside if isinstance(s, Store))
    named = dict.fromkeys(s.name for s in inside if isinstance(s, Local | Accumulator | Update))
    read = {name for s in inside for value in values(s) for name in names_in(value)}
    reads = tuple(name for name in arrays if name in read)
    writes = tuple(name for name in arrays if name in stored)
    touched = [name for name in arrays if name in names_used([statement])]
    threads = ""
    if cut is not None:
        tile = tiled(cut)
        rows = f", {_tile(tile)}" if tile else ""
        folds = f"; {', '.join(fold.name for fold in cut.folds)} folded two by two" if cut.folds else ""
        threads = f"cut along {statement.index.size} for threads{rows}{folds}"
    runs = f"for {statement.index} < {statement.index.size}"
    computes = tuple(dict.fromkeys((*named, *stored)))
    return Pass(runs, computes, reads, writes, _operations(statement), _bytes(touched, arrays, width), threads)


def _operations(statement: Statement) -> Expr:
    if isinstance(statement, Loop):
        return expand(statement.index.size * _total(map(_operations, statement.body)))
    folds = isinstance(statement, Update | Store) and statement.how != "set"
    return Integer(sum(map(operations, values(statement))) + folds)


def _bytes(names: Iterable[str], arrays: dict[str, Array], width: int) -> Expr:
    return expand(width * _total(prod(arrays[name].shape, start=S.One) for name in names))


def _total(terms: Iterable[Expr]) -> Expr:
    return expand(sum(terms, start=S.Zero))


def _text(size: Expr) -> str:
    return str(size).replace("**2", "²").replace("**3", "³").replace("*", "·")
