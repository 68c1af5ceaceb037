"""Networks and Keras objects as plain values, and back, without Keras' deserialization."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from skae._compat.keras import build_optimizer, count_as_called, layers_of
from skae._files import Described, Reader, Writer
from skae._network.architecture import Architecture, build_autoencoder
from skae._network.loss import ObservedLoss

CustomObjects = Mapping[str, Any]


def _subclasses(module: Any, base: type, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the classes in a module that derive from a base class, by their names."""
    classes = dict(inspect.getmembers(module, inspect.isclass))
    derived = {n: one for n, one in classes.items() if issubclass(one, base) and one is not base}
    return {n: one for n, one in derived.items() if n not in but}


def _functions(module: Any, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the functions in a module under their own names."""
    functions = dict(inspect.getmembers(module, inspect.isfunction))
    return {n: one for n, one in functions.items() if one.__name__ == n and n not in but}


WRAPPERS = "LossScaleOptimizer", "MultiOptimizer"
"""Optimizers that wrap others."""

_schedules = keras.optimizers.schedules
KNOWN = {
    "optimizer": _subclasses(keras.optimizers, keras.optimizers.Optimizer, but=WRAPPERS),
    "schedule": _subclasses(_schedules, _schedules.LearningRateSchedule),
    "loss": _functions(keras.losses, but=("deserialize", "get", "serialize"))
    | _subclasses(keras.losses, keras.losses.Loss),
}
"""The Keras classes and functions that a file may name."""

KINDS = {"optimizers": "optimizer", "schedules": "schedule", "losses": "loss"}
"""First part of a full name, such as ``losses.mse``, and the kind of object."""


def as_stored(
    model: keras.Model, architecture: dict[str, Any], values: Mapping[int, Any]
) -> dict[str, Any]:
    """Return a network as plain values, with its training state if it is compiled.

    Parameters
    ----------
    model : keras.Model
    architecture : dict
        Fields of the `Architecture` that `build_autoencoder` built it from.
    values : dict of int to tf.Tensor
        Values of its variables by their ids. Without the optimizer's values, the network can run
        but not continue training.

    Returns
    -------
    dict of str to object
        Plain values and arrays. An optimizer or loss that is not from Keras is included unchanged.
    """

    def arrays(variables: list[keras.Variable]) -> list[Any]:
        return [values[id(variable)].numpy() for variable in variables]

    training = None
    if model.compiled and all(id(variable) in values for variable in model.optimizer.variables):
        optimizer = model.optimizer
        training = {
            "loss": _loss_as_stored(model.loss),
            "optimizer": _name(type(optimizer), "optimizer"),
            "options": optimizer.get_config(),
            "optimizer_state": arrays(optimizer.variables),
        }
    return {
        "architecture": architecture,
        "trainable": [layer.trainable for layer in layers_of(model)],
        "weights": arrays(model.variables),
        "training": training,
    }


def from_stored(stored: dict[str, Any]) -> keras.Model:
    """Return the network that `as_stored` described; it scores and trains identically.

    Raises
    ------
    ValueError
        If Keras has no such optimizer, schedule or loss, or an array does not fit.
    """
    model = build_autoencoder(Architecture.from_plain(stored["architecture"]), seed=0)
    if training := stored["training"]:
        optimizer = _optimizer_from_stored(training["optimizer"], training["options"])
        loss, options = _named(training["loss"]["loss"], "loss"), training["loss"]["options"]
        observed = ObservedLoss(loss if options is None else loss(**options))
        model.compile(optimizer=optimizer, loss=observed)
    restore_state(model, stored)
    count_as_called(model)
    return model


def restore_state(model: keras.Model, stored: dict[str, Any]) -> None:
    """Set the weights, the trainable flags and the state of the optimizer, if it is stored.

    Raises
    ------
    ValueError
        If the model has other layers or weights.
    """
    for layer, trainable in zip(layers_of(model), stored["trainable"], strict=True):
        layer.trainable = trainable
    assign(model.variables, stored["weights"])
    if stored["training"]:
        state = stored["training"]["optimizer_state"]
        if len(state) > len(model.optimizer.variables):
            build_optimizer(model)
        assign(model.optimizer.variables, state)


def _loss_as_stored(loss: ObservedLoss) -> dict[str, Any]:
    """Return a loss, and its options if it is an instance of a class."""
    resolved = keras.losses.get(loss.loss)
    if not isinstance(resolved, keras.losses.Loss):
        return {"loss": _name(resolved, "loss"), "options": None}
    return {"loss": _name(type(resolved), "loss"), "options": _options_of(resolved)}


def _options_of(value: Any) -> dict[str, Any]:
    """Return the options of a Keras object, all plain values."""
    is_loss = isinstance(value, keras.losses.Loss)
    options: dict[str, Any]
    options = ObservedLoss(value).get_config()["loss"]["config"] if is_loss else value.get_config()
    return options


def _name(thing: Any, kind: str) -> Any:
    """Return the name of a Keras object, and any other object unchanged."""
    name = getattr(thing, "__name__", "")
    return name if KNOWN[kind].get(name) is thing else thing


def _named(name: Any, kind: str) -> Any:
    """Return the Keras object of a name, and any other object unchanged."""
    if not isinstance(name, str):
        return name
    if name not in KNOWN[kind]:
        raise ValueError(f"Got {kind} {name!r}, but expected one of Keras: {sorted(KNOWN[kind])}.")
    return KNOWN[kind][name]


def _optimizer_from_stored(name: Any, options: dict[str, Any]) -> keras.optimizers.Optimizer:
    """Return an optimizer from its name or class and its configuration."""
    rate = options["learning_rate"]
    if isinstance(rate, dict):
        rate = _named(str(rate["class_name"]), "schedule")(**rate["config"])
    return _named(name, "optimizer")(**options | {"learning_rate": rate})


def assign(variables: list[keras.Variable], values: Iterable[Any]) -> None:
    """Set variables to these values, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


# ------------------------------------------------------------------- what files contain


def check_training(training: dict[str, Any]) -> None:
    """Reject a stored loss and optimizer that `from_stored` must not make.

    Raises
    ------
    ValueError
        If a name is unknown, or if Keras would deserialize an option as code.
    """
    _check("loss", training["loss"]["loss"], training["loss"]["options"] or {})
    _check_optimizer(training["optimizer"], training["options"])


def _check_optimizer(name: Any, options: dict[str, Any]) -> None:
    rate = options["learning_rate"]
    if isinstance(rate, dict):
        _check("schedule", str(rate["class_name"]), rate["config"])
        options = options | {"learning_rate": None}
    _check("optimizer", name, options)


def _check(kind: str, name: Any, options: dict[str, Any]) -> None:
    _named(name, kind)
    for option, value in options.items() if isinstance(name, str) else ():
        items = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(item, bool | int | float | str | None) for item in items):
            raise ValueError(f"the option {option!r} of a Keras object is not plain")


def describe_object(name: str, value: Any, writer: Writer) -> Described:
    """Return the description of a Keras object, or of an object that the user passes to `load`.

    Raises
    ------
    TypeError
        If it is not a named class or function, nor an object with ``get_config``.
    """
    names = {id(thing): known for known, thing in _by_full_name().items()}
    if id(value) in names:
        return {"keras": {"name": names[id(value)]}}
    if id(type(value)) in names:
        options = writer.write(name, _options_of(value))
        return {"keras": {"name": names[id(type(value))], "options": options}}
    own = getattr(value, "__name__", None)
    if callable(value) and own is not None:
        return {"custom": {"name": own}}
    if hasattr(value, "get_config"):
        options = writer.write(name, value.get_config())
        return {"custom": {"name": type(value).__name__, "options": options}}
    raise TypeError(
        f"Got {name}={value!r}, but expected a plain value, a Keras loss, optimizer or schedule, "
        "or your own function, class or object with get_config. Other values need pickle: use "
        "joblib.dump instead, or set those that only fit uses, such as callbacks, to None."
    )


def make_object(tag: str, content: Any, reader: Reader, custom_objects: CustomObjects) -> Any:
    """Return the object that a file describes.

    Raises
    ------
    ValueError
        If its name is neither known nor among `custom_objects`, or an option is not plain.
    """
    options = reader.read(content["options"]) if "options" in content else None
    if tag == "keras":
        return _keras_object(content["name"], options)
    if tag != "custom":
        raise ValueError(f"it has a {tag!r:.80}, which skae does not write")
    thing = _custom_object(content["name"], custom_objects)
    is_recipe = options is not None and isinstance(thing, type)
    return thing.from_config(options) if is_recipe else thing


def _keras_object(full_name: Any, options: dict[str, Any] | None) -> Any:
    """Return the object of a known name; with options, an instance of the class."""
    known = _by_full_name()
    if full_name not in known:
        raise ValueError(
            f"it names {full_name!r}, which is not a Keras loss, optimizer or schedule"
        )
    if options is None:
        return known[full_name]
    group, _, name = full_name.partition(".")
    if group == "optimizers":
        _check_optimizer(name, options)
        return _optimizer_from_stored(name, options)
    _check(KINDS[group], name, options)
    return known[full_name](**options)


def _custom_object(name: Any, custom_objects: CustomObjects) -> Any:
    if name not in custom_objects:
        raise ValueError(
            f"it needs {name!r}, which it does not contain: pass it as load(path, "
            f"custom_objects={{{name!r}: ...}})"
        )
    return custom_objects[name]


def _by_full_name() -> dict[str, Any]:
    return {
        f"{group}.{name}": one for group, kind in KINDS.items() for name, one in KNOWN[kind].items()
    }
