"""Results as pandas or polars tables."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._input.table import default_names


def framed(found: Any, index: Any, names: list[str], container: Any, n_steps: int | None) -> Any:
    """Return results per sample as a dataframe with the index of the input.

    Parameters
    ----------
    found : ndarray of shape (n_samples, ...) or list of ndarray
        A list for sequences of unequal length, or for a list of series, whose rows are stacked.
    index : pandas.Index or None
        Index of the samples.
    names : list of str
        Names of the columns, or of the features of a step.
    container : object
        Adapter of scikit-learn, see `skae._compat.sklearn.frame_container`.
    n_steps : int or None
        Steps in a row of the table if samples are sequences.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame
        From the container; a pandas frame has the index, if there is one.

    Raises
    ------
    ValueError
        If a sequence has more than `n_steps` steps.
    """
    if len(names) == 1:
        found = _with_feature_axis(found)
    of_series = isinstance(found, list) and n_steps is None
    if n_steps and (isinstance(found, list) or found.ndim == 3):
        found = flat(found, n_steps)
    rows = np.concatenate(found) if of_series else found
    columns = np.asarray(name_columns(names, rows.shape[1], n_steps or 1), dtype=object)
    frame = container.create_container(rows, None, columns=columns)
    if hasattr(frame, "iloc") and hasattr(index, "get_indexer"):
        frame.index = index
    return frame


def _with_feature_axis(found: Any) -> Any:
    """Return results per step or row with a feature axis, added if it is missing."""
    if isinstance(found, list):
        return [_with_feature_axis(part) for part in found]
    return found if found.shape[-1] == 1 and found.ndim > 1 else found[..., None]


def name_columns(names: list[str], n_columns: int, n_steps: int) -> list[str]:
    """Return the column names of a table, from names of its columns or of the features.

    Examples
    --------
    >>> name_columns(["a", "b"], 4, n_steps=2)
    ['a_t0', 'b_t0', 'a_t1', 'b_t1']
    >>> name_columns(["x0", "x1", "x2"], 2, n_steps=1)
    ['x0', 'x1']
    """
    if len(names) == n_columns:
        return names
    if len(names) * n_steps != n_columns:
        names = default_names(n_columns // n_steps)
    return names if n_steps == 1 else names_of_steps(names, n_steps)


def flat(sequences: Any, n_steps: int) -> NDArray[Any]:
    """Return sequences of unequal length as the rows of a table, step by step.

    Parameters
    ----------
    sequences : ndarray of shape (n, n_steps_i, n_features) or list of these arrays
    n_steps : int
        Steps in a row of the table; NaN after the end of a sequence.

    Raises
    ------
    ValueError
        If a sequence has more steps.
    """
    longest = max(map(len, sequences))
    if longest > n_steps:
        raise ValueError(
            f"Got a sequence of {longest} steps, but expected at most n_steps_={n_steps}, the "
            "longest in fit: the table that set_output asks for has columns for this many steps."
        )
    table = np.full((len(sequences), n_steps, sequences[0].shape[1]), np.nan, sequences[0].dtype)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    return table.reshape(len(table), -1)


def names_of_steps(features: Iterable[str], n_steps: int) -> list[str]:
    """Return the names of the columns of flat sequences.

    Examples
    --------
    >>> names_of_steps(["a", "b"], 2)
    ['a_t0', 'b_t0', 'a_t1', 'b_t1']
    """
    features = list(features)
    return [f"{feature}_t{step}" for step in range(n_steps) for feature in features]


def index_of(given: Any) -> Any:
    """Return the index of a pandas object, or of each in a list; None without one."""
    if isinstance(given, list | tuple):
        has_one = bool(given) and all(hasattr(item, "iloc") for item in given)
        return [item.index for item in given] if has_one else None
    return given.index if hasattr(given, "iloc") else None


def names_of(X: Any) -> list[str] | None:
    """Return the column names of a dataframe, or of the first in a list."""
    first = X[0] if isinstance(X, list | tuple) and len(X) else X
    return [str(name) for name in first.columns] if hasattr(first, "columns") else None


def name_features(names: Iterable[str] | None, n_features: int) -> list[str]:
    """Return the names of features, ``x0``, ``x1``, ... by default.

    Raises
    ------
    ValueError
        If the number of names is not `n_features`.
    """
    names = default_names(n_features) if names is None else [str(name) for name in names]
    if len(names) != n_features:
        raise ValueError(f"Got {len(names)} feature_names, but expected {n_features}.")
    return names


def matching_names(contributions: Any, names: Sequence[str] | None) -> list[str] | None:
    """Return the names of contributions, or these names if their number is the same.

    Parameters
    ----------
    contributions : array or dataframe of shape (n_rows, n_features), or list of these
    names : sequence of str or None
    """
    first = contributions[0] if isinstance(contributions, list) else contributions
    found = names_of(first) or list(names or [])
    return found if len(found) == np.shape(first)[1] else None


def is_of_series(values: Any, n_dims: int = 1) -> bool:
    """Tell whether entries are a list of several series."""
    is_list = isinstance(values, list | tuple) and len(values) > 0
    return is_list and np.ndim(values[0]) >= n_dims


def joined(values: Any, n_dims: int = 1) -> NDArray[Any]:
    """Return entries of rows as one array; a list of several series is joined.

    Examples
    --------
    >>> joined([[1.0, 2.0], [3.0]]).tolist(), joined([1.0, 2.0]).tolist()
    ([1.0, 2.0, 3.0], [1.0, 2.0])
    """
    if is_of_series(values, n_dims):
        return np.concatenate([np.asarray(part) for part in values])
    return np.asarray(values)


def library_of(*inputs: Any) -> str | None:
    """Return "pandas" or "polars" if an input, or an item of one, is from that library.

    Examples
    --------
    >>> import pandas as pd
    >>> library_of(None, [pd.Series([1.0])]), library_of([1.0])
    ('pandas', None)
    """
    items = [item for given in inputs for item in (given if isinstance(given, list) else [given])]
    found = {type(item).__module__.partition(".")[0] for item in items}
    return next((name for name in ("pandas", "polars") if name in found), None)


def taken(column: Any, positions: NDArray[np.intp]) -> Any:
    """Return the entries of a column at some positions, as a column of the same kind."""
    if hasattr(column, "iloc"):
        return column.iloc[positions].array
    return (column if hasattr(column, "dtype") else np.asarray(column))[positions]


def table(columns: dict[str, Any], library: str | None) -> Any:
    """Return columns of equal length as a table.

    Parameters
    ----------
    columns : dict of str to array-like of shape (n_rows,)
        A list is a column of objects.
    library : {"pandas", "polars"} or None

    Returns
    -------
    pandas.DataFrame, polars.DataFrame, or structured ndarray of shape (n_rows,)
        An array if `library` is None.
    """
    if library == "pandas":
        import pandas as pd

        return pd.DataFrame({name: _with_objects(column) for name, column in columns.items()})
    if library == "polars":
        import polars as pl

        texts = {n: pl.List(pl.String) for n, column in columns.items() if isinstance(column, list)}
        return pl.DataFrame(columns, schema_overrides=texts)
    return _structured(columns)


def _structured(columns: dict[str, Any]) -> NDArray[np.void]:
    arrays = {name: np.asarray(_with_objects(column)) for name, column in columns.items()}
    dtype = [(name, array.dtype) for name, array in arrays.items()]
    found = np.empty(len(next(iter(arrays.values()))), dtype)
    for name, array in arrays.items():
        found[name] = array
    return found


def _with_objects(column: Any) -> Any:
    """Return a list as an array of objects, even an empty one."""
    if not isinstance(column, list):
        return column
    array = np.empty(len(column), dtype=object)
    array[:] = column
    return array
