"""Rows of a Dask frame, answered in its partitions."""

from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
from numpy.typing import NDArray

from skae._partitions.answers import Answer, Reach, named
from skae._partitions.arrays import of_array
from skae._sequences.layout import consecutive_runs, do_not_stand_together
from skae._streaming.reader import RowReader

MAX_AHEAD = 2
"""Partitions that are asked for the rows after another one."""


def of_frame(answer: Answer, reach: Reach, shared: Any, X: Any, series: str | int | None) -> Any:
    """Return the answer to the rows of a frame, in its partitions; see `of_array`."""
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
    meta = named(answer, np.zeros((0, answer.n_columns or 1), answer.dtype), X._meta.index)
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
    answer: Answer, reader: RowReader, before: Any, rows: Any, after: Any, series: Any
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
    return named(answer, values[first : first + len(rows)], rows.index)


def _runs(labels: Any, series: str) -> list[slice]:
    """Return where each series stands, in order.

    Raises
    ------
    ValueError
        If the rows of some series do not stand together.
    """
    codes = labels.to_numpy()
    found = consecutive_runs(codes)
    if len(found) > len(set(codes.tolist())):
        raise do_not_stand_together(series)
    return found


def _of_long_frame(answer: Answer, reach: Reach, shared: Any, X: Any) -> Any:
    """Go by an array: where windows begin depends on how many rows come before a partition."""
    lengths = tuple(int(n) for n in X.map_partitions(len).compute())
    array = X.to_dask_array(lengths=lengths)
    found = of_array(answer, reach, shared, array, list(X.columns))
    parts = zip(X.to_delayed(), found.to_delayed().ravel(), strict=True)
    meta = named(answer, np.zeros((0, answer.n_columns or 1), answer.dtype), X._meta.index)
    frames = [dask.delayed(_relabelled)(answer, values, rows) for rows, values in parts]
    return dd.from_delayed(frames, meta=meta, divisions=X.divisions, verify_meta=False)


def _relabelled(answer: Answer, values: NDArray, rows: Any) -> Any:
    return named(answer, values, rows.index)
