"""Time series as read from a file, and which of their rows are learned from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skae._cli.index import Index
from skae._cli.order import cut_at_gaps, describe_order, is_newest_first, longest_step
from skae._cli.roles import Roles, read_labels, rows_of_each
from skae._cli.table import Choice, find_name, join_names, read_table

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass
class Series:
    """One or several time series, and what is known of them.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features), float64
        The readings, NaN where a cell is missing.
    feature_names : list of str
        The names of the columns of `values`.
    index : Index
        When each row was read.
    is_training : ndarray of shape (n_rows,), bool
        Which rows are learned from.
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
    is_training: Bools
    notes: list[str] = field(default_factory=list)
    series_name: str | None = None
    series_labels: list[str] | None = None
    label_name: str | None = None
    labels: Bools | None = None
    longest_step: float | None = None

    def parts(self) -> list[Rows]:
        """Return the rows of each series, in the order in which the series begin."""
        return rows_of_each(self.series_labels, len(self.values))

    def pieces(self) -> list[Rows]:
        """Return the rows of each series between its gaps in time."""
        if self.index.name == "row":
            return self.parts()
        cut = (cut_at_gaps(self.index.instants, rows, self.longest_step) for rows in self.parts())
        return [piece for pieces in cut for piece in pieces]

    def training_pieces(self) -> list[Rows]:
        """Return the rows to learn from, those of each piece that has some."""
        chosen = [rows[self.is_training[rows]] for rows in self.pieces()]
        return [rows for rows in chosen if len(rows)]


@np.errstate(over="ignore", invalid="ignore")
def read_roles(path: str, choice: Choice) -> Roles:
    """Read a file, and find out what each of its columns is."""
    return Roles(read_table(path, choice))


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
        All rows are to be learned from.

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
        series.notes.append(f"{index_name!r} is newest first; the rows were turned round")
    if index_name != "row":
        parts, pieces = series.parts(), series.pieces()
        place = lambda row: table.place(int(order[row]))  # noqa: E731
        series.notes += describe_order(instants, parts, pieces, place)
    return series


def load_series(file: str | None, choice: Choice) -> Series:
    """Return the series of a file, or the demo, to learn from all rows, or from all without faults.

    Parameters
    ----------
    file : str or None
        See :func:`read_series`. If None, the demo series is taken.
    choice : Choice
        What is said of the file.

    Raises
    ------
    ValueError
        If the file cannot be read, or a column of it holds no value or never changes.
    OSError
        If the file cannot be opened.
    """
    series = _demo(choice) if file is None else read_series(file, choice)
    _refuse_unobserved(series, "", "; leave it out with --columns")
    varying = np.nanmin(series.values, axis=0) < np.nanmax(series.values, axis=0)
    names = np.array(series.feature_names, dtype=object)
    constant = join_names(names[~varying].tolist())
    if not varying.any():
        raise ValueError(f"nothing ever changes in {constant}; there is no pattern to learn")
    if constant:
        series.notes.append(f"left out columns that never change: {constant}")
        series.values, series.feature_names = series.values[:, varying], list(names[varying])
    return series


def set_training(series: Series, rows: int | None, until: str | None, window: int | str) -> None:
    """Learn from a number of rows of each series, or from those up to an index value.

    Parameters
    ----------
    series : Series
        Its `is_training` is set.
    rows : int or None
        The number of rows.
    until : str or None
        The index value.
    window : int or "auto"
        The window, which the rows must fill.

    Raises
    ------
    ValueError
        If these are more rows than there are, too few for the window, or hold no value of
        some column.
    """
    if until is not None:
        _learn_until(until, series)
    if rows is not None:
        _learn_first(rows, series)
    longest = max(map(len, series.training_pieces()))
    if isinstance(window, int) and longest < window:
        where = " in the longest series" if series.series_name else " between gaps"
        raise ValueError(
            f"{longest} rows to learn from{where if len(series.pieces()) > 1 else ''} are fewer "
            f"than --window {window}; take a shorter window or more rows"
        )
    _refuse_unobserved(series, " in the rows to learn from")


def _refuse_unobserved(series: Series, where: str, advice: str = "") -> None:
    unseen = np.isnan(series.values[series.is_training]).all(axis=0)
    if unseen.any():
        name = series.feature_names[int(unseen.argmax())]
        raise ValueError(f"column {name!r} holds no value{where}{advice}")


def _demo(choice: Choice) -> Series:
    from skae.datasets import load_machine

    said = [name for name, value in vars(choice).items() if value and name != "features"]
    if said:
        raise ValueError(
            f"--{said[0].replace('_', '-')} needs a FILE; the demo series has its own index"
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
        notes=["no FILE given: taking the demo series, a machine with labelled faults"],
        label_name="faults",
        labels=machine.target == 1,
    )


def _learn_first(n_rows: int, series: Series) -> None:
    parts = series.parts()
    longest = max(map(len, parts))
    if n_rows > longest:
        whose = "there are" if len(parts) == 1 else "the longest series has"
        raise ValueError(f"--train-rows {n_rows} is more than the {longest} rows {whose}")
    series.is_training[:] = False
    series.is_training[np.concatenate([rows[:n_rows] for rows in parts])] = True


def _learn_until(text: str, series: Series) -> None:
    try:
        is_late = series.index.is_after(text)
    except ValueError as error:
        raise ValueError(f"--train-until {error}, as those of {series.index.name!r} are") from error
    for rows in series.parts():
        series.is_training[rows] = ~np.logical_or.accumulate(is_late[rows])
    if not series.is_training.any():
        raise ValueError(f"--train-until {text} is before the first row, {series.index.labels[0]}")
