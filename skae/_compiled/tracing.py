"""Tracing: a TensorFlow graph of a Python function, which goes when nobody holds it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from skae._compat.tensorflow import forget_gradients


def traced(
    function: Callable, *specs: Any, jit_compile: bool | None = None, **named: Any
) -> Callable:
    """Return `function` traced for tensors of just these shapes.

    It is no ``tf.function``, which would trace anew for other shapes, and which warns users when
    several of one source are traced, though they belong to different networks.

    Parameters
    ----------
    function : callable
        Of tensors; it differentiates nothing that it did not compute itself, and nobody
        differentiates it.
    *specs, **named : tf.TensorSpec, or lists of them
        Of its arguments.
    jit_compile : bool, optional
        Whether XLA compiles it.
    """
    general = tf.function(function, jit_compile=jit_compile, autograph=False)
    concrete = general.get_concrete_function(*specs, **named)
    forget_gradients(concrete.graph)
    return concrete
