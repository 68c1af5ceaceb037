"""The horizontal axis: rows of one series, or of several one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class Timeline:
    """Where the rows stand.

    Parameters
    ----------
    index : ndarray of shape (n_rows,)
        Times or numbers.
    lengths : ndarray of shape (n_series,), intp
        Number of rows of each series.
    """

    index: NDArray[Any]
    lengths: Positions

    @property
    def borders(self) -> Positions:
        """The first rows of all series but the first."""
        return np.cumsum(self.lengths)[:-1]

    @property
    def is_dated(self) -> bool:
        """Whether the rows stand at dates."""
        return self.index.dtype.kind == "M"

    def split(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """Return what belongs to rows, series by series."""
        return np.split(rows, self.borders)

    def broken(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the index and values of a line that breaks off between two series."""
        if len(self.lengths) == 1:
            return self.index, values
        gaps = self.borders
        values = np.insert(values.astype(float), gaps, np.nan)
        return np.insert(self.index, gaps, self.index[gaps]), values


def make_timeline(index: Any, lengths: Sequence[int]) -> Timeline:
    """Return the axis for rows of series of so many rows.

    Parameters
    ----------
    index : array-like of shape (n_rows,), list of such for several series, or None
        Row numbers take its place if it is None, neither of numbers nor of times, or runs back
        from one series to the next.
    lengths : sequence of int

    Raises
    ------
    ValueError
        If the index has another number of entries.
    """
    n_rows = int(sum(lengths))
    sizes = np.asarray(lengths, dtype=np.intp)
    if index is None:
        return Timeline(np.arange(n_rows), sizes)
    if isinstance(index, list) and len(index) and np.ndim(index[0]) > 0:
        found = np.concatenate([as_axis(part) for part in index])
    else:
        found = as_axis(index)
    if found.shape != (n_rows,):
        raise ValueError(
            f"Got index of shape {found.shape}, but expected one entry for each of the {n_rows} "
            "rows of values."
        )
    runs_on = len(sizes) == 1 or bool((found[1:] > found[:-1]).all())
    if found.dtype.kind not in "iufM" or not runs_on:
        found = np.arange(n_rows)
    return Timeline(found, sizes)


def as_axis(index: Any) -> NDArray[Any]:
    """Return an index as an array; numpy has no time zones, so aware times become UTC."""
    if hasattr(index, "to_timestamp"):
        index = index.to_timestamp()
    return np.asarray(index.tz_convert(None) if getattr(index, "tz", None) else index)


def index_of(X: Any) -> Any:
    """Return the index of a pandas dataframe or those of a list of such; None without one."""
    if isinstance(X, list):
        return [item.index for item in X] if all(hasattr(item, "iloc") for item in X) else None
    return X.index if hasattr(X, "iloc") else None


def names_of(X: Any) -> list[str] | None:
    """Return the names of the columns of a dataframe, or of the first of a list."""
    first = X[0] if isinstance(X, list) and len(X) else X
    return [str(name) for name in first.columns] if hasattr(first, "columns") else None


def stack_rows(values: Any, name: str = "values") -> tuple[NDArray[Any], list[int]]:
    """Return the rows of one series, or of several in a list, and how many each has.

    Raises
    ------
    ValueError
        If they are not numeric tables of equally many features.
    """
    if not isinstance(values, list) or not len(values) or np.ndim(values[0]) == 0:
        rows = _as_columns(values, name)
        return rows, [len(rows)]
    if isinstance(values[0], list | float | int):
        return stack_rows(np.asarray(values), name)
    parts = [_as_columns(part, f"{name}[{i}]") for i, part in enumerate(values)]
    if len({part.shape[1] for part in parts}) > 1:
        raise ValueError(
            f"Got {name} with {[part.shape[1] for part in parts][:10]} features, but expected the "
            "same number in each series."
        )
    return np.concatenate(parts), [len(part) for part in parts]


def stack_entries(entries: Any, lengths: Sequence[int], name: str) -> NDArray[Any]:
    """Return one entry for each row, of one series or of a list of such.

    Raises
    ------
    ValueError
        If there is another number of entries than rows.
    """
    is_list = isinstance(entries, list) and len(entries) and np.ndim(entries[0]) > 0
    array = np.concatenate([np.asarray(e) for e in entries]) if is_list else np.asarray(entries)
    if array.shape != (sum(lengths),):
        raise ValueError(
            f"Got {name} of shape {array.shape}, but expected one entry for each of the "
            f"{sum(lengths)} rows of values."
        )
    return array


def _as_columns(values: Any, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "fiub":
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"Got {name} of shape {array.shape} and dtype {array.dtype}, but expected one "
            "numeric series of shape (n_rows, n_features), or a list of such."
        )
    return array
