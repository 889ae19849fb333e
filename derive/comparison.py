"""Kernels of any formula, timed beside what other libraries make of the same formula without being told more.

Only such peers stand here as can be generated for every formula they fit: the NumPy and numexpr texts are backends of
ours, SymPy's lambdify takes the scalar expression (and its derivative by `sympy.diff`), and JAX runs the text for NumPy
with its own arrays, differentiates it, and compiles it. What an expert writes by hand for one formula stands in
`benchmarks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr, Function

from codegen.kernel import BACKENDS, Kernel, usable
from codegen.timing import Subject, copying, medians
from derive.compilation import compile_kernel, emit_source
from derive.derivative import Derivative
from derive.errors import BackendUnavailable, CacheUnavailable, DeriveError, ShapeError
from derive.formulas import Formula
from derive.primitives import primitive
from derive.program import Dim, children, element, inlined, is_element, rebuilt
from derive.verification.sampling import draw

MOST = 12e6  # entries that the arrays of a call may have together
SMALL = 16  # the size of a dimension that does not grow
GROWTH = (10, 1_000, 100_000, 10_000_000)
FINE = 1e6  # entries up to which the truth is worked out in extended precision
PATIENCE = 1.0  # seconds for one call of one subject, before sizes stop growing
OURS = " kernel"
LEAD = "entries"  # how many numbers a formula of numbers is computed for


@dataclass(frozen=True)
class Timed:
    """The median seconds of a subject, and its worst difference from the text for NumPy in extended precision.

    The difference is relative to the largest entry of its array.
    """

    name: str
    seconds: float
    apart: float | None
    ours: bool


@dataclass(frozen=True)
class Compared:
    """What was measured of one question about a formula, at one size; `copy` is the time to copy the same bytes."""

    formula: str
    question: str
    sizes: Mapping[str, int]
    timed: tuple[Timed, ...]
    copy: float
    failed: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def compared(
    formula: Formula,
    derivative: Derivative | None = None,
    sizes: Sequence[Mapping[str, int]] = (),
    dtype: str = "float64",
    seconds: float = 0.5,
) -> Iterator[Compared]:
    """Time the value of a formula, or its gradient or Jacobian, at each of `sizes`, or at sizes that grow.

    Raises:
        ShapeError: a size is given that the formula does not have.
    """
    question = derivative or formula
    program = question.program
    names = [str(dim) for dim in program.dims] or [LEAD]
    for given in sizes:
        if unknown := given.keys() - set(names):
            raise ShapeError(f"{formula.name} has no size {min(unknown)!r}; its sizes are {', '.join(names)}")
    subjects = _subjects(formula, derivative, dtype)
    for chosen in sizes or _growing(question):
        full = dict.fromkeys(names, SMALL) | dict(chosen)
        inputs = _drawn(question, full, dtype)
        what = "value" if derivative is None else derivative.kind
        found = Compared(formula.name or "formula", what, full, *_measured(question, subjects, inputs, seconds))
        yield found
        if not sizes and max(timed.seconds for timed in found.timed) > PATIENCE:
            return


# ---------------------------------------------------------------- sizes and inputs


def _growing(question: Formula | Derivative) -> Iterator[dict[str, int]]:
    """Sizes along one dimension, until the arrays of a call are too large."""
    dims = [size for array in question.program.inputs for size in array.shape if isinstance(size, Dim)]
    grown = str(dims[0]) if dims else LEAD
    for at in GROWTH:
        sizes = {str(dim): SMALL for dim in question.program.dims} | {grown: at}
        if _entries(question, sizes) <= MOST * (3 if not dims else 1):
            yield sizes


def _entries(question: Formula | Derivative, sizes: Mapping[str, int]) -> int:
    """How many numbers the inputs and outputs have together."""
    program = question.program
    outputs = [question.value] if isinstance(question, Formula) else list(question.outputs)
    known = {Dim(name): sympy.Integer(size) for name, size in sizes.items()}
    shapes = [array.shape for array in (*program.inputs, *map(program.array, outputs))]
    return sum(int(sympy.prod(size.xreplace(known) for size in shape)) for shape in shapes) * sizes.get(LEAD, 1)


def _drawn(question: Formula | Derivative, sizes: Mapping[str, int], dtype: str) -> dict[str, NDArray[Any]]:
    """Random inputs from their domains; of a formula of numbers, many of each."""
    rng = np.random.default_rng(0)
    found = {}
    for array in question.program.inputs:
        many = array if LEAD not in sizes else type(array)(array.name, (Dim(LEAD),), array.domain)
        values = np.asarray(draw(many, sizes, rng))
        found[array.name] = values if array.domain.below else values.astype(dtype)
    return found


# ---------------------------------------------------------------- subjects

Ready = Callable[[Mapping[str, NDArray[Any]]], Subject]


def _subjects(formula: Formula, derivative: Derivative | None, dtype: str) -> dict[str, Ready]:
    """Every subject that can be had for a formula: ours, then what others make of it."""
    found: dict[str, Ready] = {}
    for backend in BACKENDS:
        try:
            usable(backend)
            found[backend + OURS] = _ours(compile_kernel(derivative or formula, backend, dtype))
        except CacheUnavailable:
            raise
        except BackendUnavailable:
            continue  # a package or a compiler is missing, or the backend has no such function
    for name, make in (("lambdify", _lambdified), ("jax", _traced)):
        ready = make(formula, derivative)
        if ready is not None:
            found[name] = ready
    return found


def _ours(kernel: Kernel) -> Ready:
    names = [array.name for array in kernel.signature.inputs]

    def ready(inputs: Mapping[str, NDArray[Any]]) -> Subject:
        arrays = [inputs[name] for name in names]
        return lambda: kernel(*arrays)

    return ready


def _lambdified(formula: Formula, derivative: Derivative | None) -> Ready | None:
    """SymPy's own derivative of a number over numbers, as NumPy code; none where it does not know a function."""
    program = formula.program
    if any(array.shape for array in program.arrays.values()):
        return None
    value = element(formula.value)
    for name, equation in reversed(program.definitions.items()):
        value = inlined(value, {name: equation})
    value = _in_sympy(value)
    calls = [type(call) for call in value.atoms(Function)]
    if any(not call.__module__.startswith("sympy.") for call in calls):
        return None
    if find_spec("scipy") is None and any(not hasattr(np, call.__name__.lower()) for call in calls):
        return None
    names = [array.name for array in program.inputs]
    values = [sympy.diff(value, element(name)) for name in derivative.wrt] if derivative else [value]
    function = sympy.lambdify([element(n) for n in names], values, cse=True)

    def ready(inputs: Mapping[str, NDArray[Any]]) -> Subject:
        arrays = [inputs[name] for name in names]

        def run() -> Any:
            with np.errstate(all="ignore"):
                return tuple(function(*arrays))

        return run

    return ready


def _in_sympy(value: Expr) -> Expr:
    """`value` with our functions replaced by what they mean in SymPy's."""
    if is_element(value) or not value.args:
        return value
    parts = tuple(_in_sympy(part) for part in children(value))
    row = primitive(value)
    return _in_sympy(row.meaning(*parts)) if row is not None and row.meaning else rebuilt(value, parts)


def _traced(formula: Formula, derivative: Derivative | None) -> Ready | None:
    """The text for NumPy as JAX runs it, differentiated by JAX."""
    try:
        jax = import_module("jax")
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    names = [array.name for array in formula.program.inputs]
    text = emit_source(formula, "numpy").replace("import numpy as np", "import jax.numpy as np")
    scope: dict[str, Any] = {}
    exec(text.replace("from scipy.special import", "from jax.scipy.special import"), scope)
    value = scope[formula.name or "formula"]
    places = tuple(names.index(name) for name in derivative.wrt) if derivative else ()
    if derivative is None:
        asked = value
    elif formula.program.array(formula.value).shape:
        asked = jax.jacobian(value, places)
    else:
        asked = jax.grad(lambda *arrays: value(*arrays).sum(), places)
    compiled = jax.jit(asked)

    def ready(inputs: Mapping[str, NDArray[Any]]) -> Subject:
        arrays = [jax.numpy.asarray(inputs[name]) for name in names]
        return lambda: jax.block_until_ready(compiled(*arrays))

    return ready


# ---------------------------------------------------------------- measuring


def _measured(
    question: Formula | Derivative, subjects: Mapping[str, Ready], inputs: Mapping[str, NDArray[Any]], seconds: float
) -> tuple[tuple[Timed, ...], float, dict[str, str]]:
    """Everybody's times and differences, the time to copy the same bytes, and who failed with what."""
    truth = _truth(question, inputs)
    running: dict[str, Subject] = {}
    apart: dict[str, float | None] = {}
    failed: dict[str, str] = {}
    for name, ready in subjects.items():
        try:
            running[name] = ready(inputs)
            apart[name] = _apart(_flat(running[name]()), truth)
        except Exception as error:  # whatever goes wrong in another library is part of what is told
            if name.endswith(OURS):
                raise
            running.pop(name, None)
            failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    read = sum(array.nbytes for array in inputs.values())
    written = sum(array.size for array in truth) * next(iter(inputs.values())).itemsize
    found = medians({**running, "copy": copying(read, written)}, rounds=100, seconds=seconds)
    copy = found.pop("copy")
    return tuple(Timed(n, t, apart[n], n.endswith(OURS)) for n, t in found.items()), copy, failed


def _truth(question: Formula | Derivative, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The results of the text for NumPy, in extended precision where the arrays are not too large for it."""
    scope: dict[str, Any] = {}
    exec(emit_source(question, "numpy"), scope)
    function = scope[question.name or "formula"]
    names = [array.name for array in question.program.inputs]
    small = sum(array.size for array in inputs.values()) <= FINE
    with np.errstate(all="ignore"):
        for dtype in ("longdouble", "float64") if small else ("float64",):
            arrays = [a if (a := inputs[name]).dtype.kind == "i" else a.astype(dtype) for name in names]
            try:
                return _flat(function(*arrays))
            except TypeError:  # LAPACK and SciPy know double precision only
                continue
    raise DeriveError(f"the text of {question.name} for NumPy does not run on these inputs")


def _apart(found: list[NDArray[Any]], truth: list[NDArray[Any]]) -> float | None:
    """The largest difference, relative to the largest entry of its array; none where nothing is finite."""
    worst = None
    for mine, true in zip(found, truth, strict=True):
        finite = np.isfinite(true)
        if finite.any():
            largest = float(np.max(np.abs(true[finite]))) or 1.0
            worst = max(worst or 0.0, float(np.max(np.abs(mine[finite] - true[finite]))) / largest)
    return worst


def _flat(result: Any) -> list[NDArray[Any]]:
    """The arrays of a result, however it is nested."""
    if isinstance(result, tuple | list):
        return [array for part in result for array in _flat(part)]
    return [np.asarray(result)]
