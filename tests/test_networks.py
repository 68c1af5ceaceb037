"""Each network equals its stock-Keras graph; padding changes nothing."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from stock import (
    ARCHITECTURES,
    SMALL,
    assert_same_gradients,
    copy_weights,
    loss_and_gradients,
    padded,
    randomise,
    sequences,
    stock_autoencoder,
    weighted_layers,
)

from skae._network.architecture import Architecture, build_autoencoder
from skae._network.loss import ObservedLoss

MSE = ObservedLoss("mse")

FEW = pytest.mark.nightly(
    daily=[
        "repeat",
        "repeat-max",
        "repeat-bidirectional-stacked",
        "sequence-gru-reverse",
        "state-stacked-reverse",
        "segments-gru-state",
        "segments-uneven",
    ]
)
"""Networks that have each part at least once."""


def x_steps():
    return sequences().shape[1]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request):
    return ARCHITECTURES[request.param]


@pytest.fixture(scope="module")
def network(architecture):
    return randomise(build_autoencoder(architecture, seed=0))


@pytest.fixture(scope="module")
def stock(architecture, network):
    model = stock_autoencoder(architecture)
    copy_weights(network, model)
    return model


@pytest.fixture(scope="module")
def unpadded(network):
    """Return inputs, and the loss and gradients for them."""
    x = sequences()
    return x, *loss_and_gradients(network, MSE, x, x)


@pytest.mark.slow
def test_forward_equals_stock_keras(network, stock):
    x = sequences()
    np.testing.assert_allclose(network(x), stock(x), atol=1e-5)


@pytest.mark.slow
def test_loss_and_gradients_equal_stock_keras(unpadded, stock):
    x, loss, gradients = unpadded
    stock_loss, stock_gradients = loss_and_gradients(stock, keras.losses.MeanSquaredError(), x, x)
    assert loss == pytest.approx(stock_loss, abs=1e-5)
    assert_same_gradients(gradients, stock_gradients)


def test_every_gradient_but_that_of_a_missing_input_is_alive(architecture, unpadded):
    dead = {place for place, gradient in unpadded[2].items() if not gradient.any()}
    expected = {"decoder_0[0]"} if architecture.decoder == "state" else set()
    if architecture.segment_length >= x_steps():  # a single recurrent step has no previous one
        expected |= {"encoder_0[1]", "decoder_0[1]"}
    assert dead == expected


@FEW
@pytest.mark.slow
def test_padding_changes_no_real_step(network):
    x = sequences()
    np.testing.assert_allclose(network(padded(x))[:, : x.shape[1]], network(x), atol=1e-6)


@FEW
def test_padding_changes_no_latent(architecture, network):
    x, encoder = sequences(), network.get_layer("encoder")
    latent = np.asarray(encoder(padded(x)))
    if architecture.bottleneck == "sequence":
        latent = latent[:, : x.shape[1]]
    np.testing.assert_allclose(latent, encoder(x), atol=1e-6)


@FEW
@pytest.mark.slow
def test_padding_changes_neither_loss_nor_gradients(network, unpadded):
    x, loss, gradients = unpadded
    padded_loss, padded_gradients = loss_and_gradients(network, MSE, padded(x), padded(x))
    assert padded_loss == pytest.approx(loss, rel=1e-6)
    assert_same_gradients(padded_gradients, gradients, atol=1e-6)


@FEW
@pytest.mark.slow
def test_sequences_of_unequal_lengths_do_not_touch_each_other(network):
    short, long = sequences(2, 2, seed=1), sequences(2, 5, seed=2)
    together = np.asarray(network(np.concatenate([padded(short, 3), long])))
    np.testing.assert_allclose(together[:2, :2], network(short), atol=1e-6)
    np.testing.assert_allclose(together[2:], network(long), atol=1e-6)


@FEW
def test_genuine_zeros_are_not_padding(architecture, network):
    """Zeros in the last segment, which is the last row without segments."""
    x = sequences()
    last = (x_steps() - 1) // architecture.segment_length * architecture.segment_length
    if not last:
        pytest.skip("one segment holds all rows")
    zeros, nothing = x.copy(), x.copy()
    zeros[:, last:], nothing[:, last:] = 0.0, np.nan
    encoder = network.get_layer("encoder")
    first = slice(None) if architecture.bottleneck == "vector" else (slice(None), -1)
    assert not np.allclose(
        np.asarray(encoder(zeros))[first], np.asarray(encoder(nothing))[first], atol=1e-3
    )


@FEW
@pytest.mark.slow
def test_parts_make_up_the_whole(network):
    x = padded(sequences(), 1)
    mask = ~np.isnan(x).all(axis=-1)
    encoder, decoder = network.get_layer("encoder"), network.get_layer("decoder")
    np.testing.assert_allclose(decoder([np.asarray(encoder(x)), mask]), network(x), atol=1e-6)


def test_the_decoder_writes_as_many_steps_as_the_mask_says():
    decoder = build_autoencoder(SMALL, 0).get_layer("decoder")
    latent = np.ones((1, SMALL.latent_dim), np.float32)
    long, short = decoder([latent, np.ones((1, 7), bool)]), decoder([latent, np.ones((1, 3), bool)])
    assert long.shape == (1, 7, 2)
    np.testing.assert_allclose(long[:, :3], short, atol=1e-6)


def test_reverse_writes_the_last_step_first():
    forwards = build_autoencoder(SMALL, 0).get_layer("decoder")
    backwards = build_autoencoder(replace(SMALL, reverse=True), 0).get_layer("decoder")
    inputs = [np.ones((1, SMALL.latent_dim), np.float32), np.arange(5)[None] < 3]
    np.testing.assert_allclose(backwards(inputs)[0, 2::-1], forwards(inputs)[0, :3], atol=1e-6)


@pytest.mark.parametrize("name", ["repeat-stacked", "state-stacked-reverse"])
def test_the_decoder_mirrors_the_units(name):
    layers = weighted_layers(build_autoencoder(ARCHITECTURES[name], 0))
    units = [layers[name].units for name in ("encoder_0", "encoder_1", "decoder_0", "decoder_1")]
    assert units == [5, 4, 4, 5]


def test_one_seed_gives_identical_weights_and_another_gives_others():
    a = Architecture(2, 3, (4,), bidirectional=True)
    one, same, other = (build_autoencoder(a, seed).get_weights() for seed in (1, 1, 2))
    assert all(map(np.array_equal, one, same))
    kernels = [i for i, weight in enumerate(one) if weight.ndim == 2]
    assert not any(np.array_equal(one[i], other[i]) for i in kernels)


def test_no_two_weights_are_drawn_alike():
    kernels = [w.ravel()[:8] for w in build_autoencoder(SMALL, 0).get_weights() if w.ndim == 2]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels)


@pytest.mark.parametrize("option", [{"dropout": 0.5}, {"noise": 0.5}], ids=["dropout", "noise"])
def test_dropout_and_noise_act_in_training_only(option):
    model, x = build_autoencoder(replace(SMALL, **option), 0), sequences()
    np.testing.assert_array_equal(model(x), model(x))
    assert not np.allclose(model(x, training=True), model(x))
    assert not np.allclose(model(x, training=True), model(x, training=True))


def test_noise_stays_out_of_padded_steps():
    model, x = build_autoencoder(replace(SMALL, noise=0.5), 0), padded(sequences())
    assert np.isfinite(model(x, training=True)).all()


# Keras' saving does not support numpy 2 yet.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "name", ["repeat-max", "state-gru-mean", "sequence-gru-reverse", "segments-uneven"]
)
@pytest.mark.slow
def test_a_network_survives_saving(name, tmp_path):
    model, x = build_autoencoder(ARCHITECTURES[name], 0), padded(sequences())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
