"""Methods of a detector on Dask arrays and frames, partition by partition."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
from numpy.typing import NDArray

from skae._detector import Detector
from skae._input.runs import runs_of_equal
from skae._scoring.scoring_rule import AGGREGATIONS
from skae._stream.reader import RowReader
from skae._windows.samples import Samples
from skae._windows.series import do_not_stand_together

METHODS: dict[str, Callable[[Detector, Samples], Any]] = {
    "score_samples": Detector.scores,
    "decision_function": Detector.decision,
    "predict": Detector.labels,
    "transform": Detector.latents,
    "reconstruct": Detector.reconstructions,
    "explain": Detector.contributions,
}
"""Estimator methods and the detector's functions, for the rows of one series."""


@dataclass(frozen=True)
class Reach:
    """The rows around a row that its result depends on.

    Parameters
    ----------
    before, after : int
        Rows needed on either side.
    stride : int
        Windows begin at its multiples.
    """

    before: int
    after: int
    stride: int

    @classmethod
    def of(cls, detector: Detector, method: str) -> "Reach":
        """Return the reach of a method of a detector."""
        size = detector.windowing.window_size or 0
        stride = min(size, detector.windowing.stride)
        smoothed = size if AGGREGATIONS[detector.scorer.aggregation].smooths else 0
        # Windows begin on a grid, and the last window of a part may end a row too early.
        before, after = size - 1 + smoothed + stride - 1, size - (stride == 1) + smoothed
        if method in ("predict", "decision_function"):
            before += detector.scorer.offset_policy.memory(size)
        return cls(before, after, stride)


@dataclass(frozen=True)
class Answer:
    """A detector method, applied to the rows of one partition and those around it.

    Parameters
    ----------
    method : str
    n_columns : int
        Columns of the result; 0 for one number per row.
    dtype : dtype
    names : list of str
        Names of these columns.
    """

    method: str
    n_columns: int
    dtype: Any
    names: list[str]

    @classmethod
    def of(cls, method: str, reader: RowReader) -> "Answer":
        """Return the `Answer` of a method of a reader's detector."""
        detector = reader.detector
        if method in ("score_samples", "decision_function"):
            return cls(method, 0, np.float64, [method])
        if method == "predict":
            return cls(method, 0, np.int64, [method])
        is_latent = method == "transform"
        names = detector.latent_names() if is_latent else detector.features.column_names()
        in_units_of_X = method == "reconstruct" and detector.scaling is not None
        is_float64 = method == "explain" or in_units_of_X
        return cls(method, len(names), np.float64 if is_float64 else np.float32, names)

    def __call__(self, reader: RowReader, rows: Any) -> NDArray[Any]:
        """Apply the method to rows in memory."""
        if not len(rows):
            return np.zeros((0, self.n_columns) if self.n_columns else 0, self.dtype)
        if reader.first_steps is not None:
            rows = reader.features(reader.first_steps.transform(rows))
        found = np.asarray(METHODS[self.method](reader.detector, reader.detector.read(rows)))
        return found.astype(self.dtype, copy=False)


def named(answer: Answer, values: NDArray[Any], index: Any) -> Any:
    """Return results as a frame, or as a series if there is one number per row."""
    import pandas as pd

    if answer.n_columns:
        return pd.DataFrame(values, index=index, columns=answer.names)
    return pd.Series(values.reshape(-1), index=index, name=answer.method)


def of_array(answer: Answer, reach: Reach, shared: Any, X: Any, columns: Any = None) -> Any:
    """Return the result for an array, in its chunks.

    Parameters
    ----------
    answer : Answer
    reach : Reach
    shared : dask.delayed.Delayed
        The reader of the detector.
    X : dask.array.Array of shape (n_rows, n_features)
    columns : list of str, optional
        Names of the features, if the detector compares them.
    """
    if X.ndim != 2:
        raise ValueError(f"Got X with {X.ndim} dimensions, but expected (n_rows, n_features).")
    if np.isnan(X.shape[0]):
        raise ValueError(
            "Got X with partitions of unknown sizes, but expected known sizes, which Dask needs "
            "to exchange rows between partitions. Call X.compute_chunk_sizes() first."
        )
    given = X.chunks[0]
    # Dask merges partitions that are shorter than the reach, but fails if all rows are fewer.
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


def _without_overlap(sizes: tuple[int, ...], reach: Reach) -> tuple[int, ...]:
    last = len(sizes) - 1
    return tuple(
        size - reach.before * (i > 0) - reach.after * (i < last) for i, size in enumerate(sizes)
    )


def _of_block(
    rows: NDArray[Any],
    answer: Answer,
    reach: Reach,
    reader: RowReader,
    starts: NDArray[Any],
    sizes: tuple[int, ...],
    columns: Any,
    block_id: tuple[int, ...] | None = None,
) -> NDArray[Any]:
    """Return the result for the rows of a block, given with the rows around it."""
    assert block_id is not None
    number = block_id[0]
    before = reach.before if number else 0
    # Windows begin at the same rows as in the whole series.
    skipped = int(-(starts[number] - before) % reach.stride)
    table = rows[skipped:]
    if columns is not None:
        import pandas as pd

        table = pd.DataFrame(table, columns=columns)
    first = before - skipped
    return answer(reader, table)[first : first + sizes[number]]


N_ASKED = 2
"""Consecutive partitions that must contain the rows that windows and smoothing reach."""


def of_frame(answer: Answer, reach: Reach, shared: Any, X: Any, series: str | int | None) -> Any:
    """Return the result for a frame, in its partitions; see `of_array`."""
    if series is not None and series not in X.columns:
        raise ValueError(
            f"Got series={series!r}, but expected a column of X: {list(X.columns)[:10]}."
        )
    if reach.stride > 1:
        if series is not None:
            raise ValueError(
                f"Got series={series!r} and stride={reach.stride}, but expected stride=1, because "
                "a partition does not know where a series begins. Score each series separately."
            )
        return _of_long_frame(answer, reach, shared, X)
    parts = X.to_delayed()
    # Each partition takes rows only from its neighbours. If partitions passed rows on, Dask would
    # follow the chain to its end and keep all partitions in memory.
    n_reaches = -(-reach.before // max(reach.after, 1))
    before = _rows_around(parts[::-1], _last, reach.before, n_reaches)[::-1]
    after = _rows_around(parts, _first, reach.after)
    found = [
        dask.delayed(_of_partition)(answer, shared, *around, series)
        for around in zip(before, parts, after, strict=True)
    ]
    meta = named(answer, np.zeros((0, answer.n_columns or 1), answer.dtype), X._meta.index)
    return dd.from_delayed(found, meta=meta, divisions=X.divisions, verify_meta=False)


def _rows_around(parts: list[Any], take: Any, n_rows: int, n_reaches: int = 1) -> list[Any]:
    """Return the rows that `take` selects from the parts after each part."""
    ends = [dask.delayed(take)([part], n_rows) for part in parts]
    n_asked = N_ASKED * n_reaches
    return [
        dask.delayed(take)(ends[i : i + n_asked], n_rows, is_all=i + n_asked >= len(parts))
        for i in range(1, len(parts) + 1)
    ]


def _first(parts: list[Any], n_rows: int, is_all: bool = True) -> Any:
    """Return the first rows of consecutive parts, or all if there are fewer."""
    return _enough(parts, n_rows, is_all).iloc[:n_rows] if parts else None


def _last(parts: list[Any], n_rows: int, is_all: bool = True) -> Any:
    """Return the last rows of parts, given last to first, or all if there are fewer."""
    if not parts:
        return None
    rows = _enough(parts[::-1], n_rows, is_all)
    return rows.iloc[max(len(rows) - n_rows, 0) :]


def _enough(parts: list[Any], n_rows: int, is_all: bool) -> Any:
    """Concatenate the rows of parts.

    Raises
    ------
    ValueError
        If there are too few although more partitions follow.
    """
    import pandas as pd

    found = pd.concat(parts)
    if not is_all and len(found) < n_rows:
        raise ValueError(
            f"Got {len(found)} rows in {len(parts)} consecutive partitions, but expected at least "
            f"{n_rows}, the reach of windows and smoothing. Make the partitions larger: "
            "X.repartition(npartitions=...)."
        )
    return found


def _of_partition(
    answer: Answer, reader: RowReader, before: Any, rows: Any, after: Any, series: Any
) -> Any:
    """Return the result for rows, given with the rows around them."""
    import pandas as pd

    around = pd.concat([part for part in (before, rows, after) if part is not None])
    first = 0 if before is None else len(before)
    if series is None:
        values = answer(reader, around)
    else:
        features = around.drop(columns=series)
        runs = _runs(around[series], series)
        names = around[series].to_numpy()[[part.start for part in runs]].tolist()
        parts = [
            answer(reader.of_series(name), features.iloc[part])
            for name, part in zip(names, runs, strict=True)
        ]
        values = np.concatenate([*parts, answer(reader, features[:0])])
    return named(answer, values[first : first + len(rows)], rows.index)


def _runs(labels: Any, series: str) -> list[slice]:
    """Return the slice of each series, in order.

    Raises
    ------
    ValueError
        If the rows of a series are not adjacent.
    """
    codes = labels.to_numpy()
    found = runs_of_equal(codes)
    if len(found) > len(set(codes.tolist())):
        raise do_not_stand_together(series)
    return found


def _of_long_frame(answer: Answer, reach: Reach, shared: Any, X: Any) -> Any:
    """Convert to an array, because where windows begin depends on the rows before a partition."""
    lengths = tuple(int(n) for n in X.map_partitions(len).compute())
    array = X.to_dask_array(lengths=lengths)
    found = of_array(answer, reach, shared, array, list(X.columns))
    parts = zip(X.to_delayed(), found.to_delayed().ravel(), strict=True)
    meta = named(answer, np.zeros((0, answer.n_columns or 1), answer.dtype), X._meta.index)
    frames = [dask.delayed(_relabelled)(answer, values, rows) for rows, values in parts]
    return dd.from_delayed(frames, meta=meta, divisions=X.divisions, verify_meta=False)


def _relabelled(answer: Answer, values: NDArray[Any], rows: Any) -> Any:
    return named(answer, values, rows.index)
