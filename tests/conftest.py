import gc
import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from memory import resident_kilobytes, trim

MAX_KILOBYTES = 1_400_000
"""What a worker may hold at the end of a module before it drops what was compiled."""

settings.register_profile("ci", max_examples=100, deadline=None)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back():
    """Keep workers small: after each module, if this one has grown."""
    yield
    if "skae._compiled.forward" in sys.modules and _is_large():
        sys.modules["skae._compiled.forward"].clear_caches()
        gc.collect()
        trim()


def _is_large():
    return os.path.exists("/proc/self/statm") and resident_kilobytes() > MAX_KILOBYTES


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
        defaults = {"units": 4, "latent_dim": 2, "epochs": 2, "random_state": 0}
        return LSTMAutoencoder(window_size, **(defaults | parameters))

    return make


def pad(sequences, n_steps):
    """Return sequences as one array, NaN after the end of each."""
    padded = np.full((len(sequences), n_steps, sequences[0].shape[1]), np.nan)
    for i, sequence in enumerate(sequences):
        padded[i, : len(sequence)] = sequence
    return padded
