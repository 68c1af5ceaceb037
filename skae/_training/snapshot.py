"""Plain values and arrays as one file that is whole or not there: no pickle, nothing unpacked.

::

    magic | SHA-256 of the rest | length of the header | header, JSON | arrays, one after the other
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from skae._writing.replacing import replace_file

MAGIC = b"skae checkpoint 1\n"
"""What the file begins with; the number is that of the format."""

DTYPES = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def write_snapshot(path: Path, values: dict[str, Any]) -> None:
    """Replace a file at once: whoever is killed leaves the old one or the new one.

    Parameters
    ----------
    path : Path
        What a killed write left beside it is removed.
    values : dict
        Plain values and arrays, in lists and dicts of any depth.

    Raises
    ------
    TypeError
        If a value is neither plain nor an array of numbers.
    """
    arrays: list[np.ndarray] = []
    plain = _without_arrays(values, arrays)
    layout = [[array.dtype.name, array.shape] for array in arrays]
    header = json.dumps({"values": plain, "arrays": layout}).encode()
    content = b"".join([len(header).to_bytes(8), header, *(array.tobytes() for array in arrays)])
    replace_file(path, MAGIC + hashlib.sha256(content).digest() + content)


def read_snapshot(path: Path) -> dict[str, Any]:
    """Return what `write_snapshot` was given.

    Raises
    ------
    ValueError
        If the file is no such snapshot, or not whole.
    """
    if not path.is_file():
        raise ValueError(f"Got checkpoint={str(path)!r}, but expected a file, or none yet.")
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(
                f"Got checkpoint={str(path)!r}, a file that is no checkpoint of this version of "
                "skae, but expected one, or no file. It was not touched; name another."
            )
        digest, content = file.read(hashlib.sha256().digest_size), file.read()
    if hashlib.sha256(content).digest() != digest:
        raise ValueError(
            f"Got checkpoint={str(path)!r}, which is damaged, but expected a whole checkpoint. "
            "Delete it to begin anew."
        )
    begin = 8 + int.from_bytes(content[:8])
    header = json.loads(content[8:begin])
    return _with_arrays(header["values"], _arrays(header["arrays"], memoryview(content)[begin:]))


def _arrays(layout: list, content: memoryview) -> list[np.ndarray]:
    arrays = []
    for name, shape in layout:
        n_bytes = np.dtype(name).itemsize * int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(content[:n_bytes], name).reshape(shape).copy())
        content = content[n_bytes:]
    return arrays


def _without_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return a value for JSON, in which arrays are numbers of those put into `arrays`."""
    match value:
        case np.ndarray() if value.dtype.name in DTYPES:
            arrays.append(np.ascontiguousarray(value))
            return {"array": len(arrays) - 1}
        case np.generic():
            return value.item()
        case tuple():
            return {"tuple": [_without_arrays(item, arrays) for item in value]}
        case list():
            return [_without_arrays(item, arrays) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {"dict": {key: _without_arrays(value[key], arrays) for key in value}}
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"Got {value!r}, but expected a plain value or an array of numbers.")


def _with_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    match value:
        case {"array": number}:
            return arrays[number]
        case {"tuple": items}:
            return tuple(_with_arrays(item, arrays) for item in items)
        case {"dict": items}:
            return {key: _with_arrays(items[key], arrays) for key in items}
        case list():
            return [_with_arrays(item, arrays) for item in value]
    return value


def is_plain(value: Any) -> bool:
    """Tell whether a snapshot can hold the value."""
    try:
        json.dumps(_without_arrays(value, []))
    except TypeError:
        return False
    return True
