"""At the ends of floating point every kernel is finite where the truth is, and as accurate as the question allows.

In every run a part of the catalog is asked, at a few points each. `DERIVE_SOAK=100 python -m pytest
tests/laws/test_extremes.py` asks all of it, at so many points.
"""

import os

import numpy as np
import pytest

import derive
from tests.extremes import BEYOND, failures
from tests.helpers import NAMES, SOME, first_derivative, is_scalar, second_derivative

MANY = 100  # points, at which everything in the list of what is lost has to show
SOAK = int(os.environ.get("DERIVE_SOAK", "0"))
BACKENDS = ("llvm", "numpy")


def is_of_numbers(name):
    formula = derive.formula(name)
    return is_scalar(formula) and not any(array.shape for array in formula.program.inputs)


def is_of_one_number(name):
    return is_of_numbers(name) and len(derive.formula(name).program.inputs) == 1


ASKED = [
    *((name, "value") for name in NAMES),
    *((name, "derivative") for name in NAMES),
    *((name, "hessian") for name in NAMES if is_of_numbers(name)),
]
CHOSEN = [(name, kind) for name, kind in ASKED if is_of_one_number(name) or (name in SOME and kind != "hessian")]
KINDS = {"value": derive.formula, "derivative": first_derivative, "hessian": second_derivative}


@pytest.mark.parametrize(("name", "kind"), ASKED if SOAK else CHOSEN)
def test_kernels_at_the_ends(name, kind, request):
    if (name, kind) in BEYOND:
        request.applymarker(pytest.mark.xfail(reason=BEYOND[name, kind], strict=SOAK >= MANY))
    asked = KINDS[kind](name)
    kernels = {backend: derive.compile(asked, backend) for backend in BACKENDS}
    count = SOAK or (40 if is_of_one_number(name) else 6)
    with np.errstate(all="ignore"):
        assert next(failures(asked.program, kernels, count), "") == ""
