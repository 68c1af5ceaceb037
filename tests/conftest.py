import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from memory import HAS_PROC, resident_kilobytes

LIMIT, ALLOWANCE = 1_200_000, 250_000
"""Kilobytes from which a worker drops what was compiled, and by how many it may grow again."""

settings.register_profile("ci", max_examples=100, deadline=None)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class Compiled:
    """What TensorFlow compiled in this worker, dropped when the worker has grown."""

    limit = LIMIT

    @classmethod
    def drop_if_large(cls):
        forward = sys.modules.get("skae._compiled.forward")
        if forward is None or not HAS_PROC or resident_kilobytes() < cls.limit:
            return
        forward.clear_caches()
        cls.limit = max(LIMIT, resident_kilobytes() + ALLOWANCE)


@pytest.fixture(autouse=True)
def _small_worker():
    yield
    Compiled.drop_if_large()


@pytest.fixture(scope="session")
def series():
    """A noisy sine in two features, 200 rows."""
    time = np.arange(200)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(200, 2))
    return np.stack([np.sin(time / 4), np.cos(time / 4)], axis=1) + noise


@pytest.fixture(scope="session")
def sequences():
    """Thirty sines of unequal length and phase, two features."""
    rng = np.random.default_rng(1)
    starts, lengths = rng.uniform(0, 6, 30), rng.integers(3, 9, 30)
    return [
        np.stack([np.sin(s + np.arange(n)), np.cos(s + np.arange(n))], axis=1)
        for s, n in zip(starts, lengths, strict=True)
    ]


@pytest.fixture(scope="session")
def small():
    """Make an `LSTMAutoencoder` small enough for tests; one compiled network serves most."""
    from skae import LSTMAutoencoder

    def make(window_size=None, **parameters):
        defaults = {"units": 4, "latent_dim": 2, "epochs": 2, "random_state": 0, "scale": None}
        return LSTMAutoencoder(window_size, **(defaults | parameters))

    return make


def pad(sequences, n_steps):
    """Return sequences as one array, NaN after the end of each."""
    padded = np.full((len(sequences), n_steps, sequences[0].shape[1]), np.nan)
    for i, sequence in enumerate(sequences):
        padded[i, : len(sequence)] = sequence
    return padded
