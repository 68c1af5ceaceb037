"""How a fitted detector scores: settled by `fit`, whatever becomes of the parameters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skae._scoring.aggregation import AGGREGATIONS, Aggregation
from skae._scoring.errors import (
    ErrorMeasure,
    fit_error_measure,
    measure_from_plain,
    measure_to_plain,
    root_shares,
    squared_error,
)
from skae._scoring.thresholds import automatic_offset, weighted_quantile
from skae._sequences import observed
from skae._sequences.ragged import Sequences
from skae._sequences.samples import Samples

Array = NDArray[np.floating]
Blocks = Iterable[Array]
Residuals = Callable[[Sequences], Blocks]

MAX_REFERENCE_WINDOWS = 2048
"""Windows, spread evenly over each part, that an error measure is fitted on at most."""


@dataclass(frozen=True)
class ScoringRule:
    """From residuals to scores, errors of steps, and what each feature adds to them.

    Parameters
    ----------
    error : str
        Name of the error.
    measure : callable
        From residuals (..., n_features) to errors of that shape.
    aggregation : str
        Name of the way of aggregating.
    """

    error: str
    measure: ErrorMeasure
    aggregation: str

    @classmethod
    def fit(cls, error: str, aggregation: str, residuals: Residuals, parts: list[Samples]) -> Self:
        """Fit the measure to the residuals that windows of the parts leave."""
        blocks = [
            block
            for part in parts
            for block in residuals(part.windows.at_most(MAX_REFERENCE_WINDOWS))
        ]
        reference = np.concatenate([block.reshape(-1, block.shape[-1]) for block in blocks])
        return cls(error, fit_error_measure(error, reference), aggregation)

    def scores(self, samples: Samples, residuals: Blocks) -> Array:
        """Return the score of each sample: minus its error."""
        errors = (observed.mean(self.measure(block), axis=2) for block in residuals)
        return -self._aggregation(samples, self._rooted(samples, errors))

    def errors_of_steps(self, samples: Samples, residuals: Blocks) -> Any:
        """Return the error of each step or row by itself, laid out as the input."""
        errors = (observed.mean(self.measure(block), axis=2) for block in residuals)
        rooted = map(np.sqrt, errors) if self._takes_root else errors
        return samples.from_steps(rooted, reduction=self._aggregation.of_row)

    def contributions(self, samples: Samples, residuals: Blocks) -> Any:
        """Return what each step and feature adds to the error, laid out as the input."""
        shares = self._rooted(samples, (self.measure(block) for block in residuals))
        return samples.without_feature_axis(self._aggregation.lay_out(samples, shares))

    def to_plain(self) -> dict[str, Any]:
        """Return the rule as plain values, exact to the last bit."""
        measure = measure_to_plain(self.measure)
        return {"error": self.error, "measure": measure, "aggregation": self.aggregation}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the rule that `to_plain` was called on."""
        return cls(**{**plain, "measure": measure_from_plain(plain["measure"])})

    @property
    def _aggregation(self) -> Aggregation:
        return AGGREGATIONS[self.aggregation]

    @property
    def _takes_root(self) -> bool:
        return self.error.endswith("rmse")

    def _rooted(self, samples: Samples, blocks: Iterable[Array]) -> Iterable[Array]:
        """Yield blocks of errors so that their means are what the name of the error says."""
        if not self._takes_root:
            return blocks
        per_window = self._aggregation.takes_whole(samples)
        return (root_shares(block, per_window) for block in blocks)


MEAN_SQUARED_ERROR = ScoringRule("mse", squared_error, "window")
"""What `LSTMAutoencoder.score` is measured by, whatever the parameters."""


def fit_offset(
    scores: Callable[[Samples], Array],
    samples: Samples,
    parts: list[Samples],
    *,
    contamination: str | float,
    threshold: str,
    max_ratio: float,
) -> float:
    """Return the score below which a sample is an outlier.

    Parameters
    ----------
    scores : callable
        Scores samples.
    samples : Samples
        All that `fit` was given.
    parts : list of Samples
        What was held out, if anything was, and what was trained on.
    contamination : "auto" or float
        The part of all samples that are outliers; with "auto", `threshold` decides.
    threshold : {"robust", "three_sigma"}
    max_ratio : float
        See `automatic_offset`.
    """
    if not isinstance(contamination, str):
        return weighted_quantile(scores(samples), float(contamination), samples.weights)
    scored = [(scores(part), part.counts) for part in parts]
    return automatic_offset(scored, threshold, max_ratio)
