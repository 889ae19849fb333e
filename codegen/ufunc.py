"""Real NumPy ufuncs made from addresses of machine code.

NumPy's C interface is reached through the capsule it exports, so nothing is compiled when the project is installed.
NumPy then does what it does for its own functions: shapes, broadcasting over leading axes, casting, `out`, overlapping
memory, and letting other threads run. What NumPy points to is kept alive here for as long as the process lives.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.signature import Loop, Signature

TYPE_NUMBERS = {"float64": np.dtype("float64").num, "float32": np.dtype("float32").num, "int64": np.dtype("int64").num}
NO_IDENTITY = -1
MAKE, MAKE_WITH_SIGNATURE = 1, 31

PythonFunction = Callable[..., Sequence[NDArray[Any]]]
_LOOP_TYPE = ctypes.CFUNCTYPE(
    None,
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_ssize_t),
    ctypes.POINTER(ctypes.c_ssize_t),
    ctypes.c_void_p,
)
_FOREVER: list[object] = []


def operand_types(signature: Signature, dtype: str) -> list[str]:
    """The type of each operand: `dtype`, or int64 for arrays of positions."""
    return ["int64" if array.domain.below else dtype for array in signature.operands]


class Control(ctypes.Structure):
    """What a kernel and its machine code tell each other: that there was no memory, and how many threads to use."""

    _fields_ = (("failed", ctypes.c_int32), ("threads", ctypes.c_int32))


def make_ufunc(loop: Loop, signature: Signature, name: str, dtype: str, doc: str, control: Control) -> np.ufunc:
    """A ufunc, or generalised ufunc, that runs `loop`, which reads and writes `control`."""
    numbers = [TYPE_NUMBERS[kind] for kind in operand_types(signature, dtype)]
    functions = (ctypes.c_void_p * 1)(loop.address)
    data = (ctypes.c_void_p * 1)(ctypes.addressof(control))
    types = (ctypes.c_char * len(numbers))(*(bytes([number]) for number in numbers))
    texts = [ctypes.c_char_p(text.encode()) for text in (name, doc, signature.text or "")]
    _FOREVER.extend([loop, functions, data, types, control, *texts])
    counts = 1, len(signature.inputs), len(signature.outputs)
    common = functions, data, types, *counts, NO_IDENTITY, *texts[:2], 0
    plain, generalised = _makers()
    return plain(*common) if signature.text is None else generalised(*common, texts[2])


@cache
def _makers() -> tuple[Any, Any]:
    """NumPy's two makers of ufuncs, as functions that Python can call."""
    table = numpy_table("_UFUNC_API")
    plain = [ctypes.c_void_p] * 3 + [ctypes.c_int] * 4 + [ctypes.c_char_p] * 2 + [ctypes.c_int]
    first = ctypes.PYFUNCTYPE(ctypes.py_object, *plain)(table[MAKE])
    second = ctypes.PYFUNCTYPE(ctypes.py_object, *plain, ctypes.c_char_p)(table[MAKE_WITH_SIGNATURE])
    return first, second


@cache
def numpy_table(name: str) -> Any:
    """A table of NumPy's C interface: the addresses of its functions and types."""
    kinds = ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p
    pointer = ctypes.PYFUNCTYPE(*kinds)(("PyCapsule_GetPointer", ctypes.pythonapi))
    capsule = getattr(import_module("numpy._core._multiarray_umath"), name)
    return ctypes.cast(pointer(capsule, None), ctypes.POINTER(ctypes.c_void_p))


class PythonLoop:
    """A Python function in the shape of machine code: it sees each operand as an array with one leading axis."""

    def __init__(self, function: PythonFunction, signature: Signature, dtype: str) -> None:
        self.function, self.signature = function, signature
        self.types = [np.dtype(kind) for kind in operand_types(signature, dtype)]
        self.callback = _LOOP_TYPE(self.run)
        self.kept = threading.local()

    def loop(self) -> Loop:
        """The address that NumPy calls."""
        return Loop(ctypes.cast(self.callback, ctypes.c_void_p).value or 0, self)

    def run(self, args: Any, dimensions: Any, steps: Any, data: Any) -> None:
        """One call from NumPy; an exception is kept for the kernel to raise."""
        try:
            views = self.views(args, dimensions, steps)
            count = len(self.signature.inputs)
            with np.errstate(all="ignore"):
                results = self.function(*views[:count])
                for view, result in zip(views[count:], results, strict=True):
                    view[...] = result
                np.add(0.0, 0.0)  # clears the flags that the last operation may have left
        except BaseException as error:  # the exception must not cross C code; the kernel raises it
            self.kept.error = error

    def raise_kept(self) -> None:
        """Raise what went wrong in the last call of this thread, if anything did."""
        error = getattr(self.kept, "error", None)
        if error is not None:
            del self.kept.error
            raise error

    def views(self, args: Any, dimensions: Any, steps: Any) -> list[NDArray[Any]]:
        """The operands as arrays over NumPy's memory."""
        sizes = {size: dimensions[at + 1] for at, size in enumerate(self.signature.dims)}
        views, place = [], len(self.signature.operands)
        for at, (array, kind) in enumerate(zip(self.signature.operands, self.types, strict=True)):
            axes = len(array.shape)
            shape = (dimensions[0], *(sizes[size] for size in array.shape))
            strides = (steps[at], *(steps[place + axis] for axis in range(axes)))
            place += axes
            views.append(_view(args[at], shape, strides, kind))
        return views


def _view(address: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    """An array over memory that starts anywhere and runs in any direction."""
    if 0 in shape:
        return np.empty(shape, kind)
    low = sum(min(0, (n - 1) * s) for n, s in zip(shape, strides, strict=True))
    high = sum(max(0, (n - 1) * s) for n, s in zip(shape, strides, strict=True)) + kind.itemsize
    memory: Any = (ctypes.c_char * (high - low)).from_address(address + low)
    return np.ndarray(shape, kind, buffer=memory, offset=-low, strides=strides)
