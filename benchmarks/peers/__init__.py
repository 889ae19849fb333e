"""The peers: each library in a module, each workload a function under its name, as an expert of that library writes it.

A peer's module says how an array gets in (`bring`), how a function is made ready (`ready`) and run to its end (`run`),
and how results come out (`take`). Its functions take the inputs of a workload in their order. A workload that a library
cannot express well has no function there. To add a peer, write its module and put its name into `PEERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from types import ModuleType
from typing import Any

import numpy as np

PEERS = ("numpy", "numexpr", "lambdify", "numba", "jax", "torch", "pytensor")


@dataclass(frozen=True)
class Peer:
    """A library that is installed."""

    name: str
    module: ModuleType

    def computes(self, workload: str) -> bool:
        """Whether the library has a function for the workload."""
        return hasattr(self.module, workload)

    def version(self) -> str:
        """What is installed."""
        return metadata.version(self.module.PACKAGE)

    def subject(self, workload: str, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The function of a workload, ready to be called on inputs that are where the library wants them."""
        brought = [self.module.bring(value) for value in inputs.values()]
        return self.module.ready(getattr(self.module, workload), brought)

    def take(self, result: Any) -> list[Any]:
        """The arrays of a result."""
        parts = result if isinstance(result, tuple | list) else (result,)
        return [np.asarray(self.module.take(part)) for part in parts]


def installed(wanted: list[str] | None = None) -> tuple[list[Peer], dict[str, str]]:
    """The peers that can be used here, and why the others cannot."""
    found, absent = [], {}
    for name in PEERS:
        if wanted is not None and name not in wanted:
            continue
        try:
            found.append(Peer(name, import_module(f"benchmarks.peers.{name}_peer")))
        except ImportError as error:
            absent[name] = str(error)
    return found, absent
