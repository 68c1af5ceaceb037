"""Integers in arithmetic progressions: where many windows start, in the memory of a few."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]

MAX_LISTED = 2**20
"""Windows from which on their starts, and the order of an epoch, are not held one by one."""


@dataclass(frozen=True)
class Progressions:
    """Arithmetic progressions, one after the other; to be read as one array of integers.

    Parameters
    ----------
    firsts, counts, steps : ndarray of shape (n_progressions,), intp

    Examples
    --------
    >>> two = Progressions(*np.array([[0, 50], [3, 2], [10, 1]]))
    >>> np.asarray(two), int(two[3]), two[np.array([0, 2])]
    (array([ 0, 10, 20, 50, 51]), 50, array([ 0, 20]))
    """

    firsts: Indices
    counts: Indices
    steps: Indices

    @cached_property
    def _edges(self) -> Indices:
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.intp)

    def __len__(self) -> int:
        return int(self._edges[-1])

    def __getitem__(self, chosen: Any) -> Any:
        """Return entries as an array; those of a mask as progressions."""
        if isinstance(chosen, slice):
            chosen = np.arange(*chosen.indices(len(self)))
        elif np.asarray(chosen).dtype == bool:
            return self._where(np.asarray(chosen))
        part = np.searchsorted(self._edges, chosen, side="right") - 1
        return self.firsts[part] + self.steps[part] * (chosen - self._edges[part])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of them, one by one."""
        return self[:].astype(dtype or np.intp, copy=False)

    def min(self) -> int:
        """Return the least."""
        return int(np.minimum(self.firsts, self._lasts).min())

    def max(self) -> int:
        """Return the largest."""
        return int(np.maximum(self.firsts, self._lasts).max())

    @property
    def content(self) -> list[Indices]:
        """What they are made of."""
        return [self.firsts, self.counts, self.steps]

    @property
    def _lasts(self) -> Indices:
        return self.firsts + self.steps * (self.counts - 1)

    def _where(self, mask: NDArray[np.bool_]) -> "Progressions":
        if mask.all():
            return self
        changes = np.flatnonzero(mask[1:] != mask[:-1]) + 1
        edges = np.union1d(changes, self._edges)
        begin, end = edges[:-1], edges[1:]
        kept = mask[begin]
        begin, end = begin[kept], end[kept]
        part = np.searchsorted(self._edges, begin, side="right") - 1
        return Progressions(self[begin], end - begin, self.steps[part])


def starts_and_lengths(
    series_lengths: Indices, window_size: int, stride: int
) -> tuple[Progressions, Progressions]:
    """Return where the windows that cover stacked series start, and how long they are.

    They are those of `window_starts` for each series.

    Examples
    --------
    >>> starts, lengths = starts_and_lengths(np.array([8, 2]), 3, 2)
    >>> np.asarray(starts), np.asarray(lengths)
    (array([0, 2, 4, 5, 8]), array([3, 3, 3, 3, 2]))
    """
    step, begins = min(stride, window_size), np.cumsum(series_lengths) - series_lengths
    lasts = np.maximum(series_lengths - window_size, 0)
    counts = lasts // step + 1
    # One more window where these leave a tail.
    tails = (lasts % step > 0).astype(np.intp)
    firsts = np.stack([begins, begins + lasts], axis=1).ravel()
    counts = np.stack([counts, tails], axis=1).ravel()
    sizes = np.repeat(np.minimum(series_lengths, window_size), 2)
    kept = counts > 0
    firsts, counts, sizes = firsts[kept], counts[kept], sizes[kept]
    steps = np.full(len(firsts), step)
    return Progressions(firsts, counts, steps), Progressions(sizes, counts, np.zeros_like(steps))
