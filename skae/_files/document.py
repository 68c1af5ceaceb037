"""`save` and `load`: an estimator, or a Pipeline around one, in one file."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skae._files.components import describe, make
from skae._files.container import is_packed, pack, unpack
from skae._files.older import read_older
from skae._files.plain import Reader, Writer
from skae._writing.replacing import replace_file

MAX_BYTES = 2**30
"""Of a file, by default: a network of 250 million weights, or half of that with Adam's state."""


def save(estimator: Any, path: str | os.PathLike) -> None:
    """Write an estimator, or a Pipeline around one, to one file without code.

    The file holds parameters, weights, the state of the optimizer and everything that `fit`
    settled, as plain values and arrays with a checksum. It is written beside the target, to
    the disk, and then renamed: whoever is killed leaves the old file or the new one.

    Parameters
    ----------
    estimator : LSTMAutoencoder, SequenceWindower, SequenceScaler or Pipeline
        Fitted or not. The other steps of a Pipeline are scalers and the like of scikit-learn, see
        Notes.
    path : str or path-like
        An existing file is replaced, and keeps its mode; a symbolic link stays one.

    Raises
    ------
    TypeError
        If an estimator, parameter or attribute is not known.
    ValueError
        If there is a folder, device or pipe.
    OSError
        If the file cannot be written, or may not be.

    See Also
    --------
    skae.load : Reads the file.

    Notes
    -----
    Of scikit-learn: Pipeline, FeatureUnion, StandardScaler, MinMaxScaler, MaxAbsScaler,
    RobustScaler, QuantileTransformer, Normalizer, SimpleImputer, VarianceThreshold and PCA.

    Losses, optimizers and schedules of Keras are written by name and options. Functions,
    classes and objects with ``get_config`` of your own are written by name only: `load` is
    handed them.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import skae
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> series = np.sin(np.arange(300) / 5)[:, None]
    >>> detector = skae.LSTMAutoencoder(20, units=8, epochs=2, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), detector).fit(series)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "pipeline.skae")
    ...     skae.save(pipeline, path)
    ...     loaded = skae.load(path)
    >>> bool((loaded.score_samples(series) == pipeline.score_samples(series)).all())
    True
    """
    writer = Writer(describe)
    plain = writer.write("estimator", estimator)
    if not isinstance(plain, dict) or "estimator" not in plain:
        raise TypeError(f"Got estimator={estimator!r}, but expected an estimator or a Pipeline.")
    replace_file(path, pack(plain, writer.arrays))


def load(
    path: str | os.PathLike,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """Return what `save` wrote; nothing in the file is run.

    Parameters
    ----------
    path : str or path-like
        Also a file of ``LSTMAutoencoder.save``, and of every earlier format.
    custom_objects : dict of str to object, default=None
        Functions and classes of your own by their ``__name__``, such as the callable `model`, a
        loss, or a subclass of `LSTMAutoencoder`. A file names what it needs.
    max_bytes : int, default=2**30
        Largest file that is read, or unpacked from an earlier format.

    Returns
    -------
    estimator
        In the state it was saved in; it scores, and trains on, the same.

    Raises
    ------
    ValueError
        If the file is not one that `save` wrote, is damaged, too large, or of a newer skae, or
        names what is neither known nor among `custom_objects`.
    OSError
        If there is no such file, or it may not be read.

    See Also
    --------
    skae.save : Writes the file, with an example of both.
    """
    data = _read_bytes(path, max_bytes)
    try:
        return _load(data, dict(custom_objects or {}), max_bytes)
    except Exception as error:  # whatever a stranger's bytes make Python, numpy or Keras raise
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a whole file that skae.save or "
            f"LSTMAutoencoder.save wrote: {reason[:2000]}."
        ) from error


def load_only(
    cls: type,
    path: str | os.PathLike,
    custom_objects: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """Return what `load` returns, if it is of the class `cls` and of no other.

    Raises
    ------
    ValueError
        If it is of another.
    """
    own = dict(custom_objects or {}) | {cls.__name__: cls}
    loaded = load(path, custom_objects=own, max_bytes=max_bytes)
    if type(loaded) is not cls:
        raise ValueError(
            f"Got path={os.fspath(path)!r} with a {type(loaded).__name__}, but expected a "
            f"{cls.__name__}. Use skae.load to read it."
        )
    return loaded


def _load(data: bytes, custom_objects: dict[str, Any], max_bytes: int) -> Any:
    if not is_packed(data) and data[:2] == b"PK":
        return read_older(data, custom_objects, max_bytes)
    plain, arrays = unpack(data)
    if not isinstance(plain, dict) or set(plain) != {"estimator"}:
        raise ValueError("it holds no estimator")

    def made(tag: str, content: Any, reader: Reader) -> Any:
        return make(tag, content, reader, custom_objects)

    return Reader(arrays, made).read(plain)


def _read_bytes(path: str | os.PathLike, max_bytes: int) -> bytes:
    """Return the content of a regular file that is not too large."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a regular file, no folder, device or pipe."
        )
    with open(Path(path), "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(
            f"Got path={os.fspath(path)!r} of {found.st_size} bytes, but expected at most "
            f"max_bytes={max_bytes}. Raise it if you trust the file."
        )
    return data
