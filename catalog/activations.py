"""Activations: what a unit of a network does to its input."""

import derive.formulas as fn
from derive.formulas import (
    Example,
    Formula,
    Maximum,
    Rational,
    Sum,
    arrays,
    dims,
    indices,
    log,
    maximum,
    minimum,
    positive,
    scalars,
    unit,
    where,
)

k, d = dims("k d")
i, j = indices(i=k, j=k)
unit_index = indices(i=d)[0]
z, p, q = arrays(z=k, p=k, q=k)
a, b, yd = arrays(a=d, b=d, y=d)
x, s, t, r, f, v, u, alpha, omega, T, y, p0 = scalars("x s t r f v u alpha omega T y p")

GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning (2016)"
exp = fn.exp

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
    worked=[
        Example((0,), 0.5, x=0.25),
    ],
)

tanh = Formula(
    "Hyperbolic tangent",
    given=[x],
    let={t: (exp(x) - exp(-x)) / (exp(x) + exp(-x))},
    wrt=[x],
    claims={x: "1 - tanh(x)**2"},
    source=f"{GOODFELLOW}, section 6.3.2",
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
    source=f"{GOODFELLOW}, section 6.3.1",
    tags=("activation", "scalar", "kink"),
    explanation="Passes what is positive and stops the rest.",
    worked=[
        Example((-1,), x=0),
        Example((0,), x=0),
        Example((2,), x=1),
    ],
)

leaky_relu = Formula(
    "Leaky rectified linear unit",
    given=[x, unit(alpha)],
    let={r: where(x > 0, x, alpha * x)},
    wrt=[x, alpha],
    claims={x: "where(x > 0, 1, alpha)", alpha: "where(x > 0, 0, x)"},
    aliases=("prelu",),
    source="He, Zhang, Ren and Sun, Delving deep into rectifiers (2015), eq. 1",
    tags=("activation", "scalar", "kink"),
    explanation="Lets a little of the negative side through, so that a unit can never be dead.",
)

elu = Formula(
    "Exponential linear unit",
    given=[x, positive(alpha)],
    let={r: where(x > 0, x, alpha * (exp(x) - 1))},
    wrt=[x, alpha],
    claims={x: "where(x > 0, 1, alpha * exp(x))", alpha: "where(x > 0, 0, exp(x) - 1)"},
    source="Clevert, Unterthiner and Hochreiter, Exponential linear units (2016), eq. 15",
    tags=("activation", "scalar", "kink"),
    explanation="Linear above zero, and an exponential approach to -α below.",
)

_L = Rational("1.0507009873554804934193349852946")
_A = Rational("1.6732632423543772848170429916717")
selu = Formula(
    "Scaled exponential linear unit",
    given=[x],
    let={r: where(x > 0, _L * x, _L * _A * (exp(x) - 1))},
    wrt=[x],
    claims={},
    source="Klambauer, Unterthiner, Mayr and Hochreiter, Self-normalizing neural networks (2017), eq. 2",
    tags=("activation", "scalar", "kink"),
    explanation="An exponential linear unit whose two constants keep the variance of signals at one.",
)

softplus = Formula(
    "Softplus",
    given=[x],
    let={f: log(1 + exp(x))},
    wrt=[x],
    claims={x: "sigmoid(x)", (x, x): "sigmoid(x) * (1 - sigmoid(x))"},
    aliases=("smooth_relu",),
    source=f"{GOODFELLOW}, section 3.10",
    tags=("activation", "scalar", "convex"),
    explanation="A rectifier with a rounded corner.",
)

softsign = Formula(
    "Softsign",
    given=[x],
    let={f: x / (1 + fn.absolute(x))},
    wrt=[x],
    claims={},
    source="Glorot and Bengio, Understanding the difficulty of training deep networks (2010), section 3",
    tags=("activation", "scalar"),
    explanation="Like the hyperbolic tangent, with tails that flatten more slowly.",
)

gelu = Formula(
    "Gaussian error linear unit",
    given=[x],
    let={y: x / 2 * (1 + fn.erf(x / fn.sqrt(2)))},
    wrt=[x],
    claims={x: "normal_cdf(x) + x * normal_pdf(x)"},
    source="Hendrycks and Gimpel, Gaussian error linear units (2016), section 2",
    tags=("activation", "scalar"),
    explanation="Weighs its input by the probability that a standard normal number is smaller.",
)

gelu_tanh = Formula(
    "Gaussian error linear unit, the approximation by a hyperbolic tangent",
    given=[x],
    let={u: fn.sqrt(2 / fn.pi) * (x + Rational("0.044715") * x**3), y: x / 2 * (1 + fn.tanh(u))},
    wrt=[x],
    claims={x: "(1 + tanh(u))/2 + x/2 * (1 - tanh(u)**2) * sqrt(2/pi) * (1 + 0.134145 * x**2)"},
    source="Hendrycks and Gimpel, Gaussian error linear units (2016), section 2",
    tags=("activation", "scalar"),
    explanation="What was computed before the error function was cheap; it differs in the third digit.",
)

silu = Formula(
    "Sigmoid linear unit",
    given=[x],
    let={y: x / (1 + exp(-x))},
    wrt=[x],
    claims={x: "sigmoid(x) * (1 + x * (1 - sigmoid(x)))"},
    aliases=("swish",),
    source="Ramachandran, Zoph and Le, Searching for activation functions (2017), section 3",
    tags=("activation", "scalar"),
    explanation="The input times its own sigmoid: a rectifier that dips a little below zero.",
)

mish = Formula(
    "Mish",
    given=[x],
    let={y: x * fn.tanh(log(1 + exp(x)))},
    wrt=[x],
    claims={x: "tanh(softplus(x)) + x * sigmoid(x) * (1 - tanh(softplus(x))**2)"},
    source="Misra, Mish: a self regularized non-monotonic activation function (2019), eq. 1",
    tags=("activation", "scalar"),
    explanation="The input times the hyperbolic tangent of its softplus.",
)

hard_sigmoid = Formula(
    "Sigmoid made of straight lines",
    given=[x],
    let={y: minimum(1, maximum(0, x / 6 + Rational(1, 2)))},
    wrt=[x],
    claims={},
    source="Howard et al., Searching for MobileNetV3 (2019), section 5.2",
    tags=("activation", "scalar", "kink"),
    explanation="A sigmoid for hardware without exponentials.",
)

hard_swish = Formula(
    "Swish made of straight lines and a parabola",
    given=[x],
    let={y: x * minimum(1, maximum(0, x / 6 + Rational(1, 2)))},
    wrt=[x],
    claims={},
    source="Howard et al., Searching for MobileNetV3 (2019), section 5.2",
    tags=("activation", "scalar", "kink"),
    explanation="The input times a sigmoid made of straight lines.",
)

hard_tanh = Formula(
    "Hyperbolic tangent made of straight lines",
    given=[x],
    let={y: minimum(1, maximum(-1, x))},
    wrt=[x],
    claims={},
    source=f"{GOODFELLOW}, section 6.3.3",
    tags=("activation", "scalar", "kink"),
    explanation="The input, cut off at -1 and 1.",
)

siren = Formula(
    "Sine activation",
    given=[x, positive(omega)],
    let={y: fn.sin(omega * x)},
    wrt=[x, omega],
    claims={x: "omega * cos(omega * x)", omega: "x * cos(omega * x)"},
    aliases=("sine_activation",),
    source="Sitzmann et al., Implicit neural representations with periodic activation functions (2020), eq. 4",
    tags=("activation", "scalar"),
    explanation="A wave instead of a step, for signals with fine detail.",
)

log_sigmoid = Formula(
    "Logarithm of the sigmoid",
    given=[x],
    let={y: -log(1 + exp(-x))},
    wrt=[x],
    claims={x: "1 - sigmoid(x)"},
    aliases=("logsigmoid",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.2",
    tags=("activation", "scalar", "concave"),
    explanation="The log-probability of the positive class, computed without underflow.",
)

logit = Formula(
    "Logit",
    given=[unit(p0)],
    let={y: log(p0 / (1 - p0))},
    wrt=[p0],
    claims={p0: "1 / (p * (1 - p))"},
    aliases=("log_odds",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.60",
    tags=("scalar",),
    explanation="The logarithm of the odds: the inverse of the sigmoid.",
)

softmax = Formula(
    "Softmax",
    given=[z],
    let={p[i]: exp(z[i]) / Sum(exp(z[j]), j)},
    wrt=[z],
    claims={z: "diag(p) - outer(p, p)"},
    aliases=("normalized_exponential",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.62 and 4.106",
    tags=("activation", "vector", "probability"),
    explanation="Turns any scores into probabilities that sum to one.",
)

softmax_temperature = Formula(
    "Softmax with a temperature",
    given=[z, positive(T)],
    let={p[i]: exp(z[i] / T) / Sum(exp(z[j] / T), j)},
    wrt=[z, T],
    claims={z: "(diag(p) - outer(p, p)) / T"},
    source="Hinton, Vinyals and Dean, Distilling the knowledge in a neural network (2015), eq. 1",
    tags=("activation", "vector", "probability"),
    explanation="High temperatures make the probabilities equal, low ones pick the largest score.",
)

log_softmax = Formula(
    "Logarithm of the softmax",
    given=[z],
    let={q[i]: z[i] - log(Sum(exp(z[j]), j))},
    wrt=[z],
    claims={z: "eye(k) - outer(ones(k), softmax(z))"},
    aliases=("logsoftmax",),
    source=f"{GOODFELLOW}, section 6.2.2.3",
    tags=("activation", "vector", "probability"),
    explanation="Log-probabilities straight from scores, without rounding a probability to zero first.",
)

logsumexp = Formula(
    "Log-sum-exp",
    given=[z],
    let={v: log(Sum(exp(z[j]), j))},
    wrt=[z],
    claims={z: "softmax(z)", (z, z): "diag(softmax(z)) - outer(softmax(z), softmax(z))"},
    aliases=("lse",),
    source="Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5",
    tags=("activation", "convex"),
    explanation="A smooth maximum: never below the largest score, and never more than log k above it.",
    worked=[
        Example(([1000, 1000],), 1000.69314718056),
    ],
)

maxout = Formula(
    "Maxout unit",
    given=[z],
    let={v: Maximum(z[j], j)},
    wrt=[z],
    claims={z: "z == v"},
    aliases=("max_unit",),
    source="Goodfellow et al., Maxout networks (2013), section 3",
    tags=("activation", "kink", "convex"),
    explanation="The largest of several scores; only the winner learns.",
)

swiglu = Formula(
    "Gated linear unit with a swish gate",
    given=[a, b],
    let={yd[unit_index]: a[unit_index] / (1 + exp(-a[unit_index])) * b[unit_index]},
    wrt=[a, b],
    claims={
        a: "diag(b * sigmoid(a) * (1 + a * (1 - sigmoid(a))))",
        b: "diag(a * sigmoid(a))",
    },
    source="Shazeer, GLU variants improve transformer (2020), eq. 5",
    tags=("activation", "vector"),
    explanation="One vector passes as far as the swish of the other opens the gate.",
)
