"""Files that are complete or absent: checksummed contents, and atomic replacement."""

import contextlib
import datetime
import hashlib
import json
import math
import os
import re
import secrets
import stat
from collections import UserList
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# ------------------------------------------------------------------- atomic replacement

SUFFIX = ".skae-part"
"""Suffix of the temporary file that is written beside the target."""


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file atomically; see `replaced`.

    Parameters
    ----------
    path : str or path-like
    content : bytes
    """
    with replaced(path) as file:
        file.write(content)


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Lend a temporary file beside the target; flush it to disk and rename it at the end.

    A symbolic link stays, and the file it points to is replaced. An existing file keeps its mode.
    Temporary files that killed processes left beside this target are removed.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    ValueError
        If the path exists and is not a regular file.
    PermissionError
        If the file is read-only.
    """
    target = Path(os.path.realpath(path))
    mode = _mode_of(target, path)
    remove_leftovers(target)
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, mode)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _mode_of(target: Path, path: str | os.PathLike[str]) -> int | None:
    """Return the permissions of the existing file, None if there is none."""
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a regular file or a new path: a folder, "
            "device or pipe is not replaced."
        )
    if not found & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(
            f"Got path={os.fspath(path)!r}, a read-only file, but expected a writable one."
        )
    return stat.S_IMODE(found)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files of this target from processes that have ended."""
    target = Path(os.path.realpath(path))
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(\d+)-[0-9a-f]+{re.escape(SUFFIX)}")
    for entry in os.scandir(target.parent):
        found = pattern.fullmatch(entry.name)
        if found and not _is_alive(int(found[1])):
            Path(entry.path).unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Tell whether a process may be alive; only POSIX has a harmless way to ask."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Flush the new name to disk too, where folders can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------- contents

FORMAT = 4
"""Format number; increase it if an older skae could not read the file."""

MODEL, CHECKPOINT = "model", "checkpoint"
"""Kinds of files."""

MAX_HEADER_BYTES = 2**23
"""Largest size of the plain values; parsed JSON takes many times its size in memory."""

MAX_DIMENSIONS = 8

DTYPES = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
"""Dtypes of arrays; no others are written or read."""

_MAGIC = re.compile(rb"skae ([a-z]+) (\d{1,9})\n")
_DIGEST_SIZE = hashlib.sha256().digest_size


def pack(values: Any, arrays: list[np.ndarray], kind: str = MODEL) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    values : object
        Any JSON value.
    arrays : list of ndarray
        With the `DTYPES` above.
    kind : {"model", "checkpoint"}

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
    little = [array.astype(array.dtype.newbyteorder("<"), copy=False) for array in arrays]
    parts = [array.tobytes() for array in little]
    content = b"".join([len(header).to_bytes(8, "little"), header, *parts])
    return f"skae {kind} {FORMAT}\n".encode() + hashlib.sha256(content).digest() + content


def unpack(data: bytes, kind: str = MODEL) -> tuple[Any, list[np.ndarray]]:
    """Return the arguments of `pack`.

    Raises
    ------
    ValueError
        If the bytes are not a complete file, or of a newer format.
    """
    content = memoryview(data)[_check_format(data, kind) :]
    digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged: its checksum does not match its content")
    begin = 8 + int.from_bytes(content[:8], "little")
    if begin > min(len(content), 8 + MAX_HEADER_BYTES):
        raise ValueError(f"its header is longer than the file, or than {MAX_HEADER_BYTES} bytes")
    header = json.loads(bytes(content[8:begin]))
    return header["values"], _arrays(header["arrays"], content[begin:])


def checked_size(dtype: Any, shape: Any) -> int:
    """Return the size of an array in bytes, according to its entry in the file.

    Raises
    ------
    ValueError
        If the entry is not valid.
    """
    is_shape = isinstance(shape, list | tuple) and len(shape) <= MAX_DIMENSIONS
    if not is_shape or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"it has an array of the shape {str(shape)[:80]}")
    if dtype not in DTYPES:
        raise ValueError(f"it has an array of the type {str(dtype)[:80]}")
    size: int = np.dtype(dtype).itemsize * math.prod(shape)
    return size


def _check_format(data: bytes, kind: str) -> int:
    """Return the position of the content."""
    found = _MAGIC.match(data)
    if not found or found[1].decode() != kind:
        writer = "skae.save" if kind == MODEL else "a fit with `checkpoint`"
        raise ValueError(f"expected a file that {writer} wrote")
    if int(found[2]) != FORMAT:
        age = "newer" if int(found[2]) > FORMAT else "older"
        raise ValueError(
            f"it is of format {int(found[2])}, but expected {FORMAT}: it was written by an "
            f"{age} skae" + ("; upgrade to read it" if age == "newer" else "")
        )
    return found.end()


def _arrays(layout: Any, content: memoryview) -> list[np.ndarray]:
    sizes = [checked_size(dtype, shape) for dtype, shape in layout]
    if sum(sizes) != len(content):
        raise ValueError(
            f"its header lists arrays of {sum(sizes)} bytes, but it has {len(content)}"
        )
    arrays = []
    for (name, shape), size in zip(layout, sizes, strict=True):
        stored = np.frombuffer(content[:size], np.dtype(name).newbyteorder("<"))
        arrays.append(stored.astype(name).reshape(shape))
        content = content[size:]
    return arrays


Described = dict[str, Any]


class Writer:
    """Converts values to JSON and collects arrays.

    Parameters
    ----------
    describe : callable
        Maps the name and value of an object, and this writer, to a dict with one tag and a JSON
        value.

    Attributes
    ----------
    arrays : list of ndarray
    """

    def __init__(self, describe: Callable[[str, Any, "Writer"], Described]):
        self.arrays: list[np.ndarray] = []
        self._describe = describe

    def write(self, name: str, value: Any) -> Any:
        """Return a value for JSON, in which arrays are replaced by their numbers.

        Raises
        ------
        TypeError
            If the value is neither plain nor a known object.
        """
        match value:
            case None | bool() | int() | float() | str() if not isinstance(value, np.generic):
                return value
            case datetime.timedelta() if type(value) is datetime.timedelta:
                return {"microseconds": value // datetime.timedelta(microseconds=1)}
            case datetime.timedelta() | np.timedelta64():  # includes pandas.Timedelta
                return {"nanoseconds": int(np.timedelta64(value) // np.timedelta64(1, "ns"))}
            case os.PathLike():
                return os.fspath(value)
            case UserList():  # in a ColumnTransformer of scikit-learn 1.6
                return self.write(name, value.data)
            case list():
                return [self.write(name, item) for item in value]
            case tuple():
                return {"tuple": [self.write(name, item) for item in value]}
            case slice():
                return {
                    "slice": [self.write(name, v) for v in (value.start, value.stop, value.step)]
                }
            case dict() if all(isinstance(key, str) for key in value):
                return {"dict": {key: self.write(f"{name}.{key}", value[key]) for key in value}}
            case np.dtype() if value.name in DTYPES:
                return {"dtype": value.name}
            case np.ndarray() if value.dtype == object and _are_texts(value.flat):
                return {"texts": [str(item) for item in value]}
            case np.ndarray() | np.generic() if value.dtype.name in DTYPES:
                tag = self._collect(value)
                return {tag: len(self.arrays) - 1}
        return self._describe(name, value, self)

    def _collect(self, value: np.ndarray | np.generic) -> str:
        """Collect an array, and return the entry that describes it."""
        if not isinstance(value, np.ndarray):
            self.arrays.append(np.asarray(value))
            return "number"
        # The memory order affects the last bits of products.
        is_transposed = value.flags.f_contiguous and not value.flags.c_contiguous
        self.arrays.append(value.T if is_transposed else value)
        return "transposed" if is_transposed else "array"


class Reader:
    """Converts what a `Writer` wrote back to values.

    Parameters
    ----------
    arrays : list of ndarray
    make : callable
        Maps a tag, its content and this reader to the described object.
    """

    def __init__(self, arrays: list[np.ndarray], make: Callable[[str, Any, "Reader"], Any]):
        self._arrays = arrays
        self._make = make

    def read(self, plain: Any) -> Any:
        """Return the original value.

        Raises
        ------
        ValueError
            If no `Writer` writes such a value.
        """
        if isinstance(plain, list):
            return [self.read(item) for item in plain]
        if not isinstance(plain, dict):
            return plain
        ((tag, content),) = plain.items()
        match tag:
            case "tuple":
                return tuple(self.read(item) for item in content)
            case "slice" if all(isinstance(edge, int | str | None) for edge in content):
                return slice(*content)
            case "dict":
                return {key: self.read(item) for key, item in content.items()}
            case "texts" if _are_texts(content):
                return np.array(content, dtype=object)
            case "dtype" if content in DTYPES:
                return np.dtype(content)
            case "array":
                return self._arrays[content]
            case "transposed":
                return self._arrays[content].T
            case "number":
                return self._arrays[content][()]
            case "microseconds" if type(content) is int:
                return datetime.timedelta(microseconds=content)
            case "nanoseconds" if type(content) is int:
                return np.timedelta64(content, "ns")
        return self._make(tag, content, self)


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
