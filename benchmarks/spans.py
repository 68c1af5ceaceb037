"""Flagged rows and labelled events: events found, their overlap, and false alarms."""

import numpy as np

from skae import find_events


def events(flags, merge_gap=0):
    """Return the first and last rows of the runs of flagged or labelled rows."""
    found = find_events(labels=np.asarray(flags) > 0, merge_gap=merge_gap)
    return found[["start", "end"]].tolist()


def alarms(flagged, series, window):
    """Return the results of a threshold after the fitted part.

    These are the share of flagged rows at least a window away from events, the numbers of events
    found and of all events, and the false alarms: runs of flagged rows, joined if less than a
    window apart, that are not near an event.
    """
    n_fit, labelled = len(series.train), events(series.labels)
    near = np.zeros(len(flagged), bool)
    for first, last in labelled:
        near[max(first - window, 0) : last + window + 1] = True
    free = ~near[n_fit:]
    new = [(first, last) for first, last in labelled if last >= n_fit]
    raised = events(flagged[n_fit:], merge_gap=window)
    return {
        "flagged": flagged[n_fit:][free].mean() if free.sum() > window else np.nan,
        "found": sum(flagged[first : last + 1].any() for first, last in new),
        "events": len(new),
        "false": sum(free[first : last + 1].all() for first, last in raised),
        "rows": len(flagged) - n_fit,
    }


def by_chance(flagged, labels, n_fit):
    """Return how many labelled events flagged rows touch on average if the labels are shifted.

    Each event after the fitted part is shifted, in a circle, by every number of rows. A detector
    that flags most rows touches most events, wherever they are.
    """
    flagged = np.asarray(flagged)[n_fit:]
    total = 0.0
    for first, last in events(labels):
        length = last - max(first, n_fit) + 1
        if length > 0:
            reached = np.concatenate([[0], np.cumsum(np.append(flagged, flagged[: length - 1]))])
            total += np.mean(reached[length:] > reached[:-length])
    return total


def summary(found):
    """Return the median share of rows flagged, series above 3 %, events and false alarms."""
    flagged = np.array([float(line["flagged"]) for line in found])
    hits, n_events, false, rows = (
        sum(float(line[name]) for line in found) for name in ("found", "events", "false", "rows")
    )
    return (
        f"{np.nanmedian(flagged):7.1%} {np.sum(flagged > 0.03):5} of {len(found):3} "
        f"{hits:5.0f} of {n_events:.0f}; {1e4 * false / rows:.1f} false alarms in 10,000 rows"
    )


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
    for first, last in events(labels):
        hits = [(a, b) for a, b in found if a <= last and b >= first]
        if first >= n_fit and hits:
            shares.append(
                max(
                    (min(b, last) - max(a, first) + 1) / (max(b, last) - min(a, first) + 1)
                    for a, b in hits
                )
            )
    return shares
