"""Activations: what a unit of a network does to its input."""

from derive.formulas import Formula, Sum, arrays, dims, exp, indices, log, maximum, scalars

(k,) = dims("k")
i, j = indices(i=k, j=k)
z, p = arrays(z=k, p=k)
x, s, t, r, f, v = scalars("x s t r f v")

sigmoid = Formula(
    "Logistic sigmoid",
    given=[x],
    let={s: 1 / (1 + exp(-x))},
    wrt=[x],
    claims={x: "sigmoid(x) * (1 - sigmoid(x))"},
    aliases=("logistic_function",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.59 and 4.88",
    tags=("activation", "scalar"),
    explanation="Turns any number into one between 0 and 1; its slope is largest in the middle.",
)

tanh = Formula(
    "Hyperbolic tangent",
    given=[x],
    let={t: (exp(x) - exp(-x)) / (exp(x) + exp(-x))},
    wrt=[x],
    claims={x: "1 - tanh(x)**2"},
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.3.2",
    tags=("activation", "scalar"),
    explanation="Turns any number into one between -1 and 1, with slope 1 at the origin.",
)

relu = Formula(
    "Rectified linear unit",
    given=[x],
    let={r: maximum(x, 0)},
    wrt=[x],
    claims={x: "x > 0"},
    aliases=("rectifier",),
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.3.1",
    tags=("activation", "scalar", "kink"),
    explanation="Lets positive numbers through and stops the others; at the kink the derivative is taken as 0.",
)

softplus = Formula(
    "Softplus",
    given=[x],
    let={f: log(1 + exp(x))},
    wrt=[x],
    claims={x: "sigmoid(x)"},
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), eq. 3.31",
    tags=("activation", "scalar"),
    explanation="A smooth rectifier: nearly 0 far to the left, nearly x far to the right.",
)

softmax = Formula(
    "Softmax",
    given=[z],
    let={p[i]: exp(z[i]) / Sum(exp(z[j]), j)},
    wrt=[z],
    claims={z: "diag(p) - outer(p, p)"},
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.104 and 4.106",
    tags=("activation", "vector"),
    explanation="Turns scores into probabilities: larger scores get more, and all of them sum to one.",
)

logsumexp = Formula(
    "Log-sum-exp",
    given=[z],
    let={v: log(Sum(exp(z[j]), j))},
    wrt=[z],
    claims={z: "softmax(z)", (z, z): "diag(softmax(z)) - outer(softmax(z), softmax(z))"},
    aliases=("lse",),
    source="Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5",
    tags=("activation", "vector", "convex"),
    explanation="A smooth maximum: never below the largest score, and never more than log k above it.",
)
