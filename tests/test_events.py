"""`skae.find_events`: outlying rows as a table of events."""

from itertools import groupby

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few, random_rows

from skae import find_events
from skae._input.runs import runs_of_equal, runs_of_true
from skae._output.scored_rows import are_outliers
from skae._scoring.events import maximal_intervals, narrow

SCORES = -np.array([1.0, 5, 6, 1, 4, np.nan, 1, 9])
SHARES = np.array([[1.0, 0], [1, 8], [2, 9], [1, 1], [6, 1], [np.nan, np.nan], [0, 0], [0, 18]])
HOURS = pd.date_range("2026-01-01", periods=8, freq="h", tz="Europe/Berlin", name="time")


def as_dicts(table):
    return [dict(zip(table.dtype.names, row.tolist(), strict=True)) for row in table]


# ------------------------------------------------------------------------ which rows, how bad


@few
@given(st.integers(1, 25), st.integers(0, 99), st.integers(1, 3), st.integers(0, 3))
def test_events_equal_their_naive_twin(n_rows, seed, min_length, merge_gap):
    scores = random_rows(n_rows, 1, seed, missing=0.2)[:, 0]
    shares = np.abs(random_rows(n_rows, 4, seed + 1, missing=0.2))
    table = find_events(
        scores,
        offset=0.0,
        min_length=min_length,
        merge_gap=merge_gap,
        contributions=shares,
        feature_names=list("abcd"),
        n_features=2,
    )
    expected = naive.find_events((scores < 0).tolist(), -scores, min_length, merge_gap)
    assert [(e["start"], e["end"], e["peak"]) for e in as_dicts(table)] == expected
    for event in as_dicts(table):
        run = range(event["start"], event["end"] + 1)
        assert event["length"] == len(run)
        assert event["score"] == min(scores[i] for i in run if not np.isnan(scores[i]))
        totals = {"abcd"[f]: sum(v for i in run if (v := shares[i, f]) > 0) for f in range(4)}
        worst = sorted((f for f in totals if totals[f] > 0), key=lambda f: -totals[f])[:2]
        assert event["features"] == worst


def test_an_outage_ends_an_event_and_counts_like_a_normal_row():
    scores = [-9.0, np.nan, -9.0, np.nan, np.nan, -9.0]
    starts = {
        gap: find_events(scores, offset=-1, merge_gap=gap)["start"].tolist() for gap in (0, 1, 2)
    }
    assert starts == {0: [0, 2, 5], 1: [0, 5], 2: [0]}
    (event,) = as_dicts(find_events(scores, offset=-1, merge_gap=2))
    assert event == {"start": 0, "end": 5, "peak": 0, "length": 6, "score": -9.0}


@pytest.mark.parametrize("encode", [lambda y: y, lambda y: y.astype(int), lambda y: 1 - 2 * y])
def test_labels_take_the_place_of_an_offset(encode):
    labels = encode(SCORES < -3)
    assert (find_events(SCORES, labels=labels) == find_events(SCORES, offset=-3)).all()
    bare = find_events(labels=labels)
    assert bare.dtype.names == ("start", "end", "length")
    assert bare["start"].tolist() == [1, 4, 7]


def test_an_offset_may_differ_from_row_to_row():
    found = find_events(SCORES, offset=[-3, -3, -7, -3, -3, -3, -3, -9])
    assert found["start"].tolist() == [1, 4] and found["end"].tolist() == [1, 4]


def test_labels_of_a_detector_that_found_nothing_are_no_events():
    assert len(find_events(labels=[1, 1, 1])) == 0
    assert len(find_events(labels=[True, True])) == 1


def test_without_scores_the_peak_is_where_contributions_are_largest():
    found = find_events(labels=SCORES < -3, contributions=SHARES)
    assert found["peak"].tolist() == [2, 4, 7]
    assert found["features"].tolist() == [["x1", "x0"], ["x0", "x1"], ["x1"]]


# ------------------------------------------------------------------------ where they are


@few
@given(st.integers(0, 30), st.integers(0, 99))
def test_maximal_intervals_are_what_taking_the_greatest_first_finds(n, seed):
    values = np.random.default_rng(seed).normal(size=n)
    found = maximal_intervals(values)
    assert [(a, b) for a, b, _ in found] == [x[:2] for x in naive.maximal_intervals(values)]
    for start, stop, total in found:
        assert total == pytest.approx(values[start:stop].sum())


@few
@given(
    st.integers(1, 40),
    st.integers(0, 99),
    st.sampled_from([0.0, 0.2]),
    st.integers(0, 3),
    st.sampled_from([0.1, 0.8]),
)
def test_narrowed_runs_equal_their_naive_twin(n_rows, seed, missing, window_size, share):
    rng = np.random.default_rng(seed)
    errors = np.exp(random_rows(n_rows, 1, seed, missing=missing)[:, 0])
    flags = rng.random(n_rows) < share
    found = narrow(flags, errors, window_size)
    assert found.tolist() == naive.narrow(flags.tolist(), errors.tolist(), window_size)
    for first, last in zip(*runs_of_true(found), strict=True):
        assert flags[first : last + 1].any(), "an event has an outlying row"
    if not window_size:
        assert not (found & ~flags).any()
        for first, last in zip(*runs_of_true(flags), strict=True):
            assert found[first : last + 1].any(), "no run is left without an event"


def test_an_event_may_begin_before_the_first_outlying_row():
    errors = np.full(100, 0.1)
    errors[40:50] = 5.0
    flags = np.arange(100) == 47
    assert np.flatnonzero(narrow(flags, errors)).tolist() == [47]
    assert np.flatnonzero(narrow(flags, errors, 6)).tolist() == [*range(40, 50)]
    errors[60] = 0.6
    flags[60] = True
    assert np.flatnonzero(narrow(flags, errors)).tolist() == [47, 60]
    assert np.flatnonzero(narrow(flags, errors, 6)).tolist() == [*range(40, 50)]


def test_a_short_event_beside_a_long_one_is_kept_if_it_is_as_severe():
    errors = np.full(200, 0.1)
    errors[40:80] = 5.0
    errors[90] = 4.0
    errors[100] = 0.9
    flags = errors > 0.5
    found = np.flatnonzero(narrow(flags, errors, 10)).tolist()
    assert found == [*range(40, 80), 90]


def test_runs_join_up_to_twenty_windows():
    errors = np.full(400, 0.1)
    flags = np.zeros(400, bool)
    flags[10:400:10] = True
    errors[flags] = 0.5
    errors[10] = 500.0
    found = np.flatnonzero(narrow(flags, errors, 5)).tolist()
    assert found == [10, *range(110, 400, 10)]


def test_a_window_without_errors_of_rows_is_refused():
    with pytest.raises(ValueError, match="window_size=5 without errors"):
        find_events(SCORES, offset=-3, window_size=5)


def test_with_errors_a_run_is_cut_to_what_stands_out_and_split():
    scores = np.where((np.arange(60) > 9) & (np.arange(60) < 50), -2.0, -0.5)
    scores[30] = -3.0
    errors = np.full(60, 0.1)
    errors[[15, 16, 17, 40]] = [5.0, 4.0, 6.0, 8.0]
    (blurred,) = as_dicts(find_events(scores, offset=-1))
    assert (blurred["start"], blurred["end"], blurred["peak"]) == (10, 49, 30)
    first, second = as_dicts(find_events(scores, offset=-1, errors=errors))
    assert first == {"start": 15, "end": 17, "peak": 17, "length": 3, "score": -2.0}
    assert (second["start"], second["end"], second["peak"]) == (40, 40, 40)
    joined = find_events(scores, offset=-1, errors=errors, merge_gap=22)
    assert (joined["start"].tolist(), joined["end"].tolist()) == ([15], [40])
    assert find_events(scores, offset=-1, errors=errors, min_length=2)["start"].tolist() == [15]
    none = find_events(scores, offset=-9, errors=errors)
    assert len(none) == 0 and list(none.dtype.names) == list(blurred)


def test_errors_between_events_are_those_of_the_series_where_an_event_fills_its_run():
    rng = np.random.default_rng(0)
    errors = rng.lognormal(0, 0.2, 200)
    errors[100:130] *= 20
    flags = np.zeros(200, bool)
    flags[100:130] = True
    found = find_events(labels=flags, errors=errors)
    assert (found["start"].tolist(), found["end"].tolist()) == ([100], [129])


def test_an_event_may_fill_most_of_the_rows():
    rng = np.random.default_rng(0)
    errors = rng.lognormal(0, 0.2, 100)
    errors[30:] *= 20
    found = find_events(labels=np.arange(100) >= 10, errors=errors)
    assert (found["start"].tolist(), found["end"].tolist()) == ([30], [99])


def test_errors_of_each_series_are_its_own():
    scores, errors = [np.full(8, -2.0)] * 2, [np.full(8, 0.1), np.full(8, 10.0)]
    errors[0][2], errors[1][5:] = 1.0, 1000.0
    found = find_events(scores, offset=-1, errors=errors)
    assert found["series"].tolist() == [0, 1]
    assert found["start"].tolist() == [2, 5] and found["end"].tolist() == [2, 7]


# ------------------------------------------------------------------------ kinds of tables


def test_pandas_comes_back_with_its_index():
    shares = pd.DataFrame(SHARES, HOURS, ["load", "heat"])
    found = find_events(pd.Series(SCORES, HOURS), offset=-3, merge_gap=1, contributions=shares)
    assert list(found.columns) == ["start", "end", "peak", "length", "score", "features"]
    assert found["start"].tolist() == [HOURS[1], HOURS[7]]
    assert found["end"].dtype == HOURS.dtype, "with its time zone"
    assert found["features"].tolist() == [["heat", "load"], ["heat"]]
    assert found["length"].tolist() == [4, 1] and found["score"].tolist() == [-6, -9]


@pytest.mark.parametrize("name", ["errors", "contributions"])
def test_the_same_index_in_another_order_is_rejected(name):
    scores, shares = pd.Series(SCORES, HOURS), pd.DataFrame({"load": SHARES[:, 0]}, HOURS)
    other = {"errors": -scores, "contributions": shares}[name]
    expected = find_events(scores, offset=-3, **{name: other})
    assert find_events(scores, offset=-3, **{name: other.reset_index(drop=True)}).equals(expected)
    with pytest.raises(ValueError, match=rf"{name}.reindex\(scores.index\)"):
        find_events(scores, offset=-3, **{name: other[::-1]})


@pytest.mark.parametrize("index", [HOURS, pd.Series(HOURS), pd.DataFrame(SHARES, HOURS)])
def test_an_index_of_pandas_makes_a_pandas_table(index):
    found = find_events(SCORES, offset=-3, index=index)
    assert found["peak"].tolist() == [HOURS[2], HOURS[4], HOURS[7]]


def test_levels_of_an_index_are_kept_together():
    index = pd.MultiIndex.from_product([["north"], range(8)])
    found = find_events(SCORES, offset=-3, index=index)
    assert found["start"].tolist() == [("north", 1), ("north", 4), ("north", 7)]


def test_polars_comes_back_without_pandas(monkeypatch):
    monkeypatch.setattr(pl.Series, "to_pandas", None)
    times = pl.Series("time", HOURS.tz_localize(None).to_numpy())
    shares = pl.DataFrame(SHARES, schema=["load", "heat"])
    found = find_events(SCORES, offset=-3, index=times, contributions=shares)
    assert isinstance(found, pl.DataFrame)
    assert found["start"].dtype == times.dtype and found["start"][0] == times[1]
    assert found["features"].to_list() == [["heat", "load"], ["load", "heat"], ["heat"]]


@pytest.mark.parametrize("index", [None, HOURS, pl.Series(range(8))])
def test_no_events_are_a_table_of_the_same_columns(index):
    some = find_events(SCORES, offset=-3, index=index, contributions=SHARES)
    none = find_events(SCORES, offset=-99, index=index, contributions=SHARES)
    columns = [
        getattr(t, "columns", t.dtype.names if index is None else None) for t in (some, none)
    ]
    assert len(none) == 0 and list(columns[0]) == list(columns[1])
    if index is not None:
        kinds = [list(getattr(t, "schema", None) or t.dtypes) for t in (some, none)]
        assert kinds[0] == kinds[1]


# ------------------------------------------------------------------------ several series


def test_no_event_reaches_from_one_series_of_a_list_into_the_next():
    found = find_events([SCORES[:3], SCORES[4:]], offset=-3, merge_gap=9)
    assert found["series"].tolist() == [0, 1]
    assert found["start"].tolist() == [1, 0] and found["end"].tolist() == [2, 3]


def test_series_of_a_list_bring_their_indexes():
    parts = [pd.Series(SCORES[:3], HOURS[:3]), pd.Series(SCORES[4:], HOURS[4:])]
    shares = [SHARES[:3], SHARES[4:]]
    found = find_events(parts, offset=-3, contributions=shares, feature_names=["load", "heat"])
    assert found["series"].tolist() == [0, 1, 1]
    assert found["start"].tolist() == [HOURS[1], HOURS[4], HOURS[7]]
    arrays = find_events([SCORES[:3], SCORES[4:]], offset=-3, index=[HOURS[:3], HOURS[4:]])
    assert arrays["start"].equals(found["start"])


@pytest.mark.parametrize("kind", [np.asarray, pl.Series, list])
def test_indexes_of_series_may_be_of_any_kind(kind):
    days = np.arange("2026-01-01", "2026-01-08", dtype="datetime64[D]")
    index = [kind(days[:3]), kind(days[3:])]
    found = find_events([SCORES[:3], SCORES[4:]], offset=-3, index=index)
    assert [str(day)[:10] for day in found["start"]] == [str(days[i]) for i in (1, 3, 6)]


def test_rows_of_series_may_be_interleaved():
    machines = pd.Series(["b", "a"] * 4, name="machine")
    scores = np.repeat([-9.0, -1.0, -9.0, -9.0], 2)
    scores[3] = -9.0
    found = find_events(scores, offset=-3, series=machines, contributions=np.ones((8, 1)))
    assert found["series"].tolist() == ["b", "b", "a"]
    assert found["start"].tolist() == [0, 4, 1] and found["end"].tolist() == [0, 6, 7]
    assert found["length"].tolist() == [1, 2, 4]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_several_frames_belong_together_by_name(frame):
    parts = [SHARES[:3], SHARES[4:]]
    alike = [frame(dict(zip(["load", "heat"], part.T, strict=True))) for part in parts]
    swapped = [alike[0], alike[1][["heat", "load"]]]
    scores = [SCORES[:3], SCORES[4:]]
    found, expected = (find_events(scores, offset=-3, contributions=c) for c in (swapped, alike))
    assert list(found["features"].to_list()) == list(expected["features"].to_list())
    other = [alike[0], frame({"load": [1.0] * 4, "wind": [1.0] * 4})]
    with pytest.raises(ValueError, match=r"contributions\[1\] with the columns \['load', 'wind'\]"):
        find_events(scores, offset=-3, contributions=other)


# ------------------------------------------------------------------------ what is rejected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Got offset=None and labels=None, but expected scores and an offset"),
        ({"scores": SCORES}, "Got offset=None and labels=None"),
        ({"scores": SCORES, "offset": -3, "labels": SCORES < 3}, "only one of them"),
        ({"scores": SCORES, "offset": np.nan}, "Got offset=nan, but expected a finite number"),
        ({"scores": SCORES, "offset": [1, 2]}, r"Got offset of shape \(2,\).* n_rows=8"),
        ({"scores": SCORES, "offset": -3, "min_length": 0}, "Got min_length=0"),
        ({"scores": SCORES, "offset": -3, "merge_gap": -1}, "Got merge_gap=-1"),
        ({"scores": SCORES, "offset": -3, "n_features": 1.5}, "Got n_features=1.5"),
        ({"scores": SCORES, "labels": [1, 0]}, r"Got labels of shape \(2,\).* n_rows=8"),
        ({"labels": [0, 2]}, r"Got labels with the values \[0, 2\]"),
        ({"labels": [0, np.nan]}, "Got labels with the values"),
        ({"labels": ["a", "b"]}, "Got labels of dtype <U1, but expected numbers"),
        ({"scores": SCORES[:, None], "offset": -3}, r"Got scores of shape \(8, 1\)"),
        ({"scores": SCORES, "offset": -3, "index": HOURS[:4]}, "Got index of 4 entries"),
        ({"scores": SCORES, "offset": -3, "series": [1]}, "Got series of 1 entries"),
        ({"scores": SCORES, "offset": -3, "series": [None] * 8}, r"Got series\[0\]=None"),
        ({"scores": [SCORES], "offset": -3, "series": [1] * 8}, "Got series and a list"),
        ({"scores": SCORES, "offset": -3, "contributions": SCORES}, "Got contributions of shape"),
        ({"scores": SCORES, "offset": -3, "errors": SHARES}, r"Got errors of shape \(8, 2\)"),
        (
            {"scores": SCORES, "offset": -3, "contributions": SHARES, "feature_names": ["a"]},
            "Got 1 feature_names, but expected 2",
        ),
    ],
)
def test_find_events_rejects(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_events(**arguments)


def test_labels_are_not_changed():
    labels = np.array([True, False])
    assert are_outliers(labels).tolist() == [True, False]


@pytest.mark.parametrize("only_ones", [True, False, None])
def test_what_labels_of_nothing_but_one_mean_is_asked(only_ones):
    assert are_outliers([1, 0], only_ones=only_ones).tolist() == [True, False]
    assert are_outliers([1, -1], only_ones=only_ones).tolist() == [False, True]
    if only_ones is None:
        with pytest.raises(ValueError, match=r"Got y with the values \[1\]"):
            are_outliers([1, 1], "y")
    else:
        assert are_outliers([1, 1], only_ones=only_ones).tolist() == [only_ones] * 2


# ------------------------------------------------------------------------ runs


@few
@given(st.lists(st.integers(0, 2), max_size=12), st.integers(0, 2))
def test_runs_are_what_a_loop_finds(values, merge_gap):
    found = [values[run] for run in runs_of_equal(np.array(values))]
    assert found == [list(run) for _, run in groupby(values)]
    firsts, lasts = runs_of_true(np.array(values, int) == 2, merge_gap)
    expected = naive.find_events([value == 2 for value in values], [0] * len(values), 1, merge_gap)
    assert list(zip(firsts, lasts, strict=True)) == [(e[0], e[1]) for e in expected]
