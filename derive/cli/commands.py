"""The commands: each asks the public functions and prints what they say."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import platform
import shutil
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import catalog
from codegen import blas, kernel, progress, store, threads
from derive import accuracy, api, hand, pages
from derive.calculus.questions import KINDS
from derive.cli.style import bold, changed, dim, green, red
from derive.derivative import Derivative
from derive.errors import BackendUnavailable, DeriveError
from derive.explaining import rule_pages
from derive.formulas import Formula
from derive.handwriting.verdicts import STATUSES
from derive.notation.index_form import from_index
from derive.notation.writing import Style, write_text, write_unicode
from derive.pictures import chart_of, chart_of_descent
from derive.verification.report import Report
from derive.worked_example import worked_lines

QUESTIONS = {kind: getattr(api, kind) for kind in KINDS}
FEW = 8
MANY_BLOCKS = 24  # a network of many layers has more second derivatives than anybody looks at
ENDINGS = {"numpy": ".py", "numexpr": ".py", "c": ".c", "llvm": ".ll"}


def list_formulas(options: argparse.Namespace) -> int:
    """Print the catalog by subject."""
    wanted = set(catalog.tagged(options.tag)) if options.tag else set(catalog.names())
    groups = {subject: [n for n in found if n in wanted] for subject, found in catalog.groups().items()}
    groups = {subject: found for subject, found in groups.items() if found}
    if options.tag and not groups:
        tags = sorted({tag for name in catalog.names() for tag in catalog.find(name).tags} | set(catalog.SUBJECTS))
        raise DeriveError(f"no formula has the tag {options.tag!r}; the tags are {', '.join(tags)}")
    if options.json:
        return _json({s: [_summary(catalog.find(name)) for name in found] for s, found in groups.items()})
    width = max(len(name) for found in groups.values() for name in found)
    for subject, found in groups.items():
        print(bold(subject.replace("_", " ")))
        for name in found:
            print(f"  {name.ljust(width)}  {catalog.find(name).title}")
    return 0


def show(options: argparse.Namespace) -> int:
    """Print a formula, or write a picture of its equations."""
    formula = _asked(options)
    if options.graph:
        path = Path(options.output or f"{formula.name or 'formula'}.svg")
        path.write_text(api.draw(formula), encoding="utf-8")
        print(json.dumps({"file": str(path)}) if options.json else path)
        return 0
    if options.json:
        return _json(_summary(formula) | {"worked": [worked_lines(formula, example) for example in formula.worked]})
    print("\n".join(_described(formula)))
    for at, example in enumerate(formula.worked):
        first, *rest = worked_lines(formula, example)
        print(f"{chr(10) if at == 0 else ''}  {'worked' if at == 0 else '      '}   {first}")
        print("\n".join(f"           {line}" for line in rest))
    return 0


def derivative(options: argparse.Namespace) -> int:
    """Print a derivative with its check."""
    extra = {"convention": options.convention} if options.kind == "grad" else {}
    found = QUESTIONS[options.kind](_asked(options), options.wrt, **extra)
    report = found.check_mathematics()
    if options.json:
        curvature = {"curvature": str(found.curvature())} if options.kind == "hessian" else {}
        _json(found.to_dict() | curvature | {"check": report.to_dict()})
        return 0 if report.ok else 1
    print(_opened_with(found.of))
    print()
    print(_indented(bold(found.in_layout(options.layout) if options.layout else str(found))))
    if found.matrix_form is not None and found.index_form != str(found):
        print(f"\n  index form\n{_indented(found.index_form, 4)}")
    if options.steps:
        print(f"\n  steps\n{_indented(found.explained(), 4)}")
    if options.kind == "hessian":
        print(f"\n  {found.curvature()}")
    print(f"\n{_indented(_verdict(report))}")
    return 0 if report.ok else 1


def explain(options: argparse.Namespace) -> int:
    """Print a derivation, or write it into a file of the kind its ending names."""
    formula = _asked(options)
    kind = options.kind or ("jacobian" if formula.program.array(formula.value).shape else "grad")
    style = Style(dict(_symbol(pair) for pair in options.symbols), options.transpose)
    found = QUESTIONS[kind](formula, options.wrt)
    how = pages.How(options.detail, options.via, style, options.one_based)
    if options.output:
        pages.save(found, Path(options.output), how)
        if options.json:
            return _json({"file": options.output})
        print(options.output)
        return 0
    if options.json:
        return _json(pages.document(found, how))
    text = pages.written(found, options.format or "terminal", how, faint=dim)
    print(changed(text), end="" if text.endswith("\n") else "\n")
    return 0


def verify(options: argparse.Namespace) -> int:
    """Print the verdicts on hand derivations."""
    if len(options.files) == 1:
        return _verified(options.files[0], options)
    if options.json or options.html or options.fix:
        raise DeriveError("--json, --html and --fix take one file at a time; `derive grade` makes a table of many")
    statuses = []
    for name in options.files:
        print(bold(name))
        try:
            statuses.append(_verified(name, options))
        except DeriveError as error:
            print(f"derive: {error}", file=sys.stderr)
            statuses.append(2)
    return 1 if 1 in statuses else max(statuses)


def _verified(name: str, options: argparse.Namespace) -> int:
    """Print the verdicts on one file, or what was asked for instead; and tell the exit status."""
    if name == "-":
        found = hand.verified(sys.stdin.read(), options.given, options.define)
    else:
        found = hand.verify_file(Path(name), options.given, options.define)
    if options.html:
        Path(options.html).write_text(found.html(), encoding="utf-8")
    if options.json:
        _json(found.to_dict())
    elif options.fix:
        print(found.fixed(), end="" if found.text.endswith("\n") else "\n")
    else:
        paint = {"✓": green, "✗": red}
        print("\n".join(paint.get(line[:1], str)(line) for line in str(found).splitlines()))
    if found.first_wrong is not None:
        return 1
    return 0 if found.ok and (found.steps or Path(name).suffix in hand.PROSE) else 2


def grade(options: argparse.Namespace) -> int:
    """Verify every file of a folder."""
    files = hand.graded(Path(options.folder))
    rows = []
    for done, path in enumerate(files):
        progress.draw(done, len(files), path.name)
        rows.append(_graded(path))
    progress.draw(len(files), len(files), "")
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    if options.csv:
        Path(options.csv).write_text(table.getvalue(), encoding="utf-8", newline="")
    if options.json:
        _json(rows)
    else:
        print(table.getvalue(), end="")
    return 0 if all(row["ok"] for row in rows) else 1


def _graded(path: Path) -> dict[str, Any]:
    """One file as a row of the table."""
    row: dict[str, Any] = {"file": str(path), "ok": False, "steps": 0, "first_wrong": "", **dict.fromkeys(STATUSES, 0)}
    try:
        found = hand.verify_file(path)
    except DeriveError as error:
        return row | {"reason": str(error).splitlines()[0]}
    counts = {status: sum(step.status == status for step in found.steps) for status in STATUSES}
    first = next((step for step in found.steps if step.status in ("wrong", "unreadable")), None)
    reason = first.reason.splitlines()[0] if first and first.reason else ""
    wrong = "" if found.first_wrong is None else found.first_wrong
    return row | {"ok": found.ok, "steps": len(found.steps), "first_wrong": wrong, **counts, "reason": reason}


def _symbol(pair: str) -> tuple[str, str]:
    name, sign, symbol = pair.partition("=")
    if not sign or not name.isidentifier() or not symbol:
        raise DeriveError(f"--symbols takes NAME=SIGN, such as sigma=\\varsigma, not {pair!r}")
    return name, symbol


def rules(options: argparse.Namespace) -> int:
    """Print the rules, or the page of those whose names hold some words."""
    if not options.words:
        if options.json:
            return _json(rule_pages.listed())
        for title, names in rule_pages.listed().items():
            print(bold(title))
            print("\n".join(f"  {name}" for name in names))
        return 0
    found = rule_pages.find(options.words)
    users = api.users_of_rules()
    if options.json:
        return _json({rule.name: {"licence": rule.licence, "used in": users.get(rule.name, [])} for rule in found})
    print("\n\n".join(rule_pages.page(rule, users.get(rule.name, [])) for rule in found))
    return 0


def taylor(options: argparse.Namespace) -> int:
    """Print a Taylor polynomial."""
    found = api.taylor(_asked(options), options.wrt, options.at, options.order)
    if options.json:
        return _json(found.to_dict())
    print(_opened_with(found.of))
    print(f"\n{_indented(bold(str(found)))}")
    return 0


def solve(options: argparse.Namespace) -> int:
    """Print where the derivatives of a formula vanish."""
    found = api.solve(_asked(options), options.wrt)
    if options.json:
        return _json(found.to_dict())
    print(_opened_with(found.of))
    print(f"\n{_indented(str(found))}")
    return 0


def descend(options: argparse.Namespace) -> int:
    """Print the path of a descent."""
    found = api.descend(_asked(options), _start(options), options.wrt, options.method, options.lr, options.steps)
    if options.json:
        return _json(found.to_dict())
    print(_opened_with(found.of))
    print(f"\n{_indented(str(found))}")
    return 0


def plot(options: argparse.Namespace) -> int:
    """Write a picture of a formula and its derivative, or of a descent."""
    formula, start = _asked(options), _start(options)
    if options.descend:
        found = api.descend(formula, start, options.wrt, options.descend, options.lr, options.steps)
        chart = chart_of_descent(found)
    else:
        wrt = options.wrt or formula.wrt[0]
        chart = chart_of(formula, wrt, start, tuple(options.range) if options.range else None)
    path = Path(options.output or f"{formula.name or 'formula'}.svg")
    chart.save(path)
    if options.json:
        return _json({"file": str(path), "title": chart.title, "curves": [c.label for c in chart.curves]})
    print(path)
    return 0


def code(options: argparse.Namespace) -> int:
    """Print or write the generated source."""
    kinds = [kind for kind in QUESTIONS if getattr(options, kind) is not None]
    formula = _asked(options)
    asked: Formula | Derivative = formula
    if kinds:
        asked = QUESTIONS[kinds[0]](formula, getattr(options, kinds[0]) or None)
    elif options.value:
        raise DeriveError("--value asks for the value beside a derivative; add --grad, --jacobian or --hessian")
    if options.plan:
        plan = api.plan(asked, options.backend or "llvm", options.dtype, options.value)
        if options.json:
            return _json(plan.to_dict())
        print(plan)
        return 0
    backend = options.backend or "numpy"
    text = api.emit(asked, backend, options.dtype, options.value)
    if options.json:
        return _json({"name": asked.name, "backend": backend, "dtype": options.dtype, "source": text})
    if not options.output:
        print(text, end="")
        return 0
    path = Path(options.output, f"{asked.name or 'formula'}{ENDINGS[backend]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(path)
    return 0


def check(options: argparse.Namespace) -> int:
    """Check derivatives and kernels, and print a table."""
    if options.ulp:
        return _check_functions(options)
    if not options.all and not options.names:
        raise DeriveError("name the formulas to check, or say --all")
    names = catalog.names() if options.all else tuple(catalog.find(name).name for name in options.names)
    backends = tuple(options.backend or kernel.BACKENDS)
    for backend in backends:
        kernel.usable(backend)
    rows = []
    with _workers(len(names)) as pool:
        found = pool.map(_checked, names, [backends] * len(names), chunksize=4)
        for done, name in enumerate(names):
            progress.draw(done, len(names), name)
            rows.append((name, *next(found)))
    progress.draw(len(names), len(names), "")
    ok = all(all(cell["ok"] for cell in cells.values()) for _, cells, _ in rows)
    if options.json:
        _json({"ok": ok, "formulas": {name: cells for name, cells, _ in rows}})
    else:
        _table(rows, backends)
    return 0 if ok else 1


def doctor(options: argparse.Namespace) -> int:
    """Print what works on this machine."""
    facts: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    for name in kernel.BACKENDS:
        try:
            kernel.usable(name)
            facts[f"backend {name}"] = "ready"
        except BackendUnavailable as error:
            facts[f"backend {name}"] = str(error)
    compiler = os.environ.get("CC") or next((c for c in ("cc", "gcc", "clang", "tcc") if shutil.which(c)), None)
    facts["C compiler"] = (shutil.which(compiler) if compiler else None) or "none found"
    facts["threads"] = threads.default() if threads.available() else "1 (the pool needs POSIX threads)"
    facts["matrix products"] = f"BLAS of {blas.source()}"
    try:
        facts["cache"] = f"{store.folder()} ({store.size() / 1e6:.1f} MB)"
    except BackendUnavailable as error:
        facts["cache"] = str(error)
    if options.json:
        return _json(facts)
    width = max(map(len, facts))
    print("\n".join(f"{name.ljust(width)}  {value}" for name, value in facts.items()))
    return 0


# ---------------------------------------------------------------- formulas in words


def _asked(options: argparse.Namespace) -> Formula:
    """The formula that was named, or written out."""
    if options.given:
        return api.parse(options.formula, options.given)
    return api.resolve(options.formula)


def _start(options: argparse.Namespace) -> dict[str, Any]:
    """The values of inputs that `--start` gives."""
    try:
        start = json.loads(options.start or "{}")
    except json.JSONDecodeError as error:
        raise DeriveError(f'--start takes JSON such as {{"x": 0}}: {error}') from None
    if not isinstance(start, dict):
        raise DeriveError('--start takes a JSON object such as {"x": 0}')
    return start


def _summary(formula: Formula) -> dict[str, Any]:
    return {
        "name": formula.name,
        "title": formula.title,
        "inputs": {a.name: " ".join([*map(str, a.shape), a.domain.name]) for a in formula.program.inputs},
        "equations": [f"{e.element} = {write_text(from_index(e.value))}" for e in formula.program.equations],
        "value": formula.value,
        "wrt": list(formula.wrt),
        "claims": {", ".join(key): text for key, text in formula.claims},
        "aliases": list(formula.aliases),
        "tags": list(formula.tags),
        "source": formula.source,
        "explanation": formula.explanation,
    }


def _described(formula: Formula) -> list[str]:
    """A formula in a few lines."""
    *before, value = [
        f"{write_unicode(from_index(e.element))} = {write_unicode(from_index(e.value))}"
        for e in formula.program.equations
    ]
    lines = [bold(f"{formula.name} — {formula.title}" if formula.source else formula.title)]
    lines += [f"  {formula.explanation}"] if formula.explanation else []
    lines.append(f"  inputs   {'; '.join(map(str, formula.program.inputs))}")
    lines.append(f"  value    {value}")
    lines += [f"  {'where' if at == 0 else '     '}    {line}" for at, line in enumerate(before)]
    if formula.aliases:
        lines.append(f"  also     {', '.join(formula.aliases)}")
    return [*lines, f"  source   {formula.source}"] if formula.source else lines


def _opened_with(formula: Formula) -> str:
    """What stands above an answer about a formula: all but its source."""
    return "\n".join(_described(formula)[: -1 if formula.source else None])


def _verdict(report: Report) -> str:
    """What was checked, in words."""
    if not report.ok:
        return "\n".join([red("FAILED"), *report.sentences()])
    first, *rest = report.sentences()
    return "\n".join([f"{green('checked')}  {first}", *(f"{' ' * 9}{sentence}" for sentence in rest)])


# ---------------------------------------------------------------- tables and colours


def _workers(count: int) -> Executor:
    """A process for each processor, where there is enough to do."""
    if count < FEW:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))


def _checked(name: str, backends: tuple[str, ...]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The checks of one formula, by column, and what went wrong."""
    formula = catalog.find(name)
    first = api.jacobian if formula.program.array(formula.value).shape else api.grad
    reports = [first(formula).check(backends, points=2)]
    blocks = len(formula.wrt) ** 2
    if first is api.grad and blocks + len(formula.program.inputs) <= MANY_BLOCKS:
        reports.append(api.hessian(formula).check(backends, points=1))
    cells: dict[str, dict[str, Any]] = {}
    for check in (check for report in reports for check in report.checks):
        column = next((b for b in backends if check.subject == f"the {b} kernel"), None)
        column = column or ("claims" if check.subject.startswith("claim") else "derivative")
        cell = cells.setdefault(column, {"ok": True, "worst_error": 0.0})
        cell["ok"] = cell["ok"] and check.ok
        cell["worst_error"] = max(cell["worst_error"], check.worst_error)
    return cells, [check.detail for report in reports for check in report.checks if not check.ok]


def _check_functions(options: argparse.Namespace) -> int:
    """Print how accurate single functions are."""
    backends = tuple(options.backend or accuracy.NATIVE)
    for backend in backends:
        kernel.usable(backend)
    names, found = accuracy.named(options.names), []
    if not options.json:
        print(f"{'function':10}  {'dtype':8}  {'backend':8}  {'worst ULP':>9}  at")
    for done, name in enumerate(names):
        for dtype in kernel.DTYPES:
            progress.draw(done, len(names), name)
            measured = accuracy.accuracy(name, backends, dtype, options.points)
            found += measured
            progress.draw(len(names), len(names), "")
            for row in () if options.json else measured:
                shown = f"{row.worst:9.3g}"
                where = ", ".join(f"{value:.17g}" for value in row.at)
                print(f"{name:10}  {dtype:8}  {row.backend:8}  {green(shown) if row.ok else red(shown)}  {where}")
    ok = all(row.ok for row in found if accuracy.is_promised(row))
    if options.json:
        _json({"ok": ok, "limit": accuracy.LIMIT, "functions": [row.to_dict() for row in found]})
    return 0 if ok else 1


def _table(rows: list[tuple[str, dict[str, dict[str, Any]], list[str]]], backends: tuple[str, ...]) -> None:
    columns = ("derivative", "claims", *backends)
    width = max(len(name) for name, _, _ in rows)
    print("  ".join([" " * width, *(column.ljust(10) for column in columns)]).rstrip())
    for name, cells, wrong in rows:
        texts = [_cell(cells.get(column), column) for column in columns]
        print("  ".join([name.ljust(width), *texts]).rstrip())
        for line in wrong:
            print(_indented(line, 4))


def _cell(cell: dict[str, Any] | None, column: str) -> str:
    if cell is None:
        return "–".ljust(10)
    if not cell["ok"]:
        return red("FAILED".ljust(10))
    return green(("proved" if column == "claims" else f"{cell['worst_error']:.0e}").ljust(10))


def _json(document: Any) -> int:
    print(json.dumps(document, ensure_ascii=False, indent=2))
    return 0


def _indented(text: str, by: int = 2) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
