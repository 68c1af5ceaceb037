"""Rows in a temporary file, read as a memory map."""

import errno
import mmap
import tempfile
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

MAX_STACKED = 2**24
"""Bytes up to which parts of a memory map are joined in memory."""


class Spool:
    """A temporary file to which rows are written, and which is read as a memory map.

    It lies in the folder of `tempfile`, without a name where the system allows that. It disappears
    with the last reference to the memory map, even if the process is killed.

    Examples
    --------
    >>> with Spool() as spool:
    ...     spool.add(np.ones((2, 3), np.float32))
    ...     spool.add(np.zeros((1, 3), np.float32))
    ...     rows = spool.mapped()
    >>> rows.shape, rows.flags.writeable
    ((3, 3), False)
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="skae-")
        self._n_rows = 0
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: NDArray[Any]) -> None:
        """Write rows with the same dtype and number of columns as before."""
        self._shape, self._dtype = rows.shape[1:], rows.dtype
        self._n_rows += len(rows)
        try:
            self._file.write(np.ascontiguousarray(rows).data)
            self._file.flush()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                error.add_note(
                    f"The temporary folder {tempfile.gettempdir()!r} is full. It stores data that "
                    "fit reads part by part. Set the environment variable TMPDIR to "
                    "another folder."
                )
            raise

    def mapped(self) -> NDArray[Any]:
        """Return all rows, read-only. The memory map outlives the spool."""
        shape = (self._n_rows, *self._shape)
        if not self._n_rows:
            return np.zeros(shape, self._dtype)
        rows = np.memmap(self._file, self._dtype, "r", shape=shape)
        return np.asarray(rows)


def is_mapped(rows: NDArray[Any]) -> bool:
    """Tell whether an array is, or is a view of, a memory map."""
    base: Any = rows
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


def stacked(rows: NDArray[Any], parts: Iterable[slice]) -> NDArray[Any]:
    """Concatenate parts of rows.

    A single part is returned as a view. Many rows of a memory map are copied to another temporary
    file.
    """
    chosen = [rows[part] for part in parts]
    if len(chosen) == 1:
        return chosen[0]
    if not is_mapped(rows) or sum(part.nbytes for part in chosen) <= MAX_STACKED:
        return np.concatenate(chosen)
    with Spool() as spool:
        for part in chosen:
            spool.add(part)
        return spool.mapped()
