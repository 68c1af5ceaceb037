"""`save` and `load`, with every estimator of skae registered."""

# Each of these registers its class.
from skae import _autoencoder, _sequence_scaler, _windower
from skae._io.estimators import load, save

__all__ = ["load", "save"]

_ESTIMATORS = (
    _autoencoder.LSTMAutoencoder,
    _sequence_scaler.SequenceScaler,
    _windower.SequenceWindower,
)
