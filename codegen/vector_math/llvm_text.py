"""The functions as LLVM's text: internal, always inlined, one instruction a line."""

from __future__ import annotations

import re
import struct

from codegen.vector_math.arithmetic import OPERATIONS, Value, in_order
from codegen.vector_math.library import routine

TYPES = {"f64": "double", "f32": "float", "i64": "i64", "i32": "i32", "i1": "i1"}
ATTRIBUTES = "alwaysinline nounwind willreturn memory(none)"
# Under its own name LLVM would call the library for every number of a vector, needed or not.
BEYOND = """\
define internal {kind} @{name}_beyond({kind} %x) noinline cold nounwind willreturn memory(none) {{
  %v = call {kind} @{library}({kind} %x)
  ret {kind} %v
}}"""


def definition(name: str, dtype: str) -> dict[str, str]:
    """The function and the intrinsics that it calls, by their names."""
    asked = routine(name, dtype)
    writer = _Writer()
    for given in asked.parameters:
        writer.registers[id(given)] = f"%{given.name}"
    for value in in_order(asked.result):
        writer.write(value)
    kind = TYPES[asked.result.kind]
    parameters = ", ".join(f"{TYPES[given.kind]} %{given.name}" for given in asked.parameters)
    result = writer.registers[id(asked.result)]
    ending = [f"  ret {kind} {result}"]
    if asked.near is not None:
        for value in in_order(asked.near):
            writer.write(value)
        library = name if dtype == "float64" else f"{name}f"
        writer.declared[library] = f"declare {kind} @{library}({kind}) nounwind willreturn memory(none)"
        writer.declared[f"{name}_beyond"] = BEYOND.format(name=name, library=library, kind=kind)
        ending = [
            f"  br i1 {writer.registers[id(asked.near)]}, label %end, label %beyond",
            "beyond:",
            f"  %called = call {kind} @{name}_beyond({parameters})",
            "  br label %end",
            "end:",
            f"  %value = phi {kind} [ {result}, %entry ], [ %called, %beyond ]",
            f"  ret {kind} %value",
        ]
    body = "\n".join(["entry:", *writer.lines, *ending])
    head = f"define internal {kind} @{asked.called}({parameters}) {ATTRIBUTES}"
    return {**writer.declared, asked.called: f"{head} {{\n{body}\n}}"}


class _Writer:
    def __init__(self) -> None:
        self.registers: dict[int, str] = {}
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}

    def write(self, value: Value) -> None:
        """Add what computes `value`, whose operands are there."""
        if id(value) in self.registers:
            return
        if value.operation == "literal":
            self.registers[id(value)] = _number(value.number, value.kind)
        elif value.operation == "polynomial":
            self.registers[id(value)] = self.horner(value)
        else:
            operands = [self.registers[id(arg)] for arg in value.args]
            kind = value.args[-1].kind if value.operation == "where" else value.args[0].kind
            self.registers[id(value)] = self.let(value.operation, operands, kind, value.kind)

    def horner(self, value: Value) -> str:
        x, kind = self.registers[id(value.args[0])], value.kind
        total, *rest = (_number(c, kind) for c in reversed(value.coefficients))
        for number in rest:
            total = self.let("multiply_add", [total, x, number], kind, kind)
        return total

    def let(self, operation: str, operands: list[str], kind: str, result: str) -> str:
        row = OPERATIONS[operation]
        words = {"t": TYPES[kind], "r": TYPES[result], "n": kind}
        if row.declares:
            text = f"declare {row.declares.format(**words)}"
            found = re.search(r"@([\w.]+)", text)
            assert found
            self.declared[found[1]] = text
        register = f"%v{len(self.lines)}"
        self.lines.append(f"  {register} = {row.llvm.format(*operands, **words)}")
        return register


def _number(value: float | int, kind: str) -> str:
    if kind[0] == "i":
        return str(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
