"""Innermost loops in vectors, written as such.

A loop whose turns can be neighbours (see `codegen.side_by_side`) is written for as many of them as a register holds.
What is left at the end is done under a mask where the processor has masks for loads and stores, and one by one
elsewhere. Where a loop has few sums, several run at once, so that none waits for itself; they meet when it is done.
Other loops are written plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from codegen.llvm_text import SIZE, Registers
from codegen.llvm_turns import Sums, Turns, TurnWriter
from codegen.llvm_writer import PURE, calls_functions, series_symbol
from codegen.loops import START, How, Loop, Multiply, Nest, Store, Update, innermost
from codegen.side_by_side import can_be_neighbours, copies_of, folded_in
from codegen.signature import Signature
from codegen.vector_math.llvm_text import vector
from derive.program import Element

REDUCED: dict[How, str] = {"add": "fadd", "mul": "fmul", "max": "fmaximum"}
FEW = 8  # turns from which on vectors are worth while
MANY = 8  # sums beyond which a loop is written in fewer forms
MANY_LOOPS = 10  # innermost loops beside products of matrices from which on all are written in fewer forms
TOGETHER = 4  # sums that are folded into numbers together


class VectorWriter(TurnWriter):
    """A writer of loops in vectors."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, registers: Registers) -> None:
        super().__init__(nest, signature, dtype, registers)
        self.most = registers.lanes(dtype)
        self.masks = registers.masks
        products = any(isinstance(statement, Multiply) for statement in nest.body)
        self.is_long = self.masks and products and innermost(nest.body) >= MANY_LOOPS
        self.few_forms = self.is_long  # also where what is written has many turns, or several at once

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
        together = self.few_forms and (self.is_long or all(how == "add" for how in _folds(loop).values()))
        if short or together or _ends_in_numbers(loop) or not _folds(loop):
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
        masks = self.masks and (short or not _ends_in_numbers(loop))
        with self.as_neighbours(loop, self.most) as turns, self.folding(loop, 1 if short else copies_of(loop)) as sums:
            reached = start
            if not short:
                reached = self.in_steps(loop, turns, reached, stop, sums)
            brief = masks and self.few_forms
            if len(sums) > 1 and not brief:
                reached = self.in_steps(loop, turns, reached, stop, sums[:1])
            if masks:
                self.at_end(loop, turns, reached, stop, sums[0], once=not short and not (brief and len(sums) > 1))
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

    # ------------------------------------------------ functions of many terms

    def series(self, name: str, args: list[str]) -> str:
        """A function that kernels share, which takes whole registers."""
        called, register = series_symbol(name, self.type, self.most), vector(self.type, self.most)
        self.declare(called, f"{register} @{called}({', '.join([register] * len(args))}) {PURE}")
        lanes, result = self.lanes, "poison"
        for start in range(0, lanes, self.most):
            places = [start + lane if start + lane < lanes else None for lane in range(self.most)]
            given = ", ".join(f"{register} {self.chosen(arg, 'poison', lanes, places)}" for arg in args)
            found = self.let(f"call {register} @{called}({given})")
            if lanes == 1:
                return self.let(f"extractelement {register} {found}, i64 0")
            if lanes == self.most:
                return found
            spread = [lane - start if start <= lane < start + self.most else None for lane in range(lanes)]
            found = self.chosen(found, "poison", self.most, spread)
            kept = [lane if lane < start else lanes + lane for lane in range(lanes)]
            result = self.chosen(result, found, lanes, kept)
        return result

    def chosen(self, left: str, right: str, lanes: int, places: Sequence[int | None]) -> str:
        """Lanes of two vectors by their places, or of a number; what has no place may be anything."""
        if lanes == 1:
            return self.let(f"insertelement {vector(self.type, len(places))} poison, {self.type} {left}, i64 0")
        if list(places) == list(range(lanes)):
            return left
        kind = vector(self.type, lanes)
        chosen = ", ".join("i32 poison" if place is None else f"i32 {place}" for place in places)
        return self.let(f"shufflevector {kind} {left}, {kind} {right}, {vector('i32', len(places))} <{chosen}>")

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
            place = self.kept_at(target)
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
        first, second = (self.chosen(left, right, lanes, places) for places in (one, other))
        return self.let(f"fadd reassoc nsz {vector(self.type, len(one))} {first}, {second}")


def _ends_in_numbers(loop: Loop) -> bool:
    """Whether what is left of a loop is done one by one.

    What is added to an entry waits for one that was stored under a mask; and many sums make long texts.
    """
    folds = _folds(loop)
    adds = any(isinstance(s, Store) and s.how != "set" and s.element not in folds for s in loop.body)
    return adds or len(folds) > MANY


def _folds(loop: Loop) -> dict[Element, How]:
    """What the turns of a loop fold into, and how."""
    found = ((folded_in(statement, loop.index), statement) for statement in loop.body)
    return {target: s.how for target, s in found if target is not None and isinstance(s, Update | Store)}
