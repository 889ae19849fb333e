"""Statements and values as LLVM's text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from sympy import Expr, Pow

from codegen import lapack
from codegen.llvm_products import PRODUCTS
from codegen.llvm_text import SIZE, Parameter, Registers, Slot, Text
from codegen.loops import (
    Accumulator,
    Factorise,
    How,
    Local,
    Loop,
    Multiply,
    Nest,
    Statement,
    Update,
    cleared,
    values,
)
from codegen.signature import Signature
from codegen.spelling import Speller, is_multiplied_out
from codegen.vector_math import llvm_text
from codegen.vector_math.library import BOUNDED, FUNCTIONS, PARTS, called
from derive.errors import BackendUnavailable
from derive.primitives import primitive
from derive.program import Array, Dim, Element, Index, is_element, name_of, positions_of, walk

INTRINSICS = {"floor", "exp", "log", "sin", "cos", "sqrt", "fabs", "pow"}
ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
ORDERED = {">": "ogt", ">=": "oge", "<": "olt", "<=": "ole", "==": "oeq", "!=": "une"}
LARGE = 32  # rows from which on LAPACK wins over plain loops
PURE = "nounwind willreturn memory(none)"  # of a function that is nothing but its result
SCALE = ".scale"  # what a product is multiplied with; no name of a program begins with a point


def symbol(routine: str, kind: str) -> str:
    """What a routine for a type of numbers is called."""
    return f"derive_{routine}_{kind}"


def series_symbol(name: str, kind: str, lanes: int) -> str:
    """What a function of many terms is called, for so many numbers of a type at once."""
    return symbol(called(name, lanes), kind)


def calls_functions(body: Sequence[Statement]) -> bool:
    """Whether statements, which are no loops themselves, call functions that are written out as polynomials."""
    if any(isinstance(statement, Loop) for statement in body):
        return False
    return any(_is_call(part) for statement in body for value in values(statement) for part in walk(value))


def _is_call(value: Expr) -> bool:
    row = primitive(value)
    if row is not None:
        return row.approximate or row.c in FUNCTIONS or row.c in BOUNDED
    return isinstance(value, Pow) and not is_multiplied_out(value.exp)


class Writer(Text, Speller[str]):
    """The walk over statements and values."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, registers: Registers) -> None:
        super().__init__(dtype)
        self.nest, self.signature, self.dtype, self.registers = nest, signature, dtype, registers
        self.shapes = {array.name: array.shape for array in (*nest.outputs, *nest.workspace)}
        self.said: dict[tuple[int, Expr], str] = {}  # what a statement has computed, by how many at once
        self.rest = False  # whether what is written has few turns: what is left of a loop

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
        self.said = {}
        zeros = cleared(statement, self.shapes)
        if zeros is not None:
            self.clear(*zeros)
        elif isinstance(statement, Loop):
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
            self.change(self.kept_at(statement.element), statement.value, statement.how)

    def clear(self, first: Element, shape: Sequence[Expr]) -> None:
        """Zeros from an entry on; a size that is worked out may be below zero, where nothing is."""
        self.declare("llvm.memset", "void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        bytes_ = str(self.width)
        for size in shape:
            count = self.integer(size)
            if not isinstance(size, Dim) and not size.is_Integer:
                self.declare("llvm.smax.i64", "i64 @llvm.smax.i64(i64, i64)")
                count = self.let(f"call i64 @llvm.smax.i64(i64 {count}, i64 0)")
            bytes_ = self.multiplied(bytes_, count)
        self.emit(f"call void @llvm.memset.p0.i64(ptr {self.address(first)}, i8 0, i64 {bytes_}, i1 false)")

    def loop_over(
        self, loop: Loop, start: str, stop: str, step: int = 1, first: Callable[[str], None] | None = None
    ) -> str:
        """The body for every position from `start`, after what is `first` there; returns the first not reached."""

        def write(index: str) -> None:
            if first is not None:
                first(index)
            self.here.registers[loop.index.name] = index
            self.statements(loop.body)

        return self.counted(start, stop, step, write)

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
        names = (statement.source, statement.target, *statement.spare)
        self.choose(large, lambda: self.emit(call), lambda: self.routine(statement.function, [size], names))

    def routine(self, name: str, sizes: Sequence[str], arrays: Sequence[str]) -> None:
        """A call of a routine."""
        called = symbol(name, self.type)
        given: list[Parameter] = [(SIZE, size) for size in sizes]
        given += [("ptr", self.here.slots[array].pointer) for array in arrays]
        given.append((SIZE, "%threads"))
        self.declare(called, f"void @{called}({', '.join(kind for kind, _ in given)})")
        self.invoke(called, given)

    def multiply(self, statement: Multiply) -> None:
        """A call of the runtime, which asks BLAS for large matrices."""
        rows, columns, inner = map(self.integer, statement.sizes)
        if statement.sizes[1] == 1:
            self.multiply_vector(statement, rows, inner)
            return
        called = symbol("multiply", self.type)
        self.declare(called, f"void @{called}({', '.join(PRODUCTS[called])})")
        arguments = [(SIZE, rows), (SIZE, columns), (SIZE, inner)]
        for side, (down, across) in ((statement.left, (rows, inner)), (statement.right, (inner, columns))):
            step = down if side.transposed else across
            turned = "1" if side.transposed else "0"
            arguments += [("ptr", self.here.slots[side.name].pointer), (SIZE, step), (SIZE, turned)]
        arguments.append(("ptr", self.here.slots[statement.target].pointer))
        arguments.append((SIZE, "1" if statement.symmetric else "0"))
        self.invoke(called, [*arguments, (self.type, self.spell(statement.scale))])

    def multiply_vector(self, statement: Multiply, rows: str, inner: str) -> None:
        """A matrix by a vector, or the other way round where the matrix is transposed."""
        scale = self.room(self.type)
        self.emit(f"store {self.type} {self.spell(statement.scale)}, ptr {scale}")
        self.here.slots[SCALE] = Slot(scale, (), self.type)
        arrays = statement.left.name, statement.right.name, SCALE, statement.target
        if statement.left.transposed:
            self.routine("vector_by", [inner, rows], arrays)
        else:
            self.routine("by_vector", [rows, inner], arrays)

    # ------------------------------------------------ values

    def spell(self, value: Expr) -> str:
        """One value, or as many as there are lanes; what a statement says twice is computed once."""
        if not value.args:
            return super().spell(value)
        key = self.lanes, value
        if key not in self.said:
            self.said[key] = super().spell(value)
        return self.said[key]

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

    def kept_at(self, value: Element) -> str:
        """Where a number is while the function runs: on the stack, or in its array."""
        return self.here.cells.get(name_of(value)) or self.address(value)

    def address(self, value: Expr) -> str:
        slot = self.here.slots[name_of(value)]
        offset = "0"
        for position, stride in zip(positions_of(value), slot.strides, strict=True):
            offset = self.added(offset, self.multiplied(self.integer(position), stride))
        if offset == "0":
            return slot.pointer
        return self.let(f"getelementptr inbounds {slot.type}, ptr {slot.pointer}, {SIZE} {offset}")

    def binary(self, sign: str, left: str, right: str) -> str:
        result = self.let(f"{ARITHMETIC[sign]} {self.kind} {left}, {right}")
        if sign == "*":
            self.here.products[result] = self.here.into, len(self.here.into) - 1
        return result

    def negative(self, value: str) -> str:
        return self.let(f"fneg {self.kind} {value}")

    def compare(self, sign: str, left: str, right: str) -> str:
        return self.let(f"fcmp {ORDERED[sign]} {self.kind} {left}, {right}")

    def same_position(self, left: Expr, right: Expr) -> str:
        return self.let(f"icmp eq {SIZE} {self.integer(left)}, {self.integer(right)}")

    def select(self, condition: str, yes: str, no: str) -> str:
        return self.let(f"select {self.truth} {condition}, {self.kind} {yes}, {self.kind} {no}")

    def function(self, name: str, args: list[str]) -> str:
        given = ", ".join(f"{self.kind} {arg}" for arg in args)
        single = self.type == "float"
        if name in FUNCTIONS or name in BOUNDED or name in PARTS:
            self.declared.update(llvm_text.definition(name, self.dtype, self.lanes, self.registers.fused))
            apart = " noinline" if self.rest and self.lanes == 1 else ""  # for few turns one copy will do
            return self.let(f"call {self.kind} @{called(name, self.lanes)}({given}){apart}")
        symbol = f"llvm.{name}.{self.short}" if name in INTRINSICS else f"{name}f" if single else name
        types = ", ".join([self.kind] * len(args))
        attributes = "" if name in INTRINSICS else f" {PURE}"
        self.declare(symbol, f"{self.kind} @{symbol}({types}){attributes}")
        return self.let(f"call {self.kind} @{symbol}({given})")
