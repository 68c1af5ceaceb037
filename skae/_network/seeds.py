"""Seeds for Keras layers that have none, without a trace in Python's `random`."""

import contextlib
import random
from collections.abc import Iterator

from skae._compat.keras import seed_source


@contextlib.contextmanager
def seeds_from(seed: int) -> Iterator[None]:
    """Let layers without a seed, which Keras gives one from `random`, take it from `seed`.

    Parameters
    ----------
    seed : int

    Notes
    -----
    Only for the thread that enters; `random` itself is left alone, at any moment.
    """
    token = seed_source.set(random.Random(seed))
    try:
        yield
    finally:
        seed_source.reset(token)
