"""A network of ours as plain values and arrays, and back: Keras deserializes nothing."""

from collections.abc import Mapping
from typing import Any

import keras

from skae._compat.keras import build_optimizer, count_as_called, layers_of
from skae._network.architecture import Architecture, build_autoencoder
from skae._network.loss import ObservedLoss


def as_stored(
    model: keras.Model, architecture: dict[str, Any] | None, values: Mapping[int, Any] | None = None
) -> dict[str, Any] | None:
    """Return all that a compiled network is, state of its optimizer included.

    Parameters
    ----------
    model : keras.Model
    architecture : dict, optional
        Fields of the `Architecture` that `build_autoencoder` made it of.
    values : dict of int to tf.Tensor, optional
        Values of its variables, those of the optimizer included, by their ids.

    Returns
    -------
    dict of str to object, or None
        Plain values and arrays, beside an optimizer or a loss of one's own, if there is one.
        None for a model that was built otherwise, or is not compiled.
    """
    if architecture is None or not model.compiled:
        return None
    optimizer = model.optimizer

    def arrays(variables: list[keras.Variable]) -> list[Any]:
        return [(values[id(v)] if values is not None else v).numpy() for v in variables]

    return {
        "architecture": architecture,
        "trainable": [layer.trainable for layer in layers_of(model)],
        "weights": arrays(model.variables),
        "loss": loss_as_stored(model.loss),
        "optimizer": _name(type(optimizer), _classes(keras.optimizers)),
        "options": optimizer.get_config(),
        "optimizer_state": arrays(optimizer.variables),
    }


def from_stored(stored: dict[str, Any]) -> keras.Model:
    """Return the network that `as_stored` described; it scores, and trains on, the same.

    Raises
    ------
    ValueError
        If the name of an optimizer, schedule or loss is none of Keras, or an array does not fit.
    """
    fields = {**stored["architecture"], "units": tuple(stored["architecture"]["units"])}
    model = build_autoencoder(Architecture(**fields), seed=0)
    for layer, trainable in zip(layers_of(model), stored["trainable"], strict=True):
        layer.trainable = trainable
    optimizer = optimizer_from_stored(stored["optimizer"], stored["options"])
    model.compile(optimizer=optimizer, loss=loss_from_stored(stored["loss"]))
    _assign(model.variables, stored["weights"])
    if len(stored["optimizer_state"]) > len(optimizer.variables):
        build_optimizer(model)
    _assign(optimizer.variables, stored["optimizer_state"])
    count_as_called(model)
    return model


def loss_as_stored(loss: ObservedLoss) -> dict[str, Any]:
    """Return a loss, and its options if it is an object of a class."""
    resolved = keras.losses.get(loss.loss)
    if not isinstance(resolved, keras.losses.Loss):
        return {"loss": _name(resolved, _losses()), "options": None}
    options = loss.get_config()["loss"]["config"]
    return {"loss": _name(type(resolved), _losses()), "options": options}


def _name(thing: Any, known: dict[str, Any]) -> Any:
    """Return the name of what is Keras' own, and what is not as it is."""
    name = getattr(thing, "__name__", "")
    return name if known.get(name) is thing else thing


def loss_from_stored(stored: dict[str, Any]) -> ObservedLoss:
    """Return the loss that `loss_as_stored` was given."""
    known = _known(_losses(), stored["loss"], "loss")
    return ObservedLoss(known if stored["options"] is None else known(**stored["options"]))


def _losses() -> dict[str, Any]:
    """Return the losses of Keras, functions and classes, by name."""
    others = {"deserialize", "get", "serialize"}
    found = {name: one for name, one in vars(keras.losses).items() if callable(one)}
    return {name: one for name, one in found.items() if name not in others}


def optimizer_from_stored(name: Any, options: dict[str, Any]) -> keras.optimizers.Optimizer:
    """Return an optimizer by its name or class and what its `get_config` returned."""
    rate = options["learning_rate"]
    if isinstance(rate, dict):
        schedules = _classes(keras.optimizers.schedules)
        rate = _known(schedules, rate["class_name"], "schedule")(**rate["config"])
    return _known(_classes(keras.optimizers), name, "optimizer")(
        **{**options, "learning_rate": rate}
    )


def _known(things: dict[str, Any], name: Any, what: str) -> Any:
    if not isinstance(name, str):
        return name
    if name not in things:
        raise ValueError(f"Got {what} {name!r}, but expected one of Keras: {sorted(things)}.")
    return things[name]


def _classes(module: Any) -> dict[str, Any]:
    return {name: thing for name, thing in vars(module).items() if isinstance(thing, type)}


def _assign(variables: list[keras.Variable], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
