"""numexpr: elementwise expressions in one pass by its virtual machine, reductions around them by NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from sympy import Expr

from codegen.array_code import ArrayCode, Part
from codegen.numpy_backend import defined
from codegen.signature import Loop, Signature
from codegen.ufunc import PythonLoop
from derive.primitives import Primitive
from derive.program import Index, Program


class _NumexprCode(ArrayCode):
    """Array code whose elementwise expressions are texts for `numexpr.evaluate`."""

    imports = "import numexpr as ne\nimport numpy as np"

    def __init__(self, program: Program, name: str, dtype: str) -> None:
        super().__init__(program, name, dtype)
        self.operands: dict[str, str] = {}
        self.depth = 0

    def knows(self, row: Primitive) -> bool:
        return bool(row.numexpr)

    def template(self, row: Primitive) -> str:
        return row.numexpr

    def value(self, value: Expr) -> Part:
        """An expression; the outermost call wraps what has operations into an evaluation."""
        if self.depth:
            return super().value(value)
        self.operands, self.depth = {}, 1
        try:
            part = super().value(value)
        finally:
            self.depth = 0
        if part.text in self.operands:
            return Part(self.operands[part.text], part.axes)
        if not self.operands:
            return Part(f"np.{self.dtype}({part.text})")
        given = ", ".join(f'"{key}": {text}' for key, text in self.operands.items())
        return Part(f'ne.evaluate("{part.text}", {{{given}}})', part.axes)

    def leaf(self, part: Part) -> Part:
        """An array under a name that numexpr can look up."""
        if not self.depth:
            return part
        plain = part.text.isidentifier()
        name = part.text if plain else next((k for k, t in self.operands.items() if t == part.text), "")
        name = name or f"a{len(self.operands)}"
        self.operands[name] = part.text
        return Part(name, part.axes)

    def number(self, value: Expr) -> Part:
        if not self.depth:
            return super().number(value)
        return Part(repr(float(value)), level=0 if value < 0 else Part("").level)

    def element(self, ref: Expr) -> Part:
        return self.leaf(self.outside(super().element, ref))

    def delta(self, value: Expr) -> Part:
        return self.leaf(self.outside(super().delta, value))

    def outside(self, make: object, value: Expr) -> Part:
        """Array code that stands beside an evaluation, not in it."""
        depth, self.depth = self.depth, 0
        try:
            return make(value)  # type: ignore[operator]
        finally:
            self.depth = depth

    def lined_up(self, part: Part, axes: tuple[Index, ...]) -> Part:
        if part.axes == axes or not self.depth or part.text not in self.operands:
            return super().lined_up(part, axes)
        text = self.operands[part.text]
        return self.leaf(super().lined_up(Part(text, part.axes), axes))

    def product(self, parts: Sequence[Part]) -> Part:
        return super().product(parts)

    def root(self, part: Part) -> Part:
        return Part(f"sqrt({part.text})", part.axes) if self.depth else super().root(part)

    def truth(self, part: Part) -> Part:
        return Part(f"where({part.text}, 1.0, 0.0)", part.axes)


class NumexprBackend:
    """Emits NumPy with numexpr inside and runs it inside a ufunc."""

    name = "numexpr"

    def emit(self, program: Program, name: str, dtype: str) -> str:
        """A module with one function."""
        return _NumexprCode(program, name, dtype).text()

    def build(self, source: str, signature: Signature, name: str, dtype: str) -> Loop:
        """Define the function and put it behind NumPy's loop interface."""
        return PythonLoop(defined(source, name, len(signature.outputs)), signature, dtype).loop()

    def unavailable(self) -> str:
        """Why numexpr cannot be used, or nothing."""
        found = find_spec("numexpr")
        return "" if found else "backend 'numexpr' needs numexpr; python -m pip install numexpr"


BACKEND = NumexprBackend()
