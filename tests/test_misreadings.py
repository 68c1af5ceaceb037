"""Warnings about X that is probably misread, and none about other X."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris, make_blobs
from strategies import examples, random_rows

from skae import LSTMAutoencoder, SequenceWindower, datasets
from skae._windows.read_samples import read_samples
from skae._windows.windows import Windowing

SEQUENCES, ROWS = Windowing(None, 1), Windowing(30, 1)
TIME = np.arange(400)
SENSORS = np.stack([np.sin(TIME / p) + p for p in (7, 11, 23, 31)], axis=1)
SENSORS += random_rows(400, 4, seed=0) / 10
HOURS = pd.date_range("2026-01-01", periods=400, freq="h")
DAYS = pd.date_range("2026-01-01", periods=400, freq="D")


def read(X, windowing=SEQUENCES, reset=True):
    return read_samples(BaseEstimator(), X, windowing, reset=reset)


def says_nothing(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(X)


# ------------------------------------------------------------------- a window size forgotten

NUMBERED = [f"sensor_{i}" for i in range(4)]
NAMED = ["heat", "load", "speed", "flow"]
FORGOTTEN = {
    "order": (SENSORS, "neighbouring rows resemble each other"),
    "order, with gaps": (
        np.where(random_rows(400, 4, seed=1) > 1, np.nan, SENSORS),
        "neighbouring rows resemble each other",
    ),
    "order, one column": (SENSORS[:, :1], "neighbouring rows resemble each other"),
    "order, lists": (SENSORS.tolist(), "neighbouring rows resemble each other"),
    "order, numbered": (pd.DataFrame(SENSORS, columns=NUMBERED), "neighbouring rows"),
    "order, polars": (pl.DataFrame(SENSORS), "neighbouring rows resemble each other"),
    "names": (
        pd.DataFrame(SENSORS[:9], columns=NAMED),
        r"its columns are named like features \('heat', 'load', 'speed', ...\)",
    ),
    "names, polars": (pl.DataFrame(SENSORS[:9], schema=NAMED), "its columns are named like"),
    "index": (
        pd.DataFrame(SENSORS[:9], HOURS[:9], NUMBERED),
        "its index holds times less than a day apart",
    ),
    "index, zoned": (
        pd.DataFrame(SENSORS[:9], HOURS[:9].tz_localize("Europe/Paris")),
        "its index holds times",
    ),
    "index of lags": (pd.DataFrame(SENSORS[:9], HOURS[:9] - HOURS[0]), "its index holds times"),
}


@pytest.mark.parametrize(("X", "reason"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_table_of_rows_without_a_window_size_is_warned_of(X, reason):
    n_rows, n_columns = np.shape(X)
    message = rf"Got X with shape .* each of its {n_rows} rows was read as a sequence of one "
    message += rf"feature and {n_columns} step\(s\), although {reason}.* give a window_size"
    with pytest.warns(UserWarning, match=message):
        read(X)


@pytest.mark.slow
def test_fit_warns_and_an_array_of_three_dimensions_says_that_sequences_are_meant(small):
    with pytest.warns(UserWarning, match="give a window_size"):
        fitted = small().fit(SENSORS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.score_samples(SENSORS)
    says_nothing(SENSORS[:, :, None])


def waves(n, n_steps, ordered=False):
    """Return univariate sequences, smooth in time and, if ordered, between neighbours."""
    starts = np.arange(n) / 9 if ordered else np.random.default_rng(0).uniform(0, 6, n)
    return np.sin(starts[:, None] + np.arange(n_steps) / 9)


MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
TABLES = {
    "heart beats": waves(500, 140),
    "heart beats by class": np.concatenate([waves(250, 40), 3 + waves(250, 40)]),
    "short sequences": waves(400, 7),
    "short sequences in order": waves(400, 7, ordered=True),
    "noise": random_rows(400, 4, seed=0),
    "walks": np.cumsum(random_rows(400, 8, seed=0), axis=1),
    "windows": np.lib.stride_tricks.sliding_window_view(SENSORS[:, 0], 9),
    "disjoint windows": SENSORS[:, 0].reshape(-1, 4),
    "constant": np.ones((400, 3)),
    "nothing observed": np.full((400, 3), np.nan),
    "iris": load_iris().data,
    "blobs": make_blobs(300, 2, random_state=0)[0],
    "load curves": pd.DataFrame(waves(400, 24), DAYS, [f"{hour:02}:00" for hour in range(24)]),
    "years": pd.DataFrame(waves(30, 12), columns=MONTHS),
    "steps": pd.DataFrame(waves(30, 3), columns=["t", "t+1", "t+2"]),
    "lags": pd.DataFrame(waves(30, 3), columns=["lag-1", "lag_0", "Lag 1.5"]),
    "no names": pd.DataFrame(waves(30, 3)),
    "flat windows": SequenceWindower(5)
    .set_output(transform="pandas")
    .fit_transform(pd.DataFrame(SENSORS, HOURS, NAMED)),
}


@pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)
def test_a_table_of_sequences_is_not_warned_of(X):
    says_nothing(X)


@examples(100)
@given(n=st.integers(1, 400), n_steps=st.integers(1, 9), seed=st.integers(0, 999))
def test_sequences_in_no_order_are_not_warned_of(n, n_steps, seed):
    says_nothing(random_rows(n, n_steps, seed))
    says_nothing(np.cumsum(random_rows(n, n_steps, seed), axis=1))


# ------------------------------------------------------------------- channels first

WAVES = np.stack([waves(60, 50), waves(60, 50, ordered=True) ** 2 + 9], axis=2)  # (n, time, 2)


@pytest.mark.parametrize(
    "X",
    [
        WAVES.transpose(0, 2, 1),
        WAVES[:, :, :1].transpose(0, 2, 1),
        list(WAVES.transpose(0, 2, 1)),
        np.where(np.arange(50) < 40, WAVES.transpose(0, 2, 1), np.nan),
    ],
    ids=["two channels", "one channel", "list", "padded"],
)
def test_channels_first_are_warned_of(X):
    n_channels, n_times = X[0].shape
    message = rf"at most {n_channels} steps and {n_times} features, but .*X.transpose\(0, 2, 1\)"
    with pytest.warns(UserWarning, match=message):
        read(X)


EMBEDDINGS = random_rows(60 * 8, 64, seed=0).reshape(60, 8, 64)


@pytest.mark.parametrize(
    "X",
    [
        WAVES,
        list(WAVES),
        WAVES[:, :, :1],
        EMBEDDINGS,
        np.cumsum(EMBEDDINGS, axis=1) + np.random.default_rng(0).normal(size=64),
        np.sin(np.arange(40) / 9 + np.arange(8)[:, None] / 20 + np.arange(60)[:, None, None]),
        np.ones((60, 2, 50)),
        np.full((60, 2, 50), np.nan),
        datasets.make_sequences(random_state=0)[0],
    ],
    ids=["waves", "list", "univariate", "embeddings", "walks", "spectra", "ones", "nan", "demo"],
)
def test_steps_first_are_not_warned_of(X):
    says_nothing(X)


def test_lists_of_channels_of_unequal_lengths_are_rejected_with_the_way_to_write_them():
    X = [WAVES[0].T, WAVES[1, :40].T]
    with pytest.raises(ValueError, match=r"as in aeon, write \[x.T for x in X\]"):
        read(X)
    says_nothing([x.T for x in X])


# ------------------------------------------------------------------- panels

NESTED = pd.DataFrame({"u": [pd.Series(w[:, 0]) for w in WAVES], "v": [w[:, 1] for w in WAVES]})


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
@pytest.mark.parametrize(
    "X", [NESTED, pl.DataFrame({"u": WAVES[:, :, 0].tolist(), "v": WAVES[:, :, 1].tolist()})]
)
def test_sequences_in_cells_are_rejected_with_the_way_to_write_them(X, windowing):
    with pytest.raises(TypeError, match=r"in a cell of column 'u'.*\[np.column_stack\(row\) for"):
        read(X, windowing)
    read_as_told = read([np.column_stack(row) for row in X.to_numpy()])
    np.testing.assert_array_equal(read_as_told.windows.padded(), read(WAVES).windows.padded())


def test_an_index_of_several_levels_is_rejected_with_the_way_to_write_it():
    index = pd.MultiIndex.from_product([range(60), range(50)], names=["instance", "time"])
    X = pd.DataFrame(WAVES.reshape(-1, 2), index)
    for method in (read, LSTMAutoencoder().fit):
        with pytest.raises(ValueError, match=r"2 levels in its index.*X.groupby\(level=0\)"):
            method(X)
    read_as_told = read([part for _, part in X.groupby(level=0)])
    np.testing.assert_array_equal(read_as_told.windows.padded(), read(WAVES).windows.padded())
    assert says_nothing(X.reset_index(drop=True)[:100]).is_table


def test_flat_windows_keep_an_index_of_several_levels():
    X = [pd.DataFrame(SENSORS[:20], HOURS[:20]), pd.DataFrame(SENSORS[20:50], HOURS[20:50])]
    table = SequenceWindower(5).set_output(transform="pandas").fit_transform(X)
    table.index = pd.MultiIndex.from_product([[0], range(50)])
    assert len(says_nothing(table)) == 50


# ------------------------------------------------------------------- other dimensions


def test_three_dimensions_with_a_window_size_are_rejected_with_the_ways_to_write_them():
    message = r"Got X with shape \(60, 50, 2\) \(dim 3\) and window_size=30.*pass list\(X\)"
    with pytest.raises(ValueError, match=message):
        read(WAVES, ROWS)
    assert read(list(WAVES), ROWS).lengths.tolist() == [50] * 60


VECTORS = {
    "array": SENSORS[:, 0],
    "list": SENSORS[:, 0].tolist(),
    "masked": np.ma.masked_greater(SENSORS[:, 0], 1e9),
    "pandas": pd.Series(SENSORS[:, 0], HOURS, name="load"),
    "pandas, no name": pd.Series(SENSORS[:, 0]),
    "pandas, nullable": pd.Series(SENSORS[:, 0], dtype="Float64"),
    "polars": pl.Series("load", SENSORS[:, 0]),
    "polars, no name": pl.Series(SENSORS[:, 0]),
}


@pytest.mark.parametrize("X", VECTORS.values(), ids=VECTORS)
def test_a_vector_is_the_rows_of_one_feature(X):
    estimator = BaseEstimator()
    samples = read_samples(estimator, X, ROWS, reset=True)
    np.testing.assert_array_equal(samples.rows, SENSORS[:, :1].astype(np.float32))
    named = getattr(X, "name", None)
    assert getattr(estimator, "feature_names_in_", None) == ([named] if named else None)


@pytest.mark.parametrize("X", VECTORS.values(), ids=VECTORS)
def test_a_vector_of_sequences_is_rejected_with_the_ways_to_write_it(X):
    message = r"Got X with shape \(400,\) \(1D array\).*np.reshape\(X, \(1, -1\)\).*window_size"
    with pytest.raises(ValueError, match=message):
        read(X)
    assert says_nothing(np.reshape(X, (1, -1))).windows.max_length == 400


def test_what_is_hidden_in_a_vector_was_not_observed():
    X = np.ma.masked_less(SENSORS[:, 0], 7)
    assert np.isnan(read(X, ROWS).rows[X.mask]).all()


def test_a_vector_is_scored_as_the_column_it_is(small):
    column = SENSORS[:90, :1]
    vector = pd.Series(column[:, 0], HOURS[:90])
    fitted = small(5).fit(vector)
    for method in ("score_samples", "predict", "transform", "explain", "reconstruct"):
        expected = getattr(fitted, method)(column)
        np.testing.assert_array_equal(getattr(fitted, method)(vector), expected)
        assert len(expected) == 90
    latents = fitted.set_output(transform="pandas").transform(vector)
    assert latents.index.equals(vector.index)


# ------------------------------------------------------------------- text, and levels of an index


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_column_of_text_may_name_the_series(make):
    frame = make({"load": SENSORS[:, 0], "machine": ["pump", "fan"] * 200})
    message = "Got X with text \\('pump'\\) in column 'machine'.*set series='machine'"
    with pytest.raises(ValueError, match=message):
        read(frame, ROWS)
    with pytest.raises(ValueError, match=message):
        SequenceWindower(5).fit(frame)


def test_numbers_written_as_text_are_numbers():
    frame = pd.DataFrame({"load": SENSORS[:, 0].astype(str)}, dtype=object)
    windows = SequenceWindower(1).fit_transform(frame)
    np.testing.assert_allclose(windows[:, 0, 0], SENSORS[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["machine", "row"], "2 different values of \\['machine'\\].*Write series='machine'"),
        (["row", "machine"], "2 different values of \\['machine'\\].*Write series='machine'"),
        ([None, "machine"], "Write series='machine'"),
        ([None, None], "Write series=\\.\\.\\. .* Name it first"),
    ],
)
def test_the_level_that_looks_like_series_is_named(names, advice):
    levels = [["pump"] * 200 + ["fan"] * 200, range(400)]
    if names[1] == "machine":
        levels.reverse()
    frame = pd.DataFrame(SENSORS, index=pd.MultiIndex.from_arrays(levels, names=names))
    with pytest.raises(ValueError, match=advice):
        read(frame, ROWS)
