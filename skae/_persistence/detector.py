"""The plain form of a `Detector`, checked before a detector is built from it."""

import datetime
from collections.abc import Callable
from dataclasses import fields
from numbers import Real
from typing import Any

import keras
import numpy as np

from skae._compat.keras import layers_of
from skae._compat.sklearn import Interval, StrOptions, positive_int, satisfies
from skae._input.time_gaps import longest_step
from skae._network.architecture import Architecture, DataSize
from skae._network.serialization import check_training, restore_state
from skae._scoring.error_measures import MEASURES
from skae._scoring.scoring_rule import AGGREGATIONS
from skae._training.adapter import KerasAdapter
from skae._windows.windows import Windowing

Plain = dict[str, Any]

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
    n_features = _check_network(plain["network"])
    named = plain | {"windowing": Windowing(*plain["windowing"])._asdict()}
    _check("fitted state", named, _of_detector(named, n_features))
    if plain["windowing"][3] is not None:
        longest_step(plain["windowing"][3])


BOOL, COUNT, SIZE = [bool], [positive_int(0)], [positive_int(1)]
FINITE = Interval(Real, None, None, closed="neither")


def _of_detector(plain: Plain, n_features: int) -> dict[str, Any]:
    """Return what `fit` produces: scikit-learn's constraints of each value, or a test of it."""
    names, columns = plain["features"]["names"], plain["features"]["n_columns"]
    counts = dict.fromkeys(("n_iter", "n_epochs", "batch_size", "n_discords"), COUNT)
    return {
        "network": [dict],
        "fill_values": _numbers(n_features),
        "features": {
            "n_columns": SIZE,
            "n_features": lambda n: n == n_features and (n == 1 or not plain["is_table"]),
            "names": lambda _: names is None or (names.dtype, names.shape) == (object, (columns,)),
        },
        "windowing": {
            "window_size": [None, *SIZE],
            "stride": SIZE,
            "series": [None, str, positive_int(-1)],
            "max_gap": [None, str, float, int, datetime.timedelta, np.timedelta64],
        },
        "scaling": _of_scaling(plain["scaling"], n_features),
        "scorer": {
            "error": [StrOptions(set(MEASURES))],
            "measure": _of_measure(plain["scorer"]["measure"], n_features),
            "aggregation": [StrOptions(set(AGGREGATIONS))],
            "offset_policy": {
                name: [FINITE, str] if name in ("contamination", "threshold") else [FINITE]
                for name in plain["scorer"]["offset_policy"]
            },
            "largest_of_windows": [Interval(Real, 0, None, closed="left")],
            "largest_of_rows": [Interval(Real, 0, None, closed="left")],
        },
        "offset": [FINITE],
        "n_steps": SIZE,
        "is_table": BOOL,
        "training": {"history": _are_losses, "keeps_rate": BOOL, **counts},
        "estimator": [str],
        "asked": [dict],
    }


def _of_scaling(scaling: Any, n_features: int) -> Any:
    if scaling is None:
        return [None]
    series = scaling["series"]
    shape = (n_features,) if series is None else (len(series), n_features)
    return {
        "center": _numbers(*shape),
        "spread": _numbers(*shape, above=0),
        "series": lambda _: series is None or _are_names(series),
    }


def _are_names(series: Any) -> bool:
    is_tuple = isinstance(series, tuple) and bool(series)
    return is_tuple and all(isinstance(name, str | int | float) for name in series)


def _of_measure(measure: Any, n_features: int) -> Plain:
    shape = (3, n_features) if measure["kind"] == "multiscale" else (n_features,)
    tests = {
        "kind": [StrOptions({"mse", "mae", "mahalanobis", "multiscale"})],
        "typical": _numbers(*shape, above=0),
        "mean": _numbers(n_features),
        "covariance": _numbers(n_features, n_features),
    }
    return {name: tests[name] for name in measure}


def _numbers(*shape: int, above: float = -np.inf) -> Callable[[Any], bool]:
    """Return a test of arrays of finite numbers."""

    def fits(array: Any) -> bool:
        is_array = isinstance(array, np.ndarray) and array.dtype.kind == "f"
        is_right = is_array and array.shape == shape
        return is_right and bool(((array > above) & (array < np.inf)).all())

    return fits


def _are_losses(history: Any) -> bool:
    return all(isinstance(losses, list) for losses in history.values()) and all(
        isinstance(loss, float) for losses in history.values() for loss in losses
    )


def _check(name: str, value: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        has_keys = isinstance(value, dict) and value.keys() == expected.keys()
        _require(has_keys, f"has other keys in its {name}")
        for key in expected:
            _check(key, value[key], expected[key])
    else:
        is_right = expected(value) if callable(expected) else satisfies(value, *expected)
        _require(is_right, f"has {name}={value!r:.80}")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"its fitted state {otherwise}, which no fit produces")


# ------------------------------------------------------------------- networks


def _check_network(network: Plain) -> int:
    """Check that a network has the size of its weights; return its number of features."""
    training = network["training"]
    for array in [*network["weights"], *(training["optimizer_state"] if training else [])]:
        is_finite = isinstance(array, np.ndarray | np.generic) and np.isfinite(array).all()
        _require(bool(is_finite), "has weights that are not finite numbers")
    _require(all(type(flag) is bool for flag in network["trainable"]), "has no trainable flags")
    if "own" in network:
        _check("n_features", network["own"], SIZE)
        return int(network["own"])
    if training:
        check_training(training)
    return _check_architecture(network["architecture"], network["weights"])


SIZES = "n_features", "latent_dim", "segment_length"
"""Sizes of an `Architecture` besides its units."""


def _check_architecture(plain: dict[str, Any], weights: list[Any]) -> int:
    names = {field.name for field in fields(Architecture)}
    _require(set(plain) == names, "has other fields in its architecture")
    sizes, units = [plain[name] for name in SIZES], plain["units"]
    _require(isinstance(units, tuple) and bool(units), "has no units")
    for size in (*sizes, *units):
        _check("size", size, SIZE)
    least = least_weights(*map(int, sizes), units=units)
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
    restore_state(model, network)
    return model
