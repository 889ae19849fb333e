"""Calculus: the rules of differentiation, each on its smallest example."""

from derive.formulas import Formula, scalars

x, u, f = scalars("x u f")

chain_rule_example = Formula(
    "A power of a linear function, for the chain rule",
    given=[x],
    let={u: 3 * x + 2, f: u**5},
    wrt=[x],
    claims={x: "15 * (3*x + 2)**4", u: "5 * u**4"},
    source="Stewart, Calculus, section 3.4",
    tags=("chain rule", "scalar"),
    explanation="The derivative of the outer power times the derivative of what is inside.",
)
