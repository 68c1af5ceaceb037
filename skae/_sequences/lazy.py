"""Dask collections, partition by partition; Dask is not loaded for that."""

import sys
from collections.abc import Iterator
from typing import Any


def is_lazy_array(X: Any) -> bool:
    """Tell whether X is a ``dask.array.Array``."""
    return _is_one_of(X, "dask.array", "Array")


def is_lazy_frame(X: Any) -> bool:
    """Tell whether X is a ``dask.dataframe.DataFrame`` or ``Series``."""
    return _is_one_of(X, "dask.dataframe", "DataFrame", "Series")


def partitions_of(X: Any) -> Iterator[Any]:
    """Yield the rows of a Dask array or frame: one partition after the other is computed.

    Parameters
    ----------
    X : dask.array.Array, dask.dataframe.DataFrame or dask.dataframe.Series
    """
    if is_lazy_array(X):
        X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
        return (part.compute() for part in X.to_delayed().ravel())
    return (part.compute() for part in X.to_delayed())


def _is_one_of(X: Any, module: str, *names: str) -> bool:
    # Whoever has a collection has loaded the module it is of.
    loaded = sys.modules.get(module)
    return any(isinstance(X, getattr(loaded, name, ())) for name in names)
