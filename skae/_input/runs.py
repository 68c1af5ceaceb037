"""Runs: stretches of consecutive rows or values, found or joined."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


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


def runs_of_true(flags: NDArray[np.bool_], merge_gap: int = 0) -> tuple[Indices, Indices]:
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


def run_lengths(lengths: Indices, after_gap: NDArray[np.bool_] | None) -> Indices:
    """Return the number of rows of each part without gaps in stacked series.

    Examples
    --------
    >>> run_lengths(np.array([3, 2]), np.array([False, False, True, False, False]))
    array([2, 1, 2])
    """
    if after_gap is None:
        return lengths
    begins = after_gap.copy()
    begins[firsts_of(lengths)[lengths > 0]] = True
    return np.diff(np.append(np.flatnonzero(begins), len(begins)))


def firsts_of(lengths: Indices) -> Indices:
    """Return the beginning of each part in a stack."""
    return np.cumsum(lengths) - lengths


def ranges(starts: Indices, lengths: Indices) -> Indices:
    """Return ``start, start + 1, ...`` for each of several ranges, concatenated.

    Examples
    --------
    >>> ranges(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    return np.repeat(starts - firsts_of(lengths), lengths) + np.arange(lengths.sum())
