"""Estimators, one inside another, as plain values and arrays, and back."""

import importlib
from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator

from skae._compat.sklearn import OUTPUT, REQUESTS, check_parameters_of, requests_of, set_requests
from skae._files import detector, transformers
from skae._files.objects import describe_object, make_object
from skae._files.plain import Described, Reader, Writer

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
    if _is_detector(estimator):
        detector.restore(estimator, attributes)
    else:
        transformers.check_attributes(name, attributes)
        vars(estimator).update(attributes)
    _set_output(estimator, content["output"])
    set_requests(estimator, content["requests"])
    return estimator


def _attributes(estimator: Any, beside: dict[str, Any]) -> dict[str, Any]:
    if _is_detector(estimator):
        return detector.stored_state(estimator, beside)
    if transformers.is_known(estimator):
        transformers.check_names(type(estimator).__name__, beside)
        return beside
    raise TypeError(
        f"Got {estimator!r}, but expected an estimator of skae, or one of "
        f"{sorted(transformers.KNOWN)}. Use joblib.dump instead."
    )


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
    if name == "LSTMAutoencoder":
        return _autoencoder()
    own = custom_objects.get(name)
    if isinstance(own, type) and issubclass(own, _autoencoder()):
        return own
    raise ValueError(
        f"it holds a {name!r}, but expected an estimator of skae, or one of "
        f"{sorted(transformers.KNOWN)}; a subclass of LSTMAutoencoder is taken from "
        f"load(path, custom_objects={{{name!r}: ...}})"
    )


def _is_detector(estimator: Any) -> bool:
    return isinstance(estimator, _autoencoder())


def _autoencoder() -> type:
    # By its public name: it stands on this wing.
    return importlib.import_module("skae").LSTMAutoencoder


def _set_output(estimator: Any, output: dict[str, Any]) -> None:
    for method, container in output.items():
        if container not in METHODS_WITH_OUTPUT[method]:
            raise ValueError(f"it wants the output of {method!r:.80} as {container!r:.80}")
        if container is not None:
            estimator.set_output(transform=container)
