"""From declarations and definitions to a setting: text declarations, the JSON form of context, and formulas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sympy import Add, Integer

from derive.domains import REAL, Domain, domain
from derive.errors import DeriveError, ParseError, ShapeError
from derive.handwriting.applications import FUNCTIONS
from derive.handwriting.meaning import Meaning
from derive.handwriting.names import Known, flattened, joined
from derive.handwriting.reading import Reader
from derive.handwriting.relations import relations
from derive.handwriting.setting import Function, Setting
from derive.handwriting.tokens import Token, tokens
from derive.handwriting.tree import Entry, Folded, Node, below, limits
from derive.notation.text import declarations
from derive.notation.tree import Name, Number
from derive.program import Array, Dim, Equation, Index

RANGE = re.compile(r"1\s*(?:\.\.|…)\s*(\w+)")
WORDS = {
    "real": "", "positive": "positive", "nonnegative": "nonnegative", "nonzero": "nonzero", "simplex": "simplex",
    "probability": "in (0,1)", "symmetric": "symmetric", "spd": "spd", "invertible": "invertible",
    "positive definite": "spd", "{-1,1}": "in {-1,1}", "{0,1}": "in {0,1}", "orthogonal": "orthogonal",
    "positive integer": "natural", "integer": "integer", "diagonal": "diagonal",
}  # fmt: skip


class Situation:
    """A setting together with what a reader has to know of it."""

    def __init__(self, setting: Setting | None = None, known: Known | None = None) -> None:
        """Nothing is declared where nothing is given."""
        self.setting, self.known = setting or Setting(), known or Known()

    def copy(self) -> Situation:
        """The same, to be added to by itself."""
        return Situation(self.setting.copy(), self.known.copy())

    # ------------------------------------------------ declarations

    def declare_text(self, given: str) -> None:
        """Declarations such as `X: n d, w: d, y: n`."""
        for array in declarations(given):
            self.declare(array)

    def declare(self, array: Array) -> None:
        """One array, and the sizes it mentions."""
        self.setting.arrays[array.name] = array
        self.known.values.add(array.name)
        self.known.ranks[array.name] = len(array.shape)
        for size in array.shape:
            for symbol in size.free_symbols:
                self.setting.dims[symbol.name] = Dim(symbol.name)
                self.known.values.add(symbol.name)
                self.known.sizes.add(symbol.name)

    def declare_context(self, context: Mapping[str, Any]) -> None:
        """Declarations in their JSON form: kind, shape and domain by symbol."""
        kinds = {key: str(entry.get("kind", "scalar")) for key, entry in context.items()}
        for key in (k for k in context if kinds[k] == "dimension"):
            name = self.canonical(key)
            self.setting.dims[name] = Dim(name)
            self.known.values.add(name)
            self.known.sizes.add(name)
        for key in (k for k in context if kinds[k] in ("index", "random variable")):
            size = self.range_of(str(context[key].get("domain", "")))
            name = self.canonical(key)
            if size is not None:
                self.setting.indices[name] = size
                self.known.indices.add(name)
        for key in (k for k in context if kinds[k] == "function"):
            self.known.functions.add(self.canonical(key))
        for key in (k for k in context if kinds[k] in ("scalar", "vector", "matrix", "tensor")):
            self.declare_entry(key, context[key])
        for key in (k for k in context if "depends on" in str(context[k].get("domain", ""))):
            name, by = self.canonical(key), self.canonical(str(context[key]["domain"]).rpartition("depends on ")[2])
            direction = Array(f"d{name}_d{by}", self.setting.arrays[name].shape)
            self.declare(direction)
            self.setting.moving.setdefault(by, {})[name] = direction.name

    def declare_entry(self, key: str, entry: Mapping[str, Any]) -> None:
        shape = tuple(self.size(part) for part in entry.get("shape", ()))
        node = self.read(key)
        if isinstance(node, Entry) and isinstance(node.array, Name):
            letters = [p.name for p in node.positions if isinstance(p, Name)]
            if len(letters) == len(node.positions) and all(name in self.setting.indices for name in letters):
                outer = tuple(self.setting.indices[name] for name in letters)
                self.declare(Array(node.array.name, (*outer, *shape), self.domain_of(entry)))
                return
        self.declare(Array(self.canonical(key), shape, self.domain_of(entry)))

    def domain_of(self, entry: Mapping[str, Any]) -> Domain:
        text = (
            str(entry.get("domain", "real")).split(",")[0].strip()
            if "{" not in str(entry.get("domain"))
            else str(entry["domain"])
        )
        text = re.sub(r"\s*,\s*", ",", text)
        if text in WORDS:
            return domain(WORDS[text])
        try:
            return domain(text)
        except DeriveError:
            return REAL

    def range_of(self, text: str) -> Any:
        match = RANGE.search(text)
        return None if match is None else self.size(match[1])

    def size(self, text: Any) -> Any:
        words = str(text)
        if words.isdigit():
            return Integer(words)
        name = self.canonical(words)
        self.setting.dims.setdefault(name, Dim(name))
        self.known.values.add(name)
        self.known.sizes.add(name)
        return self.setting.dims[name]

    def canonical(self, key: str) -> str:
        """The name of a symbol however it is written."""
        node = self.read(key)
        if isinstance(node, Name):
            return node.name
        if isinstance(node, Entry) and isinstance(node.array, Name):
            below = "".join(p.name if isinstance(p, Name) else str(getattr(p, "value", "")) for p in node.positions)
            return joined(node.array.name, below)
        raise ParseError(f"{key!r} is not a symbol that can be declared")

    def read(self, key: str) -> Node:
        if key.isidentifier() and len(key) > 1 and "_" not in key:
            return Name(key)
        found = tokens(key)
        reader = Reader(found, Known(), key)
        node = reader.symbol()
        if reader.at < len(found):
            raise ParseError(f"{key!r} is not a symbol that can be declared", key, found[reader.at].at)
        return node

    def declare_unknown_functions(self, context: Mapping[str, Any]) -> None:
        """Functions of a position that nobody defined are arrays: any values they may have."""
        for key in (k for k in context if str(context[k].get("domain", "")).startswith("index->")):
            name = self.canonical(key)
            if name not in self.setting.functions and self.setting.indices:
                values = f"{name}_values"
                self.declare(Array(values, (next(iter(self.setting.indices.values())),)))
                self.setting.functions[name] = Function(("at",), Entry(Name(values), (Name("at"),)))

    # ------------------------------------------------ definitions

    def define(self, latex: str) -> None:
        """A definition as people write it: `L = …`, `z_j = …`, `f(x) = …`; or a constraint."""
        found = tokens(latex)
        marks = list(relations(found))
        if not marks:
            raise ParseError("a definition has an equality sign", latex, 0)
        left, right = found[: marks[0]], found[marks[0] + 1 : marks[1] if len(marks) > 1 else None]
        while left and left[-1].text == ":":
            left = left[:-1]
        if not left or left[0].text in FUNCTIONS or not right:
            return  # what a known function means is known
        function = self.function_head(left)
        if function is not None:
            name, parameters = function
            if name in ("Ncal", "D_KL"):
                return
            self.known.functions.add(name)
            self.known.values.discard(name)
            self.setting.arrays.pop(name, None)
            known = Known(
                self.known.values | set(parameters), self.known.functions, self.known.indices, self.known.ranks
            )
            body = Reader(right, known, latex).whole()
            self.setting.limits |= limits(body)
            self.setting.functions[name] = Function(parameters, body)
            return
        if left[0].text == "e":  # once it is defined, it is no longer Euler's number
            self.known.values.add("e")
        node = Reader(left, self.known, latex).whole()
        head = node.array if isinstance(node, Entry) else node
        if isinstance(head, Name):
            body = Reader(right, self.known, latex).whole()
            self.setting.limits |= limits(body)
            self.define_array(head.name, node, body, latex)
        else:
            self.constrain(node, right, latex)

    def function_head(self, left: Sequence[Token]) -> tuple[str, tuple[str, ...]] | None:
        """The name and the parameters of `f(x, y)`; None for anything else."""
        texts = [token.text for token in left]
        if "(" not in texts or texts[-1] != ")" or texts[0] in ("(", "["):
            return None
        cut = texts.index("(")
        name = self.canonical_tokens(left[:cut])
        if name == "P" and name not in self.known.functions:
            return None
        if name is None or (
            name in self.known.values and name not in self.known.functions and not self.is_call(left[cut:])
        ):
            return None
        parameters: list[str] = []
        piece: list[Token] = []
        for token in [*left[cut + 1 : -1], Token(",", 0)]:
            if token.text in (",", ";", "|", r"\mid", r"\|"):
                if piece:
                    found = self.canonical_tokens(piece)
                    if found is None and name not in ("Ncal", "D_KL"):  # it tells what the value depends on
                        self.known.depends[name] = flattened([t for t in left[cut + 1 : -1] if t.text != ","])
                        self.known.values.add(name)
                        return None
                    if found is None:
                        return name, ()
                    parameters.append(found)
                piece = []
            else:
                piece.append(token)
        return name, tuple(parameters)

    def is_call(self, rest: Sequence[Token]) -> bool:
        return all(t.text in "(),;" or self.canonical_tokens([t]) is not None for t in rest)

    def canonical_tokens(self, piece: Sequence[Token]) -> str | None:
        text = "".join(t.text + (" " if t.text[:1] == "\\" else "") for t in piece)
        try:
            return self.canonical(text)
        except DeriveError:
            return None

    def define_array(self, name: str, left: Node, right: Node, latex: str) -> Equation:
        """Enter what a name, or each of its entries, is equal to."""
        declared = self.setting.arrays.pop(name, None)
        meaning = Meaning(self.setting, latex)
        if isinstance(left, Entry) and declared is not None:
            for position, size in zip(left.positions, declared.shape, strict=False):
                meaning.position(position, size)
        elif isinstance(left, Entry):
            self.slide(left, right, meaning)
        typed = meaning.side(right)
        places: list[Index] = []
        for position in left.positions if isinstance(left, Entry) else ():
            if not isinstance(position, Name) or position.name not in {*meaning.named, *self.setting.indices}:
                raise ParseError(f"the entries of {name} are defined with plain indices", latex, left.at)
            size = self.setting.indices.get(position.name)
            places.append(meaning.named.get(position.name) or Index(position.name, size))
        for made in meaning.made:
            self.setting.definitions[made.target] = made
            self.setting.arrays[made.target] = Array(made.target, made.shape)
        equation = Equation(name, (*places, *typed.axes), typed.value)
        if declared is not None and declared.shape and declared.shape != equation.shape:
            shapes = [" ".join(map(str, shape)) for shape in (declared.shape, equation.shape)]
            raise ShapeError(f"{name} is declared as {shapes[0]}, but defined as {shapes[1] or 'a number'}")
        self.setting.definitions[name] = equation
        self.setting.arrays[name] = Array(name, equation.shape)
        self.known.values.add(name)
        self.known.ranks[name] = len(equation.shape)
        return equation

    def slide(self, left: Entry, right: Node, meaning: Meaning) -> None:
        """Give range to an index that slides along an axis: the i of `x_{i+k-1}` runs as far as that stays inside."""
        own = {p.name for p in left.positions if isinstance(p, Name)} - self.setting.indices.keys()
        folded = {part.index: part.high for part in below(right) if isinstance(part, Folded) and part.high is not None}
        entries = [part for part in below(right) if isinstance(part, Entry) and isinstance(part.array, Name)]
        plain = {p.name for part in entries for p in part.positions if isinstance(p, Name)}
        for part in entries:
            assert isinstance(part.array, Name)
            shape = self.setting.arrays[part.array.name].shape if part.array.name in self.setting.arrays else ()
            for position, size in zip(part.positions, shape, strict=False):
                names = [piece.name for piece in below(position) if isinstance(piece, Name)]
                (*loose,) = (name for name in names if name in own and name not in plain)
                others = [folded[name] for name in names if name in folded]
                if len(loose) == 1 and len(others) == len(names) - 1 > 0 and loose[0] not in meaning.named:
                    ranges = [meaning.typed(other).value for other in others]
                    meaning.named[loose[0]] = Index(loose[0], size - Add(*(r - 1 for r in ranges)))
                    meaning.used.add(loose[0])

    def constrain(self, node: Node, right: Sequence[Token], latex: str) -> None:
        """A condition on inputs: that entries sum to one makes a simplex; others change nothing here."""
        if isinstance(node, Folded) and node.kind == "sum" and isinstance(node.body, Entry):
            one = Reader(right, self.known, latex).whole()
            array = node.body.array
            if one == Number(Integer(1)) and isinstance(array, Name) and array.name in self.setting.arrays:
                old = self.setting.arrays[array.name]
                if len(old.shape) == 1 and array.name not in self.setting.definitions:
                    self.setting.arrays[array.name] = Array(old.name, old.shape, domain("simplex"))
