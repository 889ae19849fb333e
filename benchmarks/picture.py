"""A picture of what was measured: for every workload and size, the times of all, in times of ours."""

from __future__ import annotations

from benchmarks.measuring import Cell


def draw(cells: list[Cell], path: str) -> None:
    """Write the picture into a file; its ending says how."""
    import matplotlib  # lazy: only a picture needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot  # lazy: only a picture needs it

    names = list(dict.fromkeys(t.name for cell in cells for t in cell.timed if t.role == "peer"))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.22 * len(cells)), layout="constrained")
    places = range(len(cells))
    for name in names:
        marks = [(t.seconds / c.ours.seconds, y) for y, c in zip(places, cells, strict=True) if (t := c.named(name))]
        axes.plot(*zip(*marks, strict=True), "o", ms=5, alpha=0.8, label=name)
    limits = [(1 / c.beyond, y) for y, c in zip(places, cells, strict=True) if c.beyond]
    if limits:
        axes.plot(*zip(*limits, strict=True), "|", color="black", ms=10, label="limit of the machine")
    axes.axvline(1, color="tab:gray", lw=1, label="derive")
    axes.set_xscale("log")
    axes.set_xlabel("time, in times of derive's (right: slower than derive)")
    axes.set_yticks(list(places), [cell.where() for cell in cells], fontsize=7)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.grid(axis="x", which="both", alpha=0.2)
    figure.legend(fontsize=7, loc="outside right upper")
    figure.savefig(path)
    pyplot.close(figure)
