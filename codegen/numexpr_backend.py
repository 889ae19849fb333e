"""numexpr: elementwise expressions in one pass by its virtual machine, reductions around them by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from sympy import Expr

from codegen.array_code import ATOM, SUM, ArrayCode, Part
from codegen.numpy_backend import NumPyBackend
from derive.primitives import Primitive, primitive
from derive.program import Dim, Index, Program, free_indices


class _NumexprCode(ArrayCode):
    """Array code whose elementwise expressions are texts for `numexpr.evaluate`.

    Inside such a text there are no axes: every array is lined up to those of the whole expression when it gets a name.
    """

    imports = "import numexpr as ne\nimport numpy as np"

    def __init__(self, program: Program, name: str, dtype: str) -> None:
        super().__init__(program, name, dtype)
        self.operands: dict[str, str] = {}
        self.frame: tuple[Index, ...] | None = None

    def knows(self, row: Primitive) -> bool:
        """Whether numexpr has the function."""
        return bool(row.numexpr) or bool(row.numpy and row.lowered is None) or bool(row.helper)

    def call(self, value: Expr) -> Part:
        """A function in numexpr's language; one that it lacks stands beside the evaluation, in NumPy's."""
        row = primitive(value)
        if row is None or row.numexpr or self.frame is None:
            return super().call(value)
        return self.beside(self.called_by_numpy, value)

    def called_by_numpy(self, value: Expr) -> Part:
        """A function of NumPy's, its argument evaluated first."""
        row = primitive(value)
        assert row is not None
        parts, axes = self.together([self.value(arg) for arg in value.args])
        return Part(row.numpy.format(*(part.text for part in parts)), axes)

    def template(self, row: Primitive) -> str:
        """How a function is called in numexpr's language."""
        return row.numexpr

    def value(self, value: Expr) -> Part:
        """An expression; the outermost one becomes an evaluation."""
        if self.frame is not None:
            return self.leaf(super().value(value)) if isinstance(value, Index | Dim) else super().value(value)
        if isinstance(value, Index | Dim):
            return super().value(value)
        if value.is_number:
            return Part(f"np.{self.dtype}({float(value)!r})", constant=True)
        self.operands, self.frame = {}, self.ordered(free_indices(value))
        axes = self.frame
        try:
            part = super().value(value)
        finally:
            self.frame = None
        if part.text in self.operands:
            return Part(self.operands[part.text], axes, constant=part.constant)
        if not self.operands:
            return Part(f"np.{self.dtype}({part.text})", constant=True)
        given = ", ".join(f'"{key}": {text}' for key, text in self.operands.items())
        return Part(f'ne.evaluate("{part.text}", {{{given}}})', axes)

    def leaf(self, part: Part) -> Part:
        """An array, lined up, under a name that numexpr can look up."""
        assert self.frame is not None
        lined = super().lined_up(part, self.frame)
        known = next((key for key, text in self.operands.items() if text == lined.text), "")
        name = known or (lined.text if lined.text.isidentifier() else f"a{len(self.operands)}")
        self.operands[name] = lined.text
        return Part(name, () if part.constant else self.frame, constant=part.constant)

    def number(self, value: Expr) -> Part:
        """A number, which numexpr takes as floating point."""
        if self.frame is None:
            return super().number(value)
        return Part(repr(float(value)), level=SUM if value < 0 else ATOM, constant=True)

    def named_constant(self, value: Expr) -> Part:
        """A constant as digits."""
        return super().named_constant(value) if self.frame is None else Part(repr(float(value)), constant=True)

    def element(self, ref: Expr) -> Part:
        """An element, as an operand."""
        return self.beside(super().element, ref)

    def delta(self, value: Expr) -> Part:
        """A delta, as an operand."""
        return self.beside(super().delta, value)

    def beside(self, make: Callable[[Expr], Part], value: Expr) -> Part:
        """Array code that stands beside an evaluation and is an operand of it."""
        frame, self.frame = self.frame, None
        operands = self.operands
        part = make(value)
        self.frame, self.operands = frame, operands
        return part if frame is None else self.leaf(part)

    def lined_up(self, part: Part, axes: tuple[Index, ...]) -> Part:
        """Operands are lined up already."""
        return super().lined_up(part, axes) if self.frame is None else part

    def root(self, part: Part) -> Part:
        """A square root in numexpr's language."""
        return super().root(part) if self.frame is None else Part(f"sqrt({part.text})", part.axes)

    def truth(self, part: Part) -> Part:
        """A truth value as a number, in numexpr's language."""
        return Part(f"where({part.text}, 1.0, 0.0)", part.axes)


class NumexprBackend(NumPyBackend):
    """Emits NumPy with numexpr inside and runs it inside a ufunc."""

    name = "numexpr"
    code = _NumexprCode

    def unavailable(self) -> str:
        """Why numexpr cannot be used, or nothing."""
        return "" if find_spec("numexpr") else "backend 'numexpr' needs numexpr; python -m pip install numexpr"


BACKEND = NumexprBackend()
