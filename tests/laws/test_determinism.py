"""Output does not depend on how Python hashes."""

import os
import subprocess
import sys

import pytest

COMMANDS = [
    ("grad", "mlp_sigmoid", "--json"),
    ("hessian", "logistic_regression", "--steps"),
    ("jacobian", "softmax", "--steps"),
    ("code", "softmax_cross_entropy", "--grad", "--value", "--backend", "c"),
    ("code", "mlp_relu", "--grad", "--backend", "llvm"),
    ("code", "normal_nll", "--hessian", "--backend", "numpy"),
    ("code", "ridge", "--grad", "--backend", "numexpr"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_same_under_three_hash_seeds(command, tmp_path):
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "DERIVE_CACHE_DIR": str(tmp_path / seed)}
        ran = subprocess.run(
            [sys.executable, "-m", "derive.cli", *command], env=environment, capture_output=True, text=True, check=True
        )
        outputs.add(ran.stdout)
    assert len(outputs) == 1
