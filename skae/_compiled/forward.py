"""The forward pass: a model's output without training behaviour."""

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skae._compat.keras import call_flat, check_process, forget_kernels, give_memory_back, traced
from skae._compiled.steps import can_be_sharded, n_cores
from skae._compiled.training_cache import (
    LRUCache,
    Values,
    copy_architecture,
    describe,
    values_of,
    workspaces,
)
from skae._network.layers import nothing_padded

MAX_ARCHITECTURES = 8
"""Architectures for which the forward pass is kept."""

MAX_SHAPES = 16
"""Input shapes for which an architecture's XLA-compiled forward pass is kept."""

FORWARD_BLOCKS = 8, 32, 256
"""Sequences in one forward call; blocks are filled up, so that results do not depend on n.

On Intel processors each of these sizes gives a sequence the same bits. On AMD processors kernels
depend on the number of rows, so results are equal up to float32 rounding. On both, products of a
single row are summed in another order.
"""

MAX_BLOCKS = 4
"""Blocks of a smaller size that run before a larger size is compiled, which is at least as "
"fast."""

BULK_STEPS = 2**16
"""Sequences times steps in a compiled bulk call; larger calls were no faster and need more "
"memory."""

forward_passes: "LRUCache[ForwardPass]" = LRUCache(MAX_ARCHITECTURES)


def clear_caches() -> None:
    """Drop all compiled functions. The next fit or score of a network compiles again.

    TensorFlow also drops the kernels of its eager operations, 1 MB for each architecture that was
    ever trained. This restarts operations with a state, such as ``tf.random.normal`` with a seed,
    so a fit never does it. Code compiled by XLA stays until the process ends. On Linux with the
    GNU C library, freed memory returns to the system.

    Examples
    --------
    >>> import skae
    >>> skae.clear_caches()
    """
    workspaces.clear()
    forward_passes.clear()
    forget_kernels()
    gc.collect()
    give_memory_back()


def forward(
    model: keras.Model,
    *inputs: NDArray[Any],
    in_bulk: bool = False,
    padded: bool = True,
    values: Values | None = None,
) -> NDArray[Any]:
    """Return ``model(inputs)`` without training behaviour, in blocks of a few fixed sizes.

    The result depends only on the arguments, never on earlier calls.

    Parameters
    ----------
    model : keras.Model
    *inputs : ndarray of shape (n_samples, ...)
    in_bulk : bool, default=False
        Whether to compile for the length of the inputs and run blocks in parallel, which pays off
        for many inputs. Results differ by float32 rounding at most.
    padded : bool, default=True
        Whether some steps may be padding. XLA code without padding is faster.
    values : dict of int to tf.Tensor, optional
        Values of its variables, see `values_of`; their current values by default.

    Returns
    -------
    ndarray of shape (n_samples, ...), float32
    """
    compute = forward_pass_of(model)
    weights = weights_of(model, values)
    n_samples = len(inputs[0])
    in_bulk = in_bulk and compute.can_compile
    size = _bulk_size(inputs[0].shape[1]) if in_bulk else _block_size(n_samples)
    blocks = [
        [repeated_to(size, array[start : start + size]) for array in inputs]
        for start in range(0, n_samples, size)
    ]
    if in_bulk:
        compiled = compute.compiled(padded, *(array.shape for array in blocks[0]))
        with ThreadPoolExecutor(n_cores()) as threads:
            outputs = list(threads.map(lambda block: compiled(weights, block), blocks))
    else:
        plain = compute.plain(size)
        outputs = [plain(weights, block) for block in blocks]
    return np.concatenate(outputs)[:n_samples].astype(np.float32, copy=False)


def loss_parts(
    model: keras.Model, inputs: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any]
) -> tuple[Any, Any]:
    """Return numerator and denominator of the loss of a model compiled with an `ObservedLoss`.

    It compiles only functions that scoring needs anyway.
    """
    parts: tuple[Any, Any] = model.loss.parts(targets, forward(model, inputs), weights)
    return parts


def weights_of(model: keras.Model, values: Values | None = None) -> list[tf.Tensor]:
    """Return the weights of a model, or of a part of it, in the form that `ForwardPass` takes."""
    variables = describe(model).variables
    values = values_of(variables) if values is None else values
    return [values[id(variable)] for variable in variables]


def _block_size(n_samples: int) -> int:
    """Return the block size for this number of sequences, within the allowed sizes."""
    if n_samples <= FORWARD_BLOCKS[0]:
        return FORWARD_BLOCKS[0]
    sizes = (size for size in FORWARD_BLOCKS[1:] if MAX_BLOCKS * size >= n_samples)
    return next(sizes, FORWARD_BLOCKS[-1])


def _bulk_size(n_steps: int) -> int:
    """Return a power of two, chosen so that few sequences fill up the last block."""
    return int(2 ** max(5, (BULK_STEPS // n_steps).bit_length() - 1))


def repeated_to(size: int, block: NDArray[Any]) -> NDArray[Any]:
    """Repeat the last entry up to a full block, so that every call has the same shape."""
    missing = size - len(block)
    return np.concatenate([block, np.repeat(block[-1:], missing, axis=0)]) if missing else block


def forward_pass_of(model: keras.Model) -> "ForwardPass":
    """Return the forward pass that all models of this architecture share."""
    check_process()
    architecture = describe(model).architecture
    if architecture is None:
        # No reference to the model: its cache entry must not keep it alive.
        own = weakref.proxy(model)
        return forward_passes.get(weakref.ref(model), lambda: ForwardPass(own))
    return forward_passes.get(architecture, lambda: ForwardPass(copy_architecture(model)))


class ForwardPass:
    """Functions of weights and inputs; the model gives only their structure.

    Parameters
    ----------
    model : keras.Model
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.can_compile = can_be_sharded(model)
        self._weights = [tf.TensorSpec(v.shape, v.dtype) for v in model.variables]
        self._function = lru_cache(MAX_SHAPES)(self._traced)

    @property
    def n_made(self) -> int:
        """Functions that were ever made."""
        return self._function.cache_info().misses

    def plain(self, size: int) -> Callable[..., NDArray[Any]]:
        """Return the function for so many inputs of any length."""
        return self._function(*((size, *x.shape[1:]) for x in self.model.inputs))

    def compiled(self, padded: bool, *shapes: tuple[int, ...]) -> Callable[..., NDArray[Any]]:
        """Return the function that XLA compiles for inputs of these shapes."""
        return self._function(*shapes, padded=padded, jit_compile=True)

    def _traced(
        self, *shapes: tuple[int, ...], padded: bool = True, jit_compile: bool | None = None
    ) -> Callable[..., NDArray[Any]]:
        def run(weights: list[Any], inputs: list[Any]) -> Any:
            with nothing_padded(not padded):
                return self._run(weights, inputs)

        model_inputs = zip(shapes, self.model.inputs, strict=True)
        # Sequences are float32 for any `keras.config.floatx`; Keras casts them.
        dtypes = {"float64": "float32"}
        inputs = [tf.TensorSpec(shape, dtypes.get(x.dtype, x.dtype)) for shape, x in model_inputs]
        function = traced(run, self._weights, inputs, jit_compile=jit_compile)

        def compute(weights: list[tf.Tensor], arrays: Any) -> NDArray[Any]:
            tensors = [*weights, *map(tf.convert_to_tensor, arrays)]
            outputs: NDArray[Any] = call_flat(function, tensors).numpy()
            return outputs

        return compute

    def _run(self, weights: list[Any], inputs: list[Any]) -> Any:
        values = dict(zip(map(id, self.model.variables), weights, strict=True))
        parts = self.model.trainable_variables, self.model.non_trainable_variables
        inputs = inputs[0] if len(inputs) == 1 else inputs
        arguments = ([values[id(variable)] for variable in part] for part in parts)
        return self.model.stateless_call(*arguments, inputs, training=False)[0]
