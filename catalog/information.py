"""Information: entropies and divergences, in nats unless the name says bits."""

from derive.formulas import (
    Example,
    Formula,
    Rational,
    Sum,
    arrays,
    dims,
    exp,
    indices,
    inverse,
    log,
    log_determinant,
    pi,
    positive,
    scalars,
    simplex,
    spd,
    sqrt,
    unit,
    within,
)

k, m, n, d = dims("k m n d")
i, j, t, e, a, b = indices(i=k, j=k, t=m, r=n, s=d, g=d)
p, q, mi, z, pz = arrays(p=k, q=k, m=k, z=k, u=k)
pz = arrays(p=k)[0]
P, ai, bj, pn = arrays(P=(k, m), a=k, b=m, p=n)
m1, m2, S1, S2, ed = arrays(mu1=d, mu2=d, S1=(d, d), S2=(d, d), e=d)
H, D, v, p0, q0, sigma, rho, alpha = scalars("H D v p q sigma rho alpha")
mu1, s1, mu2, s2, r1, r2 = scalars("mu1 sigma1 mu2 sigma2 rate1 rate2")

COVER = "Cover and Thomas, Elements of Information Theory (2006)"

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

self_information = Formula(
    "Surprise in bits",
    given=[unit(p0)],
    let={v: -log(p0) / log(2)},
    wrt=[p0],
    claims={p0: "-1 / (p * log(2))"},
    aliases=("surprisal_bits",),
    source=f"{COVER}, section 2.1",
    tags=(
        "bits",
        "scalar",
    ),
    explanation="How many yes-or-no questions an event is worth.",
)

entropy_bits = Formula(
    "Entropy in bits",
    given=[simplex(p)],
    let={v: -Sum(p[i] * log(p[i]) / log(2), i)},
    wrt=[p],
    claims={p: "-(log(p) + 1) / log(2)"},
    source=f"{COVER}, eq. 2.1",
    tags=("bits",),
    explanation="How many yes-or-no questions it takes on average.",
    worked=[
        Example(([0.5, 0.5],), 1),
    ],
)

binary_entropy = Formula(
    "Entropy of a coin",
    given=[unit(p0)],
    let={v: -p0 * log(p0) - (1 - p0) * log(1 - p0)},
    wrt=[p0],
    claims={p0: "log(1 - p) - log(p)"},
    source=f"{COVER}, eq. 2.5",
    tags=(
        "scalar",
        "concave",
    ),
    explanation="Largest for a fair coin.",
)

binary_entropy_bits = Formula(
    "Entropy of a coin in bits",
    given=[unit(p0)],
    let={v: -p0 * log(p0) / log(2) - (1 - p0) * log(1 - p0) / log(2)},
    wrt=[p0],
    claims={p0: "(log(1 - p) - log(p)) / log(2)"},
    source=f"{COVER}, eq. 2.5",
    tags=(
        "bits",
        "scalar",
        "concave",
    ),
    explanation="One bit for a fair coin, next to nothing for a loaded one.",
    worked=[
        Example((0.5,), 1),
        Example((0.99,), 0.0807931358959),
    ],
)

cross_entropy = Formula(
    "Cross-entropy",
    given=[simplex(p), simplex(q)],
    let={v: -Sum(p[i] * log(q[i]), i)},
    wrt=[p, q],
    claims={p: "-log(q)", q: "-p / q"},
    source=f"{COVER}, section 5.4",
    tags=("divergence",),
    explanation="The length of a code for q on samples of p.",
)

js_divergence = Formula(
    "Jensen-Shannon divergence",
    given=[simplex(p), simplex(q)],
    let={mi[i]: (p[i] + q[i]) / 2, v: Sum(p[i] * log(p[i] / mi[i]), i) / 2 + Sum(q[i] * log(q[i] / mi[i]), i) / 2},
    wrt=[p, q],
    claims={p: "(1/2) * log(p / m)", q: "(1/2) * log(q / m)"},
    source="Lin, Divergence measures based on the Shannon entropy (1991)",
    tags=("divergence",),
    explanation="Both compared with their mean: symmetric, and never infinite.",
)

joint_entropy = Formula(
    "Joint entropy",
    given=[positive(P)],
    let={v: -Sum(P[i, t] * log(P[i, t]), i, t)},
    wrt=[P],
    claims={P: "-log(P) - 1"},
    source=f"{COVER}, eq. 2.8",
    tags=("matrix",),
    explanation="How uncertain a pair is.",
)

mutual_information = Formula(
    "Mutual information",
    given=[positive(P)],
    let={ai[i]: Sum(P[i, t], t), bj[t]: Sum(P[i, t], i), v: Sum(P[i, t] * log(P[i, t] / (ai[i] * bj[t])), i, t)},
    wrt=[P],
    claims={},
    source=f"{COVER}, eq. 2.28",
    tags=("matrix",),
    explanation="What one tells about the other.",
)

conditional_entropy = Formula(
    "Conditional entropy",
    given=[positive(P)],
    let={ai[i]: Sum(P[i, t], t), v: -Sum(P[i, t] * log(P[i, t] / ai[i]), i, t)},
    wrt=[P],
    claims={"P": "log(diag(P @ ones(m)) @ outer(ones(k), ones(m))) - log(P)"},
    source=f"{COVER}, eq. 2.10",
    tags=("matrix",),
    explanation="What is left to learn of the second when the first is known.",
)

perplexity = Formula(
    "Perplexity",
    given=[simplex(p)],
    let={v: exp(-Sum(p[i] * log(p[i]), i))},
    wrt=[p],
    claims={p: "-v * (log(p) + 1)"},
    source=f"{COVER}, section 2.1",
    tags=("scalar",),
    explanation="As uncertain as a fair die with so many sides.",
)

sequence_perplexity = Formula(
    "Perplexity of a sequence",
    given=[unit(pn)],
    let={v: exp(-Sum(log(pn[e]), e) / n)},
    wrt=[pn],
    claims={pn: "-v / (n * p)"},
    source="Jelinek et al., Perplexity: a measure of the difficulty of speech recognition tasks (1977)",
    tags=("language",),
    explanation="Among how many words a model is undecided on average.",
)

softmax_entropy = Formula(
    "Entropy of a softmax",
    given=[z],
    let={pz[i]: exp(z[i]) / Sum(exp(z[j]), j), H: -Sum(pz[i] * log(pz[i]), i)},
    wrt=[z],
    claims={z: "-p * (log(p) + H)"},
    source="Grandvalet and Bengio, Semi-supervised learning by entropy minimization (2005)",
    tags=("classification",),
    explanation="How undecided a classifier is.",
)

kl_bernoulli = Formula(
    "Divergence of two coins",
    given=[unit(p0), unit(q0)],
    let={v: p0 * log(p0 / q0) + (1 - p0) * log((1 - p0) / (1 - q0))},
    wrt=[p0, q0],
    claims={p0: "log(p / q) - log((1 - p) / (1 - q))", q0: "(q - p) / (q * (1 - q))"},
    source=f"{COVER}, section 2.3",
    tags=(
        "divergence",
        "scalar",
    ),
    explanation="How hard it is to take one coin for the other.",
)

kl_normal = Formula(
    "Divergence of two normal distributions",
    given=[mu1, positive(s1), mu2, positive(s2)],
    let={v: log(s2 / s1) + (s1**2 + (mu1 - mu2) ** 2) / (2 * s2**2) - Rational(1, 2)},
    wrt=[mu1, s1, mu2, s2],
    claims={
        mu1: "(mu1 - mu2) / sigma2**2",
        s1: "sigma1 / sigma2**2 - 1 / sigma1",
        mu2: "-(mu1 - mu2) / sigma2**2",
        s2: "1 / sigma2 - (sigma1**2 + (mu1 - mu2)**2) / sigma2**3",
    },
    source=f"{COVER}, section 8.5",
    tags=(
        "divergence",
        "scalar",
    ),
    explanation="Zero for the same bell curve only.",
)

kl_multivariate_normal = Formula(
    "Divergence of two multivariate normal distributions",
    given=[m1, spd(S1), m2, spd(S2)],
    let={
        ed[a]: m2[a] - m1[a],
        v: (
            Sum(inverse(S2)[a, b] * S1[b, a], a, b)
            + Sum(ed[a] * inverse(S2)[a, b] * ed[b], a, b)
            - d
            + log_determinant(S2)
            - log_determinant(S1)
        )
        / 2,
    },
    wrt=[m1, S1, m2, S2],
    claims={
        m1: "-inv(S2) @ (mu2 - mu1)",
        m2: "inv(S2) @ (mu2 - mu1)",
        S1: "(1/2) * (inv(S2) - inv(S1))",
        S2: "(1/2) * (inv(S2) - inv(S2) @ (S1 + outer(mu2 - mu1, mu2 - mu1)) @ inv(S2))",
    },
    source=f"{COVER}, section 8.5",
    tags=(
        "divergence",
        "matrix",
    ),
    explanation="Shapes and centres of two clouds compared.",
)

kl_exponential = Formula(
    "Divergence of two exponential distributions",
    given=[positive(r1), positive(r2)],
    let={v: log(r1 / r2) + r2 / r1 - 1},
    wrt=[r1, r2],
    claims={r1: "1/rate1 - rate2/rate1**2", r2: "1/rate1 - 1/rate2"},
    source=f"{COVER}, section 8.5",
    tags=(
        "divergence",
        "scalar",
    ),
    explanation="How different two waiting times are.",
)

entropy_normal = Formula(
    "Entropy of a normal distribution",
    given=[positive(sigma)],
    let={v: log(2 * pi * sigma**2) / 2 + Rational(1, 2)},
    wrt=[sigma],
    claims={sigma: "1 / sigma"},
    aliases=("differential_entropy",),
    source=f"{COVER}, eq. 8.9",
    tags=("scalar",),
    explanation="The largest entropy for a given variance.",
)

mutual_information_normal = Formula(
    "Mutual information of correlated normals",
    given=[within("in (-1,1)")(rho)],
    let={v: -log(1 - rho**2) / 2},
    wrt=[rho],
    claims={rho: "rho / (1 - rho**2)"},
    source=f"{COVER}, example 8.5.1",
    tags=("scalar",),
    explanation="Nothing for no correlation, without bound for a perfect one.",
)

renyi_entropy = Formula(
    "Rényi's entropy",
    given=[simplex(p), positive(alpha)],
    let={v: log(Sum(p[i] ** alpha, i)) / (1 - alpha)},
    wrt=[p],
    claims={p: "alpha * p**(alpha - 1) / ((1 - alpha) * sum(p**alpha))"},
    source="Rényi, On measures of entropy and information (1961)",
    tags=("vector",),
    explanation="A family of entropies; Shannon's is the limit at one.",
)

hellinger_squared = Formula(
    "Squared Hellinger distance",
    given=[simplex(p), simplex(q)],
    let={v: Sum((sqrt(p[i]) - sqrt(q[i])) ** 2, i) / 2},
    wrt=[p, q],
    claims={p: "(1/2) * (1 - sqrt(q / p))", q: "(1/2) * (1 - sqrt(p / q))"},
    source="Hellinger, Neue Begründung der Theorie quadratischer Formen (1909)",
    tags=("distance",),
    explanation="Half the squared distance of the square roots.",
)

gini_impurity = Formula(
    "Gini impurity",
    given=[simplex(p)],
    let={v: 1 - Sum(p[i] ** 2, i)},
    wrt=[p],
    claims={p: "-2 * p", (p, p): "-2 * eye(k)"},
    source="Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984)",
    tags=("concave",),
    explanation="How often two draws disagree.",
)
