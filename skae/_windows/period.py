"""The window size from the dominant period of series."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import find_peaks
from sklearn.utils import check_array

from skae._input.observed import NAN_ALLOWED
from skae._input.sequences import Indices, stack_series
from skae._input.table import SeriesLike, Table

Array = NDArray[np.floating]

SHORTEST, LONGEST, USUAL = 30, 100, 50
"""Window sizes: smallest, largest, and without a period.

A few rows of a single feature carry little information. If its period is below the smallest window,
or it has none, the largest window is used.
"""
SHORTEST_PERIOD, LONGEST_PERIOD = 3, 300
PERIODS_SEEN = 3
"""Number of periods that must fit into a series."""
MAX_ROWS = 20_000
"""Rows of a series that are looked at."""
LEAST_CORRELATION = 0.1
WINDOWS_IN_A_SERIES = 10
"""Number of windows that must fit into the longest series."""


def estimate_window_size(X: SeriesLike) -> int:
    """Estimate a window size for series: their dominant period, within bounds.

    The period is the lag of the highest peak of the autocorrelation, averaged over the features
    and the series. A period has at least 3 rows, and at most 300 rows or a third of the longest
    series. Peaks below 0.1, or below four standard errors of white noise, do not count. The window
    is the period, but at least 30 and at most 100 rows; without a period it has 50 rows. For a
    single feature without a period, or with one below 30 rows, it has 100 rows. It is at most a
    tenth of the longest series, if that leaves two rows.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features) or (n_rows,), or list of these
        One series, or several. NaN means not observed.

    Returns
    -------
    window_size : int

    Raises
    ------
    ValueError
        If X is empty, not numeric or not finite.

    See Also
    --------
    LSTMAutoencoder : Uses this function with ``window_size="auto"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import estimate_window_size
    >>> estimate_window_size(np.sin(2 * np.pi * np.arange(1000) / 40))
    40
    >>> estimate_window_size(np.random.default_rng(0).normal(size=(1000, 3)))
    50
    """
    table = Table.of(X)
    if table.is_list:
        return window_size_of(*stack_series(table.items, np.float64))
    given = np.asarray(table.X)[:, None] if np.ndim(table.X) == 1 else table.X
    rows = check_array(given, dtype=np.float64, **NAN_ALLOWED, input_name="X")
    return window_size_of(rows, np.array([len(rows)]))


def window_size_of(rows: Array, lengths: Indices) -> int:
    """Return a window size for stacked series; see `estimate_window_size`.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    lengths : ndarray of shape (n_series,), intp
    """
    period = dominant_period(rows, lengths)
    if rows.shape[1] == 1 and (period is None or period < SHORTEST):
        window = LONGEST
    else:
        window = USUAL if period is None else min(max(period, SHORTEST), LONGEST)
    return min(window, max(int(lengths.max()) // WINDOWS_IN_A_SERIES, 2))


def dominant_period(rows: Array, lengths: Indices) -> int | None:
    """Return the lag of the highest peak of the autocorrelation; None without a clear one."""
    longest = min(LONGEST_PERIOD, int(lengths.max()) // PERIODS_SEEN)
    if longest <= SHORTEST_PERIOD:
        return None
    scaled = _scaled(rows)
    series = [part[:MAX_ROWS] for part in np.split(scaled, np.cumsum(lengths)[:-1])]
    correlation = np.sum([_products(part, longest + 1) for part in series], axis=0)
    if not correlation[0] > 0:
        return None
    correlation = correlation / correlation[0]
    peaks, _ = find_peaks(correlation[: longest + 2])
    least = max(LEAST_CORRELATION, 4 / np.sqrt(sum(map(len, series))))
    peaks = peaks[(peaks >= SHORTEST_PERIOD) & (correlation[peaks] >= least)]
    return int(peaks[np.argmax(correlation[peaks])]) if len(peaks) else None


def _scaled(rows: Array) -> Array:
    """Return features with mean 0 and standard deviation 1; 0 where nothing was observed."""
    seen = ~np.isnan(rows)
    n_seen = np.maximum(seen.sum(axis=0), 1)
    values = np.where(seen, rows, 0.0).astype(np.float64)
    centred = np.where(seen, values - values.sum(axis=0) / n_seen, 0.0)
    deviations = np.sqrt((centred**2).sum(axis=0) / n_seen)
    # Centering leaves only rounding errors of a constant.
    varies = deviations > 1e-7 * np.abs(values).max(axis=0)
    return np.where(varies, centred, 0.0) / np.where(varies, deviations, 1.0)


def _products(rows: Array, n_lags: int) -> Array:
    """Return, for each lag from 0 to `n_lags`, the sum of products of values at that distance."""
    size = next_fast_len(len(rows) + n_lags + 1, real=True)
    power = (np.abs(rfft(rows, size, axis=0)) ** 2).sum(axis=1)
    products: Array = irfft(power, size)[: n_lags + 1]
    return products
