"""SciKeras, held in one hand: it routes parameters, compiles, and keeps the history.

Everything in here that leans on SciKeras' private names is pinned by one test, so that a
release which drops one of them fails loudly.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import keras
from scikeras.wrappers import BaseWrapper
from sklearn.base import BaseEstimator

from skae._compiled.garbage import Networks
from skae._network.seeds import seeds_from

NETWORKS = Networks()

ROUTED_PREFIXES = ("optimizer", "loss", "model", "callbacks")
"""Prefixes of parameters that SciKeras routes: ``optimizer__clipnorm`` and the like."""


class RoutedParameters(BaseEstimator):
    """An estimator that also takes parameters which SciKeras routes.

    ``optimizer__clipnorm`` would mean to scikit-learn a parameter of a nested estimator
    named `optimizer`; here it is a parameter by that name.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, routed ones included.

        Parameters
        ----------
        deep : bool, default=True
            As in scikit-learn.

        Returns
        -------
        dict of str to object
        """
        return {**super().get_params(deep=deep), **self._routed()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, routed ones included.

        Parameters
        ----------
        **params : dict
            New values by name.

        Returns
        -------
        self : estimator
        """
        super().set_params(**{k: v for k, v in params.items() if not _is_routed(k)})
        self._set_routed({k: v for k, v in params.items() if _is_routed(k)})
        return self

    def _routed(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if _is_routed(name)}

    def _set_routed(self, routed: dict[str, Any]) -> None:
        for name, value in routed.items():
            if not _is_routed(name):
                prefixes = ", ".join(f"{prefix}__" for prefix in ROUTED_PREFIXES)
                raise TypeError(
                    f"{type(self).__name__} got an unexpected parameter {name!r}, but expected "
                    f"one of its own or one that begins with {prefixes}."
                )
            setattr(self, name, value)


def _is_routed(name: str) -> bool:
    prefix, separator, rest = name.partition("__")
    return prefix in ROUTED_PREFIXES and bool(separator) and bool(rest)


class KerasAdapter(BaseWrapper):
    """A SciKeras wrapper that leaves data, seeds and validation to its holder.

    Parameters
    ----------
    build : callable
        Returns a Keras model; may take ``meta``, ``compile_kwargs``, ``params`` and the
        parameters routed by ``model__``, as SciKeras has it.
    meta : dict
        What ``meta`` is.
    **params
        Parameters of `BaseWrapper` and routed ones.
    """

    def __init__(self, build: Callable[..., keras.Model], meta: dict[str, Any], **params: Any):
        if isinstance(build, keras.Model):
            raise TypeError(
                f"Got model={build!r}, but expected a callable that builds such a model: every "
                "fit begins with weights of its own."
            )
        super().__init__(partial(build), **params)
        self._meta = meta
        # SciKeras' own seeding switches the whole process to deterministic ops for good.
        self._random_state = None

    def _get_metadata(self) -> dict[str, Any]:
        return self._meta

    def build_compiled(
        self, seed: int, loss_for: Callable[[Any], keras.losses.Loss]
    ) -> keras.Model:
        """Return the model that `build` makes, compiled with the routed parameters.

        Parameters
        ----------
        seed : int
            Seeds the layers that have no seed of their own.
        loss_for : callable
            Makes the loss to train from the one that the parameters name.

        Raises
        ------
        TypeError, ValueError
            If `build` does not return an autoencoder.
        """
        with seeds_from(seed):
            model = self._build_keras_model()
        _check_autoencoder(model, self._meta["n_features_in_"])
        NETWORKS.add(model)
        if model.compiled:
            optimizer, loss = model.optimizer, model.loss
        else:
            arguments = self._get_compile_kwargs()
            optimizer, loss = arguments["optimizer"], arguments["loss"]
        # An optimizer is used up by one model; an instance among the parameters must not be.
        # TensorFlow caches 35 kB for each name that a variable was ever given, hence one name.
        config = {**optimizer.get_config(), "name": "optimizer"}
        optimizer = type(optimizer).from_config(config)
        model.compile(optimizer=optimizer, loss=loss_for(loss))
        return model

    def train(
        self,
        trainer: Any,
        batches: Any,
        *,
        history: dict[str, list[float]],
        epochs: int,
        extra_callbacks: list[keras.callbacks.Callback],
        **fit_arguments: Any,
    ) -> dict[str, list[float]]:
        """Train, and return `history` with the new epochs appended.

        Parameters
        ----------
        trainer : object
            Has the `fit` of a Keras model.
        batches : iterable
            What is handed to it.
        history : dict of lists
            Earlier epochs, not changed.
        epochs : int
            Number of epochs to add.
        extra_callbacks : list of keras.callbacks.Callback
            Run before those of the parameters.
        **fit_arguments
            Handed to `fit`.
        """
        self.model_ = trainer
        self._initialize_callbacks()
        self._fit_callbacks: list = [*extra_callbacks, *_flat(self._fit_callbacks)]
        self.history_ = {key: list(values) for key, values in history.items()}
        n_before = len(self.history_.get("loss", []))
        self._fit_keras_model(
            batches,
            None,
            sample_weight=None,
            warm_start=True,
            epochs=epochs,
            initial_epoch=n_before,
            **fit_arguments,
        )
        return dict(self.history_)


def _check_autoencoder(model: Any, n_features: int) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"Got {model!r} from the callable `model`, but expected a keras.Model.")
    shapes = [getattr(model, name, None) for name in ("input_shape", "output_shape")]
    if not all(isinstance(s, tuple) and len(s) == 3 and s[2] == n_features for s in shapes):
        raise ValueError(
            f"Got a model from {shapes[0]} to {shapes[1]} from the callable `model`, but expected "
            f"one, built, from (n, n_steps, {n_features}) to the same shape."
        )


def _flat(callbacks: list) -> list[keras.callbacks.Callback]:
    return [c for item in callbacks for c in (item if isinstance(item, list) else [item])]
