"""Keras layers for one's own autoencoder: a faster LSTM, dropout and noise, and masks made of NaN.

Importing this module registers everything that a saved `model_` needs, so that
``keras.saving.load_model`` reads it without an estimator.
"""

from skae._network.loss import ObservedLoss
from skae._network.lstm import LSTM, RepeatToLength
from skae._network.masking import (
    MaskedMaxPooling,
    MaskedMeanPooling,
    NaNToZero,
    ReverseSteps,
    StepMask,
)
from skae._network.randomness import Dropout, GaussianNoise
from skae._network.segments import JoinSegments, SegmentMask, SplitIntoSegments

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
