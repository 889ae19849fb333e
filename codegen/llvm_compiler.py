"""LLVM as a compiler of texts for this machine. A long module is compiled in pieces, side by side."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from codegen import threads
from codegen.llvm_pieces import pieces
from codegen.llvm_text import Registers
from derive.errors import BackendUnavailable

_IDLE: list[Any] = []  # machines


@cache
def binding() -> Any:
    """LLVM, ready to make code for this machine.

    Raises:
        BackendUnavailable: llvmlite is not installed.
    """
    try:
        import llvmlite.binding as found  # lazy: 90 ms, and other backends do without it
    except ImportError:
        raise BackendUnavailable("backend 'llvm' needs llvmlite; python -m pip install llvmlite") from None
    found.initialize_native_target()
    found.initialize_native_asmprinter()
    return found


@cache
def version() -> str:
    """What machine code depends on beside its text: LLVM and this machine."""
    llvm = binding()
    import llvmlite  # lazy: it is loaded by now

    return " ".join([llvmlite.__version__, llvm.get_default_triple(), *_processor()])


@cache
def registers() -> Registers:
    """The vectors of this processor; without a compiler to ask, small ones."""
    try:
        features = _processor()[1].split(",")
    except BackendUnavailable:
        return Registers()
    if "+avx512f" in features:
        return Registers(64, masks=True, fused=True)
    if "+avx2" in features:
        return Registers(32, masks=True, fused="+fma" in features)
    return Registers(fused="+neon" in features)


def optimised(text: str) -> str:
    """The text after LLVM has optimised it for this machine."""
    with _machine() as machine:
        return str(_tidied(text, machine))


def machine_code(text: str) -> list[bytes]:
    """Object files for a module, of which the first calls the others."""
    parts = pieces(text, threads.default())
    if len(parts) == 1:
        return [_compiled(text)]
    from concurrent.futures import ThreadPoolExecutor  # lazy: 7 ms

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(_compiled, parts))


@cache
def _processor() -> tuple[str, str]:
    return str(binding().get_host_cpu_name()), str(binding().get_host_cpu_features().flatten())


@contextmanager
def _machine() -> Iterator[Any]:
    """What LLVM knows of this machine, for one thread at a time; it takes 4 ms to find out."""
    try:
        found = _IDLE.pop()
    except IndexError:
        cpu, features = _processor()
        target = binding().Target.from_default_triple()
        found = target.create_target_machine(cpu=cpu, features=features, opt=3, jit=True, codemodel="jitdefault")
    yield found
    _IDLE.append(found)


def _compiled(text: str) -> bytes:
    with _machine() as machine:
        return _object_code(machine, _tidied(text, machine))


def _tidied(text: str, machine: Any) -> Any:
    """A module with its functions in place and its numbers in registers: its loops are written as they should run."""
    module = binding().parse_assembly(text, binding().create_context())
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    passes = binding().create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_dead_store_elimination_pass()
    passes.add_dead_code_elimination_pass()
    builder = binding().create_pass_builder(machine, binding().create_pipeline_tuning_options())
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)
    return module


def _object_code(machine: Any, module: Any) -> bytes:
    ffi = binding().ffi
    with ffi.OutputString() as error:
        code = _unlocked("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, error)
        if not code:
            raise RuntimeError(str(error))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(code), ffi.lib.LLVMPY_GetBufferSize(code))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(code)


def _unlocked(name: str) -> Callable[..., Any]:
    """A function of LLVM without the lock that llvmlite holds around each.

    LLVM asks only that a context, and what belongs to it, is used by one thread at a time. Where llvmlite keeps its
    functions in another way the lock stays, and pieces are compiled one after the other.
    """
    function = getattr(binding().ffi.lib, name)
    return getattr(function, "_cfn", function)
