"""How a network is trained: every "auto" resolved once."""

from dataclasses import dataclass
from typing import Self

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
