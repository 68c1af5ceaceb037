"""Warn about signals that are lost in float32, the dtype in which networks compute."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._input.sequences import Floats

LOST = 0.01
"""Largest rounding error, relative to a feature's standard deviation, without a warning."""


BLOCK = 2**16
"""Rows that are checked at a time."""


def warn_if_rounded(rows: Floats, given: Callable[[], NDArray[np.float64]], names: Any) -> None:
    """Warn about features whose signal is lost in float32.

    The float32 number after 1e9 is 64 larger, so smaller variations are lost. A feature that varies
    only by float64 rounding is a constant.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
    given : callable
        Returns the same rows before the conversion to float32. It is called only for rows that vary
        by few float32 steps, such as constants.
    names : array-like of str of shape (n_features,) or None
        Names of the features; numbers by default.
    """
    if len(_few_steps(np.fmin.reduce(rows), np.fmax.reduce(rows))):
        exact, rounding = given(), Rounding()
        for start in range(0, len(exact), BLOCK):
            rounding.add(exact[start : start + BLOCK])
        rounding.warn_if_lost(names)


class Rounding:
    """Checks rows that are read part by part; see `warn_if_rounded`."""

    def __init__(self) -> None:
        self._values, self._errors = Moments(), Moments()
        self._lowest = self._highest = np.array(np.nan)

    def add(self, rows: NDArray[np.float64]) -> None:
        """Look at rows before their conversion to float32."""
        rows = np.where(np.isfinite(rows), rows, np.nan)
        self._values.add(rows)
        self._errors.add(rows - rows.astype(np.float32))
        self._lowest = np.fmin(self._lowest, np.fmin.reduce(rows))
        self._highest = np.fmax(self._highest, np.fmax.reduce(rows))

    def warn_if_lost(self, names: Any) -> None:
        """Warn about features whose signal is lost in float32."""
        spread, largest = self._values.spread, np.fmax(abs(self._lowest), abs(self._highest))
        is_constant = spread <= 64 * np.spacing(largest)
        is_lost = ~is_constant & (self._errors.spread > LOST * spread)
        lowest, highest = (x.astype(np.float32) for x in (self._lowest, self._highest))
        _warn([i for i in _few_steps(lowest, highest) if is_lost[i]], names)


class Moments:
    """Standard deviations of columns that are read part by part; NaN does not count.

    After a column of only NaN, ``StandardScaler.partial_fit`` would return NaN forever.

    Examples
    --------
    >>> moments = Moments()
    >>> for part in ([[1.0], [2.0]], [[np.nan], [6.0]]):
    ...     moments.add(np.array(part))
    >>> bool(np.isclose(moments.spread, np.std([1, 2, 6])))
    True
    """

    def __init__(self) -> None:
        self._count = self._mean = self._squares = np.array(0.0)

    def add(self, rows: NDArray[np.float64]) -> None:
        """Add these rows."""
        seen = ~np.isnan(rows)
        count = seen.sum(axis=0)
        mean = np.where(seen, rows, 0).sum(axis=0) / np.maximum(count, 1)
        squares = np.where(seen, rows - mean, 0.0)
        total, apart = np.maximum(self._count + count, 1), mean - self._mean
        added = (squares**2).sum(axis=0) + apart**2 * self._count * count / total
        self._squares = self._squares + added
        self._mean = self._mean + apart * count / total
        self._count = self._count + count

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of each column."""
        deviations: NDArray[np.float64] = np.sqrt(self._squares / np.maximum(self._count, 1))
        return deviations


def _warn(features: list[Any], names: Any) -> None:
    lost = [str(_label(names, i)) for i in features]
    if lost:
        named = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        warnings.warn(
            f"Got X with a signal that is lost in float32, in feature {named}: it varies too "
            "little relative to its offset. Subtract the offset in float64, as "
            "scale='robust' does.",
            UserWarning,
            stacklevel=3,
        )


def _few_steps(lowest: Floats, highest: Floats) -> NDArray[np.intp]:
    """Return the features with a range of only a few float32 steps."""
    lowest, highest = lowest.astype(float), highest.astype(float)
    largest = np.maximum(np.abs(lowest), np.abs(highest)).astype(np.float32)
    return np.flatnonzero(highest - lowest < 10 / LOST * np.spacing(largest))


def _label(names: Any, feature: int) -> Any:
    return feature if names is None else repr(str(names[feature]))
