"""The backend that writes C99 and builds it with the compiler that is there.

A unit has two parts: the function people take (`codegen.c_text`), and the loop that NumPy calls around it
(`codegen.c_loop`).

Strict floating point: no flag lets the compiler change what NaN, infinities or rounding mean. Sums that say so are
added in the order that fills vectors.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from codegen import store
from codegen.c_loop import unit_text
from codegen.c_names import identifier
from codegen.c_text import Unit
from codegen.schedule import scheduled
from codegen.signature import Loop as MachineLoop
from codegen.signature import Signature, signature
from derive.errors import BackendUnavailable
from derive.program import Program

FLAGS = (
    "-std=c99",
    "-O3",
    "-march=native",
    "-fPIC",
    "-shared",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp-simd",
    "-ffp-contract=off",
)
COMPILERS = ("cc", "gcc", "clang", "tcc")


class CBackend:
    """Emits C99 and builds it with the compiler that is there."""

    name = "c"

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """The whole translation unit: the function, then the loop that NumPy calls."""
        return unit_text(Unit(scheduled(program, name), signature(program), dtype, str(program)))

    def emit_function(self, program: Program, name: str, dtype: str) -> str:
        """The function alone, as somebody would take it to a machine without NumPy."""
        return Unit(scheduled(program, name), signature(program), dtype, str(program)).public_function()

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> MachineLoop:
        """Compile `source`, or take it from the cache, and load it."""
        compiler = _compiler()
        path = store.fetch(
            "c",
            (source, compiler, _version(compiler), *FLAGS, store.processor()),
            ".so",
            lambda: _compiled(compiler, source),
        )
        library = ctypes.CDLL(str(path))
        function = getattr(library, f"{identifier(name, set())}_loop")
        return MachineLoop(ctypes.cast(function, ctypes.c_void_p).value or 0, library)

    def unavailable(self) -> str:
        """Why no C can be compiled here, or nothing."""
        try:
            _compiler()
        except BackendUnavailable as error:
            return str(error)
        return ""


BACKEND = CBackend()


def _compiler() -> str:
    wanted = os.environ.get("CC")
    if wanted and not shutil.which(wanted):
        raise BackendUnavailable(f"the C compiler CC={wanted} is not there; set CC to one that is, or unset it")
    for name in [wanted] if wanted else COMPILERS:
        found = shutil.which(name or "")
        if found:
            return found
    raise BackendUnavailable(
        "no C compiler was found (cc, gcc, clang, tcc); install one, set CC, or use backend 'llvm'"
    )


@cache
def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout


def _compiled(compiler: str, source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "kernel.c"), Path(folder, "kernel.so")
        text.write_text(source, encoding="utf-8")
        ran = subprocess.run(
            [compiler, *FLAGS, "-o", str(library), str(text), "-lm"], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            first = next((line for line in ran.stderr.splitlines() if "error" in line), ran.stderr[:200])
            raise BackendUnavailable(f"{compiler} could not compile the kernel: {first}; use backend 'llvm' instead")
        return library.read_bytes()
