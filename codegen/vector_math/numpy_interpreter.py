"""The functions in NumPy, operation by operation: what the graph means, without a compiler."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.vector_math.arithmetic import NUMPY_TYPES, OPERATIONS, Value, in_order
from codegen.vector_math.library import Routine


def run(routine: Routine, *arrays: NDArray[Any]) -> NDArray[Any]:
    """The results of a routine for arrays of its type; beyond its bound they are NumPy's."""
    given: dict[int, Any] = {id(p): array for p, array in zip(routine.parameters, arrays, strict=True)}
    with np.errstate(all="ignore"):
        result = _computed(routine.result, given)
        if routine.near is not None:
            result = np.where(_computed(routine.near, given), result, getattr(np, routine.name)(*arrays))
    return np.asarray(result)


def _computed(result: Value, given: dict[int, Any]) -> Any:
    known = dict(given)
    for value in in_order(result):
        if value.operation == "literal":
            known[id(value)] = NUMPY_TYPES[value.kind](value.number)
        elif value.operation == "polynomial":
            known[id(value)] = _horner(known[id(value.args[0])], value)
        elif value.operation != "parameter":
            known[id(value)] = OPERATIONS[value.operation].numpy(*(known[id(arg)] for arg in value.args))
    return known[id(result)]


def _horner(x: NDArray[Any], value: Value) -> Any:
    total, *rest = (NUMPY_TYPES[value.kind](c) for c in reversed(value.coefficients))
    for number in rest:
        total = total * x + number
    return total
