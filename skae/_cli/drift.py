"""Features of new rows that have left what a model learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skae._cli.detection import Detection
from skae._cli.model import Model
from skae._cli.series import Series

__all__ = ["Drift", "find_drift", "note_many_anomalies"]

# The training rows themselves have none outside, and their mean lies 0 deviations from itself;
# the mean of a file that is one phase of a daily wave may lie 1.4 from that of the wave.
MAX_SHARE_OUTSIDE, MAX_SHIFT = 0.05, 2.0
# More of the rows are hardly anomalies, but another season.
MANY_ANOMALIES = 0.1


@dataclass(frozen=True)
class Drift:
    """A feature that has left what was learned from.

    Parameters
    ----------
    feature : str
        Its name.
    low, high : float
        Its range in the training rows.
    share_outside : float
        The share of the new values that lie outside, from 0 to 1; NaN without any value.
    shift : float
        The mean of the new values less that of the training rows, in standard deviations of
        the training rows.
    """

    feature: str
    low: float
    high: float
    share_outside: float
    shift: float

    @property
    def is_notable(self) -> bool:
        """Whether range or level were left, or nothing is known of them."""
        return not (self.share_outside <= MAX_SHARE_OUTSIDE and abs(self.shift) <= MAX_SHIFT)

    def __str__(self) -> str:
        if np.isnan(self.shift):
            return f"{self.feature!r} holds no value in this file"
        return (
            f"drift: {self.share_outside:.0%} of {self.feature!r} lie outside the {self.low:.4g} "
            f"to {self.high:.4g} of training, its mean {abs(self.shift):.2g} standard deviations "
            f"{'above' if self.shift > 0 else 'below'}"
        )


def find_drift(model: Model, series: Series) -> list[Drift]:
    """Return the features whose range or level has left that of the training rows.

    Parameters
    ----------
    model : Model
        The model; without a first scaler that remembers ranges, nothing is known of drift.
    series : Series
        The new rows.

    Returns
    -------
    drifts : list of Drift
        The features of which more than 5 % lie outside the range of training, or whose mean
        lies more than two standard deviations from that of training, or that hold no value.
    """
    ranges = model.pipeline[0]
    if not hasattr(ranges, "data_min_"):
        return []
    scaled = (model.scale(series) - model.detector.center_) / model.detector.spread_
    drifts = []
    for i, name in enumerate(model.feature_names):
        low, high = float(ranges.data_min_[i]), float(ranges.data_max_[i])
        given = ~np.isnan(series.values[:, i])
        values = series.values[given, i]
        outside = np.mean((values < low) | (values > high)) if len(values) else np.nan
        shift = scaled[given, i].mean() if len(values) else np.nan
        drifts.append(Drift(name, low, high, float(outside), float(shift)))
    return [drift for drift in drifts if drift.is_notable]


def note_many_anomalies(found: Detection) -> list[str]:
    """Return a note where so many rows are anomalies that what is normal may have changed."""
    share = found.is_anomaly.mean()
    if share <= MANY_ANOMALIES:
        return []
    return [
        f"drift: {share:.0%} of the rows are above the threshold; what is normal may have changed "
        "since the rows learned from: learn newer ones too, or use --threshold adaptive"
    ]
