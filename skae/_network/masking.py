"""Keras layers for sequences of unequal length, which turn NaN into a mask and heed it.

In skae a step that does not exist is NaN in every feature. Inside a network it is zero, and
a boolean mask, handed to each layer that needs it, says so. Padding stands on the right.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
from keras import ops

_register = keras.saving.register_keras_serializable(package="skae")


_nothing_is_padded = ContextVar("nothing_is_padded", default=False)


@contextlib.contextmanager
def nothing_padded(known: bool = True) -> Iterator[None]:
    """Trace a network for sequences that are all as long as the longest, if that is known.

    Masks are then constants, and a layer that sees one may leave out what only masking needs.
    """
    token = _nothing_is_padded.set(known)
    try:
        yield
    finally:
        _nothing_is_padded.reset(token)


def is_known_true(mask: Any) -> bool:
    """Tell whether a mask is known to be true throughout, while the network is traced."""
    return _nothing_is_padded.get() and None not in mask.shape


class MaskedLayer(keras.layers.Layer):
    """A layer without weights, which Keras need not warn that it drops a mask."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True


@_register
class NaNToZero(MaskedLayer):
    """Replace NaN by zero. A genuine zero stays what it is: the mask is made elsewhere."""

    def call(self, inputs: Any) -> Any:
        """Return `inputs` without NaN."""
        return ops.where(ops.isnan(inputs), ops.zeros_like(inputs), inputs)


@_register
class StepMask(MaskedLayer):
    """Tell which steps exist: those that are not NaN in every feature."""

    def call(self, inputs: Any) -> Any:
        """Return (n, n_steps) booleans for `inputs` of shape (n, n_steps, n_features)."""
        if _nothing_is_padded.get() and None not in inputs.shape[:2]:
            return ops.convert_to_tensor(np.ones(inputs.shape[:2], bool))
        return ops.logical_not(ops.all(ops.isnan(inputs), axis=-1))


@_register
class ReverseSteps(MaskedLayer):
    """Turn the steps that exist back to front; padding stays on the right."""

    def call(self, inputs: Any) -> Any:
        """Return (n, n_steps, size) for ``[sequence of that shape, mask (n, n_steps)]``."""
        sequence, mask = inputs
        steps = ops.arange(ops.shape(sequence)[1])
        lengths = ops.sum(ops.cast(mask, steps.dtype), axis=1, keepdims=True)
        source = ops.where(steps < lengths, lengths - 1 - steps, steps)
        return ops.take_along_axis(sequence, ops.expand_dims(source, -1), axis=1)


@_register
class MaskedMaxPooling(MaskedLayer):
    """Return the maximum over the steps that exist."""

    def call(self, inputs: Any) -> Any:
        """Return (n, size) for ``[sequence (n, n_steps, size), mask (n, n_steps)]``."""
        sequence, mask = inputs
        lowest = ops.full_like(sequence, float("-inf"))
        return ops.max(ops.where(ops.expand_dims(mask, -1), sequence, lowest), axis=1)


@_register
class MaskedMeanPooling(MaskedLayer):
    """Return the mean over the steps that exist."""

    def call(self, inputs: Any) -> Any:
        """Return (n, size) for ``[sequence (n, n_steps, size), mask (n, n_steps)]``."""
        sequence, mask = inputs
        real = _as_factor(mask, sequence)
        return ops.sum(sequence * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)


def _as_factor(mask: Any, like: Any) -> Any:
    """Return a (n, n_steps) mask as (n, n_steps, 1) zeros and ones."""
    return ops.expand_dims(ops.cast(mask, like.dtype), -1)
