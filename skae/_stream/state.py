"""The state of a stream: the last rows of each series, their time, and its threshold."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._detector import Detector
from skae._input.sequences import Indices
from skae._input.time_gaps import longest_step, values_of
from skae._scoring.thresholds import AdaptiveOffset


class Tails:
    """The last rows of many series in one array; a *lane* is the slot of a series.

    Parameters
    ----------
    size : int
        Most rows that are kept of a series.
    shape : tuple of int
        Shape of a row.
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> tails = Tails(2, (), np.float64)
    >>> tails.make_room(2)
    >>> lanes, lengths = np.array([0, 1]), np.array([3, 1])
    >>> stack, lengths = tails.followed_by(lanes, np.array([1.0, 2.0, 3.0, 9.0]), lengths)
    >>> tails.hold(lanes, stack, lengths)
    >>> tails.followed_by(np.array([1, 0]), np.array([8.0, 4.0]), np.array([1, 1]))
    (array([9., 8., 2., 3., 4.]), array([2, 3]))
    """

    def __init__(self, size: int, shape: tuple[int, ...], dtype: type):
        self.size = size
        self._rows: NDArray[Any] = np.zeros((0, size, *shape), dtype)
        self._n_held = np.zeros(0, np.intp)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row."""
        return self._rows.shape[2:]

    def make_room(self, n_lanes: int) -> None:
        """Ensure that there are at least this many lanes."""
        missing = n_lanes - len(self._rows)
        if missing > 0:
            more = np.zeros((missing, *self._rows.shape[1:]), self._rows.dtype)
            self._rows = np.concatenate([self._rows, more])
            self._n_held = np.append(self._n_held, np.zeros(missing, np.intp))

    def empty(self, lanes: Indices) -> None:
        """Forget the rows of these lanes."""
        self._n_held[lanes] = 0

    def n_held(self, lanes: Indices) -> Indices:
        """Return the number of rows kept of each lane."""
        return self._n_held[lanes]

    def followed_by(
        self, lanes: Indices, rows: NDArray[Any], lengths: Indices
    ) -> tuple[NDArray[Any], Indices]:
        """Return the kept rows of each lane, each followed by its new rows, in one stack.

        Parameters
        ----------
        lanes : ndarray of shape (n,), intp
        rows : ndarray of shape (sum of lengths, ...)
            New rows, lane after lane.
        lengths : ndarray of shape (n,), intp

        Returns
        -------
        stack : ndarray of shape (n_stacked, ...)
        lengths : ndarray of shape (n,), intp
            Rows of each lane in the stack.
        """
        held = self._n_held[lanes]
        total = held + lengths
        if len(lanes) == 1:
            # Usually one row arrives at a time; then indices would cost more than the rows.
            return np.concatenate([self._rows[lanes[0], self.size - held[0] :], rows]), total
        firsts = firsts_of(total)
        stack = np.empty((int(total.sum()), *self._rows.shape[2:]), self._rows.dtype)
        is_held = np.arange(self.size) >= self.size - held[:, None]
        stack[ranges(firsts, held)] = self._rows[lanes][is_held]
        stack[ranges(firsts + held, lengths)] = rows
        return stack, total

    def hold(self, lanes: Indices, stack: NDArray[Any], lengths: Indices) -> None:
        """Keep the last rows of each lane of a stack, instead of the previous ones."""
        held = np.minimum(lengths, self.size)
        last = firsts_of(lengths) + lengths - self.size
        # They are aligned to the right; entries to the left of them are never read.
        index = last[:, None] + np.arange(self.size)
        if len(stack):
            self._rows[lanes] = stack[np.maximum(index, 0)]
        self._n_held[lanes] = held


def firsts_of(lengths: Indices) -> Indices:
    """Return the beginning of each part in a stack."""
    return np.cumsum(lengths) - lengths


def ranges(starts: Indices, lengths: Indices) -> Indices:
    """Return ``start, start + 1, ...`` for each of several ranges, concatenated.

    Examples
    --------
    >>> import numpy as np
    >>> ranges(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    return np.repeat(starts - firsts_of(lengths), lengths) + np.arange(lengths.sum())


Array = NDArray[np.floating]


class FixedThreshold:
    """Labels scores below a fixed offset as outliers.

    Parameters
    ----------
    offset : float
    """

    def __init__(self, offset: float):
        self.offset = offset

    def update(self, scores: Array) -> NDArray[np.intp]:
        """Return -1 for outliers and 1 for inliers."""
        return np.where(np.asarray(scores) < self.offset, -1, 1)


class AdaptiveThreshold:
    """Labels with an offset that follows the series, as with ``threshold="adaptive"``.

    Parameters
    ----------
    offset : float
    memory : int
        Rows that are remembered.
    """

    def __init__(self, offset: float, memory: int):
        self._offset = AdaptiveOffset(offset, memory)

    def update(self, scores: Array) -> NDArray[np.intp]:
        """Return -1 for outliers and 1 for inliers, and remember the scores."""
        return np.where(np.asarray(scores) < self._offset.update(scores), -1, 1)


def threshold_of(detector: Detector) -> FixedThreshold | AdaptiveThreshold:
    """Return the threshold that ``predict`` of a detector of rows applies to one series."""
    policy = detector.scorer.offset_policy
    if not policy.adapts:
        return FixedThreshold(detector.offset)
    return AdaptiveThreshold(detector.offset, policy.memory(detector.windowing.window_size or 0))


def _as_index(times: Any) -> Any:
    """Return a pandas index as it is, and anything else as an array, or an index of its objects."""
    if hasattr(times, "infer_objects"):
        return times
    array = np.atleast_1d(np.asarray(times))
    if array.dtype != object:
        return array
    try:
        import pandas as pd
    except ImportError:  # then they are objects of the standard library
        return array.astype("datetime64[us]")
    return pd.Index(array)


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
            If they are not of the kind that `max_gap` requires, numbers or dates.
        """
        given = _as_index(times)
        values = values_of(given)
        if values is None or (values.dtype.kind in "iuf") != self._is_number:
            kind = "numbers" if self._is_number else "dates or durations"
            raise TypeError(
                f"Got times of dtype {given.dtype}, but expected {kind}, as max_gap="
                f"{self._max_gap!r} requires."
            )
        if values.dtype.kind == "m":  # only steps count
            values = values + np.datetime64(0, "ns")
        read = values.astype(self._last.dtype)
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
                "series in order of time. Sort them, or drop late rows."
            )
        is_first = np.zeros(len(steps), bool)
        is_first[firsts] = is_new
        if ((steps == self._zero) & ~is_first).any():
            warnings.warn(
                "Got rows of equal times in a series of a stream, but expected each row once. All "
                "rows are used. Drop rows that are delivered twice.",
                UserWarning,
                stacklevel=2,
            )
        after_gap: NDArray[np.bool_] = steps > self._max_gap
        return after_gap

    def set(self, lanes: Indices, times: NDArray[Any], lengths: Indices) -> None:
        """Store the time of the last row of each lane."""
        self._last[lanes] = times[np.cumsum(lengths) - 1]
