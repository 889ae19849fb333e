"""The order in which a kernel takes its arrays, and the sizes that tie their axes together.

A program's inputs, in their order, then its outputs. The text is that of a NumPy generalised ufunc,
`(n,d),(d),(n)->(d)`; where every operand is a scalar there is none, and the kernel is a plain ufunc.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Integer

from codegen.bounds import Bound, bounds
from derive.errors import ShapeError
from derive.program import Array, Dim, Program


@dataclass(frozen=True)
class Signature:
    """Operands (inputs, then outputs) and their core dimensions in NumPy's order: that of first appearance.

    The `bounds` are what the sizes of a call have to fulfil beyond that.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    dims: tuple[Expr, ...]
    bounds: tuple[Bound, ...] = ()

    @property
    def operands(self) -> tuple[Array, ...]:
        """Inputs, then outputs."""
        return self.inputs + self.outputs

    @property
    def text(self) -> str | None:
        """NumPy's signature, or None when every operand is a scalar."""
        if not self.dims:
            return None
        words = {
            size: str(size) if isinstance(size, Dim | Integer) else f"size{at}" for at, size in enumerate(self.dims)
        }
        left, right = (
            ",".join(f"({','.join(words[size] for size in array.shape)})" for array in side)
            for side in (self.inputs, self.outputs)
        )
        return f"{left}->{right}"

    @property
    def computed(self) -> bool:
        """Whether the size of some output is worked out from others, which NumPy cannot do."""
        return any(not isinstance(size, Dim | Integer) for array in self.outputs for size in array.shape)

    def __str__(self) -> str:
        """The names and shapes of inputs and outputs, in the order a kernel takes and gives them."""
        inputs, outputs = ("; ".join(map(str, side)) for side in (self.inputs, self.outputs))
        return f"{inputs} -> {outputs}"


def signature(program: Program) -> Signature:
    """The signature of a kernel for `program`.

    Raises:
        ShapeError: the size of an output or a symbolic size of the program cannot be read off the inputs, or an
            element is outside its array whatever the sizes are.
    """
    outputs = tuple(program.array(name) for name in program.outputs)
    dims: dict[Expr, None] = {}
    for array in (*program.inputs, *outputs):
        for size in array.shape:
            if array in program.inputs and not isinstance(size, Dim | Integer):
                raise ShapeError(f"{array.name} has the size {size}; the sizes of inputs are names or numbers")
            dims[size] = None
    known = {size for array in program.inputs for size in array.shape}
    for dim in program.dims:
        if dim not in known:
            raise ShapeError(f"the size {dim} is not the size of any input, so a kernel cannot know it")
    return Signature(program.inputs, outputs, tuple(dims), bounds(program))


@dataclass(frozen=True)
class Loop:
    """Machine code that NumPy can call: the address of an inner loop, and what has to live as long as it does.

    `call` is the address of what Python can call in front of it (see `codegen.quick_calls`), or 0.
    """

    address: int
    keep: object
    call: int = 0
