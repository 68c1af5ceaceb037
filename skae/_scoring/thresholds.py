"""From scores to a threshold, which may adapt to a change of regime."""

from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from skae._input.sequences import Indices

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

OF_ADAPTING_ROWS = RobustLimits(8.0, 2.0, 2.0)
"""A threshold that follows the drift need not allow for it."""

OF_SENSITIVE_ROWS = RobustLimits(6.0, 1.25, 1.75)
"""For a person who looks at each event: some more are false, and fewer are missed."""


def limits_of(threshold: str | float, of_rows: bool) -> RobustLimits:
    """Return the bounds of a threshold, for the rows of series or for a set of sequences."""
    named = {"adaptive": OF_ADAPTING_ROWS, "sensitive": OF_SENSITIVE_ROWS}
    return named.get(str(threshold), OF_ROWS) if of_rows else OF_SETS


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
    scores: Array,
    weights: Array | None = None,
    deviations: float = OF_SETS.deviations,
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
    parts: list[tuple[Array, Array]], threshold: str | float, limits: RobustLimits
) -> float:
    """Return the score below which an entry is an outlier, from all that `fit` saw.

    Parameters
    ----------
    parts : list of (scores, weights)
        What was held out, if anything was, and what was trained on.
    threshold : {"robust", "sensitive", "adaptive", "three_sigma"} or float
        A float is the quantile of what was held out. Else, if not "three_sigma", of
        `robust_offset` of the first part and of all the lower one.
    limits : RobustLimits
        Of that: where errors vary much, the rule alone would lie far from all of them.

    Returns
    -------
    float
    """
    scores, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    held_out = parts[0] if len(parts[0][0]) >= MIN_HELD_OUT else (scores, weights)
    if not isinstance(threshold, str):
        return weighted_quantile(*held_out, q=threshold)
    if threshold == "three_sigma":
        return three_sigma_offset(*held_out)
    parts = [held_out, (scores, weights)]
    robust = min(robust_offset(*part, deviations=limits.deviations) for part in parts)
    largest, median = (weighted_quantile(scores, weights, q=q) for q in (0.001, 0.5))
    return min(max(robust, limits.max_ratio * largest), limits.min_ratio * median)


def check_one_rule(contamination: str | float, threshold: str | float, is_set: bool) -> None:
    """Refuse what asks for two thresholds, or for one that follows a series without a series.

    Raises
    ------
    ValueError
    """
    if contamination != "auto" and threshold != "robust":
        raise ValueError(
            f"Got contamination={contamination} and threshold={threshold!r}, but expected only one "
            "of them to say which scores are those of outliers: leave contamination='auto', or "
            "leave threshold out."
        )
    if threshold == "adaptive" and is_set:
        raise ValueError(
            "Got threshold='adaptive' without a window_size, but expected rows of series: it "
            "follows the rows before a row. Sequences of a set have no order."
        )


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


MEMORY_IN_WINDOWS = 10
"""Windows before a row that tell at which level the series is."""

LEVEL = 0.25
"""Quantile of the errors in the memory that is this level: a quarter of it is enough to fall."""

RATIO_TO_LEVEL = 2.25
"""Ratio to the level up to which no error is an outlier's."""


class AdaptiveOffset:
    """The threshold for the next row, from the rows before it.

    It is the offset that `fit` has set, or lower where the lower quartile of the errors in the
    memory times 2.25 is more than it allows. It never looks ahead. A lasting change is forgiven
    when it fills three quarters of the memory, and forgotten when a quarter of the memory lies
    below again; what is shorter changes nothing. Before the memory is full nothing is forgiven.

    Parameters
    ----------
    offset : float
        Scores below it are those of outliers, unless the memory says otherwise.
    memory : int
        Rows that are remembered.

    Examples
    --------
    >>> from skae._scoring.thresholds import AdaptiveOffset
    >>> threshold = AdaptiveOffset(offset=-2.0, memory=4)
    >>> threshold.update([-1.0, -1.0, -1.0, -1.0, -5.0, -5.0, -5.0, -5.0, -5.0, -1.0, -1.0])
    array([ -2.  ,  -2.  ,  -2.  ,  -2.  ,  -2.25,  -2.25,  -2.25,  -9.  ,
           -11.25, -11.25,  -9.  ])
    """

    def __init__(self, offset: float, memory: int):
        self.offset, self.memory = offset, memory
        self._in_order: deque[float] = deque()
        self._sorted: list[float] = []

    def update(self, scores: Array | list[float]) -> Array:
        """Return the offset of each of the next rows, and remember their scores.

        Parameters
        ----------
        scores : array-like of shape (n_rows,)
            In order of time; NaN, where nothing was observed, is not remembered.

        Returns
        -------
        ndarray of shape (n_rows,), float64
        """
        offsets = np.empty(len(scores))
        for i, score in enumerate(np.asarray(scores, dtype=np.float64).tolist()):
            offsets[i] = self._next()
            if score == score:
                self._remember(-score)
        return offsets

    def _next(self) -> float:
        if len(self._sorted) < self.memory:
            return self.offset
        return min(self.offset, -RATIO_TO_LEVEL * _quantile(self._sorted, LEVEL))

    def _remember(self, error: float) -> None:
        insort(self._sorted, error)
        self._in_order.append(error)
        if len(self._in_order) > self.memory:
            del self._sorted[bisect_left(self._sorted, self._in_order.popleft())]


def adaptive_offsets(scores: Array, lengths: Indices, offset: float, memory: int) -> Array:
    """Return the offset of each row of stacked series, each with a memory of its own.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
    lengths : ndarray of shape (n_series,), intp
    offset : float
    memory : int

    Returns
    -------
    ndarray of shape (n_rows,), float64
    """
    series = np.split(scores, np.cumsum(lengths)[:-1])
    return np.concatenate([AdaptiveOffset(offset, memory).update(part) for part in series])


def _quantile(ordered: list[float], q: float) -> float:
    """Return the quantile of sorted values, linear in between."""
    position = q * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
