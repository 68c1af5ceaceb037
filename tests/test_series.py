"""Several series in one table, and gaps in time: no window crosses either."""

import datetime
import pickle
import warnings

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from detectors import altered
from shared import NETWORK
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
import skae.dask
from skae import LSTMAutoencoder, SequenceWindower
from skae._input.time_gaps import gaps_of, longest_step
from skae._windows.series import by_series

WINDOW = 5
METHODS = (
    *("score_samples", "decision_function", "predict", "transform", "reconstruct"),
    *("explain", "score_timesteps"),
)


def detector(**parameters):
    fast = NETWORK | {"epochs": 1, "batch_size": 32, "random_state": 0}
    return LSTMAutoencoder(WINDOW, **fast, **parameters)


def machines(n=40, seed=0):
    """Return a table of three machines with alternating rows and different ends."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2026-01-01", periods=n, freq="min")
    lengths = {"pump": n, "fan": n - 7, "belt": n - 11}
    parts = [
        pd.DataFrame(rng.normal(size=(length, 2)), times[:length], ["load", "heat"]).assign(
            machine=name
        )
        for name, length in lengths.items()
    ]
    return pd.concat(parts).sort_index(kind="stable")


def by_hand(frame):
    """Return the rows of each machine, in order of appearance, and their positions."""
    names = list(dict.fromkeys(frame["machine"]))
    places = [np.flatnonzero(frame["machine"] == name) for name in names]
    return [frame.iloc[place][["load", "heat"]] for place in places], places


def spread(parts, places):
    """Return results per machine in the order of the rows of the table."""
    found = np.empty((sum(map(len, places)), *parts[0].shape[1:]), parts[0].dtype)
    for part, place in zip(parts, places, strict=True):
        found[place] = part
    return found


@pytest.fixture(scope="module")
def fitted():
    frame = machines()
    return detector(series="machine").fit(frame), detector().fit(by_hand(frame)[0])


@pytest.mark.parametrize("method", METHODS)
def test_a_column_of_series_is_the_list_of_them_in_the_order_of_the_rows(fitted, method):
    by_column, by_list = fitted
    frame = machines(seed=1)
    parts, places = by_hand(frame)
    expected = spread(getattr(by_list, method)(parts), places)
    np.testing.assert_allclose(getattr(by_column, method)(frame), expected, rtol=1e-12)


def test_the_fits_agree_too(fitted):
    by_column, by_list = fitted
    assert by_column.offset_ == by_list.offset_
    assert by_column.n_features_in_ == 2
    assert list(by_column.feature_names_in_) == ["load", "heat"]


def other_forms(frame):
    level = frame.set_index("machine", append=True)
    codes = pd.factorize(frame["machine"])[0]
    array = np.column_stack([codes, frame[["load", "heat"]]])
    yield level, "machine"
    yield level.swaplevel(), "machine"
    yield array, 0
    yield np.roll(array, -1, axis=1), -1
    yield frame[["machine", "load", "heat"]], 0
    yield frame.to_numpy(), 2
    yield pl.from_pandas(frame.reset_index(drop=True)), "machine"


@pytest.mark.parametrize("form", range(7))
def test_a_level_a_position_or_polars_say_the_same(fitted, form):
    frame = machines()
    X, series = list(other_forms(frame))[form]
    found = detector(series=series).fit(X).score_samples(X)
    np.testing.assert_array_equal(found, fitted[0].score_samples(frame))


def test_a_pipeline_behind_a_scaler_by_the_level_of_an_index():
    frame = machines().set_index("machine", append=True)
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, detector(series="machine")).fit(frame)
    parts, places = by_hand(frame.reset_index("machine"))
    scaled = [scaler.transform(part) for part in parts]
    expected = detector().fit(scaled).score_samples(scaled)
    np.testing.assert_allclose(pipeline.score_samples(frame), spread(expected, places), rtol=1e-6)


def test_a_pipeline_behind_a_scaler_by_a_position():
    frame = machines()
    frame["machine"] = pd.factorize(frame["machine"])[0]
    scaler = make_column_transformer((StandardScaler(), ["load", "heat"]), remainder="passthrough")
    pipeline = make_pipeline(scaler, detector(series=-1)).fit(frame)
    assert pipeline[-1].n_features_in_ == 2
    assert np.isfinite(pipeline.score_samples(frame)).all()


def test_frames_out_have_the_index_of_the_input(fitted):
    frame = machines().set_index("machine", append=True)
    found = detector(series="machine").set_output(transform="pandas").fit(frame).explain(frame)
    assert found.index.equals(frame.index)
    assert list(found.columns) == ["load", "heat"]


def test_weights_and_labels_are_in_the_order_of_the_rows():
    frame = machines()
    parts, places = by_hand(frame)
    weights = np.linspace(0, 1, len(frame))
    y = (np.arange(len(frame)) % 7 == 0).astype(int)
    by_column = detector(series="machine").fit(frame, sample_weight=weights)
    by_list = detector().fit(parts, sample_weight=[weights[place] for place in places])
    assert by_column.offset_ == by_list.offset_
    by_column.tune_threshold(frame, y)
    scores = by_column.score_samples(frame)
    caught = scores < by_column.offset_
    best = max(f1(scores < offset, y) for offset in [*scores, np.inf])
    assert f1(caught, y) == pytest.approx(best)


def f1(caught, y):
    both = (caught & (y == 1)).sum()
    return 2 * both / max(caught.sum() + y.sum(), 1)


def test_latents_go_back_by_the_level(fitted):
    frame = machines().set_index("machine", append=True)
    by_level = detector(series="machine").set_output(transform="pandas").fit(frame)
    latents = by_level.transform(frame)
    parts, places = by_hand(frame.reset_index("machine"))
    expected = fitted[1].inverse_transform(fitted[1].transform(parts))
    found = by_level.inverse_transform(latents)
    np.testing.assert_allclose(found, spread(expected, places), rtol=1e-12)
    listed = by_level.inverse_transform([latents.to_numpy()[place] for place in places])
    np.testing.assert_allclose(spread(listed, places), spread(expected, places), rtol=1e-12)


@pytest.mark.nightly
def test_a_search(fitted):
    frame = machines()
    search = GridSearchCV(detector(series="machine"), {"latent_dim": [1, 2]}, cv=2).fit(frame)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ------------------------------------------------------------------------------- gaps


def gapped(steps, **columns):
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.cumsum(steps), "min")
    rng = np.random.default_rng(3)
    return pd.DataFrame(rng.normal(size=(len(times), 2)), times, ["load", "heat"]).assign(**columns)


STEPS = np.where(np.isin(np.arange(60), [17, 18, 40]), 30, 1)


@pytest.mark.parametrize(
    "aggregation, max_gap",
    [
        *((aggregation, "10min") for aggregation in ["gaussian", "window", "mean", "last"]),
        ("gaussian", pd.Timedelta("10min")),
        ("gaussian", datetime.timedelta(minutes=10)),
        ("gaussian", np.timedelta64(10, "m")),
    ],
)
@pytest.mark.slow
def test_a_gap_ends_windows_and_smoothing(aggregation, max_gap):
    frame = gapped(STEPS)
    runs = np.split(np.arange(60), [17, 18, 40])
    cut = detector(max_gap=max_gap, aggregation=aggregation).fit(frame)
    whole = detector(aggregation=aggregation).fit(frame)
    known = {name: getattr(cut.detector_, name) for name in ("network", "scorer", "offset")}
    whole = altered(whole, **known)
    parts = [frame.iloc[run] for run in runs]
    for method in METHODS:
        expected = np.concatenate(getattr(whole, method)(parts))
        np.testing.assert_array_equal(getattr(cut, method)(frame), expected, err_msg=method)


def test_gaps_of_each_series_by_themselves():
    frame = pd.concat([gapped(STEPS, machine="a"), gapped(np.ones(30), machine="b")])
    cut = detector(series="machine", max_gap="10min").fit(frame)
    assert cut.score_samples(frame).shape == (90,)
    samples = cut.detector_.read(frame)
    assert samples.runs.tolist() == [17, 1, 22, 20, 30]
    assert samples.lengths.tolist() == [60, 30]


def test_numbers_as_times_and_lists_of_series():
    frame = gapped(STEPS)
    frame.index = np.cumsum(STEPS) / 60
    parts = [frame.iloc[:30], frame.iloc[30:]]
    cut = detector(max_gap=0.2).fit(parts)
    assert cut.detector_.read(parts).runs.tolist() == [17, 1, 12, 10, 20]
    assert [len(part) for part in cut.score_samples(parts)] == [30, 30]


def test_zones_and_periods_are_times():
    frame = gapped(STEPS)
    expected = detector(max_gap="10min").fit(frame).score_samples(frame)
    for other in (frame.tz_localize("Europe/Berlin"), frame.to_period("min")):
        found = detector(max_gap="10min").fit(other).score_samples(other)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_times_that_go_back_or_come_twice_are_said():
    frame = gapped(np.ones(30))
    swapped = frame.iloc[[*range(10), 11, 10, *range(12, 30)]]
    with pytest.warns(UserWarning, match="1 go backwards, 0 repeat"):
        detector().fit(swapped)
    with pytest.warns(UserWarning, match="0 go backwards, 1 repeat"):
        detector().fit(frame.iloc[[*range(10), *range(9, 30)]])
    with pytest.warns(UserWarning, match="X\\[1\\]"):
        detector().fit([frame, swapped])
    shuffled = frame.reset_index(drop=True).sample(frac=1, random_state=0)
    detector().fit(shuffled)  # numbers of rows need not be in order


def test_a_stream_ends_series_at_the_gaps_of_the_detector():
    frame = gapped(STEPS)
    cut = detector(max_gap="10min", aggregation="last").fit(frame)
    stream = skae.stream(cut)
    found = np.concatenate([stream.update(frame[i : i + 7]) for i in range(0, 60, 7)])
    ends = np.concatenate([np.arange(n) >= WINDOW - 1 for n in (17, 1, 22, 20)])
    np.testing.assert_allclose(found[ends], cut.score_samples(frame)[ends], rtol=1e-5)


def test_a_stream_of_keys_needs_no_column(fitted):
    by_column, by_list = fitted
    parts, _ = by_hand(machines())
    keyed = dict(zip("abc", parts, strict=True))
    found = skae.stream(by_column).update(keyed)
    expected = skae.stream(by_list).update(keyed)
    for key in keyed:
        np.testing.assert_array_equal(found[key], expected[key])


def test_dask_frames_know_the_column_and_the_gaps():
    frame = pd.concat([gapped(STEPS, machine="a"), gapped(STEPS, machine="b")])
    cut = detector(series="machine", max_gap="10min").fit(frame)
    expected = cut.score_samples(frame)
    parts = [dask.delayed(part) for part in (frame[:40], frame[40:75], frame[75:])]
    lazy = dd.from_delayed(parts, meta=frame[:0], verify_meta=False)
    found = skae.dask.score_samples(cut, lazy).compute(scheduler="synchronous")
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    with pytest.raises(ValueError, match="max_gap='10min'"):
        skae.dask.score_samples(cut, lazy.to_dask_array())


def test_save_and_pickle_keep_them(tmp_path, fitted):
    frame = gapped(STEPS, machine="a")
    cut = detector(series="machine", max_gap=datetime.timedelta(minutes=10)).fit(frame)
    cut.save(tmp_path / "cut.skae")
    for again in (skae.load(tmp_path / "cut.skae"), pickle.loads(pickle.dumps(cut))):
        np.testing.assert_array_equal(again.score_samples(frame), cut.score_samples(frame))
        assert again.max_gap == np.timedelta64(10, "m")
        assert again.series == "machine"


# ---------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"series": "robot"}, machines(), "series='robot' and X as DataFrame"),
        ({"series": "machine"}, np.zeros((30, 2)), "expected a dataframe with such a column"),
        ({"series": 3}, machines(), r"series=3 and X of shape \(102, 3\)"),
        ({"series": True}, np.zeros((30, 2)), "series=True"),
        ({"series": "machine"}, [np.zeros((30, 2))] * 2, "series='machine' and a list"),
        ({"series": 0}, np.array([[np.nan, 1.0]] + [[1.0, 2.0]] * 30), r"series\[0\]=nan"),
        ({"max_gap": "1min"}, np.zeros((30, 2)), "X without times"),
        (
            {"max_gap": "1min"},
            [gapped(STEPS).set_axis([0, 1], axis=1), np.zeros((30, 2))],
            r"X\[1\] without times",
        ),
        ({"max_gap": "soon"}, gapped(STEPS), "max_gap='soon', but expected a duration"),
        ({"max_gap": 5}, gapped(STEPS), "index holds dates, but expected a duration"),
        ({"max_gap": "1min"}, gapped(STEPS).reset_index(drop=True), "holds numbers, but expected"),
        ({"max_gap": datetime.timedelta(0)}, gapped(STEPS), "expected a step of time above 0"),
        ({"max_gap": "10s"}, gapped(STEPS), "part of a series between gaps"),
    ],
)
def test_what_is_rejected(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        detector(**parameters).fit(X)


def test_missing_times_are_rejected():
    frame = gapped(STEPS)
    frame.index = frame.index.where(np.arange(60) != 5)
    with pytest.raises(ValueError, match="lacks the time of 1 rows"):
        detector(max_gap="10min").fit(frame)


@pytest.mark.parametrize("parameters", [{"series": "machine"}, {"max_gap": 3}])
def test_sequences_have_neither(parameters):
    with pytest.raises(ValueError, match="window_size=None, but expected a window_size"):
        LSTMAutoencoder(**parameters).fit(np.zeros((4, 6, 1)))


def test_an_index_of_several_series_is_rejected():
    frame = machines().set_index("machine", append=True)
    with pytest.raises(ValueError, match="Write series='machine'"):
        detector().fit(frame.swaplevel())
    one = frame[frame.index.get_level_values("machine") == "pump"].swaplevel()
    assert detector().fit(one).score_samples(one).shape == (40,)


# --------------------------------------------------------------------------- the rooms


def test_by_series_is_what_a_loop_finds():
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = rng.integers(5, size=rng.integers(1, 30))
        positions, lengths = by_series(labels)
        seen = list(dict.fromkeys(labels.tolist()))
        expected = [i for label in seen for i, other in enumerate(labels) if other == label]
        assert positions.tolist() == expected
        assert lengths.tolist() == [(labels == label).sum() for label in seen]


def test_gaps_are_what_a_loop_finds():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = int(rng.integers(2, 30))
        times = pd.Index(rng.permutation(n).astype(float) if n % 2 else np.cumsum(rng.random(n)))
        lengths = np.array([n - n // 3, n // 3])
        lengths = lengths[lengths > 0]
        firsts = set(np.cumsum(lengths) - lengths)
        expected = [i not in firsts and not 0 <= times[i] - times[i - 1] <= 0.5 for i in range(n)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = gaps_of(times, None, lengths, 0.5)
        assert found.tolist() == expected


def test_longest_step_rejects_what_is_no_step():
    for wrong in ([], True, object()):
        with pytest.raises(TypeError, match="max_gap="):
            longest_step(wrong)
    for wrong in (0, -1.0, float("nan"), "0s", np.timedelta64("NaT", "s")):
        with pytest.raises(ValueError, match="max_gap="):
            longest_step(wrong)


def test_the_windower_cuts_at_series_and_gaps():
    frame = gapped(STEPS)
    frame = pd.concat([frame.assign(machine="a"), frame[:20].assign(machine="b")])
    runs = np.split(np.arange(80), [17, 18, 40, 60, 77, 78])
    windower = SequenceWindower(WINDOW, series="machine", max_gap="10min")
    found = windower.fit_transform(frame)
    rows = frame[["load", "heat"]].to_numpy()
    expected = np.concatenate([SequenceWindower(WINDOW).fit_transform(rows[run]) for run in runs])
    np.testing.assert_array_equal(found, expected)


def test_the_windower_rejects_an_index_of_several_series():
    frame = machines().set_index("machine", append=True)[["load", "heat"]]
    with pytest.raises(ValueError, match="Write series='machine'"):
        SequenceWindower(WINDOW).fit_transform(frame.swaplevel())
