"""The order of sequences in an epoch: drawn at once, or, of very many, from a bounded buffer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._sequences import progressions

Indices = NDArray[np.intp]

BLOCK = 2**12
"""Consecutive sequences that come into the buffer together."""

BUFFER_BLOCKS = 2**6
"""Blocks in the buffer."""


class ListedOrder:
    """An order that is held whole.

    Parameters
    ----------
    n : int
        Number of sequences.
    """

    def __init__(self, n: int):
        self._order = np.arange(n)

    def __getitem__(self, part: slice) -> Indices:
        """Return the numbers of the sequences at these places."""
        return self._order[part]

    def shuffle(self, rng: np.random.Generator) -> None:
        """Draw another."""
        rng.shuffle(self._order)

    @property
    def state(self) -> Any:
        """What makes it this one."""
        return self._order

    @state.setter
    def state(self, state: Any) -> None:
        self._order = state


class BufferedOrder:
    """An order of which a buffer is held.

    Blocks of consecutive sequences are drawn into a buffer until it is full, and leave it one by
    one in an order of its own. Each sequence comes once. The sequences of a batch are from all
    over the series, while what is read of the rows is read block by block.

    Parameters
    ----------
    n : int
        Number of sequences.
    """

    def __init__(self, n: int):
        self._n = n
        self._blocks = np.arange(-(-n // BLOCK))
        self._seed: int | None = None
        self._held: tuple[int, Indices] | None = None

    def __getitem__(self, part: slice) -> Indices:
        """Return the numbers of the sequences at these places."""
        first, stop, _ = part.indices(self._n)
        edges = self._edges()
        found = []
        while first < stop:
            fill = int(np.searchsorted(edges, first, side="right")) - 1
            until = min(stop, int(edges[fill + 1]))
            found.append(self._filled(fill)[first - edges[fill] : until - edges[fill]])
            first = until
        return np.concatenate(found) if found else np.zeros(0, np.intp)

    def shuffle(self, rng: np.random.Generator) -> None:
        """Draw another."""
        rng.shuffle(self._blocks)
        self._seed, self._held = int(rng.integers(2**63)), None

    @property
    def state(self) -> Any:
        """What makes it this one."""
        return [self._blocks, self._seed]

    @state.setter
    def state(self, state: Any) -> None:
        (self._blocks, self._seed), self._held = state, None

    def _edges(self) -> Indices:
        """Return how many sequences have come before each filling of the buffer, and in all."""
        ends = np.cumsum(np.minimum(BLOCK, self._n - self._blocks * BLOCK))
        return np.concatenate([[0], ends[BUFFER_BLOCKS - 1 :: BUFFER_BLOCKS], ends[-1:]])

    def _filled(self, number: int) -> Indices:
        """Return the sequences in the buffer when it is full for this time, in their order."""
        if self._held is None or self._held[0] != number:
            blocks = self._blocks[number * BUFFER_BLOCKS : (number + 1) * BUFFER_BLOCKS]
            starts = blocks * BLOCK
            chosen = (starts[:, None] + np.arange(BLOCK)).ravel()
            chosen = chosen[chosen < self._n]
            if self._seed is not None:
                np.random.default_rng([self._seed, number]).shuffle(chosen)
            self._held = number, chosen
        return self._held[1]


def order_of(n: int) -> ListedOrder | BufferedOrder:
    """Return the order of so many sequences, as they are until it is shuffled."""
    return (BufferedOrder if n > progressions.MAX_LISTED else ListedOrder)(n)
