"""Slips put into right formulas: a sign, factor, index, transpose, power or function; a term or sum dropped."""

import re

SWAPS = [
    ("factor", r"\\frac\{2\}", r"\\frac{1}"),
    ("factor", r"\\frac\{1\}\{([a-z])\} ", ""),
    ("factor", r"(?<![\d.{_^])([23]) (?=[\\a-z])", ""),
    ("index", r"_\{([a-z]),?([a-z])\}", r"_{\2\1}"),
    ("index", r"(?<=[a-z}])_\{([a-z])\}(?=.*_\{(?!\1)([a-z])\})", r"_{\2}"),
    ("transpose", r"\^\\top", ""),
    ("transpose", r"\\mathbf\{[A-Z]\}(?!\^)", r"\g<0>^\\top"),
    ("power", r"\^\{2\}", ""),
    ("power", r"\^\{3\}", r"^{2}"),
    ("function", r"\\sin", r"\\cos"),
    ("function", r"\\cos", r"\\sin"),
    ("function", r"\\tanh", r"\\sin"),
    ("function", r"\\log", r"\\exp"),
    ("sum", r"\\sum_\{[a-z]=1\}\^\{[a-z]\} ", ""),
    ("limits", r"(\\sum_\{[a-z]=)1\}", r"\g<1>2}"),
]


def mutations(formula):
    """Every formula that one slip makes of this one, with the kind of the slip."""
    yield "sign", rf"-\left({formula}\right)"
    yield "factor", rf"2 \left({formula}\right)"
    for match in re.finditer(r" ([+-]) ", formula):
        other = "-" if match[1] == "+" else "+"
        yield "sign", f"{formula[: match.start()]} {other} {formula[match.end() :]}"
        rest = formula[match.end() :]
        yield "term", formula[: match.start()] + rest[end_of_term(rest) :]
    for kind, pattern, new in SWAPS:
        for match in re.finditer(pattern, formula):
            if kind != "index" or not formula[: match.start()].endswith(r"\delta"):
                yield kind, formula[: match.start()] + match.expand(new) + formula[match.end() :]


def end_of_term(text):
    """Where the first term of a text ends: at a sign, or at a bracket or environment that it did not open."""
    depth = 0
    for piece in re.finditer(r"\\begin|\\end|\\right|[{(\[\])}]| [+-] ", text):
        if depth == 0 and piece[0] in (" + ", " - ", r"\right", r"\end"):
            return piece.start()
        depth += {"{": 1, "(": 1, "[": 1, r"\begin": 1, "}": -1, ")": -1, "]": -1, r"\end": -1}.get(piece[0], 0)
        if depth < 0:
            return piece.start()
    return len(text)
