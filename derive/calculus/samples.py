"""The small vocabulary that rules take their examples from.

Every rule's example is written over these names, so that one law can draw numbers for them and test every row.
"""

from __future__ import annotations

from derive.calculus.rewriting import Context
from derive.formulas import arrays, dims, indices, positive, scalars, simplex
from derive.program import Array

n, m = dims("n m")
i, j, k, l = indices(i=n, j=n, k=n, l=m)
x, y, c, u = scalars("x y c u")
a, b, p, q, s, t = arrays(a=n, b=n, p=n, q=n, s=n, t=n)
A, B = arrays(A=(n, n), B=(n, m))

SAMPLES: dict[str, Array] = {
    array.name: array
    for array in (Array("x"), Array("y"), Array("c"), positive(u), a, b, simplex(p), positive(q), s, t, A, B)
}
CONTEXT = Context(arrays=SAMPLES, constraints=frozenset(SAMPLES))
