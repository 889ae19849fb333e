"""What all kernels share: how NumPy's call reaches a nest. One module, compiled once, with `codegen.llvm_shares`.

A kernel hands over its nest as a function of an array of pointers. The runtime copies what is not dense into rooms and
back, spreads the outer axes over the threads, and says when there is no memory. Strides are in bytes.

`derive_elementwise(call, first, args, dimensions, steps, data, operands, inputs, widths, cost, cost_first)` serves
formulas of numbers: `call(count, pointers)` runs the nest for rows of them, and `first`, if there is one, where all
inputs but the first are the same for a whole row. `derive_generalised(call, measure, args, dimensions, steps,
data, operands, inputs, ranks, axes, widths)` serves formulas of arrays: `call(sizes, args, steps, work, threads, from,
to)` runs the nest at positions of the outer axes one after the other, and `measure(sizes, work, cost)` tells how many
bytes of workspace that takes, and how much work one position is.

Nests call `derive_operands_at(frame, args, steps, count, turn)`, which puts where so many operands are at a position
into a row.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from functools import partial

from codegen import threads
from codegen.llvm_shares import GRAIN, PARTS, SHARED, Shares
from codegen.llvm_text import SIZE, TYPES, Parameter, RuntimeText, together
from codegen.vector_math.llvm_text import listed

BLOCK = 512  # numbers that are copied at a time where an elementwise kernel meets strides
OPERANDS = 64  # the most arrays of a kernel
LINE = 64  # bytes of a line of the cache: what memory gives at once, and where workspace begins
FLAGS = 0x3D if platform.machine().lower() in ("x86_64", "amd64") else 0x1F  # the C library's FE_ALL_EXCEPT

SYMBOLS: dict[str, Sequence[str]] = {
    "derive_elementwise": [*["ptr"] * 6, SIZE, SIZE, "ptr", SIZE, SIZE],
    "derive_generalised": [*["ptr"] * 6, SIZE, SIZE, *["ptr"] * 3],
    "derive_operands_at": ["ptr", "ptr", "ptr", SIZE, SIZE],
    threads.SYMBOL: ["ptr", "ptr", SIZE, SIZE],
    **SHARED,
}


def runtime() -> str:
    """The text of the module."""
    calls = _Runtime("float64")
    calls.copy()
    calls.elementwise()
    calls.generalised()
    calls.operands_at()
    shares = [Shares(dtype) for dtype in TYPES]
    for text in shares:
        text.share_out()
    return f"{threads.pool()}\n{together([calls, *shares])}"


class _Runtime(RuntimeText):
    symbols = SYMBOLS

    # ------------------------------------------------ copies

    def copy(self) -> None:
        """`copy(to, to_steps, from, from_steps, sizes, rank, width)`: an array of numbers of 4 or 8 bytes."""
        ends = ("to", "from")

        def row(bits: int) -> None:
            places = [(self.room("ptr"), f"%{end}", f"%{end}_step") for end in ends]
            for cell, start, _ in places:
                self.emit(f"store ptr {start}, ptr {cell}")

            def entry(_: str) -> None:
                to, source = (self.let(f"load ptr, ptr {cell}") for cell, _, _ in places)
                self.emit(f"store i{bits} {self.let(f'load i{bits}, ptr {source}')}, ptr {to}")
                for (cell, _, step), place in zip(places, (to, source), strict=True):
                    self.emit(f"store ptr {self.moved(place, step, '1')}, ptr {cell}")

            self.each("%count", entry)

        taken = [(kind, f"{end}{what}") for end in ends for kind, what in (("ptr", ""), (SIZE, "_step"))]
        for bits in (64, 32):
            self.private(f"row{bits}", [*taken, (SIZE, "count")], partial(row, bits))

        def line(given: Sequence[Parameter]) -> None:
            wide = self.let(f"icmp eq {SIZE} %width, 8")
            self.choose(wide, lambda: self.invoke("row64", given), lambda: self.invoke("row32", given))

        def last(to: str, source: str, axis: int) -> None:
            """The axis that is the last one, from these places on."""
            steps = [self.item(f"%{end}_steps", axis) for end in ends]
            line([("ptr", to), (SIZE, steps[0]), ("ptr", source), (SIZE, steps[1]), (SIZE, self.item("%sizes", axis))])

        def turns(write: Callable[[str, str], None]) -> None:
            down, across = (self.item(f"%{end}_steps", 0) for end in ends)
            count = self.item("%sizes", 0)
            self.each(count, lambda at: write(self.moved("%to", down, at), self.moved("%from", across, at)))

        def deeper(to: str, source: str) -> None:
            rest = [self.slot_of(f"%{which}", 1) for which in ("to_steps", "from_steps", "sizes")]
            self.copied(to, rest[0], source, rest[1], rest[2], self.let(f"sub {SIZE} %rank, 1"), "%width")

        def number() -> None:
            line([("ptr", "%to"), (SIZE, "0"), ("ptr", "%from"), (SIZE, "0"), (SIZE, "1")])

        def write() -> None:
            none, one, two = (self.let(f"icmp eq {SIZE} %rank, {rank}") for rank in range(3))

            def several() -> None:
                self.choose(two, lambda: turns(lambda to, source: last(to, source, 1)), lambda: turns(deeper))

            self.choose(none, number, lambda: self.choose(one, lambda: last("%to", "%from", 0), several))

        names = ("to", "to_steps", "from", "from_steps", "sizes")
        self.private("copy", [*(("ptr", name) for name in names), (SIZE, "rank"), (SIZE, "width")], write)

    def copied(self, to: str, to_steps: str, source: str, steps: str, sizes: str, rank: str, width: str) -> None:
        given = f"ptr {to}, ptr {to_steps}, ptr {source}, ptr {steps}, ptr {sizes}, {SIZE} {rank}, {SIZE} {width}"
        self.emit(f"call void @copy({given})")

    # ------------------------------------------------ threads

    def part_count(self, turns: str, cost: str) -> str:
        """How many parts a number of turns makes."""
        return self.least(self.let(f"sdiv {SIZE} {self.multiplied(turns, cost)}, {GRAIN}"), turns, str(PARTS))

    def seats(self) -> str:
        """How many threads this call may use, which its data says after the place for failures."""
        place = self.let("getelementptr i32, ptr %data, i64 1")
        return self.let(f"sext i32 {self.let(f'load i32, ptr {place}')} to {SIZE}")

    def fail(self) -> None:
        """Say that there was no memory."""
        self.emit("store i32 1, ptr %data")

    def finished(self) -> None:
        """The end of a call: what NumPy would warn of is not told."""
        self.declare("feclearexcept", "i32 @feclearexcept(i32)")
        self.let(f"call i32 @feclearexcept(i32 {FLAGS})")

    # ------------------------------------------------ formulas of numbers

    def elementwise(self) -> None:
        """One loop over NumPy's axis, in ranges for threads."""
        context = [*(("ptr", name) for name in ("chosen", "args", "steps")), (SIZE, "operands"), (SIZE, "inputs")]
        context += [("ptr", "widths"), (SIZE, "moving")]
        ends = [*context, (SIZE, "start"), (SIZE, "end")]
        whole = [*context, (SIZE, "total"), (SIZE, "count")]
        self.private("blocks", ends, self.blocks)
        self.private("range", ends, lambda: self.range([(kind, f"%{name}") for kind, name in ends]))

        def part() -> None:
            self.opened("%context", [(kind, f"%{name}") for kind, name in whole])
            start, end = self.share("%total", BLOCK)
            self.invoke("range", [*((kind, f"%{name}") for kind, name in context), (SIZE, start), (SIZE, end)])

        self.private("range.part", [("ptr", "context"), (SIZE, "part"), (SIZE, "seat")], part)

        def write() -> None:
            total = self.item("%dimensions", 0)
            alone = self.first_alone()
            choice = {"%chosen": self.let(f"select i1 {alone}, ptr %first, ptr %call")}
            choice["%moving"] = self.let(f"select i1 {alone}, {SIZE} 1, {SIZE} %inputs")
            given = [(kind, choice.get(f"%{name}", f"%{name}")) for kind, name in context]
            cost = self.let(f"select i1 {alone}, {SIZE} %cost_first, {SIZE} %cost")
            count = self.part_count(total, cost)
            self.choose(
                self.let(f"icmp sle {SIZE} {count}, 1"),
                lambda: self.invoke("range", [*given, (SIZE, "0"), (SIZE, total)]),
                lambda: self.parallel("range.part", [*given, (SIZE, total), (SIZE, count)], count, self.seats()),
            )
            self.finished()

        names = "call first args dimensions steps data operands inputs widths cost cost_first"
        self.public("derive_elementwise", names, write)

    def first_alone(self) -> str:
        """Whether there is a function for rows of the first input's numbers alone, and the others repeat one each."""
        moved = self.room(SIZE)
        self.emit(f"store {SIZE} 0, ptr {moved}")

        def look(at: str) -> None:
            step = self.let(f"or {SIZE} {self.item(moved, 0)}, {self.item('%steps', at)}")
            self.emit(f"store {SIZE} {step}, ptr {moved}")

        self.counted("1", "%inputs", 1, look)
        still = self.let(f"icmp eq {SIZE} {self.item(moved, 0)}, 0")
        return self.let(f"and i1 {still}, {self.let('icmp ne ptr %first, null')}")

    def range(self, ends: Sequence[tuple[str, str]]) -> None:
        """A range at once where everything is dense, in blocks where not."""
        pointers = self.room(f"[{OPERANDS} x ptr]")
        strange = self.room(SIZE)
        self.emit(f"store {SIZE} 0, ptr {strange}")

        def look(at: str) -> None:
            step, width = self.item("%steps", at), self.item("%widths", at)
            repeats = self.let(f"icmp sge {SIZE} {at}, %moving")
            repeats = self.let(f"and i1 {repeats}, {self.let(f'icmp slt {SIZE} {at}, %inputs')}")
            expected = self.let(f"select i1 {repeats}, {SIZE} 0, {SIZE} {width}")
            other = self.let(f"zext i1 {self.let(f'icmp ne {SIZE} {step}, {expected}')} to {SIZE}")
            self.emit(f"store {SIZE} {self.let(f'or {SIZE} {self.item(strange, 0)}, {other}')}, ptr {strange}")
            base = self.let(f"load ptr, ptr {self.slot_of('%args', at)}")
            self.emit(f"store ptr {self.moved(base, expected, '%start')}, ptr {self.slot_of(pointers, at)}")

        self.each("%operands", look)

        def dense() -> None:
            count = self.let(f"sub {SIZE} %end, %start")
            self.emit(f"call void %chosen({SIZE} {count}, ptr {pointers})")

        test = self.let(f"icmp eq {SIZE} {self.item(strange, 0)}, 0")
        self.choose(test, dense, lambda: self.invoke("blocks", ends))

    def blocks(self) -> None:
        """A range in blocks: what is not dense is copied into rooms and from them; what repeats is copied once."""
        pointers = self.room(f"[{OPERANDS} x ptr]")
        size = self.room(SIZE)
        rooms = self.let(f"alloca i8, {SIZE} {self.multiplied('%operands', str(8 * BLOCK))}, align 64")
        left = self.let(f"sub {SIZE} %end, %start")
        self.emit(f"store {SIZE} {self.least(left, str(BLOCK))}, ptr {size}")

        def operand(at: str) -> tuple[str, str, str, str]:
            base = self.let(f"load ptr, ptr {self.slot_of('%args', at)}")
            room = self.moved(rooms, str(8 * BLOCK), at)
            return base, self.slot_of("%steps", at), self.slot_of("%widths", at), room

        def fetch(base: str, step: str, width: str, room: str) -> None:
            self.copied(room, width, base, step, size, "1", self.item(width, 0))

        def repeat(at: str) -> None:
            base, step, width, room = operand(at)
            test = self.let(f"icmp eq {SIZE} {self.item(step, 0)}, 0")
            self.when(test, lambda: fetch(base, step, width, room))

        self.each("%inputs", repeat)

        def block(start: str) -> None:
            count = self.least(self.let(f"sub {SIZE} %end, {start}"), str(BLOCK))
            self.emit(f"store {SIZE} {count}, ptr {size}")

            def before(at: str) -> None:
                base, step, width, room = operand(at)
                stride = self.item(step, 0)
                here = self.moved(base, stride, start)
                dense = self.let(f"icmp eq {SIZE} {stride}, {self.item(width, 0)}")
                ready = self.let(f"or i1 {dense}, {self.let(f'icmp eq {SIZE} {stride}, 0')}")
                given = self.let(f"icmp slt {SIZE} {at}, %inputs")
                needed = self.let(f"and i1 {given}, {self.let(f'xor i1 {ready}, true')}")
                self.when(needed, lambda: fetch(here, step, width, room))
                chosen = self.let(f"select i1 {dense}, ptr {here}, ptr {room}")
                self.emit(f"store ptr {chosen}, ptr {self.slot_of(pointers, at)}")

            def after(at: str) -> None:
                base, step, width, room = operand(at)
                stride = self.item(step, 0)
                wide = self.item(width, 0)
                here = self.moved(base, stride, start)
                odd = self.let(f"icmp ne {SIZE} {stride}, {wide}")
                self.when(odd, lambda: self.copied(here, step, room, width, size, "1", wide))

            self.each("%operands", before)
            self.emit(f"call void %chosen({SIZE} {count}, ptr {pointers})")
            self.counted("%inputs", "%operands", 1, after)

        self.counted("%start", self.let(f"add {SIZE} %end, {BLOCK - 1}"), BLOCK, block)

    # ------------------------------------------------ formulas of arrays

    def generalised(self) -> None:
        """The nest for each position of the outer axes, in ranges for threads, or one by one with copies."""
        context = [*(("ptr", name) for name in ("call", "args", "sizes", "steps")), (SIZE, "operands")]
        shared = [(kind, f"%{name}") for kind, name in context]
        whole = [*context, ("ptr", "work"), (SIZE, "room"), (SIZE, "total"), (SIZE, "count")]

        def part() -> None:
            self.opened("%context", [(kind, f"%{name}") for kind, name in whole])
            start, end = self.share("%total", 1)
            work = self.moved("%work", "%room", "%seat")
            self.turns(("%sizes", "%args", "%steps", work, "1", start, end))

        self.private("items.part", [("ptr", "context"), (SIZE, "part"), (SIZE, "seat")], part)
        packed = [*context, (SIZE, "inputs"), *(("ptr", n) for n in ("ranks", "axes", "widths", "offsets", "rooms"))]
        packed += [("ptr", "work"), (SIZE, "threads"), (SIZE, "total")]
        self.private("repacked", packed, self.repacked)

        def write() -> None:
            total, sizes = self.item("%dimensions", 0), self.slot_of("%dimensions", 1)
            given = [(kind, sizes if name == "%sizes" else name) for kind, name in shared]
            offsets = self.room(f"[{OPERANDS} x {SIZE}]")
            copies = self.offsets(sizes, offsets)
            needed, cost = self.room(SIZE), self.room(SIZE)
            self.emit(f"call void %measure(ptr {sizes}, ptr {needed}, ptr {cost})")
            room, seats = self.item(needed, 0), self.seats()

            def at_once() -> None:
                count = self.part_count(total, self.item(cost, 0))
                single = self.let(f"icmp sle {SIZE} {count}, 1")
                users = self.let(f"select i1 {single}, {SIZE} 1, {SIZE} {seats}")

                def run(work: str) -> None:
                    own = [("ptr", work), (SIZE, room), (SIZE, total), (SIZE, count)]
                    direct = (sizes, "%args", "%steps", work, seats, "0", total)
                    self.choose(
                        single,
                        lambda: self.turns(direct),
                        lambda: self.parallel("items.part", [*given, *own], count, seats),
                    )

                self.with_memory(self.multiplied(users, room), run)

            def one_by_one() -> None:
                def run(work: str) -> None:
                    names = ["%ranks", "%axes", "%widths", offsets, self.moved(work, room, "1"), work]
                    own = [(SIZE, "%inputs"), *(("ptr", name) for name in names), (SIZE, seats), (SIZE, total)]
                    self.invoke("repacked", [*given, *own])

                self.with_memory(self.added(room, copies), run)

            self.choose(self.let(f"icmp eq {SIZE} {copies}, 0"), at_once, one_by_one)
            self.finished()

        names = "call measure args dimensions steps data operands inputs ranks axes widths"
        self.public("derive_generalised", names, write)

    def turns(self, given: Sequence[str]) -> None:
        """The nest at positions one after the other."""
        kinds = [*["ptr"] * 4, *[SIZE] * 3]
        self.emit(f"call void %call({listed(zip(kinds, given, strict=True))})")

    def with_memory(self, size: str, write: Callable[[str], None]) -> None:
        """Something done with room for bytes, if any are needed; where there is none, the failure is noted."""
        self.declare("malloc", "ptr @malloc(i64)")
        self.declare("free", "void @free(ptr)")

        def some() -> None:
            room = self.let(f"call ptr @malloc(i64 {self.added(size, str(LINE))})")
            self.declare("llvm.ptrmask", f"ptr @llvm.ptrmask.p0.{SIZE}(ptr, {SIZE})")
            beyond = self.moved(room, str(LINE - 1), "1")
            aligned = self.let(f"call ptr @llvm.ptrmask.p0.{SIZE}(ptr {beyond}, {SIZE} {-LINE})")
            self.choose(self.let(f"icmp eq ptr {room}, null"), self.fail, lambda: write(aligned))
            self.emit(f"call void @free(ptr {room})")

        self.choose(self.let(f"icmp sle {SIZE} {size}, 0"), lambda: write("null"), some)

    def offsets(self, sizes: str, offsets: str) -> str:
        """Where copies of operands go, -1 for what is dense; returns how many bytes they take."""
        total, step, axis, wanted, odd = (self.room(SIZE) for _ in range(5))
        for cell, start in ((total, "0"), (step, "%operands"), (axis, "0")):
            self.emit(f"store {SIZE} {start}, ptr {cell}")

        def operand(at: str) -> None:
            rank, first, place = self.item("%ranks", at), self.item(step, 0), self.item(axis, 0)
            self.emit(f"store {SIZE} {self.item('%widths', at)}, ptr {wanted}")
            self.emit(f"store {SIZE} 0, ptr {odd}")

            def back(down: str) -> None:
                here = self.let(f"sub {SIZE} {self.let(f'sub {SIZE} {rank}, {down}')}, 1")
                have = self.item("%steps", self.added(first, here))
                want = self.item(wanted, 0)
                size = self.item(sizes, self.item("%axes", self.added(place, here)))
                steps = self.let(f"icmp ne {SIZE} {size}, 1")  # along an axis of one entry nothing is stepped
                unlike = self.let(f"and i1 {steps}, {self.let(f'icmp ne {SIZE} {have}, {want}')}")
                other = self.let(f"zext i1 {unlike} to {SIZE}")
                self.emit(f"store {SIZE} {self.let(f'or {SIZE} {self.item(odd, 0)}, {other}')}, ptr {odd}")
                self.emit(f"store {SIZE} {self.multiplied(want, size)}, ptr {wanted}")

            self.each(rank, back)
            self.emit(f"store {SIZE} {self.added(first, rank)}, ptr {step}")
            self.emit(f"store {SIZE} {self.added(place, rank)}, ptr {axis}")
            so_far, count = self.item(total, 0), self.item(wanted, 0)
            some = self.let(f"icmp sgt {SIZE} {count}, 0")  # sizes that are worked out may miss zero
            strided = self.let(f"and i1 {some}, {self.let(f'icmp ne {SIZE} {self.item(odd, 0)}, 0')}")
            mine = self.let(f"select i1 {strided}, {SIZE} {so_far}, {SIZE} -1")
            self.emit(f"store {SIZE} {mine}, ptr {self.slot_of(offsets, at)}")
            more = self.let(f"select i1 {strided}, {SIZE} {count}, {SIZE} 0")
            self.emit(f"store {SIZE} {self.added(so_far, more)}, ptr {total}")

        self.each("%operands", operand)
        return self.item(total, 0)

    def repacked(self) -> None:
        """The outer axes where some operands are not dense: they are copied before and after each turn."""
        pointers = self.room(f"[{OPERANDS} x ptr]")
        strides, sizes = self.room(f"[{OPERANDS} x {SIZE}]"), self.room(f"[{OPERANDS} x {SIZE}]")
        step, axis, product = (self.room(SIZE) for _ in range(3))

        def turn(at: str) -> None:
            def operand(inward: bool) -> Callable[[str], None]:
                return lambda which: repacked(which, inward)

            def repacked(which: str, inward: bool) -> None:
                rank, first, place = self.item("%ranks", which), self.item(step, 0), self.item(axis, 0)
                base = self.let(f"load ptr, ptr {self.slot_of('%args', which)}")
                here = self.moved(base, self.item("%steps", which), at)
                offset = self.item("%offsets", which)
                copied = self.let(f"icmp sge {SIZE} {offset}, 0")
                is_input = self.let(f"icmp slt {SIZE} {which}, %inputs")
                room = self.let(f"getelementptr i8, ptr %rooms, {SIZE} {offset}")

                def move() -> None:
                    width = self.item("%widths", which)
                    self.emit(f"store {SIZE} {width}, ptr {product}")

                    def back(down: str) -> None:
                        axis_at = self.let(f"sub {SIZE} {self.let(f'sub {SIZE} {rank}, {down}')}, 1")
                        size = self.item("%sizes", self.item("%axes", self.added(place, axis_at)))
                        so_far = self.item(product, 0)
                        self.emit(f"store {SIZE} {so_far}, ptr {self.slot_of(strides, axis_at)}")
                        self.emit(f"store {SIZE} {size}, ptr {self.slot_of(sizes, axis_at)}")
                        self.emit(f"store {SIZE} {self.multiplied(so_far, size)}, ptr {product}")

                    self.each(rank, back)
                    steps = self.slot_of("%steps", first)
                    ways = (room, strides, here, steps) if inward else (here, steps, room, strides)
                    self.copied(*ways, sizes, rank, width)

                wanted = is_input if inward else self.let(f"xor i1 {is_input}, true")
                self.when(self.let(f"and i1 {copied}, {wanted}"), move)
                if inward:
                    chosen = self.let(f"select i1 {copied}, ptr {room}, ptr {here}")
                    self.emit(f"store ptr {chosen}, ptr {self.slot_of(pointers, which)}")
                self.emit(f"store {SIZE} {self.added(first, rank)}, ptr {step}")
                self.emit(f"store {SIZE} {self.added(place, rank)}, ptr {axis}")

            for inward in (True, False):
                self.emit(f"store {SIZE} %operands, ptr {step}")
                self.emit(f"store {SIZE} 0, ptr {axis}")
                self.each("%operands", operand(inward))
                if inward:
                    self.turns(("%sizes", pointers, "%steps", "%work", "%threads", "0", "1"))

        self.each("%total", turn)

    # ------------------------------------------------ what nests call

    def operands_at(self) -> None:
        """Where operands are at one of the positions of the outer axes."""

        def write() -> None:
            def operand(at: str) -> None:
                base = self.let(f"load ptr, ptr {self.slot_of('%args', at)}")
                place = self.moved(base, self.item("%steps", at), "%turn")
                self.emit(f"store ptr {place}, ptr {self.slot_of('%frame', at)}")

            self.each("%count", operand)

        self.public("derive_operands_at", "frame args steps count turn", write)
