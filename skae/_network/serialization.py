"""Networks as plain values and arrays, and back, without Keras' deserialization."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from skae._compat.keras import build_optimizer, count_as_called, layers_of
from skae._network.architecture import Architecture, build_autoencoder
from skae._network.loss import ObservedLoss


def as_stored(
    model: keras.Model, architecture: dict[str, Any], values: Mapping[int, Any] | None = None
) -> dict[str, Any]:
    """Return a network as plain values, with its training state if it is compiled.

    Parameters
    ----------
    model : keras.Model
    architecture : dict
        Fields of the `Architecture` that `build_autoencoder` built it from.
    values : dict of int to tf.Tensor, optional
        Values of its variables by their ids; the current ones by default. Without the optimizer's
        values, the network can run but not continue training.

    Returns
    -------
    dict of str to object
        Plain values and arrays. An optimizer or loss that is not from Keras is included unchanged.
    """
    training = None
    if model.compiled and (values is None or _holds(values, model.optimizer.variables)):
        training = _training_as_stored(model, values)
    return {
        "architecture": architecture,
        "trainable": [layer.trainable for layer in layers_of(model)],
        "weights": _arrays(model.variables, values),
        "training": training,
    }


def _training_as_stored(model: keras.Model, values: Mapping[int, Any] | None) -> dict[str, Any]:
    optimizer = model.optimizer
    return {
        "loss": loss_as_stored(model.loss),
        "optimizer": _name(type(optimizer), known_optimizers()),
        "options": optimizer.get_config(),
        "optimizer_state": _arrays(optimizer.variables, values),
    }


def _holds(values: Mapping[int, Any], variables: list[keras.Variable]) -> bool:
    return all(id(variable) in values for variable in variables)


def _arrays(variables: list[keras.Variable], values: Mapping[int, Any] | None) -> list[Any]:
    return [(v if values is None else values[id(v)]).numpy() for v in variables]


def from_stored(stored: dict[str, Any]) -> keras.Model:
    """Return the network that `as_stored` described; it scores and trains identically.

    Raises
    ------
    ValueError
        If Keras has no such optimizer, schedule or loss, or an array does not fit.
    """
    fields = {**stored["architecture"], "units": tuple(stored["architecture"]["units"])}
    model = build_autoencoder(Architecture(**fields), seed=0)
    for layer, trainable in zip(layers_of(model), stored["trainable"], strict=True):
        layer.trainable = trainable
    if stored["training"] is not None:
        _compile(model, stored["training"])
    assign(model.variables, stored["weights"])
    count_as_called(model)
    return model


def _compile(model: keras.Model, training: dict[str, Any]) -> None:
    optimizer = optimizer_from_stored(training["optimizer"], training["options"])
    model.compile(optimizer=optimizer, loss=loss_from_stored(training["loss"]))
    if len(training["optimizer_state"]) > len(optimizer.variables):
        build_optimizer(model)
    assign(optimizer.variables, training["optimizer_state"])


def loss_as_stored(loss: ObservedLoss) -> dict[str, Any]:
    """Return a loss, and its options if it is an instance of a class."""
    resolved = keras.losses.get(loss.loss)
    if not isinstance(resolved, keras.losses.Loss):
        return {"loss": _name(resolved, known_losses()), "options": None}
    options = loss.get_config()["loss"]["config"]
    return {"loss": _name(type(resolved), known_losses()), "options": options}


def _name(thing: Any, known: dict[str, Any]) -> Any:
    """Return the name of a Keras object, and any other object unchanged."""
    name = getattr(thing, "__name__", "")
    return name if known.get(name) is thing else thing


def loss_from_stored(stored: dict[str, Any]) -> ObservedLoss:
    """Return the loss that `loss_as_stored` stored."""
    known = _known(known_losses(), stored["loss"], "loss")
    return ObservedLoss(known if stored["options"] is None else known(**stored["options"]))


def known_losses() -> dict[str, Any]:
    """Return the Keras losses, functions and classes, by their names."""
    others = {"deserialize", "get", "serialize"}
    functions = {n: one for n, one in vars(keras.losses).items() if inspect.isfunction(one)}
    known = {n: one for n, one in functions.items() if one.__name__ == n and n not in others}
    return known | _subclasses(keras.losses, keras.losses.Loss)


def known_optimizers() -> dict[str, Any]:
    """Return the Keras optimizers by their names, without those that wrap others."""
    found = _subclasses(keras.optimizers, keras.optimizers.Optimizer)
    return {n: one for n, one in found.items() if n not in ("LossScaleOptimizer", "MultiOptimizer")}


def known_schedules() -> dict[str, Any]:
    """Return the Keras schedules of learning rates by their names."""
    schedules = keras.optimizers.schedules
    return _subclasses(schedules, schedules.LearningRateSchedule)


def _subclasses(module: Any, base: type) -> dict[str, Any]:
    """Return the classes in a module that derive from a base class, by their names."""
    classes = {n: one for n, one in vars(module).items() if inspect.isclass(one)}
    return {n: one for n, one in classes.items() if issubclass(one, base) and one is not base}


def optimizer_from_stored(name: Any, options: dict[str, Any]) -> keras.optimizers.Optimizer:
    """Return an optimizer from its name or class and its configuration."""
    rate = options["learning_rate"]
    if isinstance(rate, dict):
        rate = _known(known_schedules(), rate["class_name"], "schedule")(**rate["config"])
    return _known(known_optimizers(), name, "optimizer")(**{**options, "learning_rate": rate})


def _known(things: dict[str, Any], name: Any, what: str) -> Any:
    if not isinstance(name, str):
        return name
    if name not in things:
        raise ValueError(f"Got {what} {name!r}, but expected one of Keras: {sorted(things)}.")
    return things[name]


def assign(variables: list[keras.Variable], values: Iterable[Any]) -> None:
    """Set variables to these values, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
