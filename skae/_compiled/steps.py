"""Training steps: of any size, or compiled for one size and cut into shards."""

import math
import os
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skae._compat.keras import is_seed, layers_of, traced
from skae._network.layers import nothing_padded


def filled_up(array: NDArray[Any], n: int) -> NDArray[Any]:
    """Return an array padded with zeros to `n` entries along its first axis."""
    missing = n - len(array)
    return np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) if missing else array


Step = Callable[..., Any]
"""A function of tensors."""

MIN_SHARD_STEPS = 240
"""Sequences times recurrent steps in a shard below which sharding does not pay off."""

BATCHES_IN_A_CALL = 64
"""Most batches in a call with a loop that XLA compiles."""

BYTES_IN_A_CALL = 2**22
"""Most bytes in the inputs of one call, unless a single batch is larger."""

MAX_SHAPES = 16
"""Shapes of training or validation batches for which compiled steps are kept."""


def can_be_sharded(model: keras.Model) -> bool:
    """Tell whether `ShardedSteps` compute the same as Keras for `model`.

    Models with further losses (regularizers, ``add_loss``), with state other than weights and seeds
    (batch normalization) or with layers that XLA cannot compile do not qualify, nor does any model
    on a GPU, where recurrent layers run on cuDNN.
    """
    layers = layers_of(model)
    return (
        not model.losses
        and all(getattr(layer, "activity_regularizer", None) is None for layer in layers)
        and all(map(is_seed, model.non_trainable_variables))
        and all(layer.supports_jit for layer in layers)
        and not tf.config.list_logical_devices("GPU")
    )


def n_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def n_shards_for(batch_size: int, n_steps: int) -> int:
    """Return the number of shards: one per core, unless they would be too small.

    Parameters
    ----------
    batch_size : int
    n_steps : int
        Recurrent steps of a sequence.
    """
    return max(1, min(n_cores(), batch_size * n_steps // MIN_SHARD_STEPS, batch_size))


def batches_in_a_call(shape: tuple[int, ...]) -> int:
    """Return the number of batches in a call with a compiled loop.

    Parameters
    ----------
    shape : tuple of int
        Shape of the float32 inputs of a batch; nothing else matters.
    """
    return min(BATCHES_IN_A_CALL, max(1, BYTES_IN_A_CALL // (4 * math.prod(shape))))


class PlainSteps:
    """Steps for any batch size and length, one batch per call.

    Parameters
    ----------
    model : keras.Model
        Compiled with an `ObservedLoss`, with optimizer variables.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._step = lru_cache(self._traced_step)

    def train(self, inputs: Any, targets: Any, weights: Any, rates: Any = None) -> tuple[Any, Any]:
        """Take a step; see `ShardedSteps.train`, which takes several batches."""
        if rates is not None:
            self.model.optimizer.learning_rate = rates[0]
        tensors = map(tf.convert_to_tensor, (inputs, targets, weights))
        sums: tuple[Any, Any] = self._step(np.ndim(weights) == 3)(*tensors)
        return sums

    def _traced_step(self, weighs_entries: bool) -> Step:
        batch = tf.TensorSpec((None, None, self.model.input_shape[-1]), tf.float32)
        weights = batch if weighs_entries else tf.TensorSpec((None, None), tf.float32)
        return traced(self._train, batch, batch, weights)

    def _train(self, inputs: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        model, optimizer = self.model, self.model.optimizer
        with tf.GradientTape() as tape:
            total, weight = model.loss.parts(targets, model(inputs, training=True), weights)
            loss = tf.math.divide_no_nan(total, weight) + sum(model.losses)
            loss = optimizer.scale_loss(loss)
        variables = model.trainable_weights
        optimizer.apply(tape.gradient(loss, variables), variables)
        return total, weight


class ShardedSteps:
    """Steps for one batch size and length: many batches per call, shards in parallel.

    Parameters
    ----------
    model : keras.Model
        As in `PlainSteps`; see `can_be_sharded`.
    n_shards : int
        A divisor of the batch size.
    padded : bool
        Whether some sequences may be shorter than others.
    """

    def __init__(self, model: keras.Model, n_shards: int, padded: bool = True):
        self.model, self.n_shards, self.padded = model, n_shards, padded
        self._loop = lru_cache(MAX_SHAPES)(self._traced_loop)

    def train(self, inputs: Any, targets: Any, weights: Any, rates: Any = None) -> tuple[Any, Any]:
        """Take a step for each batch.

        Parameters
        ----------
        inputs, targets : ndarray of shape (n_batches, n, n_steps, n_features)
            May be the same object.
        weights : ndarray of shape (n_batches, n, 1), (n_batches, n, n_steps) or as `inputs`
            Zero for sequences that only fill a batch.
        rates : ndarray of shape (n_batches,), float32, optional
            Learning rate of each step; by default the optimizer's.

        Returns
        -------
        total, weight : scalar tensors
            Numerator and denominator of the loss over all batches.
        """
        return self._run("train", inputs, targets, weights, rates)

    def test(self, inputs: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        """Return the sums that `train` returns, without training."""
        return self._run("test", inputs, targets, weights)

    def _run(
        self, kind: str, inputs: Any, targets: Any, weights: Any, rates: Any = None
    ) -> tuple[Any, Any]:
        arrays = {"inputs": inputs, "weights": weights}
        arrays |= {} if targets is inputs else {"targets": targets}
        arrays |= {} if rates is None else {"rates": rates}
        shapes = tuple((name, array.shape[1:]) for name, array in arrays.items())
        loop = self._loop(kind, shapes)
        sums = [
            loop({name: tf.convert_to_tensor(array) for name, array in call.items()}, n_batches)
            for call, n_batches in self._calls(arrays)
        ]
        return (_sum(sums, 0), _sum(sums, 1)) if len(sums) > 1 else sums[0]

    def _calls(self, arrays: dict[str, Any]) -> Iterator[tuple[dict[str, Any], tf.Tensor]]:
        """Yield the arrays of each call of a loop, and the number of batches in them."""
        n_batches = len(arrays["inputs"])
        size = self._batches_in_a_call(arrays["inputs"].shape[1:]) or n_batches
        for start in range(0, n_batches, size):
            call = {name: array[start : start + size] for name, array in arrays.items()}
            filled = {name: filled_up(array, size) for name, array in call.items()}
            yield filled, tf.constant(len(call["inputs"]))

    def _batches_in_a_call(self, shape: tuple[int, ...]) -> int | None:
        """Return the number of batches that the loop is compiled for, if it is compiled."""
        return None if self.n_shards > 1 else batches_in_a_call(shape)

    def _traced_loop(self, kind: str, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Step:
        of_shard, of_batch = (
            (self._gradient, self._train_batch)
            if kind == "train"
            else (self._loss, self._test_batch)
        )
        of_one = dict(shapes)
        if self.n_shards > 1:
            sequences, weights = map(self._shard_spec, (of_one["inputs"], of_one["weights"]))
            specs = *self._variables(_spec), sequences, sequences, weights
            of_shard = traced(of_shard, *specs, jit_compile=True)
        n_batches = self._batches_in_a_call(of_one["inputs"])
        chunk = {
            name: tf.TensorSpec((n_batches, *shape), tf.float32) for name, shape in of_one.items()
        }
        loop = _over_batches(partial(of_batch, of_shard))
        return traced(loop, chunk, tf.TensorSpec((), tf.int32), jit_compile=self.n_shards == 1)

    def _shard_spec(self, batch: tuple[int, ...]) -> tf.TensorSpec:
        n, *shape = batch
        return tf.TensorSpec((n // self.n_shards, *shape), tf.float32)

    def _train_batch(
        self, gradient: Step, inputs: Any, targets: Any, weights: Any, rate: Any = None
    ) -> tuple[Any, Any]:
        if rate is not None:
            self.model.optimizer.learning_rate = rate
        variables, state = self._variables()
        parts = [
            gradient(variables, self._reseeded(state, i), *shard)
            for i, shard in enumerate(self._shards(inputs, targets, weights))
        ]
        total, weight = _sum(parts, 0), _sum(parts, 1)
        for variable, value in zip(self.model.non_trainable_variables, parts[0][3], strict=True):
            variable.assign(value)
        apply = self._compiled_apply if self.n_shards > 1 else self._apply_gradients
        apply([part[2] for part in parts], weight)
        return total, weight

    @cached_property
    def _compiled_apply(self) -> Step:
        gradients, _ = self._variables(_spec)
        weight = tf.TensorSpec((), tf.float32)
        with tf.init_scope():
            return traced(
                self._apply_gradients, [gradients] * self.n_shards, weight, jit_compile=True
            )

    def _apply_gradients(self, of_shards: list[list[tf.Tensor]], weight: Any) -> None:
        """Apply the summed gradients of the shards."""
        scale = self.model.optimizer.scale_loss(tf.math.divide_no_nan(1.0, weight))
        gradients = [tf.add_n(parts) for parts in zip(*of_shards, strict=True)]
        gradients = [gradient * tf.cast(scale, gradient.dtype) for gradient in gradients]
        self.model.optimizer.apply(gradients, self.model.trainable_variables)

    def _test_batch(self, loss: Step, inputs: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        shards = self._shards(inputs, targets, weights)
        parts = [loss(*self._variables(), *shard) for shard in shards]
        return _sum(parts, 0), _sum(parts, 1)

    def _gradient(self, variables: Any, state: Any, *shard: Any) -> tuple[Any, Any, Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(variables)
            total, weight, state = self._parts(variables, state, *shard, training=True)
        return total, weight, tape.gradient(total, variables), state

    def _loss(self, variables: Any, state: Any, *shard: Any) -> tuple[Any, Any]:
        total, weight, _ = self._parts(variables, state, *shard, training=False)
        return total, weight

    def _parts(self, variables: Any, state: Any, *shard: Any, training: bool) -> Any:
        inputs, targets, weights = shard
        with nothing_padded(not self.padded):
            outputs, state = self.model.stateless_call(variables, state, inputs, training=training)
        return *self.model.loss.parts(targets, outputs, weights), state

    def _variables(self, form: Callable[..., Any] = tf.convert_to_tensor) -> list[list[Any]]:
        """Return the trainable variables and the others, each in a form."""
        parts = self.model.trainable_variables, self.model.non_trainable_variables
        return [list(map(form, part)) for part in parts]

    def _reseeded(self, state: list[tf.Tensor], shard: int) -> list[tf.Tensor]:
        """Give each shard different seeds; equal seeds would drop the same units in all."""
        return [seed + tf.constant([shard, 0], seed.dtype) if shard else seed for seed in state]

    def _shards(self, *arrays: Any) -> Any:
        return zip(*(tf.split(array, self.n_shards) for array in arrays), strict=True)


def _spec(variable: keras.Variable) -> tf.TensorSpec:
    return tf.TensorSpec(variable.shape, variable.dtype)


def _over_batches(step: Step) -> Step:
    """Return a function that runs `step` over several batches and sums the results."""

    def loop(arrays: dict[str, Any], n_batches: Any) -> tuple[Any, Any]:
        inputs, weights, rates = arrays["inputs"], arrays["weights"], arrays.get("rates")
        targets = arrays.get("targets", inputs)

        def body(i: Any, total: Any, weight: Any) -> tuple[Any, Any, Any]:
            rate = {} if rates is None else {"rate": rates[i]}
            more_total, more_weight = step(inputs[i], targets[i], weights[i], **rate)
            return i + 1, total + more_total, weight + more_weight

        start = (0, tf.zeros(()), tf.zeros(()))
        ends = tf.while_loop(lambda i, *_: i < n_batches, body, start, parallel_iterations=1)
        return ends[1], ends[2]

    return loop


def _sum(parts: list[Any], i: int) -> tf.Tensor:
    return tf.add_n([part[i] for part in parts])
