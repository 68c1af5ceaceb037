"""A threshold that adapts to a lasting change of a series."""

from bisect import bisect_left, insort
from collections import deque

import numpy as np
from numpy.typing import NDArray

from skae._input.sequences import Indices

Array = NDArray[np.floating]

MEMORY_IN_WINDOWS = 10
"""Windows before a row that determine the level of the series."""

LEVEL = 0.25
"""Quantile of the remembered errors that is the level; low errors in a quarter lower it."""

RATIO_TO_LEVEL = 1.75
"""Ratio to the level up to which errors are normal."""


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
    >>> from skae._scoring.adaptive import AdaptiveOffset
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
