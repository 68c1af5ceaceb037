"""Names beside panels: upright, or where one is longer than its panel, in lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["fit_names", "in_lines"]

WIDTH, LONGEST = 16, 45
"""Letters in a line, and in a name; of longer ones the middle is left out."""
LETTER = 0.55
"""Width of a letter over its size, on average."""


def fit_names(axes: NDArray[np.object_]) -> None:
    """Lay the names of panels on their side if one would reach into the next panel."""
    labels = [ax.yaxis.label for ax in axes]
    if all(_fits(ax) for ax in axes):
        return
    for label in labels:
        text = in_lines(label.get_text())
        label.set(text=text, rotation=0, ha="right", va="center", fontsize=8)


def _fits(ax: Axes) -> bool:
    label = ax.yaxis.label
    height = ax.get_window_extent().height / ax.figure.dpi * 72
    return len(label.get_text()) * LETTER * float(label.get_fontsize()) <= height


def in_lines(name: str) -> str:
    r"""Return a name in lines, which end behind a space, an underscore or the like.

    Examples
    --------
    >>> in_lines("turbine_07_bearing_temperature").split("\n")
    ['turbine_07_', 'bearing_', 'temperature']
    """
    if len(name) > LONGEST:
        name = f"{name[: LONGEST // 2]}\N{HORIZONTAL ELLIPSIS}{name[-(LONGEST // 2) :]}"
    lines = [""]
    for part in re.findall(r"[^\s_./-]*[\s_./-]*", name):
        if len(lines[-1]) + len(part) > WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines if line)
