"""Directions along which a function bends downwards, found in the eigenvectors of its Hessian at a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from derive.domains import Domain
from derive.program import Program
from derive.verification.oracle import evaluate
from derive.verification.sampling import Sample

SURELY = -1e-9


def _directions(domain: Domain, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Orthonormal directions a variable may move in, as columns: symmetric ones for a symmetric matrix."""
    size = int(np.prod(shape))
    if not domain.symmetric:
        return np.eye(size)
    columns = []
    for i in range(shape[0]):
        for j in range(i + 1):
            one = np.zeros(shape)
            one[i, j] = one[j, i] = 1 if i == j else 0.5**0.5
            columns.append(one.ravel())
    return np.array(columns).T


def _block_diagonal(blocks: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    whole = np.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)))
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole


def joint_hessian(
    values: Mapping[str, NDArray[np.float64]], outputs: Sequence[str], sizes: Sequence[int]
) -> NDArray[np.float64]:
    """The blocks of a Hessian, row by row, as one matrix; `sizes` count the entries of each variable."""
    blocks = iter(outputs)
    rows = [np.hstack([values[next(blocks)].reshape(rows, columns) for columns in sizes]) for rows in sizes]
    return np.vstack(rows)


def most_negative(program: Program, outputs: Sequence[str], wrt: Sequence[str], point: Sample) -> str | None:
    """A description of a direction of negative curvature at a point, when there is one.

    `outputs` are the blocks of the Hessian, row by row over `wrt`.
    """
    values = evaluate(program, point.inputs, digits=None)
    whole = joint_hessian(values, outputs, [int(np.size(point.inputs[name])) for name in wrt])
    allowed = _block_diagonal([_directions(program.array(name).domain, np.shape(point.inputs[name])) for name in wrt])
    whole = allowed.T @ whole @ allowed
    if not whole.size or not np.isfinite(whole).all():
        return None
    bends, directions = np.linalg.eigh((whole + whole.T) / 2)
    if bends[0] > SURELY * (1 + abs(bends[-1])):
        return None
    shown = np.array2string(
        allowed @ directions[:, 0], precision=3, suppress_small=True, separator=", ", max_line_width=10**6
    )
    at = ", ".join(f"{name} = {np.array2string(np.asarray(point.inputs[name]), precision=3)}" for name in wrt)
    return f"along {shown.strip()} at {at.replace(chr(10), '')} it bends by {bends[0]:.3g}"
