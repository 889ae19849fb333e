"""Probability: conditioning, moments, estimates, and likelihoods of samples."""

import derive.formulas as fn
from derive.formulas import (
    Example,
    Formula,
    Rational,
    Sum,
    absolute,
    arrays,
    binary,
    count,
    dims,
    exp,
    indices,
    lgamma,
    log,
    pi,
    positive,
    scalars,
    simplex,
    sqrt,
    unit,
)

n, k, m, d = dims("n k m d")
i, g, a, b, mm, j = indices(i=n, j=n, r=k, s=k, t=m, l=d)
two = indices(i=2)[0]
(x,) = arrays(x=n)
mu, sigma, L = scalars("mu sigma L")
likelihood, prior, evidence, posterior = scalars("likelihood prior evidence posterior")
sensitivity, false_positive_rate, e = scalars("sensitivity false_positive_rate e")
lk, pr, post, pk, xk, rk = arrays(likelihood=k, prior=k, post=k, p=k, x=k, r=k)
PJ, ym, yn, an, bn, pn, yhat, ends = arrays(P=(k, m), y=m, yn=n, a=n, b=n, p=n, yhat=m, ends=2)
yn = arrays(y=n)[0]
X, w, en, xd, pd, qd = arrays(X=(n, d), w=d, e=n, x=d, p=d, q=d)
v, ratio, joint, marginal, conditional, p_a, p_b, p_ab, p0, n0, x1, xbar, z = scalars(
    "v likelihood_ratio joint marginal conditional p_a p_b p_ab p n x xbar z"
)
mean, var, mx, my, vx, vy, pool, p1, n1, p2, n2, mu0, tau = scalars("mean var mx my vx vy pool p1 n1 p2 n2 mu0 tau")
rate, alpha, beta, kk, aa, bb, eps, ftrue, noise = scalars("rate alpha beta k a b eps f noise_var")

WASSERMAN = "Wasserman, All of Statistics (2004)"

bayes_theorem = Formula(
    "Bayes' theorem",
    given=[unit(likelihood), unit(prior), unit(evidence)],
    let={posterior: likelihood * prior / evidence},
    wrt=[likelihood, prior, evidence],
    claims={
        likelihood: "prior / evidence",
        prior: "likelihood / evidence",
        evidence: "-posterior / evidence",
    },
    aliases=("bayes", "bayes_rule"),
    source="MacKay, Information Theory, Inference, and Learning Algorithms (2003), section 2.3",
    tags=("conditioning", "scalar"),
    explanation="What is believed after seeing evidence: the prior, weighed by how well it explains the evidence.",
    worked=[
        Example((0.8, 0.3, 0.31), Rational(24, 31)),
    ],
)

bayes_binary = Formula(
    "Bayes' theorem for a test with two outcomes",
    given=[unit(prior), unit(sensitivity), unit(false_positive_rate)],
    let={
        e: sensitivity * prior + false_positive_rate * (1 - prior),
        posterior: sensitivity * prior / e,
    },
    wrt=[prior, sensitivity, false_positive_rate],
    claims={
        prior: "sensitivity * false_positive_rate / e**2",
        sensitivity: "prior * false_positive_rate * (1 - prior) / e**2",
        false_positive_rate: "-sensitivity * prior * (1 - prior) / e**2",
    },
    aliases=("diagnostic_test",),
    source="MacKay, Information Theory, Inference, and Learning Algorithms (2003), section 2.3",
    tags=("conditioning", "scalar"),
    explanation="How likely a condition is after a positive test, from how common it is and how good the test is.",
    worked=[
        Example((0.01, 0.99, 0.05), Rational(1, 6)),
        Example((0.3, 0.8, 0.1), Rational(24, 31)),
    ],
)

normal_nll = Formula(
    "Negative log-likelihood of normal samples",
    given=[x, mu, positive(sigma)],
    let={L: n * log(2 * pi * sigma**2) / 2 + Sum((x[i] - mu) ** 2, i) / (2 * sigma**2)},
    wrt=[mu, sigma],
    claims={
        mu: "-sum(x - mu) / sigma**2",
        sigma: "n / sigma - sum((x - mu)**2) / sigma**3",
        (mu, mu): "n / sigma**2",
    },
    aliases=("gaussian_negative_log_likelihood",),
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 1.54",
    tags=("likelihood", "maximum likelihood"),
    explanation="How surprised a normal distribution is by a sample; least at the mean and the biased variance.",
)

bayes_posterior = Formula(
    "Posterior over several hypotheses",
    given=[unit(lk), simplex(pr)],
    let={post[a]: lk[a] * pr[a] / Sum(lk[b] * pr[b], b)},
    wrt=[lk, pr],
    claims={
        lk: "(diag(post) - outer(post, post)) @ diag(1 / likelihood)",
        pr: "(diag(post) - outer(post, post)) @ diag(1 / prior)",
    },
    aliases=("bayes_discrete",),
    source=f"{WASSERMAN}, chapter 11",
    tags=(
        "bayes",
        "vector",
    ),
    explanation="What is believed of each hypothesis after the evidence.",
)

total_probability = Formula(
    "Law of total probability",
    given=[unit(lk), simplex(pr)],
    let={v: Sum(lk[a] * pr[a], a)},
    wrt=[lk, pr],
    claims={lk: "prior", pr: "likelihood"},
    aliases=(
        "evidence",
        "marginal_likelihood",
    ),
    source=f"{WASSERMAN}, chapter 1",
    tags=("bayes",),
    explanation="The probability of the evidence, over all hypotheses.",
    worked=[
        Example(([0.8, 0.1], [0.3, 0.7]), 0.31),
    ],
)

posterior_log_odds = Formula(
    "Bayes' theorem for odds",
    given=[unit(prior), positive(ratio)],
    let={v: log(prior / (1 - prior)) + log(ratio)},
    wrt=[prior, ratio],
    claims={prior: "1 / (prior * (1 - prior))", ratio: "1 / likelihood_ratio"},
    source=f"{WASSERMAN}, chapter 11",
    tags=(
        "bayes",
        "scalar",
    ),
    explanation="Evidence adds to the logarithm of the odds.",
)

naive_bayes_log_odds = Formula(
    "Log-odds of naive Bayes",
    given=[binary(xd), unit(pd), unit(qd), unit(prior)],
    let={
        v: log(prior / (1 - prior)) + Sum(xd[j] * log(pd[j] / qd[j]) + (1 - xd[j]) * log((1 - pd[j]) / (1 - qd[j])), j)
    },
    wrt=[pd, qd, prior],
    claims={pd: "(x - p) / (p * (1 - p))", qd: "-(x - q) / (q * (1 - q))", prior: "1 / (prior * (1 - prior))"},
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 6.6.3",
    tags=(
        "bayes",
        "classification",
    ),
    explanation="Every feature votes on its own, as if the others were not there.",
)

conditional_probability = Formula(
    "Conditional probability",
    given=[unit(joint), unit(marginal)],
    let={v: joint / marginal},
    wrt=[joint, marginal],
    claims={joint: "1 / marginal", marginal: "-joint / marginal**2"},
    source=f"{WASSERMAN}, chapter 1",
    tags=("scalar",),
    explanation="How much of one event lies inside another.",
)

joint_probability = Formula(
    "Product rule of probability",
    given=[unit(conditional), unit(marginal)],
    let={v: conditional * marginal},
    wrt=[conditional, marginal],
    claims={conditional: "marginal", marginal: "conditional"},
    aliases=("product_rule",),
    source=f"{WASSERMAN}, chapter 1",
    tags=("scalar",),
    explanation="Both happen: one, and the other given the one.",
)

union_probability = Formula(
    "Inclusion and exclusion",
    given=[unit(p_a), unit(p_b), unit(p_ab)],
    let={v: p_a + p_b - p_ab},
    wrt=[p_a, p_b, p_ab],
    claims={p_a: "1", p_b: "1", p_ab: "-1"},
    aliases=("inclusion_exclusion",),
    source=f"{WASSERMAN}, chapter 1",
    tags=("scalar",),
    explanation="What is counted twice is taken off once.",
)

marginal_probability = Formula(
    "Marginal distribution",
    given=[positive(PJ)],
    let={rk[a]: Sum(PJ[a, mm], mm)},
    wrt=[PJ],
    claims={},
    aliases=("marginal_distribution",),
    source=f"{WASSERMAN}, chapter 2",
    tags=("vector",),
    explanation="Summing out what nobody asks about.",
)

log_joint_independent = Formula(
    "Log-probability of independent events",
    given=[unit(pn)],
    let={v: Sum(log(pn[i]), i)},
    wrt=[pn],
    claims={pn: "1 / p"},
    aliases=("log_likelihood_product",),
    source=f"{WASSERMAN}, chapter 1",
    tags=("vector",),
    explanation="A product of probabilities, as a sum that cannot underflow.",
)

expectation_discrete = Formula(
    "Expected value",
    given=[xk, simplex(pk)],
    let={v: Sum(xk[a] * pk[a], a)},
    wrt=[xk, pk],
    claims={xk: "p", pk: "x"},
    aliases=("expected_value",),
    source=f"{WASSERMAN}, chapter 3",
    tags=("moments",),
    explanation="The mean of many draws.",
    worked=[
        Example(([1, 2, 3, 4, 5, 6], [Rational(1, 6)] * 6), 3.5),
    ],
)

variance_discrete = Formula(
    "Variance of a discrete distribution",
    given=[xk, simplex(pk)],
    let={mean: Sum(pk[a] * xk[a], a), v: Sum(pk[a] * (xk[a] - mean) ** 2, a)},
    wrt=[xk, pk],
    claims={"x": "2 * p * (x - mean) - 2 * (p @ (x - mean)) * p", "p": "(x - mean)**2 - 2 * (p @ (x - mean)) * x"},
    source=f"{WASSERMAN}, chapter 3",
    tags=("moments",),
    explanation="The mean squared distance from the mean.",
    worked=[
        Example(([1, 2, 3, 4, 5, 6], [Rational(1, 6)] * 6), Rational(35, 12)),
    ],
)

covariance_discrete = Formula(
    "Covariance of a discrete distribution",
    given=[xk, ym, positive(PJ)],
    let={
        mx: Sum(PJ[a, mm] * xk[a], a, mm),
        my: Sum(PJ[a, mm] * ym[mm], a, mm),
        v: Sum(PJ[a, mm] * (xk[a] - mx) * (ym[mm] - my), a, mm),
    },
    wrt=[xk, ym, PJ],
    claims={"x": "P @ (y - my) - P @ ones(m) * (ones(k) @ P @ (y - my))"},
    source=f"{WASSERMAN}, chapter 3",
    tags=("moments",),
    explanation="Whether two numbers tend to be large together.",
)

correlation = Formula(
    "Correlation",
    given=[x, yn],
    let={
        an[i]: x[i] - Sum(x[g], g) / n,
        bn[i]: yn[i] - Sum(yn[g], g) / n,
        v: Sum(an[i] * bn[i], i) / sqrt(Sum(an[i] ** 2, i) * Sum(bn[i] ** 2, i)),
    },
    wrt=[x, yn],
    claims={"x": "b / sqrt((a @ a) * (b @ b)) - v / (a @ a) * a"},
    aliases=("pearson",),
    source=f"{WASSERMAN}, chapter 3",
    tags=("moments",),
    explanation="Covariance without units, between -1 and 1.",
)

sample_covariance = Formula(
    "Covariance of two samples",
    given=[x, yn],
    let={mx: Sum(x[g], g) / n, my: Sum(yn[g], g) / n, v: Sum((x[i] - mx) * (yn[i] - my), i) / (n - 1)},
    wrt=[x, yn],
    claims={x: "(y - my) / (n - 1)", yn: "(x - mx) / (n - 1)"},
    source=f"{WASSERMAN}, chapter 3",
    tags=("moments",),
    explanation="The unbiased estimate; it divides by n - 1.",
)

standard_error = Formula(
    "Standard error of a mean",
    given=[positive(sigma), positive(n0)],
    let={v: sigma / sqrt(n0)},
    wrt=[sigma, n0],
    claims={sigma: "1 / sqrt(n)", n0: "-sigma / (2 * n * sqrt(n))"},
    source=f"{WASSERMAN}, chapter 5",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="Four times the data halve the error.",
)

standard_error_proportion = Formula(
    "Standard error of a proportion",
    given=[unit(p0), positive(n0)],
    let={v: sqrt(p0 * (1 - p0) / n0)},
    wrt=[p0],
    claims={p0: "(1 - 2*p) / (2 * n * sqrt(p * (1 - p) / n))"},
    source=f"{WASSERMAN}, chapter 6",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="Largest for a half.",
)

z_score = Formula(
    "Standard score",
    given=[x1, mu, positive(sigma)],
    let={v: (x1 - mu) / sigma},
    wrt=[x1, mu, sigma],
    claims={x1: "1 / sigma", mu: "-1 / sigma", sigma: "-(x - mu) / sigma**2"},
    aliases=("standardize",),
    source=f"{WASSERMAN}, chapter 3",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="How many standard deviations from the mean.",
)

confidence_interval = Formula(
    "Confidence interval of a mean",
    given=[xbar, positive(sigma), positive(n0), positive(z)],
    let={ends[two]: xbar + (2 * two - 1) * z * sigma / sqrt(n0)},
    wrt=[xbar, sigma],
    claims={"xbar": "ones(2)"},
    source=f"{WASSERMAN}, chapter 6",
    tags=("inference",),
    explanation="Lower and upper end of where the mean is likely to lie.",
)

confidence_interval_upper = Formula(
    "Upper end of a confidence interval",
    given=[xbar, positive(sigma), positive(n0), positive(z)],
    let={v: xbar + z * sigma / sqrt(n0)},
    wrt=[xbar, sigma],
    claims={xbar: "1", sigma: "z / sqrt(n)"},
    source=f"{WASSERMAN}, chapter 6",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="The largest mean that the data leave likely.",
)

clt_standardized_mean = Formula(
    "Standardised mean",
    given=[xbar, mu, positive(sigma), positive(n0)],
    let={v: sqrt(n0) * (xbar - mu) / sigma},
    wrt=[xbar, mu],
    claims={xbar: "sqrt(n) / sigma", mu: "-sqrt(n) / sigma"},
    source=f"{WASSERMAN}, chapter 5",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="Nearly standard normal for many samples, whatever they are drawn from.",
)

two_sided_p_value = Formula(
    "Two-sided p-value",
    given=[z],
    let={v: fn.erfc(absolute(z) / sqrt(2))},
    wrt=[z],
    claims={z: "-2 * normal_pdf(z) * sign(z)"},
    aliases=("p_value_two_sided",),
    source=f"{WASSERMAN}, chapter 10",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="How often chance alone does as much, in either direction.",
)

two_proportion_z = Formula(
    "Comparison of two proportions",
    given=[unit(p1), positive(n1), unit(p2), positive(n2)],
    let={pool: (n1 * p1 + n2 * p2) / (n1 + n2), v: (p1 - p2) / sqrt(pool * (1 - pool) * (1 / n1 + 1 / n2))},
    wrt=[p1, p2],
    claims={},
    aliases=("ab_test_z",),
    source=f"{WASSERMAN}, chapter 10",
    tags=("inference",),
    explanation="The test behind every comparison of two versions.",
)

t_statistic = Formula(
    "One-sample t statistic",
    given=[x, mu0],
    let={mean: Sum(x[i], i) / n, var: Sum((x[i] - mean) ** 2, i) / (n - 1), v: (mean - mu0) / sqrt(var / n)},
    wrt=[x, mu0],
    claims={mu0: "-1 / sqrt(var / n)"},
    source=f"{WASSERMAN}, chapter 10",
    tags=("inference",),
    explanation="Distance of the mean from a claim, in standard errors.",
)

welch_t_statistic = Formula(
    "Welch's t statistic",
    given=[x, ym],
    let={
        mx: Sum(x[i], i) / n,
        my: Sum(ym[mm], mm) / m,
        vx: Sum((x[i] - mx) ** 2, i) / (n - 1),
        vy: Sum((ym[mm] - my) ** 2, mm) / (m - 1),
        v: (mx - my) / sqrt(vx / n + vy / m),
    },
    wrt=[x, ym],
    claims={},
    aliases=("welch_t",),
    source=f"{WASSERMAN}, chapter 10",
    tags=("inference",),
    explanation="Two means compared when their spreads may differ.",
)

bernoulli_nll = Formula(
    "Negative log-likelihood of coin tosses",
    given=[binary(x), unit(p0)],
    let={L: -Sum(x[i] * log(p0) + (1 - x[i]) * log(1 - p0), i)},
    wrt=[p0],
    claims={p0: "(n*p - sum(x)) / (p * (1 - p))"},
    source=f"{WASSERMAN}, chapter 9",
    tags=("likelihood",),
    explanation="Smallest where p is the share of heads.",
)

poisson_sample_nll = Formula(
    "Negative log-likelihood of counts",
    given=[count(x), positive(rate)],
    let={L: Sum(rate - x[i] * log(rate) + lgamma(x[i] + 1), i)},
    wrt=[rate],
    claims={rate: "n - sum(x) / rate"},
    aliases=("poisson_mle_nll",),
    source=f"{WASSERMAN}, chapter 9",
    tags=("likelihood",),
    explanation="Smallest where the rate is the mean.",
)

exponential_nll = Formula(
    "Negative log-likelihood of waiting times",
    given=[positive(x), positive(rate)],
    let={L: -n * log(rate) + rate * Sum(x[i], i)},
    wrt=[rate],
    claims={rate: "sum(x) - n / rate"},
    source=f"{WASSERMAN}, chapter 9",
    tags=("likelihood",),
    explanation="Smallest where the rate is one over the mean.",
)

linear_gaussian_nll = Formula(
    "Least squares as maximum likelihood",
    given=[X, yn, w, positive(sigma)],
    let={
        en[i]: yn[i] - Sum(X[i, j] * w[j], j),
        L: n * log(sigma) + n * log(2 * pi) / 2 + Sum(en[i] ** 2, i) / (2 * sigma**2),
    },
    wrt=[w, sigma],
    claims={w: "-X.T @ (y - X @ w) / sigma**2", sigma: "n / sigma - (y - X @ w) @ (y - X @ w) / sigma**3"},
    aliases=("least_squares_as_mle",),
    source=f"{WASSERMAN}, chapter 13",
    tags=(
        "likelihood",
        "regression",
    ),
    explanation="Squared error is what normal noise charges.",
)

normal_mle_mean = Formula(
    "Sample mean",
    given=[x],
    let={v: Sum(x[i], i) / n},
    wrt=[x],
    claims={x: "ones(n) / n"},
    aliases=(
        "sample_mean",
        "bernoulli_mle",
    ),
    source=f"{WASSERMAN}, chapter 9",
    tags=("estimator",),
    explanation="The most likely mean of a normal sample, and the share of ones in tosses.",
)

normal_mle_variance = Formula(
    "Mean squared deviation",
    given=[x],
    let={mean: Sum(x[i], i) / n, v: Sum((x[i] - mean) ** 2, i) / n},
    wrt=[x],
    claims={x: "2 * (x - mean) / n"},
    aliases=("biased_variance",),
    source=f"{WASSERMAN}, chapter 9",
    tags=("estimator",),
    explanation="The most likely variance of a normal sample; a little too small on average.",
)

sample_variance = Formula(
    "Unbiased variance",
    given=[x],
    let={mean: Sum(x[i], i) / n, v: Sum((x[i] - mean) ** 2, i) / (n - 1)},
    wrt=[x],
    claims={x: "2 * (x - mean) / (n - 1)"},
    source=f"{WASSERMAN}, chapter 3",
    tags=("estimator",),
    explanation="Dividing by n - 1 makes it right on average.",
)

exponential_mle_rate = Formula(
    "Most likely rate of waiting times",
    given=[positive(x)],
    let={v: n / Sum(x[i], i)},
    wrt=[x],
    claims={x: "-n / sum(x)**2 * ones(n)"},
    source=f"{WASSERMAN}, chapter 9",
    tags=("estimator",),
    explanation="One over the mean.",
)

normal_map_objective = Formula(
    "Normal mean with a normal prior",
    given=[x, mu, positive(sigma), mu0, positive(tau)],
    let={L: Sum((x[i] - mu) ** 2, i) / (2 * sigma**2) + (mu - mu0) ** 2 / (2 * tau**2)},
    wrt=[mu],
    claims={mu: "-sum(x - mu) / sigma**2 + (mu - mu0) / tau**2", (mu, mu): "n / sigma**2 + 1 / tau**2"},
    source=f"{WASSERMAN}, chapter 11",
    tags=(
        "bayes",
        "likelihood",
    ),
    explanation="The data and an opinion, each with its own weight.",
)

normal_posterior_mean = Formula(
    "Posterior mean of a normal",
    given=[xbar, positive(n0), positive(sigma), mu0, positive(tau)],
    let={aa: n0 / sigma**2, bb: 1 / tau**2, v: (aa * xbar + bb * mu0) / (aa + bb)},
    wrt=[xbar, mu0, tau],
    claims={xbar: "a / (a + b)", mu0: "b / (a + b)"},
    source=f"{WASSERMAN}, chapter 11",
    tags=(
        "bayes",
        "scalar",
    ),
    explanation="Between the data and the prior, nearer to whichever is surer.",
)

beta_binomial_posterior_mean = Formula(
    "Posterior mean of a proportion",
    given=[count(kk), count(n0), positive(alpha), positive(beta)],
    let={v: (alpha + kk) / (alpha + beta + n0)},
    wrt=[alpha, beta],
    claims={alpha: "(beta + n - k) / (alpha + beta + n)**2", beta: "-(alpha + k) / (alpha + beta + n)**2"},
    source=f"{WASSERMAN}, chapter 11",
    tags=(
        "bayes",
        "scalar",
    ),
    explanation="As if some tosses had been seen before.",
)

bias_variance_decomposition = Formula(
    "Bias and variance of predictions",
    given=[yhat, ftrue, positive(noise)],
    let={mean: Sum(yhat[mm], mm) / m, v: (mean - ftrue) ** 2 + Sum((yhat[mm] - mean) ** 2, mm) / m + noise},
    wrt=[yhat, ftrue],
    claims={yhat: "2 * (yhat - f) / m", ftrue: "-2 * (mean - f)"},
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 7.3",
    tags=("moments",),
    explanation="Expected squared error: wrong on average, spread, and noise.",
)

fisher_information_bernoulli = Formula(
    "Fisher information of a toss",
    given=[unit(p0)],
    let={v: 1 / (p0 * (1 - p0))},
    wrt=[p0],
    claims={p0: "(2*p - 1) / (p * (1 - p))**2"},
    source=f"{WASSERMAN}, chapter 9",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="How much one toss tells about the coin.",
)

fisher_information_normal = Formula(
    "Fisher information of a normal mean",
    given=[positive(sigma)],
    let={v: 1 / sigma**2},
    wrt=[sigma],
    claims={sigma: "-2 / sigma**3"},
    source=f"{WASSERMAN}, chapter 9",
    tags=(
        "inference",
        "scalar",
    ),
    explanation="How much one draw tells about the mean.",
)

hoeffding_bound = Formula(
    "Hoeffding's bound",
    given=[positive(n0), positive(eps)],
    let={v: 2 * exp(-2 * n0 * eps**2)},
    wrt=[eps],
    claims={eps: "-8 * n * eps * exp(-2 * n * eps**2)"},
    source=f"{WASSERMAN}, chapter 4",
    tags=(
        "inequality",
        "scalar",
    ),
    explanation="Means of bounded numbers are rarely far off.",
)

chebyshev_bound = Formula(
    "Chebyshev's bound",
    given=[positive(sigma), positive(eps)],
    let={v: sigma**2 / eps**2},
    wrt=[sigma, eps],
    claims={sigma: "2 * sigma / eps**2", eps: "-2 * sigma**2 / eps**3"},
    source=f"{WASSERMAN}, chapter 4",
    tags=(
        "inequality",
        "scalar",
    ),
    explanation="Nothing with a variance is often far from its mean.",
)
