"""The scoring rule of a fitted detector, which later changes of parameters do not affect."""

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
"""Most windows, evenly spread over each part, on which an error measure is fitted."""

MAX_REFERENCE_ROWS = 2**20
"""Most rows, in stretches spread evenly over each part, from which a threshold is computed."""


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
        self, scores: Callable[[Samples], Array], samples: Samples, parts: list[Samples]
    ) -> float:
        """Return the score below which a sample is an outlier; NaN if all scores are.

        Parameters
        ----------
        scores : callable
            Maps samples to scores.
        samples : Samples
            All samples of `fit`.
        parts : list of Samples
            The held-out part, if any, and the training part.
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
        """Whether the default rule applies, which misses some faults to have few false alarms."""
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


def _known(
    scores: Callable[[Samples], Array], samples: Samples, left_out: Any = False
) -> tuple[Array, Array]:
    """Return the scores that are not NaN, and their weights."""
    found, weights = scores(samples), np.where(left_out, 0, weights_of(samples))
    seen = ~np.isnan(found)
    return found[seen], weights[seen]


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
        """Fit the measure to the residuals of windows of the parts, and their weights."""
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
        """Return the errors (n, n_steps) of windows, from which rows get theirs."""
        errors = observed.mean(self._measured(residuals, self._aggregation.whole_window), axis=2)
        return root_shares(errors, self._aggregation.whole_window) if self._takes_root else errors

    def errors_of_steps(self, samples: Samples, residuals: Blocks) -> Any:
        """Return the error of each single step or row, laid out like the input."""
        errors = (observed.mean(self.measure(block), axis=2) for block in residuals)
        rooted = map(np.sqrt, errors) if self._takes_root else errors
        return samples.from_steps(rooted, reduction=self._aggregation.of_row)

    def contributions(self, samples: Samples, residuals: Blocks) -> Any:
        """Return the contribution of each step and feature, laid out like the input."""
        whole = self._aggregation.takes_whole(samples)
        measured = (self._measured(block, whole) for block in residuals)
        shares = self._rooted(samples, measured)
        return samples.without_feature_axis(self._aggregation.lay_out(samples, shares))

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
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the rule from its plain form."""
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
        """Return errors; for whole windows, rarely observed features weigh as much as others."""
        errors = self.measure(residuals)
        return errors if self.error in BALANCED or not whole else errors * balance(residuals)

    def _rooted(self, samples: Samples, blocks: Iterable[Array]) -> Iterable[Array]:
        """Yield blocks of errors whose means are the named error."""
        if not self._takes_root:
            return blocks
        per_window = self._aggregation.takes_whole(samples)
        return (root_shares(block, per_window) for block in blocks)


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
