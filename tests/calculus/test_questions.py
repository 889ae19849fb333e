"""Products with vectors, and what a derivative by a variable with structure means."""

import numpy as np
import pytest

import derive
from codegen.kernel import BACKENDS
from derive.errors import DomainError
from tests.helpers import SOME

FORMS = [
    ("jvp", "mse", None, "DL[v] = (2/n) (X w − y)ᵀ X v"),
    ("hvp", "mse", None, "∇²_w v = (2/n) Xᵀ X v"),
    ("vjp", "softmax", None, "uᵀ ∂p/∂z = p ⊙ (u − pᵀ u)   where p = softmax(z)"),
]


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("kind", ["jvp", "vjp", "hvp"])
def test_products_of_the_catalog(name, kind):
    formula = derive.formula(name)
    if kind == "hvp" and formula.program.array(formula.value).shape:
        pytest.skip("an array has no Hessian")
    getattr(derive, kind)(formula).check_mathematics(points=2).raise_if_failed()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_product_is_a_kernel(backend):
    rng = np.random.default_rng(0)
    X, w, y, v = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5), rng.normal(size=3)
    hessian = derive.compile(derive.hessian("mse"), backend)(X, w, y)
    product = derive.compile(derive.hvp("mse"), backend)
    np.testing.assert_allclose(product(X=X, w=w, y=y, v=v), hessian @ v)
    gradient = derive.compile(derive.grad("mse"), backend)(X, w, y)
    value, slope = derive.compile(derive.jvp("mse"), backend, value=True)(X, w, y, v)
    np.testing.assert_allclose([value, slope], [np.mean((X @ w - y) ** 2), gradient @ v])


@pytest.mark.parametrize(("kind", "name", "wrt", "text"), FORMS)
def test_forms(kind, name, wrt, text):
    assert str(getattr(derive, kind)(name, wrt)) == text


STRUCTURES = [
    ("trace(A @ X)", "n n symmetric", "structured", "∇_X = A + Aᵀ − diag(diag(A))"),
    ("trace(A @ X)", "n n symmetric", "tangent", "∇_X = (1/2) (A + Aᵀ)"),
    ("trace(A @ X)", "n n symmetric", "entries", "∇_X = Aᵀ"),
    ("logdet(X)", "n n spd", "structured", "∇_X = 2 X⁻¹ − diag(diag(X⁻¹))"),
    ("logdet(X)", "n n spd", "tangent", "∇_X = X⁻¹"),
    ("trace(A @ X)", "n n diagonal", "structured", "∇_X = diag(diag(A))"),
    ("trace(A @ X)", "n n lower triangular", "structured", "(∇_X)_pm = A_mp [p ≥ m]"),
    ("b @ X", "n simplex", "tangent", "∇_X = b − (1/n) Σ b"),
    ("b @ X", "n unit norm", "tangent", "∇_X = b − Xᵀ b X"),
    ("trace(A @ X)", "n n orthogonal", "tangent", None),
]


@pytest.mark.parametrize(("text", "domain", "convention", "form"), STRUCTURES)
def test_conventions(text, domain, convention, form):
    formula = derive.parse(text, X=domain, A="n n", b="n")
    found = derive.grad(formula, "X", convention)
    found.check_mathematics(points=2).raise_if_failed()
    if form is not None:
        assert str(found) == form


def test_what_a_convention_cannot_say():
    formula = derive.parse("b @ x", x="n simplex", b="n")
    with pytest.raises(DomainError) as problem:
        str(derive.grad(formula, "x", "structured"))
    said = "a derivative by a variable declared simplex has no 'structured' form; ask for 'tangent'"
    assert str(problem.value) == said
    with pytest.raises(DomainError) as problem:
        str(derive.grad(formula, "x", "struct"))
    assert str(problem.value) == "no convention is called 'struct'; did you mean 'structured'?"
