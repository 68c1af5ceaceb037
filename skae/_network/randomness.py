"""Dropout and noise as Keras has them, drawn by an algorithm that XLA compiles to fast code.

By itself TensorFlow chooses one which, compiled by XLA for a CPU, takes longer than all the rest
of a training step.
"""

from typing import Any

import keras
import tensorflow as tf

ALGORITHM = "philox"


@keras.saving.register_keras_serializable(package="skae")
class Dropout(keras.layers.Dropout):
    """``keras.layers.Dropout``, whose compiled training steps take less time.

    Parameters
    ----------
    rate : float
        Share of the inputs that are set to zero in training, from 0 to 1; the others are divided by
        the share that is kept.
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

    def call(self, inputs: Any, training: bool = False) -> Any:
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


@keras.saving.register_keras_serializable(package="skae")
class GaussianNoise(keras.layers.GaussianNoise):
    """``keras.layers.GaussianNoise``, whose compiled training steps take less time.

    Parameters
    ----------
    stddev : float
        Standard deviation of what is added in training, from 0 to 1.
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

    def call(self, inputs: Any, training: bool = False) -> Any:
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
    """Return a seed as TensorFlow takes it, and move the generator on."""
    return tf.cast(tf.math.floormod(generator.next(), tf.int32.max - 1), tf.int32)
