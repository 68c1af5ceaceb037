"""Scorers for searches with labels, whatever the labels look like.

scikit-learn's outlier detectors answer -1 for an outlier, while most labelled series mark an
anomaly by 1, and its scorers then silently rank upside down. The scorers here take labels in
{0, 1} and bool (1 is an outlier) and in {-1, +1} (-1 is an outlier).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from skae._scoring.vus import vus_pr

__all__ = ["average_precision_scorer", "f1_scorer", "is_outlier", "roc_auc_scorer", "vus_pr"]


def is_outlier(y: Any) -> NDArray[np.bool_]:
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
        If other labels occur, or only 1, which could mean either.

    Examples
    --------
    >>> from skae.metrics import is_outlier
    >>> is_outlier([0, 0, 1])
    array([False, False,  True])
    >>> is_outlier([1, 1, -1])
    array([False, False,  True])
    """
    labels = _joined(y)
    found = set(np.unique(labels).tolist())
    if labels.dtype == bool or (found <= {0, 1} and 0 in found):
        return labels.astype(bool)
    if found <= {-1, 1} and -1 in found:
        return labels == -1
    raise ValueError(
        f"Got y with the labels {sorted(found)}, but expected both of 0 and 1 (1 is an "
        "outlier), booleans, or both of -1 and 1 (-1 is an outlier)."
    )


def average_precision_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the area under the precision-recall curve of the outlier scores.

    Parameters
    ----------
    estimator : fitted outlier detector or Pipeline
        Has `score_samples`, higher for more normal samples.
    X : array-like
        What it scores.
    y : array-like of shape (n_samples,)
        Labels, see `is_outlier`.

    Returns
    -------
    float
        From 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If the labels are not understood, or hold one class only.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import IsolationForest
    >>> from skae.metrics import average_precision_scorer
    >>> X = np.r_[np.random.RandomState(0).normal(size=(99, 2)), [[9.0, 9.0]]]
    >>> y = np.r_[np.zeros(99), 1]
    >>> average_precision_scorer(IsolationForest(random_state=0).fit(X), X, y)
    1.0
    """
    return _score(average_precision_score, estimator, X, y)


def roc_auc_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the area under the ROC curve of the outlier scores.

    Parameters
    ----------
    estimator : fitted outlier detector or Pipeline
        Has `score_samples`, higher for more normal samples.
    X : array-like
        What it scores.
    y : array-like of shape (n_samples,)
        Labels, see `is_outlier`.

    Returns
    -------
    float
        From 0 to 1, higher is better; 0.5 is chance.

    Raises
    ------
    ValueError
        If the labels are not understood, or hold one class only.
    """
    return _score(roc_auc_score, estimator, X, y)


def f1_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the F1 score of the predicted outliers, sample by sample.

    Parameters
    ----------
    estimator : fitted outlier detector or Pipeline
        Has `predict`, -1 for outliers.
    X : array-like
        What it predicts.
    y : array-like of shape (n_samples,)
        Labels, see `is_outlier`.

    Returns
    -------
    float
        From 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If the labels are not understood, or hold one class only.
    """
    return float(f1_score(outliers_of_either_class(y), _joined(estimator.predict(X)) == -1))


def _score(metric: Callable, estimator: Any, X: Any, y: Any) -> float:
    return float(metric(outliers_of_either_class(y), -_joined(estimator.score_samples(X))))


def outliers_of_either_class(y: Any) -> NDArray[np.bool_]:
    """Return labels as `is_outlier` does, but refuse those that are all the same."""
    outlier = is_outlier(y)
    if outlier.all() or not outlier.any():
        raise ValueError(
            f"Got y with {int(outlier.sum())} outliers of {len(outlier)} samples, but expected "
            "some of either class: without them the score is not defined."
        )
    return outlier


def _joined(values: Any) -> NDArray:
    if isinstance(values, list | tuple) and len(values) and np.ndim(values[0]) == 1:
        return np.concatenate(values)
    return np.asarray(values)
