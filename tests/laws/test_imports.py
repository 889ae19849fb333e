"""Imports point downwards, and none hides inside a function."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GROUND = {
    "derive.errors",
    "derive.domains",
    "derive.primitives",
    "derive.array_functions",
    "derive.program",
    "derive.formulas",
}
FLOORS = [
    ("derive.errors",),
    ("derive.domains",),
    ("derive.primitives", "derive.program"),
    ("derive.array_functions",),
    ("derive.formulas", "derive.derivation"),
    ("derive.notation",),
    ("derive.calculus",),
    ("derive.verification",),
    ("derive.handwriting",),
    ("derive.hand",),
    ("derive.explaining",),
    ("codegen",),
    ("catalog",),
    ("derive.compilation", "derive.accuracy"),
    ("derive.charts",),
    ("derive.derived", "derive.expansion"),
    ("derive.presented",),
    ("derive.derivative",),
    ("derive.descent", "derive.stationary_point", "derive.worked_example"),
    ("derive.comparison", "derive.pictures", "derive.pages"),
    ("derive.api",),
    ("derive.kernels", "derive.testing", "derive.cli", "derive"),
]
ALLOWED = {
    "codegen": {
        "codegen",
        "derive.program",
        "derive.primitives",
        "derive.array_functions",
        "derive.errors",
        "derive.domains",
    },
    "catalog": {"catalog", "derive.formulas", "derive.errors"},
}
ROOF = (
    "derive",
    "derive.api",
    "derive.accuracy",
    "derive.compilation",
    "derive.charts",
    "derive.comparison",
    "derive.derivative",
    "derive.expansion",
    "derive.kernels",
    "derive.cli",
)
FILES = [path for package in ("derive", "codegen", "catalog") for path in sorted((ROOT / package).rglob("*.py"))]


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """The project's modules that a file imports, as they are written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in whole if (ROOT / Path(*name.split("."))).with_suffix(".py").exists()}
            yield from modules or {node.module}


def floor(module):
    """How high a module stands."""
    best = max(
        (prefix for group in FLOORS for prefix in group if module == prefix or module.startswith(f"{prefix}.")), key=len
    )
    return next(at for at, group in enumerate(FLOORS) if best in group)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_downwards(path):
    module = module_of(path)
    ours = [name for name in imports(path) if name.split(".")[0] in ("derive", "codegen", "catalog")]
    for name in ours:
        assert floor(name) <= floor(module), f"{module} imports {name}"
    for package, allowed in ALLOWED.items():
        if module.split(".")[0] == package:
            for name in ours:
                assert any(name == a or name.startswith(f"{a}.") for a in allowed), f"{module} imports {name}"
    if module.split(".")[0] == "derive" and not any(module == r or module.startswith("derive.cli") for r in ROOF):
        assert not [name for name in ours if name.split(".")[0] in ("codegen", "catalog")], module


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_inside_functions_say_why(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            nodes = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
            if nodes:
                assert any("# lazy:" in lines[node.lineno - 1] for node in nodes), f"{path}: {function.name}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_file_says_what_it_owns(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
