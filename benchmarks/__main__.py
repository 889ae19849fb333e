"""One command for all measurements: `python -m benchmarks`.

The number of threads is settled before any library is loaded, for everybody alike: by the variables that libraries
read, and by the processors that the process may use.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from importlib import import_module

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def parser() -> argparse.ArgumentParser:
    """What can be asked."""
    found = argparse.ArgumentParser(prog="python -m benchmarks", description="Kernels against peers and the machine.")
    add = found.add_argument
    add(
        "--only", nargs="+", default=[], metavar="WORD", help="workloads by name, kind or paper; first: first gradients"
    )
    add("--peers", nargs="*", metavar="NAME", help="only these peers (default: all that are installed)")
    add("--dtype", choices=("float64", "float32"), help="only this precision (default: both)")
    add("--threads", type=int, default=1, help="for everybody (default: %(default)s)")
    add("--seconds", type=float, default=1.0, help="for all rounds of one cell (default: %(default)s)")
    add("--quick", action="store_true", help="float64, short rounds, torch as it is, fewer first gradients")
    add("--json", metavar="FILE", help="write everything as JSON; - prints it and nothing else")
    add("--plot", metavar="FILE", help="draw it; the ending of the file says how (.svg, .png)")
    add("--list", action="store_true", help="what can be measured")
    return found


def main() -> int:
    """Settle the threads, and run."""
    options = parser().parse_args()
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(options.threads)
    os.environ["BENCH_TORCH_COMPILE"] = "0" if options.quick else "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    warnings.simplefilter("ignore")
    status: int = import_module("benchmarks.session").run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
