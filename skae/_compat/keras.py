"""Private names of Keras, SciKeras and TensorFlow, and situations in which TensorFlow fails.

SciKeras is no longer developed. skae uses little of it, and one test fails if a release drops a
name.
"""

import contextlib
import ctypes
import gc
import itertools
import os
import random
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from scikeras.wrappers import BaseWrapper
from tensorflow.python.eager import context
from tensorflow.python.framework import ops

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Got Keras with the backend {keras.backend.backend()!r}, but expected 'tensorflow'. "
        "Set KERAS_BACKEND=tensorflow before Keras is imported."
    )

seed_source: ContextVar[random.Random | None] = ContextVar("seed_source", default=None)
"""The source of seeds for Keras layers that have none; `random` by default."""


class _RandomOfContext:
    """Replaces `random` where Keras draws seeds, so that no thread seeds it for all others."""

    def __getattr__(self, name: str) -> Any:
        return getattr(seed_source.get() or random, name)


seed_generator.python_random = _RandomOfContext()


@contextlib.contextmanager
def seeds_from(seed: int) -> Iterator[None]:
    """Seed layers without a seed from `seed`; Keras would draw one from `random`.

    Parameters
    ----------
    seed : int

    Notes
    -----
    This affects only the thread that enters; `random` itself never changes.
    """
    token = seed_source.set(random.Random(seed))
    try:
        yield
    finally:
        seed_source.reset(token)


@contextlib.contextmanager
def names_anew() -> Iterator[None]:
    """Restart Keras' numbering of generated names, in this thread and block only.

    TensorFlow keeps 35 kB for each name and shape that a variable ever had. Names with a counter,
    such as "adam_17" and "seed_generator_18", would leak. `variables_of_one_name` does the same for
    "bias" and "encoder_0_bias_momentum" of each size.
    """
    earlier = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", defaultdict(int))
    try:
        with variables_of_one_name():
            yield
    finally:
        global_state.set_global_attribute("object_name_uids", earlier)


def variables_of_one_name() -> contextlib.AbstractContextManager[Any]:
    """Give every TensorFlow variable the same name, in this thread and block only.

    Keras' own names and paths of variables, which files and users see, do not change.
    """
    scope: contextlib.AbstractContextManager[Any] = tf.variable_creator_scope(_make_variable)
    return scope


def _make_variable(make: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
    # The slash removes the layer names that Keras adds as TensorFlow scopes.
    return make(**options | {"name": "variable/"})


def build_optimizer(model: keras.Model) -> None:
    """Create the optimizer variables of a compiled model if they do not exist yet."""
    with variables_of_one_name():
        model.optimizer.build(model.trainable_variables)


def count_as_called(model: keras.Model) -> None:
    """Let ``model.export`` accept a model of which only copies were run."""
    model._called = True


def known_optimizer(optimizer: Any) -> Any:
    """Return the class of a name that ``keras.optimizers.get`` lacks; anything else unchanged."""
    is_lamb = isinstance(optimizer, str) and optimizer.lower() == "lamb"
    return getattr(keras.optimizers, "Lamb", optimizer) if is_lamb else optimizer


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the model and all its layers, including nested ones."""
    return list(model._flatten_layers())


def is_seed(variable: keras.Variable) -> bool:
    """Tell whether a variable is the state of a ``keras.random.SeedGenerator``."""
    return bool(variable.name == "seed_generator_state")


def schedule_of(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.schedules.LearningRateSchedule | None:
    """Return an optimizer's schedule; its public `learning_rate` is the current value."""
    rate = getattr(optimizer, "_learning_rate", None)
    is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    return rate if is_schedule else None


def options_of_loss(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return options that `get_config` omits: Huber's delta, the axis of CosineSimilarity."""
    return getattr(loss, "_fn_kwargs", {})


class ParameterRouter(BaseWrapper):
    """The parts of a SciKeras wrapper that work without its data, seeds and training.

    Parameters
    ----------
    build : callable
        Returns a Keras model; may take ``meta``, ``compile_kwargs``, ``params`` and the
        parameters routed by ``model__``, as in SciKeras.
    meta : dict
        The value of ``meta``.
    **params
        Parameters of `BaseWrapper` and routed ones.
    """

    def __init__(self, build: Callable[..., keras.Model], meta: dict[str, Any], **params: Any):
        if isinstance(build, keras.Model):
            raise TypeError(
                f"Got model={build!r}, but expected a callable that builds a model, because every "
                "fit starts with new weights."
            )
        super().__init__(partial(build), **params)
        self._meta = meta
        # SciKeras' own seeding switches the whole process to deterministic ops permanently.
        self._random_state = None

    def _get_metadata(self) -> dict[str, Any]:
        return self._meta

    def build_model(self) -> keras.Model:
        """Return the model that `build` returns."""
        return self._build_keras_model()

    def compile_arguments(self) -> dict[str, Any]:
        """Return the arguments of ``keras.Model.compile`` from the routed parameters."""
        arguments: dict[str, Any] = self._get_compile_kwargs()
        return arguments

    def make_callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks from the routed parameters as one flat list."""
        self._initialize_callbacks()
        lists = [item if isinstance(item, list) else [item] for item in self._fit_callbacks]
        return [callback for items in lists for callback in items]


# ------------------------------------------------------------------- TensorFlow

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


# ------------------------------------------------------------------- MLflow

FLAVORS = "keras", "tensorflow"
"""Names under which MLflow logs trainings of Keras."""


@contextlib.contextmanager
def autologging() -> Iterator[list[keras.callbacks.Callback]]:
    """Yield the callback of MLflow if autolog is on; its run is the active one, or a new one."""
    if not _autolog_is_on():
        yield []
        return
    import mlflow
    from mlflow.keras import MlflowCallback

    with contextlib.nullcontext() if mlflow.active_run() else mlflow.start_run():
        yield [MlflowCallback()]


def _autolog_is_on() -> bool:
    """Tell whether the user called `autolog`. MLflow is not imported for this."""
    utils = sys.modules.get("mlflow.utils.autologging_utils")
    return utils is not None and not all(map(utils.autologging_is_disabled, FLAVORS))
