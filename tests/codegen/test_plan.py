"""What a plan says, whole; and that it agrees with the loops."""

import pytest

import derive
from derive.errors import BackendUnavailable

MSE = """\
mse_grad: 2 passes over memory

1. for k < d
   grad_w
   reads nothing; writes grad_w
   0 operations, 8·d bytes

2. for i < n
   fused: yhat, grad_w
   reads X, w, y; writes grad_w
   9·d·n operations, 8·d·n + 16·d + 8·n bytes
   cut along n for threads, 4 rows at a time; grad_w folded two by two

in all 9·d·n operations, 8·d·n + 24·d + 8·n bytes
no workspace"""

HESSIAN = """\
logistic_regression_hessian: 4 passes over memory

1. X @ w by loops that kernels share
   t1
   reads X, w; writes t1
   2·d·n operations, 8·d·n + 8·d + 8·n bytes

2. for k < n
   fused: z, t2, t3
   reads b, t1; writes t3
   3·n operations, 16·n + 8 bytes
   cut along n for threads

3. for q < n
   t4
   reads X, t3; writes t4
   d·n operations, 16·d·n + 8·n bytes
   cut along n for threads

4. t4.T @ t4 by BLAS, or loops where it is small, half of it, since it is symmetric
   hess_w
   reads t4; writes hess_w
   d²·n operations, 8·d² + 8·d·n bytes

in all d²·n + 3·d·n + 3·n operations, 8·d² + 32·d·n + 8·d + 32·n + 8 bytes
workspace 8·d·n + 16·n bytes"""


def test_the_gradient_of_a_loss_is_one_pass_over_its_samples():
    assert str(derive.plan(derive.grad("mse"))) == MSE


def test_a_hessian_goes_to_blas():
    assert str(derive.plan(derive.hessian("logistic_regression", "w"))) == HESSIAN


def test_bytes_follow_the_type():
    double, single = (derive.plan("sigmoid", dtype=dtype) for dtype in ("float64", "float32"))
    assert double.bytes == 2 * single.bytes == 16
    assert double.to_dict()["passes"][0]["runs"] == "for each number"


def test_what_rows_share():
    told = "numbers with the same mu and sigma share what depends on nothing else"
    assert str(derive.plan("normal_pdf")).splitlines()[-1] == told
    assert derive.plan("normal_pdf").to_dict()["broadcast"] == told
    assert derive.plan("sigmoid").broadcast == derive.plan("saddle").broadcast == ""
    assert derive.plan("normal_pdf", backend="c").broadcast == ""
    told = "leading axes: 4 rows at a time with one call of functions"
    assert str(derive.plan(derive.grad("rbf_kernel"))).splitlines()[-1] == told
    assert derive.plan(derive.grad("mse")).broadcast == derive.plan(derive.grad("entropy")).broadcast == ""


def test_numpy_has_no_plan():
    with pytest.raises(BackendUnavailable) as caught:
        derive.plan("sigmoid", backend="numpy")
    told = "a plan is of loops, and backend 'numpy' has none of its own; ask for c or llvm"
    assert str(caught.value) == told
