"""LSTM autoencoders as ordinary scikit-learn estimators.

Public names are imported when first used, so that ``import skae`` loads neither
scikit-learn nor TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "AnomalyScoreDisplay": "skae._displays",
    "LSTMAutoencoder": "skae._autoencoder",
    "ScoreStream": "skae._streaming.stream",
    "SequenceWindower": "skae._windower",
    "clear_caches": "skae._compiled.forward",
    "stream": "skae._streaming.stream",
}
_MODULES = ("dask", "datasets", "layers", "metrics")

__all__ = [
    "AnomalyScoreDisplay",
    "LSTMAutoencoder",
    "ScoreStream",
    "SequenceWindower",
    "__version__",
    "clear_caches",
    "dask",
    "datasets",
    "layers",
    "metrics",
    "stream",
]

if TYPE_CHECKING:
    from skae import dask, datasets, layers, metrics
    from skae._autoencoder import LSTMAutoencoder
    from skae._compiled.forward import clear_caches
    from skae._displays import AnomalyScoreDisplay
    from skae._streaming.stream import ScoreStream, stream
    from skae._windower import SequenceWindower


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
