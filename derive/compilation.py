"""Kernels of formulas and derivatives, found in the cache before anything is derived for them.

What a kernel computes follows from the sources of this project, the formula, and what is asked of it. That is the key
its text is kept under, so that a kernel which was built once needs neither calculus nor compiler again.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from codegen import kernel as kernels
from codegen import plan as plans
from codegen import store
from codegen.kernel import Kernel
from codegen.plan import Plan
from codegen.signature import signature
from derive.calculus.stability import stabilised
from derive.formulas import Formula
from derive.program import Program, merged


class Derived(Protocol):
    """What a derivative tells of itself: what it is of, and the program it came to."""

    @property
    def of(self) -> Formula:
        """The formula it is a derivative of."""

    @property
    def kind(self) -> str:
        """Gradient, Jacobian or Hessian."""

    @property
    def convention(self) -> str:
        """How entries that are tied together are treated."""

    @property
    def wrt(self) -> tuple[str, ...]:
        """The inputs it is taken by."""

    @property
    def name(self) -> str:
        """The name of its kernels."""

    @property
    def program(self) -> Program:
        """Its equations."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its results."""


Asked: TypeAlias = "Formula | Derived"


def compile_kernel(
    asked: Asked, backend: str = "llvm", dtype: str = "float64", value: bool = False, threads: int | None = None
) -> Kernel:
    """A kernel of a formula's value, or of a derivative; with `value`, of both in one pass."""
    key = (store.fingerprint(), _key(asked), backend, dtype, str(value))
    with _uncollected():
        record = store.record("kernel", key, lambda: _emitted(asked, backend, dtype, value))
    signature = kernels.restored(record["signature"])
    name, doc = record["name"], record["doc"]

    def origin() -> Program:
        return _to_compile(asked, value)[0]

    return kernels.assemble(
        record["source"], signature, name=name, backend=backend, dtype=dtype, doc=doc, threads=threads, origin=origin
    )


def emit_source(asked: Asked, backend: str = "llvm", dtype: str = "float64", value: bool = False) -> str:
    """The text of a kernel as people take it elsewhere; nothing is built."""
    program, name = _to_compile(asked, value)
    return kernels.emit(program, name=name, backend=backend, dtype=dtype)


def planned(asked: Asked, backend: str = "llvm", dtype: str = "float64", value: bool = False) -> Plan:
    """What a kernel will do; nothing is built."""
    program, name = _to_compile(asked, value)
    return plans.planned(program, name=name, backend=backend, dtype=dtype)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Memory is not searched for garbage for a while: next to all that is made here is kept, and there is much else."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _key(asked: Asked) -> str:
    """What a kernel depends on, without deriving anything."""
    if isinstance(asked, Formula):
        return json.dumps([asked.name, str(asked.program)])
    return json.dumps([asked.of.name, str(asked.of.program), asked.kind, asked.convention, *asked.wrt])


def _to_compile(asked: Asked, value: bool) -> tuple[Program, str]:
    """The stable program to compile, and its name."""
    if isinstance(asked, Formula):
        return stabilised(asked.program), asked.name or "formula"
    if not value:
        return stabilised(asked.program), asked.name
    whole = replace(asked.of.program, inputs=asked.program.inputs)
    both = merged([whole, asked.program], (asked.of.value, *asked.outputs))
    return stabilised(both), f"{asked.name}_value"


def _emitted(asked: Asked, backend: str, dtype: str, value: bool) -> dict[str, Any]:
    """All that is needed to build the kernel later."""
    program, name = _to_compile(asked, value)
    return {
        "name": name,
        "source": kernels.emit(program, name=name, backend=backend, dtype=dtype, whole=True),
        "signature": kernels.described(signature(program)),
        "doc": asked.title if isinstance(asked, Formula) else asked.of.title,
    }
