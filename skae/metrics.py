"""Scorers for searches with labels, whatever the labels look like.

scikit-learn's outlier detectors answer -1 for an outlier, while most labelled series mark an
anomaly by 1. A scorer of scikit-learn cannot see that: ``scoring="roc_auc"`` then ranks upside down
(0.26 for 0.74) and ``scoring="f1"`` fails. The scorers here take labels in {0, 1} and bool (1 is an
outlier) and in {-1, +1} (-1 is an outlier), and refuse others::

    GridSearchCV(detector, grid, scoring=skae.metrics.get_scorer("roc_auc"))
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from skae._input.typing import SeriesLike
from skae._scoring.labels import are_outliers
from skae._scoring.vus import vus_pr

__all__ = [
    "get_scorer",
    "is_outlier",
    "make_scorer",
    "vus_pr",
]

Scorer = Callable[[Any, Any, Any], float]


def is_outlier(y: SeriesLike) -> NDArray[np.bool_]:
    """Return labels as booleans: True for an outlier.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or list of such
        Labels in {0, 1} or bool, where 1 is an outlier, or in {-1, +1}, where -1 is one. The
        lists of several series are joined.

    Returns
    -------
    ndarray of shape (n_samples,), bool

    Raises
    ------
    ValueError
        If other labels occur, or only 1, which could mean either, or if y is not of one
        dimension.

    Examples
    --------
    >>> from skae.metrics import is_outlier
    >>> is_outlier([0, 0, 1])
    array([False, False,  True])
    >>> is_outlier([1, 1, -1])
    array([False, False,  True])
    """
    labels = _joined(y)
    if labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"Got y with shape {labels.shape}, but expected one label a sample, (n_samples,)."
        )
    return are_outliers(labels, "y")


def make_scorer(
    metric: Callable[..., float],
    *,
    response_method: Literal["score_samples", "predict"] = "score_samples",
    **options: Any,
) -> Scorer:
    """Return a scorer for any metric of scikit-learn, to be given as ``scoring``.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_score, **options)`` of booleans, True for an outlier, and outlier
        scores, higher for outliers; or, of "predict", predicted booleans.
    response_method : {"score_samples", "predict"}, default="score_samples"
        Which answer of the estimator is measured.
    **options
        Passed to `metric`.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``, a float, which can be pickled. Labels are as in `is_outlier`;
        NaN, with an `UndefinedMetricWarning`, if they are of one class.

    Raises
    ------
    ValueError
        If `response_method` is another.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.metrics import fbeta_score
    >>> from skae.metrics import make_scorer
    >>> X = np.r_[np.random.RandomState(0).normal(size=(99, 2)), [[9.0, 9.0]]]
    >>> y = np.r_[np.zeros(99), 1]
    >>> detector = IsolationForest(contamination=0.01, random_state=0).fit(X)
    >>> make_scorer(fbeta_score, response_method="predict", beta=0.5)(detector, X, y)
    1.0
    """
    if response_method not in _RESPONSES:
        raise ValueError(
            f"Got response_method={response_method!r}, but expected one of {sorted(_RESPONSES)}."
        )
    return partial(_RESPONSES[response_method], metric, options)


def get_scorer(name: str) -> Scorer:
    """Return the scikit-learn scorer of that name, adapted to labels of outliers.

    Parameters
    ----------
    name : {"average_precision", "roc_auc", "f1", "precision", "recall", "balanced_accuracy", \
            "matthews_corrcoef"}
        Where nothing is predicted, precision is 0.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``, a float; see `make_scorer`.

    Raises
    ------
    ValueError
        If there is no scorer of that name.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import IsolationForest
    >>> from skae.metrics import get_scorer
    >>> X = np.r_[np.random.RandomState(0).normal(size=(99, 2)), [[9.0, 9.0]]]
    >>> y = np.r_[np.zeros(99), 1]
    >>> get_scorer("average_precision")(IsolationForest(random_state=0).fit(X), X, y)
    1.0

    >>> from sklearn.model_selection import GridSearchCV
    >>> from skae import LSTMAutoencoder, metrics
    >>> grid = {"aggregation": ["window", "max"]}
    >>> scoring = {name: metrics.get_scorer(name) for name in ("roc_auc", "f1")}
    >>> search = GridSearchCV(LSTMAutoencoder(20), grid, scoring=scoring, refit="roc_auc")
    """
    if name not in _SCORERS:
        raise ValueError(f"Got name={name!r}, but expected one of {sorted(_SCORERS)}.")
    return _SCORERS[name]


def _score_ranks(
    metric: Callable[..., float], options: dict[str, Any], estimator: Any, X: Any, y: Any
) -> float:
    if _is_of_one_class(y):
        return _undefined(metric, y)
    scores = -_joined(estimator.score_samples(X))
    return float(metric(is_outlier(y), scores, **options))


def _score_labels(
    metric: Callable[..., float], options: dict[str, Any], estimator: Any, X: Any, y: Any
) -> float:
    if _is_of_one_class(y):
        return _undefined(metric, y)
    predicted = _joined(estimator.predict(X)) == -1
    return float(metric(is_outlier(y), predicted, **options))


def _is_of_one_class(y: Any) -> bool:
    """Tell whether labels are all the same, whatever that one means."""
    labels = _joined(y)
    found = np.unique(labels)
    return labels.ndim == 1 and len(found) == 1 and bool(found[0] in (-1, 0, 1))


def _undefined(metric: Callable[..., float], y: Any) -> float:
    """Return NaN with the warning of scikit-learn, so that a search names such a fold."""
    warnings.warn(
        f"Got y with {len(_joined(y))} labels of one class, but {_name_of(metric)} is defined for "
        "both only: the score is NaN. Cut folds so that each holds outliers.",
        UndefinedMetricWarning,
        stacklevel=4,
    )
    return float("nan")


def _name_of(metric: Callable[..., float]) -> str:
    return str(getattr(metric, "__name__", repr(metric)))


def outliers_of_either_class(y: SeriesLike) -> NDArray[np.bool_]:
    """Return labels as `is_outlier` does, but refuse those that are all the same."""
    outlier = is_outlier(y)
    if outlier.all() or not outlier.any():
        raise ValueError(
            f"Got y with {int(outlier.sum())} outliers of {len(outlier)} samples, but expected "
            "some of either class: without them the score is not defined."
        )
    return outlier


def _joined(values: Any) -> NDArray[Any]:
    if isinstance(values, list | tuple) and len(values) and np.ndim(values[0]) == 1:
        return np.concatenate(values)
    return np.asarray(values)


_RESPONSES: dict[str, Callable[..., float]] = {
    "predict": _score_labels,
    "score_samples": _score_ranks,
}
_SCORERS: dict[str, Scorer] = {
    "average_precision": make_scorer(average_precision_score),
    "roc_auc": make_scorer(roc_auc_score),
    "f1": make_scorer(f1_score, response_method="predict"),
    "precision": make_scorer(precision_score, response_method="predict", zero_division=0.0),
    "recall": make_scorer(recall_score, response_method="predict"),
    "balanced_accuracy": make_scorer(balanced_accuracy_score, response_method="predict"),
    "matthews_corrcoef": make_scorer(matthews_corrcoef, response_method="predict"),
}
