"""Training on series larger than memory: windows, orders and thresholds."""

import contextlib

import dask
import dask.array as da
import dask.dataframe as dd
import naive
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, few
from strategies import series as drawn

import skae.dask
from skae._compat.sklearn import FeatureRecord
from skae._input import observed
from skae._input import sequences as ragged
from skae._scoring import thresholds
from skae._training import batches as shuffling
from skae._training.batches import BufferedOrder
from skae._training.checkpoint import read_snapshot, write_snapshot
from skae._windows import windows
from skae._windows.large import read_to_learn
from skae._windows.samples import RowSamples
from skae._windows.windows import (
    Progressions,
    Windowing,
    covering_windows,
    starts_and_lengths,
)

SMALL = {windows: "MAX_LISTED", ragged: "OBSERVED_BLOCK", observed: "BLOCK"}


@pytest.fixture
def little_memory(monkeypatch):
    """Treat a series of two hundred rows as larger than memory."""
    for module, name in SMALL.items():
        monkeypatch.setattr(module, name, 32)
    monkeypatch.setattr(shuffling, "BLOCK", 8)
    monkeypatch.setattr(shuffling, "BUFFER_BLOCKS", 3)
    monkeypatch.setattr(thresholds, "MAX_REFERENCE_ROWS", 128)


# ------------------------------------------------------------------------ windows


lengths_of_series = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@few
@given(lengths_of_series, st.integers(1, 6), st.integers(1, 7))
def test_starts_are_those_of_each_series(lengths, window_size, stride):
    starts, sizes = starts_and_lengths(np.array(lengths), window_size, stride)
    firsts = np.cumsum([0, *lengths[:-1]])
    parts = [naive.window_starts(n, window_size, stride) for n in lengths]
    expected = np.concatenate([f + p for f, p in zip(firsts, parts, strict=True)])
    np.testing.assert_array_equal(starts, expected)
    expected = np.repeat(np.minimum(lengths, window_size), [len(part) for part in parts])
    np.testing.assert_array_equal(sizes, expected)


@few
@given(lengths_of_series, st.integers(1, 6), st.integers(1, 7), st.data())
def test_progressions_are_read_as_an_array_is(lengths, window_size, stride, data):
    starts, _ = starts_and_lengths(np.array(lengths), window_size, stride)
    listed = np.asarray(starts)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(listed), max_size=len(listed))))
    chosen = np.array(data.draw(st.lists(st.integers(0, len(listed) - 1), max_size=9)), np.intp)
    part = slice(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 20)))
    for how in (mask, chosen, part, 0):
        np.testing.assert_array_equal(starts[how], listed[how])
    assert isinstance(starts[mask], Progressions) and len(starts[mask]) == mask.sum()
    assert (starts.min(), starts.max(), len(starts)) == (listed.min(), listed.max(), len(listed))


@examples(25)
@given(drawn(max_rows=40), st.integers(1, 6), st.integers(1, 3))
def test_windows_that_are_not_listed_are_the_same(rows, window_size, stride):
    lengths = np.array([len(rows)])
    listed = covering_windows(rows, lengths, window_size, stride)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in SMALL.items():
            patch.setattr(module, name, 3)
        found = covering_windows(rows, lengths, window_size, stride)
        assert isinstance(found.starts, Progressions) or len(listed) <= 3
        np.testing.assert_array_equal(found.are_observed, listed.are_observed)
        seen = found.select(found.are_observed)
        mean = observed.mean_or_zero(rows)
    expected = listed.select(listed.are_observed)
    assert (found.max_length, found.is_padded) == (listed.max_length, listed.is_padded)
    np.testing.assert_array_equal(seen.starts, expected.starts)
    np.testing.assert_array_equal(seen.lengths, expected.lengths)
    np.testing.assert_allclose(mean, observed.mean_or_zero(rows), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------ orders


@few
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 99))
def test_an_epoch_has_each_window_once_in_an_order_of_its_own(n, batch_size, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffling, "BLOCK", 4)
        patch.setattr(shuffling, "BUFFER_BLOCKS", 3)
        order, again = BufferedOrder(n), BufferedOrder(n)
        assert order[0:n].tolist() == list(range(n)), "not shuffled"
        order.shuffle(np.random.default_rng(seed))
        again.shuffle(np.random.default_rng(seed))
        batches = [order[i : i + batch_size] for i in range(0, n, batch_size)]
        found = np.concatenate(batches).tolist()
        assert sorted(found) == list(range(n))
        assert again[0:n].tolist() == found, "reproducible"
        edges = range(0, n, 12)
        blocks = [len({i // 4 for i in found[a : a + 12]}) for a in edges]
        assert max(blocks) <= 2 * 3, "those of one filling, or of two"


def test_an_order_goes_through_a_checkpoint(little_memory, tmp_path):
    order, again = BufferedOrder(100), BufferedOrder(100)
    order.shuffle(np.random.default_rng(0))
    write_snapshot(tmp_path / "state", {"order": order.state})
    again.state = read_snapshot(tmp_path / "state")["order"]
    assert again[0:100].tolist() == order[0:100].tolist() != list(range(100))


# ------------------------------------------------------------------------ thresholds


@few
@given(lengths_of_series, st.integers(1, 40))
def test_stretches_are_spread_over_all_series(lengths, n_rows):
    rows = np.arange(sum(lengths), dtype=np.float32)[:, None]
    samples = RowSamples(rows, np.array(lengths), 2, 1, weights=rows[:, 0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skae._windows.samples.N_STRETCHES", 3)
        found = samples.spread(n_rows)
    assert found is samples or len(found) == 3 * max(1, n_rows // 3)
    ends = np.cumsum(lengths)
    for part in np.split(found.rows[:, 0], np.cumsum(found.lengths)[:-1]):
        assert (np.diff(part) == 1).all(), "consecutive rows"
        first, last = np.searchsorted(ends, part[[0, -1]], side="right")
        assert first == last, "of one series"
    assert found.rows[0] == 0 and (found is not samples or len(rows) <= n_rows)
    np.testing.assert_array_equal(found.weights, found.rows[:, 0])


# ------------------------------------------------------------------------ fits


def of_a_fit(detector):
    return [*detector.model_.get_weights(), np.array(detector.offset_)]


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.slow
def test_a_memory_map_is_fitted_as_the_array_is(little_memory, small, series, tmp_path, holes):
    rows = series.astype(np.float32)
    if holes:
        rows[60:90] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    with pytest.warns(UserWarning, match="left out") if holes else contextlib.nullcontext():
        found = small(4, validation_fraction=0.2).fit(mapped)
        expected = small(4, validation_fraction=0.2).fit(rows)
    for one, other in zip(of_a_fit(found), of_a_fit(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_memory_map_is_not_copied(series, tmp_path):
    np.save(tmp_path / "rows.npy", series.astype(np.float32))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    record = FeatureRecord.named("LSTMAutoencoder")
    samples = read_to_learn(record, mapped, Windowing(4, 1), reset=True)
    assert np.shares_memory(samples.rows, mapped)
    assert np.shares_memory(samples.split(0.1, None)[0].rows, mapped)


@pytest.mark.slow
def test_what_is_too_long_to_be_listed_learns_as_well(small, series, monkeypatch):
    """The same data give similar losses, with and without a stored order."""
    listed = small(4, epochs=8).fit(series)
    monkeypatch.setattr(windows, "MAX_LISTED", 32)
    monkeypatch.setattr(shuffling, "BLOCK", 8)
    unlisted = small(4, epochs=8).fit(series)
    losses = [detector.history_["loss"][-1] for detector in (listed, unlisted)]
    assert losses[0] != losses[1] and losses[1] < 1.2 * losses[0]


# ------------------------------------------------------------------------ files


def lazy_frame(rows, sizes):
    frame = pd.DataFrame(rows, columns=["a", "b"])
    edges = np.cumsum([0, *sizes])
    parts = [frame.iloc[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return dd.from_map(lambda i: parts[i], range(len(parts)), meta=frame.iloc[:0])


@pytest.mark.parametrize(
    "kind",
    [
        lambda rows: da.from_array(rows, chunks=(60, 1)),
        lambda rows: lazy_frame(rows, [0, 90, 0, 110]),
        lambda rows: rows,
        lambda rows: np.asfortranarray(rows),
        lambda rows: (rows[start : start + 70] for start in range(0, 200, 70)),
        lambda rows: da.from_array(rows, chunks=(60, 2))[da.from_array(rows, chunks=60)[:, 0] > -9],
    ],
)
def test_rows_of_any_kind_become_a_memory_map(kind, series, tmp_path, monkeypatch):
    monkeypatch.setattr("skae._windows.large.ROWS_OF_AN_ARRAY", 64)
    series = series.copy()
    series[3, 1] = np.nan
    with dask.config.set(scheduler="synchronous"):
        found = skae.dask.to_memmap(kind(series), tmp_path / "rows")
    assert isinstance(found, np.memmap) and found.dtype == np.float32 and not found.flags.writeable
    assert found.flags.c_contiguous and found.ctypes.data % 64 == 0
    np.testing.assert_array_equal(found, series.astype(np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_values_of_one_feature_become_a_column(tmp_path):
    assert skae.dask.to_memmap(iter([np.arange(3), np.arange(2)]), tmp_path / "r").shape == (5, 1)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (5, TypeError, "Got X as int, but expected a dask.array"),
        (pd.DataFrame({"a": [1.0]}), TypeError, "Got X as DataFrame"),
        ([np.zeros((2, 2)), np.zeros((2, 3))], ValueError, "with 3 features after parts with 2"),
        ([], ValueError, "Got X without rows"),
        (np.zeros((0, 2)), ValueError, "Got X without rows"),
        ([np.array([[np.inf]])], ValueError, "part 0 of X with infinity or a value too large"),
        ([np.ones((1, 1)), np.array([[1e60]])], ValueError, "part 1 of X with infinity"),
        ([np.array([["a"]])], ValueError, "dtype <U1, but expected numbers"),
        ([np.zeros((2, 2, 2))], ValueError, r"with shape \(2, 2, 2\)"),
        ([np.zeros(2, "M8[s]")], TypeError, "with times"),
    ],
)
def test_to_memmap_rejects(X, error, message, tmp_path):
    (tmp_path / "rows").write_bytes(b"older")
    with pytest.raises(error, match=message):
        skae.dask.to_memmap(X, tmp_path / "rows")
    assert (tmp_path / "rows").read_bytes() == b"older" and len(list(tmp_path.iterdir())) == 1
