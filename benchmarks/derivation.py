"""Time to the first gradient: deriving, lowering, compiling, loading from the cache, starting the command line.

Run with `python -m benchmarks.derivation`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import derive
from benchmarks.timing import medians, milliseconds, verdict
from derive.calculus.modes import reverse
from derive.calculus.rewriting import Context
from derive.derivative import Derivative
from derive.formulas import Formula, Sum, arrays, dims, indices, scalars, tanh


def main() -> None:
    """Print every figure with its goal."""
    first_gradients()
    command_line()
    depth()


def asked(name: str) -> Derivative:
    formula = derive.formula(name)
    scalar = not formula.program.array(formula.value).shape
    return derive.grad(formula) if scalar else derive.jacobian(formula)


def first_gradients() -> None:
    derive.compile(asked("sigmoid"))  # the warm process: LLVM is loaded
    cold: dict[str, float] = {}
    cached: dict[str, float] = {}
    derived: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DERIVE_CACHE_DIR"] = os.path.join(folder, "cache")
        for seconds in (cold, cached):
            for name in derive.names():
                start = time.perf_counter()
                derive.compile(asked(name))
                seconds[name] = time.perf_counter() - start
        for name in derive.names():
            start = time.perf_counter()
            _ = asked(name).program
            derived[name] = time.perf_counter() - start
        del os.environ["DERIVE_CACHE_DIR"]
    for what, seconds, limit in (
        ("derive and simplify", derived, None),
        ("derive, simplify, lower, compile (LLVM)", cold, 0.050),
        ("the same from the cache", cached, 0.005),
    ):
        middle, worst = statistics.median(seconds.values()), max(seconds, key=lambda n: seconds[n])
        goal = f"  goal {milliseconds(limit)}: {verdict(middle < limit)}" if limit else ""
        print(f"{what}: median {milliseconds(middle)}, worst {milliseconds(seconds[worst])} ({worst}){goal}")


def command_line() -> None:
    def started(*words: str) -> object:
        return subprocess.run([sys.executable, *words], capture_output=True, check=True)

    found = medians(
        {"sympy": lambda: started("-c", "import sympy"), "grad": lambda: started("-m", "derive.cli", "grad", "mse")},
        rounds=7,
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DERIVE_CACHE_DIR"] = os.path.join(folder, "cache")
        start = time.perf_counter()
        started("-m", "derive.cli", "grad", "mse")
        first = time.perf_counter() - start
        del os.environ["DERIVE_CACHE_DIR"]
    ratio = found["grad"] / found["sympy"]
    print(f"`derive grad mse`, asked again: {ratio:.2f} times `import sympy`  goal 1.3: {verdict(ratio < 1.3)}")
    print(f"`derive grad mse`, asked for the first time: {first / found['sympy']:.2f} times `import sympy`")


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


def depth() -> None:
    def differentiated(formula: Formula) -> object:
        return reverse(formula.program, formula.wrt, [f"grad_{w}" for w in formula.wrt], Context())

    small, large = network(32), network(64)
    found = medians({"32": lambda: differentiated(small), "64": lambda: differentiated(large)}, rounds=7)
    ratio = found["64"] / found["32"]
    goal = f"goal 2.2: {verdict(ratio < 2.2)}"
    print(f"64 layers take {ratio:.2f} times as long as 32 ({milliseconds(found['64'])})  {goal}")


if __name__ == "__main__":
    main()
