"""What can be typed: commands, their arguments, and their help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

BACKENDS = ("numpy", "numexpr", "c", "llvm")
KINDS = ("grad", "jacobian", "hessian", "jvp", "vjp", "hvp")
METHODS = "gradient, momentum, nesterov, rmsprop, adam or newton"
Run: TypeAlias = "Callable[[argparse.Namespace], int]"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="derive", description="From a formula to its derivative, its derivation and kernels."
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    listing = _command(commands, "list", "the catalog", "list_formulas", remember=True)
    listing.add_argument("--tag", help="only formulas with this tag, or of this subject")

    showing = _formula(_command(commands, "show", "a formula: equations, inputs, domains, source", "show"))
    showing.add_argument("--graph", action="store_true", help="a picture of its equations, with values and adjoints")
    showing.add_argument("-o", "--output", metavar="FILE", help="where the picture goes (default: NAME.svg)")

    for kind, about in (
        ("grad", "closed form of the gradient, with its check"),
        ("jacobian", "closed form of the Jacobian, with its check"),
        ("hessian", "closed form of the second derivatives, with its check"),
        ("jvp", "derivative of the value along a direction v, with its check"),
        ("vjp", "product of a cotangent u with the Jacobian, with its check"),
        ("hvp", "product of the Hessian with a direction v, with its check"),
    ):
        command = _formula(_command(commands, kind, about, "derivative", remember=True))
        command.set_defaults(kind=kind)
        command.add_argument("--wrt", help="the inputs to differentiate by: one name, several with commas, or all")
        command.add_argument("--steps", action="store_true", help="print the steps too")
        command.add_argument("--layout", choices=("gradient", "numerator", "denominator"), help="how to lay it out")
        if kind == "grad":
            command.add_argument(
                "--convention",
                default="entries",
                choices=("entries", "structured", "tangent"),
                help="by the entries of a structured variable, its free parameters, or its tangent directions",
            )

    told = _formula(_command(commands, "explain", "the derivation, step by step", "explain", remember=True))
    told.add_argument("--wrt", help="the inputs to differentiate by: one name, several with commas, or all")
    told.add_argument("--kind", choices=KINDS, help="what to derive (default: the gradient, of an array the Jacobian)")
    told.add_argument("--detail", default="normal", choices=("brief", "normal", "full"), help="how many steps to tell")
    told.add_argument("--via", default="index", choices=("index", "matrix"), help="by sums, or by differentials")
    page = told.add_mutually_exclusive_group()
    for name, about in (("latex", "LaTeX"), ("html", "a page"), ("markdown", "Markdown"), ("text", "plain text")):
        page.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"as {about}")
    told.add_argument("-o", "--output", metavar="FILE", help=".txt, .md, .tex, .html, .json or .pdf, by its ending")
    told.add_argument("--symbols", nargs="*", default=[], metavar="NAME=SIGN", help=r"symbols: sigma=\varsigma")
    told.add_argument("--one-based", action="store_true", help="count positions from 1 in text too, as LaTeX does")
    told.add_argument("--transpose", default="top", choices=("top", "T", "prime"), help="how a transpose is marked")

    rules = _command(commands, "rules", "the rules: statement, licence, example, and who uses them", "rules")
    rules.add_argument("words", nargs="?", metavar="NAME", help="words of a rule's name")

    hand = _command(commands, "verify", "a hand derivation: a verdict on every step", "verify")
    hand.add_argument("files", nargs="+", metavar="FILE|-", help=".tex, .md, .ipynb or .txt; - reads standard input")
    hand.add_argument("--given", default="", help='declarations: "X: n d, w: d, y: n"')
    hand.add_argument("--define", action="append", default=[], metavar="LATEX", help=r"a definition: '\hat y = X w'")
    hand.add_argument("--html", metavar="OUT", help="write the derivation as a page, each line marked")
    hand.add_argument("--fix", action="store_true", help="print the corrected derivation instead")

    many = _command(commands, "grade", "verify every file of a folder, as a table", "grade")
    many.add_argument("folder", metavar="FOLDER")
    many.add_argument("--csv", metavar="OUT", help="write the table into a file")

    series = _formula(_command(commands, "taylor", "a Taylor polynomial around a point", "taylor", remember=True))
    series.add_argument("--wrt", help="the number to expand in (default: the first the entry names)")
    series.add_argument("--at", default="0", help="the point, such as 0, 1/2 or pi (default: %(default)s)")
    series.add_argument("--order", type=int, default=3, help="the highest power (default: %(default)s)")

    points = _formula(
        _command(commands, "solve", "where the derivatives vanish: the points, and their kind", "solve", remember=True)
    )
    points.add_argument("--wrt", help="the inputs to solve for (default: those the entry names)")

    path = _formula(_command(commands, "descend", "a descent, step by step", "descend"))
    path.add_argument("--wrt", help="the inputs to change (default: those the entry names)")
    path.add_argument("--method", default="gradient", help=METHODS)
    _walk(path)

    picture = _formula(_command(commands, "plot", "a picture of a formula and its derivative, or of a descent", "plot"))
    picture.add_argument("--wrt", help="the number along the axis, or the inputs a descent changes")
    picture.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="the part of the axis to draw")
    picture.add_argument("--descend", metavar="METHOD", help=f"the path of a descent: {METHODS}")
    _walk(picture)
    picture.add_argument(
        "-o", "--output", metavar="FILE", help="an .svg, or what Matplotlib writes (default: NAME.svg)"
    )

    code = _formula(_command(commands, "code", "the generated source of a value or a derivative", "code"))
    which = code.add_mutually_exclusive_group()
    for kind in KINDS:
        which.add_argument(f"--{kind}", nargs="?", const="", metavar="WRT", help=f"of the {kind} instead of the value")
    code.add_argument("--value", action="store_true", help="with a derivative: the value too, in one pass")
    code.add_argument("--backend", help=f"one of {', '.join(BACKENDS)} (default: numpy; llvm with --plan)")
    code.add_argument("--plan", action="store_true", help="passes over memory, operations, bytes, fusion")
    code.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    code.add_argument("-o", "--output", metavar="DIR", help="write a file into this folder instead of printing")

    check = _command(commands, "check", "kernels of every backend against finite differences in 50 digits", "check")
    check.add_argument("names", nargs="*", metavar="NAME")
    check.add_argument("--all", action="store_true", help="every formula of the catalog")
    check.add_argument("--backend", action="append", help="only this backend; may be given several times")
    check.add_argument("--ulp", action="store_true", help="the errors of single functions in units in the last place")
    check.add_argument("--points", type=int, default=1000, help="at how many points (default: %(default)s; with --ulp)")

    race = _command(commands, "bench", "kernels beside the peers that are installed", "benchmarking.bench")
    race.add_argument("names", nargs="*", metavar="NAME|TEXT", help="formulas (default: a few of different kinds)")
    race.add_argument("--given", default="", help='declarations for a text: "X: n d, w: d, y: n"')
    race.add_argument("--wrt", help="the inputs to differentiate by (default: those the entry names)")
    race.add_argument(
        "--sizes", nargs="+", default=[], metavar="N=…", help="sizes such as n=1000,d=16 (default: growing)"
    )
    race.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    race.add_argument("--seconds", type=float, default=0.5, help="for each size (default: %(default)s)")

    _command(commands, "doctor", "what works on this machine", "doctor")
    return top


def _command(commands: Commands, name: str, about: str, run: str, remember: bool = False) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    command.set_defaults(run=_loaded(run), remember=remember)
    return command


def _formula(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("formula", metavar="NAME|TEXT", help="a name of the catalog, or a text such as 'x @ x'")
    command.add_argument("--given", default="", help='declarations for a text: "X: n d, w: d, y: n"')
    return command


def _walk(command: argparse.ArgumentParser) -> None:
    """How a descent goes."""
    command.add_argument("--lr", type=float, default=0.1, help="the learning rate (default: %(default)s)")
    command.add_argument("--steps", type=int, default=50, help="how many steps (default: %(default)s)")
    command.add_argument("--start", default="", metavar="JSON", help='values of inputs: \'{"x": 0, "w": [1, 2]}\'')


def _loaded(name: str) -> Run:
    """A command's function (of a module beside this one), imported when it runs, so that `--help` costs nothing."""
    home, _, function = name.rpartition(".")

    def run(options: argparse.Namespace) -> int:
        commands = import_module(f"derive.cli.{home or 'commands'}")
        status: int = getattr(commands, function)(options)
        return status

    return run
