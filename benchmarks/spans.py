"""Flagged rows and labelled events: events found, their overlap, and false alarms."""

import numpy as np
from vus import events

from skae._scoring.events import find_events


def alarms(flagged, series, window):
    """Return the results of a threshold after the fitted part.

    These are the share of flagged rows at least a window away from events, the numbers of events
    found and of all events, and the false alarms: runs of flagged rows, joined if less than a
    window apart, that are not near an event.
    """
    n_fit, runs = len(series.train), list(zip(*events(series.labels), strict=True))
    near = np.zeros(len(flagged), bool)
    for first, last in runs:
        near[max(first - window, 0) : last + window + 1] = True
    free = ~near[n_fit:]
    new = [(first, last) for first, last in runs if last >= n_fit]
    raised = find_events(flagged[n_fit:], flagged[n_fit:] * 1.0, merge_gap=window)
    return {
        "flagged": flagged[n_fit:][free].mean() if free.sum() > window else np.nan,
        "found": sum(flagged[first : last + 1].any() for first, last in new),
        "events": len(new),
        "false": sum(free[event.start : event.end + 1].all() for event in raised),
        "rows": len(flagged) - n_fit,
    }


def overlaps(found, labels, n_fit):
    """Return the largest intersection over union of each labelled event that is found.

    Parameters
    ----------
    found : list of (first, last)
        Events that a detector found, last row included.
    labels : ndarray of shape (n_rows,)
    n_fit : int
        Fitted rows; events that begin there do not count.
    """
    shares = []
    for first, last in zip(*events(labels), strict=True):
        hits = [(a, b) for a, b in found if a <= last and b >= first]
        if first >= n_fit and hits:
            shares.append(
                max(
                    (min(b, last) - max(a, first) + 1) / (max(b, last) - min(a, first) + 1)
                    for a, b in hits
                )
            )
    return shares
