"""How the learning rate goes down in the course of a training."""

from typing import Any

import keras
import numpy as np

UPDATES = 50
"""Times that the rate changes in a training, at least, if it has so many batches."""


class Schedule:
    """A learning rate that stays as it is.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
    n_batches : int
        Batches in the whole training.
    """

    def __init__(self, optimizer: Any, n_batches: int):
        self.optimizer, self.n_batches = optimizer, n_batches

    @property
    def batches_between(self) -> int:
        """Most batches that may go by before `advance` is called."""
        return self.n_batches

    def advance(self, n_done: int) -> None:
        """Set the rate for the batches after the first `n_done`."""

    def reset(self) -> None:
        """Set the rate back for the next training."""


class CosineSchedule(Schedule):
    """A learning rate that falls to zero along half a cosine.

    It multiplies the rate that stands in the optimizer, so that callbacks may change that too.

    References
    ----------
    I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts",
    arXiv:1608.03983, equation 5 without restarts.
    """

    def __init__(self, optimizer: Any, n_batches: int):
        super().__init__(optimizer, n_batches)
        self._factor = 1.0

    @property
    def batches_between(self) -> int:
        """Most batches that may go by before `advance` is called."""
        return max(1, self.n_batches // UPDATES)

    def advance(self, n_done: int) -> None:
        """Set the rate for the batches after the first `n_done`."""
        self._scale_to(0.5 * (1 + np.cos(np.pi * min(n_done / self.n_batches, 1.0))))

    def reset(self) -> None:
        """Set the rate back for the next training."""
        self._scale_to(1.0)

    def _scale_to(self, factor: float) -> None:
        rate = float(self.optimizer.learning_rate) / self._factor
        self._factor = max(factor, float(np.finfo(np.float32).eps))
        self.optimizer.learning_rate = rate * self._factor


def schedule_for(name: str, optimizer: Any, n_batches: int) -> Schedule:
    """Return the schedule of that name; an optimizer that brings its own keeps that."""
    brings_its_own = isinstance(
        getattr(optimizer, "_learning_rate", None), keras.optimizers.schedules.LearningRateSchedule
    )
    return (CosineSchedule if name == "cosine" and not brings_its_own else Schedule)(
        optimizer, n_batches
    )
