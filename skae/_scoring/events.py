"""From outlying rows to events: runs of such rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class Event(NamedTuple):
    """A run of outlying rows: positions of its first, last and worst row."""

    start: int
    end: int
    peak: int


def find_events(
    is_outlier: NDArray[np.bool_], severity: Array, *, min_length: int = 1, merge_gap: int = 0
) -> list[Event]:
    """Join outlying rows into events.

    Parameters
    ----------
    is_outlier : ndarray of shape (n_rows,), bool
    severity : ndarray of shape (n_rows,)
        Higher is worse; its largest value in an event is the event's peak. NaN, where nothing
        was observed, is never the peak of an event that holds another row.
    min_length : int, default=1
        Events of fewer rows are dropped, after joining.
    merge_gap : int, default=0
        Events with at most so many normal rows between them become one.

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
    rows = np.flatnonzero(is_outlier)
    if not len(rows):
        return []
    cuts = np.flatnonzero(np.diff(rows) > merge_gap + 1)
    firsts = rows[np.concatenate([[0], cuts + 1])]
    lasts = rows[np.concatenate([cuts, [-1]])]
    severity = np.where(np.isnan(severity), -np.inf, severity)
    return [
        Event(int(first), int(last), int(first + np.argmax(severity[first : last + 1])))
        for first, last in zip(firsts, lasts, strict=True)
        if last - first + 1 >= min_length
    ]


def are_outliers(labels: Any) -> NDArray[np.bool_]:
    """Return labels as booleans, True for an outlier.

    Parameters
    ----------
    labels : array-like of shape (n_rows,)
        As ``predict`` answers, -1 for an outlier and 1 for an inlier; or in {0, 1}, or bool,
        with 1 for an outlier. Nothing but 1 is what ``predict`` says where there are none.

    Raises
    ------
    ValueError
        If other labels occur.

    Examples
    --------
    >>> are_outliers([1, -1]), are_outliers([1, 0]), are_outliers([1, 1])
    (array([False,  True]), array([ True, False]), array([False, False]))
    """
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels
    found = set(np.unique(labels).tolist())
    if not (found <= {-1, 1} or found <= {0, 1}):
        raise ValueError(
            f"Got labels with the values {sorted(found)[:10]}, but expected -1 and 1 (-1 is an "
            "outlier), 0 and 1 (1 is an outlier), or booleans."
        )
    return labels == 1 if 0 in found else labels == -1
