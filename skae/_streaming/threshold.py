"""From the scores of a stream to labels, by the threshold that `fit` has settled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._scoring.adaptation import AdaptiveOffset

Array = NDArray[np.floating]


class FixedThreshold:
    """Calls scores below an offset those of outliers.

    Parameters
    ----------
    offset : float
    """

    def __init__(self, offset: float):
        self.offset = offset

    def update(self, scores: Array) -> NDArray[np.intp]:
        """Return -1 for outliers and 1 for inliers."""
        return np.where(np.asarray(scores) < self.offset, -1, 1)


class AdaptiveThreshold:
    """The same with an offset that follows the series, as ``adapt_after`` has it.

    Parameters
    ----------
    offset : float
    memory : int
        Rows that are remembered.
    """

    def __init__(self, offset: float, memory: int):
        self._offset = AdaptiveOffset(offset, memory)

    def update(self, scores: Array) -> NDArray[np.intp]:
        """Return -1 for outliers and 1 for inliers, and remember the scores."""
        return np.where(np.asarray(scores) < self._offset.update(scores), -1, 1)


def threshold_of(detector: Any) -> FixedThreshold | AdaptiveThreshold:
    """Return the threshold that ``predict`` of a detector of rows applies to one series."""
    adapt_after = detector._scoring.offset_policy.adapt_after
    if adapt_after is None:
        return FixedThreshold(detector.offset_)
    memory = 2 * adapt_after * detector._windowing.window_size
    return AdaptiveThreshold(detector.offset_, memory)
