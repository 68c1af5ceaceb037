"""From rows to windows and back, and where windows start."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from skae._input import observed
from skae._input.sequences import (
    Indices,
    Sequences,
    rows_of_copied_windows,
    stride_of_copied_windows,
)

MAX_LISTED = 2**20
"""Number of windows above which their starts and their order are computed, not stored."""


def is_listed(n_windows: int) -> bool:
    """Tell whether the starts of windows are stored one by one."""
    return n_windows <= MAX_LISTED


@dataclass(frozen=True)
class Progressions:
    """Concatenated arithmetic progressions, which read like one array of integers.

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
        """Return entries as an array; a mask gives progressions."""
        if isinstance(chosen, slice):
            chosen = np.arange(*chosen.indices(len(self)))
        elif np.asarray(chosen).dtype == bool:
            return self._where(np.asarray(chosen))
        part = np.searchsorted(self._edges, chosen, side="right") - 1
        return self.firsts[part] + self.steps[part] * (chosen - self._edges[part])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all entries as an array."""
        entries: NDArray[Any] = self[:].astype(dtype or np.intp, copy=False)
        return entries

    def min(self) -> int:
        """Return the smallest entry."""
        return int(np.minimum(self.firsts, self._lasts).min())

    def max(self) -> int:
        """Return the largest entry."""
        return int(np.maximum(self.firsts, self._lasts).max())

    @property
    def content(self) -> list[Indices]:
        """The arrays they are made of."""
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

    In each series the first window starts at the first row, the next `stride` rows later, and so
    on. One more ends at the last row if these do not. A stride above the window size counts as the
    window size.

    Examples
    --------
    >>> starts, lengths = starts_and_lengths(np.array([8, 2]), 3, 2)
    >>> np.asarray(starts), np.asarray(lengths)
    (array([0, 2, 4, 5, 8]), array([3, 3, 3, 3, 2]))
    """
    step, begins = min(stride, window_size), np.cumsum(series_lengths) - series_lengths
    lasts = np.maximum(series_lengths - window_size, 0)
    counts = lasts // step + 1
    # One more window if these leave a tail.
    tails = (lasts % step > 0).astype(np.intp)
    firsts = np.stack([begins, begins + lasts], axis=1).ravel()
    counts = np.stack([counts, tails], axis=1).ravel()
    sizes = np.repeat(np.minimum(series_lengths, window_size), 2)
    kept = counts > 0
    firsts, counts, sizes = firsts[kept], counts[kept], sizes[kept]
    steps = np.full(len(firsts), step)
    return Progressions(firsts, counts, steps), Progressions(sizes, counts, np.zeros_like(steps))


Array = NDArray[np.floating]
Reduction = Callable[[Array], Array]


class Windowing(NamedTuple):
    """How rows are cut into windows; without a size, samples are sequences.

    The size is an integer, or "auto" until `fit` has determined it. `series` is the column or level
    that names the series of a row, and `max_gap` the longest step of time inside a window.
    """

    window_size: Any
    stride: int
    series: str | int | None = None
    max_gap: Any = None


def sliding_windows(rows: Array, window_size: int, stride: int = 1) -> Array:
    """Return the full windows of a series as a read-only view.

    ::

        rows      r0 r1 r2 r3 r4        window_size=3, stride=1
        window 0  [r0 r1 r2]
        window 1     [r1 r2 r3]
        window 2        [r2 r3 r4]

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    window_size : int
    stride : int, default=1
        Rows between the ends of two windows. Windows are counted back from the last row.

    Returns
    -------
    ndarray of shape (n_windows, window_size, n_features)

    See Also
    --------
    overlap_average : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> from skae._windows.windows import overlap_average, sliding_windows
    >>> rows = np.arange(5.0)[:, None]
    >>> windows = sliding_windows(rows, 3)
    >>> windows[:, :, 0]
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 4.]])
    >>> bool((overlap_average(windows) == rows).all())
    True
    """
    views = sliding_window_view(rows, window_size, axis=0)
    return views[(len(rows) - window_size) % stride :: stride].transpose(0, 2, 1)


def overlap_average(windows: Array, stride: int = 1) -> Array:
    """Return the rows of a series, each averaged over the windows that contain it.

    Parameters
    ----------
    windows : ndarray of shape (n_windows, window_size, n_features)
        NaN does not count.
    stride : int, default=1
        Rows between the ends of two windows.

    Returns
    -------
    ndarray of shape ((n_windows - 1) * stride + window_size, n_features)
        NaN in rows for which no window has a value. Empty without windows.

    See Also
    --------
    sliding_windows : The inverse, with an example of both.
    """
    n_windows, window_size, n_features = windows.shape
    n_rows = (n_windows - 1) * stride + window_size if n_windows else 0
    shape = (n_rows, n_features)
    dtype = np.result_type(windows.dtype, np.float32)
    first = np.full(shape, np.nan, dtype)
    excess, count = np.zeros((2, *shape), dtype)
    for step in range(window_size):
        rows = slice(step, step + (n_windows - 1) * stride + 1, stride)
        values = windows[:, step]
        seen = ~np.isnan(values)
        first[rows] = np.where(np.isnan(first[rows]), values, first[rows])
        # Averaging the differences from one member preserves equal members to the last bit.
        excess[rows] += np.where(seen, values - first[rows], 0)
        count[rows] += seen
    average: Array = first + excess / np.maximum(count, 1)
    return average


def flat_names(features: Iterable[str], window_size: int) -> list[str]:
    """Return the column names of flat windows: feature and age, oldest first.

    Examples
    --------
    >>> flat_names(["a", "b"], 2)
    ['a_t-1', 'b_t-1', 'a_t-0', 'b_t-0']
    """
    ages, features = range(window_size - 1, -1, -1), list(features)
    return [f"{feature}_t-{age}" for age in ages for feature in features]


def shape_of_flat_windows(names: Iterable[str]) -> tuple[int, int] | None:
    """Return (window_size, n_features) if `flat_names` named the columns, else None.

    Examples
    --------
    >>> shape_of_flat_windows(["a_t-1", "b_t-1", "a_t-0", "b_t-0"])
    (2, 2)
    """
    names = list(names)
    found = [re.fullmatch(r"(.+)_t-(\d+)", name) for name in names]
    features = dict.fromkeys(match[1] for match in found if match)
    if not features:
        return None
    shape = len(names) // len(features), len(features)
    return shape if flat_names(features, shape[0]) == names else None


def as_view_of_rows(windows: Array) -> Array:
    """Return copied overlapping windows as a view of the rows they share, if possible.

    Examples
    --------
    >>> import numpy as np
    >>> windows = np.array([[[0.0], [1.0], [2.0]], [[1.0], [2.0], [3.0]]])
    >>> view = as_view_of_rows(windows)
    >>> bool((view == windows).all()), view.strides[0] == view.strides[1]
    (True, True)
    """
    stride = stride_of_copied_windows(windows)
    if not stride:
        return windows
    return sliding_windows(rows_of_copied_windows(windows, stride), windows.shape[1], stride)


def covering_windows(
    rows: NDArray[np.float32], series_lengths: Indices, window_size: int, stride: int
) -> Sequences:
    """Return the windows that cover every row of one or more stacked series, as `Sequences`."""
    starts, lengths = starts_and_lengths(series_lengths, window_size, stride)
    if not is_listed(len(starts)):
        # Progressions read like arrays.
        return Sequences(rows, cast(Indices, starts), cast(Indices, lengths))
    return Sequences(rows, np.asarray(starts), np.asarray(lengths))


def trailing_windows(
    rows: NDArray[np.float32], series_lengths: Indices, window_size: int
) -> Sequences:
    """Return one window per row, which ends at the row and is shorter at the beginning."""
    firsts = np.repeat(np.cumsum(series_lengths) - series_lengths, series_lengths)
    ends = np.arange(1, len(rows) + 1)
    starts = np.maximum(firsts, ends - window_size).astype(np.intp)
    return Sequences(rows, starts, ends - starts)


def reduce_windows(
    windows: Sequences,
    blocks: Iterable[Array],
    reduction: Reduction = observed.mean,
    *,
    whole_windows: bool = False,
) -> Iterator[Array]:
    """Yield, for each row in order, the reduced values of the windows that cover it.

    Only the windows that reach into the next block are kept, so memory does not grow with
    their number.

    Parameters
    ----------
    windows : Sequences
        Windows in order of their starts and ends; they cover every row.
    blocks : iterable of ndarray of shape (n_windows_in_block, window_size, ...)
        One value per step (and feature) of consecutive windows; NaN if there is none.
    reduction : callable
        Maps the values of the covering windows, in order, to one value per row: (n_rows,
        n_covering, ...) to (n_rows, ...), NaN if there is none.
    whole_windows : bool, default=False
        Whether a window contributes the mean over its steps to every row, instead of its value at
        the row's step. A row without any value at its step gets the mean in both cases.

    Yields
    ------
    ndarray of shape (n_rows_in_block, ...), float64
    """
    done, first, kept = 0, 0, None
    for block in blocks:
        kept = block if kept is None else np.concatenate([kept, block])
        stop = first + len(kept)
        until = len(windows.rows) if stop == len(windows) else int(windows.starts[stop])
        held = windows.select(slice(first, stop))
        if until > done:
            yield reduce_at(held, kept, np.arange(done, until), reduction, whole_windows)
        done = until
        keep = int(np.searchsorted(held.starts + held.lengths, done, side="right"))
        first, kept = first + keep, kept[keep:]


def reduce_at(
    windows: Sequences, values: Array, rows: Indices, reduction: Reduction, whole_windows: bool
) -> Array:
    """Return the values of the windows that cover these rows; see `reduce_windows`."""
    covering, outside = _covering(windows, rows)
    if whole_windows:
        return _means_of_windows(values, covering, outside)
    found = values[covering, rows[:, None] - windows.starts[covering]].astype(np.float64)
    found[outside] = np.nan
    result = reduction(found)
    unseen = np.isnan(result)
    if unseen.any():
        result[unseen] = _means_of_windows(values, covering, outside)[unseen]
    return result


def _covering(windows: Sequences, rows: Indices) -> tuple[Indices, NDArray[np.bool_]]:
    """Return the windows that cover each row, and which entries are padding."""
    earliest = np.searchsorted(windows.starts + windows.lengths, rows, side="right")
    latest = np.searchsorted(windows.starts, rows, side="right") - 1
    covering = earliest[:, None] + np.arange((latest - earliest).max(initial=0) + 1)
    outside = covering > latest[:, None]
    return np.minimum(covering, latest[:, None]), outside


def _means_of_windows(values: Array, covering: Indices, outside: NDArray[np.bool_]) -> Array:
    """Return the average of the means of the covering windows."""
    means = observed.mean(values)[covering]
    means[outside] = np.nan
    return observed.mean(means)
