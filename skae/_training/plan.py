"""One fit: from an estimator's parameters to a network, from samples to trained weights."""

from functools import partial
from numbers import Integral
from typing import Any

import keras
import numpy as np

from skae._compiled.replicas import masks_nan
from skae._network.architecture import Architecture, build_autoencoder
from skae._network.loss import is_binary_crossentropy
from skae._sequences.ragged import Sequences
from skae._sequences.samples import Samples
from skae._training.loop import Batches, Trainer
from skae._training.scikeras import KerasAdapter
from skae._training.stopping import MOST_ROUNDS, StopAfterRounds, StopOnNaN, require_finite

TRAINING_STEPS = 1000
"""Steps in a round of ``epochs="auto"``; ``batch_size="auto"`` makes a pass no longer."""

MOST_EPOCHS = 100
"""Passes in such a round at most."""

BATCH_SIZES = 32, 256
"""Smallest and largest batch that ``batch_size="auto"`` chooses."""

CLIPPING = {f"optimizer__{name}" for name in ("clipnorm", "clipvalue", "global_clipnorm")}
"""Options of a Keras optimizer of which only one may be given."""

NETWORK_PARAMETERS = (
    "latent_dim",
    "bottleneck",
    "pooling",
    "bidirectional",
    "cell",
    "decoder",
    "reverse",
    "output_activation",
    "dropout",
    "noise",
)


def adapter_for(estimator: Any, windows: Sequences, seed: int) -> KerasAdapter:
    """Return the SciKeras adapter that builds, compiles and trains what the parameters say.

    Parameters
    ----------
    estimator : LSTMAutoencoder
    windows : Sequences
        The training data: their size is that of the network.
    seed : int
        Fixes weights, dropout and noise.

    Raises
    ------
    ValueError
        If `units` is not a positive integer or a tuple of such, or if the output does not
        suit the loss.
    """
    routed = estimator._routed()
    _check_output(estimator, routed)
    if not isinstance(estimator.optimizer, keras.optimizers.Optimizer):
        routed.setdefault("optimizer__learning_rate", estimator.learning_rate)
        if not CLIPPING & routed.keys():
            routed["optimizer__global_clipnorm"] = estimator.global_clipnorm
    own = partial(build_autoencoder, _architecture(estimator, windows), seed)
    return KerasAdapter(
        estimator.model or own,
        meta={"n_features_in_": windows.n_features, "n_steps_": windows.max_length},
        loss=estimator.loss,
        optimizer=estimator.optimizer,
        callbacks=estimator.callbacks,
        verbose=estimator.verbose,
        **routed,
    )


def _check_output(estimator: Any, routed: dict[str, Any]) -> None:
    """Refuse an output that is no probability where the loss wants one."""
    wants_probability = is_binary_crossentropy(estimator.loss) and not (
        routed.get("loss__from_logits") or getattr(estimator.loss, "from_logits", False)
    )
    if wants_probability and estimator.model is None and estimator.output_activation != "sigmoid":
        raise ValueError(
            f"Got output_activation={estimator.output_activation!r} with the binary "
            "cross-entropy, but expected 'sigmoid': its logarithm wants values in (0, 1)."
        )


def _architecture(estimator: Any, windows: Sequences) -> Architecture:
    units = estimator.units
    units = (units,) if isinstance(units, Integral) else tuple(units)
    if not units or not all(isinstance(size, Integral) and int(size) > 0 for size in units):
        raise ValueError(
            f"Got units={estimator.units!r}, but expected a positive integer or a tuple of such."
        )
    options = {name: getattr(estimator, name) for name in NETWORK_PARAMETERS}
    if options["bidirectional"] == "auto":
        options["bidirectional"] = _is_set(estimator, windows)
    return Architecture(windows.n_features, units=tuple(map(int, units)), **options)


def _is_set(estimator: Any, windows: Sequences) -> bool:
    """Tell a set of sequences from windows of a series."""
    return estimator.window_size is None and not windows.share_rows


def train(
    estimator: Any,
    adapter: KerasAdapter,
    training: Samples,
    held_out: Samples | None,
    rng: np.random.Generator,
    one_epoch: bool = False,
) -> dict[str, list[float]]:
    """Train the estimator's model, and return its history with the new epochs.

    Raises
    ------
    ValueError
        If weights are not finite any more.
    """
    batches = _batches(estimator, training, rng)
    length = 1 if one_epoch else _round_length(estimator.epochs, len(batches))
    stop = None if one_epoch else _stop(estimator, training, held_out, length)
    n_rounds = MOST_ROUNDS if isinstance(stop, StopAfterRounds) else 1
    schedule = "constant" if one_epoch else estimator.learning_rate_schedule
    history = adapter.train(
        Trainer(estimator.model_, schedule, length),
        batches,
        history=estimator.history_,
        epochs=n_rounds * length,
        extra_callbacks=[StopOnNaN()] if stop is None else [StopOnNaN(), stop],
        validation_data=None if held_out is None else _batches(estimator, held_out),
    )
    require_finite(estimator.model_, history)
    return history


def _round_length(epochs: int | str, n_batches: int) -> int:
    if not isinstance(epochs, str):
        return epochs
    return min(max(1, round(TRAINING_STEPS / n_batches)), MOST_EPOCHS)


def _batch_size(batch_size: int | str, n_sequences: int) -> int:
    if not isinstance(batch_size, str):
        return batch_size
    smallest, largest = BATCH_SIZES
    # Powers of two: programs are compiled for a size, and few sizes share them.
    wanted = 2 ** (-(-n_sequences // TRAINING_STEPS) - 1).bit_length()
    return min(max(smallest, wanted), largest)


def _batches(estimator: Any, samples: Samples, rng: np.random.Generator | None = None) -> Batches:
    return Batches(
        samples.windows,
        estimator._fill_values,
        _batch_size(estimator.batch_size, len(samples.windows)),
        weights=samples.weights,
        keep_nan=masks_nan(estimator.model_),
        rng=rng,
    )


def _stop(
    estimator: Any, training: Samples, held_out: Samples | None, length: int
) -> keras.callbacks.Callback | None:
    """Return what may end the training before its last epoch."""
    wanted = estimator.early_stopping
    if isinstance(wanted, str):
        wanted = held_out is not None and _is_set(estimator, training.windows)
    if wanted:
        monitor = "loss" if held_out is None else "val_loss"
        return keras.callbacks.EarlyStopping(
            monitor, mode="min", patience=estimator.patience, restore_best_weights=True
        )
    in_rounds = estimator.epochs == "auto" and held_out is not None
    return StopAfterRounds(length) if in_rounds else None
