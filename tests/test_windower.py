import pickle
import tracemalloc

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from strategies import dtypes, few, paddings, random_rows, series, series_lists

from skae import SequenceWindower

sizes = st.integers(1, 6)
strides = st.integers(1, 7)


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected)


# ------------------------------------------------------------------------ the contract


@parametrize_with_checks(
    [
        SequenceWindower(),
        SequenceWindower(window_size=1, padding=None),
        SequenceWindower(window_size=4, output="flat"),
    ],
    expected_failed_checks=lambda windower: (
        {}
        if windower.window_size == 1
        else {
            "check_methods_sample_order_invariance": "rows are ordered in time",
            "check_methods_subset_invariance": "a window holds the rows before its own",
        }
    ),
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@few
@given(series(), sizes, strides, paddings)
def test_windows_equal_their_naive_twin(rows, window_size, stride, padding):
    if padding or len(rows) >= window_size:
        windower = SequenceWindower(window_size, stride=stride, padding=padding)
        windows = windower.fit_transform(rows)
        assert windows.dtype == rows.dtype
        same(windows, naive.windows(rows, window_size, stride, padding))


@few
@given(series(), sizes, st.sampled_from(["nan", "edge"]))
def test_there_is_one_window_per_row_that_ends_at_the_row(rows, window_size, padding):
    windows = SequenceWindower(window_size, padding=padding).fit_transform(rows)
    assert windows.shape == (len(rows), window_size, rows.shape[1])
    same(windows[:, -1], rows)


@few
@given(series(), sizes, strides, paddings)
def test_round_trip_is_exact(rows, window_size, stride, padding):
    if stride <= window_size and (padding or len(rows) >= window_size):
        windower = SequenceWindower(window_size, stride=stride, padding=padding).fit(rows)
        back = windower.inverse_transform(windower.transform(rows), n_rows=len(rows))
        assert back.dtype == rows.dtype
        same(back, rows[len(rows) - len(back) :])
        assert len(back) == len(rows) or padding is None


@few
@given(series(gaps=False), sizes, strides, st.sampled_from(["nan", None]))
def test_round_trip_needs_no_n_rows_without_edge_padding(rows, window_size, stride, padding):
    if stride <= window_size and (padding or len(rows) >= window_size):
        windower = SequenceWindower(window_size, stride=stride, padding=padding).fit(rows)
        back = windower.inverse_transform(windower.transform(rows))
        same(back, rows[len(rows) - len(back) :])
        assert len(back) == len(rows) or len(rows) - len(back) < stride and padding is None


@few
@given(series_lists(dtype=np.float64), sizes, paddings, st.integers(1, 3))
def test_round_trip_of_a_list_is_exact(items, window_size, padding, stride):
    if stride <= window_size and (padding or max(map(len, items)) >= window_size):
        windower = SequenceWindower(window_size, stride=stride, padding=padding).fit(items)
        lengths = [len(item) for item in items]
        back = windower.inverse_transform(windower.transform(items), n_rows=lengths)
        for found, item in zip(back, items, strict=True):
            same(found, item[len(item) - len(found) :])


@few
@given(series_lists(), sizes, strides)
def test_no_window_crosses_from_one_series_into_the_next(items, window_size, stride):
    windows = SequenceWindower(window_size, stride=stride).fit_transform(items)
    parts = [naive.windows(item, window_size, stride, "nan") for item in items]
    same(windows, np.concatenate(parts))


@pytest.mark.parametrize("padding", ["nan", "edge"])
def test_flat_windows_and_lists_are_given_back_too(padding):
    rows = random_rows(7, 2, seed=0)
    windower = SequenceWindower(3, padding=padding).fit(rows)
    flat = windower.transform(rows).reshape(7, -1)
    same(windower.inverse_transform(flat), rows)
    same(windower.inverse_transform(flat.tolist()), rows)


def test_missing_rows_at_the_beginning_are_given_back():
    rows = random_rows(7, 2, seed=0)
    rows[:4] = np.nan
    windower = SequenceWindower(5, stride=3).fit(rows)
    same(windower.inverse_transform(windower.transform(rows)), rows)


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_what_is_not_fitted_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(SequenceWindower(3), method)(np.ones((4, 3, 1)))


def test_series_too_short_for_a_window_have_no_rows_to_give_back():
    windower = SequenceWindower(4, padding=None).fit(np.ones((5, 1)))
    long, short = windower.inverse_transform(np.ones((3, 4, 1)), n_rows=[6, 2])
    assert (long.shape, short.shape) == ((6, 1), (0, 1))


# ------------------------------------------------------------------------ memory


@pytest.mark.parametrize("padding", ["nan", "edge"])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_are_a_read_only_view_of_one_padded_copy(padding, stride, dtype):
    rows = random_rows(1000, 3, seed=0, dtype=dtype)
    windows = SequenceWindower(100, stride=stride, padding=padding).fit_transform(rows)
    base = windows
    while base.base is not None:
        base = base.base
    step, item = 3 * rows.itemsize, rows.itemsize
    assert not windows.flags.writeable and not np.shares_memory(windows, rows)
    assert base.nbytes == (1000 + 99) * step
    assert windows.strides == (stride * step, step, item)


def test_full_windows_are_a_view_of_the_rows_themselves():
    rows = random_rows(1000, 3, seed=0)
    windows = SequenceWindower(100, padding=None).fit_transform(rows)
    assert np.shares_memory(windows, rows) and not windows.flags.writeable


# ------------------------------------------------------------------------ series in a column


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("labels", [list("abaabba"), [2, 1, 1, 2, 2, 1, 1], list("aaaaaaa")])
@pytest.mark.parametrize(("stride", "padding"), [(1, "nan"), (2, "edge"), (2, None)])
def test_interleaved_series_are_windowed_each_by_itself(frame, labels, stride, padding):
    rows = random_rows(7, 2, seed=0)
    table = frame({"u": rows[:, 0], "id": labels, "v": rows[:, 1]})
    windower = SequenceWindower(3, stride=stride, padding=padding, series="id")
    expected = naive.windows_of_labelled_rows(rows, labels, 3, stride, padding)
    same(windower.fit_transform(table), expected)
    assert windower.n_features_in_ == 3


def test_the_column_of_the_series_is_no_feature():
    table = pd.DataFrame({"u": [1.0, 2.0], "id": ["a", "b"]})
    windower = SequenceWindower(2, series="id").fit(table)
    same(windower.get_feature_names_out(), ["u_t-1", "u_t-0"])
    same(windower.inverse_transform(windower.transform(table))[:, 0], [1.0, 2.0])


# ------------------------------------------------------------------------ names and frames


def test_feature_names_tell_feature_and_age():
    windower = SequenceWindower(2).fit(np.ones((3, 2)))
    same(windower.get_feature_names_out(), ["x0_t-1", "x1_t-1", "x0_t-0", "x1_t-0"])
    expected = ["a_t-1", "b_t-1", "a_t-0", "b_t-0"]
    same(windower.get_feature_names_out(["a", "b"]), expected)
    windower.fit(pd.DataFrame(np.ones((3, 2)), columns=["a", "b"]))
    same(windower.get_feature_names_out(["a", "b"]), expected)


def test_names_of_the_features_of_a_list_are_compared():
    frame = pd.DataFrame(np.ones((3, 2)), columns=["a", "b"])
    windower = SequenceWindower(2).fit([frame, frame])
    with pytest.raises(ValueError, match="feature names should match"):
        windower.transform([frame[["b", "a"]], frame])


@pytest.mark.parametrize(("stride", "padding"), [(1, "nan"), (3, "nan"), (2, "edge"), (1, None)])
def test_pandas_output_keeps_the_index_of_the_rows_at_which_windows_end(stride, padding):
    index = pd.date_range("2026-01-01", periods=8, freq="h")
    table = pd.DataFrame(random_rows(8, 2, seed=0), columns=["u", "v"], index=index)
    windower = SequenceWindower(3, stride=stride, padding=padding)
    found = windower.set_output(transform="pandas").fit_transform(table)
    expected = naive.windows(table.to_numpy(), 3, stride, padding)
    same(found.to_numpy(), expected.reshape(len(expected), -1))
    assert list(found.index) == list(index[naive.window_ends(8, 3, stride, padding)])
    assert list(found.columns) == list(windower.get_feature_names_out())


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_polars_output(stride, frame):
    rows = random_rows(8, 2, seed=0)
    table = frame({"u": rows[:, 0], "v": rows[:, 1]})
    windower = SequenceWindower(3, stride=stride).set_output(transform="polars")
    found = windower.fit_transform(table)
    expected = naive.windows(rows, 3, stride, "nan")
    same(found.to_numpy(), expected.reshape(len(expected), -1))
    assert isinstance(found, pl.DataFrame)
    assert found.columns == list(windower.get_feature_names_out())


def test_pandas_output_of_a_column_of_series_keeps_the_index():
    table = pd.DataFrame({"u": [1.0, 2.0, 3.0, 4.0], "id": list("abab")}, index=list("wxyz"))
    windower = SequenceWindower(2, stride=2, series="id").set_output(transform="pandas")
    found = windower.fit_transform(table)
    assert list(found.index) == ["y", "z"]
    same(found.to_numpy(), [[1, 3], [2, 4]])


# ------------------------------------------------------------------------ flat


@few
@given(series(), sizes, strides, paddings)
def test_flat_windows_equal_their_naive_twin_and_are_taken_back(rows, size, stride, padding):
    if stride <= size and (padding or len(rows) >= size):
        windower = SequenceWindower(size, stride=stride, padding=padding, output="flat")
        flat = windower.fit_transform(rows)
        expected = naive.windows(rows, size, stride, padding)
        same(flat, expected.reshape(len(expected), -1))
        assert flat.shape[1] == len(windower.get_feature_names_out())
        back = windower.inverse_transform(flat, n_rows=len(rows))
        same(back, rows[len(rows) - len(back) :])


def test_flat_windows_of_a_list_stand_one_below_the_other():
    items = [random_rows(4, 2, seed=0), random_rows(3, 2, seed=1)]
    windower = SequenceWindower(3, output="flat").fit(items)
    expected = np.concatenate([naive.windows(item, 3, 1, "edge") for item in items])
    flat = windower.transform(items)
    same(flat, expected.reshape(7, 6))
    for back, item in zip(windower.inverse_transform(flat, n_rows=[4, 3]), items, strict=True):
        same(back, item)


@pytest.mark.parametrize(("output", "padding"), [("windows", "nan"), ("flat", "edge")])
def test_padding_is_what_those_who_take_the_windows_can_take(output, padding):
    rows = random_rows(6, 2, seed=0)
    found = SequenceWindower(4, output=output).fit_transform(rows)
    same(found, SequenceWindower(4, output=output, padding=padding).fit_transform(rows))


@pytest.mark.parametrize("container", ["default", "pandas"])
@pytest.mark.parametrize("last", [LogisticRegression(), KMeans(2, random_state=0), PCA(2)])
def test_flat_windows_feed_estimators_of_tables(last, container):
    rows = random_rows(40, 2, seed=0)
    y = (np.arange(40) // 5) % 2
    windower = SequenceWindower(5, output="flat").set_output(transform=container)
    model = make_pipeline(windower, clone(last)).fit(rows, y)
    flat = naive.windows(rows, 5, 1, "edge").reshape(40, 10)
    alone = clone(last).fit(flat, y)
    method = "transform" if isinstance(last, PCA) else "predict"
    np.testing.assert_allclose(getattr(model, method)(rows), getattr(alone, method)(flat))


def test_who_can_takes_nan_in_flat_windows_too():
    rows = random_rows(40, 2, seed=0)
    y = (np.arange(40) // 5) % 2
    windower = SequenceWindower(5, output="flat", padding="nan")
    model = make_pipeline(windower, HistGradientBoostingClassifier()).fit(rows, y)
    assert model.predict(rows).shape == (40,)


def test_flat_windows_of_a_frame_are_named_and_indexed():
    table = pd.DataFrame({"u": [1.0, 2.0, 3.0]}, index=list("abc"))
    windower = SequenceWindower(2, stride=2, output="flat").set_output(transform="pandas")
    found = windower.fit_transform(table)
    assert list(found.index) == ["a", "c"] and list(found.columns) == ["u_t-1", "u_t-0"]
    same(found, [[1, 1], [2, 3]])


# ------------------------------------------------------------------------ in company


@given(dtype=dtypes)
def test_windows_follow_a_scaler_in_a_pipeline(dtype):
    rows = random_rows(9, 2, seed=0, dtype=dtype)
    windows = make_pipeline(StandardScaler(), SequenceWindower(3)).fit_transform(rows)
    same(windows, naive.windows(StandardScaler().fit_transform(rows), 3, 1, "nan"))


@pytest.mark.parametrize("copy", [clone, lambda windower: pickle.loads(pickle.dumps(windower))])
def test_copies_have_the_same_parameters(copy):
    windower = SequenceWindower(4, stride=2, padding=None, series="id")
    assert copy(windower).get_params() == windower.get_params()


def test_a_pickled_windower_stays_fitted():
    rows = random_rows(5, 2, seed=0)
    windower = pickle.loads(pickle.dumps(SequenceWindower(3).fit(rows)))
    same(windower.transform(rows), naive.windows(rows, 3, 1, "nan"))


# ------------------------------------------------------------------------ errors

ROWS = np.ones((5, 2))
TABLE = pd.DataFrame({"u": [1.0, 2.0], "id": ["a", None]})


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"window_size": 0}, ROWS, "The 'window_size' parameter of SequenceWindower must be"),
        ({"stride": 0}, ROWS, "The 'stride' parameter of SequenceWindower must be"),
        ({"padding": "zero"}, ROWS, "The 'padding' parameter of SequenceWindower must be"),
        ({"series": 1}, ROWS, "The 'series' parameter of SequenceWindower must be"),
        ({"window_size": 6, "padding": None}, ROWS, "Got X with 5 rows, but expected at least win"),
        ({"window_size": 6, "padding": None}, [ROWS, ROWS[:2]], "Got X with 5 rows, but expected"),
        ({"series": "id"}, ROWS, "Got series='id' and X as ndarray with no named columns, but"),
        ({"series": "no"}, TABLE, r"with the columns \['u', 'id'\], but expected a dataframe"),
        ({"series": "id"}, [ROWS, ROWS], "Got series='id' and a list of series, but expected"),
        ({"series": "id"}, TABLE, rf"Got series\[1\]={TABLE['id'][1]}, but expected a series name"),
        ({"series": "id"}, pl.from_pandas(TABLE), r"Got series\[1\]=None, but"),
        ({"output": "table"}, ROWS, "The 'output' parameter of SequenceWindower must be"),
        ({"window_size": True}, ROWS, "The 'window_size' parameter of SequenceWindower must be"),
        ({"window_size": 10**9}, ROWS, "Got window_size=1000000000 and at most 5 rows in a series"),
        ({"window_size": 10**9}, [ROWS, ROWS[:2]], "would take 104 GiB, mostly padding"),
        ({"window_size": 10**8, "output": "flat"}, ROWS, "would take 7 GiB, mostly padding"),
        ({"window_size": 10**9, "padding": None}, ROWS, "Got X with 5 rows, but expected at lea"),
        ({}, np.ones((2, 3, 1)), "Found array with dim 3"),
        ({}, np.full((2, 3), np.inf), "Input X contains infinity"),
        ({}, [ROWS, np.ones((5, 3))], r"X\[1\] has 3 features, but X\[0\] has 2"),
    ],
)
def test_what_is_wrong_with_rows_is_named(params, X, message):
    with pytest.raises(ValueError, match=message):
        SequenceWindower(**params).fit_transform(X)


@pytest.mark.parametrize("X", [np.ones((5, 3)), [np.ones((5, 3)), np.ones((2, 3))]])
def test_other_features_than_in_fit_are_an_error(X):
    windower = SequenceWindower().fit(ROWS)
    message = "X has 3 features, but SequenceWindower is expecting 2 features as input"
    with pytest.raises(ValueError, match=message):
        windower.transform(X)


@pytest.mark.parametrize(
    ("params", "X", "n_rows", "message"),
    [
        ({}, np.ones((5, 4, 2)), None, r"Got X with shape \(5, 4, 2\), but expected \(n_windows"),
        ({}, np.ones((5, 3, 1)), None, r"Got X with shape \(5, 3, 1\), but expected \(n_windows"),
        ({}, np.ones((5, 5)), None, r"expected \(n_windows, window_size=3, n_features=2\)"),
        (
            {"stride": 4},
            np.ones((5, 3, 2)),
            None,
            "Got stride=4, but expected at most window_size=3",
        ),
        ({"stride": 2, "padding": "edge"}, np.ones((5, 3, 2)), None, "Got n_rows=None with stride"),
        ({}, np.ones((5, 3, 2)), 6, "Got n_rows=6 and X with 5 windows, but expected 6"),
        ({"padding": None}, np.ones((5, 3, 2)), 99, "Got n_rows=99 and X with 5 windows"),
        ({}, np.ones((5, 3, 2)), [2, 2], r"but expected 4 for n_rows=\[2, 2\]: \[2, 2\]"),
    ],
)
def test_what_is_wrong_with_windows_is_named(params, X, n_rows, message):
    windower = SequenceWindower(3, **params).fit(ROWS)
    with pytest.raises(ValueError, match=message):
        windower.inverse_transform(X, n_rows=n_rows)


@pytest.mark.parametrize(
    ("X", "names", "message"),
    [
        (ROWS, ["a"], r"input_features should have length equal to number of features \(2\)"),
        (TABLE[["u"]], ["v"], "input_features is not equal to feature_names_in_"),
    ],
)
def test_other_feature_names_are_an_error(X, names, message):
    with pytest.raises(ValueError, match=message):
        SequenceWindower().fit(X).get_feature_names_out(names)


@pytest.mark.parametrize(("n_series", "allowed"), [(1, 1.4), (2, 1.25)])
def test_nothing_is_copied_twice(n_series, allowed):
    """Memory: one padded copy and a position per row for one series; the result for several."""
    rows = np.zeros((2**16, 8))
    X = rows if n_series == 1 else [rows[:20_000], rows[20_000:]]
    windower = SequenceWindower(20).fit(X)
    tracemalloc.start()
    windows = windower.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < allowed * (rows.nbytes if n_series == 1 else windows.nbytes)


def test_the_fields_of_a_structured_array_are_features():
    rows = np.arange(10.0).reshape(5, 2)
    fields = np.empty(5, dtype=[("a", "f8"), ("b", "f4")])
    fields["a"], fields["b"] = rows.T
    expected = SequenceWindower(3).fit_transform(rows)
    np.testing.assert_array_equal(SequenceWindower(3).fit_transform(fields), expected)
    in_a_list = SequenceWindower(3).fit_transform([fields, fields])
    np.testing.assert_array_equal(in_a_list, SequenceWindower(3).fit_transform([rows, rows]))
