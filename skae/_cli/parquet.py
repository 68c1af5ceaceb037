"""Read a Parquet file with pandas and pyarrow."""

from __future__ import annotations

import io
from typing import Any

from skae._cli.source import MAX_BYTES

__all__ = ["read_frame"]


def read_frame(name: str, content: bytes) -> Any:
    """Read a Parquet file.

    Parameters
    ----------
    name : str
        What messages call the file.
    content : bytes
        The file.

    Returns
    -------
    frame : DataFrame
        Its columns, the index of pandas among them where it is more than the numbers of rows.

    Raises
    ------
    ValueError
        If the file is damaged or too large, has no rows, two columns have the same name, or
        pandas or pyarrow is not installed.
    """
    try:
        import pandas as pd
        from pyarrow.parquet import ParquetFile
    except ImportError:
        reason = "reading Parquet needs pandas and pyarrow; run pip install 'skae[parquet]'"
        raise ValueError(reason) from None
    try:
        file = ParquetFile(io.BytesIO(content))
        _check_size(name, file.metadata)
        frame = file.read().to_pandas()
    # pyarrow's own errors are ValueErrors and OSErrors without the name of the file.
    except (ValueError, OSError, KeyError, NotImplementedError) as error:
        raise ValueError(f"{name} cannot be read as Parquet: {error}") from error
    return _with_index(pd, name, frame)


def _check_size(name: str, metadata: Any) -> None:
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    # A million equal cells take a few bytes until they are numbers.
    if max(unpacked, 8 * metadata.num_rows * metadata.num_columns) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES >> 30} GiB")


def _with_index(pd: Any, name: str, frame: Any) -> Any:
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.columns = [str(column) for column in frame.columns]
    if not frame.size:
        raise ValueError(f"{name} holds no rows; expected rows of numbers")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"two columns are named {twice[0]!r}; rename one of them")
    return frame
