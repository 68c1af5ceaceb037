"""How long does an epoch after the first take, compared with stock Keras and PyTorch?

Run: python benchmarks/bench_fit.py [rounds]. The three train in turns in one process.
"""

import sys
import time

import keras
import numpy as np
import torch
from peers import sequences, stock_keras
from peers_torch import TorchAutoencoder, torch_epoch
from timing import report, seconds

from skae import LSTMAutoencoder


class Epochs(keras.callbacks.Callback):
    """Notes the time of each epoch."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter() - self.start)


def compare(name, rounds, *, n_steps=30, batch_size=32, units=(64,), masked=False):
    x = sequences(n_steps=n_steps)
    padded = x.copy()
    if masked:
        lengths = np.random.default_rng(1).integers(n_steps // 2, n_steps + 1, len(x))
        padded[np.arange(n_steps) >= lengths[:, None]] = np.nan
    ours, keras_times, torch_times = [], [], []
    stock = stock_keras(n_steps, units=units, masked=masked)
    filled = np.nan_to_num(padded, nan=-1.0)
    stock.fit(filled, filled, batch_size=batch_size, verbose=0)
    model = TorchAutoencoder(units=units)
    optimizer = torch.optim.Adam(model.parameters())
    torch_epoch(model, optimizer, torch.from_numpy(x), batch_size)
    for _ in range(rounds):
        epochs = Epochs()
        LSTMAutoencoder(
            units=units, epochs=3, batch_size=batch_size, validation_fraction=0.0,
            learning_rate=1e-3, bidirectional=False, callbacks=[epochs],
        ).fit(padded)  # fmt: skip
        ours.append(min(epochs.times[1:]))
        keras_times.append(
            seconds(lambda: stock.fit(filled, filled, batch_size=batch_size, verbose=0))
        )
        torch_times.append(
            seconds(lambda: torch_epoch(model, optimizer, torch.from_numpy(x), batch_size))
        )
    report(name, ours, keras=keras_times, torch=torch_times)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    compare("batch 32", rounds)
    compare("batch 256", rounds, batch_size=256)
    compare("masked, batch 32", rounds, masked=True)
    compare("100 steps, batch 32", rounds, n_steps=100)
    compare("three layers 64-32-16, batch 32", rounds, units=(64, 32, 16))
