"""From the errors of steps to the error of a sequence or row: one table of aggregations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from skae._input import observed
from skae._input.sequences import Indices
from skae._windows.samples import RowSamples, Samples
from skae._windows.windows import Reduction

Array = NDArray[np.floating]
Blocks = Iterable[Array]


@dataclass(frozen=True)
class Aggregation:
    """An aggregation of errors.

    Parameters
    ----------
    of_sequence : callable
        Maps the errors (n, n_steps) of sequences to one per sequence.
    of_row : callable
        Maps the errors (n, n_covering, ...) at rows in the covering windows to one per row.
    whole_sequence, whole_window : bool
        Whether to use the mean error of all steps of the sequence, or of the covering windows. A
        root is then taken of this mean, not of each step.
    smooths : bool
        Whether to smooth the errors of rows over time.
    """

    of_sequence: Reduction
    of_row: Reduction
    whole_sequence: bool = False
    whole_window: bool = False
    smooths: bool = False

    def takes_whole(self, samples: Samples) -> bool:
        """Tell whether these samples use the mean errors of whole windows."""
        return self.whole_window if isinstance(samples, RowSamples) else self.whole_sequence

    def __call__(self, samples: Samples, blocks: Blocks) -> Array:
        """Return one error per sample from blocks (n_windows, n_steps), in float64."""
        if isinstance(samples, RowSamples):
            return self.rows(samples, blocks)
        return np.concatenate([self.of_sequence(block) for block in blocks])

    def lay_out(self, samples: Samples, blocks: Blocks) -> Any:
        """Return the errors of steps, or aggregated errors of rows, laid out like the input."""
        if isinstance(samples, RowSamples):
            return samples.like_input(self.rows(samples, blocks))
        return samples.from_steps(blocks)

    def rows(self, samples: RowSamples, blocks: Blocks) -> Array:
        """Return one error per row (and feature, if the blocks have that axis)."""
        rows = samples.per_row(blocks, reduction=self.of_row, whole_windows=self.whole_window)
        return smooth(rows, samples.runs, samples.window_size) if self.smooths else rows


def _by_itself(errors: Array) -> Array:
    """Return the error at a row in the window that ends there, or the median if lower.

    The error in that window rises where an anomaly begins; the median falls where it ends.
    """
    return np.fmin(observed.first(errors), observed.median(errors))


AGGREGATIONS = {
    "gaussian": Aggregation(observed.mean, _by_itself, True, True, smooths=True),
    "window": Aggregation(observed.mean, _by_itself, True, True),
    "mean": Aggregation(observed.mean, observed.mean, whole_sequence=True),
    "median": Aggregation(observed.median, observed.median),
    "max": Aggregation(observed.maximum, observed.maximum),
    # Windows are in order, so a row is the last row of the first window that covers it.
    "last": Aggregation(observed.last, observed.first),
}


def smooth(rows: Array, lengths: Indices, width: int) -> Array:
    """Smooth the rows of stacked series with a Gaussian.

    Its standard deviation is half of `width`, and it is cut at `width` rows. At the ends of the
    series and beside NaN, the weights of the remaining rows are scaled up. NaN rows stay NaN.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, ...)
    lengths : ndarray of shape (n_series,), intp
    width : int

    Examples
    --------
    >>> import numpy as np
    >>> smooth(np.array([0.0, 3.0, 0.0, 0.0, 8.0]), np.array([4, 1]), 3).round(2)
    array([1.02, 1.  , 0.8 , 0.53, 8.  ])
    """
    series = np.split(rows, np.cumsum(lengths)[:-1])
    return np.concatenate([_smooth(part, width) for part in series])


def _smooth(rows: Array, width: int) -> Array:
    def weighted(values: Array) -> Array:
        sums: Array = gaussian_filter1d(values, width / 2, axis=0, mode="constant", radius=width)
        return sums

    seen = ~np.isnan(rows)
    totals, weights = weighted(np.where(seen, rows, 0.0)), weighted(seen * 1.0)
    smoothed: Array = np.divide(totals, weights, out=np.full(rows.shape, np.nan), where=seen)
    return smoothed
