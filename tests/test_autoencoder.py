"""Results of each method, in both modes."""

import keras
import naive
import numpy as np
import pytest
from conftest import pad
from detectors import altered
from shared import SMALL
from sklearn.base import clone

from skae import LSTMAutoencoder, SequenceWindower
from skae._scoring.scoring_rule import AGGREGATIONS
from skae.layers import NaNToZero, RepeatToLength, StepMask


@pytest.fixture(scope="module")
def on_rows(small, series):
    return small(5).fit(series)


@pytest.fixture(scope="module")
def on_sequences(small, sequences):
    return small().fit(sequences)


# ------------------------------------------------------------------ rows


@pytest.mark.slow
@pytest.mark.parametrize("stride", [1, 3, 5, 7])
@pytest.mark.parametrize("aggregation", sorted(AGGREGATIONS))
def test_one_finite_score_per_row(small, series, stride, aggregation):
    model = small(5, stride=stride, aggregation=aggregation).fit(series)
    scores = model.score_samples(series)
    assert scores.shape == (200,) and scores.dtype == np.float64
    assert np.isfinite(scores).all() and (scores <= 0).all()


@pytest.mark.parametrize("method", ["score_samples", "decision_function", "predict"])
@pytest.mark.slow
def test_a_list_of_series_is_answered_by_a_list(on_rows, series, method):
    parts = [series[:50], series[50:53], series[53:]]
    answers = getattr(on_rows, method)(parts)
    assert [len(answer) for answer in answers] == [50, 3, 147]
    alone = [getattr(on_rows, method)(part) for part in parts]
    np.testing.assert_allclose(np.concatenate(answers), np.concatenate(alone), atol=1e-6)


def test_row_answers_have_the_shape_of_the_rows(on_rows, series):
    assert on_rows.transform(series).shape == (200, 2)
    assert on_rows.reconstruct(series).shape == (200, 2)
    assert on_rows.inverse_transform(on_rows.transform(series)).shape == (200, 2)
    assert on_rows.explain(series).shape == (200, 2)
    assert on_rows.score_timesteps(series).shape == (200,)


def test_row_scores_are_the_larger_errors_of_windows_and_rows(on_rows, series):
    windows = np.lib.stride_tricks.sliding_window_view(series, 5, axis=0).transpose(0, 2, 1)
    output = on_rows.model_.predict(windows, verbose=0)
    errors = np.sqrt(on_rows.error_measure_(windows - output).mean(axis=(1, 2)))
    covering = [errors[max(0, row - 4) : min(196, row + 1)].mean() for row in range(200)]
    rule = on_rows.detector_.scorer
    ratios = 1.25 * on_rows.score_timesteps(series) / rule.largest_of_rows
    of_rows = rule.largest_of_windows * np.minimum(ratios, np.sqrt(ratios))
    expected = -np.maximum(naive.smooth(covering, [200], 5), of_rows)
    np.testing.assert_allclose(on_rows.score_samples(series), expected, rtol=1e-4)


def test_a_row_with_full_context_keeps_its_score(on_rows, series):
    whole = on_rows.score_samples(series)
    part = on_rows.score_samples(series[:120])
    np.testing.assert_allclose(part[:111], whole[:111], rtol=1e-5)


def test_latent_of_a_row_is_that_of_the_window_ending_there(on_rows, series):
    latents = on_rows.transform(series)
    window = series[None, 95:100].astype(np.float32)
    expected = on_rows.encoder_.predict(window, verbose=0)[0]
    np.testing.assert_allclose(latents[99], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("aggregation", ["gaussian", "row_or_window", "window", "mean", "last"])
@pytest.mark.parametrize("error", ["scaled_rmse", "rmse", "scaled_mae", "mahalanobis"])
def test_explain_decomposes_the_score_of_a_row(small, series, aggregation, error):
    model = small(5, stride=2, aggregation=aggregation, error=error).fit(series)
    np.testing.assert_allclose(
        model.explain(series).mean(axis=1), -model.score_samples(series), rtol=1e-6
    )


@pytest.mark.slow
def test_explain_decomposes_the_score_of_a_sequence(on_sequences, sequences):
    found = on_sequences.explain(sequences)
    np.testing.assert_allclose(
        [errors.mean() for errors in found], -on_sequences.score_samples(sequences), rtol=1e-6
    )


def test_held_out_rows_share_no_window_with_training(small, series):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append(logs)

    changed = series.copy()
    changed[-20:] += 5
    first = small(5, callbacks=[Watch()], early_stopping=False).fit(series)
    second = small(5, callbacks=[Watch()], early_stopping=False).fit(changed)
    assert seen[0]["loss"] == seen[2]["loss"] and seen[0]["val_loss"] < seen[2]["val_loss"]
    np.testing.assert_array_equal(first.model_.get_weights()[0], second.model_.get_weights()[0])


# ------------------------------------------------------------------ sequences


def test_sequences_in_three_forms_score_the_same(on_sequences, sequences):
    padded = pad(sequences, 12)
    windows_before = np.concatenate([np.full((30, 2, 2), np.nan), padded], axis=1)
    expected = on_sequences.score_samples(sequences)
    np.testing.assert_allclose(on_sequences.score_samples(padded), expected, rtol=1e-5)
    np.testing.assert_allclose(on_sequences.score_samples(windows_before), expected, rtol=1e-5)


def test_padding_changes_no_latent(on_sequences, sequences):
    latents = on_sequences.transform(sequences)
    np.testing.assert_allclose(on_sequences.transform(pad(sequences, 20)), latents, atol=1e-6)


def test_training_on_padding_gives_the_same_weights(small, sequences):
    ragged, padded = small().fit(sequences), small().fit(pad(sequences, 14))
    for ours, theirs in zip(ragged.model_.get_weights(), padded.model_.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_per_step_answers_come_as_the_sequences_came(on_sequences, sequences):
    lengths = [len(sequence) for sequence in sequences]
    assert [len(part) for part in on_sequences.reconstruct(sequences)] == lengths
    assert [len(part) for part in on_sequences.score_timesteps(sequences)] == lengths
    padded = pad(sequences, 12)
    errors = on_sequences.explain(padded)
    assert errors.shape == padded.shape
    np.testing.assert_array_equal(np.isnan(errors), np.isnan(padded))


def test_other_lengths_than_at_fit(on_sequences):
    longer = np.random.default_rng(2).normal(size=(4, 25, 2))
    assert np.isfinite(on_sequences.score_samples(longer)).all()


def test_a_row_of_zeros_is_data(on_sequences, sequences):
    zeroed = [sequence.copy() for sequence in sequences]
    for sequence in zeroed:
        sequence[-1] = 0
    steps = on_sequences.score_timesteps(zeroed)
    assert all(
        len(s) == len(z) and np.isfinite(s).all() for s, z in zip(steps, zeroed, strict=True)
    )
    shorter = on_sequences.transform([sequence[:-1] for sequence in zeroed])
    assert not np.allclose(on_sequences.transform(zeroed), shorter)


@pytest.mark.slow
@pytest.mark.parametrize("bottleneck", ["vector", "sequence"])
def test_a_table_is_univariate_sequences(small, bottleneck):
    table = np.sin(np.arange(12) + np.arange(20)[:, None])
    model = small(bottleneck=bottleneck).fit(table)
    latents = model.transform(table)
    assert latents.shape == ((20, 2) if bottleneck == "vector" else (20, 12, 2))
    assert model.reconstruct(table).shape == model.explain(table).shape == (20, 12)
    np.testing.assert_allclose(
        model.inverse_transform(latents), model.reconstruct(table), atol=1e-5
    )
    np.testing.assert_allclose(
        model.score_samples(table), model.score_samples(table[:, :, None]), rtol=1e-6
    )


@pytest.mark.slow
def test_sequence_bottleneck_round_trips(small, sequences):
    model = small(bottleneck="sequence").fit(sequences)
    latents = model.transform(sequences)
    assert [part.shape for part in latents] == [(len(s), 2) for s in sequences]
    for ours, theirs in zip(
        model.inverse_transform(latents), model.reconstruct(sequences), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    flat = model.transform(pad(sequences, 8)[:1])
    assert flat.shape == (1, 8, 2)


@pytest.mark.slow
def test_sequence_bottleneck_on_rows(small, series):
    model = small(5, bottleneck="sequence").fit(series)
    latents = model.transform(series)
    assert latents.shape == (200, 2)
    assert model.inverse_transform(latents).shape == (200, 2)
    parts = model.transform([series[:80], series[80:]])
    assert [part.shape for part in model.inverse_transform(parts)] == [(80, 2), (120, 2)]


def test_windower_and_row_mode_see_the_same_windows(small, series):
    windows = SequenceWindower(5).fit_transform(series)
    model = small().fit(windows)
    rows = small(5).fit(series)
    rows.model_.set_weights(model.model_.get_weights())
    np.testing.assert_allclose(model.transform(windows), rows.transform(series), atol=1e-6)


# ------------------------------------------------------------------ missing values


@pytest.fixture(scope="module")
def gappy(series):
    gaps = series.copy()
    gaps[np.random.default_rng(3).random(gaps.shape) < 0.2] = np.nan
    gaps[40:43] = np.nan
    return gaps


@pytest.mark.slow
def test_missing_values_are_scored_around(small, gappy):
    model = small(5).fit(gappy)
    assert np.isfinite(model.score_samples(gappy)).all()
    assert np.isfinite(model.reconstruct(gappy)).all()
    assert np.isfinite(model.transform(gappy)).all()


def test_what_is_missing_does_not_count(small, on_sequences, sequences):
    gaps = [sequence.copy() for sequence in sequences]
    for sequence in gaps:
        sequence[1, 0] = np.nan
    errors = on_sequences.explain(gaps)
    for error, steps in zip(errors, on_sequences.score_timesteps(gaps), strict=True):
        assert np.isnan(error[1, 0]) and np.isfinite(error[1, 1]) and np.isfinite(steps[1])
    expected = [-np.nanmean(np.nanmean(error, axis=1)) for error in errors]
    np.testing.assert_allclose(on_sequences.score_samples(gaps), expected, rtol=1e-6)


@pytest.mark.slow
def test_mahalanobis_with_missing_and_constant_features(small, gappy):
    rows = np.column_stack([gappy, np.ones(200)])
    model = small(5, error="mahalanobis").fit(rows)
    assert np.isfinite(model.score_samples(rows)).all()


# ------------------------------------------------------------------ training


def test_warm_start_goes_on(small, series):
    model = small(5, warm_start=True, early_stopping=False).fit(series)
    before = model.model_.get_weights()
    model.fit(series)
    assert len(model.history_["loss"]) == 4
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    assert not np.array_equal(before[0], model.model_.get_weights()[0])


def test_partial_fit_adds_an_epoch(small, series):
    model = small(5)
    for n_epochs in (1, 2, 3):
        assert len(model.partial_fit(series).history_["loss"]) == n_epochs
    assert model.model_.optimizer.iterations.numpy() > 0


@pytest.mark.slow
def test_noise_and_dropout_train(small, series):
    model = small(5, noise=0.1, dropout=0.2).fit(series)
    assert np.isfinite(model.score_samples(series)).all()
    np.testing.assert_array_equal(model.score_samples(series), model.score_samples(series))


def test_weights_of_zero_leave_rows_out(small, series):
    spoiled = series.copy()
    spoiled[60:70] = 50
    weights = np.ones(200)
    weights[60:70] = 0
    model = small(5, early_stopping=False).fit(spoiled, sample_weight=weights)
    assert model.history_["loss"][0] < 10


@pytest.mark.slow
def test_binary_crossentropy_on_data_in_the_unit_interval(small, series):
    unit = (series - series.min()) / np.ptp(series)
    model = small(5, loss="binary_crossentropy", output_activation="sigmoid").fit(unit)
    output = model.reconstruct(unit)
    assert 0 <= output.min() and output.max() <= 1
    with pytest.raises(ValueError, match=r"values from -.* in \[0, 1\]. .* leave `scale` out"):
        model.set_params(scale="standard").fit(unit)


def build_own(meta, width=3):
    sequence = keras.Input((None, meta["n_features_in_"]))
    mask = StepMask()(sequence)
    latent = keras.layers.LSTM(width)(NaNToZero()(sequence), mask=mask)
    encoder = keras.Model(sequence, latent, name="encoder")
    code, steps = keras.Input((width,)), keras.Input((None,), dtype="bool")
    x = keras.layers.LSTM(4, return_sequences=True)(RepeatToLength()([code, steps]), mask=steps)
    decoder = keras.Model(
        [code, steps], keras.layers.Dense(meta["n_features_in_"])(x), name="decoder"
    )
    sequence = keras.Input((None, meta["n_features_in_"]))
    return keras.Model(sequence, decoder([encoder(sequence), StepMask()(sequence)]))


@pytest.mark.slow
def test_mixed_precision_is_that_of_keras(small, series):
    full = small(5).fit(series)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = small(5).fit(series)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.model_.set_weights(full.model_.get_weights())
    mixed = altered(mixed, scorer=full.detector_.scorer)
    scores = mixed.score_samples(series)
    assert not np.array_equal(scores, full.score_samples(series))
    np.testing.assert_allclose(scores, full.score_samples(series), rtol=0.05)


@pytest.mark.slow
def test_own_model(small, sequences):
    model = small(model=build_own, model__width=5).fit(sequences)
    assert model.transform(sequences).shape == (30, 5)
    assert model.inverse_transform(model.transform(sequences)).shape == (30, 8, 2)
    again = small(model=build_own, model__width=5).fit(sequences)
    np.testing.assert_array_equal(again.score_samples(sequences), model.score_samples(sequences))


def build_stock(meta):
    layers = [
        keras.Input((meta["n_steps_"], meta["n_features_in_"])),
        keras.layers.LSTM(4),
        keras.layers.RepeatVector(meta["n_steps_"]),
        keras.layers.LSTM(4, return_sequences=True),
        keras.layers.Dense(meta["n_features_in_"]),
    ]
    return keras.Sequential(layers)


@pytest.mark.slow
def test_stock_keras_model_of_fixed_length(small, series):
    model = small(5, model=build_stock).fit(series)
    assert np.isfinite(model.score_samples(series)).all()
    assert not hasattr(model, "transform")


@pytest.mark.slow
def test_keras_models_work_on_their_own(on_sequences, sequences):
    padded = pad(sequences, 10)
    latents = on_sequences.encoder_.predict(padded, verbose=0)
    decoded = on_sequences.decoder_.predict([latents, ~np.isnan(padded[:, :, 0])], verbose=0)
    whole = on_sequences.model_.predict(padded, verbose=0)
    np.testing.assert_allclose(decoded, whole, atol=1e-5)
    copied = keras.models.clone_model(on_sequences.model_)
    assert copied.count_params() == on_sequences.model_.count_params()


def test_score_does_not_depend_on_how_errors_are_used(small, series):
    plain = small(5).fit(series)
    other = small(5, error="mae", aggregation="max").fit(series)
    assert plain.score(series) == pytest.approx(other.score(series))
    assert plain.score(series) < 1


@pytest.mark.slow
def test_feature_names_out(on_rows, small, sequences):
    assert list(on_rows.get_feature_names_out()) == ["lstmautoencoder0", "lstmautoencoder1"]
    by_step = small(bottleneck="sequence").fit(sequences).get_feature_names_out()
    assert len(by_step) == 16 and by_step[2] == "lstmautoencoder0_t1"


def test_a_subclass_may_take_fewer_parameters(small, series):
    class Preset(LSTMAutoencoder):
        def __init__(self, window_size=5):
            super().__init__(window_size, **SMALL)

    found, expected = clone(Preset()).fit(series), small(5).fit(series)
    np.testing.assert_array_equal(found.score_samples(series), expected.score_samples(series))


def test_repr_names_what_was_changed():
    assert repr(LSTMAutoencoder(5, units=3)) == "LSTMAutoencoder(units=3, window_size=5)"


# ------------------------------------------------------------------------ units="auto"


def units_of(model):
    return model.model_.get_layer("decoder").get_layer("decoder_0").units


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Got X with shape:UserWarning")
def test_units_go_by_the_rows_of_all_series(sequences):
    rows = np.sin(np.arange(1001.0) / 4)[:, None]
    fit = LSTMAutoencoder(4, epochs=1, random_state=0).fit
    assert units_of(fit(rows[:1000])) == 32
    assert units_of(fit(rows)) == units_of(fit([rows[:500], rows[500:]])) == 64
    windows = SequenceWindower(4, padding=None).fit_transform(rows[:1000])
    assert units_of(LSTMAutoencoder(epochs=1, random_state=0).fit(windows)) == 32
    assert units_of(LSTMAutoencoder(epochs=1, random_state=0).fit(sequences)) == 64


@pytest.mark.nightly
@pytest.mark.slow
def test_units_that_were_found_stay(tmp_path):
    rows = np.sin(np.arange(1010.0) / 4)[:, None]
    model = LSTMAutoencoder(4, epochs=1, random_state=0).fit(rows[:300])
    same = clone(model).set_params(units=32).fit(rows[:300])
    np.testing.assert_array_equal(model.score_samples(rows), same.score_samples(rows))
    model.partial_fit(rows).save(tmp_path / "model")
    loaded = LSTMAutoencoder.load(tmp_path / "model")
    assert units_of(model) == units_of(loaded) == 32 and loaded.units == "auto"
    np.testing.assert_array_equal(loaded.score_samples(rows), model.score_samples(rows))
    assert units_of(loaded.fit(rows)) == 64
