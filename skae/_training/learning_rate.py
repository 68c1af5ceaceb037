"""The learning rate: constant, or falling along a cosine."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skae._compat.keras import schedule_of

RATE, PEAK_OF_LONG_SERIES = 5e-3, 1e-2
"""Learning rates with "auto": of the optimizer, and at the beginning of long series."""


class LearningRate:
    """The constant learning rate of the optimizer."""

    def of_next(self, n_batches: int) -> NDArray[np.float32] | None:
        """Return the rates of the next batches; None for the optimizer's rate."""
        return None

    def reset(self) -> None:
        """Reset the optimizer's rate for the next training."""


class CosineLearningRate(LearningRate):
    """A learning rate that falls to zero along half a cosine, and then restarts.

    A callback that sets the optimizer's rate takes over for the rest of the training.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
    n_batches : int
        Batches in a cycle.
    peak : float, optional
        Rate at the beginning of a cycle; by default the optimizer's.

    References
    ----------
    I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts",
    arXiv:1608.03983, equation 5 with cycles of one length.
    """

    def __init__(self, optimizer: Any, n_batches: int, peak: float | None = None):
        self.optimizer, self.n_batches = optimizer, n_batches
        self._initial, self._n_done = _rate_of(optimizer), 0
        self._peak = self._initial if peak is None else float(np.float32(peak))
        # One float32 below the actual rate, to notice a callback that sets the same rate.
        self._set(np.nextafter(np.float32(self._peak), np.float32(0)))

    def of_next(self, n_batches: int) -> NDArray[np.float32] | None:
        """Return the rates of the next batches; None for the optimizer's rate."""
        if self._is_overridden:
            return None
        done = np.arange(self._n_done, self._n_done + n_batches) % self.n_batches / self.n_batches
        factors = np.maximum(0.5 * (1 + np.cos(np.pi * done)), np.finfo(np.float32).eps)
        self._n_done += n_batches
        rates = (self._peak * factors).astype(np.float32)
        self._last = float(rates[-1])
        return rates

    def reset(self) -> None:
        """Reset the optimizer's rate for the next training, unless a callback has set it."""
        if not self._is_overridden:
            self._set(self._initial)

    @property
    def _is_overridden(self) -> bool:
        return _rate_of(self.optimizer) != self._last

    def _set(self, rate: Any) -> None:
        self.optimizer.learning_rate = rate
        self._last = _rate_of(self.optimizer)


def _rate_of(optimizer: Any) -> float:
    """Return the current rate of an optimizer."""
    return float(tf.convert_to_tensor(optimizer.learning_rate))


def learning_rate_of(
    schedule: str, optimizer: Any, n_batches: int, peak: float | None = None
) -> LearningRate:
    """Return the learning rate of a schedule; an optimizer with its own schedule keeps it."""
    if schedule == "cosine" and schedule_of(optimizer) is None:
        return CosineLearningRate(optimizer, n_batches, peak)
    return LearningRate()
