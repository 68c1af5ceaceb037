"""Read a time series from a CSV file with the standard library and numpy."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Series", "find_name", "parse_index", "read_series"]

DELIMITERS = ",;\t"
MISSING = {"", "nan", "na", "n/a", "#n/a", "null", "none", "nat"}
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


@dataclass
class Column:
    """One column of cells, each with the line of the file that holds it."""

    name: str
    cells: list[str]
    lines: list[int]
    decimal_comma: bool

    @cached_property
    def kind(self) -> str:
        """Whether most cells are a "number", a "time" or "text"; "empty" without any."""
        filled = [cell for cell in self.cells if not _is_missing(cell)]
        if not filled:
            return "empty"
        for kind, parse in (("number", self.number), ("time", _timestamp)):
            # A cell in a hundred decides for long columns; the strict reading comes later.
            sample = filled[:: max(1, len(filled) // 100)]
            if sum(parse(cell) is not None for cell in sample) > len(sample) / 2:
                return kind
        return "text"

    def number(self, cell: str) -> float | None:
        """Return the number written in a cell, None where it is none."""
        if self.decimal_comma and cell.count(",") == 1 and "." not in cell:
            cell = cell.replace(",", ".")
        return _number(cell)

    def numbers(self) -> NDArray[np.float64]:
        """Return the cells as numbers, NaN where empty."""
        numbers = np.array([self._strict_number(i) for i in range(len(self.cells))], dtype=float)
        if np.isnan(numbers).all():
            raise ValueError(f"column {self.name!r} holds no value; leave it out with --columns")
        return numbers

    def times(self) -> NDArray[np.datetime64]:
        """Return the cells as timestamps."""
        times = [self._strict(_timestamp, i, "a timestamp") for i in range(len(self.cells))]
        return np.array(times, dtype="datetime64[us]")

    def _strict_number(self, i: int) -> float:
        if _is_missing(self.cells[i]):
            return math.nan
        number = self._strict(self.number, i, "a number")
        if math.isinf(number):
            raise ValueError(f"{self._place(i)}: {self.cells[i]!r} is not a finite number")
        return number

    def _strict(self, parse: Callable[[str], Any], i: int, expected: str) -> Any:
        parsed = parse(self.cells[i])
        if parsed is None:
            raise ValueError(f"{self._place(i)}: {self.cells[i]!r} is not {expected}")
        return parsed

    def _place(self, i: int) -> str:
        return f"line {self.lines[i]}, column {self.name!r}"


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
        If the file is no CSV, a column is unknown, or a cell cannot be read; the message
        says what, and where in the file.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skae._command.csv import read_series
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "pump.csv")
    ...     _ = file.write_text("time;flow\n2024-01-01;1,5\n2024-01-02;\n")
    ...     series = read_series(str(file))
    >>> series.index_name, series.feature_names, series.values.ravel()
    ('time', ['flow'], array([1.5, nan]))
    """
    table = _read_columns(path)
    axis = _choose_index(table, index)
    features, notes = _choose_features(table, axis, columns)
    values = np.column_stack([column.numbers() for column in features])
    if axis is None:
        labels = [str(row) for row in range(len(values))]
        name, parsed = "row", np.arange(len(values))
    else:
        labels, name, parsed = axis.cells, axis.name, _read_index(axis)
        notes += _note_order(axis, parsed)
    return Series(values, [column.name for column in features], parsed, name, labels, notes)


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
    parsed: Any = _timestamp(text) if is_time else _number(text)
    if parsed is None or parsed != parsed:
        raise ValueError(f"{text!r} is not {'a timestamp' if is_time else 'a number'}")
    return np.datetime64(parsed, "us") if is_time else parsed


def find_name(names: Sequence[str], name: str) -> int:
    """Return the position of a column; ValueError names those that there are."""
    if name not in names:
        raise ValueError(f"there is no column {name!r}; the columns are {', '.join(names)}")
    return names.index(name)


# --- cells -------------------------------------------------------------------------------


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _number(cell: str) -> float | None:
    if "_" in cell:  # Python would read 1_000 as a thousand; in a CSV it is a name
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _timestamp(cell: str) -> datetime | None:
    if not ("-" in cell or "/" in cell):  # Python would read 20240101 as a date
        return None
    try:
        time = datetime.fromisoformat(cell.replace("/", "-"))
    except ValueError:
        return None
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


# --- columns -----------------------------------------------------------------------------


def _read_columns(path: str) -> list[Column]:
    rows, lines, delimiter = _read_rows(path)
    if _is_header(rows[0]):
        names, rows, lines = _name_columns(rows[0]), rows[1:], lines[1:]
    else:
        names = _name_columns([""] * len(rows[0]), first="column1")
    if not rows:
        raise ValueError(f"{path} holds a header only; expected rows of numbers below it")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(names):
            raise ValueError(f"line {line} of {path} has {len(row)} cells instead of {len(names)}")
    cells = zip(*rows, strict=True)
    comma = delimiter != ","
    columns = [Column(n, list(c), lines, comma) for n, c in zip(names, cells, strict=True)]
    return [column for column in columns if not _is_trailing(column)]


def _read_rows(path: str) -> tuple[list[list[str]], list[int], str]:
    text = _read_text(path)
    delimiter = _sniff_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append(cells)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: line {reader.line_num}: {error}") from error
    return rows, lines, delimiter


def _read_text(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8 text; save it as one") from error
    if "\0" in text:
        raise ValueError(f"{path} is not a CSV file: it holds binary data")
    if not text.strip():
        raise ValueError(f"{path} is empty; expected a CSV file with a header")
    return text


def _sniff_delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines into most cells, equally many in each."""
    head = [line for line in text.splitlines()[:20] if line.strip()]
    best, most = ",", 1
    for delimiter in DELIMITERS:
        counts = {len(row) for row in csv.reader(head, delimiter=delimiter)}
        if len(counts) == 1 and max(counts) > most:
            best, most = delimiter, max(counts)
    return best if most > 1 else max(DELIMITERS, key=head[0].count)


def _is_header(row: list[str]) -> bool:
    return any(
        not _is_missing(cell) and _number(cell) is None and _timestamp(cell) is None for cell in row
    )


def _name_columns(header: list[str], first: str = "index") -> list[str]:
    # pandas writes its index under an empty name.
    names = [name or (f"column{i}" if i > 1 else first) for i, name in enumerate(header, 1)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(f"two columns are named {name!r}; rename one of them")
    return names


def _is_trailing(column: Column) -> bool:
    """Say whether a column comes only from delimiters at the ends of the lines."""
    return column.name.startswith("column") and not any(column.cells)


def _choose_index(table: list[Column], name: str | None) -> Column | None:
    if name is not None:
        return _find_column(table, name)
    for column in table:
        if column.kind == "time":
            return column
    for column in table:
        if column.name.lower() in INDEX_NAMES and column.kind == "number":
            numbers = column.numbers()
            if (np.diff(numbers) > 0).all():
                return column
    return None


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


def _read_index(axis: Column) -> NDArray[Any]:
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
    line = axis.lines[backward[0] + 1]
    return [f"{axis.name!r} goes backward at line {line}; the rows are taken in file order"]
