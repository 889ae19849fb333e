"""How a loop is shared out: in one go where it is small, and otherwise in parts, whose rooms are folded two by two.

A kernel hands over the turns of a loop as a function of a range, `part(context, rooms, from, to)`. Each room is three
entries of eight bytes: where it is, how many numbers it has, and how parts fold into it, which is a place in `FOLDS`
from 1, or 0 where nothing is folded and every thread needs one of its own. How a loop is cut depends on sizes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from codegen.llvm_text import SIZE, TYPES, Parameter, RuntimeText
from codegen.loops import START, How
from codegen.tiling import ROWS

GRAIN = 1 << 21  # the least work of a part, in units of a vectorised addition; some 30 µs
FOLDED = 1 << 13  # turns of a long sum that are folded one after the other
PARTS = 1 << 14  # the most parts
FOLDS: tuple[How, ...] = ("add", "mul", "max")
ROOM = 3  # entries that describe one
LANES = 8  # numbers that are folded at a time
SHARED = {f"derive_share_{kind}": ["ptr", "ptr", "ptr", *[SIZE] * 4] for kind in TYPES.values()}


class Shares(RuntimeText):
    """A writer of `derive_share(part, context, rooms, count, turns, cost, threads)`."""

    symbols = SHARED

    def share_out(self) -> None:
        """All that loops in parts need."""
        for how in FOLDS:
            self.fold(how)
        self.one_part()
        self.public(f"derive_share_{self.type}", "part context rooms count turns cost threads", self.shared)

    def shared(self) -> None:
        """A loop of so many turns at such a cost each; without memory for rooms, in one go."""
        work = self.multiplied("%turns", "%cost")
        long = self.let(f"icmp sge {SIZE} %turns, {2 * FOLDED}")
        much = self.let(f"icmp sge {SIZE} {work}, {2 * GRAIN}")
        self.emit(f"br i1 {self.let(f'or i1 {long}, {much}')}, label %measure, label %direct")
        self.block("measure")
        folded, own = self.numbers()
        parts = self.part_count(work, folded)
        self.emit(f"br i1 {self.let(f'icmp sle {SIZE} {parts}, 1')}, label %direct, label %cut")
        self.block("cut")
        seats = self.let(f"select i1 {much}, {SIZE} %threads, {SIZE} 1")  # few parts are there to keep digits
        folding = self.multiplied(parts, folded)
        numbers = self.added(folding, self.multiplied(seats, own))
        self.declare("malloc", "ptr @malloc(i64)")
        self.declare("free", "void @free(ptr)")
        room = self.let(f"call ptr @malloc(i64 {self.multiplied(self.added(numbers, '1'), str(self.width))})")
        self.emit(f"br i1 {self.let(f'icmp eq ptr {room}, null')}, label %direct, label %fork")
        self.block("fork")
        context: list[Parameter] = [("ptr", f"%{name}") for name in ("part", "context", "rooms")]
        context += [(SIZE, "%count"), (SIZE, "%turns"), (SIZE, parts), (SIZE, folded), (SIZE, own)]
        context += [("ptr", room), ("ptr", self.after(room, folding))]
        self.parallel(f"part_{self.type}", context, parts, seats)
        start = self.room("ptr")
        self.emit(f"store ptr {room}, ptr {start}")

        def fold(at: str) -> None:
            target, numbers, how = self.described(at)
            here = self.let(f"load ptr, ptr {start}")
            given: list[Parameter] = [("ptr", target), ("ptr", here), (SIZE, parts), (SIZE, folded), (SIZE, numbers)]
            for code, name in enumerate(FOLDS, 1):
                self.when(self.is_code(how, code), partial(self.invoke, f"fold_{name}_{self.type}", given))
            more = self.let(f"select i1 {self.is_code(how, 0)}, {SIZE} 0, {SIZE} {numbers}")
            self.emit(f"store ptr {self.after(here, more)}, ptr {start}")

        self.each("%count", fold)
        self.emit(f"call void @free(ptr {room})")
        self.emit("ret void")
        self.block("direct")
        self.emit(f"call void %part(ptr %context, ptr %rooms, {SIZE} 0, {SIZE} %turns)")

    def described(self, at: str) -> tuple[str, str, str]:
        """A room of %rooms: where it is, how many numbers it has, how it is folded."""
        first = self.multiplied(at, str(ROOM))
        place = self.let(f"load ptr, ptr {self.slot_of('%rooms', first)}")
        numbers, how = (self.item("%rooms", self.added(first, str(step))) for step in (1, 2))
        return place, numbers, how

    def is_code(self, how: str, code: int) -> str:
        return self.let(f"icmp eq {SIZE} {how}, {code}")

    def numbers(self) -> tuple[str, str]:
        """How many numbers a part folds into, and how many each thread needs for itself."""
        cells = self.room(SIZE), self.room(SIZE)
        for cell in cells:
            self.emit(f"store {SIZE} 0, ptr {cell}")

        def add(at: str) -> None:
            _, numbers, how = self.described(at)
            place = self.let(f"select i1 {self.is_code(how, 0)}, ptr {cells[1]}, ptr {cells[0]}")
            self.emit(f"store {SIZE} {self.added(self.item(place, 0), numbers)}, ptr {place}")

        self.each("%count", add)
        return self.item(cells[0], 0), self.item(cells[1], 0)

    def part_count(self, work: str, folded: str) -> str:
        """How many parts: enough work in each or, where turns are folded, at most so many of them.

        There are never so many that folding the parts together counts.
        """
        by_work = self.let(f"sdiv {SIZE} {work}, {GRAIN}")
        by_length = self.let(f"sdiv {SIZE} %turns, {FOLDED}")
        more = self.let(f"icmp sgt {SIZE} {by_length}, {by_work}")
        several = self.let(f"and i1 {more}, {self.let(f'icmp ne {SIZE} {folded}, 0')}")
        count = self.let(f"select i1 {several}, {SIZE} {by_length}, {SIZE} {by_work}")
        room = self.added(self.multiplied(folded, "16"), "1")
        return self.least(count, "%turns", str(PARTS), self.let(f"sdiv {SIZE} {work}, {room}"))

    def one_part(self) -> None:
        """What the pool calls for a part: its folds begin in rooms of its own, and it takes its share of the turns."""
        context: list[Parameter] = [("ptr", f"%{name}") for name in ("function", "given", "rooms")]
        context += [(SIZE, f"%{name}") for name in ("rooms_count", "turns", "count", "folded", "own")]
        context += [("ptr", "%room"), ("ptr", "%spare")]

        def write() -> None:
            self.opened("%context", context)
            start, end = self.share("%turns", ROWS)
            mine = self.let(f"alloca {SIZE}, {SIZE} {self.multiplied('%rooms_count', str(ROOM))}")
            cells = self.room("ptr"), self.room("ptr")
            first = self.after("%room", self.multiplied("%part", "%folded"))
            for cell, place in zip(cells, (first, self.after("%spare", self.multiplied("%seat", "%own"))), strict=True):
                self.emit(f"store ptr {place}, ptr {cell}")

            def open_room(at: str) -> None:
                _, numbers, how = self.described(at)
                cell = self.let(f"select i1 {self.is_code(how, 0)}, ptr {cells[1]}, ptr {cells[0]}")
                place = self.let(f"load ptr, ptr {cell}")
                self.emit(f"store ptr {place}, ptr {self.slot_of(mine, self.multiplied(at, str(ROOM)))}")
                self.emit(f"store ptr {self.after(place, numbers)}, ptr {cell}")
                for code, name in enumerate(FOLDS, 1):
                    self.when(self.is_code(how, code), self.filling(place, numbers, name))

            self.each("%rooms_count", open_room)
            self.emit(f"call void %function(ptr %given, ptr {mine}, {SIZE} {start}, {SIZE} {end})")

        self.private(f"part_{self.type}", [("ptr", "context"), (SIZE, "part"), (SIZE, "seat")], write)

    def filling(self, place: str, numbers: str, how: How) -> Callable[[], None]:
        """What writes the start of a fold into a room."""
        return lambda: self.in_vectors(
            numbers, lambda at: self.keep(self.literal(float(START[how])), self.after(place, at), "")
        )

    def in_vectors(self, count: str, write: Callable[[str], None]) -> None:
        """Something done with so many numbers, first in vectors and then one by one."""
        with self.in_lanes(LANES):
            reached = self.counted("0", count, LANES, write)
        self.counted(reached, count, 1, write)

    def fold(self, how: How) -> None:
        """`fold(target, rooms, parts, stride, count)`: the rooms folded two by two, and the first into the target."""

        def row(into: str, other: str) -> None:
            def entries(at: str) -> None:
                here, there = self.after(into, at), self.after(other, at)
                old, new = (self.neighbours(place, "1", self.type, "") for place in (here, there))
                self.keep(self.folded(old, new, how), here, "")

            self.in_vectors("%count", entries)

        def write() -> None:
            apart = self.room(SIZE)
            self.emit(f"store {SIZE} 1, ptr {apart}")
            self.emit("br label %level")
            self.block("level")
            step = self.item(apart, 0)
            self.emit(f"br i1 {self.let(f'icmp slt {SIZE} {step}, %parts')}, label %pairs, label %last")
            self.block("pairs")
            double = self.let(f"shl {SIZE} {step}, 1")
            beyond = self.added("%parts", self.let(f"sub {SIZE} {step}, 1"))

            def pair(at: str) -> None:
                first = self.multiplied(at, double)
                second = self.added(first, step)
                row(*(self.after("%rooms", self.multiplied(part, "%stride")) for part in (first, second)))

            self.each(self.let(f"sdiv {SIZE} {beyond}, {double}"), pair)
            self.emit(f"store {SIZE} {double}, ptr {apart}")
            self.emit("br label %level")
            self.block("last")
            row("%target", "%rooms")

        names = [("ptr", "target"), ("ptr", "rooms"), (SIZE, "parts"), (SIZE, "stride"), (SIZE, "count")]
        self.private(f"fold_{how}_{self.type}", names, write)
