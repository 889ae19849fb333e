"""C99 that depends on nothing but the standard library.

The text has two parts. The first is the function people take: dense row-major arrays, sizes as arguments, no allocation
(what it needs beside is handed in). The second is the loop that NumPy calls: it runs that function where arrays are
dense, and the same nest with strides as arguments where they are not. Both are printed from one nest.

Strict floating point: no flag lets the compiler change what NaN, infinities or rounding mean.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import mpmath
from sympy import Expr

from codegen import store
from codegen.loops import SIGNS, Accumulator, Factorise, How, Local, Loop, Multiply, Nest, Statement, Update
from codegen.schedule import scheduled
from codegen.signature import Loop as MachineLoop
from codegen.signature import Signature, signature
from codegen.spelling import Speller
from codegen.vector_math import c_text
from codegen.vector_math.library import FUNCTIONS, SUFFIX
from derive.errors import BackendUnavailable
from derive.program import Array, Dim, Index, Program, is_element, name_of, positions_of

FLAGS = (
    "-std=c99",
    "-O3",
    "-march=native",
    "-fPIC",
    "-shared",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
)
COMPILERS = ("cc", "gcc", "clang", "tcc")
TYPES = {"float64": "double", "float32": "float"}
RESERVED = frozenset(
    name
    for line in (
        "auto break case char const continue default do double else enum extern float for goto if inline int long",
        "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while",
        "NULL EOF INFINITY NAN HUGE_VAL HUGE_VALF RAND_MAX EXIT_FAILURE EXIT_SUCCESS MATH_ERRNO math_errhandling",
        "main abs labs llabs div ldiv lldiv atof atoi atol atoll strtod strtof strtold strtol strtoul strtoll strtoull",
        "rand srand malloc calloc realloc free abort exit atexit getenv system bsearch qsort mblen mbtowc wctomb",
        "alloca gamma lgamma tgamma erf erfc j0 j1 jn y0 y1 yn acos asin atan acosh asinh atanh atan2 cos cosh sin",
        "sinh tan tanh exp exp2 expm1 ilogb ldexp log log10 log1p log2 logb modf scalbn scalbln cbrt fabs hypot pow",
        "frexp sqrt ceil floor nearbyint rint lrint llrint round lround llround trunc fmod remainder remquo copysign",
        "nan nextafter nexttoward fdim fmax fmin fma isnan isinf isfinite isnormal signbit fpclassify",
        "printf fprintf sprintf scanf puts putchar fopen fclose fread fwrite memcpy memmove memset memcmp",
        "INLINE strlen strcpy work dense at args data steps dimensions",
    )
    for name in line.split()
)
RESERVED_SHAPES = re.compile(r"_.*|\w+_(t|of|f32|f64)|(FE|FP|INT|UINT)\w*|[A-Z0-9_]+_(MAX|MIN|C)|fe[a-z]+")
SUM, PRODUCT, UNARY, ATOM = range(4)


class CBackend:
    """Emits C99 and builds it with the compiler that is there."""

    name = "c"

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """The whole translation unit: the function, then the loop that NumPy calls."""
        nest = scheduled(program, name)
        writer = _Unit(nest, signature(program), dtype, str(program))
        return writer.public_function("static ") + "\n" + writer.numpy_loop()

    def emit_function(self, program: Program, name: str, dtype: str) -> str:
        """The function alone, as somebody would take it to a machine without NumPy."""
        return _Unit(scheduled(program, name), signature(program), dtype, str(program)).public_function()

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> MachineLoop:
        """Compile `source`, or take it from the cache, and load it."""
        compiler = _compiler()
        path = store.fetch(
            "c",
            (source, compiler, _version(compiler), *FLAGS, store.processor()),
            ".so",
            lambda: _compiled(compiler, source),
        )
        library = ctypes.CDLL(str(path))
        function = getattr(library, f"{identifier(name, set())}_loop")
        return MachineLoop(ctypes.cast(function, ctypes.c_void_p).value or 0, library)

    def unavailable(self) -> str:
        """Why no C can be compiled here, or nothing."""
        try:
            _compiler()
        except BackendUnavailable as error:
            return str(error)
        return ""


BACKEND = CBackend()


def _compiler() -> str:
    wanted = os.environ.get("CC")
    if wanted and not shutil.which(wanted):
        raise BackendUnavailable(f"the C compiler CC={wanted} is not there; set CC to one that is, or unset it")
    for name in [wanted] if wanted else COMPILERS:
        found = shutil.which(name or "")
        if found:
            return found
    raise BackendUnavailable(
        "no C compiler was found (cc, gcc, clang, tcc); install one, set CC, or use backend 'llvm'"
    )


@cache
def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout


def _compiled(compiler: str, source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "kernel.c"), Path(folder, "kernel.so")
        text.write_text(source, encoding="utf-8")
        ran = subprocess.run(
            [compiler, *FLAGS, "-o", str(library), str(text), "-lm"], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            first = next((line for line in ran.stderr.splitlines() if "error" in line), ran.stderr[:200])
            raise BackendUnavailable(f"{compiler} could not compile the kernel: {first}; use backend 'llvm' instead")
        return library.read_bytes()


def identifier(name: str, used: set[str]) -> str:
    """`name` as a C identifier that is neither C's nor among `used`, to which it is added."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    if _is_taken(plain) or plain in used:
        stem = f"v_{plain.strip('_')}" if RESERVED_SHAPES.fullmatch(plain) else plain
        tried = (f"{stem}_{count or ''}" for count in range(len(used) + 2))
        plain = next(name for name in tried if name not in used)
    used.add(plain)
    return plain


def _is_taken(name: str) -> bool:
    plain = name[:-1] if name[-1:] in ("f", "l") else name  # sqrtf, sqrtl
    return name in RESERVED or plain in RESERVED or bool(RESERVED_SHAPES.fullmatch(name)) or not name.isidentifier()


@dataclass(frozen=True)
class _Piece:
    """A C expression and how tightly it holds together."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        return f"({self.text})" if self.level < level else self.text


class _Unit(Speller[_Piece]):
    """The text of one kernel."""

    def __init__(self, nest: Nest, signature: Signature, dtype: str, equations: str) -> None:
        self.nest, self.signature, self.real_type, self.equations = nest, signature, TYPES[dtype], equations
        self.dtype, self.suffix = dtype, "f" if dtype == "float32" else ""
        self.arrays = {array.name: array for array in (*nest.inputs, *nest.outputs, *nest.workspace)}
        self.by_value = {array.name for array in nest.inputs if not array.shape}
        self.strided = False
        self.used: set[str] = set()
        self.name = identifier(nest.name, self.used)
        self.used |= {f"{self.name}_loop", f"{self.name}_strided"}
        self.names = {name: identifier(name, self.used) for name in nest.names()}
        self.derived: dict[tuple[str, str], str] = {}

    def beside(self, array: Array, what: object) -> str:
        """The name of something that belongs to an array: a stride, the place of its entries."""
        key = (array.name, str(what))
        if key not in self.derived:
            self.derived[key] = identifier(f"{self.names[array.name]}_{what}", self.used)
        return self.derived[key]

    # ------------------------------------------------ the function

    def public_function(self, linkage: str = "") -> str:
        """The dense function with its comment."""
        self.strided = False
        body = self.block(self.nest.body, 1)
        carried = c_text.definitions(body, self.dtype)
        helpers = "\n".join([*self.helpers(body), f"\n{carried}" if carried else ""])
        includes = "#include <math.h>\n" if "(" in body or "INFINITY" in body else ""
        includes += "#include <stddef.h>\n"
        if carried or any(array.domain.below for array in self.signature.operands):
            includes += "#include <stdint.h>\n"
        if carried:
            includes += "#include <string.h>\n"
        body = self.unused(body, []) + body
        head = f"{linkage}void {self.name}({', '.join(self.parameters()) or 'void'})"
        return f"{self.comment()}\n{includes}{helpers}\n{_folded(head)}\n{{\n{self.workspace()}{body}}}\n"

    def unused(self, body: str, strides: Sequence[str]) -> str:
        """Statements that say of parameters nobody reads that this is known."""
        words = set(re.findall(r"\w+", body + self.workspace()))
        given = [
            *(self.names[dim.name] for dim in self.sizes()),
            *(self.names[a.name] for a in self.nest.inputs),
            *strides,
        ]
        return "".join(f"    (void){name};\n" for name in given if name not in words)

    def comment(self) -> str:
        lines = [f"{self.nest.name}", "", *self.equations.splitlines()]
        lines += ["", "Arrays are dense and row-major."]
        if self.nest.workspace:
            lines.append(f"work: room for {self.work_size()} numbers.")
        text = "\n".join(f" * {line}".rstrip() for line in lines).replace("*/", "* /")
        return f"/*\n{text}\n */"

    def helpers(self, body: str) -> list[str]:
        """The larger and smaller of two numbers, which pass on what is not a number."""
        t, found = self.real_type, []
        for which, sign in (("max", ">"), ("min", "<")):
            if f"{which}_of(" in body:
                found.append(
                    f"\nstatic inline {t} {which}_of({t} a, {t} b)\n{{\n    return a {sign} b || a != a ? a : b;\n}}\n"
                )
        return found

    def parameters(self) -> list[str]:
        sizes = [f"ptrdiff_t {self.names[dim.name]}" for dim in self.sizes()]
        return [*sizes, *map(self.parameter, self.signature.operands), *self.work_parameter()]

    def sizes(self) -> list[Dim]:
        return [size for size in self.signature.dims if isinstance(size, Dim)]

    def parameter(self, array: Array) -> str:
        name = self.names[array.name]
        if array.name in self.by_value:
            return f"{self.type_of(array)} {name}"
        const = "const " if array in self.nest.inputs else ""
        return f"{const}{self.type_of(array)} *restrict {name}"

    def type_of(self, array: Array) -> str:
        """The type of an array's entries: numbers, or positions."""
        return "int64_t" if array.domain.below else self.real_type

    def work_parameter(self) -> list[str]:
        return [f"{self.real_type} *restrict work"] if self.nest.workspace else []

    def work_size(self) -> str:
        return " + ".join("*".join(self.integer(s).at(PRODUCT) for s in a.shape) or "1" for a in self.nest.workspace)

    def workspace(self) -> str:
        lines, before = [], "work"
        for array in self.nest.workspace:
            name = self.names[array.name]
            lines.append(f"    {self.real_type} *restrict {name} = {before};\n")
            before = f"{name} + {'*'.join(self.integer(s).at(PRODUCT) for s in array.shape) or '1'}"
        return "".join(lines)

    # ------------------------------------------------ statements

    def block(self, body: Sequence[Statement], depth: int) -> str:
        return "".join(self.statement(statement, depth) for statement in body)

    def statement(self, statement: Statement, depth: int) -> str:
        pad = "    " * depth
        if isinstance(statement, Loop):
            i, size = self.names[statement.index.name], self.integer(statement.index.size).text
            inner = self.block(statement.body, depth + 1)
            return f"{pad}for (ptrdiff_t {i} = 0; {i} < {size}; ++{i}) {{\n{inner}{pad}}}\n"
        if isinstance(statement, Factorise | Multiply):
            return self.block(statement.body, depth)
        if isinstance(statement, Local):
            return f"{pad}const {self.real_type} {self.names[statement.name]} = {self.spell(statement.value).text};\n"
        if isinstance(statement, Accumulator):
            return f"{pad}{self.real_type} {self.names[statement.name]} = {self.spell(statement.initial).text};\n"
        place = self.names[statement.name] if isinstance(statement, Update) else self.stored(statement.element).text
        return f"{pad}{self.change(place, self.spell(statement.value), statement.how)};\n"

    def change(self, place: str, value: _Piece, how: How) -> str:
        if how == "max":
            return f"{place} = max_of({place}, {value.text})"
        return f"{place} {SIGNS[how]} {value.text}"

    # ------------------------------------------------ the loop for NumPy

    def numpy_loop(self) -> str:
        """The loop over the outer dimension, dense or strided."""
        t, name = self.real_type, self.name
        operands = self.signature.operands
        self.strided = True
        strides = [f"ptrdiff_t {s}" for array in operands for s in self.strides(array)]
        sizes = [f"ptrdiff_t {self.names[dim.name]}" for dim in self.sizes()]
        plain = [p.replace("restrict ", "") for p in map(self.parameter, operands)]
        body = self.block(self.nest.body, 1)
        arguments = ", ".join([*sizes, *plain, *strides, *self.work_parameter()])
        body = self.unused(body, [s for array in operands for s in self.strides(array)]) + body
        strided = f"static inline void {name}_strided({arguments})"
        lines = [
            "/* What NumPy calls: one run for each position of the outer dimension. */",
            "#include <fenv.h>",
            "#include <stdint.h>",
            "#include <stdlib.h>",
            "",
            f"{_folded(strided)}\n{{\n{self.workspace()}{body}}}",
            "",
            f"void {name}_loop(char **args, const intptr_t *dimensions, const intptr_t *steps, void *data)",
            "{",
        ]
        for at, size in enumerate(self.signature.dims, start=1):
            if isinstance(size, Dim):
                lines.append(f"    const ptrdiff_t {self.names[size.name]} = dimensions[{at}];")
        lines += self.stride_lines(t)
        sizes_text = [self.names[dim.name] for dim in self.sizes()]
        lines += self.allocation(t)
        calls = [self.argument(at, array) for at, array in enumerate(operands)]
        work = ["work"] if self.nest.workspace else []
        strides_text = [s for array in operands for s in self.strides(array)]
        lines += [
            "    for (intptr_t at = 0; at < dimensions[0]; ++at) {",
            *(f"        {self.pointer(at, array)}" for at, array in enumerate(operands)),
            "        if (dense)",
            f"            {name}({', '.join([*sizes_text, *calls, *work])});",
            "        else",
            f"            {name}_strided({', '.join([*sizes_text, *calls, *strides_text, *work])});",
            "    }",
        ]
        if self.nest.workspace:
            lines.append("    free(work);")
        else:
            lines.append("    (void)data;")
        lines.append("    feclearexcept(FE_ALL_EXCEPT);")
        return "\n".join([*lines, "}", ""])

    def strides(self, array: Array) -> list[str]:
        return [self.beside(array, axis) for axis in range(len(array.shape))]

    def stride_lines(self, t: str) -> list[str]:
        lines, tests, place = [], [], len(self.signature.operands)
        for array in self.signature.operands:
            dense = [self.integer(size).at(PRODUCT) for size in array.shape]
            for axis, stride in enumerate(self.strides(array)):
                lines.append(
                    f"    const ptrdiff_t {stride} = steps[{place}] / (ptrdiff_t)sizeof({self.type_of(array)});"
                )
                tests.append(f"{stride} == {'*'.join(dense[axis + 1 :]) or '1'}")
                place += 1
        return [*lines, f"    const int dense = {_folded_test(tests) or '1'};"]

    def allocation(self, t: str) -> list[str]:
        if not self.nest.workspace:
            return []
        return [
            f"    {t} *work = malloc(((size_t)({self.work_size()}) + 1) * sizeof({t}));",
            "    if (!work) {",
            "        if (data)",
            "            *(int32_t *)data = 1;",
            "        return;",
            "    }",
        ]

    def pointer(self, at: int, array: Array) -> str:
        const = "const " if array in self.nest.inputs else ""
        name = self.beside(array, "at")
        kind = self.type_of(array)
        return f"{const}{kind} *{name} = ({const}{kind} *)(args[{at}] + at * steps[{at}]);"

    def argument(self, at: int, array: Array) -> str:
        return f"{'*' if array.name in self.by_value else ''}{self.beside(array, 'at')}"

    # ------------------------------------------------ expressions

    def number(self, value: Fraction) -> _Piece:
        if value.denominator == 1 and abs(value) < 2**63:
            return _Piece(f"{value.numerator}.0{self.suffix}", ATOM if value >= 0 else UNARY)
        digits = repr(float(value)) if not self.suffix else repr(float(f"{float(value):.9g}"))
        return _Piece(digits + self.suffix, ATOM if value >= 0 else UNARY)

    def constant(self, value: Expr) -> _Piece:
        return _Piece(str(mpmath.nstr(mpmath.mpf(value.evalf(25)), 9 if self.suffix else 17)) + self.suffix)

    def negative_infinity(self) -> _Piece:
        return _Piece("-INFINITY", UNARY)

    def integer(self, value: Expr) -> _Piece:
        if value.is_Integer:
            return _Piece(str(value), ATOM if value >= 0 else UNARY)
        if isinstance(value, Index | Dim):
            return _Piece(self.names[value.name])
        if is_element(value):
            return _Piece(f"(ptrdiff_t){self.stored(value).at(ATOM)}", UNARY)
        if value.is_Add:
            text = " + ".join(self.integer(term).at(UNARY) for term in value.args)
            return _Piece(text.replace("+ -", "- "), SUM)
        if value.is_Mul:
            return _Piece("*".join(self.integer(factor).at(UNARY) for factor in value.args), PRODUCT)
        raise BackendUnavailable(f"the position {value} is not linear in its indices")

    def real(self, value: _Piece) -> _Piece:
        return _Piece(f"({self.real_type}){value.at(ATOM)}", UNARY)

    def load(self, value: Expr) -> _Piece:
        found = self.stored(value)
        array = self.arrays.get(name_of(value))
        return self.real(found) if array is not None and array.domain.below else found

    def stored(self, value: Expr) -> _Piece:
        """An entry as it is stored, or a local."""
        name = name_of(value)
        if name not in self.arrays or name in self.by_value:
            return _Piece(self.names[name])
        positions = positions_of(value)
        if not positions:
            return _Piece(f"*{self.names[name]}", ATOM)
        stored = self.arrays[name]
        terms = []
        for axis, position in enumerate(positions):
            here = self.integer(position)
            if self.strided and stored not in self.nest.workspace:
                terms.append(f"{here.at(PRODUCT)}*{self.beside(stored, axis)}")
            else:
                rest = [self.integer(size).at(PRODUCT) for size in stored.shape[axis + 1 :]]
                terms.append("*".join([here.at(PRODUCT) if rest else here.text, *rest]))
        return _Piece(f"{self.names[name]}[{' + '.join(terms)}]")

    def binary(self, sign: str, left: _Piece, right: _Piece) -> _Piece:
        level = SUM if sign in "+-" else PRODUCT
        space = " " if level == SUM else ""
        tight = level + (sign in "-/" or (sign == "*"))
        return _Piece(f"{left.at(level)}{space}{sign}{space}{right.at(tight)}", level)

    def negative(self, value: _Piece) -> _Piece:
        return _Piece(f"-{value.at(UNARY if value.level != UNARY else ATOM)}", UNARY)

    def compare(self, sign: str, left: _Piece, right: _Piece) -> _Piece:
        return _Piece(f"{left.at(SUM)} {sign} {right.at(SUM)}", -1)

    def same_position(self, left: Expr, right: Expr) -> _Piece:
        return _Piece(f"{self.integer(left).text} == {self.integer(right).text}", -1)

    def select(self, condition: _Piece, yes: _Piece, no: _Piece) -> _Piece:
        return _Piece(f"({condition.text} ? {yes.text} : {no.text})")

    def extreme(self, which: str, left: _Piece, right: _Piece) -> _Piece:
        return _Piece(f"{which}_of({left.text}, {right.text})")

    def function(self, name: str, args: list[_Piece]) -> _Piece:
        called = name + (SUFFIX if name in FUNCTIONS else self.suffix)
        return _Piece(f"{called}({', '.join(arg.text for arg in args)})")


def _folded(head: str) -> str:
    """A function head, broken between parameters where a line would be too long."""
    before, _, inside = head.partition("(")
    lines = [f"{before}("]
    for part in inside.split(", "):
        if len(lines[-1]) + len(part) > 98:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * (len(before) + 1))
        lines[-1] += f"{part}, "
    return "\n".join(lines).removesuffix(", ")


def _folded_test(tests: Sequence[str]) -> str:
    return "\n        && ".join(tests)
