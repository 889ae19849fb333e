"""Time to the first gradient: deriving, lowering, compiling, loading from the cache, starting the command line."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import derive
from codegen.known_functions import SERIES
from codegen.timing import medians, milliseconds
from derive.calculus.modes import reverse
from derive.calculus.rewriting import Context
from derive.derivative import Derivative
from derive.formulas import Formula, Sum, arrays, dims, indices, scalars, tanh


@dataclass(frozen=True)
class Figure:
    """Something measured, in words; with a goal, whether it is met."""

    what: str
    told: str
    goal: int = 0
    met: bool | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.told}"


def figures(quick: bool = False) -> list[Figure]:
    """Everything that is measured here; `quick` asks fewer formulas."""
    names = derive.names()[:: 12 if quick else 1]
    return [*first_gradients(names), *command_line(), depth()]


def asked(name: str) -> Derivative:
    formula = derive.formula(name)
    scalar = not formula.program.array(formula.value).shape
    return derive.grad(formula) if scalar else derive.jacobian(formula)


@contextmanager
def fresh_cache() -> Iterator[None]:
    """A cache folder of its own, for a while."""
    before = os.environ.get("DERIVE_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DERIVE_CACHE_DIR"] = os.path.join(folder, "cache")
        try:
            yield
        finally:
            os.environ.pop("DERIVE_CACHE_DIR")
            if before is not None:
                os.environ["DERIVE_CACHE_DIR"] = before


def first_gradients(names: tuple[str, ...]) -> list[Figure]:
    derive.compile(asked("sigmoid"))  # the warm process: LLVM is loaded, and what kernels share
    for text in ("A @ A", "A @ x", "x @ A", "inv(A)", "det(A)", "logdet(A)"):
        derive.compile(derive.parse(text, A="n n", x="n"))
    for name in SERIES:
        derive.compile(derive.parse(f"{name}(x)", x=""))
    derived: dict[str, float] = {}
    compiled: dict[str, float] = {}
    cached: dict[str, float] = {}
    with fresh_cache():
        for name in names:
            gc.collect()
            gc.freeze()  # a process of its own would not look through what other formulas left
            start = time.perf_counter()
            question = asked(name)
            _ = question.program
            between = time.perf_counter()
            derive.compile(question)
            derived[name], compiled[name] = between - start, time.perf_counter() - between
        for name in names:
            start = time.perf_counter()
            derive.compile(asked(name))
            cached[name] = time.perf_counter() - start
        gc.unfreeze()
    whole = {name: derived[name] + compiled[name] for name in names}
    found = []
    for what, seconds, limit in (
        ("derive and simplify", derived, None),
        ("derive, simplify, lower, compile: 50 ms", whole, 0.050),
        ("the same from the cache: 5 ms", cached, 0.005),
    ):
        usual, worst = statistics.median(seconds.values()), max(seconds, key=lambda n: seconds[n])
        told = f"median {milliseconds(usual)}, worst {milliseconds(seconds[worst])} ({worst})"
        found.append(Figure(what, told, 5, usual < limit) if limit else Figure(what, told))
    slow = sorted((name for name in names if compiled[name] > 0.100), key=lambda n: -compiled[n])
    listed = "".join(f", {name} {milliseconds(compiled[name])}" for name in slow[:5])
    told = (
        f"{len(names) - len(slow)} of {len(names)}, median {milliseconds(statistics.median(compiled.values()))}{listed}"
    )
    return [*found, Figure("lower and compile any kernel: 100 ms", told, 5, not slow)]


def command_line() -> list[Figure]:
    def started(*words: str) -> object:
        return subprocess.run([sys.executable, *words], capture_output=True, check=True)

    found = medians(
        {"sympy": lambda: started("-c", "import sympy"), "grad": lambda: started("-m", "derive.cli", "grad", "mse")},
        rounds=7,
    )
    with fresh_cache():
        start = time.perf_counter()
        started("-m", "derive.cli", "grad", "mse")
        first = time.perf_counter() - start
    ratio = found["grad"] / found["sympy"]
    return [
        Figure("`derive grad mse`, asked again: 1.3 times `import sympy`", f"{ratio:.2f}", 6, ratio < 1.3),
        Figure("`derive grad mse`, asked for the first time", f"{first / found['sympy']:.2f} times `import sympy`"),
    ]


def network(layers: int) -> Formula:
    """Equal layers of tanh units under a sum of squares."""
    (d,) = dims("d")
    i, j = indices(i=d, j=d)
    (previous,) = arrays(x=d)
    given, let, wrt = [previous], {}, []
    for at in range(1, layers + 1):
        W, b, z, a = arrays(**{f"W{at}": (d, d), f"b{at}": d, f"z{at}": d, f"a{at}": d})
        given += [W, b]
        wrt += [W, b]
        let[z[i]] = Sum(W[i, j] * previous[j], j) + b[i]
        let[a[i]] = tanh(z[i])
        previous = a
    (L,) = scalars("L")
    let[L] = Sum(previous[i] ** 2, i) / 2
    return Formula("Network", given=given, let=let, wrt=wrt, name="network")


def depth() -> Figure:
    def differentiated(formula: Formula) -> object:
        return reverse(formula.program, formula.wrt, [f"grad_{w}" for w in formula.wrt], Context())

    small, large = network(32), network(64)
    found = medians({"32": lambda: differentiated(small), "64": lambda: differentiated(large)}, rounds=7)
    ratio = found["64"] / found["32"]
    told = f"{ratio:.2f} times ({milliseconds(found['64'])})"
    return Figure("64 layers: at most 2.2 times as long as 32", told, 5, ratio < 2.2)
