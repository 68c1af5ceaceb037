import gc
import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from memory import HAS_PROC, resident_kilobytes
from shared import SMALL

LIMIT, ALLOWANCE = 1_900_000, 200_000
"""Kilobytes above which a worker drops compiled functions, and its growth until the next time."""

KEPT = 24
"""Architectures that a worker keeps compiled, more than by default: several files share most."""

settings.register_profile("ci", max_examples=100, deadline=None)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class Compiled:
    """Keep what TensorFlow compiled in this worker until the worker has grown."""

    limit = LIMIT

    @staticmethod
    def caches():
        cache = sys.modules.get("skae._compiled.training_cache")
        forward = sys.modules.get("skae._compiled.forward")
        if not hasattr(forward, "forward_passes") or not hasattr(cache, "workspaces"):
            return []
        return [cache.workspaces, forward.forward_passes]

    @classmethod
    def entries(cls):
        for cache in cls.caches():
            cache.max_size = 2 * KEPT
            cache.max_keys = cache.max_keys and KEPT
        return [(cache, list(cache._entries)) for cache in cls.caches()]

    @staticmethod
    def put_back(entries):
        """Restore cached functions that a test cleared or displaced."""
        for cache, before in entries:
            held = [key for key, _ in cache._entries]
            cache._entries[:0] = [entry for entry in before if entry[0] not in held]

    @classmethod
    def drop_if_large(cls):
        if not cls.caches() or not HAS_PROC or resident_kilobytes() < cls.limit:
            return
        sys.modules["skae._compiled.forward"].clear_caches()
        cls.limit = max(LIMIT, resident_kilobytes() + ALLOWANCE)


@pytest.fixture(autouse=True)
def _small_worker():
    entries = Compiled.entries()
    yield
    Compiled.put_back(entries)
    Compiled.drop_if_large()


LONG = ["test_steps", "test_training", "test_lstm", "test_checkpoint", "test_networks"]
"""Files that take longest."""


def is_left_out(item, markexpr):
    nightly = item.get_closest_marker("nightly")
    if nightly and "nightly" not in markexpr:
        daily = nightly.kwargs.get("daily", ())
        return not daily or item.callspec.id not in daily
    return bool(item.get_closest_marker("docs")) and "docs" not in markexpr


def mark_if_slow(item):
    """Mark an example of a docstring as slow if it trains."""
    if isinstance(item, pytest.DoctestItem) and ".fit" in item.dtest.docstring:
        item.add_marker("slow")


def pytest_collection_modifyitems(config, items):
    """Skip nightly tests and tests of the documentation unless ``-m`` selects them."""
    for item in items:
        mark_if_slow(item)
    by_name = any("::" in arg for arg in config.args)
    left_out = [i for i in items if not by_name and is_left_out(i, config.option.markexpr)]
    config.hook.pytest_deselected(items=left_out)
    kept = set(items) - set(left_out)
    items[:] = [item for item in items if item in kept]
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


def pytest_collection_finish(session):
    """Exclude imported modules from garbage collection, which would search them each time."""
    gc.collect()
    gc.freeze()


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
    """Make an `LSTMAutoencoder` small enough for tests; most share one compiled network."""
    from skae import LSTMAutoencoder

    def make(window_size=None, **parameters):
        return LSTMAutoencoder(window_size, **(SMALL | parameters))

    return make


@pytest.fixture
def plain_steps(monkeypatch):
    """Train by plain steps, which accept batches of any size without XLA compilation."""
    from skae._training import plan

    monkeypatch.setattr(plan, "MIN_SEQUENCES_TO_COMPILE", 10**9)


def pad(sequences, n_steps):
    """Return sequences as one array, NaN after the end of each."""
    padded = np.full((len(sequences), n_steps, sequences[0].shape[1]), np.nan)
    for i, sequence in enumerate(sequences):
        padded[i, : len(sequence)] = sequence
    return padded
