"""X that is read part by part: Dask collections and iterables, written to a file as rows."""

import os
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from skae._compat.sklearn import feature_names_of
from skae._files import replaced
from skae._input.checks import as_numbers, is_collection
from skae._input.disk_buffer import Spool
from skae._input.layout_warnings import as_rows, warn_if_channels_come_first, warn_if_in_no_order
from skae._input.runs import runs_of_equal
from skae._input.scaling import Rounding
from skae._input.sequences import Floats, check_width, of_stack, rows_of
from skae._input.table import Table, check_n_features, check_names_of_one
from skae._input.time_gaps import Flags, Gaps
from skae._windows.read_samples import check_are_of_rows, read_samples, row_samples
from skae._windows.samples import Samples, SequenceSamples
from skae._windows.series import (
    Layout,
    do_not_stand_together,
    gaps_of_item,
    is_missing,
    reject_names_of_series,
    times_of,
    without_series,
)
from skae._windows.windows import Windowing


def is_lazy_array(X: Any) -> bool:
    """Tell whether X is a ``dask.array.Array``."""
    return _is_one_of(X, "dask.array", "Array")


def is_lazy_frame(X: Any) -> bool:
    """Tell whether X is a ``dask.dataframe.DataFrame`` or ``Series``."""
    return _is_one_of(X, "dask.dataframe", "DataFrame", "Series")


def partitions_of(X: Any) -> Iterator[Any]:
    """Yield the rows of a Dask array or frame; partitions are computed one by one.

    Parameters
    ----------
    X : dask.array.Array, dask.dataframe.DataFrame or dask.dataframe.Series
    """
    if is_lazy_array(X):
        X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
        return (part.compute() for part in X.to_delayed().ravel())
    return (part.compute() for part in X.to_delayed())


def _is_one_of(X: Any, module: str, *names: str) -> bool:
    # If there is a collection, its module is loaded.
    loaded = sys.modules.get(module)
    return any(isinstance(X, getattr(loaded, name, ())) for name in names)


def read_to_learn(
    record: Any, X: Any, windowing: Windowing, *, reset: bool, dtype: Any = np.float32
) -> Samples:
    """Return the samples in X, which may also be a Dask collection or an iterable of series.

    Parameters
    ----------
    record : FeatureRecord
        Its `n_features_in_` and `feature_names_in_` are set or compared.
    X : array-like, list, Dask array or frame, or iterable of array-like
    windowing : Windowing
    reset : bool
        Whether to set, as in `fit`, or to compare.
    dtype : dtype or list of dtype, default=float32
        As in `read_samples`. Of several dtypes, float64 is used for data that are read part by
        part.

    Raises
    ------
    TypeError
        If X is another Dask collection.
    ValueError
        As `read_samples`, if an iterable is empty, or if the rows of a series in a Dask frame are
        not adjacent.
    """
    held = np.float32 if dtype is np.float32 else np.float64
    if is_lazy_array(X):
        return _of_array(record, X, windowing, reset, held)
    if is_lazy_frame(X):
        return _of_frame(record, X, windowing, reset, held)
    if is_collection(X):
        raise TypeError(
            f"Got X as {type(X).__name__}, another Dask collection, but expected a dask.array, a "
            "dask.dataframe or an iterable of series in memory, such as a generator that computes "
            "one series at a time."
        )
    if comes_one_by_one(X):
        return _of_series(record, X, windowing, reset, held)
    return read_samples(record, X, windowing, reset=reset, dtype=dtype)


def comes_one_by_one(X: Any) -> bool:
    """Tell whether X is an iterable without random access, such as a generator."""
    if isinstance(X, Iterator):
        return True
    is_held = isinstance(X, Sequence | Mapping | Set) or hasattr(X, "__getitem__")
    is_array = any(hasattr(X, name) for name in ("__array__", "__dataframe__", "shape"))
    return isinstance(X, Iterable) and not is_held and not is_array


class _CheckedSpool(Spool):
    """A temporary file of checked rows, which warns about what they lose in float32.

    Parameters
    ----------
    dtype : dtype
        Dtype of the rows in the file.
    warns : bool
    """

    def __init__(self, dtype: Any, warns: bool):
        super().__init__()
        self._dtype_read = dtype
        self._rounding = Rounding() if warns and dtype is np.float32 else None

    def read(self, X: Any, name: str = "X") -> NDArray[Any]:
        """Return a part as rows."""
        return rows_of(X, name, self._dtype_read)

    def keep(self, rows: NDArray[Any], X: Any, name: str = "X") -> None:
        """Write the rows that were read from a part."""
        if self._rounding is not None:
            self._rounding.add(rows_of(X, name, np.float64))
        self.add(rows)

    def warn_if_lost(self, names: Any) -> None:
        """Warn about features whose signal is lost; see `Rounding`."""
        if self._rounding is not None:
            self._rounding.warn_if_lost(names)


class _Series:
    """Reads series part by part: checks and counts their rows.

    Parameters
    ----------
    record : FeatureRecord
    spool : _CheckedSpool
    reset : bool
    """

    def __init__(self, record: Any, spool: _CheckedSpool, reset: bool):
        self._record, self._spool, self._reset = record, spool, reset
        self._names: Any = None
        self._n_features: int | None = None
        self._lengths, self._flags = list[int](), list[Flags]()

    def add(self, X: Any, name: str, flags: Flags | None = None, *, begins: bool) -> None:
        """Read a part, which may begin a series."""
        rows, is_first = self._spool.read(X, name), self._n_features is None
        check_names_of_one(self._record, X, name, reset=self._reset and is_first)
        if self._n_features is None:
            expected = None if self._reset else self._record.n_step_features
            check_n_features(self._record, rows.shape[1], expected)
            self._n_features, self._names = rows.shape[1], feature_names_of(X)
        check_width(rows.shape[1], self._n_features, name)
        self._spool.keep(rows, X, name)
        self._lengths += [0] if begins else []
        self._lengths[-1] += len(rows)
        self._flags += [] if flags is None else [flags]

    def finish(self, names: tuple[Hashable, ...] | None = None) -> tuple[Floats, Layout]:
        """Return all rows as a memory map, and their layout, with the names of the series."""
        if not self._lengths:
            raise ValueError("Got X without any series or rows, but expected at least one.")
        self._spool.warn_if_lost(self._names)
        flags = np.concatenate(self._flags) if self._flags else None
        return self._spool.mapped(), Layout(np.array(self._lengths, np.intp), None, flags, names)


def _of_series(
    record: Any, X: Iterable[Any], windowing: Windowing, reset: bool, dtype: Any
) -> Samples:
    """Read an iterable as the list of its items; 1-D items have one feature."""
    is_of_rows = windowing.window_size is not None
    (reject_names_of_series if is_of_rows else check_are_of_rows)(windowing)
    with _CheckedSpool(dtype, reset) as spool:
        reading = _Series(record, spool, reset)
        for i, item in enumerate(X):
            name = f"X[{i}]"
            flags = gaps_of_item(item, windowing.max_gap, name) if is_of_rows else None
            reading.add(item, name, flags, begins=True)
        rows, layout = reading.finish()
    if is_of_rows:
        return row_samples(rows, layout, windowing, Table((), is_list=True))
    sequences = of_stack(rows, layout.lengths)
    if reset:
        warn_if_channels_come_first(sequences)
    return SequenceSamples(sequences)


def _of_array(record: Any, X: Any, windowing: Windowing, reset: bool, dtype: Any) -> Samples:
    """Read a Dask array like the equal array."""
    _reject_shape(X, windowing)
    with _CheckedSpool(dtype, reset and X.dtype != np.float32) as spool:
        for part in partitions_of(X):
            if not part.size:
                spool.add(np.zeros(part.shape, dtype))
                continue
            table = part.reshape(-1, part.shape[-1] if part.ndim > 1 else 1)
            spool.keep(spool.read(table).reshape(part.shape), table)
        samples = read_samples(record, spool.mapped(), windowing, reset=reset, dtype=dtype)
    spool.warn_if_lost(None)
    return samples


def _reject_shape(X: Any, windowing: Windowing) -> None:
    if windowing.series is not None:
        raise ValueError(
            f"Got series={windowing.series!r} and X as a dask.array, but expected a dask.dataframe "
            "with such a column, or an iterable of series."
        )
    if windowing.window_size is not None and X.ndim == 3:
        as_rows(X, windowing.window_size)
    if X.ndim not in (1, 2, 3):
        raise ValueError(
            f"Got X as a dask.array with {X.ndim} dimensions, but expected (n_rows, n_features) "
            "or (n_samples, n_steps, n_features)."
        )


def _of_frame(record: Any, X: Any, windowing: Windowing, reset: bool, dtype: Any) -> Samples:
    """Read a Dask frame like the equal frame."""
    if windowing.window_size is None:
        return _of_table(record, X, windowing, reset, dtype)
    X = X.to_frame() if X.ndim == 1 else X
    gaps, names = Gaps(windowing.max_gap), dict[Hashable, None]()
    with _CheckedSpool(dtype, reset) as spool:
        reading = _Series(record, spool, reset)
        for part, begins, name in _parts_of_series(X, windowing.series):
            flags = gaps.add(times_of(part, windowing.series, 1), begins=begins)
            reading.add(part, "X", flags, begins=begins)
            names[name] = None
        gaps.warn()
        rows, layout = reading.finish(None if windowing.series is None else tuple(names))
    if reset and windowing.series is None:
        warn_if_in_no_order(rows, layout.lengths)
    return row_samples(rows, layout, windowing, Table((rows,), is_list=False))


def _of_table(record: Any, X: Any, windowing: Windowing, reset: bool, dtype: Any) -> Samples:
    """Read a Dask frame with one sequence per row like the equal frame."""
    check_are_of_rows(windowing)
    kinds, index = set[type](), list[Any]()
    with _CheckedSpool(dtype, reset) as spool:
        for part in filter(len, partitions_of(X)):
            spool.keep(spool.read(part), part)
            kinds.add(type(part))
            index.append(part.index)
        if not index:
            raise ValueError("Got X without any rows, but expected at least one.")
        rows = spool.mapped()
    names = {"columns": X.columns} if X.ndim == 2 else {"name": X.name}
    table = kinds.pop()(rows if X.ndim == 2 else rows[:, 0], index[0].append(index[1:]), **names)
    samples = read_samples(record, table, windowing, reset=reset, dtype=dtype)
    spool.warn_if_lost(feature_names_of(table))
    return samples


def _parts_of_series(X: Any, series: str | int | None) -> Iterator[tuple[Any, bool, Any]]:
    """Yield adjacent rows of a series, whether the series begins there, and its name."""
    last: Any = None
    seen: set[Any] = set()
    for part in filter(len, partitions_of(X)):
        features, labels = without_series(part, series)
        if labels is None:
            yield features, not seen, None
            seen.add(None)
            continue
        labels = np.asarray(labels, dtype=object)
        if any(map(is_missing, labels.tolist())):
            raise ValueError(f"Got a row with no {series!r}, but expected each to name its series.")
        for run in runs_of_equal(labels):
            label = labels[run.start]
            begins = not seen or label != last
            if begins and label in seen:
                raise do_not_stand_together(series)
            seen.add(label)
            last = label
            yield features.iloc[run], begins, label


ROWS_OF_AN_ARRAY = 2**18
"""Rows of an array or memory map that are converted at a time."""


def write_rows(X: Any, path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Write rows to a ``.npy`` file, a partition at a time, and return its memory map.

    The file appears only when it is complete.

    Raises
    ------
    TypeError, ValueError
        If X does not contain rows of numbers, see `skae.dask.to_memmap`.
    """
    with replaced(path) as file:
        _write(_blocks_of(X), file)
    rows: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return rows


def _write(blocks: Iterator[NDArray[np.float32]], file: Any) -> None:
    n_rows, n_features = 0, None
    for block in blocks:
        if n_features is None:
            n_features = block.shape[1]
            _write_header(file, 0, n_features)
        if block.shape[1] != n_features:
            raise ValueError(
                f"Got a part with {block.shape[1]} features after parts with {n_features}, but "
                "expected the same number in each."
            )
        file.write(np.ascontiguousarray(block).data)
        n_rows += len(block)
    if not n_rows or n_features is None:
        raise ValueError("Got X without rows, but expected at least one.")
    file.seek(0)
    _write_header(file, n_rows, n_features)


def _write_header(file: Any, n_rows: int, n_features: int) -> None:
    """Write a header, in which NumPy leaves space for a larger number of rows."""
    description = npy.dtype_to_descr(np.dtype(np.float32))
    shape = (n_rows, n_features)
    header = {"descr": description, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)


def _blocks_of(X: Any) -> Iterator[NDArray[np.float32]]:
    for number, part in enumerate(_parts_of(X)):
        rows = np.asarray(as_numbers(part))
        rows = rows[:, None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.dtype.kind not in "fiub":
            raise ValueError(
                f"Got part {number} of X with shape {rows.shape} and dtype {rows.dtype}, but "
                "expected numbers of shape (n_rows, n_features)."
            )
        with np.errstate(over="ignore"):
            rows = rows.astype(np.float32, copy=False)
        if np.isinf(rows).any():
            raise ValueError(
                f"Got part {number} of X with infinity or a value too large for float32, but "
                "expected finite values, or NaN where nothing was observed."
            )
        yield rows


def _parts_of(X: Any) -> Iterable[Any]:
    """Return the parts with consecutive rows; Dask partitions are computed one by one."""
    if is_lazy_array(X) or is_lazy_frame(X):
        return partitions_of(X)
    if isinstance(X, np.ndarray):
        size = ROWS_OF_AN_ARRAY
        return (X[start : start + size] for start in range(0, len(X), size))
    if isinstance(X, Iterable) and not hasattr(X, "iloc"):
        return X
    raise TypeError(
        f"Got X as {type(X).__name__}, but expected a dask.array, a dask.dataframe, a numpy array "
        "or an iterable of arrays with consecutive parts of one series."
    )
