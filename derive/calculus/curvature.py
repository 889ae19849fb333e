"""Whether a function is convex, as far as the form of its Hessian proves it.

A matrix form is searched for an argument: a sum of positive semidefinite matrices is one, so is `AᵀBA` for such a B, a
diagonal matrix of numbers that are not negative, the inverse of one that is positive definite, and `diag(p) − p pᵀ` for
a distribution p. What is not found this way is not claimed; a direction of negative curvature is found by numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.calculus.matrix_reading import transposed
from derive.domains import Domain
from derive.notation.tree import Binary, Call, Name, Number, Transpose, Tree, Unary
from derive.notation.writing import write_unicode
from derive.primitives import BY_NAME

Domains = Mapping[str, Domain]
Ranks = Mapping[str, int]


@dataclass(frozen=True)
class Curvature:
    """A verdict, and the argument or the counterexample behind it."""

    verdict: str
    why: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.why}" if self.why else self.verdict


def argument(tree: Tree, domains: Domains, ranks: Ranks, definitions: Mapping[str, Tree]) -> str:
    """Why a symmetric matrix, or a number, is positive semidefinite; empty where no reason is found."""
    return _Search(domains, ranks, definitions).semidefinite(tree)


@dataclass(frozen=True)
class _Search:
    domains: Domains
    ranks: Ranks
    definitions: Mapping[str, Tree]

    def shown(self, tree: Tree) -> str:
        return write_unicode(tree, self.ranks)

    # ------------------------------------------------ matrices

    def semidefinite(self, tree: Tree) -> str:
        """The reason why a matrix is positive semidefinite."""
        if isinstance(tree, Name):
            if self.domains.get(tree.name, Domain("real")).structure == "spd":
                return f"{self.shown(tree)} is declared positive definite"
            if tree.name in self.definitions:
                return self.semidefinite(self.definitions[tree.name])
        if isinstance(tree, Transpose):
            return self.semidefinite(tree.arg)
        if isinstance(tree, Call):
            return self.of_call(tree)
        if isinstance(tree, Binary) and tree.op == "-":
            return self.covariance(tree)
        if isinstance(tree, Binary) and tree.op == "+":
            left = self.semidefinite(tree.left)
            right = self.semidefinite(tree.right) if left else ""
            return f"a sum: {left}; {right}" if left and right else ""
        if isinstance(tree, Binary) and tree.op == "*" and self.nonnegative(tree.left):
            return f"{self.shown(tree)} ≥ 0" if self.nonnegative(tree) else self.semidefinite(tree.right)
        if isinstance(tree, Binary) and tree.op == "/" and self.nonnegative(tree.right):
            return self.semidefinite(tree.left)
        if isinstance(tree, Binary) and tree.op == "@":
            return self.sandwich(tree)
        return f"{self.shown(tree)} ≥ 0" if self.nonnegative(tree) else ""

    def of_call(self, tree: Call) -> str:
        if tree.function == "eye":
            return "I is positive definite"
        if tree.function == "zeros":
            return "0"
        if tree.function == "inv":
            inner = self.semidefinite(tree.args[0])
            return f"the inverse of a positive definite matrix: {inner}" if inner else ""
        if tree.function == "diag" and self.nonnegative(tree.args[0]):
            return f"{self.shown(tree)} has no negative entry"
        if tree.function == "outer" and tree.args[0] == tree.args[1]:
            return f"{self.shown(tree)} is the square of a vector"
        return f"{self.shown(tree)} ≥ 0" if self.nonnegative(tree) else ""

    def covariance(self, tree: Binary) -> str:
        """`diag(p) − p pᵀ`, which is the covariance of a draw from p."""
        left, right = tree.left, tree.right
        if not (isinstance(left, Call) and left.function == "diag" and isinstance(right, Call)):
            return f"{self.shown(tree)} ≥ 0" if self.nonnegative(tree) else ""
        p = left.args[0]
        known = self.definitions.get(p.name) if isinstance(p, Name) else p
        simplex = isinstance(p, Name) and self.domains.get(p.name, Domain("real")).structure == "simplex"
        softmax = isinstance(known, Call) and known.function == "softmax"
        if right == Call("outer", (p, p)) and (simplex or softmax):
            return f"{self.shown(tree)} is the covariance of a draw from {self.shown(p)}"
        return f"{self.shown(tree)} ≥ 0" if self.nonnegative(tree) else ""

    def sandwich(self, tree: Binary) -> str:
        """`AᵀBA` with B positive semidefinite."""
        factors: list[Tree] = []
        rest: Tree = tree
        while isinstance(rest, Binary) and rest.op == "@":
            factors.insert(0, rest.right)
            rest = rest.left
        factors.insert(0, rest)
        whole = self.shown(tree)
        while len(factors) >= 2 and transposed(factors[0]) == factors[-1]:
            factors = factors[1:-1]
            if not factors:
                return f"{whole} is a square AᵀA"
            if len(factors) == 1:
                inner = self.semidefinite(factors[0])
                return f"{whole} is AᵀBA, and {inner}" if inner else ""
        return f"{whole} ≥ 0" if self.nonnegative(tree) else ""

    # ------------------------------------------------ numbers and entries

    def nonnegative(self, tree: Tree) -> bool:
        """Whether no entry is below zero."""
        low, _ = self.bounds(tree)
        return low >= 0

    def bounds(self, tree: Tree) -> tuple[float, float]:
        """Bounds of every entry."""
        everything = (-float("inf"), float("inf"))
        if isinstance(tree, Number):
            return float(tree.value), float(tree.value)
        if isinstance(tree, Name):
            if tree.name in self.definitions:
                return self.bounds(self.definitions[tree.name])
            domain = self.domains.get(tree.name)
            if domain is None:
                return (0, float("inf")) if tree.name not in self.ranks else everything
            return domain.lower, domain.upper
        if isinstance(tree, Unary):
            low, high = self.bounds(tree.arg)
            return -high, -low
        if isinstance(tree, Call):
            row = BY_NAME.get(tree.function)
            if tree.function == "softmax":
                return 0, 1
            if tree.function in ("norm", "sqrt"):
                return 0, float("inf")
            if tree.function in ("sum", "trace", "diag", "mean", "max"):
                low, _ = self.bounds(tree.args[0])
                return (0 if low >= 0 else -float("inf")), float("inf")
            return row.range if row else everything
        if isinstance(tree, Binary):
            return self.of_operation(tree)
        return everything

    def of_operation(self, tree: Binary) -> tuple[float, float]:
        (a, b), (c, d) = self.bounds(tree.left), self.bounds(tree.right)
        everything = (-float("inf"), float("inf"))
        if tree.op == "+":
            return a + c, b + d
        if tree.op == "-":
            return a - d, b - c
        if tree.op == "**" and isinstance(tree.right, Number) and tree.right.value.is_even:
            return 0, float("inf")
        if tree.op == "**":
            return (0, float("inf")) if a >= 0 else everything
        if tree.op == "@" and tree.left == tree.right:
            return 0, float("inf")
        if tree.op in ("*", "/", "@") and a >= 0 and c >= 0:
            return 0, 1 if tree.op == "*" and b <= 1 and d <= 1 else float("inf")
        if tree.op in ("*", "/") and tree.left == tree.right:
            return 0, float("inf")
        return everything
