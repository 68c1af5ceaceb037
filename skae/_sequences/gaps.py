"""Gaps in time, at which windows end."""

import datetime
import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._sequences.ragged import Indices

Flags = NDArray[np.bool_]


def longest_step(max_gap: Any) -> float | np.timedelta64:
    """Return the longest step of time that is no gap.

    Parameters
    ----------
    max_gap : float, str, timedelta or numpy.timedelta64
        A number for times that are numbers, a duration for dates.

    Raises
    ------
    ValueError
        If it is not above 0, or a string that is no duration.
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
    return found


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
    """Return which rows come after a gap, and warn of dates that go back or come twice.

    Parameters
    ----------
    times : pandas.Index or None
        One time for each row, as the rows came.
    positions : ndarray of shape (n_rows,), intp, or None
        Where the rows came, series by series; None if they came so.
    lengths : ndarray of shape (n_series,), intp
    max_gap : float, str, timedelta, numpy.timedelta64 or None
        Where time goes back there is a gap, too. None: there are none.
    name : str, default="X"

    Returns
    -------
    ndarray of shape (n_rows,), bool, or None
        Series by series. None without `max_gap`.

    Raises
    ------
    ValueError
        If there are no times, some is missing, or they are of another kind than `max_gap`.
    """
    values = _values(times)
    if max_gap is None:
        if values is not None and values.dtype.kind == "M":
            _warn_of_disorder(_steps(values, positions, lengths), len(lengths), name)
        return None
    if values is None:
        raise ValueError(
            f"Got max_gap={max_gap!r} and {name} without times, but expected a pandas dataframe "
            "whose index holds times or numbers. In a Pipeline, call "
            "set_output(transform='pandas') on the steps before."
        )
    steps, limit = _steps(values, positions, lengths), longest_step(max_gap)
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
    _warn_of_disorder(steps, len(lengths), name)
    return (steps > limit) | (steps < np.zeros((), steps.dtype))


def run_lengths(lengths: Indices, after_gap: Flags | None) -> Indices:
    """Return the number of rows of each part of stacked series in which there is no gap.

    Examples
    --------
    >>> run_lengths(np.array([3, 2]), np.array([False, False, True, False, False]))
    array([2, 1, 2])
    """
    if after_gap is None:
        return lengths
    begins = after_gap.copy()
    begins[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    return np.diff(np.append(np.flatnonzero(begins), len(begins)))


def _values(times: Any) -> NDArray | None:
    """Return times as dates without a zone, durations or numbers; None for anything else."""
    if times is None:
        return None
    times = times.to_timestamp() if hasattr(times, "to_timestamp") else times
    times = times.tz_convert(None) if getattr(times, "tz", None) is not None else times
    values = times.to_numpy()
    return values if values.dtype.kind in "Mmiuf" else None


def _steps(values: NDArray, positions: Indices | None, lengths: Indices) -> NDArray:
    """Return the time since the row before in the series; 0 at the first row of each."""
    ordered = values if positions is None else values[positions]
    if ordered.dtype.kind in "iuf":
        ordered = ordered.astype(np.float64)
    steps = np.diff(ordered, prepend=ordered[:1])
    firsts = (np.cumsum(lengths) - lengths)[lengths > 0]
    steps[firsts] = ordered[firsts] - ordered[firsts]
    return steps


def _warn_of_disorder(steps: NDArray, n_series: int, name: str) -> None:
    zero = np.zeros((), steps.dtype)
    n_back, n_twice = int((steps < zero).sum()), int((steps == zero).sum()) - n_series
    if n_back or n_twice > 0:
        warnings.warn(
            f"Got {name} whose times go back {n_back} times, and come twice {max(n_twice, 0)} "
            "times, inside a series. The rows are taken in the order in which they stand: sort "
            "them (sort_index), drop what comes twice, or name the column of several series by "
            "`series`.",
            UserWarning,
            stacklevel=2,
        )
