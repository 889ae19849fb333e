"""The table that makes a raw derivative short: contraction, algebra, functions with names, values with names."""

from __future__ import annotations

from sympy import Expr

from derive.calculus.algebra import ALGEBRA
from derive.calculus.contraction import CONTRACTION
from derive.calculus.folding import FOLDING
from derive.calculus.matrix_rules import MATRIX_RULES
from derive.calculus.recognition import RECOGNITION
from derive.calculus.rewriting import Application, Context, Table, rewrite

SIMPLIFICATION = Table("simplification", CONTRACTION, MATRIX_RULES, ALGEBRA, RECOGNITION, FOLDING)


def simplified(value: Expr, context: Context, trace: list[Application] | None = None) -> Expr:
    """`value` made as short as the rules can make it."""
    return rewrite(value, SIMPLIFICATION, context, trace)
