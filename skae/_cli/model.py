"""The model of the command: a scaler and an LSTM autoencoder in one Pipeline."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from skae._cli.series import Series
from skae._cli.table import join_names
from skae._input.scaling import Scaling

Floats = NDArray[np.float64]

BEGINNING = b"skae model "
# Scaled values are clipped here, far beyond any anomaly, so that squares fit into float32.
MAX_SCALED = 1e9


@dataclass(frozen=True)
class Model:
    """A Pipeline of a scaler and an :class:`~skae.LSTMAutoencoder` that scores rows.

    Parameters
    ----------
    pipeline : Pipeline
        Its last step is the detector.
    feature_names : list of str
        The features it was fitted on.
    """

    pipeline: Any
    feature_names: list[str]

    @property
    def detector(self) -> Any:
        """The detector."""
        return self.pipeline[-1]

    @property
    def window(self) -> int:
        """The length of a window in rows."""
        return int(self.detector.window_size_)

    @property
    def threshold(self) -> float:
        """The anomaly score above which a row is an anomaly: the negative of ``offset_``."""
        return -float(self.detector.offset_)

    def scale(self, series: Series) -> Floats:
        """Return scaled values, the input of the detector."""
        (name, scaler), *_ = self.pipeline.steps
        with np.errstate(over="ignore", invalid="ignore"):
            if name == "series":
                scaled = _scale_each(dict(scaler.transformer_list), series)
            else:
                scaled = series.values * scaler.scale_ + scaler.min_
        return np.asarray(np.clip(scaled, -MAX_SCALED, MAX_SCALED))

    def score(self, series: Series) -> tuple[Floats, Floats, Floats, Floats | None]:
        """Score all rows, each series and each part between gaps separately.

        Parameters
        ----------
        series : Series
            The series, with the features of the model in the same order.

        Returns
        -------
        scores : ndarray of shape (n_rows,), float64
            Anomaly scores, higher = worse: the negative of ``score_samples``.
        errors : ndarray of shape (n_rows, n_features), float64
            The contribution of each feature to the score, from ``explain``.
        errors_of_rows : ndarray of shape (n_rows,), float64
            The error of each single row, from ``score_timesteps``.
        limits : ndarray of shape (n_rows,), float64, or None
            The threshold of each row, if it varies.
        """
        pieces, detector = series.pieces(), self.detector
        X = as_input(self.scale(series), pieces)
        scores = _in_file_order(detector.score_samples(X), pieces)
        errors = _in_file_order(detector.explain(X), pieces)
        of_rows = _in_file_order(detector.score_timesteps(X), pieces)
        if detector.threshold != "adaptive":
            return -scores, errors, of_rows, None
        limits = _in_file_order(detector.decision_function(X), pieces) - scores
        return -scores, errors, of_rows, limits


def as_input(scaled: Floats, pieces: list[NDArray[np.intp]]) -> Any:
    """Return rows as an array, or as a list of arrays if there are several pieces."""
    return scaled[pieces[0]] if len(pieces) == 1 else [scaled[rows] for rows in pieces]


def learn(
    series: Series,
    *,
    window: int | str,
    contamination: str | float = "auto",
    threshold: str | float | None = None,
    **params: Any,
) -> Model:
    """Fit a model to the training rows.

    Parameters
    ----------
    series : Series
        The series.
    window, contamination, **params
        Parameters of the estimator.
    threshold : str or float, optional
        The same. By default "sensitive", because someone looks at each event.

    Raises
    ------
    ValueError
        If the estimator rejects the rows, for example because they are too few.
    """
    from sklearn.pipeline import Pipeline

    from skae import LSTMAutoencoder

    first = _first_step(series)
    # Training rows that the user chose count as normal.
    all_rows = bool(series.is_training.all())
    detector = LSTMAutoencoder(
        cast(Any, window),
        drop_discords=all_rows,
        contamination=cast(Any, contamination),
        threshold=cast(Any, threshold or ("sensitive" if contamination == "auto" else "robust")),
        **params,
    )
    pipeline = Pipeline([first, ("detector", detector)])
    model = Model(pipeline, list(series.feature_names))
    detector.fit(as_input(model.scale(series), series.training_pieces()))
    return model


def pack_model(model: Model) -> bytes:
    """Return a model as the bytes of a file for :func:`load_model`."""
    from skae import save

    model.detector.set_params(callbacks=None)
    with tempfile.TemporaryDirectory() as folder:
        save(model.pipeline, Path(folder, "model"))
        return Path(folder, "model").read_bytes()


def load_model(path: str) -> Model:
    """Load a model from a file of ``skae detect --save``.

    Raises
    ------
    ValueError
        If the file is not such a file.
    OSError
        If the file cannot be opened.
    """
    from sklearn.pipeline import Pipeline

    from skae import load

    check_model_file(path)
    try:
        pipeline = load(path)
    except ValueError as error:
        if "upgrade to read it" in str(error):
            raise ValueError(f"{path} was written by a newer skae; upgrade to read it") from error
        raise _damaged(path) from error
    if not isinstance(pipeline, Pipeline):
        raise _damaged(path)
    names = getattr(pipeline[0], "feature_names_in_", None) if len(pipeline) > 1 else None
    if names is None or getattr(pipeline[-1], "window_size", None) is None:
        raise ValueError(
            f"{path} has no scaler with feature names and detector of rows; "
            "expected a model from 'skae detect --save'"
        )
    return Model(pipeline, [str(name) for name in names])


def check_model_file(path: str) -> None:
    """Raise ValueError if a file does not begin like a model, OSError if it cannot be opened."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{path} is not a regular file")
    with open(path, "rb") as file:
        if file.read(len(BEGINNING)) != BEGINNING:
            raise _damaged(path)


def _damaged(path: str) -> ValueError:
    return ValueError(
        f"{path} is not a model, or damaged; expected a file from 'skae detect --save'"
    )


def _first_step(series: Series) -> tuple[str, Any]:
    """Return a scaler with feature names, and with ranges or the scale of each series.

    The detector scales its input itself. For one series, this scaler only adds the ranges, to
    find drift. Several series are scaled separately, as the detector would scale each alone.
    Otherwise a small series would be lost beside a large one.
    """
    from sklearn.pipeline import FeatureUnion
    from sklearn.preprocessing import MinMaxScaler

    learned = series.values[series.is_training]
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(np.nanmax(learned, axis=0) - np.nanmin(learned, axis=0)).all():
            largest = np.nanmax(np.abs(learned))
            raise ValueError(f"the numbers reach {largest:g}, too large to scale")
        ranges = MinMaxScaler().fit(learned)
    if series.series_labels is None:
        ranges.feature_names_in_ = np.array(series.feature_names, dtype=object)
        return "range", ranges
    scalers = []
    for rows in series.parts():
        chosen = rows[series.is_training[rows]]
        chosen = chosen if len(chosen) else rows
        scalers.append((series.series_labels[rows[0]], _scaler_of(series, chosen)))
    return "series", FeatureUnion(scalers)


def _scaler_of(series: Series, rows: NDArray[np.intp]) -> Any:
    """Return a scaler with the mean and deviation that the detector would use for these rows."""
    from sklearn.preprocessing import StandardScaler

    scaling, scaler = Scaling.of(series.values[rows], None, robust=True), StandardScaler()
    scaler.feature_names_in_ = np.array(series.feature_names, dtype=object)
    scaler.mean_, scaler.scale_, scaler.var_ = scaling.center, scaling.spread, scaling.spread**2
    scaler.n_features_in_, scaler.n_samples_seen_ = len(series.feature_names), len(rows)
    return scaler


def _scale_each(scalers: dict[str, Any], series: Series) -> Floats:
    """Return values scaled by the series of the same name in training."""
    if series.series_labels is None:
        advice = "set --series to the column that names them"
        raise ValueError(f"the model was trained on several series; {advice}")
    scaled = np.empty_like(series.values)
    for rows in series.parts():
        label = series.series_labels[rows[0]]
        if label not in scalers:
            known = join_names(sorted(scalers))
            raise ValueError(f"the model was not trained on series {label!r}, only on {known}")
        scaled[rows] = (series.values[rows] - scalers[label].mean_) / scalers[label].scale_
    return scaled


def _in_file_order(answers: Any, pieces: list[NDArray[np.intp]]) -> Floats:
    if len(pieces) == 1:
        return np.asarray(answers, dtype=float)
    stacked = np.concatenate([np.asarray(answer, dtype=float) for answer in answers])
    in_order = np.empty_like(stacked)
    in_order[np.concatenate(pieces)] = stacked
    return in_order
