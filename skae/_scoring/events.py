"""From outlying rows to events: runs of such rows."""

from typing import NamedTuple

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
        Higher is worse; its largest value in an event is the event's peak.
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
    return [
        Event(int(first), int(last), int(first + np.argmax(severity[first : last + 1])))
        for first, last in zip(firsts, lasts, strict=True)
        if last - first + 1 >= min_length
    ]
