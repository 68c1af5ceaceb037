"""The content of FILE: decoded text or a Parquet frame. Other formats raise an error."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

STANDARD_INPUT = "-"
BLOCK = 2**20
# A gzip file of a few megabytes may contain terabytes, and a pipe may not end.
MAX_BYTES = 2**32
# Ten thousand columns of ten digits need less than a hundredth of this.
MAX_LINE = 2**24
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
# The first bytes of files that are often mistaken for CSV, with advice.
OTHER_FORMATS = {
    rb"PK\x03\x04.{0,99}(\[Content_Types\]|_rels/|xl/)": "an Excel workbook; save it as CSV",
    rb"PK\x03\x04": "a zip archive; unpack it and use one of its files",
    rb"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV",
    rb"BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf": "a compressed file; unpack it (gzip is read)",
    rb"\x89HDF|CDF[\x01\x02]": "HDF5 or NetCDF; convert it to CSV or Parquet",
    rb"SQLite format 3": "a database; export a table as CSV",
    rb"\x89PNG|\xff\xd8\xff|%PDF": "a picture or PDF; use the table it was made from",
    rb"\s*<(!|\?xml|html|head|body|table|svg)": "a web page or XML; download the raw file",
    rb"(--|/\*|SET|CREATE|DROP|INSERT).{0,9999}INSERT INTO": "SQL; export the table as CSV",
    rb"\s*[\[{]\s*[\"\[{]": "JSON; convert it to CSV",
    rb"version https://git-lfs": "a Git LFS pointer; fetch the file itself",
}
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_source(path: str) -> bytes:
    """Read a file in blocks, unpack gzip, and stop at the first block that is not of a table.

    Raises
    ------
    ValueError
        If the file has another format, is damaged or larger than 4 GiB, or has a line longer
        than 16 MiB.
    OSError
        If the file cannot be opened or read.
    """
    name, content, open_line = name_source(path), io.BytesIO(), 0
    with _open(path) as file:
        for block in _blocks(name, file):
            if not content.tell():
                _reject_other_formats(name, block)
            if content.tell() + len(block) > MAX_BYTES:
                raise ValueError(f"{name} is larger than {MAX_BYTES >> 30} GiB")
            end = max(block.rfind(b"\n"), block.rfind(b"\r"))
            open_line = len(block) + (open_line if end < 0 else -1 - end)
            content.write(block)
            if open_line > MAX_LINE and not is_parquet(content.getbuffer()[:4]):
                raise ValueError(f"{name} is not a CSV file: a line exceeds {MAX_LINE >> 20} MiB")
    return content.getvalue()


def name_source(path: str) -> str:
    """Return the name of a file in messages."""
    return "standard input" if path == STANDARD_INPUT else path


def is_parquet(content: Any) -> bool:
    """Return whether a file begins like Parquet."""
    return bytes(content[:4]) == PARQUET


def decode(name: str, content: bytes, encoding: str | None = None) -> tuple[bytes, list[str]]:
    r"""Return text in UTF-8 with newlines as line ends, and notes on how it was decoded.

    Without `encoding`, a byte order mark, UTF-8, and UTF-16 (every other byte is zero) are tried,
    else Windows-1252 is used. Guesses by letters read degree signs in short tables as Chinese.

    Examples
    --------
    >>> from skae._cli.source import decode
    >>> decode("a.csv", "T (°C)\r\n1".encode("cp1252"))[0].decode()
    'T (°C)\n1'
    """
    notes = []
    guessed = encoding or _encoding_of(content)
    if guessed == "cp1252" and not encoding:
        notes = [
            "the text is not UTF-8 and was read as Windows-1252; if this is wrong, set --encoding"
        ]
    try:
        if guessed != "utf-8":
            content = content.decode(guessed).encode()
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"{name} is not text in {guessed}: {error}; set --encoding") from error
    if b"\0" in content:
        raise ValueError(f"{name} is not a CSV file: it contains binary data")
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), notes


def _encoding_of(content: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    head = content[:2000]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) > 3 and head[first::2].count(0) > 0.4 * len(head):
            return encoding
    try:
        return "utf-8" if content.isascii() or content.decode() is not None else ""
    except UnicodeDecodeError:
        return "cp1252"


def _reject_other_formats(name: str, block: bytes) -> None:
    for beginning, what in OTHER_FORMATS.items():
        if re.match(beginning, block, re.DOTALL | re.IGNORECASE):
            raise ValueError(f"{name} is {what}")


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Open a file; its suffix is ignored, because pipes have none."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise ValueError("standard input is closed; expected a file name")
        yield _unpacked(sys.stdin.buffer)
        return
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        # A device such as /dev/zero does not end. A shell passes <(...) as a FIFO.
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise ValueError(f"{path} is not a regular file")
        yield _unpacked(file)


def _unpacked(file: Any) -> Any:
    buffered = file if hasattr(file, "peek") else io.BufferedReader(file)
    return gzip.GzipFile(fileobj=buffered) if buffered.peek(2).startswith(GZIP) else buffered


def _blocks(name: str, file: BinaryIO) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK):
            yield block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is a damaged gzip file: {error}") from error


def read_frame(name: str, content: bytes) -> Any:
    """Read a Parquet file; an index other than row numbers becomes a column.

    Raises
    ------
    ValueError
        If the file is damaged, too large, without rows or with two columns of one name, or pandas
        or pyarrow is not installed.
    """
    try:
        import pandas as pd
        from pyarrow.parquet import ParquetFile
    except ImportError:
        reason = "reading Parquet needs pandas and pyarrow; run pip install 'skae[parquet]'"
        raise ValueError(reason) from None
    try:
        file = ParquetFile(io.BytesIO(content))
        _check_size(file.metadata)
        frame = file.read().to_pandas()
    # pyarrow raises ValueError and OSError without the file name.
    except (ValueError, OSError, KeyError, NotImplementedError) as error:
        raise ValueError(f"{name} cannot be read as Parquet: {error}") from error
    return _with_index(pd, name, frame)


def _check_size(metadata: Any) -> None:
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    # A million equal cells need only a few bytes in the file.
    if max(unpacked, 8 * metadata.num_rows * metadata.num_columns) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 30} GiB")


def _with_index(pd: Any, name: str, frame: Any) -> Any:
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.columns = [str(column) for column in frame.columns]
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind == "M":  # as text, as in CSV
            times = frame.iloc[:, place]
            frame.isetitem(place, times.astype(str).where(times.notna()))
    if not frame.size:
        raise ValueError(f"{name} has no rows; expected rows of numbers")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"two columns are named {twice[0]!r}; rename one of them")
    return frame
