"""The model of the command: scalers and an LSTM autoencoder, learned once, scoring often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from skae._cli.model_file import read_pipeline, write_pipeline
from skae._cli.task import Task
from skae._scoring.thresholds import OF_ADAPTING_ROWS, AdaptiveOffset, robust_offset

__all__ = ["Model", "learn", "load_model", "save_model"]

Floats = NDArray[np.float64]

# Scaled values are cut here, far beyond any anomaly: their squares must fit into float32.
MAX_SCALED = 1e9

# Robust standard deviations from the median, where rows are judged among themselves.
DEVIATIONS_AMONG = 6.0


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
        after = getattr(self.detector, "adapt_after", None)
        if after is None:
            return None
        limits = np.empty_like(scores)
        for rows in task.parts():
            offset = AdaptiveOffset(-self.threshold, 2 * after * self.window)
            limits[rows] = -offset.update(-scores[rows])
        return limits

    def scale(self, values: Floats) -> Floats:
        """Return values of shape (n_rows, n_features), scaled as those learned from."""
        with np.errstate(over="ignore", invalid="ignore"):
            for _, scaler in self.pipeline.steps[:-1]:
                values = scaler.transform(_named(values, scaler))
        return np.clip(values, -MAX_SCALED, MAX_SCALED)

    def score(self, task: Task) -> tuple[Floats, Floats]:
        """Score all rows of a task, each series by itself.

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
        scaled, parts = self.scale(task.values), task.parts()
        series = [scaled[rows] for rows in parts]
        # A list of one series is a list to the estimator as well, and answered by one.
        X = series if task.series_labels is not None else series[0]
        scores = _in_file_order(self.detector.score_samples(X), parts, task)
        return -scores, _in_file_order(self.detector.explain(X), parts, task)


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
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    from skae import LSTMAutoencoder

    # The first scaler remembers the range of the training rows, the second has the last word.
    scalers = [("range", MinMaxScaler()), ("scale", StandardScaler())]
    _fit_scalers([scaler for _, scaler in scalers], task.values[task.is_training])
    # Rows that were chosen to be learned from are taken for normal, whatever they look like.
    all_rows = bool(task.is_training.all())
    detector = LSTMAutoencoder(cast(Any, window), drop_discords=all_rows, **params)
    model = Model(Pipeline([*scalers, ("detector", detector)]), list(task.feature_names))
    scaled = model.scale(task.values)
    series = [scaled[rows] for rows in task.training_parts()]
    X = series if task.series_labels is not None else series[0]
    detector.fit(X)
    if params.get("contamination", "auto") == "auto":
        rule = _offset_among if all_rows else _offset_beyond
        detector.offset_ = rule(_known(detector.score_samples(X)))
    return model


def _known(scores: Any) -> Floats:
    stacked = np.concatenate(scores) if isinstance(scores, list) else scores
    return stacked[~np.isnan(stacked)]


def _offset_among(scores: Floats) -> float:
    """Return the threshold for rows that were learned from themselves, all of them."""
    return robust_offset(scores, deviations=DEVIATIONS_AMONG)


def _offset_beyond(scores: Floats) -> float:
    """Return the threshold for rows that follow those learned from.

    It is lower than the automatic one, which is to stay quiet for months in other regimes: here
    somebody looks at a table of events.
    """
    limits = OF_ADAPTING_ROWS
    most, typical = np.quantile(scores, 0.001), np.median(scores)
    return float(min(limits.max_ratio * most, limits.min_ratio * typical))


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


def _named(values: Floats, scaler: Any) -> Any:
    names = getattr(scaler, "feature_names_in_", None)
    if names is None:
        return values
    import pandas as pd

    return pd.DataFrame(values, columns=names)


def _fit_scalers(scalers: list[Any], values: Floats) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
        if not np.isfinite(spread).all():
            raise ValueError(f"the numbers reach {np.nanmax(np.abs(values)):g}, too large to scale")
        for scaler in scalers:
            values = scaler.fit_transform(values)


def _in_file_order(answers: Any, parts: list[NDArray[np.intp]], task: Task) -> Floats:
    if task.series_labels is None:
        return np.asarray(answers, dtype=float)
    stacked = np.concatenate([np.asarray(answer, dtype=float) for answer in answers])
    in_order = np.empty_like(stacked)
    in_order[np.concatenate(parts)] = stacked
    return in_order
