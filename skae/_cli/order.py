"""The order of rows: newest first, repeated times, gaps and changes of the step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]

# A step this many times as long as the steps around it is a gap, unless gaps are common.
GAP_RATIO, MAX_GAPS = 10.0, 0.02
AROUND = 15
UNITS = {"d": 86_400e6, "h": 3_600e6, "min": 60e6, "s": 1e6, "ms": 1e3, "us": 1.0}


def is_newest_first(instants: NDArray[Any], parts: list[Rows]) -> bool:
    """Tell whether time decreases throughout each series."""
    steps = np.concatenate([np.diff(instants[rows]).astype(float) for rows in parts])
    return bool((steps <= 0).all() and (steps < 0).any())


def longest_step(text: str, index: NDArray[Any]) -> float:
    """Return a step from --max-gap, in microseconds or units of the index."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    is_time = index.dtype.kind == "M"
    if not match or (match[2] in UNITS) != is_time or float(match[1]) <= 0:
        expected = f" and one of {', '.join(UNITS)}, such as 2h" if is_time else ", such as 5"
        raise ValueError(f"--max-gap {text!r}: expected a number{expected}")
    return float(match[1]) * UNITS.get(match[2], 1.0)


def cut_at_gaps(instants: NDArray[Any], rows: Rows, longest: float | None) -> list[Rows]:
    """Return the rows of one series, split at gaps in time.

    Parameters
    ----------
    instants : ndarray of shape (n_all_rows,)
        The times of all rows.
    rows : ndarray of int
        The rows of the series.
    longest : float or None
        The longest step that is not a gap. If None, ten times the steps around it.
    """
    steps = np.diff(instants[rows]).astype(float)
    if not len(steps):
        return [rows]
    gaps = steps > (longest if longest is not None else GAP_RATIO * _usual_around(steps))
    if longest is None and gaps.mean() > MAX_GAPS:
        return [rows]
    return np.split(rows, np.flatnonzero(gaps | (steps < 0)) + 1)


def describe_order(
    instants: NDArray[Any], parts: list[Rows], pieces: list[Rows], place: Callable[[int], str]
) -> list[str]:
    """Return notes on repeated times, times that go back, gaps, and a change of the step.

    Parameters
    ----------
    instants : ndarray of shape (n_rows,)
        The times.
    parts, pieces : list of ndarray of int
        The rows of each series, and of each piece between gaps.
    place : callable
        Returns the place of a row in words.
    """
    steps = [(rows, np.diff(instants[rows]).astype(float)) for rows in parts]
    twice = np.concatenate([rows[1:][step == 0] for rows, step in steps])
    back = np.concatenate([rows[1:][step < 0] for rows, step in steps])
    starts = np.array([piece[0] for piece in pieces])
    notes = []
    if len(twice):
        verb = "has" if len(twice) == 1 else "have"
        notes.append(f"{_places(twice, place)} {verb} the same time as the row before")
    if len(back):
        notes.append(f"time goes back at {_places(back, place)}; the rows stay in file order")
    for rows, step in steps:
        gaps = np.flatnonzero(np.isin(rows[1:], starts) & (step > 0))
        if len(gaps):
            longest = gaps[step[gaps].argmax()]
            where = f"{say_step(step[longest], instants)} before {place(int(rows[longest + 1]))}"
            count = "a gap in time" if len(gaps) == 1 else f"{len(gaps)} gaps in time, the longest"
            notes.append(f"{count} of {where}; no window crosses a gap")
    rows, step = max(steps, key=lambda pair: len(pair[1]))
    change = _change_of_step(rows, step)
    if change:
        before, after = (say_step(length, instants) for length in change[:2])
        notes.append(f"the step is {before} until {place(change[2])}, and {after} from there")
    return list(dict.fromkeys(notes))


def _places(rows: Rows, place: Callable[[int], str]) -> str:
    return place(int(rows[0])) + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")


def say_step(step: float, instants: NDArray[Any]) -> str:
    """Return a step of times with its unit, or a step of numbers."""
    return say_duration(step) if instants.dtype.kind == "M" else f"{step:g}"


def usual_step(instants: NDArray[Any], parts: list[Rows]) -> float:
    """Return the median step, in microseconds or units of the index."""
    steps = np.concatenate([np.diff(instants[rows]).astype(float) for rows in parts])
    return float(np.median(steps)) if len(steps) else 0.0


def say_duration(step: float) -> str:
    """Return microseconds as a number with a unit.

    Examples
    --------
    >>> from skae._cli.order import say_duration
    >>> say_duration(5400e6), say_duration(14 * 86_400e6), say_duration(0)
    ('1.5 h', '14 d', '0 s')
    """
    unit = next((unit for unit, length in UNITS.items() if step >= length), "s")
    return f"{step / UNITS[unit]:.4g} {unit}"


def _usual_around(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the larger of the median steps before and after each step."""
    padded = np.pad(steps, AROUND, mode="reflect" if len(steps) > AROUND else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, AROUND)
    medians = np.median(windows, axis=1)
    return np.maximum(medians[: len(steps)], medians[AROUND + 1 :][: len(steps)])


def _change_of_step(rows: Rows, steps: NDArray[np.float64]) -> tuple[float, float, int] | None:
    """Return the usual steps before and after a lasting change, and its row."""
    if len(steps) < 2 * AROUND:
        return None
    first, last = float(np.median(steps[:AROUND])), float(np.median(steps[-AROUND:]))
    if not min(first, last) > 0 or max(first, last) < 1.9 * min(first, last):
        return None
    is_early = np.abs(steps - first) < np.abs(steps - last)
    wrong = np.cumsum(~is_early) + is_early.sum() - np.cumsum(is_early)
    at = int(wrong.argmin())
    return (first, last, int(rows[at + 1])) if wrong[at] < 0.1 * len(steps) else None
