"""Private names of other packages: each exists and works as skae uses it."""

import ctypes
import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from memory import needs_glibc, needs_proc, resident_kilobytes
from scikeras.wrappers import BaseWrapper

from skae import SequenceWindower
from skae._compat.keras import (
    call_flat,
    forget_gradients,
    give_memory_back,
    is_seed,
    layers_of,
    options_of_loss,
    schedule_of,
)
from skae._compat.sklearn import feature_names_of, returns_frames

# ------------------------------------------------------------------- Keras


def test_layers_of_a_model_are_all_of_them():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="inside")])
    outer = keras.Sequential([keras.Input((2,)), inner, keras.layers.Dense(1, name="outside")])
    names = [layer.name for layer in layers_of(outer)]
    assert {"inside", "outside", inner.name, outer.name} <= set(names)


def test_the_state_of_dropout_is_a_seed_and_weights_are_not():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    assert [is_seed(v) for v in model.non_trainable_variables] == [True]
    assert not any(map(is_seed, model.trainable_variables))
    normalized = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    assert not any(map(is_seed, normalized.non_trainable_variables))


def test_the_schedule_of_an_optimizer_is_found():
    decay = keras.optimizers.schedules.CosineDecay(0.1, 5)
    assert schedule_of(keras.optimizers.Adam(decay)) is decay
    assert schedule_of(keras.optimizers.Adam(0.1)) is None


def test_options_that_the_configuration_of_a_loss_leaves_out_are_found():
    assert options_of_loss(keras.losses.Huber(delta=0.25))["delta"] == 0.25
    assert options_of_loss(keras.losses.CosineSimilarity(axis=1))["axis"] == 1


def test_layers_without_a_seed_take_it_from_pythons_random():
    draws = []
    for _ in range(2):
        random.seed(3)
        draws.append(keras.layers.Dropout(0.5).seed_generator.get_config()["seed"])
    assert draws[0] == draws[1]


@pytest.mark.parametrize("name", ["inner_loop", "zero_output_for_mask"])
def test_keras_lstm_calls_the_loop_that_ours_overrides(name):
    names = {*keras.layers.LSTM.__init__.__code__.co_names, *dir(keras.layers.LSTM(1))}
    assert name in names
    assert "inner_loop" in keras.layers.RNN.call.__code__.co_names


# ------------------------------------------------------------------- the C library


@needs_proc
@needs_glibc
def test_freed_memory_goes_back_to_the_system():
    blocks = [ctypes.create_string_buffer(2**15) for _ in range(2**11)]
    for block in blocks:
        ctypes.memset(block, 1, len(block))
    kept = blocks[::256]
    del blocks, block
    before = resident_kilobytes()
    give_memory_back()
    assert before - resident_kilobytes() > 30_000 and kept


# ------------------------------------------------------------------- TensorFlow


def test_gradients_of_a_graph_leave_the_registry():
    from tensorflow.python.framework import ops

    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda gradient: 2 * gradient

    before = set(ops.gradient_registry._registry)
    concrete = tf.function(double).get_concrete_function(tf.TensorSpec((), tf.float32))
    assert set(ops.gradient_registry._registry) - before
    forget_gradients(concrete.graph)
    assert set(ops.gradient_registry._registry) == before
    assert float(concrete(tf.constant(3.0))) == 6


def test_a_flat_call_is_the_call():
    def run(weights, inputs):
        return weights[0] * inputs[0] - weights[1]

    spec = tf.TensorSpec((2,), tf.float32)
    concrete = tf.function(run).get_concrete_function([spec, spec], [spec])
    three = [tf.constant([value, 1.0]) for value in (2.0, 3.0, 5.0)]
    public = concrete(three[:2], three[2:])
    np.testing.assert_array_equal(call_flat(concrete, three), public)
    np.testing.assert_array_equal(public, [7, 0])


KERNELS = """
import tensorflow as tf
from memory import resident_kilobytes
from skae._compat.keras import forget_kernels

def grown(of_shapes):
    before = resident_kilobytes()
    for n in of_shapes:
        tf.Variable(tf.zeros((n, 2)), name="variable")
    return resident_kilobytes() - before

grown(range(100, 120))
assert grown(range(200, 500)) > 5_000
forget_kernels()
# What was freed is used again.
assert grown(range(600, 800)) < 3_000
"""


@pytest.mark.nightly
@pytest.mark.slow
@needs_proc
def test_kernels_of_variables_are_forgotten():
    # A new process: another may have freed so much memory that it does not grow.
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent)])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", KERNELS], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


# ------------------------------------------------------------------- SciKeras

METHODS = [
    "_build_keras_model",
    "_get_compile_kwargs",
    "_initialize_callbacks",
    "_check_model_param",
]


@pytest.mark.parametrize("name", METHODS)
def test_scikeras_still_has_the_private_method(name):
    assert callable(getattr(BaseWrapper, name, None)), "mend skae/_compat/keras.py"


@pytest.mark.parametrize(
    "method, name",
    [
        ("_build_keras_model", "_get_metadata"),
        ("_build_keras_model", "_random_state"),
        ("_initialize_callbacks", "_fit_callbacks"),
    ],
)
def test_scikeras_still_uses_the_private_name(method, name):
    names = getattr(BaseWrapper, method).__code__.co_names
    assert name in names, "mend skae/_compat/keras.py"


# ------------------------------------------------------------------- scikit-learn


@pytest.mark.parametrize("output, frames", [("default", False), ("pandas", True)])
def test_what_set_output_asks_for_is_known(output, frames):
    assert returns_frames(SequenceWindower().set_output(transform=output)) is frames


def test_names_of_columns_are_found_where_all_are_strings():
    pd = pytest.importorskip("pandas")
    assert list(feature_names_of(pd.DataFrame({"a": [1], "b": [2]}))) == ["a", "b"]
    assert feature_names_of(np.zeros((1, 2))) is None
