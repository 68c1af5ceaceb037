"""Values as JSON and arrays, and back; what is neither is described by someone else."""

import datetime
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from skae._files.container import DTYPES

Described = dict[str, Any]


class Writer:
    """Values to JSON; arrays are collected.

    Parameters
    ----------
    describe : callable
        From the name and value of an object, and this writer, to a dict of one tag, whose
        content JSON can say.

    Attributes
    ----------
    arrays : list of ndarray
    """

    def __init__(self, describe: Callable[[str, Any, "Writer"], Described]):
        self.arrays: list[np.ndarray] = []
        self._describe = describe

    def write(self, name: str, value: Any) -> Any:
        """Return a value for JSON, in which arrays are their numbers.

        Raises
        ------
        TypeError
            If the value is neither plain nor known.
        """
        match value:
            case None | bool() | int() | float() | str() if not isinstance(value, np.generic):
                return value
            case datetime.timedelta() if type(value) is datetime.timedelta:
                return {"microseconds": value // datetime.timedelta(microseconds=1)}
            case datetime.timedelta() | np.timedelta64():  # a pandas.Timedelta among them
                return {"nanoseconds": int(np.timedelta64(value) // np.timedelta64(1, "ns"))}
            case os.PathLike():
                return os.fspath(value)
            case list():
                return [self.write(name, item) for item in value]
            case tuple():
                return {"tuple": [self.write(name, item) for item in value]}
            case dict() if all(isinstance(key, str) for key in value):
                return {"dict": {key: self.write(f"{name}.{key}", value[key]) for key in value}}
            case np.dtype() if value.name in DTYPES:
                return {"dtype": value.name}
            case np.ndarray() if value.dtype == object and all(map(_is_text, value.flat)):
                return {"texts": [str(item) for item in value]}
            case np.ndarray() | np.generic() if value.dtype.name in DTYPES:
                tag = self._collect(value)
                return {tag: len(self.arrays) - 1}
        return self._describe(name, value, self)

    def _collect(self, value: np.ndarray | np.generic) -> str:
        """Collect an array, and return how it is to be read."""
        if not isinstance(value, np.ndarray):
            self.arrays.append(np.asarray(value))
            return "number"
        # The order in memory decides the last bits of products.
        is_transposed = value.flags.f_contiguous and not value.flags.c_contiguous
        self.arrays.append(value.T if is_transposed else value)
        return "transposed" if is_transposed else "array"


class Reader:
    """What a `Writer` wrote, back to values.

    Parameters
    ----------
    arrays : list of ndarray
    make : callable
        From a tag, its content and this reader to what was described.
    """

    def __init__(self, arrays: list[np.ndarray], make: Callable[[str, Any, "Reader"], Any]):
        self._arrays = arrays
        self._make = make

    def read(self, plain: Any) -> Any:
        """Return the value that was written.

        Raises
        ------
        ValueError
            If it is nothing that a `Writer` writes.
        """
        if isinstance(plain, list):
            return [self.read(item) for item in plain]
        if not isinstance(plain, dict):
            return plain
        ((tag, content),) = plain.items()
        match tag:
            case "tuple":
                return tuple(self.read(item) for item in content)
            case "dict":
                return {key: self.read(item) for key, item in content.items()}
            case "texts":
                return np.array([_text(item) for item in content], dtype=object)
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


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(value: Any) -> str:
    if not _is_text(value):
        raise ValueError(f"it has {str(value)[:80]!r} where a text should be")
    return value
