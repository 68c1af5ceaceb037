"""The networks of skae built with ``keras.layers`` alone, as a reference.

Slow and obvious on purpose: a fixed number of steps, no mask, one layer after the other.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from skae._network.architecture import Architecture

N_STEPS = 4
SMALL = Architecture(n_features=2, latent_dim=3, units=(4,))

ARCHITECTURES = {
    "repeat": SMALL,
    "repeat-stacked": Architecture(2, 3, (5, 4)),
    "repeat-bidirectional": Architecture(2, 3, (4,), bidirectional=True),
    "repeat-bidirectional-stacked": Architecture(2, 3, (5, 4), bidirectional=True),
    "repeat-mean": Architecture(2, 3, (4,), pooling="mean"),
    "repeat-max": Architecture(2, 3, (5, 4), pooling="max", bidirectional=True),
    "repeat-reverse": Architecture(2, 3, (5, 4), reverse=True),
    "repeat-gru": Architecture(2, 3, (5, 4), cell="gru", bidirectional=True),
    "state": Architecture(2, 3, (4,), decoder="state"),
    "state-stacked-reverse": Architecture(2, 3, (5, 4), decoder="state", reverse=True),
    "state-gru-mean": Architecture(2, 3, (5, 4), decoder="state", cell="gru", pooling="mean"),
    "sequence": Architecture(2, 3, (4,), "sequence"),
    "sequence-stacked": Architecture(2, 3, (5, 4), "sequence", bidirectional=True),
    "sequence-gru-reverse": Architecture(2, 3, (5, 4), "sequence", cell="gru", reverse=True),
    "sigmoid": Architecture(2, 3, (4,), output_activation="sigmoid"),
    "segments": Architecture(2, 3, (4,), segment_length=2),
    "segments-uneven": Architecture(2, 3, (5, 4), segment_length=3, bidirectional=True),
    "segments-gru-state": Architecture(
        2, 3, (4,), segment_length=3, cell="gru", decoder="state", reverse=True
    ),
    "segments-max": Architecture(2, 3, (4,), segment_length=7, pooling="max"),
}
"""One of each option, and the combinations in which options meet."""


def stock_autoencoder(a: Architecture, n_steps: int = N_STEPS) -> keras.Model:
    """Return the stock-Keras graph of an architecture, for `n_steps` steps without padding."""
    n_segments = -(-n_steps // a.segment_length)
    missing = n_segments * a.segment_length - n_steps
    sequence = keras.Input((n_steps, a.n_features))
    filled = layers.ZeroPadding1D((0, missing))(sequence)
    segments = layers.Reshape((n_segments, a.segment_length * a.n_features))(filled)
    latent = _stock_encoder(a, segments)
    x, states = _stock_decoder_start(a, latent, n_segments)
    for i, units in enumerate(a.units[::-1]):
        x = _cell(a)(units, return_sequences=True, name=f"decoder_{i}")(x, initial_state=states[i])
    x = keras.ops.flip(x, axis=1) if a.reverse else x
    output = layers.Dense(a.segment_length * a.n_features, a.output_activation)
    x = layers.TimeDistributed(output, name="reconstruction")(x)
    x = layers.Reshape((n_steps + missing, a.n_features))(x)
    return keras.Model(sequence, layers.Cropping1D((0, missing))(x))


def _cell(a):
    return {"lstm": layers.LSTM, "gru": layers.GRU}[a.cell]


def _stock_encoder(a, x):
    every_step = a.bottleneck == "sequence" or a.pooling != "last"
    for i, units in enumerate(a.units):
        is_last = i == len(a.units) - 1
        layer = _cell(a)(units, return_sequences=every_step or not is_last, name=f"encoder_{i}")
        x = layers.Bidirectional(layer, name=f"encoder_{i}")(x) if a.bidirectional else layer(x)
    if a.bottleneck == "sequence":
        return layers.TimeDistributed(layers.Dense(a.latent_dim), name="latent")(x)
    if a.pooling != "last":
        pooling = {"mean": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D}
        x = pooling[a.pooling]()(x)
    return layers.Dense(a.latent_dim, name="latent")(x)


def _stock_decoder_start(a, latent, n_steps):
    nothing = [None] * len(a.units)
    if a.bottleneck == "sequence":
        return (keras.ops.flip(latent, axis=1) if a.reverse else latent), nothing
    if a.decoder == "repeat":
        expanded = layers.Dense(a.units[-1], name="expand")(latent)
        return layers.RepeatVector(n_steps)(expanded), nothing
    parts = {"lstm": "hc", "gru": "h"}[a.cell]
    states = [
        [layers.Dense(units, name=f"state_{i}_{part}")(latent) for part in parts]
        for i, units in enumerate(a.units[::-1])
    ]
    return layers.RepeatVector(n_steps)(layers.Rescaling(0.0)(latent)), states


def weighted_layers(model: keras.Model) -> dict[str, layers.Layer]:
    """Return the layers with weights by name, including layers of nested models."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= weighted_layers(layer)
        elif layer.trainable_weights:
            found[layer.name] = layer
    return found


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give each layer of `target` the weights of the layer of that name."""
    sources, targets = weighted_layers(source), weighted_layers(target)
    assert sources.keys() == targets.keys()
    for name, layer in targets.items():
        layer.set_weights(sources[name].get_weights())


def randomise(model: keras.Model, seed: int = 0) -> keras.Model:
    """Give every weight, including biases, a nonzero value."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def loss_and_gradients(model: keras.Model, loss, inputs, targets, weights=None):
    """Return the loss, and the gradient of every weight by layer and position."""
    places = {
        f"{name}[{i}]": weight
        for name, layer in weighted_layers(model).items()
        for i, weight in enumerate(layer.trainable_weights)
    }
    with tf.GradientTape() as tape:
        value = loss(targets, model(inputs, training=True), weights)
    gradients = tape.gradient(value, [weight.value for weight in places.values()])
    return float(value), {
        place: np.zeros(weight.shape) if gradient is None else gradient.numpy()
        for (place, weight), gradient in zip(places.items(), gradients, strict=True)
    }


def assert_same_gradients(actual: dict, expected: dict, atol: float = 1e-5) -> None:
    """Compare gradients weight by weight."""
    assert actual.keys() == expected.keys()
    for place in expected:
        np.testing.assert_allclose(actual[place], expected[place], atol=atol, err_msg=place)


def sequences(n: int = 3, n_steps: int = N_STEPS, n_features: int = 2, seed: int = 0):
    """Return random sequences; one step of the first is zero, not missing."""
    x = np.random.default_rng(seed).normal(size=(n, n_steps, n_features)).astype(np.float32)
    x[0, 1] = 0.0
    return x


def padded(x: np.ndarray, n_more: int = 3) -> np.ndarray:
    """Return `x` with steps of NaN on its right."""
    return np.pad(x, [(0, 0), (0, n_more), (0, 0)], constant_values=np.nan)


def compiled(a: Architecture = SMALL, optimizer=None, loss="mse", seed: int = 0) -> keras.Model:
    """Return an autoencoder compiled as `LSTMAutoencoder` does it."""
    from skae._network.architecture import build_autoencoder
    from skae._network.loss import ObservedLoss

    model = build_autoencoder(a, seed)
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss=ObservedLoss(loss))
    return model
