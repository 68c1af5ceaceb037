"""Time series from a file: their order, gaps and training rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.reshape import reshape
from skae._cli.roles import Roles, read_labels, rows_of_each
from skae._cli.table import Choice, find_name, join_names, read_table
from skae._cli.time_column import Index
from skae._cli.times import UNITS

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]

# A step this many times as long as the steps around it is a gap, unless gaps are common.
GAP_RATIO, MAX_GAPS = 10.0, 0.02
AROUND = 15


@dataclass
class Series:
    """One or several time series.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features), float64
        The readings, NaN for missing cells.
    feature_names : list of str
        The names of the sensors.
    index : Index
        The times of the rows.
    is_training : ndarray of shape (n_rows,), bool
        Whether each row is used for training.
    notes : list of str
        Notes on how the file was read.
    series_name : str or None
        The column that distinguishes the series.
    series_labels : list of str or None
        The cell of that column in each row.
    label_name : str or None
        The column of labels.
    labels : ndarray of shape (n_rows,), bool, or None
        Whether each row is labelled as an anomaly.
    longest_step : float or None
        The longest step that is not a gap. If None, it depends on the steps around it.
    """

    values: NDArray[np.float64]
    feature_names: list[str]
    index: Index
    is_training: Bools
    notes: list[str] = field(default_factory=list)
    series_name: str | None = None
    series_labels: list[str] | None = None
    label_name: str | None = None
    labels: Bools | None = None
    longest_step: float | None = None

    def parts(self) -> list[Rows]:
        """Return the rows of each series, in order of first appearance."""
        return rows_of_each(self.series_labels, len(self.values))

    def pieces(self) -> list[Rows]:
        """Return the rows of each series, split at gaps in time."""
        if self.index.name == "row":
            return self.parts()
        cut = (cut_at_gaps(self.index.instants, rows, self.longest_step) for rows in self.parts())
        return [piece for pieces in cut for piece in pieces]

    def training_pieces(self) -> list[Rows]:
        """Return the training rows of each piece that has some."""
        chosen = [rows[self.is_training[rows]] for rows in self.pieces()]
        return [rows for rows in chosen if len(rows)]


@np.errstate(over="ignore", invalid="ignore")
def read_roles(path: str, choice: Choice) -> Roles:
    """Read a file, and find the roles of its columns."""
    return Roles(reshape(read_table(path, choice)))


def read_series(path: str, choice: Choice = Choice()) -> Series:  # noqa: B008, it is frozen
    r"""Read time series from a text or Parquet file; all rows are training rows.

    Raises
    ------
    ValueError
        If the packages that read it are not installed, the file is not a table, a column is
        unknown, or a cell cannot be read. The message names the place in the file.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skae._cli.series import read_series
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "pump.csv")
    ...     _ = file.write_text("time;flow\n31.12.2023;1,5\n01.01.2024;\n")
    ...     series = read_series(str(file))
    >>> series.index.name, series.feature_names, series.values.ravel()
    ('time', ['flow'], array([1.5, nan]))
    """
    return series_of(read_roles(path, choice))


@np.errstate(over="ignore", invalid="ignore")
def series_of(roles: Roles) -> Series:
    """Return the sensors of a table as time series, oldest first."""
    choice, table, key = roles.choice, roles.table, roles.series
    is_turned = is_newest_first(roles.index.instants, roles.parts)
    order = np.arange(table.n_rows)[:: -1 if is_turned else 1]
    series = Series(
        values=np.column_stack([column.sensor_values() for column in roles.sensors])[order],
        feature_names=[column.name for column in roles.sensors],
        index=roles.index.take(order),
        is_training=np.ones(table.n_rows, dtype=bool),
        notes=[*table.notes, *roles.notes, *roles.notes_on_numbers()],
        series_name=None if key is None else key.name,
        series_labels=None if key is None else key.texts.iloc[order].tolist(),
        label_name=choice.labels,
        labels=None if roles.labels is None else read_labels(roles.labels)[order],
    )
    instants, index_name = series.index.instants, series.index.name
    if choice.max_gap is not None:
        series.longest_step = longest_step(choice.max_gap, instants)
    if is_turned:
        series.notes.append(f"{index_name!r} is newest first; the rows were reversed")
    if index_name != "row":
        parts, pieces = series.parts(), series.pieces()
        place = lambda row: table.place(int(order[row]))  # noqa: E731
        series.notes += describe_order(instants, parts, pieces, place)
    return series


def load_series(file: str | None, choice: Choice) -> Series:
    """Return the series of a file without constant columns, or the demo series if it is None.

    Raises
    ------
    ValueError
        If the file cannot be read, a column has no values, or all columns are constant.
    OSError
        If the file cannot be opened.
    """
    series = _demo(choice) if file is None else read_series(file, choice)
    _reject_unobserved(series, "", "; leave it out with --columns")
    varying = np.nanmin(series.values, axis=0) < np.nanmax(series.values, axis=0)
    names = np.array(series.feature_names, dtype=object)
    constant = join_names(names[~varying].tolist())
    if not varying.any():
        raise ValueError(f"all columns are constant ({constant}); there is no pattern to learn")
    if constant:
        series.notes.append(f"left out columns that never change: {constant}")
        series.values, series.feature_names = series.values[:, varying], list(names[varying])
    return series


def set_training(series: Series, rows: int | None, until: str | None, window: int | str) -> None:
    """Train on the first rows of each series, or on the rows up to an index value.

    Raises
    ------
    ValueError
        If there are fewer rows, or too few for the window, or a column has no values in them.
    """
    if until is not None:
        _learn_until(until, series)
    if rows is not None:
        _learn_first(rows, series)
    longest = max(map(len, series.training_pieces()))
    if isinstance(window, int) and longest < window:
        where = " in the longest series" if series.series_name else " between gaps"
        raise ValueError(
            f"{longest} training rows{where if len(series.pieces()) > 1 else ''} are fewer "
            f"than --window {window}; use a shorter window or more rows"
        )
    _reject_unobserved(series, " in the training rows")


def _reject_unobserved(series: Series, where: str, advice: str = "") -> None:
    unseen = np.isnan(series.values[series.is_training]).all(axis=0)
    if unseen.any():
        name = series.feature_names[int(unseen.argmax())]
        raise ValueError(f"column {name!r} has no values{where}{advice}")


def _demo(choice: Choice) -> Series:
    from skae.datasets import load_machine

    said = [name for name, value in vars(choice).items() if value and name != "features"]
    if said:
        raise ValueError(
            f"--{said[0].replace('_', '-')} needs a FILE; it does not apply to the demo series"
        )
    machine = load_machine()
    names = list(choice.features or machine.feature_names)
    chosen = [find_name(machine.feature_names, name) for name in names]
    labels = [str(time).replace("T", " ") for time in machine.timestamps]
    return Series(
        values=machine.data[:, chosen],
        feature_names=names,
        index=Index("time", machine.timestamps, machine.timestamps, labels, order="ymd"),
        is_training=np.arange(len(machine.data)) < machine.train_rows,
        notes=["no FILE given: using the demo series, a machine with labelled faults"],
        label_name="faults",
        labels=machine.target == 1,
    )


def _learn_first(n_rows: int, series: Series) -> None:
    parts = series.parts()
    longest = max(map(len, parts))
    if n_rows > longest:
        of = "" if len(parts) == 1 else " of the longest series"
        raise ValueError(f"--train-rows {n_rows} is more than the {longest} rows{of}")
    series.is_training[:] = False
    series.is_training[np.concatenate([rows[:n_rows] for rows in parts])] = True


def _learn_until(text: str, series: Series) -> None:
    try:
        is_late = series.index.is_after(text)
    except ValueError as error:
        raise ValueError(
            f"--train-until {error} like the values of {series.index.name!r}"
        ) from error
    for rows in series.parts():
        series.is_training[rows] = ~np.logical_or.accumulate(is_late[rows])
    if not series.is_training.any():
        raise ValueError(f"--train-until {text} is before the first row, {series.index.labels[0]}")


# --- the order of rows ------------------------------------------------------------------


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
    >>> from skae._cli.series import say_duration
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
