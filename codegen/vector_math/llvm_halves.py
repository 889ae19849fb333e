"""Functions some of whose parameters are the same for many numbers, as two: what these alone decide, and the rest.

A row of densities with one σ needs its inverse once. The graph of the function says which operations have no other
operands than such parameters; the values that the rest takes from them travel as vectors.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from codegen.vector_math.arithmetic import Value, in_order
from codegen.vector_math.library import called, routine
from codegen.vector_math.llvm_text import ATTRIBUTES, TYPES, GraphWriter, listed, vector

LEAST = 4  # operations on such parameters that are worth doing once


@dataclass(frozen=True)
class Halves:
    """`ready` takes a number for each of the parameters that are the same, and gives a structure of values of `kinds`.

    `rest` takes vectors of all parameters, and of those values. What both consist of stands under its names.
    """

    ready: str
    rest: str
    kinds: tuple[str, ...]
    definitions: dict[str, str]

    @property
    def made(self) -> str:
        """The type of what `ready` gives."""
        return _structure(self.kinds)


@cache
def in_halves(name: str, dtype: str, standing: tuple[str, ...], lanes: int, fused: bool) -> Halves | None:
    """A function for `standing` parameters; None where these alone decide next to nothing."""
    asked = routine(name, dtype)
    early, late = _split(asked.result, standing)
    ready, rest = GraphWriter(1, fused), GraphWriter(lanes, fused)
    for writer in (ready, rest):
        writer.registers = {id(value): f"%{value.name}" for value in asked.parameters}
    for value in early:
        ready.write(value)
    if len(ready.lines) < LEAST:
        return None
    used = {id(arg) for value in late for arg in value.args}
    literals = [value for value in early if value.operation == "literal"]
    kept = [value for value in early if id(value) in used and value.operation not in ("literal", "parameter")]
    rest.registers |= {id(value): f"%r{at}" for at, value in enumerate(kept)}
    for value in (*literals, *late):
        rest.write(value)

    kinds = tuple(TYPES[value.kind] for value in kept)
    structure, so_far = _structure(kinds), "poison"
    for at, (kind, value) in enumerate(zip(kinds, kept, strict=True)):
        ready.lines.append(f"  %r{at} = insertvalue {structure} {so_far}, {kind} {ready.registers[id(value)]}, {at}")
        so_far = f"%r{at}"
    numbers = [(TYPES[value.kind], f"%{value.name}") for value in asked.parameters if value.name in standing]
    vectors = [(vector(TYPES[value.kind], lanes), rest.registers[id(value)]) for value in (*asked.parameters, *kept)]
    stem = f"{name}_for_{'_'.join(standing)}"
    halves = Halves(f"{stem}_ready", called(stem, lanes), kinds, {**ready.declared, **rest.declared})
    kind = vector(TYPES[asked.result.kind], lanes)
    halves.definitions[halves.ready] = _defined(structure, halves.ready, numbers, ready.lines, so_far)
    last = rest.registers[id(asked.result)]
    halves.definitions[halves.rest] = _defined(kind, halves.rest, vectors, rest.lines, last)
    return halves


def _split(result: Value, standing: Collection[str]) -> tuple[list[Value], list[Value]]:
    """What a result needs: what depends on parameters of these names alone, and everything else."""
    early: list[Value] = []
    late: list[Value] = []
    stands: set[int] = set()
    for value in in_order(result):
        alone = all(id(arg) in stands for arg in value.args)
        if value.name in standing if value.operation == "parameter" else alone:
            stands.add(id(value))
            early.append(value)
        else:
            late.append(value)
    return early, late


def _structure(kinds: Collection[str]) -> str:
    return f"{{ {', '.join(kinds)} }}"


def _defined(kind: str, name: str, parameters: list[tuple[str, str]], lines: list[str], result: str) -> str:
    body = "\n".join(["entry:", *lines, f"  ret {kind} {result}"])
    return f"define internal {kind} @{name}({listed(parameters)}) {ATTRIBUTES} {{\n{body}\n}}"
