"""From scores to the threshold below which they are those of outliers.

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


class RobustLimits(NamedTuple):
    """Bounds of the robust threshold.

    Parameters
    ----------
    deviations : float
        Robust standard deviations from the median, beyond which an error is an outlier's.
    max_ratio : float
        Ratio to the largest errors, their 99.9 % quantile, that the threshold does not go beyond.
    min_ratio : float
        Ratio to the median error up to which no error is an outlier's, however alike errors are.
    """

    deviations: float = 4.0
    max_ratio: float = 1.0
    min_ratio: float = 1.75


OF_SETS, OF_ROWS = RobustLimits(), RobustLimits(10.0, 3.0, 3.0)
"""Rows drift, members of a set do not: normal ones lie further from what was seen in `fit`."""

OF_ADAPTING_ROWS = RobustLimits(6.0, 1.25, 2.0)
"""A threshold that follows the drift need not allow for it."""


def weighted_quantile(values: Array, weights: Array | None = None, *, q: float) -> float:
    """Return the quantile of `values`, where a weight of 2 is the same as being there twice.

    Between two values it is interpolated linearly, as ``numpy.quantile`` does. Where weights
    are below 1, all are scaled up until the smallest is 1: weights that sum to 1 are common,
    and equal ones have to mean what no weights mean.

    Parameters
    ----------
    values : ndarray of shape (n,)
    weights : ndarray of shape (n,), default=None
        Not negative; equal by default, and if all of them are zero.
    q : float
        From 0 to 1.

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


def robust_offset(
    scores: Array, weights: Array | None = None, deviations: float = OF_SETS.deviations
) -> float:
    """Return the score below which an entry is an outlier, from held-out scores.

    The threshold is the median plus some robust standard deviations (1.4826 times the median
    absolute deviation) of the logarithms of the errors, for errors are positive and skewed. A
    few outliers among the scores do not move it.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Scores of mostly normal data: negative errors.
    weights : ndarray of shape (n_scores,), default=None
    deviations : float, default=4.0

    Returns
    -------
    float

    References
    ----------
    B. Iglewicz, D. Hoaglin (1993), "How to Detect and Handle Outliers", section 3.3, where the
    factor is 3.5.
    """
    median = -weighted_quantile(scores, weights, q=0.5)
    tiny = np.finfo(np.float32).tiny
    distances = np.abs(np.log(np.maximum(-scores, tiny) / max(median, tiny)))
    spread = MAD_TO_STD * weighted_quantile(distances, weights, q=0.5)
    # A product, for exp(log(median)) may be an ulp below it: equal scores are all inliers.
    return -float(median * np.exp(deviations * spread))


def three_sigma_offset(scores: Array, weights: Array | None = None) -> float:
    """Return the mean of scores minus three of their standard deviations."""
    mean = np.average(scores, weights=weights)
    variance = np.average((scores - mean) ** 2, weights=weights)
    return float(mean - 3 * np.sqrt(variance))


def automatic_offset(
    parts: list[tuple[Array, Array]], threshold: str, limits: RobustLimits
) -> float:
    """Return the score below which an entry is an outlier, from all that `fit` saw.

    Parameters
    ----------
    parts : list of (scores, weights)
        What was held out, if anything was, and what was trained on.
    threshold : {"robust", "three_sigma"}
        With "robust", of `robust_offset` of the first part and of all the lower one.
    limits : RobustLimits
        Of "robust": where errors vary much, the rule alone would lie far from all of them.

    Returns
    -------
    float
    """
    scores, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    held_out = parts[0] if len(parts[0][0]) >= MIN_HELD_OUT else (scores, weights)
    if threshold == "three_sigma":
        return three_sigma_offset(*held_out)
    parts = [held_out, (scores, weights)]
    robust = min(robust_offset(*part, deviations=limits.deviations) for part in parts)
    largest, median = (weighted_quantile(scores, weights, q=q) for q in (0.001, 0.5))
    return min(max(robust, limits.max_ratio * largest), limits.min_ratio * median)


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
