"""The textbook network in stock Keras."""

import keras
import numpy as np


def sequences(n=8192, n_steps=30, n_features=5):
    return np.random.default_rng(0).normal(size=(n, n_steps, n_features)).astype(np.float32)


def stock_keras(n_steps=30, n_features=5, units=(64,), masked=False):
    """The textbook code: RepeatVector, and Masking for padded sequences."""
    x = inputs = keras.Input((n_steps, n_features))
    if masked:
        x = keras.layers.Masking(-1.0)(x)
    for size in units[:-1]:
        x = keras.layers.LSTM(size, return_sequences=True)(x)
    x = keras.layers.LSTM(units[-1])(x)
    x = keras.layers.Dense(units[-1])(keras.layers.Dense(16)(x))
    x = keras.layers.RepeatVector(n_steps)(x)
    for size in units[::-1]:
        x = keras.layers.LSTM(size, return_sequences=True)(x)
    output = keras.layers.TimeDistributed(keras.layers.Dense(n_features))(x)
    model = keras.Model(inputs, output)
    model.compile("adam", "mse")
    return model
