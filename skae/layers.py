"""Keras layers for your own autoencoder: a faster LSTM, dropout, noise, and masks from NaN.

Importing this module registers everything that a saved `model_` needs, so that
``keras.saving.load_model`` can read it.
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
