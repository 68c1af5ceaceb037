"""`skae.dask.find_events`: the events of the whole, from its partitions."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cuts, examples, random_rows

import skae
import skae.dask

some = examples(25)
HOURS = pd.date_range("2026-01-01", periods=80, freq="h", tz="Europe/Berlin", name="time")


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def lazily(table, sizes):
    """Return rows of pandas in partitions of these sizes."""
    edges = np.cumsum([0, *sizes])
    parts = [table.iloc[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return dd.from_map(lambda i: parts[i], range(len(parts)), meta=table.iloc[:0])


def drawn(n_rows, seed, missing=0.2):
    scores = pd.Series(random_rows(n_rows, 1, seed, missing)[:, 0], HOURS[:n_rows])
    shares = np.abs(random_rows(n_rows, 3, seed + 1, missing))
    return scores, pd.DataFrame(shares, HOURS[:n_rows], ["load", "heat", "flow"])


sizes_of = st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any)


@some
@given(sizes_of, st.integers(0, 99), st.integers(1, 4), st.integers(0, 5))
def test_frames_have_the_events_of_the_whole(sizes, seed, min_length, merge_gap):
    """Partitions of any size, 0 among them; events over many borders; rows without a score."""
    scores, shares = drawn(sum(sizes), seed)
    how = {"offset": 0.2, "min_length": min_length, "merge_gap": merge_gap, "n_features": 2}
    lazy = skae.dask.find_events(
        lazily(scores, sizes), contributions=lazily(shares, sizes), **how
    ).compute()
    whole = skae.find_events(scores, contributions=shares, **how)
    pd.testing.assert_frame_equal(lazy, whole)


@some
@given(st.data(), st.integers(1, 40), st.integers(0, 99), st.integers(0, 4))
def test_arrays_name_rows_by_their_numbers(data, n_rows, seed, merge_gap):
    scores, shares = (table.to_numpy() for table in drawn(n_rows, seed))
    chunks = tuple(data.draw(cuts(n_rows)))
    lazy = skae.dask.find_events(
        da.from_array(scores, chunks=(chunks,)),
        offset=0,
        merge_gap=merge_gap,
        contributions=da.from_array(shares, chunks=(chunks, 1)),
    )
    assert lazy.npartitions == len(chunks)
    index = pd.RangeIndex(n_rows)
    whole = skae.find_events(
        scores, offset=0, merge_gap=merge_gap, contributions=shares, index=index
    )
    pd.testing.assert_frame_equal(lazy.compute(), whole)


@some
@given(sizes_of, st.data(), st.integers(0, 9), st.integers(0, 3))
def test_no_event_reaches_into_another_series(sizes, data, seed, merge_gap):
    n_rows = sum(sizes)
    scores, _ = drawn(n_rows, seed)
    runs = data.draw(cuts(n_rows))
    machines = pd.Series(np.repeat([f"m{i}" for i in range(len(runs))], runs), scores.index)
    lazy = skae.dask.find_events(
        lazily(scores, sizes), offset=0.5, merge_gap=merge_gap, series=lazily(machines, sizes)
    )
    whole = skae.find_events(scores, offset=0.5, merge_gap=merge_gap, series=machines)
    found = lazy.compute()
    assert found["series"].tolist() == whole["series"].tolist()
    pd.testing.assert_frame_equal(found.drop(columns="series"), whole.drop(columns="series"))


@some
@given(sizes_of, st.integers(0, 99), st.integers(0, 3), st.booleans())
def test_labels_and_offsets_of_each_row(sizes, seed, merge_gap, with_shares):
    """A normal row inside an event may be the worst of it."""
    scores, shares = drawn(sum(sizes), seed)
    others, given_shares = {}, {}
    if with_shares:
        others, given_shares = {"contributions": lazily(shares, sizes)}, {"contributions": shares}
    labels = pd.Series(np.where(np.arange(len(scores)) % 3, 1, -1), scores.index)
    for name, column in (("labels", labels), ("offset", scores.abs())):
        both = {} if name == "labels" else {"scores": scores}
        lazy = {key: lazily(value, sizes) for key, value in ({name: column} | both).items()}
        found = skae.dask.find_events(merge_gap=merge_gap, **lazy, **others).compute()
        whole = skae.find_events(merge_gap=merge_gap, **{name: column}, **both, **given_shares)
        pd.testing.assert_frame_equal(found, whole)


def test_sizes_of_partitions_may_be_unknown():
    scores = -np.arange(20.0) % 7
    lazy = da.from_array(scores, chunks=6)
    found = skae.dask.find_events(lazy[lazy > 0.5], offset=3).compute()
    kept = scores[scores > 0.5]
    whole = skae.find_events(kept, offset=3, index=pd.RangeIndex(len(kept)))
    pd.testing.assert_frame_equal(found, whole)


def test_scores_of_a_detector(small, series):
    detector = small(4).fit(series)
    lazy = da.from_array(series, chunks=(70, 2))
    found = skae.dask.find_events(
        skae.dask.score_samples(detector, lazy),
        offset=-0.5,
        contributions=skae.dask.explain(detector, lazy),
    )
    whole = skae.find_events(
        detector.score_samples(series), offset=-0.5, contributions=detector.explain(series)
    )
    computed = found.compute()
    assert len(whole) and computed["start"].tolist() == whole["start"].tolist()
    assert computed["features"].tolist() == whole["features"].tolist()


def test_what_is_kept_of_an_event_does_not_grow():
    """An event over all partitions is a sum, wherever it is cut."""
    from skae._output.events import OpenEvent
    from skae._output.scored_rows import read_scored_rows

    state = OpenEvent()
    for part in range(5):
        index = pd.RangeIndex(part * 1000, (part + 1) * 1000)
        rows = read_scored_rows(-np.ones(1000), 0, None, index, None, np.ones((1000, 2)))
        finished, state = state.over(rows, 0)
        assert not finished and len(state.event.first) == len(state.event.peak) == 1
    assert state.event.n_rows == 5000 and state.event.totals.tolist() == [5000, 5000]


def test_series_that_come_again_are_refused():
    scores = pd.Series(-np.ones(8))
    machines = pd.Series(["a", "b"] * 4)
    lazy = skae.dask.find_events(
        lazily(scores, [5, 3]), offset=0, series=lazily(machines, [5, 3])
    )  # fmt: skip
    with pytest.raises(ValueError, match="'a' that come and come again"):
        lazy.compute()


SCORES = da.from_array(np.zeros(6), chunks=3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scores": np.zeros(6), "offset": 0}, TypeError, "scores as ndarray"),
        ({"scores": dask.delayed(0), "offset": 0}, TypeError, "another Dask collection"),
        ({"scores": SCORES, "offset": 0, "series": ["a"] * 6}, TypeError, "series as list"),
        ({"scores": SCORES}, ValueError, "Got offset=None and labels=None"),
        ({}, ValueError, "Got offset=None and labels=None"),
        ({"scores": SCORES, "offset": 0, "min_length": 0}, ValueError, "Got min_length=0"),
        ({"scores": SCORES, "offset": 0, "labels": SCORES.rechunk(2)}, ValueError, "partitions"),
        ({"scores": SCORES[:, None], "offset": 0}, ValueError, r"Got scores of shape \(0, 1\)"),
        (
            {"scores": SCORES, "offset": 0, "contributions": da.zeros((6, 2), chunks=3)}
            | {"feature_names": ["a"]},
            ValueError,
            "Got 1 feature_names",
        ),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        skae.dask.find_events(**arguments)


def test_partitions_of_other_sizes_are_refused():
    found = skae.dask.find_events(SCORES, offset=0, series=da.zeros(6, chunks=((2, 4),)))
    with pytest.raises(ValueError, match="Got series of 2 entries, but expected one for each of 3"):
        found.compute()
