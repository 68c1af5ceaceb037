import json
import math
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few, random_rows, series_lists, ways

from skae._input import observed
from skae._scoring.error_measures import (
    MEASURES,
    MahalanobisError,
    MultiscaleError,
    absolute_error,
    balance,
    fit_error_measure,
    measure_from_plain,
    measure_to_plain,
    root_shares,
    scales_of,
    squared_error,
)
from skae._scoring.events import find_events
from skae._scoring.scoring_rule import AGGREGATIONS
from skae._scoring.thresholds import (
    OF_ROWS,
    OF_SENSITIVE_ROWS,
    OF_SETS,
    AdaptiveOffset,
    RobustLimits,
    adaptive_offsets,
    automatic_offset,
    best_fbeta_offset,
    check_one_rule,
    limits_of,
    robust_offset,
    three_sigma_offset,
    weighted_quantile,
)

SHAPES = [(0, 3), (1, 3), (4, 3), (2, 5, 3), (0, 5, 3), (3,)]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------ errors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kind", "expected"), [("mse", [9.0, 4.0, np.nan]), ("mae", [3.0, 2.0, np.nan])]
)
def test_plain_errors_keep_nan_and_are_float64(kind, expected, dtype):
    residuals = np.array([-3.0, 2.0, np.nan], dtype)
    errors = fit_error_measure(kind, [residuals])(residuals)
    np.testing.assert_array_equal(errors, expected)
    assert errors.dtype == np.float64


def test_squares_of_large_float32_residuals_do_not_overflow():
    assert squared_error(np.array([1e30], np.float32))[0] == pytest.approx(1e60)


@few
@given(series_lists(), st.sampled_from([-1, 0, (0, 1)]))
def test_the_mean_of_observed_is_over_real_entries_only(items, axis):
    errors = items[0]
    lanes = {-1: list(errors), 0: list(errors.T), (0, 1): [errors.ravel()]}[axis]
    expected = [naive.mean(lane) for lane in lanes]
    close(np.ravel(observed.mean(errors, axis)), expected)


@pytest.mark.parametrize(("shape", "axis"), [((0, 3), 0), ((3, 0), 1), ((2, 0, 3), 1)])
def test_the_mean_of_nothing_is_nan(shape, axis):
    found = observed.mean(np.empty(shape), axis)
    np.testing.assert_array_equal(found, np.full(np.delete(shape, axis), np.nan))


@few
@given(series_lists(dtype=np.float32))
def test_the_mean_of_a_column_without_values_may_be_zero(items):
    rows = items[0]
    expected = np.array([naive.mean(column) for column in rows.T])
    found = observed.mean_or_zero(rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.where(np.isnan(expected), 0, expected), rtol=1e-6)


# ------------------------------------------------------------------------ mahalanobis


def spread(seed=0):
    """Return a mean and a covariance of three features."""
    root = random_rows(3, 3, seed)
    return np.array([0.5, 1.0, 2.0]), root @ root.T + np.eye(3)


@few
@given(st.integers(1, 10), st.integers(0, 99), st.sampled_from([0.0, 0.5]))
def test_mean_share_is_the_distance_of_what_was_observed(n_steps, seed, missing):
    mean, covariance = spread(seed)
    residuals = random_rows(n_steps, 3, seed, missing)
    found = observed.mean(MahalanobisError(mean, covariance)(residuals))
    expected = [
        np.nan if np.isnan(row).all() else naive.mahalanobis(np.abs(row), mean, covariance)
        for row in residuals
    ]
    close(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_shares_have_the_shape_of_the_residuals(shape):
    shares = MahalanobisError(*spread())(np.ones(shape, np.float32))
    assert shares.shape == shape and shares.dtype == np.float64


def test_shares_are_nan_where_nothing_was_observed():
    residuals = random_rows(20, 3, seed=0, missing=0.5)
    shares = MahalanobisError(*spread())(residuals)
    np.testing.assert_array_equal(np.isnan(shares), np.isnan(residuals))


def test_mahalanobis_of_one_feature_is_the_squared_standard_score():
    residuals = random_rows(500, 1, seed=0)
    errors = np.abs(residuals)
    found = MahalanobisError.fit([residuals])(residuals)
    np.testing.assert_allclose(found, (errors - errors.mean()) ** 2 / errors.var(), rtol=1e-5)


def test_mahalanobis_is_fitted_on_absolute_errors():
    residuals = random_rows(2000, 3, seed=0)
    measure = MahalanobisError.fit([residuals])
    np.testing.assert_allclose(measure.mean, np.abs(residuals).mean(axis=0))
    np.testing.assert_allclose(measure.covariance, np.cov(np.abs(residuals).T), atol=0.02)


def test_steps_with_a_missing_feature_are_left_out_of_the_fit():
    residuals = random_rows(60, 3, seed=0, missing=0.2)
    whole = residuals[~np.isnan(residuals).any(axis=1)]
    measure = MahalanobisError.fit([residuals.reshape(3, 20, 3)])
    np.testing.assert_array_equal(measure.covariance, MahalanobisError.fit([whole]).covariance)


@pytest.mark.parametrize("constant", [0.0, 2.0])
@pytest.mark.parametrize("n_constant", [1, 3])
def test_constant_features_have_finite_errors(constant, n_constant):
    residuals = random_rows(50, 3, seed=0)
    residuals[:, :n_constant] = constant
    shares = MahalanobisError.fit([residuals])(residuals + 0.1)
    assert np.isfinite(shares).all()


def test_two_whole_steps_are_enough():
    assert np.isfinite(MahalanobisError.fit([random_rows(2, 2, seed=0)]).covariance).all()


@pytest.mark.parametrize("n_whole", [0, 1])
def test_too_few_whole_steps_are_an_error(n_whole):
    residuals = np.full((5, 2), np.nan)
    residuals[:n_whole] = 1.0
    message = f"Got error='mahalanobis' with {n_whole} reference steps that have every feature"
    with pytest.raises(ValueError, match=message):
        MahalanobisError.fit([residuals])


# ------------------------------------------------------------------------ scaled


@pytest.mark.parametrize("base", ["mse", "mae"])
def test_scaled_errors_are_relative_to_the_typical_one_of_each_feature(base):
    residuals = random_rows(400, 3, seed=0, missing=0.1) * [1, 100, 0.01]
    measure = fit_error_measure(f"scaled_{base}", [residuals])
    typical = np.array(
        [naive.mean(column) for column in fit_error_measure(base, [residuals])(residuals).T]
    )
    expected = fit_error_measure(base, [residuals])(residuals) / (typical + 1e-4 * typical.mean())
    close(measure(residuals), expected)
    close(
        fit_error_measure(f"scaled_{base}", [residuals.reshape(4, 100, 3)]).typical, measure.typical
    )


@pytest.mark.parametrize("base", ["mse", "mae"])
def test_scaled_errors_of_features_without_any_are_finite(base):
    residuals = random_rows(50, 3, seed=0)
    residuals[:, 0] = 0
    residuals[:, 1] = np.nan
    found = fit_error_measure(f"scaled_{base}", [residuals])(np.ones((1, 3)))
    assert np.isfinite(found).all() and found[0, 0] > 100 * found[0, 2]


def test_scaled_errors_without_any_known_error_are_left_as_they_are():
    measure = fit_error_measure("scaled_mse", [np.zeros((5, 2))])
    np.testing.assert_array_equal(measure(np.array([[0.0, 3.0]])), [[0.0, 9.0]])


@pytest.mark.parametrize("kind", MEASURES)
def test_a_measure_written_as_plain_values_measures_the_same(kind):
    residuals = random_rows(20, 3, seed=0).reshape(4, 5, 3)
    measure = fit_error_measure(kind, [residuals])
    read = measure_from_plain(json.loads(json.dumps(measure_to_plain(measure))))
    np.testing.assert_array_equal(read(residuals), measure(residuals))


# ------------------------------------------------------------------------ several scales


def windows_of(n, n_steps, seed, missing=0.0):
    rows = random_rows(n * n_steps, 2, seed, missing=missing).reshape(n, n_steps, 2)
    rows[0, max(1, n_steps // 2) :] = np.nan  # a shorter window
    return rows


@few
@given(st.integers(1, 14), st.integers(0, 99), st.sampled_from([0.0, 0.3]))
def test_scales_are_those_of_the_definition(n_steps, seed, missing):
    windows = windows_of(3, n_steps, seed, missing)
    found = scales_of(windows)
    close(found.sum(axis=0), windows)
    for i, window in enumerate(windows):
        length = max(np.flatnonzero(~np.isnan(window).all(axis=1)), default=0) + 1
        for feature in range(2):
            close(found[:, i, :, feature], naive.scales(window[:, feature], length))


@few
@given(st.integers(1, 14), st.integers(0, 99), st.sampled_from([0.0, 0.3]))
def test_scales_are_the_same_beside_a_shorter_window(n_steps, seed, missing):
    windows = windows_of(4, n_steps, seed, missing)
    np.testing.assert_array_equal(scales_of(windows[1:]), scales_of(windows)[:, 1:])


@few
@given(st.integers(1, 10), st.sampled_from([np.float32, np.float64]), st.booleans())
def test_a_mean_over_features_is_numpys_to_the_last_bit(n_features, dtype, strided):
    values = random_rows(60, n_features, seed=n_features).astype(dtype).reshape(3, 20, -1)
    values = values[::-1, ::2] if strided else values
    expected = np.mean(values, axis=2, dtype=np.float64)
    np.testing.assert_array_equal(observed.mean(values, axis=2), expected)


def test_squares_of_the_scales_add_up_where_sixths_are_equally_long():
    window = random_rows(12, 1, seed=0)[None]
    close(np.square(scales_of(window)).sum(axis=0).mean(), np.square(window).mean())


@few
@given(st.integers(1, 14), st.integers(0, 99))
def test_multiscale_errors_are_the_geometric_mean_over_the_scales(n_steps, seed):
    reference = random_rows(8 * n_steps, 2, seed).reshape(8, n_steps, 2)
    windows = 3 * random_rows(4 * n_steps, 2, seed + 1).reshape(4, n_steps, 2)
    found = MultiscaleError.fit([reference[:3], reference[3:]])(windows)
    assert found.shape == windows.shape
    close(found.mean(axis=(1, 2)), naive.multiscale_errors(windows, reference))


def test_padding_changes_no_multiscale_error():
    windows = random_rows(24, 2, seed=0).reshape(3, 8, 2)
    measure = MultiscaleError.fit([windows])
    padded = np.pad(windows, [(0, 0), (0, 5), (0, 0)], constant_values=np.nan)
    close(measure(padded)[:, :8], measure(windows))
    assert np.isnan(measure(padded)[:, 8:]).all()


def test_a_level_left_for_good_does_not_hide_what_happens_there():
    noise = random_rows(400, 1, seed=0).reshape(20, 20, 1)
    measure = MultiscaleError.fit([noise[:10]])
    moved = noise[10:] + 100
    moved[3] *= np.linspace(0.5, 1.5, 20)[:, None]
    errors = measure(moved).mean(axis=(1, 2))
    assert errors.argmax() == 3 and errors[3] > 3 * np.median(errors)


def test_a_window_without_any_error_has_one_all_the_same():
    measure = MultiscaleError.fit([random_rows(40, 2, seed=0).reshape(4, 10, 2)])
    close(measure(np.zeros((1, 10, 2))), np.full((1, 10, 2), 1 / 3))


def test_what_moves_after_a_constant_reference_has_an_error_of_its_own():
    measure = MultiscaleError.fit([np.zeros((2, 6, 1))])
    moved = np.array([[0.0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 2, 0, 0, 0]])[:, :, None]
    errors = measure(moved).mean(axis=(1, 2))
    assert errors[0] == pytest.approx(1 / 3) and errors[2] > 2 * errors[1] > 1000 * errors[0]


# ------------------------------------------------------------------------ features read seldom


@few
@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 99), st.sampled_from([0.0, 0.3, 0.9]))
def test_balanced_errors_are_means_over_steps_then_features(n_steps, n_features, seed, missing):
    rows = random_rows(5 * n_steps, n_features, seed, missing=missing)
    windows = rows.reshape(5, n_steps, n_features)
    found = observed.mean(observed.mean(windows * balance(windows), axis=2))
    for window, value in zip(windows, found, strict=True):
        columns = [naive.mean(column) for column in window.T if not np.isnan(column).all()]
        close(value, np.mean(columns) if columns else np.nan)


def test_windows_seen_at_the_same_steps_are_balanced():
    windows = random_rows(60, 3, seed=0).reshape(3, 20, 3)
    windows[0, 5:8], windows[1, 12:], windows[2, :, 1] = np.nan, np.nan, np.nan
    assert balance(windows) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_sensor_read_every_tenth_row_counts_as_one_that_is_held(seed):
    reference, windows = (random_rows(1200, 3, seed=s).reshape(60, 20, 3) for s in (seed, 99))
    windows[:30, :, 2] += 4
    held = [np.repeat(part[:, ::10], 10, axis=1)[:, :, 2:] for part in (reference, windows)]
    held = [
        np.dstack([part[:, :, :2], h]) for part, h in zip((reference, windows), held, strict=True)
    ]
    rare = [part.copy() for part in (reference, windows)]
    for part in rare:
        part[:, np.arange(20) % 10 > 0, 2] = np.nan
    errors = []
    for reference, windows in (held, rare):
        found = MultiscaleError.fit([reference])(windows)
        errors.append(observed.mean(observed.mean(found, axis=2)))
    ratios = [of_windows[:30].mean() / of_windows[30:].mean() for of_windows in errors]
    assert 0.5 < ratios[1] / ratios[0] < 2 and ratios[1] > 2


# ------------------------------------------------------------------------ steps to sequences


@few
@given(series_lists(), ways)
def test_the_error_of_a_sequence_equals_its_naive_twin(items, how):
    errors = naive.pad(items, 12)[:, :, 0].astype(np.float64)
    errors[:, 0] = 1.0
    close(AGGREGATIONS[how].of_sequence(errors), naive.aggregate_steps(errors, how))


@few
@given(series_lists(), st.booleans())
def test_the_mean_of_root_shares_is_the_root_of_the_mean(items, per_window):
    errors = naive.pad(items, 12).astype(np.float64) ** 2
    shares = root_shares(errors, per_window)
    units = errors if per_window else errors.reshape(-1, 1, errors.shape[-1])
    expected = [np.sqrt(naive.mean([naive.mean(step) for step in unit])) for unit in units]
    by_step = observed.mean(shares, axis=2)
    close(observed.mean(by_step) if per_window else by_step.ravel(), expected)
    close(root_shares(observed.mean(errors, axis=2), per_window), by_step)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2)])
@pytest.mark.parametrize("per_window", [True, False])
def test_the_root_share_of_no_error_is_zero_and_of_nothing_nan(shape, per_window):
    errors = np.zeros(shape)
    errors[1] = np.nan
    np.testing.assert_array_equal(root_shares(errors, per_window), errors)


# ------------------------------------------------------------------------ thresholds

values = st.lists(st.integers(-9, 9), min_size=1, max_size=12)
quantiles = st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0])


@few
@given(values, quantiles, st.integers(0, 99))
def test_weighted_quantile_equals_repetition(values, q, seed):
    weights = np.random.default_rng(seed).integers(0, 4, len(values)).astype(np.float32)
    weights[0] += 1
    expected = naive.weighted_quantile(values, q, weights)
    assert weighted_quantile(np.array(values, float), weights, q=q) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1e-3, 0.25, 1.0])
@given(values, quantiles)
def test_equal_weights_up_to_one_mean_no_weights(scale, values, q):
    values = np.array(values, float)
    weights = np.full(len(values), scale, np.float32)
    assert weighted_quantile(values, weights, q=q) == pytest.approx(np.quantile(values, q))


def test_weights_that_are_all_zero_mean_no_weights():
    assert weighted_quantile(np.arange(5.0), np.zeros(5, np.float32), q=0.5) == 2


def test_offset_stays_low_when_outliers_are_among_the_scores():
    errors = np.concatenate([np.random.default_rng(0).uniform(1, 2, 90), np.full(10, 1e3)])
    median = np.median(errors)
    spread = 1.4826 * np.median(np.abs(np.log(errors / median)))
    assert robust_offset(-errors) == pytest.approx(-median * np.exp(4 * spread))


@given(st.floats(1e-30, 1e30), st.integers(1, 9), st.booleans())
def test_equal_scores_are_all_inliers(error, n, weighted):
    scores = np.full(n, -error)
    assert (scores >= robust_offset(scores, np.full(n, 0.3) if weighted else None)).all()


def test_scores_of_zero_have_an_offset_of_zero():
    assert robust_offset(np.zeros(5)) == 0


@few
@given(values, st.integers(0, 99))
def test_offset_takes_a_weight_as_repetition(values, seed):
    scores = -np.exp(np.array(values, float))
    weights = np.random.default_rng(seed).integers(1, 4, len(values)).astype(np.float32)
    repeated = np.repeat(scores, weights.astype(int))
    assert robust_offset(scores, weights) == pytest.approx(robust_offset(repeated))


@pytest.mark.parametrize("spread", [0.01, 0.2, 3.0])
@pytest.mark.parametrize(
    "n_held_out, ratio", [(0, 1.0), (19, 5.0), (20, 5.0), (40, 1.1), (40, 0.1)]
)
@pytest.mark.parametrize("limits", [RobustLimits(), RobustLimits(10.0, 2.5, 3.0)])
def test_the_automatic_offset_is_that_of_the_rule(spread, n_held_out, ratio, limits):
    errors = np.exp(spread * np.random.default_rng(0).uniform(-1, 1, 401))
    held_out, training = errors[:n_held_out] * ratio, errors[n_held_out:]
    parts = [(-part, np.ones(len(part))) for part in (held_out, training) if len(part)]
    expected = naive.automatic_limit(held_out, training, *limits)
    assert -automatic_offset(parts, "robust", limits) == pytest.approx(expected)


@pytest.mark.parametrize(
    "limits, least", [(OF_ROWS, 2.5), (OF_SENSITIVE_ROWS, 2.0), (OF_SETS, 1.75)]
)
def test_errors_that_hardly_differ_are_far_from_the_threshold(limits, least):
    scores = -np.linspace(0.99, 1.01, 201)
    assert automatic_offset([(scores, np.ones(201))], "robust", limits) == pytest.approx(-least)


@pytest.mark.parametrize("spread, reached", [(0.2, "rule"), (3.0, "most"), (0.01, "least")])
def test_the_automatic_offset_is_the_rule_between_two_bounds(spread, reached):
    errors = np.exp(spread * np.random.default_rng(0).uniform(-1, 1, 401))
    limits = {
        "rule": naive.robust_limit(errors),
        "most": 2 * np.quantile(errors, 0.999),
        "least": 1.75 * np.median(errors),
    }
    found = automatic_offset([(-errors, np.ones(401))], "robust", RobustLimits(max_ratio=2))
    assert -found == pytest.approx(limits[reached])


@few
@given(
    st.lists(st.integers(-9, 9) | st.just(math.nan), max_size=30),
    st.integers(1, 12),
    st.integers(0, 30),
)
def test_the_adaptive_offset_is_that_of_the_rows_before(logarithms, memory, cut):
    errors = np.exp(np.array(logarithms, float))
    expected = -np.array(naive.adaptive_limits(errors.tolist(), 2.0, memory))
    threshold = AdaptiveOffset(-2.0, memory)
    found = [threshold.update(-part) for part in np.split(errors, [min(cut, len(errors))])]
    close(np.concatenate(found), expected)


def test_every_series_has_a_memory_of_its_own():
    scores = -np.random.default_rng(0).lognormal(size=50)
    expected = [AdaptiveOffset(-1.0, 6).update(part) for part in np.split(scores, [20])]
    found = adaptive_offsets(scores, np.array([20, 30]), -1.0, 6)
    np.testing.assert_array_equal(found, np.concatenate(expected))


def test_a_lasting_change_is_one_event_and_then_forgiven():
    rng, memory = np.random.default_rng(0), 40
    errors = np.exp(rng.normal(0, 0.1, 300))
    errors[100:] *= 10
    errors[250] *= 5
    flagged = errors > -AdaptiveOffset(-2.0, memory).update(-errors)
    assert flagged[100:128].all() and flagged[132:].sum() == 1 and flagged[250]


def test_what_is_shorter_than_the_memory_changes_nothing_after_it():
    errors = np.ones(200)
    errors[100:125] = 10
    errors[160] = 3
    flagged = errors > -AdaptiveOffset(-2.0, 40).update(-errors)
    assert np.flatnonzero(flagged).tolist() == [*range(100, 125), 160]


def test_errors_that_hardly_differ_leave_a_threshold_above_them():
    scores = -np.full(200, 3**-0.5)
    assert robust_offset(scores) == scores[0]


def test_a_share_of_what_was_held_out_may_lie_beyond():
    held_out, trained = -np.arange(1.0, 102), -np.ones(500)
    parts = [(part, np.ones(len(part))) for part in (held_out, trained)]
    found = automatic_offset(parts, 0.1, OF_ROWS)
    assert found == -91 and (held_out < found).mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("contamination", "threshold", "is_set", "message"),
    [
        (0.05, "adaptive", False, "Got contamination=0.05 and threshold='adaptive'"),
        (0.05, 0.01, False, "Got contamination=0.05 and threshold=0.01"),
        ("auto", "adaptive", True, "Got threshold='adaptive' without window_size"),
    ],
)
def test_one_rule_sets_the_threshold(contamination, threshold, is_set, message):
    with pytest.raises(ValueError, match=message):
        check_one_rule(contamination, threshold, is_set)
    check_one_rule("auto", threshold, False)
    check_one_rule(contamination, "robust", is_set)


# ------------------------------------------------------------------------ events


@few
@given(st.lists(st.booleans(), max_size=25), st.integers(1, 4), st.integers(0, 4))
def test_events_equal_their_naive_twin(flags, min_length, merge_gap):
    severity = random_rows(len(flags), 1, seed=len(flags), missing=0.3)[:, 0]
    found = find_events(np.array(flags, bool), severity, min_length=min_length, merge_gap=merge_gap)
    assert found == naive.find_events(flags, severity, min_length, merge_gap)


def test_events_are_runs_of_outliers_unless_told_otherwise():
    flags = [True, False, True, True, False, False, True]
    assert find_events(np.array(flags), np.ones(7)) == naive.find_events(flags, np.ones(7))


@pytest.mark.parametrize("flags", [[], [False, False]])
def test_no_outliers_are_no_events(flags):
    assert find_events(np.array(flags, bool), np.zeros(len(flags))) == []


def test_absolute_error_and_events_are_plain_python_at_the_end():
    (event,) = find_events(np.array([False, True]), absolute_error(np.array([0.0, -1.0])))
    assert [type(row) for row in event] == [int, int, int]


# ------------------------------------------------------------------------ thresholds


def test_three_sigma_is_that_of_numpy_and_weights_are_counts():
    scores = random_rows(50, 1, seed=0)[:, 0]
    assert three_sigma_offset(scores) == pytest.approx(scores.mean() - 3 * scores.std())
    counts = np.arange(50) % 3
    repeated = np.repeat(scores, counts)
    assert three_sigma_offset(scores, counts) == pytest.approx(three_sigma_offset(repeated))


@few
@given(st.integers(2, 30), st.integers(0, 99), st.sampled_from([0.1, 1.0, 3.0]))
def test_no_threshold_has_a_higher_fbeta(n, seed, beta):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 9, n).astype(float), np.arange(n) == rng.integers(n)
    labels |= rng.random(n) < 0.3
    offset = best_fbeta_offset(scores, labels, beta)
    best = max(naive.fbeta(labels, scores <= score, beta) for score in scores)
    assert naive.fbeta(labels, scores < offset, beta) == pytest.approx(best)
    assert offset not in scores


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("errors, labels", [([1, 1], [1, 0]), ([1, 2, 3], [1, 0, 1])])
def test_all_are_outliers_where_that_has_the_highest_fbeta(errors, labels, scale):
    scores = -scale * np.array(errors)
    assert (scores < best_fbeta_offset(scores, np.array(labels, bool), 1.0)).all()


def test_of_equally_good_thresholds_the_one_with_fewest_outliers_is_taken():
    scores, labels = -np.arange(1.0, 5), np.array([True, False, False, True])
    assert naive.fbeta(labels, scores <= -4, 1) == naive.fbeta(labels, scores <= -1, 1)
    assert best_fbeta_offset(scores, labels, 1.0) == -3.5


def test_equal_scores_are_all_outliers_if_some_are():
    scores = np.full(3, -2.0)
    assert (scores < best_fbeta_offset(scores, np.array([True, False, False]), 1.0)).all()


@pytest.mark.parametrize(
    ("samples", "threshold", "of_rows"),
    [
        ("sequences", "robust", False),
        ("rows of series, which drift", "robust", True),
        ('rows, `threshold="adaptive"`', "adaptive", True),
        ('rows, `threshold="sensitive"`', "sensitive", True),
    ],
)
def test_the_guide_tells_the_limits_of_each_threshold(samples, threshold, of_rows):
    guide = (Path(__file__).parents[1] / "docs/guide/how_it_works.md").read_text(encoding="utf-8")
    (row,) = [line for line in guide.splitlines() if line.startswith(f"| {samples} |")]
    limits = tuple(float(cell) for cell in row.split("|")[2:-1])
    assert limits == limits_of(threshold, of_rows)
