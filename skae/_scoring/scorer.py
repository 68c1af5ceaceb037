"""How a fitted detector scores: settled by `fit`, whatever becomes of the parameters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skae._input import observed
from skae._input.sequences import Sequences
from skae._scoring.aggregation import AGGREGATIONS, Aggregation
from skae._scoring.errors import (
    BALANCED,
    ROOTED,
    ErrorMeasure,
    balance,
    fit_error_measure,
    measure_from_plain,
    measure_to_plain,
    root_shares,
)
from skae._scoring.readings import beside_bad_readings, without_bad_readings
from skae._scoring.thresholds import (
    MEMORY_IN_WINDOWS,
    RobustLimits,
    adaptive_offsets,
    automatic_offset,
    weighted_quantile,
)
from skae._windows.samples import RowSamples, Samples, weights_of

Array = NDArray[np.floating]
Blocks = Iterable[Array]
Residuals = Callable[[Sequences], Blocks]

MAX_REFERENCE_WINDOWS = 2048
"""Windows, spread evenly over each part, that an error measure is fitted on at most."""

MAX_REFERENCE_ROWS = 2**20
"""Rows, in stretches spread evenly over each part, that a threshold is found on at most."""


@dataclass(frozen=True)
class OffsetPolicy:
    """Which scores in `fit` are those of outliers.

    Parameters
    ----------
    contamination : "auto" or float
        The fraction of all samples that are outliers; with "auto", `threshold` decides.
    threshold : {"robust", "sensitive", "adaptive", "three_sigma"} or float
        A float is the fraction of what was held out that lies beyond. With "adaptive" the offset
        follows the rows of a series.
    limits : RobustLimits
        Of a threshold by robust deviations.
    """

    contamination: str | float = "auto"
    threshold: str | float = "robust"
    limits: RobustLimits = RobustLimits()

    def offset(
        self, scores: Callable[[Samples], Array], samples: Samples, parts: list[Samples]
    ) -> float:
        """Return the score below which a sample is an outlier; NaN if all scores are.

        Parameters
        ----------
        scores : callable
            Scores samples.
        samples : Samples
            All that `fit` was given.
        parts : list of Samples
            What was held out, if anything was, and what was trained on.
        """
        spread = [part.spread(MAX_REFERENCE_ROWS) for part in parts]
        scored = [
            _known(scores, part, beside_bad_readings(part)) for part in without_bad_readings(spread)
        ]
        if not any(len(known) for known, _ in scored):
            return float("nan")
        if not isinstance(self.contamination, str):
            return weighted_quantile(
                *_known(scores, samples.spread(MAX_REFERENCE_ROWS)), q=self.contamination
            )
        return automatic_offset(scored, self.threshold, self.limits)

    def offsets(self, scores: Array, samples: Samples, offset: float) -> Array | float:
        """Return the score below which each sample is an outlier.

        Parameters
        ----------
        scores : ndarray of shape (n_samples,)
        samples : Samples
        offset : float
            What `offset` returned, or what was set in its place.
        """
        if not self.adapts or not isinstance(samples, RowSamples):
            return offset
        memory = self.memory(samples.window_size)
        return adaptive_offsets(scores, samples.lengths, offset, memory)

    @property
    def adapts(self) -> bool:
        """Whether the offset of a row depends on the rows before it."""
        return self.threshold == "adaptive"

    def memory(self, window_size: int) -> int:
        """Return how many rows before a row its offset depends on."""
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
        """Return the policy that `to_plain` was called on, with defaults for what it lacks."""
        limits = {name: plain[name] for name in RobustLimits._fields if name in plain}
        return cls(plain["contamination"], plain["threshold"], RobustLimits(**limits))


def _known(
    scores: Callable[[Samples], Array], samples: Samples, left_out: Any = False
) -> tuple[Array, Array]:
    """Return the scores of samples with something observed around them, and their weights."""
    found, weights = scores(samples), np.where(left_out, 0, weights_of(samples))
    seen = ~np.isnan(found)
    return found[seen], weights[seen]


@dataclass(frozen=True)
class ScoringRule:
    """From residuals to scores, errors of steps, and what each feature adds to them.

    Parameters
    ----------
    error : str
        Name of the error.
    measure : callable
        From residuals (n_windows, n_steps, n_features) to errors of that shape.
    aggregation : str
        Name of the way of aggregating.
    offset_policy : OffsetPolicy
    """

    error: str
    measure: ErrorMeasure
    aggregation: str
    offset_policy: OffsetPolicy = OffsetPolicy()

    @classmethod
    def fit(
        cls,
        error: str,
        aggregation: str,
        offset_policy: OffsetPolicy,
        residuals: Residuals,
        parts: list[Samples],
    ) -> Self:
        """Fit the measure to the residuals that windows of the parts leave, and their weights."""
        blocks: list[Array] = []
        weights: list[Array] = []
        for part in without_bad_readings(parts):
            windows = part.windows.at_most(MAX_REFERENCE_WINDOWS)
            found = list(residuals(windows))
            blocks += found
            ends = np.cumsum([len(block) for block in found])[:-1]
            weights += np.split(_weights_of_steps(part, windows), ends)
        return cls(error, fit_error_measure(error, blocks, weights), aggregation, offset_policy)

    def scores(self, samples: Samples, residuals: Blocks) -> Array:
        """Return the score of each sample: minus its error."""
        whole = self._aggregation.takes_whole(samples)
        errors = (observed.mean(self._measured(block, whole), axis=2) for block in residuals)
        return -self._aggregation(samples, self._rooted(samples, errors))

    def errors_of_windows(self, residuals: Array) -> Array:
        """Return the errors (n, n_steps) of windows of rows, as rows are given them."""
        errors = observed.mean(self._measured(residuals, self._aggregation.whole_window), axis=2)
        return root_shares(errors, self._aggregation.whole_window) if self._takes_root else errors

    def errors_of_steps(self, samples: Samples, residuals: Blocks) -> Any:
        """Return the error of each step or row by itself, laid out as the input."""
        errors = (observed.mean(self.measure(block), axis=2) for block in residuals)
        rooted = map(np.sqrt, errors) if self._takes_root else errors
        return samples.from_steps(rooted, reduction=self._aggregation.of_row)

    def contributions(self, samples: Samples, residuals: Blocks) -> Any:
        """Return what each step and feature adds to the error, laid out as the input."""
        whole = self._aggregation.takes_whole(samples)
        measured = (self._measured(block, whole) for block in residuals)
        shares = self._rooted(samples, measured)
        return samples.without_feature_axis(self._aggregation.lay_out(samples, shares))

    def with_fixed_offset(self) -> Self:
        """Return the rule with an offset that no rows change."""
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
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the rule that `to_plain` was called on."""
        measure = measure_from_plain(plain["measure"])
        policy = OffsetPolicy.from_plain(plain["offset_policy"])
        return cls(plain["error"], measure, plain["aggregation"], policy)

    @property
    def _aggregation(self) -> Aggregation:
        return AGGREGATIONS[self.aggregation]

    @property
    def _takes_root(self) -> bool:
        return self.error in ROOTED

    def _measured(self, residuals: Array, whole: bool) -> Array:
        """Return errors; of whole windows, those of features observed seldom weigh as others."""
        errors = self.measure(residuals)
        return errors if self.error in BALANCED or not whole else errors * balance(residuals)

    def _rooted(self, samples: Samples, blocks: Iterable[Array]) -> Iterable[Array]:
        """Yield blocks of errors so that their means are what the name of the error says."""
        if not self._takes_root:
            return blocks
        per_window = self._aggregation.takes_whole(samples)
        return (root_shares(block, per_window) for block in blocks)


def _weights_of_steps(samples: Samples, windows: Sequences) -> Array:
    """Return the weights (n, n_steps) or (n, 1) of some windows, as `at_most` chose them."""
    weights = weights_of(samples)
    if isinstance(samples, RowSamples):
        rows = Sequences(weights[:, None], windows.starts, windows.lengths)
        return rows.padded(windows.max_length)[:, :, 0]
    return weights[:: -(-len(weights) // MAX_REFERENCE_WINDOWS)][:, None]


BLOCK = 4096
"""Windows that are laid out at a time."""


def explained_variation(windows: Sequences, residuals: Iterable[Array]) -> float:
    """Return the coefficient of determination of reconstructions about the means of windows.

    Parameters
    ----------
    windows : Sequences
    residuals : iterable of ndarray of shape (n_windows_in_block, n_steps, n_features)
        Observed minus reconstructed, of the windows in their order; NaN where nothing was observed.

    Returns
    -------
    float
        One minus the sum of the squared residuals, over that of the differences of each value
        from the mean of its feature in its window. Where all values are such means, 1 if the
        residuals are 0, and 0 if not.
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
