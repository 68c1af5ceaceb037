"""`estimate_window_size`, and ``window_size="auto"``, which uses it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import autocorrelation_peak
from shared import NETWORK

import skae
from skae import LSTMAutoencoder, SequenceWindower, estimate_window_size
from skae._windows.period import dominant_period, window_size_of

RNG = np.random.default_rng(0)


def waves(period, n=1000, n_features=1, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    phases = np.arange(n)[:, None] / period + rng.random(n_features)
    return np.sin(2 * np.pi * phases) + noise * rng.normal(size=(n, n_features))


def detector(window_size="auto", **parameters):
    fast = NETWORK | {"epochs": 1, "random_state": 0}
    return LSTMAutoencoder(window_size, **fast, **parameters)


@pytest.mark.parametrize("period", [32, 40, 77, 100])
@pytest.mark.parametrize("n_features", [1, 3])
def test_the_period_of_a_wave(period, n_features):
    found = estimate_window_size(waves(period, n_features=n_features, n=2000))
    assert abs(found - period) <= 1


@pytest.mark.parametrize(
    ("period", "n_features", "expected"), [(8, 2, 30), (8, 1, 100), (250, 2, 100), (250, 1, 100)]
)
def test_it_stays_within_bounds(period, n_features, expected):
    assert estimate_window_size(waves(period, n=2000, n_features=n_features)) == expected


@pytest.mark.parametrize(
    "rows",
    [RNG.normal(size=(1000, 2)), np.ones((1000, 2)), np.full((1000, 1), 1e9) + 0.1,
     np.full((1000, 1), np.nan), np.arange(1000.0)[:, None], RNG.normal(size=(500, 1)).cumsum(0)],
    ids=["noise", "constant", "large constant", "nothing", "line", "walk"],
)  # fmt: skip
def test_without_a_clear_period_it_is_the_usual_size(rows):
    usual = 50 if rows.shape[1] > 1 else min(100, len(rows) // 10)
    assert estimate_window_size(rows) == usual or dominant_period(rows, np.array([len(rows)]))


@pytest.mark.parametrize("seed", range(20))
def test_noise_has_no_period(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(int(rng.integers(300, 5000)), int(rng.integers(1, 5))))
    assert dominant_period(rows, np.array([len(rows)])) is None


def test_a_short_series_has_ten_windows():
    assert estimate_window_size(waves(40, n=200)) == 20
    assert estimate_window_size(np.zeros((5, 1))) == 2
    assert estimate_window_size([waves(40, n=200), waves(40, n=300)]) == 30


def test_a_quiet_feature_counts_as_much_as_a_loud_one():
    loud, quiet = 1000 * RNG.normal(size=(1000, 1)), waves(45)
    assert abs(estimate_window_size(np.hstack([loud, quiet])) - 45) <= 1


def test_missing_readings_do_not_hide_a_period():
    rows = waves(60)
    rows[RNG.random(len(rows)) < 0.3] = np.nan
    assert abs(estimate_window_size(rows) - 60) <= 1


@given(st.integers(20, 200), st.integers(1, 3), st.integers(0, 10_000))
def test_the_fast_sum_is_that_of_a_loop(n, n_features, seed):
    rng = np.random.default_rng(seed)
    rows = waves(int(rng.integers(4, 20)), n, n_features, noise=0.3, seed=seed)
    lengths = np.array([n - n // 3, n // 3])
    assert dominant_period(rows, lengths) == autocorrelation_peak(rows, lengths)


def test_frames_lists_and_one_dimension():
    rows = waves(40)
    assert estimate_window_size(pd.DataFrame(rows)) == estimate_window_size(rows[:, 0])
    assert estimate_window_size([rows, rows[:700]]) == 40


@pytest.mark.parametrize(
    ("X", "message"),
    [(np.zeros((0, 2)), "0 sample"), ([["a"]], "could not convert"), ([[np.inf]], "infinity")],
)
def test_what_is_no_series_is_rejected(X, message):
    with pytest.raises(ValueError, match=message):
        estimate_window_size(X)


# ---------------------------------------------------------------------- in the estimators


@pytest.mark.slow
def test_the_detector_finds_its_window_and_keeps_it():
    rows = waves(40, n=500).astype(np.float32)
    found = detector().fit(rows)
    assert found.window_size_ == window_size_of(rows, np.array([500])) == 40
    assert found.window_size == "auto"
    expected = detector(40).fit(rows)
    np.testing.assert_array_equal(found.score_samples(rows), expected.score_samples(rows))
    other = waves(33, n=500).astype(np.float32)
    found.partial_fit(other)
    assert found.window_size_ == 40
    assert found.fit(other).window_size_ == 33


@pytest.mark.slow
def test_a_warm_start_keeps_the_window():
    found = detector(warm_start=True).fit(waves(40, n=500))
    assert found.fit(waves(33, n=500)).window_size_ == 40


@pytest.mark.slow
def test_sequences_have_no_window():
    assert LSTMAutoencoder(units=4, epochs=1).fit(np.zeros((4, 6, 1))).window_size_ is None


@pytest.mark.slow
def test_it_is_saved_streamed_and_counted_by_series(tmp_path):
    rows = waves(40, n=500)
    frame = pd.DataFrame(np.vstack([rows, rows]), columns=["load"]).assign(
        machine=np.repeat(["a", "b"], 500)
    )
    found = detector(series="machine").fit(frame)
    found.save(tmp_path / "found.skae")
    again = skae.load(tmp_path / "found.skae")
    assert again.window_size_ == found.window_size_ == 40
    assert skae.stream(again, answer="final").delay == 79


def test_the_windower_finds_its_window(tmp_path):
    rows = waves(40, n=500)
    windower = SequenceWindower("auto").fit(rows)
    assert windower.window_size_ == 40
    assert windower.transform(rows[:50]).shape == (50, 40, 1)
    np.testing.assert_allclose(windower.inverse_transform(windower.transform(rows)), rows)
    skae.save(windower, tmp_path / "windower.skae")
    assert skae.load(tmp_path / "windower.skae").transform(rows[:50]).shape == (50, 40, 1)


def test_other_words_are_rejected():
    for estimator in (detector("period"), SequenceWindower("period")):
        with pytest.raises(ValueError, match="'window_size' parameter"):
            estimator.fit(waves(40))
