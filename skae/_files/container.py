"""The bytes of a file: a checksum, a header of plain values, and arrays as they are in memory.

::

    magic | SHA-256 of the rest | length of the header | header, JSON | arrays, one after the other

Nothing is compressed, so no file takes more memory than a few times its own size.
"""

import hashlib
import json
import math
import re
from typing import Any

import numpy as np

FORMAT = 3
"""Raised when an older skae could not read the file."""

MAX_HEADER_BYTES = 2**23
"""Plain values beside the arrays; JSON takes many times its size in memory."""

MAX_DIMENSIONS = 8

DTYPES = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
"""What arrays hold; nothing else is written, or read."""

_MAGIC = re.compile(rb"skae model (\d{1,9})\n")
_DIGEST_SIZE = hashlib.sha256().digest_size


def pack(values: Any, arrays: list[np.ndarray]) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    values : object
        What JSON can say.
    arrays : list of ndarray
        Of the `DTYPES`.

    Raises
    ------
    ValueError
        If the values take more than `MAX_HEADER_BYTES`.
    """
    layout = [[array.dtype.name, list(array.shape)] for array in arrays]
    header = json.dumps({"values": values, "arrays": layout}).encode()
    if len(header) > MAX_HEADER_BYTES:
        raise ValueError(
            f"Got {len(header)} bytes of plain values, but expected at most {MAX_HEADER_BYTES}. "
            "Use joblib.dump instead."
        )
    parts = [_little_endian(array).tobytes() for array in arrays]
    content = b"".join([len(header).to_bytes(8, "little"), header, *parts])
    return b"skae model %d\n" % FORMAT + hashlib.sha256(content).digest() + content


def unpack(data: bytes) -> tuple[Any, list[np.ndarray]]:
    """Return what `pack` was given.

    Raises
    ------
    ValueError
        If the bytes are not those of a whole file, or of a newer format.
    """
    content = memoryview(data)[_check_format(data) :]
    digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged: its checksum is that of another content")
    begin = 8 + int.from_bytes(content[:8], "little")
    if begin > min(len(content), 8 + MAX_HEADER_BYTES):
        raise ValueError(f"its header is longer than the file, or than {MAX_HEADER_BYTES} bytes")
    header = json.loads(bytes(content[8:begin]))
    return header["values"], _arrays(header["arrays"], content[begin:])


def is_packed(data: bytes) -> bool:
    """Tell whether bytes begin as those of this format, or a newer one."""
    return _MAGIC.match(data) is not None


def checked_size(dtype: Any, shape: Any) -> int:
    """Return the bytes that an array takes, by what a file says of it.

    Raises
    ------
    ValueError
        If there is no such array.
    """
    is_shape = isinstance(shape, list | tuple) and len(shape) <= MAX_DIMENSIONS
    if not is_shape or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"it has an array of the shape {str(shape)[:80]}")
    if dtype not in DTYPES:
        raise ValueError(f"it has an array of the type {str(dtype)[:80]}")
    return np.dtype(dtype).itemsize * math.prod(shape)


def _check_format(data: bytes) -> int:
    """Return where the content begins."""
    found = _MAGIC.match(data)
    if not found:
        raise ValueError("expected a file that skae.save wrote")
    if int(found[1]) != FORMAT:
        raise ValueError(
            f"it is of format {int(found[1])}, but expected at most {FORMAT}: it was written by "
            "a newer skae; upgrade to read it"
        )
    return found.end()


def _arrays(layout: Any, content: memoryview) -> list[np.ndarray]:
    sizes = [checked_size(dtype, shape) for dtype, shape in layout]
    if sum(sizes) != len(content):
        raise ValueError(
            f"it says that its arrays take {sum(sizes)} bytes, but they take {len(content)}"
        )
    arrays = []
    for (name, shape), size in zip(layout, sizes, strict=True):
        stored = np.frombuffer(content[:size], np.dtype(name).newbyteorder("<"))
        arrays.append(stored.astype(name).reshape(shape))
        content = content[size:]
    return arrays


def _little_endian(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
