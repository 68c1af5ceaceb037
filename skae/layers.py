"""Keras layers for one's own autoencoder: a faster LSTM, and masks made of NaN."""

from skae._layers import (
    MaskedMaxPooling,
    MaskedMeanPooling,
    NaNToZero,
    ReverseSteps,
    StepMask,
)
from skae._lstm import LSTM, RepeatToLength

__all__ = [
    "LSTM",
    "MaskedMaxPooling",
    "MaskedMeanPooling",
    "NaNToZero",
    "RepeatToLength",
    "ReverseSteps",
    "StepMask",
]
