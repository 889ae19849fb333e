"""Numbers and arrays of numbers, as people write them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

DIGITS = 6


def told(value: ArrayLike) -> str:
    """A value as people write it: 0.25, [1, 2]."""
    if np.ndim(value):
        return f"[{', '.join(told(part) for part in np.asarray(value))}]"
    number = float(np.asarray(value))
    near = round(number)
    text = str(near) if abs(number - near) < 1e-12 * (1 + abs(number)) else f"{number:.{DIGITS}g}"
    return text.replace("-", "−")
