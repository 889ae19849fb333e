"""The graph of a program as a picture: equations as boxes, values flowing forwards, adjoints flowing back.

Boxes stand in columns by how many equations lie between them and the inputs; an arrow says that a value is read. Below
each value stands the derivative of the result by it, where one is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from derive.notation.index_form import from_index
from derive.notation.writing import printed_name, write_unicode
from derive.program import Program, names_in

CHARACTER, LINE, PAD, GAP_ACROSS, GAP_DOWN = 8.0, 18, 10, 56, 22
LONGEST = 48
STYLE = (
    ".g{font:13px ui-monospace,monospace;--ink:#1c2430;--box:#f6f8fa;--in:#e8f0fe;--edge:#94a3b8;--back:#b91c1c}"
    "@media (prefers-color-scheme:dark){.g{--ink:#e6e9ee;--box:#1a202a;--in:#1e2a44;--edge:#64748b;--back:#fca5a5}}"
    ".g text{fill:var(--ink)}.g rect{fill:var(--box);stroke:var(--edge)}.g rect.in{fill:var(--in)}"
    ".g text.back{fill:var(--back)}.g path{stroke:var(--edge);fill:none}"
)


def graph(program: Program, adjoints: Mapping[str, str], title: str) -> str:
    """The picture as an SVG that stands alone; `adjoints` are texts to write below names."""
    labels = dict(_labels(program, adjoints))
    columns = _columns(program)
    places, width, height = _placed(labels, columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}" class="g">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:var(--edge);stroke:none"/></marker></defs>',
        *_arrows(program, places),
        *_boxes(labels, places, {array.name for array in program.inputs}),
        "</svg>",
    ]
    return "\n".join(parts)


def _labels(program: Program, adjoints: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """What stands in each box: the equation, and the adjoint below it."""
    for array in program.inputs:
        shape = " × ".join(map(str, array.shape))
        yield array.name, [printed_name(array.name) + (f": {shape}" if shape else ""), *_back(adjoints, array.name)]
    for equation in program.equations:
        left, right = (write_unicode(from_index(side)) for side in (equation.element, equation.value))
        text = f"{left} = {right}"
        yield (
            equation.target,
            [text if len(text) <= LONGEST else text[: LONGEST - 1] + "…", *_back(adjoints, equation.target)],
        )


def _back(adjoints: Mapping[str, str], name: str) -> list[str]:
    return [_cut(adjoints[name])] if name in adjoints else []


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _columns(program: Program) -> list[list[str]]:
    """Names by their distance from the inputs; an input stands one column before its first reader."""
    depth: dict[str, int] = {}
    for equation in program.equations:
        read = [depth[name] for name in names_in(equation.value) if name in depth]
        depth[equation.target] = 1 + max(read, default=0)
    for array in program.inputs:
        readers = [depth[e.target] for e in program.equations if array.name in names_in(e.value)]
        depth[array.name] = min(readers, default=1) - 1
    columns: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=0))]
    for name, at in depth.items():
        columns[at].append(name)
    return columns


Box = tuple[float, float, float, float]


def _placed(labels: Mapping[str, list[str]], columns: list[list[str]]) -> tuple[dict[str, Box], float, float]:
    sizes = {
        name: (2 * PAD + CHARACTER * max(map(len, lines)), PAD + LINE * len(lines)) for name, lines in labels.items()
    }
    tall = max(sum(sizes[n][1] + GAP_DOWN for n in column) for column in columns)
    places: dict[str, Box] = {}
    across = float(PAD)
    for column in columns:
        wide = max((sizes[name][0] for name in column), default=0.0)
        down = PAD + (tall - sum(sizes[n][1] + GAP_DOWN for n in column)) / 2
        for name in column:
            places[name] = (across, down, wide, sizes[name][1])
            down += sizes[name][1] + GAP_DOWN
        across += wide + GAP_ACROSS
    return places, across - GAP_ACROSS + PAD, tall + 2 * PAD


def _arrows(program: Program, places: Mapping[str, Box]) -> Iterator[str]:
    for equation in program.equations:
        x2, y2, _, tall = places[equation.target]
        for name in sorted(names_in(equation.value) & places.keys()):
            x1, y1, wide, high = places[name]
            start, end = (x1 + wide, y1 + high / 2), (x2, y2 + tall / 2)
            bend = max((end[0] - start[0]) / 2, 20)
            yield (
                f'<path d="M{start[0]:.1f} {start[1]:.1f}C{start[0] + bend:.1f} {start[1]:.1f} {end[0] - bend:.1f} '
                f'{end[1]:.1f} {end[0]:.1f} {end[1]:.1f}" marker-end="url(#tip)"/>'
            )


def _boxes(labels: Mapping[str, list[str]], places: Mapping[str, Box], inputs: set[str]) -> Iterator[str]:
    for name, lines in labels.items():
        x, y, wide, high = places[name]
        kind = ' class="in"' if name in inputs else ""
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="6"{kind}/>'
        for at, line in enumerate(lines):
            kind = ' class="back"' if at else ""
            yield f'<text x="{x + PAD:.1f}" y="{y + PAD / 2 + LINE * at + 13:.1f}"{kind}>{escape(line)}</text>'
