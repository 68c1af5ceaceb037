"""A threshold that follows a series into another regime: numpy only."""

from bisect import bisect_left, insort
from collections import deque

import numpy as np
from numpy.typing import NDArray

from skae._scoring.thresholds import MAD_TO_STD
from skae._sequences.ragged import Indices

Array = NDArray[np.floating]

DEVIATIONS = 4.0
"""Robust standard deviations from the median of the memory, beyond which a row is an outlier."""

MIN_RATIO = 1.5
"""Ratio to the median of the memory up to which no error is an outlier's."""


class AdaptiveOffset:
    """The threshold for the next row, from the rows before it.

    It is the offset that `fit` has set, or lower where the errors of the last rows are higher
    than they were in `fit`: their median plus four robust standard deviations of their
    logarithms, at least one and a half times the median. It never looks ahead. A lasting change is
    forgiven when it fills half of the memory, and before so many rows have come nothing is.

    Parameters
    ----------
    offset : float
        Scores below it are those of outliers, unless the memory says otherwise.
    memory : int
        Rows that are remembered.

    Examples
    --------
    >>> from skae._scoring.adaptation import AdaptiveOffset
    >>> threshold = AdaptiveOffset(offset=-2.0, memory=4)
    >>> threshold.update([-1.0, -1.0, -1.0, -1.0, -5.0, -5.0, -5.0, -5.0, -5.0]).round(1)
    array([  -2. ,   -2. ,   -2. ,   -2. ,   -2. ,   -2. , -264.3,   -7.5,   -7.5])
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
                self._remember(float(np.log(max(-score, np.finfo(np.float32).tiny))))
        return offsets

    def _next(self) -> float:
        if 2 * len(self._sorted) < self.memory:
            return self.offset
        median = _median(self._sorted)
        spread = MAD_TO_STD * _median_deviation(self._sorted, median)
        return min(
            self.offset, -float(np.exp(median + max(DEVIATIONS * spread, np.log(MIN_RATIO))))
        )

    def _remember(self, logarithm: float) -> None:
        insort(self._sorted, logarithm)
        self._in_order.append(logarithm)
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


def _median(ordered: list[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _median_deviation(ordered: list[float], median: float) -> float:
    """Return the median of the distances of sorted values from their median."""
    middle = len(ordered) // 2
    upper = _nearest(ordered, median, middle + 1)
    return upper if len(ordered) % 2 else (_nearest(ordered, median, middle) + upper) / 2


def _nearest(ordered: list[float], centre: float, rank: int) -> float:
    """Return the distance of the value that is the `rank`-th nearest to a centre.

    The nearest values stand side by side, so their first is found by halving.
    """
    low, high = 0, len(ordered) - rank
    while low < high:
        first = (low + high) // 2
        if centre - ordered[first] > ordered[first + rank] - centre:
            low = first + 1
        else:
            high = first
    return max(centre - ordered[low], ordered[low + rank - 1] - centre)
