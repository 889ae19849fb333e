"""Positions counted from 1: entries, deltas, sums over an index with its limits, comparisons and cases."""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, S, expand

from derive.errors import nearest
from derive.handwriting.arithmetic import Arithmetic, Undeclared
from derive.handwriting.tree import Choice, Entry, Folded, Node, Truth, below
from derive.notation.tree import Call, Name
from derive.notation.typing import Typed
from derive.primitives import BY_NAME, where
from derive.program import (
    Array,
    Delta,
    Dim,
    Index,
    Maximum,
    Product,
    Sum,
    elements,
    free_indices,
    fresh_index,
    substitute,
)


class Counting(Arithmetic):
    """What indices mean, and what is folded over them."""

    def position(self, tree: Node, size: Expr) -> Expr:
        """A position along an axis of this size, counted from 0."""
        counts = isinstance(tree, Name) and (tree.name in self.folding or tree.name in self.named)
        if isinstance(tree, Name) and (counts or not self.may_count(tree.name)):
            name = tree.name
            declared = self.setting.indices.get(name)
            if name not in self.named and (name in self.folding or name not in self.dims):
                if declared is not None and declared != size:
                    raise self.wrong(f"the index {name} runs to {declared}, but this axis has {size} entries", tree.at)
                self.named[name] = Index(name, size)
                self.used.add(name)
            if name in self.named:
                index = self.named[name]
                if index.size != size and self.lows.get(name, S.One) == 1:
                    raise self.wrong(
                        f"the index {name} runs to {index.size}, but this axis has {size} entries", tree.at
                    )
                return index + self.lows.get(name, S.One) - 1
        return self.number(tree) - 1

    def counted(self, tree: Node) -> Expr:
        """A position by itself, counted from 1: an index, whatever else is called like it."""
        if isinstance(tree, Name) and tree.name in self.named and not self.may_count(tree.name):
            return self.named[tree.name] + self.lows.get(tree.name, S.One)
        return self.number(tree)

    def number(self, tree: Node) -> Expr:
        """A position that is worked out."""
        try:
            typed = self.typed(tree)
        except Undeclared as undeclared:
            raise self.unreadable(f"nothing tells how far the index {undeclared.name} counts", tree.at) from None
        if typed.axes:
            raise self.unreadable("a position is a number, not an array", tree.at)
        return typed.value

    def delta(self, tree: Call) -> Typed:
        """Kronecker's delta; an index that only it has runs as far as the other side does."""
        for one, other in (tree.args, tree.args[::-1]):
            if isinstance(one, Name) and not self.is_known(one.name):
                size = self.size_along(one.name) or self.reach(other)
                if size is not None:
                    self.named[one.name] = Index(one.name, size)
                    self.used.add(one.name)
        left, right = (self.counted(argument) for argument in tree.args)
        return Typed(Delta(left, right))

    def size_along(self, name: str) -> Expr | None:
        """The size of an axis along which a name counts somewhere in the side at hand."""
        for part in below(self.formula) if self.formula is not None else ():
            if isinstance(part, Entry) and isinstance(part.array, Name) and part.array.name in self.arrays:
                for position, size in zip(part.positions, self.arrays[part.array.name].shape, strict=False):
                    if isinstance(position, Name) and position.name == name:
                        return size
        return None

    def reach(self, position: Node) -> Expr | None:
        """The largest value of a sum of indices and numbers; None for anything else."""
        value = self.counted(position)
        indices = sorted(free_indices(value), key=lambda index: index.name)
        last = value.xreplace({index: index.size - 1 for index in indices})
        grows = all(value.coeff(index) == 1 for index in indices)
        return last if indices and grows and not elements(value) else None

    def may_count(self, name: str) -> bool:
        """Whether a name stands for a whole number, so that what is called like it can be a position."""
        array = self.arrays.get(name)
        return name in self.locals or (array is not None and not array.shape and array.domain.integer)

    def is_known(self, name: str) -> bool:
        return name in {*self.locals, *self.named, *self.arrays, *self.dims, *self.setting.indices}

    def entry(self, tree: Entry) -> Typed:
        if isinstance(tree.array, Name) and tree.array.name not in {*self.arrays, *self.locals}:
            return self.inferred_entry(tree)
        circle, self.circle = self.circle, False
        inner = self.typed(tree.array)
        self.circle = circle
        given, axes = len(tree.positions), inner.axes
        if given > len(axes):
            said = "a number" if not axes else f"an array of {len(axes)} axes"
            raise self.wrong(f"this is {said}, and takes no {given} indices", tree.at)
        places = [self.position(p, axis.size) for p, axis in zip(tree.positions, axes, strict=False)]
        value = substitute(inner.value, dict(zip(axes, places, strict=False)))
        return Typed(value, axes[given:])

    def inferred_entry(self, tree: Entry) -> Typed:
        """An entry of an array nobody declared, whose sizes its known indices tell."""
        assert isinstance(tree.array, Name)
        name, sizes = tree.array.name, []
        whole = self.arrays.get(name.upper())
        if len(name) == 1 and name.islower() and whole is not None and len(whole.shape) == 2:
            self.setting.inferred[name] = f"the rows of {whole.name}"
            return self.entry(replace(tree, array=Name(whole.name, tree.array.at)))
        for position in tree.positions:
            index = self.named.get(position.name) if isinstance(position, Name) else None
            size = (
                index.size if index else self.setting.indices.get(position.name) if isinstance(position, Name) else None
            )
            if size is None:
                hint = nearest(name, self.arrays)
                raise Undeclared(name, hint, self.latex, tree.at, len(tree.positions))
            sizes.append(size)
        self.arrays[name] = self.setting.arrays[name] = Array(name, tuple(sizes))
        self.setting.inferred[name] = " ".join(map(str, sizes))
        self.setting.guessed.add(name)
        return self.entry(tree)

    def folded(self, tree: Folded) -> Typed:
        """A sum, product, maximum or minimum over an index."""
        name = tree.index
        outer, low_outer = self.named.pop(name, None), self.lows.pop(name, None)
        if tree.high is not None:
            if isinstance(tree.high, Name) and not self.is_known(tree.high.name):
                self.declare_size(tree.high.name)
            low = self.typed(tree.low).value if tree.low is not None else S.One
            high = self.typed(tree.high).value
            size = expand(high - low + 1)
            if size.is_Integer and not 0 <= size <= 10_000:
                raise self.unreadable(f"a sum over {size} terms is not read", tree.at)
            self.named[name] = Index(name, size)
            self.lows[name] = low
        elif tree.low is not None:
            raise self.unreadable(f"the {tree.kind} over {name} has no upper limit", tree.at)
        elif name in self.setting.indices:
            self.named[name] = Index(name, self.setting.indices[name])
        self.used.add(name)
        shadowed, folding = self.locals.pop(name, None), self.folding
        self.folding = folding | {name}
        body = self.typed(tree.body)
        if tree.condition is not None:
            if tree.kind != "sum":
                raise self.unreadable("only sums take a condition", tree.at)
            body = replace(body, value=body.value * self.typed(tree.condition).value)
        self.folding = folding
        index = self.named.pop(name, None)
        self.lows.pop(name, None)
        if shadowed is not None:
            self.locals[name] = shadowed
        if outer is not None:
            self.named[name] = outer
        if low_outer is not None:
            self.lows[name] = low_outer
        if index is None:
            raise self.unreadable(f"nothing under this {tree.kind} has the index {name}; give it limits", tree.at)
        apart = fresh_index(index, self.used)
        self.used.add(apart.name)
        value = substitute(body.value, {index: apart})
        if tree.kind == "min":
            return replace(body, value=-Maximum(-value, apart))
        fold = {"sum": Sum, "prod": Product, "max": Maximum}[tree.kind]
        if apart not in free_indices(value):
            value = value * apart.size if tree.kind == "sum" else value**apart.size if tree.kind == "prod" else value
            return replace(body, value=value)
        return replace(body, value=fold(value, apart))

    def declare_size(self, name: str) -> None:
        """Take a name that nobody declared for a size, as the upper limit of a sum is one."""
        self.dims[name] = self.setting.dims[name] = Dim(name)
        self.setting.inferred[name] = "a size"
        self.used.add(name)

    def choice(self, tree: Choice) -> Typed:
        *firsts, (last, _) = tree.branches
        result = self.typed(last)
        for value, condition in reversed(firsts):
            if condition is None:
                raise self.unreadable("only the last case has no condition", tree.at)
            holds = self.typed(condition).value
            chosen = self.typed(value)
            if holds.has(Delta):
                result = self.elementwise(
                    lambda a, b, h=holds: h * a + (1 - h) * b,
                    [chosen, result],
                    tree.at,
                    "cases",
                )
            else:
                result = self.elementwise(
                    lambda a, b, h=holds: where(h, a, b),
                    [chosen, result],
                    tree.at,
                    "cases",
                )
        return result

    def truth(self, tree: Truth) -> Typed:
        for one, other in ((tree.left, tree.right), (tree.right, tree.left)):
            known = self.named.get(other.name) if isinstance(other, Name) else None
            if known is not None and isinstance(one, Name) and not self.is_known(one.name):
                self.named[one.name] = Index(one.name, known.size)
                self.used.add(one.name)
        if tree.op in ("equal", "unequal"):
            left, right = self.typed(tree.left), self.typed(tree.right)
            positions = not elements(left.value) and not elements(right.value)
            if positions and (left.value.atoms(Index) or right.value.atoms(Index)):
                same = Delta(left.value, right.value)
                return Typed(same if tree.op == "equal" else 1 - same)
            if tree.op == "unequal":
                return Typed(1 - BY_NAME["equal"].function(left.value, right.value))
        return self.elementwise(
            BY_NAME[tree.op].function, [self.typed(tree.left), self.typed(tree.right)], tree.at, "a comparison"
        )
