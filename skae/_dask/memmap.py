"""Write the rows of a Dask collection to a file that is read as a memory map."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from skae._files import replaced
from skae._input.checks import as_numbers
from skae._windows.large import is_lazy_array, is_lazy_frame, partitions_of

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
