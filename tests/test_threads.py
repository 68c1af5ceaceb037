"""Threads that fit, score, pickle and clear caches at the same time do not affect each other."""

import pickle
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import skae


def _weights(model):
    return model.model_.get_weights()


def _assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def _global_states():
    name, keys, *rest = np.random.get_state()
    return random.getstate(), (name, keys.tobytes(), *rest)


class Repeated:
    """Calls a function in another thread until the block ends."""

    def __init__(self, function, pause=0.005):
        self.function, self.pause, self.n_calls, self._over = function, pause, 0, threading.Event()

    def __enter__(self):
        self._threads = ThreadPoolExecutor(1)
        self._run = self._threads.submit(self._repeat)
        return self

    def _repeat(self):
        while not self._over.is_set():
            self.function()
            self.n_calls += 1
            time.sleep(self.pause)  # a loop that never waits blocks the other threads

    def __exit__(self, *error):
        self._over.set()
        self._threads.shutdown()
        self._run.result()


SETTINGS = {
    "sharded": {"epochs": 6, "dropout": 0.2, "noise": 0.5},
    "plain": {"epochs": 2, "batch_size": 7},
}


@pytest.mark.nightly(daily=["plain"])
@pytest.mark.parametrize("name", ["plain", pytest.param("sharded", marks=pytest.mark.slow)])
def test_fits_in_threads_are_those_of_one_thread(small, series, name):
    def fit(seed):
        return _weights(small(5, random_state=seed, **SETTINGS[name]).fit(series))

    expected, states = [fit(seed) for seed in (1, 2)], set()
    with Repeated(lambda: states.add(_global_states())) as watch, ThreadPoolExecutor(2) as threads:
        found = list(threads.map(fit, [1, 2]))
    for weights, right in zip(found, expected, strict=True):
        _assert_equal(weights, right)
    assert watch.n_calls > 10
    assert states == {_global_states()}


@pytest.mark.slow
def test_pickles_of_an_estimator_that_scores_score_the_same(small, series):
    model = small(5, epochs=1).fit(series)
    expected = model.score_samples(series)
    with Repeated(lambda: np.testing.assert_array_equal(model.score_samples(series), expected)):
        copies = [pickle.loads(pickle.dumps(model)) for _ in range(5)]
    for copy in copies:
        np.testing.assert_array_equal(copy.score_samples(series), expected)


@pytest.mark.nightly
@pytest.mark.slow
def test_caches_may_be_cleared_while_others_fit_and_score(small, series):
    fit = lambda seed: small(5, random_state=seed, epochs=1).fit(series)  # noqa: E731
    expected = [(_weights(model), model.score_samples(series)) for model in map(fit, (1, 2))]
    with Repeated(skae.clear_caches, pause=1) as clearing, ThreadPoolExecutor(2) as threads:
        for model, (weights, scores) in zip(threads.map(fit, (1, 2)), expected, strict=True):
            _assert_equal(_weights(model), weights)
            np.testing.assert_array_equal(model.score_samples(series), scores)
    assert clearing.n_calls > 1
