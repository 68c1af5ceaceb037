"""One file for scalers and a detector: a zip of JSON and what `LSTMAutoencoder.save` writes."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["check_model_file", "read_pipeline", "write_pipeline"]

FORMAT = 1
SCALERS = {"MinMaxScaler", "StandardScaler"}
# Numbers of a scaler with a hundred thousand features, and of a network of a hundred million.
MAX_BYTES = {"scalers.json": 2**26, "detector.skae": 2**30}


def write_pipeline(pipeline: Any, path: str | os.PathLike) -> None:
    """Write a fitted Pipeline of scalers and an :class:`~skae.LSTMAutoencoder`.

    Parameters
    ----------
    pipeline : Pipeline
        Its scalers are of the kinds that the command makes.
    path : str or path-like
        The file, which is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    scalers = [
        {"name": name, "class": type(scaler).__name__, "fitted": _fitted(scaler)}
        for name, scaler in pipeline.steps[:-1]
    ]
    detector_name, detector = pipeline.steps[-1]
    content = {"format": FORMAT, "scalers": scalers, "detector": detector_name}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w") as archive:
        detector.save(Path(folder, "detector.skae"))
        archive.writestr("scalers.json", json.dumps(content))
        archive.write(Path(folder, "detector.skae"), "detector.skae")


def read_pipeline(path: str | os.PathLike) -> Any:
    """Return the Pipeline that :func:`write_pipeline` wrote.

    Raises
    ------
    ValueError
        If the file is none of those, or of a newer format.
    OSError
        If the file cannot be opened.
    """
    from sklearn.pipeline import Pipeline

    from skae import LSTMAutoencoder

    check_model_file(path)
    content, detector = _read_members(path)
    try:
        scalers = [(step["name"], _scaler(step)) for step in content["scalers"]]
        name = content["detector"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "detector.skae").write_bytes(detector)
        try:
            loaded = LSTMAutoencoder.load(Path(folder, "detector.skae"))
        except ValueError as error:  # which names the file in the folder
            raise _damaged(path) from error
    return Pipeline([*scalers, (name, loaded)])


def check_model_file(path: str | os.PathLike) -> None:
    """Raise ValueError if a file cannot be a model, OSError if it cannot be opened."""
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"{os.fspath(path)} is not a regular file")
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise _damaged(path)


def _read_members(path: str | os.PathLike) -> tuple[dict[str, Any], bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            texts = {name: _read_member(archive, name) for name in MAX_BYTES}
        content = json.loads(texts["scalers.json"])
        found = content["format"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
        raise _damaged(path) from error
    if found != FORMAT:
        raise ValueError(
            f"{os.fspath(path)} is of format {found}, but this skae reads {FORMAT}; upgrade it"
        )
    return content, texts["detector.skae"]


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_BYTES[name]:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _damaged(path: str | os.PathLike) -> ValueError:
    return ValueError(
        f"{os.fspath(path)} is not a model, or damaged; expected what 'skae detect --save' writes"
    )


def _fitted(scaler: Any) -> dict[str, Any]:
    """Return what `fit` settled, as plain values that are exact to the last bit."""
    return {name: _plain(value) for name, value in vars(scaler).items() if name.endswith("_")}


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return value
    array = np.asarray(value)
    return {"dtype": array.dtype.kind, "values": array.tolist()}


def _scaler(step: dict[str, Any]) -> Any:
    from sklearn import preprocessing

    if step["class"] not in SCALERS:
        raise ValueError(f"{step['class']} is no scaler of the command")
    scaler = getattr(preprocessing, step["class"])()
    for name, value in step["fitted"].items():
        if not name.endswith("_") or name.startswith("_"):
            raise ValueError(f"{name} is nothing that a scaler fits")
        setattr(scaler, name, value if isinstance(value, int) else _array(value))
    return scaler


def _array(plain: dict[str, Any]) -> Any:
    dtype = {"f": np.float64, "i": np.int64, "O": object}[plain["dtype"]]
    array = np.array(plain["values"], dtype=dtype)
    if dtype is not object and not np.isfinite(array).all():
        raise ValueError("a scaler holds numbers without end")
    return array if array.ndim else array[()]
