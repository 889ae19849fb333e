"""The public functions: a formula in, its derivative, its derivation and its kernels out.

This is the roof over `derive`, `codegen` and `catalog`; it holds no mathematics. A `Derivative` is what every question
gives back, and a `Kernel` what runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

import catalog
from codegen import store
from codegen.kernel import Kernel
from codegen.plan import Plan
from derive.calculus.batching import batched
from derive.calculus.taylor import taylor_coefficients
from derive.compilation import compile_kernel, emit_source, planned
from derive.derivation import Partial
from derive.derivative import Derivative
from derive.descent import Descent, descended
from derive.errors import DeriveError, DomainError, ShapeError, nearest
from derive.expansion import Taylor
from derive.explaining.graph import graph
from derive.formulas import Formula
from derive.hand import verified
from derive.handwriting.verification import Verification
from derive.notation.index_form import from_index
from derive.notation.text import array_from, declarations
from derive.notation.typing import to_program
from derive.notation.writing import write_unicode
from derive.program import name_of
from derive.stationary_point import StationaryPoints
from derive.verification.sampling import sample

Question: TypeAlias = "Formula | str"
Wrt: TypeAlias = "str | Sequence[str] | None"


# ---------------------------------------------------------------- formulas


def formula(name: str) -> Formula:
    """The catalog's formula of this name or alias.

    Raises:
        UnknownFormula: there is none; the nearest names are offered.

    >>> formula("mse").title
    'Mean squared error of a linear model'
    """
    return catalog.find(name)


def names() -> tuple[str, ...]:
    """The names of the catalog, in its order."""
    return catalog.names()


def parse(text: str, given: str = "", **arrays: str) -> Formula:
    """The formula that a text in NumPy-style notation writes down.

    `arrays` declare the inputs in their order, each as sizes and a domain; `given` does the same in one text.

    Raises:
        ParseError: the text is not in the notation; the message points at the column.
        ShapeError: shapes do not fit; the message points at the operator.

    >>> print(grad(parse("mean((X @ w - y)**2)", X="n d", w="d", y="n"), wrt="w"))
    ∇_w = (2/n) Xᵀ (X w − y)
    """
    declared = declarations(given) + tuple(array_from(name, words) for name, words in arrays.items())
    if not declared:
        raise DeriveError("the names in a text have to be declared: parse('x @ x', x='n'), or --given 'x: n'")
    return Formula(text.strip(), program=to_program(text, declared), name="formula")


def batch(question: Question, over: str | Sequence[str], dim: str = "m", reduce: str = "mean") -> Formula:
    """The formula of `dim` samples of the inputs `over`, from that of one: `reduce` is "mean", "sum" or "none".

    >>> print(batch(parse("(x @ w - y)**2", x="d", w="d", y=""), over="x y").program.equations[-1])
    mean_value = Sum(value[j], j)/m
    """
    formula = resolve(question)
    names = tuple(over.replace(",", " ").split()) if isinstance(over, str) else tuple(over)
    program = batched(formula.program, names, dim, reduce)
    title = f"{formula.title}, {'each' if reduce == 'none' else reduce} of {dim} samples"
    name = f"{formula.name or 'formula'}_batch"
    return Formula(title, program=program, wrt=formula.wrt, name=name)


def resolve(question: Question) -> Formula:
    """A formula as it is, or the catalog's formula of a name."""
    return question if isinstance(question, Formula) else formula(question)


# ---------------------------------------------------------------- derivatives


def grad(question: Question, wrt: Wrt = None, convention: str = "entries") -> Derivative:
    """The gradient of a scalar formula by some of its inputs; by those its entry names when `wrt` is None.

    `convention` says what a variable with structure means: "entries" takes every entry for a variable of its own,
    "structured" takes entries that are tied together for one (The Matrix Cookbook, equation 138), and "tangent" keeps
    the part along the set the variable lives in.

    Raises:
        ShapeError: the value is an array, which has a Jacobian and no gradient.
        NotDifferentiable: a part has no derivative, or no rule for it is known.
        DomainError: the structure has no such convention.

    >>> print(grad("sigmoid"))
    ∇_x = σ(x) (1 − σ(x))
    >>> print(grad(parse("logdet(S)", S="n n spd"), convention="structured"))
    ∇_S = 2 S⁻¹ − diag(diag(S⁻¹))
    """
    return _derivative(question, "grad", wrt, convention)


def jacobian(question: Question, wrt: Wrt = None) -> Derivative:
    """The Jacobian of a formula: the axes of the value first, then those of the input.

    >>> print(jacobian("softmax"))
    ∂p/∂z = diag(p) − p pᵀ   where p = softmax(z)
    """
    return _derivative(question, "jacobian", wrt)


def hessian(question: Question, wrt: Wrt = None) -> Derivative:
    """The second derivatives of a scalar formula: one block for each pair of inputs.

    >>> print(hessian("mse"))
    ∇²_w = (2/n) Xᵀ X
    """
    return _derivative(question, "hessian", wrt)


def jvp(question: Question, wrt: Wrt = None) -> Derivative:
    """The derivative of the value along a direction, which is a new input `v` (`v_w` and `v_b` for several variables).

    >>> print(jvp("softmax"))
    Dp[v] = p ⊙ (v − pᵀ v)   where p = softmax(z)
    """
    return _derivative(question, "jvp", wrt)


def vjp(question: Question, wrt: Wrt = None) -> Derivative:
    """The product of a cotangent of the value, which is a new input `u`, with the Jacobian by each variable.

    >>> print(vjp("softmax"))
    uᵀ ∂p/∂z = p ⊙ (u − pᵀ u)   where p = softmax(z)
    """
    return _derivative(question, "vjp", wrt)


def hvp(question: Question, wrt: Wrt = None) -> Derivative:
    """The product of the Hessian of a scalar formula with a direction `v`; the Hessian itself is never built.

    >>> print(hvp("mse"))
    ∇²_w v = (2/n) Xᵀ X v
    """
    return _derivative(question, "hvp", wrt)


def _derivative(question: Question, kind: str, wrt: Wrt, convention: str = "entries") -> Derivative:
    formula = resolve(question)
    return Derivative(formula, kind, _variables(formula, wrt), convention)


def _variables(formula: Formula, wrt: Wrt) -> tuple[str, ...]:
    """The names that `wrt` asks for."""
    inputs = [array.name for array in formula.program.inputs]
    if wrt is None:
        return formula.wrt
    if wrt == "all":
        return tuple(array.name for array in formula.program.inputs if not array.domain.below)
    wanted = tuple(wrt.replace(",", " ").split()) if isinstance(wrt, str) else tuple(wrt)
    for name in wanted:
        if name not in inputs:
            known = ", ".join(inputs)
            raise DeriveError(
                f"{name!r} is not an input of {formula.name or 'the formula'}{nearest(name, inputs)}; they are {known}"
            )
    if not wanted or len(set(wanted)) < len(wanted):
        raise DeriveError("wrt takes the names of inputs, each once")
    return wanted


def verify(
    latex: str, given: str | Mapping[str, Any] = "", definitions: Sequence[str] = (), **arrays: str
) -> Verification:
    r"""A hand derivation in LaTeX, with a verdict on every relation: proved, confirmed, wrong or unreadable.

    `given` declares symbols, as text or in the JSON form of a context; `definitions` are formulas such as `L = …`.

    Raises:
        ParseError: the text, a declaration or a definition cannot be read; the message points at the place.

    >>> verify(r"(2a-b)^2 = 4a^2 - 4ab + b^2").ok
    True
    >>> verify(r"\frac{d}{dx} \sin x = \cos x = -\sin x").first_wrong
    1
    """
    return verified(latex, given, definitions, arrays)


def draw(question: Question) -> str:
    """The graph of a formula as an SVG: equations as boxes, values forwards, derivatives of the value backwards."""
    formula = resolve(question)
    adjoints: dict[str, str] = {}
    if not formula.program.array(formula.value).shape:
        found = grad(formula)
        meanings = {step.target: step.before for step in reversed(found.steps) if isinstance(step.before, Partial)}
        for step in found.steps:  # the last step about a name is its value
            meaning = meanings[step.target]
            left = meaning if name_of(step.target) in found.outputs else step.target
            adjoints[name_of(meaning.variable)] = " = ".join(write_unicode(from_index(e)) for e in (left, step.after))
    return graph(formula.program, adjoints, formula.title)


def users_of_rules() -> dict[str, list[str]]:
    """For each rule, the formulas of the catalog whose derivation uses it; worked out once and kept."""

    def found() -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for name in names():
            made = formula(name)
            ask = jacobian if made.program.array(made.value).shape else grad
            for rule in dict.fromkeys(step.rule for step in ask(made).steps):
                users.setdefault(rule, []).append(name)
        return users

    return store.record("rules", [store.fingerprint()], found)


def taylor(question: Question, wrt: str | None = None, at: float | str = 0, order: int = 3) -> Taylor:
    """The Taylor polynomial of a formula in one of its numbers, around a point, with exact coefficients.

    Raises:
        ShapeError: the value or the variable is an array.
        ParseError: the point is not a number.

    >>> print(taylor("sigmoid", order=3))
    s ≈ 1/2 + (1/4) x − (1/48) x³
    """
    formula = resolve(question)
    (variable, *more) = _variables(formula, wrt)
    if more and wrt is not None:
        raise DeriveError("a Taylor polynomial is in one variable; name one")
    point = to_program(str(at), []).equations[-1].value
    coefficients = taylor_coefficients(formula.program, variable, point, order)
    return Taylor(formula, variable, point, coefficients)


def descend(
    question: Question,
    start: Mapping[str, ArrayLike] | None = None,
    wrt: Wrt = None,
    method: str = "gradient",
    rate: float = 0.1,
    steps: int = 100,
) -> Descent:
    """The path of a descent: by "gradient", "momentum", "nesterov", "rmsprop", "adam" or "newton".

    `start` gives values to inputs; those it leaves out are drawn from their domains, the same ones every time.

    >>> descend("quadratic_bowl", {"x": 0.0}, steps=3).values[-1]
    2.359296
    """
    formula = resolve(question)
    drawn = sample(formula.program, 0, _sizes_of(formula, start or {})).inputs
    return descended(formula, _variables(formula, wrt), drawn | dict(start or {}), method, rate, steps)


def solve(question: Question, wrt: Wrt = None) -> StationaryPoints:
    """Where the derivatives of a scalar formula vanish: the equations, the points in closed form, and their kind.

    >>> print(solve("bernoulli_nll").points[0].lines()[0])
    p = (Σ_i x_i)/n
    """
    formula = resolve(question)
    wanted = _variables(formula, wrt)
    for array in (formula.program.array(name) for name in wanted):
        if array.domain.tied or array.domain.integer:
            how = "are whole numbers" if array.domain.integer else f"are tied together ({array.domain})"
            raise DomainError(
                f"{array.name} cannot be solved for: its entries {how}; "
                "write the constraint into the formula with a multiplier, such as lam * (sum(p) - 1), on real entries"
            )
    return StationaryPoints(formula, wanted)


def _sizes_of(formula: Formula, start: Mapping[str, ArrayLike]) -> dict[str, int]:
    """The sizes that given values tell."""
    found: dict[str, int] = {}
    for name, value in start.items():
        try:
            kind = np.asarray(value).dtype.kind
        except ValueError:  # rows of different lengths
            kind = "O"
        if kind not in "iufb":
            raise DomainError(f"{name} has to hold real numbers, given {value!r}")
        shape = formula.program.array(name).shape
        if len(shape) != np.ndim(value):
            raise ShapeError(f"{name} has {len(shape)} axes, but the value given has {np.ndim(value)}")
        found |= {str(size): length for size, length in zip(shape, np.shape(value), strict=True)}
    return found


# ---------------------------------------------------------------- kernels


def compile(
    question: Question | Derivative,
    backend: str = "llvm",
    dtype: str = "float64",
    value: bool = False,
    threads: int | None = None,
) -> Kernel:
    """A kernel of a formula's value, or of a derivative; with `value`, of both in one pass.

    `backend` is "numpy", "numexpr", "c" or "llvm"; `dtype` is "float64" or "float32". Large inputs of an "llvm" kernel
    are worked on by up to `threads` threads: as many as there are cores unless told, here or by DERIVE_THREADS. How
    many there are does not change a bit of the result.

    Raises:
        BackendUnavailable: the backend cannot be used on this machine.
        DomainError: `threads` is not a whole number from 1.

    >>> float(compile(grad("sigmoid"))(0.0))
    0.25
    """
    return compile_kernel(_asked(question), backend, dtype, value, threads)


def plan(question: Question | Derivative, backend: str = "llvm", dtype: str = "float64", value: bool = False) -> Plan:
    """What a kernel will do: passes over memory, operations, bytes, and what was fused; nothing is built.

    Raises:
        BackendUnavailable: the backend runs no loops of its own; "c" and "llvm" do.

    >>> print(plan(grad("mse")).passes[1].runs)
    for i < n
    """
    return planned(_asked(question), backend, dtype, value)


def emit(question: Question | Derivative, backend: str = "llvm", dtype: str = "float64", value: bool = False) -> str:
    """The text of a kernel; nothing is built."""
    return emit_source(_asked(question), backend, dtype, value)


def _asked(question: Question | Derivative) -> Formula | Derivative:
    return question if isinstance(question, Derivative) else resolve(question)
