"""Score Dask arrays and frames, such as series larger than memory, with a fitted detector.

Each function corresponds to the `LSTMAutoencoder` method of that name, for rows in a ``dask.array``
or a ``dask.dataframe``. Input and output are lazy and have the same partitions. Dask gives each
partition the neighbouring rows that its windows need. Results therefore do not depend on the
partitions, up to float32 rounding. The detector, or the pipeline that ends in one, is sent to each
worker once.
"""

import os
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skae._stream.reader import RowReader
from skae._windows.windows import Windowing

try:
    import dask
    import dask.array as da
    import dask.dataframe as dd
    from dask.base import is_dask_collection
except ImportError as error:
    raise ImportError("skae.dask needs Dask: pip install 'skae[dask]'.") from error

from skae._dask import Answer, Reach, of_array, of_frame
from skae._windows.large import write_rows

__all__ = [
    "decision_function",
    "explain",
    "predict",
    "reconstruct",
    "score_samples",
    "to_memmap",
    "transform",
]

Collection: TypeAlias = da.Array | dd.DataFrame


def score_samples(estimator: BaseEstimator, X: Collection, *, series: str | None = None) -> Any:
    """Return the score of each row, equal to ``estimator.score_samples`` of all rows.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        Fitted, with `window_size`. The first steps of a pipeline must transform each row
        separately. Later changes of the estimator do not affect the result.
    X : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame
        Rows in the order of time. The partitions of an array must have known sizes. Any two
        consecutive partitions of a frame, except the last, must together have the rows of two
        windows with the default `aggregation`.
    series : str, optional
        Column of a frame that names the series of each row; by default the detector's `series`. It
        is not a feature. The rows of a series must be adjacent.

    Returns
    -------
    scores : dask.array.Array of shape (n_rows,) or dask.dataframe.Series, float64
        With the partitions and index of X.

    Raises
    ------
    TypeError
        If X is not a Dask collection, or the estimator is of another kind.
    ValueError
        If the partition sizes of an array are unknown, or the samples of the estimator are
        sequences. During the computation, if partitions of a frame are too small, or the rows of a
        series are not adjacent.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import skae
    >>> import skae.dask
    >>> rows = np.sin(np.arange(300) / 5)[:, None]
    >>> detector = skae.LSTMAutoencoder(20, units=4, epochs=1, random_state=0).fit(rows)
    >>> scores = skae.dask.score_samples(detector, da.from_array(rows, chunks=100))
    >>> scores.chunks
    ((100, 100, 100),)
    >>> bool(np.allclose(scores.compute(), detector.score_samples(rows), rtol=1e-4))
    True
    """
    return _answered("score_samples", estimator, X, series)


def decision_function(estimator: BaseEstimator, X: Collection, *, series: str | None = None) -> Any:
    """Return ``score_samples - offset_`` of each row, which is negative for outliers.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    decision : dask.array.Array of shape (n_rows,) or dask.dataframe.Series, float64
    """
    return _answered("decision_function", estimator, X, series)


def predict(estimator: BaseEstimator, X: Collection, *, series: str | None = None) -> Any:
    """Return which rows are outliers.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    labels : dask.array.Array of shape (n_rows,) or dask.dataframe.Series, int
        -1 for outliers, 1 for inliers. With ``threshold="adaptive"``, each partition gets the
        previous rows that the threshold remembers, including rows without observations.
    """
    return _answered("predict", estimator, X, series)


def transform(estimator: BaseEstimator, X: Collection, *, series: str | None = None) -> Any:
    """Return the latents of each row.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    latents : dask.array.Array of shape (n_rows, latent_dim) or dask.dataframe.DataFrame, float32
    """
    return _answered("transform", estimator, X, series)


def reconstruct(estimator: BaseEstimator, X: Collection, *, series: str | None = None) -> Any:
    """Return the reconstruction of each row, in the units after a pipeline's first steps.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    rows : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame, float32
    """
    return _answered("reconstruct", estimator, X, series)


def explain(estimator: BaseEstimator, X: Collection, *, series: str | None = None) -> Any:
    """Return the contribution of each feature to the error of each row.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    errors : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame, float64
    """
    return _answered("explain", estimator, X, series)


def to_memmap(
    X: Collection | NDArray[Any] | Iterable[NDArray[Any]], path: str | os.PathLike[str]
) -> NDArray[np.float32]:
    """Write the rows of one series to a file that `LSTMAutoencoder.fit` reads as a memory map.

    Only one partition is in memory at a time. Scale the rows lazily first, because a scaler in a
    pipeline would copy all of them into memory.

    Parameters
    ----------
    X : dask.array.Array, dask.dataframe.DataFrame, ndarray, or iterable of ndarray
        Rows in the order of time, of shape (n_rows, n_features), or (n_rows,) of one feature; an
        iterable, such as a generator, yields consecutive parts. A ``numpy.memmap`` may have any
        numeric dtype and order.
    path : str or path-like
        An existing file is replaced when all rows are written. The format is ``.npy`` whatever the
        name.

    Returns
    -------
    rows : numpy.memmap of shape (n_rows, n_features), float32
        Read-only.

    Raises
    ------
    TypeError
        If X is none of the above, or contains times.
    ValueError
        If there are no rows, parts differ in their number of features, or a value is not numeric,
        infinite, or too large for float32.

    Examples
    --------
    >>> import tempfile
    >>> import dask.array as da
    >>> import numpy as np
    >>> import skae.dask
    >>> X = da.from_array(np.sin(np.arange(300) / 5)[:, None], chunks=100)
    >>> X = (X - X.mean(0)) / X.std(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = skae.dask.to_memmap(X, f"{folder}/rows.npy")
    ...     detector = skae.LSTMAutoencoder(20, units=4, epochs=1, random_state=0).fit(rows)
    >>> detector.n_features_in_
    1
    """
    return write_rows(X, path)


def _answered(method: str, estimator: Any, X: Any, series: str | int | None) -> Any:
    reader = RowReader.of(estimator)
    windowing = reader.windowing
    series = windowing.series if series is None else series
    if windowing.max_gap is not None:
        _check_times_are_known(windowing, X)
        of_one_series = replace(reader.detector, windowing=windowing._replace(series=None))
        reader = replace(reader, detector=of_one_series)
    answer, reach = Answer.of(method, reader), Reach.of(reader.detector, method)
    # One key of the graph, so it is sent to each worker once and stays while it is needed.
    shared = dask.delayed(reader, name=f"skae-detector-{uuid.uuid4().hex}", traverse=False)
    if isinstance(X, dd.DataFrame):
        return of_frame(answer, reach, shared, X, series)
    if not isinstance(X, da.Array):
        kind = "another Dask collection" if is_dask_collection(X) else type(X).__name__
        raise TypeError(
            f"Got X as {kind}, but expected a dask.array or a dask.dataframe of rows. For rows in "
            "memory, call the method of the estimator."
        )
    if series is not None:
        raise ValueError(
            f"Got series={series!r} with an array, but expected a frame with such a column."
        )
    return of_array(answer, reach, shared, X)


def _check_times_are_known(windowing: Windowing, X: Any) -> None:
    """Reject `max_gap` without times in the partitions, or with windows that skip rows."""
    if isinstance(X, da.Array) or windowing.stride > 1:
        raise ValueError(
            f"Got a detector with max_gap={windowing.max_gap!r} and stride={windowing.stride}, and "
            f"X as {type(X).__name__}, but expected a frame, whose index holds the times, and "
            "stride=1."
        )
