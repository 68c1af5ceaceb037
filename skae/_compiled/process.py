"""Situations that TensorFlow does not survive: raise an error, or clean up."""

import gc
import weakref
from typing import Any

import tensorflow as tf

from skae._compat.tensorflow import is_forked_after_use


def check_process() -> None:
    """Raise an error if networks can be neither built nor run.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow had run in its parent, inside the scope of
        a distribution strategy, and inside a `tf.Graph`.
    """
    _check_is_not_forked()
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


def _check_is_not_forked() -> None:
    if is_forked_after_use():
        raise RuntimeError(
            "Got a call in a process that was forked after TensorFlow had run in its parent, but "
            "expected a freshly started process: TensorFlow would wait forever for threads that a "
            "fork does not copy. Start workers with the method 'spawn' or 'forkserver' of "
            "multiprocessing, or with joblib's 'loky', or fork before the first fit or score."
        )


class NetworkCollector:
    """Runs Python's garbage collector when many networks may be waiting for it.

    Parameters
    ----------
    spare : int, default=4
        Networks that may be alive beyond the smallest number since the last collection.

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
        """Count a new network, and free unreachable ones if there may be many."""
        self._fewest = min(self._fewest, len(self._alive))
        self._alive.add(network)
        if len(self._alive) > self._fewest + self.spare:
            gc.collect()
            self._fewest = len(self._alive)
