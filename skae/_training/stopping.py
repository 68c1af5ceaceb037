"""The end of a training: callbacks that stop it, and checks of its weights."""

import warnings
from collections.abc import Iterable

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skae._compiled.inference import TrainedNetwork
from skae._input import observed
from skae._training.plan import TrainingPlan
from skae._windows.samples import Samples

MAX_LOSS_RATIO = 0.9
"""Ratio to the best held-out loss below which a cycle is followed by another."""

MIN_EXPLAINED_VARIANCE = 0.05
"""Share of the variance below which a network counts as no better than the feature means."""

MIN_EXPLAINED_BY_MEAN = 0.2
"""Share of the variance that the mean sequence of a set must explain to be compared with."""

MIN_SEQUENCES = 10
"""Fewest sequences of a set for which the mean is compared with."""

MAX_EXPLAINED_WINDOWS = 512
"""Most windows, evenly spread over a part of the data, on which this share is measured."""

MIN_DISJOINT_WINDOWS = 10
"""Number of disjoint windows below which a series is short."""

MIN_RELATIVE_DEVIATION = 1e-3
"""Ratio of its standard deviation to its mean below which a feature counts as constant."""


def stopping_callbacks(plan: TrainingPlan) -> list[keras.callbacks.Callback]:
    """Return the callbacks that may end a training early."""
    callbacks: list[keras.callbacks.Callback] = [StopOnNaN()]
    if plan.restarts:
        callbacks.append(StopAfterCycles(plan.cycle_epochs))
    if plan.monitor:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                plan.monitor, mode="min", patience=plan.patience, restore_best_weights=True
            )
        )
    return callbacks


class StopOnNaN(keras.callbacks.Callback):
    """Stops training at the first epoch with a loss that is not finite.

    Attributes
    ----------
    weights_broke : bool
        Whether weights were not finite at the end of training, before others were restored.
    """

    weights_broke = False

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Check the weights before `EarlyStopping` restores the best ones."""
        self.weights_broke = not weights_are_finite(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the losses of the epoch."""
        if not _is_finite(logs):
            self.model.stop_training = True


class StopAfterCycles(keras.callbacks.Callback):
    """Stops after a cycle that hardly lowered the held-out loss, and restores the best weights.

    Parameters
    ----------
    length : int
        Epochs in a cycle of the learning rate.
    """

    def __init__(self, length: int):
        super().__init__()
        self.length = length

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Forget earlier trainings."""
        self._n_epochs, self._best = 0, np.inf
        self.best_epoch: int | None = None
        self._weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Compare a cycle that ends, or stops with a NaN loss, with the best cycle before."""
        self._n_epochs += 1
        is_finite = _is_finite(logs)
        if self._n_epochs % self.length and is_finite:
            return
        loss = logs["val_loss"] if logs and is_finite else np.inf
        if loss >= MAX_LOSS_RATIO * self._best:
            self.model.stop_training = True
        if loss < self._best:
            self._best, self._weights = loss, self.model.get_weights()
            self.best_epoch = epoch
        elif self._weights:
            self.model.set_weights(self._weights)


def _is_finite(logs: dict[str, float] | None) -> bool:
    return all(np.isfinite(value) for value in (logs or {}).values())


def weights_are_finite(model: keras.Model) -> bool:
    """Tell whether every weight is a number."""
    return all(np.isfinite(weight).all() for weight in model.get_weights())


def require_finite(
    model: keras.Model,
    history: dict[str, list[float]],
    stopping: Iterable[keras.callbacks.Callback] = (),
    first_epoch: int = 0,
    rows: NDArray[np.floating] | None = None,
) -> None:
    """Reject a model with invalid weights, and warn if earlier weights were restored.

    Parameters
    ----------
    model : keras.Model
    history : dict of str to list of float
        History of this training only.
    stopping : iterable of keras.callbacks.Callback
        From `stopping_callbacks`.
    first_epoch : int, default=0
        Epochs before this training.
    rows : ndarray of shape (n_rows, n_features), optional
        Inputs of the network, in which an error names the largest value.

    Raises
    ------
    ValueError
        If a weight is not finite.
    """
    if not weights_are_finite(model):
        raise ValueError(
            f"Training ended with loss={history['loss'][-1]} and weights that are not finite, "
            f"but expected finite ones. {_advice(rows)}"
        )
    broken = [name for name in ("loss", "val_loss") if not np.isfinite(history.get(name, [])).all()]
    weights_broke = any(getattr(callback, "weights_broke", False) for callback in stopping)
    if not broken and not weights_broke:
        return
    best = [getattr(callback, "best_epoch", None) for callback in stopping]
    what = f"{broken[0]} became {history[broken[0]][-1]}" if broken else "weights became NaN"
    last = first_epoch + len(history["loss"])
    kept = next((epoch + 1 for epoch in best if epoch is not None), last)
    where = f"the weights are from epoch {kept}" + (
        ", the best" if kept < last or weights_broke else ": no earlier ones were better"
    )
    _warn(f"{what} in epoch {last}. Training ended there, and {where}. {_advice(rows)}")


HUGE = 1e9
"""Size of an input that makes a loss infinite by itself, however the network is trained."""


def _advice(rows: NDArray[np.floating] | None) -> str:
    """Return what to do, and the feature with the largest input if that is huge."""
    advice = "Scale the data, or lower learning_rate or optimizer__global_clipnorm."
    if rows is None:
        return advice
    highest = np.maximum(np.fmax.reduce(rows), -np.fmin.reduce(rows))
    feature = int(np.nanargmax(highest))
    if not highest[feature] > HUGE:
        return advice
    return (
        f"Feature {feature} reaches {highest[feature]:.2g} as an input of the network: if this "
        f"value marks a missing reading, make it NaN. {advice}"
    )


def _warn(message: str) -> None:
    warnings.warn(message, ConvergenceWarning, stacklevel=3)


def warn_if_few_windows(samples: Samples) -> None:
    """Warn if a series is only a few windows long."""
    n_windows = samples.n_disjoint_windows
    if not samples.is_set and n_windows < MIN_DISJOINT_WINDOWS:
        _warn(
            f"Got a series of {n_windows} windows that share no row, of "
            f"{samples.windows.max_length} rows each, but expected at least "
            f"{MIN_DISJOINT_WINDOWS}: the network and the threshold need more normal data. "
            "Pass more rows, or choose a smaller window_size."
        )


def warn_if_nothing_learned(network: TrainedNetwork, parts: Iterable[Samples]) -> None:
    """Warn if a trained network is no better than the mean in every part of the data.

    A network that explains its training data has learned something, even if the end of the series
    differs or is noise. Constant features do not count, and there is no warning if all are
    constant. On a set, the network must be as good as the mean sequence.
    """
    parts = list(parts)
    share = max(explained_variance(network, part) for part in parts)
    by_mean = max(explained_by_mean_sequence(part) for part in parts)
    if share < MIN_EXPLAINED_VARIANCE:
        reason = (
            f"was expected to explain at least {MIN_EXPLAINED_VARIANCE:.0%}: the network is no "
            "better than the mean of each feature, and its scores find little. Train longer, or "
            "let the values be scaled (scale='robust')"
        )
    elif share < by_mean and by_mean >= MIN_EXPLAINED_BY_MEAN:
        reason = (
            f"the mean sequence alone explains {by_mean:.0%}: training stopped on a plateau, and "
            "scores find little"
        )
    else:
        return
    if by_mean >= MIN_EXPLAINED_BY_MEAN:
        reason += (
            ". Long sequences are learned faster in segments of 5 to 20 steps (segment_length), "
            "or with early_stopping=False"
        )
    _warn(f"Training explains {share:.0%} of the variance, but {reason}.")


def explained_by_mean_sequence(samples: Samples) -> float:
    """Return the share of each sequence's variance that the mean of the others explains.

    Returns
    -------
    float
        0 for the windows of series, which have no common steps, and for constant data.
    """
    if not samples.is_set or len(samples) < MIN_SEQUENCES:
        return 0.0
    values = samples.windows.at_most(MAX_EXPLAINED_WINDOWS).padded().astype(np.float64)
    count = np.count_nonzero(~np.isnan(values), axis=0)
    deviations = values - observed.mean(values, axis=0)
    # Subtract each sequence from the mean; a step that only one sequence has is unknown.
    deviations *= np.where(count > 1, count / np.maximum(count - 1, 1), np.nan)
    around = values - observed.mean(values, axis=(0, 1))
    around[np.isnan(deviations)] = np.nan
    variance = np.nansum(np.square(around))
    return 1.0 - float(np.nansum(np.square(deviations)) / variance) if variance else 0.0


def explained_variance(network: TrainedNetwork, samples: Samples) -> float:
    """Return the share of the variance around the training means that is reconstructed.

    Returns
    -------
    float
        1 for a perfect reconstruction, or if no feature varies; 0 for the mean of each feature; may
        be negative.
    """
    windows = samples.windows.at_most(MAX_EXPLAINED_WINDOWS)
    residuals = np.concatenate(list(network.residuals(windows)))
    deviations = windows.padded() - network.fill_values
    means = network.fill_values.astype(np.float64)
    squares = _mean_squares(deviations)
    varies = squares > (MIN_RELATIVE_DEVIATION * means) ** 2
    variance = squares[varies].sum()
    return 1.0 - float(_mean_squares(residuals)[varies].sum() / variance) if variance else 1.0


def _mean_squares(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(observed.mean(np.square(values, dtype=np.float64), axis=(0, 1)))
