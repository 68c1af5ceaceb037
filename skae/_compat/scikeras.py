"""SciKeras' private names, and its habits that a whole process would feel.

SciKeras is no longer developed: what is used of it is small, and one test fails loudly if a
release drops a name of it.
"""

from collections.abc import Callable
from typing import Any

import keras
from scikeras.wrappers import BaseWrapper


class ParameterRouter(BaseWrapper):
    """What of a SciKeras wrapper is of use without its data, seeds and training.

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
        super().__init__(build, **params)
        self._meta = meta
        # SciKeras' own seeding switches the whole process to deterministic ops for good.
        self._random_state = None

    def _get_metadata(self) -> dict[str, Any]:
        return self._meta

    def build_model(self) -> keras.Model:
        """Return the model that `build` makes."""
        return self._build_keras_model()

    def compile_arguments(self) -> dict[str, Any]:
        """Return the arguments of ``keras.Model.compile``, made with the routed parameters."""
        arguments: dict[str, Any] = self._get_compile_kwargs()
        return arguments

    def make_callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks, made with the routed parameters, in one flat list."""
        self._initialize_callbacks()
        lists = [item if isinstance(item, list) else [item] for item in self._fit_callbacks]
        return [callback for items in lists for callback in items]
