"""Results of methods, compared with slow references computed from the Keras models."""

import naive
import numpy as np
import pytest
from conftest import pad

from skae import LSTMAutoencoder
from skae._input.sequences import from_list
from skae._scoring.scoring_rule import explained_variation

STRIDE = 2
COVERING = naive.covering([200], 5, STRIDE)
TRAILING = naive.trailing([200], 5)


@pytest.fixture(scope="module")
def on_rows(small, series):
    return small(5, stride=STRIDE).fit(series)


@pytest.fixture(scope="module")
def outputs(on_rows, series):
    """Outputs of the network for the windows that cover the rows."""
    return on_rows.model_.predict(naive.cut(series, COVERING), verbose=0)


@pytest.fixture(scope="module")
def on_sequences(small, sequences):
    return small().fit(sequences)


@pytest.fixture(scope="module")
def reconstructions(on_sequences, sequences):
    """Outputs of the network for each sequence separately."""
    return [on_sequences.model_.predict(s[None], verbose=0)[0] for s in sequences]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def with_weights_of(model, other, X):
    """Return `other`, fitted, with the network of `model`."""
    other.fit(X).model_.set_weights(model.model_.get_weights())
    return other


def typical_of(model):
    return getattr(model.error_measure_, "typical", np.ones(2))


# ------------------------------------------------------------------ score


@pytest.mark.slow
def test_score_of_rows_is_what_is_explained_of_their_windows(on_rows, series, outputs):
    expected = naive.explained_variation(naive.cut(series, COVERING), outputs)
    assert on_rows.score(series) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_score_of_sequences_is_what_is_explained_of_them(on_sequences, sequences, reconstructions):
    expected = naive.explained_variation(sequences, reconstructions)
    assert on_sequences.score(sequences) == pytest.approx(expected, rel=1e-4)


def test_missing_readings_do_not_count_in_the_score(on_rows, series):
    gaps = series.copy()
    gaps[50:60, 1] = np.nan
    windows = naive.cut(gaps, COVERING)
    found = [
        np.where(np.isnan(window), np.nan, window - residual)
        for window, residual in zip(windows, residuals_of(on_rows, gaps), strict=True)
    ]
    assert on_rows.score(gaps) == pytest.approx(naive.explained_variation(windows, found), rel=1e-4)


def residuals_of(model, X):
    detector = model.detector_
    return np.concatenate(list(detector.network.residuals(detector.read(X).windows)))


def test_constant_windows_score_0_or_1():
    windows = from_list([np.full((5, 2), 3.0)] * 4)
    assert explained_variation(windows, [np.zeros((4, 5, 2))]) == 1
    assert explained_variation(windows, [np.full((4, 5, 2), 0.1)]) == 0


@pytest.mark.nightly
@pytest.mark.slow
def test_a_search_over_windows_does_not_end_at_the_smallest():
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(600)[:, None] / 6 + np.arange(3)) + 0.3 * rng.normal(size=(600, 3))
    scores = [
        LSTMAutoencoder(size, units=8, epochs=20, random_state=0)
        .fit(waves[:450])
        .score(waves[450:])
        for size in (4, 30)
    ]
    assert scores[0] < scores[1] < 1


# ------------------------------------------------------------------ errors of steps


def aggregated(errors, how):
    return naive.rows_from_windows(COVERING, errors, 200, how)


def by_itself(errors):
    """The error in the window that ends at a row, or the median over covering windows if lower."""
    return np.minimum(aggregated(errors, "last"), aggregated(errors, "median"))


ERRORS = ["mse", "rmse", "mae", "scaled_rmse"]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.slow
def test_errors_of_rows_are_means_over_features(small, series, on_rows, outputs, error):
    model = with_weights_of(on_rows, small(5, stride=STRIDE, error=error), series)
    errors = naive.errors_of_steps(naive.cut(series, COVERING), outputs, error, typical_of(model))
    close(model.score_timesteps(series), by_itself(errors))


@pytest.mark.parametrize("aggregation", ["window", "mean", "median", "max", "last"])
def test_errors_of_rows_are_aggregated_over_covering_windows(
    small, series, on_rows, outputs, aggregation
):
    other = small(5, stride=STRIDE, error="rmse", aggregation=aggregation)
    model = with_weights_of(on_rows, other, series)
    errors = naive.errors_of_steps(naive.cut(series, COVERING), outputs, "rmse", [1, 1])
    whole = aggregation == "window"
    expected = by_itself(errors) if whole else aggregated(errors, aggregation)
    close(model.score_timesteps(series), expected)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.slow
def test_errors_of_steps_are_means_over_features(
    small, sequences, on_sequences, reconstructions, error
):
    model = with_weights_of(on_sequences, small(error=error), sequences)
    expected = naive.errors_of_steps(sequences, reconstructions, error, typical_of(model))
    for found, errors in zip(model.score_timesteps(sequences), expected, strict=True):
        close(found, errors)


# ------------------------------------------------------------------ reconstructions


def test_a_row_is_reconstructed_as_the_mean_over_covering_windows(on_rows, series, outputs):
    close(on_rows.reconstruct(series), naive.average_rows(COVERING, outputs, 200))


def test_a_row_is_decoded_as_the_mean_over_windows_that_hold_it(on_rows, series):
    latents = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    inside = ~np.isnan(naive.cut(series, TRAILING)[:, :, 0])
    decoded = on_rows.decoder_.predict([latents, inside], verbose=0)
    close(on_rows.inverse_transform(latents), naive.average_rows(TRAILING, decoded, 200))


@pytest.mark.slow
def test_sequences_of_latents_per_row_are_means_over_covering_windows(small, series):
    model = small(5, stride=STRIDE, bottleneck="sequence").fit(series)
    encoded = model.encoder_.predict(naive.cut(series, COVERING), verbose=0)
    latents = naive.average_rows(COVERING, encoded, 200)
    close(model.transform(series), latents)
    inside = np.ones((len(COVERING), 5), bool)
    decoded = model.decoder_.predict([naive.cut(latents, COVERING), inside], verbose=0)
    close(model.inverse_transform(latents), naive.average_rows(COVERING, decoded, 200))


def test_sequences_are_reconstructed_by_the_network(on_sequences, sequences, reconstructions):
    for found, expected in zip(on_sequences.reconstruct(sequences), reconstructions, strict=True):
        close(found, expected)
    latents = on_sequences.encoder_.predict(pad(sequences, 8), verbose=0)
    close(on_sequences.transform(sequences), latents)
