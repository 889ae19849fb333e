"""Values folded back to the names they were given.

After differentiation the definitions of a program reappear in its derivatives: `exp(z_i)/Σ exp(z_k)` is `p_i` again,
`σ(z_i)` is `a_i`. A definition is instantiated at the positions the value offers and looked for: whole for calls and
sums, among the factors for products. What is found is equal by definition; it is taken when the result is shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from sympy import Add, Expr, Function, Mul, Pow, S

from derive.calculus.algebra import cost, powers, product_of
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import a, j, k
from derive.primitives import exp
from derive.program import (
    Entry,
    Equation,
    Index,
    Reduction,
    Sum,
    anonymous,
    element,
    elements,
    is_element,
    name_of,
    names_in,
    positions_of,
    substitute,
    symbol_names,
    walk,
)

FOLDING = Table("names for values")
rule = FOLDING.rule


def _references(value: Expr) -> Iterator[tuple[object, tuple[Expr, ...]]]:
    """What `value` reads, and at which positions."""
    for ref in elements(value):
        yield name_of(ref), positions_of(ref)
    for part in walk(value):
        if isinstance(part, Entry):
            yield (part.function, part.arrays), part.positions


def _bindings(definition: Equation, value: Expr) -> Iterator[dict[Index, Expr]]:
    """The positions at which an instance of a definition could stand in `value`."""
    offers: dict[Index, dict[Expr, None]] = {index: {} for index in definition.indices}
    present = list(_references(value))
    for pattern, positions in _references(definition.value):
        places = {p: at for at, p in enumerate(positions) if p in offers}
        for found, there in present:
            if places and found == pattern:
                for index, at in places.items():
                    position = there[at]
                    if not isinstance(position, Index) or position.size == index.size:
                        offers[index][position] = None
    for choice in product(*offers.values()):
        yield dict(zip(definition.indices, choice, strict=True))


def _factors(value: Expr, original: dict[Expr, Expr]) -> dict[Expr, Expr]:
    """The powers of a product, exponentials of sums taken apart term by term, bound indices anonymous.

    `original` learns what each anonymous factor was called.
    """
    found: dict[Expr, Expr] = {}
    for base, power in powers(value).items():
        terms = Add.make_args(base.args[0]) if isinstance(base, exp) else ()
        parts = [(exp(rest), number) for number, rest in (term.as_coeff_Mul() for term in terms)] or [(base, S.One)]
        for part, times in parts:
            key = anonymous(part)
            original.setdefault(key, part)
            found[key] = found.get(key, S.Zero) + power * times
    return found


def _divided(value: Mapping[Expr, Expr], by: Mapping[Expr, Expr]) -> dict[Expr, Expr] | None:
    """The factors of `value` without those of `by`, when it has them all."""
    left = dict(value)
    for base, power in by.items():
        if base.is_Number:
            left[base] = left.get(base, S.Zero) - power
            continue
        have = left.get(base, S.Zero)
        if not (have.is_Rational and power.is_Rational) or have * power <= 0 or abs(have) < abs(power):
            return None
        left[base] = have - power
    return left


def _candidate(value: Expr, definition: Equation, binding: dict[Index, Expr]) -> Expr | None:
    instance = substitute(definition.value, binding)
    name = element(definition.target, tuple(binding[index] for index in definition.indices))
    if isinstance(value, Mul | Pow) and isinstance(instance, Mul | Pow | exp):
        original: dict[Expr, Expr] = {}
        left, divisor, times = _factors(value, original), _factors(instance, original), 0
        while (rest := _divided(left, divisor)) is not None:
            left, times = rest, times + 1
        return name**times * product_of({original[key]: power for key, power in left.items()}) if times else None
    return name if anonymous(instance) == anonymous(value) else None


@rule(
    "this is what was named",
    Mul,
    Pow,
    Function,
    Add,
    Reduction,
    Entry,
    example=lambda: (exp(a[k]) ** 2 / Sum(exp(a[j]), j) ** 2, element("p", (k,)) ** 2),
    licence="a definition of the formula",
)
def fold(value: Expr, context: Context) -> Expr | None:
    present = names_in(value)
    for definition in (d for name in sorted(present) for d in context.definitions_reading.get(name, ())):
        if not _worth_naming(definition.value) or not names_in(definition.value) <= present:
            continue
        for binding in _bindings(definition, value):
            found = _candidate(value, definition, binding)
            if found is not None and cost(found) < cost(value):
                return found
    return None


@rule(
    "a factor goes under the sum, where this is what was named",
    Mul,
    example=lambda: (
        Sum(a[k] * exp(a[k]), k) / Sum(exp(a[j]), j),
        Sum(a[k] * element("p", (k,)), k),
    ),
    licence="a definition of the formula",
)
def fold_under_sum(value: Expr, context: Context) -> Expr | None:
    below = [factor for factor in value.args if isinstance(factor, Pow) and factor.exp.is_negative]
    for total in value.args if below else ():
        if isinstance(total, Sum):
            apart = total.renamed_apart({s for factor in below for s in symbol_names(factor)})
            found = fold(Mul(apart.body, *below), context)
            if found is not None:
                rest = (factor for factor in value.args if factor is not total and factor not in below)
                whole = Mul(Sum(found, *apart.indices), *rest)
                return whole if cost(whole) < cost(value) else None
    return None


def _worth_naming(value: Expr) -> bool:
    return not (is_element(value) or value.is_Number)
