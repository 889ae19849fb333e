"""Information: entropies and divergences, in nats."""

from derive.formulas import Formula, Sum, arrays, dims, indices, log, scalars, simplex

(k,) = dims("k")
(i,) = indices(i=k)
p, q = arrays(p=k, q=k)
H, D = scalars("H D")

entropy = Formula(
    "Entropy",
    given=[simplex(p)],
    let={H: -Sum(p[i] * log(p[i]), i)},
    wrt=[p],
    claims={p: "-log(p) - 1", (p, p): "-diag(1 / p)"},
    aliases=("shannon_entropy",),
    source="Cover and Thomas, Elements of Information Theory (2006), eq. 2.1",
    tags=("concave",),
    explanation="The average surprise of a distribution: largest when every outcome is equally likely.",
)

kl_divergence = Formula(
    "Kullback-Leibler divergence",
    given=[simplex(p), simplex(q)],
    let={D: Sum(p[i] * log(p[i] / q[i]), i)},
    wrt=[p, q],
    claims={p: "log(p / q) + 1", q: "-p / q", (q, q): "diag(p / q**2)"},
    aliases=("kullback_leibler", "relative_entropy"),
    source="Cover and Thomas, Elements of Information Theory (2006), eq. 2.26",
    tags=("convex",),
    explanation="What it costs to take q for p: zero only when they are the same.",
)
