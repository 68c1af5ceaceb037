"""Scores of streams, immediate and final, equal scores of the batch."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from detectors import adapting, altered, with_way
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import cuts, split, ways

import skae
from skae._stream.scores import FinalScores

LARGEST = {"largest_of_windows": 0.7, "largest_of_rows": 1.0}
WINDOW = 5
some = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def fitted(small, series):
    return small(WINDOW).fit(series)


@pytest.fixture(scope="module")
def streams(fitted):
    """Streams of both answers for many series; each test leaves them empty."""
    return {
        answer: skae.stream(fitted, answer=answer, rows_per_update=3) for answer in ("now", "final")
    }


def with_rule(fitted, stride=1, aggregation="gaussian", error="scaled_rmse"):
    """Return a detector with other scoring, without another fit."""
    return with_way(fitted, WINDOW, stride, aggregation=aggregation, error=error, **LARGEST)


def rows_with_gaps(n_rows, seed=0):
    """Return rows with missing rows and missing values."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, 2))
    rows[rng.random(n_rows) < 0.3, 1] = np.nan
    rows[2::4] = np.nan
    return rows


def in_pieces(stream, rows, sizes):
    """Return all scores of the rows of a separate series that arrive in pieces."""
    stream.flush()  # Hypothesis may end an example at any point.
    return np.concatenate([*map(stream.update, split(rows, sizes)), stream.flush()])


@pytest.mark.parametrize("stride", [1, 2, 9])
@pytest.mark.parametrize("aggregation", ["last", "gaussian", "row_or_window"])
def test_now_is_the_last_score_of_the_rows_so_far(fitted, stride, aggregation):
    detector, rows = with_rule(fitted, stride, aggregation), rows_with_gaps(13)
    found = skae.stream(detector).update(rows)
    by_last = with_rule(fitted, stride, "last")
    naive = [by_last.score_samples(rows[: i + 1])[-1] for i in range(len(rows))]
    np.testing.assert_allclose(found, naive, rtol=1e-5)


def test_now_is_the_score_in_the_whole_series_once_a_window_is_full(fitted, series):
    detector = with_rule(fitted, aggregation="last")
    found = np.concatenate([skae.stream(detector).update(series[:100])])
    whole = detector.score_samples(series)
    np.testing.assert_allclose(found[WINDOW - 1 :], whole[WINDOW - 1 : 100], rtol=1e-5)


@some
@given(st.data(), st.integers(1, 40), st.sampled_from([1, 2, 3, 5, 8]), ways)
@pytest.mark.slow
def test_final_is_the_score_in_the_whole_series(fitted, streams, data, n_rows, stride, aggregation):
    detector = with_rule(fitted, stride, aggregation)
    # Another rule for the compiled network, because creating a stream takes longest.
    stream = copy.copy(streams["final"])
    stream._answer = FinalScores(detector.detector_.scorer, detector.detector_.windowing, 2)
    rows, sizes = rows_with_gaps(n_rows), data.draw(cuts(n_rows))
    np.testing.assert_allclose(in_pieces(stream, rows, sizes), detector.score_samples(rows), 1e-5)


@some
@given(st.data(), st.integers(1, 40), st.sampled_from(["now", "final"]))
@pytest.mark.slow
def test_pieces_do_not_matter(streams, data, n_rows, answer):
    rows = rows_with_gaps(n_rows)
    found = in_pieces(streams[answer], rows, data.draw(cuts(n_rows)))
    np.testing.assert_allclose(found, in_pieces(streams[answer], rows, [n_rows]), 1e-5)


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("aggregation", ["gaussian", "row_or_window", "window", "median", "last"])
def test_a_score_comes_with_the_stated_delay_and_not_before(fitted, stride, aggregation, series):
    """Returned scores do not depend on later rows, and all that are due were returned."""
    detector = with_rule(fitted, stride, aggregation)
    stream = skae.stream(detector, answer="final")
    came = [len(stream.update(row)) for row in series[:40]]
    early = np.cumsum(came) - np.maximum(np.arange(1, 41) - stream.delay, 0)
    assert set(early) == ({0} if stride == 1 else {0, 1})


@pytest.mark.parametrize("error", ["mse", "mae", "scaled_mae"])
def test_any_error(fitted, error):
    detector, rows = with_rule(fitted, error=error, aggregation="mean"), rows_with_gaps(20)
    found = in_pieces(skae.stream(detector, answer="final"), rows, [20])
    np.testing.assert_allclose(found, detector.score_samples(rows), rtol=1e-5)


@some
@given(st.data(), st.sampled_from(["now", "final"]))
@pytest.mark.slow
def test_series_do_not_mix(streams, data, answer):
    series = {key: rows_with_gaps(data.draw(st.integers(0, 25)), key) for key in range(3)}
    fleet = streams[answer]
    fleet.flush()
    found = {key: [] for key in series}
    waiting = dict(series)
    while any(map(len, waiting.values())):
        sizes = {key: data.draw(st.integers(0, len(rows))) for key, rows in waiting.items()}
        now = {key: rows[: sizes[key]] for key, rows in waiting.items()}
        waiting = {key: rows[sizes[key] :] for key, rows in waiting.items()}
        for key, scores in fleet.update(now).items():
            found[key].append(scores)
    for key in fleet.keys:
        found[key].append(fleet.flush(key))
    for key, rows in series.items():
        alone = in_pieces(fleet, rows, [len(rows)]) if len(rows) else []
        np.testing.assert_allclose(np.concatenate([*found[key], []]), alone, 1e-5)


@pytest.mark.parametrize("answer", ["now", "final"])
def test_a_stream_goes_on_after_pickling(fitted, answer, series):
    stream = skae.stream(fitted, answer=answer)
    before = stream.update(series[:33])
    revived = pickle.loads(pickle.dumps(stream))
    after = [revived.update(series[33:50]), revived.flush()]
    whole = in_pieces(skae.stream(fitted, answer=answer), series[:50], [50])
    np.testing.assert_allclose(np.concatenate([before, *after]), whole, rtol=1e-5)


def test_a_stream_scores_as_the_estimator_was(small, series):
    detector = small(WINDOW).fit(series)
    stream = skae.stream(detector)
    before = copy.deepcopy(stream).update(series[:9])
    detector.partial_fit(series)
    np.testing.assert_array_equal(stream.update(series[:9]), before)


def test_another_stream_compiles_nothing(fitted, monkeypatch):
    skae.stream(fitted)

    def reject(*_, **__):
        raise AssertionError("Something was traced again.")

    monkeypatch.setattr("skae._compiled.forward.traced", reject)
    for answer in ("now", "final"):
        assert skae.stream(pickle.loads(pickle.dumps(fitted)), answer=answer).keys == []


def test_a_pipeline_streams(small, series):
    model = make_pipeline(StandardScaler(), small(WINDOW)).fit(series)
    found = in_pieces(skae.stream(model, answer="final"), series[:30], [1, 9, 20])
    np.testing.assert_allclose(found, model.score_samples(series[:30]), rtol=1e-5)


def test_frames_stream(small, series):
    frame = pd.DataFrame(series, columns=["a", "b"])
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), small(WINDOW)).fit(frame)
    found = skae.stream(model, answer="final").update({"x": frame[:30], "y": frame[9:20]})
    whole = model.score_samples(frame[:30])
    np.testing.assert_allclose(found["x"], whole[: len(found["x"])], rtol=1e-4)
    with pytest.raises(ValueError, match="feature names"):
        skae.stream(model).update(frame.rename(columns={"a": "z"}))


def test_rows_of_a_frame_keep_their_names(small, series):
    frame = pd.DataFrame(series, columns=["a", "b"]).assign(machine="x")
    model = make_pipeline(StandardScaler(), small(WINDOW)).fit(frame[["a", "b"]])
    stream = skae.stream(model, answer="final")
    found = [stream.update(row) for _, row in frame[:30][["a", "b"]].iterrows()]
    found = np.concatenate([*found, stream.flush()])
    np.testing.assert_allclose(found, model.score_samples(frame[:30][["a", "b"]]), rtol=1e-5)
    with pytest.raises(ValueError, match="feature names"):
        stream.update(frame[["b", "a"]].iloc[0])
    of_machines = small(WINDOW, series="machine").fit(frame)
    row = frame.iloc[5]
    np.testing.assert_allclose(
        skae.stream(of_machines).update(row), skae.stream(of_machines).update(frame[5:6]), rtol=1e-6
    )


@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.slow
def test_rows_may_be_dicts_of_features(small, series, scales):
    frame = pd.DataFrame(series, columns=["a", "b"])
    model = small(WINDOW).fit(frame)
    model = make_pipeline(StandardScaler(), model).fit(frame) if scales else model
    expected = skae.stream(model).update(frame[:9])
    rows = [{"b": b, "a": a} for a, b in series[:9]]
    stream = skae.stream(model)
    np.testing.assert_allclose([stream.update(row)[0] for row in rows], expected, rtol=1e-5)
    fleet = skae.stream(model).update({"x": rows, "y": rows[0]})
    np.testing.assert_allclose(fleet["x"], expected, rtol=1e-5)
    np.testing.assert_allclose(fleet["y"], expected[:1], rtol=1e-5)
    assert skae.stream(model).update({"x": rows[0], "y": rows[0]}).keys() == {"x", "y"}
    one, other = skae.stream(model), skae.stream(model)
    missing = one.update(rows[:2] + [{"a": None, "b": series[2, 1]}])
    np.testing.assert_array_equal(other.update(frame[:3].mask(frame == frame.a[2])), missing)
    for wrong, message in ({"a": 1.0}, r"lacks \['b'\]"), (rows[0] | {"c": 1}, r"has \['c'\]"):
        with pytest.raises(ValueError, match=message):
            stream.update(wrong)


@pytest.mark.slow
def test_a_dict_of_numbers_is_a_row_only_by_the_names_of_features(small, series):
    frame = pd.DataFrame({"load": series[:, 0]})
    stream = skae.stream(small(WINDOW).fit(frame), max_gap=2)
    assert stream.update({"load": 0.5}, 7).shape == (1,)
    with pytest.warns(UserWarning, match="feature names"):
        found = stream.update({"pump": 0.5, "fan": 0.3}, {"pump": 1, "fan": 2})
    assert found.keys() == {"pump", "fan"}
    with pytest.raises(ValueError, match="no times"):
        stream.update({"load": 0.5})


@pytest.mark.slow
def test_values_of_one_feature_may_be_a_number_or_a_series(small, series):
    model = small(WINDOW).fit(series[:, 0])
    expected = skae.stream(model).update(series[:3, 0])
    np.testing.assert_array_equal(skae.stream(model).update(pd.Series(series[:3, 0])), expected)
    np.testing.assert_array_equal(skae.stream(model).update(series[0, 0]), expected[:1])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_columns_of_each_series_are_compared(small, series, library):
    frame = pd.DataFrame(series, columns=["a", "b"])
    model = small(WINDOW).fit(frame)
    rows = frame[:7] if library == "pandas" else pytest.importorskip("polars").DataFrame(frame[:7])
    one, other = skae.stream(model).update({"p": rows, "q": rows[["b", "a"]]}).values()
    np.testing.assert_array_equal(one, skae.stream(model).update(frame[:7]))
    np.testing.assert_array_equal(other, one)
    stream = skae.stream(model)
    with pytest.raises(ValueError, match="same order"):
        stream.update(rows[["b", "a"]])
    with pytest.raises(ValueError, match=r"columns \['a'\] and others with \['a', 'b'\]"):
        stream.update({"p": rows, "q": rows[["a"]]})


@pytest.mark.parametrize("as_level", [False, True], ids=["column", "level"])
@pytest.mark.parametrize("by_series", [False, True])
def test_rows_that_name_their_series_belong_to_one(small, series, as_level, by_series):
    frame = pd.DataFrame(series[:40], columns=["a", "b"]).assign(m=["p"] * 20 + ["q"] * 20)
    frame = frame.set_index("m", append=True).swaplevel() if as_level else frame
    scale = {"scale": "robust", "scale_by_series": by_series}
    model = small(WINDOW, series="m", max_gap=1, **scale).fit(frame)
    expected = model.score_samples(frame)
    stream = skae.stream(model, answer="final")
    for part, scores in ((frame[:20], expected[:20]), (frame[20:], expected[20:])):
        found = np.concatenate([stream.update(part[:7]), stream.update(part[7:]), stream.flush()])
        np.testing.assert_allclose(found, scores, rtol=1e-4)
    with pytest.raises(ValueError, match=r"series \['p', 'q'\] together"):
        stream.update(frame)
    stream.update(frame[:7])
    with pytest.raises(ValueError, match="Got rows of 'q' after rows of 'p', but expected one"):
        stream.update(frame[20:22])
    if not as_level:
        row = {"a": 0.5, "b": 0.1, "m": "p"}
        assert len(stream.update(row, 7)) == len(stream.update(frame[8:9]))
        with pytest.raises(ValueError, match="Got rows of 'q' after rows of 'p'"):
            stream.update(row | {"m": "q"}, 9)


def test_steps_that_pass_rows_on_are_none(fitted, series):
    expected = skae.stream(fitted).update(series[:7])
    search = SimpleNamespace(best_estimator_=fitted)
    np.testing.assert_array_equal(skae.stream(search).update(series[:7]), expected)
    for steps in (["passthrough"], ["passthrough", StandardScaler(with_mean=False)]):
        pipeline = make_pipeline(*steps, fitted)
        for step in pipeline[1:-1]:
            step.fit(series).scale_[:] = 1
        np.testing.assert_array_equal(skae.stream(pipeline).update(series[:7]), expected)


# ------------------------------------------------------------------------ gaps in time


@pytest.mark.parametrize("answer", ["now", "final"])
@pytest.mark.parametrize("sizes", [[30], [10, 20], [12, 18], [1] * 30])
def test_a_gap_ends_a_series(fitted, answer, sizes, series):
    times = np.arange(30.0) + 100 * (np.arange(30) >= 12) + 100 * (np.arange(30) >= 15)
    stream = skae.stream(fitted, answer=answer, max_gap=2)
    pieces = zip(split(series[:30], sizes), split(times, sizes), strict=True)
    found = np.concatenate([*(stream.update(*piece) for piece in pieces), stream.flush()])
    parts = [series[:12], series[12:15], series[15:30]]
    alone = [in_pieces(skae.stream(fitted, answer=answer), part, [len(part)]) for part in parts]
    np.testing.assert_allclose(found, np.concatenate(alone), rtol=1e-5)


def test_times_may_be_the_index(fitted, series):
    index = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(20) * 5, "min")
    index = index.append(index[-1] + pd.to_timedelta(np.arange(1, 11), "D"))
    frame = pd.DataFrame(series[:30], index=index)
    found = skae.stream(fitted, max_gap="10min").update(frame)
    alone = [skae.stream(fitted).update(part) for part in (series[:20], *series[20:30])]
    np.testing.assert_allclose(found, np.concatenate(alone), rtol=1e-5)
    by_row, stream = [], skae.stream(fitted, max_gap="10min")
    for _, row in frame.iterrows():
        by_row.append(stream.update(row))
    np.testing.assert_allclose(np.concatenate(by_row), found, rtol=1e-5)


DATES = pd.date_range("2026-01-01", periods=30, freq="D")


@pytest.mark.parametrize(
    "index",
    [
        DATES.tz_localize("Europe/Berlin"),
        DATES.to_period(),
        DATES - DATES[0],
        pd.Index(list(DATES.to_pydatetime()), dtype=object),
        pd.Index(DATES.date),
    ],
    ids=["zone", "periods", "durations", "datetimes", "days"],
)
def test_times_of_any_kind_end_a_series_as_in_a_batch(fitted, index, series):
    frame = pd.DataFrame(series[:30], index=index).drop(index[10:13])
    windowing = fitted.detector_.windowing._replace(max_gap="2D")
    model = altered(fitted, windowing=windowing)
    together = model.score_samples(frame)
    stream = skae.stream(model, answer="final")
    found = [stream.update(frame), stream.flush()]
    np.testing.assert_allclose(np.concatenate(found), together, rtol=1e-5)
    timed = zip(frame.to_numpy(), frame.index, strict=True)
    found = [*(stream.update(row, time) for row, time in timed), stream.flush()]
    np.testing.assert_allclose(np.concatenate(found), together, rtol=1e-5)


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ([3.0, 2.0], ValueError, "in order of time"),
        ([0.5, 0.6], ValueError, "row of 0.5 after one of 1.0"),
        ([2.0], ValueError, "one for each of 2 rows"),
        ([2.0, np.nan], ValueError, "1 missing"),
        (None, ValueError, "no times"),
        (np.array(["2024-01-01"] * 2, "M8[s]"), TypeError, "expected numbers"),
        (["a", "b"], TypeError, "expected numbers"),
    ],
)
def test_bad_times_change_nothing(fitted, series, times, error, message):
    stream, twin = skae.stream(fitted, max_gap=2.0), skae.stream(fitted, max_gap=2.0)
    for each in (stream, twin):
        each.update({"a": series[:7]}, {"a": np.arange(-5.0, 2.0)})
    with pytest.raises(error, match=message):
        stream.update({"a": series[7:9], "b": series[:2]}, {"a": times, "b": [0, 1]})
    assert stream.keys == ["a"]
    again = stream.update({"a": series[7:9]}, {"a": [2, 3]})
    np.testing.assert_array_equal(again["a"], twin.update({"a": series[7:9]}, {"a": [2, 3]})["a"])


def test_rows_that_are_delivered_twice_are_named(fitted, series):
    stream = skae.stream(fitted, max_gap=2.0)
    stream.update({"a": series[:3], "b": series[:1]}, {"a": [0.0, 1.0, 2.0], "b": [2.0]})
    for times in ([2.0, 3.0], [4.0, 4.0]):
        with pytest.warns(UserWarning, match="rows of equal times in a series of a stream"):
            assert len(stream.update({"a": series[2:4]}, {"a": times})["a"]) == 2


# ------------------------------------------------------------------------ labels


class Counting:
    """Labels every third score as an outlier."""

    def __init__(self):
        self.seen = 0

    def update(self, scores):
        found = np.where((self.seen + np.arange(len(scores))) % 3 == 2, -1, 1)
        self.seen += len(scores)
        return found


def test_labels_are_those_of_the_batch(fitted, series):
    stream = skae.stream(fitted, answer="final")
    scores = in_pieces(stream, series[:40] * 2, [40])
    np.testing.assert_array_equal(stream.labels(scores), fitted.predict(series[:40] * 2))


def test_a_threshold_that_adapts_is_that_of_the_batch(fitted, series):
    detector = adapting(fitted)
    stream = skae.stream(detector, answer="final")
    pieces = [stream.update(series[:60]), stream.update(series[60:])]
    labels = [stream.labels(piece) for piece in pieces] + [stream.labels(stream.flush())]
    whole = detector.predict(series)
    assert set(whole) == {-1, 1}
    np.testing.assert_array_equal(np.concatenate(labels), whole)


@pytest.mark.slow
def test_each_series_has_a_threshold_that_goes_on(fitted, series):
    fleet = skae.stream(fitted, threshold=Counting(), rows_per_update=2)
    fleet.labels(fleet.update({"a": series[:2]}))
    fleet = pickle.loads(pickle.dumps(fleet))
    found = fleet.labels(fleet.update({"a": series[2:4], "b": series[2:4]}))
    assert {key: labels.tolist() for key, labels in found.items()} == {"a": [-1, 1], "b": [1, 1]}
    assert fleet.labels({"b": fleet.flush("b")})["b"].size == 0
    assert fleet.labels(fleet.update({"b": series[:3]}))["b"].tolist() == [1, 1, -1]


def test_offset_is_not_one_of_other_scores(fitted, series):
    stream = skae.stream(fitted)
    with pytest.raises(ValueError, match="aggregation='row_or_window'"):
        stream.labels(stream.update(series[:3]))
    stream = skae.stream(with_rule(fitted, aggregation="last"))
    assert set(stream.labels(stream.update(series[:3]))) <= {-1, 1}


# ------------------------------------------------------------------------ edges


def test_nothing_observed_is_nan_until_something_is(fitted, series):
    rows = np.vstack([np.full((7, 2), np.nan), series[:9]])
    now = skae.stream(fitted).update(rows)
    assert np.isnan(now[:7]).all() and np.isfinite(now[7:]).all()
    stream = skae.stream(with_rule(fitted, aggregation="window"), answer="final")
    final = in_pieces(stream, rows, [16])
    assert np.isnan(final[:3]).all() and np.isfinite(final[3:]).all()


def test_what_a_mask_hides_was_not_observed(fitted, series):
    hidden = np.zeros((9, 2), bool)
    hidden[3] = hidden[6, 1] = True
    rows = {"a": series[:9], "b": series[20:29]}
    masked = {key: np.ma.masked_array(part, hidden) for key, part in rows.items()}
    expected = skae.stream(fitted).update({k: np.where(hidden, np.nan, v) for k, v in rows.items()})
    for key, scores in skae.stream(fitted).update(masked).items():
        np.testing.assert_array_equal(scores, expected[key])


def test_no_rows_are_no_scores(fitted, series):
    stream = skae.stream(fitted, answer="final")
    assert stream.update(series[:0]).shape == stream.update([]).shape == (0,)
    assert stream.flush().shape == (0,)
    assert stream.update({}) == {}
    assert stream.update({"a": series[:0]})["a"].shape == (0,)
    assert stream.keys == []


def test_lanes_are_used_again(fitted, series):
    fleet = skae.stream(fitted, answer="final")
    for key in range(50):
        fleet.update({key: series[:6]})
        fleet.flush(key)
    assert len(fleet._answer._n_seen) == 1
    alone = in_pieces(skae.stream(fitted, answer="final"), series[:9], [9])
    np.testing.assert_array_equal(in_pieces(fleet, series[:9], [9]), alone)


def test_flush_ends_all_series(fitted, series):
    fleet = skae.stream(fitted, answer="final")
    fleet.update({"a": series[:6], "b": series[:3]})
    ended = fleet.flush()
    np.testing.assert_allclose(ended["b"], fitted.score_samples(series[:3]), rtol=1e-5)
    assert fleet.keys == [] and set(ended) == {"a", "b"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"answer": "soon"}, ValueError, "answer='soon'"),
        ({"rows_per_update": 0}, ValueError, "rows_per_update=0"),
        ({"max_gap": 0}, ValueError, "max_gap=0"),
        ({"max_gap": [1]}, TypeError, r"max_gap=\[1\]"),
    ],
)
def test_bad_options_are_rejected(fitted, options, error, message):
    with pytest.raises(error, match=message):
        skae.stream(fitted, **options)


def test_others_are_rejected(small, sequences, fitted, series):
    with pytest.raises(ValueError, match="Got a detector of sequences"):
        skae.stream(small().fit(sequences))
    with pytest.raises(TypeError, match="StandardScaler"):
        skae.stream(StandardScaler())
    with pytest.raises(ValueError, match="2 features"):
        skae.stream(fitted).update(series[:3, :1])
    with pytest.raises(ValueError, match="same number of features"):
        skae.stream(fitted).update({1: series[:3], 2: series[:3, :1]})
    with pytest.raises(ValueError, match=r"Got 0\.5, but expected a row of 2 features"):
        skae.stream(fitted).update(0.5)
    with pytest.raises(TypeError, match="Got a generator.*for row in rows"):
        skae.stream(fitted).update(row for row in series)
    with pytest.raises(KeyError, match="'a'"):
        skae.stream(fitted).flush("a")
