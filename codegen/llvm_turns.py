"""One vector of turns of a loop: their statements and values.

A value that is the same in all turns is a number that is worked out ahead of the loop, in a vector; everything else is
computed for all turns at once, from neighbours in memory or from what is gathered. A vector of one turn is a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr

from codegen.llvm_quotients import Divisor, divisor, is_power_of_two, quotient
from codegen.llvm_text import SIZE, Lines, Registers
from codegen.llvm_writer import Writer, calls_functions
from codegen.loops import Local, Loop, Nest, Statement, Store, Update
from codegen.side_by_side import folded_in, is_fixed, step_of, stored_apart, touched
from codegen.signature import Signature
from codegen.vector_math.library import PARAMETERS
from codegen.vector_math.llvm_halves import in_halves
from codegen.vector_math.llvm_text import listed, vector
from derive.program import Element, Index, is_element, name_of, positions_of, walk

WIDE_REGISTER = 64  # bytes of the vectors of which already two quotients gain by sharing a division
Sums = dict[Element, str]


@dataclass
class Turns:
    """What is known of the loop that is being written."""

    index: Index
    kept: set[str]  # arrays whose entries are stored when the turns are done
    written: set[str]  # arrays that the loop changes
    ahead: Lines  # what is computed before the loop
    bases: dict[Element, tuple[str, str]] = field(default_factory=dict)  # where the first turn's entries are; the step
    still: dict[Expr | str, str] = field(default_factory=dict)  # vectors of what is the same in all turns
    single: dict[str, str] = field(default_factory=dict)  # the numbers that these vectors are made of
    wide: dict[str, str] = field(default_factory=dict)  # locals
    sums: Sums = field(default_factory=dict)  # where the sums of these turns are
    pending: dict[Element, str] = field(default_factory=dict)  # entries that are to be stored
    loaded: dict[Element, str] = field(default_factory=dict)  # entries of arrays that the loop only reads
    divisors: dict[str, Divisor] = field(default_factory=dict)  # those that are the same in all turns
    quotients: dict[str, list[tuple[str, str, Lines]]] = field(default_factory=dict)  # by others, yet to be settled
    said: dict[tuple[int, Expr], str] = field(default_factory=dict)  # what was computed ahead
    ready: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # what arguments decide that are the same
    mask: str = ""


class TurnWriter(Writer):
    """A writer of the turns of a loop that are neighbours."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, registers: Registers) -> None:
        super().__init__(nest, signature, dtype, registers)
        self.turns: Turns | None = None
        self.several: dict[Index, int] = {}  # indices of which so many positions are there together

    @contextmanager
    def as_neighbours(self, loop: Loop, lanes: int) -> Iterator[Turns]:
        """Values are vectors of the turns of a loop."""
        bases = {entry: self.base(entry, loop.index) for entry in touched(loop) if not is_fixed(entry, loop.index)}
        written = {name_of(statement.element) for statement in loop.body if isinstance(statement, Store)}
        self.turns = Turns(loop.index, stored_apart(loop), written, self.opening(), bases)
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
        """Where the entry of the first turn is, and how many places further that of the next."""
        slot = self.here.slots[name_of(entry)]
        self.here.registers[index.name] = "0"
        place = self.address(entry)
        step = "0"
        for position, stride in zip(positions_of(entry), slot.strides, strict=True):
            if step_of(position, index):
                step = self.added(step, stride)
        return place, step

    # ------------------------------------------------ statements

    def write(self, loop: Loop, turns: Turns, at: str, sums: Sums) -> None:
        """The body for the turns from `at`."""
        self.here.registers[loop.index.name] = at
        turns.sums, turns.pending, turns.loaded = sums, {}, {}
        for statement in loop.body:
            self.turn(statement, turns)
        for entry, value in turns.pending.items():
            self.keep(value, self.place(entry, turns), turns.mask)
        self.settle(loop, turns)

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
        if entry not in turns.loaded:
            kind, step = self.here.slots[name_of(entry)].type, turns.bases[entry][1]
            found = self.neighbours(self.place(entry, turns), step, kind, turns.mask)
            if name_of(entry) in turns.written:
                return found
            turns.loaded[entry] = found
        return turns.loaded[entry]

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
            said, self.said = self.said, turns.said
            with self.writing(turns.ahead):
                with self.aside():
                    number = write(*(given or (key,)))
                found = turns.still[key] = self.spread(number, self.type)
            self.said = said
            turns.single[found] = number
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
            if sign == "/" and self.registers.fused and self.lanes > 1
            else super().binary(sign, left, right)
        )

    def function(self, name: str, args: list[str]) -> str:
        """A call; where some arguments are the same in all turns, what they alone decide is worked out ahead."""
        turns = self.turns
        if turns is None or self.lanes == 1 or name not in PARAMETERS:
            return super().function(name, args)
        named = dict(zip(PARAMETERS[name], args, strict=True))
        numbers = {parameter: turns.single[arg] for parameter, arg in named.items() if arg in turns.single}
        halves = None
        if 0 < len(numbers) < len(args):
            halves = in_halves(name, self.dtype, tuple(numbers), self.lanes, self.registers.fused)
        if halves is None:
            return super().function(name, args)
        self.declared.update(halves.definitions)
        given = listed((self.type, number) for number in numbers.values())
        if (halves.ready, given) not in turns.ready:
            with self.writing(turns.ahead):
                made = self.let(f"call {halves.made} @{halves.ready}({given})")
                turns.ready[halves.ready, given] = [
                    self.spread(self.let(f"extractvalue {halves.made} {made}, {at}"), kind)
                    for at, kind in enumerate(halves.kinds)
                ]
        ready = zip((vector(kind, self.lanes) for kind in halves.kinds), turns.ready[halves.ready, given], strict=True)
        return self.let(f"call {self.kind} @{halves.rest}({listed([*((self.kind, arg) for arg in args), *ready])})")

    def divided(self, left: str, right: str, turns: Turns) -> str:
        """A quotient, which is settled when it is known how many have this divisor."""
        if right in turns.single and right not in turns.divisors:
            if not turns.single[right].startswith("%") and is_power_of_two(turns.single[right]):
                return super().binary("/", left, right)
            with self.writing(turns.ahead):
                turns.divisors[right] = divisor(self, right)
        found = self.new()
        if right in turns.divisors:
            quotient(self, left, turns.divisors[right], found)
            return found
        turns.quotients.setdefault(right, []).append((found, left, self.opening()))
        return found

    def settle(self, loop: Loop, turns: Turns) -> None:
        """Divisions, or one where several have a divisor in common and the processor has little else to do."""
        if not turns.quotients:
            return
        worth = 2 if self.lanes * self.width >= WIDE_REGISTER else 3
        busy = calls_functions(loop.body)
        for right, found in turns.quotients.items():
            common: Divisor | None = None
            for register, left, opening in found:
                with self.writing(opening):
                    if busy or len(found) < worth:
                        self.emit(f"{register} = fdiv {self.kind} {left}, {right}")
                    else:
                        common = common or divisor(self, right)
                        quotient(self, left, common, register)
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
