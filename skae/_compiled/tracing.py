"""Tracing: a TensorFlow graph of a Python function, freed when nothing refers to it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from skae._compat.tensorflow import forget_gradients


def traced(
    function: Callable[..., Any], *specs: Any, jit_compile: bool | None = None
) -> Callable[..., Any]:
    """Return `function` traced for tensors of exactly these shapes.

    A ``tf.function`` would retrace for other shapes, and would warn users about retracing when
    functions of different networks share their source.

    Parameters
    ----------
    function : callable
        Takes tensors. It differentiates only what it computed itself, and is not differentiated.
    *specs : tf.TensorSpec, or lists or dicts of them
        The arguments. If the function had defaults, TensorFlow would first treat each call as wrong
        and format every array into a hidden message.
    jit_compile : bool, optional
        Whether XLA compiles it.
    """
    general = tf.function(function, jit_compile=jit_compile, autograph=False)
    concrete = general.get_concrete_function(*specs)
    forget_gradients(concrete.graph)
    compiled: Callable[..., Any] = concrete
    return compiled
