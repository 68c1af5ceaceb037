import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import few, random_rows

from skae import LSTMAutoencoder, SequenceWindower
from skae.model_selection import WindowGapSplit

ROWS = random_rows(60, 2, seed=0)
MACHINES = np.array(["b", "a", "a"] * 20)


def folds_of(split, X, groups=None):
    return [(list(train), list(test)) for train, test in split.split(X, groups=groups)]


# ------------------------------------------------------------------------ which rows


@few
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=60),
    st.integers(1, 6),
    st.integers(2, 4),
    st.none() | st.integers(1, 4),
    st.none() | st.integers(1, 5),
)
def test_folds_equal_their_naive_twin(labels, window_size, n_splits, test_size, max_train_size):
    expected = naive.gap_splits(labels, window_size, n_splits, test_size, max_train_size)
    split = WindowGapSplit(
        window_size, n_splits, test_size=test_size, max_train_size=max_train_size
    )
    by_label = {label: labels.count(label) for label in labels}
    tests = {label: test_size or n // (n_splits + 1) for label, n in by_label.items()}
    fit_in = all(
        tests[label] and n - tests[label] * n_splits - (window_size - 1) > 0
        for label, n in by_label.items()
    )
    if fit_in:
        assert folds_of(split, labels, labels) == expected
    else:
        with pytest.raises(ValueError, match=r"but expected more: n_splits="):
            folds_of(split, labels, labels)


@given(st.permutations(list("aaaaaaaaaaaabbbbbbbbbbbb")), st.integers(1, 5))
def test_no_window_holds_rows_of_both_parts(labels, window_size):
    rows = np.arange(24.0)[:, None]
    frame = pd.DataFrame({"row": rows[:, 0], "machine": pd.factorize(np.array(labels))[0]})
    windower = SequenceWindower(window_size, series="machine")
    windows = windower.fit_transform(frame)[:, :, 0]
    for train, test in WindowGapSplit(window_size, 3, test_size=2).split(windows, groups=labels):
        assert len(train) and len(test) == 4
        assert not set(windows[train].ravel()) & set(windows[test].ravel()) - {np.nan}


def test_one_series_is_split_as_by_time_series_split():
    expected = TimeSeriesSplit(4, gap=6, max_train_size=10).split(ROWS)
    found = WindowGapSplit(7, 4, max_train_size=10).split(ROWS)
    for fold, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(fold[0], other[0])
        np.testing.assert_array_equal(fold[1], other[1])


def nearest(split, groups):
    """Return the smallest distance, in rows of a series, between the parts of the first fold."""
    train, test = next(iter(split.split(ROWS, groups=groups)))
    position = pd.Series(groups).groupby(groups).cumcount().to_numpy()
    return min(
        position[test[groups[test] == label]].min() - position[train[groups[train] == label]].max()
        for label in set(groups)
    )


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored by TimeSeriesSplit")
def test_the_gap_of_time_series_split_is_no_gap_in_series_that_alternate():
    assert nearest(TimeSeriesSplit(2, gap=5), MACHINES) < 6
    assert nearest(WindowGapSplit(6, 2), MACHINES) == 6


@pytest.mark.parametrize("make", [np.array, list, pd.Series, pl.Series])
def test_labels_may_be_anything_of_one_dimension(make):
    split = WindowGapSplit(3, 2)
    assert folds_of(split, ROWS, make(list(MACHINES))) == naive.gap_splits(MACHINES, 3, 2)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_column_may_tell_the_series(frame):
    X = frame({"load": ROWS[:, 0], "machine": MACHINES})
    assert folds_of(WindowGapSplit(3, 2, series="machine"), X) == naive.gap_splits(MACHINES, 3, 2)


def test_a_level_or_a_position_may_tell_the_series():
    expected = naive.gap_splits(MACHINES, 3, 2)
    X = pd.DataFrame({"load": ROWS[:, 0], "machine": MACHINES})
    levels = X.set_index(["machine", pd.RangeIndex(60)])
    assert folds_of(WindowGapSplit(3, 2, series="machine"), levels) == expected
    assert folds_of(WindowGapSplit(3, 2, series=1), X.to_numpy(object)) == expected
    with pytest.raises(ValueError, match="expected 1 series. Write series='machine' if"):
        list(WindowGapSplit(3, 2).split(levels))


def test_groups_go_before_the_series_of_an_estimator():
    X = pd.DataFrame({"load": ROWS[:, 0], "machine": MACHINES})
    split = WindowGapSplit(LSTMAutoencoder(3, series="machine"), 2)
    assert folds_of(split, X) == naive.gap_splits(MACHINES, 3, 2)
    assert folds_of(split, X, [0] * 60) == naive.gap_splits([0] * 60, 3, 2)


# ------------------------------------------------------------------------ whose window


@pytest.mark.parametrize(
    ("estimator", "window_size"),
    [
        (LSTMAutoencoder(7), 7),
        (SequenceWindower(9), 9),
        (make_pipeline(StandardScaler(), SequenceWindower(4), LSTMAutoencoder()), 4),
        (make_pipeline(StandardScaler(), LSTMAutoencoder(np.int64(6))), 6),
    ],
)
def test_the_gap_follows_the_window_of_an_estimator(estimator, window_size):
    found = folds_of(WindowGapSplit(estimator, 3), ROWS)
    assert found == naive.gap_splits([0] * 60, window_size, 3)


def test_the_gap_follows_a_window_that_is_set_later():
    estimator = LSTMAutoencoder(7)
    split = WindowGapSplit(estimator, 3)
    estimator.set_params(window_size=11)
    assert folds_of(split, ROWS) == naive.gap_splits([0] * 60, 11, 3)


def test_a_window_that_fit_has_found():
    windower = SequenceWindower("auto").fit(np.sin(np.arange(120) / 5)[:, None])
    assert windower.window_size_ == 12
    assert folds_of(WindowGapSplit(windower, 3), ROWS) == naive.gap_splits([0] * 60, 12, 3)
    windower.set_params(window_size=7)
    assert folds_of(WindowGapSplit(windower, 3), ROWS) == naive.gap_splits([0] * 60, 7, 3)


# ------------------------------------------------------------------------ in scikit-learn


def classifier(window_size=3, **parameters):
    return make_pipeline(
        SequenceWindower(window_size, output="flat", **parameters), LogisticRegression()
    )


def test_a_search_takes_it():
    rises = (np.diff(ROWS[:, 0], prepend=0) > 0).astype(int)
    split = WindowGapSplit(4, 3)
    search = GridSearchCV(
        classifier(), {"sequencewindower__window_size": [1, 4]}, cv=split, error_score="raise"
    ).fit(ROWS, rises)
    assert search.n_splits_ == split.get_n_splits() == 3
    assert search.best_params_ == {"sequencewindower__window_size": 4}


def test_series_in_a_column_are_searched():
    X = pd.DataFrame({"load": ROWS[:, 0], "machine": MACHINES == "a"})
    rises = X.groupby("machine")["load"].diff().gt(0).astype(int)
    model = classifier(series="machine")
    scores = cross_val_score(model, X, rises, cv=WindowGapSplit(model, 3))
    assert scores.mean() > 0.8


def test_groups_are_routed():
    X, y, split = ROWS[:, :1], ROWS[:, 1], WindowGapSplit(3, 2)
    plain = cross_validate(LinearRegression(), X, y, groups=MACHINES, cv=split, return_indices=True)
    with config_context(enable_metadata_routing=True):
        routed = cross_validate(
            LinearRegression(), X, y, params={"groups": MACHINES}, cv=split, return_indices=True
        )
    expected = naive.gap_splits(MACHINES, 3, 2)
    for found in (plain, routed):
        assert [list(test) for test in found["indices"]["test"]] == [test for _, test in expected]


@pytest.mark.slow
def test_detectors_are_searched_by_rows_they_have_not_seen(small, series):
    pipeline = make_pipeline(StandardScaler(), small(window_size=5))
    split = WindowGapSplit(10, 2)
    search = GridSearchCV(
        pipeline, {"lstmautoencoder__window_size": [5, 10]}, cv=split, error_score="raise"
    ).fit(series)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_it_says_how_it_was_made():
    split = WindowGapSplit(30, n_splits=3, series="machine")
    assert " ".join(repr(split).split()) == (
        "WindowGapSplit(max_train_size=None, n_splits=3, series='machine', test_size=None, "
        "window_size=30)"
    )


# ------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window_size": 0}, "Got window_size=0, but expected an integer of at least 1 or an est"),
        ({"window_size": True}, "Got window_size=True, but expected an integer of at least 1"),
        ({"window_size": None}, "Got window_size=None, but expected an integer of at least 1"),
        ({"window_size": "auto"}, "Got window_size='auto', but expected an integer of at least 1"),
        ({"n_splits": 1}, "Got n_splits=1, but expected an integer of at least 2"),
        ({"n_splits": 2.5}, "Got n_splits=2.5, but expected an integer of at least 2"),
        ({"test_size": 0}, "Got test_size=0, but expected an integer of at least 1 or None"),
        ({"max_train_size": 0}, "Got max_train_size=0, but expected an integer of at least 1 or"),
    ],
)
def test_a_value_that_is_no_option(parameters, message):
    with pytest.raises(ValueError, match=message):
        WindowGapSplit(**{"window_size": 5} | parameters)


FRAME = pd.DataFrame({"load": ROWS[:, 0], "machine": MACHINES})


@pytest.mark.parametrize(
    ("parameters", "X", "groups", "message"),
    [
        ({}, ROWS[:5], None, "Got X with 5 rows, but expected more: n_splits=5 tests of 1 rows"),
        (
            {"window_size": 60},
            ROWS,
            None,
            r"n_splits=5 tests of 10 rows and a gap of 59 \(window_size - 1\) leave no",
        ),
        ({}, ROWS, ["a"] * 57 + ["b"] * 3, "Got series 'b' with 3 rows, but expected more"),
        ({}, ROWS, [None, *"a" * 59], r"Got series\[0\]=None, but expected a series name"),
        (
            {},
            ROWS,
            pd.Series([np.nan] * 2 + [1] * 58),
            r"Got series\[0\]=nan, but expected a series name",
        ),
        ({}, ROWS, [np.nan, *range(59)], r"Got series\[0\]=nan, but expected a series name"),
        ({}, ROWS, np.ones((60, 2)), r"Got groups of shape \(60, 2\), but expected one label for"),
        ({}, ROWS, ["a"] * 59, "Found input variables with inconsistent numbers of samples"),
        ({}, [ROWS, ROWS], None, "Got X with a list of 2 series, but expected rows"),
        ({"series": "m"}, FRAME, None, r"Got series='m' and X as DataFrame with the columns \['l"),
        ({"series": "m"}, ROWS, None, "Got series='m' and X as ndarray with no named columns"),
        ({"series": "machine"}, FRAME, MACHINES, "Got series='machine' and groups, but expected"),
        ({"window_size": LSTMAutoencoder()}, ROWS, None, "an estimator with a numeric window_size"),
        ({"window_size": StandardScaler()}, ROWS, None, "an estimator with a numeric window_size"),
    ],
)
def test_what_cannot_be_split_is_named(parameters, X, groups, message):
    split = WindowGapSplit(**{"window_size": 5} | parameters)
    with pytest.raises(ValueError, match=message):
        list(split.split(X, groups=groups))
