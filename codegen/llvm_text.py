"""Functions in LLVM's text.

A value is the name of a register, or a constant. A writer keeps the lines of the function being written and what each
name of the nest means there; `function` opens another one beside it. Only the additions of a reduction may be
reassociated, or fused with the product that is added; NaN and infinities keep their meaning everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from codegen import threads
from codegen.loops import How
from codegen.vector_math.llvm_text import listed, number, vector

TYPES = {"float64": "double", "float32": "float"}
SIZE = "i64"
Parameter = tuple[str, str]  # type and register
Lines: TypeAlias = "list[str | Lines]"


@dataclass(frozen=True)
class Registers:
    """The vector registers of a processor: the bytes one holds, and what there is besides.

    That is masks for loads and stores, and multiplications fused with an addition.
    """

    width: int = 16
    masks: bool = False
    fused: bool = False

    def lanes(self, dtype: str) -> int:
        """How many numbers of a type one holds."""
        return self.width // np.dtype(dtype).itemsize


@dataclass(frozen=True)
class Slot:
    """Where an array lies: the register of its pointer, one register or constant per axis for its strides, its type."""

    pointer: str
    strides: tuple[str, ...]
    type: str


@dataclass
class Scope:
    """The function being written: its lines, and what names mean in it."""

    lines: Lines = field(default_factory=list)
    into: Lines = field(default_factory=list)  # where lines are added: to these, or to what was left open among them
    registers: dict[str, str] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    rooms: list[tuple[str, str]] = field(default_factory=list)
    products: dict[str, tuple[Lines, int]] = field(default_factory=dict)  # the lines of products
    label: str = "entry"

    def __post_init__(self) -> None:
        self.into = self.lines


class Text:
    """Functions in LLVM's text, and what one needs to write them.

    `type` is that of the numbers in memory; values are of it, or vectors of so many `lanes`.
    """

    def __init__(self, dtype: str) -> None:
        self.type = TYPES[dtype]
        self.lanes = 1
        self.width = np.dtype(dtype).itemsize
        self.count = 0
        self.declared: dict[str, str] = {}
        self.functions: list[str] = []
        self.here = Scope()

    # ------------------------------------------------ functions and lines

    def function_text(self, head: str, write: Callable[[], None], registers: dict[str, str] | None = None) -> None:
        """Write a function beside the one at hand; `registers` are the sizes and locals that are known in it."""
        outside, self.here = self.here, Scope(registers=dict(registers or {}))
        count, self.count = self.count, 0
        self.block("entry")
        write()
        lines = list(flat(self.here.lines))
        rooms = [f"  {register} = alloca {kind}" for register, kind in self.here.rooms]
        self.functions.append("\n".join([f"define {head} {{", lines[0], *rooms, *lines[1:], "}"]))
        self.here, self.count = outside, count

    def new(self, stem: str = "v") -> str:
        self.count += 1
        return f"%{stem}{self.count}"

    def emit(self, line: str) -> None:
        self.here.into.append(f"  {line}")

    def let(self, operation: str) -> str:
        register = self.new()
        self.emit(f"{register} = {operation}")
        return register

    def block(self, label: str) -> None:
        self.here.into.append(f"{label}:")
        self.here.label = label

    def opening(self) -> Lines:
        """A place in the text for lines that are known later."""
        lines: Lines = []
        self.here.into.append(lines)
        return lines

    @contextmanager
    def writing(self, lines: Lines) -> Iterator[None]:
        """Lines are added to these for a while."""
        before, self.here.into = self.here.into, lines
        yield
        self.here.into = before

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

    def counted(self, start: str, stop: str, step: int, write: Callable[[str], None], whole: bool = True) -> str:
        """The text for every `step`-th number from `start` while a `whole` one fits; returns the first not reached."""
        name = self.fresh("loop")
        index = self.new("i")
        before = self.here.label
        last = stop if step == 1 or not whole else self.let(f"sub nsw {SIZE} {stop}, {step - 1}")
        some = self.let(f"icmp slt {SIZE} {start}, {last}")
        self.emit(f"br i1 {some}, label %{name}, label %{name}.end")
        self.block(name)
        head = self.opening()
        write(index)
        following = self.hidden(self.let(f"add nsw {SIZE} {index}, {step}"))
        head.append(f"  {index} = phi {SIZE} [ {start}, %{before} ], [ {following}, %{self.here.label} ]")
        more = self.let(f"icmp slt {SIZE} {following}, {last}")
        self.emit(f"br i1 {more}, label %{name}, label %{name}.end")
        inside = self.here.label
        self.block(f"{name}.end")
        return self.let(f"phi {SIZE} [ {start}, %{before} ], [ {following}, %{inside} ]")

    def hidden(self, size: str) -> str:
        """A size of which LLVM does not see how it was worked out.

        Trying what else could be done with positions that grow with a loop took a quarter of its time.
        """
        self.declare("llvm.expect", f"{SIZE} @llvm.expect.{SIZE}({SIZE}, {SIZE})")
        return self.let(f"call {SIZE} @llvm.expect.{SIZE}({SIZE} {size}, {SIZE} 0)")

    def each(self, stop: str, write: Callable[[str], None]) -> None:
        """The text for every number below `stop`."""
        self.counted("0", stop, 1, write)

    # ------------------------------------------------ calls, contexts, shares

    def invoke(self, name: str, arguments: Sequence[Parameter]) -> None:
        """A call of a function of this project."""
        self.emit(f"call void @{name}({listed(arguments)})")

    def packed(self, values: Sequence[Parameter]) -> str:
        """Values in a row of eight bytes each, as they travel in a context."""
        room = self.room(f"[{len(values)} x i64]")
        for at, (kind, value) in enumerate(values):
            self.emit(f"store {kind} {value}, ptr {self.slot_of(room, at)}")
        return room

    def opened(self, context: str, parameters: Sequence[Parameter]) -> None:
        """The parameters of a context, back in their registers."""
        for at, (kind, register) in enumerate(parameters):
            self.emit(f"{register} = load {kind}, ptr {self.slot_of(context, at)}")

    def parallel(self, function: str, context: Sequence[Parameter], count: str, seats: str) -> None:
        """All parts of something through the pool."""
        given = [("ptr", f"@{function}"), ("ptr", self.packed(context)), (SIZE, count), (SIZE, seats)]
        self.invoke(threads.SYMBOL, given)

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

    @property
    def kind(self) -> str:
        """The type of a value."""
        return vector(self.type, self.lanes)

    @property
    def truth(self) -> str:
        """The type of a truth value."""
        return vector("i1", self.lanes)

    @property
    def short(self) -> str:
        """The type of a value as it ends the names of intrinsics."""
        return f"{f'v{self.lanes}' if self.lanes > 1 else ''}f{8 * self.width}"

    def literal(self, value: float) -> str:
        with np.errstate(over="ignore"):
            rounded = float(np.float32(value)) if self.type == "float" else value
        return number(rounded, f"f{8 * self.width}", self.lanes)

    def extreme(self, which: str, left: str, right: str) -> str:
        first = self.let(f"fcmp {'ogt' if which == 'max' else 'olt'} {self.kind} {left}, {right}")
        unordered = self.let(f"fcmp uno {self.kind} {left}, {left}")
        better = self.let(f"or {self.truth} {first}, {unordered}")
        return self.let(f"select {self.truth} {better}, {self.kind} {left}, {self.kind} {right}")

    def folded(self, old: str, new: str, how: How) -> str:
        """The fold of two numbers; a product that is added is fused with the addition."""
        if how == "max":  # passes on what is not a number, and vectorises
            name = f"llvm.maximum.{self.short}"
            self.declare(name, f"{self.kind} @{name}({self.kind}, {self.kind})")
            return self.let(f"call {self.kind} @{name}({self.kind} {old}, {self.kind} {new})")
        if how == "add" and new in self.here.products:
            lines, at = self.here.products[new]
            lines[at] = str(lines[at]).replace("= fmul ", "= fmul contract ")
        operation = "fmul reassoc" if how == "mul" else "fadd reassoc contract"
        return self.let(f"{operation} {self.kind} {old}, {new}")

    # ------------------------------------------------ vectors

    @contextmanager
    def in_lanes(self, lanes: int) -> Iterator[None]:
        """Values are vectors of so many numbers."""
        before, self.lanes = self.lanes, lanes
        yield
        self.lanes = before

    def spread(self, number: str, kind: str) -> str:
        """A vector with the same number everywhere."""
        if self.lanes == 1:
            return number
        if not number.startswith("%"):
            return f"splat ({kind} {number})"
        whole = vector(kind, self.lanes)
        one = self.let(f"insertelement {whole} poison, {kind} {number}, i64 0")
        return self.let(f"shufflevector {whole} {one}, {whole} poison, {vector('i32', self.lanes)} zeroinitializer")

    def first_numbers(self, kind: str) -> str:
        """0, 1, 2 and on."""
        return f"<{', '.join(f'{kind} {lane}' for lane in range(self.lanes))}>"

    def first_lanes(self, count: str) -> str:
        """The mask of so many lanes."""
        count = self.let(f"trunc {SIZE} {self.least(count, str(self.lanes))} to i32")
        return self.let(
            f"icmp ult {vector('i32', self.lanes)} {self.first_numbers('i32')}, {self.spread(count, 'i32')}"
        )

    def neighbours(self, place: str, step: str, kind: str, mask: str) -> str:
        """Entries of memory so many places apart, those under a mask if there is one."""
        whole, size = vector(kind, self.lanes), 8 if kind == SIZE else self.width
        if self.lanes == 1 or (step == "1" and not mask):
            return self.let(f"load {whole}, ptr {place}, align {size}")
        ending = f"v{self.lanes}{'i' if kind == SIZE else 'f'}{8 * size}"
        where, name = "ptr", f"llvm.masked.load.{ending}.p0"
        if step != "1":
            sizes = vector(SIZE, self.lanes)
            where, name = vector("ptr", self.lanes), f"llvm.masked.gather.{ending}.v{self.lanes}p0"
            steps = self.let(f"mul {sizes} {self.first_numbers(SIZE)}, {self.spread(step, SIZE)}")
            place = self.let(f"getelementptr {kind}, ptr {place}, {sizes} {steps}")
        self.declare(name, f"{whole} @{name}({where}, i32, {self.truth}, {whole})")
        given = f"{where} {place}, i32 {size}, {self.truth} {mask or 'splat (i1 true)'}, {whole} zeroinitializer"
        return self.let(f"call {whole} @{name}({given})")

    def keep(self, value: str, place: str, mask: str) -> None:
        """Neighbours into memory, those under a mask if there is one."""
        if not mask:
            self.emit(f"store {self.kind} {value}, ptr {place}, align {self.width}")
            return
        name = f"llvm.masked.store.{self.short}.p0"
        self.declare(name, f"void @{name}({self.kind}, ptr, i32, {self.truth})")
        self.emit(f"call void @{name}({self.kind} {value}, ptr {place}, i32 {self.width}, {self.truth} {mask})")


class RuntimeText(Text):
    """A writer of functions that kernels call: `symbols` says what each takes."""

    symbols: Mapping[str, Sequence[str]]

    def public(self, symbol: str, names: str, write: Callable[[], None]) -> None:
        """A function that kernels call."""
        self.private(symbol, list(zip(self.symbols[symbol], names.split(), strict=True)), write, linkage="")

    def private(
        self, name: str, parameters: Sequence[tuple[str, str]], write: Callable[[], None], linkage: str = "internal "
    ) -> None:
        """A function of a module."""
        head = listed((kind, f"%{parameter}") for kind, parameter in parameters)

        def whole() -> None:
            write()
            self.emit("ret void")

        self.function_text(f"{linkage}void @{name}({head}) nounwind", whole)


def together(written: Sequence[Text]) -> str:
    """The functions of some writers as one module."""
    declared = sorted({line for text in written for line in text.declared.values()})
    return "\n\n".join([*declared, *(function for text in written for function in text.functions)]) + "\n"


def flat(lines: Lines) -> Iterator[str]:
    """The lines one after the other, those of openings where they were left."""
    for line in lines:
        if isinstance(line, str):
            yield line
        else:
            yield from flat(line)
