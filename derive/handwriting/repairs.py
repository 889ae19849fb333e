"""The slips people make, as repairs: the same formula with one thing put right, and what the slip is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import islice
from typing import Any

from sympy import Integer, Rational, S

from derive.handwriting.setting import Setting
from derive.handwriting.tree import Applied, Beside, Choice, Entry, Folded, Node
from derive.notation.tree import Binary, Call, Name, Number, Transpose, Unary


def repairs(node: Node, setting: Setting, most: int) -> Iterator[tuple[str, Node]]:
    """At most so many formulas near this one, by the kinds of slips that are known, the likeliest first."""
    return islice(_repairs(node, setting), most)


def changed_at(node: Any, repaired: Any) -> int:
    """The place in the text where a repair changed a formula."""
    here = int(getattr(node, "at", 0))
    if type(node) is not type(repaired) or not is_dataclass(node):
        return here
    for entry in fields(node):
        if entry.name == "at":
            continue
        one, other = getattr(node, entry.name), getattr(repaired, entry.name)
        if one != other:
            if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
                one, other = next((a, b) for a, b in zip(one, other, strict=True) if a != b)
            found = changed_at(one, other) if is_dataclass(one) else 0
            return found or here
    return here


def _repairs(node: Node, setting: Setting) -> Iterator[tuple[str, Node]]:
    yield "sign", Unary("-", node)
    for place, part in _parts(node):
        if isinstance(part, Binary) and part.op in "+-":
            yield "sign", _with(node, place, replace(part, op="-" if part.op == "+" else "+"))
        elif isinstance(part, Unary):
            yield "sign", _with(node, place, part.arg)
    yield "transpose", Transpose(node)
    for place, part in _parts(node):
        if isinstance(part, Transpose):
            yield "transpose", _with(node, place, part.arg)
        elif isinstance(part, Name) and part.name in setting.arrays and setting.arrays[part.name].shape:
            yield "transpose", _with(node, place, Transpose(part))
    yield from _factors(node, setting)
    for place, part in _parts(node):
        if isinstance(part, Beside):
            yield "order of a product", _with(node, place, replace(part, left=part.right, right=part.left))
        if isinstance(part, Entry) and len(part.positions) == 2:
            yield "indices swapped", _with(node, place, replace(part, positions=part.positions[::-1]))
        if isinstance(part, Folded):
            yield "a sum too many", _with(node, place, part.body)
        if isinstance(part, Choice):
            for at, (value, condition) in enumerate(part.branches):
                branch = (Unary("-", value), condition)
                changed = (*part.branches[:at], branch, *part.branches[at + 1 :])
                yield "a branch of the cases", _with(node, place, replace(part, branches=changed))
        if isinstance(part, Binary) and part.op == "**" and isinstance(part.right, Number):
            for exponent in (part.right.value + 1, part.right.value - 1, -part.right.value):
                yield "exponent", _with(node, place, replace(part, right=Number(exponent)))
        if isinstance(part, Applied | Call) and len(part.args) == 1:
            for name in {"sin": ("cos",), "cos": ("sin",), "log": ("exp",)}.get(_called(part), ()):
                yield "wrong elementary derivative", _with(node, place, Call(name, part.args))
        if isinstance(part, Name) and part.name in setting.arrays:
            yield "exponent", _with(node, place, Binary("**", part, Number(Integer(2))))
    yield from _chain_factors(node, setting)
    for place, part in _parts(node):
        if isinstance(part, Binary) and part.op in "+-":
            yield "a term too many", _with(node, place, part.left)


def _called(part: Applied | Call) -> str:
    return part.name if isinstance(part, Applied) else part.function


def _factors(node: Node, setting: Setting) -> Iterator[tuple[str, Node]]:
    for number in (Rational(1, 2), S(2), S(4), Rational(1, 4), S(3), Rational(1, 3)):
        yield "factor", Beside(Number(number), node)
    for name in setting.dims:
        yield f"a lost 1/{name}", Binary("/", node, Name(name))
        yield f"a factor {name}", Beside(Name(name), node)
        for place, part in _parts(node):
            if (
                place
                and isinstance(part, Beside | Binary | Applied | Call | Name | Entry)
                and getattr(part, "op", "") not in ("+", "-")
            ):
                yield "a sum over a constant", _with(node, place, Beside(Name(name), part))
    for place, part in _parts(node):
        if place and isinstance(part, Beside):
            yield "factor", _with(node, place, Beside(Number(S(2)), part))


def _chain_factors(node: Node, setting: Setting) -> Iterator[tuple[str, Node]]:
    """A factor that the chain rule would have brought: the inner derivative of a function nearby."""
    one = Number(S.One)
    inner: set[Node] = {part for _, part in _parts(node) if isinstance(part, Applied | Entry)}
    inner |= {part for _, part in _parts(node) if isinstance(part, Name) and part.name in setting.arrays}
    for part in sorted(inner, key=str):
        square = Binary("**", part, Number(S(2)))
        complement = Binary("-", one, part)
        for factor in (complement, Binary("-", one, square), Beside(part, complement), part):
            yield "a missing factor of the chain rule", Beside(node, factor)
            for place, inside in _parts(node):
                if isinstance(inside, Folded):
                    widened = replace(inside, body=Beside(inside.body, factor))
                    yield "a missing factor of the chain rule", _with(node, place, widened)
                elif inside == part and place:
                    yield "a missing factor of the chain rule", _with(node, place, Beside(inside, factor))


Place = tuple[tuple[str, int | None], ...]


def _parts(node: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every node below, and the way to it."""
    yield place, node
    if not is_dataclass(node):
        return
    for entry in fields(node):
        value = getattr(node, entry.name)
        if isinstance(value, tuple):
            for at, inner in enumerate(value):
                if is_dataclass(inner):
                    yield from _parts(inner, (*place, (entry.name, at)))
        elif is_dataclass(value):
            yield from _parts(value, (*place, (entry.name, None)))


def _with(node: Any, place: Place, new: Any) -> Any:
    """A tree with another node at a place."""
    if not place:
        return new
    (name, at), *rest = place
    value = getattr(node, name)
    if at is None:
        return replace(node, **{name: _with(value, tuple(rest), new)})
    changed = _with(value[at], tuple(rest), new)
    return replace(node, **{name: (*value[:at], changed, *value[at + 1 :])})
