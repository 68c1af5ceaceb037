"""Files of the formats 1 and 2: a zip with a Keras model, of which Keras runs nothing."""

import io
import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skae._compat.keras import build_optimizer
from skae._files import detector
from skae._files.components import detector_class
from skae._files.container import MAX_HEADER_BYTES, checked_size
from skae._files.hdf5 import check_weights_file
from skae._files.objects import check_loss, check_optimizer, known_keras, make_known
from skae._network.architecture import Architecture, DataSize, build_autoencoder
from skae._network.stored import as_stored, loss_from_stored, optimizer_from_stored

LAST = 2
"""The newest of the older formats."""

SLACK, MAX_RATIO = 2**20, 100
"""A member unpacks to at most so many bytes, and so many times the size of the file, in all."""

NOT_COMPARED = {"name", "seed", "dtype", "trainable", "module", "registered_name"} | {
    *("build_config", "compile_config", "shared_object_id", "inbound_nodes")
}
"""What differs between two Keras configurations of one network."""


def read_older(data: bytes, custom_objects: dict[str, Any], max_bytes: int) -> Any:
    """Return the estimator that an older skae saved.

    Raises
    ------
    ValueError
        If the file is none of those, or too large when unpacked.
    """
    limit = min(max_bytes, SLACK + MAX_RATIO * len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        content = json.loads(_member(file, "skae.json", min(limit, MAX_HEADER_BYTES)))
        _check_format(content["format"])
        arrays = _arrays(_member(file, "arrays.npz", limit), limit)
        archive = _member(file, "model.keras", limit) if "model.keras" in file.namelist() else None
    if content["format"] == 1:
        _upgrade(content)
    parameters = {name: _decode(value) for name, value in content["parameters"].items()}
    estimator = detector_class(content["class"], custom_objects)(
        **{"segment_length": 1, **parameters}
    )
    attributes = content["attributes"] | arrays
    if archive is None:
        if "offset_" in attributes:
            raise ValueError("it lacks its model")
        return estimator
    detector.restore(estimator, _state(estimator, attributes, archive, limit))
    return estimator


def _check_format(found: Any) -> None:
    if type(found) is not int or found not in range(1, LAST + 1):
        raise ValueError(f"it is of format {found!r:.80}, but expected 1 to {LAST} in a zip")


def _upgrade(content: dict[str, Any]) -> None:
    """Bring what is in a file of format 1 into format 2."""
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


def _state(estimator: Any, attributes: dict[str, Any], archive: bytes, limit: int) -> Any:
    """Return the fitted state as `detector.stored_state` would."""
    scoring = attributes["_scoring"]
    measure = {
        name: np.asarray(value, float) if name in detector.MEASURED else value
        for name, value in scoring["measure"].items()
    }
    state = attributes | {
        "_windowing": tuple(attributes["_windowing"]),
        "_scoring": scoring | {"measure": measure},
    }
    if "feature_names_in_" in state:
        state["feature_names_in_"] = np.array(state["feature_names_in_"], dtype=object)
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        config = json.loads(_member(file, "config.json", min(limit, MAX_HEADER_BYTES)))
        weights = _member(file, "model.weights.h5", limit)
    check_weights_file(weights)
    architecture = _architecture(estimator, state)
    stored = as_stored(_model(architecture, config, weights), asdict(architecture))
    return state | {"model_": stored, "_architecture": asdict(architecture)}


def _architecture(estimator: Any, state: dict[str, Any]) -> Architecture:
    if "_architecture" in state:
        found = state["_architecture"]
        return Architecture(**{**found, "units": tuple(found["units"])})
    n_features = 1 if state["_is_table"] else state["n_features_in_"]
    size = DataSize(n_features, state["n_steps_"], state["_windowing"][0] is None)
    return Architecture.of(estimator.get_params(), size)


def _model(architecture: Architecture, config: dict[str, Any], weights: bytes) -> keras.Model:
    """Return our own network with the weights, if it is that of the configuration."""
    sizes = architecture.n_features, architecture.latent_dim, architecture.segment_length
    least = detector.least_weights(*sizes, units=architecture.units)
    if 4 * least > len(weights):
        raise ValueError(f"it has fewer than the {least} weights of its network")
    model = build_autoencoder(architecture, seed=0)
    if not _agree(config["config"], model.get_config()):
        raise ValueError("its network is not that of its parameters, which alone is rebuilt")
    optimizer, loss = _compiled(config["compile_config"])
    model.compile(optimizer=optimizer, loss=loss)
    build_optimizer(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.weights.h5")
        file.write_bytes(weights)
        model.load_weights(file)
    return model


def _agree(stored: Any, ours: Any) -> bool:
    """Tell whether two configurations describe one network, in what both versions of Keras say."""
    if isinstance(stored, dict) and isinstance(ours, dict):
        keys = (stored.keys() & ours.keys()) - NOT_COMPARED
        return all(_agree(stored[key], ours[key]) for key in keys)
    if isinstance(stored, list | tuple) and isinstance(ours, list | tuple):
        return len(stored) == len(ours) and all(map(_agree, stored, ours))
    return stored == ours


def _compiled(config: dict[str, Any]) -> tuple[keras.optimizers.Optimizer, Any]:
    name, options = config["optimizer"]["class_name"], config["optimizer"]["config"]
    check_optimizer(name, options)
    loss = config["loss"]["config"]["loss"]
    if isinstance(loss, str):
        loss = {"class_name": "function", "config": loss}
    if loss["class_name"] == "function":
        stored = {"loss": loss["config"], "options": None}
    else:
        stored = {"loss": loss["class_name"], "options": loss["config"]}
    check_loss(stored)
    return optimizer_from_stored(name, options), loss_from_stored(stored)


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(_decode(item) for item in value["tuple"])
    name, options = value["keras"]["class_name"], value["keras"]["config"]
    if name == "function":
        name, options = options, None
    kinds = [known for known in known_keras() if known.partition(".")[2] == name]
    if not kinds:
        raise ValueError(f"it names {name!r:.80}, no loss, optimizer or schedule of Keras")
    return make_known(kinds[0], options)


def _member(file: zipfile.ZipFile, name: str, limit: int) -> bytes:
    size = file.getinfo(name).file_size
    if size > limit:
        raise ValueError(f"its part {name!r} unpacks to {size} bytes, but expected {limit} at most")
    return file.read(name)


def _arrays(data: bytes, limit: int) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        parts = {name: _member(file, name, limit) for name in file.namelist()}
    return {name.removesuffix(".npy"): _array(part) for name, part in parts.items()}


def _array(data: bytes) -> np.ndarray:
    """Return the array of a .npy file, if it is as long as its header says."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it has an array of an unknown version")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    body = data[file.tell() :]
    if is_fortran or checked_size(dtype.name, shape) != len(body):
        raise ValueError(f"it has an array of the shape {shape} in {len(body)} bytes")
    return np.frombuffer(body, dtype).reshape(shape).copy()
