"""The model of the command: scalers and an LSTM autoencoder, learned once, scoring often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from skae._cli.model_file import read_pipeline, write_pipeline
from skae._cli.task import Task
from skae._cli.text import join_names
from skae._scoring.thresholds import MEMORY_IN_WINDOWS, AdaptiveOffset, robust_offset

__all__ = ["Model", "learn", "load_model", "save_model"]

Floats = NDArray[np.float64]

# Scaled values are cut here, far beyond any anomaly: their squares must fit into float32.
MAX_SCALED = 1e9

# Robust standard deviations from the median, where rows are judged among themselves.
DEVIATIONS_AMONG = 6.0

# Ratio to the median that the threshold has at least there, however alike errors are.
LEAST_RATIO_AMONG = 1.75

# Between the name of a series and that of its feature, in a scaler of several series.
BETWEEN = "\x1f"
TINY_SPREAD = 1e-12


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
        """Return the values of a task, scaled as those learned from."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = task.values
            for _, scaler in self.pipeline.steps[:-1]:
                values = _scale_by(scaler, values, task)
        return np.clip(values, -MAX_SCALED, MAX_SCALED)

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
    detector = make_detector(window, all_rows, **params)
    scalers = _fit_scalers(task)
    model = Model(Pipeline([*scalers, ("detector", detector)]), list(task.feature_names))
    X = as_input(model.scale(task), task.training_pieces())
    detector.fit(X)
    if params.get("contamination", "auto") == "auto":
        _set_threshold(detector, X, all_rows)
    return model


def _set_threshold(detector: Any, X: Any, all_rows: bool) -> None:
    """Set the threshold for somebody who looks at a table of events."""
    answers = detector.score_samples(X)
    scores = np.concatenate(answers) if isinstance(answers, list) else answers
    scores = scores[~np.isnan(scores)]
    if all_rows:  # they are judged among themselves
        detector.offset_ = robust_offset(
            scores, deviations=DEVIATIONS_AMONG, least_ratio=LEAST_RATIO_AMONG
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
    # Where scikit-learn would have put them, had a frame been handed over: the demo has none.
    names = np.array(model.feature_names, dtype=object)
    model.pipeline[0].feature_names_in_ = names
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
    return Model(pipeline, [str(name) for name in names])


# --- scaling -----------------------------------------------------------------------------


def _fit_scalers(task: Task) -> list[tuple[str, Any]]:
    """Return a scaler that remembers ranges, and one with the last word, of each series."""
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    values = task.values[task.is_training]
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
        if not np.isfinite(spread).all():
            raise ValueError(f"the numbers reach {np.nanmax(np.abs(values)):g}, too large to scale")
        ranges = MinMaxScaler().fit(values)
        scaled = ranges.transform(task.values)
        if task.series_labels is None:
            return [("range", ranges), ("scale", StandardScaler().fit(scaled[task.is_training]))]
        scale = StandardScaler()
        _remember_series(scale, scaled, task)
    return [("range", ranges), ("scale", scale)]


def _remember_series(scale: Any, scaled: Floats, task: Task) -> None:
    """Let a scaler hold the means and deviations of each feature of each series."""
    labels, means, scales = task.series_labels or [], [], []
    for rows in task.parts():
        learned = rows[task.is_training[rows]]
        chosen = scaled[learned if len(learned) else rows]
        means.append(np.nan_to_num(np.nanmean(chosen, axis=0)))
        spread = np.nan_to_num(np.nanstd(chosen, axis=0))
        scales.append(np.where(spread > TINY_SPREAD, spread, 1.0))
    names = [
        f"{labels[rows[0]]}{BETWEEN}{name}" for rows in task.parts() for name in task.feature_names
    ]
    scale.feature_names_in_ = np.array(names, dtype=object)
    scale.mean_, scale.scale_ = np.concatenate(means), np.concatenate(scales)
    scale.var_, scale.n_features_in_ = scale.scale_**2, len(names)
    scale.n_samples_seen_ = int(task.is_training.sum())


def _scale_by(scaler: Any, values: Floats, task: Task) -> Floats:
    names = getattr(scaler, "feature_names_in_", None)
    if names is None or len(names) == values.shape[1] and BETWEEN not in str(names[0]):
        return np.asarray(scaler.transform(_named(values, scaler)))
    places = {name: i for i, name in enumerate(names)}
    scaled = np.empty_like(values)
    if task.series_labels is None:
        raise ValueError("the model has learned several series; --series names their column")
    labels = task.series_labels
    for rows in task.parts():
        keys = [f"{labels[rows[0]]}{BETWEEN}{name}" for name in task.feature_names]
        chosen = [places[key] for key in keys if key in places]
        if len(chosen) < len(keys):
            raise ValueError(
                f"the model has learned no series {labels[rows[0]]!r}; "
                f"it knows {join_names(sorted({str(name).partition(BETWEEN)[0] for name in names}))}"
            )
        scaled[rows] = (values[rows] - scaler.mean_[chosen]) / scaler.scale_[chosen]
    return scaled


def _named(values: Floats, scaler: Any) -> Any:
    names = getattr(scaler, "feature_names_in_", None)
    if names is None:
        return values
    import pandas as pd

    return pd.DataFrame(values, columns=names)


def _in_file_order(answers: Any, pieces: list[NDArray[np.intp]]) -> Floats:
    if len(pieces) == 1:
        return np.asarray(answers, dtype=float)
    stacked = np.concatenate([np.asarray(answer, dtype=float) for answer in answers])
    in_order = np.empty_like(stacked)
    in_order[np.concatenate(pieces)] = stacked
    return in_order
