"""How accurate kernels are: the error of single functions in units in the last place (ULP), over all numbers there are.

A unit is the distance of neighbouring numbers where the exact result lies; below the normal numbers it does not shrink
further. A correctly rounded result is at most half a unit off. What is exact is asked of the oracle, with more digits
until two answers agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Pow

from codegen.kernel import Kernel, compile_program
from codegen.vector_math.library import BOUNDED, FUNCTIONS
from derive.calculus.stability import stabilised
from derive.errors import DeriveError, DomainError, nearest
from derive.primitives import PRIMITIVES, Primitive
from derive.program import Array, Dim, Equation, Index, Program, element
from derive.verification.oracle import evaluate

NATIVE = ("c", "llvm")
LIMIT = 2.0  # units; what kernels promise
DIGITS = (40, 80, 400, 1600)
AGREED = mpmath.mpf(2) ** -90
LETTERS = ("x", "y")
CENTRES = (
    0.0,
    1.0,
    0.5,
    1.5,
    np.log(2) / 2,
    1.5 * np.log(2),
    np.sqrt(0.5),
    np.sqrt(2),
    8.0,
    16.0,
    20.0,
    28.0,
    np.pi / 2,
)


@dataclass(frozen=True)
class Accuracy:
    """The worst error of a function on a backend: how many units, where, and at how many points it was looked for."""

    function: str
    dtype: str
    backend: str
    worst: float
    at: tuple[float, ...]
    points: int

    @property
    def ok(self) -> bool:
        """Whether the error is within `LIMIT`."""
        return self.worst <= LIMIT

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"ok": self.ok}


def is_promised(found: Accuracy) -> bool:
    """Whether kernels compute the function themselves, so that `LIMIT` is theirs to keep."""
    carried = {row.name for row in PRIMITIVES.values() if row.c in FUNCTIONS or row.c in BOUNDED} | {"pow"}
    return found.backend in NATIVE and found.function in carried


def functions() -> tuple[str, ...]:
    """The names of the functions of one number that are smooth and exactly known, and `pow`."""
    return (*(row.name for row in PRIMITIVES.values() if _is_smooth(row)), "pow")


def named(names: Sequence[str]) -> tuple[str, ...]:
    """The functions of these names, or all of them.

    Raises:
        DomainError: there is no such function.
    """
    for name in names:
        if name not in functions():
            raise DomainError(f"no function is called {name!r}{nearest(name, functions())}")
    return tuple(names) or functions()


def accuracy(
    name: str, backends: Sequence[str] = NATIVE, dtype: str = "float64", count: int = 1000, seed: int = 0
) -> list[Accuracy]:
    """The worst errors of a function on some backends, at the same points for all.

    Raises:
        DomainError: there is no such function.
    """
    named([name])
    program = _program(name)
    given = sample(len(program.inputs), dtype, count, seed)
    expected = [exact_value(name, point) for point in zip(*(values.tolist() for values in given), strict=True)]
    found = []
    for backend in backends:
        results = kernel(name, backend, dtype)(*given)
        errors = [
            -1.0 if exact is None else units(float(result), exact, dtype)
            for result, exact in zip(results, expected, strict=True)
        ]
        at = int(np.argmax(errors))
        where = tuple(float(values[at]) for values in given)
        found.append(Accuracy(name, dtype, backend, errors[at], where, sum(error >= 0 for error in errors)))
    return found


def kernel(name: str, backend: str, dtype: str) -> Kernel:
    """The function as a kernel over an array."""
    return compile_program(stabilised(_program(name)), name=f"{name}_function", backend=backend, dtype=dtype)


def sample(arity: int, dtype: str, count: int, seed: int) -> list[NDArray[Any]]:
    """Numbers of every size, denormal ones among them, and more of them where functions change."""
    random = np.random.default_rng(seed)
    if arity == 2:
        return _pairs(random, dtype, count)
    limits = np.finfo(dtype)
    edges = [float(np.log(limits.max)), float(np.log(limits.smallest_subnormal)), float(np.log(limits.tiny))]
    near = random.choice([*CENTRES, *edges], count) * (
        1 + random.normal(size=count) * 2.0 ** random.uniform(-52, 0, count)
    )
    values = [
        _of_every_size(random, dtype, count),
        random.uniform(edges[1], edges[0], count),
        random.uniform(-8, 8, count),
        random.normal(size=count),
        near * random.choice([-1, 1], count),
    ]
    merged = np.concatenate([piece.astype(dtype) for piece in values])
    return [merged[random.permutation(len(merged))[:count]]]


def units(result: float, exact: Any, dtype: str) -> float:
    """The distance of a result from what is exact, in units in the last place; infinite where one is not a number."""
    limits = np.finfo(dtype)
    if mpmath.isnan(exact):  # at a pole, either infinity is as good
        return np.inf if np.isfinite(result) else 0.0
    largest = mpmath.mpf(2) ** limits.maxexp * (1 - mpmath.mpf(2) ** (-limits.nmant - 2))
    if abs(exact) >= largest:
        return 0.0 if np.isinf(result) and (result > 0) == (exact > 0) else np.inf
    if not np.isfinite(result):
        return np.inf
    exponent = max(mpmath.frexp(exact)[1] - 1, limits.minexp) if exact else limits.minexp
    return float(abs(mpmath.mpf(result) - exact) / mpmath.mpf(2) ** (exponent - limits.nmant))


def exact_value(name: str, point: Sequence[float]) -> Any:
    """The value with so many digits that more do not change it; None where the oracle cannot compute it."""
    program = _program(name)
    inputs = {array.name: [value] for array, value in zip(program.inputs, point, strict=True)}
    try:
        last = None
        for answer in _answers(program, inputs):
            if mpmath.isnan(answer) or (answer and last is not None and abs(answer - last) <= AGREED * abs(answer)):
                return answer
            last = answer
        return last
    except (ArithmeticError, ValueError, DeriveError):
        return None


def _is_smooth(row: Primitive) -> bool:
    known = row.value is not None or row.meaning is not None
    return row.arity == 1 and known and not row.approximate and not row.kinks(*[Dim("n")])


@cache
def _program(name: str) -> Program:
    size = Dim("n")
    index = Index("i", size)
    function: Callable[..., Expr] = next((row.function for row in PRIMITIVES.values() if row.name == name), Pow)
    letters = LETTERS[: 2 if function is Pow else 1]
    value = function(*(element(letter, (index,)) for letter in letters))
    inputs = tuple(Array(letter, (size,)) for letter in letters)
    return Program(inputs, (Equation("value", (index,), value),), ("value",))


def _answers(program: Program, inputs: dict[str, list[float]]) -> Iterator[Any]:
    for digits in DIGITS:
        value = evaluate(program, inputs, digits)["value"][0]
        yield mpmath.nan if isinstance(value, mpmath.mpc) else value


def _of_every_size(random: np.random.Generator, dtype: str, count: int) -> NDArray[Any]:
    """Random bits, read as numbers."""
    size = np.dtype(dtype).itemsize
    values: NDArray[Any] = np.frombuffer(random.bytes(count * size), dtype)
    return np.where(np.isfinite(values), values, 1)


def _pairs(random: np.random.Generator, dtype: str, count: int) -> list[NDArray[Any]]:
    """Bases and exponents whose powers fill the range of results."""
    limits = np.finfo(dtype)
    sizes = np.concatenate(
        [
            np.abs(_of_every_size(random, dtype, count)).astype(float),
            1 + random.normal(size=count) * 2.0 ** random.uniform(-40, -1, count),
            random.uniform(0, 4, count),
        ]
    )
    base = np.abs(sizes[random.permutation(len(sizes))[:count]]).astype(dtype)
    log = np.log(base.astype(float))
    result = random.uniform(np.log(limits.smallest_subnormal), np.log(limits.max), count)
    exponent = np.divide(result, log, out=np.ones(count), where=log != 0)
    exponent = np.where(random.uniform(size=count) < 0.3, np.rint(np.clip(exponent, -99, 99)), exponent)
    return [base, exponent.astype(dtype)]
