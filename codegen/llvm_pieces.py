"""A kernel's module cut into pieces, which are modules that can be compiled side by side.

The loops that are functions (`codegen.llvm_parts`) call functions of numbers only, of which every piece has the copies
that it needs. So a piece may have some of these loops for its own; the first one has the nest, and calls the others.
Compiled as one module such calls would be calls, too: the pieces together are the same machine code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from codegen.llvm_items import SEVERAL
from codegen.llvm_parts import PART

LINES = 120  # of a piece, at least, for compiling it elsewhere to save more than a thread costs
DEFINITION = re.compile(r"^define [^@\n]*@([\w.]+)\(.*?^}\n", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"@([\w.]+)")
LOOP = re.compile(rf"{PART}\d+(?=\.|$)|{SEVERAL}$")  # a loop that is a function, in its name and that of what runs it


def pieces(text: str, most: int) -> list[str]:
    """The module `text` as modules, at most so many, of about the same length; the first one calls the others."""
    functions = {found[1]: found[0] for found in DEFINITION.finditer(text)}
    loops: dict[str, list[str]] = {}
    for name in functions:
        if named := LOOP.match(name):
            loops.setdefault(named[0], []).append(name)
    most = min(most, text.count("\n") // LINES, len(loops) + 1)
    if most < 2:
        return [text]

    def length(names: Iterable[str]) -> int:
        return sum(functions[name].count("\n") for name in names)

    public = [name for name in functions if not functions[name].startswith("define internal ")]
    nest, called = _reached(functions, public, {name for own in loops.values() for name in own})
    shares: list[list[str]] = [nest, *([] for _ in range(most - 1))]
    for loop in sorted(loops.values(), key=length, reverse=True):
        min(shares, key=length).extend(loop)
    around = DEFINITION.sub("", text)
    functions |= {name: functions[name].replace("internal ", "", 1) for name in called}
    found = []
    for own in shares:
        here, there = _reached(functions, own, called - set(own))
        heads = [functions[name].partition(" {\n")[0].replace("define", "declare", 1) for name in sorted(there)]
        found.append("\n".join([around, *heads, *(functions[name] for name in here)]))
    return found


def _reached(functions: Mapping[str, str], roots: Iterable[str], apart: Collection[str]) -> tuple[list[str], set[str]]:
    """The functions that `roots` call, themselves included, and those `apart` that are called."""
    reached, there = list(roots), set()
    for name in reached:  # which grows
        for other in NAME.findall(functions[name]):
            if other in apart:
                there.add(other)
            elif other in functions and other not in reached:
                reached.append(other)
    return reached, there
