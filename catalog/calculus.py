"""Calculus: the rules of differentiation, each on its smallest example, and the functions everybody meets."""

import derive.formulas as fn
from derive.formulas import Delta, Example, Formula, Sum, arrays, dims, indices, nonzero, pi, positive, scalars, within

x, y, z, u, f, a, b, c, n, h, t, r, theta, f0, v = scalars("x y z u f a b c n h t r theta f0 v")
d, k, m = dims("d k m")
i, j, l = indices(i=d, j=d, l=d)
two = indices(i=2)[0]
u2 = arrays(u=2)[0]
xd, ad, g, H, zd = arrays(x=d, a=d, g=d, H=(d, d), z=d)
p = arrays(p=k)[0]
each = indices(i=k)[0]

STEWART = "Stewart, Calculus (2015)"

constant = Formula(
    "Constant function",
    given=[x, c],
    let={f: c},
    wrt=[x],
    claims={x: "0"},
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "rule"),
    explanation="What never changes has the derivative zero.",
)

identity = Formula(
    "Identity function",
    given=[x],
    let={f: x},
    wrt=[x],
    claims={x: "1"},
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "rule"),
    explanation="What is given comes back; the slope is one.",
)

affine_scalar = Formula(
    "Straight line",
    given=[x, a, b],
    let={y: a * x + b},
    wrt=[x, a, b],
    claims={x: "a", a: "x", b: "1"},
    aliases=("linear_function",),
    source=f"{STEWART}, section 1.2",
    tags=("scalar",),
    explanation="The slope a is the derivative, everywhere the same.",
    worked=[
        Example((5, 3, 7), 22),
        Example((4, 2, 3), 11),
    ],
)

affine_scalar_inverse = Formula(
    "Inverse of a straight line",
    given=[y, nonzero(a), b],
    let={x: (y - b) / a},
    wrt=[y, a, b],
    claims={y: "1 / a", a: "-(y - b) / a**2", b: "-1 / a"},
    source=f"{STEWART}, section 1.5",
    tags=("scalar", "inverse"),
    explanation="Undoes a x + b: subtract b, then divide by a.",
    worked=[
        Example((22, 3, 7), 5),
    ],
)

square = Formula(
    "Square",
    given=[x],
    let={y: x**2},
    wrt=[x],
    claims={x: "2 * x", (x, x): "2"},
    aliases=("square_slope",),
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "convex"),
    explanation="A parabola; its slope at x is twice x.",
    worked=[
        Example((-2,), 4, x=-4),
        Example((3,), x=6),
        Example((0,), x=0),
    ],
)

shifted_square = Formula(
    "Parabola with its lowest point at 3",
    given=[x],
    let={y: (x - 3) ** 2},
    wrt=[x],
    claims={x: "2 * (x - 3)", (x, x): "2"},
    source=f"{STEWART}, section 1.3",
    tags=("scalar", "convex"),
    explanation="The derivative is zero where the parabola is lowest, at 3.",
    worked=[
        Example((3,), 0, x=0),
    ],
)

power_rule = Formula(
    "Power with any exponent",
    given=[positive(x), n],
    let={y: x**n},
    wrt=[x, n],
    claims={x: "n * x**(n - 1)", n: "x**n * log(x)"},
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "rule"),
    explanation="The exponent comes down as a factor and is one less.",
)

reciprocal = Formula(
    "Reciprocal",
    given=[nonzero(x)],
    let={y: 1 / x},
    wrt=[x],
    claims={x: "-1 / x**2"},
    source=f"{STEWART}, section 3.1",
    tags=("scalar",),
    explanation="One divided by x falls wherever it is defined.",
)

sqrt = Formula(
    "Square root",
    given=[positive(x)],
    let={y: fn.sqrt(x)},
    wrt=[x],
    claims={x: "1 / (2 * sqrt(x))"},
    aliases=("square_root",),
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "concave"),
    explanation="The side of a square of area x; it is steep near zero.",
)

exp = Formula(
    "Exponential",
    given=[x],
    let={y: fn.exp(x)},
    wrt=[x],
    claims={x: "exp(x)", (x, x): "exp(x)"},
    aliases=("exponential",),
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "convex"),
    explanation="The function that is its own derivative.",
)

exp_base = Formula(
    "Exponential with any base",
    given=[positive(a), x],
    let={y: a**x},
    wrt=[x, a],
    claims={x: "a**x * log(a)", a: "x * a**(x - 1)"},
    source=f"{STEWART}, section 3.4",
    tags=("scalar",),
    explanation="Growth by the factor a for every step of x.",
    worked=[
        Example((2, 1), 2),
        Example((2, 2), 4),
        Example((2, 3), 8),
        Example((2, 10), 1024),
    ],
)

log = Formula(
    "Natural logarithm",
    given=[positive(x)],
    let={y: fn.log(x)},
    wrt=[x],
    claims={x: "1 / x"},
    aliases=("natural_log", "ln"),
    source=f"{STEWART}, section 3.6",
    tags=("scalar", "concave"),
    explanation="To which power e has to be raised to give x; it turns products into sums.",
    worked=[
        Example((fn.exp(1),), 1),
    ],
)

log_base = Formula(
    "Logarithm with any base",
    given=[positive(x), within("positive")(b)],
    let={y: fn.log(x) / fn.log(b)},
    wrt=[x, b],
    claims={x: "1 / (x * log(b))", b: "-log(x) / (b * log(b)**2)"},
    source=f"{STEWART}, section 3.6",
    tags=("scalar",),
    explanation="To which power b has to be raised to give x.",
    worked=[
        Example((8, 2), 3),
    ],
)

log_product = Formula(
    "Logarithm of a product",
    given=[positive(p)],
    let={v: Sum(fn.log(p[each]), each)},
    wrt=[p],
    claims={p: "1 / p"},
    source=f"{STEWART}, section 1.5",
    tags=("vector", "concave"),
    explanation="The sum of the logarithms: a product of many small numbers that cannot underflow.",
)

sin = Formula(
    "Sine",
    given=[x],
    let={y: fn.sin(x)},
    wrt=[x],
    claims={x: "cos(x)"},
    aliases=("sine",),
    source=f"{STEWART}, section 3.3",
    tags=("scalar", "trigonometry"),
    explanation="The height of a point that runs round the unit circle.",
)

cos = Formula(
    "Cosine",
    given=[x],
    let={y: fn.cos(x)},
    wrt=[x],
    claims={x: "-sin(x)"},
    aliases=("cosine",),
    source=f"{STEWART}, section 3.3",
    tags=("scalar", "trigonometry"),
    explanation="The horizontal place of a point that runs round the unit circle.",
)

tan = Formula(
    "Tangent",
    given=[within("in (-1,1)")(x)],
    let={y: fn.tan(x)},
    wrt=[x],
    claims={x: "1 + tan(x)**2"},
    aliases=("tangent",),
    source=f"{STEWART}, section 3.3",
    tags=("scalar", "trigonometry"),
    explanation="The slope of a line at an angle x; sampled between -1 and 1, away from its poles.",
)

arctan = Formula(
    "Arctangent",
    given=[x],
    let={y: fn.arctan(x)},
    wrt=[x],
    claims={x: "1 / (1 + x**2)"},
    aliases=("inverse_tangent",),
    source=f"{STEWART}, section 3.5",
    tags=("scalar", "trigonometry"),
    explanation="The angle of a line with slope x.",
)

difference_quotient = Formula(
    "Difference quotient of the square",
    given=[x, nonzero(h)],
    let={v: ((x + h) ** 2 - x**2) / h},
    wrt=[x, h],
    claims={x: "2", h: "1"},
    source=f"{STEWART}, section 2.7",
    tags=("scalar", "limit"),
    explanation="The slope of a chord of the parabola, 2x + h; as h vanishes it becomes the derivative.",
    worked=[
        Example((3, 0.01), 6.01),
    ],
)

sum_rule_example = Formula(
    "A cube plus a sine, for the sum rule",
    given=[x],
    let={f: x**3 + fn.sin(x)},
    wrt=[x],
    claims={x: "3 * x**2 + cos(x)"},
    source=f"{STEWART}, section 3.1",
    tags=("scalar", "rule"),
    explanation="The derivative of a sum is the sum of the derivatives.",
)

product_rule_example = Formula(
    "A square times an exponential, for the product rule",
    given=[x],
    let={f: x**2 * fn.exp(x)},
    wrt=[x],
    claims={x: "(x**2 + 2*x) * exp(x)"},
    source=f"{STEWART}, section 3.2",
    tags=("scalar", "rule"),
    explanation="One factor is differentiated at a time, the other waits.",
)

quotient_rule_example = Formula(
    "A fraction, for the quotient rule",
    given=[x],
    let={f: x / (1 + x**2)},
    wrt=[x],
    claims={x: "(1 - x**2) / (1 + x**2)**2"},
    source=f"{STEWART}, section 3.2",
    tags=("scalar", "rule"),
    explanation="The derivative above times below minus above times the derivative below, over below squared.",
)

chain_rule_example = Formula(
    "A power of a linear function, for the chain rule",
    given=[x],
    let={u: 3 * x + 2, f: u**5},
    wrt=[x],
    claims={x: "15 * (3*x + 2)**4", u: "5 * u**4"},
    source=f"{STEWART}, section 3.4",
    tags=("chain rule", "scalar", "rule"),
    explanation="The derivative of the outer power times the derivative of what is inside.",
    worked=[
        Example((0,), 32, x=240),
        Example((1,), x=9375),
    ],
)

chain_rule_multivariate = Formula(
    "A path through the plane, for the chain rule in several variables",
    given=[t],
    let={x: fn.cos(t), y: fn.sin(t), f: x**2 * y},
    wrt=[t],
    claims={t: "cos(t)**3 - 2 * cos(t) * sin(t)**2"},
    source=f"{STEWART}, section 14.5",
    tags=("chain rule", "rule"),
    explanation="Every way from t to the value contributes, and the contributions add.",
)

composition = Formula(
    "Three functions inside one another",
    given=[x],
    let={f: fn.exp(fn.sin(x**2))},
    wrt=[x],
    claims={x: "2 * x * cos(x**2) * exp(sin(x**2))"},
    source=f"{STEWART}, section 3.4",
    tags=("chain rule", "scalar"),
    explanation="The chain rule from the outside in, one layer at a time.",
)

quadratic_two_variables = Formula(
    "Quadratic in two variables",
    given=[x, y],
    let={f: x**2 + 3 * x * y + y**2},
    wrt=[x, y],
    claims={x: "2*x + 3*y", y: "3*x + 2*y", (x, x): "2", (x, y): "3", (y, x): "3", (y, y): "2"},
    source=f"{STEWART}, section 14.3",
    tags=("gradient", "second order"),
    explanation="Its gradient is linear, its second derivatives are numbers.",
    worked=[
        Example((3, 4), 61, x=18, y=17),
    ],
)

paraboloid = Formula(
    "Paraboloid",
    given=[x, y],
    let={f: x**2 + y**2},
    wrt=[x, y],
    claims={x: "2*x", y: "2*y", (x, x): "2", (x, y): "0", (y, y): "2"},
    source=f"{STEWART}, section 12.6",
    tags=("gradient", "convex"),
    explanation="A round bowl; the gradient points straight away from its lowest point.",
    worked=[
        Example((3, 4), 25, x=6, y=8),
    ],
)

saddle = Formula(
    "Saddle",
    given=[x, y],
    let={f: x**2 - y**2},
    wrt=[x, y],
    claims={x: "2*x", y: "-2*y", (x, x): "2", (x, y): "0", (y, y): "-2"},
    source=f"{STEWART}, section 14.7",
    tags=("gradient", "second order"),
    explanation="The gradient vanishes in the middle, which is neither highest nor lowest.",
)

pythagorean_identity = Formula(
    "Sine squared plus cosine squared",
    given=[theta],
    let={f: fn.sin(theta) ** 2 + fn.cos(theta) ** 2},
    wrt=[theta],
    claims={theta: "0"},
    source=f"{STEWART}, appendix D",
    tags=("trigonometry",),
    explanation="Always one, since both are the sides of a triangle whose longest side is one.",
    worked=[
        Example((1.234,), 1),
    ],
)

polar_to_cartesian = Formula(
    "Point from distance and angle",
    given=[positive(r), theta],
    let={u2[two]: Delta(two, 0) * r * fn.cos(theta) + Delta(two, 1) * r * fn.sin(theta)},
    wrt=[r, theta],
    claims={},
    source=f"{STEWART}, section 10.3",
    tags=("geometry",),
    explanation="The determinant of its Jacobian is r, which is why r appears in integrals.",
    worked=[
        Example((1, pi / 2), [0, 1]),
    ],
)

taylor_first_order = Formula(
    "Tangent plane",
    given=[f0, g, ad, xd],
    let={f: f0 + Sum(g[i] * (xd[i] - ad[i]), i)},
    wrt=[xd, g, ad, f0],
    claims={xd: "g", g: "x - a", ad: "-g", f0: "1"},
    source=f"{STEWART}, section 14.4",
    tags=("taylor",),
    explanation="The value at a, plus the gradient times the way from there.",
)

taylor_second_order = Formula(
    "Quadratic approximation",
    given=[f0, g, H, ad, xd],
    let={
        f: f0 + Sum(g[i] * (xd[i] - ad[i]), i) + Sum((xd[i] - ad[i]) * H[i, j] * (xd[j] - ad[j]), i, j) / 2,
    },
    wrt=[xd, g, H],
    claims={
        xd: "g + (1/2) * (H + H.T) @ (x - a)",
        g: "x - a",
        H: "(1/2) * outer(x - a, x - a)",
        (xd, xd): "(1/2) * (H + H.T)",
    },
    source="Nocedal and Wright, Numerical Optimization (2006), theorem 2.1",
    tags=("taylor", "second order"),
    explanation="The tangent plane, bent by the second derivatives.",
)

newton_step = Formula(
    "Step of Newton's method",
    given=[xd, g, within("invertible")(H)],
    let={zd[i]: xd[i] - Sum(fn.inverse(H)[i, j] * g[j], j)},
    wrt=[xd, g, H],
    claims={xd: "eye(d)", g: "-inv(H)", H: "J[i, k, l] = inv(H)[i, k] * sum(inv(H)[l, j] * g[j], j)"},
    aliases=("newton_raphson_step",),
    source="Nocedal and Wright, Numerical Optimization (2006), eq. 2.15",
    tags=("optimization", "matrix"),
    explanation="To the lowest point of the quadratic approximation.",
)
