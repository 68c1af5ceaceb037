"""From parameters to a compiled network, new or continued from a trained one."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import partial
from numbers import Real
from typing import Any, Self

import keras

from skae._compat.keras import (
    NetworkCollector,
    ParameterRouter,
    build_optimizer,
    check_process,
    count_as_called,
    is_seed,
    known_optimizer,
    layers_of,
    names_anew,
    seeds_from,
)
from skae._network.architecture import Architecture, DataSize, build_autoencoder
from skae._network.loss import ObservedLoss, check_output_suits
from skae._network.serialization import assign
from skae._training.learning_rate import PEAK_OF_LONG_SERIES, RATE
from skae._training.parameters import (
    CLIPPING,
    check_optimizer,
    check_parameters,
    is_routed,
    naming_options,
)

COLLECTOR = NetworkCollector()

GLOBAL_CLIPNORM = 0.1
"""Largest norm of the gradient of all weights, unless a Keras option sets a limit."""


class KerasAdapter(ParameterRouter):
    """Builds and compiles the network that parameters of `LSTMAutoencoder` describe.

    Parameters
    ----------
    build : callable
        See `ParameterRouter`.
    meta : dict
        The value of ``meta``.
    **params
        Parameters of SciKeras, and routed ones.

    Attributes
    ----------
    architecture : dict or None
        Architecture of the network; None if the user builds it.
    peak_rate : float or None
        Learning rate at which the cosine of a `fit` begins; None for the optimizer's rate.
    keeps_rate : bool
        Whether the learning rate was given to Keras, which keeps it constant.
    """

    architecture: dict[str, Any] | None = None
    peak_rate: float | None = None
    keeps_rate: bool = False

    @classmethod
    def of(
        cls,
        parameters: dict[str, Any],
        size: DataSize,
        seed: int,
        architecture: Architecture | None = None,
    ) -> Self:
        """Return the adapter for parameters of `LSTMAutoencoder` and the size of the data.

        Parameters
        ----------
        parameters : dict
            Including routed ones.
        size : DataSize
        seed : int
            Determines weights, dropout and noise of the network.
        architecture : Architecture, optional
            Architecture of the network; by default from parameters and data.

        Raises
        ------
        ValueError
            If `units` is not a positive integer or a tuple of positive integers, if the output does
            not suit the loss, or as in `check_parameters`.
        """
        check_process()
        check_parameters(parameters)
        check_output_suits(parameters)
        architecture = architecture or Architecture.of(parameters, size)
        adapter = cls(
            parameters["model"] or partial(build_autoencoder, architecture, seed),
            {"n_features_in_": size.n_features, "n_steps_": size.n_steps},
            optimizer=known_optimizer(parameters["optimizer"]),
            **{name: parameters[name] for name in ("loss", "callbacks", "verbose")},
            **_routed_options(parameters),
        )
        adapter.architecture = None if parameters["model"] else asdict(architecture)
        adapter.keeps_rate = _is_instance(parameters) or "optimizer__learning_rate" in parameters
        is_auto = not parameters["model"] and isinstance(parameters["learning_rate"], str)
        if is_auto and size.is_long_series and not adapter.keeps_rate:
            adapter.peak_rate = PEAK_OF_LONG_SERIES
        return adapter

    def build_compiled(self, seed: int) -> keras.Model:
        """Return the model from `build`, compiled with the routed parameters.

        Parameters
        ----------
        seed : int
            Seeds the layers without a seed.

        Raises
        ------
        TypeError, ValueError
            If `build` does not return an autoencoder.
        """
        with seeds_from(seed):
            model = self.build_model()
        _check_autoencoder(model, self._meta["n_features_in_"])
        COLLECTOR.add(model)
        count_as_called(model)
        if model.compiled:
            optimizer, loss = model.optimizer, model.loss
            check_optimizer(optimizer)
            self.keeps_rate = True
        else:
            options = naming_options(self.get_params(), "optimizer__", "loss__")
            with options, names_anew():
                arguments = self.compile_arguments()
            optimizer, loss = arguments["optimizer"], arguments["loss"]
        # An optimizer works for only one model, so an instance among the parameters is copied.
        # TensorFlow caches 35 kB for each name that a variable ever had, so all share one name.
        config = {**optimizer.get_config(), "name": "optimizer"}
        optimizer = type(optimizer).from_config(config)
        observed_loss = ObservedLoss(loss)
        observed_loss.is_by_entry(self._meta["n_features_in_"])
        model.compile(optimizer=optimizer, loss=observed_loss)
        return model


def _check_autoencoder(model: Any, n_features: int) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"Got {model!r} from the callable `model`, but expected a keras.Model.")
    shapes = [getattr(model, name, None) for name in ("input_shape", "output_shape")]
    if not all(isinstance(s, tuple) and len(s) == 3 and s[2] == n_features for s in shapes):
        raise ValueError(
            f"Got a model from {shapes[0]} to {shapes[1]} from the callable `model`, but expected "
            f"a built model from (n, n_steps, {n_features}) to the same shape."
        )
    if any(layer.compute_dtype == "float16" for layer in layers_of(model)):
        raise ValueError(
            "Got a model that computes in float16, but expected float32 or bfloat16: gradients "
            "are too small for float16. Call keras.config.set_dtype_policy('float32') "
            "first."
        )


def _is_instance(parameters: dict[str, Any]) -> bool:
    return isinstance(parameters["optimizer"], keras.optimizers.Optimizer)


def _routed_options(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the routed parameters, with rate and clipping for an optimizer that has none."""
    options = {name: value for name, value in parameters.items() if is_routed(name)}
    if _is_instance(parameters):
        return options
    if not CLIPPING & options.keys():
        options["optimizer__global_clipnorm"] = GLOBAL_CLIPNORM
    rate = RATE if isinstance(parameters["learning_rate"], str) else parameters["learning_rate"]
    # Keras rejects integers and NumPy numbers.
    return {"optimizer__learning_rate": float(rate) if isinstance(rate, Real) else rate} | options


OF_NETWORK = {field.name for field in fields(Architecture)} - {"n_features"}
OF_NETWORK |= {"model", "scale", "scale_by_series"}
"""Parameters that shape a network or its inputs."""

WITHOUT_WEIGHTS = {"dropout", "noise"}
"""Parameters among them that may change in a trained network."""

OF_COMPILING = {"loss", "optimizer", "learning_rate"}

ROUTED = "optimizer__", "loss__", "model__"

Parameters = Mapping[str, Any]


def network_parameters(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that a network is built and compiled with."""
    names = OF_NETWORK | OF_COMPILING
    return {n: v for n, v in parameters.items() if n in names or n.startswith(ROUTED)}


def changed_parameters(before: Parameters, now: Parameters) -> set[str]:
    """Return the parameters that differ from the trained network.

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
    changed = {name: parameters[name] for name in WITHOUT_WEIGHTS}
    return Architecture.from_plain(architecture | changed)


def take_over(model: keras.Model, source: keras.Model) -> None:
    """Copy the weights of a trained network, and the state of an optimizer of the same kind.

    The new network keeps its learning rate.
    """
    for layer, other in zip(layers_of(model), layers_of(source), strict=False):
        layer.trainable = other.trainable
    assign(_weights(model.variables), _weights(source.variables))
    build_optimizer(model)
    one, other = model.optimizer, source.optimizer
    if type(one) is type(other) and len(one.variables) == len(other.variables):
        for variable, value in zip(one.variables, other.variables, strict=True):
            if variable.name != "learning_rate":
                variable.assign(value)


def _weights(variables: list[keras.Variable]) -> list[keras.Variable]:
    return [variable for variable in variables if not is_seed(variable)]
