"""The training loop: epochs over shuffled batches, with Keras callbacks."""

import warnings
from typing import Any

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._programs import Twin, twin_of
from skae._sequences import Floats, Sequences


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
        inputs = batch.padded_and_imputed(self.fallback, length)
        targets = batch.padded(length) if batch.has_missing else inputs
        inputs = inputs if self.keep_nan else np.nan_to_num(inputs)
        return inputs, targets, self._weights_of(chosen, batch, length)

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


class Trainer:
    """Trains a model as ``keras.Model.fit`` does, through its compiled twin.

    It stands where SciKeras expects a model.

    Parameters
    ----------
    model : keras.Model
        Compiled. It changes only if training succeeds.
    """

    def __init__(self, model: keras.Model):
        self.model = model
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
        with twin_of(self.model) as twin:
            run = _callback_list(callbacks, twin.model, verbose, epochs, len(x))
            twin.model.stop_training = False
            run.on_train_begin()
            logs: dict[str, float] = {}
            for epoch in range(initial_epoch, epochs):
                run.on_epoch_begin(epoch)
                logs = {"loss": _train_epoch(twin, x, run)}
                if validation_data is not None:
                    logs["val_loss"] = _evaluate(twin, validation_data, run)
                x.on_epoch_end()
                run.on_epoch_end(epoch, logs)
                if twin.model.stop_training:
                    break
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


def _train_epoch(twin: Twin, batches: Batches, run: keras.callbacks.CallbackList) -> float:
    total = weight = 0.0
    for i in range(len(batches)):
        run.on_train_batch_begin(i)
        batch_total, batch_weight = twin.train_step(*batches[i])
        total, weight = total + float(batch_total), weight + float(batch_weight)
        run.on_train_batch_end(i, {"loss": _mean(total, weight)})
        if twin.model.stop_training:
            break
    return _mean(total, weight)


def _evaluate(twin: Twin, batches: Batches, run: keras.callbacks.CallbackList) -> float:
    run.on_test_begin()
    total = weight = 0.0
    for i in range(len(batches)):
        run.on_test_batch_begin(i)
        batch_total, batch_weight = twin.test_step(*batches[i])
        total, weight = total + float(batch_total), weight + float(batch_weight)
        run.on_test_batch_end(i, {"loss": _mean(total, weight)})
    run.on_test_end({"loss": _mean(total, weight)})
    return _mean(total, weight)


def _mean(total: float, weight: float) -> float:
    return total / weight if weight else 0.0


class StopOnNaN(keras.callbacks.Callback):
    """Stops training at the first epoch whose loss is not finite."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the losses of the epoch."""
        if not all(np.isfinite(value) for value in (logs or {}).values()):
            self.model.stop_training = True


def require_finite(model: keras.Model, history: dict[str, list[float]]) -> None:
    """Refuse a model that training has made useless, and say so if it nearly was.

    Raises
    ------
    ValueError
        If a weight is not finite.
    """
    advice = "Scale the data, lower learning_rate, or set optimizer__clipnorm=1.0."
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(
            f"Training ended with loss={history['loss'][-1]} and weights that are not finite, "
            f"but expected finite ones. {advice}"
        )
    if not np.isfinite(history["loss"]).all():
        warnings.warn(
            f"The loss became {history['loss'][-1]}; the weights of the best epoch were "
            f"restored. {advice}",
            ConvergenceWarning,
            stacklevel=2,
        )
