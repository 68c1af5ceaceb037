"""Compiled programs, kept and reused between fits.

Tracing and compiling a Keras model takes seconds and leaks tens of megabytes; a second fit of
the same architecture needs neither. A fit therefore trains a *twin*: a copy of the
estimator's own model that stays in a pool together with its compiled training step, into
which weights and optimizer variables are copied and out of which they are copied back.
"""

import contextlib
import json
import threading
import warnings
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skae._compiled.steps import PlainSteps, SideBySideSteps, can_run_side_by_side, n_cores
from skae._network.masking import NaNToZero, nothing_padded
from skae._network.seeds import seeds_from

MAX_KEPT_PROGRAMS = 16
"""Compiled programs of each kind that are kept; the least recently used goes first."""

FORWARD_BLOCK = 256
"""Sequences in one forward call; blocks are filled up, so that results do not depend on n."""


BULK_STEPS = 2**16
"""Sequences times steps in a compiled call of many: more ran no faster and needs more memory."""

SINGLES_TO_COMPILE = 256
"""Single samples of one shape after which a stream is assumed, and compiled for."""


class Pool:
    """Keeps a bounded number of reusable things, each used by one thread at a time."""

    def __init__(self, max_kept: int):
        self.max_kept = max_kept
        self._idle: OrderedDict[tuple[Hashable, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def borrow(self, key: Hashable, make: Callable[[], Any]) -> Iterator[Any]:
        """Lend the thing kept under `key`, or a new one while that is in use.

        A thing whose use ends in an exception is not kept.
        """
        thing = self._take(key)
        if thing is None:
            thing = make()
        yield thing
        self._keep(key, thing)

    def clear(self) -> None:
        """Drop everything that is not in use."""
        with self._lock:
            self._idle.clear()

    def __len__(self) -> int:
        return len(self._idle)

    def _take(self, key: Hashable) -> Any:
        with self._lock:
            for slot in reversed(self._idle):
                if slot[0] == key:
                    return self._idle.pop(slot)
        return None

    def _keep(self, key: Hashable, thing: Any) -> None:
        with self._lock:
            self._idle[key, id(thing)] = thing
            while len(self._idle) > self.max_kept:
                self._idle.popitem(last=False)


_twins = Pool(MAX_KEPT_PROGRAMS)
_forwards: OrderedDict[Hashable, Any] = OrderedDict()
_forwards_lock = threading.Lock()


def clear_programs() -> None:
    """Drop all compiled programs; the next fit or score of a network compiles again.

    Examples
    --------
    >>> import skae
    >>> skae.clear_programs()
    """
    _twins.clear()
    with _forwards_lock:
        _forwards.clear()


@dataclass
class _Facts:
    """What of a model does not change, and takes long to find out."""

    description: Hashable
    variables: list[keras.Variable]
    masks_nan: bool
    program: "_ForwardProgram | None" = None


_facts: weakref.WeakKeyDictionary[keras.Model, _Facts] = weakref.WeakKeyDictionary()


def _facts_of(model: keras.Model) -> _Facts:
    if model not in _facts:
        layers = model._flatten_layers()
        masks_nan = any(isinstance(layer, NaNToZero) for layer in layers)
        _facts[model] = _Facts(_describe(model), list(model.variables), masks_nan)
    return _facts[model]


def masks_nan(model: keras.Model) -> bool:
    """Tell whether the model takes padded steps as NaN."""
    return _facts_of(model).masks_nan


def architecture_key(model: keras.Model) -> Hashable:
    """Return what two models share if and only if they compute, and train, the same function.

    Names and seeds do not count. None for a model that Keras cannot copy from its
    description, which is then compiled for itself.
    """
    description = _facts_of(model).description
    # Layers may be frozen at any time.
    return description and (description, *(v.trainable for v in model.variables))


def _describe(model: keras.Model) -> Hashable:
    layers = list(model._flatten_layers())
    numbers = {layer.name: f"layer {i}" for i, layer in enumerate(layers)}
    try:
        with warnings.catch_warnings():
            # A lambda, which Keras would copy without the names around it.
            warnings.filterwarnings("error", ".*`lambda`", UserWarning)
            text = json.dumps(_anonymous(model.get_config(), numbers), sort_keys=True)
    except (NotImplementedError, TypeError, ValueError, OSError, UserWarning):
        return None
    # The kinds themselves, because a class may be defined anew under its name.
    kinds = tuple(map(type, layers))
    return (text, kinds) if _can_be_copied(model, text, kinds) else None


def _can_be_copied(model: keras.Model, text: str, kinds: tuple[type, ...]) -> bool:
    """Tell whether Keras can make the model from its description; only own code may fail."""
    modules = {kind.__module__.partition(".")[0] for kind in kinds}
    if modules <= {"keras", "skae"} and '"function"' not in text:
        return True
    try:
        copy = copy_architecture(model)
    except Exception:  # whatever own code may raise
        return False
    return tuple(map(type, copy._flatten_layers())) == kinds


def copy_architecture(model: keras.Model) -> keras.Model:
    """Return a model of the same layers, with weights of its own."""
    with seeds_from(0):
        return model.__class__.from_config(model.get_config())


def _anonymous(config: Any, numbers: dict[str, str]) -> Any:
    """Return `config` without seeds, flags of training, and names of layers."""
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


class Twin:
    """A copy of a model with its compiled steps.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer's variables made.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.plain = PlainSteps(model)
        self._side_by_side: dict[tuple[int, bool], SideBySideSteps] = {}

    def side_by_side(self, n_shards: int, padded: bool = True) -> SideBySideSteps:
        """Return the steps that run so many shards of a batch at a time."""
        key = n_shards, padded
        if key not in self._side_by_side:
            self._side_by_side[key] = SideBySideSteps(self.model, n_shards, padded)
        return self._side_by_side[key]


@contextlib.contextmanager
def twin_of(model: keras.Model) -> Iterator[Twin]:
    """Lend a twin in the state of `model`; give `model` the state of the twin at the end.

    The model stays as it is if the block raises.
    """
    model.optimizer.build(model.trainable_variables)
    key = _training_key(model)
    if key is None:
        with unchanged_on_error(model):
            yield Twin(model)
        return
    with _twins.borrow(key, lambda: _make_twin(model)) as twin:
        _copy_state(model, twin.model)
        yield twin
        _copy_state(twin.model, model)


def _training_key(model: keras.Model) -> Hashable | None:
    architecture = architecture_key(model)
    if architecture is None:
        return None
    optimizer = model.optimizer.get_config()
    del optimizer["name"]
    # A plain rate is a variable of the optimizer, copied like the others.
    if not isinstance(optimizer["learning_rate"], dict):
        del optimizer["learning_rate"]
    return architecture, type(model.optimizer), repr(optimizer), model.loss.key


def _make_twin(model: keras.Model) -> Twin:
    twin = copy_architecture(model)
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    twin.compile(optimizer=optimizer, loss=model.loss)
    optimizer.build(twin.trainable_variables)
    return Twin(twin)


def _copy_state(source: keras.Model, target: keras.Model) -> None:
    if source is target:
        return
    old, new = state_of(source), state_of(target)
    if len(old) != len(new):
        raise ValueError(
            "Got a model whose layers were frozen or set free after it was compiled, but "
            "expected its optimizer to know them. Compile it again, "
            "`model_.compile(optimizer, loss=model_.loss)`."
        )
    for variable, into in zip(old, new, strict=True):
        into.assign(variable)


def state_of(model: keras.Model) -> list[keras.Variable]:
    """Return every variable that training changes: weights, seeds, optimizer."""
    return [*model.variables, *model.optimizer.variables]


@contextlib.contextmanager
def unchanged_on_error(model: keras.Model) -> Iterator[None]:
    """Set weights and optimizer variables back if the block raises."""
    before = [variable.numpy() for variable in state_of(model)]
    try:
        yield
    except BaseException:
        for variable, value in zip(state_of(model), before, strict=False):
            variable.assign(value)
        raise


def forward(
    model: keras.Model, *inputs: np.ndarray, in_bulk: bool = False, padded: bool = True
) -> np.ndarray:
    """Return ``model(inputs)`` without training behaviour, in blocks of a fixed size.

    Parameters
    ----------
    model : keras.Model
    *inputs : ndarray of shape (n_samples, ...)
    in_bulk : bool, default=False
        Whether so much is asked for that compiling for the length of the inputs pays. Blocks
        then also run side by side. Results differ by float32 rounding at most.
    padded : bool, default=True
        Whether some steps may not exist. Compiled programs are faster without.

    Returns
    -------
    ndarray of shape (n_samples, ...), float32
    """
    facts = _facts_of(model)
    program = _forward_program(model, facts)
    weights = [tf.convert_to_tensor(variable.value) for variable in facts.variables]
    n_samples = len(inputs[0])
    if n_samples == 1 and program.is_streamed(inputs[0].shape):
        compiled = program.compiled(padded, [array.shape for array in inputs])
        return compiled(weights, inputs).astype(np.float32, copy=False)
    in_bulk = in_bulk and program.can_compile
    size = _bulk_size(inputs[0].shape[1]) if in_bulk else FORWARD_BLOCK
    blocks = [
        [_filled_up(array[start : start + size], size) for array in inputs]
        for start in range(0, n_samples, size)
    ]
    if in_bulk:
        compiled = program.compiled(padded, [array.shape for array in blocks[0]])
        with ThreadPoolExecutor(n_cores()) as threads:
            outputs = list(threads.map(lambda block: compiled(weights, block), blocks))
    else:
        outputs = [program.plain(weights, block).numpy() for block in blocks]
    return np.concatenate(outputs)[:n_samples].astype(np.float32, copy=False)


def _bulk_size(n_steps: int) -> int:
    """Return a power of two, so that few sequences are needed to fill up the last block."""
    return 2 ** max(5, (BULK_STEPS // n_steps).bit_length() - 1)


def _filled_up(block: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last entry up to a full block, so that every call has the same shape."""
    missing = size - len(block)
    return np.concatenate([block, np.repeat(block[-1:], missing, axis=0)]) if missing else block


def _forward_program(model: keras.Model, facts: _Facts) -> "_ForwardProgram":
    if facts.description is None:
        # A proxy, for what is kept for a model must not keep the model.
        facts.program = facts.program or _ForwardProgram(weakref.proxy(model))
        return facts.program
    with _forwards_lock:
        if facts.description not in _forwards:
            _forwards[facts.description] = _ForwardProgram(copy_architecture(model))
            while len(_forwards) > MAX_KEPT_PROGRAMS:
                _forwards.popitem(last=False)
        _forwards.move_to_end(facts.description)
        return _forwards[facts.description]


class _ForwardProgram:
    """Compiled functions of weights and inputs; the model lends only its structure.

    `plain` is traced once for any length; what `compiled` returns is compiled by XLA for one
    shape.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.can_compile = can_run_side_by_side(model)
        self._weights = [tf.TensorSpec(v.shape, v.dtype) for v in model.variables]
        inputs = [tf.TensorSpec((FORWARD_BLOCK, *x.shape[1:]), x.dtype) for x in model.inputs]
        signature = (self._weights, inputs)
        self.plain = tf.function(self._run, input_signature=signature, autograph=False)
        self._compiled: dict[Hashable, Callable[..., np.ndarray]] = {}
        self._n_singles: Counter[tuple[int, ...]] = Counter()

    def compiled(self, padded: bool, shapes: list[tuple[int, ...]]) -> Callable[..., np.ndarray]:
        """Return the program for inputs of these shapes."""
        key = padded, *shapes
        if key not in self._compiled:
            self._compiled[key] = self._compile(padded, shapes)
        return self._compiled[key]

    def is_streamed(self, shape: tuple[int, ...]) -> bool:
        """Tell whether single samples of this shape come so often that compiling pays."""
        self._n_singles[shape] += 1
        return self.can_compile and self._n_singles[shape] > SINGLES_TO_COMPILE

    def _compile(self, padded: bool, shapes: list[tuple[int, ...]]) -> Callable[..., np.ndarray]:
        def run(weights: list, inputs: list) -> Any:
            with nothing_padded(not padded):
                return self._run(weights, inputs)

        inputs = [
            tf.TensorSpec(shape, x.dtype)
            for shape, x in zip(shapes, self.model.inputs, strict=True)
        ]
        function = tf.function(run, jit_compile=True, autograph=False)
        concrete = function.get_concrete_function(self._weights, inputs)

        def compute(weights: list[tf.Tensor], blocks: Any) -> np.ndarray:
            return concrete(weights, list(map(tf.convert_to_tensor, blocks))).numpy()

        return compute

    def _run(self, weights: list, inputs: list) -> Any:
        values = dict(zip(map(id, self.model.variables), weights, strict=True))
        parts = self.model.trainable_variables, self.model.non_trainable_variables
        inputs = inputs[0] if len(inputs) == 1 else inputs
        arguments = ([values[id(variable)] for variable in part] for part in parts)
        return self.model.stateless_call(*arguments, inputs, training=False)[0]
