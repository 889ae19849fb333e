"""Random sizes and points of the declared domains, away from kinks.

Sizes of different names differ by default, so that a transposed axis cannot hide. Numbers have few binary digits, so
that a sample is exact in single precision too. A point is thrown away when the value is not a number there, and when it
lies near a kink of a function, where a derivative and a difference quotient have a right to disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Integer

from derive.errors import DomainError
from derive.primitives import primitive
from derive.program import Array, Dim, Entry, Equation, Maximum, Program, free_indices, inlined, names_in, walk
from derive.verification.oracle import Machine, evaluate

GRAIN = 2.0**-10
NEAR = 0.02
TRIES = 200
FEW_TRIES = 40  # where a matrix has to be inverted, which at some sizes none can be
MORE_SEEDS = 8
MANY_DIMS = 4  # with more names than this, sizes are shared, so that arrays stay small
CONDITION = 200.0

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]


@dataclass(frozen=True)
class Sample:
    """A point: values of all inputs, and the sizes they were drawn at."""

    inputs: dict[str, NDArray[Any]]
    sizes: dict[str, int]


def sample(
    program: Program, seed: int, sizes: Mapping[str, int] | None = None, machine: type[Machine] | None = None
) -> Sample:
    """A random point of the domains of `program`; another `machine` of the oracle may find out where it is defined.

    Raises:
        DomainError: no such point was found.
    """
    rng = np.random.default_rng(seed)
    chosen = _sizes(program, rng) | dict(sizes or {})
    watched = kinks(program)
    tries = FEW_TRIES if _matrices(program) else TRIES
    for _ in range(tries):
        inputs = {array.name: draw(array, chosen, rng) for array in program.inputs}
        if _is_smooth(watched, inputs) and _is_defined(program, inputs, chosen, machine):
            return Sample(inputs, chosen)
    raise DomainError(
        f"at none of {tries} random points is the value a number, away from kinks; declare the domains it needs"
    )


def samples(program: Program, points: int) -> list[Sample]:
    """Points to compare at; the first ones are the same in every run.

    Raises:
        DomainError: no point was found at any of the sizes tried.
    """
    found = list(possible_samples(program, points))
    return found or [sample(program, points + MORE_SEEDS - 1)]


def possible_samples(program: Program, points: int, machine: type[Machine] | None = None) -> Iterator[Sample]:
    """At most so many points: some sizes may have none, as least squares with fewer data than unknowns."""
    found = 0
    for seed in range(points + MORE_SEEDS):
        try:
            drawn = sample(program, seed, machine=machine)
        except DomainError:
            continue
        yield drawn
        found += 1
        if found == points:
            return


def _sizes(program: Program, rng: np.random.Generator) -> dict[str, int]:
    chosen: dict[str, int] = {}
    computed = {i.size for e in program.equations for i in e.indices if not (i.size.is_Integer or i.size.is_Symbol)}
    for _ in range(TRIES):
        many = len(program.dims)
        numbers = rng.permutation(np.arange(2, 2 + max(many, 3)) if many <= MANY_DIMS else 2 + np.arange(many) % 3)
        chosen = {dim.name: int(number) for dim, number in zip(program.dims, numbers, strict=False)}
        if all(size.xreplace({Dim(name): Integer(n) for name, n in chosen.items()}) > 0 for size in computed):
            break
    for array in program.inputs:
        if array.domain.structure == "full column rank":
            rows, columns = (size.name for size in array.shape)
            chosen[rows], chosen[columns] = sorted((chosen[rows], chosen[columns]), reverse=True)
    return chosen


def draw(array: Array, sizes: Mapping[str, int], rng: np.random.Generator) -> NDArray[Any]:
    """Random entries for one array."""
    known = {Dim(name): Integer(size) for name, size in sizes.items()}
    shape = tuple(max(int(s.xreplace(known)), 0) for s in array.shape)
    domain = array.domain
    if domain.below:
        below = sizes.get(domain.below) or int(domain.below)
        return rng.integers(0, below, shape)
    if domain.structure in _STRUCTURES:
        return _STRUCTURES[domain.structure](rng, shape)
    if domain.values:
        return rng.choice(np.array(domain.values, dtype=np.float64), shape)
    if domain.integer:
        return rng.integers(1 if domain.nonnegative else -5, 5, shape).astype(np.float64)
    if np.isfinite(domain.upper):
        margin = 0.05 * (domain.upper - domain.lower)
        return _rounded(rng.uniform(domain.lower + margin, domain.upper - margin, shape))
    if domain.nonnegative:
        return _rounded(rng.uniform(0.25, 2.5, shape))
    drawn = _rounded(rng.uniform(-2, 2, shape))
    return np.where(np.abs(drawn) < 0.1, 0.5, drawn) if domain.nonzero else drawn


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.round(values / GRAIN) * GRAIN)


def _simplex(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Rows of positive entries whose sum is one, exactly in binary."""
    grains = int(1 / GRAIN)
    rows = rng.dirichlet(np.full(shape[-1], 3.0), shape[:-1]) if shape[-1] else np.zeros(shape)
    parts = np.maximum(np.floor(rows * grains), 8)
    if shape[-1]:
        largest = np.argmax(parts, axis=-1)[..., None]
        missing = grains - parts.sum(axis=-1, keepdims=True)
        np.put_along_axis(parts, largest, np.take_along_axis(parts, largest, -1) + missing, -1)
    return parts * GRAIN


def _symmetric(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    half = _rounded(rng.uniform(-1, 1, shape))
    return half + np.swapaxes(half, -1, -2)


def _spd(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    root = np.round(rng.uniform(-1, 1, shape) * 16) / 16
    return np.asarray(root @ np.swapaxes(root, -1, -2) + np.eye(shape[-1]))


def _invertible(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return _rounded(rng.uniform(-1, 1, shape)) + 2.0 * np.eye(shape[-1]) * shape[-1] ** 0.5


def _full_rank(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return _rounded(rng.uniform(-0.5, 0.5, shape)) + 2.0 * np.eye(shape[-2], shape[-1])


def _orthogonal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.linalg.qr(rng.normal(size=shape))[0]


def _diagonal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(np.eye(shape[-1]) * _rounded(rng.uniform(0.5, 2, shape[-1])))


def _lower_triangular(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(np.tril(_rounded(rng.uniform(-1, 1, shape)), -1) + _diagonal(rng, shape))


def _unit_norm(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    drawn = rng.normal(size=shape)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True))


_STRUCTURES: dict[str, Draw] = {
    "diagonal": _diagonal,
    "lower triangular": _lower_triangular,
    "unit norm": _unit_norm,
    "simplex": _simplex,
    "symmetric": _symmetric,
    "spd": _spd,
    "invertible": _invertible,
    "full column rank": _full_rank,
    "orthogonal": _orthogonal,
}


# ---------------------------------------------------------------- kinks


@cache
def kinks(program: Program) -> Program | None:
    """A program whose outputs vanish exactly where `program` is not smooth, or None when it is smooth everywhere.

    A comparison with a largest entry holds somewhere at every point; ties are for the domain to exclude.
    """
    found: list[Equation] = []
    definitions = program.definitions
    varying = {array.name for array in program.inputs if not array.domain.integer}
    for equation in program.equations:
        for call in walk(equation.value):
            row = primitive(call)
            for kink in row.kinks(*call.args) if row else ():
                whole = kink
                for name in reversed(list(definitions)):
                    whole = inlined(whole, {name: definitions[name]})
                largest = any(isinstance(part, Maximum) for part in walk(whole))
                if not largest and not varying.isdisjoint(names_in(whole)):
                    axes = tuple(sorted(free_indices(whole), key=lambda index: str(index.name)))
                    found.append(Equation(f"kink{len(found)}", axes, whole))
    if not found:
        return None
    return Program(program.inputs, tuple(found), tuple(e.target for e in found))


def _is_defined(
    program: Program, inputs: Mapping[str, NDArray[Any]], sizes: Mapping[str, int], machine: type[Machine] | None
) -> bool:
    """Whether the value is a number; over nothing at all it need not be one."""
    if 0 in sizes.values():
        return True
    values = evaluate(program, inputs, digits=None, machine=machine)
    if any(np.isnan(values[name]).any() for name in program.outputs):
        return False
    return all(_is_well_posed(function, values[name]) for function, name in _matrices(program))


def _matrices(program: Program) -> set[tuple[str, str]]:
    """The functions of whole matrices in a program, with the names of the matrices."""
    entries = (part for equation in program.equations for part in walk(equation.value) if isinstance(part, Entry))
    return {(entry.function, name) for entry in entries for name in entry.arrays}


def _is_well_posed(function: str, matrix: NDArray[np.float64]) -> bool:
    """Whether a matrix is far from where a function of it has no derivative."""
    if not matrix.size or function == "matrix_power":
        return True
    if function.startswith("eig"):
        gaps = np.diff(np.linalg.eigvalsh((matrix + matrix.T) / 2))
        return bool((gaps > NEAR).all())
    return bool(np.linalg.cond(matrix) < CONDITION)


def _is_smooth(watched: Program | None, inputs: Mapping[str, NDArray[Any]]) -> bool:
    if watched is None:
        return True
    values = evaluate(watched, inputs, digits=None)
    return all(np.all(np.abs(values[name]) > NEAR) for name in watched.outputs if values[name].size)
