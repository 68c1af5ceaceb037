"""Rows to windows and back: views, and averages over what overlaps."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from skae._sequences.ragged import Indices, Sequences, without_empty

Array = NDArray[np.floating]


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
    >>> from skae._sequences.windows import overlap_average, sliding_windows
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
    """Return the rows of a series, each the average over the windows that hold it.

    Parameters
    ----------
    windows : ndarray of shape (n_windows, window_size, n_features)
        Values that are NaN do not count.
    stride : int, default=1
        Rows between the ends of two windows.

    Returns
    -------
    ndarray of shape ((n_windows - 1) * stride + window_size, n_features)
        NaN in rows that no window holds a value of. Of no windows, no rows.

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
        observed = ~np.isnan(values)
        first[rows] = np.where(np.isnan(first[rows]), values, first[rows])
        # Averaging the differences from one member gives back equal members to the last bit.
        excess[rows] += np.where(observed, values - first[rows], 0)
        count[rows] += observed
    return first + excess / np.maximum(count, 1)


def flat_names(features: Iterable[str], window_size: int) -> list[str]:
    """Return the names of a flat window's columns: feature and age, oldest first.

    Examples
    --------
    >>> flat_names(["a", "b"], 2)
    ['a_t-1', 'b_t-1', 'a_t-0', 'b_t-0']
    """
    ages, features = range(window_size - 1, -1, -1), list(features)
    return [f"{feature}_t-{age}" for age in ages for feature in features]


def shape_of_flat_windows(names: Iterable[str]) -> tuple[int, int] | None:
    """Return (window_size, n_features) of columns that `flat_names` named, else None.

    Examples
    --------
    >>> shape_of_flat_windows(["a_t-1", "b_t-1", "a_t-0", "b_t-0"])
    (2, 2)
    """
    names = list(names)
    found = [re.fullmatch(r"(.+)_t-(\d+)", name) for name in names]
    features = list(dict.fromkeys(match[1] for match in found if match))
    if not features or len(names) % len(features):
        return None
    shape = len(names) // len(features), len(features)
    return shape if flat_names(features, shape[0]) == names else None


def window_starts(n_rows: int, window_size: int, stride: int) -> Indices:
    """Return the first rows of windows that together cover every row of a series.

    Windows start at 0, `stride`, ...; one more ends with the last row where these leave a
    tail. A series shorter than the window is one window by itself. A stride above the window
    size counts as the window size, for it would leave rows out.

    Examples
    --------
    >>> window_starts(8, window_size=3, stride=2)
    array([0, 2, 4, 5])
    """
    last = max(n_rows - window_size, 0)
    starts = np.arange(0, last + 1, min(stride, window_size), dtype=np.intp)
    return starts if starts[-1] == last else np.append(starts, last)


def covering_windows(
    rows: NDArray[np.float32], series_lengths: Indices, window_size: int, stride: int
) -> Sequences:
    """Return the windows that cover every row of one or more stacked series, as `Sequences`.

    Raises
    ------
    ValueError
        If nothing was observed in some window.
    """
    firsts = np.concatenate([[0], np.cumsum(series_lengths)[:-1]]).astype(np.intp)
    starts, lengths = [], []
    for first, n_rows in zip(firsts, series_lengths, strict=True):
        begin = window_starts(int(n_rows), window_size, stride)
        starts.append(first + begin)
        lengths.append(np.full(len(begin), min(window_size, n_rows), dtype=np.intp))
    windows = Sequences(rows, np.concatenate(starts), np.concatenate(lengths))
    return without_empty(windows, what="window {}")


def trailing_windows(
    rows: NDArray[np.float32], series_lengths: Indices, window_size: int
) -> Sequences:
    """Return one window per row, which ends at the row and is shorter at the beginning."""
    firsts = np.repeat(np.cumsum(series_lengths) - series_lengths, series_lengths)
    ends = np.arange(1, len(rows) + 1)
    starts = np.maximum(firsts, ends - window_size).astype(np.intp)
    return without_empty(Sequences(rows, starts, ends - starts), what="the window of row {}")


def average_over_windows(
    windows: Sequences, blocks: Iterable[Array], how: str = "mean"
) -> Iterator[Array]:
    """Yield, for each row in order, what the windows that cover it say of it.

    Only the windows that reach into the next block are kept, so memory does not grow with
    their number.

    Parameters
    ----------
    windows : Sequences
        Windows in order of their starts and of their ends, which cover every row.
    blocks : iterable of ndarray of shape (n_windows_in_block, window_size, ...)
        One value per step (and feature) of consecutive windows; NaN where there is none.
    how : {"window", "mean", "median", "max", "last"}
        "window" averages the means of the covering windows. The others look at the values
        that the covering windows have for the row itself: their mean, median, maximum, or
        the one in which the row stands last. A row that no window has a value for takes
        the "window" way. Windows with nothing but NaN do not count.

    Yields
    ------
    ndarray of shape (n_rows_in_block, ...), float64
    """
    done, first, kept = 0, 0, None
    for block in blocks:
        kept = block if kept is None else np.concatenate([kept, block])
        stop = first + len(kept)
        is_last = stop == len(windows)
        until = len(windows.rows) if is_last else int(windows.starts[stop])
        held = windows.select(slice(first, stop))
        if until > done:
            yield _rows_from_windows(held, kept, done, until, how)
        done = until
        keep = int(np.searchsorted(held.starts + held.lengths, done, side="right"))
        first, kept = first + keep, kept[keep:]


def smooth(rows: Array, lengths: Indices, width: int) -> Array:
    """Return each row of stacked series averaged with those around it by a Gaussian.

    Its standard deviation is a third of `width` and it ends `width` rows away. Where the series
    ends before, and where a row is NaN, the others weigh more; a row that is NaN stays so.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, ...)
    lengths : ndarray of shape (n_series,), intp
    width : int

    Examples
    --------
    >>> import numpy as np
    >>> smooth(np.array([0.0, 3.0, 0.0, 0.0, 8.0]), np.array([4, 1]), 3).round(2)
    array([1.04, 1.28, 0.77, 0.23, 8.  ])
    """
    series = np.split(rows, np.cumsum(lengths)[:-1])
    return np.concatenate([_smooth(part, width) for part in series])


def _smooth(rows: Array, width: int) -> Array:
    reach = min(width, len(rows) - 1)
    deviations = 3 * np.arange(-reach, reach + 1) / width
    weights = np.exp(-0.5 * deviations**2)
    observed = ~np.isnan(rows)

    def weighted_sums(values: Array) -> Array:
        return np.apply_along_axis(np.convolve, 0, values, weights)[reach : reach + len(rows)]

    totals, counts = weighted_sums(np.where(observed, rows, 0)), weighted_sums(observed * 1.0)
    return np.divide(totals, counts, out=np.full(rows.shape, np.nan), where=observed)


def _rows_from_windows(windows: Sequences, values: Array, begin: int, end: int, how: str) -> Array:
    rows = np.arange(begin, end)
    earliest = np.searchsorted(windows.starts + windows.lengths, rows, side="right")
    latest = np.searchsorted(windows.starts, rows, side="right") - 1
    covering = earliest[:, None] + np.arange((latest - earliest).max(initial=0) + 1)
    outside = covering > latest[:, None]
    covering = np.minimum(covering, latest[:, None])
    if how == "window":
        return _average_of_means(values, covering, outside)
    found = values[covering, rows[:, None] - windows.starts[covering]].astype(np.float64)
    found[outside] = np.nan
    result = _reduce(found, how)
    unseen = np.isnan(result)
    if unseen.any():
        result[unseen] = _average_of_means(values, covering, outside)[unseen]
    return result


def _average_of_means(values: Array, covering: Indices, outside: NDArray[np.bool_]) -> Array:
    observed = ~np.isnan(values)
    total = np.where(observed, values, 0).sum(axis=1, dtype=np.float64)
    count = observed.sum(axis=1)
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)[covering]
    means[outside] = np.nan
    return _reduce(means, "mean")


def _reduce(found: Array, how: str) -> Array:
    """Reduce (n_rows, n_covering, ...) over axis 1, without what is NaN."""
    observed = ~np.isnan(found)
    if how == "last":
        first = np.expand_dims(observed.argmax(axis=1), 1)
        return np.take_along_axis(found, first, axis=1)[:, 0]
    if how == "mean":
        count = observed.sum(axis=1)
        total = np.where(observed, found, 0).sum(axis=1)
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    if how == "max":
        best = np.where(observed, found, -np.inf).max(axis=1)
        return np.where(observed.any(axis=1), best, np.nan)
    seen = observed.any(axis=1)
    result = np.full(seen.shape, np.nan)
    result[seen] = np.nanmedian(np.moveaxis(found, 1, -1)[seen], axis=-1)
    return result
