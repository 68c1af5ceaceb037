"""Fits on data read part by part equal fits in memory, to the last bit."""

import contextlib
import errno
import gc
import tempfile
import warnings
from pathlib import Path

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import cuts, few

from skae import SequenceWindower
from skae._compat.sklearn import FeatureRecord
from skae._input import disk_buffer as spool
from skae._input.disk_buffer import Spool, is_mapped, stacked
from skae._input.scaling import Moments, Rounding, warn_if_rounded
from skae._windows import windows
from skae._windows.large import comes_one_by_one, read_to_learn
from skae._windows.windows import Windowing

MAPS = Path("/proc/self/maps")


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A temporary folder that is empty afterwards and has no memory map."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    if any(tmp_path.iterdir()):
        gc.collect()
    assert list(tmp_path.iterdir()) == []


def assert_nothing_is_mapped(folder):
    gc.collect()
    if MAPS.exists():
        assert str(folder) not in MAPS.read_text()


@pytest.fixture(scope="session")
def frame(series):
    index = pd.date_range("2024-01-01", periods=len(series), freq="min", name="time")
    return pd.DataFrame(series, columns=["a", "b"], index=index)


def parts_of(rows, *edges):
    edges = [0, *edges, len(rows)]
    return [rows[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]


def lazy(frame, *edges):
    """Return a Dask frame with partitions that end at these edges."""
    parts = parts_of(frame, *edges)
    return dd.from_map(lambda i: parts[i], range(len(parts)), meta=frame.iloc[:0])


def assert_same_fit(found, expected):
    values = [[*one.model_.get_weights(), np.array(one.offset_)] for one in (found, expected)]
    for one, other in zip(*values, strict=True):
        np.testing.assert_array_equal(one, other)
    kept, other = found.detector_, expected.detector_
    assert kept.windowing == other.windowing
    for name, value in kept.features.to_plain().items():
        np.testing.assert_array_equal(value, other.features.to_plain()[name])


# ------------------------------------------------------------------------ fits of rows


def test_a_dask_array(small, series, folder):
    series = series.copy()
    series[60:75, 1] = np.nan
    found = small(4).fit(da.from_array(series, chunks=(70, 1)))
    assert_nothing_is_mapped(folder)
    assert_same_fit(found, small(4).fit(series))


def test_a_dask_array_of_unknown_sizes_and_empty_partitions(small, series):
    rows = da.from_array(series, chunks=(50, 2))
    kept = rows[da.from_array(np.arange(200) >= 60, chunks=50)]
    assert_same_fit(small(4).fit(kept), small(4).fit(series[60:]))


@pytest.mark.slow
def test_a_dask_array_of_one_dimension_or_masked(small, series):
    one = da.from_array(series[:, 0], chunks=80)
    assert_same_fit(small(4).fit(one), small(4).fit(series[:, 0]))
    mask = series > 0.9
    masked = da.ma.masked_array(da.from_array(series, chunks=90), da.from_array(mask, chunks=90))
    assert_same_fit(small(4).fit(masked), small(4).fit(np.where(mask, np.nan, series)))


def test_a_dask_frame(small, frame):
    found = small(4).fit(lazy(frame, 90, 90))
    assert found.feature_names_in_.tolist() == ["a", "b"]
    assert_same_fit(found, small(4).fit(frame))


def test_a_column_of_a_dask_frame(small, frame):
    assert_same_fit(small(4).fit(lazy(frame, 90)["b"]), small(4).fit(frame["b"]))


def test_gaps_in_time_of_a_dask_frame(small, frame):
    kept = frame.drop(frame.index[[30, 31, 90, 91, 92]])
    detector = small(4, max_gap="2min").fit(lazy(kept, 30, 31, 120))
    assert_same_fit(detector, small(4, max_gap="2min").fit(kept))


@pytest.mark.parametrize("label", ["machine", 0])
@pytest.mark.parametrize("max_gap", [None, "90s"])
@pytest.mark.slow
def test_a_column_of_a_dask_frame_names_the_series(small, frame, label, max_gap):
    kept = frame.drop(frame.index[[30, 100]])
    kept.insert(0, "machine", np.repeat(["x", "y", "z"], [70, 8, 120]))
    detector = small(4, series=label, max_gap=max_gap).fit(lazy(kept, 20, 70, 75, 110))
    expected = small(4, series=label, max_gap=max_gap).fit(kept)
    assert_same_fit(detector, expected)
    np.testing.assert_array_equal(detector.predict(kept), expected.predict(kept))


@pytest.mark.parametrize("kind", [lambda x: x, lambda x: x.astype("f4"), pd.DataFrame])
@pytest.mark.slow
def test_a_generator_of_series(small, series, kind):
    parts = [kind(part) for part in parts_of(series, 70, 74)]
    assert_same_fit(small(4).fit(part for part in parts), small(4).fit(parts))


@pytest.mark.parametrize("kind", [lambda frame: frame, lambda frame: pl.DataFrame(frame)])
@pytest.mark.slow
def test_a_generator_of_frames(small, frame, kind, folder):
    parts = [kind(part) for part in parts_of(frame, 70, 120)]
    found = small(4).fit(part for part in parts)
    assert found.feature_names_in_.tolist() == ["a", "b"]
    assert_nothing_is_mapped(folder)
    assert_same_fit(found, small(4).fit(parts))


def test_gaps_in_time_of_a_generator_of_frames(small, frame):
    parts = parts_of(frame.drop(frame.index[[30, 31]]), 90)
    found = small(4, max_gap="90s").fit(iter(parts))
    assert_same_fit(found, small(4, max_gap="90s").fit(parts))


def test_items_of_one_dimension_are_series_of_one_feature(small, series):
    parts = parts_of(series[:, 0], 50, 100, 150)
    expected = small(4).fit([part[:, None] for part in parts])
    assert_same_fit(small(4).fit(iter(parts)), expected)
    assert_same_fit(small(4).fit(dict(enumerate(parts)).values()), expected)


def test_a_buffer_that_is_filled_again_and_again(small, series):
    def batches():
        buffer = np.empty((50, 2))
        for part in parts_of(series, 50, 100, 150):
            buffer[:] = part
            yield buffer

    assert_same_fit(small(4).fit(batches()), small(4).fit(parts_of(series, 50, 100, 150)))


def test_what_is_beyond_all_bounds(small, series, monkeypatch):
    """Many windows of several series, with parts that are joined on disk."""
    monkeypatch.setattr(windows, "MAX_LISTED", 32)
    monkeypatch.setattr(spool, "MAX_STACKED", 64)
    parts = parts_of(series, 60, 110)
    assert_same_fit(small(4).fit(iter(parts)), small(4).fit(parts))


@pytest.mark.parametrize("kind", ["array", "generator"])
@pytest.mark.slow
def test_partial_fit_and_window_size_auto(small, series, kind):
    parts = parts_of(series, 110)
    given = da.from_array(series, chunks=60) if kind == "array" else iter(parts)
    held = series if kind == "array" else parts
    found, expected = small("auto").fit(given), small("auto").fit(held)
    assert found.window_size_ == expected.window_size_
    more = da.from_array(series, chunks=60) if kind == "array" else iter(parts)
    assert_same_fit(found.partial_fit(more), expected.partial_fit(held))


@pytest.mark.slow
def test_weights(small, series):
    weights = np.linspace(0, 1, 200)
    expected = small(4).fit(series, sample_weight=weights)
    rows = da.from_array(series, chunks=60)
    for one in (weights, da.from_array(weights, chunks=70)):
        assert_same_fit(small(4).fit(rows, sample_weight=one), expected)
    parts, of_parts = parts_of(series, 70), parts_of(weights, 70)
    expected = small(4).fit(parts, sample_weight=of_parts)
    assert_same_fit(small(4).fit(iter(parts), sample_weight=of_parts), expected)
    assert_same_fit(small(4).fit(iter(parts), sample_weight=iter(of_parts)), expected)


# ------------------------------------------------------------------------ fits of sequences


def test_a_generator_of_sequences(small, sequences):
    found = small().fit(sequence for sequence in sequences)
    assert_same_fit(found, small().fit(sequences))
    assert found.score_samples(sequences).shape == (30,)


@pytest.mark.slow
def test_a_dask_array_of_sequences(small, series):
    cube = series.reshape(25, 8, 2).copy()
    cube[3, 6:] = np.nan
    assert_same_fit(small().fit(da.from_array(cube, chunks=(10, 4, 1))), small().fit(cube))


def test_a_dask_frame_of_sequences(small, series):
    table = pd.DataFrame(series.reshape(40, 10), columns=[f"step{i}" for i in range(10)])
    assert_same_fit(small().fit(lazy(table, 10, 10)), small().fit(table))


# ------------------------------------------------------------------------ what is said


def both_warn(small, given, held, message, **parameters):
    said = []
    for X in (given, held):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with contextlib.suppress(ValueError):
                small(4, epochs=1, **parameters).fit(X)
        said.append([str(one.message) for one in caught if message in str(one.message)])
    assert said[0] == said[1] and said[0]


@pytest.mark.parametrize("kind", ["array", "frame", "generator"])
@pytest.mark.slow
def test_signals_that_float32_rounds_away_are_warned_of(small, frame, kind):
    frame = frame.assign(b=frame.b + 1e9, c=5e9)
    given, held = {
        "array": lambda: (da.from_array(frame.to_numpy(), chunks=70), frame.to_numpy()),
        "frame": lambda: (lazy(frame, 70), frame),
        "generator": lambda: (iter(parts_of(frame, 70)), parts_of(frame, 70)),
    }[kind]()
    both_warn(small, given, held, "lost in float32")


@pytest.mark.parametrize("sizes", [(70,), (150, 151)])
@pytest.mark.slow
def test_holes_in_time_and_rows_in_no_order_are_warned_of(small, frame, sizes):
    minutes = np.arange(200.0) + 5000 * (np.arange(200) >= 150)
    frame = frame.set_index(pd.Timestamp("2026-01-01") + pd.to_timedelta(minutes, "min"))
    both_warn(small, lazy(frame, *sizes), frame, "1 steps of time of")
    both_warn(small, iter([frame]), [frame], "1 steps of time of")
    shuffled = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 2)), columns=["a", "b"])
    both_warn(small, lazy(shuffled, *sizes), shuffled, "do not resemble their neighbours")


@pytest.mark.slow
def test_times_that_go_back_are_warned_of(small, frame):
    order = np.r_[0:90, 80:200]
    mixed = frame.iloc[order]
    for max_gap in (None, "5min"):
        both_warn(small, lazy(mixed, 90, 95), mixed, "1 go backwards", max_gap=max_gap)
    mixed = mixed.assign(m=np.repeat(["x", "y"], [100, 110]))
    both_warn(small, lazy(mixed, 30, 150), mixed, "1 go backwards", series="m")
    parts = parts_of(mixed.drop(columns="m"), 100)
    both_warn(
        small,
        iter(parts),
        parts,
        "Got X[0] with timestamps that do not increase inside a series: 1 go backwards",
    )


@few
@given(st.data(), st.integers(1, 60))
def test_moments_of_parts_are_those_of_all(data, n_rows):
    rows = np.random.default_rng(n_rows).normal(1e6, 1, size=(n_rows, 2))
    rows[::3, 1] = np.nan
    moments, start = Moments(), 0
    for size in data.draw(cuts(n_rows)):
        moments.add(rows[start : start + size])
        start += size
    expected = [np.std(column[~np.isnan(column)]) if n_rows > 1 else 0 for column in rows.T]
    np.testing.assert_allclose(moments.spread, expected, rtol=1e-6, atol=1e-9)


def said(call, *args):
    """Return the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args)
    return [str(warning.message) for warning in caught]


@few
@given(st.data(), st.integers(1, 60), st.sampled_from([1e3, 1e6, 1e9, 1e12]))
def test_parts_lose_to_float32_what_all_rows_lose(data, n_rows, offset):
    rows = np.random.default_rng(n_rows).normal(size=(n_rows, 4)) + [0, offset, offset, offset]
    rows[::3, 1], rows[:, 3] = np.nan, offset + 0.3
    rounding, start = Rounding(), 0
    for size in data.draw(cuts(n_rows)):
        rounding.add(rows[start : start + size])
        start += size
    found = said(rounding.warn_if_lost, None)
    assert found == said(warn_if_rounded, rows.astype(np.float32), lambda: rows, None)
    assert n_rows < 20 or bool(found) == (offset > 1e3)


def fails(series):
    yield series
    raise RuntimeError("no more")


TWICE = pd.DataFrame({"a": np.arange(8.0), "m": list("xxyyxxyy")})


@pytest.mark.parametrize(
    ("X", "parameters", "error", "message"),
    [
        (lambda s: iter([]), {}, ValueError, "Got X without any series or rows"),
        (lambda s: da.zeros((0, 2)), {}, ValueError, "0 sample"),
        (lambda s: lazy(pd.DataFrame({"a": []})), {}, ValueError, "without any series or rows"),
        (lambda s: iter([s, s[:0]]), {}, ValueError, "0 sample"),
        (lambda s: iter([s, s[:, :1]]), {}, ValueError, r"X\[1\] has 1 features, but X\[0\] has 2"),
        (lambda s: iter([s, s[None]]), {}, ValueError, "dim 3"),
        (lambda s: iter([s, 3.0]), {}, ValueError, "scalar"),
        (lambda s: iter(["a", "b"]), {}, ValueError, "could not convert"),
        (lambda s: iter([s, s * 1e60]), {}, ValueError, r"X\[1\] contains a value too large"),
        (lambda s: da.from_array(s * 1e60), {}, ValueError, r"X contains a value .* in feature 0"),
        (lambda s: da.from_array(s / 0), {}, ValueError, "X contains infinity in feature 0"),
        (
            lambda s: lazy(pd.DataFrame({"p": [1e60] * 9})),
            {},
            ValueError,
            "large .* in feature 'p'",
        ),
        (
            lambda s: lazy(pd.DataFrame({"p": ["a"] * 9})),
            {},
            ValueError,
            "text .'a'. in column 'p'",
        ),
        (lambda s: da.zeros((5, 4, 2)), {}, ValueError, r"shape \(5, 4, 2\) \(dim 3\)"),
        (lambda s: da.zeros((5, 4, 2, 2)), {}, ValueError, "4 dimensions"),
        (lambda s: da.zeros(9), {"window_size": None}, ValueError, "1D array"),
        (lambda s: dask.delayed(s), {}, TypeError, "another Dask collection"),
        (lambda s: iter([da.from_array(s)]), {}, TypeError, r"X\[0\] as a Dask collection"),
        (lambda s: [da.from_array(s)] * 2, {}, TypeError, r"X\[0\] as a Dask collection"),
        (lambda s: iter([s]), {"series": "m"}, ValueError, "series='m' and a list of series"),
        (lambda s: da.from_array(s), {"series": 0}, ValueError, "series=0 and X as a dask.array"),
        (lambda s: da.from_array(s), {"max_gap": 2}, ValueError, "max_gap=2 and X without times"),
        (lambda s: iter([s]), {"max_gap": 2}, ValueError, r"max_gap=2 and X\[0\] without times"),
        (lambda s: lazy(TWICE, 3), {"series": "m"}, ValueError, "not adjacent"),
        (lambda s: lazy(TWICE, 3), {"series": "n"}, ValueError, "expected a dataframe with such"),
        (lambda s: lazy(TWICE.assign(m=None)), {"series": "m"}, ValueError, "to name its series"),
        (lambda s: iter([s]), {"window_size": None, "max_gap": 2}, ValueError, "window_size=None"),
        (fails, {}, RuntimeError, "no more"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_what_is_rejected_leaves_nothing(small, series, X, parameters, error, message):
    detector = small(4).set_params(**parameters)
    with pytest.raises(error, match=message):
        detector.fit(X(series))
    assert not [name for name in vars(detector) if name.endswith("_")]


def test_other_names_are_rejected(small, frame):
    parts = parts_of(frame, 90)
    parts[1] = parts[1].rename(columns={"a": "c"})
    with pytest.raises(ValueError, match=r"other columns in X\[1\]"):
        small(4).fit(iter(parts))
    fitted = small(4).fit(frame)
    for other in (lazy(frame[["b", "a"]], 90), iter([frame[["b", "a"]]])):
        with pytest.raises(ValueError, match="other columns in X"):
            fitted.partial_fit(other)
    with pytest.raises(ValueError, match="X has 1 features, but"):
        small(4).fit(frame.to_numpy()).partial_fit(da.zeros((20, 1)))


@pytest.mark.parametrize("method", ["fit_predict", "fit_transform"])
@pytest.mark.slow
def test_what_has_to_be_read_twice_is_rejected_before_it_is_read(small, series, method):
    detector = small(4)
    for X in (iter([series]), da.from_array(series)):
        with pytest.raises(TypeError, match="LSTMAutoencoder.fit (and .* )?accepts? "):
            getattr(detector, method)(X)
    assert not hasattr(detector, "model_")
    expected = small(4).fit(series)
    np.testing.assert_array_equal(small(4).fit_predict(series), expected.predict(series))
    np.testing.assert_array_equal(detector.fit_transform(series), expected.transform(series))


@pytest.mark.parametrize("method", ["score_samples", "predict", "transform", "reconstruct"])
def test_scores_are_not_of_what_comes_part_by_part(small, series, method):
    detector = small(4).fit(series)
    with pytest.raises(TypeError, match=r"Dask collection.*X.compute\(\).*functions of skae.dask"):
        getattr(detector, method)(da.from_array(series))
    with pytest.raises(TypeError, match=r"which can be read only once.*list\(X\)"):
        getattr(detector, method)(iter([series]))


def test_the_windower_and_pipelines_take_what_is_there(small, series):
    with pytest.raises(TypeError, match="read only once"):
        SequenceWindower(4).fit(iter([series]))
    with pytest.raises(TypeError, match="Dask collection"):
        SequenceWindower(4).fit(da.from_array(series))
    with pytest.raises((TypeError, ValueError)):
        make_pipeline(StandardScaler(), small(4)).fit(iter([series]))


# ------------------------------------------------------------------------ the file


def test_rows_are_not_held(small, series):
    for X in (
        da.from_array(series, chunks=50),
        iter(parts_of(series, 70)),
        lazy(pd.DataFrame(series)),
    ):
        record = FeatureRecord.named("LSTMAutoencoder")
        samples = read_to_learn(record, X, Windowing(4, 1), reset=True)
        assert is_mapped(samples.rows) and not samples.rows.flags.writeable


def test_parts_of_a_memory_map_are_stacked_on_disk(monkeypatch):
    with Spool() as spooled:
        spooled.add(np.arange(20.0).reshape(10, 2))
        rows = spooled.mapped()
    pieces = [slice(0, 2), slice(5, 9)]
    assert not is_mapped(stacked(rows, pieces)), "small ones are not"
    assert np.shares_memory(stacked(rows, pieces[:1]), rows)
    monkeypatch.setattr(spool, "MAX_STACKED", 8)
    found = stacked(rows, pieces)
    assert is_mapped(found) and not np.shares_memory(found, rows)
    np.testing.assert_array_equal(found, np.arange(20.0).reshape(10, 2)[[0, 1, 5, 6, 7, 8]])
    assert not is_mapped(stacked(np.array(rows), pieces))


def test_a_full_disk_is_said_to_be_one(small, series, monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match="No space left") as caught:
        small(4).fit(iter([series]))
    assert "TMPDIR" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("X", "found"),
    [
        (iter([]), True),
        (map(len, []), True),
        ({}.values(), True),
        ({}, False),
        (set(), False),
        ([], False),
        ("text", False),
        (np.zeros(3), False),
        (pd.DataFrame(), False),
        (3, False),
    ],
)
def test_what_comes_one_by_one(X, found):
    assert comes_one_by_one(X) is found
