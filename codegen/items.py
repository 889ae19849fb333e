"""A formula of vectors at many positions of the outer axes: several positions at a time.

Where short vectors come in many rows, a turn of the loop over them is like one over the rows of a matrix: what several
share is loaded once, and functions of one number a row are called for several (`codegen.tiling`). So the loop over
the outer axes can be one of the nest.
"""

from __future__ import annotations

from sympy import Expr

from codegen.loops import Factorise, Loop, Multiply, Nest, everything, innermost, substituted
from codegen.partition import Parts
from codegen.tiling import Tile, entries, tiled
from derive.program import Dim, Index, element, is_element, name_of, positions_of, walk

ITEM = Index("item.", Dim("items."))  # no name of a program has a point
FEW_LOOPS = 4  # innermost loops of a nest that is short enough to be written once more


def several_items(nest: Nest) -> tuple[Parts, Tile] | None:
    """The loop over the outer axes with the nest in it, and the body for several positions; None where none gains."""
    if innermost(nest.body) > FEW_LOOPS or any(isinstance(s, Factorise | Multiply) for s in everything(nest.body)):
        return None
    found = entries(nest.body)
    if any(is_element(part) for entry in found for position in positions_of(entry) for part in walk(position)):
        return None
    moved = {array.name for array in (*nest.inputs, *nest.outputs)}
    lifted: dict[Expr, Expr] = {
        entry: element(name_of(entry), (ITEM, *positions_of(entry))) for entry in found if name_of(entry) in moved
    }
    parts = Parts(Loop(ITEM, tuple(substituted(statement, lifted) for statement in nest.body)), (), nest.workspace)
    tile = tiled(parts)
    return None if tile is None else (parts, tile)
