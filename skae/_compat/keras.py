"""Private names of Keras and SciKeras, and facts that they do not publish.

SciKeras is no longer developed. skae uses little of it, and one test fails if a release drops a
name.
"""

import contextlib
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from scikeras.wrappers import BaseWrapper

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


def as_plain(value: Any) -> Any:
    """Return a NumPy number as a Python number, and anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value


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
        super().__init__(build, **params)
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
