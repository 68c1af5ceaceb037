"""Arrays that are filled up to the size that something is compiled for."""

import numpy as np
from numpy.typing import NDArray


def filled_up(array: NDArray, n: int) -> NDArray:
    """Return an array of `n` entries along its first axis, those that it lacks zero."""
    missing = n - len(array)
    return np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) if missing else array
