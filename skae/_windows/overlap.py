"""From results of overlapping windows to one result per row."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from skae._input import observed
from skae._input.sequences import Indices, Sequences

Array = NDArray[np.floating]
Reduction = Callable[[Array], Array]


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
