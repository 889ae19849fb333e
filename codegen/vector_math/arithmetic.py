"""The small vocabulary in which functions are written once: arithmetic, bits, comparisons and selections of one number.

A function is Python that combines `Value`s with operators and the functions below; running it on a parameter records
the operations as a graph, and `OPERATIONS` says how LLVM, C and NumPy spell each. There are no branches, no loops and
no calls, so a compiler can run the graph on as many numbers at once as its registers hold.

`multiply_add(a, b, c)` may round once or twice, as the processor likes: what is written with it has to be accurate
either way. `lost_in_product(a, b, product)` is exact, by one instruction or by many. Every other operation rounds
exactly once, to nearest; integers wrap around.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.vector_math.formats import BY_KIND, DOUBLE, FORMATS, SINGLE, Format, Kind


@dataclass(frozen=True)
class Operation:
    """How three languages spell an operation of `{0}`, `{1}`, `{2}`.

    In LLVM `{t}` is the type of the operands, `{r}` that of the result, `{n}` its short name and `{b}` that of truth
    values; `declares` is the intrinsic that is called. In C `{s}` ends the names of functions of the type, and `{n}`
    those of the helpers in `codegen.vector_math.c_text`.
    """

    llvm: str
    c: str
    numpy: Any
    declares: str = ""


NUMPY_TYPES: dict[str, Any] = {
    "f64": np.float64,
    "f32": np.float32,
    "i64": np.uint64,
    "i32": np.uint32,
    "i1": np.bool_,
}
OPERATIONS = {
    "+": Operation("fadd {t} {0}, {1}", "{0} + {1}", np.add),
    "-": Operation("fsub {t} {0}, {1}", "{0} - {1}", np.subtract),
    "*": Operation("fmul {t} {0}, {1}", "{0}*{1}", np.multiply),
    "/": Operation("fdiv {t} {0}, {1}", "{0}/{1}", np.divide),
    "negative": Operation("fneg {t} {0}", "-{0}", np.negative),
    "multiply_add": Operation(
        "call {r} @llvm.fmuladd.{n}({t} {0}, {t} {1}, {t} {2})",
        "multiply_add{n}({0}, {1}, {2})",
        lambda a, b, c: a * b + c,
        "{r} @llvm.fmuladd.{n}({t}, {t}, {t})",
    ),
    "lost in product": Operation(
        "call {r} @llvm.fma.{n}({t} {0}, {t} {1}, {t} {2})",
        "exact_sum{n}({0}, {1}, {2})",
        lambda a, b, c: _sum_of_parts(a, b, c, *map(_leading, (a, b))),
        "{r} @llvm.fma.{n}({t}, {t}, {t})",
    ),
    "absolute": Operation("call {r} @llvm.fabs.{n}({t} {0})", "fabs{s}({0})", np.abs, "{r} @llvm.fabs.{n}({t})"),
    "round": Operation("call {r} @llvm.rint.{n}({t} {0})", "rint{s}({0})", np.rint, "{r} @llvm.rint.{n}({t})"),
    "copy_sign": Operation(
        "call {r} @llvm.copysign.{n}({t} {0}, {t} {1})",
        "copysign{s}({0}, {1})",
        np.copysign,
        "{r} @llvm.copysign.{n}({t}, {t})",
    ),
    "<": Operation("fcmp olt {t} {0}, {1}", "{0} < {1}", np.less),
    "<=": Operation("fcmp ole {t} {0}, {1}", "{0} <= {1}", np.less_equal),
    "==": Operation("fcmp oeq {t} {0}, {1}", "{0} == {1}", np.equal),
    "!=": Operation("fcmp une {t} {0}, {1}", "{0} != {1}", np.not_equal),
    "and": Operation("and {b} {0}, {1}", "{0} & {1}", np.logical_and),
    "or": Operation("or {b} {0}, {1}", "{0} | {1}", np.logical_or),
    "where": Operation("select {b} {0}, {r} {1}, {r} {2}", "{0} ? {1} : {2}", np.where),
    "bits": Operation("bitcast {t} {0} to {r}", "bits{n}({0})", lambda x: x.view(f"u{x.dtype.itemsize}")),
    "from_bits": Operation("bitcast {t} {0} to {r}", "from_bits{n}({0})", lambda x: x.view(f"f{x.dtype.itemsize}")),
    "integer +": Operation("add {t} {0}, {1}", "{0} + {1}", np.add),
    "integer -": Operation("sub {t} {0}, {1}", "{0} - {1}", np.subtract),
    "integer &": Operation("and {t} {0}, {1}", "{0} & {1}", np.bitwise_and),
    "integer |": Operation("or {t} {0}, {1}", "{0} | {1}", np.bitwise_or),
    "integer ==": Operation("icmp eq {t} {0}, {1}", "{0} == {1}", np.equal),
    "shift left": Operation("shl {t} {0}, {1}", "{0} << {1}", np.left_shift),
    "shift right": Operation("lshr {t} {0}, {1}", "{0} >> {1}", np.right_shift),
    "widen": Operation("fpext {t} {0} to {r}", "(double){0}", lambda x: x.astype(np.float64)),
    "narrow": Operation("fptrunc {t} {0} to {r}", "(float){0}", lambda x: x.astype(np.float32)),
}


def _leading(x: Any) -> Any:
    """As `leading`, in NumPy."""
    integer = x.view(f"u{x.dtype.itemsize}")
    return (integer & integer.dtype.type(FORMATS[x.dtype.name].leading_mask)).view(x.dtype)


def _sum_of_parts(a: Any, b: Any, c: Any, a_head: Any, b_head: Any) -> Any:
    """`a*b + c` for a c that is as large as the product, from halves of a and b (Dekker)."""
    return (((a_head * b_head + c) + a_head * (b - b_head)) + (a - a_head) * b_head) + (a - a_head) * (b - b_head)


AT_ONCE = 6  # a longer polynomial is divided into two
"""Two more operations have no row, for they are written out in every language: `literal` and `polynomial`."""


class Value:
    """A number that will be known when the function runs: an operation of others, a literal, or a parameter."""

    __slots__ = ("args", "coefficients", "kind", "name", "number", "operation")
    __hash__ = object.__hash__

    def __init__(
        self,
        operation: str,
        kind: Kind,
        args: tuple[Value, ...] = (),
        number: float | int = 0,
        coefficients: tuple[float, ...] = (),
        name: str = "",
    ) -> None:
        self.operation, self.kind, self.args = operation, kind, args
        self.number, self.coefficients, self.name = number, coefficients, name

    def named(self, name: str) -> Value:
        """The same value, with a name that readers of generated code will see."""
        self.name = name
        return self

    @property
    def format(self) -> Format:
        """The floating type of the number, or of the number whose bits these are."""
        return BY_KIND.get(self.kind) or (DOUBLE if self.kind == "i64" else SINGLE)

    def _with(self, operation: str, other: Operand, kind: Kind | None = None, swapped: bool = False) -> Value:
        right = literal(other, self.kind)
        args = (right, self) if swapped else (self, right)
        return Value(operation if self.kind[0] == "f" else f"integer {operation}", kind or self.kind, args)

    def __add__(self, other: Operand) -> Value:
        return self._with("+", other)

    def __radd__(self, other: Operand) -> Value:
        return self._with("+", other, swapped=True)

    def __sub__(self, other: Operand) -> Value:
        return self._with("-", other)

    def __rsub__(self, other: Operand) -> Value:
        return self._with("-", other, swapped=True)

    def __mul__(self, other: Operand) -> Value:
        return self._with("*", other)

    def __rmul__(self, other: Operand) -> Value:
        return self._with("*", other, swapped=True)

    def __truediv__(self, other: Operand) -> Value:
        return self._with("/", other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._with("/", other, swapped=True)

    def __neg__(self) -> Value:
        return Value("negative", self.kind, (self,))

    def __abs__(self) -> Value:
        return Value("absolute", self.kind, (self,))

    def __lt__(self, other: Operand) -> Value:
        return self._with("<", other, "i1")

    def __gt__(self, other: Operand) -> Value:
        return literal(other, self.kind) < self

    def __le__(self, other: Operand) -> Value:
        return self._with("<=", other, "i1")

    def __ge__(self, other: Operand) -> Value:
        return literal(other, self.kind) <= self

    def __eq__(self, other: Operand) -> Value:  # type: ignore[override]
        return self._with("==", other, "i1")

    def __ne__(self, other: Operand) -> Value:  # type: ignore[override]
        return self._with("!=", other, "i1")

    def __and__(self, other: Operand) -> Value:
        return self._logical("and", "&", other)

    def __or__(self, other: Operand) -> Value:
        return self._logical("or", "|", other)

    def _logical(self, word: str, sign: str, other: Operand) -> Value:
        if self.kind == "i1":
            return Value(word, "i1", (self, literal(other, "i1")))
        return self._with(sign, other)

    def __lshift__(self, by: int) -> Value:
        return Value("shift left", self.kind, (self, literal(by, self.kind)))

    def __rshift__(self, by: int) -> Value:
        """The shift that lets zeros in."""
        return Value("shift right", self.kind, (self, literal(by, self.kind)))


Operand = Value | float | int


def parameter(name: str, kind: Kind) -> Value:
    """What the function is given."""
    return Value("parameter", kind, name=name)


def literal(value: Operand, kind: Kind) -> Value:
    """A constant, rounded to the type that it meets."""
    if isinstance(value, Value):
        assert value.kind == kind, (value.kind, kind)
        return value
    if kind[0] == "i":
        return Value("literal", kind, number=int(value) % (1 << int(kind[1:])))
    return Value("literal", kind, number=float(NUMPY_TYPES[kind](value)))


def multiply_add(a: Value, b: Operand, c: Operand) -> Value:
    """`a*b + c`, rounded once or twice."""
    return Value("multiply_add", a.kind, (a, literal(b, a.kind), literal(c, a.kind)))


def lost_in_product(a: Value, b: Value, product: Value) -> Value:
    """What a product of finite numbers lost in rounding: `a*b − product`, with all its digits."""
    return Value("lost in product", a.kind, (a, b, -product))


def without_fusing(lost: Value) -> Value:
    """The same from products of halves, for processors that do not fuse a multiplication with an addition."""
    a, b, c = lost.args
    return _sum_of_parts(a, b, c, leading(a), leading(b))


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """`c0 + c1*x + c2*x² + …`: even and odd powers apart, so that neither waits for the other, then Horner's rule."""
    if len(coefficients) > AT_ONCE:
        square = (x * x).named("square")
        even, odd = (polynomial(square, coefficients[start::2]) for start in (0, 1))
        return multiply_add(odd.named("odd"), x, even.named("even"))
    rounded = tuple(float(NUMPY_TYPES[x.kind](c)) for c in coefficients)
    return Value("polynomial", x.kind, (x,), coefficients=rounded)


def where(condition: Value, yes: Operand, no: Operand, kind: Kind | None = None) -> Value:
    """One of two numbers; both are computed. Two literals are of `kind`, or of the kind that is compared."""
    found = next((value.kind for value in (yes, no) if isinstance(value, Value)), None)
    kind = found or kind or condition.args[0].kind
    return Value("where", kind, (condition, literal(yes, kind), literal(no, kind)))


def copy_sign(size: Value, sign: Value) -> Value:
    """The first with the sign bit of the second."""
    return Value("copy_sign", size.kind, (size, sign))


def round_to_integer(x: Value) -> Value:
    """The nearest whole number, of two the even one."""
    return Value("round", x.kind, (x,))


def bits(x: Value) -> Value:
    """The number's bits as an integer."""
    return Value("bits", x.format.integer, (x,))


def from_bits(x: Value) -> Value:
    """The number with these bits."""
    return Value("from_bits", x.format.real, (x,))


def leading(x: Value) -> Value:
    """The number cut to the leading half of its digits, so that a product of two such is exact."""
    return from_bits(bits(x) & x.format.leading_mask)


def widened(x: Value) -> Value:
    """The same number in double precision."""
    return Value("widen", "f64", (x,)) if x.kind == "f32" else x


def narrowed(x: Value, kind: Kind) -> Value:
    """The number rounded to a type."""
    return x if x.kind == kind else Value("narrow", kind, (x,))


def in_order(result: Value) -> Iterator[Value]:
    """Every value that `result` needs, each once, after its operands."""
    seen: set[int] = set()
    waiting = [(result, False)]
    while waiting:
        value, ready = waiting.pop()
        if ready:
            yield value
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.append((value, True))
            waiting.extend((arg, False) for arg in reversed(value.args))
