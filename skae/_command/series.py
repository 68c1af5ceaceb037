"""Make a time series of the columns of a CSV file: choose its index and its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._command.lines import parse_number, parse_timestamp
from skae._command.table import Column, read_columns

__all__ = ["Series", "find_name", "parse_index", "read_series"]

# Rising numbers may as well be a counter that is to be scored: only a name tells an index.
# "index" is also ours for the unnamed first column, "unnamed: 0" that of pandas.
INDEX_NAMES = {"time", "timestamp", "date", "datetime", "index", "unnamed: 0"}


@dataclass
class Series:
    """One time series as read from a file.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features), float64
        The readings, NaN where a cell is empty.
    feature_names : list of str
        The names of the columns of `values`.
    index : ndarray of shape (n_rows,)
        The index as datetime64[us], float64, or the row numbers.
    index_name : str
        The name of the index column; "row" where there is none.
    index_labels : list of str
        The index as it is written in the file.
    notes : list of str
        What a user ought to know about how the file was read.
    """

    values: NDArray[np.float64]
    feature_names: list[str]
    index: NDArray[Any]
    index_name: str
    index_labels: list[str]
    notes: list[str]


def read_series(
    path: str, *, index: str | None = None, columns: Sequence[str] | None = None
) -> Series:
    r"""Read a time series from a CSV file.

    The delimiter is found among comma, semicolon and tab. Empty cells and "nan" are missing
    values. Cells of a file with semicolons may have a decimal comma.

    Parameters
    ----------
    path : str
        The file: text in UTF-8.
    index : str or None, default=None
        The index column. If None, the first column of ISO timestamps, else a column
        of rising numbers that is named like one, else the row numbers.
    columns : sequence of str or None, default=None
        The features. If None, all numeric columns except the index.

    Returns
    -------
    series : Series
        The series.

    Raises
    ------
    ValueError
        If pandas is not installed, the file is no CSV, a column is unknown, or a cell cannot
        be read; the message says what, and where in the file.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skae._command.series import read_series
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "pump.csv")
    ...     _ = file.write_text("time;flow\n2024-01-01;1,5\n2024-01-02;\n")
    ...     series = read_series(str(file))
    >>> series.index_name, series.feature_names, series.values.ravel()
    ('time', ['flow'], array([1.5, nan]))
    """
    table = read_columns(path, lambda name: name == index or _is_index_name(name))
    axis = _choose_index(table, index)
    features, notes = _choose_features(table, axis, columns)
    values = np.column_stack([column.numbers() for column in features])
    names = [column.name for column in features]
    if axis is None:
        rows = np.arange(len(values))
        return Series(values, names, rows, "row", [str(row) for row in rows], notes)
    parsed = _parse_index(axis)
    notes += _note_order(axis, parsed)
    return Series(values, names, parsed, axis.name, axis.labels(), notes)


def parse_index(text: str, like: NDArray[Any]) -> Any:
    """Return a value given on the command line as one of the kind of an index.

    Parameters
    ----------
    text : str
        A timestamp or a number.
    like : ndarray
        The index that the value is to be compared with.

    Returns
    -------
    value : datetime64 or float
        The value.

    Raises
    ------
    ValueError
        If `text` is not of the kind of the index.
    """
    is_time = like.dtype.kind == "M"
    parsed: Any = parse_timestamp(text) if is_time else parse_number(text)
    if parsed is None or parsed != parsed:
        raise ValueError(f"{text!r} is not {'a timestamp' if is_time else 'a number'}")
    return np.datetime64(parsed, "us") if is_time else parsed


def find_name(names: Sequence[str], name: str) -> int:
    """Return the position of a column; ValueError names those that there are."""
    if name not in names:
        raise ValueError(f"there is no column {name!r}; the columns are {', '.join(names)}")
    return names.index(name)


def _is_index_name(name: str) -> bool:
    return name.lower() in INDEX_NAMES


def _choose_index(table: list[Column], name: str | None) -> Column | None:
    if name is not None:
        return _find_column(table, name)
    times = (column for column in table if column.kind == "time")
    counters = (column for column in table if _is_counter(column))
    return next(times, None) or next(counters, None)


def _is_counter(column: Column) -> bool:
    if not _is_index_name(column.name) or column.kind != "number":
        return False
    return bool((np.diff(column.numbers()) > 0).all())


def _choose_features(
    table: list[Column], axis: Column | None, names: Sequence[str] | None
) -> tuple[list[Column], list[str]]:
    if names is not None:
        return [_find_column(table, name) for name in names], []
    others = [column for column in table if column is not axis]
    features = [column for column in others if column.kind in ("number", "empty")]
    if not features:
        raise ValueError("there is no column of numbers; is this a CSV file with a header?")
    skipped = ", ".join(column.name for column in others if column not in features)
    return features, [f"left out columns without numbers: {skipped}"] if skipped else []


def _find_column(table: list[Column], name: str) -> Column:
    return table[find_name([column.name for column in table], name)]


def _parse_index(axis: Column) -> NDArray[Any]:
    if axis.kind == "time":
        return axis.times()
    if axis.kind == "number":
        numbers = axis.numbers()
        if not np.isnan(numbers).any():
            return numbers
    return np.arange(len(axis.cells))


def _note_order(axis: Column, index: NDArray[Any]) -> list[str]:
    backward = np.flatnonzero(index[1:] < index[:-1])
    if not len(backward):
        return []
    line, _ = axis.lines.find(int(backward[0]) + 1)
    return [f"{axis.name!r} goes backward at line {line}; the rows are taken in file order"]
