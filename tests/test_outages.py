"""Outages: windows and sequences in which nothing was observed."""

import warnings

import numpy as np
import pytest
from shared import NETWORK

from skae import LSTMAutoencoder, SequenceWindower
from skae._scoring.scoring_rule import AGGREGATIONS

LEFT_OUT = "Got X with only NaN in {} training windows or sequences: they are left out"


@pytest.fixture(scope="module")
def series():
    return np.sin(np.arange(200) / 3)[:, None] * [1.0, 0.5]


def small(window_size=None, **parameters):
    options = NETWORK | {"epochs": 2, "random_state": 0} | parameters
    return LSTMAutoencoder(window_size, **options)


def silent(rows, first, last):
    rows = rows.copy()
    rows[first:last] = np.nan
    return rows


@pytest.fixture(scope="module")
def detector(series):
    return small(5).fit(series)


@pytest.mark.parametrize("aggregation", sorted(AGGREGATIONS))
def test_rows_around_which_nothing_was_observed_have_no_score(series, aggregation):
    detector = small(5, aggregation=aggregation).fit(series)
    scores = detector.score_samples(silent(series, 50, 70))
    # Rows less than a window from the ends of the outage lie in windows that reach beyond it.
    unknown = np.arange(54, 66)
    assert set(np.flatnonzero(np.isnan(scores))) >= set(unknown)
    assert np.isfinite(scores[:46]).all() and np.isfinite(scores[74:]).all()
    assert (detector.predict(silent(series, 50, 70))[unknown] == 1).all()


def test_an_outage_changes_no_score_beyond_two_windows(detector, series):
    whole, broken = (detector.score_samples(X) for X in (series, silent(series, 50, 70)))
    np.testing.assert_allclose(broken[:40], whole[:40], rtol=1e-5)
    np.testing.assert_allclose(broken[80:], whole[80:], rtol=1e-5)


def test_answers_inside_an_outage_are_nan(detector, series):
    X = silent(series, 50, 70)
    assert np.isnan(detector.decision_function(X)[54:66]).all()
    assert np.isnan(detector.reconstruct(X)[54:66]).all()
    assert np.isnan(detector.explain(X)[54:66]).all()
    latents = detector.transform(X)
    assert np.isnan(latents[54:70]).all() and np.isfinite(latents[:54]).all()
    assert np.isfinite(detector.score(X))


def test_fit_leaves_an_outage_out_and_counts_its_windows(series):
    with pytest.warns(UserWarning, match=LEFT_OUT.format("16 of 176")):
        broken = small(5).fit(silent(series, 50, 70))
    assert np.isfinite(broken.offset_) and np.isfinite(broken.history_["loss"]).all()


def test_the_windows_left_out_are_those_of_the_rest(series):
    parts = [series[:50], series[60:63] * np.nan, series[70:]]
    with pytest.warns(UserWarning, match="left out"):
        broken = small(5, validation_fraction=0.0).fit(
            [series[:50], series[60:63] * np.nan, series[70:]]
        )
    whole = small(5, validation_fraction=0.0).fit(parts[::2])
    for found, expected in zip(
        broken.model_.get_weights(), whole.model_.get_weights(), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_held_out_part_without_observations_is_none(series):
    model = small(5).fit(silent(series, 180, 200))
    assert "val_loss" not in model.history_ and np.isfinite(model.offset_)


@pytest.mark.parametrize("weighted", [slice(0, 180), slice(180, 200)], ids=["early", "late"])
@pytest.mark.parametrize("threshold", ["robust", "three_sigma", 0.05])
def test_nothing_is_held_out_where_one_part_has_no_weight(series, weighted, threshold):
    weights = np.zeros(200)
    weights[weighted] = 1
    model = small(5, threshold=threshold).fit(series, sample_weight=weights)
    assert "val_loss" not in model.history_ and min(model.history_["loss"]) > 0
    assert np.isfinite(model.offset_)


@pytest.mark.parametrize("as_list", [False, True])
def test_sequences_in_which_nothing_was_observed(series, as_list):
    X = series[:120].reshape(12, 10, 2).copy()
    X[3] = np.nan
    X = list(X) if as_list else X
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = small().fit(X)
    assert all("left out" in str(w.message) or "explains" in str(w.message) for w in caught)
    scores = model.score_samples(X)
    assert np.isnan(scores[3]) and np.isfinite(np.delete(scores, 3)).all()
    assert model.predict(X)[3] == 1 and np.isnan(model.transform(X)[3]).all()


def test_windows_of_a_windower_with_an_outage(series):
    windows = SequenceWindower(5).fit_transform(silent(series, 50, 70))
    with pytest.warns(UserWarning, match="left out"):
        model = small().fit(windows)
    scores = model.score_samples(windows)
    assert np.isnan(scores[54:70]).all() and np.isfinite(scores[:54]).all()


def test_thresholds_do_without_what_has_no_score(series):
    X = silent(series, 50, 70)
    labels = np.zeros(200)
    labels[100:110] = 1
    with pytest.warns(UserWarning, match="left out"):
        model = small(5, contamination=0.1).fit(X)
    assert 0.05 < (model.predict(X) == -1).mean() < 0.15
    assert np.isfinite(model.tune_threshold(X, labels).offset_)
