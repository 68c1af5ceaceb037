"""Events: runs of outlying rows, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skae._output.frames import library_of, table, taken
from skae._output.scored_rows import Positions, ScoredRows, read_scored_rows
from skae._scoring import events

__all__ = ["find_events"]


def find_events(
    scores: Any = None,
    *,
    offset: Any = None,
    labels: Any = None,
    index: Any = None,
    series: Any = None,
    min_length: int = 1,
    merge_gap: int = 0,
    contributions: Any = None,
    feature_names: Sequence[str] | None = None,
    n_features: int = 3,
) -> Any:
    """Join outlying rows into events, and say how bad each was, and which features were to blame.

    Parameters
    ----------
    scores : array-like of shape (n_rows,) or list of such, default=None
        As `score_samples` returns them, higher for more normal rows. A list holds several
        series. NaN, where nothing was observed, is no outlier: it ends an event, and counts
        like a normal row for `merge_gap`.
    offset : float or array-like of shape (n_rows,), default=None
        Rows with a lower score are outliers: `offset_` of the estimator, or 0 for scores of
        `decision_function`; or one for each row.
    labels : array-like of shape (n_rows,) or list of such, default=None
        Which rows are outliers, in place of `offset`: as `predict` answers, -1 for an outlier;
        or bool, or 0 and 1, with 1 for an outlier. Nothing but 1 means no outlier.
    index : array-like of shape (n_rows,), dataframe or list of such, default=None
        Times or names of the rows; of a pandas dataframe its index. By default the index of
        `scores`, `labels` or `contributions` if one of them is of pandas, else row numbers.
    series : array-like of shape (n_rows,), default=None
        Which of several series each row belongs to. No event reaches from one into another.
    min_length : int, default=1
        Events of fewer rows are dropped, after joining.
    merge_gap : int, default=0
        Events with at most so many rows between them become one.
    contributions : array-like of shape (n_rows, n_features) or list of such, default=None
        What each feature adds to the error of each row, as `explain` returns it.
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
        * `peak`: its worst row, if there are scores or contributions;
        * `length`: number of rows from start to end;
        * `score`: the lowest score in it, if there are scores;
        * `features`: list of the features that add most to the errors in it, worst first, if
          there are contributions.

    Raises
    ------
    ValueError
        If it is not said which rows are outliers, or lengths differ, or an option is too small.

    See Also
    --------
    through : Calls `explain` of a step of a Pipeline.
    AnomalyScoreDisplay : Draws a series, its scores and events.

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
    check_options(min_length, merge_gap, n_features)
    rows = read_scored_rows(scores, offset, labels, index, series, contributions)
    found = _found(rows, min_length, merge_gap)
    columns = _columns_of_places(found, rows)
    if rows.scores is not None:
        columns["score"] = rows.scores[found.peaks]
    if rows.contributions is not None:
        names = name_features(feature_names, contributions, rows.contributions.shape[1])
        columns["features"] = [
            most_to_blame(rows.contributions[run], names, n_features) for run in found.runs
        ]
    return table(columns, library_of(scores, labels, index, series, contributions))


class _Found(NamedTuple):
    runs: list[Positions]
    """Positions of the rows of each event."""
    peaks: Positions


def _found(rows: ScoredRows, min_length: int, merge_gap: int) -> _Found:
    severity = rows.severity()
    if severity is None:
        severity = np.zeros(len(rows.is_outlier))
    runs, peaks = [], []
    for group in rows.groups:
        flags, worse = rows.is_outlier[group], severity[group]
        for event in events.find_events(flags, worse, min_length=min_length, merge_gap=merge_gap):
            runs.append(group[event.start : event.end + 1])
            peaks.append(group[event.peak])
    return _Found(runs, np.array(peaks, dtype=np.intp))


def _columns_of_places(found: _Found, rows: ScoredRows) -> dict[str, Any]:
    first = np.array([run[0] for run in found.runs], dtype=np.intp)
    last = np.array([run[-1] for run in found.runs], dtype=np.intp)
    columns = {} if rows.series is None else {"series": taken(rows.series, first)}
    columns |= {"start": taken(rows.names, first), "end": taken(rows.names, last)}
    if rows.severity() is not None:
        columns["peak"] = taken(rows.names, found.peaks)
    columns["length"] = np.array([len(run) for run in found.runs], dtype=np.int64)
    return columns


def most_to_blame(contributions: NDArray[np.float64], names: Sequence[str], n: int) -> list[str]:
    """Return the features that add most to the errors of some rows, worst first, `n` at most.

    Examples
    --------
    >>> most_to_blame(np.array([[1.0, 0.0, 3.0], [1.0, 0.0, np.nan]]), ["a", "b", "c"], 3)
    ['c', 'a']
    """
    return largest_shares(np.nansum(contributions, axis=0), names, n)


def largest_shares(totals: NDArray[np.float64], names: Sequence[str], n: int) -> list[str]:
    """Return the features of the largest sums above 0, largest first, `n` at most."""
    order = np.argsort(-totals, kind="stable")[:n]
    return [names[feature] for feature in order if totals[feature] > 0]


def name_features(names: Sequence[str] | None, contributions: Any, n: int) -> list[str]:
    """Return the names of the features of contributions: those given, or their own.

    Raises
    ------
    ValueError
        If there are not `n` of them.
    """
    first = contributions[0] if isinstance(contributions, list) else contributions
    if names is None:
        names = list(getattr(first, "columns", [f"x{i}" for i in range(n)]))
    if len(names) != n:
        raise ValueError(f"Got {len(names)} feature_names, but expected {n}.")
    return [str(name) for name in names]


def check_options(min_length: int, merge_gap: int, n_features: int) -> None:
    """Raise a ValueError if an option of `find_events` is too small."""
    _check_at_least("min_length", min_length, 1)
    _check_at_least("merge_gap", merge_gap, 0)
    _check_at_least("n_features", n_features, 1)


def _check_at_least(name: str, value: int, minimum: int) -> None:
    if not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"Got {name}={value!r}, but expected an integer of at least {minimum}.")


@dataclass(frozen=True)
class Stretch:
    """Consecutive rows of one series, summed up.

    Parameters
    ----------
    n_rows : int
    first, last, peak : pandas.Index of one entry
        Names of the first, the last and the worst row.
    severity, score : float
        Of the worst row.
    totals : ndarray of shape (n_features,) or None
        Sums of the contributions.
    series : Any
        One entry of the names of the series of the rows; None if there is one series.
    """

    n_rows: int
    first: Any
    last: Any
    peak: Any
    severity: float
    score: float
    totals: NDArray[np.float64] | None
    series: Any = None

    @classmethod
    def of(cls, rows: ScoredRows, severity: NDArray[np.float64], part: slice) -> Self:
        """Return what some rows, one at least, come to."""
        first, worst = part.start, part.start + int(np.argmax(severity[part]))
        shares = rows.contributions
        return cls(
            part.stop - first,
            rows.names[first : first + 1],
            rows.names[part.stop - 1 : part.stop],
            rows.names[worst : worst + 1],
            float(severity[worst]),
            np.nan if rows.scores is None else float(rows.scores[worst]),
            None if shares is None else np.nansum(shares[part], axis=0),
            None if rows.series is None else taken(rows.series, np.array([first])),
        )

    def followed_by(self, other: "Stretch | None") -> "Stretch":
        """Return what these rows and those that follow come to."""
        if other is None:
            return self
        worst = other if other.severity > self.severity else self
        totals = self.totals
        if totals is not None and other.totals is not None:
            totals = totals + other.totals
        n_rows = self.n_rows + other.n_rows
        return replace(worst, n_rows=n_rows, first=self.first, last=other.last, totals=totals)


@dataclass(frozen=True)
class OpenEvent:
    """What is to be known of the rows before a part.

    Parameters
    ----------
    event : Stretch or None
        One that has begun and may go on.
    since : Stretch or None
        The rows after it, none of which is an outlier.
    label : Any
        Of the series that all these rows belong to.
    ended : frozenset
        Labels of the series before that.
    """

    event: Stretch | None = None
    since: Stretch | None = None
    label: Any = None
    ended: frozenset = frozenset()

    def over(self, rows: ScoredRows, merge_gap: int) -> tuple[list[Stretch], Self]:
        """Go on over the rows of a part.

        Returns
        -------
        finished : list of Stretch
            Events that are over.
        after : OpenEvent

        Raises
        ------
        ValueError
            If the rows of some series do not stand together.
        """
        found = rows.severity()
        if found is None:
            found = np.zeros(len(rows.is_outlier))
        severity = np.where(np.isnan(found), -np.inf, found)
        finished, state = [], self
        for label, run in _runs(rows):
            begun, state = state._in_series(label)
            more, state = state._over_run(rows, severity, run, merge_gap)
            finished += begun + more
        return finished, state

    def closed(self) -> list[Stretch]:
        """Return the event that no row follows, if there is one."""
        return [] if self.event is None else [self.event]

    def _in_series(self, label: Any) -> tuple[list[Stretch], Self]:
        """End the event where another series begins."""
        if label == self.label:
            return [], self
        if label in self.ended:
            raise ValueError(
                f"Got rows of the series {label!r} that come and come again, but expected those "
                "of each to stand together. Sort them before."
            )
        ended = self.ended if self.label is None else self.ended | {self.label}
        return self.closed(), type(self)(label=label, ended=ended)

    def _over_run(
        self, rows: ScoredRows, severity: NDArray[np.float64], run: slice, merge_gap: int
    ) -> tuple[list[Stretch], Self]:
        flags = rows.is_outlier[run]
        found = events.find_events(flags, severity[run], merge_gap=merge_gap)
        parts = [slice(run.start + event.start, run.start + event.end + 1) for event in found]
        known = [Stretch.of(rows, severity, part) for part in parts]
        before = slice(run.start, parts[0].start if parts else run.stop)
        since = _followed_by(self.since, rows, severity, before)
        goes_on = self.event is not None and (since is None or since.n_rows <= merge_gap)
        if not parts:
            return ([], replace(self, since=since)) if goes_on else (self.closed(), self._ended())
        if self.event is not None and goes_on:
            known[0] = self.event.followed_by(since).followed_by(known[0])
        after = _followed_by(None, rows, severity, slice(parts[-1].stop, run.stop))
        closed = [] if goes_on else self.closed()
        return closed + known[:-1], replace(self, event=known[-1], since=after)

    def _ended(self) -> Self:
        return replace(self, event=None, since=None)


def _followed_by(
    stretch: Stretch | None, rows: ScoredRows, severity: NDArray[np.float64], part: slice
) -> Stretch | None:
    if part.start >= part.stop:
        return stretch
    more = Stretch.of(rows, severity, part)
    return more if stretch is None else stretch.followed_by(more)


def _runs(rows: ScoredRows) -> list[tuple[Any, slice]]:
    """Return the series of each run of rows, and where it stands."""
    n_rows = len(rows.is_outlier)
    if not n_rows:
        return []
    if rows.series is None:
        return [(None, slice(0, n_rows))]
    labels = np.asarray(rows.series).tolist()
    edges = [i for i in range(1, n_rows) if labels[i] != labels[i - 1]]
    return [(labels[a], slice(a, b)) for a, b in pairwise([0, *edges, n_rows])]
