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
    "SequenceWindower": "skae._windows",
    "datasets": "skae.datasets",
}

__all__ = ["AnomalyScoreDisplay", "LSTMAutoencoder", "SequenceWindower", "__version__", "datasets"]

if TYPE_CHECKING:
    from skae import datasets
    from skae._autoencoder import LSTMAutoencoder
    from skae._displays import AnomalyScoreDisplay
    from skae._windows import SequenceWindower


def __getattr__(name: str) -> Any:
    """Import a public name from the module it lives in."""
    if name not in _HOME:
        raise AttributeError(f"module 'skae' has no attribute {name!r}")
    module = importlib.import_module(_HOME[name])
    value = module if name == "datasets" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
