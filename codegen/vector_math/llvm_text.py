"""The functions as LLVM's text: internal, always inlined, one instruction a line."""

from __future__ import annotations

import re
import struct
from functools import cache

from codegen.vector_math.arithmetic import OPERATIONS, Value, in_order
from codegen.vector_math.library import routine

TYPES = {"f64": "double", "f32": "float", "i64": "i64", "i32": "i32", "i1": "i1"}
ATTRIBUTES = "alwaysinline nounwind willreturn memory(none)"
BEYOND_ATTRIBUTES = "noinline nounwind willreturn memory(none)"
VECTOR_SIZES = (2, 4, 8, 16)
# What is called beyond the bound has variants for vectors, of which those with a set mask are computed one by one.
# Under its own name LLVM would call the library for every number of a vector, needed or not.
BEYOND = """\
define internal {kind} @{name}_beyond({kind} %x) cold {attributes} {{
  %v = call {kind} @{library}({kind} %x)
  ret {kind} %v
}}"""
BEYOND_VECTOR = """\
define hidden <{size} x {kind}> @{name}_beyond_{size}(<{size} x {kind}> %x, <{size} x i1> %mask) {attributes} {{
entry:
  %bits = bitcast <{size} x i1> %mask to i{size}
  %none = icmp eq i{size} %bits, 0
  br i1 %none, label %end, label %lane
lane:
  %at = phi i32 [ 0, %entry ], [ %next, %lane ]
  %result = phi <{size} x {kind}> [ %x, %entry ], [ %changed, %lane ]
  %one = extractelement <{size} x {kind}> %x, i32 %at
  %v = call {kind} @{name}_beyond({kind} %one)
  %changed = insertelement <{size} x {kind}> %result, {kind} %v, i32 %at
  %next = add nuw nsw i32 %at, 1
  %more = icmp ult i32 %next, {size}
  br i1 %more, label %lane, label %end
end:
  %y = phi <{size} x {kind}> [ %x, %entry ], [ %changed, %lane ]
  ret <{size} x {kind}> %y
}}"""


@cache
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
        writer.declared |= _beyond(name, library, kind)
        ending = [
            f"  br i1 {writer.registers[id(asked.near)]}, label %end, label %beyond",
            "beyond:",
            f"  %called = call {kind} @{name}_beyond({parameters}) {_variants(name)}",
            "  br label %end",
            "end:",
            f"  %value = phi {kind} [ {result}, %entry ], [ %called, %beyond ]",
            f"  ret {kind} %value",
        ]
    body = "\n".join(["entry:", *writer.lines, *ending])
    head = f"define internal {kind} @{asked.called}({parameters}) {ATTRIBUTES}"
    return {**writer.declared, asked.called: f"{head} {{\n{body}\n}}"}


def _variants(name: str) -> str:
    """The attribute that tells of the variants for vectors."""
    listed = ",".join(f"_ZGV_LLVM_M{size}v_{name}_beyond({name}_beyond_{size})" for size in VECTOR_SIZES)
    return f'"vector-function-abi-variant"="{listed}"'


def _beyond(name: str, library: str, kind: str) -> dict[str, str]:
    """What is called beyond the bound, for one number and for vectors."""
    words = {"name": name, "library": library, "kind": kind, "attributes": BEYOND_ATTRIBUTES}
    found = {f"{name}_beyond": BEYOND.format(**words)}
    for size in VECTOR_SIZES:
        found[f"{name}_beyond_{size}"] = BEYOND_VECTOR.format(size=size, **words)
    return found


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
