"""Products of matrices for machine code: BLAS for large ones, loops for small ones.

It is a module apart from the rest of the runtime, since looking for BLAS takes a while.

`derive_multiply(rows, columns, inner, left, step, turned, right, step, turned, target, symmetric, scale)` fills a dense
row-major target. The sides are row-major too, with so many numbers from one row to the next, and may be turned.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen import blas
from codegen.llvm_text import SIZE, TYPES, Registers, RuntimeText, together
from codegen.vector_math.llvm_text import vector

MULTIPLY = [SIZE, SIZE, SIZE, *["ptr", SIZE, SIZE] * 2, "ptr", SIZE]  # sizes; sides, steps, turned; target, symmetric
PRODUCTS: dict[str, Sequence[str]] = {f"derive_multiply_{kind}": [*MULTIPLY, kind] for kind in TYPES.values()}
LARGE = 32**3  # multiplications from which on BLAS wins over loops
STRIP = 128  # rows of a symmetric product that are computed at a time
ROWS = 4  # rows of a small product that are computed at a time
SIDES = ("left", "right")


def products(registers: Registers) -> str:
    """The text of the module."""
    written = [_Products(dtype) for dtype in TYPES]
    for text in written:
        text.small_product(registers)
        text.multiply()
    return together(written)


class _Products(RuntimeText):
    symbols = PRODUCTS

    def small_product(self, registers: Registers) -> None:
        """Four rows of the target at a time, a vector of columns; the steps are between rows and between columns.

        Where fewer rows are left, the last one is computed several times.
        """
        lanes = registers.width // self.width if registers.masks else 1
        sizes = [(SIZE, "rows"), (SIZE, "columns"), (SIZE, "inner")]
        sides = [
            (kind, f"{side}{end}") for side in SIDES for kind, end in (("ptr", ""), (SIZE, "_down"), (SIZE, "_across"))
        ]
        parameters = [*sizes, *sides, ("ptr", "target"), (self.type, "scale")]

        def write() -> None:
            last = self.let(f"sub {SIZE} %rows, 1")
            alone = self.let(f"icmp eq {SIZE} %right_across, 1")

            def rows(at: str) -> None:
                chosen = [self.least(self.added(at, str(turn)), last) for turn in range(ROWS)]
                lefts = [self.after("%left", self.multiplied(row, "%left_down")) for row in chosen]
                targets = [self.after("%target", self.multiplied(row, "%columns")) for row in chosen]

                def block(column: str) -> None:
                    self.choose(
                        alone,
                        lambda: self.block_of_product(lefts, targets, column, lanes, gathered=False),
                        lambda: self.block_of_product(lefts, targets, column, lanes, gathered=True),
                    )

                self.counted("0", "%columns", lanes, block, whole=False)

            self.counted("0", "%rows", ROWS, rows, whole=False)

        self.private(f"small_{self.type}", parameters, write)

    def block_of_product(
        self, lefts: Sequence[str], targets: Sequence[str], column: str, lanes: int, *, gathered: bool
    ) -> None:
        """Some columns of four rows of a target."""
        kind = vector(self.type, lanes)
        with self.in_lanes(lanes):
            mask = self.first_lanes(self.let(f"sub {SIZE} %columns, {column}")) if lanes > 1 else ""
            sums = [self.room(kind) for _ in lefts]
            for room in sums:
                self.emit(f"store {kind} zeroinitializer, ptr {room}")
            start = self.after("%right", self.multiplied(column, "%right_across"))

            def step(at: str) -> None:
                place = self.after(start, self.multiplied(at, "%right_down"))
                right = self.neighbours(place, "%right_across" if gathered else "1", self.type, mask)
                for left, room in zip(lefts, sums, strict=True):
                    entry = self.after(left, self.multiplied(at, "%left_across"))
                    one = self.spread(self.let(f"load {self.type}, ptr {entry}"), self.type)
                    product = self.let(f"fmul contract {kind} {one}, {right}")
                    old = self.let(f"load {kind}, ptr {room}")
                    self.emit(f"store {kind} {self.let(f'fadd contract {kind} {old}, {product}')}, ptr {room}")

            self.each("%inner", step)
            scale = self.spread("%scale", self.type)
            for target, room in zip(targets, sums, strict=True):
                total = self.let(f"load {kind}, ptr {room}")
                self.keep(self.let(f"fmul {kind} {total}, {scale}"), self.after(target, column), mask)

    def multiply(self) -> None:
        """Large row-major matrices through BLAS, whose matrices are the transposed ones.

        Of a symmetric target what is on and above the diagonal is computed, and the rest is copied: by `syrk` where a
        matrix meets itself, else by rows of blocks.
        """
        names = "rows columns inner left left_step left_turned right right_step right_turned target symmetric scale"

        def small() -> None:
            given = [(SIZE, "%rows"), (SIZE, "%columns"), (SIZE, "%inner")]
            for side in SIDES:
                turned = self.let(f"icmp ne {SIZE} %{side}_turned, 0")
                down = self.let(f"select i1 {turned}, {SIZE} 1, {SIZE} %{side}_step")
                across = self.let(f"select i1 {turned}, {SIZE} %{side}_step, {SIZE} 1")
                given += [("ptr", f"%{side}"), (SIZE, down), (SIZE, across)]
            self.invoke(f"small_{self.type}", [*given, ("ptr", "%target"), (self.type, "%scale")])

        def large() -> None:
            def whole() -> None:
                self.gemm("%rows", "%columns", "%left", "%right", "%target")

            def half() -> None:
                one = self.let(f"icmp ne {SIZE} %left_turned, 0")
                other = self.let(f"icmp ne {SIZE} %right_turned, 0")
                down = self.let(f"select i1 {one}, {SIZE} 1, {SIZE} %left_step")
                across = self.let(f"select i1 {other}, {SIZE} %right_step, {SIZE} 1")

                def block(at: str) -> None:
                    rest = self.let(f"sub {SIZE} %rows, {at}")
                    left = self.after("%left", self.multiplied(at, down))
                    right = self.after("%right", self.multiplied(at, across))
                    corner = self.after("%target", self.multiplied(at, self.added("%columns", "1")))
                    self.gemm(self.least(rest, str(STRIP)), rest, left, right, corner)

                def strips() -> None:
                    self.counted("0", self.added("%rows", str(STRIP - 1)), STRIP, block)

                same = self.let("icmp eq ptr %left, %right")
                turned = self.let(f"icmp ne {SIZE} %left_turned, %right_turned")
                self.choose(
                    self.let(f"and i1 {same}, {turned}"),
                    self.syrk,
                    strips,
                )

                def mirrored(row: str) -> None:
                    def entry(column: str) -> None:
                        above = self.after("%target", self.added(self.multiplied(column, "%columns"), row))
                        below = self.after("%target", self.added(self.multiplied(row, "%columns"), column))
                        self.emit(f"store {self.type} {self.let(f'load {self.type}, ptr {above}')}, ptr {below}")

                    self.each(row, entry)

                self.each("%rows", mirrored)

            self.choose(self.let(f"icmp eq {SIZE} %symmetric, 0"), whole, half)

        def write() -> None:
            work = self.multiplied(self.multiplied("%rows", "%columns"), "%inner")
            self.choose(self.let(f"icmp slt {SIZE} {work}, {LARGE}"), small, large)

        self.public(f"derive_multiply_{self.type}", names, write)

    def gemm(self, rows: str, columns: str, left: str, right: str, target: str) -> None:
        """One call of BLAS, which takes the address of everything."""

        def turned(side: str) -> str:
            return self.letter(self.let(f"icmp ne {SIZE} %{side}_turned, 0"), "T", "N")

        one, zero = self.cell(self.type, "%scale"), self.cell(self.type, self.literal(0.0))
        sizes = [self.whole(columns), self.whole(rows), self.whole("%inner")]
        steps = [self.whole("%right_step"), self.whole("%left_step"), self.whole("%columns")]
        given = [turned("right"), turned("left"), *sizes, one, right, steps[0], left, steps[1], zero, target, steps[2]]
        self.of_blas("gemm", given)

    def syrk(self) -> None:
        """The product of a matrix and itself: BLAS fills its lower half, which is our upper one."""
        one, zero = self.cell(self.type, "%scale"), self.cell(self.type, self.literal(0.0))
        by_columns = self.letter(self.let(f"icmp ne {SIZE} %left_turned, 0"), "N", "T")
        side = [self.whole("%rows"), self.whole("%inner"), one, "%left", self.whole("%left_step")]
        self.of_blas(
            "syrk", [self.cell("i8", str(ord("L"))), by_columns, *side, zero, "%target", self.whole("%columns")]
        )

    def of_blas(self, name: str, given: Sequence[str]) -> None:
        symbol = blas.symbol(name, self.type)
        self.declare(symbol, f"void @{symbol}({', '.join(['ptr'] * len(given))})")
        self.invoke(symbol, [("ptr", pointer) for pointer in given])

    def letter(self, condition: str, yes: str, no: str) -> str:
        """The address of one of two letters."""
        return self.cell("i8", self.let(f"select i1 {condition}, i8 {ord(yes)}, i8 {ord(no)}"))

    def whole(self, value: str) -> str:
        """The address of a size as BLAS counts."""
        return self.cell("i32", self.let(f"trunc {SIZE} {value} to i32"))

    def cell(self, kind: str, value: str) -> str:
        """The address of a value."""
        room = self.room(kind)
        self.emit(f"store {kind} {value}, ptr {room}")
        return room
