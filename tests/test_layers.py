"""Layers compared with numpy, and the LSTM with Keras' LSTM."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from stock import padded, sequences
from strategies import examples

from skae import layers

X = sequences(3, 5)
LENGTHS = np.array([5, 1, 3])
MASK = np.arange(5) < LENGTHS[:, None]
WITH_NAN = np.where(MASK[:, :, None], X, np.float32(np.nan))

WITHOUT_WEIGHTS = [
    layers.NaNToZero,
    layers.StepMask,
    layers.RepeatToLength,
    layers.ReverseSteps,
    layers.MaskedMaxPooling,
    layers.MaskedMeanPooling,
]


def test_nan_becomes_zero_and_the_rest_stays():
    expected = np.where(MASK[:, :, None], X, 0)
    np.testing.assert_array_equal(layers.NaNToZero()(WITH_NAN), expected)


def test_a_step_exists_unless_it_is_nan_in_every_feature():
    x = WITH_NAN.copy()
    x[0, 1, 0] = np.nan
    np.testing.assert_array_equal(layers.StepMask()(x), MASK)


def test_a_step_of_zeros_exists():
    assert np.all(layers.StepMask()(np.zeros((2, 3, 1), np.float32)))


def test_a_vector_is_repeated_over_the_steps_that_exist():
    vector = np.float32([[1, 2], [3, 4], [5, 6]])
    repeated = np.asarray(layers.RepeatToLength()([vector, MASK]))
    for i, length in enumerate(LENGTHS):
        assert (repeated[i, :length] == vector[i]).all() and (repeated[i, length:] == 0).all()


def test_only_the_steps_that_exist_are_turned():
    turned = np.asarray(layers.ReverseSteps()([X, MASK]))
    for i, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(turned[i, :length], X[i, :length][::-1])
        np.testing.assert_array_equal(turned[i, length:], X[i, length:])


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5))
@examples(20)
def test_turning_twice_is_nothing(lengths):
    x, mask = sequences(len(lengths), 6), np.arange(6) < np.array(lengths)[:, None]
    turn = layers.ReverseSteps()
    np.testing.assert_array_equal(turn([turn([x, mask]), mask]), x)


@pytest.mark.parametrize(
    "layer, reduce",
    [(layers.MaskedMaxPooling, np.max), (layers.MaskedMeanPooling, np.mean)],
)
def test_pooling_sees_the_steps_that_exist(layer, reduce):
    pooled = np.asarray(layer()([X - 10, MASK]))
    expected = [reduce(x[:length] - 10, axis=0) for x, length in zip(X, LENGTHS, strict=True)]
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "layer", [layers.MaskedMaxPooling, layers.MaskedMeanPooling, layers.ReverseSteps]
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


@pytest.mark.parametrize("layer", WITHOUT_WEIGHTS)
def test_a_layer_is_made_again_from_its_description(layer):
    description = keras.saving.serialize_keras_object(layer(name="this"))
    again = keras.saving.deserialize_keras_object(description)
    assert type(again) is layer and again.name == "this"


OPTIONS = [
    {},
    {"return_sequences": True},
    {"return_sequences": True, "go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"return_state": True},
    {"use_bias": False},
    {"activation": "relu"},
    {"unroll": True},
]


def _outputs_and_gradients(layer, inputs, **call):
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.nest.flatten(layer(inputs, **call))
        value = sum(tf.reduce_sum(tf.sin(output)) for output in outputs)
    return outputs, tape.gradient(value, [inputs, *[w.value for w in layer.trainable_weights]])


def _assert_equals_keras(options, **call):
    ours, theirs = layers.LSTM(4, **options), keras.layers.LSTM(4, **options)
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
def test_the_lstm_equals_that_of_keras(options, masked):
    _assert_equals_keras(options, mask=MASK if masked else None)


def test_the_lstm_starts_from_a_state_like_that_of_keras():
    state = list(np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32))
    _assert_equals_keras({"return_sequences": True}, mask=MASK, initial_state=state)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_behind_a_repeated_vector_the_lstm_equals_that_of_keras(masked, backwards):
    ours, theirs = (
        kind(4, return_sequences=True, go_backwards=backwards)
        for kind in (layers.LSTM, keras.layers.LSTM)
    )
    vector = tf.constant(X[:, 0])
    mask = MASK if masked else np.ones_like(MASK)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(vector)
        found = ours(layers.RepeatToLength()([vector, tf.constant(mask)]), mask=mask)
        theirs.build((None, None, 2))
        theirs.set_weights(ours.get_weights())
        expected = theirs(vector[:, None] * np.float32(mask)[:, :, None], mask=mask)
        values = [tf.reduce_sum(tf.sin(outputs)) for outputs in (found, expected)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(*(tape.gradient(value, vector) for value in values), atol=1e-5)


def test_an_lstm_without_a_mask_sees_zeros_where_nothing_is_repeated():
    ours = layers.LSTM(4, return_sequences=True)
    repeated = layers.RepeatToLength()([tf.constant(X[:, 0]), tf.constant(MASK)])
    found = ours(repeated)
    np.testing.assert_allclose(found, ours(repeated.numpy()), atol=1e-5)


def test_padding_leaves_the_last_state_alone():
    layer = layers.LSTM(4)
    short = layer(X, mask=MASK)
    mask = np.pad(MASK, [(0, 0), (0, 3)])
    np.testing.assert_allclose(layer(np.nan_to_num(padded(X)), mask=mask), short, atol=1e-6)


MASKS = {
    "the mask of its steps": (
        layers.NaNToZero(),
        layers.ReverseSteps(),
        layers.JoinSegments(1),
    ),
    "none": (
        layers.StepMask(),
        layers.MaskedMaxPooling(),
        layers.MaskedMeanPooling(),
        layers.SplitIntoSegments(2),
        layers.SegmentMask(2),
    ),
}


@pytest.mark.parametrize("layer", MASKS["the mask of its steps"], ids=lambda one: one.name)
def test_what_keeps_the_steps_carries_their_mask_on(layer):
    assert layer(_masked(layer))._keras_mask is not None
    np.testing.assert_array_equal(layer(_masked(layer))._keras_mask, MASK)


@pytest.mark.parametrize("layer", MASKS["none"], ids=lambda one: one.name)
def test_what_has_other_steps_carries_no_mask(layer):
    assert getattr(layer(_masked(layer)), "_keras_mask", None) is None


def _masked(layer):
    """Return inputs of a layer with a mask attached as Keras does."""
    sequence = keras.layers.Masking(-9.0)(np.where(MASK[:, :, None], X, np.float32(-9)))
    takes_mask_alone = isinstance(layer, layers.SegmentMask)
    takes_sequence_alone = isinstance(layer, layers.NaNToZero | layers.StepMask)
    if takes_mask_alone:
        return tf.constant(MASK)
    return sequence if takes_sequence_alone else [sequence, tf.constant(MASK)]
