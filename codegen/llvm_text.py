"""Statements and values as LLVM's text.

A value is the name of a register, or a constant. A writer keeps the lines of the function being written and what each
name of the nest means there; `function` opens another one beside it. Only the additions of a reduction may be
reassociated, or fused with the product that is added; NaN and infinities keep their meaning everywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from sympy import Expr

from codegen import lapack, threads
from codegen.loops import Accumulator, Factorise, How, Local, Loop, Multiply, Nest, Statement, Update, values
from codegen.signature import Signature
from codegen.spelling import Speller
from codegen.vector_math import llvm_text
from codegen.vector_math.library import BOUNDED, FUNCTIONS, SUFFIX
from derive.errors import BackendUnavailable
from derive.primitives import primitive
from derive.program import Array, Dim, Index, is_element, name_of, positions_of, walk

TYPES = {"float64": "double", "float32": "float"}
INTRINSICS = {"floor", "exp", "log", "sin", "cos", "sqrt", "fabs", "pow"}
ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
ORDERED = {">": "ogt", ">=": "oge", "<": "olt", "<=": "ole", "==": "oeq", "!=": "une"}
SIZE = "i64"
Parameter = tuple[str, str]  # type and register
MULTIPLY = [SIZE, SIZE, SIZE, *["ptr", SIZE, SIZE] * 2, "ptr", SIZE]  # sizes; sides, steps, turned; target, symmetric
LARGE = 32  # rows from which on LAPACK wins over plain loops
LARGE_PRODUCT = 32**3  # multiplications from which on BLAS wins over plain loops


@dataclass(frozen=True)
class Slot:
    """Where an array lies: the register of its pointer, one register or constant per axis for its strides, its type."""

    pointer: str
    strides: tuple[str, ...]
    type: str


@dataclass
class Scope:
    """The function being written: its lines, and what names mean in it."""

    lines: list[str] = field(default_factory=list)
    registers: dict[str, str] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    rooms: list[tuple[str, str]] = field(default_factory=list)
    products: dict[str, int] = field(default_factory=dict)
    label: str = "entry"


class Text:
    """Functions in LLVM's text, and what one needs to write them; `type` is that of the numbers."""

    def __init__(self, dtype: str) -> None:
        self.type = TYPES[dtype]
        self.width = np.dtype(dtype).itemsize
        self.count = 0
        self.declared: dict[str, str] = {}
        self.notes = ['!0 = !{!"llvm.loop.vectorize.predicate.enable", i1 true}']
        self.functions: list[str] = []
        self.here = Scope()

    # ------------------------------------------------ functions and lines

    def function_text(self, head: str, write: Callable[[], None], registers: dict[str, str] | None = None) -> None:
        """Write a function beside the one at hand; `registers` are the sizes and locals that are known in it."""
        outside, self.here = self.here, Scope(registers=dict(registers or {}))
        self.block("entry")
        write()
        lines = self.here.lines
        rooms = [f"  {register} = alloca {kind}" for register, kind in self.here.rooms]
        self.functions.append("\n".join([f"define {head} {{", lines[0], *rooms, *lines[1:], "}"]))
        self.here = outside

    def new(self, stem: str = "v") -> str:
        self.count += 1
        return f"%{stem}{self.count}"

    def emit(self, line: str) -> None:
        self.here.lines.append(f"  {line}")

    def let(self, operation: str) -> str:
        register = self.new()
        self.emit(f"{register} = {operation}")
        return register

    def block(self, label: str) -> None:
        self.here.lines.append(f"{label}:")
        self.here.label = label

    def fresh(self, stem: str) -> str:
        """A label of its own."""
        self.count += 1
        return f"{stem}{self.count}"

    def room(self, kind: str) -> str:
        """Room on the stack, made where the function begins."""
        register = self.new("room")
        self.here.rooms.append((register, kind))
        return register

    def declare(self, name: str, declaration: str) -> None:
        self.declared.setdefault(name, f"declare {declaration}")

    def choose(self, condition: str, yes: Callable[[], None], no: Callable[[], None]) -> None:
        """One of two pieces of text by a condition."""
        name = self.fresh("if")
        self.emit(f"br i1 {condition}, label %{name}.yes, label %{name}.no")
        for branch, write in (("yes", yes), ("no", no)):
            self.block(f"{name}.{branch}")
            write()
            self.emit(f"br label %{name}.end")
        self.block(f"{name}.end")

    def when(self, condition: str, write: Callable[[], None]) -> None:
        """A piece of text under a condition."""
        self.choose(condition, write, lambda: None)

    def counted(self, start: str, stop: str, step: int, write: Callable[[str], None], masked: bool = False) -> str:
        """The text for every `step`-th number from `start` while a whole step fits; returns the first not reached."""
        name = self.fresh("loop")
        index = self.new("i")
        before = self.here.label
        last = stop if step == 1 else self.let(f"sub nsw {SIZE} {stop}, {step - 1}")
        some = self.let(f"icmp slt {SIZE} {start}, {last}")
        self.emit(f"br i1 {some}, label %{name}, label %{name}.end")
        self.block(name)
        place = len(self.here.lines)
        write(index)
        following = self.let(f"add nsw {SIZE} {index}, {step}")
        phi = f"  {index} = phi {SIZE} [ {start}, %{before} ], [ {following}, %{self.here.label} ]"
        self.here.lines.insert(place, phi)
        self.here.products.clear()
        more = self.let(f"icmp slt {SIZE} {following}, {last}")
        self.emit(f"br i1 {more}, label %{name}, label %{name}.end{self.told() if masked else ''}")
        inside = self.here.label
        self.block(f"{name}.end")
        return self.let(f"phi {SIZE} [ {start}, %{before} ], [ {following}, %{inside} ]")

    def told(self) -> str:
        """What the vectoriser is told of a loop: that its last turns are done under a mask, not one by one."""
        at = len(self.notes)
        self.notes.append(f"!{at} = distinct !{{!{at}, !0}}")
        return f", !llvm.loop !{at}"

    def each(self, stop: str, write: Callable[[str], None], masked: bool = False) -> None:
        """The text for every number below `stop`."""
        self.counted("0", stop, 1, write, masked)

    # ------------------------------------------------ calls, contexts, shares

    def invoke(self, name: str, arguments: Sequence[Parameter]) -> None:
        """A call of a function of this project."""
        given = ", ".join(f"{kind.split()[0]} {register}" for kind, register in arguments)
        self.emit(f"call void @{name}({given})")

    def parallel(self, function: str, context: Sequence[Parameter], count: str, seats: str) -> None:
        """All parts of something through the pool; the parameters travel in a row of eight bytes each."""
        room = self.room(f"[{len(context)} x i64]")
        for at, (kind, register) in enumerate(context):
            self.emit(f"store {kind.split()[0]} {register}, ptr {self.slot_of(room, at)}")
        given = [("ptr", f"@{function}"), ("ptr", room), (SIZE, count), (SIZE, seats)]
        self.invoke(threads.SYMBOL, given)

    def opened(self, parameters: Sequence[Parameter]) -> None:
        """The parameters of a context, back in their registers."""
        for at, (kind, register) in enumerate(parameters):
            self.emit(f"{register} = load {kind.split()[0]}, ptr {self.slot_of('%context', at)}")

    def slot_of(self, pointer: str, at: int | str) -> str:
        """The place of an entry of eight bytes."""
        return self.let(f"getelementptr {SIZE}, ptr {pointer}, {SIZE} {at}")

    def item(self, pointer: str, at: int | str) -> str:
        """A size from an array of them."""
        return self.let(f"load {SIZE}, ptr {self.slot_of(pointer, at)}")

    def moved(self, base: str, step: str, at: str) -> str:
        """The pointer that many steps of bytes further."""
        return self.let(f"getelementptr i8, ptr {base}, {SIZE} {self.multiplied(at, step)}")

    def share(self, total: str, multiple: int) -> tuple[str, str]:
        """The range of %part of %count: as many turns for each, a multiple of something, and what is left last."""
        even = self.let(f"sub nsw {SIZE} {self.added(total, '%count')}, 1")
        size = self.let(f"sdiv {SIZE} {even}, %count")
        rounded = self.let(f"and {SIZE} {self.added(size, str(multiple - 1))}, {-multiple}")
        start = self.least(self.multiplied("%part", rounded), total)
        return start, self.least(self.added(start, rounded), total)

    def least(self, first: str, *others: str) -> str:
        """The smallest of some sizes."""
        for other in others:
            less = self.let(f"icmp slt {SIZE} {first}, {other}")
            first = self.let(f"select i1 {less}, {SIZE} {first}, {SIZE} {other}")
        return first

    # ------------------------------------------------ numbers

    def multiplied(self, left: str, right: str) -> str:
        """The product of two sizes."""
        if left.isdigit() and right.isdigit():
            return str(int(left) * int(right))
        if "0" in (left, right):
            return "0"
        return right if left == "1" else left if right == "1" else self.let(f"mul nsw {SIZE} {left}, {right}")

    def added(self, left: str, right: str) -> str:
        """The sum of two sizes."""
        if left.isdigit() and right.isdigit():
            return str(int(left) + int(right))
        return right if left == "0" else left if right == "0" else self.let(f"add nsw {SIZE} {left}, {right}")

    def after(self, pointer: str, entries: str) -> str:
        """The pointer that many numbers further."""
        return pointer if entries == "0" else self.let(f"getelementptr {self.type}, ptr {pointer}, {SIZE} {entries}")

    def literal(self, value: float) -> str:
        with np.errstate(over="ignore"):
            rounded = float(np.float32(value)) if self.type == "float" else value
        return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"

    def extreme(self, which: str, left: str, right: str) -> str:
        first = self.let(f"fcmp {'ogt' if which == 'max' else 'olt'} {self.type} {left}, {right}")
        unordered = self.let(f"fcmp uno {self.type} {left}, {left}")
        better = self.let(f"or i1 {first}, {unordered}")
        return self.let(f"select i1 {better}, {self.type} {left}, {self.type} {right}")

    def folded(self, old: str, new: str, how: How) -> str:
        """The fold of two numbers; a product that is added is fused with the addition."""
        if how == "max":  # passes on what is not a number, and vectorises
            name = f"llvm.maximum.f{8 * self.width}"
            self.declare(name, f"{self.type} @{name}({self.type}, {self.type})")
            return self.let(f"call {self.type} @{name}({self.type} {old}, {self.type} {new})")
        if how == "add" and new in self.here.products:
            place = self.here.products[new]
            self.here.lines[place] = self.here.lines[place].replace("fmul", "fmul contract")
        operation = "fmul reassoc" if how == "mul" else "fadd reassoc contract"
        return self.let(f"{operation} {self.type} {old}, {new}")


def calls_functions(body: Sequence[Statement]) -> bool:
    """Whether statements, which are no loops themselves, call functions that are written out as polynomials."""
    if any(isinstance(statement, Loop) for statement in body):
        return False
    rows = (primitive(part) for statement in body for value in values(statement) for part in walk(value))
    return any(row is not None and row.c in FUNCTIONS for row in rows)


class Writer(Text, Speller[str]):
    """The walk over statements and values."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str) -> None:
        super().__init__(dtype)
        self.nest, self.signature = nest, signature
        self.rest = False  # whether what is written has few turns: what is left of a loop, or small matrices

    # ------------------------------------------------ sizes and arrays

    def sizes(self) -> list[Dim]:
        return [size for size in self.signature.dims if isinstance(size, Dim)]

    def type_of(self, array: Array) -> str:
        """The type of an array's entries: numbers, or positions."""
        return SIZE if array.domain.below else self.type

    def width_of(self, array: Array) -> int:
        """How many bytes an entry takes."""
        return 8 if array.domain.below else self.width

    def dense_strides(self, array: Array) -> tuple[str, ...]:
        strides, step = [], "1"
        for size in reversed(array.shape):
            strides.append(step)
            step = self.multiplied(step, self.integer(size))
        return tuple(reversed(strides))

    def count_of(self, shape: Sequence[Expr]) -> str:
        """How many entries an array has."""
        total = "1"
        for size in shape:
            total = self.multiplied(total, self.integer(size))
        return total

    # ------------------------------------------------ statements

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        if isinstance(statement, Loop):
            self.loop_over(statement, "0", self.integer(statement.index.size))
        elif isinstance(statement, Factorise):
            self.factorise(statement)
        elif isinstance(statement, Multiply):
            self.multiply(statement)
        elif isinstance(statement, Local):
            self.here.registers[statement.name] = self.spell(statement.value)
        elif isinstance(statement, Accumulator):
            if statement.name not in self.here.cells:
                self.here.cells[statement.name] = self.room(self.type)
            self.emit(f"store {self.type} {self.spell(statement.initial)}, ptr {self.here.cells[statement.name]}")
        elif isinstance(statement, Update):
            self.change(self.here.cells[statement.name], statement.value, statement.how)
        else:
            self.change(self.address(statement.element), statement.value, statement.how)

    def loop_over(
        self, loop: Loop, start: str, stop: str, step: int = 1, first: Callable[[str], None] | None = None
    ) -> str:
        """The body for every position from `start`, after what is `first` there; returns the first not reached."""

        def write(index: str) -> None:
            if first is not None:
                first(index)
            self.here.registers[loop.index.name] = index
            self.statements(loop.body)

        return self.counted(start, stop, step, write, self.rest or calls_functions(loop.body))

    def change(self, address: str, value: Expr, how: How) -> None:
        new = self.spell(value)
        if how != "set":
            old = self.let(f"load {self.type}, ptr {address}")
            new = self.folded(old, new, how)
        self.emit(f"store {self.type} {new}, ptr {address}")

    def factorise(self, statement: Factorise) -> None:
        """LAPACK for a large matrix, the loops for a small one."""
        size = self.integer(statement.size)
        source, target = self.here.slots[statement.source], self.here.slots[statement.target]
        kind = self.type
        self.declare(f"lapack_{kind}", f"void @derive_lapack_{kind}(i64, ptr, i64, i64, ptr, i64)")
        given = f"ptr {source.pointer}, i64 {source.strides[0]}, i64 {source.strides[1]}, ptr {target.pointer}"
        call = f"call void @derive_lapack_{kind}(i64 {lapack.number(statement.function)}, {given}, i64 {size})"
        large = self.let(f"icmp sge {SIZE} {size}, {LARGE}")
        self.choose(large, lambda: self.emit(call), lambda: self.shortly(statement.body))

    def shortly(self, body: Sequence[Statement]) -> None:
        """Statements whose loops are short, so that little code is the best code."""
        self.rest = True
        self.statements(body)
        self.rest = False

    def multiply(self, statement: Multiply) -> None:
        """BLAS for large matrices, the loops for small ones."""
        rows, columns, inner = map(self.integer, statement.sizes)
        work = self.multiplied(self.multiplied(rows, columns), inner)
        symbol = f"derive_multiply_{self.type}"
        self.declare(symbol, f"void @{symbol}({', '.join(MULTIPLY)}, {self.type})")

        def product() -> None:
            arguments = [(SIZE, rows), (SIZE, columns), (SIZE, inner)]
            for side, (down, across) in ((statement.left, (rows, inner)), (statement.right, (inner, columns))):
                step = down if side.transposed else across
                turned = "1" if side.transposed else "0"
                arguments += [("ptr", self.here.slots[side.name].pointer), (SIZE, step), (SIZE, turned)]
            arguments.append(("ptr", self.here.slots[statement.target].pointer))
            arguments.append((SIZE, "1" if statement.symmetric else "0"))
            self.invoke(symbol, [*arguments, (self.type, self.spell(statement.scale))])

        large = self.let(f"icmp sge {SIZE} {work}, {LARGE_PRODUCT}")
        self.choose(large, product, lambda: self.shortly(statement.body))

    # ------------------------------------------------ values

    def number(self, value: Fraction) -> str:
        return self.literal(float(value))

    def constant(self, value: Expr) -> str:
        return self.literal(float(value))

    def negative_infinity(self) -> str:
        return self.literal(float("-inf"))

    def integer(self, value: Expr) -> str:
        if value.is_Integer:
            return str(value)
        if isinstance(value, Index | Dim):
            return self.here.registers[value.name]
        if is_element(value):
            slot = self.here.slots[name_of(value)]
            loaded = self.let(f"load {slot.type}, ptr {self.address(value)}")
            return loaded if slot.type == SIZE else self.let(f"fptosi {self.type} {loaded} to {SIZE}")
        if value.is_Add or value.is_Mul:
            operation = "add" if value.is_Add else "mul"
            total = self.integer(value.args[0])
            for part in value.args[1:]:
                total = self.let(f"{operation} nsw {SIZE} {total}, {self.integer(part)}")
            return total
        raise BackendUnavailable(f"the position {value} is not linear in its indices")

    def real(self, value: str) -> str:
        return self.let(f"sitofp {SIZE} {value} to {self.type}")

    def load(self, value: Expr) -> str:
        name = name_of(value)
        if name in self.here.cells:
            return self.let(f"load {self.type}, ptr {self.here.cells[name]}")
        if name in self.here.registers and name not in self.here.slots:
            return self.here.registers[name]
        slot = self.here.slots[name]
        loaded = self.let(f"load {slot.type}, ptr {self.address(value)}")
        return loaded if slot.type == self.type else self.real(loaded)

    def address(self, value: Expr) -> str:
        slot = self.here.slots[name_of(value)]
        offset = "0"
        for position, stride in zip(positions_of(value), slot.strides, strict=True):
            offset = self.added(offset, self.multiplied(self.integer(position), stride))
        if offset == "0":
            return slot.pointer
        return self.let(f"getelementptr inbounds {slot.type}, ptr {slot.pointer}, {SIZE} {offset}")

    def binary(self, sign: str, left: str, right: str) -> str:
        result = self.let(f"{ARITHMETIC[sign]} {self.type} {left}, {right}")
        if sign == "*":
            self.here.products[result] = len(self.here.lines) - 1
        return result

    def negative(self, value: str) -> str:
        return self.let(f"fneg {self.type} {value}")

    def compare(self, sign: str, left: str, right: str) -> str:
        return self.let(f"fcmp {ORDERED[sign]} {self.type} {left}, {right}")

    def same_position(self, left: Expr, right: Expr) -> str:
        return self.let(f"icmp eq {SIZE} {self.integer(left)}, {self.integer(right)}")

    def select(self, condition: str, yes: str, no: str) -> str:
        return self.let(f"select i1 {condition}, {self.type} {yes}, {self.type} {no}")

    def function(self, name: str, args: list[str]) -> str:
        given = ", ".join(f"{self.type} {arg}" for arg in args)
        single = self.type == "float"
        if name in FUNCTIONS or name in BOUNDED:
            self.declared.update(llvm_text.definition(name, "float32" if single else "float64"))
            return self.let(f"call {self.type} @{name}{SUFFIX}({given})")
        kind = "f32" if single else "f64"
        called = f"llvm.{name}.{kind}" if name in INTRINSICS else f"{name}f" if single else name
        types = ", ".join([self.type] * len(args))
        attributes = "" if name in INTRINSICS else " nounwind willreturn memory(none)"
        self.declare(called, f"{self.type} @{called}({types}){attributes}")
        return self.let(f"call {self.type} @{called}({given})")
