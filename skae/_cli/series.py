"""Time series made of the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skae._cli.choice import Choice
from skae._cli.index import Index
from skae._cli.labels import read_labels
from skae._cli.order import cut_at_gaps, describe_order, is_newest_first, longest_step
from skae._cli.roles import Roles, assign_roles, rows_of_each
from skae._cli.table import Column, read_table
from skae._cli.text import join_names

__all__ = ["Series", "read_roles", "read_series"]


@dataclass
class Series:
    """One or several time series as read from a file.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features), float64
        The readings, NaN where a cell is missing.
    feature_names : list of str
        The names of the columns of `values`.
    index : Index
        When each row was read.
    notes : list of str
        What a user ought to know about how the file was read.
    series_name : str or None
        The name of the column that tells the series apart.
    series_labels : list of str or None
        What stands there, row by row.
    label_name : str or None
        The name of the column of labels.
    labels : ndarray of shape (n_rows,), bool, or None
        True for rows that are labelled as anomalies.
    longest_step : float or None
        The longest step of time that is no gap; None: it depends on those around it.
    """

    values: NDArray[np.float64]
    feature_names: list[str]
    index: Index
    notes: list[str] = field(default_factory=list)
    series_name: str | None = None
    series_labels: list[str] | None = None
    label_name: str | None = None
    labels: NDArray[np.bool_] | None = None
    longest_step: float | None = None

    def parts(self) -> list[NDArray[np.intp]]:
        """Return the rows of each series, in the order in which the series begin."""
        return rows_of_each(self.series_labels, len(self.values))

    def pieces(self) -> list[NDArray[np.intp]]:
        """Return the rows of each series between its gaps in time."""
        if self.index.name == "row":
            return self.parts()
        cut = (cut_at_gaps(self.index.instants, rows, self.longest_step) for rows in self.parts())
        return [piece for pieces in cut for piece in pieces]


@np.errstate(over="ignore", invalid="ignore")
def read_roles(path: str, choice: Choice) -> Roles:
    """Read a file, and find out what each of its columns is."""
    return assign_roles(read_table(path, choice))


def read_series(path: str, choice: Choice = Choice()) -> Series:  # noqa: B008, it is frozen
    r"""Read time series from a file of text or Parquet, compressed by gzip or not.

    Parameters
    ----------
    path : str
        The file; "-" is standard input.
    choice : Choice
        What is said of it.

    Returns
    -------
    series : Series
        The series.

    Raises
    ------
    ValueError
        If what reads it is not installed, the file is no table, a column is unknown, or a cell
        cannot be read; the message says what, and where in the file.
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
    series = Series(
        values=np.column_stack([column.sensor_values() for column in roles.sensors]),
        feature_names=[column.name for column in roles.sensors],
        index=roles.index,
        notes=[*table.notes, *roles.notes, *_notes_of(roles.numeric)],
        series_name=None if key is None else key.name,
        series_labels=None if key is None else key.texts.tolist(),
        label_name=choice.labels,
        labels=None if roles.labels is None else read_labels(roles.labels),
    )
    if choice.max_gap is not None:
        series.longest_step = longest_step(choice.max_gap, series.index.instants)
    order = np.arange(table.n_rows)
    if is_newest_first(series.index.instants, series.parts()):
        order = order[::-1]
        _turn_round(series, order)
    if series.index.name != "row":
        series.notes += describe_order(
            series.index.instants,
            series.parts(),
            series.pieces(),
            lambda row: table.place(int(order[row])),
        )
    return series


def _notes_of(columns: list[Column]) -> list[str]:
    """Return the notes on how numbers were read, one for all columns of the same."""
    found: dict[str, list[str]] = {}
    for column in columns:
        for note in column.notes():
            found.setdefault(note, []).append(column.name)
    return [f"{join_names(names)}: {note}" for note, names in found.items()]


def _turn_round(series: Series, order: NDArray[np.intp]) -> None:
    series.values = series.values[order]
    series.index.take(order)
    series.notes.append(f"{series.index.name!r} is newest first; the rows were turned round")
    if series.series_labels is not None:
        series.series_labels.reverse()
    if series.labels is not None:
        series.labels = series.labels[order]
