"""The training loop: epochs over shuffled batches, with Keras callbacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from skae._compiled.replicas import Replica, replica_of
from skae._compiled.steps import can_be_sharded, n_shards_for
from skae._sequences.ragged import Floats, Sequences
from skae._training.schedule import Schedule, schedule_for

MIN_SEQUENCES_TO_COMPILE = 1024
"""Sequences times epochs below which compiling for a size of batches costs more than it saves."""

CHUNK_BYTES = 2**24
"""Size of the inputs handed to one call."""


class Batches:
    """Batches of padded sequences, gathered one at a time, in a new order every epoch.

    Parameters
    ----------
    sequences : Sequences
    fallback : ndarray of shape (n_features,)
        Input for a feature of which a sequence observed nothing.
    batch_size : int
    weights : ndarray of shape (n_sequences,) or (n_rows,), optional
        Weight of each sequence, or of each row that they are slices of.
    keep_nan : bool
        Whether padded steps of the input are NaN, or 0.
    rng : numpy.random.Generator, optional
        Shuffles; without it the order stays.
    """

    def __init__(
        self,
        sequences: Sequences,
        fallback: Floats,
        batch_size: int,
        weights: Floats | None = None,
        keep_nan: bool = True,
        rng: np.random.Generator | None = None,
    ):
        self.sequences, self.fallback, self.batch_size = sequences, fallback, batch_size
        self.weights = weights
        self.keep_nan = keep_nan
        self._rng = rng
        self._order = np.arange(len(sequences))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.sequences) // self.batch_size)

    def __getitem__(self, i: int) -> tuple[Floats, Floats, Floats]:
        """Return inputs, targets (n, T, F) and weights (n,) or (n, T) of batch `i`."""
        chosen = self._order[i * self.batch_size : (i + 1) * self.batch_size]
        batch = self.sequences.select(chosen)
        length = self.sequences.max_length
        targets = batch.padded(length)
        inputs = batch.imputed(targets, self.fallback)
        inputs = inputs if self.keep_nan else np.nan_to_num(inputs)
        return inputs, targets, self._weights_of(chosen, batch, length)

    @property
    def n_rows(self) -> int:
        """Number of sequences in a batch that is not the last."""
        return min(self.batch_size, len(self.sequences))

    @property
    def n_bytes(self) -> int:
        """Size of the inputs of such a batch."""
        return 4 * self.n_rows * self.sequences.max_length * self.sequences.n_features

    def pieces(self, n_batches: int, n_shards: int) -> Iterator[tuple[int, int, tuple]]:
        """Yield the batches in order, as a compiled step takes them.

        Parameters
        ----------
        n_batches : int
            Batches in a piece.
        n_shards : int
            With 0, a piece is one batch as it is. Else all batches have one size, which
            `n_shards` divides: sequences of weight zero fill them up.

        Yields
        ------
        first, last : int
            Numbers of the batches.
        arrays : tuple of ndarray
            Inputs, targets, which are the same object where nothing is missing, and weights.
        """
        for first in range(0, len(self), n_batches):
            last = min(first + n_batches, len(self)) - 1
            yield first, last, self._stacked(first, last, n_shards) if n_shards else self[first]

    def _stacked(self, first: int, last: int, n_shards: int) -> tuple:
        n_rows = -(-self.n_rows // n_shards) * n_shards
        batches = [self[i] for i in range(first, last + 1)]
        inputs, targets, weights = (
            np.stack([_filled_up(array, n_rows) for array in arrays])
            for arrays in zip(*batches, strict=True)
        )
        same = all(batch[0] is batch[1] for batch in batches)
        return inputs, inputs if same else targets, weights

    def _weights_of(self, chosen: Any, batch: Sequences, length: int) -> Floats:
        if self.weights is None:
            return np.ones((len(chosen), 1), np.float32)
        if len(self.weights) == len(self.sequences):
            return self.weights[chosen][:, None]
        rows = Sequences(self.weights[:, None], batch.starts, batch.lengths)
        return np.nan_to_num(rows.padded(length)[:, :, 0])

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self._rng is not None:
            self._rng.shuffle(self._order)


def _filled_up(array: Floats, n_rows: int) -> Floats:
    missing = n_rows - len(array)
    return np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) if missing else array


class Trainer:
    """Trains a model as ``keras.Model.fit`` does, through its compiled twin.

    It stands where SciKeras expects a model.

    Parameters
    ----------
    model : keras.Model
        Compiled. It changes only if training succeeds.
    schedule : {"constant", "cosine"}
        How the learning rate goes down from the first epoch to the last.
    round_length : int, optional
        Epochs after which it starts anew.
    """

    def __init__(
        self, model: keras.Model, schedule: str = "constant", round_length: int | None = None
    ):
        self.model, self.schedule, self.round_length = model, schedule, round_length
        self.loss = model.loss

    def fit(
        self,
        x: Batches,
        *,
        epochs: int,
        initial_epoch: int,
        verbose: Any,
        callbacks: list[keras.callbacks.Callback],
        validation_data: Batches | None,
        **ignored: Any,
    ) -> keras.callbacks.History:
        """Train from `initial_epoch` up to `epochs`, or until a callback stops it.

        Parameters
        ----------
        x, validation_data : Batches
        epochs, initial_epoch : int
        verbose : int or "auto"
        callbacks : list of keras.callbacks.Callback
        **ignored
            What else SciKeras hands to a model, which `x` knows already.

        Returns
        -------
        keras.callbacks.History
        """
        with replica_of(self.model) as twin:
            run = _callback_list(callbacks, twin.model, verbose, epochs, len(x))
            n_epochs = epochs - initial_epoch
            n_batches = (self.round_length or n_epochs) * len(x)
            schedule = schedule_for(self.schedule, twin.model.optimizer, n_batches)
            pace = _Pace.choose(twin, x, n_epochs, callbacks, schedule)
            twin.model.stop_training = False
            run.on_train_begin()
            logs: dict[str, float] = {}
            for epoch in range(initial_epoch, epochs):
                run.on_epoch_begin(epoch)
                logs = {"loss": pace.train(x, run, (epoch - initial_epoch) * len(x))}
                if validation_data is not None:
                    logs["val_loss"] = pace.evaluate(validation_data, run)
                x.on_epoch_end()
                run.on_epoch_end(epoch, logs)
                if twin.model.stop_training:
                    break
            schedule.reset()
            twin.model.optimizer.finalize_variable_values(twin.model.trainable_weights)
            run.on_train_end(logs)
        run.set_model(self.model)
        return self.model.history


def _callback_list(
    callbacks: list[keras.callbacks.Callback],
    model: keras.Model,
    verbose: Any,
    epochs: int,
    steps: int,
) -> keras.callbacks.CallbackList:
    return keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=1 if verbose == "auto" else int(verbose),
        epochs=epochs,
        steps=steps,
    )


@dataclass(frozen=True)
class _Pace:
    """How batches go through a twin: one a call, or chunks of them with shards side by side.

    The choice looks at nothing but the size of the job, so that a fit gives the same weights
    whatever was compiled before it.
    """

    twin: Replica
    schedule: Schedule
    compiles: bool
    watched: bool

    @classmethod
    def choose(
        cls,
        twin: Replica,
        batches: Batches,
        epochs: int,
        callbacks: list[keras.callbacks.Callback],
        schedule: Schedule,
    ) -> "_Pace":
        is_large = len(batches.sequences) * epochs >= MIN_SEQUENCES_TO_COMPILE
        compiles = is_large and can_be_sharded(twin.model)
        return cls(twin, schedule, compiles, any(map(_looks_at_batches, callbacks)))

    def train(self, batches: Batches, run: keras.callbacks.CallbackList, n_done: int) -> float:
        """Train for one epoch, before which `n_done` batches were, and return its loss."""
        sums = np.zeros(2)
        steps, pieces = self._cut(batches)
        for first, last, arrays in pieces:
            run.on_train_batch_begin(first)
            rates = self.schedule.rates(n_done + first, n_done + last)
            sums += [float(part) for part in steps.train(*arrays, rates)]
            run.on_train_batch_end(last, {"loss": _mean(sums)})
            if self.twin.model.stop_training:
                break
        return _mean(sums)

    def evaluate(self, batches: Batches, run: keras.callbacks.CallbackList) -> float:
        """Return the loss over held-out batches."""
        run.on_test_begin()
        sums = np.zeros(2)
        steps, pieces = self._cut(batches)
        for first, last, arrays in pieces:
            run.on_test_batch_begin(first)
            sums += [float(part) for part in steps.test(*arrays)]
            run.on_test_batch_end(last, {"loss": _mean(sums)})
        run.on_test_end({"loss": _mean(sums)})
        return _mean(sums)

    def _cut(self, batches: Batches) -> tuple[Any, Iterator[tuple]]:
        """Return steps, and the batches in pieces that suit them."""
        if not self.compiles:
            return self.twin.plain, batches.pieces(1, 0)
        n_shards = n_shards_for(batches.n_rows)
        at_once = 1 if self.watched else max(1, CHUNK_BYTES // batches.n_bytes)
        steps = self.twin.sharded(n_shards, batches.sequences.is_padded)
        return steps, batches.pieces(at_once, n_shards)


def _mean(sums: np.ndarray) -> float:
    return float(sums[0] / sums[1]) if sums[1] else 0.0


def _looks_at_batches(callback: keras.callbacks.Callback) -> bool:
    edges = [
        f"on_{kind}batch_{edge}" for kind in ("", "train_", "test_") for edge in ("begin", "end")
    ]
    own = [getattr(getattr(callback, name), "__func__", None) for name in edges]
    return own != [getattr(keras.callbacks.Callback, name) for name in edges]
