"""Windows that resemble no other: found as by the reference, and not memorised."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from skae import LSTMAutoencoder, SequenceWindower
from skae._input.sequences import Sequences
from skae._scoring.thresholds import OF_ROWS, automatic_offset
from skae._training import discords as _module
from skae._training.discords import discords
from skae._windows.windows import covering_windows

FALLBACK = np.zeros(2, np.float32)


def waves(n_rows=300, period=20, seed=0):
    t = np.arange(n_rows)[:, None]
    noise = 0.05 * np.random.default_rng(seed).standard_normal((n_rows, 2))
    return (np.sin(2 * np.pi * (t / period + [0, 0.25])) + noise).astype(np.float32)


def spiked(at=150, **options):
    rows = waves(**options)
    rows[at : at + 3, 0] += 5
    return rows


def windows_of(rows, size=10, stride=1, lengths=None):
    return covering_windows(rows, np.array(lengths or [len(rows)]), size, stride)


@examples(40)
@given(
    st.integers(60, 120), st.integers(3, 8), st.integers(1, 3), st.integers(0, 50), st.booleans()
)
def test_discords_are_those_of_the_twin(n_rows, size, stride, at, two_series):
    lengths = [n_rows // 3, n_rows - n_rows // 3] if two_series else [n_rows]
    windows = windows_of(spiked(at, n_rows=n_rows), size, stride, lengths)
    expected = naive.discords(list(windows.padded()), windows.starts)
    assert discords(windows, FALLBACK).tolist() == expected


def test_a_spike_makes_discords_of_the_windows_that_hold_it():
    found = np.flatnonzero(discords(windows_of(spiked()), FALLBACK))
    assert set(range(143, 151)) <= set(found) <= set(range(141, 153))
    assert not discords(windows_of(waves()), FALLBACK).any()


def test_what_comes_three_times_elsewhere_is_no_discord():
    rows = spiked()
    for at in (30, 90, 230):
        rows[at : at + 3] = rows[150:153]
    rows[np.arange(300) % 20 != 10] = 0
    assert not discords(windows_of(rows), FALLBACK)[140:155].any()


def test_a_state_that_fills_more_than_a_share_of_the_windows_is_no_exception():
    rows = waves()
    rows[200:220] += 5
    assert discords(windows_of(rows), FALLBACK).sum() > 25
    rows[200:260] = waves(60, seed=3) + np.linspace(5, 30, 60, dtype=np.float32)[:, None]
    assert not discords(windows_of(rows), FALLBACK).any()


def test_missing_readings_are_filled_and_outages_are_no_discords():
    rows = spiked()
    rows[::7, 1] = np.nan
    rows[40:70] = np.nan
    found = np.flatnonzero(discords(windows_of(rows), FALLBACK))
    assert {146, 147, 148} <= set(found)
    assert not set(range(40, 61)) & set(found)


def test_short_series_have_none_and_long_ones_are_left_alone(monkeypatch):
    assert not discords(windows_of(spiked(20, n_rows=45), 11), FALLBACK).any()
    assert discords(windows_of(spiked(20, n_rows=70), 4), FALLBACK).any()
    monkeypatch.setattr(_module, "MAX_WINDOWS", 100)
    assert not discords(windows_of(spiked()), FALLBACK).any()


def test_few_windows_with_others_to_compare_with_are_no_discords():
    windows = Sequences(spiked(), np.arange(0, 50, 9), np.full(6, 10))
    assert not discords(windows, FALLBACK).any()


def test_of_many_windows_some_are_compared_with_some(monkeypatch):
    monkeypatch.setattr(_module, "MIN_COMPARED", 300)
    monkeypatch.setattr(_module, "MAX_OTHERS", 640)
    monkeypatch.setattr(_module, "N_STRETCHES", 16)
    found = np.flatnonzero(discords(windows_of(spiked(1500, n_rows=3000)), FALLBACK))
    assert 1495 in found and len(found) < 40


def test_few_values_at_a_time_find_the_same(monkeypatch):
    expected = discords(windows_of(spiked()), FALLBACK)
    monkeypatch.setattr(_module, "BLOCK", 7)
    np.testing.assert_array_equal(discords(windows_of(spiked()), FALLBACK), expected)
    monkeypatch.setattr(_module, "MAX_VALUES", 20 * 128)
    monkeypatch.setattr(_module, "N_STRETCHES", 4)
    assert discords(windows_of(spiked()), FALLBACK)[145]


def weights_of(detector):
    return detector.model_.get_weights()


def assert_trained_alike(one, other):
    for found, expected in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_discords_are_not_learned(small):
    rows, other = spiked(), spiked()
    other[150:153, 0] += 1
    one, another = (small(10, drop_discords=True).fit(part) for part in (rows, other))
    assert one.n_discords_ == another.n_discords_ >= 12
    assert_trained_alike(one, another)
    one, another = (small(10).fit(part) for part in (rows, other))
    assert one.n_discords_ == another.n_discords_ == 0
    with pytest.raises(AssertionError):
        assert_trained_alike(one, another)


@pytest.mark.slow
def test_what_is_searched_for_outliers_itself_is_not_all_learned(small):
    rows, asked = spiked(), small(10, drop_discords=True).fit(spiked())
    for detector, labels in [
        (small(10, contamination=0.05), None),
        (small(10), "predicted"),
        (small(10, warm_start=True), "predicted"),
    ]:
        labels = detector.fit_predict(rows) if labels else detector.fit(rows).predict(rows)
        np.testing.assert_array_equal(labels, detector.predict(rows))
        assert detector.n_discords_ == asked.n_discords_ > 0
        assert_trained_alike(detector, asked)
    assert small(10, drop_discords=False).fit_predict(rows).shape == (300,)
    rejected = small(10, drop_discords=False, contamination=0.05).fit(rows)
    assert rejected.n_discords_ == 0


def turning(n_turns, n_rows=4000, seed=0):
    """Return waves with turns of another kind, all different, and their positions."""
    rng = np.random.default_rng(seed)
    rows = waves(n_rows, seed=seed)
    begins = 60 + 200 * np.arange(n_turns) + rng.integers(0, 100, n_turns)
    for begin in begins:
        length, height = rng.integers(20, 30), rng.normal(3, 0.2)
        rows[begin : begin + length, 0] = height * np.sin(np.linspace(0, np.pi, length))
    return rows, begins


def test_what_is_rare_and_recurs_is_no_discord():
    rows, begins = turning(8)
    rows[3000:3020, 1] += 4
    found = np.flatnonzero(discords(windows_of(rows, 20), FALLBACK))
    turns = (begins[:, None] + np.arange(-10, 20)).ravel()
    assert len(np.intersect1d(found, turns)) < 0.1 * len(turns)
    assert set(range(2990, 3010)) <= set(found)
    alone = rows.copy()
    alone[begins[2] - 60 : 2500] = waves(4000)[begins[2] - 60 : 2500]
    found = np.flatnonzero(discords(windows_of(alone, 20), FALLBACK))
    assert set(range(begins[0] - 5, begins[0] + 10)) <= set(found)


def test_windows_are_trained_on_as_their_rows_are(small):
    rows = spiked()
    by_rows = small(10, drop_discords=True).fit(rows)
    by_windows = small(drop_discords=True).fit(SequenceWindower(10).fit_transform(rows))
    assert by_rows.n_discords_ == by_windows.n_discords_ > 0
    assert_trained_alike(by_rows, by_windows)


def test_sets_and_single_epochs_leave_nothing_out(small):
    beats = np.random.default_rng(0).standard_normal((40, 6, 2))
    beats[7] += 50
    assert small(drop_discords=True).fit(beats).n_discords_ == 0
    assert small(10, drop_discords=True).partial_fit(spiked()).n_discords_ == 0


def test_rows_that_were_left_out_are_scored_and_count_for_the_threshold(small):
    rows = spiked()
    detector = small(10, drop_discords=True).fit(rows)
    assert detector.score_samples(rows).argmin() in range(145, 158)
    scores = detector.score_samples(rows[270:]), detector.score_samples(rows[:270])
    parts = [(part, np.ones(len(part))) for part in scores]
    assert detector.offset_ == pytest.approx(automatic_offset(parts, "robust", OF_ROWS))


@pytest.mark.parametrize("value", ["yes", 1.5, None])
def test_drop_discords_is_a_boolean_or_auto(value):
    with pytest.raises(ValueError, match="drop_discords"):
        LSTMAutoencoder(10, drop_discords=value).fit(waves())
