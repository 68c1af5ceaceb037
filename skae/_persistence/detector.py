"""The plain form of a `Detector`, checked before a detector is built from it."""

import datetime
import math
from dataclasses import fields
from numbers import Integral
from typing import Any

import keras
import numpy as np

from skae._compat.keras import build_optimizer, layers_of
from skae._input.time_gaps import longest_step
from skae._network.architecture import Architecture, DataSize
from skae._network.serialization import assign
from skae._persistence.objects import check_loss, check_optimizer
from skae._scoring.errors import MEASURES
from skae._scoring.scorer import AGGREGATIONS, ScoringRule
from skae._training.adapter import KerasAdapter
from skae._windows.windows import Windowing

Plain = dict[str, Any]

PARTS = {
    *("network", "fill_values", "features", "windowing", "scaling", "scorer", "offset"),
    *("n_steps", "is_table", "training", "estimator", "asked"),
}
"""Keys of a detector's plain form."""

COUNTS_OF_TRAINING = {"n_iter", "n_epochs", "batch_size", "n_discords"}

MEASURED = "typical", "mean", "covariance"
"""Arrays of a fitted error measure."""


def stored_detector(plain: Plain) -> Plain:
    """Return the plain form of a detector, as stored in a file.

    If the caller's `model` built the network, only its weights are stored.
    """
    network, measure = plain["network"], plain["scorer"]["measure"]
    arrays = {name: np.asarray(measure[name]) for name in MEASURED if name in measure}
    return plain | {
        "network": _own_weights(network) if isinstance(network, keras.Model) else network,
        "scorer": plain["scorer"] | {"measure": measure | arrays},
    }


def read_detector(stored: Plain, parameters: dict[str, Any]) -> Plain:
    """Return the detector that `stored_detector` stored, after checking it.

    Parameters
    ----------
    stored : dict
    parameters : dict
        Parameters of the estimator.

    Raises
    ------
    ValueError
        If `fit` cannot produce such a detector.
    """
    check_detector(stored)
    if "own" not in stored["network"]:
        return stored
    return stored | {"network": _own_model(stored, parameters)}


def check_detector(plain: Plain) -> None:
    """Reject names, types, sizes and numbers that `fit` does not produce."""
    _require(isinstance(plain, dict) and set(plain) == PARTS, "has other keys")
    offset = plain["offset"]
    _require(isinstance(offset, float) and math.isfinite(offset), f"has offset={offset!r:.80}")
    _require(_is_count(plain["n_steps"], 1), "has no n_steps")
    _require(isinstance(plain["is_table"], bool), "has an is_table that is not a bool")
    _require(isinstance(plain["estimator"], str), "has an estimator without a name")
    _require(isinstance(plain["asked"], dict), "has no parameters of its network")
    _check_training(plain["training"])
    _check_windowing(plain["windowing"])
    n_features = _check_network(plain["network"])
    _check_features(plain["features"], 1 if plain["is_table"] else n_features)
    _require(plain["features"]["n_features"] == n_features, "has another number of features")
    _check_numbers("fill_values", plain["fill_values"], (n_features,))
    _check_scaling(plain["scaling"], n_features)
    _check_scoring(plain["scorer"], n_features)


def _check_training(training: Any) -> None:
    keys = {"history", "keeps_rate", *COUNTS_OF_TRAINING}
    _require(set(training) == keys, "has other keys in its training record")
    _require(isinstance(training["keeps_rate"], bool), "has a keeps_rate that is not a bool")
    _require(_is_history(training["history"]), "has a history that is not lists of floats")
    for name in COUNTS_OF_TRAINING:
        _require(_is_count(training[name]), f"has {name}={str(training[name])[:80]}")


def _check_features(features: Any, n_features: int) -> None:
    _require(set(features) == {"n_columns", "n_features", "names"}, "has other keys in features")
    n_columns, names = features["n_columns"], features["names"]
    _require(_is_count(n_columns, 1), "has no n_columns")
    _require(features["n_features"] == n_features, f"does not have {n_features} features")
    is_row = isinstance(names, np.ndarray) and names.shape == (n_columns,)
    _require(names is None or is_row and names.dtype == object, "has names unlike its columns")


def _check_windowing(windowing: Any) -> None:
    is_known = isinstance(windowing, tuple) and len(windowing) == len(Windowing._fields)
    _require(is_known, "has no windowing")
    size, stride, series, max_gap = Windowing(*windowing)
    _require((size is None or _is_count(size, 1)) and _is_count(stride, 1), "has no windowing")
    is_name = isinstance(series, str | None) or _is_count(series) or series == -1
    _require(is_name, "has a series that is not a name")
    is_step = isinstance(max_gap, str | float | int | datetime.timedelta | np.timedelta64)
    _require(max_gap is None or is_step, "has a max_gap that is not a step of time")
    if max_gap is not None:
        longest_step(max_gap)


def _check_scaling(scaling: Any, n_features: int) -> None:
    if scaling is None:
        return
    _require(set(scaling) == {"center", "spread", "series"}, "has other keys in scaling")
    series = scaling["series"]
    shape: tuple[int, ...] = (n_features,)
    if series is not None:
        _require(isinstance(series, tuple) and bool(series), "has a scaling without series")
        are_names = all(isinstance(name, str | int | float) for name in series)
        _require(are_names, "has a scaling of series that have no names")
        shape = len(series), n_features
    for name in ("center", "spread"):
        _check_numbers(name, scaling[name], shape)
    _require(bool((scaling["spread"] > 0).all()), "has a spread that is not positive")


def _check_network(network: Plain) -> int:
    """Check that a network has the size of its weights; return its number of features."""
    training = network["training"]
    arrays = [*network["weights"], *(training["optimizer_state"] if training else [])]
    _require(all(isinstance(array, np.ndarray | np.generic) for array in arrays), "has no weights")
    for array in arrays:
        _require(bool(np.isfinite(array).all()), "has weights that are not finite")
    _require(all(type(flag) is bool for flag in network["trainable"]), "has no trainable flags")
    if "own" in network:
        _require(_is_count(network["own"], 1), "has a network without features")
        return int(network["own"])
    if training:
        check_loss(training["loss"])
        check_optimizer(training["optimizer"], training["options"])
    return _check_architecture(network["architecture"], network["weights"])


def _check_architecture(plain: dict[str, Any], weights: list[Any]) -> int:
    names = {field.name for field in fields(Architecture)}
    _require(set(plain) == names, "has other fields in its architecture")
    sizes = [plain[name] for name in ("n_features", "latent_dim", "segment_length")]
    units = plain["units"]
    _require(
        isinstance(units, tuple) and bool(units) and all(_is_count(n, 1) for n in (*sizes, *units)),
        "has an architecture without sizes",
    )
    least = least_weights(*(int(size) for size in sizes), units=units)
    n_weights = sum(np.size(array) for array in weights)
    _require(least <= n_weights, f"has {n_weights} weights instead of at least {least}")
    return int(plain["n_features"])


def least_weights(
    n_features: int, latent_dim: int, segment_length: int, *, units: tuple[int, ...]
) -> int:
    """Return a lower bound for the number of weights; a file with fewer is rejected."""
    step = n_features * segment_length
    # A GRU's kernels, the smallest; then the kernels of the latent and the reconstruction.
    kernels = sum(3 * n * (n + before) for n, before in zip(units, (step, *units), strict=False))
    return kernels + latent_dim * units[-1] + step * units[0]


def _check_scoring(plain: dict[str, Any], n_features: int) -> None:
    _require(plain["error"] in MEASURES, f"has the error {plain['error']!r:.80}")
    _require(plain["aggregation"] in AGGREGATIONS, "has an unknown aggregation")
    measure = plain["measure"]
    shapes = {"mean": (n_features,), "covariance": (n_features, n_features)}
    shapes["typical"] = (3, n_features) if measure["kind"] == "multiscale" else (n_features,)
    for name in shapes.keys() & measure.keys():
        _check_numbers(name, measure[name], shapes[name])
    if "typical" in measure:
        _require(bool((measure["typical"] > 0).all()), "has typical errors that are not positive")
    policy = ScoringRule.from_plain(plain).offset_policy
    shares = [x for x in (policy.contamination, policy.threshold) if not isinstance(x, str)]
    numbers = [*policy.limits, *shares]
    _require(all(isinstance(n, int | float) and math.isfinite(n) for n in numbers), "has no limits")


def _check_numbers(name: str, array: Any, shape: tuple[int, ...]) -> None:
    is_array = isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape
    _require(is_array and bool(np.isfinite(array).all()), f"has no {name} of the shape {shape}")


def _is_count(value: Any, least: int = 0) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _is_history(history: Any) -> bool:
    return isinstance(history, dict) and all(
        isinstance(values, list) and all(isinstance(value, float) for value in values)
        for values in history.values()
    )


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"its fitted state {otherwise}, which no fit produces")


# ------------------------------------------------------------------- networks of `model`


def _own_weights(model: keras.Model) -> Plain:
    return {
        "own": int(model.input_shape[-1]),
        "trainable": [layer.trainable for layer in layers_of(model)],
        "weights": [variable.numpy() for variable in model.variables],
        "training": {"optimizer_state": [v.numpy() for v in model.optimizer.variables]},
    }


def _own_model(stored: Plain, parameters: dict[str, Any]) -> keras.Model:
    """Build the network with the caller's builder, and set its weights."""
    network = stored["network"]
    size = DataSize(network["own"], stored["n_steps"], stored["windowing"][0] is None)
    model = KerasAdapter.of(parameters, size, seed=0).build_compiled(0)
    layers = layers_of(model)
    _require(len(layers) == len(network["trainable"]), "has another network than `model` builds")
    for layer, trainable in zip(layers, network["trainable"], strict=True):
        layer.trainable = trainable
    optimizer_state = network["training"]["optimizer_state"]
    if len(optimizer_state) > len(model.optimizer.variables):
        build_optimizer(model)
    _assign(model.variables, network["weights"])
    _assign(model.optimizer.variables, optimizer_state)
    return model


def _assign(variables: list[keras.Variable], values: list[Any]) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    _require(shapes == [value.shape for value in values], "has weights unlike those of `model`")
    assign(variables, values)
