"""From residuals to scores, without a network: rows serve as residuals."""

import json
import math
from dataclasses import replace

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few, random_rows

from skae._input.sequences import from_list
from skae._scoring.bad_readings import beside_bad_readings, without_bad_readings
from skae._scoring.error_measures import MEASURES
from skae._scoring.scoring_rule import AGGREGATIONS, MAX_REFERENCE_WINDOWS, ScoringRule
from skae._scoring.thresholds import OffsetPolicy, RobustLimits, known_errors
from skae._windows.samples import RowSamples, SequenceSamples

plain_errors = st.sampled_from(["mse", "rmse", "mae"])
lengths = st.lists(st.integers(1, 12), min_size=1, max_size=4)
WHOLE_SEQUENCE = {"gaussian", "row_or_window", "window", "mean"}
WHOLE_WINDOW = {"gaussian", "window"}


def residuals(windows):
    """Return the windows themselves, one by one."""
    return iter(np.split(windows.padded(), len(windows)))


def growing(windows):
    """Return the windows, each larger than the one before it."""
    return windows * np.arange(1, len(windows) + 1)[:, None, None]


def rule_of(error, aggregation, *parts):
    rule = ScoringRule.fit(error, aggregation, OffsetPolicy(), residuals, list(parts))
    return rule.calibrated(residuals, parts[0], list(parts))[0]


def errors_of(sequences, error):
    return naive.errors_of_steps(sequences, np.zeros_like(sequences), error, [1, 1])


def whole_errors(sequences, error):
    """Return the mean error of each sequence over steps and features, or its root for an rmse."""
    means = map(naive.mean, errors_of(sequences, error.replace("rmse", "mse")))
    return [math.sqrt(mean) if error == "rmse" else mean for mean in means]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("how", AGGREGATIONS)
@few
@given(lengths=lengths, seed=st.integers(0, 99), error=plain_errors)
def test_the_score_of_a_sequence_is_minus_its_error(how, lengths, seed, error):
    rows = random_rows(sum(lengths), 2, seed)
    items = np.split(rows, np.cumsum(lengths)[:-1])
    samples, padded = SequenceSamples(from_list(items)), naive.pad(items, max(lengths))
    if how in WHOLE_SEQUENCE:
        expected = whole_errors(padded, error)
    else:
        expected = naive.aggregate_steps(errors_of(padded, error), how)
    found = rule_of(error, how, samples).scores(samples, residuals(samples.windows))
    close(found, -np.array(expected))


@pytest.mark.parametrize("how", sorted(AGGREGATIONS.keys() - {"row_or_window"}))
@few
@given(
    lengths=lengths,
    seed=st.integers(0, 99),
    error=plain_errors,
    window_size=st.integers(1, 5),
    stride=st.integers(1, 6),
)
def test_the_score_of_a_row_is_minus_its_error(how, lengths, seed, error, window_size, stride):
    rows = random_rows(sum(lengths), 2, seed, dtype=np.float32)
    samples = RowSamples(rows, np.array(lengths), window_size, stride)
    pairs = naive.covering(lengths, window_size, stride)
    windows = growing(naive.cut(rows, pairs))
    if how in WHOLE_WINDOW:
        by_window = np.array(whole_errors(windows, error))[:, None]
        values = np.repeat(by_window, windows.shape[1], axis=1)
        expected = naive.rows_from_windows(pairs, values, len(rows), "window")
    else:
        expected = naive.rows_from_windows(pairs, errors_of(windows, error), len(rows), how)
    if how == "gaussian":
        expected = naive.smooth(expected, lengths, window_size)
    found = rule_of(error, how, samples).scores(samples, [growing(samples.windows.padded())])
    close(found, -expected)


@few
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    seed=st.integers(0, 9),
    error=st.sampled_from(MEASURES),
    stride=st.integers(1, 6),
)
def test_a_row_counts_by_itself_where_that_is_more(lengths, seed, error, stride):
    rows = random_rows(sum(lengths), 2, seed, missing=0.2, dtype=np.float32)
    samples = RowSamples(rows, np.array(lengths), 4, stride)
    try:
        rule = rule_of(error, "row_or_window", samples)
    except ValueError:  # too few complete rows for a covariance
        return
    smoothed = -replace(rule, aggregation="gaussian").scores(samples, residuals(samples.windows))
    single = rule.errors_of_steps(samples, residuals(samples.windows))
    expected = smoothed
    if rule.largest_of_rows:
        ratios = 1.25 * single / rule.largest_of_rows
        roots = np.where(ratios > 1, np.sqrt(ratios), ratios)
        expected = np.fmax(smoothed, rule.largest_of_windows * roots)
    close(rule.scores(samples, residuals(samples.windows)), -expected)
    (part,) = without_bad_readings([samples])
    seen = ~beside_bad_readings(part)
    seen &= ~np.isnan(smoothed)
    if seen.any():
        largest = [np.quantile(errors[seen], 0.999) for errors in (smoothed, single)]
        close((rule.largest_of_windows, rule.largest_of_rows), largest)


@pytest.mark.parametrize("error", MEASURES)
@pytest.mark.parametrize("how", ["gaussian", "row_or_window", "window", "mean", "last"])
def test_contributions_to_a_row_average_to_its_error(error, how):
    samples = RowSamples(random_rows(30, 2, 0, dtype=np.float32), np.array([20, 10]), 4, 3)
    rule = rule_of(error, how, samples)
    found = rule.contributions(samples, residuals(samples.windows))
    close(found.mean(axis=1), -rule.scores(samples, residuals(samples.windows)))


@pytest.mark.parametrize("error", MEASURES)
def test_contributions_average_to_the_larger_error_where_readings_are_missing(error):
    rows = random_rows(200, 3, 0, dtype=np.float32)
    rows[::2, 2], rows[90:95] = np.nan, np.nan
    rows[100, 1] += 6
    samples = RowSamples(rows, np.array([200]), 20, 1)
    rule = rule_of(error, "row_or_window", samples)
    found = rule.contributions(samples, residuals(samples.windows)).mean(axis=1)
    smoothed = replace(rule, aggregation="gaussian")
    of_windows = smoothed.contributions(samples, residuals(samples.windows)).mean(axis=1)
    ratios = 1.25 * rule.errors_of_steps(samples, residuals(samples.windows)) / rule.largest_of_rows
    of_rows = rule.largest_of_windows * np.where(ratios > 1, np.sqrt(ratios), ratios)
    assert (of_rows > of_windows).any() and np.isfinite(found).all()
    close(found, np.fmax(of_windows, of_rows))


@pytest.mark.parametrize("error", MEASURES)
def test_a_row_that_counts_by_itself_is_explained_by_its_own_errors(error):
    rows = random_rows(200, 2, 0, dtype=np.float32)
    lengths = np.array([200])
    rule = rule_of(error, "row_or_window", RowSamples(rows, lengths, 20, 1))
    rows = rows.copy()
    rows[100, 1] += 6
    samples = RowSamples(rows, lengths, 20, 1)
    smoothed = replace(rule, aggregation="gaussian").scores(samples, residuals(samples.windows))
    scores = rule.scores(samples, residuals(samples.windows))
    found = rule.contributions(samples, residuals(samples.windows))
    assert scores[100] < smoothed[100] and found[100, 1] > found[100, 0]
    close(found.mean(axis=1), -scores)


@pytest.mark.parametrize("error", MEASURES)
@pytest.mark.parametrize("how", sorted(WHOLE_SEQUENCE))
def test_contributions_to_a_sequence_average_to_its_error(error, how):
    items = [random_rows(n, 2, seed=n) for n in (3, 5, 4)]
    samples = SequenceSamples(from_list(items))
    rule = rule_of(error, how, samples)
    found = rule.contributions(samples, residuals(samples.windows))
    assert [part.shape for part in found] == [item.shape for item in items]
    expected = -rule.scores(samples, residuals(samples.windows))
    close([part.mean() for part in found], expected)


@pytest.mark.parametrize("error", MEASURES)
@pytest.mark.parametrize("how", sorted(WHOLE_SEQUENCE))
def test_contributions_of_a_feature_read_seldom_weigh_as_those_of_others(error, how):
    items = [random_rows(12, 2, seed=n) for n in range(5)]
    for item in items:
        item[np.arange(12) % 4 > 0, 1] = np.nan
    samples = SequenceSamples(from_list(items))
    rule = rule_of(error, how, samples)
    found = rule.contributions(samples, residuals(samples.windows))
    expected = -rule.scores(samples, residuals(samples.windows))
    close([np.nanmean(np.nanmean(part, axis=1)) for part in found], expected)
    if error in ("mse", "mae"):
        entries = [np.square(item) if error == "mse" else np.abs(item) for item in items]
        close([np.nanmean(entry, axis=0).mean() for entry in entries], expected)


def test_a_measure_is_fitted_on_all_parts():
    parts = [SequenceSamples(from_list([np.full((2, 1), value)])) for value in (1.0, 2.0)]
    typical = rule_of("scaled_mae", "mean", *parts).measure.typical
    close(typical, 1.5 * (1 + 1e-4))


def test_a_measure_is_fitted_on_windows_spread_over_all():
    n = 3 * MAX_REFERENCE_WINDOWS
    samples = SequenceSamples(from_list([[[float(i)]] for i in range(n)]))
    typical = rule_of("scaled_mae", "mean", samples).measure.typical
    close(typical, np.arange(0, n, 3).mean() * (1 + 1e-4))


@pytest.mark.parametrize("error", MEASURES)
def test_a_rule_written_as_plain_values_scores_the_same(error):
    samples = RowSamples(random_rows(30, 2, 0, dtype=np.float32), np.array([30]), 4, 1)
    rule = rule_of(error, "median", samples)
    read = ScoringRule.from_plain(rule.to_plain())
    assert (read.error, read.aggregation) == (error, "median")
    expected = rule.scores(samples, residuals(samples.windows))
    np.testing.assert_array_equal(read.scores(samples, residuals(samples.windows)), expected)


def test_a_policy_written_as_plain_values_holds_numbers_that_json_knows():
    limits = RobustLimits(deviations=5.0, max_ratio=2.0)
    policy = OffsetPolicy(np.float32(0.25), np.float32(0.5), limits)
    plain = json.loads(json.dumps(policy.to_plain()))
    assert plain == {
        "contamination": 0.25,
        "threshold": 0.5,
        "deviations": 5.0,
        "max_ratio": 2.0,
        "min_ratio": 1.75,
    }
    assert OffsetPolicy.from_plain(plain) == policy


def test_only_rows_of_series_are_compared_with_those_before():
    scores = -np.exp(np.linspace(0, 3, 40))
    sets = SequenceSamples(from_list([[[0.0]]] * 40))
    rows = RowSamples(np.zeros((40, 1), np.float32), np.array([40]), 2, 1)
    policy = OffsetPolicy(threshold="adaptive")
    assert policy.offsets(scores, sets, -2.0) == OffsetPolicy().offsets(scores, rows, -2.0) == -2
    expected = -np.array(naive.adaptive_limits((-scores).tolist(), 2.0, 20))
    close(policy.offsets(scores, rows, -2.0), expected)


def scores_of_values(samples):
    return -samples.windows.padded()[:, 0, 0].astype(float)


def test_a_contamination_is_the_part_of_all_samples_below_the_offset():
    samples = SequenceSamples(from_list([[[float(i)]] for i in range(11)]))
    weights = np.arange(11, dtype=np.float32)

    def offset(samples):
        known = known_errors(scores_of_values, [samples.select(np.arange(3))])
        return OffsetPolicy(contamination=0.2).offset(known, scores_of_values, samples)

    assert offset(samples) == pytest.approx(-8)
    expected = -naive.weighted_quantile(range(11), 0.8, weights)
    assert offset(samples.weighted(weights)) == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, np.arange(60, dtype=np.float32) % 3 + 1])
def test_a_threshold_is_taken_from_the_scores_and_weights_of_the_parts(weights):
    errors = np.random.default_rng(0).lognormal(size=60)
    samples = SequenceSamples(from_list([[[error]] for error in errors]), weights)
    parts = [samples.select(np.arange(25)), samples.select(np.arange(25, 60))]
    found = OffsetPolicy(threshold="three_sigma").offset(
        known_errors(scores_of_values, parts), scores_of_values, samples
    )
    held_out = errors[:25] if weights is None else np.repeat(errors[:25], weights[:25].astype(int))
    assert -found == pytest.approx(held_out.mean() + 3 * held_out.std(), rel=1e-5)
