"""A bar for what takes long, drawn as Keras draws those of training."""

from collections.abc import Iterator
from typing import Any

import keras

from skae._sequences.ragged import Sequences


def with_progress(blocks: Iterator[Sequences], n_windows: int, verbose: Any) -> Iterator[Sequences]:
    """Yield blocks of windows, and say how many of them are through a network.

    Parameters
    ----------
    blocks : iterator of Sequences
    n_windows : int
        Windows in all of them. Nothing is said where they are in one block.
    verbose : int or "auto"
        As in ``keras.Model.predict``: 1 for a bar, 2 for a line at the end, 0 for nothing.
    """
    bar, done = None, 0
    for block in blocks:
        if verbose and bar is None and len(block) < n_windows:
            level = 1 if verbose == "auto" else int(verbose)
            bar = keras.utils.Progbar(n_windows, verbose=level, unit_name="window")
        yield block
        done += len(block)
        if bar is not None:
            bar.update(done)
