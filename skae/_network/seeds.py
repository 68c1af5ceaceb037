"""Seeds for Keras layers that have none, without a trace in Python's `random`."""

import contextlib
import random
import threading
from collections.abc import Iterator

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def seeds_from(seed: int) -> Iterator[None]:
    """Let layers without a seed, which Keras gives one from `random`, take it from `seed`.

    Parameters
    ----------
    seed : int

    Notes
    -----
    `random` belongs to the whole process, so threads take turns.
    """
    with _one_at_a_time:
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
