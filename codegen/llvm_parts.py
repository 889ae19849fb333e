"""A nest as a function in LLVM's text, with the loops that may be cut as functions of their own.

The function takes dense arrays. A loop that may be cut (`codegen.partition`) is run in one go where it is small, and
otherwise part by part through the pool (`codegen.threads`), each part folding into a room of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from codegen import threads
from codegen.costs import cost
from codegen.llvm_runtime import FOLDED, GRAIN, PARTS, SYMBOLS
from codegen.llvm_text import SIZE, Parameter, Slot
from codegen.llvm_vectors import VectorWriter
from codegen.llvm_writer import calls_functions
from codegen.loops import START, Factorise, Loop, Multiply, Statement, values
from codegen.partition import Fold, Parts, names_used, parted
from codegen.tiling import ROWS, Tile, numbered, rows_read, tiled
from derive.program import Array

LINE = 64  # bytes that memory gives at once
LEAD, REACH = 1024, 2560  # bytes from the rows at hand to those that are asked for, at least; and to the end of these
CACHED = 1 << 20  # bytes of a matrix that is likely to be in cache, where there is nothing to ask for
LONG_ROW = 4096  # bytes of a row, and of a page, from which on asking ahead costs more than it saves
WIDE = 'nounwind "prefer-vector-width"="512"'


@dataclass(frozen=True)
class _Captured:
    """Something from outside that a loop needs where it has become a function: a size, an array, or a local."""

    name: str
    kind: str
    register: str


def _parameter(captured: _Captured) -> Parameter:
    return captured.kind, captured.register


def listed(parameters: Sequence[Parameter]) -> str:
    """Parameters as they stand in the head of a function."""
    return ", ".join(f"{kind} {register}" for kind, register in parameters)


class NestWriter(VectorWriter):
    """A writer of the nest."""

    def runtime(self, symbol: str, arguments: Sequence[Parameter]) -> None:
        """A call of the runtime."""
        self.declare(symbol, f"void @{symbol}({', '.join(SYMBOLS[symbol])})")
        self.invoke(symbol, arguments)

    def room_for(self, array: Array) -> str:
        """How many numbers of workspace an array takes: several turns that run side by side have one each."""
        copies = ROWS if any(array in parts.private for parts in self.side_by_side) else 1
        return self.multiplied(self.count_of(array.shape), str(copies))

    @cached_property
    def outermost(self) -> tuple[Statement | Parts, ...]:
        """The statements of the nest, with the loops that may be cut."""
        return parted(self.nest)

    @cached_property
    def side_by_side(self) -> dict[Parts, Tile]:
        """The loops whose turns run several at a time, with the body for as many."""
        bodies = ((parts, tiled(parts)) for parts in self.outermost if isinstance(parts, Parts))
        return {parts: body for parts, body in bodies if body is not None}

    def cost_of(self, body: Sequence[Statement]) -> str:
        """The work of one run of statements, at these sizes."""
        total = "0"
        for statement in body:
            total = self.added(total, self.cost_of_statement(statement))
        return total

    def cost_of_statement(self, statement: Statement) -> str:
        if isinstance(statement, Loop):
            return self.multiplied(self.integer(statement.index.size), self.cost_of(statement.body))
        if isinstance(statement, Factorise):
            size = self.integer(statement.size)
            return self.multiplied(self.multiplied(size, size), size)
        if isinstance(statement, Multiply):
            rows, columns, inner = map(self.integer, statement.sizes)
            return self.multiplied(self.multiplied(rows, columns), inner)
        return str(sum(map(cost, values(statement))))

    # ------------------------------------------------ the nest

    def nest_function(self) -> None:
        """The nest as a function of sizes, dense operands, workspace and threads."""
        parameters = [*self.size_parameters(), *self.operand_parameters(), ("ptr noalias", "%work"), (SIZE, "%threads")]
        head = f"internal void @nest({listed(parameters)}) alwaysinline {WIDE}"
        self.function_text(head, self.nest_body, self.size_registers())

    def size_parameters(self) -> list[Parameter]:
        return [(SIZE, register) for register in self.size_registers().values()]

    def size_registers(self) -> dict[str, str]:
        return {dim.name: f"%n{at}" for at, dim in enumerate(self.sizes())}

    def operand_parameters(self) -> list[Parameter]:
        inputs = len(self.signature.inputs)
        count = len(self.signature.operands)
        return [("ptr noalias readonly" if at < inputs else "ptr noalias", f"%p{at}") for at in range(count)]

    def nest_body(self) -> None:
        for at, array in enumerate(self.signature.operands):
            self.here.slots[array.name] = Slot(f"%p{at}", self.dense_strides(array), self.type_of(array))
        pointer = "%work"
        for array in self.nest.workspace:
            self.here.slots[array.name] = Slot(pointer, self.dense_strides(array), self.type)
            pointer = self.after(pointer, self.room_for(array))
        for statement in self.outermost:
            if isinstance(statement, Parts):
                self.in_parts(statement)
            else:
                self.statement(statement)
        self.emit("ret void")

    # ------------------------------------------------ loops in parts

    def in_parts(self, parts: Parts) -> None:
        """A loop as a function of a range, run in one go where it is small, and otherwise part by part."""
        name = self.fresh("part")
        shared = self.captured(parts)
        self.part_function(name, parts, shared)
        stop = self.integer(parts.loop.index.size)
        folded = self.folded_total(parts)
        cost = self.cost_of(parts.loop.body)
        targets = [("ptr", self.target_of(fold.name)) for fold in parts.folds]
        rooms = [("ptr", self.here.slots[array.name].pointer) for array in parts.private]
        self.runner(name, parts, shared)
        if cost.isdigit():  # then one comparison tells what is small
            short = self.let(f"icmp slt {SIZE} {stop}, {min(2 * FOLDED, 2 * GRAIN // int(cost))}")
            self.emit(f"br i1 {short}, label %{name}.direct, label %{name}.long")
            self.block(f"{name}.long")
        work = self.multiplied(stop, cost)
        count = self.part_count(work, stop, folded)
        small = self.let(f"icmp sle {SIZE} {count}, 1")
        self.emit(f"br i1 {small}, label %{name}.direct, label %{name}.fork")
        self.block(f"{name}.fork")
        self.fork(name, parts, shared, (work, count, folded))
        self.emit(f"br label %{name}.end")
        self.block(f"{name}.direct")
        self.invoke(name, [*map(_parameter, shared), *targets, *rooms, (SIZE, "0"), (SIZE, stop)])
        self.emit(f"br label %{name}.end")
        self.block(f"{name}.end")

    def captured(self, parts: Parts) -> list[_Captured]:
        """What the body of a loop needs from outside: sizes, arrays, locals."""
        used = names_used([parts.loop]) - {fold.name for fold in parts.folds} - {a.name for a in parts.private}
        inputs = {array.name for array in self.signature.inputs}
        found = [_Captured(name, SIZE, register) for name, register in self.size_registers().items()]
        for name in sorted(used - self.size_registers().keys()):
            if name in self.here.slots:
                kind = "ptr noalias readonly" if name in inputs else "ptr noalias"
                found.append(_Captured(name, kind, self.here.slots[name].pointer))
            elif name in self.here.cells:
                value = self.let(f"load {self.type}, ptr {self.here.cells[name]}")
                found.append(_Captured(name, self.type, value))
            elif name in self.here.registers:
                found.append(_Captured(name, self.type, self.here.registers[name]))
        return found

    def target_of(self, name: str) -> str:
        return self.here.cells[name] if name in self.here.cells else self.here.slots[name].pointer

    def part_function(self, name: str, parts: Parts, shared: Sequence[_Captured]) -> None:
        """The turns of a loop from one to before another, folding into rooms that are handed in."""
        taken = [(captured.kind, f"%c{at}") for at, captured in enumerate(shared)]
        folds = [("ptr noalias", f"%f{at}") for at in range(len(parts.folds))]
        rooms = [("ptr noalias", f"%r{at}") for at in range(len(parts.private))]
        parameters = [*taken, *folds, *rooms, (SIZE, "%from"), (SIZE, "%to")]
        arrays = {array.name: array for array in (*self.signature.operands, *self.nest.workspace)}
        sizes = {captured.name: register for captured, (_, register) in zip(shared, taken, strict=True)}

        def write() -> None:
            pointers = {captured.name: register for captured, (_, register) in zip(shared, taken, strict=True)}
            pointers |= {fold.name: f"%f{at}" for at, fold in enumerate(parts.folds)}
            pointers |= {array.name: f"%r{at}" for at, array in enumerate(parts.private)}
            running = [fold.name for fold in parts.folds if not fold.shape]
            for known, register in pointers.items():
                if known in arrays and known not in running:
                    array = arrays[known]
                    self.here.slots[known] = Slot(register, self.dense_strides(array), self.type_of(array))
            for number in running:
                cell = self.here.cells[number] = self.room(self.type)
                self.emit(f"store {self.type} {self.let(f'load {self.type}, ptr {pointers[number]}')}, ptr {cell}")
            start = "%from"
            tile = self.side_by_side.get(parts)
            if tile is not None:
                for array in parts.private:
                    slot = self.here.slots[array.name]
                    for turn in range(ROWS):
                        mine = self.after(slot.pointer, self.multiplied(self.count_of(array.shape), str(turn)))
                        self.here.slots[numbered(array.name, turn)] = replace(slot, pointer=mine)
                for array in tile.held:
                    held = self.room(f"[{ROWS} x {self.type}]")
                    self.here.slots[array.name] = Slot(held, self.dense_strides(array), self.type)
                ahead = self.fetch_ahead(parts.loop, ROWS)
                self.several = {parts.loop.index: ROWS}
                start = self.loop_over(Loop(parts.loop.index, tile.body), start, "%to", ROWS, ahead)
                self.several = {}
            self.rest = tile is not None
            self.loop_over(parts.loop, start, "%to", first=None if tile else self.fetch_ahead(parts.loop, 1))
            self.rest = False
            for number in running:
                total = self.let(f"load {self.type}, ptr {self.here.cells[number]}")
                self.emit(f"store {self.type} {total}, ptr {pointers[number]}")
            self.emit("ret void")

        known = {name: register for name, register in sizes.items() if name not in arrays}
        thin = not any(isinstance(statement, Loop) for statement in parts.loop.body)
        apart = "alwaysinline" if thin and not calls_functions(parts.loop.body) else "noinline"
        self.function_text(f"internal void @{name}({listed(parameters)}) {apart} {WIDE}", write, known)

    def fetch_ahead(self, loop: Loop, turns: int) -> Callable[[str], None] | None:
        """What asks memory for the rows of inputs that come next, so many turns at a time; None where none are read.

        Processors see by themselves that a long row goes on, but not soon enough where a short one ends.
        """
        inputs = [array for array in self.signature.inputs if array.name in rows_read(loop)]
        if not inputs:
            return None
        self.declare("llvm.prefetch", "void @llvm.prefetch.p0(ptr, i32, i32, i32)")

        ahead = [(array, *self.how_far_ahead(array, turns)) for array in inputs]

        def write(index: str) -> None:
            for array, lead, lines in ahead:
                entries = self.multiplied(self.count_of(array.shape[1:]), index)
                first = self.after(self.here.slots[array.name].pointer, entries)

                def ask(line: str, first: str = first, lead: str = lead) -> None:
                    offset = self.added(self.multiplied(line, str(LINE)), lead)
                    place = self.let(f"getelementptr i8, ptr {first}, {SIZE} {offset}")
                    self.emit(f"call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 3, i32 1)")

                self.each(lines, ask)

        return write

    def how_far_ahead(self, array: Array, turns: int) -> tuple[str, str]:
        """How many bytes beyond the rows at hand memory is asked for, and for how many lines; for none in vain."""
        row = self.multiplied(self.count_of(array.shape[1:]), str(self.width))
        block = self.multiplied(row, str(turns))
        beyond = self.let(f"sub {SIZE} {REACH}, {block}")
        more = self.let(f"icmp sgt {SIZE} {beyond}, {LEAD}")
        lead = self.let(f"select i1 {more}, {SIZE} {beyond}, {SIZE} {LEAD}")
        lines = self.let(f"sdiv {SIZE} {self.added(block, str(LINE - 1))}, {LINE}")
        whole = self.let(f"mul {SIZE} {row}, {self.integer(array.shape[0])}")
        short = self.let(f"icmp slt {SIZE} {row}, {LONG_ROW}")
        far = self.let(f"and i1 {short}, {self.let(f'icmp sgt {SIZE} {whole}, {CACHED}')}")
        return lead, self.let(f"select i1 {far}, {SIZE} {lines}, {SIZE} 0")

    def folded_total(self, parts: Parts) -> str:
        """How many numbers a part folds into."""
        total = "0"
        for fold in parts.folds:
            total = self.added(total, self.count_of(fold.shape))
        return total

    def fork(self, name: str, parts: Parts, shared: Sequence[_Captured], counts: tuple[str, str, str]) -> None:
        """All parts through the pool, then their rooms folded together; without memory for rooms, in one go."""
        work, count, folded = counts
        few = self.let(f"icmp slt {SIZE} {work}, {2 * GRAIN}")  # parts that are there to keep digits
        seats = self.let(f"select i1 {few}, {SIZE} 1, {SIZE} %threads")
        private = "0"
        for array in parts.private:
            private = self.added(private, self.room_for(array))
        partial = self.multiplied(count, folded)
        numbers = self.added(partial, self.multiplied(seats, private))
        room = self.allocated(numbers) if numbers != "0" else "null"
        if room != "null":
            self.emit(f"br i1 {self.let(f'icmp eq ptr {room}, null')}, label %{name}.direct, label %{name}.together")
            self.block(f"{name}.together")
        own = [(SIZE, count), (SIZE, folded), (SIZE, private), ("ptr", room), ("ptr", self.after(room, partial))]
        self.declare(threads.SYMBOL, f"void @{threads.SYMBOL}({', '.join(SYMBOLS[threads.SYMBOL])})")
        self.parallel(f"{name}.run", [*map(_parameter, shared), *own], count, seats)
        start = room
        for fold in parts.folds:
            numbers = self.count_of(fold.shape)
            with self.lent(fold) as target:
                rooms = [("ptr", target), ("ptr", start), (SIZE, count), (SIZE, folded), (SIZE, numbers)]
                self.runtime(f"derive_fold_{fold.how}_{self.type}", rooms)
            start = self.after(start, numbers)
        if room != "null":
            self.declare("free", "void @free(ptr)")
            self.emit(f"call void @free(ptr {room})")

    @contextmanager
    def lent(self, fold: Fold) -> Iterator[str]:
        """Where the runtime finds what it folds into; a number is lent to it, and lives in a register otherwise."""
        if fold.name not in self.here.cells:
            yield self.here.slots[fold.name].pointer
            return
        cell, room = self.here.cells[fold.name], self.room(self.type)
        self.emit(f"store {self.type} {self.let(f'load {self.type}, ptr {cell}')}, ptr {room}")
        yield room
        self.emit(f"store {self.type} {self.let(f'load {self.type}, ptr {room}')}, ptr {cell}")

    def allocated(self, numbers: str) -> str:
        """Room for numbers, or null."""
        self.declare("malloc", "ptr @malloc(i64)")
        return self.let(f"call ptr @malloc(i64 {self.multiplied(numbers, str(self.width))})")

    def part_count(self, work: str, turns: str, folded: str) -> str:
        """How many parts: enough work in each or, where turns are folded, at most so many of them.

        There are never so many that folding the parts together counts.
        """
        by_work = self.let(f"sdiv {SIZE} {work}, {GRAIN}")
        if folded == "0":
            return self.least(by_work, turns, str(PARTS))
        by_length = self.let(f"sdiv {SIZE} {turns}, {FOLDED}")
        more = self.let(f"icmp sgt {SIZE} {by_length}, {by_work}")
        count = self.let(f"select i1 {more}, {SIZE} {by_length}, {SIZE} {by_work}")
        room = self.added(self.multiplied(folded, "16"), "1")
        return self.least(count, turns, str(PARTS), self.let(f"sdiv {SIZE} {work}, {room}"))

    def runner(self, name: str, parts: Parts, shared: Sequence[_Captured]) -> None:
        """What the pool calls for a part: it opens the context, starts the folds, and runs the turns of the part."""
        taken = [(captured.kind.split()[0], f"%c{at}") for at, captured in enumerate(shared)]
        own = [(SIZE, "%count"), (SIZE, "%folded"), (SIZE, "%private"), ("ptr", "%room"), ("ptr", "%rooms")]
        registers = {dim.name: f"%c{at}" for at, dim in enumerate(self.sizes())}

        def write() -> None:
            self.opened([*taken, *own])
            start, end = self.share(self.integer(parts.loop.index.size), ROWS)
            place = self.after("%room", self.let(f"mul nsw {SIZE} %part, %folded"))
            folds, rooms = [], []
            for fold in parts.folds:
                numbers = self.count_of(fold.shape)
                first = (self.type, self.spell(START[fold.how]))
                self.runtime(f"derive_fill_{self.type}", [("ptr", place), (SIZE, numbers), first])
                folds.append(("ptr", place))
                place = self.after(place, numbers)
            mine = self.after("%rooms", self.let(f"mul nsw {SIZE} %seat, %private"))
            for array in parts.private:
                rooms.append(("ptr", mine))
                mine = self.after(mine, self.room_for(array))
            self.invoke(name, [*taken, *folds, *rooms, (SIZE, start), (SIZE, end)])
            self.emit("ret void")

        self.function_text(f"internal void @{name}.run(ptr %context, i64 %part, i64 %seat) {WIDE}", write, registers)
