"""The benchmarks measure what they say: everybody computes the truth, and goals are judged by the numbers."""

import math

import numpy as np
import pytest

from benchmarks import goals
from benchmarks.accuracy import accuracies
from benchmarks.derivation import Figure
from benchmarks.measuring import Cell, Timed, measure
from benchmarks.peers import PEERS, installed
from benchmarks.workloads import WORKLOADS, find

FOUND, ABSENT = installed()
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def small(workload):
    return tuple(min(size, 12) for size in workload.sizes[-1])


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_everybody_computes_the_truth(workload):
    plain = [peer for peer in FOUND if peer.name in ("numpy", "numexpr", "lambdify")]
    cell = measure(workload, small(workload), "float64", plain, seconds=0.0)
    assert not cell.failed
    assert cell.of("ours")
    for timed in (*cell.of("ours"), *cell.of("peer")):
        assert timed.error < (50 if workload.kind == "elementwise" else 1e-13), timed.name


def test_peers_are_found_or_said_to_be_absent():
    assert {peer.name for peer in FOUND} | ABSENT.keys() == set(PEERS)
    for peer in FOUND:
        assert any(peer.computes(workload.name) for workload in WORKLOADS), peer.name


def test_workloads_are_found_by_their_words():
    assert {w.name for w in find(["ADBench"])} == {"gmm"}
    assert {w.kind for w in find(["regression"])} >= {"regression"}
    assert find([]) == WORKLOADS


def test_accuracy_sees_a_tail_that_is_lost():
    class Lossy:
        name = "lossy"

        def computes(self, workload):
            return True

        def subject(self, workload, inputs):
            x = inputs["x"]
            s = 1 / (1 + np.exp(-x))
            return lambda: s * (1 - s)

        def take(self, result):
            return [result]

    found = {a.name: a for a in accuracies(BY_NAME["sigmoid"], "float32", [Lossy()])}
    assert found["lossy"].wrong > 50
    assert found["lossy"].ulp > 1e4
    assert found["derive"].wrong == 0


def cell(name, ours, peer=None, limit=None, size=(10_000_000,), **more):
    timed = [Timed("derive", "ours", ours, 0.0)]
    timed += [Timed("jax", "peer", peer, 0.0)] if peer else []
    timed += [Timed("limit", "limit", limit)] if limit else []
    return Cell(BY_NAME[name], size, "float64", more.get("bytes", 10**8), tuple(timed))


CASES = [
    ([cell("sigmoid", 1.0, peer=3.0, limit=0.7)], {1: [True, True, True]}),
    ([cell("sigmoid", 1.0, peer=2.0, limit=0.6)], {1: [False, False, True]}),
    ([cell("tanh", 1.0, peer=3.0), cell("gelu", 1.0, peer=0.9, bytes=8)], {1: [True, None, False]}),
    ([cell("mse", 1.2, peer=1.2, limit=1.0)], {2: [True, True, None]}),
    ([cell("quadratic_hessian", 1.0, peer=1.9)], {2: [None, None, False], 8: [True]}),
    ([cell("mlp_batch", 1.3, limit=1.0)], {3: [False]}),
    ([cell("tiny_mse", 9e-7), cell("sigmoid", 1.1e-6, size=(1,))], {4: [False]}),
]


@pytest.mark.parametrize(("cells", "expected"), CASES)
def test_goals_are_judged_by_the_numbers(cells, expected):
    judged = goals.judged(cells, [], [Figure("x", "y", 5, True)])
    for number in range(1, 9):
        verdicts = [j.met for j in judged if j.goal == number]
        assert verdicts == expected.get(number, [True] if number == 5 else [None] * len(verdicts)), number


def test_the_machine_is_the_limit_of_a_cell():
    found = cell("sigmoid", 2.0, peer=6.0, limit=1.0)
    assert (found.lead, found.beyond) == (3.0, 2.0)
    assert math.isclose(found.to_dict()["faster_than_best_peer"], 3.0)
