"""What TensorFlow does not survive in a process, refused or cleaned up."""

import contextvars
import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import tensorflow as tf

from skae._compat.keras import global_attributes
from skae._compat.tensorflow import is_forked_after_use

Answer = TypeVar("Answer")


def check_process() -> None:
    """Raise an error where networks can be neither built nor run.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow had run in its parent, and inside of the
        scope of a distribution strategy.
    """
    _check_is_not_forked()
    if tf.distribute.has_strategy():
        raise RuntimeError(
            f"Got a call in the scope of {_name_of_strategy()}, but expected none: what is scored "
            "as it comes runs on one device. Leave the scope."
        )


def check_can_train() -> None:
    """Raise an error where networks cannot be trained: see `check_process`.

    Raises
    ------
    RuntimeError
        In a forked process, and inside of the scope of a strategy that does not keep the same
        weights on several devices of this machine.
    """
    _check_is_not_forked()
    known = tf.distribute.MirroredStrategy | tf.distribute.OneDeviceStrategy
    if tf.distribute.has_strategy() and not isinstance(tf.distribute.get_strategy(), known):
        raise RuntimeError(
            f"Got a call in the scope of {_name_of_strategy()}, but expected a MirroredStrategy, "
            "by which networks are trained on several devices of one machine, or none. Leave the "
            "scope."
        )


def outside_of_scopes(function: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
    """Call a function; inside of the scope of a strategy in a thread, which that does not reach.

    Variables that are made there belong to no strategy.
    """
    if not tf.distribute.has_strategy():
        return function(*args, **kwargs)
    check_can_train()
    context, attributes = contextvars.copy_context(), dict(global_attributes())

    def call() -> Answer:
        global_attributes().update(attributes)
        return function(*args, **kwargs)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(context.run, call).result()


def _check_is_not_forked() -> None:
    if is_forked_after_use():
        raise RuntimeError(
            "Got a call in a process that was forked after TensorFlow had run in its parent, but "
            "expected one that was started anew: TensorFlow would wait for ever for threads that "
            "the fork left behind. Start workers with the method 'spawn' or 'forkserver' of "
            "multiprocessing, or with joblib's 'loky', or fork before the first fit or score."
        )


def _name_of_strategy() -> str:
    return type(tf.distribute.get_strategy()).__name__


class NetworkCollector:
    """Runs Python's collector when many networks may wait for it.

    Parameters
    ----------
    spare : int, default=4
        Networks that may be alive beyond the fewest since the last collection.

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
        """Note a new network, and free the lost ones if there may be many of them."""
        self._fewest = min(self._fewest, len(self._alive))
        self._alive.add(network)
        if len(self._alive) > self._fewest + self.spare:
            gc.collect()
            self._fewest = len(self._alive)
