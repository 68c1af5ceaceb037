"""Keras objects with plain options, by name; user objects, passed in by the caller."""

from collections.abc import Mapping
from typing import Any

import keras

from skae._files.container import Described, Reader, Writer
from skae._network.loss import ObservedLoss
from skae._network.serialization import (
    known_losses,
    known_optimizers,
    known_schedules,
    loss_as_stored,
    optimizer_from_stored,
)

CustomObjects = Mapping[str, Any]


def known_keras() -> dict[str, Any]:
    """Return the Keras classes and functions that a file may name, by their names."""
    kinds = {
        "optimizers": known_optimizers(),
        "schedules": known_schedules(),
        "losses": known_losses(),
    }
    return {f"{kind}.{name}": one for kind, known in kinds.items() for name, one in known.items()}


def describe_object(name: str, value: Any, writer: Writer) -> Described:
    """Return the description of a Keras object, or of an object that the user passes to `load`.

    Raises
    ------
    TypeError
        If it is not a named class or function, nor an object with ``get_config``.
    """
    names = {id(thing): known for known, thing in known_keras().items()}
    if id(value) in names:
        return {"keras": {"name": names[id(value)]}}
    if id(type(value)) in names:
        options = writer.write(name, options_of(value))
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


def options_of(value: Any) -> dict[str, Any]:
    """Return the options of a Keras object, all plain values."""
    options: dict[str, Any]
    is_loss = isinstance(value, keras.losses.Loss)
    options = loss_as_stored(ObservedLoss(value))["options"] if is_loss else value.get_config()
    return options


def make_object(tag: str, content: Any, reader: Reader, custom_objects: CustomObjects) -> Any:
    """Return the object that a file describes.

    Raises
    ------
    ValueError
        If its name is neither known nor among `custom_objects`.
    """
    options = reader.read(content["options"]) if "options" in content else None
    if tag == "keras":
        return make_known(content["name"], options)
    if tag != "custom":
        raise ValueError(f"it has a {tag!r:.80}, which skae does not write")
    thing = _custom(content["name"], custom_objects)
    is_recipe = options is not None and isinstance(thing, type)
    return thing.from_config(options) if is_recipe else thing


def make_known(name: Any, options: dict[str, Any] | None) -> Any:
    """Return the object of a known name; with options, an instance of the class.

    Raises
    ------
    ValueError
        If the name is unknown or an option is not plain.
    """
    known = known_keras()
    if name not in known:
        raise ValueError(f"it names {name!r}, which is not a Keras loss, optimizer or schedule")
    if options is None:
        return known[name]
    if name.startswith("optimizers."):
        check_optimizer(name.partition(".")[2], options)
        return optimizer_from_stored(name.partition(".")[2], options)
    check_options(options)
    return known[name](**options)


def check_optimizer(name: Any, options: dict[str, Any]) -> None:
    """Reject unknown optimizers, and options that Keras would deserialize as code."""
    if isinstance(name, str) and name not in (known := known_optimizers()):
        raise ValueError(f"it names the optimizer {name!r}, but expected one of {sorted(known)}")
    rate = options["learning_rate"]
    if isinstance(rate, dict):
        if rate["class_name"] not in known_schedules():
            raise ValueError(f"it names the schedule {rate['class_name']!r}, unknown to Keras")
        check_options(rate["config"])
    if isinstance(name, str):
        check_options({key: value for key, value in options.items() if key != "learning_rate"})


def check_loss(stored: dict[str, Any]) -> None:
    """Reject unknown losses, and options that Keras would deserialize as code."""
    if not isinstance(stored["loss"], str):
        return
    if stored["loss"] not in (known := known_losses()):
        raise ValueError(
            f"it names the loss {stored['loss']!r}, but expected one of {sorted(known)}"
        )
    check_options(stored["options"] or {})


def check_options(options: Any) -> None:
    """Reject options that are not plain, because Keras would deserialize dicts."""
    for name, value in options.items():
        items = value if isinstance(value, list | tuple) else [value]
        if not all(item is None or isinstance(item, bool | int | float | str) for item in items):
            raise ValueError(f"the option {name!r} of a Keras object is not plain")


def _custom(name: Any, custom_objects: CustomObjects) -> Any:
    if name not in custom_objects:
        raise ValueError(
            f"it needs {name!r}, which it does not contain: pass it as load(path, "
            f"custom_objects={{{name!r}: ...}})"
        )
    return custom_objects[name]
