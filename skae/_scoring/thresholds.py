"""From scores to a threshold."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from skae._input.sequences import Indices
from skae._scoring.bad_readings import beside_bad_readings, without_bad_readings
from skae._windows.samples import RowSamples, Samples, weights_of

Array = NDArray[np.floating]

MAD_TO_STD = 1.4826
"""Ratio of the standard deviation to the median absolute deviation of a Gaussian."""

MIN_HELD_OUT = 20
"""Number of held-out scores below which training scores are used too."""

MAX_REFERENCE_ROWS = 2**20
"""Most rows, in stretches spread evenly over each part, from which a threshold is computed."""

MEMORY_IN_WINDOWS = 10
"""Windows before a row that determine the level of the series."""

LEVEL = 0.25
"""Quantile of the remembered errors that is the level; low errors in a quarter lower it."""

RATIO_TO_LEVEL = 1.75
"""Ratio to the level up to which errors are normal."""


class RobustLimits(NamedTuple):
    """Bounds of the robust threshold.

    Parameters
    ----------
    deviations : float
        Robust standard deviations above the median beyond which an error is an outlier.
    max_ratio : float
        Upper limit of the threshold, relative to the 99.9 % quantile of the errors.
    min_ratio : float
        Lower limit of the threshold, relative to the median error.
    """

    deviations: float = 4.0
    max_ratio: float = 1.0
    min_ratio: float = 1.75


OF_SETS, OF_ROWS = RobustLimits(), RobustLimits(10.0, 2.75, 2.5)
"""Rows drift and sets do not, so new normal rows differ more from the rows in `fit`."""

OF_ADAPTING_ROWS = RobustLimits(8.0, 2.0, 2.0)
"""A threshold that follows the drift can be tighter."""

OF_SENSITIVE_ROWS = RobustLimits(8.0, 1.75, 2.0)
"""More false events and fewer missed ones, for a person who looks at each event."""


def limits_of(threshold: str | float, of_rows: bool) -> RobustLimits:
    """Return the bounds of a threshold, for the rows of series or for a set of sequences."""
    named = {"adaptive": OF_ADAPTING_ROWS, "sensitive": OF_SENSITIVE_ROWS}
    return named.get(str(threshold), OF_ROWS) if of_rows else OF_SETS


@dataclass(frozen=True)
class OffsetPolicy:
    """The rule that determines the threshold in `fit`.

    Parameters
    ----------
    contamination : "auto" or float
        Fraction of all samples that are outliers; with "auto", `threshold` decides.
    threshold : {"robust", "sensitive", "adaptive", "three_sigma"} or float
        A float is the fraction of held-out samples beyond the threshold. With "adaptive", the
        offset follows the rows of a series.
    limits : RobustLimits
        Limits of the "robust" and "adaptive" thresholds.
    """

    contamination: str | float = "auto"
    threshold: str | float = "robust"
    limits: RobustLimits = RobustLimits()

    def offset(
        self,
        known: list[tuple[Array, Array]],
        scores: Callable[[Samples], Array],
        samples: Samples,
    ) -> float:
        """Return the score below which a sample is an outlier; NaN if all scores are.

        Parameters
        ----------
        known : list of (scores, weights)
            Of the held-out part, if any, and of the training part, without NaN.
        scores : callable
            Maps samples to scores.
        samples : Samples
            All samples of `fit`.
        """
        if not any(len(found) for found, _ in known):
            return float("nan")
        if not isinstance(self.contamination, str):
            found, weights = _known(scores, samples.spread(MAX_REFERENCE_ROWS))
            return weighted_quantile(found, weights, q=self.contamination)
        return automatic_offset(known, self.threshold, self.limits)

    def offsets(self, scores: Array, samples: Samples, offset: float) -> Array | float:
        """Return the score below which each sample is an outlier.

        Parameters
        ----------
        scores : ndarray of shape (n_samples,)
        samples : Samples
        offset : float
            From `offset`, or set by the user.
        """
        if not self.adapts or not isinstance(samples, RowSamples):
            return offset
        memory = self.memory(samples.window_size)
        return adaptive_offsets(scores, samples.lengths, offset, memory)

    @property
    def adapts(self) -> bool:
        """Whether the offset of a row depends on the rows before it."""
        return self.threshold == "adaptive"

    @property
    def is_cautious(self) -> bool:
        """Whether the default rule applies: few false alarms, and some missed faults."""
        return self.threshold == "robust" and self.contamination == "auto"

    def memory(self, window_size: int) -> int:
        """Return the number of previous rows that the offset of a row depends on."""
        return MEMORY_IN_WINDOWS * window_size if self.adapts else 0

    def to_plain(self) -> dict[str, Any]:
        """Return the policy as plain values."""
        shares = {"contamination": self.contamination, "threshold": self.threshold}
        return {
            **{name: x if isinstance(x, str) else float(x) for name, x in shares.items()},
            **self.limits._asdict(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the policy from its plain form, with defaults for missing values."""
        limits = {name: plain[name] for name in RobustLimits._fields if name in plain}
        return cls(plain["contamination"], plain["threshold"], RobustLimits(**limits))


def known_errors(
    errors: Callable[[Samples], Array], parts: list[Samples]
) -> list[tuple[Array, Array]]:
    """Return the errors of each part that are not NaN, and their weights: 0 near bad readings."""
    spread = [part.spread(MAX_REFERENCE_ROWS) for part in parts]
    return [
        _known(errors, part, beside_bad_readings(part)) for part in without_bad_readings(spread)
    ]


def _known(
    errors: Callable[[Samples], Array], samples: Samples, left_out: Any = False
) -> tuple[Array, Array]:
    """Return the entries without NaN, and their weights."""
    found, weights = errors(samples), np.where(left_out, 0, weights_of(samples))
    seen = ~np.isnan(found.reshape(len(found), -1)).any(axis=1)
    return found[seen], weights[seen]


def weighted_quantile(values: Array, weights: Array | None = None, *, q: float) -> float:
    """Return the weighted quantile; a weight of 2 is the same as a repeated value.

    Values are interpolated linearly, as in ``numpy.quantile``. If some weights are below 1, all are
    scaled so that the smallest is 1. Equal weights therefore have no effect, even if they sum to 1.

    Parameters
    ----------
    values : ndarray of shape (n,)
    weights : ndarray of shape (n,), default=None
        Not negative; equal by default, or if all are zero.
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

    The threshold is the median plus `deviations` robust standard deviations (1.4826 times the
    median absolute deviation) of the logarithms of the errors, because errors are positive and
    skewed. A few outliers hardly move it.

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
    # exp(log(median)) may be an ulp lower than the median, but equal scores must all be inliers.
    return -float(median * np.exp(deviations * spread))


def three_sigma_offset(scores: Array, weights: Array | None = None) -> float:
    """Return the mean of scores minus three of their standard deviations."""
    mean = np.average(scores, weights=weights)
    variance = np.average((scores - mean) ** 2, weights=weights)
    return float(mean - 3 * np.sqrt(variance))


def automatic_offset(
    parts: list[tuple[Array, Array]], threshold: str | float, limits: RobustLimits
) -> float:
    """Return the score below which an entry is an outlier, from all data of `fit`.

    Parameters
    ----------
    parts : list of (scores, weights)
        Of the held-out part, if any, and of the training part.
    threshold : {"robust", "sensitive", "adaptive", "three_sigma"} or float
        A float is a quantile of the held-out scores. "three_sigma" uses the held-out scores. The
        others use the lower `robust_offset` of the held-out and of all scores.
    limits : RobustLimits
        Limits for "robust", which alone would exceed all errors if they vary much.

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
    """Reject two competing thresholds, or an adaptive threshold without a series.

    Raises
    ------
    ValueError
    """
    if contamination != "auto" and threshold != "robust":
        raise ValueError(
            f"Got contamination={contamination} and threshold={threshold!r}, but expected only one "
            "of them: set contamination='auto', or leave threshold out."
        )
    if threshold == "adaptive" and is_set:
        raise ValueError(
            "Got threshold='adaptive' without window_size, but expected a window_size: this "
            "threshold depends on previous rows, and the sequences of a set have no order."
        )


def best_fbeta_offset(scores: Array, is_outlier: NDArray[np.bool_], beta: float) -> float:
    """Return the threshold with the highest F-beta.

    It lies halfway between two scores. Of equally good thresholds, the lowest is returned.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    is_outlier : ndarray of shape (n_samples,), bool
        Both classes must occur.
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


class AdaptiveOffset:
    """The threshold of the next row, from the rows before it.

    It is the offset of `fit`, or 1.75 times the lower quartile of the remembered errors if that is
    larger. It never uses later rows. It adapts once a change fills three quarters of the memory,
    and returns once a quarter of the memory is below the change again. Shorter events have no
    effect, and it does not adapt until the memory is full.

    Parameters
    ----------
    offset : float
        Scores below it are outliers, unless the threshold has adapted.
    memory : int
        Rows that are remembered.

    Examples
    --------
    >>> from skae._scoring.thresholds import AdaptiveOffset
    >>> threshold = AdaptiveOffset(offset=-2.0, memory=4)
    >>> threshold.update([-1.0, -1.0, -1.0, -1.0, -5.0, -5.0, -5.0, -5.0, -5.0, -1.0, -1.0])
    array([-2.  , -2.  , -2.  , -2.  , -2.  , -2.  , -2.  , -7.  , -8.75,
           -8.75, -7.  ])
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
            In order of time. NaN is not remembered.

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
    """Return the offset of each row of stacked series; each series has a separate memory.

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
    """Return the quantile of sorted values, interpolated linearly."""
    position = q * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
