"""LAPACK for machine code that runs inside Python: one function for it to call, which asks NumPy.

NumPy brings a LAPACK wherever it is installed. Machine code hands over the number of an array function, a matrix with
its strides, and room for the result; the call takes the interpreter's lock, so it may come from any thread.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.array_code import EACH, EIGENVECTORS
from derive.array_functions import ARRAY_FUNCTIONS

TYPES = {"double": ctypes.c_double, "float": ctypes.c_float}
_CALL = ctypes.CFUNCTYPE(
    None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64
)
_FOREVER: list[Any] = []


def number(function: str) -> int:
    """The number that machine code knows an array function by."""
    return list(ARRAY_FUNCTIONS).index(function)


@cache
def addresses() -> dict[str, int]:
    """The addresses of the functions, by the type of their numbers."""
    found = {}
    for name, kind in TYPES.items():
        callback = _CALL(_caller(kind))
        _FOREVER.append(callback)
        found[name] = ctypes.cast(callback, ctypes.c_void_p).value or 0
    return found


def _caller(kind: Any) -> Any:
    width = ctypes.sizeof(kind)

    def call(which: int, source: int, down: int, across: int, target: int, size: int) -> None:
        row = list(ARRAY_FUNCTIONS.values())[which]
        room = (kind * (size**row.rank)).from_address(target)
        result: NDArray[Any] = np.ctypeslib.as_array(room).reshape((size,) * row.rank)
        reach = (size - 1) * (abs(down) + abs(across)) + 1
        start = source + min(0, down * (size - 1)) * width + min(0, across * (size - 1)) * width
        flat = np.ctypeslib.as_array((kind * reach).from_address(start))
        first = (source - start) // width
        matrix = np.lib.stride_tricks.as_strided(flat[first:], (size, size), (down * width, across * width))
        with np.errstate(all="ignore"):
            result[...] = _function(row.name)(matrix)

    return call


@cache
def _function(name: str) -> Any:
    """An array function as NumPy code."""
    row = ARRAY_FUNCTIONS[name]
    scope: dict[str, Any] = {"np": np}
    call = row.numpy.format("a")
    exec(f"{EACH}\n{EIGENVECTORS}\ndef call(a):\n    return _each(lambda a: {call}, a, {row.rank})", scope)
    return scope["call"]
