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

Rowwise: TypeAlias = "Callable[..., Any]"
SymPyClass: TypeAlias = "type[Function]"


@dataclass(frozen=True)
class Primitive:
    """One scalar function.

    `derivatives[k](*args)` is the partial derivative in argument k. `meaning(*args)` says it in simpler functions (for
    proofs), `stable(*args)` says it in a way that neither overflows nor cancels (for kernels); a function without
    a `meaning` is elementary. `value(m, *args)` computes it with the functions of a namespace `m`, mpmath's or NumPy's.
    `kinks(*args)` are expressions that vanish where the function is not smooth. `range` bounds its values.

    `c` is the C library's name for it, or an operator (`>`, `?:`); `numpy` and `numexpr` are templates with `{0}`,
    `{1}`…; an empty spelling means that the backend uses `stable`, or else `meaning`.
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
)
log_sigmoid: SymPyClass = _row(
    "log_sigmoid",
    lambda x: sigmoid(-x),
    meaning=lambda x: -log(1 + exp(-x)),
    stable=lambda x: minimum(x, 0) - log1p(exp(-absolute(x))),
    range=(-inf, 0),
    latex=r"\log\sigma\left({0}\right)",
    unicode="log σ({0})",
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


def primitive(expr: Expr) -> Primitive | None:
    """The row of the function that `expr` is a call of, if it is a call."""
    return PRIMITIVES.get(type(expr))
