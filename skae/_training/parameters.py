"""Routed parameters, such as `optimizer__clipnorm`, and early checks of Keras options."""

import contextlib
from collections.abc import Iterator
from numbers import Real
from typing import Any, Self

import keras
import numpy as np
from sklearn.base import BaseEstimator

from skae._compat.keras import known_optimizer, names_anew

ROUTED_PREFIXES = ("optimizer", "loss", "model", "callbacks")
"""Prefixes of parameters that SciKeras routes, such as ``optimizer__clipnorm``."""


class RoutedParameters(BaseEstimator):
    """An estimator that also accepts parameters for SciKeras.

    scikit-learn would read ``optimizer__clipnorm`` as a parameter of a nested estimator named
    `optimizer`. Here it is a parameter of that full name.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, including routed ones.

        Parameters
        ----------
        deep : bool, default=True
            As in scikit-learn.

        Returns
        -------
        dict of str to object
        """
        return {**super().get_params(deep=deep), **self._routed_parameters()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including routed ones.

        Parameters
        ----------
        **params : dict
            New values by name.

        Returns
        -------
        self : estimator
        """
        super().set_params(**{k: v for k, v in params.items() if not is_routed(k)})
        self._set_routed({k: v for k, v in params.items() if is_routed(k)})
        return self

    def _routed_parameters(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if is_routed(name)}

    def _set_routed(self, routed: dict[str, Any]) -> None:
        for name, value in routed.items():
            if not is_routed(name):
                prefixes = ", ".join(f"{prefix}__" for prefix in ROUTED_PREFIXES)
                raise TypeError(
                    f"{type(self).__name__} got an unexpected parameter {name!r}, but expected a "
                    f"parameter of the estimator or one that begins with {prefixes}."
                )
            setattr(self, name, value)


def is_routed(name: str) -> bool:
    """Tell whether SciKeras routes a parameter."""
    prefix, separator, rest = name.partition("__")
    return prefix in ROUTED_PREFIXES and bool(separator) and bool(rest)


CLIPPING = {f"optimizer__{name}" for name in ("clipnorm", "clipvalue", "global_clipnorm")}
"""Mutually exclusive options of a Keras optimizer."""


def check_parameters(parameters: dict[str, Any]) -> None:
    """Reject parameters of `LSTMAutoencoder` with unknown names or wrong types.

    Parameters
    ----------
    parameters : dict
        Including routed ones.

    Raises
    ------
    TypeError
        If a callback or the optimizer class is not from Keras.
    ValueError
        If a loss or an optimizer is unknown, a gradient limit is not positive, or there is no model
        or callback for an option.
    """
    _check_callbacks(parameters["callbacks"])
    _check_name("loss", parameters["loss"], keras.losses)
    check_optimizer(parameters["optimizer"])
    _check_name("optimizer", known_optimizer(parameters["optimizer"]), keras.optimizers)
    _check_clipping(parameters)
    _check_receivers(parameters)


@contextlib.contextmanager
def naming_options(parameters: dict[str, Any], *prefixes: str) -> Iterator[None]:
    """Add the options with these prefixes to an error that they may cause."""
    options = [name for name in parameters if is_routed(name) and name.startswith(prefixes)]
    try:
        yield
    except (TypeError, ValueError) as error:
        if not options:
            raise
        given = ", ".join(f"{name}={parameters[name]!r}" for name in sorted(options))
        raise ValueError(
            f"Got {given}, but expected only options that their target accepts: {error}"
        ) from error


def _check_callbacks(callbacks: Any) -> None:
    for item in _flat(callbacks):
        is_class = isinstance(item, type) and issubclass(item, keras.callbacks.Callback)
        if not is_class and not isinstance(item, keras.callbacks.Callback):
            raise TypeError(
                f"Got callbacks={callbacks!r} with {item!r}, but expected instances or subclasses "
                "of keras.callbacks.Callback."
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
            f"Got {parameter}={name!r}, but expected a name that {module.__name__}.get knows, or a "
            f"{parameter} object."
        ) from error


def check_optimizer(optimizer: Any) -> None:
    """Reject classes that are not optimizers, and optimizers that scale losses.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(optimizer, type) and not issubclass(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            f"Got optimizer={optimizer!r}, but expected a name, an instance or a subclass of "
            "keras.optimizers.Optimizer."
        )
    scaling = keras.optimizers.LossScaleOptimizer
    name = getattr(optimizer, "__name__", type(optimizer).__name__)
    name = optimizer if isinstance(optimizer, str) else name
    if isinstance(optimizer, scaling) or name.lower() == scaling.__name__.lower():
        raise ValueError(
            f"Got optimizer={optimizer!r}, but expected the optimizer that it wraps: only float16 "
            "needs scaled losses, and skae does not use it."
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
