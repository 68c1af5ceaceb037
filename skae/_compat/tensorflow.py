"""TensorFlow's private names."""

import ctypes
import itertools
import os
import sys
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import ops

_forked_from: list[int] = []


def _note_fork() -> None:
    current = context.context_safe()
    if current is not None and current._initialized:
        _forked_from.append(os.getppid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def is_forked_after_use() -> bool:
    """Tell whether TensorFlow ran before this process was forked: its threads stayed behind."""
    return bool(_forked_from)


def forget_kernels() -> None:
    """Let TensorFlow drop the kernels of eager operations, which it makes again when it needs them.

    It keeps four of 35 kB for each shape that a variable ever had, 1 MB for each architecture that
    is trained, and one for each name.
    """
    current = context.context_safe()
    if current is not None:
        current.clear_kernel_cache()


def call_flat(function: Any, tensors: list[tf.Tensor]) -> Any:
    """Call a concrete function with the tensors of all its arguments, in their order, unchecked.

    The public call compares each with its specification, 0.2 ms for the weights of a network.
    """
    return function._call_flat(tensors, function.captured_inputs)


def forget_gradients(graph: tf.Graph) -> None:
    """Take the gradients that belong to one graph out of TensorFlow's registry.

    ``tf.custom_gradient``, which our `LSTM` uses and every optimizer of Keras too (in
    ``all_reduce``), registers a function for each use in a graph, and with it the graph, for good:
    some 12 MB for each small network trained. A graph that is complete needs them no more.
    """
    definition = graph.as_graph_def()
    bodies = [definition.node, *(function.node_def for function in definition.library.function)]
    for node in itertools.chain.from_iterable(bodies):
        if node.op == "IdentityN":  # what tf.custom_gradient puts into a graph, or a loop in it
            name = node.attr["_gradient_op_type"].s.decode()
            ops.gradient_registry._registry.pop(name, None)


def give_memory_back() -> None:
    """Give freed memory back to the system; where the C library cannot, do nothing."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
