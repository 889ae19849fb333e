"""The small vocabulary that rules take their examples from.

Every rule's example is written over these names, so that one law can draw numbers for them and test every row.
"""

from __future__ import annotations

from derive.calculus.rewriting import Context
from derive.formulas import arrays, binary, dims, indices, positive, scalars, simplex, within
from derive.program import Array, Equation, Sum

n, m = dims("n m")
i, j, k, g, h, l = indices(i=n, j=n, k=n, g=n, h=n, l=m)
x, y, c, u, label = scalars("x y c u label")
a, b, p, q, s, t = arrays(a=n, b=n, p=n, q=n, s=n, t=n)
A, B, S, R = arrays(A=(n, n), B=(n, m), S=(n, n), R=(n, n))
PRODUCT = Equation("Q", (i, j), Sum(S[i, k] * R[k, j], k))  # a matrix with a definition

SAMPLES: dict[str, Array] = {
    array.name: array
    for array in (
        Array("x"),
        Array("y"),
        Array("c"),
        positive(u),
        binary(label),
        a,
        b,
        simplex(p),
        positive(q),
        s,
        t,
        A,
        B,
        within("spd")(S),
        within("invertible")(R),
    )
}
CONTEXT = Context(arrays=SAMPLES, constraints=frozenset(SAMPLES), definitions=(PRODUCT,))
