"""What of the parameters Keras and SciKeras would refuse late, in words about their own code."""

import contextlib
from collections.abc import Iterator
from numbers import Real
from typing import Any

import keras
import numpy as np

from skae._compat.keras import names_anew
from skae._training.routing import is_routed

CLIPPING = {f"optimizer__{name}" for name in ("clipnorm", "clipvalue", "global_clipnorm")}
"""Options of a Keras optimizer of which only one may be given."""


def check_parameters(parameters: dict[str, Any]) -> None:
    """Refuse parameters of `LSTMAutoencoder` that name nothing, or are of the wrong kind.

    Parameters
    ----------
    parameters : dict
        Routed ones included.

    Raises
    ------
    TypeError
        If a callback, or the class of the optimizer, is not one of Keras.
    ValueError
        If a loss or an optimizer has no such name, a limit of the gradient is not positive, or
        an option is routed to a model or to callbacks that are not there.
    """
    _check_callbacks(parameters["callbacks"])
    _check_name("loss", parameters["loss"], keras.losses)
    _check_name("optimizer", parameters["optimizer"], keras.optimizers)
    _check_optimizer_class(parameters["optimizer"])
    _check_clipping(parameters)
    _check_receivers(parameters)


@contextlib.contextmanager
def naming_options(parameters: dict[str, Any], *prefixes: str) -> Iterator[None]:
    """Name the options with these prefixes in an error that they may have caused."""
    options = [name for name in parameters if is_routed(name) and name.startswith(prefixes)]
    try:
        yield
    except (TypeError, ValueError) as error:
        if not options:
            raise
        given = ", ".join(f"{name}={parameters[name]!r}" for name in sorted(options))
        raise ValueError(
            f"Got {given}, but expected only options that what they are routed to takes: {error}"
        ) from error


def _check_callbacks(callbacks: Any) -> None:
    for item in _flat(callbacks):
        is_class = isinstance(item, type) and issubclass(item, keras.callbacks.Callback)
        if not is_class and not isinstance(item, keras.callbacks.Callback):
            raise TypeError(
                f"Got callbacks={callbacks!r} with {item!r}, but expected instances of "
                "keras.callbacks.Callback, or such classes."
            )


def _flat(callbacks: Any) -> list[Any]:
    if isinstance(callbacks, dict):
        return [item for value in callbacks.values() for item in _flat(value)]
    if isinstance(callbacks, list):
        return [item for value in callbacks for item in (_flat(value) if value else [value])]
    return [] if callbacks is None else [callbacks]


def _check_name(parameter: str, name: Any, module: Any) -> None:
    if not isinstance(name, str):
        return
    try:
        with names_anew():
            module.get(name)
    except ValueError as error:
        raise ValueError(
            f"Got {parameter}={name!r}, but expected a name that {module.__name__}.get knows, "
            f"or a {parameter} itself."
        ) from error


def _check_optimizer_class(optimizer: Any) -> None:
    if isinstance(optimizer, type) and not issubclass(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            f"Got optimizer={optimizer!r}, but expected a name, an instance or a subclass of "
            "keras.optimizers.Optimizer."
        )


def _check_clipping(parameters: dict[str, Any]) -> None:
    for name in sorted(CLIPPING & parameters.keys()):
        limit = parameters[name]
        if limit is not None and not (isinstance(limit, Real) and 0 < float(limit) < np.inf):
            raise ValueError(f"Got {name}={limit!r}, but expected a number above 0, or None.")


def _check_receivers(parameters: dict[str, Any]) -> None:
    for receiver in ("model", "callbacks"):
        orphans = [name for name in parameters if name.startswith(f"{receiver}__")]
        if orphans and parameters[receiver] is None:
            raise ValueError(
                f"Got {orphans[0]}={parameters[orphans[0]]!r} with {receiver}=None, but expected "
                f"a `{receiver}` that takes it."
            )
