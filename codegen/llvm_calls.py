"""Calls from Python at native cost: for plain arrays, what NumPy would do, without asking NumPy.

`derive_call` and `derive_call_numbers` are functions as CPython calls them, `f(self, args, count, names)`. They look at
the arguments as NumPy's own headers let compiled code do; where all are arrays of the kernel's type that lie dense in
memory, or numbers, they make the results and run the loop that NumPy would run. Everything else goes to the callable
that knows all cases. `codegen.quick_calls` says what `self` is: a tuple of a description, that callable, and the type
of several results.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial

from codegen.llvm_text import SIZE, TYPES, Text, together
from codegen.vector_math.llvm_text import listed

MANY = 1024  # numbers in arguments from which on other threads of Python may run meanwhile
AXES_OF_NUMPY = 64  # the most an array has
READY = 0x101  # NumPy's flags: dense in the order of C, and aligned
TYPE, DATA, AXES, SHAPE, DTYPE, FLAGS = 8, 16, 24, 32, 56, 64  # bytes from the start of an object, or of an array


class Known(IntEnum):
    """The places of a description, eight bytes each; tables follow."""

    LOOP = 0
    CONTROL = 1
    INPUTS = 2
    OUTPUTS = 3
    DIMENSIONS = 4
    DTYPE = 5
    NUMBER = 6
    ARRAY_TYPE = 7
    FLOAT_TYPE = 8
    SCALAR_TYPE = 9
    NEW_ARRAY = 10
    NEW_SCALAR = 11
    AS_DOUBLE = 12
    CALL = 13
    RELEASE = 14
    ALLOCATE = 15
    CLEAR = 16
    LET_GO = 17
    TAKE_BACK = 18
    TABLES = 19  # the fixed sizes (-1 elsewhere), the rank of each operand, the dimension of each of its axes


def symbol(kind: str, generalised: bool) -> str:
    """The name of the function for formulas of arrays, or of numbers."""
    return f"derive_call{'' if generalised else '_numbers'}_{kind}"


def calls(tuple_items: int, bytes_items: int) -> str:
    """The module; where the items of a tuple and the bytes of a bytes object begin is up to Python."""
    written = [_Calls(dtype, tuple_items, bytes_items) for dtype in TYPES]
    for text in written:
        for generalised in (True, False):
            head = f"ptr @{symbol(text.type, generalised)}(ptr %self, ptr %args, {SIZE} %count, ptr %names) nounwind"
            text.function_text(head, partial(text.call, generalised))
    return together(written)


class _Calls(Text):
    def __init__(self, dtype: str, tuple_items: int, bytes_items: int) -> None:
        super().__init__(dtype)
        self.tuple_items, self.bytes_items = tuple_items, bytes_items

    # ------------------------------------------------ reading

    def at(self, base: str, offset: int, kind: str) -> str:
        """What stands so many bytes after the start of an object."""
        return self.let(f"load {kind}, ptr {self.let(f'getelementptr i8, ptr {base}, i64 {offset}')}")

    def known(self, what: Known, kind: str = SIZE) -> str:
        return self.let(f"load {kind}, ptr {self.slot_of('%known', what)}")

    def held(self, place: int) -> str:
        """What the tuple `self` holds."""
        return self.at("%self", self.tuple_items + 8 * place, "ptr")

    def need(self, condition: str, otherwise: str = "slow") -> None:
        """Go on under a condition."""
        name = self.fresh("ok")
        self.emit(f"br i1 {condition}, label %{name}, label %{otherwise}")
        self.block(name)

    def equal(self, one: str, other: str, kind: str = SIZE) -> str:
        return self.let(f"icmp eq {kind} {one}, {other}")

    def cell(self, start: str, kind: str = SIZE) -> str:
        room = self.room(kind)
        self.emit(f"store {kind} {start}, ptr {room}")
        return room

    def row(self, kind: str, count: str) -> str:
        """Room for a row on the stack."""
        return self.let(f"alloca {kind}, {SIZE} {count}")

    def put(self, value: str, row: str, at: int | str, kind: str = SIZE) -> None:
        self.emit(f"store {kind} {value}, ptr {self.slot_of(row, at)}")

    # ------------------------------------------------ a call

    def call(self, generalised: bool) -> None:
        """One call: the arguments, the results, the loop."""
        first = self.held(0)
        self.emit(f"%known = getelementptr i8, ptr {first}, i64 {self.bytes_items}")
        inputs, outputs = self.known(Known.INPUTS), self.known(Known.OUTPUTS)
        self.need(self.equal("%names", "null", "ptr"))
        self.need(self.equal("%count", inputs))
        operands = self.added(inputs, outputs)
        self.emit(f"%places = alloca ptr, {SIZE} {operands}")
        self.emit(f"%numbers = alloca double, {SIZE} {operands}")
        self.emit(f"%results = alloca ptr, {SIZE} {outputs}")
        self.each(outputs, lambda at: self.put("null", "%results", at, "ptr"))
        (self.arrays if generalised else self.elements)(inputs, outputs, operands)
        self.finish(outputs)

    def number(self, value: str, at: str) -> None:
        """An argument that is a number of Python's."""
        kind = self.at(value, TYPE, "ptr")
        known = [self.equal(kind, self.known(t, "ptr"), "ptr") for t in (Known.FLOAT_TYPE, Known.SCALAR_TYPE)]
        self.need(self.let(f"or i1 {known[0]}, {known[1]}"))
        double = self.let(f"call double {self.known(Known.AS_DOUBLE, 'ptr')}(ptr {value})")
        room = self.slot_of("%numbers", at)
        given = double if self.type == "double" else self.let(f"fptrunc double {double} to {self.type}")
        self.emit(f"store {self.type} {given}, ptr {room}")
        self.put(room, "%places", at, "ptr")

    def plain(self, value: str) -> str:
        """An array of the kernel's type, dense and aligned, or the slow way; returns its number of axes."""
        self.need(self.equal(self.at(value, DTYPE, "ptr"), self.known(Known.DTYPE, "ptr"), "ptr"))
        flags = self.let(f"and i32 {self.at(value, FLAGS, 'i32')}, {READY}")
        self.need(self.equal(flags, str(READY), "i32"))
        return self.rank(value)

    def rank(self, array: str) -> str:
        return self.let(f"sext i32 {self.at(array, AXES, 'i32')} to {SIZE}")

    def argument(self, at: str, array: Callable[[str], None], number: Callable[[str], None]) -> None:
        """One argument, as an array or as a number."""
        value = self.let(f"load ptr, ptr {self.slot_of('%args', at)}")
        is_array = self.equal(self.at(value, TYPE, "ptr"), self.known(Known.ARRAY_TYPE, "ptr"), "ptr")
        self.choose(is_array, partial(array, value), partial(number, value))

    def new_array(self, rank: str, shape: str, at: str, place: str) -> None:
        """A new array for a result."""
        kinds = ["ptr", "i32", "ptr", "i32", "ptr", "ptr", "i32", "i32", "ptr"]
        rank, number = (self.let(f"trunc {SIZE} {size} to i32") for size in (rank, self.known(Known.NUMBER)))
        given = [self.known(Known.ARRAY_TYPE, "ptr"), rank, shape, number, "null", "null", "0", "0", "null"]
        made = self.let(f"call ptr {self.known(Known.NEW_ARRAY, 'ptr')}({listed(zip(kinds, given, strict=True))})")
        self.put(made, "%results", at, "ptr")
        self.need(self.let(f"icmp ne ptr {made}, null"), "problem")
        self.put(self.at(made, DATA, "ptr"), "%places", place, "ptr")

    def arrays(self, inputs: str, outputs: str, operands: str) -> None:
        """A formula of arrays: sizes that fit, and the strides of dense arrays."""
        dimensions = self.known(Known.DIMENSIONS)
        tables = self.slot_of("%known", Known.TABLES)
        ranks = self.slot_of(tables, dimensions)
        axes = self.slot_of(ranks, operands)
        counts = self.row(SIZE, self.added(dimensions, "1"))
        self.put("1", counts, 0)
        sizes = self.slot_of(counts, 1)
        self.each(dimensions, lambda at: self.put(self.item(tables, at), sizes, at))
        axis, total, product = self.cell("0"), self.cell("0"), self.cell("1")

        def known_size(first: str, at: str) -> str:
            return self.slot_of(sizes, self.item(axes, self.added(first, at)))

        def given(at: str) -> None:
            rank, first = self.item(ranks, at), self.item(axis, 0)

            def array(value: str) -> None:
                self.need(self.equal(self.plain(value), rank))
                shape = self.at(value, SHAPE, "ptr")
                self.emit(f"store {SIZE} 1, ptr {product}")

                def size(place: str) -> None:
                    here, cell = self.item(shape, place), known_size(first, place)
                    have = self.item(cell, 0)
                    new = self.let(f"icmp slt {SIZE} {have}, 0")
                    self.need(self.let(f"or i1 {new}, {self.equal(have, here)}"))
                    self.emit(f"store {SIZE} {here}, ptr {cell}")
                    self.emit(f"store {SIZE} {self.multiplied(self.item(product, 0), here)}, ptr {product}")

                self.each(rank, size)
                self.emit(f"store {SIZE} {self.added(self.item(total, 0), self.item(product, 0))}, ptr {total}")
                self.put(self.at(value, DATA, "ptr"), "%places", at, "ptr")

            def number(value: str) -> None:
                self.need(self.equal(rank, "0"))
                self.number(value, at)

            self.argument(at, array, number)
            self.emit(f"store {SIZE} {self.added(first, rank)}, ptr {axis}")

        self.each(inputs, given)
        shape = self.room(f"[{AXES_OF_NUMPY} x {SIZE}]")

        def result(at: str) -> None:
            place = self.added(inputs, at)
            rank, first = self.item(ranks, place), self.item(axis, 0)

            def array() -> None:
                self.each(rank, lambda down: self.put(self.item(known_size(first, down), 0), shape, down))
                self.new_array(rank, shape, at, place)

            def scalar() -> None:
                self.put(self.slot_of("%numbers", place), "%places", place, "ptr")

            self.choose(self.equal(rank, "0"), scalar, array)
            self.emit(f"store {SIZE} {self.added(first, rank)}, ptr {axis}")

        self.each(outputs, result)
        steps = self.row(SIZE, self.added(operands, self.item(axis, 0)))
        self.emit(f"store {SIZE} 0, ptr {axis}")

        def strides(at: str) -> None:
            rank, first = self.item(ranks, at), self.item(axis, 0)
            self.put("0", steps, at)
            self.emit(f"store {SIZE} {self.width}, ptr {product}")
            after = self.added(first, rank)

            def back(down: str) -> None:
                place = self.let(f"sub {SIZE} {self.let(f'sub {SIZE} {after}, {down}')}, 1")
                step = self.item(product, 0)
                self.put(step, steps, self.added(operands, place))
                size = self.item(self.slot_of(sizes, self.item(axes, place)), 0)
                self.emit(f"store {SIZE} {self.multiplied(step, size)}, ptr {product}")

            self.each(rank, back)
            self.emit(f"store {SIZE} {after}, ptr {axis}")

        self.each(operands, strides)
        self.run(counts, steps, self.item(total, 0))

        def boxed(at: str) -> None:
            place = self.added(inputs, at)
            self.when(self.equal(self.item(ranks, place), "0"), lambda: self.boxed(at, place))

        self.each(outputs, boxed)

    def elements(self, inputs: str, outputs: str, operands: str) -> None:
        """A formula of numbers: arrays of one shape, and numbers that are the same for all entries."""
        model, count, product = self.cell("null", "ptr"), self.cell("1"), self.cell("1")
        steps = self.row(SIZE, operands)

        def given(at: str) -> None:
            def number(value: str) -> None:
                self.number(value, at)
                self.put("0", steps, at)

            def array(value: str) -> None:
                rank, shape = self.plain(value), self.at(value, SHAPE, "ptr")
                self.put(self.at(value, DATA, "ptr"), "%places", at, "ptr")
                self.emit(f"store {SIZE} 1, ptr {product}")

                def size(place: str) -> None:
                    here = self.multiplied(self.item(product, 0), self.item(shape, place))
                    self.emit(f"store {SIZE} {here}, ptr {product}")

                self.each(rank, size)
                flat = self.equal(rank, "0")
                step = self.let(f"select i1 {flat}, {SIZE} 0, {SIZE} {self.width}")
                self.put(step, steps, at)
                before = self.at(model, 0, "ptr")

                def same() -> None:
                    self.need(self.equal(rank, self.rank(before)))
                    there = self.at(before, SHAPE, "ptr")
                    self.each(rank, lambda at: self.need(self.equal(self.item(shape, at), self.item(there, at))))

                def first() -> None:
                    self.emit(f"store ptr {value}, ptr {model}")
                    self.emit(f"store {SIZE} {self.item(product, 0)}, ptr {count}")

                def shaped() -> None:
                    self.choose(self.equal(before, "null", "ptr"), first, same)

                self.choose(flat, lambda: None, shaped)

            self.argument(at, array, number)

        self.each(inputs, given)
        total = self.item(count, 0)
        like = self.at(model, 0, "ptr")
        single = self.equal(like, "null", "ptr")

        def result(at: str) -> None:
            place = self.added(inputs, at)
            self.put(str(self.width), steps, place)

            def array() -> None:
                self.new_array(self.rank(like), self.at(like, SHAPE, "ptr"), at, place)

            self.choose(single, lambda: self.put(self.slot_of("%numbers", place), "%places", place, "ptr"), array)

        self.each(outputs, result)

        def dense(at: str) -> None:
            self.put(str(self.width), steps, at)

        self.when(self.equal(total, "1"), lambda: self.each(inputs, dense))
        self.run(count, steps, total)
        self.when(single, lambda: self.each(outputs, lambda at: self.boxed(at, self.added(inputs, at))))

    def run(self, counts: str, steps: str, total: str) -> None:
        """The loop, as NumPy would call it; where it found no memory, the slow way finds words."""
        control = self.room(SIZE)  # a copy, since other threads may be in the same kernel
        self.emit(f"store {SIZE} {self.item(self.known(Known.CONTROL, 'ptr'), 0)}, ptr {control}")
        self.emit(f"store i32 0, ptr {control}")

        def loop() -> None:
            given = f"ptr %places, ptr {counts}, ptr {steps}, ptr {control}"
            self.emit(f"call void {self.known(Known.LOOP, 'ptr')}({given})")

        def among_threads() -> None:
            state = self.let(f"call ptr {self.known(Known.LET_GO, 'ptr')}()")
            loop()
            self.emit(f"call void {self.known(Known.TAKE_BACK, 'ptr')}(ptr {state})")

        self.choose(self.let(f"icmp slt {SIZE} {total}, {MANY}"), loop, among_threads)
        self.need(self.equal(self.let(f"load i32, ptr {control}"), "0", "i32"), "again")

    def boxed(self, at: str, place: str) -> None:
        """A result that is a number, as an object."""
        value = self.let(f"load ptr, ptr {self.slot_of('%places', place)}")
        dtype = self.known(Known.DTYPE, "ptr")
        made = self.let(f"call ptr {self.known(Known.NEW_SCALAR, 'ptr')}(ptr {value}, ptr {dtype}, ptr null)")
        self.put(made, "%results", at, "ptr")
        self.need(self.let(f"icmp ne ptr {made}, null"), "problem")

    def finish(self, outputs: str) -> None:
        """The result, or several in a tuple; where something went wrong, all of it again the slow way."""
        self.emit(f"br i1 {self.equal(outputs, '1')}, label %one, label %several")
        self.block("one")
        self.emit(f"ret ptr {self.let('load ptr, ptr %results')}")
        self.block("several")
        made = self.let(f"call ptr {self.known(Known.ALLOCATE, 'ptr')}(ptr {self.held(2)}, {SIZE} {outputs})")
        self.need(self.let(f"icmp ne ptr {made}, null"), "problem")
        items = self.let(f"getelementptr i8, ptr {made}, i64 {self.tuple_items}")

        def item(at: str) -> None:
            self.put(self.let(f"load ptr, ptr {self.slot_of('%results', at)}"), items, at, "ptr")

        self.each(outputs, item)
        self.emit(f"ret ptr {made}")
        self.block("problem")
        self.emit(f"call void {self.known(Known.CLEAR, 'ptr')}()")
        self.emit("br label %again")
        self.block("again")

        def release(at: str) -> None:
            old = self.let(f"load ptr, ptr {self.slot_of('%results', at)}")
            some = self.let(f"icmp ne ptr {old}, null")
            self.when(some, lambda: self.emit(f"call void {self.known(Known.RELEASE, 'ptr')}(ptr {old})"))

        self.each(outputs, release)
        self.emit("br label %slow")
        self.block("slow")
        given = f"ptr {self.held(1)}, ptr %args, {SIZE} %count, ptr %names"
        slow = self.known(Known.CALL, "ptr")
        self.emit(f"ret ptr {self.let(f'call ptr {slow}({given})')}")
