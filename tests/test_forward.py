"""The forward pass equals the model, whatever else runs at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest
from stock import SMALL, padded, randomise, sequences

from skae._compat.keras import seeds_from
from skae._compiled import forward as _module
from skae._compiled import inference
from skae._compiled.forward import FORWARD_BLOCKS, clear_caches, forward, forward_passes
from skae._network.architecture import build_autoencoder

X = sequences(5)
FORWARD_BLOCK = FORWARD_BLOCKS[-1]


def _dense_model(activation):
    return keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(2, activation)])


@pytest.fixture(scope="module")
def model():
    return randomise(build_autoencoder(SMALL, 0))


@pytest.fixture(scope="module")
def many(model):
    x = sequences(FORWARD_BLOCK + 50, 3)
    return x, forward(model, x)


def test_forward_is_the_model(model, many):
    np.testing.assert_allclose(many[1], model(many[0]), atol=1e-6)
    assert many[1].dtype == np.float32


def test_forward_takes_any_length_and_padding(model):
    x = padded(sequences(2, 6))
    np.testing.assert_allclose(forward(model, x), model(x), atol=1e-6)


def test_forward_of_a_part_is_the_part(model, many):
    x, encoder = sequences(3), model.get_layer("encoder")
    np.testing.assert_allclose(forward(encoder, x), encoder(x), atol=1e-6)
    decoder, mask = model.get_layer("decoder"), np.ones((3, 4), bool)
    found = forward(decoder, forward(encoder, x), mask)
    np.testing.assert_allclose(found, model(x), atol=1e-6)


@pytest.mark.parametrize("cut", [1, 7, FORWARD_BLOCK, FORWARD_BLOCK + 49])
def test_forward_does_not_depend_on_how_samples_are_cut(model, many, cut):
    x, whole = many
    parts = np.concatenate([forward(model, x[:cut]), forward(model, x[cut:])])
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_forward_does_not_depend_on_the_other_samples(model, many):
    x, whole = many
    np.testing.assert_array_equal(forward(model, x[[200, 3]]), whole[[200, 3]])


@pytest.mark.nightly
@pytest.mark.parametrize("options", [{"units": (130,)}, {"units": (33, 7)}, {"cell": "gru"}])
def test_blocks_of_all_sizes_make_the_same_numbers(options):
    """The same bits, on processors with kernels that do not depend on the number of rows."""
    network = randomise(build_autoencoder(replace(SMALL, **options), 0))
    x = sequences(40, 6)
    whole = forward(network, np.concatenate([x] * 7))[:40]
    for size in (1, *FORWARD_BLOCKS[:-1]):
        parts = [forward(network, x[i : i + size]) for i in range(0, 40, size)]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-3, atol=1e-4)


def test_a_sample_has_one_answer_however_often_it_is_asked_for(model):
    first = forward(model, X[:1])
    for _ in range(300):
        np.testing.assert_array_equal(forward(model, X[:1]), first)


def test_no_more_forward_passes_are_kept_than_may_be(monkeypatch):
    monkeypatch.setattr(forward_passes, "max_size", 1)
    for activation in ("tanh", "relu", "tanh"):
        dense = _dense_model(activation)
        np.testing.assert_allclose(forward(dense, X), dense(X), atol=1e-6)
        assert len(forward_passes) == 1


def test_forward_uses_the_weights_of_each_model():
    for seed in (1, 2):
        model = build_autoencoder(SMALL, seed)
        np.testing.assert_allclose(forward(model, X), model(X), atol=1e-6)


def test_forward_sees_new_weights(model):
    model = build_autoencoder(SMALL, 1)
    forward(model, X)
    randomise(model)
    np.testing.assert_allclose(forward(model, X), model(X), atol=1e-6)


def test_forward_works_with_frozen_layers():
    model = build_autoencoder(SMALL, 1)
    expected = forward(model, X)
    model.get_layer("encoder").trainable = False
    np.testing.assert_allclose(forward(model, X), expected, atol=1e-6)


@pytest.mark.slow
def test_two_threads_run_models_of_one_architecture_at_once():
    clear_caches()
    models = [build_autoencoder(SMALL, seed) for seed in (1, 2)]
    expected = [np.asarray(model(X)) for model in models]
    barrier = threading.Barrier(2)

    def run(model):
        barrier.wait()
        return [forward(model, X) for _ in range(10)]

    with ThreadPoolExecutor(2) as threads:
        for found, right in zip(threads.map(run, models), expected, strict=True):
            for output in found:
                np.testing.assert_allclose(output, right, atol=1e-6)


@pytest.mark.slow
def test_a_builder_that_scores_and_a_score_do_not_wait_for_each_other(monkeypatch):
    """A builder holds the lock of the seeds, and so, for a moment, does a copy of a network."""
    scored, copying, seeded = build_autoencoder(SMALL, 0), threading.Event(), threading.Event()
    copy = _module.copy_architecture

    def slow_copy(model):
        copying.set()
        seeded.wait(timeout=10)
        return copy(model)

    def build():
        with seeds_from(0):
            seeded.set()
            copying.wait(timeout=10)
            forward(scored, X)

    forward(scored, X)
    clear_caches()
    monkeypatch.setattr(_module, "copy_architecture", slow_copy)
    tasks = [build, lambda: forward(scored, X)]
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.nightly
@pytest.mark.slow
def test_builders_may_score_in_many_threads(small, series):
    scored = small(5).fit(series)

    def builder(meta):
        scored.score_samples(series)
        return keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(2)])

    def fit_and_score(seed):
        small(5, model=builder, random_state=seed).fit(series)
        return scored.score_samples(series)

    clear_caches()
    threads = ThreadPoolExecutor(4)
    futures = [threads.submit(fit_and_score, seed) for seed in range(4)]
    expected = scored.score_samples(series)
    for future in futures:
        np.testing.assert_array_equal(future.result(timeout=120), expected)


@pytest.mark.nightly(daily=["1-41-True"])
@pytest.mark.parametrize("segment_length, n_rows, in_bulk", [(1, 41, True), (4, 41, False)])
def test_only_many_steps_are_compiled_for(small, monkeypatch, segment_length, n_rows, in_bulk):
    detector = small(10, segment_length=segment_length).fit(sequences(1, n_rows)[0])
    seen = []

    def spy(*args, **options):
        seen.append(options["in_bulk"])
        return forward(*args, **options)

    monkeypatch.setattr(inference, "forward", spy)
    monkeypatch.setattr(inference, "MIN_STEPS_IN_BULK", 32 * 10)
    detector.score_samples(sequences(1, n_rows)[0])
    assert seen == [in_bulk]
