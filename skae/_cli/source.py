"""The bytes of FILE: a file, a gzip file or standard input, checked while they are read."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO

__all__ = ["STANDARD_INPUT", "is_parquet", "name_source", "read_source"]

STANDARD_INPUT = "-"
BLOCK = 2**20
# A gzip file of a few megabytes can hold terabytes, and a pipe has no end.
MAX_BYTES = 2**32
# Ten thousand columns of ten digits take a hundredth of it.
MAX_LINE = 2**24
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"


def read_source(path: str) -> bytes:
    """Read a file that is to be a table, in blocks, and stop at the first that cannot be one.

    Parameters
    ----------
    path : str
        The file: CSV text in UTF-8, or Parquet, either of them compressed by gzip if need be;
        "-" is standard input.

    Returns
    -------
    content : bytes
        The file of Parquet, or the text without a byte order mark, with lines that end in
        newlines only.

    Raises
    ------
    ValueError
        If the file is no text, damaged, larger than 4 GiB, or has a line beyond 16 MiB.
    OSError
        If the file cannot be opened or read.
    """
    content = io.BytesIO()
    with _open(path) as file:
        for block in _checked(path, file):
            if content.tell() + len(block) > MAX_BYTES:
                raise ValueError(f"{name_source(path)} holds more than {MAX_BYTES >> 30} GiB")
            content.write(block)
    return content.getvalue()


def name_source(path: str) -> str:
    """Return what messages call a file."""
    return "standard input" if path == STANDARD_INPUT else path


def is_parquet(content: bytes) -> bool:
    """Return whether a file begins as Parquet does."""
    return content.startswith(PARQUET)


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Open a file, whatever its name ends in: pipes have none."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise ValueError("standard input is closed; give the name of a file")
        yield _unpacked(sys.stdin.buffer)
        return
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        # A device such as /dev/zero has no end; what a shell puts behind <(...) is a FIFO.
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise ValueError(f"{path} is not a regular file")
        yield _unpacked(file)


def _unpacked(file: Any) -> Any:
    buffered = file if hasattr(file, "peek") else io.BufferedReader(file)
    return gzip.GzipFile(fileobj=buffered) if buffered.peek(2).startswith(GZIP) else buffered


def _checked(path: str, file: BinaryIO) -> Iterator[bytes]:
    blocks = _blocks(path, file)
    first = next(blocks, b"")
    if is_parquet(first):
        yield first
        yield from blocks
    else:
        yield from _checked_text(path, first.removeprefix(codecs.BOM_UTF8), blocks)


def _blocks(path: str, file: BinaryIO) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK):
            yield block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name_source(path)} is a damaged gzip file: {error}") from error


def _checked_text(path: str, first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    decode = codecs.getincrementaldecoder("utf-8")().decode
    open_line = 0  # bytes since the last newline
    for block in _with_newlines(first, blocks):
        _refuse_binary(path, block, decode)
        end = block.rfind(b"\n")
        open_line = len(block) + (open_line if end < 0 else -1 - end)
        if open_line > MAX_LINE:
            longest = f"{MAX_LINE >> 20} MiB"
            raise ValueError(f"{name_source(path)} is no CSV file: a line is beyond {longest}")
        yield block
    _refuse_binary(path, b"", decode, final=True)


def _with_newlines(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks whose lines end in a newline, whatever they ended in before."""
    pending = b""  # a carriage return, whose newline may open the next block
    for block in chain([first], blocks):
        block = pending + block
        pending = b"\r" if block.endswith(b"\r") else b""
        text = block.removesuffix(b"\r")
        yield text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text
    yield pending and b"\n"


def _refuse_binary(path: str, block: bytes, decode: Any, final: bool = False) -> None:
    if b"\0" in block:
        raise ValueError(f"{name_source(path)} is not a CSV file: it holds binary data")
    try:
        decode(block, final)
    except UnicodeDecodeError as error:
        reason = "is not a CSV file in UTF-8 text; save it as one"
        raise ValueError(f"{name_source(path)} {reason}") from error
