"""Sequences: slices of one stack of rows, padded on demand.

In the whole package, **NaN means not observed**. Steps after the end of a sequence are NaN in every
feature; a missing reading is NaN in its feature.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from sklearn.utils import check_array

from skae._compat.sklearn import too_large_is_named
from skae._input.checks import as_numbers
from skae._input.observed import NAN_ALLOWED, imputed

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

OBSERVED_BLOCK = 2**16
"""Sequences that are checked for observations at a time."""


@dataclass(frozen=True)
class Sequences:
    """Sequences as slices of one stack of rows, so that overlaps need no further memory.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
        All rows; NaN where a value was not observed.
    starts, lengths : ndarray of shape (n_sequences,), intp
        Sequence `i` is ``rows[starts[i] : starts[i] + lengths[i]]``.
    offsets : ndarray of shape (n_sequences,), intp, optional
        Padded steps before each sequence in the input array.
    n_steps : int, optional
        Steps of the input array; None if the input was a list.
    is_table : bool
        Whether the input was a table with one univariate sequence per row.
    """

    rows: Floats
    starts: Indices
    lengths: Indices
    offsets: Indices | None = None
    n_steps: int | None = None
    is_table: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def n_features(self) -> int:
        """Number of features of a step."""
        return int(self.rows.shape[1])

    @cached_property
    def max_length(self) -> int:
        """Number of steps of the longest sequence."""
        return int(self.lengths.max())

    @property
    def is_padded(self) -> bool:
        """Whether some sequence is shorter than the longest."""
        return int(self.lengths.min()) < self.max_length

    @property
    def share_rows(self) -> bool:
        """Whether some overlap, as windows of a series do."""
        order = np.argsort(self.starts, kind="stable")
        starts, lengths = self.starts[order], self.lengths[order]
        return bool((starts[1:] < starts[:-1] + lengths[:-1]).any())

    @cached_property
    def are_observed(self) -> NDArray[np.bool_]:
        """Whether any value of each sequence was observed."""
        if len(self) <= OBSERVED_BLOCK:
            return self._are_observed()
        if all(block._are_observed().all() for block in self.blocks(OBSERVED_BLOCK)):
            return np.broadcast_to(np.True_, len(self))
        blocks = [block._are_observed() for block in self.blocks(OBSERVED_BLOCK)]
        return np.concatenate(blocks)

    def _are_observed(self) -> NDArray[np.bool_]:
        if not len(self):
            return np.zeros(0, dtype=bool)
        starts, ends = self.starts[:], self.starts[:] + self.lengths[:]
        first, end = int(starts.min()), int(ends.max())
        if end - first > self.lengths[:].sum():
            return np.logical_not(np.isnan(self.padded()).all(axis=(1, 2)))
        flags = _observed_rows(self.rows[first:end])
        total = np.concatenate([[0], np.cumsum(flags, dtype=np.intp)])
        seen: NDArray[np.bool_] = total[ends - first] > total[starts - first]
        return seen

    def select(self, chosen: Any) -> "Sequences":
        """Return the sequences at the positions `chosen`, over the same rows."""
        offsets = None if self.offsets is None else self.offsets[chosen]
        starts, lengths = self.starts[chosen], self.lengths[chosen]
        return replace(self, starts=starts, lengths=lengths, offsets=offsets)

    def at_most(self, n: int) -> "Sequences":
        """Return at most `n` evenly spread sequences."""
        return self.select(slice(None, None, -(-len(self) // n)))

    def steps_inside(self, length: int) -> NDArray[np.bool_]:
        """Return which of `length` steps belong to each sequence and are not padding."""
        return np.arange(length) < self.lengths[:, None]

    def blocks(self, size: int) -> Iterator["Sequences"]:
        """Yield the sequences in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.select(slice(start, start + size))

    def padded(self, length: int | None = None) -> Floats:
        """Return the sequences as one right-padded array.

        Parameters
        ----------
        length : int, optional
            Number of steps to pad to; the longest sequence's by default.

        Returns
        -------
        ndarray of shape (n_sequences, length, n_features), float32
            NaN after the end of a sequence and wherever nothing was observed.
        """
        steps = np.arange(self.max_length if length is None else length)
        index = self.starts[:, None] + steps
        outside = steps >= self.lengths[:, None]
        if not outside.any():
            values: Floats = np.take(self.rows, index, axis=0)
            return values
        values = np.take(self.rows, np.minimum(index, len(self.rows) - 1), axis=0)
        values[outside] = np.nan
        return values

    def imputed(self, values: Floats, fallback: Floats) -> Floats:
        """Fill every gap inside a sequence; padding stays NaN.

        A gap gets the last value before it in its sequence, else the first value after it, else the
        feature's entry of `fallback`.

        Parameters
        ----------
        values : ndarray of shape (n_sequences, length, n_features)
            From `padded`.
        fallback : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of the same shape, float32
            `values` itself where there is no gap.
        """
        return imputed(values, self.steps_inside(values.shape[1])[:, :, None], fallback)

    def like_input(self, padded: NDArray[Any]) -> NDArray[Any] | list[NDArray[Any]]:
        """Lay out results per step like the input: a list for a list, else one array.

        Parameters
        ----------
        padded : ndarray of shape (n_sequences, max_length, ...)
            Results per step, NaN after the end of each sequence.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps, ...) or list of ndarray
        """
        if self.n_steps is None:
            return [row[:length] for row, length in zip(padded, self.lengths, strict=True)]
        shape = (len(self), self.n_steps, *padded.shape[2:])
        if padded.shape == shape and not np.any(self.offsets):
            return padded
        given = np.full(shape, np.nan, dtype=padded.dtype)
        offsets = np.zeros(len(self), np.intp) if self.offsets is None else self.offsets
        sequence, step = np.nonzero(self.steps_inside(padded.shape[1]))
        given[sequence, step + offsets[sequence]] = padded[sequence, step]
        return given


def shape_of(item: Any) -> tuple[int, ...]:
    """Return the shape of an array-like; lists by their first items; () for a scalar."""
    if hasattr(item, "shape"):
        return tuple(item.shape)
    if not isinstance(item, list | tuple):
        return ()
    return (len(item), *(shape_of(item[0]) if len(item) else ()))


def reject_short_rows(X: Any) -> None:
    """Reject rows of unequal length, which would otherwise be read as several series.

    Parameters
    ----------
    X : list of array-like
        The items of a list of series or sequences.

    Raises
    ------
    ValueError
        If all items are lists of numbers.
    """
    if not all(isinstance(item, list | tuple) and len(shape_of(item)) == 1 for item in X):
        return
    lengths = [len(item) for item in X]
    usual = max(lengths, key=lengths.count)
    short = next(i for i, length in enumerate(lengths) if length != usual)
    raise ValueError(
        f"Got rows of {usual} values, but X[{short}] of {lengths[short]}; expected the same number "
        "in each row. If X contains several series of one feature, pass them as arrays."
    )


def stack_series(X: Any, dtype: Any = np.float32) -> tuple[NDArray[Any], Indices]:
    """Stack a list of series into rows.

    Parameters
    ----------
    X : list of array-like of shape (n_rows_i, n_features) or (n_rows_i,)
        Series; NaN where a value was not observed.
    dtype : dtype or list of dtype, default=float32
        As in ``sklearn.utils.check_array``.

    Returns
    -------
    rows : ndarray of shape (sum of n_rows_i, n_features), `dtype`
    lengths : ndarray of shape (n_series,), intp

    Raises
    ------
    ValueError
        If an item is empty, infinite or not numeric, or differs from the first in its number of
        features.
    """
    for i, item in enumerate(X):
        if shape_of(item)[:1] == (0,):
            raise ValueError(
                f"Got X[{i}] with 0 sample(s), but expected at least one row in each: leave it "
                "out, X = [x for x in X if len(x)]."
            )
    items = [rows_of(item, f"X[{i}]", dtype) for i, item in enumerate(X)]
    widths = [item.shape[1] for item in items]
    for i, width in enumerate(widths):
        check_width(width, widths[0], f"X[{i}]")
    return np.concatenate(items), np.array([len(item) for item in items], dtype=np.intp)


def check_width(width: int, expected: int, name: str) -> None:
    """Check that a series has the number of features of the first."""
    if width != expected:
        raise ValueError(
            f"{name} has {width} features, but X[0] has {expected}; expected every item "
            "to have shape (n_rows_i, n_features) with the same n_features. If the items are "
            "(n_channels, n_timepoints_i), as in aeon, write [x.T for x in X]."
        )


def rows_of(item: Any, name: str, dtype: Any = np.float32) -> NDArray[Any]:
    """Return one series as rows; see `stack_series`."""
    item = as_numbers(item, name)
    if len(shape_of(item)) == 1:
        item = item.to_frame() if hasattr(item, "to_frame") else np.asarray(item)[:, None]
    return _checked(item, dtype, name)


def _checked(rows: Any, dtype: Any, name: str) -> NDArray[Any]:
    with too_large_is_named(rows, name):
        checked: NDArray[Any]
        checked = check_array(rows, dtype=dtype, **NAN_ALLOWED, input_name=name)
    return checked


def from_list(X: Any, dtype: Any = np.float32) -> Sequences:
    """Return the sequences of a list."""
    return of_stack(*stack_series(X, dtype))


def of_stack(rows: Floats, lengths: Indices) -> Sequences:
    """Return consecutive sequences of the given lengths."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)
    # All steps of a list item exist: a NaN row is a gap, even at either end.
    return Sequences(rows, starts, lengths)


def from_array(X: NDArray[Any], dtype: Any = np.float32) -> Sequences:
    """Return the sequences of a 3-D array, padded with NaN before or after them.

    Overlapping windows that are a strided view, as from `SequenceWindower`, become slices of the
    rows they share, so the windows need no memory. Only rows before the first observed row are then
    padding.

    Raises
    ------
    ValueError
        If the array is empty or contains infinity.
    """
    rows, starts = rows_and_starts(X)
    rows = _checked(rows, dtype, "X")
    lengths = np.full(len(X), X.shape[1], dtype=np.intp)
    sequences = Sequences(rows, starts, lengths, n_steps=X.shape[1])
    return _without_padding(sequences, of_one_series=len(rows) < lengths.sum())


def from_table(X: NDArray[Any], dtype: Any = np.float32) -> Sequences:
    """Return the univariate sequences of a table, one per row."""
    return replace(from_array(X[:, :, None], dtype), is_table=True)


def blank_sequences(n_sequences: int, n_steps: int) -> Sequences:
    """Return equally long sequences of one feature that is zero."""
    return from_array(np.zeros((n_sequences, n_steps, 1), np.float32))


def rows_and_starts(X: NDArray[Any]) -> tuple[NDArray[Any], Indices]:
    """Return the rows of a 3-D array, and where among them each sequence starts.

    Overlapping windows that are a strided view give the rows they share, as a view.

    Raises
    ------
    ValueError
        If the array is empty.
    """
    n_sequences, n_steps, n_features = X.shape
    if 0 in X.shape:
        raise ValueError(
            f"Found array with shape {X.shape}, but expected at least 1 sample, 1 step and "
            "1 feature(s) in (n_samples, n_steps, n_features)."
        )
    between, within = X.strides[:2]
    overlapping = within > 0 and between % within == 0 and 0 < between < n_steps * within
    if overlapping and n_sequences > 1:
        stride = between // within
        shape = ((n_sequences - 1) * stride + n_steps, n_features)
        rows = as_strided(X, shape, X.strides[1:], writeable=False)
    elif stride := stride_of_copied_windows(X, MIN_SHARED):
        rows = rows_of_copied_windows(X, stride)
    else:
        rows, stride = X.reshape(-1, n_features), n_steps
    return rows, np.arange(n_sequences, dtype=np.intp) * stride


MIN_SHARED = 64
"""Changes of value that windows must share to be recognised as overlapping."""


def stride_of_copied_windows(X: NDArray[Any], min_shared: int = 0) -> int:
    """Return the stride of copied overlapping windows, 0 for other sequences.

    Windows of a series therefore train the same network in any memory layout.

    Parameters
    ----------
    X : ndarray of shape (n_sequences, n_steps, n_features)
    min_shared : int, default=0
        Changes of value that the windows must share.
    """
    for stride in range(1, X.shape[1] if len(X) > 1 else 0):
        # If any windows differ, the first usually do.
        if not _are_equal(X[1, :-stride], X[0, stride:]):
            continue
        shared = X[1:, :-stride]
        if _n_changes(shared) >= min_shared and _are_equal(shared, X[:-1, stride:]):
            return stride
    return 0


def rows_of_copied_windows(X: NDArray[Any], stride: int) -> NDArray[Any]:
    """Return the rows that copied windows share, each once."""
    return np.concatenate([X[0], X[1:, -stride:].reshape(-1, X.shape[2])])


def _n_changes(X: NDArray[Any]) -> int:
    """Count the values that differ from the one before."""
    one, other = X[:, 1:], X[:, :-1]
    return int(np.count_nonzero((one < other) | (one > other)))


def _are_equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _without_padding(sequences: Sequences, *, of_one_series: bool) -> Sequences:
    """Drop the steps before the first and after the last observed one."""
    observed = _observed_rows(sequences.rows)
    if observed.all():
        return replace(sequences, offsets=np.zeros(len(sequences), np.intp))
    positions = np.flatnonzero(observed)
    ends = sequences.starts + sequences.lengths
    seen = sequences.are_observed
    if not seen.any():
        return replace(sequences, offsets=np.zeros(len(sequences), np.intp))
    first = positions[np.searchsorted(positions, sequences.starts) % len(positions)]
    last = positions[np.searchsorted(positions, ends) - 1]
    # A sequence without observations keeps its steps, because any of them may be padding.
    first, last = np.where(seen, first, sequences.starts), np.where(seen, last, ends - 1)
    if of_one_series:
        first, last = np.maximum(sequences.starts, positions[0]), ends - 1
    return replace(
        sequences, starts=first, lengths=last - first + 1, offsets=first - sequences.starts
    )


def _observed_rows(rows: Floats) -> NDArray[np.bool_]:
    observed: NDArray[np.bool_] = np.logical_not(np.all(np.isnan(rows), axis=1))
    return observed
