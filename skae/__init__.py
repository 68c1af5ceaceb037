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

if TYPE_CHECKING:
    from skae import dask as dask
    from skae import datasets as datasets
    from skae import layers as layers
    from skae import metrics as metrics
    from skae import model_selection as model_selection
    from skae import readers as readers
    from skae import testing as testing
    from skae._autoencoder import LSTMAutoencoder as LSTMAutoencoder
    from skae._compiled.forward import clear_caches as clear_caches
    from skae._output.event_table import detect_events as detect_events
    from skae._output.event_table import find_events as find_events
    from skae._output.pipeline import through as through
    from skae._persistence.estimators import load as load
    from skae._persistence.estimators import save as save
    from skae._plots.explanation import ExplanationDisplay as ExplanationDisplay
    from skae._plots.latent import LatentDisplay as LatentDisplay
    from skae._plots.reconstruction import ReconstructionDisplay as ReconstructionDisplay
    from skae._plots.score import AnomalyScoreDisplay as AnomalyScoreDisplay
    from skae._plots.training import TrainingDisplay as TrainingDisplay
    from skae._sequence_scaler import SequenceScaler as SequenceScaler
    from skae._stream.stream import ScoreStream as ScoreStream
    from skae._stream.stream import stream as stream
    from skae._windower import SequenceWindower as SequenceWindower
    from skae._windows.period import estimate_window_size as estimate_window_size

if not TYPE_CHECKING:  # a type checker knows all names
    __all__ = [*_HOME, *_MODULES, "__version__"]
    if importlib.util.find_spec("dask") is None:  # ``import *`` and `inspect` read every name
        __all__.remove("dask")

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
