"""Dropout and noise equal Keras' layers, with other random draws."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from skae import layers

ONES = np.ones((50, 40, 10), np.float32)
PAIRS = [
    (layers.Dropout, keras.layers.Dropout, 0.3),
    (layers.GaussianNoise, keras.layers.GaussianNoise, 0.3),
]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("ours, stock, amount", PAIRS)
def test_training_draws_from_the_distribution_of_keras(ours, stock, amount, jit):
    call = tf.function(ours(amount, seed=0), jit_compile=jit)
    found = np.asarray(call(ONES, training=True)).ravel()
    expected = np.asarray(stock(amount, seed=1)(ONES, training=True)).ravel()
    assert stats.ks_2samp(found, expected).pvalue > 1e-3
    assert abs(stats.pearsonr(found[1:], found[:-1]).statistic) < 0.03


@pytest.mark.parametrize("ours, stock, amount", PAIRS)
def test_a_seed_says_what_is_drawn_and_moves_on(ours, stock, amount):
    first, second = ours(amount, seed=3), ours(amount, seed=3)
    once = np.asarray(first(ONES, training=True))
    np.testing.assert_array_equal(once, second(ONES, training=True))
    assert (once != np.asarray(first(ONES, training=True))).any()


@pytest.mark.parametrize("ours, stock, amount", PAIRS)
def test_nothing_happens_outside_of_training_or_with_nothing_to_draw(ours, stock, amount):
    np.testing.assert_array_equal(ours(amount)(ONES), ONES)
    np.testing.assert_array_equal(ours(0.0)(ONES, training=True), ONES)


@pytest.mark.parametrize("ours, stock, amount", PAIRS)
def test_the_dtype_is_that_of_the_layer(ours, stock, amount):
    assert ours(amount, dtype="bfloat16")(ONES, training=True).dtype == tf.bfloat16


def dropped_or_rejected(layer, **options):
    try:
        return np.asarray(layer(**{"rate": 0.5, "seed": 2} | options)(ONES, training=True))
    except ValueError as error:  # Keras 3.13 raises for a rate of 1 in training
        return np.array(str(error).partition("Arguments received")[0])


@pytest.mark.parametrize("options", [{"noise_shape": (50, 1, 10)}, {"rate": 1.0}])
def test_what_keras_alone_can_is_left_to_it(options):
    found = dropped_or_rejected(layers.Dropout, **options)
    np.testing.assert_array_equal(found, dropped_or_rejected(keras.layers.Dropout, **options))


@pytest.mark.parametrize("ours, stock, amount", PAIRS)
def test_a_copy_from_its_configuration_draws_the_same(ours, stock, amount):
    layer = ours(amount, seed=4)
    copy = ours.from_config(layer.get_config())
    np.testing.assert_array_equal(layer(ONES, training=True), copy(ONES, training=True))
