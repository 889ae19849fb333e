"""LLVM: the default backend, which needs no compiler on the machine.

`codegen.llvm_module` writes the text, `codegen.llvm_compiler` makes object code of it; here that is linked into this
process. Object code is cached; a kernel that was built before is mapped into memory without being compiled. The runtime
is one more module.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from codegen import blas, lapack, llvm_calls, quick_calls, store, threads
from codegen.known_functions import SERIES
from codegen.llvm_compiler import binding, machine_code, registers, version
from codegen.llvm_module import module, routine, routine_symbol
from codegen.llvm_products import PRODUCTS, products
from codegen.llvm_runtime import SYMBOLS, runtime
from codegen.llvm_text import TYPES, Registers
from codegen.routines import ROUTINES
from codegen.schedule import scheduled
from codegen.signature import Loop as MachineLoop
from codegen.signature import Signature, signature
from derive.errors import BackendUnavailable
from derive.program import Program


class LLVMBackend:
    """Emits LLVM's text and compiles it in this process."""

    name = "llvm"

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """A module with the loop that NumPy calls."""
        return module(scheduled(program, name, shared=True), signature(program), dtype, registers())

    def emit_function(self, program: Program, name: str, dtype: str) -> str:
        """The module below its name and the equations that it computes."""
        head = "".join(f"; {line}".rstrip() + "\n" for line in [name, *str(program).splitlines()])
        return f"{head}\n{self.emit(program, name, dtype)}"

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> MachineLoop:
        """Compile `source`, or take its object code from the cache, and link it into this process."""
        if any(called in source for called in PRODUCTS):
            _with_products()
        for called in (*ROUTINES, *SERIES):
            if f"@{routine_symbol(called, dtype, registers())}(" in source:
                _with_routine(called, dtype, registers())
        code = _object((source,), lambda: source)
        return replace(_linked(code, name), call=_call(llvm_calls.symbol(TYPES[dtype], bool(signature.dims))))

    def unavailable(self) -> str:
        """Why LLVM cannot be used here, or nothing."""
        try:
            binding()
        except BackendUnavailable as error:
            return str(error)
        return ""


BACKEND = LLVMBackend()
LENGTH = 8  # bytes of the length of an object file

# ---------------------------------------------------------------- what is linked


def _linked(code: Sequence[bytes], name: str) -> MachineLoop:
    _with_libm()
    _with_runtime()
    _with_addresses({f"derive_lapack_{kind}": address for kind, address in lapack.addresses().items()})
    engine = _loaded(code)
    return MachineLoop(engine.get_function_address(f"{name}_loop"), engine)


def _loaded(code: Sequence[bytes]) -> Any:
    """Object files in memory, ready to run."""
    llvm = binding()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    for file in code:
        engine.add_object_file(llvm.ObjectFileRef.from_data(file))
    engine.finalize_object()
    return engine


@cache
def _with_runtime() -> Any:
    """Make the runtime known; what it lives in has to stay."""
    _with_symbols(threads.POSIX if threads.available() else [])
    found = _loaded(_own_object("runtime", runtime))
    _with_addresses({name: found.get_function_address(name) for name in SYMBOLS})
    return found


def _call(name: str) -> int:
    """Where a function is that Python calls; 0 where it cannot be relied on."""
    return int(_calls().get_function_address(name)) if quick_calls.available() else 0


@cache
def _calls() -> Any:
    """The functions that Python calls."""
    items = quick_calls.TUPLE_ITEMS, quick_calls.BYTES_ITEMS
    return _loaded(_own_object(f"calls {items}", lambda: llvm_calls.calls(*items)))


@cache
def _with_products() -> Any:
    """Make products of matrices known."""
    _with_addresses(blas.addresses())
    found = _loaded(_own_object("products", lambda: products(registers())))
    _with_addresses({name: found.get_function_address(name) for name in PRODUCTS})
    return found


@cache
def _with_routine(name: str, dtype: str, registers: Registers) -> Any:
    """Make known what kernels have in common: a nest, or a function of many terms."""
    _with_libm()
    _with_runtime()
    called = routine_symbol(name, dtype, registers)
    found = _loaded(_own_object(called, lambda: routine(name, dtype, registers)))
    _with_addresses({called: found.get_function_address(called)})
    return found


def _own_object(name: str, text: Callable[[], str]) -> list[bytes]:
    """Object code for a text of this project's own, which is not even written where it was compiled before."""
    return _object((store.fingerprint(), name), text)


def _object(known: Sequence[str], text: Callable[[], str]) -> list[bytes]:
    """Object files for a text that is told apart by what is `known`, compiled unless they are in the cache."""
    kept = store.content("llvm", (*known, version()), lambda: _joined(machine_code(text())))
    files = []
    while kept:
        length = int.from_bytes(kept[:LENGTH])
        files.append(kept[LENGTH : LENGTH + length])
        kept = kept[LENGTH + length :]
    return files


def _joined(files: Sequence[bytes]) -> bytes:
    """Files as one, each after its length."""
    return b"".join(len(file).to_bytes(LENGTH) + file for file in files)


def _with_addresses(addresses: Mapping[str, int]) -> None:
    for name, address in addresses.items():
        binding().add_symbol(name, address)


@cache
def _with_libm() -> None:
    """Make the functions of the C library known."""
    _with_symbols([*_LIBM, *(f"{name}f" for name in _LIBM), "malloc", "free", "feclearexcept"])


def _with_symbols(names: Sequence[str]) -> None:
    """Make functions of the C libraries known, wherever this system keeps them."""
    places = ["msvcrt"] if sys.platform == "win32" else [ctypes.util.find_library("m"), None]
    for name in names:
        for place in places:
            found = getattr(ctypes.CDLL(place), name, None)
            if found is not None:
                binding().add_symbol(name, ctypes.cast(found, ctypes.c_void_p).value)
                break


_LIBM = (
    "floor",
    "erf",
    "erfc",
    "lgamma",
    "tgamma",
    "sinh",
    "cosh",
    "exp",
    "log",
    "log1p",
    "expm1",
    "sin",
    "cos",
    "tan",
    "atan",
    "tanh",
    "pow",
)
