"""Methods of a detector on Dask frames, partition by partition."""

from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
from numpy.typing import NDArray

from skae._dask.arrays import Answer, Reach, named, of_array
from skae._input.runs import runs_of_equal
from skae._stream.reader import RowReader
from skae._windows.series import do_not_stand_together

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
    # Each partition takes rows from its neighbours only. If rows were passed on from one partition
    # to the next, Dask would follow the chain to its end and hold all partitions meanwhile.
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
    """Return what `take` takes of the parts that follow each part."""
    ends = [dask.delayed(take)([part], n_rows) for part in parts]
    n_asked = N_ASKED * n_reaches
    return [
        dask.delayed(take)(ends[i : i + n_asked], n_rows, is_all=i + n_asked >= len(parts))
        for i in range(1, len(parts) + 1)
    ]


def _first(parts: list[Any], n_rows: int, is_all: bool = True) -> Any:
    """Return the first rows of consecutive parts; fewer only if there are no more."""
    return _enough(parts, n_rows, is_all).iloc[:n_rows] if parts else None


def _last(parts: list[Any], n_rows: int, is_all: bool = True) -> Any:
    """Return the last rows of parts, given last to first; fewer only if there are no more."""
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
        parts = [answer(reader, features.iloc[part]) for part in runs]
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
