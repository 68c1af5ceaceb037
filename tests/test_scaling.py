"""`scale`: values go through it before anything else, and reconstructions come back from it."""

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

PARAMETERS = NETWORK | {"epochs": 1, "random_state": 0}
RNG = np.random.default_rng(0)
ROWS = np.sin(np.arange(1500)[:, None] / [5, 7, 11]) * [1, 50, 1e-3] + [0, 1e6, 3]
ROWS += RNG.normal(size=ROWS.shape) * [0.05, 1, 1e-4]


@pytest.fixture(scope="module")
def raw():
    return LSTMAutoencoder(5, **PARAMETERS).fit(ROWS[:200])


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
    """Index, series and gaps are seen, which a scaler in front would take away."""
    times = pd.date_range("2026-01-01", periods=100, freq="min")
    parts = [pd.DataFrame(ROWS[i : i + 100], times, ["a", "b", "c"]) for i in (0, 300)]
    frame = pd.concat(parts, keys=["pump", "fan"], names=["machine", "time"])
    with pytest.raises(ValueError, match="Write series='machine'"):
        LSTMAutoencoder(5, **PARAMETERS).fit(frame)
    detector = LSTMAutoencoder(5, series="machine", max_gap="5min", **PARAMETERS).fit(frame)
    detector.set_output(transform="pandas")
    assert detector.reconstruct(frame).index.equals(frame.index)


def test_streams_and_files_scale_too(raw, tmp_path):
    rows = ROWS[200:260]
    stream = skae.stream(raw, answer="final")
    found = np.concatenate([stream.update(rows), stream.flush()])
    np.testing.assert_allclose(found, raw.score_samples(rows), rtol=1e-4)
    raw.save(tmp_path / "raw.skae")
    loaded = skae.load(tmp_path / "raw.skae")
    np.testing.assert_array_equal(loaded.score_samples(rows), raw.score_samples(rows))
