"""Checks of the values in X."""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray
from scipy.sparse import issparse

TIMES = (np.datetime64, np.timedelta64, datetime.date, datetime.time, datetime.timedelta)


def as_numbers(X: Any, name: str = "X") -> Any:
    """Return X with NaN for masked values; reject times and nested cells.

    ``check_array`` would read the values under a mask. It would read times as integers, and NaT as
    the smallest integer.

    Parameters
    ----------
    X : array-like
    name : str, default="X"
        Its name in messages.

    Returns
    -------
    array-like
        X unchanged, unless it is masked or a list of rows.

    Raises
    ------
    TypeError
        If X contains times, or sequences in the cells of a dataframe, or if it is a polars
        LazyFrame, a Dask collection or an iterator, which contain no values yet.
    ValueError
        If a column of a dataframe contains text.

    Examples
    --------
    >>> as_numbers(np.ma.masked_equal([[1, 2], [3, 4]], 3))
    array([[ 1.,  2.],
           [nan,  4.]])
    """
    reject_lazy(X, name)
    X = with_columns(X)
    if isinstance(X, list | tuple):
        X = _from_rows(X, name)
    _reject_nested(X, name)
    _reject_times(X, name)
    _reject_texts(X, name)
    return _unmasked(X) if isinstance(X, np.ma.MaskedArray) else X


def with_columns(X: Any) -> Any:
    """Return a structured array as a dataframe of its fields; anything else unchanged.

    Examples
    --------
    >>> with_columns(np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]))
       a    b
    0  1  2.5
    """
    if not isinstance(X, np.ndarray) or X.dtype.names is None:
        return X
    if X.ndim > 1:
        return structured_to_unstructured(X)
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "Got a structured array, whose fields need pandas: pip install pandas, or pass "
            "numpy.lib.recfunctions.structured_to_unstructured(X)."
        ) from error
    return pd.DataFrame({name: X[name] for name in X.dtype.names})


def reject_lazy(X: Any, name: str = "X") -> None:
    """Reject data that have no values yet, or can be read only once.

    Raises
    ------
    TypeError
        If X is a polars LazyFrame, a Dask collection, an iterator, a dict, a list of dicts or a
        pandas groupby.
    """
    if issparse(X):  # some are dicts; scikit-learn rejects all
        return
    reject_dicts(X, name)
    if isinstance(X, Mapping) or hasattr(X, "groups") and hasattr(X, "get_group"):
        parts = (
            f"list({name}.values())" if isinstance(X, Mapping) else f"[part for _, part in {name}]"
        )
        raise TypeError(
            f"Got {name} as {type(X).__name__}, but expected one table, or a list of series or "
            f"sequences: {parts}."
        )
    if type(X).__name__ == "LazyFrame" and hasattr(X, "collect"):
        raise TypeError(
            f"Got {name} as a polars LazyFrame, but expected rows in memory: call {name}.collect() "
            "first."
        )
    if is_collection(X):
        raise TypeError(
            f"Got {name} as a Dask collection, but expected rows in memory or in a memory map: "
            f"{name}.compute(). LSTMAutoencoder.fit and the functions of skae.dask accept Dask "
            "collections."
        )
    if isinstance(X, Iterator):
        raise TypeError(
            f"Got {name} as {type(X).__name__}, which can be read only once, but expected an array "
            f"or a list: list({name}). LSTMAutoencoder.fit accepts iterators of series."
        )


def reject_dicts(X: Any, name: str = "X") -> None:
    """Reject a list of dicts.

    Raises
    ------
    TypeError
    """
    if isinstance(X, list | tuple) and len(X) and isinstance(X[0], Mapping):
        raise TypeError(
            f"Got {name} as a list of dicts, but expected a table: pandas.DataFrame({name})."
        )


def is_collection(X: Any) -> bool:
    """Tell whether X is a Dask collection, without loading Dask."""
    return hasattr(X, "__dask_graph__") and X.__dask_graph__() is not None


def _from_rows(X: Any, name: str) -> Any:
    """Return a list of rows as an array; unchanged if ``check_array`` will name the problem."""
    if any(hasattr(item, "dtype") or hasattr(item, "collect") for item in X):
        X = [as_numbers(item, f"{name}[{i}]") for i, item in enumerate(X)]
    try:
        rows = np.asarray(X)
    except ValueError:
        return X
    return X if rows.dtype.kind in "US" else rows


def _reject_nested(X: Any, name: str) -> None:
    for column, cell in _first_cells(X):
        if isinstance(cell, list | tuple) or hasattr(cell, "__array__") and np.ndim(cell):
            raise TypeError(
                f"Got {name} with a {type(cell).__name__} in a cell of column {column!r}, as in "
                "sktime's nested panels, but expected numbers. For an array of shape (n_steps, "
                "n_features) per row, write [np.column_stack(row) for row in "
                f"{name}.to_numpy()]."
            )


def _reject_times(X: Any, name: str) -> None:
    for feature, kind in _times(X):
        raise TypeError(
            f"Got {name} with times ({kind}) in feature {feature}, but expected numbers. Leave "
            "them out, make them the index, or convert them to numbers, such as seconds."
        )


def _reject_texts(X: Any, name: str) -> None:
    for column, cell in _first_cells(X):
        if isinstance(cell, str) and not _is_number(cell):
            raise ValueError(
                f"Got {name} with text ({cell!r}) in column {column!r}, but expected numbers. If "
                f"it names the series of a row, set series={column!r} together with window_size; "
                "otherwise drop it."
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_cells(X: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the non-numeric columns of a dataframe, and their first cells."""
    if not (hasattr(X, "columns") and hasattr(X, "dtypes") and len(X)):
        return
    cells = getattr(X, "iloc", X)
    for position, (column, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        if getattr(dtype, "kind", "O") == "O":
            yield column, cells[0, position]


def _times(X: Any) -> Iterator[tuple[Any, str]]:
    """Yield the features that contain times, by name or number, and their kinds."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        for position, (column, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
            if _is_time(dtype):
                yield repr(column), str(dtype)
            elif getattr(dtype, "kind", "") == "O" and hasattr(X, "iloc"):
                values = X.iloc[:, position].to_numpy()
                yield from ((repr(column), kind) for _, kind in _times(values))
    elif _is_time(getattr(X, "dtype", None)):
        yield 0, str(X.dtype)
    elif isinstance(X, np.ndarray) and X.dtype == object:
        for position, value in enumerate(X.flat):
            if isinstance(value, TIMES):
                yield position % X.shape[-1] if X.ndim else 0, type(value).__name__


def _is_time(dtype: Any) -> bool:
    """Tell whether a pandas or polars column contains times."""
    if hasattr(dtype, "is_temporal"):
        return bool(dtype.is_temporal())
    return getattr(dtype, "kind", "") in ("m", "M")


def _unmasked(X: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    if X.mask is np.ma.nomask:
        return X.data
    return np.ma.filled(X.astype(np.result_type(X.dtype, np.float32)), np.nan)
