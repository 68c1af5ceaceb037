"""Warm starts: which parameters of a trained network may change."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import keras

from skae._compat.keras import build_optimizer, is_seed, layers_of
from skae._network.architecture import Architecture

OF_NETWORK = {field.name for field in fields(Architecture)} - {"n_features"}
OF_NETWORK |= {"model", "scale", "scale_by_series"}
"""Parameters that shape a network or its inputs."""

WITHOUT_WEIGHTS = {"dropout", "noise"}
"""Those that may change in a trained network."""

OF_COMPILING = {"loss", "optimizer", "learning_rate"}

ROUTED = "optimizer__", "loss__", "model__"

Parameters = Mapping[str, Any]


def network_parameters(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that a network is built and compiled with."""
    names = OF_NETWORK | OF_COMPILING
    return {
        name: value
        for name, value in parameters.items()
        if name in names or name.startswith(ROUTED)
    }


def changed_parameters(before: Parameters, now: Parameters) -> set[str]:
    """Return which parameters of a trained network are to change.

    Raises
    ------
    ValueError
        If one of them cannot change in a trained network.
    """
    missing = object()
    changed = {
        name
        for name in before.keys() | now.keys()
        if not _are_equal(before.get(name, missing), now.get(name, missing))
    }
    for name in sorted(changed):
        if name in OF_NETWORK - WITHOUT_WEIGHTS or name.startswith("model__"):
            raise ValueError(
                f"Got {name}={now.get(name)!r} for a trained network with "
                f"{name}={before.get(name)!r}, but expected the same value to continue training. "
                "Set it back, or train a new network: warm_start=False and fit."
            )
    return changed


def _are_equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if hasattr(one, "get_config") and type(one) is type(other):
        # Keras numbers the names of optimizers.
        configs = [{**thing.get_config(), "name": ""} for thing in (one, other)]
        return repr(configs[0]) == repr(configs[1])
    return type(one) is type(other) and bool(one == other)


def changed_architecture(architecture: dict[str, Any], parameters: Parameters) -> Architecture:
    """Return the architecture of a network, with the requested dropout and noise."""
    built = Architecture(**{**architecture, "units": tuple(architecture["units"])})
    return replace(built, **{name: parameters[name] for name in WITHOUT_WEIGHTS})


def take_over(model: keras.Model, source: keras.Model) -> None:
    """Copy the weights of a trained network, and the state of an optimizer of the same kind.

    The learning rate stays that of the new network.
    """
    for layer, other in zip(layers_of(model), layers_of(source), strict=False):
        layer.trainable = other.trainable
    _assign(_weights(model.variables), _weights(source.variables))
    build_optimizer(model)
    one, other = model.optimizer, source.optimizer
    if type(one) is type(other) and len(one.variables) == len(other.variables):
        is_rate = [variable.name == "learning_rate" for variable in one.variables]
        kept = [i for i, rate in enumerate(is_rate) if not rate]
        _assign([one.variables[i] for i in kept], [other.variables[i] for i in kept])


def _weights(variables: list[keras.Variable]) -> list[keras.Variable]:
    return [variable for variable in variables if not is_seed(variable)]


def _assign(variables: list[keras.Variable], values: list[keras.Variable]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
