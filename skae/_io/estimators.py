"""`save` and `load`: estimators as one file that holds no code."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from skae._compat.sklearn import OUTPUT, REQUESTS, check_parameters_of, requests_of, set_requests
from skae._files.atomic import replace_file
from skae._files.container import Described, Reader, Writer, pack, unpack
from skae._io import detector, transformers
from skae._io.objects import describe_object, make_object

Loaded = TypeVar("Loaded")

DETECTOR = "_detector"
"""Name of the detector in the state of an estimator."""

METHODS_WITH_OUTPUT = {"transform": {"default", "pandas", "polars", None}}
"""What `set_output` leaves."""


def describe(name: str, value: Any, writer: Writer) -> Described:
    """Return what a file says of an estimator, or of another object that is not plain.

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


def make(tag: str, content: Any, reader: Reader, custom_objects: Mapping[str, Any]) -> Any:
    """Return the estimator or other object that `describe` was given.

    Raises
    ------
    ValueError
        If it is not known, or in a state that no fit leaves.
    """
    if tag != "estimator":
        return make_object(tag, content, reader, custom_objects)
    name = content["class"]
    parameters = {key: reader.read(item) for key, item in content["parameters"].items()}
    attributes = {key: reader.read(item) for key, item in content["attributes"].items()}
    estimator = _class_of(name, custom_objects)(**parameters)
    check_parameters_of(estimator)
    if isinstance(estimator, _autoencoder_class()):
        _restore(estimator, attributes)
    else:
        transformers.check_attributes(name, attributes)
        vars(estimator).update(attributes)
    _set_output(estimator, content["output"])
    set_requests(estimator, content["requests"])
    return estimator


def _attributes(estimator: Any, beside: dict[str, Any]) -> dict[str, Any]:
    if isinstance(estimator, _autoencoder_class()):
        return _state_of(estimator, beside)
    if transformers.is_known(estimator):
        transformers.check_names(type(estimator).__name__, beside)
        return beside
    raise TypeError(
        f"Got {estimator!r}, but expected an estimator of skae, or one of "
        f"{sorted(transformers.KNOWN)}. Use joblib.dump instead."
    )


def _state_of(estimator: Any, beside: dict[str, Any]) -> dict[str, Any]:
    """Return the detector of an estimator, as a file holds it, by its name."""
    unknown = sorted(beside.keys() - {DETECTOR})
    if unknown:
        raise TypeError(
            f"Got {unknown} set on the estimator, but expected no attributes but those of its "
            "fit. Delete them, or use joblib.dump instead."
        )
    if DETECTOR not in beside:
        return {}
    return {DETECTOR: detector.stored_detector(estimator.__getstate__()[DETECTOR])}


def _restore(estimator: Any, attributes: dict[str, Any]) -> None:
    if not attributes:
        return
    if set(attributes) != {DETECTOR}:
        raise ValueError(f"its fitted state has {sorted(attributes)}, which no fit leaves")
    plain = detector.read_detector(attributes[DETECTOR], estimator.get_params())
    estimator.__setstate__({**vars(estimator), DETECTOR: plain})


def _class_of(name: Any, custom_objects: Mapping[str, Any]) -> type:
    if name in transformers.KNOWN:
        return transformers.class_of(name)
    return detector_class(name, custom_objects)


def detector_class(name: Any, custom_objects: Mapping[str, Any]) -> type:
    """Return `LSTMAutoencoder`, or the subclass of it that the caller handed over.

    Raises
    ------
    ValueError
        If the name is of neither.
    """
    autoencoder = _autoencoder_class()
    if name == autoencoder.__name__:
        return autoencoder
    own = custom_objects.get(name)
    if isinstance(own, type) and issubclass(own, autoencoder):
        return own
    raise ValueError(
        f"it holds a {name!r}, but expected an estimator of skae, or one of "
        f"{sorted(transformers.KNOWN)}; a subclass of LSTMAutoencoder is taken from "
        f"load(path, custom_objects={{{name!r}: ...}})"
    )


_autoencoders: list[type] = []


def holds_detector(cls: type) -> type:
    """Register the class of estimators whose state is a `Detector`: `LSTMAutoencoder`."""
    _autoencoders.append(cls)
    return cls


def _autoencoder_class() -> type:
    return _autoencoders[0]


def _set_output(estimator: Any, output: dict[str, Any]) -> None:
    for method, container in output.items():
        if container not in METHODS_WITH_OUTPUT[method]:
            raise ValueError(f"it wants the output of {method!r:.80} as {container!r:.80}")
        if container is not None:
            estimator.set_output(transform=container)


MAX_BYTES = 2**30
"""Of a file, by default: a network of 250 million weights, or half of that with Adam's state."""


def save(estimator: BaseEstimator, path: str | os.PathLike[str]) -> None:
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
    Of scikit-learn: Pipeline, FeatureUnion, ColumnTransformer, StandardScaler, MinMaxScaler,
    MaxAbsScaler, RobustScaler, QuantileTransformer, PowerTransformer, FunctionTransformer,
    Normalizer, SimpleImputer, VarianceThreshold and PCA.

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
    path: str | os.PathLike[str],
    *,
    custom_objects: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """Return what `save` wrote; nothing in the file is run.

    Parameters
    ----------
    path : str or path-like
        Also a file of ``LSTMAutoencoder.save``.
    custom_objects : dict of str to object, default=None
        Functions and classes of your own by their ``__name__``, such as the callable `model`, a
        loss, or a subclass of `LSTMAutoencoder`. A file names what it needs.
    max_bytes : int, default=2**30
        Largest file that is read.

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
        return _load(data, dict(custom_objects or {}))
    except Exception as error:  # whatever a stranger's bytes make Python, numpy or Keras raise
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a whole file that skae.save or "
            f"LSTMAutoencoder.save wrote: {reason[:2000]}."
        ) from error


def load_only(
    cls: type[Loaded],
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Loaded:
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
    estimator: Loaded = loaded
    return estimator


def _load(data: bytes, custom_objects: dict[str, Any]) -> Any:
    plain, arrays = unpack(data)
    if not isinstance(plain, dict) or set(plain) != {"estimator"}:
        raise ValueError("it holds no estimator")

    def made(tag: str, content: Any, reader: Reader) -> Any:
        return make(tag, content, reader, custom_objects)

    return Reader(arrays, made).read(plain)


def _read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
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
