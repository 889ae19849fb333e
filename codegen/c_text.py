"""A nest of loops as the C99 function that people take.

Arrays are dense and row-major, sizes are arguments, and nothing is allocated: what is needed beside is handed in. The
same nest is also printed with strides as arguments, for arrays that are not dense.

A loop that only gathers a sum, a product or the largest of numbers says so in an OpenMP pragma, for strict C may not
change the order of additions, and without that no vector is filled. Compilers that are not asked (`-fopenmp-simd`)
pass over it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import mpmath
from sympy import Expr

from codegen.c_names import identifier
from codegen.loops import SIGNS, Accumulator, Factorise, How, Local, Loop, Multiply, Nest, Statement, Update, values
from codegen.signature import Signature
from codegen.spelling import Speller
from codegen.vector_math import c_text
from codegen.vector_math.library import FUNCTIONS
from derive.errors import BackendUnavailable
from derive.primitives import primitive
from derive.program import Array, Dim, Index, children, is_element, name_of, names_in, positions_of, walk

TYPES = {"float64": "double", "float32": "float"}
SUM, PRODUCT, UNARY, ATOM = range(4)


@dataclass(frozen=True)
class Piece:
    """A C expression and how tightly it holds together."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The expression as part of one that holds together so tightly."""
        return f"({self.text})" if self.level < level else self.text


class _Expressions(Speller[Piece]):
    """The names of one kernel, and its expressions in C."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, equations: str) -> None:
        self.nest, self.signature, self.real_type, self.equations = nest, signature, TYPES[dtype], equations
        self.dtype, self.suffix = dtype, "f" if dtype == "float32" else ""
        self.arrays = {array.name: array for array in (*nest.inputs, *nest.outputs, *nest.workspace)}
        self.by_value = {array.name for array in nest.inputs if not array.shape}
        self.strided = False
        self.used: set[str] = set()
        self.name = identifier(nest.name, self.used)
        self.used |= {f"{self.name}_loop", f"{self.name}_strided"}
        self.is_of_numbers = not nest.workspace and not any(array.shape for array in (*nest.inputs, *nest.outputs))
        self.names = {name: identifier(name, self.used) for name in nest.names()}
        self.derived: dict[tuple[str, str], str] = {}
        self.named: dict[Expr, Piece] = {}

    def beside(self, array: Array, what: object) -> str:
        """The name of something that belongs to an array: a stride, the place of its entries."""
        key = (array.name, str(what))
        if key not in self.derived:
            self.derived[key] = identifier(f"{self.names[array.name]}_{what}", self.used)
        return self.derived[key]

    def spell(self, value: Expr) -> Piece:
        return self.named.get(value) or super().spell(value)

    def extreme_name(self, which: str) -> str:
        return c_text.named(which, self.dtype)

    def factors(self, shape: Sequence[Expr]) -> list[str]:
        """Sizes as they stand in a product."""
        return [self.integer(size).at(PRODUCT) for size in shape]

    def number(self, value: Fraction) -> Piece:
        if value.denominator == 1 and abs(value) < 2**63:
            return Piece(f"{value.numerator}.0{self.suffix}", ATOM if value >= 0 else UNARY)
        digits = repr(float(value)) if not self.suffix else repr(float(f"{float(value):.9g}"))
        return Piece(digits + self.suffix, ATOM if value >= 0 else UNARY)

    def constant(self, value: Expr) -> Piece:
        return Piece(str(mpmath.nstr(mpmath.mpf(value.evalf(25)), 9 if self.suffix else 17)) + self.suffix)

    def negative_infinity(self) -> Piece:
        return Piece("-INFINITY", UNARY)

    def integer(self, value: Expr) -> Piece:
        if value.is_Integer:
            return Piece(str(value), ATOM if value >= 0 else UNARY)
        if isinstance(value, Index | Dim):
            return Piece(self.names[value.name])
        if is_element(value):
            return Piece(f"(ptrdiff_t){self.stored(value).at(ATOM)}", UNARY)
        if value.is_Add:
            text = " + ".join(self.integer(term).at(UNARY) for term in value.args)
            return Piece(text.replace("+ -", "- "), SUM)
        if value.is_Mul:
            return Piece("*".join(self.integer(factor).at(UNARY) for factor in value.args), PRODUCT)
        raise BackendUnavailable(f"the position {value} is not linear in its indices")

    def real(self, value: Piece) -> Piece:
        return Piece(f"({self.real_type}){value.at(ATOM)}", UNARY)

    def load(self, value: Expr) -> Piece:
        found = self.stored(value)
        array = self.arrays.get(name_of(value))
        return self.real(found) if array is not None and array.domain.below else found

    def stored(self, value: Expr) -> Piece:
        """An entry as it is stored, or a local."""
        name = name_of(value)
        if name not in self.arrays or name in self.by_value:
            return Piece(self.names[name])
        positions = positions_of(value)
        if not positions:
            return Piece(f"*{self.names[name]}", ATOM)
        stored = self.arrays[name]
        terms = []
        for axis, position in enumerate(positions):
            here = self.integer(position)
            if self.strided and stored not in self.nest.workspace:
                terms.append(f"{here.at(PRODUCT)}*{self.beside(stored, axis)}")
            else:
                rest = self.factors(stored.shape[axis + 1 :])
                terms.append("*".join([here.at(PRODUCT) if rest else here.text, *rest]))
        return Piece(f"{self.names[name]}[{' + '.join(terms)}]")

    def binary(self, sign: str, left: Piece, right: Piece) -> Piece:
        level = SUM if sign in "+-" else PRODUCT
        space = " " if level == SUM else ""
        tight = level + (sign in "-/" or (sign == "*"))
        return Piece(f"{left.at(level)}{space}{sign}{space}{right.at(tight)}", level)

    def negative(self, value: Piece) -> Piece:
        return Piece(f"-{value.at(UNARY if value.level != UNARY else ATOM)}", UNARY)

    def compare(self, sign: str, left: Piece, right: Piece) -> Piece:
        return Piece(f"{left.at(SUM)} {sign} {right.at(SUM)}", -1)

    def same_position(self, left: Expr, right: Expr) -> Piece:
        return Piece(f"{self.integer(left).text} == {self.integer(right).text}", -1)

    def select(self, condition: Piece, yes: Piece, no: Piece) -> Piece:
        return Piece(f"({condition.text} ? {yes.text} : {no.text})")

    def extreme(self, which: str, left: Piece, right: Piece) -> Piece:
        return Piece(f"{self.extreme_name(which)}({left.text}, {right.text})")

    def function(self, name: str, args: list[Piece]) -> Piece:
        called = c_text.named(name, self.dtype) if name in FUNCTIONS else name + self.suffix
        return Piece(f"{called}({', '.join(arg.text for arg in args)})")


class Unit(_Expressions):
    """The text of one kernel."""

    # ------------------------------------------------ the function

    def public_function(self, linkage: str = "") -> str:
        """The dense function with its comment, and what it calls."""
        self.strided = False
        body = self.block(self.nest.body, 1)
        carried = c_text.definitions(body, self.dtype)
        inlined = f"{c_text.INLINE}\n" if linkage.startswith("INLINE") and not carried else ""
        helpers = "".join([*self.helpers(body), f"\n{inlined}{carried}" if inlined or carried else ""])
        includes = "#include <math.h>\n" if "(" in body or "INFINITY" in body else ""
        includes += "#include <stddef.h>\n"
        if carried or any(array.domain.below for array in self.signature.operands):
            includes += "#include <stdint.h>\n"
        if carried:
            includes += "#include <string.h>\n"
        body = self.unused(body, []) + body
        head = f"{linkage}void {self.name}({', '.join(self.parameters()) or 'void'})"
        text = f"{helpers}\n{folded(head)}\n{{\n{self.workspace()}{body}}}\n"
        return f"{self.comment(body)}\n{includes}{quiet(text)}"

    def unused(self, body: str, strides: Sequence[str]) -> str:
        """Statements that say of parameters nobody reads that this is known."""
        words = set(re.findall(r"\w+", body + self.workspace()))
        given = [
            *(self.names[dim.name] for dim in self.sizes()),
            *(self.names[a.name] for a in self.nest.inputs),
            *strides,
        ]
        return "".join(f"    (void){name};\n" for name in given if name not in words)

    def comment(self, body: str) -> str:
        """What the function computes, for its reader."""
        lines = [f"{self.nest.name}", "", *self.equations.splitlines()]
        lines += ["", "Arrays are dense and row-major."]
        if self.nest.workspace:
            lines.append(f"work: room for {self.work_size()} numbers.")
        if "#pragma omp" in body:
            lines.append("Compiled with -fopenmp-simd, sums and the like take several numbers at a time.")
        text = "\n".join(f" * {line}".rstrip() for line in lines).replace("*/", "* /")
        return f"/*\n{text}\n */"

    def helpers(self, body: str) -> list[str]:
        """The larger and smaller of two numbers, which pass on what is not a number."""
        t, found = self.real_type, []
        for which, sign in (("max", ">"), ("min", "<")):
            name = self.extreme_name(which)
            if f"{name}(" in body:
                text = f"static inline {t} {name}({t} a, {t} b)\n{{\n    return a {sign} b || a != a ? a : b;\n}}\n"
                if f"({name}:" in body:
                    text += (
                        f"#pragma omp declare reduction({name} : {t} : omp_out = {name}(omp_out, omp_in)) \\\n"
                        "    initializer(omp_priv = -INFINITY)\n"
                    )
                found.append("\n" + c_text.guarded(name, text))
        return found

    def parameters(self) -> list[str]:
        """Sizes, arrays, and room to work."""
        sizes = [f"ptrdiff_t {self.names[dim.name]}" for dim in self.sizes()]
        return [*sizes, *map(self.parameter, self.signature.operands), *self.work_parameter()]

    def sizes(self) -> list[Dim]:
        """The sizes that are arguments."""
        return [size for size in self.signature.dims if isinstance(size, Dim)]

    def parameter(self, array: Array) -> str:
        """The declaration of an operand."""
        name = self.names[array.name]
        if array.name in self.by_value:
            return f"{self.type_of(array)} {name}"
        const = "const " if array in self.nest.inputs else ""
        return f"{const}{self.type_of(array)} *restrict {name}"

    def type_of(self, array: Array) -> str:
        """The type of an array's entries: numbers, or positions."""
        return "int64_t" if array.domain.below else self.real_type

    def work_parameter(self) -> list[str]:
        """The declaration of the room to work, where any is needed."""
        return [f"{self.real_type} *restrict work"] if self.nest.workspace else []

    def work_size(self) -> str:
        """How many numbers that room holds."""
        return " + ".join("*".join(self.factors(a.shape)) or "1" for a in self.nest.workspace)

    def workspace(self) -> str:
        """The arrays that share it."""
        lines, before = [], "work"
        for array in self.nest.workspace:
            name = self.names[array.name]
            lines.append(f"    {self.real_type} *restrict {name} = {before};\n")
            before = f"{name} + {'*'.join(self.factors(array.shape)) or '1'}"
        return "".join(lines)

    # ------------------------------------------------ statements

    def block(self, body: Sequence[Statement], depth: int) -> str:
        """Statements, one after the other."""
        return "".join(self.statement(statement, depth) for statement in body)

    def statement(self, statement: Statement, depth: int) -> str:
        """One statement with what is inside it."""
        pad = "    " * depth
        if isinstance(statement, Loop):
            i, size = self.names[statement.index.name], self.integer(statement.index.size).text
            inner = self.block(statement.body, depth + 1)
            pragma = "".join(f"{pad}#pragma omp simd{clause}\n" for clause in self.gathered(statement))
            return f"{pragma}{pad}for (ptrdiff_t {i} = 0; {i} < {size}; ++{i}) {{\n{inner}{pad}}}\n"
        if isinstance(statement, Factorise | Multiply):
            return self.block(statement.body, depth)
        if isinstance(statement, Accumulator):
            return f"{pad}{self.real_type} {self.names[statement.name]} = {self.spell(statement.initial).text};\n"
        before, value = self.with_calls_named(statement.value, pad)
        if isinstance(statement, Local):
            return f"{before}{pad}const {self.real_type} {self.names[statement.name]} = {value.text};\n"
        place = self.names[statement.name] if isinstance(statement, Update) else self.stored(statement.element).text
        return f"{before}{pad}{self.change(place, value, statement.how)};\n"

    def with_calls_named(self, value: Expr, pad: str) -> tuple[str, Piece]:
        """Constants for what a value calls more than once, in a branch perhaps, and the value in terms of them."""
        lines = []
        for call in _repeated_calls(value):
            spelled = self.spell(call)
            self.named[call] = Piece(identifier("e", self.used))
            lines.append(f"{pad}const {self.real_type} {self.named[call].text} = {spelled.text};\n")
        found = "".join(lines), self.spell(value)
        self.named.clear()
        return found

    def change(self, place: str, value: Piece, how: How) -> str:
        """An assignment, or what is put to a number."""
        if how == "max":
            return f"{place} = {self.extreme_name('max')}({place}, {value.text})"
        return f"{place} {SIGNS[how]} {value.text}"

    def gathered(self, loop: Loop) -> list[str]:
        """What an OpenMP pragma says of a loop that does nothing but gather numbers, in whatever order."""
        updates = [statement for statement in loop.body if isinstance(statement, Update)]
        changed = {update.name for update in updates}
        read = {name for inner in loop.body for value in values(inner) for name in names_in(value)}
        if not updates or changed & read or any(not isinstance(inner, Local | Update) for inner in loop.body):
            return []
        clauses = []
        for how, sign in (("add", "+"), ("mul", "*"), ("max", self.extreme_name("max"))):
            names = dict.fromkeys(self.names[update.name] for update in updates if update.how == how)
            clauses += [f" reduction({sign}:{', '.join(names)})"] if names else []
        return ["".join(clauses)]

    # ------------------------------------------------ the same with strides

    def strided_function(self) -> str:
        """The function for arrays that are not dense: strides, in numbers, are arguments."""
        self.strided = True
        sizes = [f"ptrdiff_t {self.names[dim.name]}" for dim in self.sizes()]
        plain = [self.parameter(array).replace("restrict ", "") for array in self.signature.operands]
        strides = [stride for array in self.signature.operands for stride in self.strides(array)]
        arguments = [*sizes, *plain, *(f"ptrdiff_t {stride}" for stride in strides), *self.work_parameter()]
        body = self.block(self.nest.body, 1)
        body = self.unused(body, strides) + body
        head = folded(f"static inline void {self.name}_strided({', '.join(arguments)})")
        return f"{head}\n{{\n{self.workspace()}{body}}}"

    def strides(self, array: Array) -> list[str]:
        """What the strides of an array are called."""
        return [self.beside(array, axis) for axis in range(len(array.shape))]


def _repeated_calls(value: Expr) -> list[Expr]:
    """The functions that a value needs more than once, after those among their arguments."""
    parts = dict.fromkeys(reversed(list(walk(value))))
    uses = Counter(child for part in parts for child in children(part))
    return [part for part in parts if uses[part] > 1 and (row := primitive(part)) is not None and row.c.isidentifier()]


def quiet(text: str) -> str:
    """Text whose pragmas no compiler complains of that was not asked to know them."""
    if "#pragma omp" not in text:
        return text
    before, after = (
        f"#ifdef __GNUC__\n{lines}#endif\n"
        for lines in (
            '#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "-Wunknown-pragmas"\n',
            "#pragma GCC diagnostic pop\n",
        )
    )
    return f"{before}{text}{after}"


def folded(head: str) -> str:
    """A function head, broken between parameters where a line would be too long."""
    before, _, inside = head.partition("(")
    lines = [f"{before}("]
    for part in inside.split(", "):
        if len(lines[-1]) + len(part) > 98:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * (len(before) + 1))
        lines[-1] += f"{part}, "
    return "\n".join(lines).removesuffix(", ")
