"""The horizontal axis of rows, the events above it, and the cells of a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skae._output.frames import is_of_series, joined
from skae._output.scored_rows import are_outliers
from skae._scoring.events import Event, find_events_of_series

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class Timeline:
    """Positions of rows on the horizontal axis.

    Parameters
    ----------
    index : ndarray of shape (n_rows,)
        Times or numbers.
    lengths : ndarray of shape (n_series,), intp
        Rows of each series.
    """

    index: NDArray[Any]
    lengths: Positions

    @property
    def borders(self) -> Positions:
        """The first rows of all series but the first."""
        return np.cumsum(self.lengths)[:-1]

    @property
    def is_dated(self) -> bool:
        """Whether the index contains dates."""
        return self.index.dtype.kind == "M"

    def broken(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the index and values of a line with breaks between series."""
        if len(self.lengths) == 1:
            return self.index, values
        gaps = self.borders
        values = np.insert(values.astype(float), gaps, np.nan)
        return np.insert(self.index, gaps, self.index[gaps]), values


def make_timeline(index: Any, lengths: Sequence[int]) -> Timeline:
    """Return the axis for the rows of series with these lengths.

    Parameters
    ----------
    index : array-like of shape (n_rows,), list of these for several series, or None
        Row numbers replace it if it is None, contains neither numbers nor times, or goes backwards
        from one series to the next.
    lengths : sequence of int

    Raises
    ------
    ValueError
        If the number of entries differs.
    """
    n_rows = int(sum(lengths))
    sizes = np.asarray(lengths, dtype=np.intp)
    if index is None:
        return Timeline(np.arange(n_rows), sizes)
    if is_of_series(index):
        found = np.concatenate([as_axis(part) for part in index])
    else:
        found = as_axis(index)
    if found.shape != (n_rows,):
        raise ValueError(
            f"Got index of shape {found.shape}, but expected one entry for each of the {n_rows} "
            "rows of values."
        )
    runs_on = len(sizes) == 1 or bool((found[1:] > found[:-1]).all())
    if found.dtype.kind not in "iufM" or not runs_on:
        found = np.arange(n_rows)
    return Timeline(found, sizes)


def as_axis(index: Any) -> NDArray[Any]:
    """Return an index as an array; NumPy has no time zones, so aware times become UTC."""
    if hasattr(index, "to_timestamp"):
        index = index.to_timestamp()
    return np.asarray(index.tz_convert(None) if getattr(index, "tz", None) else index)


def stack_rows(values: Any, name: str = "values") -> tuple[NDArray[Any], list[int]]:
    """Return the rows of one series, or of several in a list, and the length of each.

    Raises
    ------
    ValueError
        If they are not numeric tables with equal numbers of features.
    """
    if not isinstance(values, list | tuple) or not len(values) or np.ndim(values[0]) == 0:
        rows = _as_columns(values, name)
        return rows, [len(rows)]
    if isinstance(values[0], list | tuple) and np.ndim(values[0]) == 1:
        return stack_rows(np.asarray(values), name)
    parts = [_as_columns(part, f"{name}[{i}]") for i, part in enumerate(values)]
    if len({part.shape[1] for part in parts}) > 1:
        raise ValueError(
            f"Got {name} with {[part.shape[1] for part in parts][:10]} features, but expected the "
            "same number in each series."
        )
    return np.concatenate(parts), [len(part) for part in parts]


def stack_entries(entries: Any, lengths: Sequence[int], name: str) -> NDArray[Any]:
    """Return one entry per row, of one series or of a list of series.

    Raises
    ------
    ValueError
        If the number of entries differs from the number of rows.
    """
    array = joined(entries)
    if array.shape != (sum(lengths),):
        raise ValueError(
            f"Got {name} of shape {array.shape}, but expected one entry for each of the "
            f"{sum(lengths)} rows of values."
        )
    return array


def as_level(level: Any, lengths: Sequence[int], name: str) -> Any:
    """Return a number, or one per row.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(level, Real):
        return float(level)
    return stack_entries(level, lengths, name).astype(float)


def _as_columns(values: Any, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "fiub":
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"Got {name} of shape {array.shape} and dtype {array.dtype}, but expected one "
            "numeric series of shape (n_rows, n_features), or a list of these."
        )
    return array


MAX_CELLS = 1200
"""Most cells side by side; more than the pixels of a picture."""


class Cells(NamedTuple):
    """Cells of a map: their edges and values."""

    edges: NDArray[np.float64]
    values: NDArray[np.float64]


def join_rows(
    contributions: NDArray[Any], axis: NDArray[np.float64], timeline: Timeline, n: int = MAX_CELLS
) -> Cells:
    """Return cells over an axis; each is the maximum of neighbouring rows if there are many.

    A cell extends half a step beyond its rows. An empty cell is inserted where the next rows are
    further away: after an outage, or where another series begins.

    Parameters
    ----------
    contributions : ndarray of shape (n_rows, n_features)
    axis : ndarray of shape (n_rows,)
        Increasing.
    timeline : Timeline
    n : int
        Most cells, not counting empty cells and cells that end a series.

    Examples
    --------
    >>> from skae._plots.timeline import make_timeline
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
    """Return the first rows of cells with equal numbers of rows, none across a gap or border."""
    per_cell = -(-len(axis) // n)
    breaks = np.flatnonzero(np.diff(axis) > 3 * half) + 1
    starts = np.unique(np.concatenate([[0], breaks, timeline.borders]))
    ends = np.append(starts[1:], len(axis))
    pieces = [np.arange(s, e, per_cell) for s, e in zip(starts, ends, strict=True)]
    return np.concatenate(pieces).astype(np.intp)


def events_of(
    lengths: Sequence[int] | Positions,
    is_outlier: NDArray[np.bool_],
    severity: NDArray[Any],
    errors: NDArray[Any] | None = None,
    **options: int,
) -> list[Event]:
    """Return the events of several series, with positions over all of them."""
    series = np.split(np.arange(len(is_outlier)), np.cumsum(lengths)[:-1])
    found = find_events_of_series(is_outlier, severity, series, errors, **options)
    return [Event(int(event.rows[0]), int(event.rows[-1]), event.peak) for event in found]


def labelled_runs(timeline: Timeline, labels: NDArray[Any] | None) -> list[tuple[int, int]]:
    """Return the first and last rows of labelled events."""
    if labels is None:
        return []
    flags = are_outliers(labels, only_ones=False)
    found = events_of(timeline.lengths, flags, flags.astype(float))
    return [(event.start, event.end) for event in found]


def find_offset(estimator: Any, X: Any, scores: NDArray[np.float64]) -> Any:
    """Return the score below which a row is an outlier, or one score per row if they differ."""
    if hasattr(estimator, "offset_") and getattr(estimator, "threshold", None) != "adaptive":
        return float(estimator.offset_)
    # decision_function = score_samples - offset, so their difference is the offset of a Pipeline,
    # or of each row if a detector adapts.
    decision = stack_entries(estimator.decision_function(X), [len(scores)], "decision_function")
    offsets = scores - decision
    typical = float(np.nanmedian(offsets))
    return typical if np.nanmax(np.abs(offsets - typical)) <= 1e-6 * abs(typical) else offsets
