"""Rows of a Dask array, answered in its partitions."""

import uuid
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from skae._partitions.answers import Answer, Reach
from skae._streaming.reader import RowReader


def of_array(answer: Answer, reach: Reach, shared: Any, X: Any, columns: Any = None) -> Any:
    """Return the answer to the rows of an array, in its chunks.

    Parameters
    ----------
    answer : Answer
    reach : Reach
    shared : dask.delayed.Delayed
        The reader of the detector.
    X : dask.array.Array of shape (n_rows, n_features)
    columns : list of str, optional
        Names of the features, where the detector compares them.
    """
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


def _without_overlap(sizes: tuple[int, ...], reach: Reach) -> tuple[int, ...]:
    last = len(sizes) - 1
    return tuple(
        size - reach.before * (i > 0) - reach.after * (i < last) for i, size in enumerate(sizes)
    )


def _of_block(
    rows: NDArray,
    answer: Answer,
    reach: Reach,
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
