"""Scorers for searches with labelled outliers, and VUS-PR.

scikit-learn's outlier detectors return -1 for an outlier, but most labelled series mark an anomaly
with 1. With such labels, ``scoring="roc_auc"`` ranks upside down (0.26 instead of 0.74) and
``scoring="f1"`` fails. The scorers here accept labels in {0, 1} and bool (1 is an outlier) and in
{-1, +1} (-1 is an outlier). Other labels raise an error::

    GridSearchCV(detector, grid, scoring=skae.metrics.get_scorer("roc_auc"))
"""

import warnings
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_consistent_length

from skae._input.runs import runs_of_true
from skae._input.table import SeriesLike
from skae._output.frames import joined
from skae._output.scored_rows import are_outliers

__all__ = ["get_scorer", "is_outlier", "make_scorer", "vus_pr"]

RESPONSES = ["predict", "score_samples"]
Scorer = Callable[[Any, Any, Any], float]
Floats = NDArray[np.float64]

N_THRESHOLDS = 250
"""Thresholds of the precision-recall curves of `vus_pr`."""


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
    "average_precision": make_scorer(metrics.average_precision_score),
    "roc_auc": make_scorer(metrics.roc_auc_score),
    "f1": make_scorer(metrics.f1_score, response_method="predict"),
    "precision": make_scorer(metrics.precision_score, response_method="predict", zero_division=0.0),
    "recall": make_scorer(metrics.recall_score, response_method="predict"),
    "balanced_accuracy": make_scorer(metrics.balanced_accuracy_score, response_method="predict"),
    "matthews_corrcoef": make_scorer(metrics.matthews_corrcoef, response_method="predict"),
}


# ------------------------------------------------------------------------ VUS-PR


def vus_pr(y: ArrayLike, scores: ArrayLike, buffer: int) -> float:
    """Return the volume under the precision-recall surface over buffers around the events.

    A row near a labelled event counts in part: labels fade out over half a buffer on either
    side. The area under the curve of precision and recall is averaged over all buffers from 0
    to the widest, so that inexact borders of labels do not count against a detector.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels as in `skae.metrics.is_outlier`, with at least one anomaly; if all are 1, all are.
    scores : array-like of shape (n_rows,)
        Anomaly scores without NaN, higher is worse.
    buffer : int
        The widest buffer in rows, for instance the period of the series or the window.

    Returns
    -------
    volume : float
        From 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If no row is labelled, there are other labels, a score is NaN, the numbers of labels and
        scores differ, or the buffer is negative.

    References
    ----------
    J. Paparrizos et al. (2022), "Volume Under the Surface", PVLDB 15(11). As in TSB-AD (Q. Liu and
    J. Paparrizos, 2024), there are 250 thresholds, and half of the buffer counts as positive, so
    that figures are comparable with published ones.

    Examples
    --------
    >>> from skae.metrics import vus_pr
    >>> round(vus_pr([0, 0, 1, 1, 0, 0], [0.1, 0.2, 0.9, 0.8, 0.3, 0.1], buffer=0), 6)
    1.0
    """
    labels = are_outliers(y, "y", only_ones=True).astype(float)
    levels = np.asarray(scores, dtype=float)
    _check(labels, levels, buffer)
    ranks = np.linspace(0, len(levels) - 1, N_THRESHOLDS).astype(int)
    thresholds = np.sort(levels)[::-1][ranks]
    # The highest threshold that each row reaches.
    reached = np.searchsorted(-thresholds, -levels)
    return float(np.mean([_area(labels, reached, width) for width in range(int(buffer) + 1)]))


def _check(labels: Floats, scores: Floats, buffer: Any) -> None:
    if not isinstance(buffer, Real) or buffer < 0:
        raise ValueError(f"Got buffer={buffer!r}, but expected a number of rows, 0 or more.")
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(
            f"Got y of shape {labels.shape} and scores of shape {scores.shape}, but expected one "
            "label and one score per row."
        )
    if not (labels > 0).any():
        raise ValueError("Got y without an anomaly, but expected at least one row labelled 1.")
    if np.isnan(scores).any():
        raise ValueError("Got scores with NaN, but expected numbers; leave those rows out.")


def _area(labels: Floats, reached: NDArray[np.intp], width: int) -> float:
    soft = _softened(labels, width)
    hits, soft_hits = _up_to(reached, labels), _up_to(reached, soft)
    positives = labels.sum() + (soft_hits - hits) / 2
    recall = np.minimum(soft_hits / positives, 1) * _events_seen(labels, reached, width)
    precision = soft_hits / _up_to(reached, np.ones_like(labels))
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def _up_to(reached: NDArray[np.intp], amounts: Floats) -> Floats:
    return np.cumsum(np.bincount(reached, amounts, N_THRESHOLDS + 1)[:N_THRESHOLDS])


def _softened(labels: Floats, width: int) -> Floats:
    """Make labels fade out on either side of each event."""
    soft = labels.copy()
    fading = np.sqrt(1 - np.arange(1, width // 2 + 1) / max(width, 1))
    for first, last in zip(*runs_of_true(labels > 0), strict=True):
        after, before = fading[: len(soft) - 1 - last], fading[:first]
        soft[last + 1 : last + 1 + len(after)] += after
        soft[first - len(before) : first] += before[::-1]
    return np.minimum(soft, 1)


def _events_seen(labels: Floats, reached: NDArray[np.intp], width: int) -> Floats:
    """Return the share of events, extended by the buffer, with a flagged row, per threshold."""
    grown = np.zeros(len(labels))
    for first, last in zip(*runs_of_true(labels > 0), strict=True):
        grown[max(first - width // 2, 0) : last + width // 2 + 1] = 1
    runs = zip(*runs_of_true(grown > 0), strict=True)
    seen = np.sort([reached[first : last + 1].min() for first, last in runs])
    return np.searchsorted(seen, np.arange(N_THRESHOLDS), side="right") / len(seen)
