"""How a network is trained: every "auto" resolved once, and the learning rate."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skae._compat.keras import schedule_of
from skae._compiled.steps import n_shards_for

STEPS_OF_ROWS, STEPS_OF_SETS = 500, 1000
"""Steps in a cycle of ``epochs="auto"``, and most steps of an epoch with ``batch_size="auto"``."""

MAX_CYCLE_EPOCHS = 100
"""Most epochs in such a cycle."""

MAX_CYCLES = 3
"""Most cycles of a training."""

BATCH_SIZES = 32, 256
"""Smallest and largest batch that ``batch_size="auto"`` chooses."""

MIN_SEQUENCES_TO_COMPILE = 1024
"""Sequences times epochs below which compiling for a batch size costs more than it saves."""

MIN_SEQUENCES_TO_COMPILE_TESTS = 2**15
"""Held-out sequences times epochs below which compiling costs more than it saves."""

PLAIN_TEST_BATCH = 1024
"""Held-out sequences in a batch without compiling."""


@dataclass(frozen=True)
class TrainingPlan:
    """The plan of a training, independent of functions that are already compiled.

    Parameters
    ----------
    epochs : int
        Passes over the data, unless training stops early.
    cycle_epochs : int
        Epochs after which the learning rate restarts (Loshchilov and Hutter 2017).
    batch_size : int
    schedule : {"cosine", "constant"}
        How the learning rate falls in a cycle.
    peak_rate : float, optional
        Rate at the beginning of the cosine; by default the optimizer's rate.
    monitor : {"val_loss", "loss"}, optional
        Loss that must improve within `patience` epochs.
    patience : int
    compiled : bool
        Whether steps are compiled for the batch size, and batches are sharded.
    recurrent_steps : int
        Recurrent steps of a sequence.
    """

    epochs: int
    cycle_epochs: int
    batch_size: int
    schedule: str = "constant"
    peak_rate: float | None = None
    monitor: str | None = None
    patience: int = 0
    compiled: bool = False
    recurrent_steps: int = 1

    @classmethod
    def resolve(
        cls,
        n_training: int,
        *,
        holds_out: bool,
        is_set: bool,
        can_be_sharded: bool,
        recurrent_steps: int = 1,
        peak_rate: float | None = None,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        early_stopping: bool | str = "auto",
        patience: int = 20,
        keeps_rate: bool = False,
    ) -> Self:
        """Return the plan for parameters of `LSTMAutoencoder` and these data.

        Parameters
        ----------
        n_training : int
            Sequences to train on.
        holds_out : bool
            Whether there are held-out data.
        is_set : bool
            Whether the data are a set of sequences, not the windows of a series.
        can_be_sharded : bool
            Whether batches can be sharded.
        recurrent_steps : int
            Recurrent steps of a sequence.
        peak_rate : float, optional
            See above.
        epochs, batch_size, early_stopping, patience
            See `LSTMAutoencoder`.
        keeps_rate : bool
            Whether the optimizer's learning rate stays constant.
        """
        cycle_steps = STEPS_OF_SETS if is_set else STEPS_OF_ROWS
        size = _batch_size(batch_size, n_training, cycle_steps)
        length = _cycle_epochs(epochs, -(-n_training // size), cycle_steps)
        stops = holds_out and is_set if isinstance(early_stopping, str) else early_stopping
        restarts = epochs == "auto" and holds_out and not stops
        total = MAX_CYCLES * length if restarts else length
        return cls(
            epochs=total,
            cycle_epochs=length,
            batch_size=size,
            schedule="constant" if keeps_rate else "cosine",
            peak_rate=peak_rate,
            monitor=("val_loss" if holds_out else "loss") if stops else None,
            patience=patience,
            compiled=can_be_sharded and n_training * total >= MIN_SEQUENCES_TO_COMPILE,
            recurrent_steps=recurrent_steps,
        )

    @property
    def restarts(self) -> bool:
        """Whether another cycle may follow the first."""
        return self.epochs > self.cycle_epochs

    def n_shards(self, n_sequences: int) -> int:
        """Return the number of shards of a batch; 0 for none."""
        if not self.compiled:
            return 0
        return n_shards_for(min(self.batch_size, n_sequences), self.recurrent_steps)

    def to_test(self, n_sequences: int, *, one_by_one: bool) -> tuple[int, int]:
        """Return the batch size for held-out sequences, and the number of shards.

        Parameters
        ----------
        n_sequences : int
        one_by_one : bool
            Whether a callback gets these batches, which then have the training batch size.
        """
        is_little = n_sequences * self.epochs < MIN_SEQUENCES_TO_COMPILE_TESTS
        if self.compiled and is_little and not one_by_one:
            return PLAIN_TEST_BATCH, 0
        return self.batch_size, self.n_shards(n_sequences)


def _cycle_epochs(epochs: int | str, n_batches: int, cycle_steps: int) -> int:
    if not isinstance(epochs, str):
        return epochs
    return min(max(1, round(cycle_steps / n_batches)), MAX_CYCLE_EPOCHS)


def _batch_size(batch_size: int | str, n_sequences: int, cycle_steps: int) -> int:
    if not isinstance(batch_size, str):
        return batch_size
    smallest, largest = BATCH_SIZES
    # Powers of two, because steps are compiled for each size.
    wanted: int = 2 ** (-(-n_sequences // cycle_steps) - 1).bit_length()
    return min(max(smallest, wanted), largest)


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
