"""Training on several devices: the sequences of a batch shared out by a strategy of TensorFlow."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skae._compiled.steps import filled_up
from skae._compiled.tracing import traced


class MirroredReplica:
    """A model whose variables a strategy mirrors, with the steps that train it.

    Parameters
    ----------
    model : keras.Model
        Compiled, and made in the scope of the strategy; its optimizer's variables exist.
    """

    def __init__(self, model: keras.Model):
        if model.optimizer.gradient_accumulation_steps:
            raise ValueError(
                f"Got optimizer__gradient_accumulation_steps="
                f"{model.optimizer.gradient_accumulation_steps} in the scope of a strategy, but "
                "expected None: TensorFlow cannot bring devices together inside of a condition. "
                "Choose a larger batch_size, or leave the scope."
            )
        self.model = model
        self.plain = MirroredSteps(model, tf.distribute.get_strategy())


class MirroredSteps:
    """Steps of which each device takes its share, one batch a call; see `PlainSteps`.

    Losses and gradients are summed over the devices before they are divided by what was observed,
    or clipped, as they would be on one device. ``keras.Model.fit`` takes the mean of the devices'
    means, and clips what each device has for itself.

    Parameters
    ----------
    model : keras.Model
    strategy : tf.distribute.Strategy
    """

    def __init__(self, model: keras.Model, strategy: Any):
        self.model, self._strategy = model, strategy
        self._traced: dict[Any, Callable] = {}

    def train(self, inputs: Any, targets: Any, weights: Any, rates: Any = None) -> tuple[Any, Any]:
        """Take a step; see `ShardedSteps.train`, whose arrays hold several batches."""
        if rates is not None:
            self.model.optimizer.learning_rate = rates[0]
        return self._on_all_devices(self._train, inputs, targets, weights)

    def test(self, inputs: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        """Return the sums that `train` returns, without training."""
        return self._on_all_devices(self._test, inputs, targets, weights)

    def _on_all_devices(self, step: Callable, *batch: np.ndarray) -> Any:
        shares = [self._shared_out(array) for array in batch]
        # All batches but the last of training and held-out data have one shape.
        key = (step.__name__, *(array.shape for array in batch))
        if key not in self._traced:
            self._traced[key] = traced(partial(self._run, step), *shares)
        return self._traced[key](*shares)

    def _run(self, step: Callable, *shares: Any) -> Any:
        sums = self._strategy.run(step, shares)
        # They are the same on all devices.
        return [self._strategy.experimental_local_results(part)[0] for part in sums]

    def _shared_out(self, batch: np.ndarray) -> Any:
        """Return as many sequences for each device; zeros, and weights of zero, fill them up."""
        n_devices = self._strategy.num_replicas_in_sync
        n_in_all = -(-len(batch) // n_devices) * n_devices
        parts = np.split(filled_up(batch, n_in_all), n_devices)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(parts[context.replica_id_in_sync_group])
        )

    def _train(self, inputs: Any, targets: Any, weights: Any) -> Any:
        model, optimizer, devices = self.model, self.model.optimizer, _devices()
        variables = model.trainable_weights
        with tf.GradientTape() as tape:
            parts = model.loss.parts(targets, model(inputs, training=True), weights)
            total, weight = devices.all_reduce("sum", list(parts))
            loss = tf.math.divide_no_nan(parts[0], weight)
            loss = loss + sum(model.losses) / devices.num_replicas_in_sync
            loss = optimizer.scale_loss(loss)
        gradients = devices.all_reduce("sum", tape.gradient(loss, variables))
        # The optimizer adds up what the devices have, once it has clipped it.
        is_first = tf.cast(devices.replica_id_in_sync_group == 0, tf.float32)
        gradients = [gradient * tf.cast(is_first, gradient.dtype) for gradient in gradients]
        optimizer.apply(gradients, variables)
        return total, weight

    def _test(self, inputs: Any, targets: Any, weights: Any) -> Any:
        parts = self.model.loss.parts(targets, self.model(inputs, training=False), weights)
        return _devices().all_reduce("sum", list(parts))


def _devices() -> Any:
    return tf.distribute.get_replica_context()
