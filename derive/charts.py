"""Curves over a line: a formula and its derivative, or whatever else is a number for each number.

A `Chart` is data: a title and curves. It writes itself as an SVG that stands alone, follows the reader's light or dark
theme, and needs nothing installed; Matplotlib, where it is there, makes the other kinds of file from the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from importlib import import_module
from math import ceil, floor, isfinite, log10
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derive.compilation import Derived, compile_kernel
from derive.domains import Domain
from derive.errors import BackendUnavailable, DomainError, ShapeError
from derive.formulas import Formula
from derive.notation.values import told
from derive.notation.writing import printed_name

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 56, 44
COLOURS = ("#2563eb", "#dc2626", "#16a34a")
POINTS = 401
REACH = 4.0
OUTLIERS = 0.02

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A line through points, or the points themselves."""

    label: str
    x: Vector
    y: Vector
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """Curves over one axis."""

    title: str
    across: str
    curves: tuple[Curve, ...]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The part of the plane that is shown: all of x, and y without the few largest values near poles."""
        x = np.concatenate([curve.x for curve in self.curves])
        y = np.concatenate([curve.y[np.isfinite(curve.y)] for curve in self.curves])
        if not y.size:
            raise DomainError("there is nothing to draw: the formula is not a number anywhere in this range")
        low, high = float(y.min()), float(y.max())
        middle_low, middle_high = (float(q) for q in np.quantile(y, (OUTLIERS, 1 - OUTLIERS)))
        reach = middle_high - middle_low
        low, high = max(low, middle_low - reach), min(high, middle_high + reach)
        margin = 0.05 * (high - low) or 0.5
        return float(x.min()), float(x.max()), low - margin, high + margin

    def svg(self) -> str:
        """The picture as a text that stands alone, or inside a page."""
        return "\n".join(self._svg())

    def _svg(self) -> Iterator[str]:
        left, right, low, high = self.bounds
        across = _scale(left, right, LEFT, WIDTH - RIGHT)
        up = _scale(low, high, HEIGHT - BOTTOM, TOP)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}" font-family="system-ui, sans-serif" font-size="13">'
        )
        yield (
            "<style>.derive-chart{color:#1f2937}.derive-ground{fill:#fff}@media (prefers-color-scheme:dark)"
            "{.derive-chart{color:#e5e7eb}.derive-ground{fill:#111827}}</style>"
        )
        yield f'<rect class="derive-ground" width="{WIDTH}" height="{HEIGHT}"/>'
        yield '<g class="derive-chart" stroke-linejoin="round">'
        yield f'<text x="{LEFT}" y="20" font-weight="600" fill="currentColor">{escape(self.title)}</text>'
        for value in ticks(left, right):
            x = across(value)
            yield _line(x, TOP, x, HEIGHT - BOTTOM, strong=value == 0)
            yield _label(x, HEIGHT - BOTTOM + 18, f"{value:g}", "middle")
        for value in ticks(low, high):
            y = up(value)
            yield _line(LEFT, y, WIDTH - RIGHT, y, strong=value == 0)
            yield _label(LEFT - 8, y + 4, f"{value:g}", "end")
        yield _label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, self.across, "middle")
        at = float(LEFT)
        for curve, colour in zip(self.curves, COLOURS, strict=False):
            yield f'<rect x="{at:.0f}" y="34" width="14" height="4" fill="{colour}"/>'
            yield _label(at + 20, 40, curve.label, "start")
            at += 34 + 7.5 * len(curve.label)
            if curve.dots:
                for x, y in zip(curve.x, curve.y, strict=True):
                    if isfinite(y) and low <= y <= high:
                        yield f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
            for run in _runs(curve, low, high):
                path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in run)
                width = 1 if curve.dots else 2
                yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        yield "</g>"
        yield "</svg>"

    def save(self, path: Path) -> None:
        """Write a file of the kind its ending names.

        Raises:
            BackendUnavailable: the ending is not `.svg`, and Matplotlib is not installed.
            DomainError: Matplotlib cannot write such a file.
        """
        if path.suffix.lower() == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
            return
        try:  # optional, and slow to load
            figures = import_module("matplotlib.figure")
        except ImportError:
            raise BackendUnavailable(
                f"{path.name}: only .svg can be written without Matplotlib; install it with "
                'python -m pip install "derive-math[plot]"'
            ) from None
        figure = figures.Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        left, right, low, high = self.bounds
        for curve, colour in zip(self.curves, COLOURS, strict=False):
            style = {"marker": "o", "markersize": 4, "linewidth": 0.8} if curve.dots else {}
            axes.plot(curve.x, curve.y, label=curve.label, color=colour, **style)
        axes.set(title=self.title, xlabel=self.across, xlim=(left, right), ylim=(low, high))
        axes.grid(alpha=0.3)
        axes.legend()
        try:
            figure.savefig(path, dpi=150)
        except ValueError as error:
            raise DomainError(f"{path.name}: {error}") from None


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round numbers between two others: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / wanted
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)
    return [round(k * step, 12) for k in range(ceil(low / step), floor(high / step) + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _line(x1: float, y1: float, x2: float, y2: float, strong: bool) -> str:
    opacity = 0.6 if strong else 0.15
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
        f'stroke-opacity="{opacity}"/>'
    )


def _label(x: float, y: float, text: str, anchor: str) -> str:
    shown = escape(text.replace("-", "−") if text[:1] == "-" else text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{shown}</text>'


def _runs(curve: Curve, low: float, high: float) -> Iterator[list[tuple[float, float]]]:
    """The stretches of a curve where it is a number in sight; a pole or a jump out of sight ends one."""
    run: list[tuple[float, float]] = []
    for x, y in zip(curve.x, curve.y, strict=True):
        if isfinite(y) and low <= y <= high:
            run.append((float(x), float(y)))
            continue
        if len(run) > 1:
            yield run
        run = []
    if len(run) > 1:
        yield run


# ---------------------------------------------------------------- what is drawn


def over_a_number(
    formula: Formula, wrt: str, given: Mapping[str, ArrayLike], reach: tuple[float, float] | None, derivative: Derived
) -> Chart:
    """The chart of a scalar formula and its derivative over one of its numbers.

    Raises:
        ShapeError: the value or the variable is an array.
        DomainError: another input has no value, or the range is empty.
    """
    for name in (formula.value, wrt):
        if formula.program.array(name).shape:
            raise ShapeError(f"a plot is of a number over a number, but {name} is an array; name another variable")
    others = [array for array in formula.program.inputs if array.name != wrt]
    missing = [a.name for a in others if a.name not in given and a.shape]
    if missing:
        raise DomainError(f"a plot over {wrt} needs values of {', '.join(missing)}: --start '{{\"{missing[0]}\": …}}'")
    fixed = {array.name: given.get(array.name, middle(array.domain)) for array in others}
    low, high = reach or around(formula.program.array(wrt).domain)
    if not low < high:
        raise DomainError(f"the range of a plot goes from a smaller to a larger number, not from {low:g} to {high:g}")
    x = np.linspace(low, high, POINTS)
    with np.errstate(all="ignore"):
        value, slope = (compile_kernel(asked, "numpy")(**fixed, **{wrt: x}) for asked in (formula, derivative))
    name, over = (printed_name(n) for n in (formula.value, wrt))
    values = ", ".join(f"{printed_name(n)} = {told(v)}" for n, v in fixed.items())
    curves = (Curve(f"{name}({over})", x, _along(value, x)), Curve(f"d{name}/d{over}", x, _along(slope, x)))
    return Chart(f"{formula.title}{f' ({values})' if values else ''}", over, curves)


def _along(values: ArrayLike, x: Vector) -> Vector:
    return np.broadcast_to(np.asarray(values, dtype=float), x.shape)


def middle(domain: Domain) -> float:
    """An ordinary number of a domain: 0, or 1 where it has to be positive, or the middle of an interval."""
    if domain.values:
        return float(domain.values[-1])
    if isfinite(domain.lower) and isfinite(domain.upper):
        return (domain.lower + domain.upper) / 2
    return 1.0 if domain.positive or domain.nonnegative or domain.nonzero or domain.integer else 0.0


def around(domain: Domain) -> tuple[float, float]:
    """The part of a domain that is drawn when nobody says which."""
    inset = 1e-3 if domain.open_ else 0.0
    low = domain.lower + inset if isfinite(domain.lower) else -REACH
    high = domain.upper - inset if isfinite(domain.upper) else max(low, 0.0) + REACH
    return low, high
