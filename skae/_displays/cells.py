"""Rows as the cells of a map: joined where there are many, apart where rows are missing."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skae._displays.timeline import Timeline

MAX_CELLS = 1200
"""Cells side by side, above which rows are joined: more than there are pixels."""


class Cells(NamedTuple):
    """Cells of a map: where each begins and the last ends, and their values."""

    edges: NDArray[np.float64]
    values: NDArray[np.float64]


def join_rows(
    contributions: NDArray[Any], axis: NDArray[np.float64], timeline: Timeline, n: int = MAX_CELLS
) -> Cells:
    """Return cells over an axis, each the maximum of neighbouring rows where there are many.

    A cell reaches half a step beyond its rows. Where the next rows are further away, as after an
    outage or where another series begins, an empty cell stands between.

    Parameters
    ----------
    contributions : ndarray of shape (n_rows, n_features)
    axis : ndarray of shape (n_rows,)
        Increasing.
    timeline : Timeline
    n : int
        The largest number of cells, apart from empty ones and those that end a series.

    Examples
    --------
    >>> from skae._displays.timeline import make_timeline
    >>> timeline = make_timeline(None, [4])
    >>> cells = join_rows(np.array([[1.0], [3.0], [2.0], [0.0]]), timeline.index, timeline, n=2)
    >>> cells.edges.tolist(), cells.values.ravel().tolist()
    ([-0.5, 1.5, 3.5], [3.0, 2.0])
    """
    steps = np.diff(axis)
    half = float(np.median(steps)) / 2 if len(steps) else 0.5
    firsts = _first_rows(axis, timeline, half, n)
    lasts = np.append(firsts[1:] - 1, len(axis) - 1)
    filled = np.where(np.isnan(contributions), -np.inf, contributions)
    values = np.maximum.reduceat(filled, firsts, axis=0)
    values[np.isinf(values)] = np.nan
    begins, ends = axis[firsts] - half, axis[lasts] + half
    is_gap = begins[1:] - ends[:-1] > half
    edges = np.where(is_gap, ends[:-1], (begins[1:] + ends[:-1]) / 2)
    gaps = np.flatnonzero(is_gap)
    inner = np.insert(edges, gaps + 1, begins[1:][gaps])
    return Cells(
        np.concatenate([begins[:1], inner, ends[-1:]]),
        np.insert(values, gaps + 1, np.nan, axis=0),
    )


def _first_rows(
    axis: NDArray[np.float64], timeline: Timeline, half: float, n: int
) -> NDArray[np.intp]:
    """Return the first rows of cells: of equally many rows, none across a gap or border."""
    per_cell = -(-len(axis) // n)
    breaks = np.flatnonzero(np.diff(axis) > 3 * half) + 1
    starts = np.unique(np.concatenate([[0], breaks, timeline.borders]))
    ends = np.append(starts[1:], len(axis))
    pieces = [np.arange(s, e, per_cell) for s, e in zip(starts, ends, strict=True)]
    return np.concatenate(pieces).astype(np.intp)
