"""Masks: which steps and segments of a sequence exist, and layers that keep to them."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

register = keras.saving.register_keras_serializable(package="skae")


_nothing_is_padded = ContextVar("nothing_is_padded", default=False)


@contextlib.contextmanager
def nothing_padded(known: bool = True) -> Iterator[None]:
    """Trace a network; if `known`, its sequences are known to have no padding.

    Masks are then constants, so layers can skip the work that only masking needs.
    """
    token = _nothing_is_padded.set(known)
    try:
        yield
    finally:
        _nothing_is_padded.reset(token)


def is_known_true(mask: Any) -> bool:
    """Tell whether a mask is known to be all true during tracing."""
    return _nothing_is_padded.get() and None not in mask.shape


class MaskedLayer(keras.layers.Layer):
    """A layer without weights that drops the mask without a warning from Keras."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: tf.Tensor | None) -> Any:
        """Return no mask, because the output does not have the steps of the input."""
        return None


@register
class NaNToZero(MaskedLayer):
    """Replace NaN by zero. Genuine zeros stay, because the mask is computed elsewhere."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return `inputs` without NaN."""
        return ops.where(ops.isnan(inputs), ops.zeros_like(inputs), inputs)

    def compute_mask(self, inputs: tf.Tensor, previous_mask: tf.Tensor | None) -> Any:
        """Return the mask of `inputs`."""
        return previous_mask


@register
class StepMask(MaskedLayer):
    """Tell which steps exist: those that are not NaN in every feature."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return (n, n_steps) booleans for `inputs` of shape (n, n_steps, n_features)."""
        if _nothing_is_padded.get() and None not in inputs.shape[:2]:
            return ops.convert_to_tensor(np.ones(inputs.shape[:2], bool))
        return ops.logical_not(ops.all(ops.isnan(inputs), axis=-1))


class SegmentLayer(MaskedLayer):
    """Base class of layers with a segment length.

    Parameters
    ----------
    length : int
        Steps in a segment.
    """

    def __init__(self, length: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.length = length

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "length": self.length}

    def _in_segments(self, steps: Any, size: int) -> Any:
        """Return (n, n_segments, length * size) for (n, n_steps, size), padded with zeros."""
        n, n_steps = ops.shape(steps)[:2]
        n_segments = (n_steps + self.length - 1) // self.length
        filling = ops.zeros((n, self.length - 1, size), steps.dtype)
        filled = ops.concatenate([steps, filling], axis=1)[:, : n_segments * self.length]
        return ops.reshape(filled, (n, n_segments, self.length * size))


@register
class SegmentMask(SegmentLayer):
    """Tell which segments exist, because some of their steps do."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return (n, n_segments) booleans for a mask of shape (n, n_steps)."""
        if is_known_true(inputs):
            n, n_steps = inputs.shape
            return ops.convert_to_tensor(np.ones((n, -(-n_steps // self.length)), bool))
        steps = ops.cast(ops.expand_dims(inputs, -1), "int32")
        return ops.any(ops.cast(self._in_segments(steps, 1), "bool"), axis=-1)
