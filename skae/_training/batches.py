"""Padded batches, gathered on demand, in shuffled order."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._compiled.steps import filled_up
from skae._input import observed
from skae._input.sequences import Floats, Sequences
from skae._windows.windows import is_listed

Indices = NDArray[np.intp]
Arrays = tuple[Floats, Floats, Floats]

BLOCK = 2**12
"""Consecutive sequences in a block of the buffer."""

BUFFER_BLOCKS = 2**6
"""Blocks in the buffer."""


class ListedOrder:
    """An order that is stored completely.

    Parameters
    ----------
    n : int
        Number of sequences.

    Attributes
    ----------
    state : ndarray of shape (n,), int
        The numbers of the sequences in this order.
    """

    def __init__(self, n: int):
        self.state: Any = np.arange(n)

    def __getitem__(self, part: slice) -> Indices:
        """Return the numbers of the sequences at these positions."""
        found: Indices = self.state[part]
        return found

    def shuffle(self, rng: np.random.Generator) -> None:
        """Draw another order."""
        rng.shuffle(self.state)


class BufferedOrder:
    """An order of which only a buffer is stored.

    Blocks of consecutive sequences are drawn into a buffer until it is full. The sequences leave
    the buffer one by one in random order, each once. The sequences of a batch thus come from the
    whole series, although rows are read block by block.

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
        """Return the numbers of the sequences at these positions."""
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
        """Draw another order."""
        rng.shuffle(self._blocks)
        self._seed, self._held = int(rng.integers(2**63)), None

    @property
    def state(self) -> Any:
        """The state of the order."""
        return [self._blocks, self._seed]

    @state.setter
    def state(self, state: Any) -> None:
        (self._blocks, self._seed), self._held = state, None

    def _edges(self) -> Indices:
        """Return the number of sequences before each filling of the buffer, and in total."""
        ends = np.cumsum(np.minimum(BLOCK, self._n - self._blocks * BLOCK))
        return np.concatenate([[0], ends[BUFFER_BLOCKS - 1 :: BUFFER_BLOCKS], ends[-1:]])

    def _filled(self, number: int) -> Indices:
        """Return the sequences of this filling of the buffer, in order."""
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
    """Return the order of `n` sequences, not yet shuffled."""
    return (ListedOrder if is_listed(n) else BufferedOrder)(n)


CHUNK_BYTES = 2**24
"""Size of the inputs in one call of a compiled step."""


@dataclass(eq=False)
class Batches:
    """Batches of padded sequences, gathered one at a time, in a new order each epoch.

    Iterating yields them in the pieces that a compiled step takes.

    Parameters
    ----------
    sequences : Sequences
    fallback : ndarray of shape (n_features,)
        Input for a feature that is missing throughout a sequence.
    batch_size : int
    weights : ndarray of shape (n_sequences,) or (n_rows,), optional
        Weight of each sequence, or of each row.
    n_steps : int, optional
        Steps that sequences are padded to; by default the length of the longest.
    keep_nan : bool, default=True
        Whether padded steps of the input are NaN or 0.
    n_shards : int, default=0
        With 0, a piece is one batch. Otherwise it is a chunk of batches of one size that is
        divisible by `n_shards`; sequences of weight zero fill them.
    chunk_bytes : int, default=2**24
        Most bytes in the inputs of a chunk; a chunk contains at least one batch.
    rng : numpy.random.Generator, optional
        Shuffles, see `order_of`. Without it, the order does not change.
    balanced : bool, default=False
        Whether each entry has a weight, so that all features that were observed in a sequence have
        the same total weight.
    """

    sequences: Sequences
    fallback: Floats
    batch_size: int
    weights: Floats | None = None
    _: KW_ONLY
    n_steps: int | None = None
    keep_nan: bool = True
    n_shards: int = 0
    chunk_bytes: int = CHUNK_BYTES
    rng: np.random.Generator | None = None
    balanced: bool = False

    def __post_init__(self) -> None:
        """Draw the first order."""
        self._n_steps = self.n_steps or self.sequences.max_length
        self._order = order_of(len(self.sequences))
        self.shuffle()

    def __len__(self) -> int:
        return -(-len(self.sequences) // self.batch_size)

    def __getitem__(self, i: int) -> tuple[Floats, Floats, Floats]:
        """Return inputs, targets (n, T, F) and weights of batch `i`.

        The weights are of shape (n, 1) or (n, T), or (n, T, F) if they are balanced.
        """
        chosen = self._order[i * self.batch_size : (i + 1) * self.batch_size]
        batch = self.sequences.select(chosen)
        targets = batch.padded(self._n_steps)
        inputs = batch.imputed(targets, self.fallback)
        inputs = inputs if self.keep_nan else np.nan_to_num(inputs)
        weights = self._weights_of(chosen, batch)
        if self.balanced:
            seen = ~np.isnan(targets)
            weights = weights[:, :, None] * (seen * observed.balance(seen)).astype(np.float32)
        return inputs, targets, weights

    def __iter__(self) -> Iterator[tuple[int, int, Arrays]]:
        """Yield all `pieces`."""
        return self.pieces()

    def pieces(self, begin: int = 0) -> Iterator[tuple[int, int, Arrays]]:
        """Yield the numbers of the first and the last batch of a piece, and its arrays.

        The arrays are inputs, targets (the same object if nothing is missing) and weights. The
        first piece begins with batch `begin`.
        """
        n_batches = self._batches_in_a_piece()
        for first in range(begin, len(self), n_batches):
            last = min(first + n_batches, len(self)) - 1
            yield first, last, self._stacked(first, last) if self.n_shards else self[first]

    @property
    def is_padded(self) -> bool:
        """Whether some sequence has fewer steps than a batch."""
        return self.sequences.is_padded or self._n_steps > self.sequences.max_length

    @property
    def n_rows(self) -> int:
        """Number of sequences in every batch but the last."""
        return min(self.batch_size, len(self.sequences))

    @property
    def content(self) -> list[Any]:
        """The contents of the batches, independent of their order."""
        sequences = self.sequences
        places = [
            part
            for indices in (sequences.starts, sequences.lengths)
            for part in getattr(indices, "content", [indices])
        ]
        return [sequences.rows, *places, self.weights, self.fallback]

    @property
    def state(self) -> dict[str, Any]:
        """The order of this epoch, and the generator of the next one."""
        generator = None if self.rng is None else self.rng.bit_generator.state
        return {"order": self._order.state, "generator": generator}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._order.state = state["order"]
        if self.rng is not None:
            self.rng.bit_generator.state = state["generator"]

    def shuffle(self) -> None:
        """Draw the order of the next epoch."""
        if self.rng is not None:
            self._order.shuffle(self.rng)

    def _batches_in_a_piece(self) -> int:
        n_bytes = 4 * self.n_rows * self._n_steps * self.sequences.n_features
        return max(1, self.chunk_bytes // n_bytes) if self.n_shards else 1

    def _stacked(self, first: int, last: int) -> Arrays:
        n_rows = -(-self.n_rows // self.n_shards) * self.n_shards
        batches = [self[i] for i in range(first, last + 1)]
        inputs, targets, weights = (
            np.stack([filled_up(array, n_rows) for array in arrays])
            for arrays in zip(*batches, strict=True)
        )
        same = all(batch[0] is batch[1] for batch in batches)
        return inputs, inputs if same else targets, weights

    def _weights_of(self, chosen: Any, batch: Sequences) -> Floats:
        if self.weights is None:
            return np.ones((len(chosen), 1), np.float32)
        if len(self.weights) == len(self.sequences):
            of_sequences: Floats = self.weights[chosen][:, None]
            return of_sequences
        rows = Sequences(self.weights[:, None], batch.starts, batch.lengths)
        weights: Floats = np.nan_to_num(rows.padded(self._n_steps)[:, :, 0])
        return weights
