"""How kernels are called, and what they say when they are called wrongly."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import derive
from codegen import kernel as kernels
from codegen.kernel import BACKENDS
from derive.errors import BackendUnavailable, DeriveError, DomainError, ShapeError

rng = np.random.default_rng(0)
X, w, y = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=6)
EXPECTED = 2 / 6 * X.T @ (X @ w - y)


@pytest.fixture(params=BACKENDS)
def gradient(request):
    return derive.compile(derive.grad("mse"), backend=request.param)


def test_call(gradient):
    np.testing.assert_allclose(gradient(X, w, y), EXPECTED, rtol=1e-13)
    np.testing.assert_allclose(gradient(y=y, X=X, w=w), EXPECTED, rtol=1e-13)
    np.testing.assert_allclose(gradient(X, y=y, w=w), EXPECTED, rtol=1e-13)


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_afterwards_if_it_was_before(enabled, monkeypatch, tmp_path):
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path / "cache"))
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        derive.compile(derive.grad("sigmoid"))
        assert gc.isenabled() == enabled
        with pytest.raises(BackendUnavailable):
            derive.compile(derive.grad("sigmoid"), backend="numpi")
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_is_a_generalised_ufunc(gradient):
    assert isinstance(gradient.ufunc, np.ufunc)
    assert gradient.ufunc.signature == "(n,d),(d),(n)->(d)"
    assert gradient.signature.text == "(n,d),(d),(n)->(d)"
    assert str(gradient.signature) == "X: n d; w: d; y: n -> grad_w: d"
    assert repr(gradient) == f"<kernel mse_grad X: n d; w: d; y: n -> grad_w: d ({gradient.backend}, float64)>"
    assert isinstance(derive.compile("sigmoid").ufunc, np.ufunc)
    assert derive.compile("sigmoid").ufunc.signature is None


def test_lists_integers_and_booleans_are_cast(gradient):
    result = gradient([[1, 2], [3, 4], [5, 6]], np.array([True, False]), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(result, [2 / 3 * (0 + 3 * 2 + 5 * 4), 2 / 3 * (0 + 4 * 2 + 6 * 4)])


def test_byte_swapped_and_unaligned_input(gradient):
    swapped = X.astype(X.dtype.newbyteorder())
    packed = np.zeros(6, dtype=[("pad", "i1"), ("y", "f8")])
    packed["y"] = y
    np.testing.assert_allclose(gradient(swapped, w, packed["y"]), EXPECTED, rtol=1e-13)


def test_out(gradient):
    wide = np.full(7, 9.0)
    out = wide[2:5]
    assert gradient(X, w, y, out=out) is out
    np.testing.assert_allclose(wide, [9, 9, *EXPECTED, 9, 9], rtol=1e-13)
    gaps = np.full(6, 9.0)
    gradient(X, w, y, out=gaps[::2])
    np.testing.assert_allclose(gaps, np.stack([EXPECTED, [9, 9, 9]], axis=1).ravel(), rtol=1e-13)


def test_out_may_overlap_an_input(gradient):
    weights = w.copy()
    gradient(X, weights, y, out=weights)
    np.testing.assert_allclose(weights, EXPECTED, rtol=1e-13)


def test_inputs_are_left_alone(gradient):
    kept = X.copy(), w.copy(), y.copy()
    gradient(X, w, y)
    assert all(np.array_equal(a, b) for a, b in zip(kept, (X, w, y), strict=True))


def test_threads(gradient):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: gradient(X, w, y), range(40)))
    assert all(np.allclose(result, EXPECTED) for result in results)


def test_several_results_are_a_named_tuple():
    both = derive.compile(derive.grad("mse"), value=True)(X, w, y)
    assert both._fields == ("L", "grad_w")
    assert pytest.approx(np.mean((X @ w - y) ** 2)) == both.L
    L, g = both
    np.testing.assert_allclose(g, EXPECTED, rtol=1e-13)
    assert L == both.L


def test_infinities_are_values_and_nothing_warns():
    bce = derive.compile("bce")
    assert bce([1.0], [0.0]) == np.inf
    assert np.isnan(derive.compile("sigmoid")(np.nan))


WRONG = [
    (
        lambda k: k(X, w[:2], y),
        ShapeError,
        "mse_grad takes X: n d; w: d; y: n; given X: (6, 3), w: (2,), y: (6,): d is 3 in X but 2 in w",
    ),
    (
        lambda k: k(X, w, y[:, None]),
        ShapeError,
        "mse_grad takes X: n d; w: d; y: n; given X: (6, 3), w: (3,), y: (6, 1): n is 6 in X but 1 in y",
    ),
    (
        lambda k: k(w, w, y),
        ShapeError,
        "mse_grad takes X: n d; w: d; y: n; given X: (3,), w: (3,), y: (6,): X needs 2 axes",
    ),
    (lambda k: k(X, w, [[1.0], [2.0, 3.0]]), ShapeError, "mse_grad: y is not an array: its rows differ in length"),
    (lambda k: k(X * 1j, w, y), DomainError, "mse_grad: X has to hold real numbers, not complex128"),
    (lambda k: k(X, ["a", "b", "c"], y), DomainError, "mse_grad: w has to hold real numbers, not <U1"),
    (lambda k: k(X, w, np.array([None] * 6)), DomainError, "mse_grad: y has to hold real numbers, not object"),
    (lambda k: k(X, w), DeriveError, "mse_grad is missing y; it takes X, w, y"),
    (lambda k: k(X, w, y, y), DeriveError, "mse_grad takes 3 arrays (X, w, y), but 4 were given"),
    (lambda k: k(X, w, W=y), DeriveError, "mse_grad takes no 'W'; it takes X, w, y"),
    (lambda k: k(X, w, y, w=w), DeriveError, "mse_grad was given 'w' twice"),
    (
        lambda k: k(X, w, y, out=np.zeros(4)),
        ShapeError,
        "mse_grad takes X: n d; w: d; y: n; given X: (6, 3), w: (3,), y: (6,): out has to fit grad_w: d, and has (4,)",
    ),
    (lambda k: k(X, w, y, out=[0.0] * 3), ShapeError, "out takes 1 arrays (grad_w), given list"),
    (
        lambda k: k(X, w, y, out=np.zeros(3, dtype=int)),
        DomainError,
        "out for grad_w has to be an array of float64, not int64",
    ),
    (lambda k: k(X, w, y, out=np.broadcast_to(0.0, 3)), DomainError, "out for grad_w is read-only"),
]


@pytest.mark.parametrize(("call", "kind", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_errors(call, kind, message, gradient):
    with pytest.raises(DeriveError) as raised:
        call(gradient)
    assert type(raised.value) is kind
    assert str(raised.value) == message


def test_outs_that_overlap_each_other():
    both = derive.compile(derive.grad("squared_error"))
    room = np.zeros(9)
    with pytest.raises(ShapeError, match=r"^the arrays given as out overlap each other$"):
        both(y, y, out=(room[:6], room[3:]))


def test_unknown_backend_and_dtype():
    with pytest.raises(BackendUnavailable, match=r"^no backend is called 'lvm'; did you mean 'llvm'\?; there are"):
        derive.compile("mse", backend="lvm")
    with pytest.raises(DomainError, match=r"^a kernel computes in float64 or float32, not in 'float16'$"):
        derive.compile("mse", dtype="float16")


def test_missing_compiler(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    message = r"^the C compiler CC=no-such-compiler is not there; set CC to one that is, or unset it$"
    with pytest.raises(BackendUnavailable, match=message):
        derive.compile("mse", backend="c")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BackendUnavailable, match=r"^no C compiler was found \(cc, gcc, clang, tcc\); install one"):
        derive.compile("mse", backend="c")


def test_compiler_that_fails(monkeypatch):
    monkeypatch.setenv("CC", "false")
    with pytest.raises(BackendUnavailable, match=r"false could not compile the kernel: .*use backend 'llvm' instead$"):
        kernels.compile_program(derive.formula("mse").program, name="never_built_before", backend="c")


def test_kernels_module():
    from derive.kernels import mse, mse_grad, sigmoid_hessian, softmax_jacobian  # lazy: compiled on import

    assert mse(X, w, y) == pytest.approx(np.mean((X @ w - y) ** 2))
    np.testing.assert_allclose(mse_grad(X, w, y), EXPECTED, rtol=1e-13)
    assert softmax_jacobian(np.zeros(2)).tolist() == [[0.25, -0.25], [-0.25, 0.25]]
    assert sigmoid_hessian(0.0) == 0
    with pytest.raises(ImportError):
        from derive.kernels import sigmoyd  # noqa: F401


def test_more_arrays_than_numpy_passes():
    names = [f"x{at}" for at in range(70)]
    formula = derive.parse(" + ".join(f"{name}**2" for name in names), given=", ".join(f"{n}: scalar" for n in names))
    with pytest.raises(ShapeError) as raised:
        derive.compile(derive.grad(formula, "all"))
    assert str(raised.value) == "formula_grad has 140 inputs and outputs, NumPy passes 64; ask for fewer at once"


def test_an_axis_of_one_entry_may_have_any_stride():
    made, plain = derive.compile("mse"), derive.compile("mse", backend="numpy")
    wide, targets = np.arange(30.0).reshape(10, 3) % 7, np.arange(20.0)[::2]
    for X, y in ((wide[:, 1:2], targets), (wide[3:4], targets[:1]), (wide[::9, :1][:1], targets[4:5])):
        w = np.arange(1.0, X.shape[1] + 1)
        np.testing.assert_allclose(made(X, w, y), plain(X, w, y), rtol=1e-14)
