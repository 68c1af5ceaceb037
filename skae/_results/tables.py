"""Tables of the kind that a user's own data are: pandas, polars, or arrays with names."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def library_of(*inputs: Any) -> str | None:
    """Return "pandas" or "polars" where an input, or an item of one, comes from there.

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
    """Return the entries of a column at some positions, as a column of its own kind."""
    if hasattr(column, "gather"):
        return column.gather(positions)
    if hasattr(column, "iloc"):
        return column.iloc[positions].array
    return column.take(positions) if hasattr(column, "take") else np.asarray(column)[positions]


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
        The latter without a library.
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
