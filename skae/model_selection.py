"""Splits of time series for ``cross_val_score``, ``GridSearchCV`` and the like."""

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator, TimeSeriesSplit
from sklearn.utils import indexable

from skae._compat.sklearn import positive_int
from skae._input.sequences import Indices
from skae._input.table import Table
from skae._windows.series import Layout, without_series
from skae._windows.windows import Windowing

__all__ = ["WindowGapSplit"]

Fold = tuple[Indices, Indices]


class WindowGapSplit(BaseCrossValidator):
    """Split rows into earlier training rows and later test rows, a window apart.

    The ``window_size - 1`` rows between them belong to neither, so no window that ends at a test
    row contains a training row. Several series are split separately, and fold `i` joins fold `i` of
    all series.

    ::

        rows     r0 r1 r2 r3 r4 r5 r6 r7        window_size=3, n_splits=2, test_size=2
        fold 0   [train] -- -- [test]           - is in the gap
        fold 1   [   train   ] -- -- [test]

    Parameters
    ----------
    window_size : int, or estimator
        Rows in a window. From an estimator, the largest `window_size` of it and its steps is used;
        if that is "auto", the fitted `window_size_`. In a search over `window_size`, pass the
        largest value of the grid.
    n_splits : int, default=5
        Number of folds, at least 2.
    test_size : int, default=None
        Test rows of a series in a fold; by default ``n_rows // (n_splits + 1)``.
    max_train_size : int, default=None
        Most training rows of a series, the last ones before the gap; all by default.
    series : str or int, default=None
        Column or index level by name, or column by position, that names the series of each row. By
        default `groups`, or the `series` of the estimator passed as `window_size`.

    Raises
    ------
    ValueError
        If a parameter is invalid.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Used for each series, with ``gap=window_size - 1``. It
        ignores `groups` and treats all rows as one series.

    Notes
    -----
    Rows must be in order of time within their series; several series may alternate. Folds follow
    the rows of each series, not the clock: with series from different years, the training rows of
    one may be later than the test rows of another.

    A series without a training row in some fold raises an error.

    The folds do not test all rows, so ``cross_val_predict`` does not accept this split, as with
    ``TimeSeriesSplit``. The example shows how to score rows outside the training part.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.model_selection import WindowGapSplit
    >>> X = np.arange(8.0)[:, None]
    >>> split = WindowGapSplit(window_size=3, n_splits=2, test_size=2)
    >>> for train, test in split.split(X):
    ...     print(train, test)
    [0 1] [4 5]
    [0 1 2 3] [6 7]

    If two series alternate, each has its own gap:

    >>> split = WindowGapSplit(window_size=2, n_splits=2, test_size=1)
    >>> for train, test in split.split(X, groups=list("abababab")):
    ...     print(train, test)
    [0 1] [4 5]
    [0 1 2 3] [6 7]

    Scores of rows from detectors that were trained on earlier rows only:

    >>> from sklearn.base import clone
    >>> from skae import LSTMAutoencoder
    >>> X = np.sin(np.arange(200) / 5)[:, None]
    >>> detector = LSTMAutoencoder(window_size=10, units=8, epochs=2, random_state=0)
    >>> scores = np.full(len(X), np.nan)
    >>> for train, test in WindowGapSplit(detector, n_splits=2).split(X):
    ...     scores[test] = clone(detector).fit(X[train]).score_samples(X[test])
    >>> int(np.isfinite(scores).sum())
    132
    """

    # scikit-learn's own group splitters request them in the same way with metadata routing.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        window_size: int | BaseEstimator,
        n_splits: int = 5,
        *,
        test_size: int | None = None,
        max_train_size: int | None = None,
        series: str | int | None = None,
    ):
        if not hasattr(window_size, "get_params"):
            _check_rows("window_size", window_size, " or an estimator that has one")
        _check_rows("n_splits", n_splits, minimum=2)
        for name, size in (("test_size", test_size), ("max_train_size", max_train_size)):
            if size is not None:
                _check_rows(name, size, " or None")
        self.window_size = window_size
        self.n_splits = n_splits
        self.test_size = test_size
        self.max_train_size = max_train_size
        self.series = series

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        int
        """
        return self.n_splits

    def split(
        self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[Fold]:
        """Yield the training and test rows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Rows in order of time, or the windows that end at them.
        y : array-like of shape (n_rows,), default=None
            Ignored.
        groups : array-like of shape (n_rows,), default=None
            Which series each row belongs to.

        Yields
        ------
        train, test : ndarray of int
            Positions of rows, in ascending order.

        Raises
        ------
        ValueError
            If a series has too few rows, series labels are missing, X is a list of series or has an
            index with more series, or the estimator has no numeric `window_size`.
        """
        if X is None:
            raise ValueError("Got X=None, but expected rows to split into folds.")
        if (table := Table.of(X)).is_list:
            raise ValueError(
                f"Got X with a list of {len(table.items)} series, but expected rows, because the "
                "gap is between rows. Split whole series with KFold, or stack them and pass "
                "groups."
            )
        gap = _window_of(self.window_size) - 1
        folds = [
            self._folds_of(label, rows, gap) for label, rows in self._rows_of_each(X, y, groups)
        ]
        for fold in zip(*folds, strict=True):
            train, test = (np.sort(np.concatenate(part)) for part in zip(*fold, strict=True))
            yield train, test

    def _rows_of_each(self, X: Any, y: Any, groups: Any) -> Iterator[tuple[Hashable, Indices]]:
        """Yield the label of each series (None if there is only one) and its rows."""
        X, _, groups = indexable(X, y, groups)
        series = _series_of(self.window_size) if self.series is None else self.series
        labels = self._labels(X, groups, series)
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        layout = Layout.of_table(X, labels, n_rows, Windowing(None, 1, series))
        rows = np.arange(n_rows) if layout.positions is None else layout.positions
        for part in np.split(rows, np.cumsum(layout.lengths)[:-1]):
            yield None if labels is None else labels[part[:1]].tolist()[0], part

    def _labels(self, X: Any, groups: Any, series: str | int | None) -> Any:
        if groups is None:
            labels = without_series(X, series)[1]
            return None if labels is None else np.asarray(labels)
        if self.series is not None:
            raise ValueError(
                f"Got series={self.series!r} and groups, but expected only one of them to name the "
                "series of each row."
            )
        groups = np.asarray(groups)
        if groups.ndim != 1:
            raise ValueError(
                f"Got groups of shape {groups.shape}, but expected one label for each row."
            )
        return groups

    def _folds_of(self, label: Hashable, rows: Indices, gap: int) -> list[Fold]:
        test_size = self.test_size or len(rows) // (self.n_splits + 1)
        if not test_size or len(rows) <= gap + test_size * self.n_splits:
            series = "X" if label is None else f"series {label!r}"
            raise ValueError(
                f"Got {series} with {len(rows)} rows, but expected more: n_splits={self.n_splits} "
                f"tests of {max(test_size, 1)} rows and a gap of {gap} (window_size - 1) leave no "
                "training rows. Use fewer splits or smaller tests, or leave the series out."
            )
        split = TimeSeriesSplit(
            self.n_splits, max_train_size=self.max_train_size, test_size=test_size, gap=gap
        )
        return [(rows[train], rows[test]) for train, test in split.split(rows)]


def _window_of(estimator: Any) -> int:
    """Return the largest window of an estimator and its steps, or the given int."""
    if not hasattr(estimator, "get_params"):
        return int(estimator)
    found = [_size_of(step) for step in _steps_of(estimator)]
    sizes = [int(size) for size in found if positive_int().is_satisfied_by(size)]
    if not sizes:
        raise ValueError(
            f"Got window_size={estimator!r}, but expected an estimator with a numeric window_size, "
            "or with a step that has one. Fit it first, or pass the number."
        )
    return max(sizes)


def _size_of(step: Any) -> Any:
    """Return the `window_size` parameter; if it is "auto", the fitted value."""
    size = getattr(step, "window_size", None)
    return getattr(step, "window_size_", None) if size == "auto" else size


def _series_of(estimator: Any) -> Any:
    """Return the `series` of the first step that has one."""
    found = (getattr(step, "series", None) for step in _steps_of(estimator))
    return next((series for series in found if series is not None), None)


def _steps_of(estimator: Any) -> list[Any]:
    if not hasattr(estimator, "get_params"):
        return []
    steps = [estimator, *estimator.get_params(deep=True).values()]
    return [step for step in steps if hasattr(step, "get_params")]


def _check_rows(name: str, value: Any, alternative: str = "", *, minimum: int = 1) -> None:
    if not positive_int(minimum).is_satisfied_by(value):
        raise ValueError(
            f"Got {name}={value!r}, but expected an integer of at least {minimum}{alternative}."
        )
