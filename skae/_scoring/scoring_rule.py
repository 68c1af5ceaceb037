"""From residuals to scores: aggregations of errors, and the scoring rule of a fitted detector."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from skae._input import observed
from skae._input.sequences import Indices, Sequences
from skae._scoring.bad_readings import without_bad_readings
from skae._scoring.error_measures import (
    BALANCED,
    ROOTED,
    ErrorMeasure,
    balance,
    fit_error_measure,
    measure_from_plain,
    measure_to_plain,
    root_shares,
)
from skae._scoring.thresholds import OffsetPolicy, known_errors, weighted_quantile
from skae._windows.samples import RowSamples, Samples, weights_of
from skae._windows.windows import Reduction

Array = NDArray[np.floating]
Blocks = Iterable[Array]
Residuals = Callable[[Sequences], Blocks]

MAX_REFERENCE_WINDOWS = 2048
"""Most windows, evenly spread over each part, on which an error measure is fitted."""


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
    or_single_row : bool
        Whether the error of a row by itself counts where it is larger, see `ScoringRule`.
    """

    of_sequence: Reduction
    of_row: Reduction
    whole_sequence: bool = False
    whole_window: bool = False
    smooths: bool = False
    or_single_row: bool = False

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
    "row_or_window": Aggregation(observed.mean, _by_itself, True, True, True, or_single_row=True),
    "gaussian": Aggregation(observed.mean, _by_itself, True, True, smooths=True),
    "window": Aggregation(observed.mean, _by_itself, True, True),
    "mean": Aggregation(observed.mean, observed.mean, whole_sequence=True),
    "median": Aggregation(observed.median, observed.median),
    "max": Aggregation(observed.maximum, observed.maximum),
    # Windows are in order, so a row is the last row of the first window that covers it.
    "last": Aggregation(observed.last, observed.first),
}


def _both(errors: Array) -> Array:
    """Reduce the errors of covering windows, and those of the row in these windows."""
    return np.stack([observed.mean(errors[..., 0]), _by_itself(errors[..., 1])], axis=-1)


def _shares(errors: Array) -> Array:
    """Reduce the shares of covering windows, and the errors of the row in these windows.

    The features share the error in the window that ends at the row, which is never below the error
    of the row by itself.
    """
    n = errors.shape[2] // 2
    of_windows, of_features = observed.mean(errors[:, :, :n]), observed.first(errors[:, :, n:-1])
    return np.concatenate([of_windows, of_features, _by_itself(errors[:, :, -1:])], axis=1)


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


LARGEST = 0.999
"""Quantile of the errors in `fit` that relates the errors of rows and of windows."""

ROW_WEIGHT = 1.25
"""Weight of the error of a row by itself, relative to the smoothed error of its windows."""


@dataclass(frozen=True)
class ScoringRule:
    """From residuals to scores, errors of steps, and contributions of features.

    Parameters
    ----------
    error : str
        Name of the error.
    measure : callable
        Maps residuals (n_windows, n_steps, n_features) to errors of that shape.
    aggregation : str
        Name of the aggregation.
    offset_policy : OffsetPolicy
    largest_of_windows, largest_of_rows : float
        With `or_single_row`, the largest smoothed error of windows in `fit`, and the largest error
        of a row by itself. Both are 0 for sets of sequences.
    """

    error: str
    measure: ErrorMeasure
    aggregation: str
    offset_policy: OffsetPolicy = OffsetPolicy()
    largest_of_windows: float = 0.0
    largest_of_rows: float = 0.0

    @classmethod
    def fit(
        cls,
        error: str,
        aggregation: str,
        offset_policy: OffsetPolicy,
        residuals: Residuals,
        parts: list[Samples],
    ) -> Self:
        """Fit the measure to the residuals of windows of the parts, and their weights."""
        blocks: list[Array] = []
        weights: list[Array] = []
        usual = without_bad_readings(parts)
        for part in usual:
            windows = part.windows.at_most(MAX_REFERENCE_WINDOWS)
            found = list(residuals(windows))
            blocks += found
            ends = np.cumsum([len(block) for block in found])[:-1]
            weights += np.split(_weights_of_steps(part, windows), ends)
        return cls(error, fit_error_measure(error, blocks, weights), aggregation, offset_policy)

    def calibrated(
        self, residuals: Residuals, samples: Samples, parts: list[Samples]
    ) -> tuple[Self, float]:
        """Return the rule with its largest errors, and the offset; NaN if all errors are.

        Parameters
        ----------
        residuals : callable
            Maps windows to their residuals.
        samples : Samples
            All samples of `fit`.
        parts : list of Samples
            The held-out part, if any, and the training part.
        """
        known = known_errors(lambda part: self.errors(part, residuals(part.windows)), parts)
        of_windows, of_rows = _largest(known)
        rule = replace(self, largest_of_windows=of_windows, largest_of_rows=of_rows)
        offset = self.offset_policy.offset(
            [(rule.scores_of(errors), weights) for errors, weights in known],
            lambda part: rule.scores(part, residuals(part.windows)),
            samples,
        )
        return rule, offset

    def scores(self, samples: Samples, residuals: Blocks) -> Array:
        """Return the score of each sample: minus its error."""
        return self.scores_of(self.errors(samples, residuals))

    def scores_of(self, errors: Array) -> Array:
        """Return minus the errors, or minus the larger ones if there are two per row."""
        return -errors if errors.ndim == 1 else -self.larger(errors)

    def errors(self, samples: Samples, residuals: Blocks) -> Array:
        """Return the error of each sample.

        If these join rows, the shape is (n_rows, 2): the smoothed errors of windows, and the errors
        of rows by themselves.
        """
        if self.joins_rows and isinstance(samples, RowSamples):
            both = samples.per_row(map(self.errors_of_windows, residuals), reduction=_both)
            both[:, 0] = smooth(both[:, 0], samples.runs, samples.window_size)
            return both
        whole = self._aggregation.takes_whole(samples)
        blocks = (self._errors(self.measure(block), block, whole) for block in residuals)
        return self._aggregation(samples, blocks)

    @property
    def joins_rows(self) -> bool:
        """Whether the score of a row may be its error by itself."""
        return self._aggregation.or_single_row

    def errors_of_windows(self, residuals: Array) -> Array:
        """Return the errors (n, n_steps) of windows, for the scores of rows.

        If these join rows, the shape is (n, n_steps, 2): at each step the error of the window, and
        the error of the step by itself.
        """
        measured = self.measure(residuals)
        errors = self._errors(measured, residuals, self._aggregation.whole_window)
        if not self.joins_rows:
            return errors
        of_windows = np.broadcast_to(observed.mean(errors)[:, None], errors.shape)
        return np.stack([of_windows, self._of_steps(measured)], axis=-1)

    def reduction(self) -> Reduction:
        """Return what reduces the results of `errors_of_windows` in covering windows to rows."""
        return _both if self.joins_rows else self._aggregation.of_row

    def larger(self, both: Array) -> Array:
        """Return the larger error of rows, from the smoothed errors of windows and their own."""
        larger: Array = np.fmax(both[:, 0], self._comparable(both[:, 1]))
        return larger

    def _comparable(self, of_rows: Array) -> Array:
        """Return errors of rows by themselves, on the scale of the smoothed errors of windows.

        Errors of single rows vary more. Beyond the largest in `fit`, their roots count.
        """
        if self.largest_of_rows <= 0:
            return 0 * of_rows
        ratios = ROW_WEIGHT * of_rows / self.largest_of_rows
        comparable: Array = self.largest_of_windows * np.minimum(ratios, np.sqrt(ratios))
        return comparable

    def _of_steps(self, measured: Array) -> Array:
        """Return the error of each single step."""
        errors: Array = observed.mean(measured, axis=2)
        return np.sqrt(errors) if self.error in ROOTED else errors

    def errors_of_steps(self, samples: Samples, residuals: Blocks) -> Any:
        """Return the error of each single step or row, laid out like the input."""
        errors = (self._of_steps(self.measure(block)) for block in residuals)
        return samples.from_steps(errors, reduction=self._aggregation.of_row)

    def contributions(self, samples: Samples, residuals: Blocks) -> Any:
        """Return the contribution of each step and feature, laid out like the input."""
        if self.joins_rows and isinstance(samples, RowSamples):
            rows = self._contributions_of_larger(samples, residuals)
            return samples.without_feature_axis(samples.like_input(rows))
        whole = self._aggregation.takes_whole(samples)
        shares = (self._shares(self.measure(block), block, whole) for block in residuals)
        return samples.without_feature_axis(self._aggregation.lay_out(samples, shares))

    def _contributions_of_larger(self, samples: RowSamples, residuals: Blocks) -> Array:
        """Return (n_rows, n_features): a mean over the features is the larger error of the row.

        The features share the excess of the error of a row by itself over the error of its windows
        like its own errors, and the rest like the errors of the windows.
        """
        blocks = (self._shares_of_both(block) for block in residuals)
        found = samples.per_row(blocks, reduction=_shares)
        n = found.shape[1] // 2
        shares = smooth(found[:, :n], samples.runs, samples.window_size)
        excess = np.fmax(self._comparable(found[:, -1]) - observed.mean(shares), 0)
        own = np.where(np.isnan(shares), np.nan, np.nan_to_num(found[:, n:-1]))
        scale = np.divide(excess, observed.mean(own), out=0 * excess, where=excess > 0)
        explained: Array = shares + scale[:, None] * own
        return explained

    def _shares_of_both(self, residuals: Array) -> Array:
        """Return shares of windows and errors of steps, by feature, and the errors of steps."""
        measured = self.measure(residuals)
        shares = self._shares(measured, residuals, True)
        of_windows = np.broadcast_to(observed.mean(shares)[:, None], shares.shape)
        return np.concatenate([of_windows, measured, self._of_steps(measured)[:, :, None]], axis=2)

    def with_fixed_offset(self) -> Self:
        """Return the rule with a fixed offset."""
        policy = self.offset_policy
        fixed = replace(policy, threshold="robust") if policy.adapts else policy
        return replace(self, offset_policy=fixed)

    def to_plain(self) -> dict[str, Any]:
        """Return the rule as plain values, exact to the last bit."""
        return {
            "error": self.error,
            "measure": measure_to_plain(self.measure),
            "aggregation": self.aggregation,
            "offset_policy": self.offset_policy.to_plain(),
            "largest_of_windows": self.largest_of_windows,
            "largest_of_rows": self.largest_of_rows,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the rule from its plain form."""
        measure = measure_from_plain(plain["measure"])
        policy = OffsetPolicy.from_plain(plain["offset_policy"])
        largest = (float(plain[f"largest_of_{name}"]) for name in ("windows", "rows"))
        return cls(plain["error"], measure, plain["aggregation"], policy, *largest)

    @property
    def _aggregation(self) -> Aggregation:
        return AGGREGATIONS[self.aggregation]

    def _shares(self, measured: Array, residuals: Array, whole: bool) -> Array:
        """Return errors with a mean that is the named error, of a whole window or a step."""
        weighted = self._balanced(measured, residuals) if whole else measured
        return self._rooted(weighted, whole)

    def _errors(self, measured: Array, residuals: Array, whole: bool) -> Array:
        """Return one error for each step."""
        weighted = self._balanced(measured, residuals) if whole else measured
        return self._rooted(observed.mean(weighted, axis=2), whole)

    def _balanced(self, measured: Array, residuals: Array) -> Array:
        """Return errors in which rarely observed features weigh as much as others."""
        return measured if self.error in BALANCED else measured * balance(residuals)

    def _rooted(self, errors: Array, whole: bool) -> Array:
        return root_shares(errors, whole) if self.error in ROOTED else errors


def _largest(known: list[tuple[Array, Array]]) -> tuple[float, float]:
    """Return the largest errors of windows and of rows, but for one in a thousand."""
    errors, weights = (np.concatenate(arrays) for arrays in zip(*known, strict=True))
    if errors.ndim == 1 or not len(errors):
        return 0.0, 0.0
    of_windows, of_rows = (weighted_quantile(x, weights, q=LARGEST) for x in errors.T)
    return of_windows, of_rows


def _weights_of_steps(samples: Samples, windows: Sequences) -> Array:
    """Return the weights (n, n_steps) or (n, 1) of the windows that `at_most` chose."""
    weights = weights_of(samples)
    if isinstance(samples, RowSamples):
        rows = Sequences(weights[:, None], windows.starts, windows.lengths)
        return rows.padded(windows.max_length)[:, :, 0]
    return weights[:: -(-len(weights) // MAX_REFERENCE_WINDOWS)][:, None]


BLOCK = 4096
"""Windows that are padded at a time."""


def explained_variation(windows: Sequences, residuals: Iterable[Array]) -> float:
    """Return the coefficient of determination relative to the means of windows.

    Parameters
    ----------
    windows : Sequences
    residuals : iterable of ndarray of shape (n_windows_in_block, n_steps, n_features)
        Observed minus reconstructed, window by window; NaN where nothing was observed.

    Returns
    -------
    float
        One minus the ratio of the sum of squared residuals to the sum of squared differences
        between each value and the mean of its feature in its window. If all values equal these
        means, 1 if the residuals are 0, and 0 otherwise.
    """
    unexplained = sum(_sum_of_squares(block) for block in residuals)
    variation = sum(_variation(block.padded()) for block in windows.blocks(BLOCK))
    if variation == 0:
        return float(unexplained == 0)
    return float(1 - unexplained / variation)


def _variation(values: Array) -> float:
    return _sum_of_squares(values - observed.mean(values, axis=1)[:, None])


def _sum_of_squares(values: Array) -> float:
    return float(np.nansum(np.square(values, dtype=np.float64)))
