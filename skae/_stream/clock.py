"""Gaps in time, at which one series ends and another begins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._input.gaps import longest_step
from skae._input.sequences import Indices
from skae._stream.state import firsts_of


class Clock:
    """The time of the last row of each series, and the longest step that is not a gap.

    Parameters
    ----------
    max_gap : float, str, timedelta or numpy.timedelta64
        A number for times that are numbers, a duration for dates.

    Raises
    ------
    ValueError, TypeError
        If it is not above 0, or neither a number nor a duration.
    """

    def __init__(self, max_gap: Any):
        self._max_gap: Any = longest_step(max_gap)
        self._is_number = isinstance(self._max_gap, float)
        self._zero: Any = self._max_gap * 0
        self._last = np.zeros(0, np.float64 if self._is_number else "datetime64[ns]")

    def make_room(self, n_lanes: int) -> None:
        """Ensure that there are at least this many lanes."""
        missing = max(n_lanes - len(self._last), 0)
        self._last = np.append(self._last, np.zeros(missing, self._last.dtype))

    def read(self, times: Any, n_rows: int) -> NDArray[Any]:
        """Return one time per row.

        Raises
        ------
        ValueError
            If there are more or fewer, or one is missing.
        TypeError
            If they are not numbers or dates, as `max_gap` requires.
        """
        given = np.atleast_1d(np.asarray(times))
        is_number = given.dtype.kind in "iuf"
        if is_number != self._is_number or not (is_number or given.dtype.kind in "MO"):
            kind = "numbers" if self._is_number else "dates"
            raise TypeError(
                f"Got times of dtype {given.dtype}, but expected {kind}, as max_gap="
                f"{self._max_gap!r} requires."
            )
        read = given.astype(self._last.dtype)
        if read.shape != (n_rows,) or np.isnan(read).any():
            raise ValueError(
                f"Got times of shape {given.shape} with {np.isnan(read).sum()} missing, but "
                f"expected one for each of {n_rows} rows."
            )
        return read

    def gaps(
        self, lanes: Indices, times: NDArray[Any], lengths: Indices, is_new: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return which rows follow a gap.

        Parameters
        ----------
        lanes : ndarray of shape (n,), intp
        times : ndarray of shape (sum of lengths,)
        lengths : ndarray of shape (n,), intp
            Rows of each lane; at least one.
        is_new : ndarray of shape (n,), bool
            Whether the lane has no earlier row.

        Raises
        ------
        ValueError
            If a row is older than the one before it.
        """
        firsts = firsts_of(lengths)
        before = np.roll(times, 1)
        before[firsts] = np.where(is_new, times[firsts], self._last[lanes])
        steps = times - before
        if (steps < self._zero).any():
            row = int(np.argmax(steps < self._zero))
            raise ValueError(
                f"Got a row of {times[row]} after one of {before[row]}, but expected the rows of a "
                "series in the order of time. Sort them, or drop late rows."
            )
        after_gap: NDArray[np.bool_] = steps > self._max_gap
        return after_gap

    def set(self, lanes: Indices, times: NDArray[Any], lengths: Indices) -> None:
        """Store the time of the last row of each lane."""
        self._last[lanes] = times[np.cumsum(lengths) - 1]
