"""One fit: from an estimator's parameters to a network, from samples to trained weights."""

from functools import partial
from numbers import Integral
from typing import Any

import keras
import numpy as np

from skae._losses import is_binary_crossentropy
from skae._networks import Architecture, build_autoencoder
from skae._programs import masks_nan
from skae._samples import Samples
from skae._sequences import Sequences
from skae._training import Batches, StopOnNaN, Trainer, require_finite
from skae._wrapper import KerasAdapter

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
    own = partial(build_autoencoder, _architecture(estimator, windows.n_features), seed)
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


def _architecture(estimator: Any, n_features: int) -> Architecture:
    units = estimator.units
    units = (units,) if isinstance(units, Integral) else tuple(units)
    if not units or not all(isinstance(size, Integral) and int(size) > 0 for size in units):
        raise ValueError(
            f"Got units={estimator.units!r}, but expected a positive integer or a tuple of such."
        )
    options = {name: getattr(estimator, name) for name in NETWORK_PARAMETERS}
    return Architecture(n_features, units=tuple(map(int, units)), **options)


def train(
    estimator: Any,
    adapter: KerasAdapter,
    training: Samples,
    held_out: Samples | None,
    rng: np.random.Generator,
    epochs: int,
) -> dict[str, list[float]]:
    """Train the estimator's model, and return its history with the new epochs.

    Raises
    ------
    ValueError
        If weights are not finite any more.
    """
    history = adapter.train(
        Trainer(estimator.model_),
        _batches(estimator, training, rng),
        history=estimator.history_,
        epochs=epochs,
        extra_callbacks=_stopping(estimator, held_out is not None, epochs),
        validation_data=None if held_out is None else _batches(estimator, held_out),
    )
    require_finite(estimator.model_, history)
    return history


def _batches(estimator: Any, samples: Samples, rng: np.random.Generator | None = None) -> Batches:
    return Batches(
        samples.windows,
        estimator._fill_values,
        estimator.batch_size,
        weights=samples.weights,
        keep_nan=masks_nan(estimator.model_),
        rng=rng,
    )


def _stopping(estimator: Any, has_validation: bool, epochs: int) -> list[keras.callbacks.Callback]:
    callbacks: list[keras.callbacks.Callback] = [StopOnNaN()]
    if estimator.early_stopping and epochs > 1:
        monitor = "val_loss" if has_validation else "loss"
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor, mode="min", patience=estimator.patience, restore_best_weights=True
            )
        )
    return callbacks
