"""Workspaces: copies of models that are trained instead of the models.

Tracing and compiling the training step of a Keras model takes seconds, and megabytes that
TensorFlow never frees. A fit therefore trains a copy of the estimator's model, which is kept
together with its compiled steps. Weights and optimizer state are copied into this workspace before
training and back afterwards.
"""

import contextlib
import json
import threading
import warnings
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar

import keras
import tensorflow as tf

from skae._compat.keras import build_optimizer, check_process, layers_of, names_anew, seeds_from
from skae._compiled.steps import PlainSteps, ShardedSteps
from skae._network.layers import NaNToZero
from skae._network.serialization import assign

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """A bounded cache for several threads, which drops the least recently used value.

    Values are made outside the lock, to avoid deadlocks with other locks that making one needs. Two
    threads may therefore make a value for the same key at the same time.

    Parameters
    ----------
    max_size : int
        Most values that are kept.
    max_keys : int, optional
        Most different keys among them. Values lent at the same time may share a key.

    Examples
    --------
    >>> cache = LRUCache(max_size=2)
    >>> cache.get("a", lambda: 1), cache.get("a", lambda: 2)
    (1, 1)
    >>> with cache.borrow("a", lambda: 3) as value:
    ...     value, len(cache)
    (1, 0)
    """

    def __init__(self, max_size: int, max_keys: int | None = None):
        self.max_size, self.max_keys = max_size, max_keys
        self._entries: list[tuple[Hashable, Value]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made if needed, for many threads."""
        with self._lock:
            entry = self._pop(key)
            if entry:
                self._push(entry)
                return entry[1]
        made = key, make()
        with self._lock:
            entry = self._pop(key) or made
            self._push(entry)
        return entry[1]

    @contextlib.contextmanager
    def borrow(self, key: Hashable, make: Callable[[], Value]) -> Iterator[Value]:
        """Lend a value of `key` to one thread; make one if all kept values are lent.

        The value returns to the cache even after an error, so each borrower must set its state.
        """
        with self._lock:
            entry = self._pop(key)
        entry = entry or (key, make())
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._push(entry)

    def clear(self) -> None:
        """Drop every value that is not lent."""
        with self._lock:
            self._entries.clear()

    def _pop(self, key: Hashable) -> tuple[Hashable, Value] | None:
        for i in reversed(range(len(self._entries))):
            if self._entries[i][0] == key:
                return self._entries.pop(i)
        return None

    def _push(self, entry: tuple[Hashable, Value]) -> None:
        self._entries.append(entry)
        del self._entries[: -self.max_size]
        if self.max_keys is not None:
            newest = list(dict.fromkeys(key for key, _ in reversed(self._entries)))
            kept = newest[: self.max_keys]
            self._entries = [one for one in self._entries if one[0] in kept]


MAX_WORKSPACES = 16
"""Workspaces that are kept."""

MAX_TRAINED = 3
"""Architectures (or ways to train them) whose workspaces are kept, about 16 MB each.

Searches fit one architecture after another, several times each. Threads fit the same architecture
at the same time.
"""

MAX_SHARDINGS = 4
"""Numbers of shards for which a workspace keeps compiled steps."""

workspaces: "LRUCache[Workspace]" = LRUCache(MAX_WORKSPACES, MAX_TRAINED)

Values = Mapping[int, tf.Tensor]
"""Values of variables, by their ids."""


@dataclass(frozen=True)
class ModelDescription:
    """Facts about a model that do not change and take long to determine.

    Parameters
    ----------
    architecture : hashable or None
        Equal for two models if and only if they compute the same function of weights and inputs.
        None if Keras cannot copy the model from its configuration.
    variables : list of keras.Variable
    masks_nan : bool
        Whether the model expects NaN in padded steps.
    """

    architecture: Hashable
    variables: list[keras.Variable]
    masks_nan: bool


_descriptions: weakref.WeakKeyDictionary[keras.Model, ModelDescription]
_descriptions = weakref.WeakKeyDictionary()


def describe(model: keras.Model) -> ModelDescription:
    """Return the description of a model, determined once."""
    description = _descriptions.get(model)
    if description is None:
        masks = any(isinstance(layer, NaNToZero) for layer in layers_of(model))
        description = ModelDescription(_architecture(model), list(model.variables), masks)
        _descriptions[model] = description
    return description


def architecture_key(model: keras.Model) -> Hashable:
    """Return a key that two models share if and only if they compute and train the same function.

    Names and seeds do not count. None if Keras cannot copy the model from its configuration; it is
    then compiled separately.
    """
    architecture = describe(model).architecture
    # Layers may be frozen at any time.
    return architecture and (architecture, *(v.trainable for v in model.variables))


def _architecture(model: keras.Model) -> Hashable:
    layers = layers_of(model)
    numbers = {layer.name: f"layer {i}" for i, layer in enumerate(layers)}
    try:
        with warnings.catch_warnings():
            # A lambda: Keras would copy it without its closure.
            warnings.filterwarnings("error", ".*`lambda`", UserWarning)
            config = json.dumps(_anonymous(model.get_config(), numbers), sort_keys=True)
    except (NotImplementedError, TypeError, ValueError, OSError, UserWarning):
        return None
    # The classes themselves, because a class may be redefined under the same name.
    classes = tuple(map(type, layers))
    return (config, classes) if _can_be_copied(model, config, classes) else None


def _anonymous(config: Any, numbers: dict[str, str]) -> Any:
    """Return `config` without seeds, trainable flags, and names of layers."""
    match config:
        case dict():
            kept = {key: config[key] for key in config if key not in ("seed", "trainable")}
            if isinstance(name := kept.get("name"), str):
                kept["name"] = numbers.get(name, name)
            return {key: _anonymous(value, numbers) for key, value in kept.items()}
        case [str(name), int(), int()]:  # how Keras refers to the output of a layer
            return [numbers.get(name, name), *config[1:]]
        case list() | tuple():
            return [_anonymous(value, numbers) for value in config]
    return config


def _can_be_copied(model: keras.Model, config: str, classes: tuple[type, ...]) -> bool:
    """Tell whether Keras can rebuild the model from its configuration; only user code may fail."""
    packages = {layer_class.__module__.partition(".")[0] for layer_class in classes}
    if packages <= {"keras", "skae"} and '"function"' not in config:
        return True
    try:
        copy = copy_architecture(model)
    except Exception:  # user code may raise anything
        return False
    return tuple(map(type, layers_of(copy))) == classes


def copy_architecture(model: keras.Model) -> keras.Model:
    """Return a model with the same layers and separate weights."""
    with seeds_from(0), names_anew():
        return model.__class__.from_config(model.get_config())


def independent_copy(model: keras.Model, values: Values) -> keras.Model:
    """Return an uncompiled copy with these weights; the model itself if Keras cannot copy it."""
    if describe(model).architecture is None:
        return model
    copied = copy_architecture(model)
    assign(copied.variables, [values[id(variable)] for variable in model.variables])
    return copied


def compiled_copy(model: keras.Model, values: Values) -> keras.Model:
    """Return a compiled copy with these weights and this state of the optimizer.

    Raises
    ------
    RuntimeError
        If Keras cannot copy the model from its configuration.
    """
    if describe(model).architecture is None:
        raise RuntimeError(
            "Got an estimator that another thread is fitting, but expected one that is not being "
            "fitted, because Keras cannot copy its network from its configuration. Pickle it "
            "before or after the fit."
        )
    copied = _copy_compiled(model)
    assign(state_of(copied), [values[id(variable)] for variable in state_of(model)])
    return copied


class Workspace:
    """A model in training, with its compiled steps.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer's variables made.

    Attributes
    ----------
    plain : PlainSteps
    sharded : callable
        Maps a number of shards, and whether there is padding, to `ShardedSteps`, which it keeps.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.plain = PlainSteps(model)
        self.sharded = lru_cache(MAX_SHARDINGS)(partial(ShardedSteps, model))


@contextlib.contextmanager
def workspace_of(model: keras.Model) -> Iterator[Workspace]:
    """Lend a workspace with the state of `model`, and copy its state back at the end.

    The model does not change if the block raises.
    """
    check_process()
    build_optimizer(model)
    key = _training_key(model)
    if key is None:
        with unchanged_on_error(model):
            yield Workspace(model)
        return
    with workspaces.borrow(key, lambda: Workspace(_copy_compiled(model))) as workspace:
        _copy_state(model, workspace.model)
        yield workspace
        _copy_state(workspace.model, model)


def _training_key(model: keras.Model) -> Hashable | None:
    architecture = architecture_key(model)
    if architecture is None:
        return None
    optimizer = model.optimizer.get_config()
    del optimizer["name"]
    # A constant rate is an optimizer variable and is copied with the others.
    if not isinstance(optimizer["learning_rate"], dict):
        del optimizer["learning_rate"]
    return architecture, type(model.optimizer), repr(optimizer), model.loss.key


def _copy_compiled(model: keras.Model) -> keras.Model:
    copy = copy_architecture(model)
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    copy.compile(optimizer=optimizer, loss=model.loss)
    build_optimizer(copy)
    return copy


def _copy_state(source: keras.Model, target: keras.Model) -> None:
    old, new = state_of(source), state_of(target)
    if len(old) != len(new):
        raise ValueError(
            "Got a model with layers that were frozen or unfrozen after compile, but expected an "
            "optimizer that knows them. Compile it again, `model_.compile(optimizer, "
            "loss=model_.loss)`."
        )
    assign(new, old)


def state_of(model: keras.Model) -> list[keras.Variable]:
    """Return every variable that training changes: weights, seeds, optimizer."""
    return [*model.variables, *(model.optimizer.variables if model.compiled else [])]


def values_of(variables: Iterable[keras.Variable]) -> Values:
    """Return the current values. Memory is copied only when a variable changes."""
    return {id(variable): tf.convert_to_tensor(variable.value) for variable in variables}


@contextlib.contextmanager
def unchanged_on_error(model: keras.Model) -> Iterator[None]:
    """Restore weights and optimizer variables if the block raises."""
    before = [variable.numpy() for variable in state_of(model)]
    try:
        yield
    except BaseException:
        for variable, value in zip(state_of(model), before, strict=False):
            variable.assign(value)
        raise
