"""The scalar functions: one row each, and everything the project knows of a function stands in its row.

A row holds the function's SymPy class, its meaning, partial derivatives, kinks and range, how it is written, and what
the backends call it. Rules, oracle, notation and code generation all read this table and no other; a function
is added by adding its row. Sums, products and powers are not here: they are SymPy's own.

Functions SymPy already has (`exp`, `log`, `tanh`, …) keep SymPy's class. Ours never evaluate on construction, so what
is written stays what is shown. Comparisons are functions whose value is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

import sympy
from sympy import Expr, Function, S

from derive.errors import NotDifferentiable

Rowwise: TypeAlias = "Callable[..., Any]"
SymPyClass: TypeAlias = "type[Function]"


@dataclass(frozen=True)
class Primitive:
    """One scalar function.

    `derivatives[k](*args)` is the partial derivative in argument k. `meaning(*args)` says it in simpler functions (for
    proofs), `stable(*args)` says it in a way that neither overflows nor cancels (for kernels); a function without
    a `meaning` is elementary. `value(m, *args)` computes it with the functions of a namespace `m`, mpmath's or NumPy's.
    `kinks(*args)` are expressions that vanish where the function is not smooth. `range` bounds its values.

    `c` is the C library's name for it, the name of what native kernels carry with them, or an operator (`>`, `?:`);
    `numpy` and `numexpr` are templates with `{0}`, `{1}`…; an empty spelling means that the backend uses `stable`, or
    else `meaning`. `helper` is Python that defines what the NumPy template calls. `approximate` says that `stable` is
    right to double precision only.
    """

    name: str
    function: type[Function]
    arity: int
    derivatives: tuple[Rowwise, ...]
    meaning: Rowwise | None = None
    stable: Rowwise | None = None
    value: Rowwise | None = None
    kinks: Rowwise = lambda *args: ()
    range: tuple[float, float] = (-inf, inf)
    latex: str = ""
    unicode: str = ""
    c: str = ""
    numpy: str = ""
    numexpr: str = ""
    helper: str = ""
    approximate: bool = False

    @property
    def lowered(self) -> Rowwise | None:
        """How a backend that has no name for the function should compute it."""
        return self.stable or self.meaning


class ScalarFunction(Function):
    """The base of our own functions: real, and never evaluated on construction."""

    is_real = True
    is_commutative = True

    @classmethod
    def eval(cls, *args: Expr) -> None:
        """Keep the call as it was written."""

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({', '.join(printer._print(a) for a in self.args)})"


PRIMITIVES: dict[type[Function], Primitive] = {}
BY_NAME: dict[str, Primitive] = {}


def _row(name: str, *derivatives: Rowwise, function: SymPyClass | None = None, **columns: Any) -> SymPyClass:
    """Enter a row; returns the function's class, made here when SymPy has none."""
    arity = len(derivatives)
    cls = function or type(name, (ScalarFunction,), {"nargs": arity, "__module__": __name__, "__qualname__": name})
    slots = ", ".join(f"{{{k}}}" for k in range(arity))
    columns.setdefault("latex", rf"\operatorname{{{{{name}}}}}\left({slots}\right)".replace("_", r"\_"))
    columns.setdefault("unicode", f"{name}({slots})")
    row = Primitive(name, cls, arity, derivatives, **columns)
    PRIMITIVES[cls] = BY_NAME[name] = row
    return cls


def _zero(*_: Expr) -> Expr:
    return S.Zero


def _operator(sign: str) -> dict[str, Any]:
    """How every notation but LaTeX writes a comparison."""
    return {"c": sign, "numexpr": f"({{0}} {sign} {{1}})"}


# ---------------------------------------------------------------- elementary functions

exp: SymPyClass = _row(
    "exp",
    lambda x: exp(x),
    function=sympy.exp,
    value=lambda m, x: m.exp(x),
    range=(0, inf),
    latex=r"e^{{{0}}}",
    c="exp",
    numpy="np.exp({0})",
    numexpr="exp({0})",
)
log: SymPyClass = _row(
    "log",
    lambda x: 1 / x,
    function=sympy.log,
    value=lambda m, x: m.log(x),
    latex=r"\log\left({0}\right)",
    c="log",
    numpy="np.log({0})",
    numexpr="log({0})",
)
log1p: SymPyClass = _row(
    "log1p",
    lambda x: 1 / (1 + x),
    meaning=lambda x: log(1 + x),
    value=lambda m, x: m.log1p(x),
    latex=r"\log\left(1 + {0}\right)",
    c="log1p",
    numpy="np.log1p({0})",
    numexpr="log1p({0})",
)
expm1: SymPyClass = _row(
    "expm1",
    lambda x: exp(x),
    meaning=lambda x: exp(x) - 1,
    value=lambda m, x: m.expm1(x),
    range=(-1, inf),
    latex=r"\left(e^{{{0}}} - 1\right)",
    c="expm1",
    numpy="np.expm1({0})",
    numexpr="expm1({0})",
)
sin: SymPyClass = _row(
    "sin",
    lambda x: cos(x),
    function=sympy.sin,
    value=lambda m, x: m.sin(x),
    range=(-1, 1),
    latex=r"\sin\left({0}\right)",
    c="sin",
    numpy="np.sin({0})",
    numexpr="sin({0})",
)
cos: SymPyClass = _row(
    "cos",
    lambda x: -sin(x),
    function=sympy.cos,
    value=lambda m, x: m.cos(x),
    range=(-1, 1),
    latex=r"\cos\left({0}\right)",
    c="cos",
    numpy="np.cos({0})",
    numexpr="cos({0})",
)
tan: SymPyClass = _row(
    "tan",
    lambda x: 1 + tan(x) ** 2,
    function=sympy.tan,
    value=lambda m, x: m.tan(x),
    latex=r"\tan\left({0}\right)",
    c="tan",
    numpy="np.tan({0})",
    numexpr="tan({0})",
)
arctan: SymPyClass = _row(
    "arctan",
    lambda x: 1 / (1 + x**2),
    function=sympy.atan,
    value=lambda m, x: m.atan(x),
    latex=r"\arctan\left({0}\right)",
    c="atan",
    numpy="np.arctan({0})",
    numexpr="arctan({0})",
)
tanh: SymPyClass = _row(
    "tanh",
    lambda x: 1 - tanh(x) ** 2,
    function=sympy.tanh,
    meaning=lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
    value=lambda m, x: m.tanh(x),
    range=(-1, 1),
    latex=r"\tanh\left({0}\right)",
    c="tanh",
    numpy="np.tanh({0})",
    numexpr="tanh({0})",
)
absolute: SymPyClass = _row(
    "abs",
    lambda x: sign(x),
    function=sympy.Abs,
    value=lambda m, x: abs(x),
    kinks=lambda x: (x,),
    range=(0, inf),
    latex=r"\left|{0}\right|",
    unicode="|{0}|",
    c="fabs",
    numpy="np.abs({0})",
    numexpr="abs({0})",
)
sign: SymPyClass = _row(
    "sign",
    _zero,
    function=sympy.sign,
    value=lambda m, x: m.sign(x),
    kinks=lambda x: (x,),
    range=(-1, 1),
    latex=r"\operatorname{{sign}}\left({0}\right)",
    stable=lambda x: where(greater(x, 0), 1, where(less(x, 0), -1, x)),
    numpy="np.sign({0})",
)

floor: SymPyClass = _row(
    "floor",
    _zero,
    value=lambda m, x: m.floor(x),
    kinks=lambda x: (sin(sympy.pi * x),),
    latex=r"\left\lfloor {0} \right\rfloor",
    unicode="⌊{0}⌋",
    c="floor",
    numpy="np.floor({0})",
    numexpr="floor({0})",
)

# ---------------------------------------------------------------- comparisons and choices

greater: SymPyClass = _row(
    "greater",
    _zero,
    _zero,
    value=lambda m, a, b: int(a > b),
    kinks=lambda a, b: (a - b,),
    range=(0, 1),
    latex=r"\left[{0} > {1}\right]",
    unicode="[{0} > {1}]",
    numpy="np.greater({0}, {1})",
    **_operator(">"),
)
greater_equal: SymPyClass = _row(
    "greater_equal",
    _zero,
    _zero,
    value=lambda m, a, b: int(a >= b),
    kinks=lambda a, b: (a - b,),
    range=(0, 1),
    latex=r"\left[{0} \ge {1}\right]",
    unicode="[{0} ≥ {1}]",
    numpy="np.greater_equal({0}, {1})",
    **_operator(">="),
)
less: SymPyClass = _row(
    "less",
    _zero,
    _zero,
    value=lambda m, a, b: int(a < b),
    kinks=lambda a, b: (a - b,),
    range=(0, 1),
    latex=r"\left[{0} < {1}\right]",
    unicode="[{0} < {1}]",
    numpy="np.less({0}, {1})",
    **_operator("<"),
)
less_equal: SymPyClass = _row(
    "less_equal",
    _zero,
    _zero,
    value=lambda m, a, b: int(a <= b),
    kinks=lambda a, b: (a - b,),
    range=(0, 1),
    latex=r"\left[{0} \le {1}\right]",
    unicode="[{0} ≤ {1}]",
    numpy="np.less_equal({0}, {1})",
    **_operator("<="),
)
equal: SymPyClass = _row(
    "equal",
    _zero,
    _zero,
    value=lambda m, a, b: int(a == b),
    kinks=lambda a, b: (a - b,),
    range=(0, 1),
    latex=r"\left[{0} = {1}\right]",
    unicode="[{0} = {1}]",
    numpy="np.equal({0}, {1})",
    **_operator("=="),
)
where: SymPyClass = _row(
    "where",
    _zero,
    lambda c, a, b: where(c, S.One, S.Zero),
    lambda c, a, b: where(c, S.Zero, S.One),
    value=lambda m, c, a, b: a if c else b,
    latex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
    unicode="({1} if {0} else {2})",
    c="?:",
    numpy="np.where({0}, {1}, {2})",
    numexpr="where({0}, {1}, {2})",
)
NOTHING = sympy.Integer(-(10**38))  # an exponent so low that its exponential is 0 in every precision
maximum: SymPyClass = _row(
    "maximum",
    lambda a, b: greater(a, b),
    lambda a, b: greater(b, a),
    value=lambda m, a, b: a if a > b or a != a else b,
    kinks=lambda a, b: (a - b,),
    latex=r"\max\left({0}, {1}\right)",
    unicode="max({0}, {1})",
    c="max",
    numpy="np.maximum({0}, {1})",
    numexpr="where(({0} > {1}) | ({0} != {0}), {0}, {1})",
)
minimum: SymPyClass = _row(
    "minimum",
    lambda a, b: less(a, b),
    lambda a, b: less(b, a),
    value=lambda m, a, b: a if a < b or a != a else b,
    kinks=lambda a, b: (a - b,),
    latex=r"\min\left({0}, {1}\right)",
    unicode="min({0}, {1})",
    c="min",
    numpy="np.minimum({0}, {1})",
    numexpr="where(({0} < {1}) | ({0} != {0}), {0}, {1})",
)

# ---------------------------------------------------------------- roots and quotients that stay in range

quotient: SymPyClass = _row(  # a quotient that stays together: SymPy takes (a/b)² apart
    "quotient",
    lambda a, b: 1 / b,
    lambda a, b: -a / b**2,
    meaning=lambda a, b: a / b,
    value=lambda m, a, b: a / b,
    latex=r"\frac{{{0}}}{{{1}}}",
    unicode="({0})/({1})",
    c="/",
    numpy="np.divide({0}, {1})",
    numexpr="(({0}) / ({1}))",
)

RANGE = sympy.Integer(2) ** 600  # by which numbers are made larger, or smaller, before they are squared
SQUARES = (sympy.Integer(2) ** -900, sympy.Integer(2) ** 1000)  # between these squares are exact enough


def _range_root(total: Expr, enlarged: Expr, reduced: Expr) -> Expr:
    low, high = less(total, SQUARES[0]), greater(total, SQUARES[1])
    root = sympy.sqrt(where(low, enlarged, where(high, reduced, total)))
    return root * where(low, 1 / RANGE, where(high, RANGE, 1))


range_root: SymPyClass = _row(
    "range_root",
    lambda total, enlarged, reduced: 1 / (2 * range_root(total, enlarged, reduced)),
    _zero,
    _zero,
    meaning=lambda total, enlarged, reduced: sympy.sqrt(total),
    stable=_range_root,
    range=(0, inf),
    latex=r"\sqrt{{{0}; {1}; {2}}}",
    unicode="√({0}, {1}, {2})",
)

# ---------------------------------------------------------------- hyperbolic functions and inverses

sinh: SymPyClass = _row(
    "sinh",
    lambda x: cosh(x),
    function=sympy.sinh,
    meaning=lambda x: (exp(x) - exp(-x)) / 2,
    value=lambda m, x: m.sinh(x),
    latex=r"\sinh\left({0}\right)",
    c="sinh",
    numpy="np.sinh({0})",
    numexpr="sinh({0})",
)
cosh: SymPyClass = _row(
    "cosh",
    lambda x: sinh(x),
    function=sympy.cosh,
    meaning=lambda x: (exp(x) + exp(-x)) / 2,
    value=lambda m, x: m.cosh(x),
    range=(1, inf),
    latex=r"\cosh\left({0}\right)",
    c="cosh",
    numpy="np.cosh({0})",
    numexpr="cosh({0})",
)
log_cosh: SymPyClass = _row(
    "log_cosh",
    lambda x: tanh(x),
    meaning=lambda x: log((exp(x) + exp(-x)) / 2),
    stable=lambda x: where(
        less(absolute(x), 1), log1p(2 * sinh(x / 2) ** 2), absolute(x) + log1p(exp(-2 * absolute(x))) - log(2)
    ),
    value=lambda m, x: abs(x) + m.log1p(m.exp(-2 * abs(x))) - m.log(2),
    range=(0, inf),
    latex=r"\log\cosh\left({0}\right)",
    unicode="log cosh({0})",
    c="log_cosh",
)

# ---------------------------------------------------------------- the error function and the normal distribution


def _from_scipy(name: str, fallback: str, at_pole: str = "math.inf") -> dict[str, Any]:
    """NumPy code for a function that SciPy has, and Python one number at a time."""
    helper = (
        f"try:\n    from scipy.special import {name} as _{name}\nexcept ImportError:\n    import math\n\n"
        f"    def _one_{name}(x):\n        try:\n            return math.{fallback}(x)\n"
        f"        except (ValueError, OverflowError):  # a pole, or too large\n            return {at_pole}\n\n"
        f"    _{name} = np.vectorize(_one_{name}, otypes=[float])"
    )
    return {"numpy": f"_{name}({{0}})", "helper": helper}


erf: SymPyClass = _row(
    "erf",
    lambda x: 2 / sympy.sqrt(sympy.pi) * exp(-(x**2)),
    value=lambda m, x: m.erf(x),
    range=(-1, 1),
    latex=r"\operatorname{{erf}}\left({0}\right)",
    c="erf",
    **_from_scipy("erf", "erf"),
)
erfc: SymPyClass = _row(
    "erfc",
    lambda x: -2 / sympy.sqrt(sympy.pi) * exp(-(x**2)),
    meaning=lambda x: 1 - erf(x),
    value=lambda m, x: m.erfc(x),
    range=(0, 2),
    latex=r"\operatorname{{erfc}}\left({0}\right)",
    c="erfc",
    **_from_scipy("erfc", "erfc"),
)
normal_pdf: SymPyClass = _row(
    "normal_pdf",
    lambda x: -x * normal_pdf(x),
    meaning=lambda x: exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi),
    range=(0, 1),
    latex=r"\varphi\left({0}\right)",
    unicode="φ({0})",
    c="normal_pdf",
)
normal_cdf: SymPyClass = _row(
    "normal_cdf",
    lambda x: normal_pdf(x),
    meaning=lambda x: (1 + erf(x / sympy.sqrt(2))) / 2,
    stable=lambda x: erfc(-x / sympy.sqrt(2)) / 2,
    value=lambda m, x: m.erfc(-x / m.sqrt(2)) / 2,
    range=(0, 1),
    latex=r"\Phi\left({0}\right)",
    unicode="Φ({0})",
    c="normal_cdf",
)
normal_density: SymPyClass = _row(  # of x, for a mean and a standard deviation
    "normal_density",
    lambda x, mu, sigma: -(x - mu) / sigma**2 * normal_density(x, mu, sigma),
    lambda x, mu, sigma: (x - mu) / sigma**2 * normal_density(x, mu, sigma),
    lambda x, mu, sigma: ((x - mu) ** 2 / sigma**2 - 1) / sigma * normal_density(x, mu, sigma),
    meaning=lambda x, mu, sigma: exp(-((x - mu) ** 2) / (2 * sigma**2)) / (sigma * sympy.sqrt(2 * sympy.pi)),
    range=(0, inf),
    c="normal_density",
)
normal_slope: SymPyClass = _row(  # the derivative of a normal density by x
    "normal_slope",
    lambda x, mu, sigma: ((x - mu) ** 2 / sigma**2 - 1) / sigma**2 * normal_density(x, mu, sigma),
    lambda x, mu, sigma: (1 - (x - mu) ** 2 / sigma**2) / sigma**2 * normal_density(x, mu, sigma),
    lambda x, mu, sigma: (3 - (x - mu) ** 2 / sigma**2) * (x - mu) / sigma**3 * normal_density(x, mu, sigma),
    meaning=lambda x, mu, sigma: -(x - mu) / sigma**2 * normal_density(x, mu, sigma),
    c="normal_slope",
)


FAR, TERMS = -10, 20  # from here on so many terms of the asymptotic series are good to double precision


def _mills_series(x: Expr, first: int = 1) -> Expr:
    """−x Φ(x)/φ(x) far out on the left: 1 − 1/x² (1 − 3/x² (1 − …)), or a bracket of it that starts later.

    Source: NIST Digital Library of Mathematical Functions, 7.12.1.
    """
    total = S.One
    for k in range(TERMS, first - 1, -1):
        total = 1 - (2 * k - 1) * total / x**2
    return total


def _log_normal_cdf(x: Expr) -> Expr:
    """The logarithm itself, on the right that of one less the other tail, and far out on the left the series."""
    far, near = where(less(x, FAR), x, FAR), where(less(x, FAR), FAR, x)
    series = -(far**2) / 2 - log(-far) - log(2 * sympy.pi) / 2 + log(_mills_series(far))
    tail = normal_cdf(-absolute(near))
    return where(less(x, FAR), series, where(less(x, 0), log(tail), log1p(-tail)))


def _inverse_mills(x: Expr) -> Expr:
    """The quotient itself, and far out what the series says."""
    far, near = where(less(x, FAR), x, FAR), where(less(x, FAR), FAR, x)
    return where(less(x, FAR), quotient(-far, _mills_series(far)), normal_pdf(near) / normal_cdf(near))


def _mean_shortfall(x: Expr) -> Expr:
    """The sum itself, and far out what the series says."""
    far, near = where(less(x, FAR), x, FAR), where(less(x, FAR), FAR, x)
    tail = quotient(-_mills_series(far, 2), far * _mills_series(far))
    return where(less(x, FAR), tail, near + normal_pdf(near) / normal_cdf(near))


log_normal_cdf: SymPyClass = _row(
    "log_normal_cdf",
    lambda x: inverse_mills(x),
    meaning=lambda x: log(normal_cdf(x)),
    stable=_log_normal_cdf,
    range=(-inf, 0),
    latex=r"\log\Phi\left({0}\right)",
    unicode="log Φ({0})",
    approximate=True,
)

inverse_mills: SymPyClass = _row(
    "inverse_mills",
    lambda x: -inverse_mills(x) * (x + inverse_mills(x)),
    meaning=lambda x: normal_pdf(x) / normal_cdf(x),
    stable=_inverse_mills,
    range=(0, inf),
    latex=r"\frac{{\varphi\left({0}\right)}}{{\Phi\left({0}\right)}}",
    unicode="φ({0})/Φ({0})",
    approximate=True,
)

mean_shortfall: SymPyClass = _row(  # how far below x a standard normal number is on average, when it is below
    "mean_shortfall",
    lambda x: 1 - inverse_mills(x) * mean_shortfall(x),
    meaning=lambda x: x + inverse_mills(x),
    stable=_mean_shortfall,
    range=(0, inf),
    approximate=True,
)

# ---------------------------------------------------------------- the gamma function and its logarithmic derivatives

gamma: SymPyClass = _row(
    "gamma",
    lambda x: gamma(x) * digamma(x),
    value=lambda m, x: m.gamma(x),
    latex=r"\Gamma\left({0}\right)",
    unicode="Γ({0})",
    c="tgamma",
    **_from_scipy("gamma", "gamma", "math.nan if x < 0 else math.inf"),
)
lgamma: SymPyClass = _row(
    "lgamma",
    lambda x: digamma(x),
    value=lambda m, x: m.loggamma(x) if x > 0 else m.log(abs(m.gamma(x))),
    latex=r"\log\Gamma\left({0}\right)",
    unicode="log Γ({0})",
    c="lgamma",
    **_from_scipy("gammaln", "lgamma"),
)

SHIFT = 12  # how far the recurrence carries an argument before the asymptotic series is good to double precision


def _polygamma(order: int) -> Rowwise:
    """The derivative of digamma of an order: reflection, recurrence, then the asymptotic series.

    Source: NIST Digital Library of Mathematical Functions, 5.15.5, 5.15.6 and 5.15.8.
    """

    def reflected(x: Expr) -> Expr:
        cotangent = sympy.Dummy()
        slope = cotangent
        for _ in range(order):
            slope = -sympy.pi * (1 + cotangent**2) * sympy.diff(slope, cotangent)
        beyond = sympy.pi * (x - floor(x + sympy.Rational(1, 2)))  # the cotangent repeats itself: nothing is rounded
        value: Expr = -sympy.pi * slope.subs(cotangent, cos(beyond) / sin(beyond))
        return value

    def stable(x: Expr) -> Expr:
        inside = series(where(greater(x, 0), x, 1 - x))
        return where(greater(x, 0), inside, reflected(x) + (-1) ** order * inside)

    def series(x: Expr) -> Expr:
        sign = (-1) ** (order + 1)
        far = x + SHIFT
        terms = [sign * sympy.factorial(order) / (x + k) ** (order + 1) for k in range(SHIFT)]
        if order == 0:
            terms += [log(far), -1 / (2 * far)]
            terms += [-sympy.bernoulli(2 * k) / (2 * k * far ** (2 * k)) for k in range(1, 8)]
        else:
            terms.append(sign * sympy.factorial(order - 1) / far**order)
            terms.append(sign * sympy.factorial(order) / (2 * far ** (order + 1)))
            for k in range(1, 8):
                size = sympy.bernoulli(2 * k) * sympy.factorial(2 * k + order - 1) / sympy.factorial(2 * k)
                terms.append(sign * size / far ** (2 * k + order))
        total: Expr = sum(terms[1:], terms[0])
        return total

    return stable


def _without_derivative(x: Expr) -> Expr:
    raise NotDifferentiable(f"no rule differentiates a polygamma function of order {len(POLYGAMMAS) - 1}, of {x}")


POLYGAMMAS = ("digamma", "trigamma", "tetragamma", "pentagamma", "hexagamma")
for _order, _name in enumerate(POLYGAMMAS):
    _next = POLYGAMMAS[_order + 1] if _order + 1 < len(POLYGAMMAS) else ""
    _row(
        _name,
        (lambda x, after=_next: BY_NAME[after].function(x)) if _next else _without_derivative,
        stable=_polygamma(_order),
        value=lambda m, x, order=_order: m.psi(order, x),
        latex=rf"\psi^{{{{({_order})}}}}\left({{0}}\right)" if _order else r"\psi\left({0}\right)",
        unicode=f"ψ{'′' * _order}({{0}})",
        approximate=True,
    )
digamma: SymPyClass = BY_NAME["digamma"].function
trigamma: SymPyClass = BY_NAME["trigamma"].function

# ---------------------------------------------------------------- activations and their companions

sigmoid: SymPyClass = _row(
    "sigmoid",
    lambda x: sigmoid(x) * (1 - sigmoid(x)),
    meaning=lambda x: 1 / (1 + exp(-x)),
    stable=lambda x: where(greater_equal(x, 0), 1, exp(-absolute(x))) / (1 + exp(-absolute(x))),
    range=(0, 1),
    latex=r"\sigma\left({0}\right)",
    unicode="σ({0})",
)
softplus: SymPyClass = _row(
    "softplus",
    lambda x: sigmoid(x),
    meaning=lambda x: log(1 + exp(x)),
    stable=lambda x: maximum(x, 0) + log1p(exp(-absolute(x))),
    range=(0, inf),
    c="softplus",
)
log_sigmoid: SymPyClass = _row(
    "log_sigmoid",
    lambda x: sigmoid(-x),
    meaning=lambda x: -log(1 + exp(-x)),
    stable=lambda x: minimum(x, 0) - log1p(exp(-absolute(x))),
    range=(-inf, 0),
    latex=r"\log\sigma\left({0}\right)",
    unicode="log σ({0})",
    c="log_sigmoid",
)
tanh_slope: SymPyClass = _row(
    "tanh_slope",
    lambda x: -2 * tanh(x) * tanh_slope(x),
    meaning=lambda x: 1 - tanh(x) ** 2,
    stable=lambda x: 4 * exp(-2 * absolute(x)) / (1 + exp(-2 * absolute(x))) ** 2,
    range=(0, 1),
    c="tanh_slope",
)
logistic_pdf: SymPyClass = _row(  # the density of the logistic distribution, which is the derivative of σ
    "logistic_pdf",
    lambda x: (sigmoid(-x) - sigmoid(x)) * logistic_pdf(x),
    meaning=lambda x: sigmoid(x) * sigmoid(-x),
    stable=lambda x: exp(-absolute(x)) / (1 + exp(-absolute(x))) ** 2,
    range=(0, 0.25),
    c="logistic_pdf",
)
relu: SymPyClass = _row(
    "relu",
    lambda x: greater(x, 0),
    meaning=lambda x: maximum(x, 0),
    kinks=lambda x: (x,),
    range=(0, inf),
)
xlogy: SymPyClass = _row(
    "xlogy",
    lambda x, y: log(y),
    lambda x, y: x / y,
    meaning=lambda x, y: x * log(y),
    stable=lambda x, y: where(equal(x, 0), 0, x * log(y)),
    value=lambda m, x, y: 0 * y if x == 0 else x * m.log(y),
    latex=r"{0} \log {1}",
)

gelu: SymPyClass = _row(
    "gelu",
    lambda x: normal_cdf(x) + x * normal_pdf(x),
    meaning=lambda x: x * normal_cdf(x),
    c="gelu",
)
gelu_slope: SymPyClass = _row(
    "gelu_slope",
    lambda x: (2 - x**2) * normal_pdf(x),
    meaning=lambda x: normal_cdf(x) + x * normal_pdf(x),
    c="gelu_slope",
)
silu: SymPyClass = _row(
    "silu",
    lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    meaning=lambda x: x * sigmoid(x),
    c="silu",
)
silu_slope: SymPyClass = _row(
    "silu_slope",
    lambda x: (2 + x * (sigmoid(-x) - sigmoid(x))) * logistic_pdf(x),
    meaning=lambda x: sigmoid(x) + x * logistic_pdf(x),
    c="silu_slope",
)


def primitive(expr: Expr) -> Primitive | None:
    """The row of the function that `expr` is a call of, if it is a call."""
    return PRIMITIVES.get(type(expr))
