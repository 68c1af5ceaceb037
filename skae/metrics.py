"""Scorers for searches with labelled outliers.

scikit-learn's outlier detectors return -1 for an outlier, but most labelled series mark an anomaly
with 1. With such labels, ``scoring="roc_auc"`` ranks upside down (0.26 instead of 0.74) and
``scoring="f1"`` fails. The scorers here accept labels in {0, 1} and bool (1 is an outlier) and in
{-1, +1} (-1 is an outlier). Other labels raise an error::

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
from sklearn.utils import check_consistent_length

from skae._input.table import SeriesLike
from skae._output.frames import joined
from skae._scoring.labels import are_outliers
from skae._scoring.vus import vus_pr

__all__ = [
    "get_scorer",
    "is_outlier",
    "make_scorer",
    "vus_pr",
]

RESPONSES = ["predict", "score_samples"]
Scorer = Callable[[Any, Any, Any], float]


def is_outlier(y: SeriesLike) -> NDArray[np.bool_]:
    """Return labels as booleans: True for an outlier.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or list of these
        Labels in {0, 1} or bool, where 1 is an outlier, or in {-1, +1}, where -1 is one. The items
        of a list are concatenated.

    Returns
    -------
    ndarray of shape (n_samples,), bool

    Raises
    ------
    ValueError
        If there are other labels, or only 1, which is ambiguous, or if y is not one-dimensional.

    Examples
    --------
    >>> from skae.metrics import is_outlier
    >>> is_outlier([0, 0, 1])
    array([False, False,  True])
    >>> is_outlier([1, 1, -1])
    array([False, False,  True])
    """
    labels = joined(y)
    if labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"Got y with shape {labels.shape}, but expected one label per sample, (n_samples,)."
        )
    return are_outliers(labels, "y")


def make_scorer(
    metric: Callable[..., float],
    *,
    response_method: Literal["score_samples", "predict"] = "score_samples",
    **options: Any,
) -> Scorer:
    """Return a scorer for any metric of scikit-learn, to be passed as ``scoring``.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_score, **options)``. `y_true` contains booleans, True for an outlier, and
        `y_score` outlier scores, higher for outliers; or predicted booleans with "predict".
    response_method : {"score_samples", "predict"}, default="score_samples"
        The estimator method that is measured.
    **options
        Passed to `metric`.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``, which returns a float and can be pickled. Labels as in
        `is_outlier`. Rows whose score is NaN, because nothing was observed, are left out. NaN, with
        an `UndefinedMetricWarning`, if y contains one class.

    Raises
    ------
    ValueError
        If `response_method` has another value.

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
    if response_method not in RESPONSES:
        raise ValueError(
            f"Got response_method={response_method!r}, but expected one of {RESPONSES}."
        )
    return partial(_score, response_method, metric, options)


def get_scorer(name: str) -> Scorer:
    """Return the scikit-learn scorer of that name, adapted to outlier labels.

    Parameters
    ----------
    name : {"average_precision", "roc_auc", "f1", "precision", "recall", "balanced_accuracy", \
            "matthews_corrcoef"}
        Without predicted outliers, precision is 0.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``, a float; see `make_scorer`.

    Raises
    ------
    ValueError
        If there is no scorer with that name.

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


def _score(
    response_method: str,
    metric: Callable[..., float],
    options: dict[str, Any],
    estimator: Any,
    X: Any,
    y: Any,
) -> float:
    if _is_of_one_class(y):
        return _undefined(metric, y)
    found, labels = joined(getattr(estimator, response_method)(X)), is_outlier(y)
    check_consistent_length(labels, found)
    seen = ~np.isnan(found)
    found, labels = found[seen], labels[seen]
    if _is_of_one_class(labels):
        return _undefined(metric, labels)
    answers = found == -1 if response_method == "predict" else -found
    return float(metric(labels, answers, **options))


def _is_of_one_class(y: Any) -> bool:
    """Tell whether all labels are equal."""
    labels = joined(y)
    found = np.unique(labels)
    return labels.ndim == 1 and len(found) == 1 and bool(found[0] in (-1, 0, 1))


def _undefined(metric: Callable[..., float], y: Any) -> float:
    """Return NaN with scikit-learn's warning, so that a search reports such a fold."""
    name = getattr(metric, "__name__", repr(metric))
    warnings.warn(
        f"Got y with {len(joined(y))} labels of one class, but {name} needs both "
        "classes: the score is NaN. Choose folds that all contain outliers.",
        UndefinedMetricWarning,
        stacklevel=4,
    )
    return float("nan")


def outliers_of_either_class(y: SeriesLike) -> NDArray[np.bool_]:
    """Return labels as `is_outlier` does, but reject labels that are all equal."""
    outlier = is_outlier(y)
    if outlier.all() or not outlier.any():
        raise ValueError(
            f"Got y with {int(outlier.sum())} outliers of {len(outlier)} samples, but expected "
            "both classes: otherwise the score is undefined."
        )
    return outlier


_SCORERS: dict[str, Scorer] = {
    "average_precision": make_scorer(average_precision_score),
    "roc_auc": make_scorer(roc_auc_score),
    "f1": make_scorer(f1_score, response_method="predict"),
    "precision": make_scorer(precision_score, response_method="predict", zero_division=0.0),
    "recall": make_scorer(recall_score, response_method="predict"),
    "balanced_accuracy": make_scorer(balanced_accuracy_score, response_method="predict"),
    "matthews_corrcoef": make_scorer(matthews_corrcoef, response_method="predict"),
}
