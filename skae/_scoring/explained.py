"""How much of what happens inside windows is reconstructed: comparable between windows."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from skae._sequences import observed
from skae._sequences.ragged import Sequences

Array = NDArray[np.floating]

BLOCK = 4096
"""Windows that are laid out at a time."""


def explained_variation(windows: Sequences, residuals: Iterable[Array]) -> float:
    """Return the coefficient of determination of reconstructions about the means of windows.

    Parameters
    ----------
    windows : Sequences
    residuals : iterable of ndarray of shape (n_windows_in_block, n_steps, n_features)
        Observed minus reconstructed, of the windows in their order; NaN where nothing was observed.

    Returns
    -------
    float
        One minus the sum of the squared residuals, over that of the differences of each value
        from the mean of its feature in its window. Where all values are such means, 1 if the
        residuals are 0, and 0 if not.
    """
    unexplained = sum(_sum_of_squares(block) for block in residuals)
    variation = sum(_variation(block.padded()) for block in windows.blocks(BLOCK))
    if variation == 0:
        return float(unexplained == 0)
    return float(1 - unexplained / variation)


def _variation(values: Array) -> float:
    return _sum_of_squares(values - observed.mean(values, axis=1)[:, None])


def _sum_of_squares(values: Array) -> float:
    return float(np.nansum(np.square(values, dtype=np.float64)))
