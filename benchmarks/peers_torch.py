"""The textbook network and its training in PyTorch."""

import torch
from torch import nn


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
