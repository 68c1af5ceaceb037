"""The file of scalers and a detector, as `skae.save` writes it, and what is no such file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["check_model_file", "read_pipeline", "write_pipeline"]

BEGINNING = b"skae model "


def write_pipeline(pipeline: Any, path: str | os.PathLike) -> None:
    """Write a fitted Pipeline of scalers and an :class:`~skae.LSTMAutoencoder`.

    Parameters
    ----------
    pipeline : Pipeline
    path : str or path-like
        The file, which is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from skae import save

    save(pipeline, path)


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

    from skae import load

    check_model_file(path)
    try:
        loaded = load(path)
    except ValueError as error:
        if "upgrade to read it" in str(error):
            raise ValueError(f"{os.fspath(path)} is of a newer skae; upgrade to read it") from error
        raise _damaged(path) from error
    if not isinstance(loaded, Pipeline):
        raise _damaged(path)
    return loaded


def check_model_file(path: str | os.PathLike) -> None:
    """Raise ValueError if a file cannot be a model, OSError if it cannot be opened."""
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"{os.fspath(path)} is not a regular file")
    with open(path, "rb") as file:
        if file.read(len(BEGINNING)) != BEGINNING:
            raise _damaged(path)


def _damaged(path: str | os.PathLike) -> ValueError:
    return ValueError(
        f"{os.fspath(path)} is not a model, or damaged; expected what 'skae detect --save' writes"
    )
