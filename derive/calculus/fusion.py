"""Expressions that kernels compute as one function, so that nothing is rounded on the way.

Written out, each of these is right but for some units in the last place: the rounding of an exponent is multiplied by
the exponent, and where two terms nearly cancel the roundings of both are left. Native kernels carry the functions
that stand here on the right, and know what their parts lost.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, Rational, S, pi, sqrt

from derive.calculus.algebra import is_negative, powers, product_of
from derive.calculus.cancellation import called, without
from derive.calculus.rewriting import Context, Table
from derive.calculus.samples import c, u, x, y
from derive.primitives import (
    erfc,
    exp,
    gelu_slope,
    greater,
    logistic_pdf,
    normal_cdf,
    normal_density,
    normal_pdf,
    normal_slope,
    sigmoid,
    silu_slope,
    tanh_slope,
    where,
)
from derive.program import is_element

FUSION = Table("numerical stability: one rounding instead of many")
rule = FUSION.rule


@rule(
    "σ(u) σ(−u) is the density of the logistic distribution",
    Mul,
    example=lambda: (y * sigmoid(x) * sigmoid(-x), y * logistic_pdf(x)),
    gain={"x": 2.0, "y": 1.0},
)
def density_of_logistic(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    calls = [call for call in factors if isinstance(call, sigmoid)]
    for call in calls if len(calls) > 1 else ():
        power = factors[call]
        if is_negative(call.args[0]):
            continue
        mirror = sigmoid(-call.args[0])
        both = power, factors.get(mirror, S.Zero)
        times = min(both) if all(number.is_Integer for number in both) else S.Zero
        if times > 0:
            density = logistic_pdf(*call.args)
            changed = {call: power - times, mirror: both[1] - times, density: factors.get(density, S.Zero) + times}
            return product_of({**factors, **changed})
    return None


@rule(
    "exp(−(x − μ)²/(2σ²))/(σ √(2π)) is a normal density",
    Mul,
    example=lambda: (
        exp(-((x - y) ** 2) / (2 * u**2)) / (u * sqrt(2 * pi)),
        normal_density(x, y, u),
    ),
    gain={"x": 54.9, "y": 0.25, "u": 1.5},
)
def density_of_normal(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    if factors.get(pi) != Rational(-1, 2):
        return None
    for factor in factors:
        parts = _distance_and_spread(factor.args[0]) if isinstance(factor, exp) and factors[factor] == 1 else None
        if parts is None:
            continue
        distance, spread = parts
        if any(factors.get(base, S.Zero) != -power for base, power in powers(spread).items() if base != 1):
            continue
        rest = value / factor * sqrt(2 * pi) * spread
        if spread == 1:
            return rest * normal_pdf(distance)
        first, second = distance.args if isinstance(distance, Add) and len(distance.args) == 2 else (distance, S.Zero)
        if is_negative(first):
            first, second = (second, first) if second != 0 else (-first, second)
        return rest * normal_density(first, -second, spread)
    return None


def _distance_and_spread(exponent: Expr) -> tuple[Expr, Expr] | None:
    """The u and s of `−u²/(2s²)`."""
    number, square = exponent.as_coeff_Mul()
    if number != Rational(-1, 2):
        return None
    halves = {base: power / 2 for base, power in powers(square).items()}
    if not all(power.is_Integer for power in halves.values()):
        return None
    above = product_of({base: power for base, power in halves.items() if power > 0})
    return above, product_of({base: -power for base, power in halves.items() if power < 0})


@rule(
    "−(x − μ)/σ² times a normal density is its slope",
    Mul,
    example=lambda: (c * (y - x) / u**2 * normal_density(x, y, u), c * normal_slope(x, y, u)),
    gain={"x": 57.7, "y": 0.25, "u": 1.5, "c": 1.0},
)
def slope_of_normal(value: Expr, context: Context) -> Expr | None:
    for factor, power in powers(value).items():
        call = called(factor, normal_density, context) if power == 1 else None
        if call is None:
            continue
        x, mu, sigma = call.args
        scale = value / factor * sigma**2
        for sign, distance in ((S.One, mu - x), (S.NegativeOne, x - mu)):
            rest = sign * scale / distance
            if all(base not in powers(rest) for base in (*powers(sigma), mu - x, x - mu) if base != 1):
                return rest * normal_slope(x, mu, sigma)
    return None


@rule(
    "4 σ(2u) σ(−2u) is the derivative of tanh, 1/cosh² u",
    Mul,
    example=lambda: (4 * y * logistic_pdf(2 * x), y * tanh_slope(x)),
    gain={"x": 371.5, "y": 1.0},
)
def slope_of_tanh(value: Expr, context: Context) -> Expr | None:
    number = value.as_coeff_Mul()[0]
    for call, power in powers(value).items():
        if isinstance(call, logistic_pdf) and power == 1 and number % 4 == 0:
            twice, inner = call.args[0].as_coeff_Mul()
            if twice % 2 == 0:
                return Mul(number / 4, without(value, call, number), tanh_slope(twice / 2 * inner))
    return None


@rule(
    "½ erfc(−u/√2) is the normal distribution function Φ(u)",
    Mul,
    example=lambda: (x * erfc(-x / sqrt(2)) / 2, x * normal_cdf(x)),
    gain={"x": -20.1},
)
def distribution_function(value: Expr, context: Context) -> Expr | None:
    for call, power in powers(value).items():
        if isinstance(call, erfc) and power == 1 and call.args[0].has(sqrt(2)):
            inner = -sqrt(2) * call.args[0]
            if not inner.has(sqrt(2)):
                return value / call * 2 * normal_cdf(inner)
    return None


@rule(
    "Φ(u) + u φ(u) is the derivative of u Φ(u), which does not cancel around its zero",
    Add,
    example=lambda: (c * normal_cdf(x) + c * x * normal_pdf(x) + y, c * gelu_slope(x) + y),
    gain={"x": -0.75, "c": 1.0, "y": 0.0},
)
def slope_of_gelu(value: Expr, context: Context) -> Expr | None:
    for term in value.args:
        for call, power in powers(term).items():
            if isinstance(call, normal_cdf) and power == 1:
                scale = term / call
                other = scale * call.args[0] * normal_pdf(*call.args)
                if other in value.args:
                    rest = (part for part in value.args if part not in (term, other))
                    return Add(*rest, scale * gelu_slope(*call.args))
    return None


@rule(
    "σ(u) (1 + u σ(−u)) is the derivative of u σ(u), which does not cancel around its zero",
    Mul,
    example=lambda: (y * sigmoid(x) * (1 + x * sigmoid(-x)), y * silu_slope(x)),
    gain={"x": -1.2784, "y": 1.0},
)
def slope_of_silu(value: Expr, context: Context) -> Expr | None:
    factors = powers(value)
    for call, power in factors.items():
        if isinstance(call, sigmoid) and power == 1:
            slope = 1 + call.args[0] * sigmoid(-call.args[0])
            if factors.get(slope) == 1:
                return value / call / slope * silu_slope(*call.args)
    return None


FADING = (logistic_pdf, tanh_slope, normal_pdf)


@rule(
    "what a density is multiplied by counts no more where the density has faded to nothing",
    Mul,
    example=lambda: (
        y * (x**2 - 1) * logistic_pdf(x),
        y * where(greater(logistic_pdf(x), 0), x**2 - 1, 0) * logistic_pdf(x),
    ),
    gain={"x": 1e200, "y": 1.0},
)
def beside_what_fades(value: Expr, context: Context) -> Expr | None:
    factors = Mul.make_args(value)
    fading = next((factor for factor in factors if isinstance(factor, FADING)), None)
    growing = [factor for factor in factors if _grows(factor)]
    if fading is None or not growing:
        return None
    rest = (factor for factor in factors if factor not in growing)
    return Mul(*rest, where(greater(fading, 0), Mul(*growing), 0))


def _grows(factor: Expr) -> bool:
    """Whether a factor is a polynomial of a higher degree than one, which may be infinite where its numbers are not."""
    if isinstance(factor, Add):
        return any(map(_grows, factor.args))
    if isinstance(factor, Mul):
        return sum(2 if _grows(part) else is_element(part) for part in factor.args) > 1
    return isinstance(factor, Pow) and bool(factor.exp.is_Integer and factor.exp > 1) and not factor.base.is_number
