"""The state that `fit` determines: rates, lengths, scoring, and training in a pipeline."""

import subprocess
import sys

import keras
import naive
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skae import LSTMAutoencoder, SequenceWindower
from skae._training import plan

# ------------------------------------------------------------------- learning rate


class Rates(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates = []

    def on_epoch_end(self, epoch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("rate", [1e-3, 5e-3])
def test_a_rate_that_a_callback_sets_is_the_rate(small, series, monkeypatch, rate):
    monkeypatch.setattr(plan, "MAX_CYCLE_EPOCHS", 3)
    scheduler, watch = keras.callbacks.LearningRateScheduler(lambda epoch: rate), Rates()
    model = small(5, epochs="auto", callbacks=[scheduler, watch]).fit(series)
    assert len(watch.rates) >= 6
    np.testing.assert_allclose(watch.rates, rate, rtol=1e-6)
    assert float(model.model_.optimizer.learning_rate) == pytest.approx(rate)
    constant = small(5, optimizer__learning_rate=rate, epochs="auto")
    assert all(map(np.array_equal, constant.fit(series).model_.get_weights(), _weights(model)))


def test_a_callback_takes_over_where_it_first_sets_the_rate(small, series):
    watch = Rates()
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    settings = {"epochs": 4, "learning_rate": 0.1, "batch_size": 200}
    small(5, callbacks=[halve, watch], **settings).fit(series)
    np.testing.assert_allclose(watch.rates, [0.1, 0.05, 0.025, 0.0125], rtol=1e-5)


def _weights(model):
    return model.model_.get_weights()


# ------------------------------------------------------------------- lengths


def _lists(lengths):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 2)) for n in lengths]


@pytest.mark.parametrize("seed", range(6))
def test_the_longest_sequence_counts_even_if_it_is_held_out(small, seed):
    model = small(random_state=seed, epochs=1).fit(_lists([12, 3, 4, 5, 6]))
    assert model.n_steps_ == 12
    assert model.inverse_transform(np.zeros((1, 2))).shape == (1, 12, 2)


def build_fixed(meta):
    shape = meta["n_steps_"], meta["n_features_in_"]
    encoder = keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)], name="encoder"
    )
    decoder = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(shape[0] * shape[1]), keras.layers.Reshape(shape)],
        name="decoder",
    )
    return keras.Sequential([encoder, decoder])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_of_fixed_length_takes_ragged_sequences(small, seed):
    sequences = _lists([9, 3, 4, 5, 6, 7])
    model = small(model=build_fixed, random_state=seed).fit(sequences)
    padded = naive.pad(sequences, 9)
    together, alone = model.score_samples(sequences), model.score_samples([sequences[1]])
    np.testing.assert_allclose(alone[0], together[1], rtol=1e-6)
    np.testing.assert_allclose(model.score_samples(padded), together, rtol=1e-6)
    assert [len(one) for one in model.reconstruct(sequences[1:3])] == [3, 4]
    assert model.inverse_transform(model.transform(sequences)).shape == (6, 9, 2)


def test_a_model_of_fixed_length_takes_fewer_rows_than_its_window(small, series):
    model = small(8, model=build_fixed).fit(series)
    assert np.isfinite(model.score_samples(series[:5])).all()
    assert model.transform(series[:5]).shape == (5, 2)
    assert model.reconstruct(series[:5]).shape == (5, 2)


def test_a_sequence_too_long_for_a_model_of_fixed_length_is_rejected(small):
    model = small(model=build_fixed).fit(_lists([4, 5, 4]))
    with pytest.raises(ValueError, match="Got a sequence of 6 steps, but expected at most 5"):
        model.score_samples(_lists([6]))


def test_an_encoder_that_is_no_model_is_rejected(small):
    def build(meta):
        x = keras.Input((None, 2))
        return keras.Model(x, keras.layers.Dense(2)(keras.layers.Dense(3, name="encoder")(x)))

    model = small(model=build).fit(_lists([4, 4, 4]))
    assert np.isfinite(model.score_samples(_lists([4]))).all()
    with pytest.raises(AttributeError) as error:
        model.transform(_lists([4]))
    assert "'encoder' is <Dense" in str(error.value.__cause__)


def test_a_model_without_parts_cannot_transform(small):
    def build(meta):
        return keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(2)])

    model = small(model=build)
    assert hasattr(model, "transform") and hasattr(model, "inverse_transform")
    model.fit(_lists([4, 4, 4]))
    assert not any(hasattr(model, n) for n in ("transform", "inverse_transform", "encoder_"))
    assert model.set_output(transform="pandas").reconstruct(_lists([4, 4])).shape == (2, 8)


# ------------------------------------------------------------------- settled by fit


@pytest.mark.parametrize(
    "changed",
    [
        {"aggregation": "max"},
        {"window_size": 3},
        {"window_size": None},
        {"stride": 4},
        {"error": "mae"},
        {"contamination": 0.4, "threshold": "three_sigma"},
        {"bottleneck": "sequence", "latent_dim": 5},
    ],
    ids=str,
)
def test_parameters_changed_after_fit_wait_for_the_next(small, series, changed):
    model = small(5, contamination=0.05).fit(series)
    methods = ["predict", "score_samples", "score_timesteps", "explain", "transform", "reconstruct"]
    before = [getattr(model, method)(series) for method in methods]
    model.set_params(**changed)
    for method, expected in zip(methods, before, strict=True):
        np.testing.assert_array_equal(getattr(model, method)(series), expected)
    assert model.inverse_transform(before[4]).shape == series.shape
    assert len(model.get_feature_names_out()) == 2


@pytest.mark.slow
def test_the_outcome_of_the_plan_is_visible(small, series):
    model = small(5, epochs=3).fit(series)
    assert (model.n_iter_, model.n_epochs_, model.batch_size_) == (3, 3, 32)
    assert model.partial_fit(series).n_iter_ == 1
    stopped = small(5, epochs=9, early_stopping=True, patience=1, learning_rate=1e-12)
    assert stopped.fit(series).n_iter_ < stopped.n_epochs_ == 9


# ------------------------------------------------------------------- weights of several series


@pytest.mark.slow
def test_weights_of_a_list_of_series_are_a_list(small, series):
    parts = [series[:80], series[80:]]
    weights = np.linspace(0, 1, 200)
    listed = small(5).fit(parts, sample_weight=[weights[:80], weights[80:]])
    plain = small(5).fit(parts)
    assert not np.array_equal(_weights(listed)[0], _weights(plain)[0])
    ones = small(5).fit(parts, sample_weight=[np.ones(80), np.ones(120)])
    assert all(map(np.array_equal, _weights(ones), _weights(plain)))
    flags = [np.zeros(80), np.ones(120)]
    without_first = small(5, validation_fraction=0).fit(parts, sample_weight=flags)
    spoiled = [series[:80] * 50, series[80:]]
    same = small(5, validation_fraction=0).fit(spoiled, sample_weight=flags)
    assert all(map(np.array_equal, _weights(without_first), _weights(same)))


@pytest.mark.parametrize("weights", [[1.0] * 200, [np.ones(120), np.ones(80)], [np.ones(200)]])
def test_weights_that_do_not_fit_a_list_of_series_are_rejected(small, series, weights):
    with pytest.raises(ValueError, match=r"sample_weight .* one array for each series of X"):
        small(5).fit([series[:80], series[80:]], sample_weight=weights)


# ------------------------------------------------------------------- tables of several series


@pytest.mark.parametrize("bottleneck", ["vector", "sequence"])
@pytest.mark.slow
def test_several_series_are_one_table(small, series, bottleneck):
    pd = pytest.importorskip("pandas")
    parts = [series[:80], series[80:]]
    plain = small(5, bottleneck=bottleneck).fit(parts)
    expected = np.concatenate(plain.transform(parts))
    plain.set_output(transform="pandas")
    np.testing.assert_array_equal(plain.transform(parts), expected)
    dated = pd.date_range("2026-01-01", periods=80)
    frames = [pd.DataFrame(parts[0], dated), pd.DataFrame(parts[1])]
    found = plain.transform(frames)
    np.testing.assert_array_equal(found, expected)
    assert found.index.tolist() == [(0, day) for day in dated] + [(1, row) for row in range(120)]
    assert plain.fit_transform(parts).shape == (200, 2)


@pytest.mark.slow
def test_ragged_sequences_are_one_table(small, sequences):
    pytest.importorskip("pandas")
    vectors = small().set_output(transform="pandas").fit(sequences)
    assert vectors.transform(sequences[:3]).shape == (3, 2)
    model = small(bottleneck="sequence").fit(sequences)
    expected = model.transform(sequences)
    table = model.set_output(transform="pandas").transform(sequences)
    assert list(table.columns) == list(model.get_feature_names_out())
    for row, latents in zip(table.to_numpy(), expected, strict=True):
        np.testing.assert_array_equal(row[: latents.size], latents.ravel())
        assert np.isnan(row[latents.size :]).all()
    with pytest.raises(ValueError, match="Got a sequence of 9 steps, but expected at most n_steps"):
        model.transform([np.zeros((9, 2))])


# ------------------------------------------------------------------- a saved Keras model


@pytest.mark.nightly
@pytest.mark.slow
def test_a_saved_model_loads_with_the_layers_alone(small, series, tmp_path):
    model = small(5).fit(series)
    model.model_.save(tmp_path / "model.keras")
    windows = series[None, :5].astype(np.float32)
    np.save(tmp_path / "expected.npy", model.model_(windows))
    np.save(tmp_path / "windows.npy", windows)
    code = (
        "import keras, numpy as np, skae.layers\n"
        "model = keras.saving.load_model('model.keras')\n"
        "found = model(np.load('windows.npy'))\n"
        "np.testing.assert_allclose(found, np.load('expected.npy'), atol=1e-6)\n"
        "model.evaluate(np.load('windows.npy'), np.load('windows.npy'), verbose=0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


# ------------------------------------------------------------------- windows in a pipeline


@pytest.fixture
def gappy(series):
    rows = series.copy()
    rows[np.random.default_rng(0).random(rows.shape) < 0.05] = np.nan
    rows[90:92] = np.nan
    return rows


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.slow
def test_a_pipeline_of_windows_trains_as_rows_do(small, gappy, output):
    rows = small(8, epochs=3).fit(gappy)
    pipeline = make_pipeline(SequenceWindower(8), small(epochs=3)).set_output(transform=output)
    windows = pipeline.fit(gappy)[-1]
    assert windows.history_ == rows.history_
    assert all(map(np.array_equal, _weights(windows), _weights(rows)))
    np.testing.assert_array_equal(windows.error_measure_.typical, rows.error_measure_.typical)


def test_a_pipeline_scores_each_window_by_its_own_error(small, series):
    settings = {"aggregation": "window"}
    rows = small(8, **settings).fit(series)
    pipeline = make_pipeline(SequenceWindower(8), small(**settings)).fit(series)
    of_windows = pipeline.score_samples(series)[7:]
    assert len(of_windows) == 193
    averages = [of_windows[max(0, row - 7) : row + 1].mean() for row in range(200)]
    np.testing.assert_allclose(rows.score_samples(series), averages, rtol=1e-5)


@pytest.mark.slow
def test_windows_share_no_row_with_held_out_ones_in_a_table(series):
    model = LSTMAutoencoder(units=4, latent_dim=2, epochs=1, early_stopping="auto")
    pytest.importorskip("pandas")
    flat = SequenceWindower(8).set_output(transform="pandas").fit_transform(series)
    assert model.fit(flat).n_iter_ == model.n_epochs_ == 1
    assert not model.encoder_.get_layer("encoder_0").name.startswith("bidirectional")


# ------------------------------------------------------------------- numbers of grids


@pytest.mark.slow
def test_numpys_numbers_are_numbers(small, series):
    plain = {
        "latent_dim": 2, "units": 3, "epochs": 2, "batch_size": 16, "stride": 2, "patience": 3,
        "dropout": 0.25, "noise": 0.5, "learning_rate": 1.0,
        "validation_fraction": 0.25, "contamination": 0.25,
    }  # fmt: skip
    integers = {k: np.int64(v) for k, v in plain.items() if isinstance(v, int)}
    reals = {k: np.float32(v) for k, v in plain.items() if isinstance(v, float)}
    of_numpy = small(np.int64(5), **integers, **reals).fit(series)
    expected = small(5, **plain).fit(series).score_samples(series)
    np.testing.assert_array_equal(of_numpy.score_samples(series), expected)
    whole = small(5, **plain | {"learning_rate": 1}).fit(series)
    np.testing.assert_array_equal(whole.score_samples(series), expected)


def test_noise_above_what_keras_adds_is_rejected_by_name(small, series):
    with pytest.raises(ValueError, match=r"The 'noise' parameter .* range \[0.0, 1.0\]|'noise'"):
        small(5, noise=1.5).fit(series)


# ------------------------------------------------------------------- nothing silent


class NaNOutsideOfTraining(keras.layers.Layer):
    def call(self, x, training=None):
        return x if training else x * float("nan")


def test_a_model_that_puts_out_nan_is_rejected(small, series):
    def build(meta):
        x = keras.Input((None, meta["n_features_in_"]))
        y = keras.layers.Dense(meta["n_features_in_"])(x)
        return keras.Model(x, NaNOutsideOfTraining()(y))

    model = small(5, model=build, validation_fraction=0)
    with pytest.raises(ValueError, match="Got offset_=nan from the errors .* NaN or infinity"):
        model.fit(series)
    assert not hasattr(model, "model_")
