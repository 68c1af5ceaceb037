"""Layers against numpy, and the recurrent ones against Keras'."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from stock import padded, sequences

from skae import _layers

X = sequences(3, 5)
LENGTHS = np.array([5, 1, 3])
MASK = np.arange(5) < LENGTHS[:, None]
WITH_NAN = np.where(MASK[:, :, None], X, np.float32(np.nan))

NOT_RECURRENT = [
    _layers.NaNToZero,
    _layers.StepMask,
    _layers.RepeatToLength,
    _layers.ReverseSteps,
    _layers.MaskedMaxPooling,
    _layers.MaskedMeanPooling,
]


def test_nan_becomes_zero_and_the_rest_stays():
    expected = np.where(MASK[:, :, None], X, 0)
    np.testing.assert_array_equal(_layers.NaNToZero()(WITH_NAN), expected)


def test_a_step_exists_unless_it_is_nan_in_every_feature():
    x = WITH_NAN.copy()
    x[0, 1, 0] = np.nan
    np.testing.assert_array_equal(_layers.StepMask()(x), MASK)


def test_a_step_of_zeros_exists():
    assert np.all(_layers.StepMask()(np.zeros((2, 3, 1), np.float32)))


def test_a_vector_is_repeated_over_the_steps_that_exist():
    vector = np.float32([[1, 2], [3, 4], [5, 6]])
    repeated = np.asarray(_layers.RepeatToLength()([vector, MASK]))
    for i, length in enumerate(LENGTHS):
        assert (repeated[i, :length] == vector[i]).all() and (repeated[i, length:] == 0).all()


def test_only_the_steps_that_exist_are_turned():
    turned = np.asarray(_layers.ReverseSteps()([X, MASK]))
    for i, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(turned[i, :length], X[i, :length][::-1])
        np.testing.assert_array_equal(turned[i, length:], X[i, length:])


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_turning_twice_is_nothing(lengths):
    x, mask = sequences(len(lengths), 6), np.arange(6) < np.array(lengths)[:, None]
    turn = _layers.ReverseSteps()
    np.testing.assert_array_equal(turn([turn([x, mask]), mask]), x)


@pytest.mark.parametrize(
    "layer, reduce",
    [(_layers.MaskedMaxPooling, np.max), (_layers.MaskedMeanPooling, np.mean)],
)
def test_pooling_sees_the_steps_that_exist(layer, reduce):
    pooled = np.asarray(layer()([X - 10, MASK]))
    expected = [reduce(x[:length] - 10, axis=0) for x, length in zip(X, LENGTHS, strict=True)]
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "layer", [_layers.MaskedMaxPooling, _layers.MaskedMeanPooling, _layers.ReverseSteps]
)
def test_no_gradient_reaches_padding(layer):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = layer()([x, MASK])
        real = found if len(found.shape) == 2 else found[MASK]
        value = tf.reduce_sum(real**2)
    gradient = tape.gradient(value, x).numpy()
    assert np.isfinite(gradient).all() and (gradient[~MASK] == 0).all()


@pytest.mark.parametrize("layer", NOT_RECURRENT)
def test_a_layer_is_made_again_from_its_description(layer):
    description = keras.saving.serialize_keras_object(layer(name="this"))
    again = keras.saving.deserialize_keras_object(description)
    assert type(again) is layer and again.name == "this"


RECURRENT = [(_layers.LSTM, keras.layers.LSTM), (_layers.GRU, keras.layers.GRU)]
OPTIONS = [
    {},
    {"return_sequences": True},
    {"return_sequences": True, "go_backwards": True},
    {"return_state": True},
]


def _outputs_and_gradients(layer, inputs, **call):
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.nest.flatten(layer(inputs, **call))
        value = sum(tf.reduce_sum(tf.sin(output)) for output in outputs)
    return outputs, tape.gradient(value, [inputs, *[w.value for w in layer.trainable_weights]])


def _assert_equal(ours, theirs, **call):
    theirs.build(X.shape)
    ours.build(X.shape)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.5, weight.shape) for weight in theirs.get_weights()]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    for mine, stock in zip(
        _outputs_and_gradients(ours, X, **call),
        _outputs_and_gradients(theirs, X, **call),
        strict=True,
    ):
        for a, b in zip(mine, stock, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "last")
@pytest.mark.parametrize("ours, theirs", RECURRENT, ids=["lstm", "gru"])
def test_a_recurrent_layer_equals_that_of_keras(ours, theirs, options, masked):
    _assert_equal(ours(4, **options), theirs(4, **options), mask=MASK if masked else None)


@pytest.mark.parametrize("ours, theirs, n_states", [(*RECURRENT[0], 2), (*RECURRENT[1], 1)])
def test_a_recurrent_layer_starts_from_a_state_like_that_of_keras(ours, theirs, n_states):
    state = list(np.random.default_rng(1).normal(size=(n_states, 3, 4)).astype(np.float32))
    _assert_equal(
        ours(4, return_sequences=True),
        theirs(4, return_sequences=True),
        mask=MASK,
        initial_state=state,
    )


def test_two_padded_lengths_give_the_same_last_state():
    layer = _layers.LSTM(4)
    short = layer(X, mask=MASK)
    mask = np.pad(MASK, [(0, 0), (0, 3)])
    np.testing.assert_allclose(layer(np.nan_to_num(padded(X)), mask=mask), short, atol=1e-6)
