"""Quotients with a divisor in common: one division, and a multiplication with two corrections for each.

`q = a r` with `r = 1/b` is wrong in the last digits; `q + r (a − q b)` is the quotient, rounded once or, in rare cases,
next to that (Markstein, 1990). A divisor so small or large that its inverse is none is scaled before, and the quotient
afterwards. Where the correction is not a number, `a r` is the quotient already: infinite, or not a number itself.

Divisions are what takes longest in vectors: one as long as some thirty multiplications.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from codegen.llvm_text import Text

LIMITS = {"double": (2.0**960, 2.0**64), "float": (2.0**90, 2.0**32)}  # sizes with safe inverses; the scale beyond


@dataclass(frozen=True)
class Divisor:
    """A divisor with its inverse, both scaled, and the scale of quotients; registers all."""

    scaled: str
    inverse: str
    scale: str


def divisor(text: Text, number: str) -> Divisor:
    """What all quotients with a divisor have in common."""
    large, factor = LIMITS[text.type]
    name = f"llvm.fabs.{text.short}"
    text.declare(name, f"{text.kind} @{name}({text.kind})")
    size = text.let(f"call {text.kind} @{name}({text.kind} {number})")
    scale = text.literal(1.0)
    for sign, bound, chosen in (("olt", 1 / large, factor), ("ogt", large, 1 / factor)):
        beyond = text.let(f"fcmp {sign} {text.kind} {size}, {text.literal(bound)}")
        scale = text.let(f"select {text.truth} {beyond}, {text.kind} {text.literal(chosen)}, {text.kind} {scale}")
    scaled = text.let(f"fmul {text.kind} {number}, {scale}")
    inverse = text.let(f"fdiv {text.kind} {text.literal(1.0)}, {scaled}")
    return Divisor(scaled, inverse, scale)


def quotient(text: Text, left: str, right: Divisor) -> str:
    """A number divided by a divisor."""
    near = text.let(f"fmul {text.kind} {left}, {right.inverse}")
    negative = text.let(f"fneg {text.kind} {near}")
    lost = _fused(text, negative, right.scaled, left)
    better = _fused(text, lost, right.inverse, near)
    fails = text.let(f"fcmp uno {text.kind} {better}, {better}")
    found = text.let(f"select {text.truth} {fails}, {text.kind} {near}, {text.kind} {better}")
    return text.let(f"fmul {text.kind} {found}, {right.scale}")


def is_power_of_two(literal: str) -> bool:
    """Whether a constant divides exactly as it is."""
    bits = int(literal.removeprefix("0x"), 16)
    value = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value == 0 or bits & ((1 << 52) - 1) == 0


def _fused(text: Text, left: str, right: str, added: str) -> str:
    name = f"llvm.fma.{text.short}"
    text.declare(name, f"{text.kind} @{name}({text.kind}, {text.kind}, {text.kind})")
    return text.let(f"call {text.kind} @{name}({text.kind} {left}, {text.kind} {right}, {text.kind} {added})")
