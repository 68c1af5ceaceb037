"""Rows of one series or several, as users pass them: read, stacked and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._output.frames import index_of, is_of_series, joined, name_features, names_of
from skae._scoring.events import Event, find_events_of_series
from skae._windows.series import by_series

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class ScoredRows:
    """Rows of one or more series, stacked.

    Parameters
    ----------
    is_outlier : ndarray of shape (n_rows,), bool
    names : array-like of shape (n_rows,)
        Times or numbers.
    groups : list of ndarray
        Positions of the rows of each series, in order.
    series : array-like of shape (n_rows,) or None
        The series of each row, if there are several.
    scores : ndarray of shape (n_rows,), float64, or None
        Higher is more normal.
    errors : ndarray of shape (n_rows,), float64, or None
        Error of each single row.
    contributions : ndarray of shape (n_rows, n_features), float64, or None
    feature_names : list of str
        Names for the contributions; empty without them.
    """

    is_outlier: NDArray[np.bool_]
    names: Any
    groups: list[Positions]
    series: Any = None
    scores: NDArray[np.float64] | None = None
    errors: NDArray[np.float64] | None = None
    contributions: NDArray[np.float64] | None = None
    feature_names: Sequence[str] = ()

    @property
    def tells_severity(self) -> bool:
        """Whether there are errors, scores or contributions."""
        return any(x is not None for x in (self.errors, self.scores, self.contributions))

    def severity(self) -> NDArray[np.float64]:
        """Return the severity of each row; equal for all without scores and contributions."""
        if self.scores is not None:
            return -self.scores
        if self.contributions is not None:
            return np.asarray(np.nansum(self.contributions, axis=1))
        return np.zeros(len(self.is_outlier))


def read_scored_rows(
    scores: Any,
    offset: Any,
    labels: Any,
    errors: Any,
    index: Any,
    series: Any,
    contributions: Any,
    feature_names: Sequence[str] | None,
) -> ScoredRows:
    """Return the rows from the arguments of `skae.find_events`.

    Raises
    ------
    ValueError
        If not exactly one of offset and labels is given, or lengths differ.
    """
    _check_tells_outliers(scores, offset, labels)
    given = labels if scores is None else scores
    lengths = [len(part) for part in given] if is_of_series(given) else None
    n_rows = sum(lengths) if lengths else len(given)
    _reject_reordered_rows(
        scores=scores,
        labels=labels,
        offset=offset,
        errors=errors,
        series=series,
        contributions=contributions,
    )
    values = _stacked("scores", scores, n_rows, 1)
    flags = _stacked("labels", labels, n_rows, 1)
    errors_of_rows = _as_float64(_stacked("errors", errors, n_rows, 1))
    contributions = _with_columns_in_order(contributions)
    shares = _as_float64(_stacked("contributions", contributions, n_rows, 2))
    names = names_of(contributions) if feature_names is None else feature_names
    groups, names_of_series = _groups(lengths, series, n_rows)
    return ScoredRows(
        values < _level(offset, n_rows) if flags is None else are_outliers(flags, only_ones=False),
        _names(index, [scores, labels, contributions], lengths, n_rows),
        groups,
        names_of_series,
        _as_float64(values),
        errors_of_rows,
        shares,
        [] if shares is None else name_features(names, shares.shape[1]),
    )


def _with_columns_in_order(contributions: Any) -> Any:
    """Return dataframes with their columns in the order of the first.

    Raises
    ------
    ValueError
        If one has different columns.
    """
    is_list = isinstance(contributions, list | tuple)
    if not is_list or not all(hasattr(part, "columns") for part in contributions):
        return contributions
    names = list(contributions[0].columns) if len(contributions) else []
    for i, part in enumerate(contributions):
        if sorted(map(str, part.columns)) != sorted(map(str, names)):
            raise ValueError(
                f"Got contributions[{i}] with the columns {list(part.columns)}, but expected the "
                f"columns of the first, {names}, in any order."
            )
    return [part[names] for part in contributions]


def _reject_reordered_rows(**given: Any) -> None:
    """Reject pandas objects with the same index in another order; rows are matched by position.

    Raises
    ------
    ValueError
    """
    indexes = {name: index_of(values) for name, values in given.items()}
    indexes = {name: index for name, index in indexes.items() if hasattr(index, "isin")}
    for (one, first), (other, index) in pairwise(indexes.items()):
        is_same = len(index) != len(first) or index.equals(first) or not index.is_unique
        if not is_same and index.isin(first).all():
            raise ValueError(
                f"Got {one} and {other} with the same index in another order, but expected the "
                f"rows of both in one order: {other}.reindex({one}.index)."
            )


def _level(offset: Any, n_rows: int) -> Any:
    """Return one offset, or one per row."""
    if not isinstance(offset, Real):
        return _stacked("offset", offset, n_rows, 1)
    if not np.isfinite(float(offset)):
        raise ValueError(f"Got offset={offset}, but expected a finite number.")
    return offset


def _check_tells_outliers(scores: Any, offset: Any, labels: Any) -> None:
    if labels is None and (scores is None or offset is None):
        raise ValueError(
            f"Got offset={offset} and labels=None, but expected scores and an offset (offset_ for "
            "scores of score_samples, 0 for scores of decision_function), or the labels that "
            "predict returns."
        )
    if labels is not None and offset is not None:
        raise ValueError(
            f"Got offset={offset} and labels, but expected only one of them to tell which rows are "
            "outliers."
        )


def _stacked(name: str, values: Any, n_rows: int, n_dims: int) -> Any:
    if values is None:
        return None
    array = joined(values, n_dims)
    if array.ndim != n_dims or len(array) != n_rows:
        shape = "(n_rows,)" if n_dims == 1 else "(n_rows, n_features)"
        raise ValueError(
            f"Got {name} of shape {array.shape}, but expected {shape} with n_rows={n_rows}, or a "
            "list of these, one per series."
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(f"Got {name} of dtype {array.dtype}, but expected numbers.")
    return array


def _groups(lengths: list[int] | None, series: Any, n_rows: int) -> tuple[list[Positions], Any]:
    """Return the rows of each series, and the series of each row if there are several."""
    if series is None:
        names = None if lengths is None else np.repeat(np.arange(len(lengths)), lengths)
        return groups_of_lengths(lengths or [n_rows]), names
    if lengths is not None:
        raise ValueError(
            "Got series and a list, but expected only one of them, because a list already "
            "separates the series."
        )
    if len(series) != n_rows:
        raise ValueError(
            f"Got series of {len(series)} entries, but expected one for each of {n_rows} rows."
        )
    return groups_of(series), series


def _as_float64(values: Any) -> NDArray[np.float64] | None:
    return None if values is None else values.astype(np.float64)


def _names(index: Any, inputs: list[Any], lengths: list[int] | None, n_rows: int) -> Any:
    """Return the index of the rows: as given, from an input, or row numbers."""
    found = (one for one in (index, *map(index_of, inputs)) if one is not None)
    if (index := next(found, None)) is None:
        return np.concatenate([np.arange(n) for n in lengths or [n_rows]])
    names = _joined_index(index)
    if len(names) != n_rows:
        raise ValueError(
            f"Got index of {len(names)} entries, but expected one for each of {n_rows} rows."
        )
    return names


def _joined_index(index: Any) -> Any:
    if not is_of_series(index):
        return _own_index(index)
    parts = [_own_index(part) for part in index]
    if hasattr(parts[0], "get_indexer"):
        return parts[0].append(parts[1:])
    return np.concatenate([np.asarray(part) for part in parts])


def _own_index(index: Any) -> Any:
    """Return the index of a pandas dataframe, the values of a series, anything else unchanged."""
    if not hasattr(index, "iloc"):
        return index if hasattr(index, "dtype") else np.asarray(index)
    if index.ndim == 2:
        return index.index
    import pandas as pd

    return pd.Index(index)


def are_outliers(
    labels: Any, name: str = "labels", *, only_ones: bool | None = None
) -> NDArray[np.bool_]:
    """Return labels as booleans, True for an outlier.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        -1 (an outlier) and 1; or 0 and 1 (an outlier); or bool; or only -1, or only 0.
    name : str, default="labels"
        Their name in errors.
    only_ones : bool, optional
        Meaning of labels that are all 1, which is ambiguous: all outliers (True), no outliers
        (False, as ``predict`` returns), or an error (None).

    Raises
    ------
    ValueError
        If there are other labels, or all are 1 and `only_ones` is None.

    Examples
    --------
    >>> are_outliers([1, -1]), are_outliers([1, 0]), are_outliers([1, 1], only_ones=False)
    (array([False,  True]), array([ True, False]), array([False, False]))
    """
    labels = np.asarray(labels)
    found = set(np.unique(labels).tolist())
    if labels.dtype == bool or (found <= {0, 1} and 0 in found):
        flags: NDArray[np.bool_] = labels.astype(bool)
        return flags
    if found <= {-1, 1} and -1 in found:
        return np.asarray(labels == -1)
    if not found or (found == {1} and only_ones is not None):
        return np.full(len(labels), bool(only_ones))
    raise ValueError(
        f"Got {name} with the values {sorted(found)[:10]}, but expected both of 0 and 1 (1 is an "
        "outlier), booleans, or both of -1 and 1 (-1 is an outlier)."
    )


# ------------------------------------------------------------------------ several series


def groups_of(labels: Any) -> list[Positions]:
    """Return the rows of each series, from the series of each row."""
    positions, lengths = by_series(labels)
    return np.split(positions, np.cumsum(lengths)[:-1])


def groups_of_lengths(lengths: Sequence[int]) -> list[Positions]:
    """Return the rows of each of several stacked series."""
    return np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])


def events_of(
    lengths: Sequence[int], scores: Any, offset: Any, errors: Any = None, **options: int
) -> list[Event]:
    """Return the events of several series, with positions over all of them.

    Parameters
    ----------
    lengths : sequence of int
        Rows of each series.
    scores : array-like of shape (n_rows,), or list of these
        Higher is more normal.
    offset : float, array-like of shape (n_rows,), or list of these
        Rows with a lower score are outliers.
    errors : array-like of shape (n_rows,), or list of these, default=None
        Errors of single rows.
    **options
        Options of `skae._scoring.events.find_events`.

    Raises
    ------
    ValueError
        If the number of entries differs from the number of rows.
    """
    scores = stack_entries(scores, lengths, "scores").astype(float)
    is_outlier = scores < as_level(offset, lengths, "offset")
    errors = None if errors is None else stack_entries(errors, lengths, "errors")
    series = groups_of_lengths(lengths)
    found = find_events_of_series(is_outlier, -scores, series, errors, **options)
    return [Event(int(event.rows[0]), int(event.rows[-1]), event.peak) for event in found]


def stack_rows(values: Any, name: str = "values") -> tuple[NDArray[Any], list[int]]:
    """Return the rows of one series, or of several in a list, and the length of each.

    Raises
    ------
    ValueError
        If they are not numeric tables with equal numbers of features.
    """
    if not isinstance(values, list | tuple) or not len(values) or np.ndim(values[0]) == 0:
        rows = _as_columns(values, name)
        return rows, [len(rows)]
    if isinstance(values[0], list | tuple) and np.ndim(values[0]) == 1:
        return stack_rows(np.asarray(values), name)
    parts = [_as_columns(part, f"{name}[{i}]") for i, part in enumerate(values)]
    if len({part.shape[1] for part in parts}) > 1:
        raise ValueError(
            f"Got {name} with {[part.shape[1] for part in parts][:10]} features, but expected the "
            "same number in each series."
        )
    return np.concatenate(parts), [len(part) for part in parts]


def stack_entries(entries: Any, lengths: Sequence[int], name: str) -> NDArray[Any]:
    """Return one entry per row, of one series or of a list of series.

    Raises
    ------
    ValueError
        If the number of entries differs from the number of rows.
    """
    array = joined(entries)
    if array.shape != (sum(lengths),):
        raise ValueError(
            f"Got {name} of shape {array.shape}, but expected one entry for each of the "
            f"{sum(lengths)} rows of values."
        )
    return array


def as_level(level: Any, lengths: Sequence[int], name: str) -> Any:
    """Return a number, or one per row.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(level, Real):
        return float(level)
    return stack_entries(level, lengths, name).astype(float)


def _as_columns(values: Any, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "fiub":
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"Got {name} of shape {array.shape} and dtype {array.dtype}, but expected one "
            "numeric series of shape (n_rows, n_features), or a list of these."
        )
    return array
