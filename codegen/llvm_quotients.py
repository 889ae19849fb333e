"""Quotients of vectors that have a divisor in common, by one division (see `codegen.vector_math.quotients`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from codegen.llvm_writer import Writer


@dataclass(frozen=True)
class Divisor:
    """A divisor with its inverse, both scaled, and the scale of quotients; registers all."""

    scaled: str
    inverse: str
    scale: str


def divisor(writer: Writer, number: str) -> Divisor:
    """What all quotients with a divisor have in common."""
    scale = writer.function("divisor_scale", [number])
    scaled = writer.let(f"fmul {writer.kind} {number}, {scale}")
    inverse = writer.let(f"fdiv {writer.kind} {writer.literal(1.0)}, {scaled}")
    return Divisor(scaled, inverse, scale)


def quotient(writer: Writer, left: str, right: Divisor, register: str) -> None:
    """A number divided by a divisor, into a register."""
    found = writer.function("divided", [left, right.scaled, right.inverse])
    writer.emit(f"{register} = fmul {writer.kind} {found}, {right.scale}")


def is_power_of_two(literal: str) -> bool:
    """Whether a constant divides exactly as it is."""
    bits = int(literal.removeprefix("0x"), 16)
    value = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value == 0 or bits & ((1 << 52) - 1) == 0
