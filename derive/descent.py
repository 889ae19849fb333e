"""Descent: a formula's value and gradient, one step after another, by the methods everybody compares.

A method is a row: it takes the gradient and its own state, and gives the step. The steps are those of the catalog's
entries (`gradient_descent_step`, `momentum_step`, `nesterov_step`, `rmsprop_step`, `adam_step`, `newton_step`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derive.compilation import compile_kernel
from derive.derivative import Derivative
from derive.errors import DeriveError, DomainError, nearest
from derive.formulas import Formula

Vector: TypeAlias = "NDArray[np.float64]"
State: TypeAlias = "dict[str, Vector]"
Method: TypeAlias = "Callable[[Vector, State, int, float], Vector]"
TINY = 1e-8


def _plain(gradient: Vector, state: State, step: int, rate: float) -> Vector:
    return -rate * gradient


def _momentum(gradient: Vector, state: State, step: int, rate: float) -> Vector:
    state["v"] = 0.9 * state.get("v", np.zeros_like(gradient)) + gradient
    return -rate * state["v"]


def _nesterov(gradient: Vector, state: State, step: int, rate: float) -> Vector:
    state["v"] = 0.9 * state.get("v", np.zeros_like(gradient)) + gradient
    return -rate * (gradient + 0.9 * state["v"])


def _rmsprop(gradient: Vector, state: State, step: int, rate: float) -> Vector:
    state["s"] = 0.9 * state.get("s", np.zeros_like(gradient)) + 0.1 * gradient**2
    return -rate * gradient / (np.sqrt(state["s"]) + TINY)


def _adam(gradient: Vector, state: State, step: int, rate: float) -> Vector:
    state["m"] = 0.9 * state.get("m", np.zeros_like(gradient)) + 0.1 * gradient
    state["v"] = 0.999 * state.get("v", np.zeros_like(gradient)) + 0.001 * gradient**2
    mean, spread = state["m"] / (1 - 0.9**step), state["v"] / (1 - 0.999**step)
    return -rate * mean / (np.sqrt(spread) + TINY)


METHODS: dict[str, Method] = {
    "gradient": _plain,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adam": _adam,
}
NEWTON = "newton"


@dataclass(frozen=True)
class Descent:
    """Where a descent went: the variables and the value before the first step and after each; `given` stayed."""

    of: Formula
    method: str
    rate: float
    given: Mapping[str, ArrayLike]
    path: tuple[dict[str, Vector], ...]
    values: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """How it ended: by the last value against the first."""
        first, last = self.values[0], self.values[-1]
        if not np.isfinite(last) or last > first:
            return "diverges"
        still = len(self.values) > 1 and abs(self.values[-2] - last) <= 1e-10 * (1 + abs(last))
        return "converges" if still else "descends"

    def to_dict(self) -> dict[str, Any]:
        """Every point, as plain values."""
        path = [{name: value.tolist() for name, value in point.items()} for point in self.path]
        return {
            "formula": self.of.name,
            "method": self.method,
            "rate": self.rate,
            "verdict": self.verdict,
            "values": list(self.values),
            "path": path,
        }

    def __str__(self) -> str:
        lines = []
        for step, (point, value) in enumerate(zip(self.path, self.values, strict=True)):
            if step <= 10 or step == len(self.path) - 1 or step % (len(self.path) // 10) == 0:
                where = ", ".join(
                    f"{n} = {np.array2string(v, precision=6, suppress_small=True)}" for n, v in point.items()
                )
                lines.append(f"{step:5}  {value:<14.8g} {where}".replace("\n", ""))
        return "\n".join([*lines, self.verdict])


def descended(
    formula: Formula,
    wrt: tuple[str, ...],
    start: Mapping[str, ArrayLike],
    method: str = "gradient",
    rate: float = 0.1,
    steps: int = 100,
) -> Descent:
    """The path of a descent from `start`, which gives every input of the formula a value.

    Raises:
        DomainError: there is no such method, or the rate is not positive.
        DeriveError: an input has no value.
    """
    known = [*METHODS, NEWTON]
    if method not in known:
        raise DomainError(f"no method is called {method!r}{nearest(method, known)}; there are {', '.join(known)}")
    if rate <= 0 or steps < 0:
        raise DomainError(f"a descent needs a positive rate and a number of steps, not {rate} and {steps}")
    missing = [array.name for array in formula.program.inputs if array.name not in start]
    if missing:
        raise DeriveError(f"a descent needs a value for {', '.join(missing)}")
    point = {name: np.asarray(start[name], dtype=np.float64).copy() for name in wrt}
    fixed = {name: value for name, value in start.items() if name not in wrt}
    slope = compile_kernel(Derivative(formula, "grad", wrt), value=True)
    bend = compile_kernel(Derivative(formula, "hessian", wrt)) if method == NEWTON else None
    states: dict[str, State] = {name: {} for name in wrt}
    path, values = [], []
    for step in range(1, steps + 2):
        found = slope(**fixed, **point)
        path.append({name: value.copy() for name, value in point.items()})
        values.append(float(found[0]))
        gradients = {name: np.asarray(g) for name, g in zip(wrt, found[1:], strict=True)}
        if step > steps or not np.isfinite(values[-1]):
            break
        if bend is not None:
            moves = _newton(bend(**fixed, **point), gradients)
        else:
            moves = {name: METHODS[method](g, states[name], step, rate) for name, g in gradients.items()}
        point = {name: point[name] + moves[name] for name in wrt}
    return Descent(formula, method, rate, fixed, tuple(path), tuple(values))


def _newton(blocks: Any, gradients: Mapping[str, Vector]) -> dict[str, Vector]:
    """The step to the stationary point of the quadratic approximation."""
    sizes = [g.size for g in gradients.values()]
    listed = iter(blocks if isinstance(blocks, tuple) else (blocks,))
    rows = [np.hstack([np.reshape(next(listed), (rows, columns)) for columns in sizes]) for rows in sizes]
    right = np.concatenate([g.ravel() for g in gradients.values()])
    move = np.linalg.lstsq(np.vstack(rows), -right, rcond=None)[0]
    parts = np.split(move, np.cumsum(sizes)[:-1])
    return {name: part.reshape(g.shape) for (name, g), part in zip(gradients.items(), parts, strict=True)}
