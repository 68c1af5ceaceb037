"""`TrainingDisplay`: the losses of each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._output.pipeline import last_step
from skae._plots.axes import DETECTED, LABELLED, SERIES, clean, make_ax

if TYPE_CHECKING:
    from keras.callbacks import History
    from matplotlib.axes import Axes

__all__ = ["TrainingDisplay"]

LOG_RATIO = 10
"""Ratio of the largest loss to the smallest above which the axis is logarithmic."""


class TrainingDisplay:
    """The training and held-out loss of each epoch, with the best epoch marked.

    Use :meth:`from_estimator` or :meth:`from_history` to create one. All parameters are stored
    as attributes.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        The loss in training.
    val_loss : array-like of shape (n_epochs,) or None, default=None
        The loss on held-out data, if any.

    Attributes
    ----------
    best_epoch : int
        The epoch, counted from 1, with the lowest held-out loss, or with the lowest loss
        if nothing was held out.
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    loss_line_, val_loss_line_ : matplotlib Line2D
        The lines; the latter is None without `val_loss`.
    best_line_ : matplotlib Line2D
        The mark at the best epoch.

    Notes
    -----
    `LSTMAutoencoder` does not always keep the weights of the best epoch; that depends on
    `early_stopping` and `epochs`.

    Examples
    --------
    >>> from skae import TrainingDisplay
    >>> display = TrainingDisplay(loss=[1.0, 0.5, 0.4], val_loss=[1.1, 0.6, 0.7])
    >>> display.best_epoch
    2
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, *, loss: ArrayLike, val_loss: ArrayLike | None = None) -> None:
        self.loss = np.asarray(loss, dtype=float)
        self.val_loss = None if val_loss is None else np.asarray(val_loss, dtype=float)
        for name in ("loss", "val_loss"):
            losses = getattr(self, name)
            if losses is not None and (losses.shape != self.loss.shape or losses.ndim != 1):
                raise ValueError(
                    f"Got {name} of shape {losses.shape}, but expected one entry for each epoch, "
                    f"of shape ({self.loss.size},)."
                )
        if not np.isfinite(self._judged).any():
            raise ValueError(
                f"Got {len(self._judged)} losses, none of them finite, but expected a training of "
                "at least one epoch."
            )
        self.best_epoch = int(np.nanargmin(self._judged)) + 1

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        *,
        ax: Axes | None = None,
        log_scale: bool | Literal["auto"] = "auto",
    ) -> TrainingDisplay:
        """Plot the history of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator with ``history_``, or a Pipeline that ends in one.
        ax, log_scale
            See :meth:`plot`.

        Returns
        -------
        display : TrainingDisplay
            The display, plotted.

        Raises
        ------
        AttributeError
            If the estimator has no ``history_``.
        ImportError
            If matplotlib is not installed.
        """
        return cls.from_history(last_step(estimator).history_, ax=ax, log_scale=log_scale)

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Sequence[float]] | History,
        *,
        ax: Axes | None = None,
        log_scale: bool | Literal["auto"] = "auto",
    ) -> TrainingDisplay:
        """Plot a history.

        Parameters
        ----------
        history : dict of str to list of float, or keras.callbacks.History
            "loss" and, if data were held out, "val_loss" of each epoch.
        ax, log_scale
            See :meth:`plot`.

        Returns
        -------
        display : TrainingDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If there is no "loss".
        ImportError
            If matplotlib is not installed.
        """
        losses = history if isinstance(history, Mapping) else getattr(history, "history", history)
        if not isinstance(losses, Mapping) or "loss" not in losses:
            raise ValueError(
                f"Got history of type {type(history).__name__}, but expected a dict with the "
                "losses of each epoch under 'loss', or a Keras History."
            )
        display = cls(loss=losses["loss"], val_loss=losses.get("val_loss"))
        return display.plot(ax, log_scale=log_scale)

    def plot(
        self, ax: Axes | None = None, *, log_scale: bool | Literal["auto"] = "auto"
    ) -> TrainingDisplay:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. If None, a new figure is made.
        log_scale : bool or "auto", default="auto"
            Whether the axis of the losses is logarithmic. "auto": if the largest is more than 10
            times the smallest.

        Returns
        -------
        display : TrainingDisplay
            The display itself, with its artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_ = make_ax(ax)
        self.figure_ = self.ax_.figure
        self.loss_line_ = self._draw(self.loss, "training", SERIES)
        self.val_loss_line_ = None
        if self.val_loss is not None:
            self.val_loss_line_ = self._draw(self.val_loss, "held out", DETECTED)
        lowest = self._judged[self.best_epoch - 1]
        name = f"lowest: {lowest:.3g} in epoch {self.best_epoch}"
        self.best_line_ = self.ax_.axvline(
            self.best_epoch, color=LABELLED, linestyle="--", linewidth=1, label=name, zorder=1
        )
        if self._is_log(log_scale):
            self._set_log_scale()
        clean(self.ax_)
        self.ax_.set(xlabel="epoch", ylabel="loss")
        self.ax_.locator_params(axis="x", integer=True)
        self.ax_.legend(fontsize=8, frameon=False)
        return self

    def _draw(self, losses: Any, name: str, color: str) -> Any:
        epochs = np.arange(1, len(losses) + 1)
        marker = "o" if len(losses) <= 30 else None
        (line,) = self.ax_.plot(
            epochs, losses, color=color, label=name, linewidth=1.4, marker=marker, markersize=3
        )
        return line

    @property
    def _judged(self) -> NDArray[np.float64]:
        return self.loss if self.val_loss is None else self.val_loss

    def _is_log(self, log_scale: bool | Literal["auto"]) -> bool:
        if log_scale != "auto":
            return bool(log_scale)
        losses = np.concatenate([self.loss, [] if self.val_loss is None else self.val_loss])
        finite = losses[np.isfinite(losses)]
        return bool(finite.min() > 0 and finite.max() > LOG_RATIO * finite.min())

    def _set_log_scale(self) -> None:
        from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

        self.ax_.set_yscale("log")
        # 0.2 is easier to read than 2 x 10^-1.
        self.ax_.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        self.ax_.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        self.ax_.yaxis.set_minor_locator(NullLocator())
