"""One file for a fitted estimator: a zip of JSON, arrays and a Keras model, no pickle.

The archive holds ``skae.json`` (format, class, parameters, plain attributes),
``arrays.npz`` and, if the estimator is fitted, ``model.keras``.
"""

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skae._scoring.rule import ScoringRule
from skae._sequences.windows import Windowing

FORMAT = 2
"""Raised when an older skae could not read the archive; `_upgrade` reads the older formats."""


def save_estimator(estimator: Any, path: str | os.PathLike) -> None:
    """Write parameters and fitted state; an existing file is replaced only when all went well.

    Raises
    ------
    TypeError
        If a parameter is neither a plain value nor a Keras object.
    """
    parameters = estimator.get_params(deep=False)
    attributes = {k: v for k, v in vars(estimator).items() if k not in parameters}
    model = attributes.pop("model_", None)
    if model is not None:
        attributes["_scoring"] = estimator._scoring.to_plain()
    if "feature_names_in_" in attributes:
        attributes["feature_names_in_"] = list(estimator.feature_names_in_)
    write_archive(
        path,
        class_name=type(estimator).__name__,
        parameters=parameters,
        attributes=attributes,
        model=model,
    )


def load_estimator(cls: type, path: str | os.PathLike) -> Any:
    """Return what `save_estimator` wrote, as an estimator of the class `cls`.

    Raises
    ------
    ValueError
        If the file is not such an archive, or of a newer format.
    """
    archive = read_archive(path)
    estimator = cls(**archive["parameters"])
    if archive["model"] is None:
        return estimator
    attributes = archive["attributes"] | {"model_": archive["model"]}
    attributes["_scoring"] = ScoringRule.from_plain(attributes["_scoring"])
    attributes["_windowing"] = Windowing(*attributes["_windowing"])
    if "feature_names_in_" in attributes:
        attributes["feature_names_in_"] = np.array(attributes["feature_names_in_"], dtype=object)
    vars(estimator).update(attributes)
    return estimator


def write_archive(
    path: str | os.PathLike,
    *,
    class_name: str,
    parameters: dict[str, Any],
    attributes: dict[str, Any],
    model: keras.Model | None,
) -> None:
    """Write an archive; an existing file is replaced only when all went well.

    Parameters
    ----------
    path : str or path-like
    class_name : str
    parameters : dict
        Plain values, or Keras objects that can be serialised.
    attributes : dict
        Plain values and arrays.
    model : keras.Model, optional

    Raises
    ------
    TypeError
        If a parameter is neither plain nor a Keras object.
    """
    arrays = {k: v for k, v in attributes.items() if isinstance(v, np.ndarray)}
    content = {
        "format": FORMAT,
        "class": class_name,
        "parameters": {name: _encode(name, value) for name, value in parameters.items()},
        "attributes": {k: v for k, v in attributes.items() if k not in arrays},
    }
    target = Path(path)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        archive = Path(folder, "archive")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("skae.json", json.dumps(content, indent=1))
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, **arrays)
            file.writestr("arrays.npz", buffer.getvalue())
            if model is not None:
                model.save(Path(folder, "model.keras"))
                file.write(Path(folder, "model.keras"), "model.keras")
        os.replace(archive, target)


def read_archive(path: str | os.PathLike) -> dict[str, Any]:
    """Return what `write_archive` was given, by name.

    Raises
    ------
    ValueError
        If the file is no archive of this kind, or of a newer format.
    """
    try:
        with zipfile.ZipFile(path) as file:
            content = json.loads(file.read("skae.json"))
            _check_format(path, content["format"])
            arrays = np.load(io.BytesIO(file.read("arrays.npz")), allow_pickle=False)
            model = _read_model(file) if "model.keras" in file.namelist() else None
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a file that LSTMAutoencoder.save wrote."
        ) from error
    if content["format"] < FORMAT:
        _upgrade(content)
    return {
        "class_name": content["class"],
        "parameters": {k: _decode(v) for k, v in content["parameters"].items()},
        "attributes": {**content["attributes"], **{k: arrays[k] for k in arrays.files}},
        "model": model,
    }


def _upgrade(content: dict[str, Any]) -> None:
    """Bring what is in a file of format 1 into the current one."""
    parameters, attributes = content["parameters"], content["attributes"]
    if parameters["contamination"] == "three_sigma":
        parameters.update(contamination="auto", threshold="three_sigma")
    if "error_measure_" not in attributes:
        return
    attributes["_scoring"] = {
        "error": parameters["error"],
        "measure": attributes.pop("error_measure_"),
        "aggregation": parameters["aggregation"],
        "offset_policy": {
            "contamination": parameters["contamination"],
            "threshold": parameters.get("threshold", "robust"),
            "max_ratio": 2.0 if parameters["window_size"] else 1.0,
        },
    }
    attributes["_windowing"] = [parameters["window_size"], parameters["stride"]]
    attributes["_is_table"] = attributes.pop("_fitted_on_table")
    del attributes["_takes_root"]


def _check_format(path: str | os.PathLike, found: int) -> None:
    if found > FORMAT:
        raise ValueError(
            f"Got path={os.fspath(path)!r} of format {found}, but expected at most {FORMAT}. "
            "It was written by a newer skae; upgrade to read it."
        )


def _read_model(file: zipfile.ZipFile) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        return keras.saving.load_model(file.extract("model.keras", folder))


def _encode(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, list):
        return [_encode(name, item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_encode(name, item) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    try:
        if type(value).__module__.startswith("keras."):
            return {"keras": keras.saving.serialize_keras_object(value)}
    except (TypeError, ValueError):
        pass
    raise TypeError(
        f"Got {name}={value!r}, but expected a plain value or a Keras loss, optimizer or "
        "schedule, which alone can be written without pickle. Use joblib.dump instead."
    )


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, dict) and "tuple" in value:
        return tuple(_decode(item) for item in value["tuple"])
    if isinstance(value, dict) and "keras" in value:
        return keras.saving.deserialize_keras_object(value["keras"])
    return value
