"""Distributions: densities, probabilities and their logarithms; sigma is the standard deviation, never the variance."""

import derive.formulas as fn
from derive.formulas import (
    Example,
    Formula,
    Sum,
    absolute,
    arrays,
    binary,
    count,
    dims,
    exp,
    greater_equal,
    index_into,
    indices,
    inverse,
    less_equal,
    lgamma,
    log,
    log_determinant,
    nonnegative,
    pi,
    positive,
    scalars,
    simplex,
    spd,
    sqrt,
    unit,
    where,
)

x, p, z, c, k, n, r, mu, sigma, var, rate, alpha, beta, b, nu, x0, gamma, scale, u, f = scalars(
    "x p z c k n r mu sigma var rate alpha beta b nu x0 gamma scale u f"
)
a0, bu, ell = scalars("a b ell")
K, d = dims("k d")
i, j, g, h = indices(i=K, j=K, g=d, h=d)
pk, zk, xk, ak, muk, sk, pik = arrays(p=K, z=K, x=K, alpha=K, mu=K, sigma=K, pi=K)
xd, mud, sd, e, S = arrays(x=d, mu=d, sigma=d, e=d, S=(d, d))

JOHNSON = "Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions (1994)"
KEMP = "Johnson, Kemp and Kotz, Univariate Discrete Distributions (2005)"

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

bernoulli_pmf = Formula(
    "Bernoulli distribution",
    given=[binary(x), unit(p)],
    let={f: p**x * (1 - p) ** (1 - x)},
    wrt=[p],
    claims={"p": "x * p**(x - 1) * (1 - p)**(1 - x) - (1 - x) * p**x * (1 - p)**(-x)"},
    source=f"{KEMP}, section 3.2",
    tags=("discrete",),
    explanation="One toss of a coin that shows heads with probability p.",
)

bernoulli_logpmf = Formula(
    "Log of the Bernoulli distribution",
    given=[binary(x), unit(p)],
    let={f: x * log(p) + (1 - x) * log(1 - p)},
    wrt=[p],
    claims={p: "(x - p) / (p * (1 - p))"},
    source=f"{KEMP}, section 3.2",
    tags=("discrete",),
    explanation="The log-probability of what the coin showed.",
)

bernoulli_logits_logpmf = Formula(
    "Log of the Bernoulli distribution, from a logit",
    given=[binary(x), z],
    let={f: x * z - log(1 + exp(z))},
    wrt=[z],
    claims={z: "x - sigmoid(z)"},
    source=f"{KEMP}, section 3.2",
    tags=("discrete",),
    explanation="The same for a score instead of a probability.",
)

binomial_pmf = Formula(
    "Binomial distribution",
    given=[count(k), count(n), unit(p)],
    let={f: exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) * p**k * (1 - p) ** (n - k)},
    wrt=[p],
    claims={
        "p": "(k * p**(k - 1) * (1 - p)**(n - k) - (n - k) * p**k * (1 - p)**(n - k - 1))"
        " * exp(lgamma(n + 1) - lgamma(n - k + 1) - lgamma(k + 1))"
    },
    source=f"{KEMP}, section 3.2",
    tags=("discrete",),
    explanation="The number of heads in n tosses.",
)

binomial_logpmf = Formula(
    "Log of the binomial distribution",
    given=[count(k), count(n), unit(p)],
    let={f: lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p)},
    wrt=[p],
    claims={p: "(k - n*p) / (p * (1 - p))"},
    source=f"{KEMP}, section 3.2",
    tags=("discrete",),
    explanation="The log-probability of k heads in n tosses.",
)

geometric_logpmf = Formula(
    "Log of the geometric distribution",
    given=[positive(k), unit(p)],
    let={f: (k - 1) * log(1 - p) + log(p)},
    wrt=[p],
    claims={p: "1/p - (k - 1) / (1 - p)"},
    source=f"{KEMP}, section 5.2",
    tags=("discrete",),
    explanation="How long it takes to the first success.",
)

negative_binomial_logpmf = Formula(
    "Log of the negative binomial distribution",
    given=[count(k), positive(r), unit(p)],
    let={f: lgamma(k + r) - lgamma(k + 1) - lgamma(r) + r * log(p) + k * log(1 - p)},
    wrt=[r, p],
    claims={r: "digamma(k + r) - digamma(r) + log(p)", p: "r/p - k / (1 - p)"},
    source=f"{KEMP}, section 5.1",
    tags=("discrete",),
    explanation="Failures before the r-th success: counts that spread more than Poisson's.",
)

categorical_logpmf = Formula(
    "Log of a categorical distribution",
    given=[index_into(K)(c), simplex(pk)],
    let={f: log(pk[c])},
    wrt=[pk],
    claims={},
    source=f"{KEMP}, section 1.2",
    tags=("discrete",),
    explanation="The log-probability of one of k outcomes.",
)

categorical_logits_logpmf = Formula(
    "Log of a categorical distribution, from scores",
    given=[index_into(K)(c), zk],
    let={f: zk[c] - log(Sum(exp(zk[j]), j))},
    wrt=[zk],
    claims={},
    aliases=("log_softmax_pick",),
    source=f"{KEMP}, section 1.2",
    tags=("discrete",),
    explanation="The score of the outcome minus the log-sum-exp of all.",
)

multinomial_logpmf = Formula(
    "Log of the multinomial distribution",
    given=[count(xk), simplex(pk)],
    let={f: lgamma(Sum(xk[i], i) + 1) - Sum(lgamma(xk[i] + 1), i) + Sum(xk[i] * log(pk[i]), i)},
    wrt=[pk],
    claims={pk: "x / p"},
    source=f"{KEMP}, section 1.2",
    tags=("discrete",),
    explanation="How many of each kind are drawn.",
)

poisson_pmf = Formula(
    "Poisson distribution",
    given=[count(k), positive(rate)],
    let={f: rate**k * exp(-rate) / exp(lgamma(k + 1))},
    wrt=[rate],
    claims={"rate": "(k / rate - 1) * rate**k * exp(-rate) / exp(lgamma(k + 1))"},
    source=f"{KEMP}, section 4.1",
    tags=("discrete",),
    explanation="The number of rare events in a fixed time.",
)

poisson_logpmf = Formula(
    "Log of the Poisson distribution",
    given=[count(k), positive(rate)],
    let={f: k * log(rate) - rate - lgamma(k + 1)},
    wrt=[rate],
    claims={rate: "k / rate - 1"},
    source=f"{KEMP}, section 4.1",
    tags=("discrete",),
    explanation="Its slope is zero where the rate is the count.",
)

uniform_pdf = Formula(
    "Uniform distribution",
    given=[x, a0, bu],
    let={f: where(greater_equal(x, a0) * less_equal(x, bu), 1 / (bu - a0), 0)},
    wrt=[a0, bu],
    claims={
        "a": "where((x >= a) * (x <= b), 1, 0) / (b - a)**2",
        "b": "-where((x >= a) * (x <= b), 1, 0) / (b - a)**2",
    },
    source=f"{JOHNSON}, chapter 26",
    tags=("continuous",),
    explanation="Every value between a and b is equally likely.",
)

normal_logpdf_variance = Formula(
    "Log of the normal density, by its variance",
    given=[x, mu, positive(var)],
    let={f: -((x - mu) ** 2) / (2 * var) - log(2 * pi * var) / 2},
    wrt=[x, mu, var],
    claims={x: "(mu - x) / var", mu: "(x - mu) / var", var: "(x - mu)**2 / (2*var**2) - 1 / (2*var)"},
    source=f"{JOHNSON}, chapter 13",
    tags=("continuous",),
    explanation="The bell curve for people who think in variances.",
)

standard_normal_pdf = Formula(
    "Standard normal density",
    given=[x],
    let={f: exp(-(x**2) / 2) / sqrt(2 * pi)},
    wrt=[x],
    claims={x: "-x * normal_pdf(x)"},
    source=f"{JOHNSON}, chapter 13",
    tags=("continuous",),
    explanation="The bell curve with mean zero and spread one.",
)

normal_cdf = Formula(
    "Normal distribution function",
    given=[x, mu, positive(sigma)],
    let={u: (x - mu) / sigma, f: fn.normal_cdf(u)},
    wrt=[x, mu, sigma],
    claims={
        x: "normal_pdf((x - mu)/sigma) / sigma",
        mu: "-normal_pdf((x - mu)/sigma) / sigma",
        sigma: "-(x - mu)/sigma * normal_pdf((x - mu)/sigma) / sigma",
    },
    aliases=("gaussian_cdf",),
    source=f"{JOHNSON}, chapter 13",
    tags=("continuous",),
    explanation="The probability of a value not larger than x.",
)

normal_logcdf = Formula(
    "Log of the normal distribution function",
    given=[x, mu, positive(sigma)],
    let={u: (x - mu) / sigma, f: log(fn.normal_cdf(u))},
    wrt=[x, mu, sigma],
    claims={x: "normal_pdf((x - mu)/sigma) / (sigma * normal_cdf((x - mu)/sigma))"},
    source=f"{JOHNSON}, chapter 13",
    tags=("continuous",),
    explanation="Computed far into the tail, where the probability itself would vanish.",
)

normal_interval_probability = Formula(
    "Probability within k standard deviations",
    given=[positive(k)],
    let={f: fn.erf(k / sqrt(2))},
    wrt=[k],
    claims={k: "2 * normal_pdf(k)"},
    aliases=("sigma_rule",),
    source=f"{JOHNSON}, chapter 13",
    tags=("continuous",),
    explanation="About 68, 95 and 99.7 percent for one, two and three.",
    worked=[
        Example((1,), 0.682689492137),
        Example((2,), 0.954499736104),
        Example((3,), 0.997300203937),
    ],
)

multivariate_normal_logpdf = Formula(
    "Log of the multivariate normal density",
    given=[xd, mud, spd(S)],
    let={
        e[g]: xd[g] - mud[g],
        f: -Sum(e[g] * inverse(S)[g, h] * e[h], g, h) / 2 - log_determinant(S) / 2 - d * log(2 * pi) / 2,
    },
    wrt=[xd, mud, S],
    claims={
        xd: "-inv(S) @ (x - mu)",
        mud: "inv(S) @ (x - mu)",
        S: "(1/2) * (outer(inv(S) @ (x - mu), inv(S) @ (x - mu)) - inv(S))",
    },
    aliases=("mvn_logpdf",),
    source="Petersen and Pedersen, The Matrix Cookbook (2012), section 8.1",
    tags=(
        "continuous",
        "matrix",
    ),
    explanation="A cloud with a centre and a shape.",
)

diagonal_normal_logpdf = Formula(
    "Log of a normal density with independent entries",
    given=[xd, mud, positive(sd)],
    let={f: Sum(-((xd[g] - mud[g]) ** 2) / (2 * sd[g] ** 2) - log(sd[g]) - log(2 * pi) / 2, g)},
    wrt=[xd, mud, sd],
    claims={xd: "(mu - x) / sigma**2", mud: "(x - mu) / sigma**2"},
    source=f"{JOHNSON}, chapter 13",
    tags=("continuous",),
    explanation="One bell curve for each entry.",
)

exponential_pdf = Formula(
    "Exponential density",
    given=[nonnegative(x), positive(rate)],
    let={f: rate * exp(-rate * x)},
    wrt=[x, rate],
    claims={x: "-rate**2 * exp(-rate*x)", rate: "(1 - rate*x) * exp(-rate*x)"},
    source=f"{JOHNSON}, chapter 19",
    tags=("continuous",),
    explanation="Waiting without memory.",
)

exponential_logpdf = Formula(
    "Log of the exponential density",
    given=[nonnegative(x), positive(rate)],
    let={f: log(rate) - rate * x},
    wrt=[x, rate],
    claims={x: "-rate", rate: "1/rate - x"},
    source=f"{JOHNSON}, chapter 19",
    tags=("continuous",),
    explanation="Its slope in the rate is zero at one over the waiting time.",
)

exponential_cdf = Formula(
    "Exponential distribution function",
    given=[nonnegative(x), positive(rate)],
    let={f: 1 - exp(-rate * x)},
    wrt=[x, rate],
    claims={x: "rate * exp(-rate*x)", rate: "x * exp(-rate*x)"},
    source=f"{JOHNSON}, chapter 19",
    tags=("continuous",),
    explanation="The probability that the wait is over.",
)

beta_logpdf = Formula(
    "Log of the beta density",
    given=[unit(x), positive(alpha), positive(beta)],
    let={f: (alpha - 1) * log(x) + (beta - 1) * log(1 - x) - lgamma(alpha) - lgamma(beta) + lgamma(alpha + beta)},
    wrt=[x, alpha, beta],
    claims={
        x: "(alpha - 1)/x - (beta - 1)/(1 - x)",
        alpha: "log(x) - digamma(alpha) + digamma(alpha + beta)",
        beta: "log(1 - x) - digamma(beta) + digamma(alpha + beta)",
    },
    source=f"{JOHNSON}, chapter 25",
    tags=("continuous",),
    explanation="What is known of a probability after some tosses.",
)

gamma_logpdf = Formula(
    "Log of the gamma density",
    given=[positive(x), positive(alpha), positive(beta)],
    let={f: alpha * log(beta) - lgamma(alpha) + (alpha - 1) * log(x) - beta * x},
    wrt=[x, alpha, beta],
    claims={x: "(alpha - 1)/x - beta", alpha: "log(beta) - digamma(alpha) + log(x)", beta: "alpha/beta - x"},
    source=f"{JOHNSON}, chapter 17",
    tags=("continuous",),
    explanation="Waiting for several events, by shape and rate.",
)

inverse_gamma_logpdf = Formula(
    "Log of the inverse gamma density",
    given=[positive(x), positive(alpha), positive(beta)],
    let={f: alpha * log(beta) - lgamma(alpha) - (alpha + 1) * log(x) - beta / x},
    wrt=[x, alpha, beta],
    claims={x: "-(alpha + 1)/x + beta/x**2"},
    source=f"{JOHNSON}, chapter 17",
    tags=("continuous",),
    explanation="What is often assumed of a variance.",
)

chi_square_logpdf = Formula(
    "Log of the chi-square density",
    given=[positive(x), positive(k)],
    let={f: (k / 2 - 1) * log(x) - x / 2 - k * log(2) / 2 - lgamma(k / 2)},
    wrt=[x, k],
    claims={x: "(k/2 - 1)/x - 1/2", k: "(1/2) * (log(x) - log(2) - digamma(k/2))"},
    source=f"{JOHNSON}, chapter 18",
    tags=("continuous",),
    explanation="The sum of k squared standard normal numbers.",
)

laplace_logpdf = Formula(
    "Log of the Laplace density",
    given=[x, mu, positive(b)],
    let={f: -absolute(x - mu) / b - log(2 * b)},
    wrt=[x, mu, b],
    claims={x: "-sign(x - mu) / b", b: "abs(x - mu)/b**2 - 1/b"},
    source=f"{JOHNSON}, chapter 24",
    tags=("continuous",),
    explanation="A tent-shaped logarithm: sharp in the middle, heavy outside.",
)

student_t_logpdf = Formula(
    "Log of Student's t density",
    given=[x, positive(nu), mu, positive(sigma)],
    let={
        u: (x - mu) / sigma,
        f: lgamma((nu + 1) / 2) - lgamma(nu / 2) - log(nu * pi) / 2 - log(sigma) - (nu + 1) / 2 * log(1 + u**2 / nu),
    },
    wrt=[x, nu, mu, sigma],
    claims={x: "-(nu + 1) * u / (sigma * (nu + u**2))"},
    source=f"{JOHNSON}, chapter 28",
    tags=("continuous",),
    explanation="A bell curve with heavy tails, for few samples or outliers.",
)

lognormal_logpdf = Formula(
    "Log of the log-normal density",
    given=[positive(x), mu, positive(sigma)],
    let={f: -((log(x) - mu) ** 2) / (2 * sigma**2) - log(x) - log(sigma) - log(2 * pi) / 2},
    wrt=[x, mu, sigma],
    claims={x: "-(1 + (log(x) - mu)/sigma**2) / x", mu: "(log(x) - mu) / sigma**2"},
    source=f"{JOHNSON}, chapter 14",
    tags=("continuous",),
    explanation="The logarithm follows a bell curve.",
)

cauchy_logpdf = Formula(
    "Log of the Cauchy density",
    given=[x, x0, positive(gamma)],
    let={f: -log(pi * gamma) - log(1 + ((x - x0) / gamma) ** 2)},
    wrt=[x, x0, gamma],
    claims={x: "-2 * (x - x0) / (gamma**2 + (x - x0)**2)"},
    source=f"{JOHNSON}, chapter 16",
    tags=("continuous",),
    explanation="Tails so heavy that it has no mean.",
)

logistic_logpdf = Formula(
    "Log of the logistic density",
    given=[x, mu, positive(scale)],
    let={u: (x - mu) / scale, f: -u - log(scale) - 2 * log(1 + exp(-u))},
    wrt=[x, mu, scale],
    claims={x: "(1 - 2 * sigmoid(u)) / scale"},
    source=f"{JOHNSON}, chapter 23",
    tags=("continuous",),
    explanation="Its distribution function is the sigmoid.",
)

gumbel_logpdf = Formula(
    "Log of the Gumbel density",
    given=[x, mu, positive(scale)],
    let={u: (x - mu) / scale, f: -u - exp(-u) - log(scale)},
    wrt=[x, mu, scale],
    claims={x: "(exp(-u) - 1) / scale"},
    source=f"{JOHNSON}, chapter 22",
    tags=("continuous",),
    explanation="The largest of many values.",
)

weibull_logpdf = Formula(
    "Log of the Weibull density",
    given=[positive(x), positive(k), positive(scale)],
    let={f: log(k / scale) + (k - 1) * log(x / scale) - (x / scale) ** k},
    wrt=[x, k, scale],
    claims={x: "(k - 1)/x - (k/x) * (x/scale)**k"},
    source=f"{JOHNSON}, chapter 21",
    tags=("continuous",),
    explanation="How long things last when they age.",
)

dirichlet_logpdf = Formula(
    "Log of the Dirichlet density",
    given=[simplex(xk), positive(ak)],
    let={f: lgamma(Sum(ak[i], i)) - Sum(lgamma(ak[i]), i) + Sum((ak[i] - 1) * log(xk[i]), i)},
    wrt=[xk, ak],
    claims={xk: "(alpha - 1) / x", ak: "digamma(sum(alpha)) - digamma(alpha) + log(x)"},
    source=f"{JOHNSON}, chapter 25",
    tags=("continuous",),
    explanation="What is known of a set of probabilities.",
)

gaussian_mixture_logpdf = Formula(
    "Log of a mixture of normal densities",
    given=[x, simplex(pik), muk, positive(sk)],
    let={f: log(Sum(pik[j] * exp(-((x - muk[j]) ** 2) / (2 * sk[j] ** 2)) / (sk[j] * sqrt(2 * pi)), j))},
    wrt=[x, pik, muk, sk],
    claims={
        "mu": "pi * (x - mu) / sigma**3 * exp(-(x - mu)**2 / (2 * sigma**2))"
        " / sum(pi / sigma * exp(-(x - mu)**2 / (2 * sigma**2)))"
    },
    aliases=("normal_mixture_logpdf",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 9.7",
    tags=(
        "continuous",
        "mixture",
    ),
    explanation="Several bell curves laid over one another.",
)
