"""Nests that many kernels have in common. They are compiled once, and kernels call them.

A routine takes dense arrays. What it needs beside its result it gets from who calls: these arrays are outputs, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sympy import Expr, Mul, S

from codegen.factorisations import FACTORISATIONS, factorised
from codegen.known_functions import in_known_functions
from codegen.loops import Accumulator, Loop, Nest, Statement, Store, Update
from codegen.signature import Signature
from derive.array_functions import ARRAY_FUNCTIONS
from derive.program import Array, Dim, Index, element


def matrix_by_vector() -> Nest:
    """`target = scale · matrix · vector`, row by row."""
    i, j = _axes()
    total = element("total")
    body: tuple[Statement, ...] = (
        Accumulator("total", S.Zero),
        Loop(j, (Update("total", Mul(element("matrix", (i, j)), element("vector", (j,))), "add"),)),
        Store(element("target", (i,)), Mul(element("scale"), total)),
    )
    return _product("by_vector", (i.size, j.size), (Loop(i, body),))


def vector_by_matrix() -> Nest:
    """`target = scale · vector · matrix`, row by row."""
    i, j = _axes()
    term = Mul(element("scale"), element("matrix", (i, j)), element("vector", (i,)))
    body = (
        Loop(j, (Store(element("target", (j,)), S.Zero),)),
        Loop(i, (Loop(j, (Store(element("target", (j,)), term, "add"),)),)),
    )
    return _product("vector_by", (j.size, i.size), body)


def _axes() -> tuple[Index, Index]:
    return Index("i", Dim("m")), Index("j", Dim("n"))


def _product(name: str, ends: tuple[Expr, Expr], body: tuple[Statement, ...]) -> Nest:
    """A product of a matrix and a vector, with the sizes of the result and of the vector."""
    m, n = Dim("m"), Dim("n")
    inputs = Array("matrix", (m, n)), Array("vector", ends[1:]), Array("scale", ())
    return Nest(name, (m, n), inputs, (Array("target", ends[:1]),), (), body)


def factorisation(function: str) -> Nest:
    """A function of a square matrix, by loops."""
    n = Dim("n")
    statements, workspace = factorised(function, "source", "target", n, {"source", "target"})
    result = Array("target", (n,) * ARRAY_FUNCTIONS[function].rank)
    return Nest(
        function, (n,), (Array("source", (n, n)),), (result, *workspace), (), tuple(map(in_known_functions, statements))
    )


ROUTINES: dict[str, Callable[[], Nest]] = {
    "by_vector": matrix_by_vector,
    "vector_by": vector_by_matrix,
    **{function: partial(factorisation, function) for function in FACTORISATIONS},
}


def taken(nest: Nest) -> Signature:
    """What a routine takes."""
    dims = dict.fromkeys(size for array in (*nest.inputs, *nest.outputs) for size in array.shape)
    return Signature(nest.inputs, nest.outputs, tuple(dims))
