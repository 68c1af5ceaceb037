"""Convert collections of aeon, sktime and tslearn for `LSTMAutoencoder`.

These packages put channels before time, store series in cells, or pad with NaN. Each reader
returns a list of series of shape (n_steps_i, n_features), or an array of shape (n_sequences,
n_steps, n_features). The packages need not be installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._windows.series import by_series

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["from_aeon", "from_sktime", "from_tslearn"]


def from_aeon(X: NDArray[Any] | list[Any] | DataFrame) -> Any:
    """Convert an aeon collection to time before channels.

    Parameters
    ----------
    X : ndarray of shape (n_cases, n_channels, n_timepoints), list of ndarray or of \
            dataframes of shape (n_channels, n_timepoints_i), dataframe with an index of the \
            levels case and timepoint, or table of shape (n_cases, n_timepoints)
        In aeon's terms: "numpy3D", "np-list", "df-list", "pd-multiindex", "numpy2D" or "pd-wide".

    Returns
    -------
    sequences : ndarray of shape (n_cases, n_timepoints, n_channels), or list of ndarray or \
            of dataframes of shape (n_timepoints_i, n_channels)
        Arrays are views and keep their dtypes. A table, with one univariate sequence per row, is
        returned unchanged.

    Raises
    ------
    ValueError
        If X has another layout.

    See Also
    --------
    from_sktime, from_tslearn : The same for other packages.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.readers import from_aeon
    >>> from_aeon(np.zeros((10, 2, 30))).shape
    (10, 30, 2)
    >>> [item.shape for item in from_aeon([np.zeros((2, 30)), np.zeros((2, 25))])]
    [(30, 2), (25, 2)]
    """
    if _has_levels(X):
        return _by_levels(X)
    if isinstance(X, list) and X and all(_n_dimensions(item) == 2 for item in X):
        return [item.T for item in X]
    if isinstance(X, np.ndarray) and X.ndim == 3:
        return X.transpose(0, 2, 1)
    if _n_dimensions(X) == 2 and not _is_nested(X):
        return X
    raise _unknown(
        X,
        "an array of shape (n_cases, n_channels, n_timepoints), a list of arrays or dataframes of "
        "shape (n_channels, n_timepoints_i), a dataframe with an index of two levels, or a table",
    )


def from_sktime(X: NDArray[Any] | list[Any] | DataFrame) -> Any:
    """Convert an sktime panel to a list of series, or to an array with time before features.

    Parameters
    ----------
    X : dataframe with an index of two levels or more, ndarray of shape (n_instances, \
            n_variables, n_timepoints), dataframe of shape (n_instances, n_variables) with \
            series as cells, or list of dataframes of shape (n_timepoints_i, n_variables)
        In sktime's terms: "pd-multiindex" (or "pd_multiindex_hier"), "numpy3D", "nested_univ" or
        "df-list".

    Returns
    -------
    sequences : list of dataframes of shape (n_timepoints_i, n_variables), or ndarray of \
            shape (n_instances, n_timepoints, n_variables)
        Dataframes keep their columns and time index. Instances are in order of first appearance.
        For an array, a view.

    Raises
    ------
    ValueError
        If X has another layout, or the cells of an instance differ in length.

    See Also
    --------
    from_aeon, from_tslearn : The same for other packages.
    skae.LSTMAutoencoder : With `window_size` and `series`, accepts a dataframe with an index of two
        levels directly, and returns results in the order of its rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from skae.readers import from_sktime
    >>> index = pd.MultiIndex.from_product([["fan", "pump"], range(3)])
    >>> panel = pd.DataFrame({"load": range(6)}, index=index)
    >>> series = from_sktime(panel)
    >>> series[1]
       load
    0     3
    1     4
    2     5
    """
    if _has_levels(X):
        return _by_levels(X)
    if _is_nested(X):
        return [_unnested(X, i) for i in range(len(X))]
    if isinstance(X, list) and X and all(hasattr(item, "iloc") for item in X):
        return list(X)
    if isinstance(X, np.ndarray) and X.ndim == 3:
        return X.transpose(0, 2, 1)
    raise _unknown(
        X,
        "a panel: a dataframe with an index of two levels or with series as cells, a list of "
        "dataframes, or an array of shape (n_instances, n_variables, n_timepoints). The rows of "
        "one series need no reader",
    )


def from_tslearn(X: ArrayLike) -> list[NDArray[Any]]:
    """Convert a tslearn dataset to a list of series, without trailing NaN.

    Parameters
    ----------
    X : array-like of shape (n_ts, sz, d)
        From ``tslearn.utils.to_time_series_dataset``.

    Returns
    -------
    sequences : list of ndarray of shape (n_steps_i, d)
        Views. NaN inside a series stays.

    Raises
    ------
    ValueError
        If X has another number of dimensions, or a series contains only NaN.

    See Also
    --------
    from_aeon, from_sktime : The same for other packages.

    Notes
    -----
    `LSTMAutoencoder` also accepts such an array directly; results per step then have its shape.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.readers import from_tslearn
    >>> dataset = np.array([[[1.0], [2.0], [3.0]], [[4.0], [np.nan], [np.nan]]])
    >>> [item.shape for item in from_tslearn(dataset)]
    [(3, 1), (1, 1)]
    """
    array = np.asarray(X)
    if array.ndim != 3 or array.dtype.kind not in "fiub":
        raise _unknown(X, "numbers of shape (n_ts, sz, d), padded with NaN")
    observed = ~np.isnan(array).all(axis=2)
    empty = np.flatnonzero(~observed.any(axis=1))
    if len(empty):
        raise ValueError(
            f"Got X[{empty[0]}] with only NaN, but expected an observed value in each "
            "series. Remove such series."
        )
    ends = array.shape[1] - observed[:, ::-1].argmax(axis=1)
    return [item[:end] for item, end in zip(array, ends, strict=True)]


def _has_levels(X: Any) -> bool:
    return hasattr(X, "iloc") and _n_dimensions(X) == 2 and X.index.nlevels > 1


def _by_levels(X: Any) -> list[Any]:
    """Return the rows of each series; all index levels but the last name the series."""
    n_levels = X.index.nlevels
    positions, lengths = by_series(X.index.droplevel(n_levels - 1))
    rows = X.droplevel(list(range(n_levels - 1)))
    return [rows.iloc[part] for part in np.split(positions, np.cumsum(lengths)[:-1])]


def _is_nested(X: Any) -> bool:
    """Tell whether X is a dataframe with series as cells."""
    is_frame = hasattr(X, "iloc") and _n_dimensions(X) == 2 and X.size > 0
    return is_frame and _n_dimensions(X.iloc[0, 0]) == 1


def _unnested(X: Any, i: int) -> Any:
    """Return an instance, whose cells are series, as a dataframe."""
    cells = list(X.iloc[i])
    lengths = [len(cell) for cell in cells]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"Got instance {i} with variables of {lengths} steps, but expected variables of equal "
            "length."
        )
    values = np.column_stack([np.asarray(cell) for cell in cells])
    return type(X)(values, index=getattr(cells[0], "index", None), columns=X.columns)


def _n_dimensions(X: Any) -> int:
    return len(getattr(X, "shape", ()))


def _unknown(X: Any, expected: str) -> ValueError:
    shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
    return ValueError(f"Got X as {type(X).__name__}{shape}, but expected {expected}.")
