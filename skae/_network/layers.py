"""Keras layers without weights: masks, pooling, segments, dropout and noise."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from skae._compat.keras import layers_of

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


def _is_known_true(mask: Any) -> bool:
    """Tell whether a mask of this shape is known to be all true during tracing."""
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
        if _is_known_true(inputs):
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
        if _is_known_true(inputs):
            n, n_steps = inputs.shape
            return ops.convert_to_tensor(np.ones((n, -(-n_steps // self.length)), bool))
        steps = ops.cast(ops.expand_dims(inputs, -1), "int32")
        return ops.any(ops.cast(self._in_segments(steps, 1), "bool"), axis=-1)


@register
class ReverseSteps(MaskedLayer):
    """Reverse the existing steps; padding stays on the right."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, n_steps, size) for ``[sequence of that shape, mask (n, n_steps)]``."""
        sequence, mask = inputs
        steps = ops.arange(ops.shape(sequence)[1])
        lengths = ops.sum(ops.cast(mask, steps.dtype), axis=1, keepdims=True)
        source = ops.where(steps < lengths, lengths - 1 - steps, steps)
        return ops.take_along_axis(sequence, ops.expand_dims(source, -1), axis=1)

    def compute_mask(self, inputs: list[tf.Tensor], previous_mask: tf.Tensor | None) -> Any:
        """Return the given mask, because the number of existing steps does not change."""
        return inputs[1]


@register
class MaskedMaxPooling(MaskedLayer):
    """Return the maximum over the steps that exist."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, size) for ``[sequence (n, n_steps, size), mask (n, n_steps)]``."""
        sequence, mask = inputs
        lowest = ops.full_like(sequence, float("-inf"))
        return ops.max(ops.where(ops.expand_dims(mask, -1), sequence, lowest), axis=1)


@register
class MaskedMeanPooling(MaskedLayer):
    """Return the mean over the steps that exist."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, size) for ``[sequence (n, n_steps, size), mask (n, n_steps)]``."""
        sequence, mask = inputs
        real = ops.expand_dims(ops.cast(mask, sequence.dtype), -1)
        return ops.sum(sequence * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)


@register
class SplitIntoSegments(SegmentLayer):
    """Lay the steps of each segment side by side.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import SplitIntoSegments
    >>> sequence, mask = np.arange(1.0, 6.0).reshape(1, 5, 1), np.ones((1, 5), bool)
    >>> SplitIntoSegments(2)([sequence, mask]).numpy().tolist()
    [[[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]]
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, n_segments, length * size) for ``[(n, n_steps, size), mask (n, n_steps)]``."""
        sequence, mask = inputs
        real = ops.expand_dims(mask, -1)
        existing = ops.where(real, sequence, ops.zeros_like(sequence))
        return self._in_segments(existing, sequence.shape[-1])


@register
class JoinSegments(SegmentLayer):
    """Split segments into the steps of a mask again.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import JoinSegments
    >>> segments = np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]])
    >>> JoinSegments(2)([segments, np.ones((1, 5), bool)])[0, :, 0].numpy().tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, n_steps, size) for ``[(n, n_segments, length * size), mask (n, n_steps)]``."""
        segments, mask = inputs
        n, n_steps = ops.shape(mask)
        size = segments.shape[-1] // self.length
        return ops.reshape(segments, (n, -1, size))[:, :n_steps]

    def compute_mask(self, inputs: list[tf.Tensor], previous_mask: tf.Tensor | None) -> Any:
        """Return the mask of the steps, not of the segments."""
        return inputs[1]


def recurrent_steps(model: keras.Model, n_steps: int) -> int:
    """Return the recurrent steps that a model takes for this number of steps."""
    lengths = [layer.length for layer in layers_of(model) if isinstance(layer, SplitIntoSegments)]
    return -(-n_steps // lengths[0]) if lengths else n_steps


ALGORITHM = "philox"


@register
class Dropout(keras.layers.Dropout):
    """A `keras.layers.Dropout` with faster compiled training steps.

    Parameters
    ----------
    rate : float
        Share of the inputs, from 0 to 1, that training sets to zero; the others are divided by the
        share that is kept.
    noise_shape, seed, **kwargs
        As in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import Dropout
    >>> dropped = np.asarray(Dropout(0.25, seed=0)(np.ones((4, 1000)), training=True))
    >>> np.unique(dropped.round(3)).tolist() == [0.0, np.float32(1.333)]
    True
    >>> bool(0.2 < (dropped == 0).mean() < 0.3)
    True
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drop inputs in training.

        Parameters
        ----------
        inputs : tensor
        training : bool

        Returns
        -------
        tensor of the same shape
        """
        if not training or not 0 < self.rate < 1 or self.noise_shape is not None:
            return super().call(inputs, training=training)
        seed = _drawn(self.seed_generator)
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed, rng_alg=ALGORITHM)


@register
class GaussianNoise(keras.layers.GaussianNoise):
    """A `keras.layers.GaussianNoise` with faster compiled training steps.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise in training, from 0 to 1.
    seed, **kwargs
        As in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import GaussianNoise
    >>> noise = np.asarray(GaussianNoise(0.5, seed=0)(np.zeros((4, 1000)), training=True))
    >>> bool(0.45 < noise.std() < 0.55)
    True
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Add noise in training.

        Parameters
        ----------
        inputs : tensor
        training : bool

        Returns
        -------
        tensor of the same shape
        """
        if not training or self.stddev <= 0:
            return super().call(inputs, training=training)
        return inputs + tf.random.stateless_normal(
            tf.shape(inputs),
            seed=_drawn(self.seed_generator),
            stddev=self.stddev,
            dtype=inputs.dtype,
            alg=ALGORITHM,
        )


def _drawn(generator: keras.random.SeedGenerator) -> Any:
    """Return the next seed in TensorFlow's format."""
    return tf.cast(tf.math.floormod(generator.next(), tf.int32.max - 1), tf.int32)
