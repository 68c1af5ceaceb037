"""Events: runs of outlying rows, or what of them stands out, as a table."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skae._input.typing import SeriesLike
from skae._output.frames import index_of, library_of, table, taken
from skae._output.grouping import Grouping, grouping_of
from skae._output.pipeline import errors_of_rows, through
from skae._output.scored_rows import ScoredRows, read_scored_rows
from skae._scoring.events import EventRows, find_events_of_series

__all__ = ["detect_events", "find_events"]


def find_events(
    scores: SeriesLike | None = None,
    *,
    offset: ArrayLike | None = None,
    labels: SeriesLike | None = None,
    errors: SeriesLike | None = None,
    index: SeriesLike | None = None,
    series: ArrayLike | None = None,
    min_length: int = 1,
    merge_gap: int = 0,
    contributions: SeriesLike | None = None,
    feature_names: Sequence[str] | None = None,
    n_features: int = 3,
) -> Any:
    """Join outlying rows into events, and say how bad each was, and which features were to blame.

    Parameters
    ----------
    scores : array-like of shape (n_rows,) or list of these, default=None
        As `score_samples` returns them, higher for more normal rows. A list holds several
        series. NaN, where nothing was observed, is no outlier: it ends an event, and counts
        like a normal row for `merge_gap`.
    offset : float or array-like of shape (n_rows,), default=None
        Rows with a lower score are outliers: `offset_` of the estimator, or 0 for scores of
        `decision_function`; or one for each row.
    labels : array-like of shape (n_rows,) or list of these, default=None
        Which rows are outliers, in place of `offset`: as `predict` answers, -1 for an outlier;
        or bool, or 0 and 1, with 1 for an outlier. Nothing but 1 means no outlier.
    errors : array-like of shape (n_rows,) or list of these, default=None
        Error of each row by itself, higher is worse, as `score_timesteps` returns it. Scores are
        smoothed over time: a run of outlying rows begins before what is odd and ends after. With
        errors, an event is what stands out inside such a run, and a run may hold several. See
        Notes.
    index : array-like of shape (n_rows,), dataframe or list of these, default=None
        Times or names of the rows; of a pandas dataframe its index. By default the index of
        `scores`, `labels` or `contributions` if one of them is of pandas, else row numbers.
    series : array-like of shape (n_rows,), default=None
        Which of several series each row belongs to. No event reaches from one into another.
    min_length : int, default=1
        Events of fewer rows are dropped, after joining.
    merge_gap : int, default=0
        Events with at most so many rows between them become one.
    contributions : array-like of shape (n_rows, n_features) or list of these, default=None
        What each feature adds to the error of each row, as `explain` returns it. Of a list of
        dataframes, columns belong together by their names.
    feature_names : sequence of str, default=None
        Names of the features; those of a dataframe, or ``x0``, ``x1``, ... by default.
    n_features : int, default=3
        The largest number of features to name for an event.

    Returns
    -------
    events : pandas.DataFrame, polars.DataFrame or structured ndarray
        One row an event, in order of the rows; series by series for a list. A frame where an
        input is one (or a series or index of that library), else an array with these fields:

        * `series`: the position in the list or the entry of `series`, if there are several;
        * `start`, `end`: first and last row of the event, both inside it, as `index` names them;
        * `peak`: its worst row, if there are errors, scores or contributions;
        * `length`: number of rows from start to end;
        * `score`: the lowest score in it, if there are scores;
        * `features`: list of the features that add most to the errors in it, worst first, if
          there are contributions.

    Raises
    ------
    ValueError
        If it is not said which rows are outliers, or lengths differ, or the frames of a list
        have other columns, or an option is too small.

    See Also
    --------
    detect_events : The same of a fitted detector and X.
    AnomalyScoreDisplay : Draws a series, its scores and events.

    Notes
    -----
    With `errors`, the rows of a run count by how far the logarithm of their error lies above a
    level, halfway between the 10 % quantile of the run and the largest mean of three rows. Its
    events are the maximal scoring subsequences of these (Ruzzo and Tompa 1999): intervals that
    total less when they are made longer or shorter. Those with less than a tenth of the total of
    the greatest are no events.

    References
    ----------
    W. L. Ruzzo, M. Tompa (1999), "A Linear Time Algorithm for Finding All Maximal Scoring
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

    Of arrays, and from the labels that `predict` gives:

    >>> find_events(labels=[1, -1, -1, 1])
    array([(1, 2, 2)], dtype=[('start', '<i8'), ('end', '<i8'), ('length', '<i8')])
    """
    _check_at_least("min_length", min_length, 1)
    _check_at_least("merge_gap", merge_gap, 0)
    _check_at_least("n_features", n_features, 1)
    rows = read_scored_rows(
        scores, offset, labels, errors, index, series, contributions, feature_names
    )
    found = find_events_of_series(
        rows.is_outlier,
        rows.severity(),
        rows.groups,
        rows.errors,
        min_length=min_length,
        merge_gap=merge_gap,
    )
    columns = _columns_of_places(found, rows)
    if rows.scores is not None:
        columns["score"] = np.array([np.nanmin(rows.scores[event.rows]) for event in found], float)
    if rows.contributions is not None:
        columns["features"] = [
            most_to_blame(rows.contributions[event.rows], rows.feature_names, n_features)
            for event in found
        ]
    return table(columns, library_of(scores, labels, index, series, contributions))


def detect_events(
    estimator: BaseEstimator,
    X: SeriesLike,
    *,
    min_length: int = 1,
    merge_gap: int = 0,
    n_features: int = 3,
) -> Any:
    """Find the events in X: which rows, how bad, and which features were to blame.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        Fitted, with `window_size`.
    X : array-like or dataframe of shape (n_rows, n_features), or list of these
        As the estimator takes it. A dataframe brings its index, and the names of its columns if
        `fit` saw them. Where the estimator's `series` names a column, no event reaches from one
        series into another.
    min_length, merge_gap, n_features
        As of `find_events`.

    Returns
    -------
    events : pandas.DataFrame, polars.DataFrame or structured ndarray
        What `find_events` makes of `decision_function`, `score_timesteps` and `explain`; `score`
        is that of `decision_function`, below 0.

    Raises
    ------
    ValueError
        If the estimator gives no error of each row, as one whose samples are sequences, or an
        option is too small.

    See Also
    --------
    find_events : The same of scores.

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
            f"Got {estimator}, which has no errors of rows, but expected an LSTMAutoencoder with a "
            "window_size, or a Pipeline that ends in one: an event is a run of rows."
        )
    grouping = grouping_of(estimator, X)
    contributions = through(estimator, "explain", X)
    return find_events(
        estimator.decision_function(X),
        offset=0,
        errors=errors,
        index=index_of(X),
        series=None if grouping is None else grouping.labels,
        min_length=min_length,
        merge_gap=merge_gap,
        contributions=contributions,
        feature_names=_names_of_features(contributions, X, grouping),
        n_features=n_features,
    )


def _names_of_features(contributions: Any, X: Any, grouping: Grouping | None) -> list[str] | None:
    """Return the columns of X, unless contributions have names or a step before made others."""
    shares, rows = (given[0] if isinstance(given, list) else given for given in (contributions, X))
    left_out = None if grouping is None else grouping.column
    names = [str(name) for name in getattr(rows, "columns", []) if name != left_out]
    return names if len(names) == shares.shape[1] and not hasattr(shares, "columns") else None


def _peaks(found: list[EventRows]) -> NDArray[np.intp]:
    return np.array([event.peak for event in found], dtype=np.intp)


def _columns_of_places(found: list[EventRows], rows: ScoredRows) -> dict[str, Any]:
    first = np.array([event.rows[0] for event in found], dtype=np.intp)
    last = np.array([event.rows[-1] for event in found], dtype=np.intp)
    columns = {} if rows.series is None else {"series": taken(rows.series, first)}
    columns |= {"start": taken(rows.names, first), "end": taken(rows.names, last)}
    if rows.tells_severity:
        columns["peak"] = taken(rows.names, _peaks(found))
    columns["length"] = np.array([len(event.rows) for event in found], dtype=np.int64)
    return columns


def most_to_blame(contributions: NDArray[np.float64], names: Sequence[str], n: int) -> list[str]:
    """Return the features that add most to the errors of some rows, worst first, `n` at most.

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
