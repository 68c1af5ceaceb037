"""From outlying rows to events: runs of such rows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skae._input.runs import runs_of_true
from skae._scoring.extents import narrow

Positions = NDArray[np.intp]


class Event(NamedTuple):
    """A run of outlying rows: positions of its first, last and worst row."""

    start: int
    end: int
    peak: int


def find_events(
    is_outlier: NDArray[np.bool_],
    severity: NDArray[Any],
    *,
    min_length: int = 1,
    merge_gap: int = 0,
) -> list[Event]:
    """Join the outlying rows of one series into events.

    Parameters
    ----------
    is_outlier : ndarray of shape (n_rows,), bool
    severity : ndarray of shape (n_rows,)
        Higher is worse; the largest value of an event is its peak. NaN, where nothing was observed,
        is the peak only if all rows of the event are NaN.
    min_length : int, default=1
        Events with fewer rows are dropped, after joining.
    merge_gap : int, default=0
        Events with at most this many normal rows between them are joined.

    Returns
    -------
    list of Event
        In order of time; `end` is the last row of the event.

    Examples
    --------
    >>> import numpy as np
    >>> from skae._scoring.events import find_events
    >>> error = np.array([0.0, 5.0, 6.0, 0.0, 4.0, 0.0])
    >>> find_events(error > 1, error, merge_gap=1)
    [Event(start=1, end=4, peak=2)]
    """
    severity = np.where(np.isnan(severity), -np.inf, severity)
    return [
        Event(int(first), int(last), int(first + np.argmax(severity[first : last + 1])))
        for first, last in zip(*runs_of_true(is_outlier, merge_gap), strict=True)
        if last - first + 1 >= min_length
    ]


class EventRows(NamedTuple):
    """Positions of the rows of an event, in order, and of its worst row."""

    rows: Positions
    peak: int


def find_events_of_series(
    is_outlier: NDArray[np.bool_],
    severity: NDArray[Any],
    series: Sequence[Positions],
    errors: NDArray[Any] | None = None,
    **options: int,
) -> list[EventRows]:
    """Return the events of several series; no event crosses from one into another.

    Parameters
    ----------
    is_outlier, severity : ndarray of shape (n_rows,)
        Entries for the rows of all series.
    series : sequence of ndarray
        Positions of the rows of each series, in order of time.
    errors : ndarray of shape (n_rows,), default=None
        Errors of single rows, which replace the severity and determine the extents; see `narrow`.
    **options
        Options of `find_events`.

    Examples
    --------
    >>> flags = np.array([True, True, True, False])
    >>> machines = [np.array([0, 2]), np.array([1, 3])]
    >>> [event.rows.tolist() for event in find_events_of_series(flags, np.ones(4), machines)]
    [[0, 2], [1]]
    """
    found = []
    for rows in series:
        flags, worse = is_outlier[rows], severity[rows]
        if errors is not None:
            flags, worse = narrow(flags, errors[rows]), errors[rows]
        found += [
            EventRows(rows[event.start : event.end + 1], int(rows[event.peak]))
            for event in find_events(flags, worse, **options)
        ]
    return found
