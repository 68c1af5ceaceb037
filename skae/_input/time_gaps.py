"""Gaps in time, at which windows end."""

import datetime
import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._input.runs import firsts_of
from skae._input.sequences import Indices

Flags = NDArray[np.bool_]

Duration = float | str | datetime.timedelta | np.timedelta64
"""A step of time: a number, or a duration such as "10min"."""


def longest_step(max_gap: Any) -> float | np.timedelta64:
    """Return the longest step of time that is not a gap.

    Parameters
    ----------
    max_gap : float, str, timedelta or numpy.timedelta64
        A number for times that are numbers, a duration for dates.

    Raises
    ------
    ValueError
        If it is not above 0, or a string that is not a duration.
    TypeError
        If it is neither a number nor a duration.

    Examples
    --------
    >>> longest_step(np.timedelta64(10, "m")).item(), longest_step(2)
    (datetime.timedelta(seconds=600), 2.0)
    """
    found = _number_or_duration(max_gap)
    if not found > found * 0:
        raise ValueError(f"Got max_gap={max_gap!r}, but expected a step of time above 0.")
    step: float | np.timedelta64 = found
    return step


def _number_or_duration(max_gap: Any) -> Any:
    if isinstance(max_gap, str):
        import pandas as pd

        try:
            return pd.to_timedelta(max_gap).to_timedelta64()
        except ValueError as error:
            raise ValueError(
                f"Got max_gap={max_gap!r}, but expected a duration that pandas understands, such "
                "as '10min'."
            ) from error
    if isinstance(max_gap, datetime.timedelta | np.timedelta64):
        return np.timedelta64(max_gap)
    if isinstance(max_gap, Real) and not isinstance(max_gap, bool):
        return float(max_gap)
    raise TypeError(
        f"Got max_gap={max_gap!r}, but expected a number, a timedelta or a string that pandas "
        "understands, such as '10min'."
    )


def gaps_of(
    times: Any, positions: Indices | None, lengths: Indices, max_gap: Any, name: str = "X"
) -> Flags | None:
    """Return which rows follow a gap, and warn about dates that go backwards or repeat.

    Parameters
    ----------
    times : pandas.Index or None
        One time per row, in the order of the input.
    positions : ndarray of shape (n_rows,), intp, or None
        Input positions of the rows, series by series; None if they are in that order.
    lengths : ndarray of shape (n_series,), intp
    max_gap : float, str, timedelta, numpy.timedelta64 or None
        There is also a gap where time goes backwards. None: there are no gaps.
    name : str, default="X"

    Returns
    -------
    ndarray of shape (n_rows,), bool, or None
        Series by series. None without `max_gap`.

    Raises
    ------
    ValueError
        If there are no times, a time is missing, or `max_gap` is of another kind.
    """
    gaps = Gaps(max_gap, name)
    flags = gaps.add_series(times, positions, lengths)
    gaps.warn()
    return flags


HOLE = 100
"""Multiple of a series' usual step from which on a step is a hole."""


def _usual_step(steps: NDArray[Any]) -> Any:
    """Return the median step forwards; None if there are too few."""
    later = steps[steps > np.zeros((), steps.dtype)]
    if len(later) < HOLE:
        return None
    return np.median(later.astype("timedelta64[ns]").astype(np.int64)).astype("timedelta64[ns]")


def _warn_of_holes(steps: NDArray[Any], usual: Any, name: str) -> None:
    """Warn about steps that are much longer than usual, because windows cross them."""
    holes = steps[steps > HOLE * usual]
    if len(holes):
        warnings.warn(
            f"Got {name} with {len(holes)} steps of time of {_text(holes.min())} or more where "
            f"{_text(usual)} is usual, and windows reach across them. Set "
            f"max_gap='{_text(10 * usual)}' to end windows there, or max_gap="
            f"'{_text(holes.max())}' if rows before and after belong together.",
            UserWarning,
            stacklevel=2,
        )


def _text(step: Any) -> str:
    """Return a duration in the largest unit that divides it."""
    ns = int(np.timedelta64(step, "ns").astype(np.int64))
    units = {"D": 86400 * 10**9, "h": 3600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6}
    unit = next((name for name, size in units.items() if ns % size == 0), "ns")
    return f"{ns // units.get(unit, 1)}{unit}"


class Gaps:
    """Gaps in rows that are read part by part; see `gaps_of`.

    Parameters
    ----------
    max_gap : float, str, timedelta, numpy.timedelta64 or None
    name : str, default="X"
    """

    def __init__(self, max_gap: Any, name: str = "X"):
        self.max_gap, self.name = max_gap, name
        self._last: NDArray[Any] | None = None
        self._n_back = self._n_still = self._n_series = 0
        self._usual: Any = None
        self._kept: list[NDArray[Any]] = []  # all steps, until the usual one is known

    def add(self, times: Any, *, begins: bool) -> Flags | None:
        """Return which rows of a part follow a gap; a series may begin with the part."""
        values = _values_asked(times, self.max_gap, self.name)
        if values is None:
            return None
        before = values[:0] if begins or self._last is None else self._last
        around = np.concatenate([before, values])
        steps = _steps(around, np.array([len(around)]))[len(before) :]
        self._last, self._n_series = values[-1:], self._n_series + 1 - len(before)
        return self._flags(steps, values)

    def add_series(self, times: Any, positions: Indices | None, lengths: Indices) -> Flags | None:
        """Return which rows of whole series follow a gap."""
        values = _values_asked(times, self.max_gap, self.name)
        if values is None:
            return None
        self._n_series += len(lengths)
        ordered = values if positions is None else values[positions]
        return self._flags(_steps(ordered, lengths), values)

    def _flags(self, steps: NDArray[Any], values: NDArray[Any]) -> Flags | None:
        zero = np.zeros((), steps.dtype)
        self._n_back += int((steps < zero).sum())
        self._n_still += int((steps == zero).sum())
        if self.max_gap is not None:
            return _are_gaps(steps, values, self.max_gap, self.name)
        kept = np.concatenate([*self._kept, steps])
        self._usual = _usual_step(kept) if self._usual is None else self._usual
        self._kept = [kept if self._usual is None else kept[kept > HOLE * self._usual]]
        return None

    def warn(self) -> None:
        """Warn about dates that went backwards or repeated, and about holes."""
        n_twice = max(self._n_still - self._n_series, 0)  # the first step of each series is 0
        if self._n_back or n_twice:
            warnings.warn(
                f"Got {self.name} with timestamps that do not increase inside a series: "
                f"{self._n_back} go backwards, {n_twice} repeat. The order of the rows is used. "
                "Sort them (sort_index), drop duplicates, or name the column of several series "
                "with `series`.",
                UserWarning,
                stacklevel=2,
            )
        if self._usual is not None:
            _warn_of_holes(self._kept[0], self._usual, self.name)


def _values_asked(times: Any, max_gap: Any, name: str) -> NDArray[Any] | None:
    """Return the times; None if there are none and `max_gap` is not set."""
    values = values_of(times)
    if max_gap is None:
        return values if values is not None and values.dtype.kind == "M" else None
    if values is None:
        raise ValueError(
            f"Got max_gap={max_gap!r} and {name} without times, but expected a pandas dataframe "
            "whose index holds times or numbers, or a polars one with one column of times. In a "
            "Pipeline, call set_output(transform='pandas') on the previous steps."
        )
    return values


def _are_gaps(steps: NDArray[Any], values: NDArray[Any], max_gap: Any, name: str) -> Flags:
    limit = longest_step(max_gap)
    if isinstance(limit, float) != (steps.dtype.kind == "f"):
        kind = "numbers" if steps.dtype.kind == "f" else "dates"
        raise ValueError(
            f"Got max_gap={max_gap!r} and {name} whose index holds {kind}, but expected "
            f"{'a number' if kind == 'numbers' else 'a duration such as 10min'}."
        )
    if np.isnan(steps).any():
        raise ValueError(
            f"Got max_gap={max_gap!r} and {name} whose index lacks the time of "
            f"{int(np.isnan(values).sum())} rows, but expected one for each."
        )
    return (steps > limit) | (steps < np.zeros((), steps.dtype))


def values_of(times: Any) -> NDArray[Any] | None:
    """Return a pandas index or an array as dates without a zone, durations or numbers.

    None for anything else.

    Examples
    --------
    >>> import pandas as pd
    >>> values_of(pd.period_range("2026-01-01", periods=2, freq="D")).astype("datetime64[D]")
    array(['2026-01-01', '2026-01-02'], dtype='datetime64[D]')
    """
    if times is None:
        return None
    times = times.infer_objects() if hasattr(times, "infer_objects") else times
    times = times.to_timestamp() if hasattr(times, "to_timestamp") else times
    times = times.tz_convert(None) if getattr(times, "tz", None) is not None else times
    values: NDArray[Any] = times.to_numpy() if hasattr(times, "to_numpy") else times
    if values.dtype == object and all(type(value) is datetime.date for value in values):
        values = values.astype("datetime64[D]")
    return values if values.dtype.kind in "Mmiuf" else None


def _steps(times: NDArray[Any], lengths: Indices) -> NDArray[Any]:
    """Return the time since the previous row of the series; 0 at the first row of each."""
    times = times.astype(np.float64) if times.dtype.kind in "iuf" else times
    steps = np.diff(times, prepend=times[:1])
    firsts = firsts_of(lengths)[lengths > 0]
    steps[firsts] = times[firsts] - times[firsts]
    return steps


class Clock:
    """The time of the last row of many series, and the longest step that is not a gap.

    A *lane* is the slot of a series.

    Parameters
    ----------
    max_gap : float, str, timedelta or numpy.timedelta64
        See `longest_step`, which also raises its errors.
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
