"""Pictures of a scored series; matplotlib is imported only when something is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._scoring.events import Event, find_events

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["AnomalyScoreDisplay"]

INK, SERIES, SCORE = "#333333", "#3b6ea5", "#222222"
DETECTED, LABELLED = "#d1495b", "#2a9d8f"
LOG_RATIO = 20  # a peak this far above the threshold flattens everything else on a linear axis


class AnomalyScoreDisplay:
    """A series, its anomaly scores, the threshold, and the events above it.

    Use :meth:`from_estimator` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        The series; NaN where a value is missing.
    scores : ndarray of shape (n_rows,)
        Anomaly scores, higher = worse: the negative of an estimator's ``score_samples``.
    threshold : float
        A row is an outlier where its score is larger: the negative of ``offset_``.
    events : list of (start, end, peak) or None, default=None
        Detected events as row numbers, `end` inclusive. If None, each run of rows above
        the threshold is one event.
    labels : array-like of shape (n_rows,) or None, default=None
        True labels: {0, 1} or bool with 1 for an anomaly, or {-1, +1} with -1 for one.
    index : array-like of shape (n_rows,) or None, default=None
        Times or numbers for the horizontal axis. If None, the row numbers.
    feature_names : sequence of str or None, default=None
        The names of the features. If None, ``x0``, ``x1``, ...

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One panel for each feature drawn, and last the panel of the scores.
    series_lines_ : list of matplotlib Line2D
        One line for each feature drawn.
    score_line_, threshold_line_ : matplotlib Line2D
        The lines of the score panel.
    event_spans_ : list of matplotlib Polygon
        The detected events, one span for each event and panel, panel after panel.
    label_spans_ : list of matplotlib Polygon
        The labelled events likewise; empty without `labels`.

    See Also
    --------
    AnomalyScoreDisplay.from_estimator : Score a series and plot it.

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
        values: ArrayLike,
        scores: ArrayLike,
        threshold: float,
        events: Sequence[tuple[int, int, int]] | None = None,
        labels: ArrayLike | None = None,
        index: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.values = _as_columns(values)
        self.scores = np.asarray(scores, dtype=float)
        self.threshold = float(threshold)
        if events is None:
            events = find_events(self.scores > self.threshold, self.scores)
        self.events = [Event(*event) for event in events]
        self.labels = None if labels is None else np.asarray(labels)
        self.index = np.arange(len(self.values)) if index is None else np.asarray(index)
        self.feature_names = _name_features(feature_names, self.values.shape[1])
        self._check_lengths()

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        index: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        labels: ArrayLike | None = None,
        min_length: int = 1,
        merge_gap: int = 0,
        axes: Any = None,
        **plot_options: Any,
    ) -> AnomalyScoreDisplay:
        """Score a series with a fitted estimator and plot it.

        Parameters
        ----------
        estimator : object
            A fitted outlier detector that gives one score a row: it has ``score_samples``,
            and ``offset_`` or ``decision_function``. A Pipeline will do.
        X : array-like or dataframe of shape (n_rows, n_features)
            One series. A dataframe brings its index and the names of its columns.
        index, feature_names, labels
            See :class:`AnomalyScoreDisplay`.
        min_length : int, default=1
            Events of fewer rows are not shown.
        merge_gap : int, default=0
            Events with at most so many normal rows between them become one.
        axes, **plot_options
            Passed to :meth:`plot`.

        Returns
        -------
        display : AnomalyScoreDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If X is not one series of rows, or the estimator does not give one score a row.
        ImportError
            If matplotlib is not installed.
        """
        scores = -np.asarray(estimator.score_samples(X), dtype=float)
        threshold = _find_threshold(estimator, X, scores)
        if index is None:
            index = _frame_index(X)
        if feature_names is None and hasattr(X, "columns"):
            feature_names = [str(name) for name in X.columns]
        display = cls(
            values=X,
            scores=scores,
            threshold=threshold,
            events=find_events(
                scores > threshold, scores, min_length=min_length, merge_gap=merge_gap
            ),
            labels=labels,
            index=index,
            feature_names=feature_names,
        )
        return display.plot(axes, **plot_options)

    def plot(
        self,
        axes: Any = None,
        *,
        features: Sequence[str | int] | None = None,
        max_panels: int = 6,
        log_scale: bool | str = "auto",
    ) -> AnomalyScoreDisplay:
        """Draw the series, the scores and the events.

        Parameters
        ----------
        axes : matplotlib Axes or array of Axes, default=None
            The last of the axes takes the scores and those before it one feature each, so
            a single Axes shows the scores only. If None, a new figure is made.
        features : sequence of str or int, default=None
            The features to draw, by name or number. If None, the first ones.
        max_panels : int, default=6
            The largest number of features to draw where neither `axes` nor `features`
            says how many.
        log_scale : bool or "auto", default="auto"
            Whether the scores stand on a logarithmic axis. "auto" does that where the
            largest is more than 20 times the threshold.

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
        drawn = self._choose_features(features)
        if axes is None:
            axes = make_axes(len(drawn) if features is not None else min(len(drawn), max_panels))
        self.axes_ = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        self.figure_: Figure = self.axes_[0].figure
        drawn = _fit_panels(drawn, len(self.axes_) - 1, exact=features is not None)
        self._plot_series(drawn)
        self._plot_scores(self._is_log(log_scale))
        self._plot_events()
        self._decorate()
        return self

    def _plot_series(self, drawn: list[int]) -> None:
        self.series_lines_ = []
        for ax, feature in zip(self.axes_[:-1], drawn, strict=True):
            (line,) = ax.plot(self.index, self.values[:, feature], color=SERIES, linewidth=0.7)
            ax.set_ylabel(self.feature_names[feature])
            self.series_lines_.append(line)

    def _plot_scores(self, log_scale: bool) -> None:
        ax = self.axes_[-1]
        (self.score_line_,) = ax.plot(
            self.index, self.scores, color=SCORE, linewidth=0.7, label="score"
        )
        self.threshold_line_ = ax.axhline(
            self.threshold, color=DETECTED, linestyle="--", linewidth=1, label="threshold"
        )
        ax.set_ylabel("anomaly score")
        if log_scale:
            ax.set_yscale("log")
            # Errors near zero are of no interest and would take most of a logarithmic axis.
            ax.set_ylim(bottom=self.threshold / 100)

    def _plot_events(self) -> None:
        detected = [(event.start, event.end) for event in self.events]
        labelled = _find_labelled(self.labels)
        self.event_spans_, self.label_spans_ = [], []
        for ax in self.axes_:
            # The edge keeps an event of one row visible where a row is less than a pixel.
            self.event_spans_ += self._shade(
                ax, detected, facecolor=(DETECTED, 0.22), edgecolor=(DETECTED, 0.45), linewidth=0.8
            )
            self.label_spans_ += self._shade(
                ax, labelled, ymin=1.02, ymax=1.07, clip_on=False, color=LABELLED, linewidth=0.8
            )

    def _shade(self, ax: Axes, runs: list[tuple[int, int]], **style: Any) -> list[Any]:
        return [
            ax.axvspan(self.index[start], self.index[end], zorder=0.5, **style)
            for start, end in runs
        ]

    def _decorate(self) -> None:
        for ax in self.axes_:
            _clean(ax)
        for ax in self.axes_[:-1]:
            ax.tick_params(labelbottom=False)
        if self.index.dtype.kind == "M":
            _format_dates(self.axes_[-1])
        self.figure_.align_ylabels(self.axes_)
        self._add_legend()

    def _add_legend(self) -> None:
        handles = [self.score_line_, self.threshold_line_]
        names = ["score", "threshold"]
        for spans, name in ((self.event_spans_, "detected"), (self.label_spans_, "labelled")):
            if spans:
                handles.append(spans[0])
                names.append(name)
        self.axes_[0].legend(
            handles,
            names,
            loc="lower right",
            bbox_to_anchor=(1, 1.06),
            ncols=len(names),
            fontsize=8,
            frameon=False,
            borderaxespad=0.2,
        )

    def _is_log(self, log_scale: bool | str) -> bool:
        if log_scale != "auto":
            return bool(log_scale)
        finite = self.scores[np.isfinite(self.scores)]
        return bool(len(finite) and finite.min() > 0 and finite.max() > LOG_RATIO * self.threshold)

    def _choose_features(self, features: Sequence[str | int] | None) -> list[int]:
        if features is None:
            return list(range(self.values.shape[1]))
        return [_find_feature(feature, self.feature_names) for feature in features]

    def _check_lengths(self) -> None:
        for name in ("scores", "labels", "index"):
            array = getattr(self, name)
            if array is not None and array.shape != (len(self.values),):
                raise ValueError(
                    f"Got {name} of shape {array.shape}, but expected one entry for each of the "
                    f"{len(self.values)} rows of values."
                )


def make_axes(n_features: int, figure: Figure | None = None) -> NDArray[np.object_]:
    """Return panels for `n_features` features and below them a taller one for the scores.

    Parameters
    ----------
    n_features : int
        The number of panels above the scores.
    figure : matplotlib Figure or None, default=None
        The figure to divide. If None, a new one of pyplot.

    Returns
    -------
    axes : ndarray of shape (n_features + 1,)
        The axes, which share the horizontal one.
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure()
    figure.set_size_inches(11, 2.2 + 1.3 * n_features)
    figure.set_layout_engine("constrained")
    ratios = [1.0] * n_features + [1.4]
    axes = figure.subplots(n_features + 1, sharex=True, squeeze=False, height_ratios=ratios)
    return np.asarray(axes[:, 0])


def _as_columns(values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "fiub":
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"Got values of shape {array.shape} and dtype {array.dtype}, but expected one "
            "numeric series of shape (n_rows, n_features)."
        )
    return array


def _name_features(names: Sequence[str] | None, n_features: int) -> list[str]:
    if names is None:
        return [f"x{i}" for i in range(n_features)]
    if len(names) != n_features:
        raise ValueError(f"Got {len(names)} feature_names, but expected {n_features}.")
    return list(names)


def _find_feature(feature: str | int, names: list[str]) -> int:
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    if not isinstance(feature, str) and 0 <= feature < len(names):
        return int(feature)
    raise ValueError(f"Got feature {feature!r}, but expected a number or one of {names}.")


def _fit_panels(drawn: list[int], n_panels: int, *, exact: bool) -> list[int]:
    if n_panels > len(drawn) or (exact and n_panels != len(drawn)):
        raise ValueError(
            f"Got {n_panels + 1} axes for {len(drawn)} features, but expected one for each "
            "feature and one for the scores."
        )
    return drawn[:n_panels]


def _find_threshold(estimator: Any, X: Any, scores: NDArray[Any]) -> float:
    if hasattr(estimator, "offset_"):
        return -float(estimator.offset_)
    # decision_function = score_samples - offset_, so a Pipeline gives its offset away.
    return float(np.nanmedian(scores + np.asarray(estimator.decision_function(X))))


def _frame_index(X: Any) -> ArrayLike | None:
    if not hasattr(X, "iloc"):
        return None
    # numpy has no time zones: an aware index becomes UTC.
    index = np.asarray(X.index.tz_convert(None) if getattr(X.index, "tz", None) else X.index)
    return index if index.dtype.kind in "iufM" else None


def _find_labelled(labels: NDArray[Any] | None) -> list[tuple[int, int]]:
    if labels is None:
        return []
    outlying = labels < 0 if (labels < 0).any() else labels > 0
    return [(event.start, event.end) for event in find_events(outlying, outlying.astype(float))]


def _clean(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#aaaaaa")
    ax.tick_params(color="#aaaaaa", labelcolor=INK, labelsize=8)
    ax.yaxis.label.set(color=INK, fontsize=9)
    ax.margins(x=0.005)


def _format_dates(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    formatter = ConciseDateFormatter(locator)
    # Ticks of days may lie in several months: only the year is common to them.
    formatter.offset_formats[2] = "%Y"
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
