"""The whole module of a kernel in LLVM's text: the nest, and the loop that NumPy calls, which leads into the runtime.

A formula of numbers is a row of them; a formula of arrays is run once for each position of the outer axes. The runtime
(`codegen.llvm_runtime`) brings dense arrays, workspace and threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr

from codegen.known_functions import parameters, series
from codegen.llvm_parts import WIDE, NestWriter
from codegen.llvm_text import SIZE, TYPES, Registers, Slot
from codegen.llvm_writer import PURE, series_symbol, symbol
from codegen.loops import Loop, Multiply, Nest, substituted
from codegen.routines import ROUTINES, taken
from codegen.signature import Signature
from codegen.vector_math.llvm_text import shared, vector
from derive.program import Dim, Index, element, put_in


def module(nest: Nest, signature: Signature, dtype: str, registers: Registers) -> str:
    """The text of a kernel, with the loop that NumPy calls under the nest's name and `_loop`."""
    return _Module(nest, signature, dtype, registers).text()


def routine_symbol(name: str, dtype: str, registers: Registers) -> str:
    """What kernels call a routine by: a nest, or a function of many terms of a register of numbers."""
    kind = TYPES[dtype]
    return symbol(name, kind) if name in ROUTINES else series_symbol(name, kind, registers.lanes(dtype))


def routine(name: str, dtype: str, registers: Registers) -> str:
    """The text of a routine."""
    called = routine_symbol(name, dtype, registers)
    nest = ROUTINES[name]() if name in ROUTINES else Nest(name, (), (), (), (), ())
    writer = _Module(nest, taken(nest), dtype, registers)
    if name in ROUTINES:
        writer.routine_function(called)
    else:
        writer.series_function(called)
    return writer.joined()


class _Module(NestWriter):
    def text(self) -> str:
        if self.signature.dims:
            self.nest_function()
            self.generalised()
        else:
            self.elementwise()
        return self.joined()

    def joined(self) -> str:
        """The functions that were written, and what they need."""
        text = "\n".join(self.functions)
        products = [statement for statement in self.nest.body if isinstance(statement, Multiply)]
        rows = bool(products) and all(product.sizes[1] == 1 for product in products)
        declared = [
            shared(name, declaration, text, rows or self.is_long) for name, declaration in sorted(self.declared.items())
        ]
        return "\n\n".join(["\n".join(declared), *self.functions]) + "\n"

    def series_function(self, called: str) -> None:
        """The function that the nest has its name from, of a register of numbers."""
        name, kind = self.nest.name, vector(self.type, self.most)
        given: dict[Expr, Expr] = {parameter: element(parameter.name) for parameter in parameters(name)}

        def write() -> None:
            with self.in_lanes(self.most):
                self.emit(f"ret {kind} {self.spell(put_in(series(name), given))}")

        registers = {parameter.name: f"%{parameter.name}" for parameter in parameters(name)}
        head = ", ".join(f"{kind} {register}" for register in registers.values())
        self.function_text(f"{kind} @{called}({head}) {PURE} {WIDE}", write, registers)

    def elementwise(self) -> None:
        """The nest for a row of numbers."""
        operands = self.signature.operands
        at = Index("at", Dim("count"))
        entries = {element(array.name): element(array.name, (at,)) for array in operands}
        turn = Loop(at, tuple(substituted(statement, entries) for statement in self.nest.body))

        def row() -> None:
            for place, array in enumerate(operands):
                pointer = self.let(f"load ptr, ptr {self.slot_of('%pointers', place)}")
                self.here.slots[array.name] = Slot(pointer, ("1",), self.type_of(array))
            self.loop_over(turn, "0", "%count")
            self.emit("ret void")

        self.function_text(f"internal void @call({SIZE} %count, ptr %pointers) {WIDE}", row)
        cost = (SIZE, self.cost_of(self.nest.body))
        self.loop("derive_elementwise", ["@call"], [("ptr", self.numbers("widths", self.widths())), cost])

    def generalised(self) -> None:
        """The nest for one position of the outer axes, and what it takes."""

        def measure() -> None:
            for dim in self.sizes():
                self.here.registers[dim.name] = self.item("%sizes", self.signature.dims.index(dim))
            total = "0"
            for array in self.nest.workspace:
                total = self.added(total, self.room_for(array))
            self.emit(f"store {SIZE} {self.multiplied(total, str(self.width))}, ptr %work")
            self.emit(f"store {SIZE} {self.cost_of(self.nest.body)}, ptr %cost")
            self.emit("ret void")

        self.function_text("internal void @measure(ptr %sizes, ptr %work, ptr %cost) nounwind", measure)
        operands = self.signature.operands
        axes = [self.signature.dims.index(size) for array in operands for size in array.shape]
        tables = [("ranks", [len(array.shape) for array in operands]), ("axes", axes), ("widths", self.widths())]
        self.loop("derive_generalised", ["@call", "@measure"], [("ptr", self.numbers(*table)) for table in tables])

    def widths(self) -> list[int]:
        return [self.width_of(array) for array in self.signature.operands]

    def numbers(self, name: str, values: Sequence[int]) -> str:
        """A table of sizes as a constant."""
        entries = ", ".join(f"{SIZE} {value}" for value in values)
        self.declared[name] = f"@{name} = internal constant [{len(values)} x {SIZE}] [{entries}]"
        return f"@{name}"

    def loop(self, symbol: str, functions: Sequence[str], described: Sequence[tuple[str, str]]) -> None:
        """The loop that NumPy calls: what came, and what this kernel is, go to the runtime."""
        came = [("ptr", f"%{name}") for name in ("args", "dimensions", "steps", "data")]
        counts = [(SIZE, str(len(side))) for side in (self.signature.operands, self.signature.inputs)]

        def write() -> None:
            self.runtime(symbol, [*(("ptr", function) for function in functions), *came, *counts, *described])
            self.emit("ret void")

        head = ", ".join(f"{kind} {register}" for kind, register in came)
        self.function_text(f"void @{self.nest.name}_loop({head}) nounwind", write)
