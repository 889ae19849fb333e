"""NumPy: a function people can read, and paste where nothing of this project is installed."""

from __future__ import annotations

from typing import Any

from codegen.array_code import ArrayCode
from codegen.signature import Loop, Signature
from codegen.ufunc import PythonLoop
from derive.program import Program


class NumPyBackend:
    """Emits a NumPy function and runs it inside a ufunc."""

    name = "numpy"
    code: type[ArrayCode] = ArrayCode

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """A module with one function."""
        return self.code(program, name, dtype).text()

    emit_function = emit

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> Loop:
        """Define the function and put it behind NumPy's loop interface."""
        return PythonLoop(_defined(source, name, len(signature.outputs)), signature, dtype).loop()

    def unavailable(self) -> str:
        """NumPy is always there."""
        return ""


def _defined(source: str, name: str, outputs: int) -> Any:
    """The function that generated text defines, its results always in a tuple."""
    scope: dict[str, Any] = {}
    exec(compile(source, f"<generated {name}>", "exec"), scope)
    function = scope[name]
    return function if outputs > 1 else lambda *inputs: (function(*inputs),)


BACKEND = NumPyBackend()
