"""One run of the benchmarks, from what was asked to the verdicts on the goals.

A run that is interrupted is judged by what it has measured until then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import picture, tables
from benchmarks.accuracy import Accuracy, accuracies
from benchmarks.derivation import Figure, figures
from benchmarks.goals import judged
from benchmarks.measuring import Cell, measure
from benchmarks.peers import Peer, installed
from benchmarks.workloads import Workload, find

FIRST = "first"  # the word that asks for the time to a first gradient


def run(options: argparse.Namespace) -> int:
    """Measure, print, judge, and write what was asked for."""
    workloads = find(options.only)
    if options.list:
        print("\n".join(map(tables.listed, workloads)))
        return 0
    session = Session(options, workloads, *installed(options.peers))
    session.say(session.heading())
    try:
        session.measure()
    except KeyboardInterrupt:
        session.say("interrupted")
    session.say("\n" + "\n".join(map(str, judged(session.cells, session.accuracies, session.figures))))
    if options.plot and session.cells:
        picture.draw(session.cells, options.plot)
    if options.json:
        text = json.dumps(session.to_dict(), indent=1, ensure_ascii=False)
        if session.quiet:
            print(text)
        else:
            Path(options.json).write_text(text, encoding="utf-8")
    return 0


@dataclass
class Session:
    """What is asked, and what has been measured so far."""

    options: argparse.Namespace
    workloads: tuple[Workload, ...]
    peers: list[Peer]
    absent: dict[str, str]
    cells: list[Cell] = field(default_factory=list)
    accuracies: list[Accuracy] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        """Whether JSON is all that is printed."""
        return self.options.json == "-"

    @property
    def dtypes(self) -> list[str]:
        """The precisions asked for."""
        if self.options.dtype:
            return [self.options.dtype]
        return ["float64"] if self.options.quick else ["float64", "float32"]

    def say(self, text: str) -> None:
        """Print as it goes."""
        if not self.quiet:
            print(text, flush=True)

    def measure(self) -> None:
        """Everything, in turn."""
        seconds = 0.2 if self.options.quick else self.options.seconds
        pairs = [(workload, dtype) for workload in self.workloads for dtype in self.dtypes]
        for workload, dtype in pairs:
            for size in workload.sizes:
                self.cells.append(measure(workload, size, dtype, self.peers, self.options.threads, seconds))
                self.say(tables.block(self.cells[-1]))
        for workload, dtype in pairs:
            if workload.kind == "elementwise":
                found = accuracies(workload, dtype, self.peers)
                self.accuracies += found
                self.say("\n".join(map(tables.accuracy, found)))
        if not self.options.only or FIRST in self.options.only:
            self.figures = figures(self.options.quick)
            self.say("\n".join(map(str, self.figures)))

    def machine(self) -> str:
        """Where this runs."""
        used = f"{os.cpu_count()} processors, {self.options.threads} used"
        return f"{platform.machine()}, {used}, Python {platform.python_version()}"

    def heading(self) -> str:
        """The machine, and who is there."""
        present = ", ".join(f"{peer.name} {peer.version()}" for peer in self.peers) or "none"
        absent = ", ".join(f"{name} ({why})" for name, why in self.absent.items()) or "none"
        return f"{self.machine()}\npeers: {present}\nabsent: {absent}\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "machine": self.machine(),
            "peers": {peer.name: peer.version() for peer in self.peers},
            "absent": self.absent,
            "cells": [cell.to_dict() for cell in self.cells],
            "accuracy": [each.to_dict() for each in self.accuracies],
            "figures": [vars(figure) for figure in self.figures],
            "goals": [vars(goal) for goal in judged(self.cells, self.accuracies, self.figures)],
        }
