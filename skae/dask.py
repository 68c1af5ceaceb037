"""Series larger than memory, scored by a fitted detector: Dask arrays and frames.

Each function is the method of that name of `LSTMAutoencoder`, for rows in a ``dask.array`` or a
``dask.dataframe``: lazy in, lazy out, in the same partitions. Dask hands each partition the rows
around it that its windows reach, so that the results are those of all rows at once, to float32
rounding. A detector, or a pipeline that ends in one, goes to each worker once.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._scoring.aggregation import AGGREGATIONS
from skae._sequences.windows import Windowing
from skae._streaming.reader import RowReader

try:
    import dask
    import dask.array as da
    import dask.dataframe as dd
    from dask.base import is_dask_collection
except ImportError as error:
    raise ImportError("skae.dask needs Dask: pip install 'skae[dask]'.") from error

MAX_AHEAD = 2
"""Partitions of a frame that are asked for the rows after another one."""

__all__ = ["decision_function", "explain", "predict", "reconstruct", "score_samples", "transform"]


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
        -1 for outliers, 1 for inliers. With `adapt_after`, partitions are handed as many rows
        before them as are remembered; rows with nothing observed count as some of these.
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
    rows : dask.array.Array of shape (n_rows, n_features) or dask.dataframe.DataFrame, float64
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


@dataclass(frozen=True)
class _Reach:
    """Which rows around a row its answer depends on.

    Parameters
    ----------
    before, after : int
        Rows that must be there for what is kept.
    stride : int
        Windows begin at multiples of it.
    """

    before: int
    after: int
    stride: int

    @classmethod
    def of(cls, detector: Any, method: str) -> "_Reach":
        size = detector._windowing.window_size
        stride = min(size, detector._windowing.stride)
        smoothed = size if AGGREGATIONS[detector._scoring.aggregation].smooths else 0
        # Windows begin on the grid, and one that ends with a part ends a row too early.
        before, after = size - 1 + smoothed + stride - 1, size - (stride == 1) + smoothed
        adapt_after = detector._scoring.offset_policy.adapt_after
        if adapt_after is not None and method in ("predict", "decision_function"):
            before += 2 * adapt_after * size
        return cls(before, after, stride)


@dataclass(frozen=True)
class _Answer:
    """A method of a detector, as it is called on the rows of one partition and around it.

    Parameters
    ----------
    method : str
    n_columns : int
        Of what it returns; 0 for one number a row.
    dtype : dtype
    names : list of str
        Of these columns.
    """

    method: str
    n_columns: int
    dtype: Any
    names: list[str]

    @classmethod
    def of(cls, method: str, reader: RowReader) -> "_Answer":
        detector = reader.detector
        if method in ("score_samples", "decision_function"):
            return cls(method, 0, np.float64, [method])
        if method == "predict":
            return cls(method, 0, np.int64, [method])
        if method == "transform":
            names = detector.get_feature_names_out()
            return cls(method, len(names), np.float32, list(names))
        n_features = detector.model_.input_shape[-1]
        names = getattr(detector, "feature_names_in_", [f"x{i}" for i in range(n_features)])
        dtype = np.float32 if method == "reconstruct" else np.float64
        return cls(method, n_features, dtype, list(names))

    def __call__(self, reader: RowReader, rows: Any) -> NDArray:
        """Return what the method says of rows in memory."""
        if not len(rows):
            return np.zeros((0, self.n_columns) if self.n_columns else 0, self.dtype)
        if reader.first_steps is not None:
            rows = reader.features(reader.first_steps.transform(rows))
        found = np.asarray(getattr(reader.detector, self.method)(rows))
        return found.astype(self.dtype, copy=False)


def _answered(method: str, estimator: Any, X: Any, series: str | int | None) -> Any:
    reader = RowReader.of(estimator)
    windowing = reader.windowing
    series = windowing.series if series is None else series
    if windowing.max_gap is not None:
        _check_times_are_known(windowing, X)
        reader.detector._windowing = windowing._replace(series=None)
    answer, reach = _Answer.of(method, reader), _Reach.of(reader.detector, method)
    # One key of the graph: it is sent to a worker once, and stays as long as it is needed.
    shared = dask.delayed(reader, name=f"skae-detector-{uuid.uuid4().hex}", traverse=False)
    if isinstance(X, dd.DataFrame):
        return _of_frame(answer, reach, shared, X, series)
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
    return _of_array(answer, reach, shared, X)


def _check_times_are_known(windowing: Windowing, X: Any) -> None:
    """Refuse gaps where no partition has the times of its rows, or windows that skip rows."""
    if isinstance(X, da.Array) or windowing.stride > 1:
        raise ValueError(
            f"Got a detector with max_gap={windowing.max_gap!r} and stride={windowing.stride}, and "
            f"X as {type(X).__name__}, but expected a frame, whose index holds the times, and "
            "stride=1."
        )


# ------------------------------------------------------------------------ arrays


def _of_array(answer: _Answer, reach: _Reach, shared: Any, X: Any, columns: Any = None) -> Any:
    if X.ndim != 2:
        raise ValueError(f"Got X with {X.ndim} dimensions, but expected (n_rows, n_features).")
    if np.isnan(X.shape[0]):
        raise ValueError(
            "Got X with partitions of unknown sizes, but expected known ones, by which Dask "
            "exchanges what is around them. Call X.compute_chunk_sizes() before."
        )
    given = X.chunks[0]
    # Dask makes partitions larger than windows reach, but not out of all there is.
    is_short = X.shape[0] <= max(reach.before, reach.after)
    X = X.rechunk({0: -1, 1: -1} if is_short else {1: -1})
    around = X
    if X.numblocks[0] > 1:
        depth = {0: (reach.before, reach.after)}
        around = da.overlap.overlap(X, depth, {0: "none", 1: "none"})
    sizes = _without_overlap(around.chunks[0], reach)
    starts = np.cumsum([0, *sizes[:-1]])
    shape = {"chunks": (sizes, (answer.n_columns,))} if answer.n_columns else {
        "chunks": (sizes,), "drop_axis": 1}  # fmt: skip
    found = around.map_blocks(
        _of_block, answer, reach, shared, starts, sizes, columns,
        dtype=answer.dtype, meta=np.zeros((0,) * (1 + bool(answer.n_columns)), answer.dtype),
        name=f"{answer.method}-{uuid.uuid4().hex}", **shape,
    )  # fmt: skip
    return found.rechunk({0: given})


def _without_overlap(sizes: tuple[int, ...], reach: _Reach) -> tuple[int, ...]:
    last = len(sizes) - 1
    return tuple(
        size - reach.before * (i > 0) - reach.after * (i < last) for i, size in enumerate(sizes)
    )


def _of_block(
    rows: NDArray,
    answer: _Answer,
    reach: _Reach,
    reader: RowReader,
    starts: NDArray,
    sizes: tuple[int, ...],
    columns: Any,
    block_id: tuple[int, ...] | None = None,
) -> NDArray:
    """Return the answer to the rows of a block, which stand between those around it."""
    assert block_id is not None
    number = block_id[0]
    before = reach.before if number else 0
    # Windows begin where they do in the whole series.
    skipped = int(-(starts[number] - before) % reach.stride)
    table = rows[skipped:]
    if columns is not None:
        import pandas as pd

        table = pd.DataFrame(table, columns=columns)
    first = before - skipped
    return answer(reader, table)[first : first + sizes[number]]


# ------------------------------------------------------------------------ frames


def _of_frame(answer: _Answer, reach: _Reach, shared: Any, X: Any, series: str | int | None) -> Any:
    if series is not None and series not in X.columns:
        raise ValueError(
            f"Got series={series!r}, but expected a column of X: {list(X.columns)[:10]}."
        )
    if reach.stride > 1:
        if series is not None:
            raise ValueError(
                f"Got series={series!r} and stride={reach.stride}, but expected stride=1, for "
                "where a series begins is not known in every partition. Score each by itself."
            )
        return _of_long_frame(answer, reach, shared, X)
    parts = X.to_delayed()
    heads = [dask.delayed(_first)([part], reach.after) for part in parts]
    before, found = None, []
    for i, part in enumerate(parts):
        after = dask.delayed(_first)(
            heads[i + 1 : i + 1 + MAX_AHEAD], reach.after, is_all=i + 1 + MAX_AHEAD >= len(parts)
        )
        found.append(dask.delayed(_of_partition)(answer, shared, before, part, after, series))
        before = dask.delayed(_last)([before, part], reach.before)
    meta = _named(answer, np.zeros((0, answer.n_columns or 1), answer.dtype), X._meta.index)
    return dd.from_delayed(found, meta=meta, divisions=X.divisions, verify_meta=False)


def _first(parts: list[Any], n_rows: int, is_all: bool = True) -> Any:
    """Return the first rows of consecutive parts; fewer only if these are all there are.

    Raises
    ------
    ValueError
        If there are fewer, and more partitions might hold more.
    """
    import pandas as pd

    if not parts:
        return None
    found = pd.concat(parts).iloc[:n_rows]
    if not is_all and len(found) < n_rows:
        raise ValueError(
            f"Got {len(found)} rows in {len(parts)} partitions that follow one another, but "
            f"expected at least the {n_rows} that windows and smoothing reach. Make them larger: "
            "X.repartition(npartitions=...)."
        )
    return found


def _last(parts: list[Any], n_rows: int) -> Any:
    import pandas as pd

    return pd.concat([part for part in parts if part is not None]).iloc[-n_rows:]


def _of_partition(
    answer: _Answer, reader: RowReader, before: Any, rows: Any, after: Any, series: Any
) -> Any:
    """Return the answer to rows that stand between those around them."""
    import pandas as pd

    around = pd.concat([part for part in (before, rows, after) if part is not None])
    first = 0 if before is None else len(before)
    if series is None:
        values = answer(reader, around)
    else:
        features = around.drop(columns=series)
        runs = _runs(around[series], series)
        parts = [answer(reader, features.iloc[part]) for part in runs]
        values = np.concatenate([*parts, answer(reader, features[:0])])
    return _named(answer, values[first : first + len(rows)], rows.index)


def _runs(labels: Any, series: str) -> list[slice]:
    """Return where each series stands, in order.

    Raises
    ------
    ValueError
        If the rows of some series do not stand together.
    """
    codes = labels.to_numpy()
    cuts = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    edges = [0, *cuts.tolist(), len(codes)] if len(codes) else []
    found = [slice(*pair) for pair in zip(edges[:-1], edges[1:], strict=True)]
    if len(found) > len(set(codes.tolist())):
        raise ValueError(
            f"Got a column {series!r} whose series come and come again, but expected the rows of "
            f"each to stand together. Sort them before: X.sort_values({series!r}) or set_index."
        )
    return found


def _of_long_frame(answer: _Answer, reach: _Reach, shared: Any, X: Any) -> Any:
    """Go by an array: where windows begin depends on how many rows come before a partition."""
    lengths = tuple(int(n) for n in X.map_partitions(len).compute())
    array = X.to_dask_array(lengths=lengths)
    found = _of_array(answer, reach, shared, array, list(X.columns))
    parts = zip(X.to_delayed(), found.to_delayed().ravel(), strict=True)
    meta = _named(answer, np.zeros((0, answer.n_columns or 1), answer.dtype), X._meta.index)
    frames = [dask.delayed(_relabelled)(answer, values, rows) for rows, values in parts]
    return dd.from_delayed(frames, meta=meta, divisions=X.divisions, verify_meta=False)


def _relabelled(answer: _Answer, values: NDArray, rows: Any) -> Any:
    return _named(answer, values, rows.index)


def _named(answer: _Answer, values: NDArray, index: Any) -> Any:
    """Return answers as a frame, or as a series if they are one number a row."""
    import pandas as pd

    if answer.n_columns:
        return pd.DataFrame(values, index=index, columns=answer.names)
    return pd.Series(values.reshape(-1), index=index, name=answer.method)
