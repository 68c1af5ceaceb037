"""The fast LSTM equals the stock LSTM, forward and gradient."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from skae.layers import LSTM, NaNToZero, RepeatToLength, StepMask

UNITS, TIME, FEATURES, BATCH = 4, 6, 3, 5
rng = np.random.default_rng(0)

MASKS = {
    "none": None,
    "right": np.arange(TIME) < np.array([[6], [4], [1], [3], [2]]),
    "left": np.arange(TIME) >= np.array([[0], [4], [1], [3], [2]]),
    "any": np.array(
        [[0, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1] * 6],
        bool,
    ),
}


def pair(dtype=None, **options):
    """A fast and a stock layer with equal random weights."""
    layers = LSTM(UNITS, dtype=dtype, **options), keras.layers.LSTM(UNITS, dtype=dtype, **options)
    for layer in layers:
        layer.build((None, TIME, FEATURES))
    weights = [rng.normal(size=w.shape).astype("f4") for w in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def value_and_gradient(layer, training, mode):
    """Outputs, and gradients of their cosine-weighted sum for inputs, states and weights."""

    def run(x, mask, state):
        sources = [x] if state is None else [x, *state]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            out = tf.nest.flatten(layer(x, mask=mask, initial_state=state, training=training))
            out = [tf.cast(o, "float32") for o in out]
            loss = sum(
                tf.reduce_sum(o * tf.reshape(_cosines(tf.size(o)), tf.shape(o))) for o in out
            )
        return out, tape.gradient(loss, [*sources, *(w.value for w in layer.trainable_weights)])

    if mode == "eager":
        return run
    compiled = tf.function(run, jit_compile=mode == "xla")
    return partial(_run_for_any_length, compiled) if mode == "dynamic" else compiled


def _run_for_any_length(compiled, *arguments):
    run = compiled.get_concrete_function(*tf.nest.map_structure(_any_length, arguments))
    return run(*(a for a in tf.nest.flatten(arguments) if a is not None))


def _cosines(n):
    return tf.cos(tf.cast(tf.range(n), "float32"))


def _any_length(a):
    if a is None:
        return None
    return tf.TensorSpec(
        (None, UNITS) if a.shape[1] == UNITS else (None, None, FEATURES)[: a.ndim], a.dtype
    )


def assert_same(fast, stock, atol=1e-5):
    for a, b in zip(tf.nest.flatten(fast), tf.nest.flatten(stock), strict=True):
        np.testing.assert_allclose(np.asarray(a, "f4"), np.asarray(b, "f4"), atol=atol, rtol=1e-5)


@pytest.mark.nightly(daily=["True-False-True-none", "False-False-False-right-left-any"])
@pytest.mark.slow
@pytest.mark.parametrize("masks", [["none"], ["right", "left", "any"]], ids="-".join)
@pytest.mark.parametrize(
    ("sequences", "state", "backwards"),
    [(False, False, False), (True, False, True), (True, True, False), (False, True, True)],
)
def test_equals_stock(masks, sequences, state, backwards):
    fast, stock = pair(return_sequences=sequences, return_state=state, go_backwards=backwards)
    x = tf.constant(rng.normal(size=(BATCH, TIME, FEATURES)).astype("f4"))
    h = (
        [tf.constant(rng.normal(size=(BATCH, UNITS)).astype("f4")) for _ in range(2)]
        if state
        else None
    )
    oracle = value_and_gradient(stock, True, "eager")
    ours = [value_and_gradient(fast, True, mode) for mode in ("xla", "dynamic")]
    for mask in masks:
        m = None if MASKS[mask] is None else tf.constant(MASKS[mask])
        want = oracle(x, m, h)
        for of_mode in ours:
            assert_same(of_mode(x, m, h), want)


@pytest.mark.nightly(
    daily=[
        "any-options0",
        "any-options1",
        "any-options2",
        "any-options3",
        "any-options4",
        "any-options5",
        "any-options6",
    ]
)
@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"zero_output_for_mask": True, "return_sequences": True},
        {"unroll": True},
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"dropout": 0.5},
        {"recurrent_dropout": 0.5},
    ],
)
@pytest.mark.parametrize("mask", ["none", "any"])
def test_options(options, mask):
    fast, stock = pair(**options)
    x = tf.constant(rng.normal(size=(BATCH, TIME, FEATURES)).astype("f4"))
    m = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    got = value_and_gradient(fast, False, "graph")(x, m, None)
    assert_same(got, value_and_gradient(stock, False, "eager")(x, m, None))


def test_dropout_in_training_uses_the_stock_loop():
    fast, stock = pair(dropout=0.5, seed=3)
    x = tf.constant(rng.normal(size=(BATCH, TIME, FEATURES)).astype("f4"))
    assert_same(fast(x, training=True), stock(x, training=True))


@pytest.mark.parametrize("mask", ["none", "any"])
def test_stateful_falls_back(mask):
    fast, stock = (layer(UNITS, stateful=True) for layer in (LSTM, keras.layers.LSTM))
    for layer in (fast, stock):
        layer.build((BATCH, TIME, FEATURES))
    stock.set_weights(fast.get_weights())
    x = rng.normal(size=(BATCH, TIME, FEATURES)).astype("f4")
    for _ in range(2):
        assert_same(fast(x, mask=MASKS[mask]), stock(x, mask=MASKS[mask]))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_mixed_bfloat16(mode):
    fast, stock = pair(dtype="mixed_bfloat16", return_sequences=True)
    x = tf.constant(rng.normal(size=(BATCH, TIME, FEATURES)).astype("f4"))
    x16 = tf.cast(x, "bfloat16")
    out, gradient = value_and_gradient(fast, True, mode)(x16, None, None)
    want, want_gradient = value_and_gradient(stock, True, "eager")(x16, None, None)
    assert fast(x).dtype == "bfloat16"
    assert_same(out, want, atol=5e-2)
    for g, w in zip(gradient, want_gradient, strict=True):
        assert (
            np.corrcoef(np.ravel(np.asarray(g, "f4")), np.ravel(np.asarray(w, "f4")))[0, 1] > 0.99
        )


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_bidirectional_model(jit):
    def build(layer):
        x = keras.Input((None, FEATURES))
        y = keras.layers.Bidirectional(layer(UNITS, return_sequences=True))(x)
        return keras.Model(x, keras.layers.Dense(FEATURES)(y))

    x = rng.normal(size=(16, TIME, FEATURES)).astype("f4")
    losses, weights = [], None
    for layer in (LSTM, keras.layers.LSTM):
        model = build(layer)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.compile("adam", "mse", jit_compile=jit and layer is LSTM)
        losses.append(model.fit(x, x, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def autoencoder(layer):
    x = keras.Input((None, FEATURES))
    mask = StepMask()(x)
    z = keras.layers.Dense(UNITS)(layer(UNITS)(NaNToZero()(x), mask=mask))
    y = layer(UNITS, return_sequences=True)(RepeatToLength()([z, mask]), mask=mask)
    return keras.Model(x, keras.layers.Dense(FEATURES)(y))


@pytest.mark.nightly(daily=["False"])
@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_repeated_input_is_projected_once_with_equal_result(jit):
    """Compared with the stock LSTM after the same repeat layer, which projects at every step."""
    x, target = rng.normal(size=(2, 16, TIME, FEATURES)).astype("f4")
    x[3, 4:] = np.nan
    losses, weights = [], None
    for layer in (LSTM, keras.layers.LSTM):
        model = autoencoder(layer)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.compile("sgd", "mse", jit_compile=jit and layer is LSTM)
        losses.append(model.fit(x, target, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*copy keyword")
def test_model_round_trip(tmp_path):
    model = autoencoder(LSTM)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    x = rng.normal(size=(2, 9, FEATURES)).astype("f4")
    np.testing.assert_array_equal(model(x), loaded(x))
