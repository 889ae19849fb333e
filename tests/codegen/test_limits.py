"""What happens where a machine ends: no memory, an interrupt in the middle of a kernel."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

import derive
from derive.errors import DeriveError


def test_results_too_large_to_be_kept():
    outer = derive.compile(derive.parse("outer(x, y)", x="n", y="m"))
    long = np.broadcast_to(np.float64(1), (1 << 24,))
    with pytest.raises(DeriveError) as caught:
        outer(long, long)
    assert str(caught.value) == "formula found no memory for its results; give arrays to write to as out"


def test_intermediate_arrays_too_large_to_be_kept():
    """Rows that repeat take no memory; the product of two matrices of them would."""
    kernel = derive.compile(derive.parse("sum(exp(A @ B))", A="n k", B="k m"))
    wide = np.broadcast_to(np.float64(1), (1 << 23, 1))
    with pytest.raises(DeriveError) as caught:
        kernel(wide, wide.T)
    assert str(caught.value) == "formula found no memory for its intermediate arrays"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_an_interrupt_leaves_inputs_and_cache_whole(tmp_path):
    script = """
import numpy as np, derive
x = np.linspace(-3, 3, 3_000_001)
before = x.copy()
derive.compile("mse")
print("ready", flush=True)
try:
    for name in derive.names():
        derive.compile(name)
        derive.compile(derive.grad("gelu"))(x)
except KeyboardInterrupt:
    print("whole" if (x == before).all() else "changed", flush=True)
"""
    environment = {**os.environ, "DERIVE_CACHE_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        for _ in range(5):  # Python drops an interrupt that comes while something is being deleted
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                told, problem = process.communicate(timeout=12)
                break
    assert told == "whole\n", problem
    files = {path.name: path for path in (tmp_path / "cache").iterdir()}
    assert not [name for name in files if name.startswith(".new-")]
    assert files
    for path in files.values():
        content = path.read_bytes()
        assert hashlib.sha256(content[32:]).digest() == content[:32], path.name
