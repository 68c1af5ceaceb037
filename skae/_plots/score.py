"""`AnomalyScoreDisplay`: a series, its anomaly scores, and the events above the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from skae._input.table import SeriesLike, SupportsScoreSamples
from skae._output.frames import index_of, joined, name_features, names_of
from skae._output.pipeline import (
    errors_of_rows,
    find_offset,
    gap_of,
    grouping_of,
    reach,
    window_of,
)
from skae._output.scored_rows import are_outliers, as_level, events_of, stack_entries, stack_rows
from skae._plots import axes
from skae._plots.axes import PanelOptions
from skae._scoring.events import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AnomalyScoreDisplay"]

LOG_RATIO = 20
"""Ratio of a peak to the threshold above which it would flatten a linear axis."""


class ScoreOptions(PanelOptions, total=False):
    """Options of `AnomalyScoreDisplay.plot`."""

    log_scale: bool | Literal["auto"]


class AnomalyScoreDisplay:
    """A series, its anomaly scores, the threshold, and the events above it.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one. All parameters are
    stored as attributes; several series are joined into one array.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_features), or list of these
        The series; NaN where a value is missing. Several series are drawn in sequence: at their
        times if each begins after the last one ends, else over row numbers.
    scores : array-like of shape (n_rows,), or list of these
        Anomaly scores, higher = worse: the negative of an estimator's ``score_samples``.
    threshold : float or array-like of shape (n_rows,)
        Rows with a larger score are outliers: the negative of ``offset_``. One value per row if the
        detector adapts.
    events : list of (start, end, peak) or None, default=None
        Detected events as row numbers, `end` inclusive, counted over all series. If None,
        each run of rows above the threshold is one event.
    labels : array-like of shape (n_rows,), list of these, or None, default=None
        True labels: {0, 1} or bool with 1 for an anomaly, or {-1, +1} with -1 for one.
    index : array-like of shape (n_rows,), list of these, or None, default=None
        Times or numbers for the horizontal axis. If None, the row numbers.
    feature_names : sequence of str or None, default=None
        The names of the features. If None, ``x0``, ``x1``, ...
    contributions : array-like of shape (n_rows, n_features), list of these, or None, default=None
        Contributions to the errors, as `explain` returns them. If there are more features than
        panels, the features that contribute most to the events are drawn.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One panel per feature drawn, and the panel of the scores last.
    ax_ : matplotlib Axes
        The panel of the scores.
    series_lines_ : list of matplotlib Line2D
        One line for each feature drawn.
    score_line_, threshold_line_ : matplotlib Line2D
        The lines of the score panel.
    event_spans_ : list of matplotlib Polygon
        The detected events, one span for each event and panel, panel after panel.
    label_spans_ : list of matplotlib Polygon
        The labelled events, in the same order; empty without `labels`.

    See Also
    --------
    find_events : The events as a table.
    ExplanationDisplay : Which feature contributes to which event.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AnomalyScoreDisplay
    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(size=(200, 1))
    >>> values[50:60] += 6
    >>> display = AnomalyScoreDisplay(values=values, scores=abs(values[:, 0]), threshold=3.5)
    >>> [(event.start, event.end) for event in display.events]
    [(50, 59)]
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        values: SeriesLike,
        scores: SeriesLike,
        threshold: SeriesLike,
        events: Sequence[tuple[int, int, int]] | None = None,
        labels: SeriesLike | None = None,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        contributions: SeriesLike | None = None,
    ) -> None:
        self.values, lengths = stack_rows(values)
        self.scores = stack_entries(scores, lengths, "scores").astype(float)
        self.threshold: Any = as_level(threshold, lengths, "threshold")
        self.labels = None if labels is None else stack_entries(labels, lengths, "labels")
        self.timeline = axes.make_timeline(index, lengths)
        self.index = self.timeline.index
        self.feature_names = name_features(feature_names, self.values.shape[1])
        self.contributions = None if contributions is None else stack_rows(contributions)[0]
        if events is None:
            events = events_of(lengths, -self.scores, -self.threshold)
        self.events = [Event(*event) for event in events]

    @classmethod
    def from_estimator(
        cls,
        estimator: SupportsScoreSamples,
        X: SeriesLike,
        *,
        labels: SeriesLike | None = None,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        min_length: int = 1,
        merge_gap: int | Literal["auto"] = "auto",
        **plot_options: Unpack[ScoreOptions],
    ) -> AnomalyScoreDisplay:
        """Score a series with a fitted estimator and plot it.

        Parameters
        ----------
        estimator : object
            A fitted outlier detector with one score per row: it has ``score_samples``, and
            ``offset_`` or ``decision_function``. May be a Pipeline.
        X : array-like or dataframe of shape (n_rows, n_features), or list of these
            One series or several. A dataframe provides the index and the feature names. If the
            estimator's `series` names a column, each series is drawn separately.
        labels, index, feature_names
            See :class:`AnomalyScoreDisplay`.
        min_length : int, default=1
            Events with fewer rows are not shown.
        merge_gap : int or "auto", default="auto"
            Events with at most this many normal rows between them are joined; by default half of
            the window, if the estimator has one.
        **plot_options
            `ax`, `features`, `max_panels` and `log_scale`: see :meth:`plot`.

        Returns
        -------
        display : AnomalyScoreDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If X does not consist of rows, or the estimator does not return one score per row.
        ImportError
            If matplotlib is not installed.
        """
        grouping = grouping_of(estimator, X)
        series = grouping.frames(X)
        values, lengths = stack_rows(series)
        scores = stack_entries(estimator.score_samples(X), lengths, "scores").astype(float)
        offset = find_offset(estimator, X, scores)
        max_panels = plot_options.get("max_panels", axes.MAX_PANELS)
        many = plot_options.get("features") is None and values.shape[1] > max_panels
        contributions = _explained(estimator, X, values.shape) if many else None
        return cls.from_predictions(
            series,
            grouping.parts(scores),
            offset=grouping.parts(offset),
            labels=grouping.parts(labels),
            errors=grouping.parts(errors_of_rows(estimator, X)),
            window_size=window_of(estimator),
            index=grouping.parts(index),
            feature_names=feature_names,
            contributions=grouping.parts(contributions),
            min_length=min_length,
            merge_gap=gap_of(estimator, merge_gap),
            **plot_options,
        )

    @classmethod
    def from_predictions(
        cls,
        X: SeriesLike,
        scores: SeriesLike,
        *,
        offset: SeriesLike,
        labels: SeriesLike | None = None,
        errors: SeriesLike | None = None,
        window_size: int = 0,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        contributions: SeriesLike | None = None,
        min_length: int = 1,
        merge_gap: int = 0,
        **plot_options: Unpack[ScoreOptions],
    ) -> AnomalyScoreDisplay:
        """Plot a series and the scores of its rows.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_rows, n_features), or list of these
            One series or several. A dataframe provides the index and the feature names.
        scores : array-like of shape (n_rows,), or list of these
            As ``score_samples`` returns them: higher is more normal.
        offset : float or array-like of shape (n_rows,)
            Rows with a lower score are outliers: ``offset_``, or 0 for scores of
            ``decision_function``.
        labels, index, feature_names, contributions
            See :class:`AnomalyScoreDisplay`.
        errors : array-like of shape (n_rows,) or list of these, default=None
            Errors of single rows, which determine the extent of events; see `find_events`.
        window_size : int, default=0
            Window of the detector, with `errors`; see `find_events`.
        min_length : int, default=1
            Events with fewer rows are not shown.
        merge_gap : int, default=0
            Events with at most this many normal rows between them are joined.
        **plot_options
            `ax`, `features`, `max_panels` and `log_scale`: see :meth:`plot`.

        Returns
        -------
        display : AnomalyScoreDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If X does not consist of rows, or lengths differ.
        ImportError
            If matplotlib is not installed.
        """
        lengths = stack_rows(X)[1]
        options = {
            "window_size": window_size,
            "min_length": min_length,
            "merge_gap": merge_gap,
        }
        display = cls(
            values=X,
            events=events_of(lengths, scores, offset, errors, **options),
            scores=-joined(scores).astype(float),
            threshold=-as_level(offset, lengths, "offset"),
            labels=labels,
            index=index_of(X) if index is None else index,
            feature_names=names_of(X) if feature_names is None else feature_names,
            contributions=contributions,
        )
        return display.plot(**plot_options)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | NDArray[np.object_] | None = None,
        *,
        features: Sequence[str | int] | None = None,
        max_panels: int = axes.MAX_PANELS,
        log_scale: bool | Literal["auto"] = "auto",
    ) -> AnomalyScoreDisplay:
        """Draw the series, the scores and the events.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            The last axes show the scores, the others one feature each. A single Axes shows only the
            scores. If None, a new figure.
        features : sequence of str or int, default=None
            The features to draw, by name or number. If None, the first ones, or with
            `contributions` the features that contribute most.
        max_panels : int, default=6
            Most features to draw if neither `ax` nor `features` gives the number.
        log_scale : bool or "auto", default="auto"
            Whether the axis of the scores is logarithmic. "auto": if the largest score is more than
            20 times the threshold.

        Returns
        -------
        display : AnomalyScoreDisplay
            The display itself, with its artists as attributes.

        Raises
        ------
        ValueError
            If a feature is unknown, or there are fewer axes than `features` plus one.
        ImportError
            If matplotlib is not installed.
        """
        self.axes_, drawn = axes.panels_for(
            self.feature_names,
            self._most_to_blame,
            with_score=True,
            ax=ax,
            features=features,
            max_panels=max_panels,
        )
        self.ax_, self.figure_ = self.axes_[-1], self.axes_[-1].figure
        panels, values = self.axes_[:-1], self.values[:, drawn]
        self.series_lines_ = axes.draw_features(
            panels, self.timeline, values, color=axes.SERIES, linewidth=0.7
        )
        self._plot_scores(self._is_log(log_scale))
        self._plot_events()
        axes.clean_panels(self.axes_, self.timeline)
        self._add_legend()
        return self

    def _plot_scores(self, log_scale: bool) -> None:
        self.score_line_ = axes.draw_line(
            self.ax_, self.timeline, self.scores, color=axes.SCORE, linewidth=0.7, label="score"
        )
        style = {"color": axes.DETECTED, "linestyle": "--", "linewidth": 1, "label": "threshold"}
        if np.ndim(self.threshold):
            self.threshold_line_ = axes.draw_line(self.ax_, self.timeline, self.threshold, **style)
        else:
            self.threshold_line_ = self.ax_.axhline(self.threshold, **style)
        self.ax_.set_ylabel("anomaly score")
        if log_scale:
            self.ax_.set_yscale("log")
            # Errors near zero are irrelevant but would fill most of a logarithmic axis.
            self.ax_.set_ylim(bottom=np.nanmin(self.threshold) / 100)

    def _plot_events(self) -> None:
        labelled = self._labelled_events()
        self.event_spans_, self.label_spans_ = [], []
        for ax in self.axes_:
            self.event_spans_ += axes.shade_detected(ax, self.index, self.events)
            self.label_spans_ += axes.mark_above(ax, self.index, labelled, axes.LABELLED)

    def _labelled_events(self) -> list[Event]:
        if self.labels is None:
            return []
        flags = are_outliers(self.labels, only_ones=False)
        return events_of(self.timeline.lengths.tolist(), -flags.astype(float), 0.0)

    def _add_legend(self) -> None:
        handles = [self.score_line_, self.threshold_line_]
        names = ["score", "threshold"]
        for spans, name in ((self.event_spans_, "detected"), (self.label_spans_, "labelled")):
            if spans:
                handles.append(spans[0])
                names.append(name)
        axes.add_legend(self.axes_[0], handles, names)

    def _is_log(self, log_scale: bool | Literal["auto"]) -> bool:
        if log_scale != "auto":
            return bool(log_scale)
        finite = self.scores[np.isfinite(self.scores)]
        typical = np.nanmedian(self.threshold)
        return bool(len(finite) and finite.min() > 0 and finite.max() > LOG_RATIO * typical)

    def _most_to_blame(self, n_panels: int) -> list[int]:
        """Return the features to draw: the first, or with contributions the most to blame."""
        if self.contributions is None:
            return list(range(self.values.shape[1]))
        inside = np.zeros(len(self.values), dtype=bool)
        for event in self.events:
            inside[event.start : event.end + 1] = True
        shares = np.nansum(self.contributions[inside if inside.any() else ~inside], axis=0)
        return sorted(np.argsort(-shares, kind="stable")[:n_panels].tolist())


def _explained(estimator: Any, X: Any, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Return the contributions, None if the estimator has none."""
    _, step, arriving = reach(estimator, X)
    if not hasattr(step, "explain"):
        return None
    found = stack_rows(step.explain(arriving), "contributions")[0]
    return found if found.shape == shape else None
