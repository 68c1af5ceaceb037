"""`ExplanationDisplay`: which feature contributes to the scores, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from skae._input import observed
from skae._input.table import SeriesLike, SupportsScoreSamples
from skae._output.frames import index_of, joined, matching_names, name_features, names_of
from skae._output.pipeline import (
    errors_of_rows,
    find_offset,
    gap_of,
    grouping_of,
    names_arriving,
    through,
    window_of,
)
from skae._output.scored_rows import events_of, stack_rows
from skae._plots import axes
from skae._plots.axes import Timeline
from skae._scoring.events import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["ExplanationDisplay"]

SATURATION = 0.995
"""Quantile of the rows' largest contributions at which the colours saturate."""

GAMMA = 0.7
"""Power of the colour scale; features with a fifth of the worst contribution stay visible."""


class MapOptions(TypedDict, total=False):
    """Options of `ExplanationDisplay.plot`."""

    ax: Axes | None
    features: Sequence[str | int] | None
    cmap: str | Colormap


class ExplanationDisplay:
    """Contribution of each feature to the error of each row, as a map of rows by features.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one. All parameters are
    stored as attributes; several series are joined into one array.

    Parameters
    ----------
    contributions : array-like of shape (n_rows, n_features), or list of these
        Contributions to the error, as `explain` returns them; NaN where nothing was observed.
        Several series are drawn in sequence: at their times if each begins after the last one ends,
        else over row numbers.
    events : list of (start, end, peak) or None, default=None
        Detected events as row numbers, `end` inclusive, counted over all series.
    index : array-like of shape (n_rows,), list of these, or None, default=None
        Times or numbers for the horizontal axis. If None, the row numbers.
    feature_names : sequence of str or None, default=None
        The names of the features. If None, ``x0``, ``x1``, ...

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    mesh_ : matplotlib QuadMesh
        The map. If there are more rows than pixels, a cell shows the maximum of its rows.
    colorbar_ : matplotlib Colorbar
        The scale of the contributions.
    event_spans_ : list of matplotlib Polygon
        The detected events, as bars above the map.

    See Also
    --------
    find_events : Lists the main features of each event.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import ExplanationDisplay
    >>> contributions = np.random.default_rng(0).gamma(1, size=(300, 38))
    >>> display = ExplanationDisplay(contributions=contributions)
    >>> display.feature_names[-1]
    'x37'
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        contributions: SeriesLike,
        events: Sequence[tuple[int, int, int]] | None = None,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.contributions, lengths = stack_rows(contributions, "contributions")
        self.events = [Event(*event) for event in events or []]
        self.timeline = axes.make_timeline(index, lengths)
        self.index = self.timeline.index
        self.feature_names = name_features(feature_names, self.contributions.shape[1])

    @classmethod
    def from_estimator(
        cls,
        estimator: SupportsScoreSamples,
        X: SeriesLike,
        *,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        min_length: int = 1,
        merge_gap: int | Literal["auto"] = "auto",
        **plot_options: Unpack[MapOptions],
    ) -> ExplanationDisplay:
        """Explain a series with a fitted estimator and plot the contributions.

        Parameters
        ----------
        estimator : object
            A fitted outlier detector with ``explain``, or a Pipeline that ends in one.
        X : array-like or dataframe of shape (n_rows, n_features), list of these, or sequences
            Input of the estimator. For sequences, the mean over the steps is drawn. If the
            estimator's `series` names a column, each series is drawn separately.
        index, feature_names
            See :class:`ExplanationDisplay`; by default taken from a dataframe.
        min_length : int, default=1
            Events with fewer rows are not shown.
        merge_gap : int or "auto", default="auto"
            Events with at most this many normal rows between them are joined; by default half of
            the window, if the estimator has one.
        **plot_options
            `ax`, `features` and `cmap`: see :meth:`plot`.

        Returns
        -------
        display : ExplanationDisplay
            The display, plotted.

        Raises
        ------
        AttributeError
            If the estimator has no ``explain``.
        ImportError
            If matplotlib is not installed.
        """
        scores = estimator.score_samples(X)
        found = _of_samples(through(estimator, "explain", X), scores)
        offset = find_offset(estimator, X, joined(scores))
        grouping, errors = grouping_of(estimator, X), errors_of_rows(estimator, X)
        found, scores, offset, errors, index = map(
            grouping.parts, (found, scores, offset, errors, index)
        )
        lengths = stack_rows(found, "contributions")[1]
        options = {
            "window_size": window_of(estimator),
            "min_length": min_length,
            "merge_gap": gap_of(estimator, merge_gap),
        }
        events = events_of(lengths, scores, offset, errors, **options)
        if index is None and (isinstance(scores, list) or not isinstance(X, list)):
            index = index_of(grouping.frames(X))
        if feature_names is None:
            feature_names = matching_names(found, names_arriving(estimator, X))
        return cls.from_predictions(
            found, events=events, index=index, feature_names=feature_names, **plot_options
        )

    @classmethod
    def from_predictions(
        cls,
        contributions: SeriesLike,
        *,
        events: Sequence[tuple[int, int, int]] | None = None,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        **plot_options: Unpack[MapOptions],
    ) -> ExplanationDisplay:
        """Plot the result of `explain`.

        Parameters
        ----------
        contributions : array-like or dataframe of shape (n_rows, n_features), or list of these
            A dataframe provides the index and the feature names.
        events, index, feature_names
            See :class:`ExplanationDisplay`.
        **plot_options
            `ax`, `features` and `cmap`: see :meth:`plot`.

        Returns
        -------
        display : ExplanationDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If lengths differ.
        ImportError
            If matplotlib is not installed.
        """
        display = cls(
            contributions=contributions,
            events=events,
            index=index_of(contributions) if index is None else index,
            feature_names=names_of(contributions) if feature_names is None else feature_names,
        )
        return display.plot(**plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        features: Sequence[str | int] | None = None,
        cmap: str | Colormap = "magma_r",
    ) -> ExplanationDisplay:
        """Draw the map, one line for each feature.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. If None, a new figure that is high enough for all names.
        features : sequence of str or int, default=None
            The features to draw, by name or number, from top to bottom. If None, all.
        cmap : str or matplotlib Colormap, default="magma_r"
            The colours.

        Returns
        -------
        display : ExplanationDisplay
            The display itself, with its artists as attributes.

        Raises
        ------
        ValueError
            If a feature is unknown.
        ImportError
            If matplotlib is not installed.
        """
        names = self.feature_names
        asked = range(len(names)) if features is None else features
        drawn = [axes.find_feature(feature, names) for feature in asked]
        self.ax_ = axes.make_ax(ax, (8.0, max(2.5, 1.0 + 0.17 * len(drawn))))
        self.figure_ = self.ax_.figure
        axis = self.timeline.as_numbers()
        self._plot_map(axis, drawn, cmap)
        self.event_spans_ = axes.mark_above(self.ax_, axis, self.events, axes.DETECTED)
        self._decorate(axis, drawn)
        return self

    def _plot_map(self, axis: NDArray[np.float64], drawn: list[int], cmap: str | Colormap) -> None:
        from matplotlib.colors import PowerNorm

        cells = join_rows(self.contributions[:, drawn], axis, self.timeline)
        lines = np.arange(len(drawn) + 1) - 0.5
        self.mesh_ = self.ax_.pcolormesh(
            cells.edges,
            lines,
            cells.values.T,
            cmap=cmap,
            norm=PowerNorm(GAMMA, vmin=0.0, vmax=_largest_colour(self.contributions[:, drawn])),
            rasterized=True,
        )
        self.colorbar_ = self.figure_.colorbar(
            self.mesh_, ax=self.ax_, extend="max", pad=0.02, fraction=0.05, aspect=30
        )
        self.colorbar_.set_label("adds to the error", fontsize=9, color=axes.INK)
        self.colorbar_.outline.set_visible(False)
        self.colorbar_.ax.tick_params(labelsize=8, color=axes.PALE, labelcolor=axes.INK)

    def _decorate(self, axis: NDArray[np.float64], drawn: list[int]) -> None:
        ax = self.ax_
        names = [self.feature_names[feature] for feature in drawn]
        size = float(np.clip(0.85 * axes.height_in_points(ax) / max(len(names), 1), 4, 8))
        ax.set_yticks(range(len(names)), names, fontsize=size)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0, labelcolor=axes.INK)
        ax.tick_params(axis="x", color=axes.PALE, labelcolor=axes.INK, labelsize=8)
        ax.spines[:].set_visible(False)
        axes.mark_borders(ax, self.timeline, axis)
        if self.timeline.is_dated:
            axes.format_dates(ax)


MAX_CELLS = 1200
"""Most cells side by side; more than the pixels of a picture."""


class Cells(NamedTuple):
    """Cells of a map: their edges and values."""

    edges: NDArray[np.float64]
    values: NDArray[np.float64]


def join_rows(
    contributions: NDArray[Any],
    axis: NDArray[np.float64],
    timeline: Timeline,
    n: int = MAX_CELLS,
) -> Cells:
    """Return cells over an axis; each is the maximum of neighbouring rows if there are many.

    A cell extends half a step beyond its rows. An empty cell is inserted where the next rows are
    further away: after an outage, or where another series begins.

    Parameters
    ----------
    contributions : ndarray of shape (n_rows, n_features)
    axis : ndarray of shape (n_rows,)
        Increasing.
    timeline : Timeline
    n : int
        Most cells, not counting empty cells and cells that end a series.

    Examples
    --------
    >>> from skae._plots.axes import make_timeline
    >>> timeline = make_timeline(None, [4])
    >>> cells = join_rows(np.array([[1.0], [3.0], [2.0], [0.0]]), timeline.index, timeline, n=2)
    >>> cells.edges.tolist(), cells.values.ravel().tolist()
    ([-0.5, 1.5, 3.5], [3.0, 2.0])
    """
    steps = np.diff(axis)
    half = float(np.median(steps)) / 2 if len(steps) else 0.5
    firsts = _first_rows(axis, timeline, half, n)
    lasts = np.append(firsts[1:] - 1, len(axis) - 1)
    values = np.fmax.reduceat(contributions.astype(float), firsts, axis=0)
    values[np.isinf(values)] = np.nan
    begins, ends = axis[firsts] - half, axis[lasts] + half
    is_gap = begins[1:] - ends[:-1] > half
    edges = np.where(is_gap, ends[:-1], (begins[1:] + ends[:-1]) / 2)
    gaps = np.flatnonzero(is_gap)
    inner = np.insert(edges, gaps + 1, begins[1:][gaps])
    return Cells(
        np.concatenate([begins[:1], inner, ends[-1:]]),
        np.insert(values, gaps + 1, np.nan, axis=0),
    )


def _first_rows(
    axis: NDArray[np.float64], timeline: Timeline, half: float, n: int
) -> NDArray[np.intp]:
    """Return the first rows of cells with equal numbers of rows, none across a gap or border."""
    per_cell = -(-len(axis) // n)
    breaks = np.flatnonzero(np.diff(axis) > 3 * half) + 1
    starts = np.unique(np.concatenate([[0], breaks, timeline.borders]))
    ends = np.append(starts[1:], len(axis))
    pieces = [np.arange(s, e, per_cell) for s, e in zip(starts, ends, strict=True)]
    return np.concatenate(pieces).astype(np.intp)


def _largest_colour(contributions: NDArray[Any]) -> float:
    """Return the contribution at which the colours saturate."""
    largest = np.where(np.isfinite(contributions), contributions, 0.0).max(axis=1, initial=0.0)
    # If events are rarer than the quantile assumes, the colours would show only noise.
    return float(np.quantile(largest, SATURATION)) or float(largest.max()) or 1.0


def _of_samples(found: Any, scores: Any) -> Any:
    """Return contributions per sample; for sequences, the mean over the steps."""
    if isinstance(found, list) and not isinstance(scores, list):
        return np.stack([observed.mean(part, axis=0) for part in found])
    if not isinstance(found, list) and np.ndim(found) == 3:
        return observed.mean(np.asarray(found), axis=1)
    return found
