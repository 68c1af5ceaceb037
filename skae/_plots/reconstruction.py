"""`ReconstructionDisplay`: a series and its reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from skae._input import observed
from skae._input.table import SeriesLike
from skae._output.frames import index_of, is_of_series, name_features, names_of
from skae._output.pipeline import grouping_of, reach, through
from skae._output.scored_rows import stack_rows
from skae._plots import axes
from skae._plots.axes import PanelOptions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ReconstructionDisplay"]


class ReconstructionDisplay:
    """A series with its reconstruction on top, one panel per feature.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one. All parameters are
    stored as attributes; several series are joined into one array.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_features), or list of these
        The series; NaN where a value is missing. Several series or sequences are drawn in sequence:
        at their times if each begins after the last one ends, else over row numbers.
    reconstruction : array-like or list of the same shape
        The reconstruction, in the same units.
    index : array-like of shape (n_rows,), list of these, or None, default=None
        Times or numbers for the horizontal axis. If None, the row numbers.
    feature_names : sequence of str or None, default=None
        The names of the features. If None, ``x0``, ``x1``, ...

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One panel for each feature drawn.
    series_lines_, reconstruction_lines_ : list of matplotlib Line2D
        The lines of each panel.

    See Also
    --------
    AnomalyScoreDisplay : A series and its scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import ReconstructionDisplay
    >>> values = np.sin(np.arange(100) / 5)[:, None]
    >>> display = ReconstructionDisplay(values=values, reconstruction=0.9 * values)
    >>> display.errors.round(2)
    array([0.01])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        values: SeriesLike,
        reconstruction: SeriesLike,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.values, lengths = stack_rows(values)
        self.reconstruction, found = stack_rows(reconstruction, "reconstruction")
        if found != lengths or self.reconstruction.shape != self.values.shape:
            raise ValueError(
                f"Got reconstruction of shape {self.reconstruction.shape}, but expected the shape "
                f"{self.values.shape} of values, and the same lengths of series."
            )
        self.timeline = axes.make_timeline(index, lengths)
        self.index = self.timeline.index
        self.feature_names = name_features(feature_names, self.values.shape[1])

    @property
    def errors(self) -> NDArray[np.float64]:
        """Mean squared error of each feature relative to its variance, of shape (n_features,)."""
        squares = observed.mean((self.values - self.reconstruction) ** 2, axis=0)
        variance = observed.mean((self.values - observed.mean(self.values, axis=0)) ** 2, axis=0)
        zeros = np.zeros_like(squares)
        errors: NDArray[np.float64]
        errors = np.divide(squares, variance, out=zeros, where=variance > 0)
        return errors

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        X: SeriesLike,
        *,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        max_series: int = 8,
        **plot_options: Unpack[PanelOptions],
    ) -> ReconstructionDisplay:
        """Reconstruct a series with a fitted estimator and plot both.

        Parameters
        ----------
        estimator : object
            A fitted estimator with ``reconstruct``, or a Pipeline that ends in one. The picture is
            in the units of X if every previous step has an ``inverse_transform``, else in the units
            of the last step's input.
        X : array-like or dataframe of shape (n_rows, n_features), list of these, or sequences
            One series or several, or sequences as in ``LSTMAutoencoder.fit``. If the estimator's
            `series` names a column, each series is drawn separately.
        index, feature_names
            See :class:`ReconstructionDisplay`; by default taken from a dataframe.
        max_series : int, default=8
            Most series or sequences that are drawn, from the first on.
        **plot_options
            `ax`, `features` and `max_panels`: see :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If X does not fit the estimator, or `index` has another number of series.
        AttributeError
            If the estimator has no ``reconstruct``.
        ImportError
            If matplotlib is not installed.
        """
        before, step, arriving = reach(estimator, X)
        has_inverse = before is None or hasattr(before, "inverse_transform")
        found = through(estimator, "reconstruct", X, inverse=has_inverse)
        values: Any = X if has_inverse else arriving
        grouping = grouping_of(estimator, X)
        values, found = grouping.frames(values), grouping.parts(found)
        places: Any = index_of(grouping.frames(X)) if index is None else grouping.parts(index)
        if feature_names is None:
            feature_names = names_of(values)
        if _is_table(step, arriving):
            values, found = (np.asarray(rows)[:, :, None] for rows in (values, found))
            places = feature_names = None
        if isinstance(values, list) or np.ndim(values) == 3:
            if is_of_series(places) and len(places) != len(values):
                raise ValueError(
                    f"Got index for {len(places)} series, but expected one for each of the "
                    f"{len(values)} series of X."
                )
            values, found = values[:max_series], found[:max_series]
            places = places[:max_series] if is_of_series(places) else places
        return cls.from_predictions(
            values, found, index=places, feature_names=feature_names, **plot_options
        )

    @classmethod
    def from_predictions(
        cls,
        X: SeriesLike,
        reconstruction: SeriesLike,
        *,
        index: SeriesLike | None = None,
        feature_names: Sequence[str] | None = None,
        **plot_options: Unpack[PanelOptions],
    ) -> ReconstructionDisplay:
        """Plot a series and a reconstruction of it.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_rows, n_features), list of these, or array of \
                shape (n_sequences, n_steps, n_features)
            The original values.
        reconstruction : array-like or list of the same shape
            As `reconstruct` returns it.
        index, feature_names
            See :class:`ReconstructionDisplay`; by default taken from a dataframe.
        **plot_options
            `ax`, `features` and `max_panels`: see :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the shapes differ.
        ImportError
            If matplotlib is not installed.
        """
        display = cls(
            values=_as_series(X),
            reconstruction=_as_series(reconstruction),
            index=index_of(X) if index is None else index,
            feature_names=names_of(X) if feature_names is None else feature_names,
        )
        return display.plot(**plot_options)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | NDArray[np.object_] | None = None,
        *,
        features: Sequence[str | int] | None = None,
        max_panels: int = axes.MAX_PANELS,
    ) -> ReconstructionDisplay:
        """Draw the series and its reconstruction.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One per feature drawn. If None, a new figure.
        features : sequence of str or int, default=None
            The features to draw, by name or number. If None, all, or the worst reconstructed ones
            if there are more than axes or `max_panels`.
        max_panels : int, default=6
            Most features to draw if neither `ax` nor `features` gives the number.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself, with its artists as attributes.

        Raises
        ------
        ValueError
            If a feature is unknown, or the numbers of axes and `features` differ.
        ImportError
            If matplotlib is not installed.
        """
        self.axes_, drawn = axes.panels_for(
            self.feature_names,
            lambda n: sorted(np.argsort(-self.errors, kind="stable")[:n].tolist()),
            with_score=False,
            ax=ax,
            features=features,
            max_panels=max_panels,
        )
        self.figure_ = self.axes_[0].figure
        draw = partial(axes.draw_features, self.axes_, self.timeline, linewidth=0.9)
        made = self.reconstruction[:, drawn]
        self.series_lines_ = draw(self.values[:, drawn], color=axes.SERIES)
        self.reconstruction_lines_ = draw(made, color=axes.DETECTED, alpha=0.85)
        axes.clean_panels(self.axes_, self.timeline)
        handles = [self.series_lines_[0], self.reconstruction_lines_[0]]
        axes.add_legend(self.axes_[0], handles, ["observed", "reconstructed"])
        return self


def _is_table(step: Any, arriving: Any) -> bool:
    """Tell whether each input row of a step is a univariate sequence."""
    is_2d = not isinstance(arriving, list) and np.ndim(arriving) == 2
    return is_2d and getattr(step, "window_size", 0) is None


def _as_series(X: Any) -> Any:
    """Return the sequences of an array as a list."""
    return X if isinstance(X, list) or np.ndim(X) != 3 else list(np.asarray(X))
