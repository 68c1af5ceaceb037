"""What a model found: a score for each row, and events of some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skae._cli.model import Model
from skae._cli.task import Task
from skae._scoring.events import find_events

__all__ = ["Detection", "FoundEvent", "detect", "highest_places", "unobserved_runs"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class FoundEvent:
    """A run of anomalous rows of one series.

    Parameters
    ----------
    rows : ndarray of int
        The rows of the file that belong to it, in order; those of other series may lie between.
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
    scores : ndarray of shape (n_rows,), float64
        Anomaly scores, higher = worse; NaN where nothing was observed.
    threshold : float
        A row is an anomaly where its score is larger.
    errors : ndarray of shape (n_rows, n_features), float64
        What each feature adds to the score.
    feature_names : list of str
        The names of the features.
    events : list of FoundEvent
        The anomalous rows joined into events.
    limits : ndarray of shape (n_rows,), float64, optional
        The threshold at each row, if it follows the series.
    window : int, default=1
        The rows that are seen at a time.
    """

    scores: Floats
    threshold: float
    errors: Floats
    feature_names: list[str]
    events: list[FoundEvent]
    limits: Floats | None = None
    window: int = 1

    @property
    def is_anomaly(self) -> NDArray[np.bool_]:
        """Whether the score of each row is above the threshold."""
        return self.scores > (self.threshold if self.limits is None else self.limits)

    def limit_at(self, row: int) -> float:
        """Return the threshold of one row."""
        return self.threshold if self.limits is None else float(self.limits[row])

    @property
    def is_unobserved(self) -> NDArray[np.bool_]:
        """Whether a row has no score, because nothing was observed around it."""
        return np.isnan(self.scores)


def detect(model: Model, task: Task, *, merge_gap: int | None, min_length: int) -> Detection:
    """Score all rows of a task, and join the anomalous ones into events.

    Parameters
    ----------
    model : Model
        The model.
    task : Task
        The series.
    merge_gap : int or None
        Events of one series with at most so many normal rows between them become one. If None,
        half a window.
    min_length : int
        Events of fewer rows are dropped, after joining.

    Returns
    -------
    detection : Detection
        The scores and the events, in the order of the rows where they begin.
    """
    scores, errors = model.score(task)
    gap = model.window // 2 if merge_gap is None else merge_gap
    limits = model.limits(scores, task)
    found = Detection(scores, model.threshold, errors, task.feature_names, [], limits, model.window)
    for rows in task.parts():
        found.events += _events(found, rows, merge_gap=gap, min_length=min_length)
    found.events.sort(key=lambda event: event.start)
    return found


def highest_places(detection: Detection, n_places: int = 3) -> list[int]:
    """Return the rows of the highest scores, no two of them in one window."""
    scores = np.nan_to_num(detection.scores, nan=-np.inf)
    places: list[int] = []
    window = detection.window
    while len(places) < n_places and np.isfinite(scores).any():
        places.append(int(scores.argmax()))
        scores[max(0, places[-1] - window + 1) : places[-1] + window] = -np.inf
    return places


def unobserved_runs(detection: Detection, task: Task) -> list[tuple[int, int]]:
    """Return the first and last row of each run of rows without a score, series by series."""
    runs = []
    for rows in task.parts():
        missing = detection.is_unobserved[rows]
        runs += [(rows[e.start], rows[e.end]) for e in find_events(missing, np.zeros(len(rows)))]
    return sorted((int(start), int(end)) for start, end in runs)


def _events(found: Detection, rows: Rows, *, merge_gap: int, min_length: int) -> list[FoundEvent]:
    severity = np.nan_to_num(found.scores[rows], nan=-np.inf)
    events = find_events(
        found.is_anomaly[rows], severity, min_length=min_length, merge_gap=merge_gap
    )
    return [
        FoundEvent(
            rows[event.start : event.end + 1],
            int(rows[event.peak]),
            _worst_feature(found, rows[event.start : event.end + 1]),
        )
        for event in events
    ]


def _worst_feature(found: Detection, rows: Rows) -> str:
    errors = np.nan_to_num(found.errors[rows]).sum(axis=0)
    return found.feature_names[int(errors.argmax())]
