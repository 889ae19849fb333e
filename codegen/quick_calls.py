"""Functions that Python calls at native cost, in front of a kernel that knows all cases.

`codegen.llvm_calls` is the machine code; here it becomes a built-in function of Python, with what it has to know. It
reads objects where the headers of CPython and NumPy say that fields are, which is looked at once before it is relied
on: where anything is not as expected, kernels are called by way of NumPy only.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from sympy import Integer

from codegen.llvm_calls import AXES, DATA, DTYPE, FLAGS, READY, SHAPE, TYPE, Known
from codegen.signature import Signature
from codegen.ufunc import TYPE_NUMBERS, Control, numpy_table

TUPLE_ITEMS = tuple.__basicsize__
BYTES_ITEMS = bytes.__basicsize__ - 1  # the last byte of the header is the zero that ends the bytes
ARRAY_TYPE, NEW_SCALAR, NEW_ARRAY = 2, 60, 93  # places in the table of NumPy's C interface
FAST_WITH_NAMES = 0x82  # CPython's METH_FASTCALL | METH_KEYWORDS


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


def quick_call(
    address: int, loop: int, signature: Signature, dtype: str, control: Control, slow: Callable[..., Any], results: type
) -> Callable[..., Any]:
    """A function that takes what `slow` takes, and runs the `loop` itself where all is plain.

    `address` is where its machine code is; several results come as `results`, which is a kind of tuple.
    """
    kind = np.dtype(dtype)
    table, api = numpy_table("_ARRAY_API"), ctypes.pythonapi
    dims, operands = list(signature.dims), signature.operands
    known = {
        Known.LOOP: loop,
        Known.CONTROL: ctypes.addressof(control),
        Known.INPUTS: len(signature.inputs),
        Known.OUTPUTS: len(signature.outputs),
        Known.DIMENSIONS: len(dims),
        Known.DTYPE: id(kind),
        Known.NUMBER: TYPE_NUMBERS[dtype],
        Known.ARRAY_TYPE: table[ARRAY_TYPE],
        Known.FLOAT_TYPE: id(float),
        Known.SCALAR_TYPE: id(np.float64),
        Known.NEW_ARRAY: table[NEW_ARRAY],
        Known.NEW_SCALAR: table[NEW_SCALAR],
        Known.AS_DOUBLE: _address(api.PyFloat_AsDouble),
        Known.CALL: _address(api.PyObject_Vectorcall),
        Known.RELEASE: _address(api.Py_DecRef),
        Known.ALLOCATE: _address(api.PyType_GenericAlloc),
        Known.CLEAR: _address(api.PyErr_Clear),
        Known.LET_GO: _address(api.PyEval_SaveThread),
        Known.TAKE_BACK: _address(api.PyEval_RestoreThread),
    }
    tables = [int(size) if isinstance(size, Integer) else -1 for size in dims]
    tables += [len(array.shape) for array in operands]
    tables += [dims.index(size) for array in operands for size in array.shape]
    numbers = [*(known[what] for what in list(Known)[: Known.TABLES]), *tables]
    described = bytes((ctypes.c_int64 * len(numbers))(*numbers))
    return _function()(ctypes.byref(_method(address)), (described, slow, results, control), None)


@cache
def available() -> bool:
    """Whether objects look as CPython's and NumPy's headers say, here and now."""
    if sys.implementation.name != "cpython" or object.__basicsize__ != DATA or TUPLE_ITEMS != 24:
        return False  # another Python, or one without the lock that calls rely on
    array = np.arange(6.0).reshape(2, 3)
    start = id(array)

    def field(offset: int, kind: Any) -> Any:
        return kind.from_address(start + offset).value

    shape = (ctypes.c_ssize_t * 2).from_address(field(SHAPE, ctypes.c_void_p))
    held, text = (array,), b"here"
    item = ctypes.c_void_p.from_address(id(held) + TUPLE_ITEMS).value
    return (
        field(TYPE, ctypes.c_void_p) == id(np.ndarray) == numpy_table("_ARRAY_API")[ARRAY_TYPE]
        and field(DATA, ctypes.c_void_p) == array.ctypes.data
        and field(AXES, ctypes.c_int) == array.ndim
        and tuple(shape) == array.shape
        and field(DTYPE, ctypes.c_void_p) == id(np.dtype("float64"))
        and field(FLAGS, ctypes.c_int) & READY == READY
        and item == start
        and ctypes.string_at(id(text) + BYTES_ITEMS, len(text)) == text
    )


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@cache
def _method(address: int) -> _Method:
    """What CPython has to know of the machine code at an address, for as long as the process lives."""
    return _Method(b"kernel", address, FAST_WITH_NAMES, None)


@cache
def _function() -> Any:
    """CPython's maker of built-in functions."""
    kinds = ctypes.c_void_p, ctypes.py_object, ctypes.py_object
    return ctypes.PYFUNCTYPE(ctypes.py_object, *kinds)(("PyCFunction_NewEx", ctypes.pythonapi))
