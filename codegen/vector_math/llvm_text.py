"""The functions as LLVM's text, of a number or of a vector: internal, always inlined, one instruction a line."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import cache

from codegen.vector_math.arithmetic import OPERATIONS, Value, in_order, without_fusing
from codegen.vector_math.library import called, routine

TYPES = {"f64": "double", "f32": "float", "i64": "i64", "i32": "i32", "i1": "i1"}
ATTRIBUTES = "alwaysinline nounwind willreturn memory(none)"
LONG = 150  # operations of a function of which a kernel has one copy only; a call does not count beside them
SHORT = 30  # operations that are copied even where a call would not count beside what else a kernel does
# The library for those numbers of a vector that are asked for.
BEYOND = """\
define internal <{size} x {kind}> @{name}_beyond_{size}(<{size} x {kind}> %x, <{size} x i1> %asked) noinline {{
entry:
  %bits = bitcast <{size} x i1> %asked to i{size}
  %none = icmp eq i{size} %bits, 0
  br i1 %none, label %end, label %lane
lane:
  %left = phi i{size} [ %bits, %entry ], [ %others, %lane ]
  %result = phi <{size} x {kind}> [ %x, %entry ], [ %changed, %lane ]
  %at = call i{size} @llvm.cttz.i{size}(i{size} %left, i1 true)
  %one = extractelement <{size} x {kind}> %x, i{size} %at
  %v = call {kind} @{library}({kind} %one)
  %changed = insertelement <{size} x {kind}> %result, {kind} %v, i{size} %at
  %before = sub i{size} %left, 1
  %others = and i{size} %left, %before
  %more = icmp ne i{size} %others, 0
  br i1 %more, label %lane, label %end
end:
  %y = phi <{size} x {kind}> [ %x, %entry ], [ %changed, %lane ]
  ret <{size} x {kind}> %y
}}"""


def vector(kind: str, lanes: int) -> str:
    """The type of so many numbers, or of one."""
    return f"<{lanes} x {kind}>" if lanes > 1 else kind


def listed(parameters: Iterable[tuple[str, str]]) -> str:
    """Parameters, or arguments, as they stand between brackets: their types and registers."""
    return ", ".join(f"{kind} {register}" for kind, register in parameters)


@cache
def definition(name: str, dtype: str, lanes: int = 1, fused: bool = False) -> dict[str, str]:
    """The function of so many numbers at once, and what it calls, by their names.

    `fused` says that the processor has multiplications fused with an addition.
    """
    asked = routine(name, dtype)
    writer = GraphWriter(lanes, fused)
    for given in asked.parameters:
        writer.registers[id(given)] = f"%{given.name}"
    for value in in_order(asked.result):
        writer.write(value)
    one = TYPES[asked.result.kind]
    kind = vector(one, lanes)
    parameters = listed((vector(TYPES[given.kind], lanes), f"%{given.name}") for given in asked.parameters)
    result = writer.registers[id(asked.result)]
    ending = [f"  ret {kind} {result}"]
    if asked.near is not None:
        for value in in_order(asked.near):
            writer.write(value)
        library = name if dtype == "float64" else f"{name}f"
        writer.declared[library] = f"declare {one} @{library}({one}) nounwind willreturn memory(none)"
        near = writer.registers[id(asked.near)]
        if lanes == 1:
            ending = _ending(library, parameters, near, result)
        else:
            beyond = f"{name}_beyond_{lanes}"
            writer.declared[f"llvm.cttz.i{lanes}"] = f"declare i{lanes} @llvm.cttz.i{lanes}(i{lanes}, i1)"
            writer.declared[beyond] = BEYOND.format(name=name, size=lanes, kind=one, library=library)
            ending = _vector_ending(beyond, parameters, near, result)
    body = "\n".join(["entry:", *writer.lines, *ending])
    head = f"define internal {kind} @{called(name, lanes)}({parameters}) {ATTRIBUTES}"
    return {**writer.declared, called(name, lanes): f"{head} {{\n{body}\n}}"}


def shared(name: str, declaration: str, text: str, rare: bool = False) -> str:
    """A definition as it is, or without copies of it where a text calls it from several places.

    That is where it is long, or where the calls are `rare` beside what else is done.
    """
    if declaration.count("\n") < (SHORT if rare else LONG) or len(re.findall(rf"@{name}\(", text)) < 2:
        return declaration
    return declaration.replace("alwaysinline", "noinline", 1)


def _ending(library: str, x: str, near: str, result: str) -> list[str]:
    """The result, or that of the library."""
    kind = x.split()[0]
    return [
        f"  br i1 {near}, label %end, label %beyond",
        "beyond:",
        f"  %called = call {kind} @{library}({x})",
        "  br label %end",
        "end:",
        f"  %value = phi {kind} [ {result}, %entry ], [ %called, %beyond ]",
        f"  ret {kind} %value",
    ]


def _vector_ending(beyond: str, x: str, near: str, result: str) -> list[str]:
    """The results, those of the library among them."""
    kind = x.rsplit(maxsplit=1)[0]
    truth = re.sub(r"double|float", "i1", kind)
    return [
        f"  %far = xor {truth} {near}, splat (i1 true)",
        f"  %called = call {kind} @{beyond}({x}, {truth} %far)",
        f"  %value = select {truth} {near}, {kind} {result}, {kind} %called",
        f"  ret {kind} %value",
    ]


class GraphWriter:
    """A writer of the lines that compute the values of a graph, of so many numbers at once."""

    def __init__(self, lanes: int, fused: bool) -> None:
        self.lanes, self.fused = lanes, fused
        self.registers: dict[int, str] = {}
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.kept: list[Value] = []  # values made here, whose numbers stay taken

    def write(self, value: Value) -> None:
        """Add what computes `value`, whose operands are there."""
        if id(value) in self.registers:
            return
        if value.operation == "literal":
            self.registers[id(value)] = number(value.number, value.kind, self.lanes)
        elif value.operation == "polynomial":
            self.registers[id(value)] = self.horner(value)
        elif value.operation == "lost in product" and not self.fused:
            parts = without_fusing(value)
            for part in in_order(parts):
                self.write(part)
            self.kept.append(parts)
            self.registers[id(value)] = self.registers[id(parts)]
        else:
            operands = [self.registers[id(arg)] for arg in value.args]
            kind = value.args[-1].kind if value.operation == "where" else value.args[0].kind
            self.registers[id(value)] = self.let(value.operation, operands, kind, value.kind)

    def horner(self, value: Value) -> str:
        """A polynomial, term by term."""
        x, kind = self.registers[id(value.args[0])], value.kind
        total, *rest = (number(c, kind, self.lanes) for c in reversed(value.coefficients))
        for coefficient in rest:
            total = self.let("multiply_add", [total, x, coefficient], kind, kind)
        return total

    def let(self, operation: str, operands: list[str], kind: str, result: str) -> str:
        """An operation of operands of a kind."""
        row = OPERATIONS[operation]
        types = {"t": TYPES[kind], "r": TYPES[result], "b": "i1"}
        words = {letter: vector(type, self.lanes) for letter, type in types.items()}
        words["n"] = kind if self.lanes == 1 else f"v{self.lanes}{kind}"
        if row.declares:
            text = f"declare {row.declares.format(**words)}"
            found = re.search(r"@([\w.]+)", text)
            assert found
            self.declared[found[1]] = text
        register = f"%v{len(self.lines)}"
        self.lines.append(f"  {register} = {row.llvm.format(*operands, **words)}")
        return register


def number(value: float | int, kind: str, lanes: int = 1) -> str:
    """A constant, as often as there are lanes."""
    text = str(value) if kind[0] == "i" else f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    return text if lanes == 1 else f"splat ({TYPES[kind]} {text})"
