"""Kernels over blocks of rows agree with kernels over the whole, or say what keeps them from it."""

import math
import threading

import numpy as np
import pytest

import derive
from codegen.streaming import streamed
from derive.compilation import compile_kernel
from derive.verification.sampling import sample
from tests.helpers import SOME, first_derivative, is_scalar

rng = np.random.default_rng(0)
X, w, y = rng.normal(size=(100, 3)), rng.normal(size=3), rng.normal(size=100)
CUTS = ((0, 40), (40, 40), (40, 41), (41, 100))
ROWS = [(X[a:b], y[a:b]) for a, b in CUTS]
VARIANCE = derive.parse("mean((x - mean(x))**2)", x="n")

# (formula, kind, size, how many passes) for what each part of the transformation is there for
PASSES = [
    ("mse", "grad", "n", 1),  # the number of rows is moved out
    ("logistic_regression", "grad", "n", 1),  # out of an equation of rows
    ("mlp_batch", "grad", "n", 1),  # through the layers
    ("normal_nll", "grad", "n", 1),
    ("softmax_cross_entropy", "value", "n", 1),  # sums inside rows stay there
    ("covariance", "value", "n", 2),
    ("normal_mle_variance", "value", "n", 2),
    ("logsumexp", "value", "k", 2),
    ("softmax_entropy", "value", "k", 3),
    ("power_spectrum_bin", "value", "n", 2),  # reads the number of a row
    ("mutual_information", "value", "k", 2),
]
# (formula, kind, size, words of the refusal)
REFUSED = [
    ("sigmoid_terms", "value", "n", "keeps the axis n"),
    ("gp_nll", "value", "n", "has the axis n twice"),
    ("softmax_cross_entropy_sparse", "value", "k", "positions of rows"),
    ("conv1d", "value", "n", "compares rows"),
    ("rosenbrock_nd", "value", "d", "compares rows with one another: Delta"),
    ("svm_dual_objective", "value", "n", "compares rows with one another, in Sum"),
    ("outer_products", "value", "n", "compares rows"),
    ("neighbours", "value", "n", "row"),
    ("gram", "value", "n", "M compares rows"),
    ("conv2d_channels", "value", "c", "n - p + 1"),
]
OWN = {
    "sigmoid_terms": derive.parse("sigmoid(x)", x="n"),
    "outer_products": derive.parse("norm(outer(x, x), 'fro')", x="n"),
    "neighbours": derive.parse("sum(where(x > 0, x[0], x))", x="n"),
    "gram": derive.parse("logdet(X @ X.T + eye(n))", X="n d"),
}


def asked(name, kind):
    formula = OWN[name] if name in OWN else derive.formula(name)
    return formula if kind == "value" else derive.grad(formula)


def axes_of(program, size):
    return {a.name: [str(s) for s in a.shape].index(size) for a in program.inputs if size in map(str, a.shape)}


def in_blocks(kernel, size, inputs, cuts):
    """The kernel over blocks of inputs that have the size along some axis."""
    axes = axes_of(kernel.origin(), size)
    parts = [{n: np.take(inputs[n], range(*cut), axis=axis) for n, axis in axes.items()} for cut in cuts]
    return kernel.map_blocks(parts, over=size, **{n: v for n, v in inputs.items() if n not in axes})


def assert_same(found, expected):
    pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
    for mine, whole in pairs:
        assert np.shape(mine) == np.shape(whole)
        np.testing.assert_allclose(mine, whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SOME)
def test_blocks_agree_with_the_whole_or_are_refused(name):
    formula = derive.formula(name)
    for question, value in [(formula, False), *([(first_derivative(name), True)] if is_scalar(formula) else [])]:
        kernel = compile_kernel(question, "numpy", value=value)
        program = kernel.origin()
        for dim in program.dims:
            if str(dim) not in {str(size) for array in program.inputs for size in array.shape}:
                continue
            point = sample(program, 1, {str(other): 5 if other == dim else 3 for other in program.dims})
            inputs = {array.name: point.inputs[array.name] for array in program.inputs}
            if any(np.shape(inputs[n])[axis] != 5 for n, axis in axes_of(program, str(dim)).items()):
                continue  # the domains of the formula tie the size to another
            try:
                streamed(program, dim)
            except derive.DeriveError:
                continue
            assert_same(in_blocks(kernel, str(dim), inputs, ((0, 2), (2, 2), (2, 5))), kernel(**inputs))


@pytest.mark.parametrize(("name", "kind", "size", "passes"), PASSES)
@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_passes(name, kind, size, passes, backend):
    kernel = derive.compile(asked(name, kind), backend=backend)
    program = kernel.origin()
    assert len(streamed(program, next(d for d in program.dims if str(d) == size)).passes) == passes
    inputs = sample(program, 3, {str(d): 7 if str(d) == size else 4 for d in program.dims}).inputs
    inputs = {array.name: inputs[array.name] for array in program.inputs}
    assert_same(in_blocks(kernel, size, inputs, ((0, 3), (3, 4), (4, 7))), kernel(**inputs))


@pytest.mark.parametrize(("name", "kind", "size", "words"), REFUSED)
def test_refusals_say_why(name, kind, size, words):
    program = asked(name, kind).program
    with pytest.raises(derive.DeriveError, match=words.replace("+", r"\+")):
        streamed(program, next(d for d in program.dims if str(d) == size))


def test_blocks_as_tuples_mappings_and_from_files(tmp_path):
    kernel = derive.compile(derive.grad("mse"), value=True)
    whole = kernel(X, w, y)
    assert_same(kernel.map_blocks(ROWS, w=w), whole)
    assert_same(kernel.map_blocks(iter(ROWS), w=w), whole)
    assert_same(kernel.map_blocks(({"y": y[a:b], "X": X[a:b]} for a, b in CUTS), w=w), whole)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    mapped = derive.blocks(X=tmp_path / "X.npy", y=str(tmp_path / "y.npy"), rows=33)
    assert isinstance(next(iter(mapped))["X"], np.memmap)
    assert len(mapped) == 4
    assert_same(kernel.map_blocks(mapped, w=w), whole)
    assert kernel.map_blocks(mapped, w=w)._fields == whole._fields


def test_parquet(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "target": y})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=30)
    kernel = derive.compile(derive.grad("mse"))
    rows = derive.blocks(tmp_path / "rows.parquet", X=["a", "b", "c"], y="target", rows=16)
    assert_same(kernel.map_blocks(rows, w=w), kernel(X, w, y))
    with pytest.raises(derive.DeriveError, match="no column 'targets'; did you mean 'target'"):
        kernel.map_blocks(derive.blocks(tmp_path / "rows.parquet", X=["a", "b", "c"], y="targets"), w=w)


def test_one_array_needs_no_tuple():
    kernel = derive.compile(VARIANCE)
    assert kernel.map_blocks([y[:30], y[30:]]) == pytest.approx(np.var(y), rel=1e-14)


def test_a_second_pass_needs_blocks_that_can_be_read_again():
    kernel = derive.compile(VARIANCE)
    with pytest.raises(derive.DeriveError, match=r"Sum\(.*pass over the rows of its own.*not an iterator"):
        kernel.map_blocks(iter([y]))
    far = 1e9 + y  # the squares around the mean, not the squares less the square of the mean
    assert kernel.map_blocks([far[:50], far[50:]]) == pytest.approx(float(np.var(far.astype(np.longdouble))), rel=1e-12)


def test_many_blocks_are_as_accurate_as_one():
    kernel = derive.compile(derive.parse("sum(x)", x="n"))
    values = rng.normal(size=20_000) * 10.0 ** rng.integers(-3, 9, 20_000)
    found = kernel.map_blocks(derive.blocks(x=values, rows=1))
    assert abs(found - math.fsum(values)) <= 2 * np.spacing(abs(math.fsum(values)))
    single = derive.compile(derive.parse("mean(x)", x="n"), dtype="float32")
    assert single.map_blocks(np.full((3000, 10), 0.1, "float32")) == np.float32(0.1)


def test_infinities_and_nothing_at_all():
    total, largest = derive.compile(derive.parse("sum(x)", x="n")), derive.compile(derive.parse("max(x)", x="n"))
    assert total.map_blocks([[np.inf], [1.0]]) == np.inf
    assert np.isnan(total.map_blocks([[np.inf], [-np.inf]]))
    assert total.map_blocks([[], []]) == 0
    assert largest.map_blocks([[]]) == -np.inf


def test_single_precision_comes_back_as_it_is():
    kernel = derive.compile(derive.grad("mse"), dtype="float32")
    parts = [(a.astype("float32"), b.astype("float32")) for a, b in ROWS]
    found = kernel.map_blocks(parts, w=w.astype("float32"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, kernel(X.astype("float32"), w.astype("float32"), y.astype("float32")), rtol=1e-5)


def test_from_many_threads():
    kernel = derive.compile(derive.grad("mse"))
    found = [None] * 4

    def work(at):
        found[at] = kernel.map_blocks(ROWS * (at + 1), w=w)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at, each in enumerate(found):
        np.testing.assert_allclose(each, kernel(X, w, y), rtol=1e-12, err_msg=str(at))


# (blocks, keyword arguments, words of the error)
MISTAKES = [
    ([], {"w": w}, "no blocks"),
    (ROWS, {}, "do not share a leading axis"),
    (ROWS, {"v": w}, "no input 'v'"),
    (ROWS, {"w": w, "X": X}, "X: n d has the axis n and belongs into the blocks"),
    (ROWS, {"over": "n"}, "missing w"),
    (ROWS, {"w": w, "over": "m"}, "no input has an axis 'm'"),
    ([(X, y), (X[:, :2], y)], {"w": w}, "d is 3 in w but 2 in X of block 2"),
    ([(X, y[:50])], {"w": w}, r"block 1 differ in n: X: \(100, 3\), y: \(50,\)"),
    ([(X,)], {"w": w}, "block 1 has to be a tuple of X, y, or a mapping; given 1 arrays"),
    ([X], {"w": w}, "given ndarray"),
    ([{"X": X}], {"w": w}, "block 1 lacks y"),
    ([{"X": X, "Y": y}], {"w": w}, "block 1 holds 'Y'; blocks hold X, y"),
    ([(X, X)], {"w": w}, "y of block 1 has 2 axes, and y: n has 1"),
]


@pytest.mark.parametrize(("parts", "named", "words"), MISTAKES)
def test_mistakes_are_explained(parts, named, words):
    with pytest.raises(derive.DeriveError, match=words):
        derive.compile(derive.grad("mse")).map_blocks(parts, **named)


def test_mistakes_in_what_blocks_are_made_of():
    with pytest.raises(derive.ShapeError, match="differ in their rows: X: 100, y: 3"):
        derive.blocks(X=X, y=y[:3])
    with pytest.raises(derive.ShapeError, match="w is a number"):
        derive.blocks(w=1.0)
    with pytest.raises(derive.ShapeError, match="at least one row"):
        derive.blocks(x=y, rows=0)
    with pytest.raises(derive.DeriveError, match="name what the blocks hold"):
        derive.blocks()


def test_progress_is_drawn_when_asked_and_wiped(capsys):
    kernel = derive.compile(VARIANCE)
    kernel.map_blocks([y, y])
    assert capsys.readouterr().err == ""
    kernel.map_blocks([y, y], progress=True)
    drawn = capsys.readouterr().err
    assert "1/2 blocks of formula, pass 2" in drawn
    assert drawn.endswith("\r\033[K")
