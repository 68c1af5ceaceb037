"""The layout of rows: the series of each row, and where windows end."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skae._input.runs import run_lengths
from skae._input.sequences import Indices, shape_of
from skae._input.time_gaps import Flags, gaps_of
from skae._windows.windows import Windowing


@dataclass(frozen=True)
class Layout:
    """Rows of one or more series, series by series.

    Parameters
    ----------
    lengths : ndarray of shape (n_series,), intp
    positions : ndarray of shape (n_rows,), intp, optional
        Input positions of the rows; None if they were in this order.
    after_gap : ndarray of shape (n_rows,), bool, optional
        Whether a row is the first after a gap in time, across which no window reaches.
    names : tuple, optional
        Names of the series.
    """

    lengths: Indices
    positions: Indices | None = None
    after_gap: Flags | None = None
    names: tuple[Hashable, ...] | None = None

    @classmethod
    def of_table(cls, X: Any, labels: Any, n_rows: int, windowing: Windowing) -> Self:
        """Return the layout of a table with these series labels.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
        labels : array-like of shape (n_rows,) or None
            None if they all belong to one series.
        n_rows : int
        windowing : Windowing

        Raises
        ------
        ValueError
            If an index of several levels contains more series than the labels, a row has no label,
            or `max_gap` is set and there are no times.
        """
        positions, lengths, names = None, np.array([n_rows], dtype=np.intp), None
        if labels is not None:
            positions, lengths, names = named_series(labels)
        times = times_of(X, windowing.series, len(lengths))
        return cls(lengths, positions, gaps_of(times, positions, lengths, windowing.max_gap), names)

    @classmethod
    def of_list(cls, X: Any, lengths: Indices, windowing: Windowing) -> Self:
        """Return the layout of a list of series.

        Raises
        ------
        ValueError
            If `series` is set, or `max_gap` is set and there are no times.
        """
        reject_names_of_series(windowing)
        parts = [gaps_of_item(item, windowing.max_gap, f"X[{i}]") for i, item in enumerate(X)]
        flags = [part for part in parts if part is not None]
        return cls(lengths, None, np.concatenate(flags) if flags else None)

    @property
    def runs(self) -> Indices:
        """Number of rows of each part of a series without gaps."""
        return run_lengths(self.lengths, self.after_gap)

    def parts(self) -> list[Indices]:
        """Return the input positions of each part of a series without gaps."""
        rows = np.arange(self.lengths.sum()) if self.positions is None else self.positions
        return np.split(rows, np.cumsum(self.runs)[:-1])


def gaps_of_item(item: Any, max_gap: Any, name: str) -> Flags | None:
    """Return which rows of one series of a list follow a gap; see `gaps_of`."""
    length = np.array(shape_of(item)[:1], np.intp)
    return gaps_of(times_of(item, None, 1), None, length, max_gap, name)


def reject_names_of_series(windowing: Windowing) -> None:
    """Reject `series` for a list of series."""
    if windowing.series is not None:
        raise ValueError(
            f"Got series={windowing.series!r} and a list of series, but expected one table, "
            "because a list already separates the series."
        )


def do_not_stand_together(series: str | int | None) -> ValueError:
    """Return the error for a series with rows that are not adjacent."""
    return ValueError(
        f"Got a column {series!r} with series whose rows are not adjacent, but expected all rows "
        f"of a series together. Sort them first: X.sort_values({series!r}) or set_index."
    )


def by_series(labels: Any) -> tuple[Indices, Indices]:
    """Return the positions of the rows, series by series, and the length of each series.

    Parameters
    ----------
    labels : array-like of shape (n_rows,)

    Returns
    -------
    positions : ndarray of shape (n_rows,), intp
        Series in order of first appearance, with their rows in order.
    lengths : ndarray of shape (n_series,), intp

    Raises
    ------
    ValueError
        If a label is missing.

    Examples
    --------
    >>> by_series(["pump", "fan", "pump"])
    (array([0, 2, 1]), array([2, 1]))
    """
    return named_series(labels)[:2]


def named_series(labels: Any) -> tuple[Indices, Indices, tuple[Hashable, ...]]:
    """Return the positions and lengths of `by_series`, and the name of each series."""
    seen: dict[Hashable, int] = {}
    given = np.asarray(labels).tolist()
    codes = np.fromiter((seen.setdefault(label, len(seen)) for label in given), np.intp, len(given))
    missing = next((label for label in seen if is_missing(label)), 0)
    if is_missing(missing):
        raise ValueError(
            f"Got series[{int(np.argmax(codes == seen[missing]))}]={missing}, but expected a "
            "series name in each row."
        )
    lengths = np.bincount(codes, minlength=len(seen))
    return np.argsort(codes, kind="stable"), lengths, tuple(seen)


def is_missing(label: Any) -> bool:
    """Tell whether the label of a row is missing."""
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def without_series(X: Any, series: str | int | None) -> tuple[Any, Any]:
    """Return a table without its series column or level, and the labels.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
    series : str, int or None
        Name of a column of a dataframe or of a level of its index, or position of a column.

    Returns
    -------
    features : array-like of shape (n_rows, n_features)
    labels : array-like of shape (n_rows,) or None

    Raises
    ------
    ValueError
        If there is no such column or level.
    """
    if series is None:
        return X, None
    columns = list(getattr(X, "columns", []))
    if series in columns and isinstance(series, str):
        return _without_column(X, columns.index(series))
    if isinstance(series, str) and hasattr(X, "iloc") and series in X.index.names:
        return X, X.index.get_level_values(series)
    if isinstance(series, str):
        kind = f"the columns {columns[:10]}" if columns else "no named columns"
        raise ValueError(
            f"Got series={series!r} and X as {type(X).__name__} with {kind}, "
            "but expected a dataframe with such a column or level of its index, or the position "
            "of the column. In a Pipeline, call set_output(transform='pandas') on the previous "
            "steps."
        )
    table = X if columns else np.asanyarray(X)
    if isinstance(series, bool) or table.ndim != 2 or not -1 <= series < table.shape[1]:
        raise ValueError(
            f"Got series={series!r} and X of shape {np.shape(X)}, but expected the position of a "
            "column, or the name of one."
        )
    return _without_column(table, int(series) % table.shape[1])


def _without_column(table: Any, position: int) -> tuple[Any, Any]:
    if table.shape[1] == 1:
        raise ValueError(
            "Got X with only the column that names the series, but expected at least one feature."
        )
    if isinstance(table, np.ndarray):
        return np.delete(table, position, axis=1), table[:, position]
    others = [i for i in range(table.shape[1]) if i != position]
    cells = table.iloc if hasattr(table, "iloc") else table
    return cells[:, others], cells[:, position]


def times_of(X: Any, series: str | int | None, n_series: int) -> Any:
    """Return the pandas index of a frame; of several levels, the last that names no series.

    Raises
    ------
    ValueError
        If the other levels contain more series.
    """
    if not hasattr(X, "iloc"):
        return None
    index: Any = X.index
    if index.nlevels == 1:
        return None if series is not None and index.name == series else index
    levels = [i for i, name in enumerate(index.names) if series is None or name != series]
    outer = index.droplevel(levels[-1]).unique()
    if len(outer) > n_series:
        raise ValueError(_several_series(index, series, n_series))
    return index.get_level_values(levels[-1])


def _several_series(index: Any, series: str | int | None, n_series: int) -> str:
    """Return the error message for an index that contains more series than `series` names."""
    counts = {
        name: index.get_level_values(i).nunique()
        for i, name in enumerate(index.names)
        if series is None or name != series
    }
    found = min(counts, key=counts.__getitem__)
    name_it = "" if found is not None else " Name it first (X.index.names = ...)."
    name = "..." if found is None else repr(found)
    return (
        f"Got X whose index has the levels {list(index.names)} with {counts[found]} different "
        f"values of {[found]}, but expected {n_series} series. Write series={name} if that level "
        "names the series of a row, or reset_index(drop=True) if all rows belong to one "
        f"series.{name_it}"
    )
