"""Results of scoring: scores, events, agreement with labels, and drift."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.model import Model
from skae._cli.series import Series
from skae._scoring.events import find_events, narrow
from skae.metrics import vus_pr

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Both are 0 for the training rows. A file with one phase of a daily wave may have a mean 1.4
# standard deviations from the mean of the wave.
MAX_SHARE_OUTSIDE, MAX_SHIFT = 0.05, 2.0
# A larger share is probably a new normal state, such as another season.
MANY_ANOMALIES = 0.1


@dataclass(frozen=True)
class FoundEvent:
    """A run of anomalous rows of one series.

    Parameters
    ----------
    rows : ndarray of int
        Its rows in the file, in order. Rows of other series may lie between them.
    peak : int
        The row with the highest score.
    feature : str
        The feature with the largest error over these rows.
    """

    rows: Rows
    peak: int
    feature: str

    @property
    def start(self) -> int:
        """The first row."""
        return int(self.rows[0])

    @property
    def end(self) -> int:
        """The last row."""
        return int(self.rows[-1])


@dataclass
class Detection:
    """The outcome of scoring.

    Attributes
    ----------
    series : Series
        The scored rows.
    scores : ndarray of shape (n_rows,), float64
        Anomaly scores, higher = worse; NaN where nothing was observed.
    threshold : float
        Rows with larger scores are anomalies.
    errors : ndarray of shape (n_rows, n_features), float64
        The contribution of each feature to the score.
    limits : ndarray of shape (n_rows,), float64, optional
        The threshold of each row, if it varies.
    events : list of FoundEvent
        The anomalous rows joined into events.
    window : int, default=1
        The length of a window.
    """

    series: Series
    scores: Floats
    threshold: float
    errors: Floats
    limits: Floats | None = None
    events: list[FoundEvent] = field(default_factory=list)
    window: int = 1

    @property
    def limit(self) -> float | Floats:
        """The threshold: one number, or a number for each row."""
        return self.threshold if self.limits is None else self.limits

    @property
    def is_anomaly(self) -> Bools:
        """Whether the score of each row is above the threshold."""
        return self.scores > self.limit

    def highest_places(self, n_places: int = 3) -> list[int]:
        """Return the rows of the highest scores, at least a window apart."""
        scores = np.nan_to_num(self.scores, nan=-np.inf)
        places: list[int] = []
        while len(places) < n_places and np.isfinite(scores).any():
            places.append(int(scores.argmax()))
            scores[max(0, places[-1] - self.window + 1) : places[-1] + self.window] = -np.inf
        return places

    def unobserved_runs(self) -> list[tuple[int, int]]:
        """Return the first and last row of each run of rows without a score."""
        runs = _runs(np.isnan(self.scores), self.series)
        return sorted((int(rows[0]), int(rows[-1])) for rows in runs)


def detect(model: Model, series: Series, *, merge_gap: int | None, min_length: int) -> Detection:
    """Score all rows, and join anomalous rows into events.

    Parameters
    ----------
    model : Model
        The model.
    series : Series
        The series.
    merge_gap : int or None
        Join events of one series with at most this many normal rows between them. If None,
        half a window.
    min_length : int
        Drop events of fewer rows, after joining.

    Returns
    -------
    detection : Detection
        The scores, and the events sorted by their first rows.
    """
    scores, errors, of_rows, limits = model.score(series)
    gap = model.window // 2 if merge_gap is None else merge_gap
    found = Detection(series, scores, model.threshold, errors, limits, window=model.window)
    severity = np.nan_to_num(scores, nan=-np.inf)
    for rows in series.parts():
        flags = narrow(found.is_anomaly[rows], of_rows[rows], model.window)
        for event in find_events(flags, severity[rows], min_length=min_length, merge_gap=gap):
            members = rows[event.start : event.end + 1]
            worst = int(np.nan_to_num(errors[members]).sum(axis=0).argmax())
            name = series.feature_names[worst]
            found.events.append(FoundEvent(members, int(rows[event.peak]), name))
    found.events.sort(key=lambda event: event.start)
    return found


def _runs(marks: Bools, series: Series) -> list[Rows]:
    """Return the rows of each run of marked rows of a series."""
    return [
        rows[run.start : run.end + 1]
        for rows in series.parts()
        for run in find_events(marks[rows], marks[rows].astype(float))
    ]


def measure(found: Detection) -> dict[str, Any]:
    """Compare a detection with labels; rows without a score are ignored.

    Parameters
    ----------
    found : Detection
        The detection of a series with labels.

    Returns
    -------
    measures : dict
        ``precision``, ``recall`` and ``f1`` of rows. ``labelled_events`` and ``found_events``,
        the number of runs of labelled rows, and how many of them overlap an event.
        ``false_events``, the number of events without a labelled row. ``false_rows``, the share
        of the unlabelled rows that lie in events. ``vus_pr``, see :func:`skae.metrics.vus_pr`,
        with one window as the buffer, the mean over the series with labelled rows. ``missed``,
        the first and last rows of the labelled events that were not found. Undefined values,
        such as the recall without anomalies, are NaN.
    """
    from sklearn.metrics import precision_recall_fscore_support

    series, labels = found.series, found.series.labels
    assert labels is not None
    scored, in_event = ~np.isnan(found.scores), np.zeros(len(labels), dtype=bool)
    for event in found.events:
        in_event[event.rows] = True
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels[scored], found.is_anomaly[scored], average="binary", zero_division=np.nan
    )
    known = _runs(labels, series)
    missed = [(int(rows[0]), int(rows[-1])) for rows in known if not in_event[rows].any()]
    parts = [rows[scored[rows]] for rows in series.parts()]
    parts = [rows for rows in parts if labels[rows].any()]
    volumes = [vus_pr(labels[rows], found.scores[rows], found.window) for rows in parts]
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "labelled_events": len(known),
        "found_events": len(known) - len(missed),
        "false_events": sum(not labels[event.rows].any() for event in found.events),
        "false_rows": float(in_event[~labels].mean()) if not labels.all() else np.nan,
        "vus_pr": float(np.mean(volumes)) if volumes else np.nan,
        "missed": missed,
    }


@dataclass(frozen=True)
class Drift:
    """A feature with another range or level than in training.

    Parameters
    ----------
    feature : str
        Its name.
    low, high : float
        Its range in the training rows.
    share_outside : float
        The share of the new values outside this range, from 0 to 1; NaN without values.
    shift : float
        The mean of the new values minus the mean of the training rows, in standard deviations
        of the training rows.
    """

    feature: str
    low: float
    high: float
    share_outside: float
    shift: float

    def __str__(self) -> str:
        if np.isnan(self.shift):
            return f"{self.feature!r} has no values in this file"
        return (
            f"drift: {self.share_outside:.0%} of {self.feature!r} is outside the training range, "
            f"{self.low:.4g} to {self.high:.4g}; its mean is {abs(self.shift):.2g} standard "
            f"deviations {'higher' if self.shift > 0 else 'lower'}"
        )


def find_drift(model: Model, series: Series) -> list[Drift]:
    """Return the features with another range or level than in training.

    Parameters
    ----------
    model : Model
        The model. If its first step stores no ranges, no drift is found.
    series : Series
        The new rows.

    Returns
    -------
    drifts : list of Drift
        The features without values, with more than 5 % of the values outside the training
        range, or with a mean more than two standard deviations from the training mean.
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
    is_usual = [d.share_outside <= MAX_SHARE_OUTSIDE and abs(d.shift) <= MAX_SHIFT for d in drifts]
    return [drift for drift, usual in zip(drifts, is_usual, strict=True) if not usual]


def note_many_anomalies(found: Detection) -> list[str]:
    """Return a note if so many rows are anomalies that the normal state may have changed."""
    share = found.is_anomaly.mean()
    if share <= MANY_ANOMALIES:
        return []
    return [
        f"drift: {share:.0%} of the rows are above the threshold; the normal state may have "
        "changed since training: train on newer rows too, or with --threshold adaptive"
    ]
