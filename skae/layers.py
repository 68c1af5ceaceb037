"""Keras layers for one's own autoencoder: a faster LSTM, dropout and noise, and masks made of NaN.

Importing this module registers everything that a saved `model_` needs, so that
``keras.saving.load_model`` reads it without an estimator.
"""

from skae._network.layers import (
    Dropout,
    GaussianNoise,
    JoinSegments,
    MaskedMaxPooling,
    MaskedMeanPooling,
    NaNToZero,
    ReverseSteps,
    SegmentMask,
    SplitIntoSegments,
    StepMask,
)
from skae._network.loss import ObservedLoss
from skae._network.lstm import LSTM, RepeatToLength

__all__ = [
    "Dropout",
    "GaussianNoise",
    "LSTM",
    "JoinSegments",
    "MaskedMaxPooling",
    "MaskedMeanPooling",
    "NaNToZero",
    "ObservedLoss",
    "RepeatToLength",
    "ReverseSteps",
    "SegmentMask",
    "SplitIntoSegments",
    "StepMask",
]
