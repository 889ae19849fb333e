"""Values of a program as trees, in the order a textbook would write them.

SymPy sorts for itself and multiplies numbers into brackets; here positive terms come first, a common number stands
before its bracket, what divides stands under one fraction bar, and coefficients such as `2/n` stand in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, Rational, S

from derive.array_functions import row_of
from derive.derivation import Partial
from derive.errors import DeriveError
from derive.notation.tree import COMPARISONS, At, Binary, Call, Name, Number, Reduce, Subscript, Tree, Unary, replaced
from derive.primitives import exp, primitive
from derive.program import (
    Delta,
    Dim,
    Entry,
    Index,
    Maximum,
    Product,
    Reduction,
    Sum,
    bound_indices,
    children,
    element,
    elements,
    free_indices,
    fresh_index,
    is_element,
    name_of,
    positions_of,
    rebuilt,
    renamed_apart,
    substitute,
    symbol_names,
    walk,
)

KINDS: dict[type[Reduction], str] = {Sum: "sum", Product: "prod", Maximum: "max"}
OPERATORS = {name: sign for sign, name in COMPARISONS.items()}

LONG = 2**64  # powers of two beyond this are written as powers


def from_index(value: Expr) -> Tree:
    """The tree of a value in index notation."""
    if value.is_Rational:
        return _number(value)
    if value is sympy.pi:
        return Name("pi")
    if value is sympy.E:
        return Call("exp", (Number(S.One),))
    if isinstance(value, Index | Dim):
        return Name(value.name)
    if is_element(value):
        positions = tuple(map(from_index, positions_of(value)))
        return Subscript(name_of(value), positions) if positions else Name(name_of(value))
    if isinstance(value, Add):
        return _sum(value)
    if isinstance(value, Mul | Pow):
        return _product(value)
    if isinstance(value, Reduction):
        loose = [index for index in value.indices if not _stands_along(index, value.body)]
        below = tuple((index.name, from_index(index.size)) for index in loose)
        names = tuple(index.name for index in value.indices)
        return Reduce(KINDS[type(value)], from_index(value.body), names, below)
    if isinstance(value, Delta):
        return Call("delta", tuple(map(from_index, _ordered(value.args))))
    if isinstance(value, Entry):
        exponent, positions = split_exponent(value)
        call = Call(value.function, (*map(Name, value.arrays), *map(from_index, exponent)))
        return At(call, tuple(map(from_index, positions))) if positions else call
    if isinstance(value, Partial):
        return Call("partial", tuple(map(from_index, value.args)))
    row = primitive(value)
    if row is None:
        raise DeriveError(f"no notation for {value}, a {type(value).__name__}")
    arguments = tuple(map(from_index, value.args))
    if row.name in OPERATORS:
        return Binary(OPERATORS[row.name], arguments[0], arguments[1])
    return Call(row.name, arguments)


def on_paper(value: Expr) -> Tree:
    """The tree of a value whose positions are counted from 1, with the limits of its sums."""
    shifted = counted_from_one(_apart_from_sizes(value))
    sizes = {index.name: from_index(index.size) for index in bound_indices(shifted)}

    def limited(node: Tree) -> Tree:
        return replace(node, limits=tuple((n, sizes[n]) for n in node.indices)) if isinstance(node, Reduce) else node

    return replaced(from_index(shifted), limited)


def _apart_from_sizes(value: Expr) -> Expr:
    """`value` with other letters for bound indices that share one with a size, Euler's number, or another index."""
    sizes = {s.name for i in bound_indices(value) for s in i.size.free_symbols}
    sizes |= {part.name for part in walk(value) if isinstance(part, Dim)}
    sizes |= {"e" for part in walk(value) if isinstance(part, exp)}
    ranges: dict[str, Expr] = {index.name: index.size for index in free_indices(value)}
    used = symbol_names(value) | sizes

    def apart(part: Expr) -> Expr:
        if is_element(part) or not part.args:
            return part
        part = rebuilt(part, tuple(map(apart, children(part))))
        if not isinstance(part, Reduction):
            return part
        clashing = {i: fresh_index(i, used) for i in part.indices if ranges.setdefault(i.name, i.size) != i.size}
        if not clashing:
            return part
        return type(part)(substitute(part.body, clashing), *(clashing.get(i, i) for i in part.indices))

    return apart(renamed_apart(value, frozenset(sizes)))


def counted_from_one(value: Expr) -> Expr:
    """`value` rewritten so that it means the same when every index starts at 1, as on paper.

    A position is one more than it was, and where an index is used as a number it is one less.
    """
    if isinstance(value, Index):
        return value - 1
    if is_element(value) or isinstance(value, Entry | Delta):
        positions = (
            positions_of(value) if is_element(value) else value.args if isinstance(value, Delta) else value.positions
        )
        if isinstance(value, Entry) and value.function == "matrix_power":
            positions = positions[1:]
        moved = tuple(counted_from_one(p) + 1 for p in positions)
        if is_element(value):
            return element(name_of(value), moved)
        if isinstance(value, Delta):
            return Delta(*moved)
        return Entry(value.function, value.arrays, (*value.positions[: len(value.positions) - len(moved)], *moved))
    if not value.args:
        return value
    if isinstance(value, Reduction):
        return type(value)(counted_from_one(value.body), *value.indices)
    return rebuilt(value, tuple(map(counted_from_one, children(value))))


def _stands_along(index: Index, body: Expr) -> bool:
    """Whether an index is a whole position of some element, so that an axis tells its range."""
    entries = (split_exponent(part)[1] for part in walk(body) if isinstance(part, Entry))
    return any(index in positions for positions in (*entries, *map(positions_of, elements(body))))


def split_exponent(entry: Entry) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """The exponent of a matrix power, and the positions of the entry."""
    count = int(row_of(entry).takes_exponent)
    return entry.positions[:count], entry.positions[count:]


def _ordered(values: Iterable[Expr]) -> list[Expr]:
    return sorted(values, key=str)


def _number(value: Expr) -> Tree:
    for whole, sign in ((value, 1), (1 / value if value else value, -1)):
        if whole.is_Integer and whole > LONG and whole == S(2) ** (int(whole).bit_length() - 1):
            return Binary("**", Number(S(2)), _number(S(sign * (int(whole).bit_length() - 1))))
    return Unary("-", Number(-value)) if value.is_negative else Number(value)


def _sum(value: Expr) -> Tree:
    """Terms with their common number in front of the bracket, positive ones first."""
    number, rest = value.primitive()
    if number != 1 and all(_is_simple(term) for term in rest.args):
        return _times([_number(number), _sum(rest)])
    terms = sorted(value.args, key=_term_order)
    total = from_index(terms[0])
    for term in terms[1:]:
        negative = _is_negative(term)
        total = Binary("-" if negative else "+", total, from_index(-term if negative else term))
    return total


def _is_simple(term: Expr) -> bool:
    """A number, or a number times one element: what looks better with its common number in front of the bracket."""
    _, rest = term.as_coeff_Mul()
    return rest == 1 or is_element(rest) or isinstance(rest, Dim | Index)


def _is_negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _term_order(term: Expr) -> tuple[bool, int, int, str]:
    """Positive terms first; among them high powers before low ones, numbers last, exponentials after numbers."""
    _, rest = term.as_coeff_Mul()
    degree = sum(_degree(factor) for factor in Mul.make_args(rest))
    return _is_negative(term), -degree, 2 if isinstance(rest, exp) else int(term.is_Number), str(rest)


def _degree(factor: Expr) -> int:
    """The power of an element or scalar, 0 for everything else."""
    base, power = factor.args if isinstance(factor, Pow) else (factor, S.One)
    return int(power) if is_element(base) and power.is_Integer and power > 0 else 0


def _rank(factor: Expr) -> tuple[int, str]:
    """Where a factor stands: sizes, scalars, elements, brackets, calls, brackets with calls, deltas, sums."""
    base = factor.base if isinstance(factor, Pow) else factor
    kinds = [
        base.is_Number,
        isinstance(base, Dim),
        bool(base.is_Symbol) or not base.args,
        is_element(base),
        isinstance(base, Add) and not any(part.is_Function for part in walk(base)),
        bool(base.is_Function),
        isinstance(base, Add),
        isinstance(base, Delta),
        not isinstance(base, Partial),
        True,
    ]
    return kinds.index(True), str(factor)


def _product(value: Expr) -> Tree:
    number, rest = _joined_roots(*value.as_coeff_Mul())
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in rest:
        base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
        if isinstance(base, Add) and power.is_Integer:
            content, base = base.primitive()
            number, factor = number * content**power, base**power
        if power.is_Rational and power < 0:
            below.append(Pow(base, -power, evaluate=False) if power != -1 else base)
        elif factor != 1:
            above.append(factor)
    above.sort(key=_rank)
    below.sort(key=_rank)
    size = abs(number)
    sign = number.is_negative
    if above and all(isinstance(b, Dim) or b.is_Number for b in below) and (below or size.q != 1):
        front = _fraction(_factors(Integer(size.p), []), _factors(Integer(size.q), below))
        tree = _times([front, _times([_factor(f) for f in above])])
    else:
        over, under = (size.p, size.q) if below or above else (size, 1)
        tree = _fraction(_factors(Integer(over), above), _factors(Integer(under), below))
    return Unary("-", tree) if sign else tree


def _joined_roots(number: Expr, product: Expr) -> tuple[Expr, list[Expr]]:
    """Square roots of numbers under one root: `√2/(2√π)`, as SymPy has it, is `1/√(2π)`."""
    factors = list(Mul.make_args(product))
    roots = [f for f in factors if isinstance(f, Pow) and abs(f.exp) == Rational(1, 2) and f.base.is_number]
    if not roots:
        return number, factors
    square = number**2 * Mul(*(root**2 for root in roots))
    over, under = square.as_numer_denom()
    if over != 1:
        return number, factors
    sign = S.NegativeOne if number.is_negative else S.One
    return sign, [Pow(under, -Rational(1, 2), evaluate=False), *(f for f in factors if f not in roots)]


def _factors(number: Expr, factors: Sequence[Expr]) -> Tree:
    trees = [_factor(f) for f in factors]
    return _times([Number(number), *trees] if number != 1 or not trees else trees)


def _fraction(above: Tree, below: Tree) -> Tree:
    return above if below == Number(S.One) else Binary("/", above, below)


def _factor(factor: Expr) -> Tree:
    if not isinstance(factor, Pow):
        return from_index(factor)
    if factor.exp == Rational(1, 2):
        return Call("sqrt", (from_index(factor.base),))
    return Binary("**", from_index(factor.base), from_index(factor.exp))


def _times(trees: Sequence[Tree]) -> Tree:
    total = trees[0]
    for tree in trees[1:]:
        total = Binary("*", total, tree)
    return total
