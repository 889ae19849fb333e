"""The functions as C99 that people read: static, inline, what is used twice in a constant with a name.

Names end in the type that a function is for, and every definition is guarded, so that kernels can follow one another in
one file.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from codegen.vector_math.arithmetic import OPERATIONS, Value, in_order
from codegen.vector_math.formats import BY_KIND, FORMATS
from codegen.vector_math.library import FUNCTIONS, routine

TYPES = {"f64": "double", "f32": "float", "i64": "uint64_t", "i32": "uint32_t", "i1": "int"}
SUFFIXES = {"f64": "", "f32": "f", "i64": "u", "i32": "u", "i1": ""}
ATOM = re.compile(r"\w+|\d[\w.]*(e[-+]?\d+)?f?|\w+\([^()]*\)", re.ASCII)
INLINE = """\
/* Loops are vectorised only if what they call becomes part of them. */
#ifndef INLINE
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif
#endif
"""
HELPERS = {
    "multiply_add": """\
/* a*b + c, rounded once where the processor has an instruction for it. */
INLINE {real} multiply_add{n}({real} a, {real} b, {real} c)
{{
#ifdef FP_FAST_FMA{S}
    return fma{s}(a, b, c);
#else
    return a*b + c;
#endif
}}
""",
    "bits": """\
INLINE {integer} bits{n}({real} x)
{{
    {integer} bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}}
""",
    "from_bits": """\
INLINE {real} from_bits{n}({integer} bits)
{{
    {real} x;
    memcpy(&x, &bits, sizeof x);
    return x;
}}
""",
    "exact_sum": """\
/* a*b + c with all its digits, for a c that is as large as the product. */
INLINE {real} exact_sum{n}({real} a, {real} b, {real} c)
{{
#ifdef FP_FAST_FMA{S}
    return fma{s}(a, b, c);
#else
    const {real} a_head = from_bits{n}(bits{n}(a) & {leading});
    const {real} b_head = from_bits{n}(bits{n}(b) & {leading});
    const {real} a_rest = a - a_head, b_rest = b - b_head;
    return (((a_head*b_head + c) + a_head*b_rest) + a_rest*b_head) + a_rest*b_rest;
#endif
}}
""",
}
INTEGERS = {"f64": "i64", "f32": "i32"}


def named(name: str, dtype: str) -> str:
    """What a function is called that is for numbers of `dtype`."""
    return f"{name}_{FORMATS[dtype].real}"


def guarded(name: str, text: str) -> str:
    """A definition that may be met again further down in a file."""
    return f"#ifndef {name.upper()}\n#define {name.upper()}\n{text}#endif\n"


def definitions(body: str, dtype: str) -> str:
    """The functions of the library that `body` calls, with what they need; nothing if it calls none."""
    called = [name for name in FUNCTIONS if re.search(rf"\b{named(name, dtype)}\(", body)]
    functions = [guarded(named(name, dtype), definition(name, dtype)) for name in called]
    if not functions:
        return ""
    text = "\n".join(functions)
    helpers: list[str] = []
    for helper, template in reversed(HELPERS.items()):
        for kind in ("f32", "f64"):
            if f"{helper}_{kind}(" in text:
                words = {
                    "real": TYPES[kind],
                    "integer": TYPES[INTEGERS[kind]],
                    "n": f"_{kind}",
                    "s": SUFFIXES[kind],
                    "S": SUFFIXES[kind].upper(),
                    "leading": _number(BY_KIND[kind].leading_mask, INTEGERS[kind]),
                }
                helpers.insert(0, guarded(f"{helper}_{kind}", template.format(**words)))
                text += helpers[0]
    return "\n".join([INLINE, *helpers, *functions])


def definition(name: str, dtype: str) -> str:
    """One function."""
    asked = routine(name, dtype)
    uses = Counter(id(arg) for value in in_order(asked.result) for arg in value.args)
    writer = _Writer(uses, {given.name for given in asked.parameters})
    for given in asked.parameters:
        writer.texts[id(given)] = given.name
    for value in in_order(asked.result):
        writer.write(value)
    kind = TYPES[asked.result.kind]
    parameters = ", ".join(f"{TYPES[given.kind]} {given.name}" for given in asked.parameters)
    lines = [
        f"/* {asked.doc} */",
        f"INLINE {kind} {named(name, dtype)}({parameters})",
        "{",
        *(f"    {line}" for line in writer.lines),
        f"    return {writer.texts[id(asked.result)]};",
        "}",
        "",
    ]
    return "\n".join(lines)


class _Writer:
    def __init__(self, uses: Counter[int], used: set[str]) -> None:
        self.uses, self.used = uses, used
        self.texts: dict[int, str] = {}
        self.lines: list[str] = []

    def write(self, value: Value) -> None:
        """Put what computes `value` where it is used, or into a constant."""
        if id(value) in self.texts:
            return
        if value.operation == "literal":
            self.texts[id(value)] = _number(value.number, value.kind)
        elif value.operation == "polynomial":
            self.texts[id(value)] = self.horner(value)
        else:
            self.texts[id(value)] = self.constant(value, self.expression(value))

    def expression(self, value: Value) -> str:
        kind = value.args[0].kind
        if kind == "i1":
            kind = value.kind
        texts = [self.texts[id(arg)] for arg in value.args]
        template = OPERATIONS[value.operation].c
        if "(" not in template.replace("(double)", "").replace("(float)", ""):
            texts = [text if ATOM.fullmatch(text) else f"({text})" for text in texts]
        real = value.kind if value.operation == "from_bits" else kind
        return template.format(*texts, n=f"_{real}", s=SUFFIXES[real])

    def constant(self, value: Value, text: str) -> str:
        if not value.name and self.uses[id(value)] < 2:
            return text
        name = self.free(value.name or "t")
        self.lines.append(f"const {TYPES[value.kind]} {name} = {text};")
        return name

    def horner(self, value: Value) -> str:
        x, name = self.texts[id(value.args[0])], self.free(value.name or "p")
        if not x.isidentifier():
            variable = self.free("z")
            self.lines.append(f"const {TYPES[value.kind]} {variable} = {x};")
            x = variable
        first, *rest = (_number(c, value.kind) for c in reversed(value.coefficients))
        self.lines.append(f"{TYPES[value.kind]} {name} = {first};")
        self.lines += [f"{name} = multiply_add_{value.kind}({name}, {x}, {number});" for number in rest]
        return name

    def free(self, name: str) -> str:
        """`name`, with a number where it is taken."""
        tried = name
        count = 1
        while tried in self.used:
            count += 1
            tried = f"{name}{count}"
        self.used.add(tried)
        return tried


def _number(value: float | int, kind: str) -> str:
    if kind[0] == "i":
        return str(value) if value < 100 else f"0x{value:x}{'ull' if kind == 'i64' else 'u'}"
    if value != value:
        return "NAN"
    if abs(value) == float("inf"):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = repr(float(value)) if kind == "f64" else str(np.float32(value))
    return text + SUFFIXES[kind]
