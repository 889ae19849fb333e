"""Innermost loops in vectors, written as such.

A loop whose turns can be neighbours (see `codegen.side_by_side`) is written for as many of them as a register holds.
What is left at the end is done under a mask where the processor has masks for loads and stores, and one by one
elsewhere. Where a loop has few sums, several run at once, so that none waits for itself; they meet when it is done.
What is the same in all turns is computed ahead of the loop. Other loops are written plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sympy import Expr

from codegen.llvm_quotients import Divisor, divisor, is_power_of_two, quotient
from codegen.llvm_text import SIZE, Lines, Registers
from codegen.llvm_writer import Writer, calls_functions
from codegen.loops import START, How, Local, Loop, Nest, Statement, Store, Update
from codegen.side_by_side import can_be_neighbours, copies_of, folded_in, is_fixed, step_of, stored_apart, touched
from codegen.signature import Signature
from codegen.vector_math.llvm_text import vector
from derive.program import Element, Index, is_element, name_of, positions_of, walk

REDUCED: dict[How, str] = {"add": "fadd", "mul": "fmul", "max": "fmaximum"}
WIDE_REGISTER = 64  # bytes of the vectors of which already two quotients gain by sharing a division
FEW = 8  # turns from which on vectors are worth while
TOGETHER = 4  # sums that are folded into numbers together
Sums = dict[Element, str]


@dataclass
class Turns:
    """What is known of the loop that is being written."""

    index: Index
    kept: set[str]  # arrays whose entries are stored when the turns are done
    ahead: Lines  # what is computed before the loop
    bases: dict[Element, tuple[str, str]] = field(default_factory=dict)  # where the first turn's entries are; the step
    still: dict[Expr | str, str] = field(default_factory=dict)  # vectors of what is the same in all turns
    single: dict[str, str] = field(default_factory=dict)  # the numbers that these vectors are made of
    wide: dict[str, str] = field(default_factory=dict)  # locals
    sums: Sums = field(default_factory=dict)  # where the sums of these turns are
    pending: dict[Element, str] = field(default_factory=dict)  # entries that are to be stored
    divisors: dict[str, Divisor] = field(default_factory=dict)  # those that are the same in all turns
    quotients: dict[str, list[tuple[str, str, Lines]]] = field(default_factory=dict)  # by others, yet to be settled
    said: dict[tuple[int, Expr], str] = field(default_factory=dict)  # what was computed ahead
    mask: str = ""


class VectorWriter(Writer):
    """A writer of loops in vectors."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, registers: Registers) -> None:
        super().__init__(nest, signature, dtype)
        self.most = registers.width // self.width
        self.masks = registers.masks
        self.fuses = registers.fused
        self.turns: Turns | None = None
        self.several: dict[Index, int] = {}  # indices of which so many positions are there together

    # ------------------------------------------------ loops

    def loop_over(
        self, loop: Loop, start: str, stop: str, step: int = 1, first: Callable[[str], None] | None = None
    ) -> str:
        if step > 1 or first is not None or (self.rest and not self.masks) or not can_be_neighbours(loop):
            return super().loop_over(loop, start, stop, step, first)
        size = int(loop.index.size) if loop.index.size.is_Integer else 0
        if start == "0" and 1 < size <= self.most and size & (size - 1) == 0:
            with self.as_neighbours(loop, size) as turns, self.folding(loop, 1) as sums:
                self.write(loop, turns, "0", sums[0])
            return stop
        short = self.masks and (self.rest or calls_functions(loop.body))
        if short or _adds(loop) or not _folds(loop):
            self.in_vectors(loop, start, stop, short)
        else:  # the sum of a vector takes longer than a few numbers
            few = self.let(f"icmp slt {SIZE} {self.let(f'sub nsw {SIZE} {stop}, {start}')}, {FEW}")
            in_vectors = partial(self.in_vectors, loop, start, stop, short)
            self.choose(few, partial(self.in_numbers, loop, start, stop), in_vectors)
        return stop

    def in_numbers(self, loop: Loop, start: str, stop: str) -> None:
        """The turns one by one."""
        with self.as_neighbours(loop, 1) as turns, self.folding(loop, 1) as sums:
            self.in_steps(loop, turns, start, stop, sums)

    def in_vectors(self, loop: Loop, start: str, stop: str, short: bool) -> None:
        """All turns; where the loop is short or its body long, with one text for whole vectors and what is left."""
        masks = self.masks and (short or not _adds(loop))  # what is added to an entry waits for one under a mask
        with self.as_neighbours(loop, self.most) as turns, self.folding(loop, 1 if short else copies_of(loop)) as sums:
            reached = start
            if not short:
                reached = self.in_steps(loop, turns, reached, stop, sums)
            if len(sums) > 1:
                reached = self.in_steps(loop, turns, reached, stop, sums[:1])
            if masks:
                self.at_end(loop, turns, reached, stop, sums[0], once=not short)
        if not masks:
            self.in_numbers(loop, reached, stop)

    def at_end(self, loop: Loop, turns: Turns, start: str, stop: str, sums: Sums, *, once: bool) -> None:
        """What is left from `start`, under masks: less than a vector of turns, or any number."""

        def under_mask(at: str) -> None:
            turns.mask = self.first_lanes(self.let(f"sub nsw {SIZE} {stop}, {at}"))
            self.write(loop, turns, at, sums)
            turns.mask = ""

        if once:
            self.when(self.let(f"icmp slt {SIZE} {start}, {stop}"), lambda: under_mask(start))
        else:
            self.counted(start, stop, self.lanes, under_mask, whole=False)

    def in_steps(self, loop: Loop, turns: Turns, start: str, stop: str, sums: Sequence[Sums]) -> str:
        """Whole steps, of a vector of turns for each of the sums that run at once; these meet in the first."""

        def step(at: str) -> None:
            for copy, own in enumerate(sums):
                self.write(loop, turns, self.added(at, str(copy * self.lanes)), own)

        reached = self.counted(start, stop, self.lanes * len(sums), step)
        if len(sums) > 1:
            some = self.let(f"icmp sgt {SIZE} {reached}, {start}")
            self.when(some, lambda: self.meet(sums, _folds(loop)))
        return reached

    def write(self, loop: Loop, turns: Turns, at: str, sums: Sums) -> None:
        """The body for the turns from `at`."""
        self.here.registers[loop.index.name] = at
        turns.sums, turns.pending = sums, {}
        for statement in loop.body:
            self.turn(statement, turns)
        for entry, value in turns.pending.items():
            self.keep(value, self.place(entry, turns), turns.mask)
        self.settle(loop, turns)

    @contextmanager
    def as_neighbours(self, loop: Loop, lanes: int) -> Iterator[Turns]:
        """Values are vectors of the turns of a loop."""
        bases = {entry: self.base(entry, loop.index) for entry in touched(loop) if not is_fixed(entry, loop.index)}
        self.turns = Turns(loop.index, stored_apart(loop), self.opening(), bases)
        with self.in_lanes(lanes):
            yield self.turns
        self.turns = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Values are numbers, whatever loop is being written."""
        turns, self.turns = self.turns, None
        with self.in_lanes(1):
            yield
        self.turns = turns

    def base(self, entry: Element, index: Index) -> tuple[str, str]:
        """Where the entry of the first turn is, and how many places further that of the next.

        LLVM is not told how the place was worked out: trying what else could be done with it took half of its time.
        """
        slot = self.here.slots[name_of(entry)]
        self.here.registers[index.name] = "0"
        place = self.address(entry)
        if place != slot.pointer:
            name = "llvm.strip.invariant.group.p0"
            self.declare(name, f"ptr @{name}(ptr)")
            place = self.let(f"call ptr @{name}(ptr {place})")
        step = "0"
        for position, stride in zip(positions_of(entry), slot.strides, strict=True):
            if step_of(position, index):
                step = self.added(step, stride)
        return place, step

    # ------------------------------------------------ sums

    @contextmanager
    def folding(self, loop: Loop, copies: int) -> Iterator[list[Sums]]:
        """Room for the sums of a loop, so many at once; at the end they are folded into where they belong."""
        folds = _folds(loop)
        rooms = [{target: self.room(self.kind) for target in folds} for _ in range(copies)]
        for sums in rooms:
            for target, how in folds.items():
                self.emit(f"store {self.kind} {self.spell(START[how])}, ptr {sums[target]}")
        yield rooms
        totals = {target: self.let(f"load {self.kind}, ptr {rooms[0][target]}") for target in folds}
        added = [target for target, how in folds.items() if how == "add" and self.lanes >= TOGETHER]
        groups = [added[at : at + TOGETHER] for at in range(0, len(added) - TOGETHER + 1, TOGETHER)]
        for group in groups:
            self.fold_together(group, [totals.pop(target) for target in group])
        for target, total in totals.items():
            with self.changing(target) as (old, change):
                change(self.reduced(old, total, folds[target]))

    def meet(self, rooms: Sequence[Sums], folds: Mapping[Element, How]) -> None:
        """Sums that ran at once, as one vector in the first of their rooms."""
        for target, how in folds.items():
            found = [self.let(f"load {self.kind}, ptr {sums[target]}") for sums in rooms]
            while len(found) > 1:
                found = [self.folded(*pair, how) for pair in zip(found[::2], found[1::2], strict=True)]
            self.emit(f"store {self.kind} {found[0]}, ptr {rooms[0][target]}")

    @contextmanager
    def changing(self, target: Element) -> Iterator[tuple[str, Callable[[str], None]]]:
        """The number that a sum goes to, and what changes it."""
        with self.aside():
            place = self.here.cells.get(name_of(target)) or self.address(target)
            old = self.let(f"load {self.type}, ptr {place}")
        yield old, lambda new: self.emit(f"store {self.type} {new}, ptr {place}")

    def reduced(self, old: str, total: str, how: How) -> str:
        """The fold of a number with all of a vector."""
        if self.lanes == 1:
            return self.folded(old, total, how)
        name = f"llvm.vector.reduce.{REDUCED[how]}.{self.short}"
        if how == "max":
            self.declare(name, f"{self.type} @{name}({self.kind})")
            largest = self.let(f"call {self.type} @{name}({self.kind} {total})")
            with self.aside():
                return self.folded(old, largest, how)
        self.declare(name, f"{self.type} @{name}({self.type}, {self.kind})")
        return self.let(f"call reassoc nsz {self.type} @{name}({self.type} {old}, {self.kind} {total})")

    def fold_together(self, targets: Sequence[Element], totals: Sequence[str]) -> None:
        """Four sums, folded into numbers side by side."""
        lanes = self.lanes
        while lanes > TOGETHER:
            half = lanes // 2
            totals = [self.halves(lanes, total, total, range(half), range(half, lanes)) for total in totals]
            lanes = half
        first, second, third, fourth = totals
        pairs = [
            self.halves(4, one, other, (0, 4, 2, 6), (1, 5, 3, 7)) for one, other in ((first, second), (third, fourth))
        ]
        total = self.halves(4, pairs[0], pairs[1], (0, 1, 4, 5), (2, 3, 6, 7))
        for lane, target in enumerate(targets):
            with self.changing(target) as (old, change):
                found = self.let(f"extractelement {vector(self.type, 4)} {total}, i64 {lane}")
                change(self.let(f"fadd reassoc nsz {self.type} {old}, {found}"))

    def halves(self, lanes: int, left: str, right: str, one: Sequence[int], other: Sequence[int]) -> str:
        """The sum of two choices among the lanes of two vectors."""
        kind = vector(self.type, lanes)
        found = []
        for chosen in (one, other):
            places = ", ".join(f"i32 {lane}" for lane in chosen)
            places = f"{vector('i32', len(chosen))} <{places}>"
            found.append(self.let(f"shufflevector {kind} {left}, {kind} {right}, {places}"))
        return self.let(f"fadd reassoc nsz {vector(self.type, len(one))} {found[0]}, {found[1]}")

    # ------------------------------------------------ statements

    def turn(self, statement: Statement, turns: Turns) -> None:
        """A statement for the turns at hand."""
        self.said = {}
        if isinstance(statement, Local):
            turns.wide[statement.name] = self.spell(statement.value)
            return
        assert isinstance(statement, Update | Store)
        target = folded_in(statement, turns.index)
        if target is not None:
            old = self.let(f"load {self.kind}, ptr {turns.sums[target]}")
            new = self.folded(old, self.spell(statement.value), statement.how)
            if turns.mask:
                new = self.let(f"select {self.truth} {turns.mask}, {self.kind} {new}, {self.kind} {old}")
            self.emit(f"store {self.kind} {new}, ptr {turns.sums[target]}")
        elif isinstance(statement, Store):
            new = self.spell(statement.value)
            if statement.how != "set":
                new = self.folded(self.entries(statement.element, turns), new, statement.how)
            if name_of(statement.element) in turns.kept:
                turns.pending[statement.element] = new
            else:
                self.keep(new, self.place(statement.element, turns), turns.mask)

    def place(self, entry: Element, turns: Turns) -> str:
        """Where the entry of the first of the turns at hand is."""
        base, step = turns.bases[entry]
        distance = self.multiplied(self.here.registers[turns.index.name], step)
        kind = self.here.slots[name_of(entry)].type
        return base if distance == "0" else self.let(f"getelementptr {kind}, ptr {base}, {SIZE} {distance}")

    def entries(self, entry: Element, turns: Turns) -> str:
        """The entries of the turns at hand: neighbours in memory, or gathered."""
        if entry in turns.pending:
            return turns.pending[entry]
        kind, step = self.here.slots[name_of(entry)].type, turns.bases[entry][1]
        return self.neighbours(self.place(entry, turns), step, kind, turns.mask)

    # ------------------------------------------------ values

    def spell(self, value: Expr) -> str:
        turns = self.turns
        if turns is None or value.is_Rational:
            return super().spell(value)
        if value == turns.index:
            place = self.counted_off("add", self.spread(self.integer(value), SIZE))
            return self.let(f"sitofp {vector(SIZE, self.lanes)} {place} to {self.kind}")
        return self.standing(turns, value, super().spell) if self.stands(value, turns) else super().spell(value)

    def stands(self, value: Expr, turns: Turns) -> bool:
        """Whether a value is the same in all turns, and there to be computed even where there are none."""
        for part in walk(value):
            if part == turns.index or (is_element(part) and name_of(part) in turns.wide):
                return False
            if is_element(part) and not all(map(self.is_there, positions_of(part))):
                return False
        return True

    def is_there(self, position: Expr) -> bool:
        """Whether a position is one of its axis wherever the loops around are."""
        if isinstance(position, Index) or position.is_Integer:
            return True
        return any((position - index) in range(many) for index, many in self.several.items())

    def standing(self, turns: Turns, key: Expr | str, write: Callable[..., str], *given: Any) -> str:
        """A number worked out ahead of the loop, in a vector."""
        if key not in turns.still:
            into, self.here.into = self.here.into, turns.ahead
            said, self.said = self.said, turns.said
            with self.aside():
                number = write(*(given or (key,)))
            self.said = said
            found = turns.still[key] = self.spread(number, self.type)
            turns.single[found] = number
            self.here.into = into
        return turns.still[key]

    def literal(self, value: float) -> str:
        found = super().literal(value)
        turns = self.turns
        if turns is not None:
            with self.aside():
                turns.single[found] = super().literal(value)
        return found

    def binary(self, sign: str, left: str, right: str) -> str:
        turns = self.turns
        if turns is None:
            return super().binary(sign, left, right)
        if left in turns.single and right in turns.single:
            given = sign, turns.single[left], turns.single[right]
            return self.standing(turns, " ".join(given), super().binary, *given)
        return (
            self.divided(left, right, turns)
            if sign == "/" and self.fuses and self.lanes > 1
            else super().binary(sign, left, right)
        )

    def divided(self, left: str, right: str, turns: Turns) -> str:
        """A quotient, which is settled when it is known how many have this divisor."""
        if right in turns.single and right not in turns.divisors:
            if not turns.single[right].startswith("%") and is_power_of_two(turns.single[right]):
                return super().binary("/", left, right)
            into, self.here.into = self.here.into, turns.ahead
            turns.divisors[right] = divisor(self, right)
            self.here.into = into
        found = self.new()
        if right in turns.divisors:
            quotient(self, left, turns.divisors[right], found)
            return found
        turns.quotients.setdefault(right, []).append((found, left, self.opening()))
        return found

    def settle(self, loop: Loop, turns: Turns) -> None:
        """Divisions, or one where several have a divisor in common and the processor has little else to do."""
        worth = 2 if self.lanes * self.width >= WIDE_REGISTER else 3
        busy = calls_functions(loop.body)
        for right, found in turns.quotients.items():
            common: Divisor | None = None
            for register, left, opening in found:
                into, self.here.into = self.here.into, opening
                if busy or len(found) < worth:
                    self.emit(f"{register} = fdiv {self.kind} {left}, {right}")
                else:
                    common = common or divisor(self, right)
                    quotient(self, left, common, register)
                self.here.into = into
        turns.quotients = {}

    def load(self, value: Expr) -> str:
        turns = self.turns
        if turns is None:
            return super().load(value)
        if name_of(value) in turns.wide:
            return turns.wide[name_of(value)]
        if value in turns.bases:
            found, kind = self.entries(value, turns), self.here.slots[name_of(value)].type
            return found if kind == self.type else self.let(f"sitofp {vector(kind, self.lanes)} {found} to {self.kind}")
        with self.aside():
            number = super().load(value)
        return self.spread(number, self.type)

    def same_position(self, left: Expr, right: Expr) -> str:
        turns = self.turns
        if turns is None:
            return super().same_position(left, right)
        places = [self.spread(self.integer(position), SIZE) for position in (left, right)]
        moves = [turns.index in walk(position) for position in (left, right)]
        if moves[0] != moves[1]:  # then lanes count on one side, which is subtracted on the other
            fixed = moves.index(False)
            places[fixed] = self.counted_off("sub", places[fixed])
        return self.let(f"icmp eq {vector(SIZE, self.lanes)} {places[0]}, {places[1]}")

    def counted_off(self, operation: str, place: str) -> str:
        """The number of each lane added to a position, or subtracted."""
        if self.lanes == 1:
            return place
        return self.let(f"{operation} nsw {vector(SIZE, self.lanes)} {place}, {self.first_numbers(SIZE)}")


def _adds(loop: Loop) -> bool:
    """Whether each turn adds to entries of its own, or folds otherwise into them."""
    folds = _folds(loop)
    return any(isinstance(s, Store) and s.how != "set" and s.element not in folds for s in loop.body)


def _folds(loop: Loop) -> dict[Element, How]:
    """What the turns of a loop fold into, and how."""
    found = ((folded_in(statement, loop.index), statement) for statement in loop.body)
    return {target: s.how for target, s in found if target is not None and isinstance(s, Update | Store)}
