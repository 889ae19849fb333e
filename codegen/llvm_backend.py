"""LLVM: the default backend, which needs no compiler on the machine.

The nest is printed as LLVM's text: a function of sizes, pointers and strides. The loop that NumPy calls has it inlined
with the strides of dense arrays as constants, so that it vectorises, and otherwise calls it with those that came. Only
the additions of a reduction may be reassociated; NaN and infinities keep their meaning everywhere.

Object code is cached; a kernel that was built before is mapped into memory without being compiled.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from sympy import Expr

from codegen import lapack, store
from codegen.loops import Accumulator, Factorise, How, Local, Loop, Nest, Statement, Update
from codegen.schedule import scheduled
from codegen.signature import Loop as MachineLoop
from codegen.signature import Signature, signature
from codegen.spelling import Speller
from derive.errors import BackendUnavailable
from derive.program import Array, Dim, Index, Program, is_element, name_of, positions_of

TYPES = {"float64": "double", "float32": "float"}
INTRINSICS = {"floor", "exp", "log", "sin", "cos", "sqrt", "fabs", "pow"}
ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
ORDERED = {">": "ogt", ">=": "oge", "<": "olt", "<=": "ole", "==": "oeq", "!=": "une"}
SIZE = "i64"
CORES = {"dense": "alwaysinline", "strided": "noinline optsize"}
FLAGS = 0x3D if platform.machine().lower() in ("x86_64", "amd64") else 0x1F  # the C library's FE_ALL_EXCEPT


class LLVMBackend:
    """Emits LLVM's text and compiles it in this process."""

    name = "llvm"

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """A module with the loop that NumPy calls."""
        return _Module(scheduled(program, name), signature(program), dtype, str(program)).text()

    emit_function = emit

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> MachineLoop:
        """Compile `source`, or take its object code from the cache, and link it into this process."""
        machine = _machine()
        parts = (source, _llvmlite().__version__, machine.triple, _cpu(), _features())
        code = store.content("llvm", parts, lambda: _compiled(source))
        return _linked(code, name)

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


def _compiled(source: str) -> bytes:
    binding, machine = _llvmlite().binding, _machine()
    module = binding.parse_assembly(source)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.loop_interleaving = True
    tuning.slp_vectorization = tuning.loop_unrolling = False  # what they win is less than the time they take
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def _linked(code: bytes, name: str) -> MachineLoop:
    binding = _llvmlite().binding
    _with_libm()
    for kind, address in lapack.addresses().items():
        binding.add_symbol(f"derive_lapack_{kind}", address)
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return MachineLoop(engine.get_function_address(f"{name}_loop"), engine)


@cache
def _with_libm() -> None:
    """Make the functions of the C library known, wherever this system keeps them."""
    binding = _llvmlite().binding
    places = ["msvcrt"] if sys.platform == "win32" else [ctypes.util.find_library("m"), None]
    for name in [*_LIBM, *(f"{name}f" for name in _LIBM), "malloc", "free", "feclearexcept"]:
        for place in places:
            found = getattr(ctypes.CDLL(place), name, None)
            if found is not None:
                binding.add_symbol(name, ctypes.cast(found, ctypes.c_void_p).value)
                break


LARGE = 32  # from here on LAPACK wins over plain loops
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


# ---------------------------------------------------------------- the text


@dataclass(frozen=True)
class _Slot:
    """Where an array lies: the register of its pointer, and one register or constant per axis for its strides."""

    pointer: str
    strides: tuple[str, ...]
    type: str


class _Module(Speller[str]):
    """The text of one kernel; a value is the name of a register or a constant."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, equations: str) -> None:
        self.nest, self.signature, self.type, self.equations = nest, signature, TYPES[dtype], equations
        self.single = dtype == "float32"
        self.width = np.dtype(dtype).itemsize
        self.lines: list[str] = []
        self.count = 0
        self.declared: dict[str, str] = {}
        self.registers: dict[str, str] = {}
        self.slots: dict[str, _Slot] = {}
        self.cells: dict[str, str] = {}
        self.label = "entry"

    def text(self) -> str:
        """The whole module."""
        # The strides of dense arrays become constants where the nest is inlined; the others take the short way round.
        dense, strided = (self.core(kind, how) for kind, how in CORES.items())
        loop = self.loop()
        head = "\n".join(f"; {line}".rstrip() for line in [self.nest.name, *self.equations.splitlines()])
        return "\n".join([head, "", *sorted(self.declared.values()), "", dense, "", strided, "", loop, ""])

    # ------------------------------------------------ lines

    def new(self, stem: str = "v") -> str:
        self.count += 1
        return f"%{stem}{self.count}"

    def emit(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def let(self, operation: str) -> str:
        register = self.new()
        self.emit(f"{register} = {operation}")
        return register

    def block(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def declare(self, name: str, declaration: str) -> None:
        self.declared.setdefault(name, f"declare {declaration}")

    # ------------------------------------------------ the core

    def core(self, name: str, attributes: str) -> str:
        """The nest as a function of sizes, pointers, strides and workspace."""
        self.lines, self.cells, self.label = [], {}, "entry"
        parameters = [f"{SIZE} %n_{self.position(size)}" for size in self.sizes()]
        for dim in self.sizes():
            self.registers[dim.name] = f"%n_{self.position(dim)}"
        for at, array in enumerate(self.signature.operands):
            read = "readonly " if array in self.signature.inputs else ""
            parameters.append(f"ptr noalias {read}%p{at}")
            strides = tuple(f"%s{at}_{axis}" for axis in range(len(array.shape)))
            parameters += [f"{SIZE} {stride}" for stride in strides]
            self.slots[array.name] = _Slot(f"%p{at}", strides, self.type_of(array))
        parameters.append("ptr noalias %work")
        self.block("entry")
        self.workspace()
        self.statements(self.nest.body)
        self.emit("ret void")
        allocations = [f"  {cell} = alloca {self.type}" for cell in self.cells.values()]
        body = "\n".join([self.lines[0], *allocations, *self.lines[1:]])
        return f"define internal void @{name}({', '.join(parameters)}) {attributes} nounwind {{\n{body}\n}}"

    def type_of(self, array: Array) -> str:
        """The type of an array's entries: numbers, or positions."""
        return SIZE if array.domain.below else self.type

    def width_of(self, array: Array) -> int:
        """How many bytes an entry takes."""
        return 8 if array.domain.below else self.width

    def sizes(self) -> list[Dim]:
        return [size for size in self.signature.dims if isinstance(size, Dim)]

    def position(self, size: Expr) -> int:
        return self.signature.dims.index(size)

    def workspace(self) -> None:
        pointer = "%work"
        for array in self.nest.workspace:
            self.slots[array.name] = _Slot(pointer, self.dense_strides(array), self.type)
            pointer = self.let(f"getelementptr {self.type}, ptr {pointer}, {SIZE} {self.count_of(array)}")

    def dense_strides(self, array: Array) -> tuple[str, ...]:
        strides, step = [], "1"
        for size in reversed(array.shape):
            strides.append(step)
            step = self.product_of_sizes(step, self.integer(size))
        return tuple(reversed(strides))

    def count_of(self, array: Array) -> str:
        total = "1"
        for size in array.shape:
            total = self.product_of_sizes(total, self.integer(size))
        return total

    def product_of_sizes(self, left: str, right: str) -> str:
        return right if left == "1" else left if right == "1" else self.let(f"mul nsw {SIZE} {left}, {right}")

    # ------------------------------------------------ statements

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        if isinstance(statement, Loop):
            self.loop_over(statement)
        elif isinstance(statement, Factorise):
            self.factorise(statement)
        elif isinstance(statement, Local):
            self.registers[statement.name] = self.spell(statement.value)
        elif isinstance(statement, Accumulator):
            cell = self.cells.setdefault(statement.name, f"%cell{len(self.cells)}")
            self.emit(f"store {self.type} {self.spell(statement.initial)}, ptr {cell}")
        elif isinstance(statement, Update):
            self.change(self.cells[statement.name], statement.value, statement.how)
        else:
            self.change(self.address(statement.element), statement.value, statement.how)

    def change(self, address: str, value: Expr, how: How) -> None:
        new = self.spell(value)
        if how != "set":
            old = self.let(f"load {self.type}, ptr {address}")
            operation = "fmul" if how == "mul" else "fadd"
            folded = f"{operation} reassoc {self.type} {old}, {new}"
            new = self.extreme("max", old, new) if how == "max" else self.let(folded)
        self.emit(f"store {self.type} {new}, ptr {address}")

    def loop_over(self, loop: Loop) -> None:
        size = self.integer(loop.index.size)
        self.count += 1
        name = f"loop{self.count}"
        before, index = self.label, f"%i{self.count}"
        self.registers[loop.index.name] = index
        empty = self.let(f"icmp sgt {SIZE} {size}, 0")
        self.emit(f"br i1 {empty}, label %{name}, label %{name}.end")
        self.block(name)
        place = len(self.lines)
        self.statements(loop.body)
        step = self.let(f"add nuw nsw {SIZE} {index}, 1")
        self.lines.insert(place, f"  {index} = phi {SIZE} [ 0, %{before} ], [ {step}, %{self.label} ]")
        more = self.let(f"icmp slt {SIZE} {step}, {size}")
        self.emit(f"br i1 {more}, label %{name}, label %{name}.end")
        self.block(f"{name}.end")

    def factorise(self, statement: Factorise) -> None:
        """LAPACK for a large matrix, the loops for a small one."""
        self.count += 1
        name, size = f"factorise{self.count}", self.integer(statement.size)
        source, target = self.slots[statement.source], self.slots[statement.target]
        kind = "float" if self.single else "double"
        self.declare(f"lapack_{kind}", f"void @derive_lapack_{kind}(i64, ptr, i64, i64, ptr, i64)")
        large = self.let(f"icmp sge {SIZE} {size}, {LARGE}")
        self.emit(f"br i1 {large}, label %{name}.large, label %{name}.small")
        self.block(f"{name}.large")
        given = f"ptr {source.pointer}, i64 {source.strides[0]}, i64 {source.strides[1]}, ptr {target.pointer}"
        self.emit(f"call void @derive_lapack_{kind}(i64 {lapack.number(statement.function)}, {given}, i64 {size})")
        self.emit(f"br label %{name}.end")
        self.block(f"{name}.small")
        self.statements(statement.body)
        self.emit(f"br label %{name}.end")
        self.block(f"{name}.end")

    # ------------------------------------------------ the loop for NumPy

    def loop(self) -> str:
        """The loop over the outer dimension: dense strides as constants, or those that came."""
        self.lines, self.registers = [], {}
        self.block("entry")
        outer = self.item("%dimensions", 0)
        sizes = {size: self.item("%dimensions", at + 1) for at, size in enumerate(self.signature.dims)}
        for size, register in sizes.items():
            if isinstance(size, Dim):
                self.registers[size.name] = register
        operands = self.signature.operands
        steps = [self.item("%steps", at) for at in range(len(operands))]
        bases = [self.let(f"load ptr, ptr {self.slot_of('%args', at)}") for at in range(len(operands))]
        strides, place = [], len(operands)
        for array in operands:
            inner = [self.item("%steps", place + axis) for axis in range(len(array.shape))]
            strides.append([self.let(f"sdiv exact {SIZE} {step}, {self.width_of(array)}") for step in inner])
            place += len(array.shape)
        dense = [self.dense_strides(array) for array in operands]
        test = "true"
        for array, mine, wanted, step in zip(operands, strides, dense, steps, strict=True):
            pairs = list(zip(mine, wanted, strict=True)) if array.shape else [(step, str(self.width_of(array)))]
            for have, want in pairs:
                test = self.let(f"and i1 {test}, {self.let(f'icmp eq {SIZE} {have}, {want}')}")
        work = self.allocated()
        self.emit(f"br i1 {test}, label %dense, label %strided")
        for kind, chosen in (("dense", [list(d) for d in dense]), ("strided", strides)):
            known = [kind == "dense" and not array.shape for array in operands]
            outer_steps = [
                str(self.width_of(array)) if fixed else step
                for array, fixed, step in zip(operands, known, steps, strict=True)
            ]
            self.outer_loop(kind, outer, bases, outer_steps, chosen, work)
        self.block("done")
        if self.nest.workspace:
            self.declare("free", "void @free(ptr)")
            self.emit(f"call void @free(ptr {work})")
        self.declare("feclearexcept", "i32 @feclearexcept(i32)")
        self.emit(f"{self.new()} = call i32 @feclearexcept(i32 {FLAGS})")
        self.emit("ret void")
        head = f"define void @{self.nest.name}_loop(ptr %args, ptr %dimensions, ptr %steps, ptr %data) nounwind"
        return "\n".join([f"{head} {{", *self.lines, "}"])

    def slot_of(self, pointer: str, at: int) -> str:
        return self.let(f"getelementptr i64, ptr {pointer}, i64 {at}")

    def item(self, pointer: str, at: int) -> str:
        return self.let(f"load {SIZE}, ptr {self.slot_of(pointer, at)}")

    def outer_loop(
        self,
        kind: str,
        outer: str,
        bases: Sequence[str],
        steps: Sequence[str],
        strides: Sequence[Sequence[str]],
        work: str,
    ) -> None:
        self.block(kind)
        self.emit(f"br label %{kind}.test")
        self.block(f"{kind}.test")
        self.emit(f"%{kind}.at = phi {SIZE} [ 0, %{kind} ], [ %{kind}.next, %{kind}.body ]")
        more = self.let(f"icmp slt {SIZE} %{kind}.at, {outer}")
        self.emit(f"br i1 {more}, label %{kind}.body, label %done")
        self.block(f"{kind}.body")
        arguments = [f"{SIZE} {self.registers[size.name]}" for size in self.sizes()]
        for base, step, inner in zip(bases, steps, strides, strict=True):
            offset = self.let(f"mul nsw {SIZE} %{kind}.at, {step}")
            arguments.append(f"ptr {self.let(f'getelementptr i8, ptr {base}, {SIZE} {offset}')}")
            arguments += [f"{SIZE} {stride}" for stride in inner]
        self.emit(f"call void @{kind}({', '.join(arguments)}, ptr {work})")
        self.emit(f"%{kind}.next = add nuw nsw {SIZE} %{kind}.at, 1")
        self.emit(f"br label %{kind}.test")

    def allocated(self) -> str:
        """The workspace; without memory for it the loop says so and leaves."""
        if not self.nest.workspace:
            return "null"
        total = "1"
        for array in self.nest.workspace:
            total = self.let(f"add {SIZE} {total}, {self.count_of(array)}")
        self.declare("malloc", "ptr @malloc(i64)")
        work = self.let(f"call ptr @malloc(i64 {self.let(f'mul {SIZE} {total}, {self.width}')})")
        self.emit(f"br i1 {self.let(f'icmp eq ptr {work}, null')}, label %failed, label %ready")
        self.block("failed")
        self.emit(f"br i1 {self.let('icmp eq ptr %data, null')}, label %gone, label %told")
        self.block("told")
        self.emit("store i32 1, ptr %data")
        self.emit("br label %gone")
        self.block("gone")
        self.emit("ret void")
        self.block("ready")
        return work

    # ------------------------------------------------ values

    def number(self, value: Fraction) -> str:
        return self.literal(float(value))

    def literal(self, value: float) -> str:
        with np.errstate(over="ignore"):
            rounded = float(np.float32(value)) if self.single else value
        return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"

    def constant(self, value: Expr) -> str:
        return self.literal(float(value))

    def negative_infinity(self) -> str:
        return self.literal(float("-inf"))

    def integer(self, value: Expr) -> str:
        if value.is_Integer:
            return str(value)
        if isinstance(value, Index | Dim):
            return self.registers[value.name]
        if is_element(value):
            slot = self.slots[name_of(value)]
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
        if name in self.cells:
            return self.let(f"load {self.type}, ptr {self.cells[name]}")
        if name in self.registers and name not in self.slots:
            return self.registers[name]
        loaded = self.let(f"load {self.slots[name].type}, ptr {self.address(value)}")
        return loaded if self.slots[name].type == self.type else self.real(loaded)

    def address(self, value: Expr) -> str:
        slot = self.slots[name_of(value)]
        offset = "0"
        for position, stride in zip(positions_of(value), slot.strides, strict=True):
            here = self.integer(position)
            step = here if stride == "1" else self.let(f"mul nsw {SIZE} {here}, {stride}")
            offset = step if offset == "0" else self.let(f"add nsw {SIZE} {offset}, {step}")
        if offset == "0":
            return slot.pointer
        return self.let(f"getelementptr inbounds {slot.type}, ptr {slot.pointer}, {SIZE} {offset}")

    def binary(self, sign: str, left: str, right: str) -> str:
        return self.let(f"{ARITHMETIC[sign]} {self.type} {left}, {right}")

    def negative(self, value: str) -> str:
        return self.let(f"fneg {self.type} {value}")

    def compare(self, sign: str, left: str, right: str) -> str:
        return self.let(f"fcmp {ORDERED[sign]} {self.type} {left}, {right}")

    def same_position(self, left: Expr, right: Expr) -> str:
        return self.let(f"icmp eq {SIZE} {self.integer(left)}, {self.integer(right)}")

    def select(self, condition: str, yes: str, no: str) -> str:
        return self.let(f"select i1 {condition}, {self.type} {yes}, {self.type} {no}")

    def extreme(self, which: str, left: str, right: str) -> str:
        first = self.compare(">" if which == "max" else "<", left, right)
        unordered = self.let(f"fcmp uno {self.type} {left}, {left}")
        return self.select(self.let(f"or i1 {first}, {unordered}"), left, right)

    def function(self, name: str, args: list[str]) -> str:
        kind = "f32" if self.single else "f64"
        called = f"llvm.{name}.{kind}" if name in INTRINSICS else f"{name}f" if self.single else name
        types = ", ".join([self.type] * len(args))
        attributes = "" if name in INTRINSICS else " nounwind willreturn memory(none)"
        self.declare(called, f"{self.type} @{called}({types}){attributes}")
        given = ", ".join(f"{self.type} {arg}" for arg in args)
        return self.let(f"call {self.type} @{called}({given})")
