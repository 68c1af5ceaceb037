"""Time series from a file, and their training rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skae._cli.index import Index
from skae._cli.order import cut_at_gaps, describe_order, is_newest_first, longest_step
from skae._cli.reshape import reshape
from skae._cli.roles import Roles, read_labels, rows_of_each
from skae._cli.table import Choice, find_name, join_names, read_table

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]


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
