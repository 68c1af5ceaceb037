"""VUS-PR: how well scores rank the rows of labelled events, with tolerance at their borders."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._input.runs import runs_of_true
from skae._scoring.labels import are_outliers

__all__ = ["vus_pr"]

Floats = NDArray[np.float64]

N_THRESHOLDS = 250


def vus_pr(y: ArrayLike, scores: ArrayLike, buffer: int) -> float:
    """Return the volume under the precision-recall surface over buffers around the events.

    A row near a labelled event counts in part: labels fade out over half a buffer on either
    side. The area under the curve of precision and recall is averaged over all buffers from 0
    to the widest, so that inexact borders of labels do not count against a detector.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels as in `skae.metrics.is_outlier`, with at least one anomaly; if all are 1, all are.
    scores : array-like of shape (n_rows,)
        Anomaly scores without NaN, higher is worse.
    buffer : int
        The widest buffer in rows, for instance the period of the series or the window.

    Returns
    -------
    volume : float
        From 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If no row is labelled, there are other labels, a score is NaN, the numbers of labels and
        scores differ, or the buffer is negative.

    References
    ----------
    J. Paparrizos et al. (2022), "Volume Under the Surface", PVLDB 15(11). As in TSB-AD (Q. Liu and
    J. Paparrizos, 2024), there are 250 thresholds, and half of the buffer counts as positive, so
    that figures are comparable with published ones.

    Examples
    --------
    >>> from skae.metrics import vus_pr
    >>> round(vus_pr([0, 0, 1, 1, 0, 0], [0.1, 0.2, 0.9, 0.8, 0.3, 0.1], buffer=0), 6)
    1.0
    """
    labels = are_outliers(y, "y", only_ones=True).astype(float)
    levels = np.asarray(scores, dtype=float)
    _check(labels, levels, buffer)
    ranks = np.linspace(0, len(levels) - 1, N_THRESHOLDS).astype(int)
    thresholds = np.sort(levels)[::-1][ranks]
    # The highest threshold that each row reaches.
    reached = np.searchsorted(-thresholds, -levels)
    return float(np.mean([_area(labels, reached, width) for width in range(int(buffer) + 1)]))


def _check(labels: Floats, scores: Floats, buffer: Any) -> None:
    if not isinstance(buffer, Real) or buffer < 0:
        raise ValueError(f"Got buffer={buffer!r}, but expected a number of rows, 0 or more.")
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(
            f"Got y of shape {labels.shape} and scores of shape {scores.shape}, but expected one "
            "label and one score per row."
        )
    if not (labels > 0).any():
        raise ValueError("Got y without an anomaly, but expected at least one row labelled 1.")
    if np.isnan(scores).any():
        raise ValueError("Got scores with NaN, but expected numbers; leave those rows out.")


def _area(labels: Floats, reached: NDArray[np.intp], width: int) -> float:
    soft = _softened(labels, width)
    hits, soft_hits = _up_to(reached, labels), _up_to(reached, soft)
    positives = labels.sum() + (soft_hits - hits) / 2
    recall = np.minimum(soft_hits / positives, 1) * _events_seen(labels, reached, width)
    precision = soft_hits / _up_to(reached, np.ones_like(labels))
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def _up_to(reached: NDArray[np.intp], amounts: Floats) -> Floats:
    return np.cumsum(np.bincount(reached, amounts, N_THRESHOLDS + 1)[:N_THRESHOLDS])


def _softened(labels: Floats, width: int) -> Floats:
    """Make labels fade out on either side of each event."""
    soft = labels.copy()
    fading = np.sqrt(1 - np.arange(1, width // 2 + 1) / max(width, 1))
    for first, last in zip(*runs_of_true(labels > 0), strict=True):
        after, before = fading[: len(soft) - 1 - last], fading[:first]
        soft[last + 1 : last + 1 + len(after)] += after
        soft[first - len(before) : first] += before[::-1]
    return np.minimum(soft, 1)


def _events_seen(labels: Floats, reached: NDArray[np.intp], width: int) -> Floats:
    """Return the share of events, extended by the buffer, with a flagged row, per threshold."""
    grown = np.zeros(len(labels))
    for first, last in zip(*runs_of_true(labels > 0), strict=True):
        grown[max(first - width // 2, 0) : last + width // 2 + 1] = 1
    runs = zip(*runs_of_true(grown > 0), strict=True)
    seen = np.sort([reached[first : last + 1].min() for first, last in runs])
    return np.searchsorted(seen, np.arange(N_THRESHOLDS), side="right") / len(seen)
