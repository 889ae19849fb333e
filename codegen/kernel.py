"""Kernels: what a backend's text becomes when it is built, and how it is called.

A kernel is a NumPy ufunc with names. NumPy checks, broadcasts, casts and calls; this module adds arguments by keyword,
a named tuple for several results, and errors that speak of the formula's arrays instead of NumPy's core dimensions. The
explanation is worked out after something went wrong, so that a call costs no more than the ufunc's.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import import_module
from types import MethodType
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sympy import Add, Expr, Integer, Mul

from codegen import threads as workers
from codegen.blocks import Block, Streamer
from codegen.bounds import Bound
from codegen.quick_calls import quick_call
from codegen.signature import Loop, Signature, signature
from codegen.streaming import row_axis, streamed
from codegen.ufunc import Control, PythonLoop, make_ufunc, operand_types
from derive.domains import domain
from derive.errors import BackendUnavailable, DeriveError, DomainError, ShapeError, nearest
from derive.program import Array, Dim, Program

BACKENDS = ("numpy", "numexpr", "c", "llvm")
DTYPES = ("float64", "float32")
MAX_OPERANDS = 64  # of a NumPy ufunc
Origin: TypeAlias = "Callable[[], Program]"


class Backend(Protocol):
    """What emits text for a program, and makes machine code of the text."""

    name: str

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """The text of a kernel."""

    def emit_function(self, program: Program, name: str, dtype: str) -> str:
        """The part of that text that people read and take elsewhere."""

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> Loop:
        """The machine code of a text."""

    def unavailable(self) -> str:
        """Why the backend cannot be used here, or nothing."""


def usable(name: str) -> Backend:
    """The backend of this name.

    Raises:
        BackendUnavailable: there is no such backend, or a package it needs is missing.
    """
    found = _named(name)
    problem = found.unavailable()
    if problem:
        raise BackendUnavailable(problem)
    return found


def emit(program: Program, *, name: str, backend: str, dtype: str = "float64", whole: bool = False) -> str:
    """The text of a kernel for `program`, or the `whole` text that is built; nothing is built here."""
    if dtype not in DTYPES:
        raise DomainError(f"a kernel computes in float64 or float32, not in {dtype!r}")
    found = _named(backend)
    return found.emit(program, name, dtype) if whole else found.emit_function(program, name, dtype)


def compile_program(
    program: Program,
    *,
    name: str,
    backend: str = "llvm",
    dtype: str = "float64",
    doc: str = "",
    threads: int | None = None,
) -> Kernel:
    """A kernel for `program`.

    Raises:
        BackendUnavailable: the backend cannot be used on this machine.
        ShapeError: a size of the program cannot be read off its inputs.
    """
    text = emit(program, name=name, backend=backend, dtype=dtype, whole=True)
    known = signature(program)
    return assemble(
        text, known, name=name, backend=backend, dtype=dtype, doc=doc, threads=threads, origin=lambda: program
    )


def assemble(
    source: str,
    signature: Signature,
    *,
    name: str,
    backend: str,
    dtype: str,
    doc: str = "",
    threads: int | None = None,
    origin: Origin,
) -> Kernel:
    """A kernel from text that was emitted before, of the program that `origin` gives when it is asked.

    It uses at most so many `threads`.

    Raises:
        DomainError: `threads` is not a whole number from 1.
        ShapeError: there are more inputs and outputs than NumPy can pass.
    """
    count = len(signature.operands)
    if count > MAX_OPERANDS:
        raise ShapeError(f"{name} has {count} inputs and outputs, NumPy passes {MAX_OPERANDS}; ask for fewer at once")
    control = Control(0, workers.default() if threads is None else workers.checked(threads))
    loop = usable(backend).build(source, signature, name, dtype)
    ufunc = make_ufunc(loop, signature, name, dtype, doc or name, control)
    quick = loop.call and not (signature.bounds or signature.computed or any(a.domain.below for a in signature.inputs))
    kind = QuickKernel if quick else Kernel
    return kind(name, backend, dtype, source, signature, doc, ufunc, loop, control, origin)


def _named(name: str) -> Backend:
    if name not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise BackendUnavailable(f"no backend is called {name!r}{nearest(name, BACKENDS)}; there are {known}")
    found: Backend = import_module(f"codegen.{name}_backend").BACKEND
    return found


@dataclass(frozen=True, eq=False)
class Kernel:
    """A compiled program: call it with arrays in the order of its inputs, or by keyword.

    Leading axes broadcast as NumPy's do. Several results come as a named tuple. `out` takes an array, or a tuple.
    Infinities and not-a-number are values: nothing warns of them.

    Raises:
        ShapeError: shapes do not fit; the message names the arrays and the size that disagrees.
        DomainError: an array is not of real numbers, or a position is out of range.
    """

    name: str
    backend: str
    dtype: str
    source: str
    signature: Signature
    doc: str
    ufunc: np.ufunc
    loop: Loop = field(repr=False)
    control: Control = field(repr=False)
    origin: Origin = field(repr=False)
    streamers: dict[tuple[str, ...], Streamer] = field(default_factory=dict, repr=False)

    def __call__(self, *arrays: ArrayLike, out: Any = None, **named: ArrayLike) -> Any:
        """The results for these arrays."""
        given: Sequence[ArrayLike] = arrays
        try:
            if out is None and self._quick and not named and len(arrays) == self._count:
                results = self.ufunc(*arrays)
            else:
                if named or len(arrays) != self._count:
                    given = self._ordered(arrays, named)
                results = self._with_care(given, out)
        except (ValueError, TypeError) as error:
            raise self._explained(given, out, error) from None
        except MemoryError:
            raise DeriveError(f"{self.name} found no memory for its results; give arrays to write to as out") from None
        if self.control.failed:
            self.control.failed = 0
            raise DeriveError(f"{self.name} found no memory for its intermediate arrays")
        return self._result(*results) if isinstance(results, tuple) else results

    def map_blocks(
        self, blocks: Iterable[Block], /, over: str | None = None, progress: bool | None = None, **fixed: ArrayLike
    ) -> Any:
        """The results for rows that come in blocks, in the memory of one block.

        A block is a tuple of arrays in the order of the inputs, or a mapping of their names; `derive.blocks` cuts them
        from arrays and files. `fixed` are the inputs that have no rows, each whole. The rows lie along the leading axis
        that the arrays in blocks share, or along the size that `over` names. `progress` draws a bar on standard error;
        by default it does on a terminal.

        Raises:
            DeriveError: an output has an entry for every row, or a quantity cannot be had from totals over blocks, or
                takes a second pass over blocks that can be read only once; the message names it.
            ShapeError: a block does not fit those before it.

        >>> from derive.kernels import mse_grad
        >>> blocks = [([[1.0, 2.0]], [3.0]), ([[0.0, 1.0]], [1.0])]
        >>> mse_grad.map_blocks(blocks, w=[1.0, 1.0])
        array([0., 0.])
        """
        key = (over or "", *sorted(fixed))
        if key not in self.streamers:
            program = self.origin()
            stream = streamed(program, row_axis(program, fixed, over))
            self.streamers[key] = Streamer.of(self.name, stream, self._sibling)
        found = [np.asarray(r).astype(self.dtype)[()] for r in self.streamers[key](blocks, fixed, progress)]
        return self._result(*found) if len(found) > 1 else found[0]

    def _sibling(self, program: Program, name: str, exact: bool) -> Kernel:
        """A kernel of another program by the same backend, in float64 where it has to be exact."""
        return compile_program(program, name=name, backend=self.backend, dtype="float64" if exact else self.dtype)

    def __repr__(self) -> str:
        return f"<kernel {self.name} {self.signature} ({self.backend}, {self.dtype})>"

    # ------------------------------------------------ made once

    @cached_property
    def _count(self) -> int:
        return len(self.signature.inputs)

    @cached_property
    def _casting(self) -> dict[str, Any]:
        """Numbers may lose digits on their way into a kernel of single precision, not into others."""
        if self.dtype != "float32":
            return {}
        return {"casting": "same_kind", "signature": self.ufunc.types[0]}  # without it inputs have to be cast safely

    @cached_property
    def _positions(self) -> tuple[tuple[int, Array], ...]:
        return tuple((at, array) for at, array in enumerate(self.signature.inputs) if array.domain.below)

    @cached_property
    def _guarded(self) -> bool:
        """Whether what is read depends on more than shapes that fit."""
        return bool(self._positions or self.signature.bounds)

    @cached_property
    def _quick(self) -> bool:
        """Whether NumPy can do all there is to do."""
        return not (self._guarded or self._casting or self._python or self._computed)

    @cached_property
    def _computed(self) -> bool:
        """Whether NumPy cannot size a result, since its size is worked out from others."""
        return self.signature.computed

    @cached_property
    def _results(self) -> int:
        return len(self.signature.outputs)

    @cached_property
    def _type(self) -> np.dtype[Any]:
        return np.dtype(self.dtype)

    @cached_property
    def _python(self) -> PythonLoop | None:
        return self.loop.keep if isinstance(self.loop.keep, PythonLoop) else None

    @cached_property
    def _result(self) -> Any:
        return namedtuple(f"{self.name}_result", [array.name for array in self.signature.outputs])

    # ------------------------------------------------ arguments

    def _ordered(self, arrays: Sequence[ArrayLike], named: Mapping[str, ArrayLike]) -> list[ArrayLike]:
        """Positional and keyword arguments in the order of the inputs."""
        names = [array.name for array in self.signature.inputs]
        if len(arrays) > len(names):
            known = ", ".join(names)
            raise DeriveError(f"{self.name} takes {len(names)} arrays ({known}), but {len(arrays)} were given")
        given = dict(zip(names, arrays, strict=False))
        for name, value in named.items():
            if name not in names:
                raise DeriveError(f"{self.name} takes no {name!r}{nearest(name, names)}; it takes {', '.join(names)}")
            if name in given:
                raise DeriveError(f"{self.name} was given {name!r} twice")
            given[name] = value
        missing = [name for name in names if name not in given]
        if missing:
            raise DeriveError(f"{self.name} is missing {', '.join(missing)}; it takes {', '.join(names)}")
        return [given[name] for name in names]

    def _with_care(self, given: Sequence[ArrayLike], out: Any) -> Any:
        """The call with positions checked, with room for what NumPy cannot size, or into `out`."""
        if self._guarded:
            self._check_reach(given)
        if out is None and self._computed:
            out = self._room(given)
        results = self.ufunc(*given, **self._casting) if out is None else self._into(given, out)
        if self._python is not None:
            self._python.raise_kept()
        return results

    def _lie_apart(self, given: Sequence[ArrayLike], out: Any) -> bool:
        """Whether results of the right type have memory of their own, so that nothing has to be looked at closely."""
        outs = out if isinstance(out, tuple) else (out,)
        for one in outs:
            if type(one) is not np.ndarray or one.base is not None or one.dtype is not self._type:
                return False
            if not one.flags.writeable:
                return False
        for value in given:
            if not _owns(value):
                for one in outs:
                    if np.may_share_memory(value, one):
                        return False
            for one in outs:
                if value is one:
                    return False
        return len(outs) == self._results and len(set(map(id, outs))) == len(outs)

    def _into(self, given: Sequence[ArrayLike], out: Any) -> Any:
        """The call with results written into `out`."""
        if self._lie_apart(given, out):
            return self.ufunc(*given, out=out, **self._casting)
        outs = out if isinstance(out, tuple) else (out,)
        outputs = self.signature.outputs
        if len(outs) != len(outputs) or not all(isinstance(o, np.ndarray) for o in outs):
            names = ", ".join(array.name for array in outputs)
            raise ShapeError(f"out takes {len(outputs)} arrays ({names}), given {_kinds(outs)}")
        for array, target in zip(outputs, outs, strict=True):
            if not target.flags.writeable:
                raise DomainError(f"out for {array.name} is read-only")
            if target.dtype.kind != "f":
                raise DomainError(f"out for {array.name} has to be an array of {self.dtype}, not {target.dtype}")
        for at, one in enumerate(outs):
            if any(_may_overlap(one, other) and np.shares_memory(one, other) for other in outs[at + 1 :]):
                raise ShapeError("the arrays given as out overlap each other")
        # NumPy copies what overlaps, but takes an input that is exactly `out` for an elementwise one.
        apart = [np.array(g) if any(_may_overlap(g, o) for o in outs) else g for g in given]
        return self.ufunc(*apart, out=outs, **self._casting)

    def _room(self, given: Sequence[ArrayLike]) -> tuple[NDArray[Any], ...]:
        """New arrays for the results, where their sizes are worked out from those of the inputs."""
        known = {Dim(name): Integer(size) for name, size in self._sizes(given).items()}
        pairs = list(zip(self.signature.inputs, map(np.shape, given), strict=True))
        if any(len(shape) < len(array.shape) for array, shape in pairs):
            raise ValueError("too few axes")
        lead = np.broadcast_shapes(*(shape[: len(shape) - len(array.shape)] for array, shape in pairs))
        sizes = ([max(int(size.xreplace(known)), 0) for size in array.shape] for array in self.signature.outputs)
        return tuple(np.empty((*lead, *shape), self.dtype) for shape in sizes)

    def _check_reach(self, given: Sequence[ArrayLike]) -> None:
        """Positions, given or worked out, have to be inside the axis they point into."""
        sizes = self._sizes(given)
        for bound in self.signature.bounds:
            if sizes.keys() >= bound.names and not bound.holds(sizes):
                have = ", ".join(f"{name} = {sizes[name]}" for name in sorted(bound.names))
                raise ShapeError(f"{self.name} reads {bound.element}, which needs {bound}; given {have}")
        for at, array in self._positions:
            values = np.asarray(given[at])
            below = int(array.domain.below) if array.domain.below.isdigit() else sizes.get(array.domain.below, 0)
            if values.size and not (values.min() >= 0 and values.max() < below):
                found = f"{values.min()} to {values.max()}"
                raise DomainError(f"{array.name} holds positions from 0 to {below - 1}, but ranges from {found}")

    def _sizes(self, given: Sequence[ArrayLike]) -> dict[str, int]:
        found: dict[str, int] = {}
        for array, value in zip(self.signature.inputs, given, strict=True):
            shape = np.shape(value)
            for axis, size in enumerate(array.shape):
                if isinstance(size, Dim) and len(shape) >= len(array.shape):
                    found.setdefault(size.name, shape[axis - len(array.shape)])
        return found

    # ------------------------------------------------ explanations

    def _explained(self, given: Sequence[ArrayLike], out: Any, error: Exception) -> DeriveError:
        """Why NumPy refused, in the formula's words."""
        wanted = operand_types(self.signature, self.dtype)
        arrays: list[NDArray[Any]] = []
        for array, value, kind in zip(self.signature.inputs, given, wanted, strict=False):
            try:
                entries = np.asarray(value)
            except ValueError:
                return ShapeError(f"{self.name}: {array.name} is not an array: its rows differ in length")
            if not np.can_cast(entries.dtype, kind, "same_kind" if self._casting else "safe"):
                accepted = "integers" if kind == "int64" else "real numbers"
                return DomainError(f"{self.name}: {array.name} has to hold {accepted}, not {entries.dtype}")
            arrays.append(entries)
        what = f"{self.name} takes {'; '.join(map(str, self.signature.inputs))}"
        shapes = ", ".join(f"{a.name}: {v.shape}" for a, v in zip(self.signature.inputs, arrays, strict=False))
        return ShapeError(f"{what}; given {shapes}: {self._disagreement(arrays) or self._outs(out) or error}")

    def _disagreement(self, arrays: Sequence[NDArray[Any]]) -> str:
        """The first size that two arrays do not agree on."""
        known: dict[object, tuple[int, str]] = {}
        for array, value in zip(self.signature.inputs, arrays, strict=False):
            if value.ndim < len(array.shape):
                return f"{array.name} needs {len(array.shape)} axes"
            for axis, size in enumerate(array.shape):
                here = value.shape[axis - len(array.shape)]
                have, where = known.setdefault(size, (int(size) if isinstance(size, Integer) else here, array.name))
                if have != here:
                    return f"{size} is {have} in {where} but {here} in {array.name}"
        return ""

    def _outs(self, out: Any) -> str:
        if out is None:
            return ""
        outs = out if isinstance(out, tuple) else (out,)
        wanted = ", ".join(map(str, self.signature.outputs))
        return f"out has to fit {wanted}, and has {', '.join(str(np.shape(o)) for o in outs)}"


class QuickKernel(Kernel):
    """A kernel that looks at plain arrays itself, and asks NumPy for everything else."""

    __slots__ = ("_call",)

    def __init__(self, *fields: Any) -> None:
        super().__init__(*fields)
        slow = MethodType(Kernel.__call__, self)
        given = self.loop.call, self.loop.address, self.signature, self.dtype, self.control
        results = self._result if self._results > 1 else tuple
        object.__setattr__(self, "_call", quick_call(*given, slow, results))

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(MethodType(Kernel.__call__, self))


QuickKernel.__call__ = QuickKernel._call  # type: ignore[attr-defined, method-assign]  # what each kernel holds there


def _owns(value: object) -> bool:
    """Whether a value is an array that owns its memory, or none."""
    return value.base is None if type(value) is np.ndarray else isinstance(value, int | float)


def _may_overlap(given: ArrayLike, out: NDArray[Any]) -> bool:
    """Whether an argument may lie where a result goes."""
    return given is out if _owns(given) and _owns(out) else np.may_share_memory(given, out)


def _kinds(values: Sequence[Any]) -> str:
    return ", ".join(type(value).__name__ for value in values) or "nothing"


def described(signature: Signature) -> dict[str, Any]:
    """A signature as plain values, to be kept on disk."""
    return {
        side: [[a.name, [_told(s) for s in a.shape], a.domain.name] for a in arrays]
        for side, arrays in (("inputs", signature.inputs), ("outputs", signature.outputs))
    } | {"dims": [_told(size) for size in signature.dims], "bounds": [asdict(bound) for bound in signature.bounds]}


def restored(fields: Mapping[str, Any]) -> Signature:
    """The signature that `described` took apart."""

    def arrays(side: str) -> tuple[Array, ...]:
        return tuple(Array(name, tuple(map(_size, shape)), domain(kind)) for name, shape, kind in fields[side])

    bounds = tuple(Bound.restored(bound) for bound in fields["bounds"])
    return Signature(arrays("inputs"), arrays("outputs"), tuple(map(_size, fields["dims"])), bounds)


def _told(size: Expr) -> Any:
    """A size as plain values: a name, a number, or an operation with its operands."""
    if isinstance(size, Dim | Integer):
        return str(size)
    return ["+" if size.is_Add else "*", *map(_told, size.args)]


def _size(told: Any) -> Any:
    """The size that `_told` took apart."""
    if isinstance(told, str):
        return Integer(told) if told.lstrip("-").isdigit() else Dim(told)
    operation, *operands = told
    return (Add if operation == "+" else Mul)(*map(_size, operands))
