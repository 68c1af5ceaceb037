"""`save` and `load`: estimators as one file without code."""

import os
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from skae._compat.sklearn import OUTPUT, REQUESTS, check_parameters_of, requests_of, set_requests
from skae._files import Described, Reader, Writer, pack, replace_file, unpack
from skae._network.serialization import CustomObjects, describe_object, make_object
from skae._persistence.classes import (
    DETECTOR,
    check_attributes,
    check_names,
    class_of,
    known_name,
    known_names,
)
from skae._persistence.detector import read_detector, stored_detector

Loaded = TypeVar("Loaded")

CONTAINERS = "default", "pandas", "polars", None
"""What `set_output` takes."""


def describe(name: str, value: Any, writer: Writer) -> Described:
    """Return the description of an estimator, or of another object, for a file.

    Raises
    ------
    TypeError
        If the object is not known.
    """
    if not isinstance(value, BaseEstimator):
        return describe_object(name, value, writer)
    parameters = value.get_params(deep=False)
    beside = {name: item for name, item in vars(value).items() if name not in parameters}
    output = beside.pop(OUTPUT, {})
    beside.pop(REQUESTS, None)
    attributes = _attributes(value, beside)
    content = {
        "class": type(value).__name__,
        "parameters": {key: writer.write(key, item) for key, item in parameters.items()},
        "attributes": {key: writer.write(key, item) for key, item in attributes.items()},
        "output": output,
        "requests": requests_of(value),
    }
    return {"estimator": content}


def make(tag: str, content: Any, reader: Reader, custom_objects: CustomObjects) -> Any:
    """Return the estimator or object that `describe` described.

    Raises
    ------
    ValueError
        If it is unknown, or its state is one that no fit produces.
    """
    if tag != "estimator":
        return make_object(tag, content, reader, custom_objects)
    name = content["class"]
    parameters = {key: reader.read(item) for key, item in content["parameters"].items()}
    attributes = {key: reader.read(item) for key, item in content["attributes"].items()}
    estimator = class_of(name, custom_objects)(**parameters)
    check_parameters_of(estimator)
    check_attributes(known_name(type(estimator)) or name, attributes)
    if DETECTOR in attributes:
        plain = read_detector(attributes[DETECTOR], estimator.get_params())
        estimator.__setstate__({**vars(estimator), DETECTOR: plain})
    else:
        vars(estimator).update(attributes)
    _set_output(estimator, content["output"])
    set_requests(estimator, content["requests"])
    return estimator


def _attributes(estimator: Any, beside: dict[str, Any]) -> dict[str, Any]:
    """Return the fitted attributes, with the detector as it is stored in a file."""
    name = known_name(type(estimator))
    if name is None:
        raise TypeError(
            f"Got {estimator!r}, but expected an estimator of skae, or one of {known_names()}. "
            "Use joblib.dump instead."
        )
    check_names(name, beside)
    if DETECTOR not in beside:
        return beside
    return {DETECTOR: stored_detector(estimator.__getstate__()[DETECTOR])}


def _set_output(estimator: Any, output: dict[str, Any]) -> None:
    for method, container in output.items():
        if method != "transform" or container not in CONTAINERS:
            raise ValueError(f"it requests the output of {method!r:.80} as {container!r:.80}")
        if container is not None:
            estimator.set_output(transform=container)


MAX_BYTES = 2**30
"""Default limit: a network of 250 million weights, or about half as many with Adam's state."""


def save(estimator: BaseEstimator, path: str | os.PathLike[str]) -> None:
    """Save an estimator, or a Pipeline around one, to a file without code.

    The file contains the parameters, the weights, the optimizer state and everything that `fit`
    determined, as plain values and arrays with a checksum. A temporary file is written and then
    renamed, so a killed process leaves either the old file or the new one.

    Parameters
    ----------
    estimator : LSTMAutoencoder, SequenceWindower, SequenceScaler or Pipeline
        Fitted or not. The other steps of a Pipeline may be the transformers listed in the Notes.
    path : str or path-like
        An existing file is replaced and keeps its mode. A symbolic link stays.

    Raises
    ------
    TypeError
        If an estimator, parameter or attribute is not known.
    ValueError
        If the path is a folder, device or pipe.
    OSError
        If the file cannot be written.

    See Also
    --------
    skae.load : Reads the file.

    Notes
    -----
    Supported parts of scikit-learn: Pipeline, FeatureUnion, ColumnTransformer, StandardScaler,
    MinMaxScaler, MaxAbsScaler, RobustScaler, QuantileTransformer, PowerTransformer,
    FunctionTransformer, Normalizer, SimpleImputer, VarianceThreshold and PCA.

    Losses, optimizers and schedules of Keras are stored by name and options. Your own functions,
    classes and objects with ``get_config`` are stored by name only; pass them to `load`.

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
    path: str | os.PathLike[str],
    *,
    custom_objects: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """Load an estimator that `save` wrote. No code from the file is run.

    Parameters
    ----------
    path : str or path-like
        A file of `save` or of ``LSTMAutoencoder.save``.
    custom_objects : dict of str to object, default=None
        Your own functions and classes by their ``__name__``, such as the callable `model`, a loss,
        or a subclass of `LSTMAutoencoder`. The error message names what is missing.
    max_bytes : int, default=2**30
        Size of the largest file that is read.

    Returns
    -------
    estimator
        In the state in which it was saved.

    Raises
    ------
    ValueError
        If the file was not written by `save`, is damaged, too large or from a newer skae, or names
        something that is neither known nor among `custom_objects`.
    OSError
        If the file does not exist or cannot be read.

    See Also
    --------
    skae.save : Writes the file, with an example of both.
    """
    data = _read_bytes(path, max_bytes)
    try:
        return _load(data, dict(custom_objects or {}))
    except Exception as error:  # malicious bytes may make Python, NumPy or Keras raise anything
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a complete file written by skae.save or "
            f"LSTMAutoencoder.save: {reason[:2000]}."
        ) from error


def load_only(
    cls: type[Loaded],
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Loaded:
    """Return what `load` returns, if it is exactly of the class `cls`.

    Raises
    ------
    ValueError
        If it is of another class.
    """
    own = dict(custom_objects or {}) | {cls.__name__: cls}
    loaded = load(path, custom_objects=own, max_bytes=max_bytes)
    if type(loaded) is not cls:
        raise ValueError(
            f"Got path={os.fspath(path)!r} with a {type(loaded).__name__}, but expected a "
            f"{cls.__name__}. Use skae.load to read it."
        )
    estimator: Loaded = loaded
    return estimator


def _load(data: bytes, custom_objects: dict[str, Any]) -> Any:
    plain, arrays = unpack(data)
    if not isinstance(plain, dict) or set(plain) != {"estimator"}:
        raise ValueError("it holds no estimator")
    return Reader(arrays, partial(make, custom_objects=custom_objects)).read(plain)


def _read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the content of a regular file, if it is not too large."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a regular file, not a folder, device or "
            "pipe."
        )
    with open(Path(path), "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(
            f"Got path={os.fspath(path)!r} of {found.st_size} bytes, but expected at most "
            f"max_bytes={max_bytes}. Raise it if you trust the file."
        )
    return data
