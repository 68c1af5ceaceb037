"""Scores of Dask collections equal scores of all rows in memory."""

from dataclasses import replace

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from detectors import adapting, altered, with_way
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import cuts, ways

import skae.dask

LARGEST = {"largest_of_windows": 0.7, "largest_of_rows": 1.0}
WINDOW = 4
METHODS = ["score_samples", "decision_function", "predict", "transform", "reconstruct", "explain"]
some = settings(max_examples=20, deadline=None)


@pytest.fixture(scope="module")
def fitted(small, series):
    return small(WINDOW).fit(series)


@pytest.fixture(scope="module")
def named(fitted):
    """The same detector, as if fitted on a frame."""
    names = np.array(["a", "b"], dtype=object)
    return altered(fitted, features=replace(fitted.detector_.features, names=names))


@pytest.fixture(scope="module")
def piped(small, series):
    frame = pd.DataFrame(series, columns=["a", "b"])
    return make_pipeline(StandardScaler().set_output(transform="pandas"), small(WINDOW)).fit(frame)


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def with_rule(fitted, stride, aggregation):
    return with_way(fitted, WINDOW, stride, aggregation=aggregation, **LARGEST)


def frame_of(rows, sizes):
    """Return rows as a frame with partitions of these sizes and an index of dates."""
    index = pd.date_range("2024-01-01", periods=len(rows), freq="min", name="time")
    frame = pd.DataFrame(rows, index=index, columns=["a", "b"])
    edges = np.cumsum([0, *sizes])
    parts = [frame.iloc[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return frame, dd.from_map(lambda i: parts[i], range(len(parts)), meta=frame.iloc[:0])


@some
@given(st.data(), st.integers(1, 60), st.sampled_from([1, 2, 3, 7]), ways)
@pytest.mark.slow
def test_arrays_at_every_border(fitted, series, data, n_rows, stride, aggregation):
    """Partitions of any size, including single rows and fewer rows than a window."""
    detector, rows = with_rule(fitted, stride, aggregation), series[:n_rows]
    lazy = da.from_array(rows, chunks=(tuple(data.draw(cuts(n_rows))), 1))
    scores = skae.dask.score_samples(detector, lazy)
    assert scores.chunks == lazy.chunks[:1]
    np.testing.assert_allclose(scores.compute(), detector.score_samples(rows), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [1, 3])
def test_every_method_of_an_array(fitted, series, method, stride):
    detector = with_rule(fitted, stride, "gaussian")
    lazy = da.from_array(series, chunks=(31, 2))
    found, whole = getattr(skae.dask, method)(detector, lazy), getattr(detector, method)(series)
    assert (found.shape, found.dtype) == (whole.shape, whole.dtype)
    assert found.chunks[0] == lazy.chunks[0]
    np.testing.assert_allclose(found.compute(), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [1, 3])
def test_every_method_of_a_frame(fitted, piped, series, method, stride):
    frame, lazy = frame_of(series, [60, 20, 120])
    detector = with_rule(piped[-1], stride, "gaussian")
    model = make_pipeline(piped[0], detector)
    found = getattr(skae.dask, method)(model, lazy)
    whole = getattr(detector, method)(piped[0].transform(frame))
    assert found.npartitions == 3
    computed = found.compute()
    assert computed.index.equals(frame.index) and computed.index.name == "time"
    dtypes = computed.dtypes if computed.ndim == 2 else [computed.dtype]
    assert set(dtypes) == {np.asarray(whole).dtype}
    np.testing.assert_allclose(computed, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["predict", "decision_function"])
def test_a_threshold_that_adapts(fitted, series, method):
    detector = adapting(fitted)
    found = getattr(skae.dask, method)(detector, da.from_array(series, chunks=(100, 2)))
    np.testing.assert_allclose(found.compute(), getattr(detector, method)(series), rtol=1e-4)


def test_frames_keep_their_divisions_and_names(fitted, piped, series):
    lazy = dd.from_pandas(frame_of(series, [200])[0], npartitions=3)
    scores = skae.dask.score_samples(piped, lazy)
    assert scores.divisions == lazy.divisions and scores.name == "score_samples"
    assert list(skae.dask.explain(piped, lazy).columns) == ["a", "b"]
    latents = skae.dask.transform(piped, lazy)
    assert list(latents.columns) == list(piped[-1].get_feature_names_out())


@pytest.mark.parametrize("aggregation", ["gaussian", "row_or_window", "max", "last"])
def test_several_series_by_a_column(fitted, named, series, aggregation):
    detector = with_rule(fitted, 1, aggregation)
    frame, _ = frame_of(series, [200])
    frame["machine"] = np.repeat(["x", "y", "z"], [70, 3, 127])
    lazy = dd.from_pandas(frame, npartitions=4)
    found = skae.dask.score_samples(
        with_rule(named, 1, aggregation), lazy, series="machine"
    ).compute()
    alone = [detector.score_samples(series[a:b]) for a, b in ((0, 70), (70, 73), (73, 200))]
    np.testing.assert_allclose(found, np.concatenate(alone), rtol=1e-5)


def test_nothing_is_computed_before_it_is_asked_for(fitted, series):
    def fail(block):
        raise RuntimeError("computed")

    lazy = da.from_array(series, chunks=(50, 2)).map_blocks(fail, meta=np.zeros((0, 0)))
    scores = skae.dask.score_samples(fitted, lazy)
    with pytest.raises(RuntimeError, match="computed"):
        scores.compute()


def test_the_estimator_is_taken_as_it_was(small, series):
    detector = small(WINDOW).fit(series)
    before = detector.score_samples(series)
    scores = skae.dask.score_samples(detector, da.from_array(series, chunks=(70, 2)))
    detector.partial_fit(series)
    np.testing.assert_allclose(scores.compute(), before, rtol=1e-5)


def test_the_detector_is_one_key_of_the_graph(fitted, series):
    scores = skae.dask.score_samples(fitted, da.from_array(series, chunks=(20, 2)))
    keys = [key for key in dict(scores.__dask_graph__()) if "skae-detector" in str(key)]
    assert len(keys) == 1


@pytest.mark.parametrize(
    "sizes", [[100, 0, 100], [3, 2, 100, 1, 93, 1], [200], [0, 200], [190, 4, 6]]
)
def test_short_and_empty_partitions_of_a_frame(fitted, named, series, sizes):
    _, lazy = frame_of(series, sizes)
    found = skae.dask.score_samples(named, lazy)
    assert [len(part) for part in dask.compute(*found.to_delayed())] == sizes
    np.testing.assert_allclose(found.compute(), fitted.score_samples(series), rtol=1e-5)


def test_frames_of_too_short_partitions_are_rejected(named, series):
    _, lazy = frame_of(series, [100, 1, 2, 97])
    with pytest.raises(ValueError, match=r"Got 3 rows in 2 consecutive partitions.* at least 7"):
        skae.dask.score_samples(named, lazy).compute()


def unknown(series):
    lazy = da.from_array(series, chunks=(50, 2))
    return lazy[lazy[:, 0] > -9]


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        (lambda s: s, {}, TypeError, "ndarray"),
        (lambda s: dask.delayed(s), {}, TypeError, "another Dask collection"),
        (unknown, {}, ValueError, "compute_chunk_sizes"),
        (lambda s: da.from_array(s[:, 0], chunks=50), {}, ValueError, "1 dimensions"),
        (lambda s: da.from_array(s, chunks=50), {"series": "m"}, ValueError, "series='m'"),
        (lambda s: frame_of(s, [200])[1], {"series": "m"}, ValueError, "a column of X"),
    ],
)
def test_what_is_rejected(fitted, series, X, options, error, message):
    with pytest.raises(error, match=message):
        skae.dask.score_samples(fitted, X(series), **options)


def test_series_that_come_again_are_rejected(fitted, series):
    frame, _ = frame_of(series, [200])
    frame["machine"] = np.tile(["x", "y"], 100)
    scores = skae.dask.score_samples(fitted, dd.from_pandas(frame, npartitions=2), series="machine")
    with pytest.raises(ValueError, match="not adjacent"):
        scores.compute()
    with pytest.raises(ValueError, match="stride=2"):
        detector = with_rule(fitted, 2, "mean")
        skae.dask.score_samples(detector, dd.from_pandas(frame, npartitions=2), series="machine")
