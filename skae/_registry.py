"""The estimators that `save` and `load` know: importing them registers their classes."""

from skae import _autoencoder, _sequence_scaler, _windower
from skae._persistence.estimators import load, save

__all__ = ["load", "save"]

_ESTIMATORS = (
    _autoencoder.LSTMAutoencoder,
    _sequence_scaler.SequenceScaler,
    _windower.SequenceWindower,
)
