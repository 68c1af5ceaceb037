"""Private names of SciKeras, and workarounds for its effects on the whole process.

SciKeras is no longer developed. skae uses little of it, and one test fails if a release drops a
name.
"""

from collections.abc import Callable
from typing import Any

import keras
from scikeras.wrappers import BaseWrapper


class ParameterRouter(BaseWrapper):
    """The parts of a SciKeras wrapper that work without its data, seeds and training.

    Parameters
    ----------
    build : callable
        Returns a Keras model; may take ``meta``, ``compile_kwargs``, ``params`` and the
        parameters routed by ``model__``, as in SciKeras.
    meta : dict
        The value of ``meta``.
    **params
        Parameters of `BaseWrapper` and routed ones.
    """

    def __init__(self, build: Callable[..., keras.Model], meta: dict[str, Any], **params: Any):
        super().__init__(build, **params)
        self._meta = meta
        # SciKeras' own seeding switches the whole process to deterministic ops permanently.
        self._random_state = None

    def _get_metadata(self) -> dict[str, Any]:
        return self._meta

    def build_model(self) -> keras.Model:
        """Return the model that `build` returns."""
        return self._build_keras_model()

    def compile_arguments(self) -> dict[str, Any]:
        """Return the arguments of ``keras.Model.compile`` from the routed parameters."""
        arguments: dict[str, Any] = self._get_compile_kwargs()
        return arguments

    def make_callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks from the routed parameters as one flat list."""
        self._initialize_callbacks()
        lists = [item if isinstance(item, list) else [item] for item in self._fit_callbacks]
        return [callback for items in lists for callback in items]
