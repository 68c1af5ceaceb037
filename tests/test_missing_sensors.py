"""Sensors that fail, begin to move or were never seen: each is visible in `explain`."""

import numpy as np
import pytest

from skae import LSTMAutoencoder

DYING = 250


def waves(n_rows=500, seed=0):
    t = np.arange(n_rows)
    rows = np.c_[np.sin(t / 4), np.cos(t / 4), np.sin(t / 9), np.full(n_rows, 5.0)]
    rows[:, :3] += np.random.default_rng(seed).normal(0, 0.05, (n_rows, 3))
    return rows


@pytest.fixture(scope="module")
def detector():
    rows = np.c_[waves(), np.full(500, np.nan)]
    estimator = LSTMAutoencoder(12, units=16, latent_dim=6, epochs=15, random_state=0)
    with pytest.warns(UserWarning, match=r"without an observation of the features \[4\]"):
        return estimator.fit(rows)


def later(**changes):
    """Return rows with some features replaced from the 250th row on."""
    rows = np.c_[waves(seed=1), np.full(500, np.nan)]
    for feature, values in changes.items():
        rows[DYING:, int(feature[1:])] = values
    return rows


def blamed(detector, rows):
    """Return the share of each feature in the errors from the 250th row on."""
    errors = np.nan_to_num(detector.explain(rows)[DYING + 12 :]).sum(axis=0)
    return errors / errors.sum()


def flagged(detector, rows):
    return (detector.predict(rows) == -1)[DYING + 12 :].mean()


@pytest.mark.nightly
def test_nothing_happens_while_all_is_well(detector):
    assert flagged(detector, later()) < 0.05
    assert blamed(detector, later())[:3].min() > 0.05
    assert np.isnan(detector.explain(later())[:, 4]).all()


@pytest.mark.parametrize("feature", range(3))
@pytest.mark.slow
def test_a_sensor_that_stands_still_for_good_has_larger_errors(detector, feature):
    well, still = (
        detector.explain(rows)[DYING + 12 :, feature].mean()
        for rows in (later(), later(**{f"f{feature}": 4.0}))
    )
    assert still > 2 * well


@pytest.mark.parametrize("feature", range(3))
@pytest.mark.slow
def test_a_sensor_that_is_silent_for_good_has_no_error_and_the_others_do(detector, feature):
    rows = later(**{f"f{feature}": np.nan})
    errors = detector.explain(rows)
    assert not np.isnan(errors[: DYING - 1, feature]).any()
    assert np.isnan(errors[DYING + 12 :, feature]).all()
    others = np.delete(errors, [feature, 4], axis=1)
    assert not np.isnan(others).any() and np.isfinite(detector.score_samples(rows)).all()


@pytest.mark.parametrize("value", [4.0, 5.5, 6.0])
def test_a_sensor_that_was_constant_and_moves_is_blamed(detector, value):
    rows = later(f3=value)
    assert blamed(detector, rows).argmax() == 3
    assert flagged(detector, rows) > 0.9


def test_a_sensor_that_nobody_has_seen_is_blamed_when_it_speaks(detector):
    rows = later(f4=np.sin(np.arange(250) / 4))
    errors = detector.explain(rows)
    assert np.isnan(errors[: DYING - 24, 4]).all() and not np.isnan(errors[DYING + 12 :, 4]).any()
    assert blamed(detector, rows).argmax() == 4
    assert flagged(detector, rows) > 0.9
