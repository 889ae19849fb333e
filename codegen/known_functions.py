"""Which functions a backend has a name for, and what the others compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache

from sympy import Dummy, Expr, Symbol

from codegen.loops import Accumulator, Factorise, Loop, Multiply, Statement
from derive.errors import BackendUnavailable
from derive.primitives import BY_NAME, Primitive, primitive
from derive.program import children, is_element, put_in, rebuilt

SERIES = tuple(row.name for row in BY_NAME.values() if row.approximate)


def named_in_c(row: Primitive) -> bool:
    """Whether a function is one of C's, or of `codegen.vector_math`."""
    return bool(row.c)


def named_in_llvm(row: Primitive) -> bool:
    """Whether a function is one of C's, or one of many terms, which kernels share."""
    return bool(row.c) or row.approximate


def spelled_out(value: Expr, known: Callable[[Primitive], bool]) -> Expr:
    """`value` with functions that are not known replaced by what they compute."""
    if not value.args or is_element(value):
        return value
    parts = tuple(spelled_out(part, known) for part in children(value))
    row = primitive(value)
    if row is not None and not known(row):
        if row.lowered is None:
            raise BackendUnavailable(f"{row.name} has no name here and no meaning in other functions")
        if row.approximate and not any(part.is_number for part in parts):
            return put_in(series(row.name, known), dict(zip(parameters(row.name), parts, strict=True)))
        return spelled_out(row.lowered(*parts), known)
    return rebuilt(value, parts)


@lru_cache(maxsize=64)
def series(name: str, known: Callable[[Primitive], bool] = named_in_c) -> Expr:
    """What a function of many terms computes of its `parameters`, built once."""
    row = BY_NAME[name]
    assert row.lowered is not None
    return spelled_out(row.lowered(*parameters(name)), known)


@cache
def parameters(name: str) -> tuple[Symbol, ...]:
    """What a function takes."""
    return tuple(Dummy(f"x{at}", real=True) for at in range(BY_NAME[name].arity))


def in_known_functions(statement: Statement) -> Statement:
    """A statement whose functions all have a name in C."""
    if isinstance(statement, Loop):
        return replace(statement, body=tuple(map(in_known_functions, statement.body)))
    if isinstance(statement, Accumulator | Factorise | Multiply):
        return statement
    return replace(statement, value=spelled_out(statement.value, named_in_c))
