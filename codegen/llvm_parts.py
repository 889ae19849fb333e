"""A nest as a function in LLVM's text, with the loops that may be cut as functions of their own.

The function takes dense arrays. A loop that may be cut (`codegen.partition`) goes to the runtime as a function of a
range (`codegen.llvm_shares`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial

from codegen.costs import cost
from codegen.llvm_runtime import SYMBOLS
from codegen.llvm_shares import FOLDED, FOLDS, GRAIN, ROOM
from codegen.llvm_text import SIZE, Parameter, Slot
from codegen.llvm_vectors import VectorWriter
from codegen.llvm_writer import calls_functions
from codegen.loops import Factorise, Loop, Multiply, Statement, values
from codegen.partition import Fold, Parts, names_used, parted
from codegen.tiling import ROWS, Tile, numbered, rows_read, tiled
from derive.program import Array, Dim, walk

CACHED = 1 << 20  # bytes of a matrix that is likely to be in cache, where there is nothing to ask for
LONG_ROW = 4096  # bytes of a row, and of a page, from which on asking ahead costs more than it saves
FEW_PARTS = 3  # loops that may be cut which are written twice where that saves a call
WIDE = 'nounwind "prefer-vector-width"="512"'


@dataclass(frozen=True)
class _Captured:
    """Something from outside that a loop needs where it has become a function: a size, an array, or a local."""

    name: str
    kind: str
    register: str


def _parameter(captured: _Captured) -> Parameter:
    return captured.kind, captured.register


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
        """The nest for dense operands, at some of the positions of the outer axes, `steps` of bytes apart."""
        parameters = ", ".join(["ptr %sizes", "ptr %args", "ptr %steps", "ptr %work"])
        head = f"internal void @call({parameters}, {SIZE} %threads, {SIZE} %from, {SIZE} %to) {WIDE}"

        def write() -> None:
            for at, size in enumerate(self.signature.dims):
                if isinstance(size, Dim):
                    self.here.registers[size.name] = self.item("%sizes", at)
            steps = [self.item("%steps", at) for at in range(len(self.signature.operands))]
            first = [self.let(f"load ptr, ptr {self.slot_of('%args', at)}") for at in range(len(steps))]
            self.operands_at(first)
            place = "%work"
            for array in self.nest.workspace:
                self.here.slots[array.name] = Slot(place, self.dense_strides(array), self.type)
                place = self.after(place, self.room_for(array))

            def once(turn: str) -> None:
                places = [self.moved(*pair, turn) for pair in zip(first, steps, strict=True)]
                for array, pointer in zip(self.signature.operands, places, strict=True):
                    self.here.slots[array.name] = replace(self.here.slots[array.name], pointer=pointer)
                self.nest_body()

            self.counted("%from", "%to", 1, once)
            self.emit("ret void")

        self.function_text(head, write)

    def routine_function(self, name: str) -> None:
        """The nest as a function of sizes, operands and threads, for other kernels to call."""
        sizes = {size.name: f"%n{at}" for at, size in enumerate(self.signature.dims) if isinstance(size, Dim)}
        operands = [f"%p{at}" for at in range(len(self.signature.operands))]
        parameters = [*((SIZE, size) for size in sizes.values()), *(("ptr", place) for place in operands)]
        head = ", ".join(f"{kind} {register}" for kind, register in [*parameters, (SIZE, "%threads")])

        def write() -> None:
            self.operands_at(operands)
            self.nest_body()
            self.emit("ret void")

        self.function_text(f"void @{name}({head}) {WIDE}", write, sizes)

    def operands_at(self, places: Sequence[str]) -> None:
        """Dense operands at these places."""
        for array, place in zip(self.signature.operands, places, strict=True):
            self.here.slots[array.name] = Slot(place, self.dense_strides(array), self.type_of(array))

    def nest_body(self) -> None:
        """The statements of the nest."""
        for statement in self.outermost:
            if isinstance(statement, Parts):
                self.in_parts(statement)
            else:
                self.statement(statement)

    def size_registers(self) -> dict[str, str]:
        """The sizes in the function at hand."""
        return {dim.name: self.here.registers[dim.name] for dim in self.sizes()}

    # ------------------------------------------------ loops in parts

    def in_parts(self, parts: Parts) -> None:
        """A loop as a function of a range: called once where it is small, and otherwise handed to the runtime.

        Where its turns are short, too, and the nest has few of them, the small loop is done right here.
        """
        turns, cost = self.integer(parts.loop.index.size), self.cost_of(parts.loop.body)
        small = self.is_small(turns, cost)
        many = sum(isinstance(statement, Parts) for statement in self.outermost) > FEW_PARTS
        if many or any(isinstance(s, Loop) for s in parts.loop.body) or calls_functions(parts.loop.body):
            name, shared = self.part_function(parts)
            targets = [("ptr", self.here.cells.get(f.name) or self.here.slots[f.name].pointer) for f in parts.folds]
            rooms = [("ptr", self.here.slots[array.name].pointer) for array in parts.private]
            given = [*map(_parameter, shared), *targets, *rooms, (SIZE, "0"), (SIZE, turns)]
            at_once = partial(self.invoke, name, given)
            self.choose(small, at_once, partial(self.shared_out, parts, name, shared, turns, cost))
        else:
            self.choose(small, partial(self.statement, parts.loop), partial(self.apart, parts, turns, cost))

    def is_small(self, turns: str, cost: str) -> str:
        """Whether a loop is surely not worth cutting; one comparison where the cost of a turn is known."""
        if cost.isdigit():
            return self.let(f"icmp slt {SIZE} {turns}, {min(2 * FOLDED, 2 * GRAIN // int(cost))}")
        little = self.let(f"icmp slt {SIZE} {self.multiplied(turns, cost)}, {2 * GRAIN}")
        return self.let(f"and i1 {little}, {self.let(f'icmp slt {SIZE} {turns}, {2 * FOLDED}')}")

    def apart(self, parts: Parts, turns: str, cost: str) -> None:
        """A loop as a function that only the runtime calls, for many turns."""
        before, self.few_forms = self.few_forms, self.masks
        name, shared = self.part_function(parts)
        self.few_forms = before
        self.shared_out(parts, name, shared, turns, cost)

    def shared_out(self, parts: Parts, name: str, shared: Sequence[_Captured], turns: str, cost: str) -> None:
        """A loop in the hands of the runtime, which runs it part by part."""
        self.part_runner(name, parts, shared)
        with ExitStack() as stack:
            rooms: list[Parameter] = []
            for fold in parts.folds:
                target = stack.enter_context(self.lent(fold))
                code = FOLDS.index(fold.how) + 1
                rooms += [("ptr", target), (SIZE, self.count_of(fold.shape)), (SIZE, str(code))]
            for array in parts.private:
                rooms += [("ptr", self.here.slots[array.name].pointer), (SIZE, self.room_for(array)), (SIZE, "0")]
            given: list[Parameter] = [("ptr", f"@{name}.run"), ("ptr", self.packed([*map(_parameter, shared)]))]
            given += [("ptr", self.packed(rooms)), (SIZE, str(len(rooms) // ROOM))]
            self.runtime(f"derive_share_{self.type}", [*given, (SIZE, turns), (SIZE, cost), (SIZE, "%threads")])

    def part_runner(self, name: str, parts: Parts, shared: Sequence[_Captured]) -> None:
        """The turns of a loop with everything in rows of eight bytes, as the runtime has it."""
        taken = [(captured.kind, f"%c{at}") for at, captured in enumerate(shared)]

        def write() -> None:
            self.opened("%context", taken)
            rooms = [self.slot_of("%rooms", ROOM * at) for at in range(len(parts.folds) + len(parts.private))]
            places = [("ptr", self.let(f"load ptr, ptr {room}")) for room in rooms]
            self.invoke(name, [*taken, *places, (SIZE, "%from"), (SIZE, "%to")])
            self.emit("ret void")

        self.function_text(f"internal void @{name}.run(ptr %context, ptr %rooms, {SIZE} %from, {SIZE} %to)", write)

    def captured(self, parts: Parts) -> list[_Captured]:
        """What the body of a loop needs from outside: sizes, arrays, locals."""
        named = names_used([parts.loop])
        used = named - {fold.name for fold in parts.folds} - {a.name for a in parts.private}
        arrays = (array for array in (*self.signature.operands, *self.nest.workspace) if array.name in named)
        sizes = {part.name for array in arrays for size in array.shape for part in walk(size) if isinstance(part, Dim)}
        registers = self.size_registers()
        found = [_Captured(size, SIZE, registers[size]) for size in registers if size in sizes | used]
        for name in sorted(used - registers.keys()):
            if name in self.here.slots:
                found.append(_Captured(name, "ptr", self.here.slots[name].pointer))
            elif name in self.here.cells:
                value = self.let(f"load {self.type}, ptr {self.here.cells[name]}")
                found.append(_Captured(name, self.type, value))
            elif name in self.here.registers:
                found.append(_Captured(name, self.type, self.here.registers[name]))
        return found

    def part_function(self, parts: Parts) -> tuple[str, Sequence[_Captured]]:
        """The turns of a loop from one to before another, folding into rooms that are handed in.

        Returns the name of the function, and what it takes before these rooms.
        """
        name, shared = self.fresh("part"), self.captured(parts)
        taken = [(captured.kind, f"%c{at}") for at, captured in enumerate(shared)]
        own = [*(fold.name for fold in parts.folds), *(array.name for array in parts.private)]
        rooms = [("ptr", f"%r{at}") for at in range(len(own))]
        arrays = {array.name: array for array in (*self.signature.operands, *self.nest.workspace)}
        sizes = {captured.name: register for captured, (_, register) in zip(shared, taken, strict=True)}

        def write() -> None:
            pointers = {captured.name: register for captured, (_, register) in zip(shared, taken, strict=True)}
            pointers |= {name: register for name, (_, register) in zip(own, rooms, strict=True)}
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
                self.several, self.few_forms = {parts.loop.index: ROWS}, self.masks
                start = self.loop_over(Loop(parts.loop.index, tile.body), start, "%to", ROWS, ahead)
                self.several, self.few_forms = {}, False
            self.rest = tile is not None
            self.loop_over(parts.loop, start, "%to", first=None if tile else self.fetch_ahead(parts.loop, 1))
            self.rest = False
            for number in running:
                total = self.let(f"load {self.type}, ptr {self.here.cells[number]}")
                self.emit(f"store {self.type} {total}, ptr {pointers[number]}")
            self.emit("ret void")

        known = {name: register for name, register in sizes.items() if name not in arrays}
        parameters = [*taken, *rooms, (SIZE, "%from"), (SIZE, "%to")]
        head = ", ".join(f"{kind}{' noalias' * (kind == 'ptr')} {register}" for kind, register in parameters)
        self.function_text(f"internal void @{name}({head}) noinline {WIDE}", write, known)
        return name, shared

    def fetch_ahead(self, loop: Loop, turns: int) -> Callable[[str], None] | None:
        """What asks memory for the rows of inputs that come next, so many turns at a time; None where none are read.

        Processors see by themselves that a long row goes on, but not soon enough where a short one ends.
        """
        inputs = [array for array in self.signature.inputs if array.name in rows_read(loop)]
        if not inputs:
            return None
        rows = [(array, *self.ahead(array, turns)) for array in inputs]
        far = rows[0][1]
        for _, other, _ in rows[1:]:
            far = self.let(f"or i1 {far}, {other}")

        def ask(index: str) -> None:
            for array, _, size in rows:
                entries = self.multiplied(self.count_of(array.shape[1:]), index)
                here = self.after(self.here.slots[array.name].pointer, entries)
                self.runtime("derive_ask_ahead", [("ptr", here), (SIZE, size)])

        return lambda index: self.when(far, lambda: ask(index))

    def ahead(self, array: Array, turns: int) -> tuple[str, str]:
        """Whether rows of an array are worth asking for, and how many bytes at a time then; none in vain."""
        row = self.multiplied(self.count_of(array.shape[1:]), str(self.width))
        whole = self.multiplied(row, self.integer(array.shape[0]))
        short = self.let(f"icmp slt {SIZE} {row}, {LONG_ROW}")
        far = self.let(f"and i1 {short}, {self.let(f'icmp sgt {SIZE} {whole}, {CACHED}')}")
        return far, self.let(f"select i1 {far}, {SIZE} {self.multiplied(row, str(turns))}, {SIZE} 0")

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
