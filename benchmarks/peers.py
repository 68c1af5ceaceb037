"""The textbook network and its training, as the peers have it."""

import time

import keras
import numpy as np
import torch
from torch import nn


def sequences(n=8192, n_steps=30, n_features=5):
    return np.random.default_rng(0).normal(size=(n, n_steps, n_features)).astype(np.float32)


def stock_keras(n_steps=30, n_features=5, units=(64,), masked=False):
    """The textbook code: RepeatVector, and Masking where something is padded."""
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


class TorchAutoencoder(nn.Module):
    """The same network for a plain PyTorch training loop."""

    def __init__(self, n_features=5, units=(64,)):
        super().__init__()
        down, up = [n_features, *units[:-1]], [units[-1], *units[:0:-1]]
        self.encoder = nn.ModuleList(
            nn.LSTM(i, o, batch_first=True) for i, o in zip(down, units, strict=True)
        )
        self.latent, self.expand = nn.Linear(units[-1], 16), nn.Linear(16, units[-1])
        self.decoder = nn.ModuleList(
            nn.LSTM(i, o, batch_first=True) for i, o in zip(up, units[::-1], strict=True)
        )
        self.output = nn.Linear(units[0], n_features)

    def forward(self, x):
        h = x
        for layer in self.encoder:
            h, _ = layer(h)
        h = self.expand(self.latent(h[:, -1]))[:, None].expand(-1, x.shape[1], -1)
        for layer in self.decoder:
            h, _ = layer(h)
        return self.output(h)


def torch_epoch(model, optimizer, x, batch_size):
    for chosen in torch.randperm(len(x)).split(batch_size):
        optimizer.zero_grad(set_to_none=True)
        ((model(x[chosen]) - x[chosen]) ** 2).mean().backward()
        optimizer.step()


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(name, ours, **peers):
    """Print medians, and for each peer the ratio of medians."""
    line = f"{name:34} skae {np.median(ours):7.3f} s"
    for peer, times in peers.items():
        ratio = np.median(times) / np.median(ours)
        line += f"   {peer} {np.median(times):7.3f} s ({ratio:.1f}x)"
    print(line, flush=True)
