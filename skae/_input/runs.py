"""Runs of equal consecutive values."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]


def runs_of_equal(values: Any) -> list[slice]:
    """Return the slice of each run of equal values, in order.

    Examples
    --------
    >>> runs_of_equal(np.array(["pump", "pump", "fan"]))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    cuts = np.flatnonzero(values[1:] != values[:-1]) + 1
    edges = [0, *cuts.tolist(), len(values)] if len(values) else []
    return [slice(*pair) for pair in pairwise(edges)]


def runs_of_true(flags: NDArray[np.bool_], merge_gap: int = 0) -> tuple[Positions, Positions]:
    """Return the first and the last positions of the runs of True.

    Parameters
    ----------
    flags : ndarray of shape (n,), bool
    merge_gap : int, default=0
        Runs with at most this many False between them are joined.

    Examples
    --------
    >>> firsts, lasts = runs_of_true(np.array([True, True, False, True]))
    >>> firsts.tolist(), lasts.tolist()
    ([0, 3], [1, 3])
    """
    found = np.flatnonzero(flags)
    if not len(found):
        return found, found
    cuts = np.flatnonzero(np.diff(found) > merge_gap + 1)
    return found[np.append(0, cuts + 1)], found[np.append(cuts, -1)]
