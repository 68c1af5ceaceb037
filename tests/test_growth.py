"""Causes of lasting growth of a process, found without measuring memory where possible."""

import logging
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.common import global_state
from memory import needs_glibc

import skae
from skae._compat.keras import names_anew
from skae._compiled.forward import forward_passes
from skae._compiled.training_cache import state_of, workspaces


def names_counted():
    """Return Keras' counters for generated names, in this thread."""
    return dict(global_state.get_global_attribute("object_name_uids") or {})


def test_names_begin_anew_inside_of_the_block_alone():
    keras.layers.Dense(1)
    before = names_counted()
    with names_anew():
        assert [keras.layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    assert names_counted() == before
    assert keras.layers.Dense(1).name == f"dense_{before['dense']}"


def _fails(model, X):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("of a callback")

    with pytest.raises(RuntimeError, match="of a callback"):
        model.set_params(callbacks=Fails()).fit(X)


def _through_a_file(model, X, tmp_path):
    model.save(tmp_path / "kept.skae")
    skae.load(tmp_path / "kept.skae").score_samples(X)


CALLS = {
    "fit": lambda model, X, _: model.fit(X),
    "a failing fit": lambda model, X, _: _fails(model, X),
    "partial_fit": lambda model, X, _: model.partial_fit(X),
    "options": lambda model, X, _: model.set_params(optimizer__beta_1=0.8).fit(X),
    "a class": lambda model, X, _: model.set_params(optimizer=keras.optimizers.SGD).fit(X),
    "score_samples": lambda model, X, _: model.score_samples(X),
    "stream": lambda model, X, _: skae.stream(model).update(X),
    "file": _through_a_file,
}


@pytest.mark.nightly(
    daily=["fit-0.0", "partial_fit-0.0", "a failing fit-0.0", "file-0.0", "score_samples-0.0"]
)
@pytest.mark.slow
@pytest.mark.parametrize("call, dropout", [*((call, 0.0) for call in CALLS), ("fit", 0.5)])
def test_no_variable_is_given_a_new_name(small, series, tmp_path, call, dropout):
    model = small(5, epochs=1, dropout=dropout).fit(series)
    paths = [variable.path for variable in model.model_.variables]
    before = names_counted()
    CALLS[call](model, series, tmp_path)
    assert names_counted() == before
    assert [variable.path for variable in model.model_.variables] == paths


NAMES = {"variable:0", "optimizer/iteration:0", "optimizer/learning_rate:0"}


@pytest.mark.nightly
def test_tensorflow_knows_all_variables_by_one_name(small, series, tmp_path):
    model = small(5, epochs=1, dropout=0.5).fit(series)
    model.save(tmp_path / "kept.skae")
    loaded = skae.load(tmp_path / "kept.skae").partial_fit(series)
    kept = [entry[1].model for entry in workspaces._entries]
    for one in (model.model_, loaded.model_, kept[-1]):
        assert {variable.value.name for variable in state_of(one)} == NAMES
    assert len({variable.path for variable in model.model_.variables}) > 5


NETWORKS_OF_MANY_SIZES = """
import ctypes, gc
from skae import LSTMAutoencoder
from skae._compiled.training_cache import workspace_of
from skae._network.architecture import DataSize
from skae._training.adapter import KerasAdapter

class Usage(ctypes.Structure):
    _fields_ = [(str(i), ctypes.c_size_t) for i in range(10)]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Usage

def kilobytes_in_use():
    gc.collect()
    return getattr(library.mallinfo2(), "7") / 1024

def make(units):
    parameters = LSTMAutoencoder(5, units=units).get_params()
    adapter = KerasAdapter.of(parameters, DataSize(2, 5, is_set=False), seed=0)
    with workspace_of(adapter.build_compiled(0)):
        pass

for units in range(4, 8):
    make(units)
before = kilobytes_in_use()
for units in range(10, 16):
    make(units)
print((kilobytes_in_use() - before) / 6)
"""


@pytest.mark.nightly
@pytest.mark.slow
@needs_glibc
def test_a_network_of_another_size_leaves_little_in_use():
    command = [sys.executable, "-c", NETWORKS_OF_MANY_SIZES]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 1400  # kB; 1,900 with a name for each variable


@pytest.mark.nightly
@pytest.mark.slow
def test_three_networks_in_turn_are_compiled_once(small, series):
    def in_turn():
        for units in (3, 5, 6):
            model = small(5, units=units, epochs=1).fit(series)
            model.score_samples(series)
            model.transform(series)
        return {id(entry[1]) for cache in (workspaces, forward_passes) for entry in cache._entries}

    skae.clear_caches()
    compiled = in_turn()
    assert len(compiled) == 9
    assert in_turn() == compiled


def test_the_names_of_ones_own_network_are_left_to_its_builder(small, series):
    shared = keras.layers.Dense(2)

    def build(meta):
        x = keras.Input((None, meta["n_features_in_"]))
        return keras.Model(x, keras.layers.Dense(meta["n_features_in_"])(shared(x)))

    model = small(5, model=build, epochs=1).fit(series)
    assert np.isfinite(model.score_samples(series)).all()


@pytest.fixture
def said_by_tensorflow():
    """Collect log messages of TensorFlow."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    yield lines
    tf.get_logger().removeHandler(handler)


def test_what_tensorflow_says_of_retracing_is_collected(said_by_tensorflow):
    again = tf.function(lambda x: x)
    for n in range(10):
        again(tf.zeros(n))
    assert any("triggered tf.function retracing" in line for line in said_by_tensorflow)


@pytest.mark.nightly
@pytest.mark.slow
def test_networks_and_lengths_of_many_sizes_provoke_no_word_of_retracing(
    small, series, said_by_tensorflow
):
    # Five tracings of one tf.function in nine calls cause a warning.
    for size in range(2, 8):
        model = small(size + 3, latent_dim=size, segment_length=1, epochs=1).fit(series)
        model.score_samples(series[: 20 * size])
        model.transform(series[: 20 * size])
    assert not [line for line in said_by_tensorflow if "retracing" in line]
