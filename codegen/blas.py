"""Products of matrices for machine code: `gemm` and `syrk` of SciPy's BLAS by address, or NumPy's behind a call.

SciPy hands out pointers to the BLAS it comes with, so that a kernel calls it without Python and without a copy. Where
there is no SciPy, a function of the same form asks NumPy, which brings a BLAS of its own; it takes the interpreter's
lock for a few microseconds.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GEMM, SYRK = 13, 10  # how many addresses a call takes
_LETTERS = {"double": "d", "float": "s"}
_KINDS: dict[str, Any] = {"double": ctypes.c_double, "float": ctypes.c_float}
_FOREVER: list[Any] = []


@cache
def addresses() -> dict[str, int]:
    """The address of each symbol."""
    found = {}
    for kind, letter in _LETTERS.items():
        for name, count, make in (("gemm", GEMM, _gemm), ("syrk", SYRK, _syrk)):
            found[symbol(name, kind)] = _of_scipy(letter + name) or _of_numpy(make(_KINDS[kind]), count)
    return found


def symbol(name: str, kind: str) -> str:
    """What machine code calls a function of BLAS for numbers of a kind."""
    return f"derive_{_LETTERS[kind]}{name}"


def source() -> str:
    """Whose BLAS is used: "SciPy" or "NumPy"."""
    return "SciPy" if _of_scipy("dgemm") else "NumPy"


@cache
def _of_scipy(name: str) -> int:
    """The address of a function of SciPy's BLAS, or 0 where SciPy is not installed."""
    try:
        capsule = _pointers().__pyx_capi__[name]
    except (ImportError, KeyError):
        return 0
    title = ctypes.pythonapi.PyCapsule_GetName
    title.restype, title.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return int(pointer(capsule, title(capsule)) or 0)


@cache
def _pointers() -> Any:
    """SciPy's module of pointers to BLAS, alone: the package around it takes 150 ms to import, and is not needed."""
    name = "scipy.linalg.cython_blas"
    if name in sys.modules or "scipy.linalg" in sys.modules:
        return import_module(name)
    spec = PathFinder.find_spec(name, [str(Path(folder) / "linalg") for folder in import_module("scipy").__path__])
    if spec is None or spec.loader is None:
        return import_module(name)
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    sys.modules.pop(name, None)  # it comes again, with the package around it, when somebody imports that
    return found


def _of_numpy(function: Callable[..., None], count: int) -> int:
    callback = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count)(function)
    _FOREVER.append(callback)
    return ctypes.cast(callback, ctypes.c_void_p).value or 0


def _matrix(kind: Any, address: int, rows: int, columns: int, step: int) -> NDArray[Any]:
    """A matrix that lies by columns."""
    entries = (kind * (step * (columns - 1) + rows)).from_address(address)
    width = ctypes.sizeof(kind)
    return np.ndarray((rows, columns), np.dtype(kind), buffer=entries, strides=(width, step * width))


def _syrk(kind: Any) -> Any:
    """`scale · A Aᵀ`, or `scale · Aᵀ A` where it is turned, in the form of BLAS; both halves are filled."""

    def call(*given: int) -> None:
        turned = ctypes.c_char.from_address(given[1]).value == b"T"
        rows, inner = (ctypes.c_int.from_address(at).value for at in given[2:4])
        scale = kind.from_address(given[4]).value
        steps = [ctypes.c_int.from_address(given[at]).value for at in (6, 9)]
        side = _matrix(kind, given[5], *((inner, rows) if turned else (rows, inner)), steps[0])
        target = _matrix(kind, given[8], rows, rows, steps[1])
        _multiply(side.T if turned else side, side if turned else side.T, scale, target)

    return call


def _multiply(left: NDArray[Any], right: NDArray[Any], scale: float, target: NDArray[Any]) -> None:
    with np.errstate(all="ignore"):
        np.matmul(left, right, out=target)
        if scale != 1:
            target *= scale


def _gemm(kind: Any) -> Any:
    """A function of the form of BLAS: matrices by columns, everything by its address."""

    def call(*given: int) -> None:
        turned = [ctypes.c_char.from_address(at).value == b"T" for at in given[:2]]
        rows, columns, inner = (ctypes.c_int.from_address(at).value for at in given[2:5])
        steps = [ctypes.c_int.from_address(given[at]).value for at in (7, 9, 12)]
        scale = kind.from_address(given[5]).value
        shapes = [(rows, inner), (inner, columns)]
        left, right = (
            _matrix(kind, given[at], *(shape[::-1] if turn else shape), step)
            for at, shape, turn, step in zip((6, 8), shapes, turned, steps, strict=False)
        )
        target = _matrix(kind, given[11], rows, columns, steps[2])
        _multiply(left.T if turned[0] else left, right.T if turned[1] else right, scale, target)

    return call
