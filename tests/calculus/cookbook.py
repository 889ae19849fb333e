"""The differentiation identities of the Matrix Cookbook (Petersen and Pedersen, version of 2012), one row each.

A row gives the equation's number, a formula in the text notation, its declarations, and the derivative as the book
states it. Identities about a differential (33 to 48) are taken along a curve `A + x B`, by the number x. Complex
conjugates (45, 89) are read over the real numbers. `printed` is what the book prints where that is not true.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One identity: what is differentiated, by what, and what comes out.

    `proved` says that normal forms decide it; otherwise the oracle does, to 40 digits. `longer` allows our form some
    nodes more than the book's.
    """

    number: str
    text: str
    claim: str
    given: dict[str, str]
    wrt: str = "X"
    kind: str = "grad"
    proved: bool = True
    printed: str = ""
    longer: int = 0
    structure: str = ""
    note: str = field(default="", compare=False)


def _row(number: str, text: str, claim: str, wrt: str = "X", kind: str = "grad", **more: object) -> Row:
    options = {k: more.pop(k) for k in ("proved", "printed", "longer", "structure", "note") if k in more}
    return Row(number, text, claim, more, wrt, kind, **options)  # type: ignore[arg-type]


SQUARE = "n n"
CURVE = {"A": SQUARE, "B": SQUARE, "x": "", "wrt": "x", "kind": "jacobian"}
TWO = {**CURVE, "C": SQUARE, "D": SQUARE}
X = {"X": SQUARE}
GAUSSIAN = {"x": "n", "m": "n", "S": "n n spd"}
DENSITY = "exp(-(x - m) @ inv(S) @ (x - m) / 2) / sqrt(det(2*pi*S))"

ROWS = [
    _row("33", "A * (x - x)", "zeros(n, n)", **CURVE),
    _row("34", "c * (A + x*B)", "c * B", c="", **CURVE),
    _row("35", "(A + x*B) + (C + x*D)", "B + D", **TWO),
    _row("36", "trace(A + x*B)", "trace(B)", **CURVE | {"kind": "grad"}),
    _row("37", "(A + x*B) @ (C + x*D)", "B @ (C + x*D) + (A + x*B) @ D", longer=12, **TWO),
    _row("38", "(A + x*B) * (C + x*D)", "B * (C + x*D) + (A + x*B) * D", longer=12, **TWO),
    _row("39", "kron(A + x*B, C)", "kron(B, C)", **CURVE, C="m m"),
    _row("40", "inv(A + x*B)", "-inv(A + x*B) @ B @ inv(A + x*B)", **CURVE),
    _row("41, 42, 46", "det(A + x*B)", "det(A + x*B) * trace(inv(A + x*B) @ B)", **CURVE | {"kind": "grad"}, longer=4),
    _row("43", "logdet(A + x*B)", "trace(inv(A + x*B) @ B)", **CURVE | {"kind": "grad"}, longer=4),
    _row("44, 45", "(A + x*B).T", "B.T", **CURVE),
    _row("47, 50", "det(X)", "det(X) * inv(X).T @ X.T @ inv(X).T", **X, note="times Xᵀ it is det(X) I"),
    _row(
        "48",
        "det(A + x*B + x**2*C)",
        "Y = A + x*B + x**2*C\nR = inv(Y) @ (B + 2*x*C)\n"
        "det(Y) * (trace(inv(Y) @ (2*C)) + trace(R)*trace(R) - trace(R @ R))",
        wrt="x", kind="hessian", A=SQUARE, B=SQUARE, C=SQUARE, x="", longer=200,
    ),
    _row("49", "det(X)", "det(X) * inv(X).T", **X),
    _row("51", "det(A @ X @ B)", "det(A @ X @ B) * inv(X).T", **X, A=SQUARE, B=SQUARE),
    _row("52", "det(X.T @ A @ X)", "2 * det(X.T @ A @ X) * inv(X).T", **X, A="n n invertible"),
    _row(
        "53",
        "det(X.T @ A @ X)",
        "2 * det(X.T @ A @ X) * A @ X @ inv(X.T @ A @ X)",
        X="n d full column rank", A="n n spd",
    ),
    _row(
        "54",
        "det(X.T @ A @ X)",
        "det(X.T @ A @ X) * (A @ X @ inv(X.T @ A @ X) + A.T @ X @ inv(X.T @ A.T @ X))",
        X="n d full column rank", A="n n invertible",
    ),
    _row("55", "logdet(X.T @ X)", "2 * pinv(X).T", X="n d full column rank", longer=8),
    _row("56", "-logdet(P @ P.T)", "-2 * inv(P @ P.T) @ P", wrt="P", P="2 4", note="P is the book's X⁺, (P Pᵀ)⁻¹ P its Xᵀ"),
    _row("57", "logdet(X)", "inv(X).T", **X),
    _row("58", "det(matrix_power(X, k))", "k * det(matrix_power(X, k)) * inv(X).T", **X, k="natural"),
    _row("59", "inv(A + x*B + sin(x)*C)", "-inv(A + x*B + sin(x)*C) @ (B + cos(x)*C) @ inv(A + x*B + sin(x)*C)",
         C=SQUARE, longer=30, **CURVE),
    _row("60", "inv(X)", "J[k, l, i, j] = -inv(X)[k, i] * inv(X)[j, l]", kind="jacobian", **X),
    _row("61", "a @ inv(X) @ b", "-inv(X).T @ outer(a, b) @ inv(X).T", **X, a="n", b="n"),
    _row("62", "det(inv(X))", "-det(inv(X)) * inv(X).T", **X),
    _row("63", "trace(A @ inv(X) @ B)", "-(inv(X) @ B @ A @ inv(X)).T", **X, A="m n", B="n m", longer=3),
    _row("64", "trace(inv(X + A))", "-(inv(X + A) @ inv(X + A)).T", **X, A=SQUARE, longer=1),
    _row("65", "sum(C * inv(A))", "-inv(A).T @ C @ inv(A).T", wrt="A", A=SQUARE, C=SQUARE, note="C is ∂J/∂W, W = A⁻¹"),
    _row("65 (sum of eigenvalues)", "sum(eigvalsh(X))", "eye(n)", X="n n symmetric"),
    _row("66", "prod(eigvalsh(X))", "det(X) * inv(X)", X="n n spd", proved=False, longer=60),
    _row("67", "eigvalsh(X)", "J[i, k, l] = eigvecsh(X)[k, i] * eigvecsh(X)[l, i]", kind="jacobian", X="n n symmetric"),
    _row(
        "68",
        "eigvecsh(X)",
        "J[r, m, k, l] = sum((1 - delta(p, m)) / (eigvalsh(X)[m] - eigvalsh(X)[p] + delta(p, m)) * eigvecsh(X)[r, p]"
        " * (eigvecsh(X)[k, p] * eigvecsh(X)[l, m] + eigvecsh(X)[l, p] * eigvecsh(X)[k, m]) / 2, p)",
        kind="jacobian", X="n n symmetric",
    ),
    _row("69", "x @ a", "a", wrt="x", x="n", a="n"),
    _row("70", "a @ X @ b", "outer(a, b)", X="n m", a="n", b="m"),
    _row("71", "a @ X.T @ b", "outer(b, a)", X="n m", a="m", b="n"),
    _row("72", "a @ X @ a", "outer(a, a)", **X, a="n"),
    _row("73", "X", "J[i, j, k, l] = delta(i, k) * delta(j, l)", kind="jacobian", X="n m"),
    _row("74", "X @ A", "J[i, j, m, l] = delta(i, m) * A[l, j]", kind="jacobian", X="n d", A="d p"),
    _row("75", "X.T @ A", "J[i, j, m, l] = delta(i, l) * A[m, j]", kind="jacobian", X="d n", A="d p"),
    _row("76", "sum(X) * sum(X)", "2 * sum(X) * ones(n, m)", X="n m", longer=6),
    _row("77", "b @ X.T @ X @ c", "X @ (outer(b, c) + outer(c, b))", X="n d", b="d", c="d", longer=4),
    _row(
        "78",
        "(B @ x + b) @ C @ (D @ x + d)",
        "B.T @ C @ (D @ x + d) + D.T @ C.T @ (B @ x + b)",
        wrt="x", x="n", B="m n", C="m p", D="p n", b="m", d="p", longer=14,
    ),
    _row("79, 80", "X.T @ B @ X", "J[k, l, i, j] = delta(l, j) * sum(X[r, k] * B[r, i], r) + delta(k, j) * sum(B[i, s] * X[s, l], s)",
         kind="jacobian", X="n d", B=SQUARE),
    _row("81", "x @ B @ x", "(B + B.T) @ x", wrt="x", x="n", B=SQUARE),
    _row("82", "b @ X.T @ D @ X @ c", "D.T @ X @ outer(b, c) + D @ X @ outer(c, b)", X="n d", D=SQUARE, b="d", c="d"),
    _row("83", "(X @ b + c) @ D @ (X @ b + c)", "(D + D.T) @ outer(X @ b + c, b)", X="n d", D=SQUARE, b="d", c="n", longer=8),
    _row("84", "(x - A @ s) @ W @ (x - A @ s)", "-2 * A.T @ W @ (x - A @ s)", wrt="s", x="n", A="n d", s="d", W="n n symmetric", longer=2),
    _row("85", "(x - s) @ W @ (x - s)", "2 * W @ (x - s)", wrt="x", x="n", s="n", W="n n symmetric"),
    _row("86", "(x - s) @ W @ (x - s)", "-2 * W @ (x - s)", wrt="s", x="n", s="n", W="n n symmetric"),
    _row("87", "(x - A @ s) @ W @ (x - A @ s)", "2 * W @ (x - A @ s)", wrt="x", x="n", A="n d", s="d", W="n n symmetric"),
    _row("88", "(x - A @ s) @ W @ (x - A @ s)", "-2 * W @ outer(x - A @ s, s)", wrt="A", x="n", A="n d", s="d", W="n n symmetric", longer=3),
    _row("89", "(a - x @ b)**2", "-2 * (a - x @ b) * b", wrt="x", x="n", a="", b="n"),
    _row(
        "90",
        "matrix_power(X, p)",
        "J[k, l, i, j] = sum(matrix_power(X, r)[k, i] * matrix_power(X, p - 1 - r)[j, l], r < p)",
        kind="jacobian", **X, p="natural",
    ),
    _row("91", "a @ matrix_power(X, p) @ b", "sum(matrix_power(X, r).T @ outer(a, b) @ matrix_power(X, p - 1 - r).T, r < p)",
         **X, a="n", b="n", p="natural"),
    _row(
        "92",
        "a @ matrix_power(X, p).T @ matrix_power(X, p) @ b",
        "sum(matrix_power(X, r).T @ matrix_power(X, p) @ (outer(b, a) + outer(a, b)) @ matrix_power(X, p - 1 - r).T, r < p)",
        **X, a="n", b="n", p="natural", longer=20,
        printed="sum(matrix_power(X, p - 1 - r) @ outer(a, b) @ matrix_power(X, p).T @ matrix_power(X, r)"
        " + matrix_power(X, r).T @ matrix_power(X, p) @ outer(a, b) @ matrix_power(X, p - 1 - r).T, r < p)",
        note="the first term of the book is transposed: it is the derivative by Xᵀ",
    ),
    _row("93", "(P @ x) @ A @ tanh(x)", "P.T @ A @ tanh(x) + (1 - tanh(x)**2) * (A.T @ P @ x)", wrt="x", x="n", P="m n", A="m n", longer=6,
         note="s = P x, r = tanh x"),
    _row(
        "94, 95",
        "(x @ A.T @ A @ x) / (x @ B.T @ B @ x)",
        "2 * A.T @ A @ x / (x @ B.T @ B @ x) - 2 * (x @ A.T @ A @ x) * (B.T @ B @ x) / (x @ B.T @ B @ x)**2",
        wrt="x", x="n", A="m n", B="p n", longer=10,
    ),
    _row("96, 97", "x @ A @ x + b @ x", "(A + A.T) @ x + b", wrt="x", x="n", A=SQUARE, b="n"),
    _row("98", "x @ A @ x + b @ x", "A + A.T", wrt="x", kind="hessian", x="n", A=SQUARE, b="n"),
    _row("99", "trace(X)", "eye(n)", **X),
    _row("100", "trace(X @ A)", "A.T", X="n m", A="m n"),
    _row("101", "trace(A @ X @ B)", "A.T @ B.T", X="n m", A="p n", B="m p"),
    _row("102", "trace(A @ X.T @ B)", "B @ A", X="n m", A="p m", B="n p"),
    _row("103", "trace(X.T @ A)", "A", X="n m", A="n m"),
    _row("104", "trace(A @ X.T)", "A", X="n m", A="n m"),
    _row("105", "trace(kron(A, X))", "trace(A) * eye(m)", X="m m", A=SQUARE),
    _row("106", "trace(X @ X)", "2 * X.T", **X),
    _row("107", "trace(X @ X @ B)", "(X @ B + B @ X).T", **X, B=SQUARE, longer=3),
    _row("108", "trace(X.T @ B @ X)", "B @ X + B.T @ X", X="n m", B=SQUARE),
    _row("109", "trace(B @ X @ X.T)", "B @ X + B.T @ X", X="n m", B=SQUARE),
    _row("110", "trace(X @ X.T @ B)", "B @ X + B.T @ X", X="n m", B=SQUARE),
    _row("111", "trace(X @ B @ X.T)", "X @ B.T + X @ B", X="n m", B="m m"),
    _row("112", "trace(B @ X.T @ X)", "X @ B.T + X @ B", X="n m", B="m m"),
    _row("113", "trace(X.T @ X @ B)", "X @ B.T + X @ B", X="n m", B="m m"),
    _row("114", "trace(A @ X @ B @ X)", "A.T @ X.T @ B.T + B.T @ X.T @ A.T", X="n m", A="m n", B="m n"),
    _row("115", "trace(X.T @ X)", "2 * X", X="n m"),
    _row("116", "trace(B.T @ X.T @ C @ X @ B)", "C.T @ X @ B @ B.T + C @ X @ B @ B.T", X="n m", C=SQUARE, B="m p"),
    _row("117", "trace(X.T @ B @ X @ C)", "B @ X @ C + B.T @ X @ C.T", X="n m", B=SQUARE, C="m m"),
    _row("118", "trace(A @ X @ B @ X.T @ C)", "A.T @ C.T @ X @ B.T + C @ A @ X @ B", X="n m", A="p n", B="m m", C="n p"),
    _row("119", "trace((A @ X @ B + C) @ (A @ X @ B + C).T)", "2 * A.T @ (A @ X @ B + C) @ B.T", X="n m", A="p n", B="m q", C="p q", longer=6),
    _row("120", "trace(kron(X, X))", "2 * trace(X) * eye(n)", **X),
    _row("121", "trace(matrix_power(X, k))", "k * matrix_power(X, k - 1).T", **X, k="natural"),
    _row("122", "trace(A @ matrix_power(X, k))", "sum((matrix_power(X, r) @ A @ matrix_power(X, k - r - 1)).T, r < k)",
         **X, A=SQUARE, k="natural", longer=4, proved=False, note="our sum runs the other way"),
    _row(
        "123",
        "trace(B.T @ X.T @ C @ X @ X.T @ C @ X @ B)",
        "C @ X @ X.T @ C @ X @ B @ B.T + C.T @ X @ B @ B.T @ X.T @ C.T @ X + C @ X @ B @ B.T @ X.T @ C @ X"
        " + C.T @ X @ X.T @ C.T @ X @ B @ B.T",
        X="n m", C=SQUARE, B="m p", longer=8,
    ),
    _row("124", "trace(A @ inv(X) @ B)", "-inv(X).T @ A.T @ B.T @ inv(X).T", **X, A="m n", B="n m"),
    _row(
        "125",
        "trace(inv(X.T @ C @ X) @ A)",
        "-C @ X @ inv(X.T @ C @ X) @ (A + A.T) @ inv(X.T @ C @ X)",
        X="n d full column rank", C="n n spd", A="d d", longer=12,
    ),
    _row(
        "126",
        "trace(inv(X.T @ C @ X) @ (X.T @ B @ X))",
        "-2 * C @ X @ inv(X.T @ C @ X) @ X.T @ B @ X @ inv(X.T @ C @ X) + 2 * B @ X @ inv(X.T @ C @ X)",
        X="n d full column rank", C="n n spd", B="n n symmetric", longer=4,
    ),
    _row(
        "127",
        "trace(inv(A + X.T @ C @ X) @ (X.T @ B @ X))",
        "-2 * C @ X @ inv(A + X.T @ C @ X) @ X.T @ B @ X @ inv(A + X.T @ C @ X) + 2 * B @ X @ inv(A + X.T @ C @ X)",
        X="n d full column rank", C="n n spd", B="n n symmetric", A="d d spd", longer=4,
    ),
    _row("128", "trace(sinm(X))", "cosm(X).T", **X),
    _row("129", "norm(x - a)", "(x - a) / norm(x - a)", wrt="x", x="n", a="n"),
    _row("130", "(x - a) / norm(x - a)", "eye(n) / norm(x - a) - outer(x - a, x - a) / norm(x - a)**3", wrt="x", kind="jacobian",
         x="n", a="n", longer=4),
    _row("131", "norm(x)**2", "2 * x", wrt="x", x="n"),
    _row("132", "norm(X, 'fro')**2", "2 * X", X="n m"),
    _row("133 to 137", "U = X.T @ X\nlogdet(U) + trace(A @ U)", "2 * X @ inv(X.T @ X) + X @ (A + A.T)", X="n d full column rank", A="d d", longer=6,
         note="the chain rule through U"),
    _row("138, 139", "trace(A @ X)", "A + A.T - A * eye(n)", X="n n symmetric", A=SQUARE, structure="structured", longer=8),
    _row("140", "det(X)", "det(X) * (2 * inv(X) - inv(X) * eye(n))", X="n n symmetric", structure="structured", longer=8),
    _row("141", "logdet(X)", "2 * inv(X) - inv(X) * eye(n)", X="n n spd", structure="structured", longer=8),
    _row("142", "trace(A @ X)", "A * eye(n)", X="n n diagonal", A=SQUARE, structure="structured", longer=8),
    _row("Gaussian: by x", DENSITY, f"-{DENSITY} * (inv(S) @ (x - m))", wrt="x", longer=10, **GAUSSIAN),
    _row("Gaussian: by m", DENSITY, f"{DENSITY} * (inv(S) @ (x - m))", wrt="m", longer=10, **GAUSSIAN),
    _row("Gaussian: by S", DENSITY, f"{DENSITY} / 2 * (inv(S) @ outer(x - m, x - m) @ inv(S) - inv(S))", wrt="S", longer=20, **GAUSSIAN),
    _row("Gaussian: second by x", DENSITY, f"{DENSITY} * (inv(S) @ outer(x - m, x - m) @ inv(S) - inv(S))",
         wrt="x", kind="hessian", longer=30, **GAUSSIAN),
    _row("Gaussian: log-likelihood by S", "-logdet(2*pi*S)/2 - (x - m) @ inv(S) @ (x - m)/2",
         "(inv(S) @ outer(x - m, x - m) @ inv(S) - inv(S)) / 2", wrt="S", longer=6, **GAUSSIAN),
]  # fmt: skip
