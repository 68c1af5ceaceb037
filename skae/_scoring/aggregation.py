"""From the errors of steps to the error of a sequence, or of a row: one table of ways."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from skae._input import observed
from skae._input.sequences import Indices
from skae._windows.overlap import Reduction
from skae._windows.samples import RowSamples, Samples

Array = NDArray[np.floating]
Blocks = Iterable[Array]


@dataclass(frozen=True)
class Aggregation:
    """A way of aggregating errors.

    Parameters
    ----------
    of_sequence : callable
        From the errors (n, n_steps) of sequences to one for each.
    of_row : callable
        From the errors (n, n_covering, ...) that the covering windows have at a row to one.
    whole_sequence, whole_window : bool
        Whether a sequence, or a row, gets the mean errors of all steps of what holds it; a
        root is then that of such a mean, not of each step.
    smooths : bool
        Whether rows are averaged with those around them.
    """

    of_sequence: Reduction
    of_row: Reduction
    whole_sequence: bool = False
    whole_window: bool = False
    smooths: bool = False

    def takes_whole(self, samples: Samples) -> bool:
        """Tell whether these samples get the mean errors of whole windows."""
        return self.whole_window if isinstance(samples, RowSamples) else self.whole_sequence

    def __call__(self, samples: Samples, blocks: Blocks) -> Array:
        """Return one error a sample from blocks (n_windows, n_steps), in float64."""
        if isinstance(samples, RowSamples):
            return self.rows(samples, blocks)
        return np.concatenate([self.of_sequence(block) for block in blocks])

    def lay_out(self, samples: Samples, blocks: Blocks) -> Any:
        """Return errors of steps, or what is made of those of rows, laid out as the input."""
        if isinstance(samples, RowSamples):
            return samples.like_input(self.rows(samples, blocks))
        return samples.from_steps(blocks)

    def rows(self, samples: RowSamples, blocks: Blocks) -> Array:
        """Return one error a row, and feature if the blocks have such an axis."""
        rows = samples.per_row(blocks, reduction=self.of_row, whole_windows=self.whole_window)
        return smooth(rows, samples.runs, samples.window_size) if self.smooths else rows


def _by_itself(errors: Array) -> Array:
    """Return the error at a row in the window that ends there, or in the median one if lower.

    The former rises where something begins, the latter falls where it ends.
    """
    return np.fmin(observed.first(errors), observed.median(errors))


AGGREGATIONS = {
    "gaussian": Aggregation(observed.mean, _by_itself, True, True, smooths=True),
    "window": Aggregation(observed.mean, _by_itself, True, True),
    "mean": Aggregation(observed.mean, observed.mean, whole_sequence=True),
    "median": Aggregation(observed.median, observed.median),
    "max": Aggregation(observed.maximum, observed.maximum),
    # Windows come in order: of those that cover a row, the first one has it last.
    "last": Aggregation(observed.last, observed.first),
}


def smooth(rows: Array, lengths: Indices, width: int) -> Array:
    """Return each row of stacked series averaged with those around it by a Gaussian.

    Its standard deviation is half of `width` and it ends `width` rows away. Where the series
    ends before, and where a row is NaN, the others weigh more; a row that is NaN stays so.

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
