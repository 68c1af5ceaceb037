"""How well a detection agrees with labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skae._cli.detection import Detection
from skae._cli.task import Task
from skae._scoring.events import Event, find_events
from skae._scoring.vus import vus_pr

__all__ = ["Measures", "measure"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Measures:
    """Agreement with labels; NaN is what is not defined, such as recall without anomalies.

    Parameters
    ----------
    precision, recall, f1 : float
        Of single rows, from 0 to 1.
    labelled_events, found_events : int
        How many runs of labelled rows there are, and in how many a row is an anomaly.
    false_events : int
        How many detected events touch no labelled row.
    vus_pr : float
        See :func:`skae.metrics.vus_pr`, with one window as the buffer; the mean over the
        series that have labelled rows.
    missed : list of (int, int)
        First and last rows of the labelled events that were not found.
    """

    precision: float
    recall: float
    f1: float
    labelled_events: int
    found_events: int
    false_events: int
    vus_pr: float
    missed: list[tuple[int, int]]


def measure(detection: Detection, task: Task, window: int) -> Measures:
    """Compare a detection with the labels of its task; rows without a score are left out.

    Parameters
    ----------
    detection : Detection
        The detection.
    task : Task
        The series; `labels` is given.
    window : int
        The widest buffer of VUS-PR.

    Returns
    -------
    measures : Measures
        The measures.
    """
    assert task.labels is not None
    labels, flagged = task.labels, detection.is_anomaly
    scored = ~detection.is_unobserved
    hits = int((labels & flagged).sum())
    precision = _ratio(hits, int(flagged.sum()))
    recall = _ratio(hits, int((labels & scored).sum()))
    runs = [(rows, run) for rows in task.parts() for run in _runs(labels[rows])]
    missed = [_span(rows, run) for rows, run in runs if not flagged[_rows_of(rows, run)].any()]
    return Measures(
        precision=precision,
        recall=recall,
        f1=_ratio(2 * hits, int(flagged.sum()) + int((labels & scored).sum())),
        labelled_events=len(runs),
        found_events=len(runs) - len(missed),
        false_events=sum(not labels[event.rows].any() for event in detection.events),
        vus_pr=_mean_vus(detection, task, window),
        missed=missed,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan


def _runs(labels: Bools) -> list[Event]:
    return find_events(labels, labels.astype(float))


def _rows_of(rows: NDArray[np.intp], run: Event) -> NDArray[np.intp]:
    return rows[run.start : run.end + 1]


def _span(rows: NDArray[np.intp], run: Event) -> tuple[int, int]:
    return int(rows[run.start]), int(rows[run.end])


def _mean_vus(detection: Detection, task: Task, window: int) -> float:
    assert task.labels is not None
    scored = [rows[~detection.is_unobserved[rows]] for rows in task.parts()]
    volumes = [
        vus_pr(task.labels[rows], detection.scores[rows], window)
        for rows in scored
        if task.labels[rows].any()
    ]
    return float(np.mean(volumes)) if volumes else np.nan
