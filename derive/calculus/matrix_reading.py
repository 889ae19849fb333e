"""One equation read as vectors and matrices.

Indices are vertices and factors are edges: an element with two indices joins them, an element with one index weighs its
vertex. A sum removes a vertex. One edge at it leaves a matrix-vector product, two edges a matrix product, none a sum of
entries; edges between the same vertices multiply elementwise, and a delta is an edge that is the identity. What has
more than two free indices, or a vertex where more than two edges meet, has no matrix form: the reading is None then,
never a guess. The tree it makes is the notation's, so that it can be read back and compared with the index form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Indexed, Mul, Pow, Rational, S

from derive.calculus.algebra import MANY_TERMS, multiplied_out, powers
from derive.calculus.contraction import digits
from derive.calculus.matrix_rules import flattened
from derive.notation.index_form import from_index, split_exponent
from derive.notation.tree import Binary, Call, Name, Number, Reduce, Transpose, Tree, Unary, nodes
from derive.notation.writing import write_text
from derive.primitives import BY_NAME, exp, primitive
from derive.program import (
    Delta,
    Entry,
    Equation,
    Index,
    Sum,
    anonymous,
    elements,
    free_indices,
    is_element,
    name_of,
    positions_of,
    substitute,
    walk,
)

Axes = tuple[Index, ...]
ONE = Number(S.One)


class NoForm(Exception):
    """The value has no matrix form."""


@dataclass(frozen=True)
class Form:
    """An array written with matrices, the indices its axes stand for, and a number that multiplies it."""

    body: Tree
    axes: Axes = ()
    scale: Tree = ONE

    @property
    def tree(self) -> Tree:
        """The array with its number in front."""
        return _scaled(self.scale, self.body)


def equation_form(equation: Equation) -> Tree | None:
    """The right-hand side of an equation as an array with the axes of its left-hand side, or None."""
    if len(equation.indices) > 2:
        return None
    try:
        return _over(_read(equation.value), equation.indices).tree
    except NoForm:
        return None


# ---------------------------------------------------------------- reading values


def _read(value: Expr) -> Form:
    free = free_indices(value)
    if not free and not any(isinstance(ref, Indexed) for ref in elements(value)):
        return Form(from_index(value))
    if is_element(value):
        return _element(value)
    if isinstance(value, Delta):
        return _delta(value)
    if isinstance(value, Entry):
        return _entry(value)
    if isinstance(value, Add):
        return _sum_of_terms([_read(term) for term in value.args])
    if isinstance(value, Mul | Pow | Sum):
        return _product_form(value)
    row = primitive(value)
    if row is None:
        raise NoForm
    arguments = [_read(arg) for arg in value.args]
    axes = _common_axes(arguments)
    return Form(Call(row.name, tuple(_over(arg, axes).tree if arg.axes else arg.tree for arg in arguments)), axes)


def _product_form(value: Expr) -> Form:
    """A product under sums; where it has no form as it stands, its brackets are multiplied out."""
    body, bound = (value.body, value.indices) if isinstance(value, Sum) else (value, ())
    if any(isinstance(part, Entry) and part.function == "matrix_power" for part in walk(value)):
        factors, found = flattened(value)
        if any(isinstance(factor, Add) and _exponents([factor]) for factor in factors):
            return _sum_of_terms([_read(term) for term in opened(value)])
        counting = tuple(index for index in found if index in _exponents(factors))
        if counting:
            inner = _read(Sum(Mul(*factors), *(index for index in found if index not in counting)))
            names = tuple(str(index.name) for index in counting)
            below = tuple((str(index.name), from_index(index.size)) for index in counting)
            return Form(Reduce("sum", inner.tree, names, below), inner.axes)
    pair = _kronecker(value)
    if pair is not None:
        return pair
    try:
        return _contracted(body, bound)
    except NoForm:
        terms = Add.make_args(multiplied_out(body))
        try:
            if len(terms) < 2:
                raise
            return _sum_of_terms([_contracted(term, bound) for term in terms])
        except NoForm:
            flat = opened(value)
            return _sum_of_terms([_contracted(Mul(*factors), tuple(inner)) for factors, inner in map(flattened, flat)])


def _kronecker(value: Expr) -> Form | None:
    """A ⊗ B, from the digits of its positions."""
    if not value.has(Delta):
        return None
    factors, bound = flattened(value)
    places: list[tuple[Expr, Index, Index]] = []
    rest: list[Expr] = []
    for factor in factors:
        sides = [(digits(p), q) for p, q in (factor.args, factor.args[::-1])] if isinstance(factor, Delta) else []
        found = next(((one, other) for one, other in sides if one is not None and isinstance(other, Index)), None)
        if found is None:
            rest.append(factor)
        else:
            places.append((found[1], *found[0]))
    if len(places) != 2 or {i for _, *pair in places for i in pair} != set(bound):
        return None
    places.sort(key=lambda place: str(place[0]))
    outer, inner = ({pair[at] for _, *pair in places} for at in (0, 1))
    left = [f for f in rest if free_indices(f) <= outer]
    right = [f for f in rest if free_indices(f) <= inner and f not in left]
    if len(left) + len(right) != len(rest):
        return None
    (a, i, k), (b, j, m) = places
    forms = _over(_read(Mul(*left)), (i, j)), _over(_read(Mul(*right)), (k, m))
    if not isinstance(a, Index) or not isinstance(b, Index):
        return None
    return Form(Call("kron", tuple(form.tree for form in forms)), (a, b))


def opened(value: Expr) -> list[Expr]:
    """A value as terms without brackets: products under sums, the sums outside."""
    if isinstance(value, Add):
        return [term for part in value.args for term in opened(part)]
    if isinstance(value, Sum):
        return [Sum(term, *value.indices) for term in opened(value.body)]
    if not isinstance(value, Mul):
        return [value]
    terms: list[Expr] = [S.One]
    for factor in value.args:
        inner = opened(factor)
        if len(terms) * len(inner) > MANY_TERMS:
            raise NoForm
        terms = [term * part for term in terms for part in inner]
    return terms


def _exponents(factors: Sequence[Expr]) -> frozenset[Index]:
    """The indices that exponents of matrices speak of."""
    entries = (part for factor in factors for part in walk(factor) if isinstance(part, Entry))
    return frozenset(i for entry in entries for power in split_exponent(entry)[0] for i in free_indices(power))


def _element(ref: Expr) -> Form:
    positions = positions_of(ref)
    if not all(isinstance(p, Index) for p in positions) or len(positions) > 2:
        raise NoForm
    if len(set(positions)) < len(positions):
        return Form(Call("diag", (Name(name_of(ref)),)), positions[:1])
    return Form(Name(name_of(ref)), positions)


def _entry(value: Entry) -> Form:
    exponent, positions = split_exponent(value)
    if not all(isinstance(p, Index) for p in positions):
        raise NoForm
    call = Call(value.function, (*map(Name, value.arrays), *map(from_index, exponent)))
    if len(set(positions)) < len(positions):
        return Form(Call("diag", (call,)), positions[:1])
    return Form(call, positions)


def _delta(value: Expr) -> Form:
    left, right = value.args
    if not (isinstance(left, Index) and isinstance(right, Index) and left.size == right.size):
        raise NoForm
    return Form(Call("eye", (from_index(left.size),)), (left, right))


def _common_axes(forms: Sequence[Form]) -> Axes:
    axes = max((form.axes for form in forms), key=len)
    if any(form.axes and set(form.axes) != set(axes) for form in forms):
        raise NoForm
    return axes


def _over(form: Form, axes: Axes) -> Form:
    """The same array with its axes in the order of `axes`."""
    if form.axes == axes:
        return form
    if len(axes) == 2 and form.axes == axes[::-1]:
        return Form(transposed(form.body), axes, form.scale)
    if not form.axes and len(axes) == 1:
        return Form(_product(form.tree, Call("ones", (from_index(axes[0].size),))), axes)
    if not form.axes and len(axes) == 2:
        if form.tree == Number(S.Zero):
            return Form(Call("zeros", tuple(from_index(axis.size) for axis in axes)), axes)
        return Form(_product(form.tree, Call("ones", tuple(from_index(axis.size) for axis in axes))), axes)
    if len(form.axes) == 1 and len(axes) == 2:
        ones = Call("ones", (from_index(axes[1 - axes.index(form.axes[0])].size),))
        return Form(Call("outer", (form.tree, ones) if axes[0] == form.axes[0] else (ones, form.tree)), axes)
    raise NoForm


def transposed(tree: Tree) -> Tree:
    """The transpose of a matrix, pushed into products and sums."""
    if isinstance(tree, Number):
        return tree
    if isinstance(tree, Transpose):
        return tree.arg
    if isinstance(tree, Call) and tree.function in ("eye", "diag"):
        return tree
    if isinstance(tree, Call) and tree.function == "outer":
        return Call("outer", tree.args[::-1])
    if isinstance(tree, Call) and tree.function in BY_NAME and len(tree.args) == 1:
        return Call(tree.function, (transposed(tree.args[0]),))
    if isinstance(tree, Binary) and tree.op == "@":
        return Binary("@", transposed(tree.right), transposed(tree.left))
    if isinstance(tree, Binary) and tree.op in ("+", "-"):
        return Binary(tree.op, transposed(tree.left), transposed(tree.right))
    if isinstance(tree, Binary) and tree.op == "*" and _is_number(tree.left):
        return Binary("*", tree.left, transposed(tree.right))
    if isinstance(tree, Unary):
        return Unary("-", transposed(tree.arg))
    return Transpose(tree)


def _is_number(tree: Tree) -> bool:
    """Whether a tree is made of numbers alone."""
    return all(isinstance(node, Number | Unary | Binary) for node in nodes(tree))


# ---------------------------------------------------------------- sums of terms


def _sum_of_terms(forms: list[Form]) -> Form:
    axes = _common_axes(forms)
    if len(axes) == 2 and any(not form.axes for form in forms):
        raise NoForm
    return Form(_added([_over(form, axes).tree if form.axes else form.tree for form in forms]), axes)


def _added(trees: list[Tree]) -> Tree:
    """A sum of terms, those with a factor in common put together."""
    trees = sorted(_shared_factor(trees), key=_term_order)
    coefficients = {_coefficient(tree) for tree in trees}
    (coefficient,) = coefficients if len(coefficients) == 1 and len(trees) > 1 else (None,)
    if coefficient is not None:
        return Binary("*", coefficient, _added([_without_coefficient(tree) for tree in trees]))
    total = trees[0]
    for tree in trees[1:]:
        sign, rest = _signed(tree)
        total = Binary("-" if sign < 0 else "+", total, rest)
    return total


def negated(tree: Tree) -> Tree:
    """The tree with its sign changed, pushed into a sum."""
    terms: list[Tree] = []
    rest = tree
    while isinstance(rest, Binary) and rest.op in "+-":
        terms.insert(0, Unary("-", rest.right) if rest.op == "+" else rest.right)
        rest = rest.left
    return _added([_scaled(Unary("-", ONE), rest) if not _signed(rest)[0] < 0 else _signed(rest)[1], *terms])


def _coefficient(tree: Tree) -> Tree | None:
    """The number in front of a term, without its sign."""
    _, rest = _signed(tree)
    return rest.left if isinstance(rest, Binary) and rest.op == "*" and _is_number(rest.left) else None


def _without_coefficient(tree: Tree) -> Tree:
    sign, rest = _signed(tree)
    assert isinstance(rest, Binary)
    return Unary("-", rest.right) if sign < 0 else rest.right


def collected(tree: Tree) -> Tree:
    """A sum whose terms are put together where they have become alike."""
    terms: list[Tree] = []
    rest = tree
    while isinstance(rest, Binary) and rest.op in "+-":
        terms.insert(0, rest.right if rest.op == "+" else Unary("-", rest.right))
        rest = rest.left
    if not terms:
        return tree
    return _added([rest, *terms])


def _term_order(tree: Tree) -> tuple[bool, bool, bool, int]:
    """Positive terms first, numbers last among them, long before short, a transpose after what it transposes."""
    sign, rest = _signed(tree)
    return sign < 0, isinstance(rest, Number), isinstance(rest, Transpose), -len(write_text(rest))


def _signed(tree: Tree) -> tuple[int, Tree]:
    """A tree as a sign and what is left without it."""
    if isinstance(tree, Unary):
        return -1, tree.arg
    if isinstance(tree, Binary) and tree.op in ("*", "/", "@"):
        sign, rest = _signed(tree.left)
        return sign, Binary(tree.op, rest, tree.right) if sign < 0 else tree
    if isinstance(tree, Number) and tree.value < 0:
        return -1, Number(-tree.value)
    return 1, tree


def _shared_factor(trees: list[Tree]) -> list[Tree]:
    """`A x + Aᵀ x` as `(A + Aᵀ) x`: two products that differ in one factor, or in what stands before the last."""
    for at, first in enumerate(trees):
        for other in trees[at + 1 :]:
            merged = _merged(first, other)
            if merged is not None:
                return _shared_factor([merged, *(t for t in trees if t is not first and t is not other)])
    return trees


def _merged(first: Tree, second: Tree) -> Tree | None:
    """The sum of two products as one product."""
    (sign, coefficient, ours), (other_sign, other, theirs) = _chain_of(first), _chain_of(second)
    if coefficient != other or min(len(ours), len(theirs)) < 2:
        return None
    before = 0
    while before < min(len(ours), len(theirs)) - 1 and ours[before] == theirs[before]:
        before += 1
    after = 0
    while after < min(len(ours), len(theirs)) - before - 1 and ours[-1 - after] == theirs[-1 - after]:
        after += 1
    middle, others = ours[before : len(ours) - after], theirs[before : len(theirs) - after]
    if after == 0 and not (before and len(middle) == len(others) == 1):
        return None
    if before and not len(middle) == len(others) == 1:
        before, middle, others = 0, ours[: len(ours) - after], theirs[: len(theirs) - after]
    one, two = (_product_of_chain(part) for part in (middle, others))
    if sign == other_sign:
        both: Tree = Binary("+", one, two)
    else:
        both, sign = (Binary("-", one, two) if sign > 0 else Binary("-", two, one)), 1
    whole = _product_of_chain([*ours[:before], both, *ours[len(ours) - after :]])
    scaled = whole if coefficient is None else Binary("*", coefficient, whole)
    return Unary("-", scaled) if sign < 0 else scaled


def _chain_of(tree: Tree) -> tuple[int, Tree | None, list[Tree]]:
    """A term as its sign, its coefficient, and the factors of its matrix product."""
    sign, rest = _signed(tree)
    coefficient = None
    if isinstance(rest, Binary) and rest.op == "*" and isinstance(rest.right, Binary) and rest.right.op == "@":
        coefficient, rest = rest.left, rest.right
    factors: list[Tree] = []
    while isinstance(rest, Binary) and rest.op == "@":
        factors.insert(0, rest.right)
        rest = rest.left
    return sign, coefficient, [rest, *factors]


def _product_of_chain(factors: Sequence[Tree]) -> Tree:
    total = factors[0]
    for factor in factors[1:]:
        total = Binary("@", total, factor)
    return total


# ---------------------------------------------------------------- products and sums over indices


@dataclass
class Graph:
    """A product of arrays over indices: scalars, weights on vertices, edges between them."""

    scalars: list[tuple[Tree, bool]]
    weights: dict[Index, list[tuple[Tree, bool]]]
    edges: dict[frozenset[Index], Form]

    def join(self, form: Form, below: bool = False) -> None:
        """Multiply by an array, or divide by it."""
        if not form.axes:
            self.scalars.append((form.tree, below))
        elif len(form.axes) == 1:
            self.weights.setdefault(form.axes[0], []).append((form.tree, below))
        else:
            key = frozenset(form.axes)
            present = self.edges.get(key)
            if present is not None and _is_identity(form):
                form, present = present, form
            if present is not None and _is_identity(present):
                if _is_identity(form):
                    return
                raise NoForm
            if below and present is None:
                raise NoForm
            op = "/" if below else "*"
            self.edges[key] = (
                form
                if present is None
                else Form(Binary(op, present.tree, _over(form, present.axes).tree), present.axes)
            )

    def touching(self, vertex: Index) -> list[frozenset[Index]]:
        """The edges at a vertex."""
        return [key for key in self.edges if vertex in key]

    def weight(self, vertex: Index) -> Tree | None:
        """The weight of a vertex, taken off it."""
        return _quotient(self.weights.pop(vertex, []))


def _is_identity(form: Form) -> bool:
    return isinstance(form.tree, Call) and form.tree.function == "eye"


def _quotient(parts: Sequence[tuple[Tree, bool]]) -> Tree | None:
    """A product of trees, those marked as below under one fraction bar; None when there are none."""
    if not parts:
        return None
    named_first = sorted(parts, key=lambda part: not isinstance(part[0], Name))
    above = _joined([tree for tree, below in named_first if not below])
    below = _joined([tree for tree, below in named_first if below])
    if below is None:
        return above
    return Binary("/", above if above is not None else ONE, below)


def _joined(trees: Sequence[Tree]) -> Tree | None:
    total: Tree | None = None
    for tree in trees:
        total = tree if total is None else _product(total, tree)
    return total


def _product(left: Tree, right: Tree) -> Tree:
    return right if left == ONE else left if right == ONE else Binary("*", left, right)


def _contracted(body: Expr, bound: Axes) -> Form:
    """The product `body` summed over `bound`."""
    graph, scalar_part = product_graph(body, bound)
    return _finished(graph, scalar_part)


def product_graph(body: Expr, bound: Axes) -> tuple[Graph, Expr]:
    """The product `body` summed over `bound` as a graph on its free indices, and the number in front."""
    graph = Graph([], {}, {})
    factors = powers(body) if isinstance(body, Mul | Pow) else {body: S.One}
    scalar_part = Mul(*(b**p for b, p in factors.items() if not _has_arrays(b) and not _has_arrays(p)))
    arrays = {b: p for b, p in factors.items() if _has_arrays(b) or _has_arrays(p)}
    for form in _softmaxes(arrays, bound):
        graph.join(form)
    for base, power in arrays.items():
        _join_power(graph, base, power)
    for vertex in sorted(bound, key=lambda v: (len(graph.touching(v)), v.name)):
        _eliminate(graph, vertex)
    return graph, scalar_part


def edge_between(graph: Graph, row: Index, column: Index) -> Form | None:
    """What stands between two indices: an edge with weights on its ends, or an outer product of the weights."""
    key = frozenset((row, column))
    part = Graph([], {v: list(graph.weights[v]) for v in (row, column) if v in graph.weights}, {})
    if key in graph.edges:
        part.edges[key] = graph.edges[key]
        return _over(_weighted(graph.edges[key], part), (row, column))
    for vertex in (row, column):
        part.weights.setdefault(vertex, [(Call("ones", (from_index(vertex.size),)), False)])
    found = _without_edges(part, (row, column))
    return None if found is None else _over(found, (row, column))


def scalar_in_front(graph: Graph, number: Expr) -> Form:
    """The number that multiplies a graph."""
    return _finished(Graph(graph.scalars, {}, {}), number)


def _has_arrays(value: Expr) -> bool:
    return any(isinstance(ref, Indexed) for ref in elements(value)) or bool(free_indices(value))


def _join_power(graph: Graph, base: Expr, power: Expr) -> None:
    form = _read(base)
    if abs(power) == Rational(1, 2) and not _has_arrays(power):
        form, power = _root(form), 2 * power
    if power == 1:
        graph.join(form)
    elif power == -1:
        graph.join(form, below=True)
    elif power.is_Integer and 1 < power <= 3 and len(form.axes) == 1 and graph.touching(form.axes[0]):
        for _ in range(int(power)):
            graph.join(form)
    elif power.is_Rational and power < 0:
        graph.join(Form(Binary("**", form.tree, from_index(-power)), form.axes), below=True)
    elif not _has_arrays(power):
        graph.join(Form(Binary("**", form.tree, from_index(power)), form.axes))
    else:
        raised = _read(power)
        axes = _common_axes([form, raised])
        graph.join(Form(Binary("**", form.tree, raised.tree), axes))


def _root(form: Form) -> Form:
    """The square root of an array; of a sum of squares it is a norm."""
    tree = form.tree
    if isinstance(tree, Binary) and tree.op == "@" and tree.left == tree.right and not form.axes:
        return Form(Call("norm", (tree.left,)))
    return Form(Call("sqrt", (tree,)), form.axes)


def _softmaxes(factors: dict[Expr, Expr], bound: Axes) -> list[Form]:
    """The factors `exp(u) / Σ exp(u)` taken out of a product, each as a softmax along its last axis."""
    found = []
    for base in [b for b in factors if isinstance(b, Sum) and isinstance(b.body, exp)]:
        if not factors[base].is_Integer or factors[base] >= 0 or len(base.indices) != 1:
            continue
        for above in [b for b in factors if isinstance(b, exp)]:
            form = _softmax(above, base)
            if form is None:
                continue
            times = min(int(factors[above]), -int(factors[base]))
            factors[above] -= times
            factors[base] += times
            found.extend([form] * times)
    for spent in [b for b, power in factors.items() if power == 0]:
        del factors[spent]
    return found


def _softmax(above: Expr, total: Expr) -> Form | None:
    """`above / total` as a softmax along the last axis, if `total` sums `above` over it."""
    (bound,) = total.indices
    for index in sorted(free_indices(above) - free_indices(total), key=lambda x: str(x.name)):
        if index.size == bound.size and anonymous(substitute(total.body, {bound: index})) == anonymous(above):
            inner = _read(above.args[0])
            rows = tuple(axis for axis in inner.axes if axis != index)
            along = _over(inner, (*rows, index))
            return Form(Call("softmax", (along.tree,)), along.axes)
    return None


def _eliminate(graph: Graph, vertex: Index) -> None:
    """Sum over one index."""
    keys = graph.touching(vertex)
    if len(keys) > 2:
        raise NoForm
    parts = graph.weights.pop(vertex, [])
    if not keys:
        graph.scalars.append((_total(parts, vertex), False))
        return
    first = graph.edges.pop(keys[0])
    far = next(axis for axis in first.axes if axis != vertex)
    weight = _quotient(parts)
    if len(keys) == 1:
        graph.join(_matrix_vector(first, far, vertex, weight))
        return
    second = graph.edges.pop(keys[1])
    end = next(axis for axis in second.axes if axis != vertex)
    left, right = _over(first, (far, vertex)).tree, _over(second, (vertex, end)).tree
    if _prefers_swap(left, right):
        far, end, left, right = end, far, transposed(right), transposed(left)
    middle = right if weight is None else Binary("@", Call("diag", (weight,)), right)
    graph.join(Form(_chain(left, middle), (far, end)))


def _prefers_swap(left: Tree, right: Tree) -> bool:
    """Whether the transposed product reads better: the plain factor goes to the right."""
    return isinstance(right, Transpose) and not isinstance(left, Transpose)


def _chain(left: Tree, right: Tree) -> Tree:
    """`left @ right`, bracketed to the left as products are read."""
    if isinstance(right, Binary) and right.op == "@":
        return Binary("@", _chain(left, right.left), right.right)
    return Binary("@", left, right)


def _total(parts: Sequence[tuple[Tree, bool]], vertex: Index) -> Tree:
    """The sum of the entries of a vector: a dot product when it is a product of two."""
    if not parts:
        return from_index(vertex.size)
    above = [tree for tree, below in parts if not below]
    if len(parts) == 2 and len(above) == 2:
        left, right = above
        if isinstance(left, Binary) and left.op == "@" and not (isinstance(right, Binary) and right.op == "@"):
            left, right = right, left
        return _chain(left, right)
    if len(parts) == 1 and isinstance(parts[0][0], Binary) and parts[0][0].op == "**" and parts[0][0].right == _TWO:
        return _chain(parts[0][0].left, parts[0][0].left)
    whole = _quotient(parts)
    assert whole is not None
    if isinstance(whole, Call) and whole.function == "diag":
        return Call("trace", whole.args)
    return Call("sum", (whole,))


_TWO = Number(S(2))


def _matrix_vector(edge: Form, far: Index, vertex: Index, weight: Tree | None) -> Form:
    """An edge summed over one end, weighed there."""
    if _is_identity(edge):
        return Form(weight if weight is not None else Call("ones", (from_index(far.size),)), (far,))
    vector = weight if weight is not None else Call("ones", (from_index(vertex.size),))
    return Form(_chain(_over(edge, (far, vertex)).tree, vector), (far,))


def _finished(graph: Graph, scalar_part: Expr) -> Form:
    """What is left when all bound indices are gone: a number, a vector, or one matrix."""
    axes: dict[Index, None] = {}
    for form in graph.edges.values():
        axes.update(dict.fromkeys(form.axes))
    axes.update(dict.fromkeys(graph.weights))
    if len(axes) > 2 or len(graph.edges) > 1:
        raise NoForm
    negative = bool(scalar_part.as_coeff_Mul()[0].is_negative)
    size = from_index(-scalar_part if negative else scalar_part)
    scalar = _quotient([(size, False), *graph.scalars])
    assert scalar is not None
    if negative:
        scalar = Unary("-", scalar)
    if not graph.edges:
        body = _without_edges(graph, tuple(axes))
    else:
        (edge,) = graph.edges.values()
        body = _weighted(edge, graph)
    if body is None:
        return Form(scalar)
    return Form(body.body, body.axes, scalar)


def _is_call(tree: Tree) -> bool:
    """Whether a denominator is a function's value, which reads better under what it divides."""
    return isinstance(tree, Call) or (isinstance(tree, Binary) and tree.op == "**" and _is_call(tree.left))


def _scaled(scalar: Tree, tree: Tree) -> Tree:
    """`scalar * tree`, the scalar in front of a product, a minus sign in front of everything."""
    sign, size = _signed(scalar)
    if isinstance(size, Binary) and size.op == "/" and size.left == ONE and _is_call(size.right):
        body: Tree = Binary("/", tree, size.right)
    else:
        body = tree if size == ONE else Binary("*", size, tree)
    if isinstance(tree, Binary) and tree.op == "/" and tree.left == ONE:
        body = Binary("/", size, tree.right)
    return Unary("-", body) if sign < 0 else body


def _without_edges(graph: Graph, axes: Axes) -> Form | None:
    if not axes:
        return None
    if len(axes) == 1:
        tree = graph.weight(axes[0])
        assert tree is not None
        return Form(tree, axes)
    row, column = axes
    left, right = graph.weight(row), graph.weight(column)
    assert left is not None
    assert right is not None
    return Form(Call("outer", (left, right)), (row, column))


def _weighted(edge: Form, graph: Graph) -> Form:
    """A matrix with its rows and columns weighed."""
    row, column = edge.axes
    left, right = graph.weight(row), graph.weight(column)
    if _is_identity(edge):
        both = _joined([tree for tree in (left, right) if tree is not None])
        return edge if both is None else Form(Call("diag", (both,)), edge.axes)
    tree = edge.tree
    if left is not None:
        tree = _chain(Call("diag", (left,)), tree)
    if right is not None:
        tree = _chain(tree, Call("diag", (right,)))
    return Form(tree, edge.axes)
