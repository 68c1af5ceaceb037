"""`Table`: the X that a user passes. `Features`: its columns in `fit`, and checks of names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from skae._compat.sklearn import (
    FeatureRecord,
    check_feature_names,
    feature_names_of,
    too_large_is_named,
)
from skae._input.checks import as_numbers, with_columns
from skae._input.observed import NAN_ALLOWED
from skae._input.sequences import Indices, reject_short_rows, shape_of, stack_series

SeriesLike = ArrayLike | Sequence[ArrayLike]
"""An array, dataframe or nested lists, or a list of these with one item per series or sequence."""

RandomState = int | np.random.RandomState | np.random.Generator | None


class SupportsScoreSamples(Protocol):
    """A fitted outlier detector, or a Pipeline that ends in one."""

    def score_samples(self, X: Any) -> Any:
        """Return scores, higher for more normal samples."""


@dataclass(frozen=True)
class Table:
    """The original X: several series or sequences in a list, or one table.

    Parameters
    ----------
    items : tuple of array-like
        The items of a list; anything else is the only item.
    is_list : bool
    """

    items: tuple[Any, ...]
    is_list: bool

    @classmethod
    def of(
        cls,
        X: Any,
        window_size: int | str | None = None,
        n_features: int = 0,
        *,
        has_times: bool = False,
    ) -> Self:
        """Return the table for a user's X.

        Parameters
        ----------
        X : array-like or list
        window_size : int, "auto" or None
            Parameter of the estimator; None if samples are sequences.
        n_features : int
            Features seen in `fit`; 0 during `fit`.
        has_times : bool, default=False
            Whether a column of times becomes the index, see `indexed_by_time`.
        """
        X = [*map(with_columns, X)] if isinstance(X, list | tuple) else with_columns(X)
        is_list = _may_be_list(X) and (
            _are_sequences(X) or window_size is not None and _are_series(X, window_size, n_features)
        )
        items = tuple(X) if is_list else (X,)
        return cls(tuple(map(indexed_by_time, items)) if has_times else items, is_list)

    @property
    def X(self) -> Any:
        """The original X if it is not a list."""
        return list(self.items) if self.is_list else self.items[0]

    @property
    def names(self) -> NDArray[np.object_] | None:
        """Column names of the first item, if it has any."""
        names: NDArray[np.object_] | None = feature_names_of(self.items[0])
        return names

    def index(self, *, of_rows: bool) -> Any:
        """Return the pandas index of the samples; for a list of series, with their positions.

        Parameters
        ----------
        of_rows : bool
            Whether samples are rows, and not sequences.
        """
        if not self.is_list:
            return getattr(self.items[0], "index", None)
        if not of_rows or not all(hasattr(item, "iloc") for item in self.items):
            return None
        import pandas as pd

        parts = [pd.Series(0, item.index) for item in self.items]
        return pd.concat(parts, keys=range(len(parts))).index

    def stacked(self, record: Any, dtype: Any, *, reset: bool) -> tuple[NDArray[Any], Indices]:
        """Return the rows of all series of a list, and the length of each.

        Raises
        ------
        ValueError
            If names or numbers of features differ, or values are not finite numbers.
        """
        reject_short_rows(self.items)
        check_names_of_each(record, self.items, reset=reset)
        return stack_series(self.items, dtype)


def dtype_to_read(is_scaled: bool) -> Any:
    """Return the dtype for `check_array`, depending on whether values will be scaled."""
    return [np.float64, np.float32] if is_scaled else np.float32


def read_rows(
    record: FeatureRecord, X: Any, *, reset: bool, dtype: Any = np.float32
) -> NDArray[Any]:
    """Return the rows of a table, of any series.

    Raises
    ------
    ValueError
        As in `read_samples`.
    """
    options: dict[str, Any] = {**NAN_ALLOWED, "order": "C"}
    X = as_numbers(X)
    with too_large_is_named(X):
        rows: NDArray[Any] = validate_data(record, X, dtype=dtype, reset=reset, **options)
        return rows


def indexed_by_time(X: Any) -> Any:
    """Return a polars frame with one column of times as a pandas frame with times as its index.

    Any other X is returned unchanged.

    Examples
    --------
    >>> import datetime
    >>> import polars as pl
    >>> day = datetime.date(2026, 1, 1)
    >>> indexed_by_time(pl.DataFrame({"day": [day], "load": [0.5]})).index.tolist()
    [Timestamp('2026-01-01 00:00:00')]
    """
    if not hasattr(X, "get_columns"):
        return X
    times = [column for column in X.get_columns() if column.dtype.is_temporal()]
    if len(times) != 1:
        return X
    import pandas as pd

    others = {c.name: c.to_numpy() for c in X.get_columns() if c.name != times[0].name}
    return pd.DataFrame(others, pd.Index(times[0].to_numpy(), name=times[0].name))


def _may_be_list(X: Any) -> bool:
    is_array_of_objects = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    return (isinstance(X, list | tuple) or is_array_of_objects) and len(X) > 0


def _are_sequences(X: Any) -> bool:
    """Tell whether the items of X are sequences: 2-D, or 1-D of unequal lengths."""
    shapes = [shape_of(item) for item in X]
    if any(len(shape) == 2 for shape in shapes):
        return True
    return all(len(shape) == 1 for shape in shapes) and len(set(shapes)) > 1


def _are_series(X: Any, window_size: int | str, n_features: int) -> bool:
    """Tell whether the items of X are univariate series: they are at least as long as a window.

    After `fit`, the number of features decides.
    """
    if not all(len(shape_of(item)) == 1 and hasattr(item, "dtype") for item in X):
        return False
    if n_features:
        return n_features == 1
    return len(X[0]) >= (SHORTEST_SERIES if isinstance(window_size, str) else window_size)


SHORTEST_SERIES = 20
"""Fewest rows of equally long series in a list, with ``window_size="auto"``."""


def default_names(n_features: int) -> list[str]:
    """Return default feature names.

    Examples
    --------
    >>> default_names(3)
    ['x0', 'x1', 'x2']
    """
    return [f"x{i}" for i in range(n_features)]


@dataclass(frozen=True)
class Features:
    """The columns of X in `fit`.

    Parameters
    ----------
    n_columns : int
        Columns of a table or series, without the `series` column; or features of a step.
    n_features : int
        Features of a step: 1 for a table of univariate sequences.
    names : ndarray of shape (n_columns,), object, optional
    """

    n_columns: int
    n_features: int
    names: NDArray[np.object_] | None = None

    @classmethod
    def of(cls, record: FeatureRecord, n_features: int) -> Self:
        """Return the features from a record that scikit-learn's checks have filled."""
        return cls(record.n_features_in_, n_features, getattr(record, "feature_names_in_", None))

    def record(self, estimator: str) -> FeatureRecord:
        """Return a record for scikit-learn's checks."""
        record = FeatureRecord.named(estimator)
        record.n_features_in_, record.n_step_features = self.n_columns, self.n_features
        if self.names is not None:
            record.feature_names_in_ = self.names
        return record

    @property
    def names_of_steps(self) -> NDArray[np.object_] | None:
        """Names of the features of a step; None if the columns are steps."""
        return self.names if self.n_columns == self.n_features else None

    def column_names(self) -> list[str]:
        """Return the names of the columns, or default names."""
        return default_names(self.n_columns) if self.names is None else list(self.names)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        plain = {"n_columns": int(self.n_columns), "n_features": int(self.n_features)}
        return plain | {"names": self.names}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the features that `to_plain` was called on."""
        return cls(plain["n_columns"], plain["n_features"], plain["names"])


def check_names_of_each(estimator: Any, series: Sequence[Any], *, reset: bool) -> None:
    """Set ``feature_names_in_`` from the first series, and compare the names of each.

    Parameters
    ----------
    estimator : LSTMAutoencoder or SequenceWindower
    series : sequence of array-like
        As in scikit-learn, a warning is issued if only some of the series have names.
    reset : bool
        Whether to set the names, as in `fit`, or to compare the first series too.

    Raises
    ------
    ValueError
        If a series has other names, or another order. The message names the series.
    """
    for i, item in enumerate(series):
        check_names_of_one(estimator, item, f"X[{i}]", reset=reset and i == 0)


def check_names_of_one(estimator: Any, item: Any, name: str, *, reset: bool) -> None:
    """Set or compare ``feature_names_in_``; see `check_names_of_each`."""
    try:
        check_feature_names(estimator, item, reset=reset)
    except ValueError as error:
        raise ValueError(f"Got other columns in {name}: {error}") from error


def reject_reordered_columns(X: Any, names: Iterable[Any]) -> None:
    """Reject a dataframe with columns of these names in another order.

    Other names pass, and so do arrays: a model returns values under any name or none.

    Raises
    ------
    ValueError
    """
    given, expected = feature_names_of(X), list(names)
    if given is not None and list(given) != expected and set(given) == set(expected):
        raise ValueError(
            f"Got X with the columns {list(given)[:5]}, but expected them in the order of "
            f"{expected[:5]}."
        )


def check_n_features(estimator: Any, n_features: int, expected: int | None) -> None:
    """Compare the number of features with `expected`; if None, set ``n_features_in_``."""
    if expected is None:
        estimator.n_features_in_ = n_features
    elif n_features != expected:
        raise ValueError(
            f"X has {n_features} features, but {type(estimator).__name__} is expecting {expected} "
            "features as input."
        )
