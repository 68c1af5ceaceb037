"""Private names of TensorFlow, and situations in which it hangs or fails."""

import ctypes
import gc
import itertools
import os
import sys
import weakref
from collections.abc import Callable
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
    """Tell whether TensorFlow ran before this process was forked, which loses its threads."""
    return bool(_forked_from)


def forget_kernels() -> None:
    """Let TensorFlow drop the kernels of eager operations; it rebuilds them when needed.

    It keeps four kernels of 35 kB for each shape that a variable ever had (1 MB for each trained
    architecture), and one for each name.
    """
    current = context.context_safe()
    if current is not None:
        current.clear_kernel_cache()


def call_flat(function: Any, tensors: list[tf.Tensor]) -> Any:
    """Call a concrete function with the tensors of all its arguments, in order and unchecked.

    The public call checks each tensor, which takes 0.2 ms for a network's weights.
    """
    return function._call_flat(tensors, function.captured_inputs)


def forget_gradients(graph: tf.Graph) -> None:
    """Remove the gradients of one graph from TensorFlow's registry.

    ``tf.custom_gradient`` registers a function for each use in a graph, which keeps the graph
    forever: about 12 MB for each small trained network. skae's `LSTM` and ``all_reduce`` in every
    Keras optimizer use it. A finished graph does not need these functions.
    """
    definition = graph.as_graph_def()
    bodies = [definition.node, *(function.node_def for function in definition.library.function)]
    for node in itertools.chain.from_iterable(bodies):
        if node.op == "IdentityN":  # tf.custom_gradient adds these to a graph or a loop in it
            name = node.attr["_gradient_op_type"].s.decode()
            ops.gradient_registry._registry.pop(name, None)


def give_memory_back() -> None:
    """Return freed memory to the system, if the C library can."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def traced(
    function: Callable[..., Any], *specs: Any, jit_compile: bool | None = None
) -> Callable[..., Any]:
    """Return `function` traced for tensors of exactly these shapes.

    A ``tf.function`` would retrace for other shapes, and would warn about retracing if functions of
    different networks share their source code.

    Parameters
    ----------
    function : callable
        Takes tensors. It may compute gradients; none are computed through it.
    *specs : tf.TensorSpec, or lists or dicts of them
        All arguments. With defaults, TensorFlow would first treat each call as wrong and format
        every array into a message that is never shown.
    jit_compile : bool, optional
        Whether XLA compiles it.
    """
    general = tf.function(function, jit_compile=jit_compile, autograph=False)
    concrete = general.get_concrete_function(*specs)
    forget_gradients(concrete.graph)
    compiled: Callable[..., Any] = concrete
    return compiled


def check_process() -> None:
    """Raise an error if networks cannot be built and run.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow had run in its parent, inside the scope of
        a distribution strategy, and inside a `tf.Graph`.
    """
    if is_forked_after_use():
        raise RuntimeError(
            "Got a call in a process that was forked after TensorFlow had run in its parent, but "
            "expected a freshly started process: TensorFlow would wait forever for threads that a "
            "fork does not copy. Start workers with multiprocessing's 'spawn' or 'forkserver', or "
            "with joblib's 'loky', or fork before the first fit or score."
        )
    if tf.distribute.has_strategy():
        raise RuntimeError(
            f"Got a call in the scope of {type(tf.distribute.get_strategy()).__name__}, but "
            "expected none: skae trains and scores on one device. Leave the scope."
        )
    if not tf.executing_eagerly():
        raise RuntimeError(
            "Got a call inside a tf.Graph or tf.function, but expected eager execution. Call it "
            "outside."
        )


class NetworkCollector:
    """Runs Python's garbage collector when many networks may be waiting for it.

    Parameters
    ----------
    spare : int, default=4
        Networks that may accumulate, above the smallest number since the last collection.

    Examples
    --------
    >>> collector = NetworkCollector(spare=2)
    >>> class Network:
    ...     def __init__(self):
    ...         self.itself = self
    >>> for _ in range(9):
    ...     collector.add(Network())
    >>> len(collector) <= 2
    True
    """

    def __init__(self, spare: int = 4):
        self.spare = spare
        self._fewest = 0
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._alive)

    def add(self, network: Any) -> None:
        """Count a new network, and free unreachable ones if many may have accumulated."""
        self._fewest = min(self._fewest, len(self._alive))
        self._alive.add(network)
        if len(self._alive) > self._fewest + self.spare:
            gc.collect()
            self._fewest = len(self._alive)
