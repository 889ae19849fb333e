"""A formula of vectors at the positions of the outer axes: one by one, or several at a time (`codegen.items`).

`call` takes several where there are enough, and none is long.
"""

from __future__ import annotations

from functools import cached_property, partial

from codegen.items import several_items
from codegen.llvm_parts import CALL, NestWriter
from codegen.llvm_text import SIZE, Slot
from codegen.partition import Parts
from codegen.tiling import ROWS, Tile
from derive.program import Array, Dim

EACH, SEVERAL = "call.each", "call.several"
LONG = 512  # numbers of a row from which on several rows may leave the cache while they are worked at


class ItemWriter(NestWriter):
    """A writer of the nest for the positions of the outer axes."""

    def items(self) -> None:
        """`call`, and what it consists of."""
        if self.together is None:
            self.nest_function("call")
            return
        self.nest_function(EACH)
        self.call_function(SEVERAL, self.several_at_once)
        self.call_function("call", self.choose_how)

    @cached_property
    def together(self) -> tuple[Parts, Tile] | None:
        """The loop over the outer axes, and the body for several positions."""
        return several_items(self.nest)

    def room_for(self, array: Array) -> str:
        """With room for the other positions that are worked at together, which have short rows."""
        room = super().room_for(array)
        if self.together is None:
            return room
        short = self.least(self.count_of(array.shape), str(LONG ** len(array.shape)))
        return self.added(room, self.multiplied(short, str(ROWS - 1)))

    def several_at_once(self) -> None:
        """The nest at some of the positions, of which there are a multiple of those that are done at a time."""
        assert self.together is not None
        self.sizes_known()
        self.workspace_placed()
        for at, array in enumerate(self.signature.operands):
            first = self.let(f"load ptr, ptr {self.slot_of('%args', at)}")
            step = self.let(f"sdiv {SIZE} {self.item('%steps', at)}, {self.width_of(array)}")
            self.here.slots[array.name] = Slot(first, (step, *self.dense_strides(array)), self.type_of(array))
        self.tiles(*self.together, "%from", "%to")
        self.emit("ret void")

    def choose_how(self) -> None:
        """Several at a time where there are several short rows, whole numbers apart; numbers are written densely."""
        count = self.let(f"sub {SIZE} %to, %from")
        several = self.let(f"icmp sge {SIZE} {count}, {ROWS}")
        for at, size in enumerate(self.signature.dims):
            if isinstance(size, Dim):
                short = self.let(f"icmp sle {SIZE} {self.item('%sizes', at)}, {LONG}")
                several = self.let(f"and i1 {several}, {short}")
        odd = "0"
        for at, array in enumerate(self.signature.operands):
            step, width = self.item("%steps", at), self.width_of(array)
            left = self.let(f"and {SIZE} {step}, {width - 1}")
            if array in self.signature.outputs and not array.shape:
                left = self.let(f"xor {SIZE} {step}, {width}")
            odd = self.let(f"or {SIZE} {odd}, {left}")
        several = self.let(f"and i1 {several}, {self.let(f'icmp eq {SIZE} {odd}, 0')}")
        whole = self.let(f"and {SIZE} {count}, {-ROWS}")
        together = self.let(f"select i1 {several}, {SIZE} {whole}, {SIZE} 0")
        middle = self.added("%from", together)
        *given, start, stop = CALL
        self.when(several, partial(self.invoke, SEVERAL, [*given, start, (SIZE, middle)]))
        left = self.let(f"icmp slt {SIZE} {middle}, %to")
        self.when(left, partial(self.invoke, EACH, [*given, (SIZE, middle), stop]))
        self.emit("ret void")
