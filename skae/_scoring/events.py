"""From outlying rows to events.

Scores are smoothed over time. Smoothing ranks rows well, but blurs where an anomaly begins and
ends: a run of outlying rows extends at least half a window beyond the anomaly, and joins
neighbouring anomalies. The errors of single rows locate them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skae._input.runs import runs_of_equal, runs_of_true

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
        Higher is worse; the largest value of an event is its peak. NaN is the peak only if all rows
        of the event are NaN.
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
    window_size: int = 0,
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
    window_size : int, default=0
        For `narrow`.
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
            flags, worse = narrow(flags, errors[rows], window_size), errors[rows]
        found += [
            EventRows(rows[event.start : event.end + 1], int(rows[event.peak]))
            for event in find_events(flags, worse, **options)
        ]
    return found


Array = NDArray[np.floating]

LOW = 0.2
"""Quantile of the errors in a run that represents the errors between its events."""

TYPICAL = 0.5
"""Quantile of the errors of a series that the errors between events do not exceed."""

EQUAL = 1e-9
"""Difference of logarithms below which all errors in a run are equal."""

N_AT_PEAK = 3
"""Neighbouring rows in a mean; the largest mean measures the errors in a run."""

LEAST_TOTAL = 0.1
"""Share of the total of a run's largest event below which most intervals are dropped."""

LEAST_PEAK = 0.7
"""Share of a run's largest value from which an interval is kept, however short."""

REACH_IN_WINDOWS = 1.5
"""Windows before and after outlying rows in which an event may begin and end."""

LONGEST_IN_WINDOWS = 20
"""Longest stretch, in windows, that joins neighbouring runs."""


def narrow(is_outlier: NDArray[np.bool_], errors: Array, window_size: int = 0) -> NDArray[np.bool_]:
    """Return which rows of a series belong to an event.

    A fault raises the scores before and after it, often in several runs. So runs at most three
    windows apart are one run, unless it would have more than 20 windows, and a run has another 1.5
    windows on both sides.

    The value of a row in a run is the logarithm of its error minus a level. In logarithms, the
    level lies halfway between the largest mean of three rows of the run and the errors between
    events: the 20 % quantile of the run, or the median of the series if that is lower. The events
    are the maximal scoring subsequences of these values: the total of an interval decreases if it
    grows or shrinks. A row below the level ends an event only if it costs more than the rows after
    it add. Intervals with less than a tenth of the largest total are dropped, unless a value in
    them is at least 70 % of the largest. Intervals without an outlying row are dropped, too. If no
    interval is left, each run is taken by itself.

    Parameters
    ----------
    is_outlier : ndarray of shape (n_rows,), bool
    errors : ndarray of shape (n_rows,)
        Errors of single rows, not negative. NaN neither ends an event nor adds to it.
    window_size : int, default=0

    Returns
    -------
    ndarray of shape (n_rows,), bool

    Examples
    --------
    >>> import numpy as np
    >>> flags = np.array([False, True, True, True, True, True, True, True])
    >>> narrow(flags, np.array([1.0, 1.0, 9.0, 8.0, 1.0, 1.0, 9.0, 1.0])).astype(int)
    array([0, 0, 1, 1, 0, 0, 1, 0])
    """
    logarithms = np.log(np.maximum(errors, np.finfo(np.float32).tiny))
    return _narrow(is_outlier, logarithms, _quantile(logarithms, TYPICAL), window_size)


def _narrow(
    is_outlier: NDArray[np.bool_], logarithms: Array, typical: float, window_size: int
) -> NDArray[np.bool_]:
    kept = np.zeros(len(is_outlier), dtype=bool)
    reach = round(REACH_IN_WINDOWS * window_size)
    for run in _joined_runs(is_outlier, 2 * reach, LONGEST_IN_WINDOWS * window_size):
        wide = slice(max(run.start - reach, 0), run.stop + reach)
        events = _events(logarithms[wide], typical)
        found = [slice(wide.start + x.start, wide.start + x.stop) for x in events]
        touching = [rows for rows in found if is_outlier[rows].any()]
        for rows in touching:
            kept[rows] = True
        if not touching and window_size:
            kept[run] |= _narrow(is_outlier[run], logarithms[run], typical, 0)
        elif not touching:
            kept[run] = True
    return kept


def _joined_runs(is_outlier: NDArray[np.bool_], gap: int, longest: int) -> list[slice]:
    """Return runs of outlying rows, joined if at most `gap` rows apart and not over `longest`."""
    runs: list[slice] = []
    for first, last in zip(*runs_of_true(is_outlier), strict=True):
        before = runs[-1] if runs else None
        if before and first - before.stop <= gap and last + 1 - before.start <= longest:
            runs[-1] = slice(before.start, int(last) + 1)
        else:
            runs.append(slice(int(first), int(last) + 1))
    return runs


class Interval(NamedTuple):
    """Consecutive entries and their total."""

    start: int
    stop: int
    total: float


def _events(logarithms: Array, typical: float) -> list[Interval]:
    """Return the intervals that stand out; none if all errors are equal or NaN."""
    seen = ~np.isnan(logarithms)
    if not seen.any():
        return []
    between, peak = min(_quantile(logarithms, LOW), typical), _peak(logarithms[seen])
    if peak - between < EQUAL:
        return []
    values = np.where(seen, logarithms - (between + peak) / 2, 0.0)
    found = maximal_intervals(values)
    least, high = LEAST_TOTAL * max(event.total for event in found), LEAST_PEAK * values.max()
    return [
        event
        for event in found
        if event.total >= least or values[event.start : event.stop].max() >= high
    ]


def _quantile(values: Array, q: float) -> float:
    """Return a quantile of the values that are not NaN; infinity if there are none."""
    seen = values[~np.isnan(values)]
    return float(np.quantile(seen, q)) if len(seen) else np.inf


def _peak(logarithms: Array) -> float:
    """Return the logarithm of the largest mean of neighbouring errors, to ignore noise."""
    n = min(len(logarithms), N_AT_PEAK)
    return float(np.log(np.convolve(np.exp(logarithms), np.full(n, 1 / n), "valid").max()))


def maximal_intervals(values: Array) -> list[Interval]:
    """Return the maximal scoring subsequences of values, in order.

    They are disjoint: take the interval with the largest total, then repeat on either side of it,
    as long as a total is above 0.

    Parameters
    ----------
    values : ndarray of shape (n,)

    References
    ----------
    W. L. Ruzzo, M. Tompa (1999), "A Linear Time Algorithm for Finding All Maximal Scoring
    Subsequences", ISMB.

    Examples
    --------
    >>> import numpy as np
    >>> [tuple(found) for found in maximal_intervals(np.array([4.0, -5, 3, -3, 1, 2, -2, 4]))]
    [(0, 1, 4.0), (2, 3, 3.0), (4, 8, 5.0)]
    """
    candidates: list[_Candidate] = []
    for rise in _rises(values):
        new = rise
        while (i := _last_that_starts_lower(candidates, new)) is not None:
            known = candidates[i]
            if known.after >= new.after:
                break
            new = _Candidate(known.start, new.stop, known.before, new.after)
            del candidates[i:]
        candidates.append(new)
    return [Interval(c.start, c.stop, c.after - c.before) for c in candidates]


class _Candidate(NamedTuple):
    """An interval, with the totals up to its beginning and up to its end."""

    start: int
    stop: int
    before: float
    after: float


def _last_that_starts_lower(candidates: list[_Candidate], new: _Candidate) -> int | None:
    lower = (i for i in reversed(range(len(candidates))) if candidates[i].before < new.before)
    return next(lower, None)


def _rises(values: Array) -> Iterator[_Candidate]:
    """Yield the runs of values above 0."""
    total = 0.0
    for run in runs_of_equal(values > 0):
        before, total = total, total + float(values[run].sum())
        if total > before:
            yield _Candidate(run.start, run.stop, before, total)
