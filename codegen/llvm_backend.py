"""LLVM: the default backend, which needs no compiler on the machine.

`codegen.llvm_module` writes the text; here it becomes machine code in this process. Object code is cached; a kernel
that was built before is mapped into memory without being compiled. The runtime is one more module.
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
        return module(scheduled(program, name, shared=True), signature(program), dtype, _registers())

    def emit_function(self, program: Program, name: str, dtype: str) -> str:
        """The module below its name and the equations that it computes."""
        head = "".join(f"; {line}".rstrip() + "\n" for line in [name, *str(program).splitlines()])
        return f"{head}\n{self.emit(program, name, dtype)}"

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> MachineLoop:
        """Compile `source`, or take its object code from the cache, and link it into this process."""
        if any(called in source for called in PRODUCTS):
            _with_products()
        for called in (*ROUTINES, *SERIES):
            if f"@{routine_symbol(called, dtype, _registers())}(" in source:
                _with_routine(called, dtype, _registers())
        code = _object((source,), lambda: source)
        return replace(_linked(code, name), call=_call(llvm_calls.symbol(TYPES[dtype], bool(signature.dims))))

    def unavailable(self) -> str:
        """Why LLVM cannot be used here, or nothing."""
        try:
            _machine()
        except BackendUnavailable as error:
            return str(error)
        return ""


BACKEND = LLVMBackend()


# ---------------------------------------------------------------- the compiler


@cache
def _llvmlite() -> Any:
    try:
        import llvmlite  # lazy: 90 ms, and other backends do without it
        import llvmlite.binding
    except ImportError:
        raise BackendUnavailable("backend 'llvm' needs llvmlite; python -m pip install llvmlite") from None
    return llvmlite


@cache
def _machine() -> Any:
    binding = _llvmlite().binding
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=_cpu(), features=_features(), opt=3, jit=True, codemodel="jitdefault")


@cache
def _cpu() -> str:
    return str(_llvmlite().binding.get_host_cpu_name())


@cache
def _features() -> str:
    return str(_llvmlite().binding.get_host_cpu_features().flatten())


@cache
def _registers() -> Registers:
    """The vectors of this processor; without a compiler to ask, small ones."""
    try:
        features = _features().split(",")
    except BackendUnavailable:
        return Registers()
    if "+avx512f" in features:
        return Registers(64, masks=True, fused=True)
    if "+avx2" in features:
        return Registers(32, masks=True, fused="+fma" in features)
    return Registers(fused="+neon" in features)


def optimised(source: str) -> str:
    """The text after LLVM has optimised it for this machine."""
    return str(_tidied(source))


def _tidied(source: str) -> Any:
    """A module with its functions in place and its numbers in registers: its loops are written as they should run."""
    binding, machine = _llvmlite().binding, _machine()
    module = binding.parse_assembly(source)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    passes = binding.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_dead_store_elimination_pass()
    passes.add_dead_code_elimination_pass()
    passes.run(module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options()))
    return module


def _linked(code: bytes, name: str) -> MachineLoop:
    _with_libm()
    _with_runtime()
    _with_addresses({f"derive_lapack_{kind}": address for kind, address in lapack.addresses().items()})
    engine = _loaded(code)
    return MachineLoop(engine.get_function_address(f"{name}_loop"), engine)


def _loaded(code: bytes) -> Any:
    """Object code in memory, ready to run."""
    binding = _llvmlite().binding
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
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
    found = _loaded(_own_object("products", lambda: products(_registers())))
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


def _own_object(name: str, text: Callable[[], str]) -> bytes:
    """Object code for a text of this project's own, which is not even written where it was compiled before."""
    return _object((store.fingerprint(), name), text)


def _object(known: Sequence[str], text: Callable[[], str]) -> bytes:
    """Object code for a text that is told apart by what is `known`, compiled unless it is in the cache."""
    parts = (*known, _llvmlite().__version__, _machine().triple, _cpu(), _features())
    return store.content("llvm", parts, lambda: bytes(_machine().emit_object(_tidied(text()))))


def _with_addresses(addresses: Mapping[str, int]) -> None:
    for name, address in addresses.items():
        _llvmlite().binding.add_symbol(name, address)


@cache
def _with_libm() -> None:
    """Make the functions of the C library known."""
    _with_symbols([*_LIBM, *(f"{name}f" for name in _LIBM), "malloc", "free", "feclearexcept"])


def _with_symbols(names: Sequence[str]) -> None:
    """Make functions of the C libraries known, wherever this system keeps them."""
    binding = _llvmlite().binding
    places = ["msvcrt"] if sys.platform == "win32" else [ctypes.util.find_library("m"), None]
    for name in names:
        for place in places:
            found = getattr(ctypes.CDLL(place), name, None)
            if found is not None:
                binding.add_symbol(name, ctypes.cast(found, ctypes.c_void_p).value)
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
