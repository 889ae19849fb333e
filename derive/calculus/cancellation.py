"""Differences that floating point loses, as functions that keep them.

Near its limit a function differs from a constant by next to nothing: 1 − σ(40) is 4·10⁻¹⁸, and double precision has
no number between 1 and that. Every row of `DIFFERENCES` is a function, the constant, and what their difference is as
one function; names whose definition is such a call are seen through. The other rules take quotients and
squares apart where their parts cancel exactly on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Mul, Poly, S, sqrt

from derive.calculus.algebra import factor_out, powers, product_of
from derive.calculus.rewriting import Action, Context, Table
from derive.calculus.samples import i as index
from derive.calculus.samples import label, q, u, x, y
from derive.primitives import (
    SymPyClass,
    absolute,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    expm1,
    normal_cdf,
    sigmoid,
    sign,
    sin,
    sinh,
    tanh,
)
from derive.program import Reduction, elements, instantiated, is_element, name_of, positions_of, walk

CANCELLATION = Table("numerical stability: cancellation")
rule = CANCELLATION.rule


@dataclass(frozen=True)
class Difference:
    """`function(u)**power + constant` is `instead(u)`, which does not cancel."""

    name: str
    function: SymPyClass
    constant: Expr
    instead: Callable[[Expr], Expr]
    gain: Mapping[str, float | Sequence[float]]
    power: Expr = S.One


DIFFERENCES = (
    Difference("1 − σ(u) is σ(−u), which does not cancel", sigmoid, -S.One, lambda u: -sigmoid(-u), {"x": 40.0}),
    Difference(
        "σ(u) − ½ is ½ tanh(u/2), which does not cancel", sigmoid, -S.Half, lambda u: tanh(u / 2) / 2, {"x": 1e-20}
    ),
    Difference(
        "1 − tanh² u is 4 σ(2u) σ(−2u), which does not cancel",
        tanh,
        -S.One,
        lambda u: -4 * sigmoid(2 * u) * sigmoid(-2 * u),
        {"x": 20.0},
        S(2),
    ),
    Difference(
        "1 − tanh u is 2 σ(−2u), which does not cancel", tanh, -S.One, lambda u: -2 * sigmoid(-2 * u), {"x": 20.0}
    ),
    Difference("1 + tanh u is 2 σ(2u), which does not cancel", tanh, S.One, lambda u: 2 * sigmoid(2 * u), {"x": -20.0}),
    Difference("1 − erf u is erfc u, which does not cancel", erf, -S.One, lambda u: -erfc(u), {"x": 8.0}),
    Difference("1 + erf u is erfc(−u), which does not cancel", erf, S.One, lambda u: erfc(-u), {"x": -8.0}),
    Difference("1 − erfc u is erf u, which does not cancel", erfc, -S.One, lambda u: -erf(u), {"x": 1e-20}),
    Difference("1 − Φ(u) is Φ(−u), which does not cancel", normal_cdf, -S.One, lambda u: -normal_cdf(-u), {"x": 10.0}),
    Difference(
        "Φ(u) − ½ is half an error function, which does not cancel",
        normal_cdf,
        -S.Half,
        lambda u: erf(u / sqrt(2)) / 2,
        {"x": 1e-20},
    ),
    Difference("eᵘ − 1 as one function, exact for small u", exp, -S.One, expm1, {"x": 1e-20}),
    Difference(
        "1 − cos u is 2 sin²(u/2), which does not cancel", cos, -S.One, lambda u: -2 * sin(u / 2) ** 2, {"x": 1e-10}
    ),
    Difference(
        "cosh u − 1 is 2 sinh²(u/2), which does not cancel", cosh, -S.One, lambda u: 2 * sinh(u / 2) ** 2, {"x": 1e-10}
    ),
)


def called(value: Expr, function: SymPyClass, context: Context) -> Expr | None:
    """The call of `function` that a value is, or that the definition of its name is."""
    if isinstance(value, function):
        return value
    known = context.definition(name_of(value)) if is_element(value) else None
    return definition(value, context) if known is not None and isinstance(known.value, function) else None


def definition(value: Expr, context: Context, with_sums: bool = False) -> Expr | None:
    """What a name stands for, at its positions; without `with_sums` only when no reduction has to be done again."""
    known = context.definition(name_of(value)) if is_element(value) else None
    if known is None or (not with_sums and any(isinstance(part, Reduction) for part in walk(known.value))):
        return None
    return instantiated(known, positions_of(value))


def without(value: Expr, *factors: Expr) -> Expr:
    """A product without some of its bases, whatever their powers."""
    return product_of({base: power for base, power in powers(value).items() if base not in factors})


def _factors(value: Expr) -> frozenset[tuple[Expr, Expr]]:
    """The factors of a product that are no numbers, as bases with their exponents."""
    return frozenset((base, power) for base, power in powers(value).items() if not base.is_Number)


@lru_cache(maxsize=4096)
def _products(total: Expr) -> frozenset[frozenset[tuple[Expr, Expr]]]:
    """The factors of each term of a sum."""
    return frozenset(map(_factors, total.args))


def _two_of(value: Expr, first: Expr, second: Expr, instead: Expr) -> Expr:
    """A sum with two of its terms replaced by one."""
    return Add(*(term for term in value.args if term not in (first, second)), instead)


def _keeps(row: Difference) -> Action:
    """The rule that a row is: with any factor in common, and among other terms."""

    def apply(value: Expr, context: Context) -> Expr | None:
        for term in value.args:
            for base, power in powers(term).items():
                call = called(base, row.function, context) if power == row.power else None
                if call is not None and _factors(term) - {(base, power)} in _products(value):
                    scale = without(term, base)
                    if row.constant * scale in value.args:
                        return _two_of(value, term, row.constant * scale, scale * row.instead(call.args[0]))
        return None

    return apply


def _enter(row: Difference) -> None:
    rule(
        row.name,
        Add,
        example=lambda: (row.function(x) ** row.power + row.constant, row.instead(x)),
        gain=row.gain,
    )(_keeps(row))


for _row in DIFFERENCES:
    _enter(_row)


@rule(
    "σ(u) − y is (1 − y) σ(u) − y σ(−u), which keeps the tail that counts",
    Add,
    example=lambda: (sigmoid(x) - label, (1 - label) * sigmoid(x) - label * sigmoid(-x)),
    licence="y is declared to be 0 or 1",
    gain={"x": 40.0, "label": 1.0},
)
def labelled_sigmoid(value: Expr, context: Context) -> Expr | None:
    labelled = [term for term in value.args if any(context.domain(e).values == (0, 1) for e in elements(term))]
    for term in value.args if labelled else ():
        for base, power in powers(term).items():
            call = called(base, sigmoid, context) if power == 1 else None
            if call is None:
                continue
            scale = without(term, base)
            for other in labelled:
                given = -other / scale
                if is_element(given) and context.domain(given).values == (0, 1):
                    kept = scale * ((1 - given) * call - given * sigmoid(-call.args[0]))
                    return _two_of(value, term, other, kept)
    return None


@rule(
    "a polynomial in f(u) that vanishes where f(u) tends is a multiple of the difference",
    Add,
    example=lambda: (
        2 * sigmoid(x) ** 2 - 3 * sigmoid(x) + 1,
        (sigmoid(x) - 1) * (2 * sigmoid(x) - 1),
    ),
    gain={"x": 40.0},
)
def vanishing_polynomial(value: Expr, context: Context) -> Expr | None:
    bases = {base for term in value.args for base in powers(term.as_coeff_Mul()[1]) if base != 1}
    if len(bases) != 1:
        return None
    (base,) = bases
    polynomial = Poly(value, base) if all(term.is_polynomial(base) for term in value.args) else None
    if polynomial is None or polynomial.degree() < 2:
        return None
    for row in DIFFERENCES:
        call = called(base, row.function, context) if row.power == 1 else None
        if call is not None and polynomial.eval(-row.constant) == 0:
            rest = polynomial.exquo(Poly(base + row.constant, base)).as_expr()
            return (base + row.constant) * rest
    return None


@rule(
    "1 − a/(a + b) is b/(a + b), which does not cancel",
    Add,
    example=lambda: (1 - u / (u + q[index]), q[index] / (u + q[index])),
    gain={"u": 1.0, "q": [1e-20, 1e-20]},
)
def rest_of_a_share(value: Expr, context: Context) -> Expr | None:
    for term in value.args:
        for spelled in _spelled(term, context):
            for base, power in powers(spelled).items():
                whole = base if isinstance(base, Add) else definition(base, context)
                if not isinstance(whole, Add) or not power.is_Integer or power >= 0:
                    continue
                part = _opened(spelled * base)
                for other in value.args:
                    both = _opened(other, whole)
                    rest = Add(*part, *both)
                    if other != term and len(Add.make_args(rest)) < len(part) + len(both):
                        return _two_of(value, term, other, _gathered(rest, context) / base)
    return None


def _gathered(value: Expr, context: Context) -> Expr:
    """A sum with what its terms share in front."""
    return (factor_out(value, context) if isinstance(value, Add) else None) or value


def _spelled(term: Expr, context: Context) -> Iterator[Expr]:
    """A product, and what it is when names of products are seen through, one after the other."""
    while True:
        yield term
        for base, power in powers(term).items():
            meant = definition(base, context)
            if isinstance(meant, Mul) and power == 1:
                term = without(term, base) * meant
                break
        else:
            return


def _opened(value: Expr, whole: Expr = S.One) -> list[Expr]:
    """The terms of a product with a sum of several, or of one among its factors; brackets and signs made alike."""
    factors: dict[Expr, Expr] = {}
    for base, power in powers(value).items():
        if isinstance(base, Add) and power.is_Integer and base.could_extract_minus_sign():
            factors[S.NegativeOne] = factors.get(S.NegativeOne, S.Zero) + power
            base = -base
        factors[base] = factors.get(base, S.Zero) + power
    for base in list(factors):
        if isinstance(base, sign) and factors[base] == factors.get(base.args[0]) == 1:
            del factors[base], factors[base.args[0]]
            factors[absolute(*base.args)] = S.One
    if whole == 1:
        whole = next((base for base, power in factors.items() if isinstance(base, Add) and power == 1), S.One)
        factors.pop(whole, None)
    rest = product_of(factors)
    return [rest * term for term in Add.make_args(whole)]


@rule(
    "a² − b² is (a − b)(a + b), which does not cancel",
    Add,
    example=lambda: (x**2 - y**2, (x - y) * (x + y)),
    gain={"x": 1e12 + 1, "y": 1e12},
)
def difference_of_squares(value: Expr, context: Context) -> Expr | None:
    if len(value.args) != 2:
        return None
    number, first = value.args[0].as_coeff_Mul()
    against, second = value.args[1].as_coeff_Mul()
    one, other = _root(first), _root(second)
    if number != -against or one is None or other is None or S.One in (one, other):
        return None
    return number * (one - other) * (one + other)


def _root(value: Expr) -> Expr | None:
    """What a product of even powers is the square of."""
    factors = powers(value)
    if any(not power.is_Integer or power % 2 for power in factors.values()):
        return None
    return product_of({base: power / 2 for base, power in factors.items()})
