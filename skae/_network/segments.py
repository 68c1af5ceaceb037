"""Layers that let a recurrent layer read and write several steps at a time.

A sequence of T steps is cut into ceil(T / length) segments. Only the last may be shorter than the
others; the steps it lacks are zero. Source: S. Lin et al. (2023), "SegRNN: Segment Recurrent
Neural Network for Long-Term Time Series Forecasting", arXiv:2308.11200, section 3.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from skae._compat.keras import layers_of
from skae._network.masking import MaskedLayer, is_known_true

_register = keras.saving.register_keras_serializable(package="skae")


class _SegmentLayer(MaskedLayer):
    """A layer that knows the length of a segment.

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
        """Return (n, n_segments, length * size) for (n, n_steps, size), filled up with zeros."""
        n, n_steps = ops.shape(steps)[:2]
        n_segments = (n_steps + self.length - 1) // self.length
        filling = ops.zeros((n, self.length - 1, size), steps.dtype)
        filled = ops.concatenate([steps, filling], axis=1)[:, : n_segments * self.length]
        return ops.reshape(filled, (n, n_segments, self.length * size))


@_register
class SplitIntoSegments(_SegmentLayer):
    """Lay the steps of each segment side by side.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import SplitIntoSegments
    >>> sequence, mask = np.arange(1.0, 6.0).reshape(1, 5, 1), np.ones((1, 5), bool)
    >>> SplitIntoSegments(2)([sequence, mask]).numpy().tolist()
    [[[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]]
    """

    def call(self, inputs: Any) -> Any:
        """Return (n, n_segments, length * size) for ``[(n, n_steps, size), mask (n, n_steps)]``."""
        sequence, mask = inputs
        real = ops.expand_dims(mask, -1)
        existing = ops.where(real, sequence, ops.zeros_like(sequence))
        return self._in_segments(existing, sequence.shape[-1])


@_register
class SegmentMask(_SegmentLayer):
    """Tell which segments exist: those of which some step does."""

    def call(self, inputs: Any) -> Any:
        """Return (n, n_segments) booleans for a mask of shape (n, n_steps)."""
        if is_known_true(inputs):
            n, n_steps = inputs.shape
            return ops.convert_to_tensor(np.ones((n, -(-n_steps // self.length)), bool))
        steps = ops.cast(ops.expand_dims(inputs, -1), "int32")
        return ops.any(ops.cast(self._in_segments(steps, 1), "bool"), axis=-1)


@_register
class JoinSegments(_SegmentLayer):
    """Lay the steps of segments one after the other again, as many as a mask has.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import JoinSegments
    >>> segments = np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]])
    >>> JoinSegments(2)([segments, np.ones((1, 5), bool)])[0, :, 0].numpy().tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def call(self, inputs: Any) -> Any:
        """Return (n, n_steps, size) for ``[(n, n_segments, length * size), mask (n, n_steps)]``."""
        segments, mask = inputs
        n, n_steps = ops.shape(mask)
        size = segments.shape[-1] // self.length
        return ops.reshape(segments, (n, -1, size))[:, :n_steps]


def recurrent_steps(model: keras.Model, n_steps: int) -> int:
    """Return the steps that the recurrent layers of a model take through so many."""
    lengths = [layer.length for layer in layers_of(model) if isinstance(layer, SplitIntoSegments)]
    return -(-n_steps // lengths[0]) if lengths else n_steps
