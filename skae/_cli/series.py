"""Make time series of the columns of a table: choose their index, features and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.lines import parse_number, parse_timestamp
from skae._cli.table import Column, read_columns
from skae._cli.times import ISO, TimeFormat, given_time_format

__all__ = ["Choice", "Series", "find_name", "parse_index", "read_series"]

# Rising numbers may as well be a counter that is to be scored: only a name tells an index.
# "index" is also ours for the unnamed first column, "unnamed: 0" that of pandas.
INDEX_NAMES = {"time", "timestamp", "date", "datetime", "index", "unnamed: 0"}
# With these names, a column of zeros and ones is what somebody wants found, not a sensor.
LABEL_NAMES = {
    *("label", "labels", "y", "target", "class", "is_anomaly", "anomaly", "anomalies"),
    *("is_outlier", "outlier", "outliers", "anomalous", "attack", "fault", "ground_truth"),
}


@dataclass(frozen=True)
class Choice:
    """What a user says of the columns of a file.

    Parameters
    ----------
    index : str or None, default=None
        The index column. If None, the first column of times, else a column of rising numbers
        that is named like one, else the row numbers.
    features : sequence of str or None, default=None
        The features. If None, all numeric columns that are nothing else.
    series : str or None, default=None
        The column that says which of several series a row belongs to.
    labels : str or None, default=None
        The column that says which rows are anomalies.
    time_format : str or None, default=None
        How times are written, as ``strptime`` has it. If None, that is found.
    """

    index: str | None = None
    features: Sequence[str] | None = None
    series: str | None = None
    labels: str | None = None
    time_format: str | None = None


@dataclass
class Series:
    """One or several time series as read from a file.

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
    time_format : TimeFormat
        How the times of the index are written.
    series_name : str or None
        The name of the column that tells the series apart.
    series_labels : list of str or None
        What stands there, row by row.
    label_name : str or None
        The name of the column of labels.
    labels : ndarray of shape (n_rows,), bool, or None
        True for rows that are labelled as anomalies.
    """

    values: NDArray[np.float64]
    feature_names: list[str]
    index: NDArray[Any]
    index_name: str
    index_labels: list[str]
    notes: list[str] = field(default_factory=list)
    time_format: TimeFormat = ISO
    series_name: str | None = None
    series_labels: list[str] | None = None
    label_name: str | None = None
    labels: NDArray[np.bool_] | None = None

    def parts(self) -> list[NDArray[np.intp]]:
        """Return the rows of each series, in the order in which the series begin."""
        if self.series_labels is None:
            return [np.arange(len(self.values))]
        rows: dict[str, list[int]] = {}
        for row, label in enumerate(self.series_labels):
            rows.setdefault(label, []).append(row)
        return [np.array(part) for part in rows.values()]


def read_series(path: str, choice: Choice = Choice()) -> Series:  # noqa: B008, it is frozen
    r"""Read time series from a file of CSV or Parquet, compressed by gzip or not.

    The delimiter of CSV is found among comma, semicolon and tab. Empty cells and "nan" are
    missing values. Cells of a file with semicolons may have a decimal comma.

    Parameters
    ----------
    path : str
        The file; "-" is standard input.
    choice : Choice
        What is said of the columns.

    Returns
    -------
    series : Series
        The series.

    Raises
    ------
    ValueError
        If pandas is not installed, the file is no table, a column is unknown, or a cell cannot
        be read; the message says what, and where in the file.
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
    >>> series.index_name, series.feature_names, series.values.ravel()
    ('time', ['flow'], array([1.5, nan]))
    """
    time_format = None if choice.time_format is None else given_time_format(choice.time_format)
    written = {choice.index, choice.series, choice.labels}
    table = read_columns(path, lambda name: name in written or _is_index_name(name), time_format)
    machines = _find_column(table, choice.series)
    labels = _find_column(table, choice.labels)
    others = [column for column in table if column not in (machines, labels)]
    axis = _find_column(table, choice.index) or _choose_index(others, machines)
    features, notes = _choose_features(others, axis, choice)
    series = Series(
        values=np.column_stack([column.numbers() for column in features]),
        feature_names=[column.name for column in features],
        **_read_index(axis, len(table[0].cells)),
        series_name=choice.series,
        series_labels=None if machines is None else machines.labels(),
        label_name=choice.labels,
        labels=None if labels is None else labels.outliers(),
    )
    series.notes += notes + _ask_for_formats(others) + _note_order(axis, series)
    return series


def parse_index(text: str, series: Series) -> Any:
    """Return a value given on the command line as one of the kind of an index.

    Parameters
    ----------
    text : str
        A time or a number.
    series : Series
        The series whose index the value is to be compared with.

    Returns
    -------
    value : datetime64 or float
        The value.

    Raises
    ------
    ValueError
        If `text` is not of the kind of the index.
    """
    is_time = series.index.dtype.kind == "M"
    parsed: Any = parse_timestamp(text) if is_time else parse_number(text)
    if is_time and parsed is None and series.time_format is not ISO:
        import pandas as pd

        parsed = series.time_format.parse(pd.Series([text]))[0]
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


def _find_column(table: list[Column], name: str | None) -> Column | None:
    return None if name is None else table[find_name([column.name for column in table], name)]


def _choose_index(columns: list[Column], machines: Column | None) -> Column | None:
    times = (column for column in columns if column.kind == "time")
    counters = (column for column in columns if _is_counter(column, machines))
    return next(times, None) or next(counters, None)


def _is_counter(column: Column, machines: Column | None) -> bool:
    if not _is_index_name(column.name) or column.kind != "number":
        return False
    # Each of several series counts by itself.
    return machines is not None or bool((np.diff(column.numbers()) > 0).all())


def _choose_features(
    columns: list[Column], axis: Column | None, choice: Choice
) -> tuple[list[Column], list[str]]:
    if choice.features is not None:
        names = [column.name for column in columns]
        return [columns[find_name(names, name)] for name in choice.features], []
    others = [column for column in columns if column is not axis]
    labels = [c for c in others if c.name.lower() in LABEL_NAMES and c.is_binary()]
    features = [c for c in others if c.kind in ("number", "empty") and c not in labels]
    if not features:
        raise ValueError("there is no column of numbers; is this a CSV file with a header?")
    skipped = [column for column in others if column not in [*features, *labels]]
    return features, [*map(_note_label, labels), *_note_skipped(skipped, choice)]


def _note_label(column: Column) -> str:
    return (
        f"left out {column.name!r}, which looks like labels: --labels measures by them, "
        "--columns makes it a feature"
    )


def _note_skipped(columns: list[Column], choice: Choice) -> list[str]:
    names = ", ".join(column.name for column in columns)
    hint = "" if choice.series else " (--series takes one that tells several series apart)"
    return [f"left out columns without numbers: {names}{hint}"] if names else []


def _ask_for_formats(columns: list[Column]) -> list[str]:
    asked = ((column.name, column.ask_for_format()) for column in columns)
    return [f"column {name!r}: {question}" for name, question in asked if question]


def _read_index(axis: Column | None, n_rows: int) -> dict[str, Any]:
    if axis is None:
        rows = np.arange(n_rows)
        return {"index": rows, "index_name": "row", "index_labels": [str(row) for row in rows]}
    return {
        "index": _parse_index(axis),
        "index_name": axis.name,
        "index_labels": axis.labels(),
        "time_format": axis.time_format if axis.kind == "time" else ISO,
    }


def _parse_index(axis: Column) -> NDArray[Any]:
    if axis.kind == "time":
        return axis.times()
    if axis.kind == "number":
        numbers = axis.numbers()
        if not np.isnan(numbers).any():
            return numbers
    return np.arange(len(axis.cells))


def _note_order(axis: Column | None, series: Series) -> list[str]:
    if axis is None:
        return []
    notes = [series.time_format.note] if series.time_format.note else []
    for rows in series.parts():
        index = series.index[rows]
        backward = np.flatnonzero(index[1:] < index[:-1])
        if len(backward):
            place, _ = axis.origin.place(int(rows[backward[0] + 1]), axis.position)
            notes.append(f"{axis.name!r} goes backward at {place}; the rows stay in file order")
            break
    return notes
