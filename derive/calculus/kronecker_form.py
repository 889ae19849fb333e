"""Second derivatives by a matrix, compressed: four axes as Kronecker products of two.

With the rows of the variable put one after the other, the Hessian by a matrix X is itself a matrix: row (i, j),
column (k, l). A term `A[i, k] B[j, l]` is `A ⊗ B` then, a term `A[i, j] B[k, l]` is `vec(A) vec(B)ᵀ`, and a term
`A[i, l] B[j, k]` is `(A ⊗ B) K`, where K takes vec(X) to vec(Xᵀ). (J. R. Magnus, H. Neudecker, Matrix Differential
Calculus, 2019, chapter 3, with rows for columns.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, Mul

from derive.calculus.matrix_reading import NoForm, edge_between, opened, product_graph, scalar_in_front
from derive.calculus.matrix_rules import flattened
from derive.notation.tree import Tree
from derive.notation.writing import write_unicode
from derive.program import Equation, Index

PAIRS = {"kron": ((0, 2), (1, 3)), "vec": ((0, 1), (2, 3)), "turned": ((0, 3), (1, 2))}


@dataclass(frozen=True)
class Piece:
    """One term: how its two matrices lie between the four axes, a number, and the matrices."""

    kind: str
    scale: Tree
    left: Tree
    right: Tree


def kronecker_form(equation: Equation) -> tuple[Piece, ...] | None:
    """The terms of an equation with four axes, or None where one of them is no such product."""
    if len(equation.indices) != 4:
        return None
    try:
        terms = [flattened(term) for term in opened(equation.value)]
        return tuple(_piece(Mul(*factors), tuple(bound), equation.indices) for factors, bound in terms)
    except NoForm:
        return None


def _piece(body: Expr, bound: tuple[Index, ...], axes: Sequence[Index]) -> Piece:
    graph, number = product_graph(body, bound)
    for kind, pairs in PAIRS.items():
        ends = [(axes[a], axes[b]) for a, b in pairs]
        if all(key in [frozenset(pair) for pair in ends] for key in graph.edges):
            left, right = (edge_between(graph, *pair) for pair in ends)
            if left is not None and right is not None:
                scale = scalar_in_front(graph, number)
                return Piece(kind, scale.tree, left.tree, right.tree)
    raise NoForm


def written(pieces: Sequence[Piece], ranks: dict[str, int]) -> str:
    """The terms on one line."""
    words = []
    for piece in pieces:
        left, right = (_bracketed(write_unicode(tree, ranks)) for tree in (piece.left, piece.right))
        scale = write_unicode(piece.scale, ranks)
        sign, size = ("−", scale[1:]) if scale.startswith("−") else ("+", scale)
        product = {
            "kron": f"{left} ⊗ {right}",
            "turned": f"({left} ⊗ {right}) K",
            "vec": f"vec({left.strip('()')}) vec({right.strip('()')})ᵀ",
        }[piece.kind]
        whole = product if size == "1" else f"{size} ({product})" if piece.kind == "kron" else f"{size} {product}"
        words.append(f" {sign} {whole}")
    text = "".join(words).removeprefix(" + ")
    return f"−{text.removeprefix(' − ')}" if text.startswith(" − ") else text


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text else text
