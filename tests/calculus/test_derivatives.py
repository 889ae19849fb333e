"""The forms that are promised, what is refused, and that nothing is silently zero."""

import pytest
import sympy

import derive
from benchmarks.derivation import network
from derive.calculus.modes import reverse
from derive.calculus.rewriting import Context
from derive.errors import DeriveError, NotDifferentiable, ShapeError
from derive.formulas import Formula, scalars

FORMS = {
    "mse": "∇_w = (2/n) Xᵀ (X w − y)",
    "squared_error": "∇_ŷ = (2/n) (ŷ − y)\n∇_y = (2/n) (y − ŷ)",
    "ridge": "∇_w = (2/n) Xᵀ (X w − y) + 2 λ w",
    "sigmoid": "∇_x = σ(x) (1 − σ(x))",
    "tanh": "∇_x = 1 − tanh(x)²",
    "relu": "∇_x = [x > 0]",
    "softplus": "∇_x = σ(x)",
    "logsumexp": "∇_z = softmax(z)",
    "bce": "∇_p = (1/n) (p − y)/(p ⊙ (1 − p))",
    "bce_with_logits": "∇_z = (1/n) (σ(z) − y)",
    "softmax_cross_entropy": "∇_Z = (1/n) (softmax(Z) − Y)",
    "logistic_regression": "∇_w = Xᵀ δ_z\n∇_b = Σ δ_z\nwhere\n  δ_z = (1/n) (σ(X w + b) − y)",
    "normal_logpdf": "∇_x = (μ − x)/σ²\n∇_μ = (x − μ)/σ²\n∇_σ = (x − μ)²/σ³ − 1/σ",
    "bayes_theorem": (
        "∇_likelihood = prior/evidence\n∇_prior = likelihood/evidence\n∇_evidence = −posterior/evidence\n"
        "where\n  posterior = likelihood prior/evidence"
    ),
    "entropy": "∇_p = −log(p) − 1",
    "kl_divergence": "∇_p = log(p/q) + 1\n∇_q = −p/q",
    "quadratic_form": "∇_A = x xᵀ\n∇_x = (A + Aᵀ) x",
    "chain_rule_example": "∇_x = 15 (3 x + 2)⁴",
    "mlp_sigmoid": (
        "∇_W₁ = δ_z₁ xᵀ\n∇_b₁ = δ_z₁\n∇_W₂ = δ_z₂ a₁\n∇_b₂ = δ_z₂\n∇_x = W₁ᵀ δ_z₁\nwhere\n  z₁ = W₁ x + b₁\n"
        "  a₁ = σ(z₁)\n  z₂ = W₂ᵀ a₁ + b₂\n  ŷ = σ(z₂)\n  δ_z₂ = ŷ − y\n  δ_z₁ = δ_z₂ (W₂ ⊙ a₁ ⊙ (1 − a₁))"
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_gradients_have_their_famous_form(name):
    assert str(derive.grad(name)) == FORMS[name]


def test_other_forms():
    assert str(derive.jacobian("softmax")) == "∂p/∂z = diag(p) − p pᵀ   where p = softmax(z)"
    assert str(derive.hessian("mse")) == "∇²_w = (2/n) Xᵀ X"
    assert str(derive.hessian("logsumexp")) == "∇²_z = diag(softmax(z)) − softmax(z) softmax(z)ᵀ"
    assert str(derive.grad("logistic_regression", "w")) == "∇_w = (1/n) Xᵀ (σ(X w + b) − y)"
    assert derive.grad("mse").index_form == "(∇_w)_j = (2/n) Σ_i X_ij (ŷ_i − y_i)"
    assert derive.grad("mse").matrix_form.latex == (
        "\\begin{align*}\n\\nabla_{\\mathbf{w}} &= \\frac{2}{n} \\mathbf{X}^\\top "
        "\\left(\\mathbf{X} \\mathbf{w} - \\mathbf{y}\\right)\n\\end{align*}"
    )


def test_a_derivative_is_a_formula_again():
    second = derive.grad(derive.grad("chain_rule_example").formula)
    assert str(second) == "∇_x = 180 (3 x + 2)³"
    assert str(derive.grad(second.formula)) == "∇_x = 1620 (3 x + 2)²"


def test_several_variables_in_the_order_asked():
    derivative = derive.grad("mse", ("y", "w"))
    assert derivative.outputs == ("grad_y", "grad_w")
    assert derive.grad("mse", "all").wrt == ("X", "w", "y")


def test_a_variable_the_value_does_not_depend_on_has_a_zero_of_its_shape():
    x, c, v = scalars("x c v")
    assert str(derive.grad(Formula("constant", given=[x, c], let={v: c**2}, wrt=[x]))) == "∇_x = 0"


class riddle(sympy.Function):
    """A function that no row describes."""


def test_unknown_functions_are_refused():
    x, v = scalars("x v")
    formula = Formula("riddle", given=[x], let={v: riddle(x) + x}, name="riddle")
    with pytest.raises(NotDifferentiable, match=r"^no rule differentiates riddle\(x\) by x$"):
        str(derive.grad(formula))


def test_arrays_have_no_gradient():
    with pytest.raises(ShapeError) as raised:
        str(derive.grad("softmax"))
    assert str(raised.value) == "a gradient needs a scalar value, but p has the shape (k); ask for the jacobian"


def test_wrt_has_to_name_inputs():
    with pytest.raises(DeriveError) as raised:
        derive.grad("mse", "W")
    assert str(raised.value) == "'W' is not an input of mse; they are X, w, y"
    with pytest.raises(DeriveError, match=r"^wrt takes the names of inputs, each once$"):
        derive.grad("mse", "w w")


def test_steps_and_equations_grow_linearly_with_depth():
    sizes = []
    for depth in (4, 8, 16):
        formula = network(depth)
        program, derivation = reverse(formula.program, formula.wrt, [f"grad_{w}" for w in formula.wrt], Context())
        sizes.append((len(program.equations), len(derivation)))
    for at in (0, 1):
        assert sizes[2][at] - sizes[1][at] == 2 * (sizes[1][at] - sizes[0][at])


def test_reverse_mode_agrees_with_forward_mode():
    formula = network(2)
    for name in ("W1", "b2"):
        backwards, forwards = derive.grad(formula, name), derive.jacobian(formula, name)
        backwards.check_mathematics(points=1).raise_if_failed()
        forwards.check_mathematics(points=1).raise_if_failed()
