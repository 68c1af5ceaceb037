"""`LatentDisplay`: latents as points in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._input import observed
from skae._input.table import SeriesLike
from skae._output.frames import joined
from skae._output.pipeline import reach
from skae._plots.axes import DETECTED, SERIES, clean, make_ax

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator

__all__ = ["LatentDisplay"]

PALETTE = (SERIES, DETECTED, "#2a9d8f", "#e9a23b", "#7b5ea7", "#8c6d46", "#d27ba7", "#666666")
LOG_RATIO = 20
"""Ratio of the largest score to the median above which colours are logarithmic."""


class LatentDisplay:
    """Latents as points in a plane, coloured by anomaly score or by label.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one. All parameters are stored
    as attributes. Latents with more than two dimensions are projected to two principal components;
    a single dimension is drawn over the sample number.

    Parameters
    ----------
    latents : array-like of shape (n_samples, latent_dim)
        Latents. Samples with NaN, where nothing was observed, are left out.
    scores : array-like of shape (n_samples,) or None, default=None
        Anomaly scores, higher = worse: the negative of an estimator's ``score_samples``.
    labels : array-like of shape (n_samples,) or None, default=None
        Labels of any kind, at most 8 different ones. They take precedence over `scores`.

    Attributes
    ----------
    points : ndarray of shape (n_samples, 2)
        Positions of the samples.
    explained_variance_ratio : ndarray of shape (2,) or None
        Share of the variance of each principal component; None for one or two dimensions.
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    scatters_ : list of matplotlib PathCollection
        The points, label by label.
    colorbar_ : matplotlib Colorbar or None
        The scale of the scores; None without scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import LatentDisplay
    >>> latents = np.random.default_rng(0).normal(size=(100, 8))
    >>> display = LatentDisplay(latents=latents, labels=latents[:, 0] > 1)
    >>> display.points.shape
    (100, 2)
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        latents: ArrayLike,
        scores: ArrayLike | None = None,
        labels: SeriesLike | None = None,
    ) -> None:
        self.latents = np.asarray(latents)
        if self.latents.ndim != 2 or self.latents.dtype.kind not in "fiub":
            raise ValueError(
                f"Got latents of shape {self.latents.shape} and dtype {self.latents.dtype}, but "
                "expected numbers of shape (n_samples, latent_dim)."
            )
        self.scores = None if scores is None else np.asarray(scores, dtype=float)
        self.labels = None if labels is None else np.asarray(labels)
        for name in ("scores", "labels"):
            entries = getattr(self, name)
            if entries is not None and entries.shape != (len(self.latents),):
                raise ValueError(
                    f"Got {name} of shape {entries.shape}, but expected one entry for each of the "
                    f"{len(self.latents)} latents."
                )
        self.points, self.explained_variance_ratio = _in_a_plane(self.latents)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: SeriesLike,
        *,
        labels: SeriesLike | None = None,
        ax: Axes | None = None,
        **scatter_options: Any,
    ) -> LatentDisplay:
        """Transform samples with a fitted estimator and plot the latents.

        Parameters
        ----------
        estimator : object
            A fitted estimator with ``transform`` and, unless there are `labels`,
            ``score_samples``; or a Pipeline that ends in one.
        X : array-like or list
            Input of the estimator. The latents of a sequence's steps are averaged; the rows of
            several series are drawn together.
        labels : array-like of shape (n_samples,), list of these for series, or None, default=None
            See :class:`LatentDisplay`.
        ax, **scatter_options
            See :meth:`plot`.

        Returns
        -------
        display : LatentDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If X does not fit the estimator, or the numbers of labels and samples differ.
        ImportError
            If matplotlib is not installed.
        """
        _, step, arriving = reach(estimator, X)
        latents = _one_a_sample(step.transform(arriving), step)
        scores = None if labels is not None else estimator.score_samples(X)
        return cls.from_predictions(latents, scores, labels=labels, ax=ax, **scatter_options)

    @classmethod
    def from_predictions(
        cls,
        latents: SeriesLike,
        scores: SeriesLike | None = None,
        *,
        labels: SeriesLike | None = None,
        ax: Axes | None = None,
        **scatter_options: Any,
    ) -> LatentDisplay:
        """Plot latents.

        Parameters
        ----------
        latents : array-like of shape (n_samples, latent_dim), or list of these
            As `transform` returns them.
        scores : array-like of shape (n_samples,), list of these, or None, default=None
            As ``score_samples`` returns them: higher is more normal.
        labels : array-like of shape (n_samples,), list of these, or None, default=None
            See :class:`LatentDisplay`.
        ax, **scatter_options
            See :meth:`plot`.

        Returns
        -------
        display : LatentDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If lengths differ.
        ImportError
            If matplotlib is not installed.
        """
        scores = None if scores is None else -joined(scores, 1).astype(float)
        labels = None if labels is None else joined(labels, 1)
        display = cls(latents=joined(latents, 2), scores=scores, labels=labels)
        return display.plot(ax, **scatter_options)

    def plot(self, ax: Axes | None = None, **scatter_options: Any) -> LatentDisplay:
        """Draw the points, the worst scores on top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. If None, a new figure is made.
        **scatter_options
            Passed to ``Axes.scatter``, such as ``s=4`` or ``cmap="magma"``.

        Returns
        -------
        display : LatentDisplay
            The display itself, with its artists as attributes.

        Raises
        ------
        ValueError
            If there are more than 8 different labels.
        ImportError
            If matplotlib is not installed.
        """
        self.ax_ = make_ax(ax)
        self.figure_ = self.ax_.figure
        self.colorbar_: Any = None
        size = float(np.clip(4000 / max(len(self.points), 1), 6, 30))
        options = {"s": size, "linewidths": 0, "alpha": 0.8, "rasterized": True} | scatter_options
        if self.labels is not None:
            self._plot_labels(self.labels, options)
        elif self.scores is not None:
            self._plot_scores(self.scores, options)
        else:
            self.scatters_ = [self._scatter(self._seen, {"color": SERIES} | options)]
        clean(self.ax_)
        xlabel, ylabel = self._axis_names()
        self.ax_.set(xlabel=xlabel, ylabel=ylabel)
        return self

    @property
    def _seen(self) -> NDArray[np.bool_]:
        seen: NDArray[np.bool_] = ~np.isnan(self.points).any(axis=1)
        return seen

    def _scatter(self, chosen: NDArray[Any], options: dict[str, Any]) -> Any:
        return self.ax_.scatter(*self.points[chosen].T, **options)

    def _plot_labels(self, labels: NDArray[Any], options: dict[str, Any]) -> None:
        kinds, counts = np.unique(labels[self._seen], return_counts=True)
        if len(kinds) > len(PALETTE):
            raise ValueError(
                f"Got {len(kinds)} different labels, but expected at most {len(PALETTE)}, the "
                "number of colours that can be told apart."
            )
        # Rarer labels are drawn later, above the others.
        order = np.argsort(-counts, kind="stable")
        self.scatters_ = [
            self._scatter(
                self._seen & (labels == kinds[i]),
                {"color": PALETTE[place], "label": str(kinds[i])} | options,
            )
            for place, i in enumerate(order)
        ]
        handles = self.scatters_
        if kinds.dtype.kind in "iuf":  # numbers are listed in order
            handles = [handles[place] for place in np.argsort(order)]
        style = {"fontsize": 8, "frameon": False, "title_fontsize": 8, "markerscale": 1.5}
        self.ax_.legend(handles=handles, title="label", **style)

    def _plot_scores(self, scores: NDArray[np.float64], options: dict[str, Any]) -> None:
        from matplotlib.colors import LogNorm

        seen = np.flatnonzero(self._seen & np.isfinite(scores))
        worst_last = seen[np.argsort(scores[seen], kind="stable")]
        values = scores[worst_last]
        is_log = len(values) > 0 and 0 < values[0] and values[-1] > LOG_RATIO * np.median(values)
        defaults = {"c": values, "cmap": "viridis", "norm": LogNorm() if is_log else None}
        self.scatters_ = [self._scatter(worst_last, defaults | options)]
        self.colorbar_ = self.figure_.colorbar(self.scatters_[0], ax=self.ax_)
        self.colorbar_.set_label("anomaly score", fontsize=9)
        self.colorbar_.solids.set_alpha(1)
        self.colorbar_.outline.set_visible(False)
        self.colorbar_.ax.tick_params(labelsize=8)

    def _axis_names(self) -> Sequence[str]:
        if self.explained_variance_ratio is not None:
            shares = enumerate(self.explained_variance_ratio, start=1)
            return [f"principal component {i} ({share:.0%})" for i, share in shares]
        return ["latent 0", "latent 1"] if self.latents.shape[1] == 2 else ["sample", "latent 0"]


def _in_a_plane(latents: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the positions of latents in a plane, and the share of variance of each axis."""
    if latents.shape[1] == 1:
        return np.column_stack([np.arange(len(latents)), latents]), None
    if latents.shape[1] == 2:
        return latents, None
    from sklearn.decomposition import PCA

    seen = np.isfinite(latents).all(axis=1)
    if seen.sum() < 2:
        raise ValueError(
            f"Got latents of which {seen.sum()} are finite, but expected at least 2 to find "
            "principal components."
        )
    pca = PCA(2, svd_solver="full").fit(latents[seen])
    points = np.full((len(latents), 2), np.nan)
    points[seen] = pca.transform(latents[seen])
    return points, pca.explained_variance_ratio_


def _one_a_sample(latents: Any, step: Any) -> Any:
    """Return latents per sample; for sequences of latents, the mean over the steps."""
    if isinstance(latents, list):
        is_of_sequences = getattr(step, "window_size", 0) is None
        return (
            [np.mean(part, axis=0, keepdims=True) for part in latents]
            if is_of_sequences
            else latents
        )
    return latents if np.ndim(latents) == 2 else observed.mean(np.asarray(latents), axis=1)
