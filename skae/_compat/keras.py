"""Keras' private names, and what it says in no public way."""

import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Got Keras with the backend {keras.backend.backend()!r}, but expected 'tensorflow'. "
        "Set KERAS_BACKEND=tensorflow before Keras is imported."
    )

seed_source: ContextVar[random.Random | None] = ContextVar("seed_source", default=None)
"""What gives seeds to Keras layers that have none; `random`, as ever, where nothing is set."""


class _RandomOfContext:
    """Stands for `random` where Keras draws seeds, so that no thread need seed it for all."""

    def __getattr__(self, name: str) -> Any:
        return getattr(seed_source.get() or random, name)


seed_generator.python_random = _RandomOfContext()


@contextlib.contextmanager
def names_anew() -> Iterator[None]:
    """Let Keras number the names that it makes up from the start, in this thread and block alone.

    TensorFlow keeps 35 kB for each name and shape that a variable was ever given. "adam_17" and
    "seed_generator_18", which Keras counts on, would be a leak; so would "bias" and
    "encoder_0_bias_momentum" of each size, hence `variables_of_one_name`.
    """
    earlier = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", defaultdict(int))
    try:
        with variables_of_one_name():
            yield
    finally:
        global_state.set_global_attribute("object_name_uids", earlier)


def variables_of_one_name() -> contextlib.AbstractContextManager[Any]:
    """Let TensorFlow call every variable the same, in this thread and block alone.

    Keras' own names and paths of variables, which files and users know, are what they are.
    """
    scope: contextlib.AbstractContextManager[Any] = tf.variable_creator_scope(_make_variable)
    return scope


def _make_variable(make: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
    # The slash keeps names of layers away, which Keras has around it as TensorFlow's scopes.
    return make(**options | {"name": "variable/"})


def build_optimizer(model: keras.Model) -> None:
    """Make the variables of a compiled model's optimizer, if there are none yet."""
    with variables_of_one_name():
        model.optimizer.build(model.trainable_variables)


def count_as_called(model: keras.Model) -> None:
    """Let ``model.export`` take a model of which only copies ever ran."""
    model._called = True


def known_optimizer(optimizer: Any) -> Any:
    """Return the class for a name that ``keras.optimizers.get`` forgets; all else as it is."""
    is_lamb = isinstance(optimizer, str) and optimizer.lower() == "lamb"
    return getattr(keras.optimizers, "Lamb", optimizer) if is_lamb else optimizer


def as_plain(value: Any) -> Any:
    """Return a numpy number as a Python one, and everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Return all layers of a model, those inside of others included, and the model itself."""
    return list(model._flatten_layers())


def is_seed(variable: keras.Variable) -> bool:
    """Tell whether a variable is the state of a ``keras.random.SeedGenerator``."""
    return bool(variable.name == "seed_generator_state")


def schedule_of(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.schedules.LearningRateSchedule | None:
    """Return the schedule that an optimizer brings; its public `learning_rate` is a value."""
    rate = getattr(optimizer, "_learning_rate", None)
    is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    return rate if is_schedule else None


def options_of_loss(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return options that `get_config` leaves out: Huber's delta, the axis of CosineSimilarity."""
    return getattr(loss, "_fn_kwargs", {})
