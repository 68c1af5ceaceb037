"""Recurrent layers that read and write several steps at a time."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few

from skae import LSTMAutoencoder
from skae._network.architecture import Architecture, DataSize
from skae.layers import JoinSegments, SegmentMask, SplitIntoSegments


@few
@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
@pytest.mark.slow
def test_segments_joined_again_are_the_sequence(n_steps, length, n_features, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, n_steps, n_features)).astype(np.float32)
    mask = np.arange(n_steps) < rng.integers(1, n_steps + 1, 3)[:, None]
    segments = SplitIntoSegments(length)([x, mask])
    n_segments = -(-n_steps // length)
    assert segments.shape == (3, n_segments, length * n_features)
    joined = JoinSegments(length)([segments, mask])
    np.testing.assert_array_equal(joined, np.where(mask[:, :, None], x, 0))
    starts = np.arange(n_segments) * length
    found = np.asarray(SegmentMask(length)(mask))
    np.testing.assert_array_equal(found, starts < mask.sum(axis=1)[:, None])


@pytest.mark.nightly(daily=["8-3-3"])
@pytest.mark.slow
@pytest.mark.parametrize("window_size, length, steps", [(8, 3, 3), (8, 20, 1)])
def test_rows_are_scored_and_explained_in_segments(small, series, window_size, length, steps):
    model = small(window_size, segment_length=length).fit(series)
    assert model.encoder_.get_layer("split").output.shape[2] == 2 * length
    scores = model.score_samples(series)
    assert scores.shape == (200,) and np.isfinite(scores).all()
    np.testing.assert_allclose(-model.explain(series).mean(axis=1), scores, rtol=1e-5)
    assert model.reconstruct(series).shape == series.shape
    assert model.transform(series).shape == (200, 2)
    assert model.inverse_transform(model.transform(series)).shape == series.shape


@pytest.mark.slow
def test_segments_with_gaps_and_unequal_lengths(small, sequences):
    gappy = [one.copy() for one in sequences]
    for one in gappy:
        one[1, 0] = np.nan
    model = small(segment_length=3).fit(gappy)
    together = model.score_samples(gappy)
    alone = np.concatenate([model.score_samples([one]) for one in gappy])
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    for one, made in zip(gappy, model.reconstruct(gappy), strict=True):
        assert made.shape == one.shape and np.isfinite(made).all()


def test_without_segments_there_is_no_layer_for_them(small, series):
    layers = small(8, epochs=1, segment_length=1).fit(series).encoder_.layers
    assert not any(isinstance(layer, SplitIntoSegments) for layer in layers)


def test_segments_with_a_latent_vector_a_step_are_rejected(series):
    model = LSTMAutoencoder(8, bottleneck="sequence", segment_length=2)
    with pytest.raises(ValueError, match="Got segment_length=2 with bottleneck='sequence'"):
        model.fit(series)


@pytest.mark.nightly
@pytest.mark.slow
def test_keras_trains_and_evaluates_a_fitted_network_and_heads_on_it(small, series):
    options = {"reverse": True, "pooling": "mean"}
    model = small(6, epochs=1, segment_length=2, **options).fit(series).model_
    windows = np.lib.stride_tricks.sliding_window_view(series, 6, axis=0)[:64].swapaxes(1, 2)
    windows = windows.astype("float32")
    assert model(windows)._keras_mask.shape == (64, 6)
    expected = float(np.mean((model.predict(windows, verbose=0) - windows) ** 2))
    model.compile("adam", "mse")
    assert model.evaluate(windows, windows, verbose=0) == pytest.approx(expected, rel=1e-4)
    averaged = keras.layers.GlobalAveragePooling1D()(model(inputs := keras.Input((None, 2))))
    from_latents = keras.layers.Dense(1)(model.get_layer("encoder")(inputs))
    heads = keras.Model(inputs, [averaged, from_latents])
    heads.compile("adam", ["mse", "mse"])
    history = heads.fit(windows, [windows[:, -1], windows[:, 0, :1]], verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    ("n_steps", "is_set", "length"),
    [(64, True, 1), (65, True, 8), (140, True, 8), (12, False, 4), (140, False, 8)],
)
def test_long_sets_are_read_in_segments(n_steps, is_set, length):
    size = DataSize(1, n_steps, is_set, 5000)
    found = Architecture.of(LSTMAutoencoder().get_params(), size)
    assert (found.segment_length, found.bidirectional) == (length, is_set)
    whole = LSTMAutoencoder(bottleneck="sequence").get_params()
    assert Architecture.of(whole, size).segment_length == 1
