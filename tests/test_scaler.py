import pickle

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.estimator_checks import (
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    parametrize_with_checks,
)
from strategies import dtypes, few, random_rows, series_lists

import skae
from skae import LSTMAutoencoder, SequenceScaler, SequenceWindower

SCALERS = {"standard": StandardScaler, "robust": RobustScaler, "minmax": MinMaxScaler}
methods = pytest.mark.parametrize("method", SCALERS)
ITEMS = [random_rows(n, 2, seed=n, missing=0.1) * [1, 50] + [3, 7] for n in (6, 3, 5)]
CUBE = random_rows(40, 2, seed=0).reshape(8, 5, 2) * [1, 50]


def padded(items):
    cube = np.full((len(items), max(map(len, items)), items[0].shape[1]), np.nan)
    for row, item in zip(cube, items, strict=True):
        row[: len(item)] = item
    return cube


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------ the contract


@parametrize_with_checks([SequenceScaler(method) for method in SCALERS])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize(
    "check",
    [
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_set_output_transform_polars,
        check_global_output_transform_pandas,
        check_global_set_output_transform_polars,
    ],
)
def test_tables_come_back_as_the_frames_that_scikit_learn_expects(check):
    check("SequenceScaler", SequenceScaler())


@few
@given(series_lists(), st.sampled_from(list(SCALERS)))
def test_scaled_lists_equal_their_naive_twin_and_are_taken_back(items, method):
    scaler = SequenceScaler(method).fit(items)
    scaled = scaler.transform(items)
    # If all values are equal, a scale near zero is a rounding error.
    for found, expected in zip(scaled, naive.scaled(items, method), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    for back, item in zip(scaler.inverse_transform(scaled), items, strict=True):
        np.testing.assert_allclose(back, item, rtol=1e-3, atol=1e-4)


@methods
def test_padding_does_not_count_and_stays(method):
    scaled = SequenceScaler(method).fit_transform(padded(ITEMS))
    same(scaled, padded(SequenceScaler(method).fit_transform(ITEMS)))


@methods
def test_a_list_is_scaled_as_its_stacked_rows(method):
    scaled = SequenceScaler(method).fit_transform(ITEMS)
    same(np.concatenate(scaled), SCALERS[method]().fit_transform(np.concatenate(ITEMS)))


@methods
def test_a_table_has_one_scale(method):
    table = random_rows(6, 4, seed=0) * [1, 10, 100, 1000]
    joint = SCALERS[method]().fit_transform(table.reshape(-1, 1)).reshape(6, 4)
    same(SequenceScaler(method).fit_transform(table), joint)


def test_parameters_reach_the_scaler():
    rows = random_rows(9, 2, seed=0)
    scaler = SequenceScaler("minmax", feature_range=(-1, 3))
    same(scaler.fit_transform([rows])[0], MinMaxScaler((-1, 3)).fit_transform(rows))
    scaler = SequenceScaler("robust", quantile_range=(10, 90))
    expected = RobustScaler(quantile_range=(10, 90)).fit_transform(rows)
    same(scaler.fit_transform([rows])[0], expected)


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_parts_teach_what_all_teach(method):
    parts = SequenceScaler(method).partial_fit(ITEMS[:2]).partial_fit(ITEMS[2:])
    same(
        np.concatenate(parts.transform(ITEMS)),
        np.concatenate(SequenceScaler(method).fit_transform(ITEMS)),
    )


def test_quantiles_are_not_learned_in_parts():
    assert not hasattr(SequenceScaler("robust"), "partial_fit")


@methods
def test_a_feature_never_observed_is_left_as_it_is(method):
    items = [item.copy() for item in ITEMS]
    for item in items:
        item[:, 0] = np.nan
    scaler = SequenceScaler(method).fit(items)
    same(scaler.transform(ITEMS)[0][:, 0], ITEMS[0][:, 0])


@given(dtype=dtypes)
def test_the_dtype_stays(dtype):
    items = [item.astype(dtype) for item in ITEMS]
    scaler = SequenceScaler().fit(items)
    assert {item.dtype for item in scaler.transform(items)} == {np.dtype(dtype)}
    assert scaler.inverse_transform(padded(items).astype(dtype)).dtype == dtype


def test_rows_of_a_series_that_are_taken_for_sequences_are_warned_of(series):
    with pytest.warns(UserWarning, match="SequenceScaler.* sklearn.preprocessing.StandardScaler"):
        SequenceScaler().fit(series)
    SequenceScaler().fit(series.T)


def test_what_a_mask_hides_does_not_count():
    table = np.ma.masked_equal([[1.0, 9.0], [2.0, 999.0], [3.0, 7.0]], 999.0)
    scaler = SequenceScaler()
    hidden = table.filled(np.nan)
    np.testing.assert_array_equal(
        scaler.fit(table).transform(table), scaler.fit(hidden).transform(hidden)
    )


# ------------------------------------------------------------------------ layouts


def test_any_layout_may_follow_another():
    scaler = SequenceScaler().fit(ITEMS)
    expected = scaler.transform(ITEMS)
    same(scaler.transform(padded(ITEMS)), padded(expected))
    same(scaler.transform(ITEMS[0]), expected[0])


def test_sequences_of_one_feature_may_be_a_table_a_list_or_an_array():
    table = random_rows(6, 4, seed=0)
    scaler = SequenceScaler().fit(table[:, :, None])
    expected = (table - table.mean()) / table.std()
    same(scaler.transform(table), expected)
    same(scaler.transform(table[:, :3]), expected[:, :3])
    same(scaler.transform([table[0], table[1, :2]])[1], expected[1, :2])


def test_a_view_of_rows_stays_a_view_and_its_rows_count_once():
    rows = random_rows(50, 2, seed=0)
    windows = SequenceWindower(10).fit_transform(rows)
    scaled = SequenceScaler().fit_transform(windows)
    expected = SequenceWindower(10).fit_transform(StandardScaler().fit_transform(rows))
    same(scaled, expected)
    assert scaled.strides == expected.strides
    same(SequenceScaler().fit_transform(windows.copy()), expected)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_flat_windows_in_a_frame_are_windows(container):
    rows = random_rows(30, 2, seed=0) * [1, 50]
    pipeline = make_pipeline(SequenceWindower(4), SequenceScaler()).set_output(transform=container)
    flat = pipeline.fit_transform(rows)
    windows = SequenceWindower(4).fit_transform(StandardScaler().fit_transform(rows))
    same(flat.to_numpy(), windows.reshape(30, 8))
    assert list(flat.columns) == list(pipeline[0].get_feature_names_out())


def test_frames_in_frames_out_where_asked():
    index = pd.date_range("2026-01-01", periods=6, freq="h")
    frames = [pd.DataFrame(ITEMS[0], index, ["a", "b"]), pd.DataFrame(ITEMS[1], columns=["a", "b"])]
    scaler = SequenceScaler().fit(frames)
    assert all(type(item) is np.ndarray for item in scaler.transform(frames))
    found = scaler.set_output(transform="pandas").transform(frames)
    assert found[0].index.equals(index) and list(found[1].columns) == ["a", "b"]
    same(found[0], SequenceScaler().fit(ITEMS[:2]).transform(ITEMS)[0])
    table = scaler.set_output(transform="polars").transform(frames[0])
    assert isinstance(table, pl.DataFrame) and table.columns == ["a", "b"]


def test_names_of_features_are_compared():
    frames = [pd.DataFrame(item, columns=["a", "b"]) for item in ITEMS]
    scaler = SequenceScaler().fit(frames)
    assert list(scaler.get_feature_names_out()) == ["a", "b"]
    same(scaler.inverse_transform(scaler.transform(frames))[0], frames[0])
    same(scaler.inverse_transform([*map(pd.DataFrame, scaler.transform(frames))])[0], frames[0])
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.transform([frame[["b", "a"]] for frame in frames])


# ------------------------------------------------------------------------ in company


@pytest.mark.parametrize("copy", [clone, lambda scaler: pickle.loads(pickle.dumps(scaler))])
def test_copies_have_the_same_parameters(copy):
    scaler = SequenceScaler("minmax", feature_range=(0, 2))
    assert copy(scaler).get_params() == scaler.get_params()


@methods
@pytest.mark.parametrize("X", [ITEMS, padded(ITEMS), ITEMS[0]], ids=["list", "array", "table"])
def test_a_file_holds_it(method, X, tmp_path):
    scaler = SequenceScaler(method).fit(X)
    skae.save(scaler, tmp_path / "scaler.skae")
    loaded = skae.load(tmp_path / "scaler.skae")
    for found, expected in zip(loaded.transform(X), scaler.transform(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert loaded.get_params() == scaler.get_params()


@pytest.mark.parametrize("broken", [None, 3.0, np.ones(2), StandardScaler(), SequenceScaler()])
def test_a_file_with_another_scaler_inside_is_rejected(broken, tmp_path):
    scaler = SequenceScaler().fit(ITEMS)
    scaler.scaler_ = broken
    skae.save(scaler, tmp_path / "scaler.skae")
    with pytest.raises(ValueError, match="has a scaler_ of a SequenceScaler that no fit produces"):
        skae.load(tmp_path / "scaler.skae")


@pytest.mark.slow
def test_a_pipeline_with_it_is_kept_streamed_and_seen_through(small, series, tmp_path):
    lists = [series[:120] * [1, 50], series[120:] * [1, 50]]
    pipeline = make_pipeline(SequenceScaler(), small(window_size=5)).fit(lists)
    skae.save(pipeline, tmp_path / "pipeline.skae")
    loaded = skae.load(tmp_path / "pipeline.skae")
    scores = pipeline.score_samples(lists)
    for found, expected in zip(loaded.score_samples(lists), scores, strict=True):
        np.testing.assert_array_equal(found, expected)
    restored = skae.through(pipeline, "reconstruct", lists, inverse=True)
    scaled = skae.through(pipeline, "reconstruct", lists)
    same(restored[1], pipeline[0].scaler_.inverse_transform(scaled[1]))
    by_hand = small(window_size=5).fit(SequenceScaler().fit_transform(lists))
    stream, expected = skae.stream(pipeline), skae.stream(by_hand)
    scaled = pipeline[0].transform(lists[1])
    same(stream.update(lists[1]), expected.update(scaled))


@pytest.mark.slow
def test_a_search_over_the_method(small, sequences):
    pipeline = make_pipeline(SequenceScaler(), small())
    search = GridSearchCV(
        pipeline, {"sequencescaler__method": list(SCALERS)}, cv=2, error_score="raise"
    ).fit(sequences)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert isinstance(search.best_estimator_[-1], LSTMAutoencoder)


# ------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"method": "log"}, ITEMS, "The 'method' parameter of SequenceScaler must be"),
        ({"method": "minmax", "feature_range": (1, 0)}, ITEMS, "range must be smaller than max"),
        ({"method": "robust", "quantile_range": (90, 10)}, ITEMS, "Invalid quantile range"),
        ({}, [ITEMS[0], np.ones((3, 3))], r"X\[1\] has 3 features, but X\[0\] has 2"),
        ({}, np.full((2, 3, 1), np.inf), "Input X contains infinity"),
        ({}, np.ones((0, 3, 2)), "Found array with"),
        ({}, np.ones((2, 3, 2, 1)), "Found array with dim 4"),
        ({}, [["a", "b"]], "could not convert"),
    ],
)
def test_what_cannot_be_learned_from_is_named_and_changes_nothing(params, X, message):
    scaler = SequenceScaler().fit(ITEMS)
    before = scaler.transform(ITEMS)[0]
    with pytest.raises(ValueError, match=message):
        clone(scaler).set_params(**params).fit(X)
    fitted = scaler.set_params(**params)
    with pytest.raises(ValueError, match=message):
        fitted.fit(X)
    same(scaler.set_params(**SequenceScaler().get_params()).transform(ITEMS)[0], before)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
@pytest.mark.parametrize("X", [[np.ones((5, 3))], np.ones((2, 5, 3)), np.ones((5, 3))])
def test_other_features_than_in_fit_are_an_error(X, method):
    scaler = SequenceScaler().fit(ITEMS)
    message = "X has 3 features, but SequenceScaler is expecting 2 features as input"
    with pytest.raises(ValueError, match=message):
        getattr(scaler, method)(X)


def test_each_part_observes_each_feature():
    part = ITEMS[0] * [1, np.nan]
    with pytest.raises(ValueError, match="Got X with only NaN in feature 1, but expected"):
        SequenceScaler().partial_fit([part])


def test_parts_go_on_with_the_same_method():
    scaler = SequenceScaler("robust").fit(ITEMS).set_params(method="minmax")
    with pytest.raises(ValueError, match="Got method='minmax' after RobustScaler was fitted"):
        scaler.partial_fit(ITEMS)
    assert isinstance(scaler.fit(ITEMS).partial_fit(ITEMS).scaler_, MinMaxScaler)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_what_is_not_fitted_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(SequenceScaler(), method)(ITEMS)
