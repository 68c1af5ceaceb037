"""The training loss: any Keras loss, averaged over observed values."""

import inspect
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from skae._compat.keras import options_of_loss

Tensor: TypeAlias = tf.Tensor | NDArray[Any]

Losses = Callable[[Any, Any], Any]
"""From targets and predictions (n, n_steps, n_features) to losses of steps (n, n_steps)."""


@keras.saving.register_keras_serializable(package="skae")
class ObservedLoss(keras.losses.Loss):
    """Mean of a Keras loss over the observed entries, weighted by sample.

    Targets are NaN in padded steps and missing readings. Padding therefore changes neither the loss
    nor its gradient, as it would if Keras divided by the padded size.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        Any Keras loss. One that is a mean over the features (mse, mae, huber,
        binary_crossentropy, ...) is averaged over entries; any other (cosine_similarity, ...) over
        the steps with an observed value.
    """

    def __init__(
        self, loss: str | Losses | keras.losses.Loss, name: str = "observed_loss", **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        self.loss = loss
        resolved = keras.losses.get(loss)
        if resolved is None:
            raise ValueError(f"Got loss={loss!r}, but expected a Keras loss or its name.")
        self._losses = resolved.call if isinstance(resolved, keras.losses.Loss) else resolved
        self._by_entry: dict[int, bool] = {}

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Any:
        """Return the weighted mean, a scalar; 0 if all weights are zero."""
        total, weight = self.parts(y_true, y_pred, sample_weight)
        return ops.divide_no_nan(total, weight)

    def parts(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> tuple[Any, Any]:
        """Return numerator and denominator of the mean, so that parts of a batch add up."""
        y_pred = ops.cast(y_pred, "float32")
        y_true = ops.cast(y_true, "float32")
        observed = ops.logical_not(ops.isnan(y_true))
        target = ops.where(observed, y_true, ops.stop_gradient(y_pred))
        weights = ops.cast(observed, "float32")
        if self.is_by_entry(y_true.shape[-1]):
            losses = self._losses(target[..., None], y_pred[..., None])
            losses = ops.reshape(losses, ops.shape(weights))
        else:
            losses = self._losses(target, y_pred)
            weights = ops.max(weights, axis=-1)
        if sample_weight is not None:
            missing_axes = len(weights.shape) - len(sample_weight.shape)
            shape = (*ops.shape(sample_weight), *[1] * missing_axes)
            weights = weights * ops.cast(ops.reshape(sample_weight, shape), "float32")
        return ops.sum(losses * weights), ops.sum(weights)

    def is_by_entry(self, n_features: int) -> bool:
        """Tell whether the loss of a step is the mean of the losses of its features.

        Parameters
        ----------
        n_features : int
            Number of features of a trial call, because a loss may have a weight for each feature.

        Raises
        ------
        ValueError
            If it fails for this number of features, or does not return one number per step.
        """
        if n_features not in self._by_entry:
            with tf.init_scope():  # eagerly, even while a graph is being built
                self._by_entry[n_features] = _is_mean_over_features(self._losses, n_features)
        return self._by_entry[n_features]

    @property
    def key(self) -> Hashable:
        """A key that two losses share only if they compute the same; a function is its own key."""
        resolved = keras.losses.get(self.loss)
        if not isinstance(resolved, keras.losses.Loss):
            own: Hashable = resolved
            return own
        options = {name: value for name, value in vars(resolved).items() if name != "name"}
        return type(resolved), tuple((k, _hashable(options[k])) for k in sorted(options))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        resolved = keras.losses.get(self.loss)
        description = keras.losses.serialize(resolved)
        options = options_of_loss(resolved)
        accepted = inspect.signature(type(resolved)).parameters if options else ()
        for name in options.keys() & accepted:
            description["config"].setdefault(name, options[name])
        return {"loss": description, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ObservedLoss":
        """Return the loss that `get_config` describes."""
        return cls(keras.losses.deserialize(config["loss"]), config["name"])


def _hashable(value: Any) -> Hashable:
    return value if isinstance(value, Hashable) else repr(value)


def _is_mean_over_features(losses: Losses, n_features: int) -> bool:
    shape = 2, 3, n_features
    y_true, y_pred = np.random.default_rng(0).uniform(0.1, 0.9, (2, *shape)).astype(np.float32)
    by_step = _tried(losses, y_true, y_pred)
    if by_step.shape not in (shape, shape[:2]):
        found = f"shape {by_step.shape}" if by_step.ndim else "one number for everything"
        raise ValueError(
            f"Got a loss ({losses!r}) that returns {found}, but expected one number per step, "
            "shape (n, n_steps) for (n, n_steps, n_features), so that padding and sample weights "
            "can be applied. Do not average over steps in the loss."
        )
    try:
        by_entry = ops.convert_to_numpy(losses(y_true[..., None], y_pred[..., None]))
        by_entry = by_entry.reshape(shape)
    except Exception:  # a loss for many features may raise anything for one
        return False
    return np.allclose(by_step, by_entry if by_step.ndim == 3 else by_entry.mean(-1), rtol=1e-4)


def _tried(
    losses: Losses, y_true: NDArray[np.float32], y_pred: NDArray[np.float32]
) -> NDArray[Any]:
    try:
        return np.asarray(ops.convert_to_numpy(losses(y_true, y_pred)))
    except Exception as error:
        raise ValueError(
            f"Got a loss ({losses!r}) that fails for {y_true.shape[-1]} features, but expected a "
            f"loss of two arrays (n, n_steps, {y_true.shape[-1]}): {error}"
        ) from error


def is_binary_crossentropy(loss: Any) -> bool:
    """Tell whether `loss` is Keras' binary cross-entropy, by name, function or class."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return name.lower().replace("_", "") in ("binarycrossentropy", "bce")


def check_suits(loss: Any, rows: NDArray[Any]) -> None:
    """Reject data that the loss cannot handle.

    Raises
    ------
    ValueError
        If the loss is the binary cross-entropy and a value is not in [0, 1].
    """
    if not is_binary_crossentropy(loss):
        return
    lowest, highest = np.nanmin(rows), np.nanmax(rows)
    if lowest < 0 or highest > 1:
        raise ValueError(
            f"Got loss={loss!r} and X with values from {lowest:g} to {highest:g}, but expected "
            "values in [0, 1]. Scale X with MinMaxScaler and leave `scale` out, or choose another "
            "loss."
        )


def check_output_suits(parameters: dict[str, Any]) -> None:
    """Reject an output that is not a probability if the loss needs one.

    Raises
    ------
    ValueError
        If the loss takes logits, which are not a reconstruction, or is the binary cross-entropy and
        the output of our network is not a sigmoid.
    """
    loss, activation = parameters["loss"], parameters["output_activation"]
    if parameters.get("loss__from_logits") or getattr(loss, "from_logits", False):
        raise ValueError(
            f"Got loss={loss!r} with from_logits=True, but expected False: the output is compared "
            "with X, so it must be a probability (output_activation='sigmoid')."
        )
    is_ours = parameters["model"] is None
    if is_ours and is_binary_crossentropy(loss) and activation != "sigmoid":
        raise ValueError(
            f"Got output_activation={activation!r} with the binary "
            "cross-entropy, but expected 'sigmoid', because its logarithm needs values in (0, 1)."
        )
