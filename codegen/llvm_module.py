"""The whole module of a kernel in LLVM's text: the nest, and the loop that NumPy calls, which leads into the runtime.

A formula of numbers is a row of them; a formula of arrays is run once for each position of the outer axes. The runtime
(`codegen.llvm_runtime`) brings dense arrays, workspace and threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr

from codegen.known_functions import parameters, series
from codegen.llvm_items import ItemWriter
from codegen.llvm_parts import WIDE
from codegen.llvm_text import SIZE, TYPES, Registers, Slot
from codegen.llvm_writer import PURE, series_symbol, symbol
from codegen.loops import Loop, Multiply, Nest, Statement
from codegen.routines import ROUTINES, taken
from codegen.side_by_side import touched
from codegen.signature import Signature
from codegen.standing import first_alone, row
from codegen.vector_math.llvm_text import listed, shared, vector
from derive.program import element, name_of, positions_of, put_in


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


class _Module(ItemWriter):
    def text(self) -> str:
        if self.signature.dims:
            self.items()
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
        head = listed((kind, register) for register in registers.values())
        self.function_text(f"{kind} @{called}({head}) {PURE} {WIDE}", write, registers)

    def elementwise(self) -> None:
        """The nest for rows of numbers, and where that saves something, for a row of the first input's alone."""
        whole = row(self.nest.body, [array.name for array in self.signature.operands])
        self.row_function("call", [], whole)
        functions, costs = ["@call", "null"], [self.cost_of(whole.body)] * 2
        if found := first_alone(self.nest):
            once, alone = found
            self.row_function("call.first", once, alone)
            functions[1], costs[1] = "@call.first", self.cost_of(alone.body)
        table = ("ptr", self.numbers("widths", self.widths()))
        self.loop("derive_elementwise", functions, [table, *((SIZE, cost) for cost in costs)])

    def row_function(self, name: str, once: Sequence[Statement], turns: Loop) -> None:
        """A function of pointers to the operands, for a row of so many numbers."""
        moving = {name_of(part) for part in touched(turns) if positions_of(part)}

        def write() -> None:
            for place, array in enumerate(self.signature.operands):
                pointer = self.let(f"load ptr, ptr {self.slot_of('%pointers', place)}")
                strides = ("1",) if array.name in moving else ()
                self.here.slots[array.name] = Slot(pointer, strides, self.type_of(array))
            self.statements(once)
            self.loop_over(turns, "0", "%count")
            self.emit("ret void")

        self.function_text(f"internal void @{name}({SIZE} %count, ptr %pointers) {WIDE}", write)

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

        self.function_text(f"void @{self.nest.name}_loop({listed(came)}) nounwind", write)
