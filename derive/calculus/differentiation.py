"""The rules of differentiation, as a table.

`Partial(f, x[k])` stands for the derivative of `f` by one element. The table rewrites it until none is left, or it
refuses: what has no rule raises `NotDifferentiable`, it never becomes zero. A value that does not mention the variable
(nor a name in `Context.tangents`, which depend on it) is a constant.

Functions bring their derivatives from their rows in `derive.primitives`; nothing here knows any of them.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S

from derive.array_functions import row_of
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import R, a, c, g, h, i, j, k, u, x
from derive.derivation import Partial
from derive.errors import NotDifferentiable
from derive.notation.index_form import from_index
from derive.notation.writing import write_unicode
from derive.primitives import equal, exp, log, primitive, sin
from derive.program import (
    Delta,
    Entry,
    Index,
    Maximum,
    Product,
    Sum,
    element,
    free_indices,
    fresh_index,
    is_element,
    name_of,
    names_in,
    positions_of,
    symbol_names,
    walk,
)

DIFFERENTIATION = Table("rules of differentiation")
rule = DIFFERENTIATION.rule


def _varies(value: Expr, derivative: Partial, context: Context) -> bool:
    names = names_in(value)
    return name_of(derivative.variable) in names or not names.isdisjoint(context.tangents)


@rule("the derivative of a constant is zero", Partial, example=lambda: (Partial(c**2, x), S.Zero), minor=True)
def constant(derivative: Partial, context: Context) -> Expr | None:
    return None if _varies(derivative.value, derivative, context) else S.Zero


@rule(
    "an element depends on itself alone",
    Partial,
    example=lambda: (Partial(a[i], a[k]), Delta(i, k)),
    minor=True,
)
def itself(derivative: Partial, context: Context) -> Expr | None:
    value, variable = derivative.value, derivative.variable
    if not is_element(value):
        return None
    if name_of(value) in context.tangents:
        return element(context.tangents[name_of(value)], positions_of(value) + positions_of(variable))
    return Mul(*(Delta(p, q) for p, q in zip(positions_of(value), positions_of(variable), strict=True)))


@rule(
    "the derivative of a sum is the sum of the derivatives",
    Partial,
    example=lambda: (Partial(x**2 + sin(x), x), Partial(x**2, x) + Partial(sin(x), x)),
    minor=True,
)
def sum_rule(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if isinstance(value, Add):
        return Add(*(derivative.by_same(term) for term in value.args))
    if isinstance(value, Sum):
        apart = value.renamed_apart(symbol_names(derivative.variable))
        return Sum(derivative.by_same(apart.body), *apart.indices)
    return None


@rule(
    "a constant factor stays in front",
    Partial,
    example=lambda: (Partial(c * x**2, x), c * Partial(x**2, x)),
    minor=True,
)
def constant_factor(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if not isinstance(value, Mul):
        return None
    varying = [f for f in value.args if _varies(f, derivative, context)]
    if len(varying) == len(value.args):
        return None
    constants = Mul(*(f for f in value.args if f not in varying))
    return constants * derivative.by_same(Mul(*varying))


@rule(
    "product rule: (f g)′ = f′ g + f g′",
    Partial,
    example=lambda: (Partial(x * sin(x), x), Partial(x, x) * sin(x) + x * Partial(sin(x), x)),
)
def product_rule(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if not isinstance(value, Mul):
        return None
    factors = value.args
    return Add(
        *(Mul(*factors[:at], derivative.by_same(factor), *factors[at + 1 :]) for at, factor in enumerate(factors))
    )


@rule(
    "power rule: (fᶜ)′ = c fᶜ⁻¹ f′",
    Partial,
    example=lambda: (Partial(sin(x) ** 3, x), 3 * sin(x) ** 2 * Partial(sin(x), x)),
)
def power_rule(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if not isinstance(value, Pow) or _varies(value.exp, derivative, context):
        return None
    return value.exp * value.base ** (value.exp - 1) * derivative.by_same(value.base)


@rule(
    "exponential with any base: (fᵍ)′ = fᵍ (g′ log f + g f′/f)",
    Partial,
    example=lambda: (Partial(u**x, x), u**x * (Partial(x, x) * log(u) + x * Partial(u, x) / u)),
    licence="the base is positive",
)
def general_power(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if not isinstance(value, Pow):
        return None
    base, power = value.args
    return value * (derivative.by_same(power) * log(base) + power * derivative.by_same(base) / base)


def _chain_note(derivative: Expr) -> str:
    row = primitive(derivative.value)
    if row is None:
        return ""
    letters = "tuvw"[: row.arity]
    arguments = [x.func(letter, real=True) for letter in letters]
    slopes = [write_unicode(from_index(slope(*arguments))) for slope in row.derivatives]
    called = write_unicode(from_index(row.function(*arguments))).partition("(")[0]
    return f"{called if called.isalnum() else row.name}′({', '.join(letters)}) = {', '.join(slopes)}"


@rule(
    "chain rule",
    Partial,
    example=lambda: (Partial(exp(x**2), x), exp(x**2) * Partial(x**2, x)),
    note=_chain_note,
)
def chain_rule(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    row = primitive(value)
    if row is None:
        return None
    slopes = (slope(*value.args) for slope in row.derivatives)
    return Add(*(slope * derivative.by_same(arg) for slope, arg in zip(slopes, value.args, strict=True) if slope != 0))


@rule(
    "the largest entry passes its derivative on",
    Partial,
    example=lambda: (
        Partial(Maximum(a[i], i), a[k]),
        Sum(equal(a[i], Maximum(a[j], j)) * Partial(a[i], a[k]), i),
    ),
    licence="one entry is the largest",
)
def maximum_rule(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if not isinstance(value, Maximum):
        return None
    apart = value.renamed_apart(symbol_names(derivative.variable))
    inner = value.renamed_apart(symbol_names(derivative.variable) | {index.name for index in apart.indices})
    return Sum(equal(apart.body, inner) * derivative.by_same(apart.body), *apart.indices)


@rule(
    "product rule for many factors: each in turn is differentiated, the others stay",
    Partial,
    example=lambda: (
        Partial(Product(a[i], i), a[k]),
        Sum(Partial(a[i], a[k]) * Product(Delta(i, j) + (1 - Delta(i, j)) * a[j], j), i),
    ),
)
def product_of_many(derivative: Partial, context: Context) -> Expr | None:
    value = derivative.value
    if not isinstance(value, Product):
        return None
    apart = value.renamed_apart(symbol_names(derivative.variable))
    one = {index.name for index in apart.indices}
    slope = derivative.by_same(apart.body)
    if is_element(apart.body) and context.domain(apart.body).nonzero_everywhere:
        return Sum(slope * value / apart.body, *apart.indices)
    inner = value.renamed_apart(symbol_names(derivative.variable) | one)
    same = Mul(*(Delta(p, q) for p, q in zip(apart.indices, inner.indices, strict=True)))
    return Sum(slope * Product(same + (1 - same) * inner.body, *inner.indices), *apart.indices)


@rule(
    "the trace of a function of a matrix",
    Sum,
    example=lambda: (
        Sum(Partial(Entry("expm", ("R",), (i, i)), R[j, k]), i),
        Sum(Entry("expm", ("R",), (h, g)) * Partial(R[g, h], R[j, k]), g, h),
    ),
    note=lambda total: _function_note(total),
)
def trace_of_function(total: Expr, context: Context) -> Expr | None:
    for place, factor in enumerate(Mul.make_args(total.body)):
        entry = factor.value if isinstance(factor, Partial) else None
        if not isinstance(factor, Partial) or not isinstance(entry, Entry):
            continue
        slope_of = row_of(entry).trace_derivative
        if slope_of is None:
            continue
        row, column = entry.positions
        others = Mul(*(f for at, f in enumerate(Mul.make_args(total.body)) if at != place))
        if row != column:
            others, tied = _without_delta(others, row, column)
            if not tied:
                continue
        if row not in total.indices or row in free_indices(others) or column in free_indices(others):
            continue
        left = tuple(index for index in total.indices if index not in (row, column))
        first, second = _inside(entry, context, factor, total)
        slope = slope_of(entry.at(second, first))
        inner = factor.by_same(element(entry.arrays[0], (first, second)))
        return Sum(others * Sum(slope * inner, first, second), *left)
    return None


def _without_delta(value: Expr, row: Expr, column: Expr) -> tuple[Expr, bool]:
    """A product without the delta that ties two positions, and whether there is one."""
    wanted = Delta(row, column)
    factors = Mul.make_args(value)
    return Mul(*(factor for factor in factors if factor != wanted)), wanted in factors


def _function_note(value: Expr) -> str:
    found = next((part for part in walk(value) if isinstance(part, Entry)), None)
    return row_of(found).reason if found is not None else ""


def _inside(entry: Entry, context: Context, *beside: Expr) -> tuple[Index, Index]:
    """Two bound indices for the axes of the matrix that an entry is a function of."""
    used = set[str]().union(*(symbol_names(value) for value in (entry, *beside)))
    row, column = (Index("p", size) for size in context.arrays[entry.arrays[0]].shape)
    return fresh_index(row, used), fresh_index(column, used)


@rule(
    "derivative of a function of a matrix",
    Partial,
    example=lambda: (
        Partial(Entry("inv", ("R",), (i, j)), R[k, k]),
        Sum(-Entry("inv", ("R",), (i, g)) * Entry("inv", ("R",), (h, j)) * Partial(R[g, h], R[k, k]), g, h),
    ),
    note=lambda derivative: _function_note(derivative.value),
)
def function_of_matrix(derivative: Partial, context: Context) -> Expr | None:
    entry = derivative.value
    if not isinstance(entry, Entry):
        return None
    row = row_of(entry)
    if row.derivative is None:
        return None
    first, second = _inside(entry, context, derivative.variable)
    inner = derivative.by_same(element(entry.arrays[0], (first, second)))
    return Sum(row.derivative(entry, first, second) * inner, first, second)


def unresolved(value: Expr) -> None:
    """Refuse a value in which a derivative is left that no rule could work out."""
    for part in walk(value):
        if isinstance(part, Partial):
            raise NotDifferentiable(f"no rule differentiates {part.value} by {part.variable}")
