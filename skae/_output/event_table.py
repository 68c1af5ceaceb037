"""Events as a table: runs of outlying rows, or the parts of a run that stand out."""

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skae._input.runs import runs_of_true
from skae._input.table import SeriesLike
from skae._output.frames import index_of, library_of, matching_names, table, taken
from skae._output.pipeline import (
    Grouping,
    errors_of_rows,
    gap_of,
    grouping_of,
    last_step,
    names_arriving,
    through,
    window_of,
)
from skae._output.scored_rows import ScoredRows, read_scored_rows
from skae._scoring.events import EventRows, find_events_of_series

__all__ = ["detect_events", "find_events"]


def find_events(
    scores: SeriesLike | None = None,
    *,
    offset: ArrayLike | None = None,
    labels: SeriesLike | None = None,
    errors: SeriesLike | None = None,
    window_size: int = 0,
    index: SeriesLike | None = None,
    series: ArrayLike | None = None,
    min_length: int = 1,
    merge_gap: int = 0,
    contributions: SeriesLike | None = None,
    feature_names: Sequence[str] | None = None,
    n_features: int = 3,
) -> Any:
    """Join outlying rows into a table of events, with their severity and main features.

    Parameters
    ----------
    scores : array-like of shape (n_rows,) or list of these, default=None
        As `score_samples` returns them: higher is more normal. A list contains several series. NaN
        is not an outlier: it ends an event, and counts as a normal row for `merge_gap`.
    offset : float or array-like of shape (n_rows,), default=None
        Rows with a lower score are outliers: `offset_` of the estimator, or 0 for scores of
        `decision_function`. May be one value per row.
    labels : array-like of shape (n_rows,) or list of these, default=None
        Outlying rows, instead of `offset`: -1 for an outlier, as `predict` returns; or bool, or 0
        and 1, with 1 for an outlier. If all labels are 1, there is no outlier.
    errors : array-like of shape (n_rows,) or list of these, default=None
        Error of each single row, as `score_timesteps` returns it; higher is worse. Scores are
        smoothed over time, so a run of outlying rows begins before the fault and ends after it.
        With errors, an event contains only the rows in and around a run that stand out. See Notes.
    window_size : int, default=0
        Window of the detector, with `errors`: how far from outlying rows events may extend. 0: only
        outlying rows.
    index : array-like of shape (n_rows,), dataframe or list of these, default=None
        Times or names of the rows, or a pandas dataframe whose index is used. By default the index
        of `scores`, `labels` or `contributions` if one of them is a pandas object, else row
        numbers.
    series : array-like of shape (n_rows,), default=None
        The series that each row belongs to. Events do not cross from one series into another.
    min_length : int, default=1
        Events with fewer rows are dropped, after joining.
    merge_gap : int, default=0
        Events with at most this many rows between them are joined.
    contributions : array-like of shape (n_rows, n_features) or list of these, default=None
        Contribution of each feature to the error of each row, as `explain` returns it. In a list of
        dataframes, columns are matched by name.
    feature_names : sequence of str, default=None
        Names of the features; by default the columns of a dataframe, or ``x0``, ``x1``, ...
    n_features : int, default=3
        Most features to name for an event.

    Returns
    -------
    events : pandas.DataFrame, polars.DataFrame or structured ndarray
        One row per event, in order of the rows; series by series for a list. A frame if an input is
        one (or a series or index of that library), else an array with these fields:

        * `series`: the position in the list or the entry of `series`, if there are several;
        * `start`, `end`: first and last row of the event, inclusive, as named by `index`;
        * `peak`: its worst row, if you pass errors, scores or contributions;
        * `length`: number of rows from start to end;
        * `score`: the lowest score in it, if you pass scores;
        * `features`: list of the features that contribute most to its errors, worst first, if you
          pass contributions.

    Raises
    ------
    ValueError
        If both `offset` and `labels` are missing or both are given, `window_size` is given without
        `errors`, lengths differ, the frames of a list have different columns, or an option is too
        small.

    See Also
    --------
    detect_events : The same for a fitted detector and X.
    AnomalyScoreDisplay : Draws a series, its scores and events.

    Notes
    -----
    With `errors`, runs of outlying rows at most three windows apart are one run, of at most 20
    windows, and a run has another 1.5 windows on both sides: a fault raises the scores before and
    after it. The value of a row in a run is the logarithm of its error minus a level. In
    logarithms, the level lies halfway between the largest mean of three consecutive rows of the run
    and the 20 % quantile of the run, or the median of the series if that is lower. The events of
    the run are the maximal scoring subsequences of these values [1]_. The total of an event
    decreases if the event is made longer or shorter. Events with less than a tenth of the largest
    total are dropped, unless a value in them is at least 70 % of the largest. Events without an
    outlying row are dropped, too.

    References
    ----------
    .. [1] W. L. Ruzzo, M. Tompa (1999), "A Linear Time Algorithm for Finding All Maximal Scoring
       Subsequences", ISMB.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skae import find_events
    >>> hours = pd.date_range("2026-01-01", periods=6, freq="h")
    >>> scores = pd.Series([-1.0, -5.0, -6.0, -1.0, -4.0, np.nan], index=hours)
    >>> blame = pd.DataFrame({"load": [1, 2, 2, 1, 1, 0], "heat": [1, 8, 9, 1, 7, 0]}, index=hours)
    >>> found = find_events(scores, offset=-3.0, merge_gap=1, contributions=blame)
    >>> found.iloc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'start': Timestamp('2026-01-01 01:00:00'), 'end': Timestamp('2026-01-01 04:00:00'),
     'peak': Timestamp('2026-01-01 02:00:00'), 'length': 4, 'score': -6.0,
     'features': ['heat', 'load']}

    From arrays and the labels that `predict` returns:

    >>> find_events(labels=[1, -1, -1, 1])
    array([(1, 2, 2)], dtype=[('start', '<i8'), ('end', '<i8'), ('length', '<i8')])
    """
    _check_at_least("min_length", min_length, 1)
    _check_at_least("merge_gap", merge_gap, 0)
    _check_at_least("window_size", window_size, 0)
    _check_at_least("n_features", n_features, 1)
    rows = read_scored_rows(
        scores, offset, labels, errors, index, series, contributions, feature_names
    )
    if window_size and rows.errors is None:
        raise ValueError(
            f"Got window_size={window_size} without errors, but expected both: the errors of "
            "single rows place events around outlying rows."
        )
    options = {"min_length": min_length, "merge_gap": merge_gap}
    found = find_events_of_series(
        rows.is_outlier, rows.severity(), rows.groups, rows.errors, window_size, **options
    )
    columns = _columns(found, rows, n_features)
    return table(columns, library_of(scores, labels, index, series, contributions))


def detect_events(
    estimator: BaseEstimator,
    X: SeriesLike,
    *,
    min_length: int = 1,
    merge_gap: int | Literal["auto"] = "auto",
    n_features: int = 3,
) -> Any:
    """Find the events in X: their rows, their severity and their main features.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        Fitted, with `window_size`.
    X : array-like or dataframe of shape (n_rows, n_features), or list of these
        Input of the estimator. A dataframe provides the index and, if `fit` saw them, the feature
        names. If the estimator's `series` names a column, events do not cross from one series into
        another.
    min_length, n_features
        See `find_events`.
    merge_gap : int or "auto", default="auto"
        Events with at most this many rows between them are joined; by default half of the window.

    Returns
    -------
    events : pandas.DataFrame, polars.DataFrame or structured ndarray
        The result of `find_events` with `decision_function`, `score_timesteps` and `explain`.
        `score` is a value of `decision_function`, which is negative.

    Raises
    ------
    ValueError
        If the estimator has no errors of rows, because its samples are sequences, or an option is
        too small.

    Warns
    -----
    UserWarning
        If the default threshold finds no outlier, but a whole window of consecutive rows reaches
        60 % of it. This level is at least five robust standard deviations above the median error in
        `fit`, or 1.65 times the 99.9 % quantile.

    See Also
    --------
    find_events : The same from scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import LSTMAutoencoder, detect_events
    >>> X = np.sin(np.arange(600)[:, None] / [4, 5])
    >>> detector = LSTMAutoencoder(20, units=8, epochs=5, random_state=0).fit(X)
    >>> odd = X.copy()
    >>> odd[300:310, 1] += 9
    >>> detect_events(detector, odd)[["start", "peak", "features"]].tolist()
    [(300, 310, ['x1', 'x0'])]
    """
    errors = errors_of_rows(estimator, X)
    if errors is None:
        raise ValueError(
            f"Got {estimator}, which has no errors of rows, but expected an LSTMAutoencoder with "
            "window_size, or a Pipeline that ends in one: an event is a run of rows."
        )
    grouping = grouping_of(estimator, X)
    contributions = through(estimator, "explain", X)
    decision = estimator.decision_function(X)
    _warn_if_nearly_outliers(estimator, decision, grouping)
    return find_events(
        decision,
        offset=0,
        errors=errors,
        window_size=window_of(estimator),
        index=index_of(X),
        series=grouping.labels,
        min_length=min_length,
        merge_gap=gap_of(estimator, merge_gap),
        contributions=contributions,
        feature_names=matching_names(contributions, names_arriving(estimator, X)),
        n_features=n_features,
    )


NEARLY = 0.6
"""Share of the default threshold that is still far above the errors in `fit`."""


def _warn_if_nearly_outliers(estimator: Any, decision: Any, grouping: Grouping) -> None:
    """Warn if nothing is an outlier, but a window of rows comes close to the default threshold."""
    detector = getattr(last_step(estimator), "detector_", None)
    if detector is None or not detector.scorer.offset_policy.is_cautious:
        return
    parts = grouping.parts(decision)
    parts = parts if isinstance(parts, list) else [parts]
    shares = [1 + np.asarray(part) / detector.offset for part in parts]
    if any((share > 1).any() for share in shares):
        return
    runs = [runs_of_true(share >= NEARLY) for share in shares]
    longest = max(int(np.max(last - first + 1, initial=0)) for first, last in runs)
    if longest >= detector.windowing.window_size:
        warnings.warn(
            f"Got X without an outlier, but with {longest} consecutive rows of unusual scores, "
            f"{NEARLY:.0%} of the threshold or more. If a missed fault costs more than a false "
            "alarm, fit with threshold='sensitive' or 'three_sigma'. AnomalyScoreDisplay draws "
            "the scores.",
            UserWarning,
            stacklevel=3,
        )


def _columns(found: list[EventRows], rows: ScoredRows, n_features: int) -> dict[str, Any]:
    places = [(event.rows[0], event.rows[-1], event.peak) for event in found]
    first, last, peak = np.array(places, np.intp).reshape(-1, 3).T
    columns = {} if rows.series is None else {"series": taken(rows.series, first)}
    columns |= {"start": taken(rows.names, first), "end": taken(rows.names, last)}
    if rows.tells_severity:
        columns["peak"] = taken(rows.names, peak)
    columns["length"] = np.array([len(event.rows) for event in found], dtype=np.int64)
    if rows.scores is not None:
        columns["score"] = np.array([np.nanmin(rows.scores[event.rows]) for event in found], float)
    if rows.contributions is not None:
        shares = [rows.contributions[event.rows] for event in found]
        columns["features"] = [most_to_blame(x, rows.feature_names, n_features) for x in shares]
    return columns


def most_to_blame(contributions: NDArray[np.float64], names: Sequence[str], n: int) -> list[str]:
    """Return at most `n` features that contribute most to the errors of some rows, worst first.

    Examples
    --------
    >>> most_to_blame(np.array([[1.0, 0.0, 3.0], [1.0, 0.0, np.nan]]), ["a", "b", "c"], 3)
    ['c', 'a']
    """
    totals = np.nansum(contributions, axis=0)
    order = np.argsort(-totals, kind="stable")[:n]
    return [names[feature] for feature in order if totals[feature] > 0]


def _check_at_least(name: str, value: int, minimum: int) -> None:
    if not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"Got {name}={value!r}, but expected an integer of at least {minimum}.")
