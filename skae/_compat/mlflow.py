"""MLflow's autolog for Keras and TensorFlow, which looks for calls of `keras.Model.fit`."""

import contextlib
import sys
from collections.abc import Iterator

import keras

FLAVORS = "keras", "tensorflow"
"""Names under which MLflow logs trainings of Keras."""


@contextlib.contextmanager
def autologging() -> Iterator[list[keras.callbacks.Callback]]:
    """Yield the callback of MLflow if autolog is on; its run is the active one, or a new one."""
    if not _autolog_is_on():
        yield []
        return
    import mlflow
    from mlflow.keras import MlflowCallback

    with contextlib.nullcontext() if mlflow.active_run() else mlflow.start_run():
        yield [MlflowCallback()]


def _autolog_is_on() -> bool:
    """Tell whether the user called `autolog`. MLflow is not imported for this."""
    utils = sys.modules.get("mlflow.utils.autologging_utils")
    return utils is not None and not all(map(utils.autologging_is_disabled, FLAVORS))
