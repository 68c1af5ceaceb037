"""A faster `keras.layers.LSTM`, and a layer that repeats a vector as its input.

`LSTM` has the weights, configuration and results of Keras' layer; only the order of the work
differs, see `_recur`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import ops

Length: TypeAlias = int | tf.Tensor
"""A number of steps: an int, or a scalar tensor."""

Tensors: TypeAlias = tuple[Any, ...]

REPEATED_VECTOR = "_skae_repeated_vector"
"""Attribute of a tensor that holds the vector it repeats, as Keras attaches masks."""


@keras.saving.register_keras_serializable(package="skae")
class LSTM(keras.layers.LSTM):
    """A `keras.layers.LSTM` whose loop has a hand-written gradient.

    Parameters, weights, masks and results are the same as in `keras.layers.LSTM`. On a CPU the loop
    is two to four times faster, fastest when compiled with XLA:

    * the four gates of a step are one tanh, because ``sigmoid(x) = (1 + tanh(x / 2)) / 2``;
    * the backward loop contains only the recurrence: the slopes of all gates are computed before
      it, and the gradients of the weights after it, each in one large product;
    * after a `RepeatToLength` the inputs are projected once, not once per step.

    Keras' own loop is used where this one does not apply: on a GPU (cuDNN), for activations other
    than tanh and sigmoid, for ``unroll`` and ``stateful``, and while training with ``dropout`` or
    ``recurrent_dropout``.

    See Also
    --------
    keras.layers.LSTM : all parameters.
    skae.layers.RepeatToLength : repeats the input of a decoder.

    Notes
    -----
    Only first-order derivatives are supported. Use `keras.layers.LSTM` for a gradient of a
    gradient.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9(8).

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from skae._network.lstm import LSTM
    >>> fast, stock = LSTM(4), keras.layers.LSTM(4)
    >>> x = np.ones((2, 3, 5), "float32")
    >>> _ = fast(x), stock(x)
    >>> stock.set_weights(fast.get_weights())
    >>> bool(np.allclose(fast(x), stock(x), atol=1e-6))
    True
    """

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: list[tf.Tensor],
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> Tensors:
        """Run the cell over all steps; called by `keras.layers.RNN.call`.

        Parameters
        ----------
        sequences : tensor of shape (batch, time, features)
        initial_state : list of two tensors of shape (batch, units)
            Output and carry before the first step.
        mask : boolean tensor of shape (batch, time), or None
            False where a step is skipped.
        training : bool

        Returns
        -------
        last_output : tensor of shape (batch, units)
        outputs : tensor of shape (batch, time, units)
        states : list of two tensors of shape (batch, units)
        """
        if not self._is_covered(training):
            found: Tensors = super().inner_loop(sequences, initial_state, mask, training)
            return found
        if mask is not None and keras.tree.is_nested(mask):
            mask = mask[0]
        x = self._time_major_input(sequences, mask)
        weights = self._halved_weights(sequences.dtype)
        steps = _time_major_mask(mask, self.go_backwards)
        length = sequences.shape[1] or tf.shape(sequences)[1]
        outputs, h, c = _recur(x, *initial_state, *weights, steps=steps, length=length)
        if steps is not None:
            outputs = tf.where(self._has_output(steps), outputs, tf.zeros_like(outputs))
        return outputs[-1], _swap_batch_and_time(outputs), [h, c]

    def _is_covered(self, training: bool) -> bool:
        """Whether the hand-written loop applies to this layer."""
        return (
            self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
            and not (self.unroll or self.stateful)
            and not (training and (self.dropout or self.recurrent_dropout))
            and not tf.config.list_logical_devices("GPU")
        )

    def _time_major_input(self, sequences: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
        """``sequences`` with time first, or the one step (1, batch, features) that they repeat."""
        vector = getattr(sequences, REPEATED_VECTOR, None)
        # Without a mask, steps that do not exist would count as zeros.
        if vector is not None and mask is not None:
            return vector[None]
        x = _swap_batch_and_time(sequences)
        return x[::-1] if self.go_backwards else x

    def _halved_weights(self, dtype: Any) -> list[tf.Tensor]:
        """Kernel, recurrent kernel and bias, the columns of the gates i, f and o halved."""
        # Halving is exact in floating point, so moving it from every step into the weights changes
        # no result.
        scale = tf.constant(np.repeat([0.5, 0.5, 1.0, 0.5], self.units), dtype)
        cell = self.cell
        bias = cell.bias if self.use_bias else tf.zeros(4 * self.units, dtype)
        return [
            ops.convert_to_tensor(w, dtype) * scale
            for w in (cell.kernel, cell.recurrent_kernel, bias)
        ]

    def _has_output(self, steps: tf.Tensor) -> tf.Tensor:
        """Where the output is the state; before the first step Keras returns zero instead."""
        if self.zero_output_for_mask:
            return steps
        return tf.cumsum(tf.cast(steps, tf.int32), axis=0) > 0


@keras.saving.register_keras_serializable(package="skae")
class RepeatToLength(keras.layers.Layer):
    """Repeat a vector over the steps that exist according to a mask.

    ``keras.layers.RepeatVector`` needs a fixed number of steps and loses the mask. This layer
    attaches the vector to its result, as Keras attaches masks, so that the next `LSTM` projects the
    vector only once. The result is an ordinary tensor.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.layers import RepeatToLength
    >>> vector, mask = np.array([[1.0, 2.0]]), np.array([[True, True, False]])
    >>> RepeatToLength()([vector, mask]).numpy().tolist()
    [[[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, n_steps, size) for ``[vector (n, size), mask (n, n_steps)]``."""
        vector, mask = inputs
        real = ops.expand_dims(ops.cast(mask, vector.dtype), -1)
        repeated = ops.expand_dims(vector, 1) * real
        if tf.is_tensor(repeated):
            setattr(repeated, REPEATED_VECTOR, vector)
        return repeated


def _recur(*inputs: tf.Tensor, steps: tf.Tensor | None, length: Length) -> Tensors:
    """Run an LSTM that computes its four gates with one hyperbolic tangent.

    The columns of the gates i, f and o are halved in all weights, so that a step is ::

        a = tanh(x[t] @ kernel + h @ recurrent_kernel + bias)
        i, f, g, o = (1 + a_i) / 2, (1 + a_f) / 2, a_g, (1 + a_o) / 2
        c = f * c + i * g
        h = o * tanh(c)

    Parameters
    ----------
    *inputs : tensors
        `x` of shape (time, batch, features), or (1, batch, features) if constant; `h` and `c` of
        shape (batch, units); `kernel`, `recurrent_kernel` and `bias` with 4 * units columns.
    steps : boolean tensor of shape (time, batch, 1), or None
        Where False, `h` and `c` do not change.
    length : int or scalar tensor
        Number of steps.

    Returns
    -------
    outputs : tensor of shape (time, batch, units)
    h, c : tensors of shape (batch, units)
    """

    def recur(*inputs: tf.Tensor) -> Any:
        x, h, c, kernel, recurrent_kernel, _ = inputs
        outputs, carries, activated = _forward(inputs, steps, length)

        def gradient(*d_states: tf.Tensor) -> Tensors:
            slopes = _slopes(activated, carries, _shift(c, carries), steps)
            d_gates, d_h, d_c = _backward(slopes, recurrent_kernel, d_states, length)
            d_recurrent_kernel = tf.matmul(
                _rows(_shift(h, outputs)), _rows(d_gates), transpose_a=True
            )
            if x.shape[0] == 1:
                d_gates = tf.reduce_sum(d_gates, 0, keepdims=True)
            d_x = tf.matmul(d_gates, kernel, transpose_b=True)
            d_kernel = tf.matmul(_rows(x), _rows(d_gates), transpose_a=True)
            return d_x, d_h, d_c, d_kernel, d_recurrent_kernel, tf.reduce_sum(d_gates, (0, 1))

        return (outputs, outputs[-1], carries[-1]), gradient

    differentiable: Callable[..., Tensors] = tf.custom_gradient(recur)
    return differentiable(*inputs)


def _forward(inputs: Tensors, steps: tf.Tensor | None, length: Length) -> list[tf.Tensor]:
    """Return outputs, carries and activated gates of all steps; XLA drops unused ones."""
    x, h, c, kernel, recurrent_kernel, bias = inputs

    # One product before the loop would write and read 4 * units values per step. That is slower
    # than a product in each step, unless all steps share it.
    def project(x_t: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x_t, kernel) + bias

    shared = project(x[0]) if x.shape[0] == 1 else None

    def step(t: Length, h: tf.Tensor, c: tf.Tensor, *arrays: tf.TensorArray) -> Tensors:
        projected = project(x[t]) if shared is None else shared
        a = tf.tanh(projected + tf.matmul(h, recurrent_kernel))
        i, f, g, o = _gates(a)
        c_new = f * c + i * g
        h_new = o * tf.tanh(c_new)
        if steps is not None:
            h_new, c_new = tf.where(steps[t], h_new, h), tf.where(steps[t], c_new, c)
        results = zip(arrays, (h_new, c_new, a), strict=True)
        return t + 1, h_new, c_new, *(array.write(t, result) for array, result in results)

    batch, units = h.shape
    arrays = [_array(length, (batch, columns), h.dtype) for columns in (units, units, 4 * units)]
    _, _, _, *arrays = tf.while_loop(
        lambda t, *_: t < length, step, (0, h, c, *arrays), maximum_iterations=length
    )
    return [array.stack() for array in arrays]


def _slopes(
    activated: tf.Tensor, carries: tf.Tensor, c_before: tf.Tensor, steps: tf.Tensor | None
) -> Tensors:
    """Compute the gradient-independent parts of the backward loop, for all steps at once.

    Returns
    -------
    gate_slopes : tensor of shape (time, batch, 4 * units)
        Of c with respect to the arguments of i, f and g; of h with respect to the argument of o.
    carry_slope : tensor of shape (time, batch, units)
        Of h with respect to c.
    forget : tensor of shape (time, batch, units)
        Of c with respect to c one step before.
    keep : tensor of shape (time, batch, 1), or None
        Of h with respect to h one step before, where a step is skipped.
    """
    i, f, g, o = _gates(activated)
    tanh_c = tf.tanh(carries)
    gate_slopes = (1 - activated * activated) * tf.concat([g / 2, c_before / 2, i, tanh_c / 2], -1)
    carry_slope = o * (1 - tanh_c * tanh_c)
    if steps is None:
        return gate_slopes, carry_slope, f, None
    gate_slopes = tf.where(steps, gate_slopes, tf.zeros_like(gate_slopes))
    carry_slope = tf.where(steps, carry_slope, tf.zeros_like(carry_slope))
    forget = tf.where(steps, f, tf.ones_like(f))
    return gate_slopes, carry_slope, forget, tf.cast(~steps, activated.dtype)


def _backward(
    slopes: Tensors, recurrent_kernel: tf.Tensor, d_states: Tensors, length: Length
) -> Tensors:
    """Gradients of the projected inputs at all steps and of the initial states."""
    gate_slopes, carry_slope, forget, keep = slopes
    d_outputs, d_h, d_c = d_states
    # Transpose once here, not once per step.
    transposed = tf.transpose(recurrent_kernel)

    def step(t: Length, d_h: tf.Tensor, d_c: tf.Tensor, d_gates: tf.TensorArray) -> Tensors:
        d_h += d_outputs[t]
        d_c += d_h * carry_slope[t]
        d_a = tf.concat([d_c, d_c, d_c, d_h], -1) * gate_slopes[t]
        d_before = tf.matmul(d_a, transposed)
        if keep is not None:
            d_before += d_h * keep[t]
        return t - 1, d_before, d_c * forget[t], d_gates.write(t, d_a)

    array = _array(length, gate_slopes.shape[1:], gate_slopes.dtype)
    _, d_h, d_c, d_gates = tf.while_loop(
        lambda t, *_: t >= 0, step, (length - 1, d_h, d_c, array), maximum_iterations=length
    )
    return d_gates.stack(), d_h, d_c


def _gates(a: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    a_i, a_f, g, a_o = tf.split(a, 4, axis=-1)
    return (1 + a_i) / 2, (1 + a_f) / 2, g, (1 + a_o) / 2


def _shift(first: tf.Tensor, later: tf.Tensor) -> tf.Tensor:
    """Return the sequence one step earlier: `first`, then `later` without its last step."""
    return tf.concat([first[None], later[:-1]], 0)


def _rows(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, (-1, x.shape[-1]))


def _array(length: Length, shape: tuple[int | None, ...], dtype: tf.DType) -> tf.TensorArray:
    return tf.TensorArray(dtype, size=length, element_shape=shape)


def _swap_batch_and_time(x: tf.Tensor) -> tf.Tensor:
    return tf.transpose(x, (1, 0, 2))


def _time_major_mask(mask: tf.Tensor | None, go_backwards: bool) -> tf.Tensor | None:
    known = None if mask is None else tf.get_static_value(mask)
    if mask is None or (known is not None and known.all()):
        return None  # every step exists
    # TensorFlow writes a line about oneDNN to standard error when it transposes booleans, even if
    # they were cast to numbers first.
    steps = _swap_batch_and_time(tf.where(tf.cast(mask, tf.bool), 1.0, 0.0)[:, :, None]) > 0
    return steps[::-1] if go_backwards else steps
