"""Several devices, to which a strategy of TensorFlow shares batches out, find what one finds."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from skae import LSTMAutoencoder
from skae._compat.keras import global_attributes
from skae._compiled.process import outside_of_scopes

# Devices are made before TensorFlow is used: each script is a process of its own.
TWO_DEVICES = """
import pickle, sys, warnings
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [half, half])
from sklearn.base import clone
from skae import LSTMAutoencoder
warnings.simplefilter("ignore")
rows = np.sin(np.arange(231)[:, None] / [4, 5]) + np.random.default_rng(0).normal(0, 0.1, (231, 2))
rows[60:66, 1] = np.nan
sequences = [rows[i : i + 4 + i % 5] for i in range(0, 201, 3)]
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2

def detector(window_size=8, **parameters):
    usual = dict(units=6, latent_dim=3, epochs=4, batch_size=25, random_state=0)
    return LSTMAutoencoder(window_size, **usual | parameters)

def assert_equal_weights(one, other):
    for a, b in zip(one.model_.get_weights(), other.model_.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
"""
FITS = """
weights = np.linspace(0, 1, 231)
regular = lambda: keras.Sequential([
    keras.Input((None, 2)),
    keras.layers.LSTM(4, return_sequences=True, kernel_regularizer="l2"),
    keras.layers.Dense(2),
])
for X, given, parameters in [
    (rows, weights, {}),
    (rows, None, {"model": regular, "optimizer": "adamw", "learning_rate_schedule": "constant"}),
    (sequences, None, {"window_size": None}),
]:
    one = detector(**parameters).fit(X, sample_weight=given)
    with two.scope():
        other = detector(**parameters).fit(X, sample_weight=given)
        inside = other.score_samples(X)
    losses = [one.history_["loss"], other.history_["loss"]]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    np.testing.assert_allclose(one.history_["val_loss"], other.history_["val_loss"], rtol=1e-5)
    assert losses[1][-1] < losses[1][0]
    assert_equal_weights(one, other)
    np.testing.assert_array_equal(inside, other.score_samples(X))
    np.testing.assert_allclose(inside, one.score_samples(X), atol=1e-5)
    assert abs(one.offset_ - other.offset_) < 1e-5
with two.scope():
    other.partial_fit(X)
assert_equal_weights(one.partial_fit(X), other)
"""
AFTERWARDS = """
with two.scope():
    fitted = detector(dropout=0.1, noise=0.1).fit(rows)
scores = fitted.score_samples(rows)
assert not hasattr(clone(fitted), "model_")
np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).score_samples(rows), scores)
fitted.save(sys.argv[1])
np.testing.assert_array_equal(LSTMAutoencoder.load(sys.argv[1]).score_samples(rows), scores)
assert not any("Mirrored" in type(v.value).__name__ for v in fitted.model_.variables)
with two.scope():
    loaded = LSTMAutoencoder.load(sys.argv[1])
    np.testing.assert_array_equal(loaded.score_samples(rows), scores)
    for method in ("predict", "transform", "reconstruct", "explain"):
        getattr(fitted, method)(rows)
np.testing.assert_array_equal(fitted.score_samples(rows), scores)
"""
REFUSALS = """
uncopied = lambda: keras.Sequential([
    keras.Input((None, 2)), keras.layers.Lambda(lambda x: x), keras.layers.Dense(2)
])
fitted = detector().fit(rows)
scores = fitted.score_samples(rows)
other = tf.distribute.experimental.CentralStorageStrategy(["CPU:0", "CPU:1"])
for strategy, call in [
    (two, fitted.stream),
    (two, lambda: detector(model=uncopied).fit(rows)),
    (two, lambda: detector(optimizer__gradient_accumulation_steps=2).fit(rows)),
    (other, lambda: detector().fit(rows)),
    (other, lambda: fitted.score_samples(rows)),
    (other, lambda: fitted.partial_fit(rows)),
]:
    try:
        with strategy.scope():
            call()
        print("nothing")
    except (RuntimeError, ValueError) as error:
        print(error)
np.testing.assert_array_equal(fitted.score_samples(rows), scores)
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES + code, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_two_devices_find_the_weights_of_one():
    """With missing values, unequal lengths, weights, clipping, and a last batch that is odd."""
    run(FITS)


@pytest.mark.slow
def test_what_two_devices_trained_is_kept_and_scored_as_ever(tmp_path):
    run(AFTERWARDS, tmp_path / "kept.skae")


@pytest.mark.slow
def test_what_several_devices_cannot_do_is_refused_in_a_line():
    lines = run(REFUSALS)
    assert len(lines) == 6
    assert "in the scope of MirroredStrategy, but expected none" in lines[0]
    assert "a network that Keras cannot copy" in lines[1]
    assert "Got optimizer__gradient_accumulation_steps=2 in the scope" in lines[2]
    assert all("of CentralStorageStrategy, but expected a MirroredStrategy" in x for x in lines[3:])


def test_a_strategy_of_one_device(small, series):
    expected = small(5).fit(series)
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        found = small(5).fit(series)
        scores = found.score_samples(series)
    np.testing.assert_allclose(scores, expected.score_samples(series), rtol=1e-4)
    np.testing.assert_array_equal(scores, found.score_samples(series))


def test_callbacks_are_called_in_the_scope(small, series):
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(tf.distribute.has_strategy())

    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        small(5, callbacks=[Looks()]).fit(series)
    assert seen == [True, True]


def test_a_scope_is_left_with_what_keras_keeps_for_the_thread():
    def state():
        return tf.distribute.has_strategy(), keras.config.dtype_policy().name

    policy = keras.config.dtype_policy()
    try:
        with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
            keras.config.set_dtype_policy("bfloat16")
            assert (state(), outside_of_scopes(state)) == ((True, "bfloat16"), (False, "bfloat16"))
    finally:
        keras.config.set_dtype_policy(policy)
    assert "dtype_policy" in global_attributes()
    assert outside_of_scopes(state) == (False, policy.name)


def test_a_fit_that_fails_in_a_scope_changes_nothing(small, series):
    detector = LSTMAutoencoder(5)
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        with pytest.raises(ValueError, match="infinity"):
            detector.fit(series * np.inf)
    assert not hasattr(detector, "model_")
