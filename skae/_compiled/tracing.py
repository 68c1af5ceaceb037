"""Tracing: a TensorFlow graph of a Python function, which goes when nobody holds it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from skae._compat.tensorflow import forget_gradients


def traced(
    function: Callable[..., Any], *specs: Any, jit_compile: bool | None = None
) -> Callable[..., Any]:
    """Return `function` traced for tensors of just these shapes.

    It is no ``tf.function``, which would trace anew for other shapes, and which warns users when
    several of one source are traced, though they belong to different networks.

    Parameters
    ----------
    function : callable
        Of tensors; it differentiates nothing that it did not compute itself, and nobody
        differentiates it.
    *specs : tf.TensorSpec, or lists or dicts of them
        Of its arguments. TensorFlow takes calls of a function with defaults for wrong ones, and
        prints every array into a message that nobody sees before it tries again.
    jit_compile : bool, optional
        Whether XLA compiles it.
    """
    general = tf.function(function, jit_compile=jit_compile, autograph=False)
    concrete = general.get_concrete_function(*specs)
    forget_gradients(concrete.graph)
    compiled: Callable[..., Any] = concrete
    return compiled
