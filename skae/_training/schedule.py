"""How the learning rate goes down in the course of a training."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class Schedule:
    """A learning rate that stays what the optimizer says.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
    n_batches : int
        Batches in a round.
    """

    def __init__(self, optimizer: Any, n_batches: int):
        self.optimizer, self.n_batches = optimizer, n_batches

    def rates(self, first: int, last: int) -> NDArray[np.float32] | None:
        """Return the rates of batches `first` to `last`; None for that of the optimizer."""
        return None

    def reset(self) -> None:
        """Set the optimizer's rate back for the next training."""


class CosineSchedule(Schedule):
    """A learning rate that falls to zero along half a cosine, and then starts anew.

    It multiplies the rate that stands in the optimizer, so that callbacks may change that too.

    References
    ----------
    I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts",
    arXiv:1608.03983, equation 5 with rounds of one length.
    """

    def __init__(self, optimizer: Any, n_batches: int):
        super().__init__(optimizer, n_batches)
        self._factor = 1.0

    def rates(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the rates of batches `first` to `last`, counted from the first epoch."""
        done = np.arange(first, last + 1) % self.n_batches / self.n_batches
        factors = np.maximum(0.5 * (1 + np.cos(np.pi * done)), np.finfo(np.float32).eps)
        base, self._factor = self._base(), float(factors[-1])
        return (base * factors).astype(np.float32)

    def reset(self) -> None:
        """Set the optimizer's rate back for the next training."""
        self.optimizer.learning_rate = self._base()
        self._factor = 1.0

    def _base(self) -> float:
        return float(self.optimizer.learning_rate) / self._factor


def schedule_for(name: str, optimizer: Any, n_batches: int) -> Schedule:
    """Return the schedule of that name; an optimizer that brings its own keeps that."""
    brings_its_own = isinstance(
        getattr(optimizer, "_learning_rate", None), keras.optimizers.schedules.LearningRateSchedule
    )
    kind = CosineSchedule if name == "cosine" and not brings_its_own else Schedule
    return kind(optimizer, n_batches)
