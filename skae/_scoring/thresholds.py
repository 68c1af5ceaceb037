"""From errors to scores, thresholds and events: numpy only.

A *score* is the negative of an error, so that higher is more normal, as scikit-learn has it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

Array = NDArray[np.floating]

MAD_TO_STD = 1.4826
"""Ratio of the standard deviation to the median absolute deviation of a Gaussian."""

MIN_HELD_OUT = 20
"""Held-out scores below which those of the training data help to set the threshold."""

ROBUST_DEVIATIONS = 4.0
"""Robust standard deviations from the median, beyond which an entry is an outlier."""

SURELY_NORMAL = 1.75
"""Ratio to the median error up to which no error is an outlier, however alike errors are."""


def mean_of_observed(errors: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """Return the mean over `axis` of what is not NaN; NaN where nothing is left."""
    if np.size(errors):
        mean = np.asarray(np.mean(errors, axis=axis, dtype=np.float64))
        if not np.isnan(mean).any():
            return mean
    observed = ~np.isnan(errors)
    total = np.where(observed, errors, 0.0).sum(axis=axis, dtype=np.float64)
    count = observed.sum(axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def aggregate_steps(step_errors: Array, how: str) -> Array:
    """Return one error for each sequence from the errors of its steps.

    Parameters
    ----------
    step_errors : ndarray of shape (n_sequences, n_steps)
        NaN in steps that are padding or were not observed.
    how : {"gaussian", "window", "mean", "median", "max", "last"}
        "gaussian", "window" and "mean" are the same here; "last" is the last observed step.

    Returns
    -------
    ndarray of shape (n_sequences,), float64
    """
    if how in ("gaussian", "window", "mean"):
        return mean_of_observed(step_errors)
    if how == "median":
        return np.nanmedian(step_errors, axis=1)
    if how == "max":
        return np.nanmax(step_errors, axis=1)
    backward = ~np.isnan(step_errors[:, ::-1])
    last = step_errors.shape[1] - 1 - backward.argmax(axis=1)
    return step_errors[np.arange(len(step_errors)), last]


def weighted_quantile(values: Array, q: float, weights: Array | None = None) -> float:
    """Return the quantile of `values`, where a weight of 2 is the same as being there twice.

    Between two values it is interpolated linearly, as ``numpy.quantile`` does. Where weights
    are below 1, all are scaled up until the smallest is 1: weights that sum to 1 are common,
    and equal ones have to mean what no weights mean.

    Parameters
    ----------
    values : ndarray of shape (n,)
    q : float
        From 0 to 1.
    weights : ndarray of shape (n,), default=None
        Not negative; equal by default, and if all of them are zero.

    Returns
    -------
    float
    """
    if weights is None or not weights.any():
        return float(np.quantile(values, q))
    counts = np.asarray(weights, dtype=np.float64) / min(1.0, weights[weights > 0].min())
    order = np.argsort(values, kind="stable")
    ordered, reached = values[order], np.cumsum(counts[order])
    position = q * max(reached[-1] - 1, 0)
    below, above = np.searchsorted(reached, [np.floor(position), np.floor(position) + 1], "right")
    low, high = ordered[np.minimum([below, above], len(ordered) - 1)]
    return float(low + (position - np.floor(position)) * (high - low))


def robust_offset(scores: Array, weights: Array | None = None) -> float:
    """Return the score below which an entry is an outlier, from held-out scores.

    The threshold is the median plus 4 robust standard deviations (1.4826 times the median
    absolute deviation) of the logarithms of the errors, for errors are positive and skewed. A
    few outliers among the scores do not move it.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Scores of mostly normal data: negative errors.
    weights : ndarray of shape (n_scores,), default=None

    Returns
    -------
    float

    References
    ----------
    B. Iglewicz, D. Hoaglin (1993), "How to Detect and Handle Outliers", section 3.3, where the
    factor is 3.5.
    """
    median = -weighted_quantile(scores, 0.5, weights)
    tiny = np.finfo(np.float32).tiny
    deviations = np.abs(np.log(np.maximum(-scores, tiny) / max(median, tiny)))
    spread = MAD_TO_STD * weighted_quantile(deviations, 0.5, weights)
    # A product, for exp(log(median)) may be an ulp below it: equal scores are all inliers.
    return -float(median * np.exp(ROBUST_DEVIATIONS * spread))


def three_sigma_offset(scores: Array, weights: Array | None = None) -> float:
    """Return the mean of scores minus three of their standard deviations."""
    mean = np.average(scores, weights=weights)
    variance = np.average((scores - mean) ** 2, weights=weights)
    return float(mean - 3 * np.sqrt(variance))


def automatic_offset(parts: list[tuple[Array, Array]], rule: str, room: float) -> float:
    """Return the score below which an entry is an outlier, from all that `fit` saw.

    Parameters
    ----------
    parts : list of (scores, weights)
        What was held out, if anything was, and what was trained on.
    rule : {"auto", "three_sigma"}
        With "auto", of `robust_offset` of the first part and of all the lower one.
    room : float
        Ratio to the lowest scores, their 0.1 % quantile, that "auto" does not go beyond: where
        errors vary much, the rule alone would lie far from all of them. Nor does it flag what
        is less than 1.75 times as bad as the median.

    Returns
    -------
    float
    """
    scores, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    spared = parts[0] if len(parts[0][0]) >= MIN_HELD_OUT else (scores, weights)
    if rule == "three_sigma":
        return three_sigma_offset(*spared)
    robust = min(robust_offset(*spared), robust_offset(scores, weights))
    largest, median = (weighted_quantile(scores, q, weights) for q in (0.001, 0.5))
    return min(max(robust, room * largest), SURELY_NORMAL * median)


def best_fbeta_offset(scores: Array, is_outlier: NDArray[np.bool_], beta: float) -> float:
    """Return the score below which to see outliers, so that F-beta is highest.

    It lies halfway between two scores; of equally good ones it is the lowest.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    is_outlier : ndarray of shape (n_samples,), bool
        Some of either.
    beta : float
        Weight of recall against precision.

    Returns
    -------
    float
    """
    precision, recall, thresholds = precision_recall_curve(is_outlier, -scores)
    precision, recall = precision[:-1], recall[:-1]
    weighted = beta**2 * precision + recall
    fbeta = np.divide(
        (1 + beta**2) * precision * recall, weighted, out=np.zeros_like(recall), where=weighted > 0
    )
    best = len(fbeta) - 1 - int(np.argmax(fbeta[::-1]))
    nearest_inlier = thresholds[best - 1] if best else 2 * thresholds[0] - thresholds[-1] - 1
    return -float((thresholds[best] + nearest_inlier) / 2)


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
    >>> from skae._scoring.thresholds import find_events
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
