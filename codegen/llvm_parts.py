"""A nest as a function in LLVM's text, with the loops that may be cut as functions of their own.

The function takes dense arrays. A loop that may be cut (`codegen.partition`) goes to the runtime as a function of a
range (`codegen.llvm_shares`). What it needs from outside it finds in the frame of the nest: a row of eight bytes each
for sizes, arrays and numbers, which is filled with what a loop needs when it is its turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from sympy import Expr

from codegen.costs import cost
from codegen.llvm_runtime import LINE, SYMBOLS
from codegen.llvm_shares import FOLDED, FOLDS, GRAIN, ROOM
from codegen.llvm_text import SIZE, Parameter, Registers, Slot
from codegen.llvm_vectors import VectorWriter
from codegen.llvm_writer import calls_functions
from codegen.loops import Factorise, Loop, Multiply, Nest, Statement, values
from codegen.partition import Fold, Parts, names_used, parted
from codegen.signature import Signature
from codegen.tiling import ROWS, Tile, numbered, rows_read, tiled
from codegen.vector_math.llvm_text import listed
from derive.program import Array, Dim, walk

LEAD, REACH = 1024, 2560  # bytes from the rows at hand to those that are asked for, at least; and to the end of these
CACHED = 1 << 20  # bytes of a matrix that is likely to be in cache, where there is nothing to ask for
LONG_ROW = 4096  # bytes of a row, and of a page, from which on asking ahead costs more than it saves
FEW_PARTS = 3  # loops that may be cut which are written twice where that saves a call
RANGE = [(SIZE, "%from"), (SIZE, "%to")]  # of turns
CALL = [*(("ptr", f"%{name}") for name in ("sizes", "args", "steps", "work")), (SIZE, "%threads"), *RANGE]
PART = "part"  # what the names of loops that are functions begin with
WIDE = 'nounwind "prefer-vector-width"="512"'


@dataclass
class Frame:
    """What loops that are functions need from outside, by its places, and what is there by now."""

    places: dict[str, int] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)


class NestWriter(VectorWriter):
    """A writer of the nest."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, registers: Registers) -> None:
        super().__init__(nest, signature, dtype, registers)
        self.frame = Frame()
        self.alike: dict[str, str] = {}  # the functions of loops, by their texts

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

    def nest_function(self, name: str) -> None:
        """The nest for dense operands, at some of the positions of the outer axes, `steps` of bytes apart."""

        def write() -> None:
            self.sizes_known()
            self.workspace_placed()
            operands_at = self.in_frame() if any(map(self.is_function, self.outermost)) else self.in_registers()

            def once(turn: str) -> None:
                operands_at(turn)
                self.nest_body()

            self.counted("%from", "%to", 1, once)
            self.frame_made()
            self.emit("ret void")

        self.call_function(name, write)

    def call_function(self, name: str, write: Callable[[], None]) -> None:
        """A function that the runtime may call for some positions."""
        self.function_text(f"internal void @{name}({listed(CALL)}) {WIDE}", write)

    def sizes_known(self) -> None:
        """The sizes in registers."""
        for at, size in enumerate(self.signature.dims):
            if isinstance(size, Dim):
                self.here.registers[size.name] = self.item("%sizes", at)

    def workspace_placed(self) -> None:
        """The arrays of the workspace, one after the other."""
        place = "%work"
        for array in self.nest.workspace:
            self.here.slots[array.name] = Slot(place, self.dense_strides(array), self.type)
            place = self.after(place, self.room_for(array))

    def in_registers(self) -> Callable[[str], None]:
        """What tells where the operands of a turn are, where they are used right here."""
        steps = [self.item("%steps", at) for at in range(len(self.signature.operands))]
        first = [self.let(f"load ptr, ptr {self.slot_of('%args', at)}") for at in range(len(steps))]
        return lambda turn: self.operands_at([self.moved(*pair, turn) for pair in zip(first, steps, strict=True)])

    def in_frame(self) -> Callable[[str], None]:
        """What tells where the operands of a turn are, where loops that are functions use them."""
        names = [array.name for array in self.signature.operands]
        self.frame.places = {name: place for place, name in enumerate(names)}
        self.frame.filled = set(names)
        here: set[str] = set()
        for statement in self.outermost:
            if not isinstance(statement, Parts):
                here |= names_used([statement])
            elif self.is_function(statement):
                here |= {fold.name for fold in statement.folds}
            else:
                here |= names_used([statement.loop])

        def write(turn: str) -> None:
            context = [("ptr", register) for register in ("%frame", "%args", "%steps")]
            self.runtime("derive_operands_at", [*context, (SIZE, str(len(names))), (SIZE, turn)])
            for place, array in enumerate(self.signature.operands):
                if array.name in here:
                    pointer = self.let(f"load ptr, ptr {self.slot_of('%frame', place)}")
                    self.here.slots[array.name] = Slot(pointer, self.dense_strides(array), self.type_of(array))

        return write

    def frame_made(self) -> None:
        """Room for the frame, when it is known how much."""
        if self.frame.places:
            self.here.rooms.append(("%frame", f"[{len(self.frame.places)} x {SIZE}]"))

    def routine_function(self, name: str) -> None:
        """The nest as a function of sizes, operands and threads, for other kernels to call."""
        sizes = {size.name: f"%n{at}" for at, size in enumerate(self.signature.dims) if isinstance(size, Dim)}
        operands = [f"%p{at}" for at in range(len(self.signature.operands))]
        parameters = [*((SIZE, size) for size in sizes.values()), *(("ptr", place) for place in operands)]
        head = listed([*parameters, (SIZE, "%threads")])

        def write() -> None:
            self.operands_at(operands)
            self.nest_body()
            self.frame_made()
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

    # ------------------------------------------------ loops in parts

    def is_function(self, statement: Statement | Parts) -> bool:
        """Whether a loop is a function wherever it runs: its turns are long, or the nest has many."""
        if not isinstance(statement, Parts):
            return False
        many = sum(isinstance(other, Parts) for other in self.outermost) > FEW_PARTS
        body = statement.loop.body
        return many or any(isinstance(s, Loop) for s in body) or calls_functions(body)

    def in_parts(self, parts: Parts) -> None:
        """A loop in the hands of the runtime; where it is no function, a small one is done right here."""
        turns, cost = self.integer(parts.loop.index.size), self.cost_of(parts.loop.body)
        if self.is_function(parts):
            targets = [self.here.cells.get(f.name) or self.here.slots[f.name].pointer for f in parts.folds]
            self.shared_out(parts, targets, turns, cost)
        else:
            small = self.is_small(turns, cost)
            self.choose(small, partial(self.statement, parts.loop), partial(self.apart, parts, turns, cost))

    def is_small(self, turns: str, cost: str) -> str:
        """Whether a loop is surely not worth cutting; one comparison where the cost of a turn is known."""
        if cost.isdigit():
            return self.let(f"icmp slt {SIZE} {turns}, {min(2 * FOLDED, 2 * GRAIN // int(cost))}")
        little = self.let(f"icmp slt {SIZE} {self.multiplied(turns, cost)}, {2 * GRAIN}")
        return self.let(f"and i1 {little}, {self.let(f'icmp slt {SIZE} {turns}, {2 * FOLDED}')}")

    def apart(self, parts: Parts, turns: str, cost: str) -> None:
        """A loop of many turns in the hands of the runtime, beside the text for few."""
        forms, filled = self.few_forms, set(self.frame.filled)
        self.few_forms = self.masks
        with ExitStack() as stack:
            self.shared_out(parts, [stack.enter_context(self.lent(fold)) for fold in parts.folds], turns, cost)
        self.few_forms, self.frame.filled = forms, filled

    def shared_out(self, parts: Parts, targets: Sequence[str], turns: str, cost: str) -> None:
        """A loop in the hands of the runtime, which runs it part by part, and folds into `targets`."""
        needed = self.needed(parts)
        for name in needed:
            self.fill(name)
        rooms: list[Parameter] = []
        for fold, target in zip(parts.folds, targets, strict=True):
            code = FOLDS.index(fold.how) + 1
            rooms += [("ptr", target), (SIZE, self.count_of(fold.shape)), (SIZE, str(code))]
        for array in parts.private:
            rooms += [("ptr", self.here.slots[array.name].pointer), (SIZE, self.room_for(array)), (SIZE, "0")]
        given: list[Parameter] = [("ptr", f"@{self.part_function(parts, needed)}"), ("ptr", "%frame")]
        given += [("ptr", self.packed(rooms) if rooms else "null"), (SIZE, str(len(rooms) // ROOM))]
        self.runtime(f"derive_share_{self.type}", [*given, (SIZE, turns), (SIZE, cost), (SIZE, "%threads")])

    def needed(self, parts: Parts) -> list[str]:
        """What the body of a loop needs from outside, sizes first."""
        named = names_used([parts.loop])
        sizes = {size for array in self.arrays.values() if array.name in named for size in _sizes(array)}
        found = [dim.name for dim in self.sizes() if dim.name in sizes | named]
        own = {fold.name for fold in parts.folds} | {array.name for array in parts.private}
        outside = self.arrays.keys() | self.here.cells.keys() | self.here.registers.keys()
        return found + sorted(((named - own) & outside) - set(found))

    def fill(self, name: str) -> None:
        """Put something into the frame, unless it is there; a number that may change is put there again."""
        place = self.frame.places.setdefault(name, len(self.frame.places))
        if name not in self.frame.filled:
            value = self.outside(name)
            self.emit(f"store {self.kind_of(name)} {value}, ptr {self.slot_of('%frame', place)}")
            self.frame.filled |= {name} - self.here.cells.keys()

    def outside(self, name: str) -> str:
        """A size, an array or a number of the function at hand."""
        if name in self.here.slots:
            return self.here.slots[name].pointer
        if name in self.here.cells:
            return self.let(f"load {self.type}, ptr {self.here.cells[name]}")
        return self.here.registers[name]

    def kind_of(self, name: str) -> str:
        """What something is in the frame."""
        return "ptr" if name in self.arrays else SIZE if name in self.size_names else self.type

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The arrays of the nest."""
        return {array.name: array for array in (*self.signature.operands, *self.nest.workspace)}

    @cached_property
    def size_names(self) -> frozenset[str]:
        return frozenset(dim.name for dim in self.sizes())

    def part_function(self, parts: Parts, needed: Sequence[str]) -> str:
        """The turns of a loop from one to before another, with a frame, folding into rooms; returns its name."""
        own = [*(fold.name for fold in parts.folds), *(array.name for array in parts.private)]
        running = [fold.name for fold in parts.folds if not fold.shape]
        taken = {known: (self.kind_of(known), f"%c{at}") for at, known in enumerate(needed)}
        taken |= {known: ("ptr", f"%c{at}") for at, known in enumerate(own, len(needed))}

        def write() -> None:
            pointers = {known: register for known, (kind, register) in taken.items() if kind == "ptr"}
            self.here.registers = {known: register for known, (kind, register) in taken.items() if kind != "ptr"}
            for known in (name for name in pointers if name not in running):
                array = self.arrays[known]
                self.here.slots[known] = Slot(pointers[known], self.dense_strides(array), self.type_of(array))
            for number in running:
                cell = self.here.cells[number] = self.room(self.type)
                self.emit(f"store {self.type} {self.let(f'load {self.type}, ptr {pointers[number]}')}, ptr {cell}")
            start, tile = "%from", self.side_by_side.get(parts)
            ahead = self.fetch_ahead(parts.loop, ROWS if tile else 1)
            if tile is not None:
                start = self.tiles(parts, tile, start, "%to", ahead)
            self.rest = tile is not None
            self.loop_over(parts.loop, start, "%to", first=None if tile else ahead)
            self.rest = False
            for number in running:
                total = self.let(f"load {self.type}, ptr {self.here.cells[number]}")
                self.emit(f"store {self.type} {total}, ptr {pointers[number]}")
            self.emit("ret void")

        name, order = self.turns_function([*taken.values()], write)
        parameters = [[*taken.values()][at] for at in order]
        kept = [("%frame", self.frame.places[known]) for known in needed]
        kept += [("%rooms", ROOM * at) for at in range(len(own))]

        def opened() -> None:
            for (kind, register), at in zip(parameters, order, strict=True):
                self.emit(f"{register} = load {kind}, ptr {self.slot_of(*kept[at])}")
            self.invoke(name, [*parameters, *RANGE])
            self.emit("ret void")

        run = f"{name}.run{len(self.functions)}"
        self.function_text(f"internal void @{run}(ptr %frame, ptr %rooms, {SIZE} %from, {SIZE} %to)", opened)
        return run

    def tiles(self, parts: Parts, tile: Tile, start: str, stop: str, first: Callable[[str], None] | None = None) -> str:
        """Turns of a loop several at a time, after what is `first` there; returns the first that is left."""
        for array in parts.private:
            slot = self.here.slots[array.name]
            for turn in range(ROWS):
                mine = self.after(slot.pointer, self.multiplied(self.count_of(array.shape), str(turn)))
                self.here.slots[numbered(array.name, turn)] = replace(slot, pointer=mine)
        for array in tile.held:
            held = self.room(f"[{ROWS} x {self.type}]")
            self.here.slots[array.name] = Slot(held, self.dense_strides(array), self.type)
        self.several, self.few_forms = {parts.loop.index: ROWS}, self.masks
        reached = self.loop_over(Loop(parts.loop.index, tile.body), start, stop, ROWS, first)
        self.several, self.few_forms = {}, self.is_long
        return reached

    def turns_function(self, taken: Sequence[Parameter], write: Callable[[], None]) -> tuple[str, list[int]]:
        """A function of parameters `%c…` and a range, written once where loops are alike: its name, and what it takes.

        LLVM knows of parameters which arrays lie apart.
        """
        self.function_text("", write)
        text = self.functions.pop()
        order = [int(at) for at in dict.fromkeys(re.findall(r"%c(\d+)\b", text))]
        places = {str(at): place for place, at in enumerate(order)}
        text = re.sub(r"%c(\d+)\b", lambda found: f"%c{places[found[1]]}", text)
        kinds = [taken[at][0] for at in order]
        parameters = [(f"{kind} noalias" if kind == "ptr" else kind, f"%c{at}") for at, kind in enumerate(kinds)]
        given = listed([*parameters, *RANGE])
        alike = f"({given}) {text}"
        if alike not in self.alike:
            name = self.alike[alike] = f"{PART}{len(self.alike)}"
            self.functions.append(text.replace("define ", f"define internal void @{name}({given}) noinline {WIDE}", 1))
        return self.alike[alike], order

    def fetch_ahead(self, loop: Loop, turns: int) -> Callable[[str], None] | None:
        """What asks memory for the rows of inputs that come next, so many turns at a time; None where none are read.

        Processors see by themselves that a long row goes on, but not soon enough where a short one ends.
        """
        inputs = [array for array in self.signature.inputs if array.name in rows_read(loop)]
        if not inputs:
            return None
        self.declare("llvm.prefetch", "void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        alike: dict[tuple[Expr, ...], list[Array]] = {}
        for array in inputs:
            alike.setdefault(array.shape, []).append(array)
        ahead = [(arrays, *self.how_far_ahead(shape, turns)) for shape, arrays in alike.items()]

        def write(index: str) -> None:
            for arrays, lead, lines in ahead:
                before = self.multiplied(self.count_of(arrays[0].shape[1:]), index)
                rows = [self.after(self.here.slots[array.name].pointer, before) for array in arrays]

                def ask(line: str, rows: Sequence[str] = rows, lead: str = lead) -> None:
                    offset = self.added(self.multiplied(line, str(LINE)), lead)
                    for row in rows:
                        place = self.let(f"getelementptr i8, ptr {row}, {SIZE} {offset}")
                        self.emit(f"call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 3, i32 1)")

                self.each(lines, ask)

        return write

    def how_far_ahead(self, shape: Sequence[Expr], turns: int) -> tuple[str, str]:
        """How many bytes beyond the rows at hand memory is asked for, and for how many lines; for none in vain."""
        row = self.multiplied(self.count_of(shape[1:]), str(self.width))
        block = self.multiplied(row, str(turns))
        beyond = self.let(f"sub {SIZE} {REACH}, {block}")
        more = self.let(f"icmp sgt {SIZE} {beyond}, {LEAD}")
        lead = self.let(f"select i1 {more}, {SIZE} {beyond}, {SIZE} {LEAD}")
        lines = self.let(f"sdiv {SIZE} {self.added(block, str(LINE - 1))}, {LINE}")
        whole = self.multiplied(row, self.integer(shape[0]))
        short = self.let(f"icmp slt {SIZE} {row}, {LONG_ROW}")
        far = self.let(f"and i1 {short}, {self.let(f'icmp sgt {SIZE} {whole}, {CACHED}')}")
        return lead, self.let(f"select i1 {far}, {SIZE} {lines}, {SIZE} 0")

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


def _sizes(array: Array) -> set[str]:
    return {part.name for size in array.shape for part in walk(size) if isinstance(part, Dim)}
