"""The job of ``skae detect``: load a series, learn its beginning, score all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skae._command.series import Series, find_name, parse_index, read_series
from skae._scoring.events import Event, find_events

if TYPE_CHECKING:
    from skae.datasets import Fault

__all__ = ["Detection", "Task", "choose_training", "detect", "load_task"]

Floats = NDArray[np.float64]

# Scaled values are cut here, far beyond any anomaly: their squares must fit into float32.
MAX_SCALED = 1e9


@dataclass
class Task(Series):
    """A series to score, how many of its rows to learn from, and the faults known in it."""

    train_rows: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass
class Detection:
    """The outcome of scoring one series.

    Attributes
    ----------
    scores : ndarray of shape (n_rows,), float64
        Anomaly scores, higher = worse: the negative of ``score_samples``.
    threshold : float
        A row is an anomaly where its score is larger: the negative of ``offset_``.
    errors : ndarray of shape (n_rows, n_features), float64
        How badly each feature of each row is reconstructed, 1 = as in the training rows.
    feature_names : list of str
        The names of the features.
    events : list of Event
        The anomalous rows joined into events.
    """

    scores: Floats
    threshold: float
    errors: Floats
    feature_names: list[str]
    events: list[Event]

    def worst_feature(self, start: int, end: int) -> str:
        """Return the feature with the largest error in the rows `start` to `end`, inclusive."""
        errors = np.nan_to_num(self.errors[start : end + 1])
        return self.feature_names[int(errors.sum(axis=0).argmax())]


def load_task(file: str | None, index: str | None, columns: Sequence[str] | None) -> Task:
    """Load the series of a file, or the demo series, without its constant columns.

    Parameters
    ----------
    file : str or None
        A CSV file. If None, the demo series is taken, which has known faults.
    index, columns
        See :func:`skae._command.series.read_series`.

    Returns
    -------
    task : Task
        The series; `train_rows` are its fault-free rows, or all.

    Raises
    ------
    ValueError
        If the file cannot be read, or no column of it ever changes.
    OSError
        If the file cannot be opened.
    """
    if file is None:
        task = _demo_task(index, columns)
    else:
        series = read_series(file, index=index, columns=columns)
        task = Task(**vars(series), train_rows=len(series.values))
    _drop_constants(task)
    return task


def choose_training(task: Task, rows: int | None, until: str | None, window: int) -> None:
    """Set `train_rows` of a task to a number of rows, or to the rows up to an index value.

    Raises
    ------
    ValueError
        If these are more rows than there are, too few for the window, or hold no value of
        some column.
    """
    if until is not None:
        rows = _count_until(until, task)
    if rows is not None:
        task.train_rows = rows
    if task.train_rows > len(task.values):
        raise ValueError(f"--train-rows {rows} is more than the {len(task.values)} rows there are")
    _check_training(task, window)


def detect(
    task: Task,
    *,
    window: int,
    contamination: str | float,
    epochs: int | str,
    seed: int,
    merge_gap: int,
    min_length: int,
    callbacks: list[Any] | None,
) -> Detection:
    """Fit an :class:`~skae.LSTMAutoencoder` on the rows to learn from and score all rows.

    Parameters
    ----------
    task : Task
        The series.
    window, contamination, epochs, seed, callbacks
        Parameters of the estimator.
    merge_gap, min_length
        Parameters of :func:`skae._scoring.events.find_events`.

    Returns
    -------
    detection : Detection
        The scores and the events.

    Raises
    ------
    ValueError
        If the estimator refuses the rows, for example because they are too few.
    """
    from skae import LSTMAutoencoder

    rows = _scale(task.values, task.train_rows)
    estimator = LSTMAutoencoder(
        window,
        contamination=contamination,
        epochs=epochs,
        random_state=seed,
        callbacks=callbacks,
    ).fit(rows[: task.train_rows])
    scores = -np.asarray(estimator.score_samples(rows), dtype=float)
    threshold = -float(estimator.offset_)
    events = find_events(scores > threshold, scores, min_length=min_length, merge_gap=merge_gap)
    errors = _relative_errors(np.asarray(estimator.explain(rows), dtype=float), task.train_rows)
    return Detection(scores, threshold, errors, task.feature_names, events)


def _demo_task(index: str | None, columns: Sequence[str] | None) -> Task:
    from skae.datasets import load_machine

    if index is not None:
        raise ValueError("--index needs a FILE; the demo series has its own index")
    machine = load_machine()
    names = list(columns or machine.feature_names)
    chosen = [find_name(machine.feature_names, name) for name in names]
    return Task(
        values=machine.data[:, chosen],
        feature_names=names,
        index=machine.timestamps,
        index_name="time",
        index_labels=[str(time).replace("T", " ") for time in machine.timestamps],
        notes=["no FILE given: taking the demo series, a machine with labelled faults"],
        train_rows=machine.train_rows,
        faults=machine.events,
    )


def _drop_constants(task: Task) -> None:
    varying = np.nanmin(task.values, axis=0) < np.nanmax(task.values, axis=0)
    names = np.array(task.feature_names, dtype=object)
    constant = ", ".join(names[~varying])
    if not varying.any():
        raise ValueError(f"nothing ever changes in {constant}; there is no pattern to learn")
    if constant:
        task.notes.append(f"left out columns that never change: {constant}")
        task.values, task.feature_names = task.values[:, varying], list(names[varying])


def _check_training(task: Task, window: int) -> None:
    if task.train_rows < window:
        raise ValueError(
            f"{task.train_rows} rows to learn from are fewer than --window {window}; "
            "take a shorter window or more rows"
        )
    unseen = np.isnan(task.values[: task.train_rows]).all(axis=0)
    if unseen.any():
        name = task.feature_names[int(unseen.argmax())]
        raise ValueError(f"column {name!r} holds no value in the rows to learn from")


def _count_until(text: str, task: Task) -> int:
    try:
        last = parse_index(text, task.index)
    except ValueError as error:
        raise ValueError(f"--train-until {error}, as those of {task.index_name!r} are") from error
    later = np.flatnonzero(task.index > last)
    if len(later) and later[0] == 0:
        raise ValueError(f"--train-until {text} is before the first row, {task.index_labels[0]}")
    return int(later[0]) if len(later) else len(task.index)


def _scale(values: Floats, train_rows: int) -> Floats:
    from sklearn.preprocessing import StandardScaler

    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler().fit(values[:train_rows])
        if not np.isfinite(scaler.var_).all():
            raise ValueError(f"the numbers reach {np.nanmax(np.abs(values)):g}, too large to scale")
        return np.clip(scaler.transform(values), -MAX_SCALED, MAX_SCALED)


def _relative_errors(errors: Floats, train_rows: int) -> Floats:
    # A noisy feature is always reconstructed badly: only a more than usual error is to blame.
    usual = np.nanmean(errors[:train_rows], axis=0)
    return errors / np.maximum(usual, np.finfo(np.float32).tiny)
