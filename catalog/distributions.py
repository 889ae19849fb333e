"""Distributions: densities and their logarithms."""

from derive.formulas import Formula, exp, log, pi, positive, scalars, sqrt

x, mu, sigma, f, ell = scalars("x mu sigma f ell")

normal_pdf = Formula(
    "Density of the normal distribution",
    given=[x, mu, positive(sigma)],
    let={f: exp(-((x - mu) ** 2) / (2 * sigma**2)) / (sigma * sqrt(2 * pi))},
    wrt=[x, mu, sigma],
    claims={
        x: "-(x - mu) / sigma**2 * f",
        mu: "(x - mu) / sigma**2 * f",
        sigma: "f * ((x - mu)**2 - sigma**2) / sigma**3",
    },
    aliases=("gaussian_pdf", "normal_density"),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 1.46",
    tags=("density", "scalar"),
    explanation="The bell curve around mu; sigma says how wide it is.",
)

normal_logpdf = Formula(
    "Log-density of the normal distribution",
    given=[x, mu, positive(sigma)],
    let={ell: -log(2 * pi) / 2 - log(sigma) - (x - mu) ** 2 / (2 * sigma**2)},
    wrt=[x, mu, sigma],
    claims={
        x: "-(x - mu) / sigma**2",
        mu: "(x - mu) / sigma**2",
        sigma: "(x - mu)**2 / sigma**3 - 1 / sigma",
    },
    aliases=("gaussian_logpdf",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 1.46",
    tags=("density", "scalar"),
    explanation="The logarithm of the bell curve: a parabola in x.",
)
