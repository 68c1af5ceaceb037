"""Series larger than memory, scored by a fitted detector: Dask arrays and frames.

Each function is the method of that name of `LSTMAutoencoder`, for rows in a ``dask.array`` or a
``dask.dataframe``: lazy in, lazy out, in the same partitions. Dask hands each partition the rows
around it that its windows reach, so that the results are those of all rows at once, to float32
rounding. A detector, or a pipeline that ends in one, goes to each worker once.
"""

import os
import uuid
from dataclasses import replace
from typing import Any

from skae._stream.reader import RowReader
from skae._windows.windows import Windowing

try:
    import dask
    import dask.array as da
    import dask.dataframe as dd
    from dask.base import is_dask_collection
except ImportError as error:
    raise ImportError("skae.dask needs Dask: pip install 'skae[dask]'.") from error

from skae._dask.arrays import Answer, Reach, of_array
from skae._dask.frames import of_frame
from skae._dask.memmap import write_rows

__all__ = [
    "decision_function",
    "explain",
    "predict",
    "reconstruct",
    "score_samples",
    "to_memmap",
    "transform",
]


def score_samples(estimator: Any, X: Any, *, series: str | None = None) -> Any:
    """Return the score of each row, as ``estimator.score_samples`` of all rows would.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        Fitted, with `window_size`. The first steps of a pipeline must take each row by itself.
        It is taken as it is now, whatever becomes of it until the result is computed.
    X : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame
        Rows in the order of time. Partitions of an array may be of any known sizes, those of a
        frame of unknown ones; but any two that follow one another must hold as many rows as
        windows reach, two windows with the default `aggregation`, unless they are the last.
    series : str, optional
        Column of a frame that tells several series apart, by default that of the detector. It is
        not a feature. The rows of a series stand together.

    Returns
    -------
    scores : dask.array.Array of shape (n_rows,) or dask.dataframe.Series, float64
        Partitions and index are those of X.

    Raises
    ------
    TypeError
        If X is no Dask collection, or the estimator is another one.
    ValueError
        If sizes of partitions of an array are unknown, or the samples of the estimator are
        sequences; when it is computed, if partitions of a frame are too small, or the rows of
        some series do not stand together.

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


def decision_function(estimator: Any, X: Any, *, series: str | None = None) -> Any:
    """Return ``score_samples - offset_`` of each row: negative for outliers.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    decision : dask.array.Array of shape (n_rows,) or dask.dataframe.Series, float64
    """
    return _answered("decision_function", estimator, X, series)


def predict(estimator: Any, X: Any, *, series: str | None = None) -> Any:
    """Return which rows are outliers.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    labels : dask.array.Array of shape (n_rows,) or dask.dataframe.Series, int
        -1 for outliers, 1 for inliers. With ``threshold="adaptive"``, partitions are handed
        as many rows before them as are remembered; rows with nothing observed count as some
        of these.
    """
    return _answered("predict", estimator, X, series)


def transform(estimator: Any, X: Any, *, series: str | None = None) -> Any:
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


def reconstruct(estimator: Any, X: Any, *, series: str | None = None) -> Any:
    """Return the reconstruction of each row, as the detector sees it: after a pipeline's scalers.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    rows : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame, float32
    """
    return _answered("reconstruct", estimator, X, series)


def explain(estimator: Any, X: Any, *, series: str | None = None) -> Any:
    """Return what each feature adds to the error of each row.

    Parameters
    ----------
    estimator, X, series
        As of `score_samples`.

    Returns
    -------
    errors : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame, float64
    """
    return _answered("explain", estimator, X, series)


def to_memmap(X: Any, path: str | os.PathLike) -> Any:
    """Write the rows of one series to a file that `LSTMAutoencoder.fit` does not read whole.

    Memory is that of a partition. Scale the rows before, lazily: a scaler in a pipeline would make
    a copy of them in memory.

    Parameters
    ----------
    X : dask.array.Array, dask.dataframe.DataFrame, ndarray, or iterable of ndarray
        Rows in the order of time, of shape (n_rows, n_features), or (n_rows,) of one feature; of
        an iterable, such as a generator, those of its items, one after the other. A
        ``numpy.memmap`` of another dtype or order is an ndarray, too.
    path : str or path-like
        An existing file is replaced, when all rows are written. It is a ``.npy`` file, whatever
        its name.

    Returns
    -------
    rows : numpy.memmap of shape (n_rows, n_features), float32
        Read-only.

    Raises
    ------
    TypeError
        If X is nothing of the above, or holds times.
    ValueError
        If there are no rows, parts differ in their number of features, or values are no numbers,
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
    # One key of the graph: it is sent to a worker once, and stays as long as it is needed.
    shared = dask.delayed(reader, name=f"skae-detector-{uuid.uuid4().hex}", traverse=False)
    if isinstance(X, dd.DataFrame):
        return of_frame(answer, reach, shared, X, series)
    if not isinstance(X, da.Array):
        kind = "another Dask collection" if is_dask_collection(X) else type(X).__name__
        raise TypeError(
            f"Got X as {kind}, but expected a dask.array or a dask.dataframe of rows. What is in "
            "memory the methods of the estimator take."
        )
    if series is not None:
        raise ValueError(
            f"Got series={series!r} with an array, but expected a frame with such a column."
        )
    return of_array(answer, reach, shared, X)


def _check_times_are_known(windowing: Windowing, X: Any) -> None:
    """Refuse gaps where no partition has the times of its rows, or windows that skip rows."""
    if isinstance(X, da.Array) or windowing.stride > 1:
        raise ValueError(
            f"Got a detector with max_gap={windowing.max_gap!r} and stride={windowing.stride}, and "
            f"X as {type(X).__name__}, but expected a frame, whose index holds the times, and "
            "stride=1."
        )
