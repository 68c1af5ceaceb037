"""Keras layers for one's own autoencoder: a faster LSTM, and masks made of NaN."""

from skae._network.lstm import LSTM, RepeatToLength
from skae._network.masking import (
    MaskedMaxPooling,
    MaskedMeanPooling,
    NaNToZero,
    ReverseSteps,
    StepMask,
)

__all__ = [
    "LSTM",
    "MaskedMaxPooling",
    "MaskedMeanPooling",
    "NaNToZero",
    "RepeatToLength",
    "ReverseSteps",
    "StepMask",
]
