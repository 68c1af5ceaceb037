"""`SequenceWindower`: a transformer from rows to windows and back."""

import copy
import datetime
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted

from skae._compat.sklearn import (
    StrOptions,
    check_feature_names,
    fit_context,
    positive_int,
    positive_real,
    returns_frames,
)
from skae._input.checks import as_numbers
from skae._input.observed import NAN_ALLOWED
from skae._input.sequences import Indices
from skae._input.table import (
    SeriesLike,
    Table,
    check_n_features,
    reject_reordered_columns,
)
from skae._input.time_gaps import Duration
from skae._windows.period import window_size_of
from skae._windows.series import Layout, without_series
from skae._windows.windows import Windowing, flat_names, overlap_average, sliding_windows

Array = NDArray[np.floating]
CHECKS: dict[str, Any] = {"dtype": [np.float64, np.float32], **NAN_ALLOWED}
MAX_PADDING = 2**30
"""Most bytes for windows that are longer than every series."""


class SequenceWindower(TransformerMixin, BaseEstimator):
    """Cut the rows of a time series into windows.

    By default there is one window per row: window `i` ends at row `i`. Positions before the
    beginning of the series are NaN, which `LSTMAutoencoder` masks. The number of samples stays the
    same, so the transformer works in a `Pipeline` and in cross-validation.

    ::

        rows      r0 r1 r2 r3           window_size=3, padding="nan"
        window 0  [-- -- r0]
        window 1     [-- r0 r1]
        window 2        [r0 r1 r2]
        window 3           [r1 r2 r3]

    Parameters
    ----------
    window_size : int or "auto", default=30
        Rows in a window. "auto": the dominant period of the rows passed to `fit`, within bounds;
        see `skae.estimate_window_size`.
    stride : int, default=1
        Rows between the ends of two windows. Windows are counted back from the last row, so a
        window always ends at the newest row. With padding, the first window ends at row
        ``(n_rows - 1) % stride``.
    padding : {"auto", "nan", "edge", None}, default="auto"
        Rows before the series: NaN, copies of its first row, or none. With None, only full
        windows are returned. "auto": "nan", which `LSTMAutoencoder` masks, or "edge" with
        ``output="flat"``, because most estimators for tables reject NaN.
    series : str, default=None
        Dataframe column, or index level, that names the series of each row. It is not a feature.
        The rows of a series need not be adjacent; windows keep the order of the rows. None: all
        rows belong to one series. An index that contains several series then raises an error.
    max_gap : float, str, timedelta or numpy.timedelta64, default=None
        Longest time between consecutive rows of a window: a duration such as "10min" for dates,
        a number for numbers. Times come from the index of a pandas dataframe. After a longer
        step, and where time goes backwards, windows start as at the beginning of a series.
    output : {"windows", "flat"}, default="windows"
        "flat" turns each window into one row of a table, for estimators such as
        ``LogisticRegression``, ``KMeans`` and ``PCA``. `LSTMAutoencoder` needs "windows".

    Attributes
    ----------
    n_features_in_ : int
        Columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), object
        Names of these columns, if all are strings.
    window_size_ : int
        Rows in a window.

    See Also
    --------
    skae.LSTMAutoencoder : Accepts the windows, or makes them itself with `window_size`.

    Notes
    -----
    The windows of one series are a read-only view of one padded copy of the rows, so memory does
    not grow with the window size. Windows of several series are copied. `LSTMAutoencoder` cannot
    see that copies overlap, so its held-out windows would share rows with training windows. Pass it
    the list of series and a `window_size` instead.

    Flat windows are copies and take `window_size` times the memory of the rows. Their columns run
    from the oldest step to the newest, named by feature and age: ``temperature_t-2``,
    ``temperature_t-1``, and ``temperature_t-0`` for the last row. With
    ``set_output(transform="pandas")`` (or "polars") windows are always flat. `LSTMAutoencoder`
    recognises such a table by its column names and reads its rows as windows.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import SequenceWindower
    >>> rows = np.arange(4.0)[:, None]
    >>> windower = SequenceWindower(window_size=3).fit(rows)
    >>> windows = windower.transform(rows)
    >>> windows[:, :, 0]
    array([[nan, nan,  0.],
           [nan,  0.,  1.],
           [ 0.,  1.,  2.],
           [ 1.,  2.,  3.]])
    >>> windower.inverse_transform(windows)[:, 0]
    array([0., 1., 2., 3.])

    For an estimator of tables, here one that recognises falling values:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> SequenceWindower(window_size=3, output="flat").fit_transform(rows)
    array([[0., 0., 0.],
           [0., 0., 1.],
           [0., 1., 2.],
           [1., 2., 3.]])
    >>> ups_and_downs = np.array([0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0])[:, None]
    >>> falls = [0, 0, 0, 0, 1, 1, 1, 0, 0, 0]
    >>> classifier = make_pipeline(SequenceWindower(2, output="flat"), LogisticRegression())
    >>> classifier.fit(ups_and_downs, falls).predict([[3.0], [2.0], [3.0]])
    array([0, 1, 0])
    """

    _parameter_constraints = {
        "window_size": [positive_int(), StrOptions({"auto"})],
        "stride": [positive_int()],
        "padding": [StrOptions({"auto", "nan", "edge"}), None],
        "series": [str, None],
        "max_gap": [str, datetime.timedelta, np.timedelta64, positive_real(), None],
        "output": [StrOptions({"windows", "flat"})],
    }

    def __init__(
        self,
        window_size: int | Literal["auto"] = 30,
        *,
        stride: int = 1,
        padding: Literal["auto", "nan", "edge"] | None = "auto",
        series: str | None = None,
        max_gap: Duration | None = None,
        output: Literal["windows", "flat"] = "windows",
    ):
        self.window_size = window_size
        self.stride = stride
        self.padding = padding
        self.series = series
        self.max_gap = max_gap
        self.output = output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: SeriesLike, y: object = None) -> Self:
        """Check the parameters and store the columns.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features) or list of these
            Rows in order of time; NaN is allowed.
        y : None
            Ignored.

        Returns
        -------
        self : SequenceWindower
        """
        fitted = copy.copy(self)
        series, _ = fitted._series_of(X, reset=True)
        size = self.window_size
        if isinstance(size, str):
            lengths = np.array([len(rows) for rows in series])
            size = window_size_of(np.concatenate(series), lengths)
        fitted.window_size_ = int(size)
        self.__dict__ = fitted.__dict__
        return self

    def transform(self, X: SeriesLike) -> Any:
        """Return the windows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features) or list of these
            Rows in order of time. A list contains several series; no window crosses from one into
            the next.

        Returns
        -------
        windows : ndarray of shape (n_windows, window_size, n_features), or \
                (n_windows, window_size * n_features) with ``output="flat"``
            A read-only view of one padded copy of the rows, unless there are several series or the
            output is flat. A flat dataframe if `set_output` asks for one.

        Raises
        ------
        ValueError
            If the columns differ from those seen in `fit`, every series is shorter than a window,
            or windows longer than any series would take more than 1 GiB, mostly padding.
        """
        check_is_fitted(self)
        series, positions = self._series_of(X, reset=False)
        self._check_memory(series)
        windows = [self._windows_of(rows) for rows in series]
        # Windows are counted back from the last row.
        ends = [
            part[::-1][:: self.stride][: len(found)][::-1]
            for found, part in zip(windows, positions, strict=True)
        ]
        if not any(map(len, ends)):
            raise ValueError(
                f"Got X with {max(map(len, series))} rows, but expected at least "
                f"window_size={self._size} for padding=None."
            )
        joined, last_rows = _by_their_ends(windows, ends)
        if not self._is_flat:
            return joined
        flat = joined.reshape(len(joined), -1)
        return _with_index(flat, X, last_rows) if returns_frames(self) else flat

    def inverse_transform(
        self, X: ArrayLike, n_rows: int | Sequence[int] | None = None
    ) -> Array | list[Array]:
        """Return the rows, each averaged over the windows that contain it.

        Parameters
        ----------
        X : array-like of shape (n_windows, window_size, n_features), or flat of shape \
                (n_windows, window_size * n_features)
            Windows from `transform`, or from a model.
        n_rows : int or sequence of int, default=None
            Rows of the series. Needed only with ``stride > 1`` and ``padding="edge"``, where the
            windows do not determine it. A sequence of ints means that X contains the windows of
            several series.

        Returns
        -------
        rows : ndarray of shape (n_rows, n_features) or list of these
            A list if `n_rows` is a sequence. With ``padding=None``, rows at the beginning that were
            in no window are missing.

        Raises
        ------
        ValueError
            If the shape of X does not fit the parameters, `n_rows` does not fit X, or `stride`
            exceeds `window_size`, so that rows between windows are lost.
        """
        check_is_fitted(self)
        if self.stride > self._size:
            raise ValueError(
                f"Got stride={self.stride}, but expected at most window_size={self._size}: rows "
                "that are in no window cannot be restored."
            )
        windows = self._check_windows(X)
        if n_rows is None or isinstance(n_rows, int | np.integer):
            return self._rows_of(windows, n_rows)
        counts = [self._n_windows(count) for count in n_rows]
        if sum(counts) != len(windows):
            raise ValueError(
                f"Got X with {len(windows)} windows, but expected {sum(counts)} for "
                f"n_rows={list(n_rows)}: {counts}."
            )
        parts = np.split(windows, np.cumsum(counts)[:-1])
        return [self._rows_of(part, n) for part, n in zip(parts, n_rows, strict=True)]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of flat windows.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; by default those seen in `fit`.

        Returns
        -------
        ndarray of shape (window_size * n_features,), object
        """
        check_is_fitted(self)
        names = flat_names(self._feature_names(input_features), self._size)
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Declare that NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _size(self) -> Any:
        # Files of earlier versions contain only the parameter.
        return getattr(self, "window_size_", self.window_size)

    @property
    def _padding(self) -> str | None:
        if self.padding != "auto":
            return self.padding
        return "edge" if self.output == "flat" else "nan"

    @property
    def _is_flat(self) -> bool:
        return self.output == "flat" or returns_frames(self)

    def _check_memory(self, series: list[Array]) -> None:
        """Reject windows that are too large and mostly padding."""
        longest = max(map(len, series))
        if self._padding is None or self._size <= longest:
            return
        is_view = len(series) == 1 and not self._is_flat
        n_copies = 1 if is_view else sum(self._n_windows(len(rows)) for rows in series)
        n_bytes = n_copies * self._size * series[0].shape[1] * series[0].itemsize
        if n_bytes > MAX_PADDING:
            raise ValueError(
                f"Got window_size={self._size} and at most {longest} rows in a series, but "
                "expected a window no longer than the longest series, or at most 1 GiB of windows: "
                f"these would take {n_bytes / 2**30:.0f} GiB, mostly padding."
            )

    def _feature_names(self, input_features: Any) -> list[str]:
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        return [name for name in names if name != self.series]

    def _series_of(self, X: Any, *, reset: bool) -> tuple[list[Array], list[Indices]]:
        """Return the parts without gaps of the series in X, and the positions of their rows."""
        windowing = Windowing(self._size, self.stride, self.series, self.max_gap)
        expected = None if reset else self.n_features_in_
        table = Table.of(X, self._size, expected or 0, has_times=self.max_gap is not None)
        X = table.X
        if table.is_list:
            rows, lengths = table.stacked(self, CHECKS["dtype"], reset=reset)
            check_n_features(self, rows.shape[1], expected)
            layout = Layout.of_list(table.items, lengths, windowing)
        else:
            features, labels = without_series(X, self.series)
            features = as_numbers(features)
            check_feature_names(self, X, reset=reset)
            rows = check_array(features, **CHECKS, estimator=self, input_name="X")
            n_columns = rows.shape[1] if labels is None else np.shape(X)[1]
            check_n_features(self, n_columns, expected)
            layout = Layout.of_table(X, labels, len(rows), windowing)
        parts = layout.parts()
        return [rows] if len(parts) == 1 else [rows[part] for part in parts], parts

    def _n_windows(self, n_rows: int) -> int:
        if self._padding is None:
            n_windows: int = max(0, (n_rows - self._size) // self.stride + 1)
            return n_windows
        return -(-n_rows // self.stride)

    def _windows_of(self, rows: Array) -> Array:
        if self._padding is None:
            if len(rows) < self._size:
                return np.empty((0, self._size, rows.shape[1]), rows.dtype)
            return sliding_windows(rows, self._size, self.stride)
        before = np.full((self._size - 1, rows.shape[1]), np.nan, rows.dtype)
        if self._padding == "edge":
            before[:] = rows[0]
        return sliding_windows(np.concatenate([before, rows]), self._size, self.stride)

    def _check_windows(self, X: Any) -> Array:
        names = self._feature_names(None)
        reject_reordered_columns(X, flat_names(names, self._size))
        X = np.asarray(as_numbers(X))
        if X.ndim == 2 and X.shape[1] == self._size * len(names):
            X = X.reshape(len(X), self._size, len(names))
        if X.ndim != 3 or X.shape[1:] != (self._size, len(names)):
            raise ValueError(
                f"Got X with shape {X.shape}, but expected (n_windows, window_size="
                f"{self._size}, n_features={len(names)}) or the flat form."
            )
        windows: Array = X
        return windows

    def _rows_of(self, windows: Array, n_rows: int | None) -> Array:
        rows = overlap_average(windows, self.stride)
        if n_rows is None:
            n_rows = self._infer_n_rows(rows, len(windows))
        if self._n_windows(n_rows) != len(windows):
            raise ValueError(
                f"Got n_rows={n_rows} and X with {len(windows)} windows, but expected "
                f"{self._n_windows(n_rows)} windows for that many rows."
            )
        return rows[max(len(rows) - n_rows, 0) :]

    def _infer_n_rows(self, rows: Array, n_windows: int) -> int:
        """Return the number of rows; the first `stride - 1` may be padding, which is NaN."""
        if self._padding is None:
            return len(rows)
        most = n_windows * self.stride
        if self.stride == 1:
            return most
        if self._padding == "edge":
            raise ValueError(
                f"Got n_rows=None with stride={self.stride} and padding='edge', but expected the "
                "number of rows, because windows padded with values do not determine it."
            )
        open_rows = rows[len(rows) - most :][: self.stride - 1]
        seen = ~np.isnan(open_rows).all(axis=1)
        padding = int(seen.argmax()) if seen.any() else len(open_rows)
        return most - padding


def _by_their_ends(windows: list[Array], ends: list[Indices]) -> tuple[Array, Indices]:
    """Return the windows of all series, ordered by the rows at which they end, and these rows."""
    if len(windows) == 1:
        return windows[0], ends[0]
    last_rows = np.sort(np.concatenate(ends))
    n_windows, dtype = len(last_rows), np.result_type(*windows)
    joined = np.empty((n_windows, *windows[0].shape[1:]), dtype)
    for part, rows in zip(windows, ends, strict=True):
        joined[np.searchsorted(last_rows, rows)] = part
    return joined, last_rows


def _with_index(flat: Array, X: Any, ends: Indices) -> Any:
    """Give flat windows the pandas index of their last rows if some rows end no window."""
    if len(flat) == len(X) or not hasattr(X, "iloc"):
        return flat
    return type(X)(flat, index=X.index[ends])
