"""Probability: conditioning, and likelihoods of samples."""

from derive.formulas import Formula, Sum, arrays, dims, indices, log, pi, positive, scalars, unit

(n,) = dims("n")
(i,) = indices(i=n)
(x,) = arrays(x=n)
mu, sigma, L = scalars("mu sigma L")
likelihood, prior, evidence, posterior = scalars("likelihood prior evidence posterior")
sensitivity, false_positive_rate, e = scalars("sensitivity false_positive_rate e")

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
