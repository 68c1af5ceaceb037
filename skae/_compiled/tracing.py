"""Tracing: a TensorFlow graph of a Python function, which goes when nobody holds it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops


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
    _forget_gradients(concrete.graph)
    return concrete


def _forget_gradients(graph: tf.Graph) -> None:
    """Take the gradients that belong to one graph out of TensorFlow's registry.

    ``tf.custom_gradient``, which `LSTM` uses and every optimizer of Keras too (in ``all_reduce``),
    registers a function for each use in a graph, and with it the graph, for good: some 12 MB for
    each small network trained. The gradients are needed no more when the graph is complete.
    """
    for operation in graph.get_operations():
        if operation.type == "IdentityN":  # what tf.custom_gradient puts into a graph
            name = operation.node_def.attr["_gradient_op_type"].s.decode()
            ops.gradient_registry._registry.pop(name, None)
