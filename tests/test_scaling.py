"""`scale`: values are scaled first, and reconstructions are returned in the units of X."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from shared import NETWORK
from sklearn.preprocessing import StandardScaler

import skae
from skae import LSTMAutoencoder
from skae._fitting import how_to_scale
from skae._input.disk_buffer import is_mapped
from skae._input.scaling import Scaling
from skae._persistence.detector import check_detector, stored_detector

PARAMETERS = NETWORK | {"epochs": 1, "random_state": 0}
RNG = np.random.default_rng(0)
ROWS = np.sin(np.arange(1500)[:, None] / [5, 7, 11]) * [1, 50, 1e-3] + [0, 1e6, 3]
ROWS += RNG.normal(size=ROWS.shape) * [0.05, 1, 1e-4]


@pytest.fixture(scope="module")
def raw():
    return LSTMAutoencoder(5, **PARAMETERS).fit(ROWS[:200])


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.slow
def test_values_that_the_first_scale_does_not_suit_are_named(method):
    frame = pd.DataFrame(ROWS[:200], columns=["a", "b", "c"])
    detector = LSTMAutoencoder(5, warm_start=True, **PARAMETERS).fit(frame.assign(b=1e6))
    with pytest.warns(UserWarning, match="half of the values of feature 'b' .* the first fit det"):
        getattr(detector, method)(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LSTMAutoencoder(5, **PARAMETERS).partial_fit(frame[:100]).partial_fit(frame[100:])


def test_standard_is_the_standard_scaler():
    rows = ROWS.copy()
    rows[::7, 1] = np.nan
    weights = RNG.uniform(size=len(rows))
    scaler = StandardScaler().fit(rows, sample_weight=weights)
    scaling = Scaling.of(rows, weights, robust=False)
    np.testing.assert_allclose(scaling.center, scaler.mean_)
    np.testing.assert_allclose(scaling.spread, scaler.scale_)


def test_of_clean_rows_robust_is_standard():
    one, other = (Scaling.of(ROWS, None, robust=robust) for robust in (True, False))
    np.testing.assert_array_equal(one.center, other.center)
    np.testing.assert_array_equal(one.spread, other.spread)


@pytest.mark.parametrize("n_glitches", [1, 3, 10])
def test_bad_readings_do_not_set_the_scale(n_glitches):
    clean, rows = Scaling.of(ROWS, None, robust=True), ROWS.copy()
    rows[RNG.permutation(1500)[:n_glitches], 0] = 1e6
    glitched = Scaling.of(rows, None, robust=True)
    assert (glitched.spread < 3 * clean.spread).all()
    np.testing.assert_allclose(glitched.center, clean.center, atol=0.2)
    assert Scaling.of(rows, None, robust=False).spread[0] > 10**4 * clean.spread[0]


def test_one_bad_reading_among_few_rows_does_not_set_the_scale():
    rows = ROWS[:40, :1].copy()
    clean = Scaling.of(rows, None, robust=True).spread
    rows[7] = 1e6
    assert Scaling.of(rows, None, robust=True).spread < 6 * clean


def test_spikes_that_recur_are_normal():
    rows = ROWS[:, :1].copy()
    rows[::60] = 1000.0
    one, other = (Scaling.of(rows, None, robust=robust).spread for robust in (True, False))
    np.testing.assert_array_equal(one, other)


def test_rare_values_are_those_of_a_feature_that_hardly_moves():
    rows = np.zeros((1000, 1))
    rows[[100, 500]] = 1.0
    scaling = Scaling.of(rows, None, robust=True)
    np.testing.assert_allclose(scaling.spread, rows.std())


def test_weights_of_zero_leave_rows_out():
    rows, weights = np.vstack([ROWS, ROWS * 100]), np.repeat([1.0, 0.0], 1500)
    for robust in (True, False):
        one = Scaling.of(rows, weights, robust=robust)
        other = Scaling.of(ROWS, None, robust=robust)
        np.testing.assert_allclose(one.spread, other.spread)


def test_a_feature_never_observed_or_constant_is_left_alone():
    rows = np.stack([np.full(50, np.nan), np.full(50, 7.0)], axis=1)
    scaling = Scaling.of(rows, None, robust=True)
    np.testing.assert_array_equal(scaling.center, [0, 7])
    np.testing.assert_array_equal(scaling.spread, [1, 1])


def test_there_and_back():
    scaling = Scaling.of(ROWS, None, robust=True)
    scaled = scaling.transform(ROWS)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (ROWS - scaling.center) / scaling.spread, atol=1e-6)
    np.testing.assert_allclose(scaling.inverse(scaled), ROWS, rtol=1e-5, atol=1e-5)


def test_a_memory_map_is_scaled_on_disk(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    scaling = Scaling.of(mapped, None, robust=True)
    scaled = scaling.transform(np.asarray(mapped))
    assert is_mapped(scaled)
    np.testing.assert_array_equal(scaled, scaling.transform(ROWS))


def test_what_float32_cannot_hold_is_named():
    scaling = Scaling.of(ROWS, None, robust=True)
    with pytest.raises(ValueError, match=r"1e\+60 in feature 2.* float32 can hold"):
        scaling.transform(np.array([[0.0, 0.0, 1e60]]))
    with pytest.raises(ValueError, match=r"too large in feature 0: 8e\+200"):
        Scaling.of(np.full((9, 1), 1e200) * np.arange(9)[:, None], None, robust=True)


# ------------------------------------------------------------------------ the estimator


@pytest.mark.slow
def test_it_equals_a_scaler_in_front(raw):
    rows = ROWS[:200]
    scaled = StandardScaler().fit_transform(rows)
    behind = LSTMAutoencoder(5, scale=None, **PARAMETERS).fit(scaled)
    np.testing.assert_allclose(raw.score_samples(rows), behind.score_samples(scaled), rtol=1e-3)
    np.testing.assert_allclose(raw.center_, rows.mean(axis=0))
    np.testing.assert_allclose(raw.spread_, rows.std(axis=0))
    np.testing.assert_array_equal(behind.spread_, np.ones(3))


def test_scaling_what_is_scaled_changes_nothing(raw):
    scaled = StandardScaler().fit_transform(ROWS[:200])
    behind = LSTMAutoencoder(5, **PARAMETERS).fit(scaled)
    np.testing.assert_allclose(
        raw.score_samples(ROWS[:200]), behind.score_samples(scaled), rtol=1e-3
    )


def test_reconstructions_are_in_the_units_of_X(raw):
    rows = ROWS[:200]
    found = raw.reconstruct(rows)
    assert found.dtype == np.float64
    assert (np.abs(found - rows).mean(axis=0) < 3 * rows.std(axis=0)).all()
    decoded = raw.inverse_transform(raw.transform(rows))
    assert (np.abs(decoded.mean(axis=0) - rows.mean(axis=0)) < rows.std(axis=0)).all()


def test_the_model_takes_scaled_values(raw):
    window = ROWS[None, 20:25]
    scaled = (window - raw.center_) / raw.spread_
    own = raw.model_.predict(scaled, verbose=0) * raw.spread_ + raw.center_
    alone = LSTMAutoencoder(**PARAMETERS)
    alone._detector = raw._detector
    found = raw.detector_.network.reconstructed
    windows = raw.detector_.read(ROWS[20:25]).windows
    np.testing.assert_allclose(
        next(iter(found(windows)))[0] * raw.spread_ + raw.center_, own[0], rtol=1e-5
    )


@pytest.mark.nightly
def test_signals_on_a_large_offset_are_not_rounded_away():
    rows = np.sin(np.arange(300)[:, None] / 5) * 1e-3 + 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        detector = LSTMAutoencoder(10, units=4, epochs=60, random_state=0).fit(rows)
    assert detector.score(rows) > 0.5
    with pytest.warns(UserWarning, match="float32"):
        LSTMAutoencoder(10, scale=None, units=4, epochs=1).fit(rows)


@pytest.mark.parametrize(
    "parameters",
    [
        {"output_activation": "sigmoid"},
        {"output_activation": "sigmoid", "loss": "binary_crossentropy"},
        {"scale": None},
    ],
)
def test_bounded_outputs_are_not_scaled(parameters):
    assert how_to_scale(LSTMAutoencoder(5).get_params()) == "robust"
    assert how_to_scale(LSTMAutoencoder(5, **parameters).get_params()) is None


def test_a_partial_fit_keeps_the_scale(raw):
    detector = LSTMAutoencoder(5, **PARAMETERS).fit(ROWS[:200])
    with pytest.warns(UserWarning, match="the first fit determined"):
        detector.partial_fit(ROWS[:200] * 3)
    np.testing.assert_array_equal(detector.spread_, raw.spread_)


def test_sequences_are_scaled_over_all_steps():
    sequences = [ROWS[:30], ROWS[40:75], ROWS[100:111]]
    weights = np.array([1.0, 1.0, 0.0])
    detector = LSTMAutoencoder(**PARAMETERS).fit(sequences, sample_weight=weights)
    np.testing.assert_allclose(detector.center_, np.vstack(sequences[:2]).mean(axis=0))
    found = detector.reconstruct(sequences)
    assert [part.shape for part in found] == [part.shape for part in sequences]


def test_a_frame_is_the_whole_recipe():
    """The estimator gets the index, series and gaps, which a scaler before it would remove."""
    times = pd.date_range("2026-01-01", periods=100, freq="min")
    parts = [pd.DataFrame(ROWS[i : i + 100], times, ["a", "b", "c"]) for i in (0, 300)]
    frame = pd.concat(parts, keys=["pump", "fan"], names=["machine", "time"])
    with pytest.raises(ValueError, match="Write series='machine'"):
        LSTMAutoencoder(5, **PARAMETERS).fit(frame)
    detector = LSTMAutoencoder(5, series="machine", max_gap="5min", **PARAMETERS).fit(frame)
    detector.set_output(transform="pandas")
    assert detector.reconstruct(frame).index.equals(frame.index)


@pytest.mark.slow
def test_streams_and_files_scale_too(raw, tmp_path):
    rows = ROWS[200:260]
    stream = skae.stream(raw, answer="final")
    found = np.concatenate([stream.update(rows), stream.flush()])
    np.testing.assert_allclose(found, raw.score_samples(rows), rtol=1e-4)
    raw.save(tmp_path / "raw.skae")
    loaded = skae.load(tmp_path / "raw.skae")
    np.testing.assert_array_equal(loaded.score_samples(rows), raw.score_samples(rows))


# ------------------------------------------------------------------------ each series


def fleet(factor=1000.0):
    """Return a large and a small machine with alternating rows."""
    waves = ROWS[:300, :2] * [1, 0.02] - [0, 2e4]
    large = pd.DataFrame(waves * factor + 7, columns=["load", "flow"]).assign(machine="pump")
    small = pd.DataFrame(waves, columns=["load", "flow"]).assign(machine="fan")
    return pd.concat([large, small]).sort_index(kind="stable").reset_index(drop=True)


@pytest.fixture(scope="module")
def of_each():
    return LSTMAutoencoder(5, series="machine", scale_by_series=True, **PARAMETERS).fit(fleet())


def test_each_series_has_its_own_scale(of_each):
    frame = fleet()
    for place, name in enumerate(["pump", "fan"]):
        rows = frame.loc[frame.machine == name, ["load", "flow"]]
        np.testing.assert_allclose(of_each.center_[place], rows.mean())
        np.testing.assert_allclose(of_each.spread_[place], rows.std(ddof=0))
    scores = of_each.score_samples(frame)
    pump = (frame.machine == "pump").to_numpy()
    np.testing.assert_allclose(scores[pump], scores[~pump], rtol=1e-3)
    together = LSTMAutoencoder(5, series="machine", **PARAMETERS).fit(frame)
    lost = together.score_samples(frame)
    assert np.abs(lost[pump] - lost[~pump]).max() > 0.1 * np.abs(lost).max()


def test_the_scale_of_a_series_does_not_depend_on_the_rows_scored(of_each):
    frame = fleet()
    fan = frame[frame.machine == "fan"]
    expected = of_each.score_samples(frame)[(frame.machine == "fan").to_numpy()]
    np.testing.assert_allclose(of_each.score_samples(fan), expected, rtol=1e-5)
    shifted = fan.assign(load=fan.load * 3)
    assert of_each.score_samples(shifted).mean() < 1.3 * expected.mean()


def test_reconstructions_of_each_series_are_in_its_units(of_each):
    frame = fleet()
    found = of_each.reconstruct(frame)
    for name in ("pump", "fan"):
        chosen = (frame.machine == name).to_numpy()
        rows = frame.loc[chosen, ["load", "flow"]].to_numpy()
        assert (np.abs(found[chosen] - rows).mean(axis=0) < 3 * rows.std(axis=0)).all()
    by_machine = frame.set_index("machine")
    detector = LSTMAutoencoder(5, series="machine", scale_by_series=True, **PARAMETERS)
    latents = detector.set_output(transform="pandas").fit(by_machine).transform(by_machine)
    decoded = detector.inverse_transform(latents)
    assert np.ptp(decoded[latents.index == "pump"]) > 100 * np.ptp(decoded[latents.index == "fan"])


@pytest.mark.slow
def test_streams_files_pickles_and_dask_know_the_scale_of_each_series(of_each, tmp_path):
    dd = pytest.importorskip("dask.dataframe")
    import skae.dask

    frame = fleet()
    expected = of_each.score_samples(frame)
    of_each.save(tmp_path / "fleet.skae")
    for copy in (skae.load(tmp_path / "fleet.skae"), pickle.loads(pickle.dumps(of_each))):
        np.testing.assert_array_equal(copy.score_samples(frame), expected)
    parts = {name: part[["load", "flow"]] for name, part in frame.groupby("machine")}
    stream = skae.stream(of_each, answer="final")
    first, rest = stream.update(parts), stream.flush()
    together = frame.sort_values("machine", kind="stable")
    lazy = dd.from_pandas(together.reset_index(drop=True), npartitions=2)
    of_dask = skae.dask.score_samples(of_each, lazy).compute().to_numpy()
    learned = LSTMAutoencoder(5, series="machine", scale_by_series=True, **PARAMETERS).fit(lazy)
    np.testing.assert_allclose(learned.center_, of_each.center_[::-1])
    for name in ("fan", "pump"):
        own = expected[(frame.machine == name).to_numpy()]
        np.testing.assert_allclose(np.concatenate([first[name], rest[name]]), own, rtol=1e-4)
        np.testing.assert_allclose(of_dask[(together.machine == name).to_numpy()], own, rtol=1e-4)


@pytest.mark.parametrize("series", [(), ("pump",), ("pump", ["fan"]), ["pump", "fan"]])
def test_a_file_with_other_names_of_series_is_rejected(of_each, series):
    plain = stored_detector(of_each.detector_.to_plain())
    check_detector(plain)
    with pytest.raises(ValueError, match="which no fit produces"):
        check_detector(plain | {"scaling": plain["scaling"] | {"series": series}})


@pytest.mark.slow
def test_a_feature_that_a_series_lacks_is_scaled_as_in_all():
    frame = fleet(1.0)
    frame.loc[frame.machine == "fan", "flow"] = np.nan
    detector = LSTMAutoencoder(5, series="machine", scale_by_series=True, **PARAMETERS)
    fan = detector.fit(frame).center_[1]
    np.testing.assert_allclose(fan[1], frame.flow.mean())
    weights = (frame.machine == "pump").to_numpy(float)
    detector.fit(frame, sample_weight=weights)
    np.testing.assert_allclose(detector.center_[1], detector.center_[0])


def test_what_has_no_scale_of_its_own_is_named(of_each):
    frame = fleet()
    with pytest.raises(ValueError, match=r"series \['mill'\].* fit saw, such as \['pump', 'fan'\]"):
        of_each.score_samples(frame.assign(machine="mill"))
    with pytest.raises(ValueError, match=r"series \[None\], but expected series that fit saw"):
        skae.stream(of_each).update(frame[["load", "flow"]][:3])
    with pytest.raises(ValueError, match="Got series='machine' and a list of series"):
        of_each.score_samples([frame[["load", "flow"]]])
    for parameters in ({}, {"series": "machine", "scale": None}):
        X = frame if parameters else frame[["load", "flow"]]
        with pytest.raises(ValueError, match="Got scale_by_series=True with scale="):
            LSTMAutoencoder(5, scale_by_series=True, **(PARAMETERS | parameters)).fit(X)
    dated = frame.assign(machine=pd.Timestamp("2026-01-01").date())
    with pytest.raises(TypeError, match=r"expected text or a number with scale_by_series"):
        LSTMAutoencoder(5, series="machine", scale_by_series=True, **PARAMETERS).fit(dated)


def test_partial_fit_keeps_the_scale_of_each_series():
    detector = LSTMAutoencoder(5, series="machine", scale_by_series=True, **PARAMETERS)
    before = detector.fit(fleet()).center_
    np.testing.assert_array_equal(detector.partial_fit(fleet(10.0)).center_, before)
    with pytest.raises(ValueError, match="Got scale_by_series=False for a trained network"):
        detector.set_params(scale_by_series=False).partial_fit(fleet())
