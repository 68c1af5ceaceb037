"""LSTM autoencoders as ordinary scikit-learn estimators.

Public names are imported when first used, so that ``import skae`` loads neither
scikit-learn nor TensorFlow.

TensorFlow's C++ code prints lines when it is loaded and first runs. The package does not suppress
them, because that would change the environment of your process. The command ``skae`` does.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "AnomalyScoreDisplay": "skae._plots.score",
    "ExplanationDisplay": "skae._plots.explanation",
    "LSTMAutoencoder": "skae._autoencoder",
    "LatentDisplay": "skae._plots.latent",
    "ReconstructionDisplay": "skae._plots.reconstruction",
    "ScoreStream": "skae._stream.stream",
    "SequenceScaler": "skae._sequence_scaler",
    "SequenceWindower": "skae._windower",
    "TrainingDisplay": "skae._plots.training",
    "clear_caches": "skae._compiled.forward",
    "detect_events": "skae._output.event_table",
    "estimate_window_size": "skae._windows.period",
    "find_events": "skae._output.event_table",
    "load": "skae._persistence.estimators",
    "save": "skae._persistence.estimators",
    "through": "skae._output.pipeline",
    "stream": "skae._stream.stream",
}
_MODULES = ("dask", "datasets", "layers", "metrics", "model_selection", "readers", "testing")

__all__ = [
    "AnomalyScoreDisplay",
    "ExplanationDisplay",
    "LSTMAutoencoder",
    "LatentDisplay",
    "ReconstructionDisplay",
    "ScoreStream",
    "SequenceScaler",
    "SequenceWindower",
    "TrainingDisplay",
    "__version__",
    "clear_caches",
    "dask",
    "detect_events",
    "datasets",
    "estimate_window_size",
    "find_events",
    "layers",
    "load",
    "metrics",
    "model_selection",
    "readers",
    "save",
    "testing",
    "through",
    "stream",
]

if importlib.util.find_spec("dask") is None:  # ``import *`` and `inspect` read every name
    __all__.remove("dask")

if TYPE_CHECKING:
    from skae import dask, datasets, layers, metrics, model_selection, readers, testing
    from skae._autoencoder import LSTMAutoencoder
    from skae._compiled.forward import clear_caches
    from skae._output.event_table import detect_events, find_events
    from skae._output.pipeline import through
    from skae._persistence.estimators import load, save
    from skae._plots.explanation import ExplanationDisplay
    from skae._plots.latent import LatentDisplay
    from skae._plots.reconstruction import ReconstructionDisplay
    from skae._plots.score import AnomalyScoreDisplay
    from skae._plots.training import TrainingDisplay
    from skae._sequence_scaler import SequenceScaler
    from skae._stream.stream import ScoreStream, stream
    from skae._windower import SequenceWindower
    from skae._windows.period import estimate_window_size


if not TYPE_CHECKING:  # a type checker knows all names

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in."""
        if name in _MODULES:
            return importlib.import_module(f"skae.{name}")
        if name not in _HOME:
            raise AttributeError(f"module 'skae' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
