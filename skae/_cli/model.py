"""The model of the command: scalers and an LSTM autoencoder, learned once, scoring often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from skae._cli.model_file import read_pipeline, write_pipeline
from skae._cli.task import Task
from skae._cli.text import join_names
from skae._input.scaling import Scaling
from skae._scoring.thresholds import (
    MEMORY_IN_WINDOWS,
    OF_SETS,
    AdaptiveOffset,
    robust_offset,
)

__all__ = ["Model", "learn", "load_model", "save_model"]

Floats = NDArray[np.float64]

# Scaled values are cut here, far beyond any anomaly: their squares must fit into float32.
MAX_SCALED = 1e9

# Robust standard deviations from the median, where rows are judged among themselves.
DEVIATIONS_AMONG = 6.0

# Between the name of a series and that of its feature, in a scaler of several series.
BETWEEN = "\x1f"


@dataclass
class Model:
    """A Pipeline of scalers and an :class:`~skae.LSTMAutoencoder` that scores rows.

    Parameters
    ----------
    pipeline : fitted Pipeline
        Its last step is the detector.
    feature_names : list of str
        The features that it was fitted on.
    """

    pipeline: Any
    feature_names: list[str]

    @property
    def detector(self) -> Any:
        """The fitted detector."""
        return self.pipeline[-1]

    @property
    def window(self) -> int:
        """The number of rows that are seen at a time."""
        return int(getattr(self.detector, "window_size_", self.detector.window_size))

    @property
    def threshold(self) -> float:
        """The anomaly score above which a row is an anomaly: the negative of ``offset_``."""
        return -float(self.detector.offset_)

    def limits(self, scores: Floats, task: Task) -> Floats | None:
        """Return the score above which each row is an anomaly, if that follows the series."""
        if getattr(self.detector, "threshold", None) != "adaptive":
            return None
        limits = np.empty_like(scores)
        for rows in task.pieces():
            offset = AdaptiveOffset(-self.threshold, MEMORY_IN_WINDOWS * self.window)
            limits[rows] = -offset.update(-scores[rows])
        return limits

    def scale(self, task: Task) -> Floats:
        """Return the values of a task as the detector takes them."""
        (name, scaler), *_ = self.pipeline.steps
        with np.errstate(over="ignore", invalid="ignore"):
            if name == "series":
                scaled = _scale_series(scaler, task)
            else:
                scaled = task.values * scaler.scale_ + scaler.min_
        return np.clip(scaled, -MAX_SCALED, MAX_SCALED)

    def score(self, task: Task) -> tuple[Floats, Floats]:
        """Score all rows of a task, each series and each piece between gaps by itself.

        Parameters
        ----------
        task : Task
            Its features are those of the model, in that order.

        Returns
        -------
        scores : ndarray of shape (n_rows,), float64
            Anomaly scores, higher = worse: the negative of ``score_samples``.
        errors : ndarray of shape (n_rows, n_features), float64
            What each feature adds to the score, as ``explain`` has it.
        """
        pieces = task.pieces()
        X = as_input(self.scale(task), pieces)
        scores = _in_file_order(self.detector.score_samples(X), pieces)
        return -scores, _in_file_order(self.detector.explain(X), pieces)


def as_input(scaled: Floats, pieces: list[NDArray[np.intp]]) -> Any:
    """Return rows as the estimator takes them: an array, or a list where there are several."""
    return scaled[pieces[0]] if len(pieces) == 1 else [scaled[rows] for rows in pieces]


def make_detector(window: int | str, all_rows: bool, **params: Any) -> Any:
    """Return the estimator that the command fits: here is all that it asks for.

    Parameters
    ----------
    window : int or "auto"
        The rows of a window.
    all_rows : bool
        Whether all rows are learned from. Rows that were chosen for it are taken for normal,
        whatever they look like.
    **params
        What the arguments say.
    """
    from skae import LSTMAutoencoder

    return LSTMAutoencoder(cast(Any, window), drop_discords=all_rows, **params)


def learn(task: Task, *, window: int | str, **params: Any) -> Model:
    """Fit a model to the rows of a task that are to be learned from.

    Parameters
    ----------
    task : Task
        The series.
    window, **params
        Parameters of the estimator.

    Returns
    -------
    model : Model
        The model.

    Raises
    ------
    ValueError
        If the estimator refuses the rows, for example because they are too few.
    """
    from sklearn.pipeline import Pipeline

    all_rows = bool(task.is_training.all())
    steps = [_first_step(task), ("detector", make_detector(window, all_rows, **params))]
    model = Model(Pipeline(steps), list(task.feature_names))
    X = as_input(model.scale(task), task.training_pieces())
    model.detector.fit(X)
    if params.get("contamination", "auto") == "auto":
        _set_threshold(model.detector, X, all_rows)
    return model


def _set_threshold(detector: Any, X: Any, all_rows: bool) -> None:
    """Set the threshold for somebody who looks at a table of events."""
    answers = detector.score_samples(X)
    scores = np.concatenate(answers) if isinstance(answers, list) else answers
    scores = scores[~np.isnan(scores)]
    if all_rows:  # they are judged among themselves
        # Where most windows are alike, the floor of the error would be the threshold.
        detector.offset_ = robust_offset(
            scores, deviations=DEVIATIONS_AMONG, least_ratio=OF_SETS.min_ratio
        )
        return
    most, typical = np.quantile(scores, 0.001), np.median(scores)
    detector.offset_ = float(min(1.25 * most, 2.0 * typical))


def save_model(model: Model, path: Any) -> None:
    """Write the Pipeline of a model to a file that :func:`load_model` reads.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    model.detector.set_params(callbacks=None)
    write_pipeline(model.pipeline, path)


def load_model(path: str) -> Model:
    """Return the model that :func:`save_model` wrote.

    Raises
    ------
    ValueError
        If the file is not one of those.
    OSError
        If the file cannot be opened.
    """
    pipeline = read_pipeline(path)
    steps = getattr(pipeline, "steps", ())
    names = getattr(pipeline[0], "feature_names_in_", None) if len(steps) > 1 else None
    if names is None or getattr(pipeline[-1], "window_size", None) is None:
        raise ValueError(
            f"{path} holds no scaler and detector of rows with the names of their features; "
            "expected what 'skae detect --save' writes"
        )
    # Those of several series stand behind the names of the series.
    return Model(pipeline, list(dict.fromkeys(str(name).rpartition(BETWEEN)[2] for name in names)))


# --- scaling -----------------------------------------------------------------------------


def _first_step(task: Task) -> tuple[str, Any]:
    """Return a scaler that remembers the names of features, and how each series differs.

    The detector scales by itself. Before it, one series keeps its shape: only the range is
    remembered, for drift. Of several, each is brought to one level and spread, or a small one
    would be lost beside a large one.
    """
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    learned = task.values[task.is_training]
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.nanmax(learned, axis=0) - np.nanmin(learned, axis=0)
        if not np.isfinite(spread).all():
            largest = np.nanmax(np.abs(learned))
            raise ValueError(f"the numbers reach {largest:g}, too large to scale")
        ranges = MinMaxScaler().fit(learned)
    if task.series_labels is None:
        ranges.feature_names_in_ = np.array(task.feature_names, dtype=object)
        return "range", ranges
    chosen = [rows[task.is_training[rows]] for rows in task.parts()]
    parts = [rows if len(rows) else whole for rows, whole in zip(chosen, task.parts(), strict=True)]
    scalings = [Scaling.of(task.values[rows], None, robust=True) for rows in parts]
    scaler = StandardScaler()
    labels = [task.series_labels[rows[0]] for rows in parts]
    names = [f"{label}{BETWEEN}{name}" for label in labels for name in task.feature_names]
    scaler.feature_names_in_ = np.array(names, dtype=object)
    scaler.mean_ = np.concatenate([scaling.center for scaling in scalings])
    scaler.scale_ = np.concatenate([scaling.spread for scaling in scalings])
    scaler.var_, scaler.n_features_in_ = scaler.scale_**2, len(names)
    scaler.n_samples_seen_ = int(task.is_training.sum())
    return "series", scaler


def _scale_series(scaler: Any, task: Task) -> Floats:
    """Return values scaled as those of the series of their name."""
    if task.series_labels is None:
        raise ValueError("the model has learned several series; --series names their column")
    places = {str(name): place for place, name in enumerate(scaler.feature_names_in_)}
    scaled = np.empty_like(task.values)
    for rows in task.parts():
        label = task.series_labels[rows[0]]
        chosen = [places.get(f"{label}{BETWEEN}{name}", -1) for name in task.feature_names]
        if -1 in chosen:
            known = join_names(sorted({name.partition(BETWEEN)[0] for name in places}))
            raise ValueError(f"the model has learned no series {label!r}; it knows {known}")
        scaled[rows] = (task.values[rows] - scaler.mean_[chosen]) / scaler.scale_[chosen]
    return scaled


def _in_file_order(answers: Any, pieces: list[NDArray[np.intp]]) -> Floats:
    if len(pieces) == 1:
        return np.asarray(answers, dtype=float)
    stacked = np.concatenate([np.asarray(answer, dtype=float) for answer in answers])
    in_order = np.empty_like(stacked)
    in_order[np.concatenate(pieces)] = stacked
    return in_order
