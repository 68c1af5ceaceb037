"""A bad reading, or a row of weight zero, does not hide later faults of a feature."""

import numpy as np
import pytest
from strategies import random_rows

from skae import LSTMAutoencoder
from skae._input.sequences import from_list
from skae._scoring.bad_readings import beside_bad_readings, fill_values, without_bad_readings
from skae._scoring.error_measures import MEASURES, fit_error_measure
from skae._scoring.scoring_rule import ScoringRule
from skae._scoring.thresholds import OffsetPolicy
from skae._windows.samples import RowSamples, SequenceSamples

PLACES = {1: [700], 3: [100, 700, 1300], 10: [*range(90, 1400, 140)]}


def waves(n_rows=1500, seed=0):
    t = np.arange(n_rows)
    noise = np.random.default_rng(seed).normal(0, 0.05, (n_rows, 2))
    return (np.c_[np.sin(t / 5), np.cos(t / 7)] + noise).astype(np.float32)


def spoiled(n, value=20.0):
    rows = waves()
    rows[PLACES[n], 0] = value
    return rows


def samples_of(rows, weights=None, size=20):
    return RowSamples(rows, np.array([len(rows)]), size, 1, weights=weights)


def found_in(*parts):
    return [np.flatnonzero(part.weights == 0).tolist() for part in without_bad_readings(parts)]


# ------------------------------------------------------------------------ which they are


@pytest.mark.parametrize("n", PLACES)
def test_single_readings_far_outside_are_bad(n):
    assert found_in(samples_of(spoiled(n))) == [PLACES[n]]
    assert found_in(samples_of(spoiled(n, -30)[:750]), samples_of(spoiled(n)[750:])) == [
        [place for place in PLACES[n] if place < 750],
        [place - 750 for place in PLACES[n] if place >= 750],
    ]


def steps(n_rows, *shares):
    """Return features that are 1 in a share of the rows, in runs of one, else 0."""
    rows = np.zeros((n_rows, len(shares)), np.float32)
    for feature, share in enumerate(shares):
        rows[:: round(1 / share), feature] = 1
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        waves(),
        random_rows(3000, 3, seed=0).astype(np.float32),
        random_rows(3000, 3, seed=0, missing=0.3).astype(np.float32),
        np.exp(random_rows(3000, 1, seed=0)).astype(np.float32),
        steps(2000, 0.5, 0.1, 0.03, 0.01, 0.002),
        np.full((500, 2), np.nan, np.float32),
    ],
    ids=["waves", "noise", "gaps", "skewed", "steps", "nothing"],
)
def test_what_is_normal_is_not_bad(rows):
    part = samples_of(rows)
    assert without_bad_readings([part]) == [part]


def test_episodes_are_not_bad_whatever_else_is():
    rows = spoiled(1)
    rows[300:304, 0], rows[600:603, 1], rows[699:704, 1] = 20, -20, 20
    assert found_in(samples_of(rows)) == [[600, 601, 602, 700]]


def test_a_sequence_with_a_bad_reading_has_a_weight_of_zero():
    items = np.split(spoiled(3), 75)
    (part,) = without_bad_readings([SequenceSamples(from_list(items))])
    assert np.flatnonzero(part.weights == 0).tolist() == [5, 35, 65]


def test_rows_whose_smoothed_errors_hold_one_lie_beside_it():
    weights = np.ones(1500, np.float32)
    weights[700] = 0
    beside = beside_bad_readings(samples_of(waves(), weights))
    assert np.flatnonzero(beside).tolist() == [*range(660, 741)]
    weights[::50] = 0
    assert not beside_bad_readings(samples_of(waves(), weights)).any()


# ------------------------------------------------------------------------ what is typical


def residuals(windows):
    """Return the windows minus waves."""
    yield windows.padded()


def rule_of(error, *parts):
    return ScoringRule.fit(error, "gaussian", OffsetPolicy(), residuals, list(parts))


def typical_of(rule):
    return rule.measure.covariance if rule.error == "mahalanobis" else rule.measure.typical


SCALED = [kind for kind in MEASURES if kind not in ("mse", "rmse", "mae")]


@pytest.mark.parametrize("n", PLACES)
@pytest.mark.parametrize("error", SCALED)
def test_bad_readings_do_not_change_what_is_typical(error, n):
    clean, bad = (typical_of(rule_of(error, samples_of(rows))) for rows in (waves(), spoiled(n)))
    np.testing.assert_allclose(bad, clean, rtol=0.1, atol=0.01)


@pytest.mark.parametrize("error", SCALED)
def test_a_weight_of_zero_is_leaving_out(error):
    rows, weights = waves(), np.ones(1500, np.float32)
    rows[600:700] *= 4
    weights[600:700] = 0
    found = typical_of(rule_of(error, samples_of(rows, weights)))
    before, behind = samples_of(rows[:600]), samples_of(rows[700:])
    np.testing.assert_allclose(found, typical_of(rule_of(error, before, behind)), rtol=1e-5)


@pytest.mark.parametrize("error", SCALED)
def test_a_weight_of_two_is_being_there_twice(error):
    items = list(random_rows(60, 2, seed=0).astype(np.float32).reshape(6, 10, 2))
    weights = np.array([1, 2, 1, 0, 1, 1], np.float32)
    weighted = rule_of(error, SequenceSamples(from_list(items), weights))
    repeated = [items[i] for i in (0, 1, 1, 2, 4, 5)]
    expected = rule_of(error, SequenceSamples(from_list(repeated)))
    # The shrinkage of a covariance depends on the number of steps.
    tolerance = 0.1 if error == "mahalanobis" else 1e-9
    np.testing.assert_allclose(typical_of(weighted), typical_of(expected), rtol=tolerance)


@pytest.mark.parametrize("error", SCALED)
def test_where_hardly_a_window_has_no_weight_of_zero_only_those_steps_are_left_out(error):
    blocks = [random_rows(2000, 2, seed=0).reshape(100, 20, 2)]
    weights = np.ones((100, 20))
    weights[:, 3] = 0
    blocks[0][:, 3] = 1e6
    assert (typical_of(_Rule(error, fit_error_measure(error, blocks, [weights]))) < 10).all()


class _Rule:
    def __init__(self, error, measure):
        self.error, self.measure = error, measure


# ------------------------------------------------------------------------ fill values


def test_fill_values_are_weighted_means_without_bad_readings():
    np.testing.assert_allclose(fill_values(samples_of(waves())), waves().mean(axis=0), atol=1e-6)
    good = np.delete(waves(), PLACES[10], axis=0).mean(axis=0)
    np.testing.assert_allclose(fill_values(samples_of(spoiled(10, 1e5))), good, atol=1e-6)
    rows, weights = waves(), np.linspace(0, 1, 1500, dtype=np.float32)
    rows[7, 1] = np.nan
    seen = ~np.isnan(rows)
    expected = (np.nan_to_num(rows) * weights[:, None]).sum(0) / (weights[:, None] * seen).sum(0)
    np.testing.assert_allclose(fill_values(samples_of(rows, weights)), expected, atol=1e-6)


def test_fill_values_of_what_has_no_weight_are_zero():
    rows, weights = waves(), np.ones(1500, np.float32)
    rows[:750, 1], weights[750:] = np.nan, 0
    assert fill_values(samples_of(rows, weights))[1] == 0


# ------------------------------------------------------------------------ detectors


def shifted():
    rows = waves(1000, seed=1)
    rows[400:440, 0] += 2
    return rows


def assert_finds_the_fault(detector):
    flagged = detector.predict(shifted()) == -1
    assert flagged[400:440].mean() > 0.9
    assert np.delete(flagged, slice(370, 470)).mean() < 0.01


@pytest.mark.nightly(daily=["1"])
@pytest.mark.parametrize("n", [1, *[pytest.param(n, marks=pytest.mark.slow) for n in (10,)]])
def test_a_fault_is_found_whatever_single_readings_were_learned(n):
    assert_finds_the_fault(
        LSTMAutoencoder(20, units=16, scale=None, epochs=10, random_state=0).fit(spoiled(n))
    )


@pytest.mark.nightly
@pytest.mark.slow
def test_a_fault_is_found_though_a_bad_episode_was_given_a_weight_of_zero():
    rows, weights = waves(), np.ones(1500)
    rows[700:710, 0], weights[700:710] = 20, 0
    detector = LSTMAutoencoder(20, units=16, scale=None, epochs=10, random_state=0)
    assert_finds_the_fault(detector.fit(rows, sample_weight=weights))


@pytest.mark.nightly(daily=["2-1", "0.5-100"])
@pytest.mark.parametrize(("size", "n_rows"), [(1, 1), (2, 1), (0.5, 100)])
def test_what_moves_after_standing_still_is_seen(small, size, n_rows):
    quiet = np.zeros((1000, 1))
    detector = small(20).fit(quiet)
    later = quiet.copy()
    later[500 : 500 + n_rows] = size
    scores, flagged = detector.score_samples(later), detector.predict(later) == -1
    assert 500 - 20 <= scores.argmin() < 500 + n_rows + 20
    assert flagged[500 : 500 + n_rows].all()
    assert not flagged[:400].any() and not flagged[700:].any()
