"""Events of rows that come part by part, joined across the borders between parts."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skae._results.rows import ScoredRows
from skae._results.tables import taken
from skae._scoring import events


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
