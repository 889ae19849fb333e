"""A bar on standard error for what takes long: drawn on a terminal only, and wiped when the work is done."""

from __future__ import annotations

import sys

WIDTH = 30


def watched() -> bool:
    """Whether anybody would see a bar."""
    return sys.stderr.isatty()


def draw(done: int, total: int | None, name: str, shown: bool | None = None) -> None:
    """How much of `total` is done; without a total, how much so far.

    `shown` draws the bar (or leaves it away) whether or not standard error is a terminal.
    """
    if not (watched() if shown is None else shown):
        return
    if total is None:
        text = f"{done} {name}"
    elif done < total:
        text = f"{'█' * (done * WIDTH // max(total, 1)):{WIDTH}} {done}/{total} {name}"
    else:
        text = ""
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def wipe(shown: bool | None = None) -> None:
    """Take the bar away."""
    draw(0, 0, "", shown)
