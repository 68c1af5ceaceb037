"""Data and parameters that most tests use."""

NETWORK = {"units": 4, "latent_dim": 2, "segment_length": 1, "bidirectional": False}
"""Whatever the window, and whether rows or sequences: this network is compiled once."""

SMALL = NETWORK | {"epochs": 2, "random_state": 0, "scale": None}
TINY = SMALL | {"epochs": 1}
