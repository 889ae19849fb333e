"""One command for all measurements: `python -m benchmarks`.

The number of threads is settled before any library is loaded, for everybody alike: by the variables that libraries
read, and by the processors that the process may use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks", description="Kernels against peers and the machine.")
    found.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="workloads whose name, kind or paper has it"
    )
    found.add_argument("--peers", nargs="*", metavar="NAME", help="only these peers (default: all that are installed)")
    found.add_argument("--dtype", choices=("float64", "float32"), help="only this precision (default: both)")
    found.add_argument("--threads", type=int, default=1, help="for everybody (default: %(default)s)")
    found.add_argument("--seconds", type=float, default=1.0, help="for all rounds of one cell (default: %(default)s)")
    found.add_argument(
        "--quick", action="store_true", help="float64, short rounds, torch as it is, fewer first gradients"
    )
    found.add_argument("--json", metavar="FILE", help="write everything as JSON; - prints it and nothing else")
    found.add_argument("--plot", metavar="FILE", help="draw it; the ending of the file says how (.svg, .png)")
    found.add_argument("--list", action="store_true", help="what can be measured")
    return found


def main() -> int:
    options = parser().parse_args()
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(options.threads)
    os.environ["BENCH_TORCH_COMPILE"] = "0" if options.quick else "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    warnings.simplefilter("ignore")
    return run(options)


def run(options: argparse.Namespace) -> int:
    from benchmarks import picture  # lazy: libraries read the number of threads when they are loaded
    from benchmarks.accuracy import accuracies
    from benchmarks.first_gradient import figures
    from benchmarks.goals import judged
    from benchmarks.measuring import measure
    from benchmarks.peers import installed
    from benchmarks.workloads import find

    workloads = find(options.only)
    if options.list:
        for w in workloads:
            sizes = ", ".join("×".join(map(str, size)) for size in w.sizes)
            print(f"{w.name:22} {w.kind:12} {sizes}{f'  ({w.published})' if w.published else ''}")
        return 0
    peers, absent = installed(options.peers)
    quiet = options.json == "-"

    def say(text: str) -> None:
        if not quiet:
            print(text, flush=True)

    machine = (
        f"{platform.machine()}, {os.cpu_count()} processors, {options.threads} used, Python {platform.python_version()}"
    )
    say(f"{machine}\npeers: {', '.join(f'{p.name} {p.version()}' for p in peers)}")
    say(f"absent: {', '.join(f'{name} ({why})' for name, why in absent.items()) or 'none'}\n")
    seconds = 0.2 if options.quick else options.seconds
    dtypes = [options.dtype] if options.dtype else ["float64"] if options.quick else ["float64", "float32"]
    cells = []
    for workload in workloads:
        for dtype in dtypes:
            for size in workload.sizes:
                cells.append(measure(workload, size, dtype, peers, options.threads, seconds))
                say(table(cells[-1]))
    precise = [
        found
        for workload in workloads
        if workload.kind == "elementwise"
        for dtype in dtypes
        for found in accuracies(workload, dtype, peers)
    ]
    for each in precise:
        say(f"accuracy of {each.workload} {each.dtype}, {each.name}: {spread(each)}")
    timed = figures(options.quick) if not options.only or "first" in options.only else []
    for figure in timed:
        say(str(figure))
    goals = judged(cells, precise, timed)
    say("\n" + "\n".join(map(str, goals)))
    if options.plot:
        picture.draw(cells, options.plot)
    if options.json:
        document: dict[str, Any] = {
            "machine": machine,
            "peers": {peer.name: peer.version() for peer in peers},
            "absent": absent,
            "cells": [cell.to_dict() for cell in cells],
            "accuracy": [each.to_dict() for each in precise],
            "figures": [vars(figure) for figure in timed],
            "goals": [vars(goal) for goal in goals],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        if quiet:
            print(text)
        else:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(text)
    return 0


def table(cell: Any) -> str:
    """What was measured of a cell, a line for each subject."""
    from codegen.timing import spoken  # lazy: as above

    lines = [cell.where()]
    best = min((t.seconds for t in cell.of("peer")), default=None)
    bound = min((t.seconds for t in cell.of("limit")), default=None)
    for role in ("ours", "peer", "limit", "objective"):
        for t in cell.of(role):
            ratios = f"{best / t.seconds:8.2f} × best peer" if best and role == "ours" else " " * 20
            ratios += f"{t.seconds / bound:9.2f} × limit" if bound and role in ("ours", "peer") else " " * 17
            lines.append(f"  {t.name:26} {spoken(t.seconds):>9} {ratios}   {told(t.error, cell)}".rstrip())
    lines += [f"  {name:26} failed: {why}" for name, why in cell.failed]
    return "\n".join(lines)


def told(error: float | None, cell: Any) -> str:
    if error is None:
        return ""
    return ulps(error) if cell.workload.kind == "elementwise" else f"{error:.0e}"


def spread(each: Any) -> str:
    return f"{ulps(each.ulp)} at x = {each.at:.3g}, {each.wrong} wrong"


def ulps(error: float) -> str:
    return f"{error:.2f} ulp" if error < 1e4 else f"{error:.1e} ulp"


if __name__ == "__main__":
    sys.exit(main())
